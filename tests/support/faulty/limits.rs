//! Its limits, and the attempts that failed.

use std::time::Duration;

use admittance::limit::{Decision, LimitKey, Quota};
use admittance::lockout::{Attempt, Attempts, LockoutPolicy};
use admittance::store::{LimitStore, StoreError};
use admittance::time::Timestamp;
use async_trait::async_trait;

use super::Fault::*;
use super::{FaultyStore, Tables};

const FAR: Duration = Duration::from_secs(86_400);
const MILLISECOND: Duration = Duration::from_millis(1);

#[async_trait]
impl LimitStore for FaultyStore {
    async fn hit(
        &self,
        key: LimitKey,
        quota: Quota,
        now: Timestamp,
    ) -> Result<Decision, StoreError> {
        let key = match self.fault {
            CountsAllUnderOneKey => LimitKey::new("", b""),
            _ => key,
        };
        let read = |tables: &Tables| tables.limits.get(&key).copied();
        let write = |tables: &mut Tables, before: Option<Timestamp>| {
            let (mut full_at, decision) = quota.decide(before, now);
            if decision != Decision::Allowed {
                match self.fault {
                    CountsRefusedActs => full_at = full_at.saturating_add(quota.period()),
                    KeepsFarTimes => full_at = before.unwrap_or(full_at),
                    _ => {}
                }
            }
            if self.has(CountsInWholeSeconds) {
                full_at = Timestamp::from_secs(full_at.as_secs());
            }
            tables.limits.insert(key, full_at);
            decision
        };
        Ok(self.act(ReadsThenCounts, read, write).await)
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
            let (mut kept, attempt) = policy.attempt(before, now);
            match attempt {
                Attempt::Allowed { .. } if self.has(AttemptsSpendLimits) => {
                    tables.limits.insert(own, now.saturating_add(FAR));
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
            if self.has(WaitsInWholeSeconds) {
                kept.open_at = Timestamp::from_secs(kept.open_at.as_secs());
            }
            tables.attempts.insert(key, kept);
            attempt
        };
        Ok(self.act(ReadsThenCountsAttempts, read, write).await)
    }

    async fn forgive(&self, key: LimitKey) -> Result<(), StoreError> {
        let mut tables = self.tables();
        match self.fault {
            ForgivesNothing => {}
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
