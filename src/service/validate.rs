//! Checking access tokens, and the proof that one was checked.

use std::sync::Arc;

use super::authenticated::Authenticated;
use super::operation::{By, Subject, Trail};
use super::{AuthService, RequestContext};
use crate::clock::Clock;
use crate::error::AuthError;
use crate::event::Operation;
use crate::id::{SessionId, UserId};
use crate::session::Session;
use crate::store::{LiveSession, Store};
use crate::time::Timestamp;
use crate::token::Claims;
use crate::user::{User, UserStatus};

/// Whether `session` and `user` belong together and may be used at `now`. A
/// store gives back live sessions only; one that does not changes nothing.
pub(super) fn is_usable(session: &Session, user: &User, now: Timestamp) -> bool {
    user.status == UserStatus::Active
        && session.is_live(now)
        && session.user_id == user.id
        && session.auth_epoch == user.auth_epoch
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Checks an access token: its signature and claims, then that its session
    /// is live and its user may be used (ASVS 7.2.1). So a logout, a change of
    /// password, a disabled account and a removed role act at the next request.
    ///
    /// # Errors
    ///
    /// [`AuthError::InvalidToken`] whatever is wrong with the token;
    /// [`AuthError::Store`] when that cannot be found out.
    pub async fn validate_token(
        &self,
        token: &str,
        context: &RequestContext,
    ) -> Result<Authenticated, AuthError> {
        let check = async |trail: &Trail| self.check_token(token, trail).await;
        let (kind, subject) = (Operation::ValidateToken, Subject::default());
        self.reading(kind, subject, context, check).await
    }

    async fn check_token(&self, token: &str, trail: &Trail) -> Result<Authenticated, AuthError> {
        let claims = self.verify_offline(token)?;
        trail.about(Some(claims.sub));
        trail.session(claims.sid);
        let Some(cache) = self.inner.store.cache() else {
            let now = self.now();
            let live = self.live_session(claims.sid, claims.sub, now).await?;
            return self.authenticated(&claims, Arc::new(live), now);
        };
        let (kept, reading) = cache.look_up(claims.sid, claims.sub, &*self.inner.clock);
        // What is kept never refuses: it may be the older one of the two.
        if let Some(auth) = kept.and_then(|kept| self.authenticated(&claims, kept, reading.at).ok())
        {
            return Ok(auth);
        }
        let live = self
            .live_session(claims.sid, claims.sub, reading.at)
            .await?;
        let auth = self.authenticated(&claims, Arc::new(live), reading.at)?;
        cache.keep(&reading, &auth.live, &*self.inner.clock);
        Ok(auth)
    }

    /// The session and the user as the store has them now.
    async fn live_session(
        &self,
        session: SessionId,
        user: UserId,
        now: Timestamp,
    ) -> Result<LiveSession, AuthError> {
        let store = &self.inner.store;
        // Not `try_join`: it would drop the one that is still under way.
        let (session, user) = tokio::join!(store.session(session, now), store.user(user));
        match (session?, user?) {
            (Some(session), Some(user)) => Ok(LiveSession {
                user: Arc::new(user),
                session,
            }),
            _ => Err(AuthError::InvalidToken),
        }
    }

    fn authenticated(
        &self,
        claims: &Claims,
        live: Arc<LiveSession>,
        now: Timestamp,
    ) -> Result<Authenticated, AuthError> {
        let LiveSession { user, session } = &*live;
        let is_good = session.id == claims.sid
            && user.id == claims.sub
            && is_usable(session, user, now)
            && claims.epoch == user.auth_epoch;
        if !is_good {
            return Err(AuthError::InvalidToken);
        }
        Ok(Authenticated {
            has_proving_provider: self.has_proving_provider(user),
            live,
            checked_at: now,
            config: Arc::clone(&self.inner.config),
        })
    }

    /// Checks a proof again: reads the account and the session from the store,
    /// whatever a cache has kept, and returns a proof that holds them as they are
    /// now.
    ///
    /// It is for what lives longer than a request: a socket checks its user now
    /// and then, a job before each step. The access token may have expired since;
    /// what counts is that its session lives.
    ///
    /// ```
    /// # use admittance::clock::Clock;
    /// # use admittance::error::AuthError;
    /// # use admittance::service::{AuthService, Authenticated};
    /// # use admittance::store::Store;
    /// # async fn next_message() -> Option<String> { None }
    /// # async fn deliver(message: String) {}
    /// async fn serve_socket<S: Store, C: Clock>(
    ///     auth: &AuthService<S, C>,
    ///     mut user: Authenticated,
    /// ) -> Result<(), AuthError> {
    ///     while let Some(message) = next_message().await {
    ///         // Ends the socket after a logout, a disabling or a change of password.
    ///         user = auth.recheck(&user).await?;
    ///         deliver(format!("{}: {message}", user.user().name.as_str())).await;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`AuthError::InvalidToken`] when the session has ended, the account may not
    /// be used, or another service made `auth`; [`AuthError::Store`] when that
    /// cannot be found out.
    pub async fn recheck(&self, auth: &Authenticated) -> Result<Authenticated, AuthError> {
        let check = async |auth: &Authenticated, _: &Trail| self.as_of_now(auth).await;
        let (kind, nowhere) = (Operation::ValidateToken, RequestContext::default());
        self.reading_by(kind, By::owner(auth), &nowhere, check)
            .await
    }

    /// Whether a session can be checked by what the service remembers of it
    /// ([`SessionCheck::Cached`](crate::config::SessionCheck::Cached)).
    #[cfg(feature = "http")]
    pub(crate) fn keeps_checks(&self) -> bool {
        self.inner.store.cache().is_some()
    }

    /// Whether this service, or a clone of it, has made `auth`.
    pub(crate) fn has_made(&self, auth: &Authenticated) -> bool {
        Arc::ptr_eq(&self.inner.config, &auth.config)
    }

    /// The same user and session as the store has them now.
    pub(super) async fn as_of_now(&self, auth: &Authenticated) -> Result<Authenticated, AuthError> {
        let (session, user, now) = (auth.session().id, auth.user().id, self.now());
        let live = self.live_session(session, user, now).await?;
        let is_the_one = live.session.id == session && live.user.id == user;
        if !is_the_one || !is_usable(&live.session, &live.user, now) {
            return Err(AuthError::InvalidToken);
        }
        Ok(Authenticated {
            has_proving_provider: self.has_proving_provider(&live.user),
            live: Arc::new(live),
            checked_at: now,
            config: Arc::clone(&auth.config),
        })
    }

    #[cfg(not(feature = "federation"))]
    fn has_proving_provider(&self, _: &User) -> bool {
        false
    }
}
