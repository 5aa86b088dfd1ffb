//! The lockout table: how failed attempts at one account slow down the next
//! ones, as a pure function.

use std::time::Duration;

use crate::error::ConfigError;
use crate::time::{CLOCK_SKEW, Timestamp};

/// After so many failed attempts in a row, the next one has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockoutStep {
    /// Failed attempts, from 1.
    pub failures: u32,
    /// The wait before the next attempt. At most 49 days.
    pub wait: Duration,
}

/// How failed attempts slow an account down and then lock it for a time.
///
/// Every attempt is counted as failed before it is made, so that parallel ones
/// cannot slip through together; a success takes the count back to nothing.
/// No wait ever ends later than the longest one of the table after the last
/// attempt that was let through, by the clock of the instance that let it through,
/// so nobody can lock an account for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockoutPolicy {
    steps: Vec<LockoutStep>,
    forget_after: Duration,
}

impl Default for LockoutPolicy {
    /// 30 seconds after 5 failures, 2 minutes after 7, 15 minutes after 10 and
    /// each one beyond; forgotten after a day without an attempt.
    fn default() -> Self {
        let step = |failures, secs| LockoutStep {
            failures,
            wait: Duration::from_secs(secs),
        };
        Self {
            steps: vec![step(5, 30), step(7, 120), step(10, 900)],
            forget_after: Duration::from_secs(86_400),
        }
    }
}

/// What is kept of the attempts under one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts {
    /// Attempts since the last success, or since they were forgotten.
    pub count: u32,
    /// The first instant at which another one is let through.
    pub open_at: Timestamp,
    /// The first instant at which all of them are forgotten.
    pub forgotten_at: Timestamp,
    /// When the last of them was let through. A success forgets those up to its
    /// own, and none that were let through after it.
    pub last_at: Timestamp,
}

impl Attempts {
    /// Whether an attempt of the time `until` that succeeded forgets them.
    #[must_use]
    pub fn are_forgiven(&self, until: Timestamp) -> bool {
        self.last_at <= until
    }
}

/// What is decided of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Attempt {
    /// It may be made, and was counted as failed.
    Allowed {
        /// Attempts so far, this one included.
        count: u32,
        /// The wait that it leaves behind if it fails; zero if none.
        locks_for: Duration,
    },
    /// It may not be made, and was not counted.
    Locked {
        /// The wait after which one may be made; exact, above zero.
        retry_after: Duration,
    },
}

impl LockoutPolicy {
    /// A table of `steps`, and the time without an attempt after which all are
    /// forgotten.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] unless failures and waits both rise from step
    /// to step, failures from 1, and `forget_after` is longer than the longest
    /// wait; both at most 49 days.
    pub fn new(
        steps: impl Into<Vec<LockoutStep>>,
        forget_after: Duration,
    ) -> Result<Self, ConfigError> {
        const LONGEST: Duration = Duration::from_secs(49 * 86_400);
        let steps = steps.into();
        let invalid = |problem: &str| {
            Err(ConfigError::Invalid {
                setting: "limits.lockout",
                problem: problem.to_owned(),
            })
        };
        let mut last = (0, Duration::ZERO);
        for step in &steps {
            if step.failures <= last.0 || step.wait <= last.1 {
                return invalid("its failures and waits do not rise from step to step");
            }
            last = (step.failures, step.wait);
        }
        if steps.is_empty() {
            return invalid("has no steps");
        }
        if forget_after <= last.1 || forget_after > LONGEST {
            return invalid("is forgotten before its longest wait is over, or after 49 days");
        }
        Ok(Self {
            steps,
            forget_after,
        })
    }

