//! The audit log, as the user whom it is about reads it.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::admin::page_limit;
use super::audit_log::AuditLog;
use super::operation::{By, Trail};
use super::{AuthService, Authenticated, RequestContext};
use crate::audit::AuditRecord;
use crate::clock::Clock;
use crate::error::{AuthError, ErrorCode};
use crate::event::{Notice, Operation};
use crate::id::{EventId, SessionId, UserId};
use crate::mail::MailKind;
use crate::store::Store;
use crate::time::Timestamp;

/// Requests a page of one's events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListEvents {
    /// Returns events before this one; the newest by default.
    pub before: Option<EventId>,
    /// The maximum number of entries, 1 to [`MAX_PAGE`](super::MAX_PAGE);
    /// [`DEFAULT_PAGE`](super::DEFAULT_PAGE) by default.
    pub limit: Option<u32>,
}

/// A page of a user's events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct EventList {
    /// The newest first.
    pub events: Vec<EventView>,
    /// The [`before`](ListEvents::before) of the next page; `None` on the last one.
    pub next: Option<EventId>,
}

/// An event of an account, as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct EventView {
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
    /// Whether an administrator did it or tried to. Users do not see which one.
    pub by_other: bool,
    /// The session, if it concerned one.
    pub session_id: Option<SessionId>,
    /// The kind of mail, if it concerned one.
    pub mail: Option<MailKind>,
    /// The client's address.
    pub ip: Option<IpAddr>,
    /// The client's `User-Agent`.
    pub user_agent: Option<String>,
}

impl From<&AuditRecord> for EventView {
    fn from(record: &AuditRecord) -> Self {
        // Users do not see an administrator's address and client.
        let is_own = record.actor_id.is_none();
        Self {
            event_id: record.id,
            at: record.at,
            count: record.count,
            operation: record.operation,
            refused: record.refused,
            notice: record.notices.first(),
            notices: record.notices.iter().collect(),
            by_other: !is_own,
            session_id: record.session_id,
            mail: record.mail,
            ip: record.ip.filter(|_| is_own),
            user_agent: record.user_agent.clone().filter(|_| is_own),
        }
    }
}

/// The count of an event without one.
pub(super) const fn once() -> u64 {
    1
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Waits until no event waits to be written into the audit log any more:
    /// for a server that is about to stop, which should not wait for it
    /// without end, and for tests.
    pub async fn flush_events(&self) {
        if let Some(log) = &self.inner.audit {
            log.idle().await;
        }
    }

    /// What was kept of the user's own events, the newest first. An event
    /// stands there a moment after it was answered.
    ///
    /// # Errors
    ///
    /// [`AuthError::NoAuditLog`]; [`AuthError::Validation`] when the limit is
    /// out of range; [`AuthError::RateLimited`]; [`AuthError::Store`].
    pub async fn list_events(
        &self,
        auth: &Authenticated,
        page: ListEvents,
        context: &RequestContext,
    ) -> Result<EventList, AuthError> {
        let list = async move |service: Self, auth: Authenticated, trail: Trail| {
            let (user, quota) = (auth.user().id, service.config().limits.events_by_account);
            let subject = user.to_bytes();
            service
                .limit("events:account", &subject, quota, &trail)
                .await?;
            let page = service.events_of_user(user, page);
            let (events, next) = trail.unless_gone(page).await?;
            Ok(EventList {
                events: events.iter().map(EventView::from).collect(),
                next,
            })
        };
        let (kind, by) = (Operation::ListEvents, By::owner(auth));
        self.acting(kind, by, context, list).await
    }

    /// One page of the events of `user`, and what to ask the next one for, if
    /// there is one. Whether the caller may see it was decided before.
    pub(super) async fn events_of_user(
        &self,
        user: UserId,
        page: ListEvents,
    ) -> Result<(Vec<AuditRecord>, Option<EventId>), AuthError> {
        let log = self.audit_log()?;
        let limit = page_limit(page.limit)?;
        // One more than is shown, to learn whether another page follows.
        let found = log.events_of(user, page.before, limit.saturating_add(1), self.now());
        let mut events = found.await?;
        // A store gives back the user's own and no more than it was asked for;
        // one that does not shows nobody else's.
        events.retain(|event| event.user_id == user);
        let is_last = events.len() <= limit;
        events.truncate(limit);
        let last = events.last().map(|event| event.id);
        Ok((events, last.filter(|_| !is_last)))
    }

    /// All that was kept of the events of `user`; `None` when no log is kept.
    pub(super) async fn all_events_of(
        &self,
        user: UserId,
    ) -> Result<Option<Vec<EventView>>, AuthError> {
        /// Above what [`AuditPolicy`](crate::audit::AuditPolicy) lets be kept,
        /// in pages of this size.
        const PAGES: usize = 64;
        const PAGE: usize = 1000;
        let Some(log) = &self.inner.audit else {
            return Ok(None);
        };
        let (now, mut before, mut all) = (self.now(), None, Vec::new());
        for _ in 0..PAGES {
            let page = log.events_of(user, before, PAGE, now).await?;
            let own = page.iter().filter(|event| event.user_id == user);
            all.extend(own.map(EventView::from));
            before = page.last().map(|event| event.id);
            if page.len() < PAGE {
                break;
            }
        }
        Ok(Some(all))
    }

    fn audit_log(&self) -> Result<&Arc<AuditLog>, AuthError> {
        self.inner.audit.as_ref().ok_or(AuthError::NoAuditLog)
    }
}
