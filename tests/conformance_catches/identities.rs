//! The mistakes in identities that the properties must detect.

use support::wrong::Fault::{self, *};

/// Each mistake, and a property that must detect it.
pub(crate) const IDENTITIES: &[(Fault, &str)] = &[
    (DropsIdentities, "a_user_comes_back_as_stored"),
    (InsertsTakenIdentities, "an_identity_belongs_to_one_user"),
    (
        FoldsSubjects,
        "identities_that_differ_belong_to_different_users",
    ),
    (
        TrimsSubjects,
        "identities_that_differ_belong_to_different_users",
    ),
    (
        IgnoresIssuers,
        "identities_that_differ_belong_to_different_users",
    ),
    (
        TakesDollarForPath,
        "asvs_1_2_4_hostile_text_of_a_provider_matches_only_itself",
    ),
    (LinkIgnoresVersion, "an_identity_is_linked_to_one_user_once"),
    (LinkIgnoresVersion, "a_late_link_does_not_undo_an_unlinking"),
    (LinkKeepsVersion, "each_act_applies_the_rules_of_users"),
    (
        LinkKeepsVersion,
        "the_version_goes_up_with_each_change_and_with_nothing_else",
    ),
    (
        LinksTakenIdentities,
        "an_identity_is_linked_to_one_user_once",
    ),
    (LinksTwice, "an_identity_is_linked_to_one_user_once"),
    (LinksAnyNumber, "no_more_identities_are_linked_than_allowed"),
    (LinkForgetsTime, "an_identity_is_linked_to_one_user_once"),
    (
        UnlinkIgnoresVersion,
        "an_identity_is_unlinked_unless_it_is_the_last_way_in",
    ),
    (
        UnlinkIgnoresVersion,
        "a_late_unlinking_does_not_undo_a_later_link",
    ),
    (
        UnlinkKeepsVersion,
        "the_version_goes_up_with_each_change_and_with_nothing_else",
    ),
    (
        UnlinksLastWayIn,
        "an_identity_is_unlinked_unless_it_is_the_last_way_in",
    ),
    (
        UnlinksFirst,
        "an_identity_is_unlinked_unless_it_is_the_last_way_in",
    ),
    (
        ProfileChangeKeepsIdentities,
        "identities_that_are_removed_are_free_again",
    ),
    (
        ResetKeepsIdentities,
        "identities_that_are_removed_are_free_again",
    ),
    (
        RemovedIdentitiesStayTaken,
        "identities_that_are_removed_are_free_again",
    ),
    (DropsFederation, "a_token_is_read_as_often_as_asked_for"),
    (DropsFederation, "a_token_is_taken_once"),
    (
        UnlinkedIdentityStaysTaken,
        "an_identity_is_unlinked_unless_it_is_the_last_way_in",
    ),
    (
        KeepsIdentitiesOfRemovedUser,
        "the_identities_of_a_removed_user_are_free_at_once",
    ),
    (
        LoginIgnoresIdentity,
        "a_login_is_recorded_with_the_identity_that_is_used",
    ),
    (
        LoginForgetsIdentity,
        "a_login_is_recorded_with_the_identity_that_is_used",
    ),
    (
        LoginUsesAllIdentities,
        "a_login_is_recorded_with_the_identity_that_is_used",
    ),
    (
        TakesLastUseBack,
        "a_login_is_recorded_with_the_identity_that_is_used",
    ),
    (
        LateLoginSetsAddressBack,
        "a_login_is_recorded_with_the_identity_that_is_used",
    ),
    (
        CutsSubjectsAt64,
        "the_most_and_longest_identities_come_back",
    ),
    (
        CutsLinkedSubjects,
        "the_most_and_longest_identities_come_back",
    ),
    (ChecksThenLinks, "one_of_many_accounts_gets_an_identity"),
    (
        ChecksThenInsertsUser,
        "one_of_many_first_sign_ins_with_an_identity_wins",
    ),
    (
        ChecksThenLinks,
        "an_identity_is_linked_or_registered_never_both",
    ),
    (
        ChecksThenRemovesUser,
        "an_account_is_removed_or_unlinked_never_both",
    ),
    (ChecksThenUnlinks, "one_of_the_last_two_ways_in_stays"),
    (
        ChecksThenLinks,
        "no_identity_is_linked_once_a_user_is_disabled",
    ),
    (
        LoginWritesWholeUser,
        "no_login_is_recorded_by_an_identity_that_was_unlinked",
    ),
    (
        LoginWritesWholeUser,
        "links_and_logins_do_not_undo_each_other",
    ),
];
