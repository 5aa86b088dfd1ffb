//! The suite that every store must pass.
//!
//! Each property is a function that takes an empty store and panics with a
//! sentence saying what the store did wrong. One macro runs them all:
//!
//! ```
//! # #[cfg(feature = "memory")] mod tests {
//! use admittance::store::MemoryStore;
//!
//! admittance::store_conformance!(async { MemoryStore::new() });
//! # }
//! ```
//!
//! A store that several instances of a server share has several handles. With `handles:` each
//! property runs over all of them:
//!
//! ```
//! # #[cfg(feature = "memory")] mod tests {
//! use admittance::store::MemoryStore;
//!
//! admittance::store_conformance!(handles: async {
//!     let first = MemoryStore::new();
//!     [first.clone(), first.clone(), first]
//! });
//! # }
//! ```
//!
//! A runner of your own goes through [`PROPERTIES`], or calls the functions; [`Handles`]
//! makes one store of several handles. The races need a runtime with several threads.
//! A store whose act has a window between its read and its write usually fails them. A single
//! passing run does not prove atomicity.
//!
//! The present is the year 2100 and no row ends before it, so a database that removes
//! expired rows by its own clock does not interfere. Which values a store must be able to
//! keep is in the [documentation of the traits](crate::store#values).

#![expect(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a property panics when the store is wrong: that is what it is for"
)]

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::Store;

pub mod account_races;
pub mod accounts;
pub mod administration;
pub mod administration_races;
pub mod attempts;
pub mod budgets;
pub mod event_races;
pub mod event_values;
pub mod events;
mod fixture;
mod handles;
pub mod identities;
pub mod identity_races;
pub mod late;
pub mod limits;
mod racing;
pub mod ranges;
pub mod rotation;
pub mod rules;
pub mod session_races;
pub mod sessions;
pub mod text;
pub mod tokens;
pub mod user_races;
pub mod users;
pub mod values;

pub use handles::Handles;

type Run = fn(Arc<dyn Store>) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// One thing that holds for every store.
#[derive(Clone, Copy)]
pub struct Property {
    name: &'static str,
    run: Run,
}

impl Property {
    /// Its name: that of the function, and of the test the macro makes of it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Tries it on `store`, which must be empty.
    ///
    /// # Panics
    ///
    /// When the store does not have the property.
    pub async fn check(&self, store: Arc<dyn Store>) {
        (self.run)(store).await;
    }
}

impl fmt::Debug for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Property({})", self.name)
    }
}

