//! The life of an operation: one task, one span, one event.
//!
//! An operation that counts, writes or mails runs in a task of its own. So it
//! comes to its end whatever the caller does: frameworks drop a handler's
//! future when the client goes away, and what an operation has begun to write
//! must be finished, told to the owner and reported all the same. Once nobody
//! waits for it, an operation gives up at the points where that undoes nothing:
//! while it reads, and while it waits for its turn to hash a password.
//!
//! An operation that only reads runs in the caller's future, and ends with it.

use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tracing::Instrument;

use super::{AuthService, Authenticated, HeldSession, RequestContext};
use crate::clock::Clock;
use crate::contained::catching;
use crate::error::{AuthError, ErrorCode};
use crate::event::{AuthEvent, Notice, Notices, Operation, emit};
use crate::id::{SessionId, UserId};
use crate::metrics::{self, Stopwatch};
use crate::store::Store;

/// Who and what an operation is about.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Subject {
    user_id: Option<UserId>,
    /// Who acts, if that is somebody else.
    actor_id: Option<UserId>,
    session_id: Option<SessionId>,
}

impl Subject {
    /// The caller, who is logged in.
    pub(super) fn caller(auth: &Authenticated) -> Self {
        Self {
            user_id: Some(auth.user().id),
            session_id: Some(auth.session().id),
            actor_id: None,
        }
    }

    /// The session whose token was presented.
    pub(super) fn held(held: HeldSession) -> Self {
        Self {
            user_id: Some(held.user_id),
            session_id: Some(held.session_id),
            actor_id: None,
        }
    }

    /// `user`, or many, as an administrator's business.
    pub(super) fn of_administrator(auth: &Authenticated, user: Option<UserId>) -> Self {
        Self {
            user_id: user,
            actor_id: Some(auth.user().id),
            session_id: None,
        }
    }
}

/// What becomes known while an operation runs, and what it goes by: a refusal is
/// reported with what was known by then. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Trail(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    context: RequestContext,
    known: Mutex<Known>,
    /// Closed when nobody waits for the operation any more.
    caller: watch::Receiver<()>,
}

#[derive(Debug)]
struct Known {
    subject: Subject,
    notices: Notices,
}

impl Trail {
    fn new(subject: Subject, context: &RequestContext) -> (Self, watch::Sender<()>) {
        let (waits, caller) = watch::channel(());
        let shared = Shared {
            context: context.clone(),
            known: Mutex::new(Known {
                subject,
                notices: Notices::default(),
            }),
            caller,
        };
        (Self(Arc::new(shared)), waits)
    }

    /// Where the request came from.
    pub(super) fn context(&self) -> &RequestContext {
        &self.0.context
    }

    /// The operation is about this user, or about none that is known.
    pub(super) fn about(&self, user: Option<UserId>) {
        self.known().subject.user_id = user;
    }

    /// The operation is about this session.
    pub(super) fn session(&self, session: SessionId) {
        self.known().subject.session_id = Some(session);
    }

    /// Adds something that an operator should know.
    pub(super) fn notice(&self, notice: Notice) {
        self.known().notices.insert(notice);
    }

    /// Waits until nobody waits for the operation any more.
    pub(super) fn gone(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut caller = self.0.caller.clone();
        async move {
            // No value is ever sent: it ends when the sender is dropped.
            while caller.changed().await.is_ok() {}
        }
    }

    /// Does `work`, and gives it up once nobody waits for it: for what may be
    /// left undone at any point.
    pub(super) async fn unless_gone<T, E: Into<AuthError>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, AuthError> {
        tokio::select! {
            biased;
            outcome = work => outcome.map_err(Into::into),
            () = self.gone() => Err(AuthError::Abandoned),
        }
    }

    // Each change is whole before anything in it could panic.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Runs `work` in a task of its own to its end, and reports exactly one
    /// event of it: also when it panics, and when the caller drops this future.
    ///
    /// # Errors
    ///
    /// Those of `work`; [`AuthError::Internal`] when it panics.
    pub(super) async fn operation<T, W>(
        &self,
        kind: Operation,
        subject: Subject,
        context: &RequestContext,
        work: impl FnOnce(Self, Trail) -> W,
    ) -> Result<T, AuthError>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, AuthError>> + Send + 'static,
    {
        let (trail, _waits) = Trail::new(subject, context);
        let report = Report::of(self.clone(), kind, trail.clone());
        let work = work(self.clone(), trail);
        let task = async move { report.end(catching(work).await) };
        tokio::spawn(task.instrument(span(kind)))
            .await
            .unwrap_or_else(|ended| Err(AuthError::Internal(Box::new(ended))))
    }

