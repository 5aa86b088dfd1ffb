//! Turns each operation's outcome into one event.

use std::error::Error;

use super::{AuthService, Authenticated, HeldSession, RequestContext};
use crate::clock::Clock;
use crate::error::{AuthError, ErrorCode};
use crate::event::{AuthEvent, Notice, Operation, emit};
use crate::id::{SessionId, UserId};
use crate::metrics::{self, Stopwatch};

/// Who and what an operation turned out to be about. Filled while it runs, so
/// that a refusal can be reported with what was known by then. It is made first:
/// the operation's time counts from there.
#[derive(Debug, Default)]
pub(super) struct Trail {
    pub(super) user_id: Option<UserId>,
    /// Who did it, if that is somebody else.
    pub(super) actor_id: Option<UserId>,
    pub(super) session_id: Option<SessionId>,
    pub(super) notice: Option<Notice>,
    pub(super) since: Stopwatch,
}

impl Trail {
    pub(super) fn of(auth: &Authenticated) -> Self {
        Self {
            user_id: Some(auth.user().id),
            session_id: Some(auth.session().id),
            ..Self::default()
        }
    }

    pub(super) fn of_held(held: HeldSession) -> Self {
        Self {
            user_id: Some(held.user_id),
            session_id: Some(held.session_id),
            ..Self::default()
        }
    }
}

impl<S, C: Clock> AuthService<S, C> {
    pub(super) fn report<T>(
        &self,
        operation: Operation,
        trail: &Trail,
        context: &RequestContext,
        result: &Result<T, AuthError>,
    ) {
        if let Err(error) = result
            && error.code() == ErrorCode::Internal
        {
            let error: &dyn Error = error;
            tracing::error!(operation = operation.as_str(), error, "operation failed");
        }
        let event = AuthEvent {
            at: self.now(),
            operation,
            refused: result.as_ref().err().map(AuthError::code),
            notice: trail.notice,
            user_id: trail.user_id,
            actor_id: trail.actor_id,
            session_id: trail.session_id,
            mail: None,
            ip: context.address(),
            user_agent: context.user_agent.clone(),
        };
        emit(&*self.inner.events, &event);
        metrics::operation_took(operation, trail.since);
    }
}
