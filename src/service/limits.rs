//! Counting acts against budgets.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::operation::Trail;
use super::{AuthService, RequestContext};
use crate::clock::Clock;
use crate::error::AuthError;
use crate::id::UserId;
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

/// Budgets that this instance has found used up. A caller that brings only what
/// they count is refused without another look, before it costs more.
#[derive(Debug, Default)]
pub(super) struct UsedUp(Mutex<HashMap<LimitKey, Until>>);

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
    /// How many are remembered at most.
    const CAPACITY: usize = 10_000;

    fn note(&self, key: LimitKey, now: Timestamp, retry_after: Duration) {
        let mut refusals = self.lock();
        if refusals.len() >= Self::CAPACITY {
            refusals.retain(|_, until| until.holds(now));
        }
        if refusals.len() < Self::CAPACITY {
            let room_at = now.saturating_add(retry_after);
            let refused_at = now;
            refusals.insert(
                key,
                Until {
                    refused_at,
                    room_at,
                },
            );
        }
    }

    /// The budget has room again, or had it all along.
    fn forget(&self, key: LimitKey) {
        self.lock().remove(&key);
    }

    /// For how long the budget is used up.
    fn retry_after(&self, key: LimitKey, now: Timestamp) -> Option<Duration> {
        let mut refusals = self.lock();
        let until = *refusals.get(&key)?;
        if !until.holds(now) {
            refusals.remove(&key);
            return None;
        }
        Some(until.room_at.saturating_since(now))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<LimitKey, Until>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Refuses a caller whose budget for correct passwords of `account` is known to
    /// be used up: it would be refused after a hash.
    ///
    /// # Errors
    ///
    /// [`AuthError::RateLimited`].
    pub(super) fn may_succeed(&self, account: UserId) -> Result<(), AuthError> {
        let key = success_key(account);
        match self.inner.used_up.retry_after(key, self.now()) {
            Some(retry_after) => Err(AuthError::RateLimited { retry_after }),
            None => Ok(()),
        }
    }

    /// Counts a correct password of `account`.
    ///
    /// # Errors
    ///
    /// As for [`limit_network`](Self::limit_network).
    pub(super) async fn count_success(&self, account: UserId) -> Result<Counted, AuthError> {
        let Some(quota) = self.config().limits.success_by_account else {
            return Ok(Counted::default());
        };
        let (key, now) = (success_key(account), self.now());
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
        trail
            .unless_gone(self.count(hits.unwrap_or_default()))
            .await
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
        if let Err(error) = self.inner.store.give_back(&hits, self.now()).await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "an act that was counted was not given back");
        }
    }
}

fn success_key(account: UserId) -> LimitKey {
    LimitKey::new("success:account", &account.to_bytes())
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
