//! The mistakes in users and their accounts that the properties must detect.

use support::wrong::Fault::{self, *};

/// Each mistake, and a property that must detect it.
pub(crate) const USERS: &[(Fault, &str)] = &[
    (DropsPreferences, "a_user_comes_back_as_stored"),
    (DropsMetadata, "a_user_comes_back_as_stored"),
    (DropsPendingHook, "a_user_comes_back_as_stored"),
    (DropsPendingHook, "every_value_of_every_enum_comes_back"),
    (CutsTimesToSeconds, "a_user_comes_back_as_stored"),
    (KeepsCountersAsDoubles, "a_user_comes_back_as_stored"),
    (FindsAnybody, "what_is_not_there_is_not_found"),
    (ComparesEmailsAsGiven, "an_email_is_registered_once"),
    (FoldsEmails, "emails_that_differ_are_different_users"),
    (OverwritesUsers, "a_taken_user_id_is_not_overwritten"),
    (
        KeepsEmailOfRefusedUser,
        "a_taken_user_id_is_not_overwritten",
    ),
    (
        ProfileChangeUnverifies,
        "a_profile_change_touches_nothing_else",
    ),
    (MergesPreferences, "a_profile_change_touches_nothing_else"),
    (MergesMetadata, "a_profile_change_touches_nothing_else"),
    (KeepsPendingHook, "a_profile_change_touches_nothing_else"),
    (ResetKeepsPendingHook, "a_reset_changes_the_profile_with_it"),
    (MakesMissingUsers, "a_profile_of_nobody_is_not_made"),
    (
        RecordsLoginOfDisabled,
        "a_login_is_recorded_only_when_still_good",
    ),
    (
        LoginIgnoresEpoch,
        "a_login_is_recorded_only_when_still_good",
    ),
    (LoginIgnoresEpoch, "a_login_does_not_undo_a_password_change"),
    (
        IgnoresExpectedPassword,
        "a_password_is_replaced_only_if_it_is_the_expected_one",
    ),
    (TakesEmptyHashForNone, "each_act_applies_the_rules_of_users"),
    (
        ForgetsEpoch,
        "a_password_is_replaced_only_if_it_is_the_expected_one",
    ),
    (
        IgnoresAccountId,
        "an_email_is_verified_once_and_only_in_the_state_asked_for",
    ),
    (
        IgnoresAccountEmail,
        "an_email_is_verified_once_and_only_in_the_state_asked_for",
    ),
    (
        IgnoresAccountEpoch,
        "an_email_is_verified_once_and_only_in_the_state_asked_for",
    ),
    (
        IgnoresAccountStatus,
        "an_email_is_verified_once_and_only_in_the_state_asked_for",
    ),
    (
        IgnoresAccountId,
        "an_email_is_changed_only_in_the_state_asked_for",
    ),
    (
        IgnoresAccountEmail,
        "an_email_is_changed_only_in_the_state_asked_for",
    ),
    (
        IgnoresAccountEpoch,
        "an_email_is_changed_only_in_the_state_asked_for",
    ),
    (
        IgnoresAccountStatus,
        "an_email_is_changed_only_in_the_state_asked_for",
    ),
    (
        IgnoresAccountId,
        "a_password_is_reset_only_in_the_state_asked_for",
    ),
    (
        IgnoresAccountEmail,
        "a_password_is_reset_only_in_the_state_asked_for",
    ),
    (
        IgnoresAccountEpoch,
        "a_password_is_reset_only_in_the_state_asked_for",
    ),
    (
        IgnoresAccountStatus,
        "a_password_is_reset_only_in_the_state_asked_for",
    ),
    (
        IgnoresAccountId,
        "a_user_is_removed_only_in_the_state_asked_for",
    ),
    (
        IgnoresAccountEmail,
        "a_user_is_removed_only_in_the_state_asked_for",
    ),
    (
        IgnoresAccountEpoch,
        "a_user_is_removed_only_in_the_state_asked_for",
    ),
    (
        IgnoresAccountStatus,
        "a_user_is_removed_only_in_the_state_asked_for",
    ),
    (
        IgnoresLinkEpoch,
        "an_email_is_verified_once_and_only_in_the_state_asked_for",
    ),
    (
        IgnoresLinkEpoch,
        "an_email_is_changed_only_in_the_state_asked_for",
    ),
    (
        IgnoresLinkEpoch,
        "a_password_is_reset_only_in_the_state_asked_for",
    ),
    (
        IgnoresLinkEpoch,
        "a_user_is_removed_only_in_the_state_asked_for",
    ),
    (
        WantsAnEpoch,
        "an_act_by_the_mailbox_is_done_in_any_epoch_of_sessions",
    ),
    (
        ResetKeepsLinks,
        "a_password_is_reset_only_in_the_state_asked_for",
    ),
    (
        ChangeOfEmailKeepsLinks,
        "an_email_is_changed_only_in_the_state_asked_for",
    ),
    (
        VerifiesTwice,
        "an_email_is_verified_once_and_only_in_the_state_asked_for",
    ),
    (
        VerificationRaisesEpoch,
        "an_email_is_verified_once_and_only_in_the_state_asked_for",
    ),
    (
        ChangesGivenEmailOnly,
        "an_email_is_changed_only_in_the_state_asked_for",
    ),
    (
        ChangeOfEmailLeavesUnverified,
        "an_email_is_changed_only_in_the_state_asked_for",
    ),
    (
        ChangesToTakenEmail,
        "an_email_is_changed_only_to_a_free_one",
    ),
    (RefusesOwnEmail, "an_email_is_changed_only_to_a_free_one"),
    (KeepsFormerEmail, "an_email_is_changed_only_to_a_free_one"),
    (
        ResetKeepsEpoch,
        "a_password_is_reset_only_in_the_state_asked_for",
    ),
    (
        ResetKeepsPassword,
        "a_password_is_reset_only_in_the_state_asked_for",
    ),
    (
        ResetKeepsDevices,
        "a_password_is_reset_only_in_the_state_asked_for",
    ),
    (ResetKeepsProfile, "a_reset_changes_the_profile_with_it"),
    (
        ResetLeavesUnverified,
        "a_password_is_reset_only_in_the_state_asked_for",
    ),
    (
        RemovesNobody,
        "a_user_is_removed_only_in_the_state_asked_for",
    ),
    (
        RemovesVerified,
        "a_verified_user_is_removed_only_if_any_may_be",
    ),
    (
        ChangesUserOfTheState,
        "a_change_is_made_of_the_user_that_is_named",
    ),
    (
        RemovesAnyState,
        "a_disabled_user_is_removed_only_if_the_status_does_not_matter",
    ),
    (
        RefusesToRemoveDisabled,
        "a_disabled_user_is_removed_only_if_the_status_does_not_matter",
    ),
    (
        RemovesUsed,
        "a_user_is_removed_as_unused_only_if_the_last_login_is_the_expected_one",
    ),
    (
        KeepsEmailOfRemovedUser,
        "the_address_of_a_removed_user_is_free_at_once",
    ),
    (
        FindsRemovedUser,
        "the_address_of_a_removed_user_is_free_at_once",
    ),
    (
        IgnoresAccountId,
        "the_address_of_a_removed_user_is_free_at_once",
    ),
    (DropsDevices, "a_user_comes_back_as_stored"),
    (ForgetsNewDevice, "devices_are_kept_newest_last"),
    (AddsDeviceFirst, "devices_are_kept_newest_last"),
    (KeepsAllDevices, "devices_are_kept_newest_last"),
    (AddsKnownDevicesOnce, "devices_are_kept_newest_last"),
    (DropsNewestDevice, "devices_are_kept_newest_last"),
    (
        RefusedLoginAddsDevice,
        "a_login_is_recorded_only_when_still_good",
    ),
    (
        IgnoresAccountEmail,
        "asvs_1_2_4_hostile_text_matches_only_itself",
    ),
    (
        ReadsEmailAsPattern,
        "asvs_1_2_4_hostile_text_matches_only_itself",
    ),
    (TrimsText, "asvs_1_2_4_hostile_text_matches_only_itself"),
    (
        IgnoresAccountVersion,
        "a_password_is_reset_only_in_the_state_asked_for",
    ),
    (
        ChecksThenInsertsUser,
        "one_of_many_registrations_of_an_email_wins",
    ),
    (
        ChecksThenInsertsUser,
        "one_of_many_case_variants_of_an_email_wins",
    ),
    (
        ComparesEmailsAsGiven,
        "one_of_many_case_variants_of_an_email_wins",
    ),
    (ChecksThenInsertsUser, "one_of_many_users_with_an_id_wins"),
    (
        ChecksThenReplacesPassword,
        "one_of_many_password_changes_wins",
    ),
    (
        LoginWritesWholeUser,
        "a_login_does_not_undo_a_password_change",
    ),
    (
        ProfileChangeWritesWholeUser,
        "changes_of_different_fields_do_not_undo_each_other",
    ),
    (
        LoginWritesWholeUser,
        "changes_of_different_fields_do_not_undo_each_other",
    ),
    (ChecksThenVerifies, "one_of_many_verifications_wins"),
    (ChecksThenResets, "one_of_many_resets_wins"),
    (
        ChecksThenChangesEmail,
        "one_of_many_email_changes_of_an_account_wins",
    ),
    (
        ChecksThenChangesEmail,
        "one_of_many_accounts_gets_an_address",
    ),
    (ChangesToTakenEmail, "one_of_many_accounts_gets_an_address"),
    (
        ChecksThenChangesEmail,
        "an_address_is_changed_to_or_registered_never_both",
    ),
    (
        ChecksThenInsertsUser,
        "an_address_is_changed_to_or_registered_never_both",
    ),
    (
        ChecksThenVerifies,
        "an_account_is_verified_or_removed_never_both",
    ),
    (
        ChecksThenRemovesUser,
        "an_account_is_verified_or_removed_never_both",
    ),
    (
        RemovesVerified,
        "an_account_is_verified_or_removed_never_both",
    ),
    (
        LoginWritesWholeUser,
        "no_device_of_a_parallel_login_is_lost",
    ),
    (KeepsAllDevices, "no_device_of_a_parallel_login_is_lost"),
];
