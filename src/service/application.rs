//! What follows when the application's own code fails: its hooks, its second factors, its
//! source of claims.

use std::error::Error;
use std::time::Duration;

use super::operation::Trail;
use crate::error::{AuthError, Cause};
use crate::event::Notice;

/// The `Retry-After` while the application's code fails.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// Logs that `what` failed, and adds it to the event of the operation.
pub(super) fn report_failure(what: &'static str, error: &Cause, trail: &Trail) {
    let error: &dyn Error = &**error;
    tracing::error!(error, "{what} failed");
    trail.notice(Notice::HookFailed);
}

/// The same, for an operation that cannot go on.
pub(super) fn unavailable(what: &'static str, error: &Cause, trail: &Trail) -> AuthError {
    report_failure(what, error, trail);
    AuthError::Unavailable {
        retry_after: RETRY_AFTER,
    }
}
