//! Sessions: refresh, logout, listing and ending them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::admin::page_limit;
use super::operation::{By, Subject, Trail};
use super::session_list::EACH;
use super::validate::is_usable;
use super::{
    AuthService, Authenticated, HeldSession, ListSessions, LoginResponse, RequestContext,
    SessionList,
};
use crate::clock::Clock;
use crate::error::AuthError;
use crate::event::{Notice, Operation};
use crate::id::{SessionId, UserId};
use crate::secret::RefreshToken;
use crate::session::{Rotation, Session};
use crate::store::{Insert, Store};
use crate::token::CustomClaims;
use crate::user::UserStatus;

/// Requests new tokens.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RefreshRequest {
    /// The most recent refresh token. Over HTTP it is absent where the browser keeps it.
    #[cfg_attr(feature = "openapi", schemars(with = "Option<RefreshToken>"))]
    #[serde(deserialize_with = "super::fields::optional")]
    pub refresh_token: RefreshToken,
}

/// Names the session that ends, for a client whose access token has expired.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct LogoutRequest {
    /// A refresh token of the session, also one that was replaced since.
    pub refresh_token: Option<RefreshToken>,
}

/// The session has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct LogoutResponse {
    /// A message for the user.
    pub message: String,
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// New tokens for a refresh token. Each is good once; handed in again
    /// within the grace, while its successor is unused, it gets the same
    /// successor, so that a lost answer logs nobody out. Anything older ends
    /// the session: two parties hold it, and which is the thief is unknown
    /// (RFC 9700 §4.14.2).
    ///
    /// # Errors
    ///
    /// [`AuthError::InvalidToken`]; [`AuthError::RateLimited`];
    /// [`AuthError::Store`], after which the same token can be handed in again within the grace, and later too if the
    /// store did nothing.
    pub async fn refresh(
        &self,
        request: RefreshRequest,
        context: &RequestContext,
    ) -> Result<LoginResponse, AuthError> {
        let refresh = async move |service: Self, trail| service.rotate(request, &trail).await;
        self.operation(Operation::Refresh, Subject::default(), context, refresh)
            .await
    }

    async fn rotate(
        &self,
        request: RefreshRequest,
        trail: &Trail,
    ) -> Result<LoginResponse, AuthError> {
        let presented = request.refresh_token.expose_secret();
        let config = self.config();
        let claims =
            self.inner
                .keyring
                .verify_refresh(presented, &config.issuer, &config.audience)?;
        trail.session(claims.session);
        trail.about(Some(claims.user));
        // After the check of the token, which asks no store: what was never
        // handed out costs nothing and leaves no trace.
        let quota = config.limits.refresh_by_address;
        let counted = self.limit_network("refresh:address", quota, trail);
        let store = &self.inner.store;
        // The user is read first, so that the rotation is the last act of the
        // store: once it is done, nothing of the store's can spoil the answer.
        let user = trail.unless_gone(store.user(claims.user));
        let (counted, user) = tokio::join!(counted, user);
        counted?.keep();
        let user = user?;
        let user = user.filter(|user| user.status == UserStatus::Active);
        // Before the rotation too: if they fail, the token that was presented stays valid.
        let (user, custom) = match user {
            Some(user) => {
                let user = self.call_due_hooks(Arc::new(user), trail).await;
                let claims = self.claims_of(&user, trail).await?;
                (Some(user), claims)
            }
            None => (None, CustomClaims::default()),
        };
        let now = self.now();
        let rotation = store.rotate(
            claims.session,
            claims.counter,
            config.session.rotation(),
            now,
        );
        let session = match rotation.await? {
            Rotation::Rotated(session) | Rotation::Repeated(session) => session,
            Rotation::Reused(_) => {
                trail.notice(Notice::RefreshTokenReused);
                return Err(AuthError::InvalidToken);
            }
            Rotation::Gone => return Err(AuthError::InvalidToken),
        };
        match user {
            Some(user) if is_usable(&session, &user, now) => {
                let tokens = self.tokens(&session, custom, now)?;
                Ok(self.login_response(&user, tokens, "Your session goes on."))
            }
            _ => {
                self.discard(&session).await;
                Err(AuthError::InvalidToken)
            }
        }
    }
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Ends the session that the token belongs to, and with it every token of
    /// it (ASVS 7.4.1).
    ///
    /// # Errors
    ///
    /// [`AuthError::Store`]: the session may not have ended.
    pub async fn logout(
        &self,
        auth: &Authenticated,
        context: &RequestContext,
    ) -> Result<LogoutResponse, AuthError> {
        let log_out = async move |service: Self, auth: Authenticated, trail: Trail| {
            // `false` means that another request has just ended it.
            if !service.end_held(auth.held()).await? {
                trail.unchanged();
            }
            Ok(logged_out())
        };
        let (kind, by) = (Operation::Logout, By::owner(auth).leaving());
        self.acting(kind, by, context, log_out).await
    }

    /// The same for a client whose access token has run out: the refresh token,
    /// also one that was replaced since, says which session it is.
    ///
    /// # Errors
    ///
    /// [`AuthError::InvalidToken`], also when the session has been ended already
    /// (one that has timed out is ended for as long as the store has its row);
    /// [`AuthError::Store`]: it may not have ended.
    pub async fn logout_by_refresh_token(
        &self,
        request: RefreshRequest,
        context: &RequestContext,
    ) -> Result<LogoutResponse, AuthError> {
        let held = self.session_of(&request.refresh_token);
        let subject = held
            .as_ref()
            .map_or_else(|_| Subject::default(), |held| Subject::held(*held));
        let log_out = async move |service: Self, _| match service.end_held(held?).await? {
            true => Ok(logged_out()),
            false => Err(AuthError::InvalidToken),
        };
        self.operation(Operation::Logout, subject, context, log_out)
            .await
    }

    async fn end_held(&self, held: HeldSession) -> Result<bool, AuthError> {
        let store = &self.inner.store;
        Ok(store.end_session(held.user_id(), held.session_id()).await?)
    }

    /// Ends the session whose place a new one takes: nobody would have its tokens
    /// any more but who copied them (ASVS 7.2.4). Reports it, failure too.
    pub(super) async fn end_replaced(&self, context: &RequestContext) -> Result<(), AuthError> {
        let Some(held) = context.replaces() else {
            return Ok(());
        };
        let ended = self.end_held(held).await;
        // Else it had ended before.
        if !matches!(ended, Ok(false)) {
            self.report_part(Operation::Logout, Subject::held(held), context, &ended);
        }
        ended.map(|_| ())
    }

    /// Makes room for `opened`, once it is stored: ends the session whose place it
    /// takes, and then, if there were too many, the oldest ones beyond the cap, among
    /// which that one no longer counts. When that fails, the new one, whose tokens nobody has yet,
    /// comes to nothing.
    pub(super) async fn make_room(
        &self,
        opened: &Session,
        context: &RequestContext,
        is_over_cap: bool,
    ) -> Result<(), AuthError> {
        if let Err(error) = self.end_replaced(context).await {
            self.discard(opened).await;
            return Err(error);
        }
        match is_over_cap {
            true => self.end_oldest_sessions(opened).await,
            false => Ok(()),
        }
    }

    /// A page of the user's live sessions, the greatest id first, which is the
    /// last opened.
    ///
    /// # Errors
    ///
    /// [`AuthError::Validation`] when the limit is out of range;
    /// [`AuthError::Store`].
    pub async fn list_sessions(
        &self,
        auth: &Authenticated,
        page: ListSessions,
        context: &RequestContext,
    ) -> Result<SessionList, AuthError> {
        let list = async |auth: &Authenticated, _: &Trail| {
            let (limit, own) = (page_limit(page.limit)?, auth.session().id);
            self.session_page(auth.user(), page.after, limit, own).await
        };
        let (kind, by) = (Operation::ListSessions, By::owner(auth));
        self.reading_by(kind, by, context, list).await
    }

    /// Ends one of the user's own sessions (ASVS 7.5.2).
    ///
    /// # Errors
    ///
    /// [`AuthError::NotFound`] when there is no such session, or it is somebody
    /// else's; [`AuthError::Store`]: it may not have ended.
    pub async fn end_session(
        &self,
        auth: &Authenticated,
        id: SessionId,
        context: &RequestContext,
    ) -> Result<(), AuthError> {
        let end = async move |service: Self, auth: Authenticated, _| {
            let held = HeldSession::new(auth.user().id, id);
            match service.end_held(held).await? {
                true => Ok(()),
                false => Err(AuthError::NotFound),
            }
        };
        let (kind, by) = (Operation::EndSession, By::owner(auth).on_session(id));
        self.acting(kind, by, context, end).await
    }

    /// Ends all of the user's sessions but the one that asks. Says how many.
    ///
    /// # Errors
    ///
    /// [`AuthError::Store`]: some may not have ended.
    pub async fn end_all_sessions(
        &self,
        auth: &Authenticated,
        context: &RequestContext,
    ) -> Result<u64, AuthError> {
        let end = async move |service: Self, auth: Authenticated, trail: Trail| {
            let (user, own) = (auth.user().id, auth.session().id);
            service.end_listed(user, Some(own), &trail).await
        };
        let (kind, by) = (Operation::EndAllSessions, By::owner(auth));
        self.acting(kind, by, context, end).await
    }

    /// Ends the sessions that `user` has now, but for `except`. Returns how many
    /// there were. One that is opened later never ends, however late this act is
    /// delivered.
    pub(super) async fn end_listed(
        &self,
        user: UserId,
        except: Option<SessionId>,
        trail: &Trail,
    ) -> Result<u64, AuthError> {
        let (now, mut after, mut ended) = (self.now(), None, 0);
        loop {
            let (listed, next) = self.sessions_below(user, after, EACH, now).await?;
            let ids = listed.iter().map(|session| session.id);
            let ids: Vec<SessionId> = ids.filter(|id| Some(*id) != except).collect();
            if !ids.is_empty() {
                ended += self.inner.store.end_sessions(user, &ids).await?;
            }
            if next.is_none() {
                break;
            }
            after = next;
        }
        if ended == 0 {
            trail.unchanged();
        }
        Ok(ended)
    }
}

