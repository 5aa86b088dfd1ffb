//! Counting acts against budgets.

use super::operation::Trail;
use super::{AuthService, RequestContext};
use crate::clock::Clock;
use crate::error::AuthError;
use crate::limit::{Decision, Hit, LimitKey, Quota};
use crate::network::Network;
use crate::store::Store;

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

impl<S: Store, C: Clock> AuthService<S, C> {
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
        if let Err(error) = self.inner.store.give_back(&hits, self.now()).await {
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
        Network::of(self.ip)
    }
}
