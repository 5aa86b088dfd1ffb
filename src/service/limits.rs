//! Counting acts against budgets.

use std::collections::HashMap;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::operation::Trail;
use super::{AuthService, RequestContext};
use crate::clock::Clock;
use crate::error::AuthError;
use crate::limit::{Decision, Hit, LimitKey, Quota};
use crate::network::Network;
use crate::store::Store;
use crate::time::Timestamp;

/// Acts that were counted together, to be given back together.
#[derive(Clone, Debug, Default)]
#[must_use]
pub(super) struct Counted(Vec<Hit>);

impl Counted {
    /// Keeps the count.
    pub(super) fn keep(self) {}

    /// Returns the acts, to count them again.
    pub(super) fn into_hits(self) -> Vec<Hit> {
        self.0
    }
}

/// Budgets that this instance has found used up, so that a caller can be refused before it
/// costs the store an act or a thread a hash. Another instance may have given an act back
/// meanwhile; then the refusal still lasts until `room_at`.
#[derive(Debug, Default)]
pub(super) struct UsedUp(Mutex<Generations>);

/// The later refusals, and those before them. When there are too many of the later ones,
/// those before them are forgotten: this costs the same however many there are, and a flood
/// from many networks never keeps a new refusal from being remembered.
#[derive(Debug, Default)]
struct Generations {
    later: HashMap<LimitKey, Until>,
    earlier: HashMap<LimitKey, Until>,
}

/// A refusal: when it was given, and when the budget has room again.
#[derive(Clone, Copy, Debug)]
struct Until {
    refused_at: Timestamp,
    room_at: Timestamp,
}

impl Until {
    /// A refusal from the future is of a clock that was turned back.
    fn holds(&self, now: Timestamp) -> bool {
        self.refused_at <= now && now < self.room_at
    }
}

impl UsedUp {
    /// How many are remembered at most in each generation.
    const CAPACITY: usize = 5_000;

    fn note(&self, key: LimitKey, now: Timestamp, retry_after: Duration) {
        let mut refusals = self.lock();
        if refusals.later.len() >= Self::CAPACITY {
            refusals.earlier = mem::take(&mut refusals.later);
        }
        let until = Until {
            refused_at: now,
            room_at: now.saturating_add(retry_after),
        };
        refusals.later.insert(key, until);
    }

    /// An act was given back to the budget.
    fn forget(&self, key: LimitKey) {
        let mut refusals = self.lock();
        refusals.later.remove(&key);
        refusals.earlier.remove(&key);
    }

    /// For how long the budget is used up.
    fn retry_after(&self, key: LimitKey, now: Timestamp) -> Option<Duration> {
        let refusals = self.lock();
        let until = refusals.later.get(&key).or(refusals.earlier.get(&key))?;
        let until = Some(until).filter(|until| until.holds(now))?;
        Some(until.room_at.saturating_since(now))
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Refuses a caller whose budget for correct passwords, `key`, is known to be
    /// used up: after a hash it would be refused as well.
    ///
    /// # Errors
    ///
    /// [`AuthError::RateLimited`].
    pub(super) fn may_succeed(&self, key: LimitKey) -> Result<(), AuthError> {
        match self.inner.used_up.retry_after(key, self.now()) {
            Some(retry_after) => Err(AuthError::RateLimited { retry_after }),
            None => Ok(()),
        }
    }

    /// Counts a correct password under `key`.
    ///
    /// # Errors
    ///
    /// As for [`limit_network`](Self::limit_network).
    pub(super) async fn count_success(&self, key: LimitKey) -> Result<Counted, AuthError> {
        let Some(quota) = self.config().limits.success_by_account else {
            return Ok(Counted::default());
        };
        let now = self.now();
        let counted = self.count(vec![Hit { key, quota }]).await;
        if let Err(AuthError::RateLimited { retry_after }) = counted {
            self.inner.used_up.note(key, now, retry_after);
        }
        counted
    }

    /// Counts one act of the caller against each of the caller's networks.
    ///
    /// # Errors
    ///
    /// [`AuthError::RateLimited`] if one of the budgets is used up; then none
    /// is charged. [`AuthError::Store`] if the limiter fails.
    pub(super) async fn limit_network(
        &self,
        scope: &str,
        quota: Option<Quota>,
        trail: &Trail,
    ) -> Result<Counted, AuthError> {
        let network = trail.context().network();
        let hits = quota.map(|quota| by_network(scope, network, quota));
        let hits = hits.unwrap_or_default();
        // The narrowest network: whatever refuses one of its clients refuses them all.
        let Some(narrowest) = hits.first().map(|hit| hit.key) else {
            return Ok(Counted::default());
        };
        let now = self.now();
        self.refuse_used_up(narrowest, now)?;
        let counted = trail.unless_gone(self.count(hits)).await;
        if let Err(AuthError::RateLimited { retry_after }) = counted {
            self.inner.used_up.note(narrowest, now, retry_after);
        }
        counted
    }

    /// Refuses what [`limit_network`](Self::limit_network) would refuse without a call to the
    /// store, and counts nothing.
    #[cfg(feature = "federation")]
    pub(super) fn refuse_used_up_network(
        &self,
        scope: &str,
        quota: Option<Quota>,
        trail: &Trail,
    ) -> Result<(), AuthError> {
        let network = trail.context().network();
        let hits = quota.map(|quota| by_network(scope, network, quota));
        match hits.unwrap_or_default().first() {
            Some(narrowest) => self.refuse_used_up(narrowest.key, self.now()),
            None => Ok(()),
        }
    }

    fn refuse_used_up(&self, key: LimitKey, now: Timestamp) -> Result<(), AuthError> {
        match self.inner.used_up.retry_after(key, now) {
            Some(retry_after) => Err(AuthError::RateLimited { retry_after }),
            None => Ok(()),
        }
    }

    /// Counts one act against `subject`.
    ///
    /// # Errors
    ///
    /// As for [`limit_network`](Self::limit_network).
    pub(super) async fn limit(
        &self,
        scope: &str,
        subject: &[u8],
        quota: Option<Quota>,
        trail: &Trail,
    ) -> Result<(), AuthError> {
        let key = LimitKey::new(scope, subject);
        let hits = quota.map(|quota| vec![Hit { key, quota }]);
        let counted = trail.unless_gone(self.count(hits.unwrap_or_default()));
        counted.await.map(Counted::keep)
    }

    /// Counts one act under all of `hits`, or under none.
    pub(super) async fn count(&self, hits: Vec<Hit>) -> Result<Counted, AuthError> {
        if hits.is_empty() {
            return Ok(Counted::default());
        }
        match self.inner.store.hit_all(&hits, self.now()).await? {
            Decision::Allowed => Ok(Counted(hits)),
            Decision::Refused { retry_after } => Err(AuthError::RateLimited { retry_after }),
        }
    }

    /// Takes back what was counted. If that fails, the budgets recover with
    /// time.
    pub(super) async fn give_back(&self, Counted(hits): Counted) {
        if hits.is_empty() {
            return;
        }
        for hit in &hits {
            self.inner.used_up.forget(hit.key);
        }
        if let Err(error) = self.inner.store.give_back(&hits).await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "an act that was counted was not given back");
        }
    }
}