/// Makes one test of each property.
///
/// Takes an expression that gives a future of a fresh, empty store of any type that is a
/// [`Store`]. After `handles:`, the future gives an array of several [handles](Handles) of
/// one store. After `no_audit:`, it gives a store that keeps no events, such as one with
/// [`NoAudit`](super::NoAudit), and the properties of events are left out. Each test evaluates
/// the expression once. The crate that calls it needs `tokio` with `macros` and
/// `rt-multi-thread`.
#[macro_export]
macro_rules! store_conformance {
    (handles: $several:expr $(,)?) => {
        $crate::__store_properties! {
            __store_tests async { $crate::store::conformance::Handles::new($several.await) }
        }
    };
    (no_audit: $fresh:expr $(,)?) => {
        $crate::__store_properties_and! { __store_tests [$fresh] }
    };
    ($fresh:expr $(,)?) => {
        $crate::__store_properties! { __store_tests $fresh }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __store_tests {
    ([$fresh:expr] $($topic:ident { $($property:ident)* })*) => {$($(
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $property() {
            let store = ::std::sync::Arc::new($fresh.await);
            $crate::store::conformance::$topic::$property(store).await;
        }
    )*)*};
}

#[doc(hidden)]
#[macro_export]
macro_rules! __store_list {
    ([] $($topic:ident { $($property:ident)* })*) => {
        &[$($(Property {
            name: stringify!($property),
            run: |store| Box::pin($topic::$property(store)),
        },)*)*]
    };
}

/// Hands the list of all properties to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __store_properties {
    ($then:ident $($arguments:tt)*) => {
        $crate::__store_properties_and! {
            $then [$($arguments)*]
            events {
                an_event_comes_back_as_stored
                an_event_appended_again_is_there_once
                events_are_listed_newest_first
                pages_of_events_reach_each_once
                an_event_ends_exactly_at_its_time
                the_oldest_events_make_room
                events_of_a_clock_ahead_take_no_place
                equal_events_in_a_row_are_one_with_a_count
                an_event_appended_again_is_counted_once
                events_are_removed_for_one_user_only
            }
            event_values {
                the_longest_user_agent_of_an_event_comes_back
                the_greatest_counts_of_events_come_back
                the_earliest_and_latest_events_come_back
                events_of_any_id_come_back
                a_list_of_events_of_the_greatest_limit_holds_all
                every_value_of_every_enum_of_events_comes_back
            }
            event_races {
                one_of_many_events_with_an_id_is_kept
                no_event_of_many_at_once_is_lost
                no_equal_event_of_many_at_once_is_lost
                many_events_at_once_leave_as_many_as_are_kept
            }
        }
    };
}

/// Hands the list of all properties but those of the audit log, and the topics after the
/// arguments, to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __store_properties_and {
    ($then:ident [$($arguments:tt)*] $($further:tt)*) => {
        $crate::$then! {
            [$($arguments)*]
            users {
                a_user_comes_back_as_stored
                what_is_not_there_is_not_found
                an_email_is_registered_once
                emails_that_differ_are_different_users
                a_taken_user_id_is_not_overwritten
                a_profile_change_touches_nothing_else
                a_profile_of_nobody_is_not_made
                a_login_is_recorded_only_when_still_good
                devices_are_kept_newest_last
                a_password_is_replaced_only_if_it_is_the_expected_one
            }
            accounts {
                an_email_is_verified_once_and_only_in_the_state_asked_for
                an_email_is_changed_only_in_the_state_asked_for
                an_email_is_changed_only_to_a_free_one
                a_password_is_reset_only_in_the_state_asked_for
                a_reset_changes_the_profile_with_it
                an_act_by_the_mailbox_is_done_in_any_epoch_of_sessions
                a_user_is_removed_only_in_the_state_asked_for
                a_verified_user_is_removed_only_if_any_may_be
                a_disabled_user_is_removed_only_if_the_status_does_not_matter
                a_change_is_made_of_the_user_that_is_named
                a_user_is_removed_as_unused_only_if_the_last_login_is_the_expected_one
                the_address_of_a_removed_user_is_free_at_once
            }
            identities {
                an_identity_belongs_to_one_user
                identities_that_differ_belong_to_different_users
                asvs_1_2_4_hostile_text_of_a_provider_matches_only_itself
                an_identity_is_linked_to_one_user_once
                no_more_identities_are_linked_than_allowed
                an_identity_is_unlinked_unless_it_is_the_last_way_in
                the_identities_of_a_removed_user_are_free_at_once
                a_login_is_recorded_with_the_identity_that_is_used
                identities_that_are_removed_are_free_again
                the_most_and_longest_identities_come_back
            }
            rules {
                each_act_applies_the_rules_of_users
            }
            administration {
                disabling_an_active_user_raises_both_epochs_and_nothing_else_does
                roles_are_granted_and_revoked_in_one_act
                a_change_of_nobody_makes_no_user
                users_are_listed_in_the_order_of_their_ids
                pages_reach_each_user_once_while_others_come_and_go
                a_role_has_another_holder_only_if_one_is_active
            }
            text {
                asvs_1_2_4_hostile_text_matches_only_itself
            }
            values {
                the_longest_name_comes_back
                the_longest_address_comes_back
                the_longest_password_hash_comes_back
                the_longest_user_agent_comes_back
                many_roles_of_the_longest_names_come_back
                the_most_devices_come_back
                the_largest_preferences_come_back
            }
            ranges {
                the_greatest_counters_come_back
                a_counter_goes_up_to_the_greatest
                the_earliest_and_latest_times_come_back
                identifiers_of_any_bytes_come_back
                a_list_of_the_greatest_limit_holds_everything
                the_widest_limits_equal_their_rules
                every_value_of_every_enum_comes_back
            }
            sessions {
                a_session_comes_back_as_stored
                a_taken_session_id_is_not_overwritten
                a_session_ends_exactly_at_its_time
                sessions_are_listed_greatest_id_first
                pages_of_sessions_reach_each_once
                a_session_is_ended_by_its_owner_only
                only_the_sessions_that_are_named_end
                the_sessions_of_earlier_epochs_end
                the_oldest_sessions_end_beyond_those_to_be_kept
            }
            rotation {
                a_rotation_has_four_outcomes
                a_reused_refresh_token_ends_the_session
                a_refresh_never_outlives_the_absolute_timeout
                a_short_session_stays_short
                a_rotation_equals_the_state_machine
            }
            tokens {
                a_token_is_read_as_often_as_asked_for
                a_token_works_for_its_purpose_only
                a_token_ends_exactly_at_its_time
                a_token_is_taken_once
                a_taken_digest_is_not_overwritten
                tokens_are_listed_newest_first
                tokens_are_removed_for_one_user_only
                tokens_are_removed_of_one_purpose_only
            }
            limits {
                a_limit_equals_the_quota_rule
                limit_keys_are_independent
                refused_acts_are_not_counted
                a_clock_turned_back_locks_nobody_out
                acts_by_two_clocks_equal_the_rule
                parallel_acts_get_exactly_the_budget
            }
            budgets {
                several_budgets_equal_the_rule
                a_refusal_uses_up_no_budget
                no_act_has_more_budgets_than_allowed
                one_act_is_given_back_and_no_more
                parallel_acts_exceed_no_budget
            }
            attempts {
                an_attempt_equals_the_lockout_table
                attempt_keys_are_independent
                attempts_and_limits_are_counted_apart
                a_success_forgets_the_attempts
                locked_attempts_are_not_counted
                attempts_are_forgotten_exactly_at_their_time
                a_clock_turned_back_locks_an_account_no_longer_than_the_table_says
                a_clock_that_is_behind_shortens_no_lock
                parallel_attempts_get_exactly_what_the_table_lets_through
            }
            late {
                a_late_enabling_does_not_undo_a_disabling
                a_late_grant_does_not_undo_a_revocation
                a_late_revocation_does_not_undo_a_grant
                a_late_profile_change_does_not_undo_a_later_one
                a_late_reset_does_not_undo_a_later_change
                a_late_removal_does_not_remove_an_account_edited_since
                a_late_change_of_email_does_not_undo_a_later_change
                a_late_verification_does_nothing_after_a_later_change
                a_late_password_change_does_not_undo_a_later_one
                a_late_login_does_not_take_the_last_one_back
                a_late_link_does_not_undo_an_unlinking
                a_late_unlinking_does_not_undo_a_later_link
                a_late_refresh_ends_no_session
                a_late_end_of_sessions_spares_later_ones
                a_late_end_of_dead_sessions_spares_later_ones
                a_late_removal_of_tokens_leaves_later_ones
                a_late_success_forgives_no_later_failure
                the_version_goes_up_with_each_change_and_with_nothing_else
            }
            user_races {
                one_of_many_registrations_of_an_email_wins
                one_of_many_case_variants_of_an_email_wins
                one_of_many_users_with_an_id_wins
                one_of_many_password_changes_wins
                a_login_does_not_undo_a_password_change
                changes_of_different_fields_do_not_undo_each_other
                no_device_of_a_parallel_login_is_lost
            }
            account_races {
                one_of_many_verifications_wins
                one_of_many_resets_wins
                one_of_many_email_changes_of_an_account_wins
                one_of_many_accounts_gets_an_address
                an_address_is_changed_to_or_registered_never_both
                an_account_is_verified_or_removed_never_both
            }
            identity_races {
                one_of_many_accounts_gets_an_identity
                one_of_many_first_sign_ins_with_an_identity_wins
                an_identity_is_linked_or_registered_never_both
                an_account_is_removed_or_unlinked_never_both
                one_of_the_last_two_ways_in_stays
                no_identity_is_linked_once_a_user_is_disabled
                no_login_is_recorded_by_an_identity_that_was_unlinked
                links_and_logins_do_not_undo_each_other
            }
            administration_races {
                parallel_grants_and_revokes_do_not_undo_each_other
                one_of_many_disablings_raises_the_epoch
                no_login_is_recorded_once_a_user_is_disabled
                no_password_is_reset_once_a_user_is_disabled
            }
            session_races {
                one_of_many_sessions_with_an_id_wins
                one_of_many_tokens_with_a_digest_wins
                one_of_many_takers_gets_a_token
                no_token_escapes_when_all_are_removed
                one_of_many_refreshes_rotates
                a_refresh_revives_no_ended_session
                no_session_escapes_when_all_are_ended
                parallel_openings_leave_no_more_than_the_cap
            }
            $($further)*
        }
    };
}

/// All properties.
pub static PROPERTIES: &[Property] = crate::__store_properties! { __store_list };
