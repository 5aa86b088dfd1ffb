//! Going through the sessions of a user in pages.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::AuthService;
use super::validate::is_usable;
use crate::clock::Clock;
use crate::error::AuthError;
use crate::id::{SessionId, UserId};
use crate::session::Session;
use crate::store::Store;
use crate::time::Timestamp;
use crate::user::User;

/// Requests a page of sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListSessions {
    /// The last session of the previous page, even if it has ended since; `None` for the
    /// first page.
    pub after: Option<SessionId>,
    /// The maximum number of entries, 1 to [`MAX_PAGE`](super::MAX_PAGE);
    /// [`DEFAULT_PAGE`](super::DEFAULT_PAGE) by default.
    pub limit: Option<u32>,
}

/// A page of a user's live sessions. A session that stays live appears on exactly one
/// page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SessionList {
    /// The sessions, by descending id: the most recent first.
    pub sessions: Vec<SessionView>,
    /// The [`after`](ListSessions::after) of the next page; `None` on the last one.
    #[serde(default)]
    pub next: Option<SessionId>,
}

/// A session, as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SessionView {
    /// The id of the session.
    pub session_id: SessionId,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was opened or last refreshed.
    pub last_seen_at: Timestamp,
    /// The client's address when it was opened.
    pub ip: Option<IpAddr>,
    /// The client's `User-Agent` when it was opened.
    pub user_agent: Option<String>,
    /// Whether the request belongs to this session.
    pub current: bool,
}

impl SessionView {
    /// Describes `session` to its owner, whose request belongs to session `current`.
    #[must_use]
    pub fn of(session: &Session, current: SessionId) -> Self {
        Self {
            session_id: session.id,
            created_at: session.created_at,
            last_seen_at: session.last_seen_at,
            ip: session.ip,
            user_agent: session.user_agent.clone(),
            current: session.id == current,
        }
    }
}

/// How many sessions are read in one act where all of them are gone through.
pub(super) const EACH: usize = 1000;

impl<S: Store, C: Clock> AuthService<S, C> {
    /// One page of the sessions of `user` that are usable. `own` is the session
    /// that asks.
    pub(super) async fn session_page(
        &self,
        user: &User,
        after: Option<SessionId>,
        limit: usize,
        own: SessionId,
    ) -> Result<SessionList, AuthError> {
        // One more than is shown, to learn whether another page follows.
        let wanted = limit.saturating_add(1);
        let (now, mut after, mut found) = (self.now(), after, Vec::new());
        while found.len() < wanted {
            let (some, next) = self
                .sessions_below(user.id, after, EACH.max(wanted), now)
                .await?;
            found.extend(some.into_iter().filter(|one| is_usable(one, user, now)));
            if next.is_none() {
                break;
            }
            after = next;
        }
        let is_last = found.len() <= limit;
        found.truncate(limit);
        let last = found.last().map(|session| session.id);
        Ok(SessionList {
            sessions: found
                .iter()
                .map(|session| SessionView::of(session, own))
                .collect(),
            next: last.filter(|_| !is_last),
        })
    }

    /// All sessions of `user` that are live at `now` and `is_wanted`, the greatest
    /// id first.
    pub(super) async fn sessions_where(
        &self,
        user: UserId,
        now: Timestamp,
        is_wanted: impl Fn(&Session) -> bool,
    ) -> Result<Vec<Session>, AuthError> {
        let (mut after, mut found) = (None, Vec::new());
        loop {
            let (some, next) = self.sessions_below(user, after, EACH, now).await?;
            found.extend(some.into_iter().filter(|session| is_wanted(session)));
            match next {
                Some(_) => after = next,
                None => return Ok(found),
            }
        }
    }

    /// Up to `limit` sessions of `user` below `after`, and what the next ones are
    /// below, if there may be any. Each is below the one before, so going through
    /// them comes to an end with any store.
    pub(super) async fn sessions_below(
        &self,
        user: UserId,
        after: Option<SessionId>,
        limit: usize,
        now: Timestamp,
    ) -> Result<(Vec<Session>, Option<SessionId>), AuthError> {
        let found = self.inner.store.sessions_of(user, after, limit, now);
        let mut found = found.await?;
        let is_last = found.len() < limit;
        // A store gives back the user's own, below what it was told; one that does
        // not shows nobody else's.
        let is_below = |id| after.is_none_or(|after| id < after);
        found.retain(|session| session.user_id == user && is_below(session.id));
        let last = found.iter().map(|session| session.id).min();
        Ok((found, last.filter(|_| !is_last)))
    }
}
