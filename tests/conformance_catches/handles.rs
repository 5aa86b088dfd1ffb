//! The mistakes that only several handles of one store show.

use admittance::store::conformance::PROPERTIES;
use support::wrong::Fault::{self, *};

use super::{complaint, complaint_of_handles, property};

/// Each mistake, and a property that must detect it over several handles.
pub(crate) const HANDLES: &[(Fault, &str)] = &[
    (LocksByHandle, "one_of_many_registrations_of_an_email_wins"),
    (LocksByHandle, "one_of_many_users_with_an_id_wins"),
    (LocksByHandle, "one_of_many_password_changes_wins"),
    (
        LocksByHandle,
        "changes_of_different_fields_do_not_undo_each_other",
    ),
    (LocksByHandle, "no_device_of_a_parallel_login_is_lost"),
    (LocksByHandle, "one_of_many_verifications_wins"),
    (LocksByHandle, "one_of_many_resets_wins"),
    (
        LocksByHandle,
        "one_of_many_email_changes_of_an_account_wins",
    ),
    (LocksByHandle, "one_of_many_accounts_gets_an_address"),
    (
        LocksByHandle,
        "an_address_is_changed_to_or_registered_never_both",
    ),
    (
        LocksByHandle,
        "an_account_is_verified_or_removed_never_both",
    ),
    (
        LocksByHandle,
        "parallel_grants_and_revokes_do_not_undo_each_other",
    ),
    (LocksByHandle, "one_of_many_disablings_raises_the_epoch"),
    (LocksByHandle, "one_of_many_events_with_an_id_is_kept"),
    (LocksByHandle, "no_equal_event_of_many_at_once_is_lost"),
    (LocksByHandle, "one_of_many_sessions_with_an_id_wins"),
    (LocksByHandle, "one_of_many_tokens_with_a_digest_wins"),
    (LocksByHandle, "one_of_many_takers_gets_a_token"),
    (LocksByHandle, "one_of_many_refreshes_rotates"),
    (LocksByHandle, "no_session_escapes_when_all_are_ended"),
    (
        LocksByHandle,
        "parallel_openings_leave_no_more_than_the_cap",
    ),
    (LocksByHandle, "parallel_acts_get_exactly_the_budget"),
    (LocksByHandle, "parallel_acts_exceed_no_budget"),
    (
        LocksByHandle,
        "parallel_attempts_get_exactly_what_the_table_lets_through",
    ),
    (CachesByHandle, "devices_are_kept_newest_last"),
    (CachesByHandle, "a_profile_change_touches_nothing_else"),
    (CachesByHandle, "each_act_applies_the_rules_of_users"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_mistake_is_noticed_over_several_handles() {
    let mut missed = Vec::new();
    for (fault, name) in HANDLES {
        match complaint_of_handles(property(name).unwrap(), *fault).await {
            Some(text) if !text.contains("the store failed") => {}
            other => missed.push((fault, name, other)),
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_handle_shows_none_of_them() {
    for fault in [LocksByHandle, CachesByHandle] {
        for property in PROPERTIES {
            let complaint = complaint(*property, fault).await;
            assert_eq!(complaint, None, "{property:?}, {fault:?}");
        }
    }
}

mod without_a_mistake {
    use super::Fault;
    use support::wrong::WrongStore;

    admittance::store_conformance!(handles: async {
        let first = WrongStore::with(Fault::Nothing);
        [first.again(), first.again(), first]
    });
}
