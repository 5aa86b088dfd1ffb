//! The mistakes in limits and attempts that the properties must detect.

use support::wrong::Fault::{self, *};

/// Each mistake, and a property that must detect it.
pub(crate) const COUNTERS: &[(Fault, &str)] = &[
    (ForgivesLaterFailures, "an_attempt_equals_the_lockout_table"),
    (CountsInWholeSeconds, "a_limit_equals_the_quota_rule"),
    (CountsAllUnderOneKey, "limit_keys_are_independent"),
    (CountsRefusedActs, "refused_acts_are_not_counted"),
    (KeepsFarTimes, "a_clock_turned_back_locks_nobody_out"),
    (CountsByEachClock, "acts_by_two_clocks_equal_the_rule"),
    (ForgetsWhatWasGivenBack, "acts_by_two_clocks_equal_the_rule"),
    (ReadsThenCounts, "parallel_acts_get_exactly_the_budget"),
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
        ShortensLocksOfClocksAhead,
        "a_clock_that_is_behind_shortens_no_lock",
    ),
    (
        ReadsThenCountsAttempts,
        "parallel_attempts_get_exactly_what_the_table_lets_through",
    ),
];
