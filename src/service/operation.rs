//! The life of an operation: one task, one span, one event.
//!
//! An operation that counts, writes or mails runs in a task of its own, because
//! frameworks drop a handler's future when the client disconnects. Once it has
//! begun to write, the operation finishes, notifies the owner and reports its
//! event, with or without a caller. Without a caller, it stops early at the
//! points where that undoes nothing: while it reads, and while it waits for its
//! turn to hash a password.
//!
//! An operation that only reads runs in the caller's future, and ends with it.

mod caller;

use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tracing::Instrument;

use super::{AuthService, HeldSession, RequestContext};
use crate::clock::Clock;
use crate::contained::catching;
use crate::error::{AuthError, ErrorCode};
use crate::event::{AuthEvent, Notice, Notices, Operation, TakenOver, emit};
use crate::id::{SessionId, UserId};
use crate::metrics::{self, Stopwatch};
use crate::store::{Store, StoreError};

pub(super) use caller::By;

/// Who and what an operation is about.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Subject {
    user_id: Option<UserId>,
    /// The administrator who acts on that user, if any.
    actor_id: Option<UserId>,
    session_id: Option<SessionId>,
}

impl Subject {
    /// The account, without a caller.
    pub(super) fn account(user: UserId) -> Self {
        Self {
            user_id: Some(user),
            ..Self::default()
        }
    }

    /// The session whose token was presented.
    pub(super) fn held(held: HeldSession) -> Self {
        Self {
            user_id: Some(held.user_id()),
            session_id: Some(held.session_id()),
            actor_id: None,
        }
    }
}

/// The facts that an operation learns while it runs. A refusal is reported with
/// the facts known by then. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Trail(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    context: RequestContext,
    known: Mutex<Known>,
    /// Closed when the caller's future is dropped.
    caller: watch::Receiver<()>,
}

#[derive(Debug)]
struct Known {
    subject: Subject,
    notices: Notices,
    taken_over: Option<Box<TakenOver>>,
    is_unchanged: bool,
}

impl Trail {
    fn new(subject: Subject, context: &RequestContext) -> (Self, watch::Sender<()>) {
        let (waits, caller) = watch::channel(());
        let shared = Shared {
            context: context.clone(),
            known: Mutex::new(Known {
                subject,
                notices: Notices::default(),
                taken_over: None,
                is_unchanged: false,
            }),
            caller,
        };
        (Self(Arc::new(shared)), waits)
    }

    /// The context of the request.
    pub(super) fn context(&self) -> &RequestContext {
        &self.0.context
    }

    /// Sets the user that the operation is about; `None` if there is no such
    /// user.
    pub(super) fn about(&self, user: Option<UserId>) {
        self.known().subject.user_id = user;
    }

    /// Sets the session that the operation is about.
    pub(super) fn session(&self, session: SessionId) {
        self.known().subject.session_id = Some(session);
    }

    /// Adds a notice to the event.
    pub(super) fn notice(&self, notice: Notice) {
        self.known().notices.insert(notice);
    }

    /// The operation takes over an account that had this.
    pub(super) fn taken_over(&self, before: TakenOver) {
        self.known().taken_over = Some(Box::new(before));
    }

    /// If the operation succeeds, it has found nothing to change.
    pub(super) fn unchanged(&self) {
        self.known().is_unchanged = true;
    }

    /// Completes when the caller's future is dropped.
    pub(super) fn gone(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut caller = self.0.caller.clone();
        async move {
            // No value is ever sent: `changed` fails when the sender is
            // dropped.
            while caller.changed().await.is_ok() {}
        }
    }

    /// Does `work`, and stops it when the caller's future is dropped. `work`
    /// must be safe to stop at any point.
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

    // No code panics between two changes under this lock.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Runs `work` to its end in a task of its own, and reports exactly one
    /// event, even if it panics or the caller drops this future.
    ///
    /// # Errors
    ///
    /// Those of `work`; [`AuthError::Internal`] if it panics.
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
    /// one event, as [`operation`](Self::operation) does.
    ///
    /// # Errors
    ///
    /// Those of `work`; [`AuthError::Internal`] if it panics.
    pub(super) async fn reading<T>(
        &self,
        kind: Operation,
        subject: Subject,
        context: &RequestContext,
        work: impl AsyncFnOnce(&Trail) -> Result<T, AuthError>,
    ) -> Result<T, AuthError> {
        let (trail, _waits) = Trail::new(subject, context);
        let report = Report::of(self.clone(), kind, trail.clone());
        let work = async { report.end(catching(work(&trail)).await) };
        work.instrument(span(kind)).await
    }

    /// Reports an operation that is a part of another one.
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

/// The event of a running operation. It is emitted when the operation ends, or
/// on drop if it never does.
struct Report<S: Store, C: Clock> {
    service: AuthService<S, C>,
    kind: Operation,
    trail: Trail,
    since: Stopwatch,
    is_due: bool,
}

impl<S: Store, C: Clock> Report<S, C> {
    /// The duration is measured from here.
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
        if let Some(AuthError::Store(StoreError::Full)) = error {
            tracing::error!(operation = self.kind.as_str(), "the store is full");
            self.trail.notice(Notice::StoreFull);
        }
        let is_down = matches!(
            error,
            Some(AuthError::Store(
                StoreError::Unavailable(_) | StoreError::Timeout
            ))
        );
        if let Some(error) = error
            && (is_down || error.code() == ErrorCode::Internal)
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
                unchanged: error.is_none() && known.is_unchanged,
                notices: known.notices.clone(),
                user_id: known.subject.user_id,
                actor_id: known.subject.actor_id,
                session_id: known.subject.session_id,
                mail: None,
                ip: context.ip(),
                user_agent: context.user_agent().map(str::to_owned),
                taken_over: known.taken_over.clone(),
            }
        };
        emit(&*self.service.inner.events, &event);
        metrics::operation_took(self.kind, self.since);
    }
}

impl<S: Store, C: Clock> Drop for Report<S, C> {
    fn drop(&mut self) {
        // The caller's future was dropped during a read, or the runtime shut
        // down. Operations that are reported only when refused were not
        // refused.
        if self.is_due && !is_reported_when_refused(self.kind) {
            self.emit(Some(&AuthError::Abandoned));
        }
    }
}

/// Returns `true` for operations that are frequent and insignificant when they
/// succeed: only their refusals are events.
const fn is_reported_when_refused(kind: Operation) -> bool {
    matches!(kind, Operation::ValidateToken | Operation::PasswordStrength)
}
