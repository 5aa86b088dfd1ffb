//! Rate limits: quotas, keys, and the rule (GCRA), as pure functions.

use std::fmt;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::time::{CLOCK_SKEW, Timestamp};

/// How many acts are allowed: `burst` at once, and one more every `period`.
///
/// The rule is GCRA, the leaky bucket as a meter (ITU-T I.371): it allows
/// exactly `burst` acts at once after a rest, and no more than
/// `burst + t / period` in any time `t`. If two clocks count, which differ by at most
/// [`CLOCK_SKEW`], it allows at most another `burst`.
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

    /// Counts one act at `now` in a budget of which `usage` is kept (`None`: nothing
    /// was counted before). Returns what to keep, and what is decided; a refused act
    /// is not counted.
    ///
    /// Time that some act was counted at has passed for everybody. If `now` is
    /// earlier, another instance's clock is ahead: nothing is regained until this
    /// one has caught up. So two clocks that differ allow one burst more than the
    /// quota at most, and lengthen a wait by no more than they differ. A time more
    /// than [`CLOCK_SKEW`] ahead, which only a clock that was turned back leaves
    /// behind, is taken as [`CLOCK_SKEW`] ahead.
    pub fn decide(&self, usage: Option<Usage>, now: Timestamp) -> (Option<Usage>, Decision) {
        let held = self.held(usage, now);
        let counted = held.plus(self.period());
        if counted.used <= self.window() {
            return (Some(counted), Decision::Allowed);
        }
        // At the end of time, `full_at` stands still.
        let until_full = held.full_at.saturating_since(now).max(held.used);
        let retry_after = until_full
            .saturating_add(self.period())
            .saturating_sub(self.window());
        let kept = usage.map(|usage| match held.full_at < usage.full_at {
            true => held,
            false => usage,
        });
        (kept, Decision::Refused { retry_after })
    }

    /// What is used at `now`, at most one window.
    fn held(&self, usage: Option<Usage>, now: Timestamp) -> Usage {
        let Some(usage) = usage else {
            return Usage {
                used: Duration::ZERO,
                full_at: now,
            };
        };
        let left = usage.full_at.saturating_since(now);
        let used = usage.used.min(left).min(self.window());
        let counted_at = usage.full_at.saturating_sub(usage.used);
        let since = counted_at.max(now).min(now.saturating_add(CLOCK_SKEW));
        Usage {
            used,
            full_at: since.saturating_add(used),
        }
    }

    /// Takes one counted act back from `usage`, which is never less than nothing.
    ///
    /// It takes away as much as counting the act added, so other acts may
    /// be counted in between, in any order.
    #[must_use]
    pub fn give_back(&self, usage: Usage) -> Usage {
        let act = self.period().min(usage.used);
        Usage {
            used: usage.used.saturating_sub(act),
            full_at: usage.full_at.saturating_sub(act),
        }
    }
}

/// What is kept of a budget. It is whole at `full_at`, and before that no more than
/// `used` is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// What was missing when the last act was counted: for each act the time in which it is
    /// regained, in whole milliseconds.
    pub used: Duration,
    /// When the budget is whole again: `used` after the latest time that an act was
    /// counted at.
    pub full_at: Timestamp,
}

impl Usage {
    /// Whether the budget is whole for every instance whose clock is at most
    /// [`CLOCK_SKEW`] behind `now`: then the usage need not be kept.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.full_at.saturating_add(CLOCK_SKEW) <= now
    }

    fn plus(self, act: Duration) -> Self {
        Self {
            used: self.used.saturating_add(act),
            full_at: self.full_at.saturating_add(act),
        }
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

/// Counts one act at `now` in all of `budgets` together: for each, the quota and what
/// is kept of its usage. Returns what to keep, in the same order, and what is decided.
///
/// The act is allowed if each of them has room, as [`Quota::decide`] says. A
/// refusal uses up none of them and has the longest wait of those that refuse.
/// Without budgets, the act is allowed.
pub fn decide_all(
    budgets: &[(Quota, Option<Usage>)],
    now: Timestamp,
) -> (Vec<Option<Usage>>, Decision) {
    let mut decision = Decision::Allowed;
    let (counted, uncounted): (Vec<_>, Vec<_>) = budgets
        .iter()
        .map(|(quota, usage)| {
            let (next, own) = quota.decide(*usage, now);
            decision = decision.and(own);
            match own {
                Decision::Allowed => (next, *usage),
                Decision::Refused { .. } => (next, next),
            }
        })
        .unzip();
    match decision {
        Decision::Allowed => (counted, decision),
        Decision::Refused { .. } => (uncounted, decision),
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

    /// A key that a store read back.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
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
mod tests;
