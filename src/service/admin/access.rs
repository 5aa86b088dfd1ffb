//! What has access to an account: its sessions, and a reset of its password.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::page_limit;
use crate::audit::AuditRecord;
use crate::authz::AdminPermission;
use crate::clock::Clock;
use crate::error::{AuthError, ErrorCode};
use crate::event::{Notice, Operation};
use crate::id::{EventId, SessionId, UserId};
use crate::mail::MailKind;
use crate::service::events::once;
use crate::service::mailing::Asked;
use crate::service::operation::{By, Trail};
use crate::service::{
    Accepted, AuthService, Authenticated, ListEvents, ListSessions, RequestContext, SessionList,
};
use crate::store::Store;
use crate::time::Timestamp;
use crate::user::UserStatus;

/// An event of an account, as administrators see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct UserEventView {
    /// The id of the event.
    pub event_id: EventId,
    /// When it last happened.
    pub at: Timestamp,
    /// How many times in a row it happened.
    #[serde(default = "once")]
    pub count: u64,
    /// The operation.
    pub operation: Operation,
    /// The reason for a refusal; `None` if it succeeded.
    pub refused: Option<ErrorCode>,
    /// The most important notice.
    pub notice: Option<Notice>,
    /// All notices, the most important first.
    #[serde(default)]
    pub notices: Vec<Notice>,
    /// The administrator who did it, if it was not the owner.
    pub actor_id: Option<UserId>,
    /// The session, if it concerned one.
    pub session_id: Option<SessionId>,
    /// The kind of mail, if it concerned one.
    pub mail: Option<MailKind>,
    /// The client's address.
    pub ip: Option<IpAddr>,
    /// The client's `User-Agent`.
    pub user_agent: Option<String>,
}

impl From<&AuditRecord> for UserEventView {
    fn from(record: &AuditRecord) -> Self {
        Self {
            event_id: record.id,
            at: record.at,
            count: record.count,
            operation: record.operation,
            refused: record.refused,
            notice: record.notices.first(),
            notices: record.notices.iter().collect(),
            actor_id: record.actor_id,
            session_id: record.session_id,
            mail: record.mail,
            ip: record.ip,
            user_agent: record.user_agent.clone(),
        }
    }
}

/// A page of an account's events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct UserEventList {
    /// The events, the newest first.
    pub events: Vec<UserEventView>,
    /// The [`before`](crate::service::ListEvents::before) of the next page; `None` on the
    /// last one.
    pub next: Option<EventId>,
}

impl<S: Store, C: Clock> AuthService<S, C> {
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
        let list = async |auth: &Authenticated, _: &Trail| {
            auth.require_permission(&AdminPermission::ReadUsers.into())?;
            let (events, next) = self.events_of_user(id, page).await?;
            Ok(UserEventList {
                events: events.iter().map(UserEventView::from).collect(),
                next,
            })
        };
        let (kind, by) = (Operation::ListUserEvents, By::administrator(auth, Some(id)));
        self.reading_by(kind, by, context, list).await
    }
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// A page of the live sessions of an account, the greatest id first, which is
    /// the last opened. Needs `users:read`.
    ///
    /// # Errors
    ///
    /// [`AuthError::Forbidden`]; [`AuthError::NotFound`];
    /// [`AuthError::Validation`] when the limit is out of range;
    /// [`AuthError::Store`].
    pub async fn list_user_sessions(
        &self,
        auth: &Authenticated,
        id: UserId,
        page: ListSessions,
        context: &RequestContext,
    ) -> Result<SessionList, AuthError> {
        let list = async |auth: &Authenticated, _: &Trail| {
            auth.require_permission(&AdminPermission::ReadUsers.into())?;
            let (limit, own) = (page_limit(page.limit)?, auth.session().id);
            let user = self.find_by_id(auth, AdminPermission::ReadUsers, id);
            self.session_page(&user.await?, page.after, limit, own)
                .await
        };
        let (kind, by) = (
            Operation::ListUserSessions,
            By::administrator(auth, Some(id)),
        );
        self.reading_by(kind, by, context, list).await
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
        let end = async move |service: Self, auth: Authenticated, trail: Trail| {
            trail.session(session);
            service.may_end_sessions(&auth, id).await?;
            match service.inner.store.end_session(id, session).await? {
                true => Ok(()),
                false => Err(AuthError::NotFound),
            }
        };
        let (kind, by) = (Operation::EndUserSession, By::administrator(auth, Some(id)));
        self.acting(kind, by, context, end).await
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
        let end = async move |service: Self, auth: Authenticated, trail: Trail| {
            service.may_end_sessions(&auth, id).await?;
            service.end_listed(id, None, &trail).await
        };
        let (kind, by) = (
            Operation::EndUserSessions,
            By::administrator(auth, Some(id)),
        );
        self.acting(kind, by, context, end).await
    }

    async fn may_end_sessions(&self, auth: &Authenticated, id: UserId) -> Result<(), AuthError> {
        let needed = AdminPermission::EndSessions;
        let user = self.find_by_id(auth, needed, id).await?;
        self.outranks(auth, &user.roles)
    }
}

impl<S: Store, C: Clock> AuthService<S, C> {
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
        let send = async move |service: Self, auth: Authenticated, trail: Trail| {
            let needed = AdminPermission::ResetPassword;
            let user = service.find_by_id(&auth, needed, id).await?;
            let outbox = service.outbox()?;
            if user.status != UserStatus::Active {
                return Err(AuthError::AccountDisabled);
            }
            let to = user.email.canonical();
            service.limit_mailbox(Asked::Reset, to, &trail).await?;
            if let Some(place) = outbox.reserve(MailKind::ResetPassword, Some(id)) {
                // Not in the background: the administrator is told if it fails.
                let mail = service.reset_mail(&user).await?;
                place.post(async { Ok(vec![mail]) });
            }
            Ok(Accepted::new("A mail with a link is on its way."))
        };
        let (kind, by) = (
            Operation::SendPasswordReset,
            By::administrator(auth, Some(id)),
        );
        self.acting(kind, by, context, send).await
    }
}