fn logged_out() -> LogoutResponse {
    LogoutResponse {
        message: "You are logged out.".to_owned(),
    }
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Stores a new session. Unless the store confirms that it was stored
    /// exactly once, it is deleted again: an id of 64 random bits collides only
    /// with the same session, stored by a command that was sent twice.
    pub(super) async fn open(&self, session: &Session) -> Result<(), AuthError> {
        let failed = match self.inner.store.insert_session(session).await {
            Ok(Insert::Inserted) => return Ok(()),
            Ok(Insert::Taken) => AuthError::id_taken(),
            Err(error) => error.into(),
        };
        self.discard(session).await;
        Err(failed)
    }

    /// Returns `true` if the user may have more sessions than allowed, now that `opened` is
    /// stored. Of concurrent logins, the last one to read sees the sessions of all.
    pub(super) async fn is_over_cap(&self, opened: &Session) -> bool {
        let Some(keep) = self.config().session.max_per_user else {
            return false;
        };
        let Some(more) = usize::try_from(keep)
            .ok()
            .and_then(|keep| keep.checked_add(1))
        else {
            return true;
        };
        let (user, now) = (opened.user_id, opened.created_at);
        let found = self.inner.store.sessions_of(user, None, more, now).await;
        // Ending the oldest reads no record, so it succeeds where one is corrupt.
        found.map_or(true, |found| found.len() >= more)
    }

    /// Ends the oldest sessions of a user who has more of them than allowed
    /// since `opened` was stored, whose tokens nobody has yet. When that fails,
    /// the new session comes to nothing: else a store that fails would let
    /// anybody past the cap.
    pub(super) async fn end_oldest_sessions(&self, opened: &Session) -> Result<(), AuthError> {
        let Some(keep) = self.config().session.max_per_user else {
            return Ok(());
        };
        let (user, epoch) = (opened.user_id, opened.auth_epoch);
        let store = &self.inner.store;
        let ended = store.end_oldest_sessions(user, epoch, keep, opened.created_at);
        if let Err(error) = ended.await {
            self.discard(opened).await;
            return Err(error.into());
        }
        Ok(())
    }

    /// Removes a session whose tokens were never handed out. If that fails, its row
    /// stays until it expires: nobody can use it, but it is listed and counts towards
    /// the cap.
    pub(super) async fn discard(&self, session: &Session) {
        let removed = self.inner.store.end_session(session.user_id, session.id);
        if let Err(error) = removed.await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, session_id = %session.id, "an unused session was left behind");
        }
    }
}