    /// Whether attempts are slowed down soon enough and no account is locked for
    /// longer than a day.
    pub(crate) fn is_safe(&self) -> Result<(), ConfigError> {
        let waits = Duration::from_secs(1)..=Duration::from_secs(86_400);
        ConfigError::require([
            (
                "limits.lockout",
                self.steps.first().is_some_and(|step| step.failures <= 100),
                "lets more than 100 attempts fail without a wait",
            ),
            (
                "limits.lockout",
                self.steps.iter().all(|step| waits.contains(&step.wait)),
                "has a wait that is not between 1 second and 24 hours",
            ),
        ])
    }

    /// The steps, in the order of their failures.
    #[must_use]
    pub fn steps(&self) -> &[LockoutStep] {
        &self.steps
    }

    /// The time without an attempt after which all are forgotten.
    #[must_use]
    pub fn forget_after(&self) -> Duration {
        self.forget_after
    }

    /// The wait after `failures` failed attempts; zero below the first step.
    #[must_use]
    pub fn wait_after(&self, failures: u32) -> Duration {
        let reached = self.steps.iter().rfind(|step| step.failures <= failures);
        reached.map_or(Duration::ZERO, |step| step.wait)
    }

    /// Counts one attempt at `now`, given what is kept of those before.
    /// Returns what to keep now, and what is decided; a locked attempt is not
    /// counted.
    ///
    /// Another instance's clock may be ahead by up to [`CLOCK_SKEW`]. What is further in the
    /// future than that and the table say, a clock that was turned back has left there, and it
    /// is taken as no further away: nobody waits longer than that.
    pub fn attempt(&self, kept: Option<Attempts>, now: Timestamp) -> (Attempts, Attempt) {
        let furthest = |after: Duration| now.saturating_add(after);
        let ahead = |after: Duration| furthest(after).saturating_add(CLOCK_SKEW);
        let kept = kept
            .map(|kept| Attempts {
                open_at: kept.open_at.min(ahead(self.wait_after(kept.count))),
                forgotten_at: kept.forgotten_at.min(ahead(self.forget_after)),
                ..kept
            })
            .filter(|kept| now < kept.forgotten_at);
        if let Some(kept) = kept
            && now < kept.open_at
        {
            let retry_after = kept.open_at.saturating_since(now);
            return (kept, Attempt::Locked { retry_after });
        }
        let count = kept.map_or(0, |kept| kept.count).saturating_add(1);
        let locks_for = self.wait_after(count);
        let next = Attempts {
            count,
            open_at: furthest(locks_for),
            forgotten_at: furthest(self.forget_after),
            last_at: now,
        };
        (next, Attempt::Allowed { count, locks_for })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn secs(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn at(now: i64, kept: &mut Option<Attempts>) -> Attempt {
        let (next, attempt) = LockoutPolicy::default().attempt(*kept, secs(now));
        *kept = Some(next);
        attempt
    }

    fn step(failures: u32, millis: u64) -> LockoutStep {
        LockoutStep {
            failures,
            wait: Duration::from_millis(millis),
        }
    }

    fn locked(wait: u64) -> Attempt {
        Attempt::Locked {
            retry_after: Duration::from_secs(wait),
        }
    }

    #[test]
    fn failures_slow_an_account_and_then_lock_it() {
        let mut kept = None;
        for count in 1..=5 {
            let locks_for = Duration::from_secs(if count == 5 { 30 } else { 0 });
            let allowed = Attempt::Allowed { count, locks_for };
            assert_eq!(at(0, &mut kept), allowed);
        }
        assert_eq!(at(0, &mut kept), locked(30));
        assert_eq!(at(29, &mut kept), locked(1));
        assert!(matches!(
            at(30, &mut kept),
            Attempt::Allowed { count: 6, .. }
        ));
        assert!(matches!(
            at(60, &mut kept),
            Attempt::Allowed { count: 7, .. }
        ));
        assert_eq!(at(60, &mut kept), locked(120));
        let mut now = 180;
        for count in 8..30 {
            match at(now, &mut kept) {
                Attempt::Allowed { count: seen, .. } => assert_eq!(seen, count),
                other => panic!("{count}: {other:?}"),
            }
            now += if count < 10 { 120 } else { 900 };
        }
    }

    #[test]
    fn a_day_without_an_attempt_forgets_all_of_them() {
        for (pause, count) in [(86_399, 10), (86_400, 1)] {
            let mut kept = Some(Attempts {
                count: 9,
                open_at: secs(120),
                forgotten_at: secs(86_400),
                last_at: secs(0),
            });
            match at(pause, &mut kept) {
                Attempt::Allowed { count: seen, .. } => assert_eq!(seen, count),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_success_forgets_the_attempts_up_to_its_own() {
        let kept = Attempts {
            count: 3,
            open_at: secs(0),
            forgotten_at: secs(86_400),
            last_at: secs(100),
        };
        for (until, are_forgiven) in [(99, false), (100, true), (101, true)] {
            assert_eq!(kept.are_forgiven(secs(until)), are_forgiven, "{until}");
        }
    }

    #[test]
    fn what_a_clock_that_was_turned_back_left_ends_a_minute_after_the_table_says() {
        let left = Attempts {
            count: 5,
            open_at: secs(3_600),
            forgotten_at: secs(1_000_000),
            last_at: secs(3_570),
        };
        let mut kept = Some(left);
        assert_eq!(at(0, &mut kept), locked(90));
        let expected = Attempts {
            open_at: secs(90),
            forgotten_at: secs(86_460),
            ..left
        };
        assert_eq!(kept, Some(expected));
    }

    #[test]
    fn attempts_are_forgotten_after_the_longest_wait_and_within_49_days() {
        let longest = 49 * 86_400_000;
        for (millis, is_accepted) in [
            (10_000, false),
            (10_001, true),
            (longest, true),
            (longest + 1, false),
        ] {
            let policy = LockoutPolicy::new([step(5, 10_000)], Duration::from_millis(millis));
            assert_eq!(policy.is_ok(), is_accepted, "{millis}");
        }
    }

    #[test]
    fn a_table_that_does_not_rise_is_refused() {
        let day = Duration::from_secs(86_400);
        for (steps, forget_after) in [
            (vec![], day),
            (vec![step(0, 1)], day),
            (vec![step(5, 0)], day),
            (vec![step(5, 10), step(5, 20)], day),
            (vec![step(5, 10), step(4, 20)], day),
            (vec![step(5, 10), step(6, 10)], day),
            (vec![step(5, 20), step(6, 10)], day),
            (vec![step(5, 86_400_000)], day),
            (vec![step(5, 10)], 50 * day),
        ] {
            assert!(
                LockoutPolicy::new(steps.clone(), forget_after).is_err(),
                "{steps:?}"
            );
        }
        let default = LockoutPolicy::default();
        let again = LockoutPolicy::new(default.steps(), default.forget_after());
        assert_eq!(again, Ok(default));
    }

    proptest! {
        #[test]
        fn the_wait_is_exact_and_never_longer_than_the_table_says(
            moves in prop::collection::vec(-2000i64..2000, 1..80)
        ) {
            let policy = LockoutPolicy::default();
            let (mut now, mut kept) = (1_000_000, None);
            for step in moves {
                now += step;
                let (next, attempt) = policy.attempt(kept, secs(now));
                kept = Some(next);
                if let Attempt::Locked { retry_after } = attempt {
                    prop_assert!(retry_after > Duration::ZERO);
                    prop_assert!(retry_after <= policy.wait_after(next.count) + CLOCK_SKEW);
                    let open = i64::try_from(retry_after.as_secs()).unwrap() + now;
                    let late = policy.attempt(kept, secs(open)).1;
                    let early = policy.attempt(kept, secs(open - 1)).1;
                    let is_locked = |attempt| matches!(attempt, Attempt::Locked { .. });
                    prop_assert!(is_locked(early) && !is_locked(late));
                }
            }
        }
    }
}
