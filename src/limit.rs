//! Rate limits: quotas, keys, and the rule (GCRA), as pure functions.

use std::fmt;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::time::Timestamp;

/// How many acts are allowed: `burst` at once, and one more every `period`.
///
/// The rule is GCRA, the leaky bucket as a meter (ITU-T I.371): it allows
/// exactly `burst` acts at once after a rest, and no more than
/// `burst + t / period` in any time `t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    burst: u32,
    period_ms: u32,
}

impl Quota {
    /// `burst` acts at once, and one more for each `period` that passes.
    /// `period` is kept in whole milliseconds, at least one and at most about
    /// 49 days; `burst` is at least one.
    #[must_use]
    pub fn new(burst: u32, period: Duration) -> Self {
        Self {
            burst: burst.max(1),
            period_ms: u32::try_from(period.as_millis()).unwrap_or(u32::MAX).max(1),
        }
    }

    /// How many acts are allowed at once.
    #[must_use]
    pub fn burst(&self) -> u32 {
        self.burst
    }

    /// The time after which one more is allowed.
    #[must_use]
    pub fn period(&self) -> Duration {
        Duration::from_millis(self.period_ms.into())
    }

    /// Returns the quota with `factor` times the burst and `factor` times the
    /// rate.
    #[must_use]
    pub fn times(self, factor: u32) -> Self {
        let factor = factor.max(1);
        Self::new(
            self.burst.saturating_mul(factor),
            Duration::from_millis(self.period_ms.div_ceil(factor).into()),
        )
    }

    /// The time in which a full burst is regained.
    #[must_use]
    pub fn window(&self) -> Duration {
        Duration::from_millis(u64::from(self.period_ms) * u64::from(self.burst))
    }

    /// Counts one act at `now`, given the time `full_at` when the budget would
    /// be whole again (`None`: nothing was counted before). Returns the new
    /// such time, and what is decided; a refused act is not counted.
    ///
    /// A `full_at` further away than one window, which only a clock that was
    /// turned back leaves behind, is taken as one window away: nobody waits
    /// longer than the quota says.
    pub fn decide(&self, full_at: Option<Timestamp>, now: Timestamp) -> (Timestamp, Decision) {
        let furthest = now.saturating_add(self.window());
        let full_at = self.held(full_at, now);
        let counted = full_at.saturating_add(self.period());
        if counted <= furthest {
            (counted, Decision::Allowed)
        } else {
            let retry_after = counted.saturating_since(furthest);
            (full_at, Decision::Refused { retry_after })
        }
    }

    /// The time when the budget is whole again, held to one window.
    fn held(&self, full_at: Option<Timestamp>, now: Timestamp) -> Timestamp {
        let furthest = now.saturating_add(self.window());
        full_at.unwrap_or(now).max(now).min(furthest)
    }

    /// Takes one counted act back at `now`, given the time `full_at` when the
    /// budget would be whole again. Returns the new such time: one period
    /// earlier, and not before `now`.
    ///
    /// It moves `full_at` by as much as counting the act did, so other acts may
    /// be counted in between, in any order.
    #[must_use]
    pub fn give_back(&self, full_at: Timestamp, now: Timestamp) -> Timestamp {
        full_at.saturating_sub(self.period()).max(now)
    }
}

/// One budget that an act is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// What the act is counted under.
    pub key: LimitKey,
    /// The budget.
    pub quota: Quota,
}

/// The most budgets that one act is counted in.
pub const MAX_HITS: usize = 8;

/// Counts one act at `now` in all of `budgets` together: for each, the quota and
/// the time when it would be whole again. Returns the new such times, in the
/// same order, and what is decided.
///
/// The act is allowed if each of them has room, as [`Quota::decide`] says. A
/// refusal uses up none of them and has the longest wait of those that refuse.
/// Without budgets, the act is allowed.
pub fn decide_all(
    budgets: &[(Quota, Option<Timestamp>)],
    now: Timestamp,
) -> (Vec<Timestamp>, Decision) {
    let mut decision = Decision::Allowed;
    let (counted, held): (Vec<_>, Vec<_>) = budgets
        .iter()
        .map(|(quota, full_at)| {
            let (next, own) = quota.decide(*full_at, now);
            decision = decision.and(own);
            match own {
                Decision::Allowed => (next, quota.held(*full_at, now)),
                Decision::Refused { .. } => (next, next),
            }
        })
        .unzip();
    match decision {
        Decision::Allowed => (counted, decision),
        Decision::Refused { .. } => (held, decision),
    }
}

/// What a limiter says of one act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Decision {
    /// It may happen, and was counted.
    Allowed,
    /// It may not, and was not counted.
    Refused {
        /// The wait after which it would be allowed; exact, above zero.
        retry_after: Duration,
    },
}

impl Decision {
    /// What two budgets decide together: the longer wait, if one refuses.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Allowed, other) => other,
            (refused, Self::Allowed) => refused,
            (Self::Refused { retry_after: a }, Self::Refused { retry_after: b }) => Self::Refused {
                retry_after: a.max(b),
            },
        }
    }
}

/// What is counted together: a scope, such as `login:account`, and a subject,
/// such as a canonical email or a network. Only a digest of both is kept, so
/// every key has the same size and no address stays in the store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LimitKey([u8; 16]);

impl LimitKey {
    /// The key of `subject` within `scope`: SHA-256 cut to 128 bits.
    #[must_use]
    pub fn new(scope: &str, subject: &[u8]) -> Self {
        let digest = Sha256::new()
            .chain_update((scope.len() as u64).to_le_bytes())
            .chain_update(scope)
            .chain_update(subject)
            .finalize();
        let mut key = [0; 16];
        for (to, from) in key.iter_mut().zip(digest) {
            *to = from;
        }
        Self(key)
    }

