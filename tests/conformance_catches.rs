//! The suite is no formality: each of its properties is failed by a store with
//! one mistake, and passed by the same store without it.

#[path = "support/faulty.rs"]
mod faulty;

use std::sync::Arc;

use admittance::store::Store;
use admittance::store::conformance::{PROPERTIES, Property};
use faulty::Fault::{self, *};
use faulty::FaultyStore;

/// Each mistake, and a property that must notice it.
const CAUGHT: &[(Fault, &str)] = &[
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
        ReadsEmailAsPattern,
        "asvs_1_2_4_hostile_text_matches_only_itself",
    ),
    (CutsTextAtNul, "asvs_1_2_4_hostile_text_matches_only_itself"),
    (DropsEmptyText, "a_session_comes_back_as_stored"),
    (KeepsCountersAsDoubles, "a_session_comes_back_as_stored"),
    (OverwritesSessions, "a_taken_session_id_is_not_overwritten"),
    (SessionsExpireLate, "a_session_ends_exactly_at_its_time"),
    (IgnoresAbsoluteEnd, "a_session_ends_exactly_at_its_time"),
    (ListsOldestFirst, "sessions_are_listed_last_seen_first"),
    (EndsSessionsOfOthers, "a_session_is_ended_by_its_owner_only"),
    (
        IgnoresException,
        "ending_all_sessions_spares_only_the_exception",
    ),
    (
        CountsOneTooMany,
        "ending_all_sessions_spares_only_the_exception",
    ),
    (GivesNoGrace, "a_rotation_has_four_outcomes"),
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
    (KeepsConsumedToken, "a_token_is_consumed_once"),
    (IgnoresPurpose, "a_token_of_another_purpose_is_left"),
    (
        WrongPurposeSpendsToken,
        "a_token_of_another_purpose_is_left",
    ),
    (TokensExpireLate, "a_token_ends_exactly_at_its_time"),
    (OverwritesTokens, "a_taken_digest_is_not_overwritten"),
    (RemovesTokensOfAll, "tokens_are_removed_for_one_user_only"),
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
    (ReadsThenConsumes, "one_of_many_consumers_gets_the_token"),
    (
        ReadsThenConsumes,
        "a_token_is_consumed_or_removed_never_both",
    ),
    (
        ListsThenRemovesTokens,
        "a_token_is_consumed_or_removed_never_both",
    ),
    (ReadsThenRotates, "one_of_many_refreshes_rotates"),
    (ReadsThenRotates, "a_refresh_revives_no_ended_session"),
    (ListsThenEnds, "no_session_escapes_when_all_are_ended"),
];

/// What the property says of a store with `fault`; `None` when it is content.
async fn complaint(property: Property, fault: Fault) -> Option<String> {
    let store: Arc<dyn Store> = Arc::new(FaultyStore::with(fault));
    let task = tokio::spawn(async move { property.check(store).await });
    let error = task.await.err()?;
    assert!(error.is_panic());
    let payload = error.into_panic();
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref().map(|text: &&str| (*text).to_owned()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_mistake_is_noticed() {
    let mut missed = Vec::new();
    for (fault, name) in CAUGHT {
        let named = |property: &&Property| property.name() == *name;
        let property = PROPERTIES.iter().find(named).unwrap();
        match complaint(*property, *fault).await {
            Some(text) if !text.contains("the store failed") => {}
            other => missed.push((fault, name, other)),
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn each_property_is_failed_by_some_mistake() {
    for property in PROPERTIES {
        assert!(
            CAUGHT.iter().any(|(_, name)| *name == property.name()),
            "nothing shows that {property:?} can fail"
        );
    }
}

mod without_a_mistake {
    use super::{Fault, FaultyStore};

    admittance::store_conformance!(async { FaultyStore::with(Fault::Nothing) });
}
