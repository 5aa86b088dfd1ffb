//! What has access to an account: its sessions, and a reset of its password.

use super::trail_of;
use crate::authz::AdminPermission;
use crate::clock::Clock;
use crate::error::AuthError;
use crate::event::Operation;
use crate::id::{SessionId, UserId};
use crate::service::mailing::Asked;
use crate::service::validate::is_usable;
use crate::service::{
    Accepted, AuthService, Authenticated, ListEvents, RequestContext, SessionList, SessionView,
    UserEventList, UserEventView,
};
use crate::store::{LimitStore, SessionStore, TokenStore, UserStore};
use crate::user::UserStatus;

impl<S, C: Clock> AuthService<S, C> {
    /// What was kept of the events of an account, the newest first, also after
    /// it was deleted. Needs `users:read`.
    ///
    /// # Errors
    ///
    /// [`AuthError::Forbidden`]; [`AuthError::NoAuditLog`];
    /// [`AuthError::Validation`] when the limit is out of range;
    /// [`AuthError::Store`].
    pub async fn list_user_events(
        &self,
        auth: &Authenticated,
        id: UserId,
        page: ListEvents,
        context: &RequestContext,
    ) -> Result<UserEventList, AuthError> {
        let trail = trail_of(auth, Some(id));
        let result = self.try_list_user_events(auth, id, page).await;
        self.report(Operation::ListUserEvents, &trail, context, &result);
        result
    }

    async fn try_list_user_events(
        &self,
        auth: &Authenticated,
        id: UserId,
        page: ListEvents,
    ) -> Result<UserEventList, AuthError> {
        auth.require_permission(&AdminPermission::ReadUsers.into())?;
        let (events, next) = self.events_of_user(id, page).await?;
        Ok(UserEventList {
            events: events.iter().map(UserEventView::from).collect(),
            next,
        })
    }
}

impl<S: UserStore + SessionStore, C: Clock> AuthService<S, C> {
    /// The live sessions of an account. Needs `users:read`.
    ///
    /// # Errors
    ///
    /// [`AuthError::Forbidden`]; [`AuthError::NotFound`]; [`AuthError::Store`].
    pub async fn list_user_sessions(
        &self,
        auth: &Authenticated,
        id: UserId,
        context: &RequestContext,
    ) -> Result<SessionList, AuthError> {
        let trail = trail_of(auth, Some(id));
        let result = self.try_list_user_sessions(auth, id).await;
        self.report(Operation::ListUserSessions, &trail, context, &result);
        result
    }

    async fn try_list_user_sessions(
        &self,
        auth: &Authenticated,
        id: UserId,
    ) -> Result<SessionList, AuthError> {
        let user = self
            .find_by_id(auth, AdminPermission::ReadUsers, id)
            .await?;
        let now = self.now();
        let sessions = self.inner.store.sessions_of(id, now).await?;
        Ok(SessionList {
            sessions: sessions
                .iter()
                .filter(|session| is_usable(session, &user, now))
                .map(|session| SessionView::of(session, auth.session().id))
                .collect(),
        })
    }

    /// Ends one session of an account (ASVS 7.4.5). Needs `users:sessions`,
    /// and all that the account may do.
    ///
    /// # Errors
    ///
    /// [`AuthError::Forbidden`]; [`AuthError::NotFound`];
    /// [`AuthError::Store`]: it may not have ended.
    pub async fn end_user_session(
        &self,
        auth: &Authenticated,
        id: UserId,
        session: SessionId,
        context: &RequestContext,
    ) -> Result<(), AuthError> {
        let mut trail = trail_of(auth, Some(id));
        trail.session_id = Some(session);
        let result = self.try_end_user_session(auth, id, session).await;
        self.report(Operation::EndUserSession, &trail, context, &result);
        result
    }

    async fn try_end_user_session(
        &self,
        auth: &Authenticated,
        id: UserId,
        session: SessionId,
    ) -> Result<(), AuthError> {
        let auth = &*self.as_of_now(auth).await?;
        self.may_end_sessions(auth, id).await?;
        let _forgetting = self.forgetting(id);
        match self.inner.store.end_session(id, session).await? {
            true => Ok(()),
            false => Err(AuthError::NotFound),
        }
    }

    /// Ends all sessions of an account (ASVS 7.4.5). Says how many. Needs
    /// `users:sessions`, and all that the account may do. A login that is under
    /// way at this moment may open another one; disabling the account stops
    /// that, too.
    ///
    /// # Errors
    ///
    /// [`AuthError::Forbidden`]; [`AuthError::NotFound`];
    /// [`AuthError::Store`]: some may not have ended.
    pub async fn end_user_sessions(
        &self,
        auth: &Authenticated,
        id: UserId,
        context: &RequestContext,
    ) -> Result<u64, AuthError> {
        let trail = trail_of(auth, Some(id));
        let result = self.try_end_user_sessions(auth, id).await;
        self.report(Operation::EndUserSessions, &trail, context, &result);
        result
    }

    async fn try_end_user_sessions(
        &self,
        auth: &Authenticated,
        id: UserId,
    ) -> Result<u64, AuthError> {
        let auth = &*self.as_of_now(auth).await?;
        self.may_end_sessions(auth, id).await?;
        let _forgetting = self.forgetting(id);
        self.end_listed(id, None).await
    }

    async fn may_end_sessions(&self, auth: &Authenticated, id: UserId) -> Result<(), AuthError> {
        let needed = AdminPermission::EndSessions;
        let user = self.find_by_id(auth, needed, id).await?;
        self.outranks(auth, &user.roles)
    }
}

impl<S, C> AuthService<S, C>
where
    S: UserStore + SessionStore + TokenStore + LimitStore + 'static,
    C: Clock,
{
    /// Mails the owner of an account a link that sets a new password; nobody
    /// but the owner ever chooses one. Needs `users:reset`.
    ///
    /// # Errors
    ///
    /// [`AuthError::Forbidden`]; [`AuthError::NotFound`];
    /// [`AuthError::AccountDisabled`]; [`AuthError::RateLimited`], since it
    /// counts like a mail that the owner asks for; [`AuthError::NoMailer`];
    /// [`AuthError::Store`].
    pub async fn send_password_reset(
        &self,
        auth: &Authenticated,
        id: UserId,
        context: &RequestContext,
    ) -> Result<Accepted, AuthError> {
        let trail = trail_of(auth, Some(id));
        let result = self.try_send_reset(auth, id).await;
        self.report(Operation::SendPasswordReset, &trail, context, &result);
        result
    }

    async fn try_send_reset(
        &self,
        auth: &Authenticated,
        id: UserId,
    ) -> Result<Accepted, AuthError> {
        let auth = &*self.as_of_now(auth).await?;
        let needed = AdminPermission::ResetPassword;
        let user = self.find_by_id(auth, needed, id).await?;
        let outbox = self.outbox()?;
        if user.status != UserStatus::Active {
            return Err(AuthError::AccountDisabled);
        }
        let to = user.email.canonical();
        self.limit_mailbox(Asked::Reset, to, self.now()).await?;
        self.post_reset_link(outbox, Some(user));
        Ok(Accepted::new("A mail with a link is on its way."))
    }
}
