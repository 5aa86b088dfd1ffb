//! Comparing a new password with breached ones.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;
use tracing::Instrument;

use super::AuthService;
use super::report::Trail;
use crate::clock::Clock;
use crate::config::OnBreachFailure;
use crate::error::AuthError;
use crate::event::Notice;
use crate::password::NormalizedPassword;
use crate::password::breach::{BreachCheck, BreachQuery};
use crate::store::Cause;

/// When it makes sense to ask a source again that failed.
const RETRY_AFTER: Duration = Duration::from_secs(30);

impl<S, C: Clock> AuthService<S, C> {
    /// Whether `password` is known to have leaked; `false` when nobody can say
    /// and that is accepted, or when the service has no source.
    pub(super) async fn is_breached(
        &self,
        password: &NormalizedPassword,
        trail: &mut Trail,
    ) -> Result<bool, AuthError> {
        let Some(check) = &self.inner.breach_check else {
            return Ok(false);
        };
        let policy = self.config().breach;
        let query = BreachQuery::new(password);
        match ask(Arc::clone(check), query, policy.timeout).await {
            Ok(is_breached) => Ok(is_breached),
            Err(error) => {
                let error: &dyn Error = &*error;
                tracing::error!(error, "breached passwords could not be looked up");
                trail.notice = Some(Notice::BreachCheckFailed);
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

/// Asks in a task of its own, so that a panic ends there. The task ends with
/// this future, be it dropped or out of time.
async fn ask(
    check: Arc<dyn BreachCheck>,
    query: BreachQuery,
    timeout: Duration,
) -> Result<bool, Cause> {
    let call = async move { check.is_breached(&query).await }.in_current_span();
    let call = tokio::spawn(call);
    let _end = AbortOnDrop(call.abort_handle());
    match tokio::time::timeout(timeout, call).await {
        Ok(Ok(answer)) => answer,
        // Not the panic's own text, which may repeat what it was about.
        Ok(Err(_)) => Err("the breach check panicked".into()),
        Err(elapsed) => Err(elapsed.into()),
    }
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