/// The budgets of a client's networks: `quota` times the factor of each level.
pub(super) fn by_network(scope: &str, network: Network, quota: Quota) -> Vec<Hit> {
    let hit = |level: crate::network::Level| Hit {
        key: LimitKey::new(scope, &level.prefix.to_bytes()),
        quota: quota.times(level.factor),
    };
    network.levels().map(hit).collect()
}

impl RequestContext {
    /// The networks of the client.
    pub(super) fn network(&self) -> Network {
        Network::of(self.ip())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Duration = Duration::from_secs(6);

    fn key(number: u32) -> LimitKey {
        LimitKey::new("test", &number.to_be_bytes())
    }

    #[test]
    fn a_refusal_lasts_until_the_budget_has_room() {
        let (used_up, now) = (UsedUp::default(), Timestamp::from_secs(1000));
        used_up.note(key(1), now, WAIT);
        let later = now.saturating_add(Duration::from_secs(5));
        assert_eq!(
            used_up.retry_after(key(1), later),
            Some(Duration::from_secs(1))
        );
        assert_eq!(used_up.retry_after(key(2), later), None);
        assert_eq!(used_up.retry_after(key(1), now.saturating_add(WAIT)), None);
    }

    #[test]
    fn a_refusal_ends_when_an_act_is_given_back_or_the_clock_is_turned_back() {
        let (used_up, now) = (UsedUp::default(), Timestamp::from_secs(1000));
        used_up.note(key(1), now, WAIT);
        used_up.forget(key(1));
        assert_eq!(used_up.retry_after(key(1), now), None);
        used_up.note(key(1), now, WAIT);
        assert_eq!(used_up.retry_after(key(1), Timestamp::from_secs(999)), None);
    }

    #[test]
    fn remembered_refusals_are_bounded_and_new_ones_are_remembered() {
        let (used_up, now) = (UsedUp::default(), Timestamp::from_secs(1000));
        for number in 0..20_000 {
            used_up.note(key(number), now, WAIT);
            assert_eq!(used_up.retry_after(key(number), now), Some(WAIT));
        }
        let refusals = used_up.lock();
        assert!(refusals.later.len() + refusals.earlier.len() <= 2 * UsedUp::CAPACITY);
    }

    #[test]
    fn a_refusal_is_remembered_through_as_many_others_as_a_generation_has() {
        let (used_up, now) = (UsedUp::default(), Timestamp::from_secs(1000));
        for number in 0..=5_000 {
            used_up.note(key(number), now, WAIT);
        }
        assert_eq!(used_up.retry_after(key(0), now), Some(WAIT));
        used_up.forget(key(0));
        assert_eq!(used_up.retry_after(key(0), now), None);
    }
}
