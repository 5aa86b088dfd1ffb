//! Its limits, and the attempts that failed.

use std::time::Duration;

use admittance::limit::{Decision, Hit, LimitKey, MAX_HITS, Usage, decide_all};
use admittance::lockout::{Attempt, Attempts, LockoutPolicy};
use admittance::store::{LimitStore, StoreError};
use admittance::time::Timestamp;
use async_trait::async_trait;

use super::Fault::*;
use super::{Tables, WrongStore};

const FAR: Duration = Duration::from_secs(86_400);
/// 2^31 - 1 milliseconds.
const MOST_OF_31_BITS: Duration = Duration::from_millis(0x7fff_ffff);
const MILLISECOND: Duration = Duration::from_millis(1);

impl WrongStore {
    fn few(&self, hits: &[Hit]) -> Result<(), StoreError> {
        match hits.len() <= MAX_HITS || self.has(TakesAnyNumberOfBudgets) {
            true => Ok(()),
            false => Err(StoreError::Other("too many budgets".into())),
        }
    }

    fn limit_key(&self, hit: &Hit) -> LimitKey {
        match self.fault {
            CountsAllUnderOneKey => LimitKey::new("", b""),
            _ => hit.key,
        }
    }

    async fn count(&self, hits: &[Hit], now: Timestamp) -> Decision {
        let read = |tables: &Tables| {
            let kept = |hit: &Hit| tables.limits.get(&self.limit_key(hit)).copied();
            let budgets = hits.iter().map(|hit| (hit.quota, kept(hit)));
            budgets.collect::<Vec<_>>()
        };
        let write = |tables: &mut Tables, budgets: Vec<_>| {
            let (usages, decision) = decide_all(&budgets, now);
            for ((hit, (quota, before)), usage) in hits.iter().zip(budgets).zip(usages) {
                let Some(Usage {
                    mut used,
                    mut full_at,
                }) = usage
                else {
                    continue;
                };
                match (self.fault, decision, before) {
                    (CountsRefusedActs, Decision::Refused { .. }, _) => {
                        used = used.saturating_add(quota.period());
                        full_at = full_at.saturating_add(quota.period());
                    }
                    (KeepsFarTimes, Decision::Refused { .. }, Some(before)) => {
                        Usage { used, full_at } = before;
                    }
                    (WaitsAtMost25Days, ..) => {
                        full_at = full_at.min(now.saturating_add(MOST_OF_31_BITS));
                    }
                    (CountsInWholeSeconds, ..) => full_at = Timestamp::from_secs(full_at.as_secs()),
                    // Time that an instance ahead has counted at is regained again.
                    (CountsByEachClock, ..) => used = full_at.saturating_since(now),
                    _ => {}
                }
                let usage = Usage { used, full_at };
                tables.limits.insert(self.limit_key(hit), usage);
            }
            decision
        };
        self.act(ReadsThenCounts, read, write).await
    }
}

#[async_trait]
impl LimitStore for WrongStore {
    async fn hit_all(&self, hits: &[Hit], now: Timestamp) -> Result<Decision, StoreError> {
        self.few(hits)?;
        let hits = match self.fault {
            KnowsLastBudgetOnly => hits.last().map(std::slice::from_ref).unwrap_or_default(),
            _ => hits,
        };
        if self.has(CountsBudgetsOneByOne) {
            let mut refused = Decision::Allowed;
            for hit in hits {
                match self.count(std::slice::from_ref(hit), now).await {
                    Decision::Allowed => {}
                    decision => refused = decision,
                }
            }
            return Ok(refused);
        }
        Ok(self.count(hits, now).await)
    }

    async fn give_back(&self, hits: &[Hit]) -> Result<(), StoreError> {
        self.few(hits)?;
        let mut tables = self.tables();
        for hit in hits {
            let Some(usage) = tables.limits.get(&hit.key).copied() else {
                continue;
            };
            let once = hit.quota.give_back(usage);
            let left = match self.fault {
                GivesBackNothing => usage,
                GivesBackEverything => Usage {
                    used: Duration::ZERO,
                    full_at: usage.full_at.saturating_sub(usage.used),
                },
                GivesBackTwice => hit.quota.give_back(once),
                ForgetsWhatWasGivenBack if once.used.is_zero() => {
                    tables.limits.remove(&hit.key);
                    continue;
                }
                _ => once,
            };
            tables.limits.insert(hit.key, left);
        }
        Ok(())
    }

    async fn attempt(
        &self,
        key: LimitKey,
        policy: &LockoutPolicy,
        now: Timestamp,
    ) -> Result<Attempt, StoreError> {
        let own = key;
        let key = match self.fault {
            CountsAttemptsUnderOneKey => LimitKey::new("", b""),
            _ => key,
        };
        let read = |tables: &Tables| tables.attempts.get(&key).copied();
        let write = |tables: &mut Tables, before: Option<Attempts>| {
            let before = match before {
                // What the table says is the longest, by the clock of each instance.
                Some(kept) if self.has(ShortensLocksOfClocksAhead) => Some(Attempts {
                    open_at: kept
                        .open_at
                        .min(now.saturating_add(policy.wait_after(kept.count))),
                    ..kept
                }),
                _ => before,
            };
            let (mut kept, attempt) = policy.attempt(before, now);
            match attempt {
                Attempt::Allowed { .. } if self.has(AttemptsSpendLimits) => {
                    let usage = Usage {
                        used: FAR,
                        full_at: now.saturating_add(FAR),
                    };
                    tables.limits.insert(own, usage);
                }
                Attempt::Allowed { .. } if self.has(RemembersAttemptsForLonger) => {
                    kept.forgotten_at = kept.forgotten_at.saturating_add(MILLISECOND);
                }
                Attempt::Allowed { locks_for, .. } if self.has(KnowsFirstStepOnly) => {
                    let first = policy.steps().first().map_or(locks_for, |step| step.wait);
                    kept.open_at = now.saturating_add(locks_for.min(first));
                }
                Attempt::Locked { .. } => match self.fault {
                    CountsLockedAttempts => {
                        kept.count += 1;
                        kept.open_at = now.saturating_add(policy.wait_after(kept.count));
                    }
                    LockedAttemptsAreRemembered => {
                        kept.forgotten_at = now.saturating_add(policy.forget_after());
                    }
                    KeepsFarLocks => kept = before.unwrap_or(kept),
                    _ => {}
                },
                Attempt::Allowed { .. } => {}
            }
            if self.has(LocksAtMost25Days) {
                kept.open_at = kept.open_at.min(now.saturating_add(MOST_OF_31_BITS));
            }
            if self.has(WaitsInWholeSeconds) {
                kept.open_at = Timestamp::from_secs(kept.open_at.as_secs());
            }
            tables.attempts.insert(key, kept);
            attempt
        };
        Ok(self.act(ReadsThenCountsAttempts, read, write).await)
    }

    async fn forgive(&self, key: LimitKey, until: Timestamp) -> Result<(), StoreError> {
        let mut tables = self.tables();
        let kept = tables.attempts.get(&key);
        let is_later = kept.is_some_and(|kept| !kept.are_forgiven(until));
        match self.fault {
            ForgivesNothing => {}
            _ if is_later && !self.has(ForgivesLaterFailures) => {}
            ForgivesEverybody => tables.attempts.clear(),
            _ => {
                tables.attempts.remove(&key);
            }
        }
        if self.has(SuccessRestoresLimits) {
            tables.limits.remove(&key);
        }
        Ok(())
    }
}
