//! Which mistake each property must notice.

use crate::faulty::Fault::{self, *};

/// Each mistake, and a property that must notice it.
pub(crate) const CAUGHT: &[(Fault, &str)] = &[
    (DropsPreferences, "a_user_comes_back_as_stored"),
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
    (CutsTextAtNul, "asvs_1_2_4_hostile_text_matches_only_itself"),
    (DropsEmptyText, "a_session_comes_back_as_stored"),
    (KeepsCountersAsDoubles, "a_session_comes_back_as_stored"),
    (OverwritesSessions, "a_taken_session_id_is_not_overwritten"),
    (SessionsExpireLate, "a_session_ends_exactly_at_its_time"),
    (IgnoresAbsoluteEnd, "a_session_ends_exactly_at_its_time"),
    (ListsOldestFirst, "sessions_are_listed_greatest_id_first"),
    (ListsByLastSeen, "sessions_are_listed_greatest_id_first"),
    (ListsByLastSeen, "pages_of_sessions_reach_each_once"),
    (ListsSessionsOfAll, "sessions_are_listed_greatest_id_first"),
    (SessionPagesBeginAnew, "pages_of_sessions_reach_each_once"),
    (PagesRepeatASession, "pages_of_sessions_reach_each_once"),
    (LooksForTheLastSession, "pages_of_sessions_reach_each_once"),
    (
        CutsSessionsBeforeTheyAreSifted,
        "sessions_are_listed_greatest_id_first",
    ),
    (IgnoresSessionLimit, "sessions_are_listed_greatest_id_first"),
    (IgnoresSessionLimit, "pages_of_sessions_reach_each_once"),
    (
        TakesZeroSessionsForAll,
        "sessions_are_listed_greatest_id_first",
    ),
    (EndsSessionsOfOthers, "a_session_is_ended_by_its_owner_only"),
    (EndsUnnamedSessions, "only_the_sessions_that_are_named_end"),
    (EndsSessionsOfOthers, "only_the_sessions_that_are_named_end"),
    (CountsOneTooMany, "only_the_sessions_that_are_named_end"),
    (EndsNoDeadSessions, "the_sessions_of_earlier_epochs_end"),
    (EndsSessionsOfAnyEpoch, "the_sessions_of_earlier_epochs_end"),
    (EndsSessionsOfOthers, "the_sessions_of_earlier_epochs_end"),
    (ForgivesLaterFailures, "an_attempt_equals_the_lockout_table"),
    (
        IgnoresAccountVersion,
        "a_password_is_reset_only_in_the_state_asked_for",
    ),
    (
        EndsNewestSessions,
        "the_oldest_sessions_end_beyond_those_to_be_kept",
    ),
    (
        EndsLeastSeenSessions,
        "the_oldest_sessions_end_beyond_those_to_be_kept",
    ),
    (
        IgnoresIdOfSessions,
        "the_oldest_sessions_end_beyond_those_to_be_kept",
    ),
    (
        CountsDeadSessions,
        "the_oldest_sessions_end_beyond_those_to_be_kept",
    ),
    (
        CountsEveryEpoch,
        "the_oldest_sessions_end_beyond_those_to_be_kept",
    ),
    (
        CountsSessionsOfAll,
        "the_oldest_sessions_end_beyond_those_to_be_kept",
    ),
    (
        KeepsOneTooMany,
        "the_oldest_sessions_end_beyond_those_to_be_kept",
    ),
    (ForgetsShort, "a_session_comes_back_as_stored"),
    (GivesNoGrace, "a_rotation_has_four_outcomes"),
    (RefreshForgetsShort, "a_short_session_stays_short"),
    (ForgetsShort, "a_short_session_stays_short"),
    (
        KeepsReusedSession,
        "a_reused_refresh_token_ends_the_session",
    ),
    (
        RefreshOutlivesAbsoluteEnd,
        "a_refresh_never_outlives_the_absolute_timeout",
    ),
    (
        RefreshForgetsLastSeen,
        "a_rotation_equals_the_state_machine",
    ),
    (TakesTokenOut, "a_token_is_read_as_often_as_asked_for"),
    (DropsRegistration, "a_token_is_read_as_often_as_asked_for"),
    (
        TakesMailedForAccountEmail,
        "a_token_is_read_as_often_as_asked_for",
    ),
    (IgnoresPurpose, "a_token_works_for_its_purpose_only"),
    (
        WrongPurposeSpendsToken,
        "a_token_works_for_its_purpose_only",
    ),
    (TokensExpireLate, "a_token_ends_exactly_at_its_time"),
    (OverwritesTokens, "a_taken_digest_is_not_overwritten"),
    (ListsOldestTokensFirst, "tokens_are_listed_newest_first"),
    (ListsExpiredTokens, "tokens_are_listed_newest_first"),
    (ListsExpiredTokens, "a_token_ends_exactly_at_its_time"),
    (ListsTokensOfAll, "tokens_are_listed_newest_first"),
    (RemovesTokensOfAll, "tokens_are_removed_for_one_user_only"),
    (RemovesTokensOfAll, "tokens_are_removed_of_one_purpose_only"),
    (
        RemovesEveryPurpose,
        "tokens_are_removed_of_one_purpose_only",
    ),
    (CountsInWholeSeconds, "a_limit_equals_the_quota_rule"),
    (CountsAllUnderOneKey, "limit_keys_are_independent"),
    (CountsRefusedActs, "refused_acts_are_not_counted"),
    (KeepsFarTimes, "a_clock_turned_back_locks_nobody_out"),
    (ReadsThenCounts, "parallel_acts_get_exactly_the_budget"),
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
    (
        ChecksThenInsertsSession,
        "one_of_many_sessions_with_an_id_wins",
    ),
    (
        ChecksThenInsertsToken,
        "one_of_many_tokens_with_a_digest_wins",
    ),
    (
        ListsThenRemovesTokens,
        "no_token_escapes_when_all_are_removed",
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
    (ReadsThenRotates, "one_of_many_refreshes_rotates"),
    (ReadsThenRotates, "a_refresh_revives_no_ended_session"),
    (
        DisablingKeepsEpoch,
        "disabling_an_active_user_raises_both_epochs_and_nothing_else_does",
    ),
    (
        DisablingKeepsLinks,
        "disabling_an_active_user_raises_both_epochs_and_nothing_else_does",
    ),
    (
        DisablingAgainRaisesEpoch,
        "disabling_an_active_user_raises_both_epochs_and_nothing_else_does",
    ),
    (
        EnablingRaisesEpoch,
        "disabling_an_active_user_raises_both_epochs_and_nothing_else_does",
    ),
    (
        StatusChangeUnverifies,
        "disabling_an_active_user_raises_both_epochs_and_nothing_else_does",
    ),
    (
        AnswersUserOfBefore,
        "disabling_an_active_user_raises_both_epochs_and_nothing_else_does",
    ),
    (
        GrantsWhatIsRevoked,
        "roles_are_granted_and_revoked_in_one_act",
    ),
    (
        GrantReplacesRoles,
        "roles_are_granted_and_revoked_in_one_act",
    ),
    (RevokesAllRoles, "roles_are_granted_and_revoked_in_one_act"),
    (
        RoleChangeRaisesEpoch,
        "roles_are_granted_and_revoked_in_one_act",
    ),
    (
        AnswersUserOfBefore,
        "roles_are_granted_and_revoked_in_one_act",
    ),
    (MakesMissingUsers, "a_change_of_nobody_makes_no_user"),
    (
        CountsDisabledHolders,
        "a_role_has_another_holder_only_if_one_is_active",
    ),
    (
        CountsTheException,
        "a_role_has_another_holder_only_if_one_is_active",
    ),
    (
        CountsRemovedHolders,
        "a_role_has_another_holder_only_if_one_is_active",
    ),
    (
        FindsRolesByPrefix,
        "a_role_has_another_holder_only_if_one_is_active",
    ),
    (
        ListsUsersUnsorted,
        "users_are_listed_in_the_order_of_their_ids",
    ),
    (
        ListsBytesAsSigned,
        "users_are_listed_in_the_order_of_their_ids",
    ),
    (
        PageRepeatsLastUser,
        "users_are_listed_in_the_order_of_their_ids",
    ),
    (
        PageForgetsItsPlace,
        "users_are_listed_in_the_order_of_their_ids",
    ),
    (
        ListsActiveUsersOnly,
        "users_are_listed_in_the_order_of_their_ids",
    ),
    (
        IgnoresPageLimit,
        "users_are_listed_in_the_order_of_their_ids",
    ),
    (
        TakesZeroForNoLimit,
        "users_are_listed_in_the_order_of_their_ids",
    ),
    (
        PageRepeatsLastUser,
        "pages_reach_each_user_once_while_others_come_and_go",
    ),
    (
        PageForgetsItsPlace,
        "pages_reach_each_user_once_while_others_come_and_go",
    ),
    (
        IgnoresPageLimit,
        "pages_reach_each_user_once_while_others_come_and_go",
    ),
    (WaitsInWholeSeconds, "an_attempt_equals_the_lockout_table"),
    (KnowsFirstStepOnly, "an_attempt_equals_the_lockout_table"),
    (ForgivesNothing, "an_attempt_equals_the_lockout_table"),
    (CountsAttemptsUnderOneKey, "attempt_keys_are_independent"),
    (AttemptsSpendLimits, "attempts_and_limits_are_counted_apart"),
    (
        SuccessRestoresLimits,
        "attempts_and_limits_are_counted_apart",
    ),
    (ForgivesNothing, "a_success_forgets_the_attempts"),
    (ForgivesEverybody, "a_success_forgets_the_attempts"),
    (CountsLockedAttempts, "locked_attempts_are_not_counted"),
    (
        LockedAttemptsAreRemembered,
        "locked_attempts_are_not_counted",
    ),
    (
        RemembersAttemptsForLonger,
        "attempts_are_forgotten_exactly_at_their_time",
    ),
    (
        KeepsFarLocks,
        "a_clock_turned_back_locks_an_account_no_longer_than_the_table_says",
    ),
    (
        ReadsThenCountsAttempts,
        "parallel_attempts_get_exactly_what_the_table_lets_through",
    ),
    (
        ReadsThenChangesRoles,
        "parallel_grants_and_revokes_do_not_undo_each_other",
    ),
    (
        ChecksThenDisables,
        "one_of_many_disablings_raises_the_epoch",
    ),
    (
        DisablingAgainRaisesEpoch,
        "one_of_many_disablings_raises_the_epoch",
    ),
    (
        LoginWritesWholeUser,
        "no_login_is_recorded_once_a_user_is_disabled",
    ),
    (
        StatusChangeWritesWholeUser,
        "no_login_is_recorded_once_a_user_is_disabled",
    ),
    (
        ChecksThenResets,
        "no_password_is_reset_once_a_user_is_disabled",
    ),
    (
        StatusChangeWritesWholeUser,
        "no_password_is_reset_once_a_user_is_disabled",
    ),
    (ListsThenEnds, "no_session_escapes_when_all_are_ended"),
    (
        CountsThenEndsOldest,
        "parallel_openings_leave_no_more_than_the_cap",
    ),
    (
        KeepsOneTooMany,
        "parallel_openings_leave_no_more_than_the_cap",
    ),
    (DropsActor, "an_event_comes_back_as_stored"),
    (ListsOldestEventsFirst, "an_event_comes_back_as_stored"),
    (OverwritesEvents, "an_event_appended_again_is_there_once"),
    (ListsOldestEventsFirst, "events_are_listed_newest_first"),
    (ListsEventsOfAll, "events_are_listed_newest_first"),
    (PagesBeginAnew, "pages_of_events_reach_each_once"),
    (PagesRepeatAnEvent, "pages_of_events_reach_each_once"),
    (IgnoresEventLimit, "pages_of_events_reach_each_once"),
    (TakesZeroEventsForAll, "pages_of_events_reach_each_once"),
    (EventsExpireLate, "an_event_ends_exactly_at_its_time"),
    (
        CutsPagesBeforeTheyAreSifted,
        "an_event_ends_exactly_at_its_time",
    ),
    (KeepsAllEvents, "the_oldest_events_make_room"),
    (KeepsOneEventMore, "the_oldest_events_make_room"),
    (DropsNewestEvents, "the_oldest_events_make_room"),
    (CountsClassesTogether, "the_oldest_events_make_room"),
    (CountsEventsOfAll, "the_oldest_events_make_room"),
    (CountsEventsAhead, "events_of_a_clock_ahead_take_no_place"),
    (RemovesEventsOfAll, "events_are_removed_for_one_user_only"),
    (RemovesNoEvents, "events_are_removed_for_one_user_only"),
    (ChecksThenAppends, "one_of_many_events_with_an_id_is_kept"),
    (NeverCounts, "equal_events_in_a_row_are_one_with_a_count"),
    (NeverCounts, "an_event_appended_again_is_counted_once"),
    (
        CountsOtherSessionsToo,
        "equal_events_in_a_row_are_one_with_a_count",
    ),
    (
        CountsInExpired,
        "equal_events_in_a_row_are_one_with_a_count",
    ),
    (
        CountsAcrossOthers,
        "equal_events_in_a_row_are_one_with_a_count",
    ),
    (
        KeepsTimeOfFirst,
        "equal_events_in_a_row_are_one_with_a_count",
    ),
    (CountsAgain, "an_event_appended_again_is_counted_once"),
    (
        ReadsThenCountsEvents,
        "no_equal_event_of_many_at_once_is_lost",
    ),
    (WritesAllEventsBack, "no_event_of_many_at_once_is_lost"),
    (
        KeepsAllEvents,
        "many_events_at_once_leave_as_many_as_are_kept",
    ),
];