    /// Runs `work`, which changes nothing, in the caller's future, and reports
    /// one event of it, as [`operation`](Self::operation) does.
    ///
    /// # Errors
    ///
    /// Those of `work`; [`AuthError::Internal`] when it panics.
    pub(super) async fn reading<T>(
        &self,
        kind: Operation,
        subject: Subject,
        context: &RequestContext,
        work: impl AsyncFnOnce(&Trail) -> Result<T, AuthError>,
    ) -> Result<T, AuthError> {
        let (trail, _waits) = Trail::new(subject, context);
        let report = Report::of(self.clone(), kind, trail.clone());
        let work = catching(work(&trail)).instrument(span(kind));
        report.end(work.await)
    }

    /// Reports an operation that another one includes.
    pub(super) fn report_part<T>(
        &self,
        kind: Operation,
        subject: Subject,
        context: &RequestContext,
        outcome: &Result<T, AuthError>,
    ) {
        let (trail, _waits) = Trail::new(subject, context);
        Report::of(self.clone(), kind, trail).emit(outcome.as_ref().err());
    }
}

fn span(kind: Operation) -> tracing::Span {
    tracing::debug_span!("operation", operation = kind.as_str())
}

/// The event of an operation that is under way. It is emitted when the
/// operation ends, and by the drop if it never does.
struct Report<S: Store, C: Clock> {
    service: AuthService<S, C>,
    kind: Operation,
    trail: Trail,
    since: Stopwatch,
    is_due: bool,
}

impl<S: Store, C: Clock> Report<S, C> {
    /// The operation's time counts from here.
    fn of(service: AuthService<S, C>, kind: Operation, trail: Trail) -> Self {
        Self {
            service,
            kind,
            trail,
            since: Stopwatch::default(),
            is_due: true,
        }
    }

    fn end<T>(
        mut self,
        outcome: Result<Result<T, AuthError>, crate::contained::Panicked>,
    ) -> Result<T, AuthError> {
        let outcome =
            outcome.unwrap_or_else(|panicked| Err(AuthError::Internal(Box::new(panicked))));
        self.emit(outcome.as_ref().err());
        outcome
    }

    fn emit(&mut self, error: Option<&AuthError>) {
        self.is_due = false;
        if error.is_none() && is_reported_when_refused(self.kind) {
            metrics::unreported(self.kind, self.since);
            return;
        }
        if let Some(error) = error
            && error.code() == ErrorCode::Internal
        {
            let error: &dyn Error = error;
            tracing::error!(operation = self.kind.as_str(), error, "operation failed");
        }
        let context = self.trail.context();
        let event = {
            let known = self.trail.known();
            AuthEvent {
                at: self.service.now(),
                operation: self.kind,
                refused: error.map(AuthError::code),
                notices: known.notices.clone(),
                user_id: known.subject.user_id,
                actor_id: known.subject.actor_id,
                session_id: known.subject.session_id,
                mail: None,
                ip: context.address(),
                user_agent: context.user_agent.clone(),
            }
        };
        emit(&*self.service.inner.events, &event);
        metrics::operation_took(self.kind, self.since);
    }
}

impl<S: Store, C: Clock> Drop for Report<S, C> {
    fn drop(&mut self) {
        // A read whose caller has gone, or a runtime that is shut down. Of what
        // is reported only when it is refused, nothing is said: it was not.
        if self.is_due && !is_reported_when_refused(self.kind) {
            self.emit(Some(&AuthError::Abandoned));
        }
    }
}

/// Whether an operation comes so often, and means so little when it succeeds,
/// that only its refusal is an event.
const fn is_reported_when_refused(kind: Operation) -> bool {
    matches!(kind, Operation::ValidateToken | Operation::PasswordStrength)
}
