//! Comparing a new password with breached ones.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use super::AuthService;
use super::operation::Trail;
use crate::clock::Clock;
use crate::config::OnBreachFailure;
use crate::contained;
use crate::error::AuthError;
use crate::event::Notice;
use crate::password::NormalizedPassword;
use crate::password::breach::BreachQuery;
use crate::store::{Cause, Store};

/// When it makes sense to ask a source again that failed.
const RETRY_AFTER: Duration = Duration::from_secs(30);

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Whether `password` is known to have leaked; `false` when nobody can say
    /// and that is accepted, or when the service has no source. The lookup is cancelled when
    /// the caller disconnects.
    pub(super) async fn is_breached(
        &self,
        password: &NormalizedPassword,
        trail: &Trail,
    ) -> Result<bool, AuthError> {
        let Some(check) = &self.inner.breach_check else {
            return Ok(false);
        };
        let policy = self.config().breach;
        let (check, query) = (Arc::clone(check), BreachQuery::new(password));
        let ask = async move { check.is_breached(&query).await };
        let ask = async { Ok::<_, AuthError>(contained::call(policy.timeout, ask).await) };
        let answer = trail.unless_gone(ask).await?;
        match answer.map_err(Cause::from).flatten() {
            Ok(is_breached) => Ok(is_breached),
            Err(error) => {
                let error: &dyn Error = &*error;
                tracing::error!(error, "breached passwords could not be looked up");
                trail.notice(Notice::BreachCheckFailed);
                match policy.on_failure {
                    OnBreachFailure::Allow => Ok(false),
                    OnBreachFailure::Refuse => Err(AuthError::Unavailable {
                        retry_after: RETRY_AFTER,
                    }),
                }
            }
        }
    }
}
