//! Operations of somebody who is logged in.
//!
//! Every method that takes an [`Authenticated`] comes through here: only this
//! module can name the caller in an operation's event. So a value of another
//! service is refused by all of them, and what changes something sees the
//! account and the session as the store has them now; so do reads with a value that is a minute old.

use std::time::Duration;

use super::{Subject, Trail};
use crate::clock::Clock;
use crate::error::AuthError;
use crate::event::Operation;
use crate::id::{SessionId, UserId};
use crate::service::{AuthService, Authenticated, RequestContext};
use crate::store::Store;

/// For how long a read takes the caller to be as when the value was made: longer
/// than a request lasts. What changes something always reads the account again.
const TRUSTED_FOR: Duration = Duration::from_secs(60);

/// Who acts, and on what.
#[derive(Clone, Copy, Debug)]
pub(in crate::service) struct By<'a> {
    auth: &'a Authenticated,
    subject: Subject,
    beginning: Beginning,
}

/// What precedes an act.
#[derive(Clone, Copy, Debug)]
enum Beginning {
    /// The account and the session are read.
    Read,
    /// The act counts against the session, then both are read.
    Counted,
    /// Neither: the act itself finds out whether the session is live.
    Leaving,
}

impl<'a> By<'a> {
    /// The owner of an account, about that account.
    pub(in crate::service) fn owner(auth: &'a Authenticated) -> Self {
        let subject = Subject {
            user_id: Some(auth.user().id),
            session_id: Some(auth.session().id),
            actor_id: None,
        };
        Self {
            auth,
            subject,
            beginning: Beginning::Read,
        }
    }

    /// An administrator, about the account `user` or about many.
    pub(in crate::service) fn administrator(auth: &'a Authenticated, user: Option<UserId>) -> Self {
        let subject = Subject {
            user_id: user,
            actor_id: Some(auth.user().id),
            session_id: None,
        };
        Self {
            auth,
            subject,
            beginning: Beginning::Read,
        }
    }

    /// The act costs a hash, a score or the look-up of a link, and counts against
    /// the session: neither strangers in the same network nor another session of the
    /// account, which may be stolen, use up its budget.
    pub(in crate::service) fn counted(mut self) -> Self {
        self.beginning = Beginning::Counted;
        self
    }

    /// The act ends the caller's session and does nothing else, so that it needs
    /// no other look at the account.
    pub(in crate::service) fn leaving(mut self) -> Self {
        self.beginning = Beginning::Leaving;
        self
    }

    /// The act is about this session of the account.
    pub(in crate::service) fn on_session(mut self, session: SessionId) -> Self {
        self.subject.session_id = Some(session);
        self
    }
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Runs `work` as [`operation`](Self::operation) does, with the caller as the
    /// store has them now, whatever a cache has kept.
    ///
    /// # Errors
    ///
    /// Those of `work`; [`AuthError::InvalidToken`] when the value is another
    /// service's, or the session has ended; [`AuthError::RateLimited`] for what
    /// is counted; [`AuthError::Store`].
    pub(in crate::service) async fn acting<T, W>(
        &self,
        kind: Operation,
        by: By<'_>,
        context: &RequestContext,
        work: impl FnOnce(Self, Authenticated, Trail) -> W + Send + 'static,
    ) -> Result<T, AuthError>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, AuthError>> + Send + 'static,
    {
        let (owned, subject) = self.own(by);
        let (owned, beginning) = (owned.cloned(), by.beginning);
        let act = async move |service: Self, trail: Trail| {
            let auth = owned.ok_or(AuthError::InvalidToken)?;
            let auth = match beginning {
                Beginning::Leaving => auth,
                Beginning::Read => service.as_of_now(&auth).await?,
                Beginning::Counted => {
                    let quota = service.config().limits.checks_by_session;
                    let session = auth.session().id.to_bytes();
                    service.limit("session", &session, quota, &trail).await?;
                    trail.unless_gone(service.as_of_now(&auth)).await?
                }
            };
            work(service, auth, trail).await
        };
        self.operation(kind, subject, context, act).await
    }

    /// Runs `work`, which changes nothing, as [`reading`](Self::reading) does,
    /// with the caller as they were when the value was made; if that is longer ago
    /// than a request lasts, as the store has them now.
    ///
    /// # Errors
    ///
    /// Those of `work`; [`AuthError::InvalidToken`] when the value is another
    /// service's.
    pub(in crate::service) async fn reading_by<T>(
        &self,
        kind: Operation,
        by: By<'_>,
        context: &RequestContext,
        work: impl AsyncFnOnce(&Authenticated, &Trail) -> Result<T, AuthError>,
    ) -> Result<T, AuthError> {
        let (owned, subject) = self.own(by);
        let read = async |trail: &Trail| {
            let auth = owned.ok_or(AuthError::InvalidToken)?;
            let (now, then) = (self.now(), auth.checked_at());
            let age = now.saturating_since(then).max(then.saturating_since(now));
            if age <= TRUSTED_FOR {
                return work(auth, trail).await;
            }
            work(&self.as_of_now(auth).await?, trail).await
        };
        self.reading(kind, subject, context, read).await
    }

    /// The caller, if this service has made the value, and what the event names.
    /// Ids of another service mean nothing here: it names none of them.
    fn own<'a>(&self, by: By<'a>) -> (Option<&'a Authenticated>, Subject) {
        match self.has_made(by.auth) {
            true => (Some(by.auth), by.subject),
            false => (None, Subject::default()),
        }
    }
}