    /// The key as the store keeps it.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

/// In hex.
impl fmt::Display for LimitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for LimitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LimitKey({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ms(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_burst_then_one_a_period() {
        let quota = Quota::new(3, Duration::from_millis(100));
        let mut state = None;
        for _ in 0..3 {
            let (next, decision) = quota.decide(state, ms(1000));
            assert_eq!(decision, Decision::Allowed);
            state = Some(next);
        }
        let retry_after = Duration::from_millis(100);
        assert_eq!(
            quota.decide(state, ms(1000)).1,
            Decision::Refused { retry_after }
        );
        assert_eq!(
            quota.decide(state, ms(1099)).1,
            Decision::Refused {
                retry_after: Duration::from_millis(1)
            }
        );
        assert_eq!(quota.decide(state, ms(1100)).1, Decision::Allowed);
    }

    #[test]
    fn a_clock_turned_back_locks_nobody_out_for_longer_than_the_window() {
        let quota = Quota::new(2, Duration::from_millis(100));
        let (_, decision) = quota.decide(Some(ms(3_600_000)), ms(0));
        assert_eq!(
            decision,
            Decision::Refused {
                retry_after: Duration::from_millis(100)
            }
        );
    }

    #[test]
    fn scope_and_subject_do_not_run_together() {
        assert_ne!(LimitKey::new("ab", b"c"), LimitKey::new("a", b"bc"));
    }

    #[test]
    fn an_act_needs_room_in_every_budget_and_a_refusal_uses_up_none() {
        let (narrow, wide) = (
            Quota::new(1, Duration::from_millis(100)),
            Quota::new(2, Duration::from_millis(400)),
        );
        let refused = |millis| Decision::Refused {
            retry_after: Duration::from_millis(millis),
        };
        let both = |a, b| [(narrow, a), (wide, b)];
        let (first, decision) = decide_all(&both(None, None), ms(0));
        assert_eq!(
            (decision, first),
            (Decision::Allowed, vec![ms(100), ms(400)])
        );
        let (kept, decision) = decide_all(&both(Some(ms(100)), Some(ms(400))), ms(40));
        assert_eq!((decision, kept), (refused(60), vec![ms(100), ms(400)]));
        // Another narrow one, beside a wide one that is used up.
        let (kept, decision) = decide_all(&both(None, Some(ms(800))), ms(0));
        assert_eq!((decision, kept), (refused(400), vec![ms(0), ms(800)]));
        // Both refuse: the longest wait.
        let (_, decision) = decide_all(&both(Some(ms(100)), Some(ms(800))), ms(0));
        assert_eq!(decision, refused(400));
        assert_eq!(decide_all(&[], ms(0)), (vec![], Decision::Allowed));
    }

    #[test]
    fn what_is_given_back_is_one_act_and_never_more_than_was_counted() {
        let quota = Quota::new(3, Duration::from_millis(100));
        let (once, _) = quota.decide(None, ms(0));
        let (twice, _) = quota.decide(Some(once), ms(50));
        assert_eq!(quota.give_back(twice, ms(50)), once);
        assert_eq!(quota.give_back(once, ms(50)), ms(50));
        assert_eq!(quota.give_back(ms(20), ms(50)), ms(50));
    }

    proptest! {
        #[test]
        fn all_budgets_allow_what_each_allows(
            budgets in prop::collection::vec((1u32..4, 1u32..500, -100i64..2000), 0..6)
        ) {
            let budgets: Vec<_> = budgets
                .into_iter()
                .map(|(burst, period, full_at)| {
                    let quota = Quota::new(burst, Duration::from_millis(period.into()));
                    (quota, Some(ms(full_at)))
                })
                .collect();
            let (times, decision) = decide_all(&budgets, ms(0));
            let each: Vec<_> = budgets.iter().map(|(quota, at)| quota.decide(*at, ms(0))).collect();
            let all = each.iter().all(|(_, own)| *own == Decision::Allowed);
            prop_assert_eq!(decision == Decision::Allowed, all);
            for ((time, (next, own)), (quota, _)) in times.iter().zip(&each).zip(&budgets) {
                let back = match own {
                    Decision::Allowed if !all => quota.give_back(*next, ms(0)),
                    _ => *next,
                };
                prop_assert_eq!(*time, back);
            }
        }

        #[test]
        fn never_more_than_the_quota_and_the_wait_is_exact(
            burst in 1u32..6, period in 1u32..500, steps in prop::collection::vec(0i64..400, 1..60)
        ) {
            let quota = Quota::new(burst, Duration::from_millis(period.into()));
            let (mut now, mut state, mut allowed) = (0, None, Vec::new());
            for step in steps {
                now += step;
                let (next, decision) = quota.decide(state, ms(now));
                state = Some(next);
                match decision {
                    Decision::Allowed => allowed.push(now),
                    Decision::Refused { retry_after } => {
                        let wait = i64::try_from(retry_after.as_millis()).unwrap();
                        prop_assert!(wait > 0);
                        prop_assert_ne!(quota.decide(state, ms(now + wait - 1)).1, Decision::Allowed);
                        prop_assert_eq!(quota.decide(state, ms(now + wait)).1, Decision::Allowed);
                    }
                }
                for (index, start) in allowed.iter().enumerate() {
                    let budget = i64::from(burst) + (now - start) / i64::from(period);
                    prop_assert!(i64::try_from(allowed.len() - index).unwrap() <= budget);
                }
            }
        }
    }
}
