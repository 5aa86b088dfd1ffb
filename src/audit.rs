//! The audit log: events that are kept for the user whom they concern.
//!
//! It is off unless [`AuthServiceBuilder::audit_log`] gets a store and an [`AuditPolicy`].
//! `docs/decisions/0011-audit-log.md` describes which events are kept, for how long, and why not
//! all of them.
//!
//! [`AuthServiceBuilder::audit_log`]: crate::service::AuthServiceBuilder::audit_log

use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;

use crate::error::{ConfigError, ErrorCode};
use crate::event::{AuthEvent, Notice, Notices, Operation, kept_agent};
use crate::id::{EventId, SessionId, UserId};
use crate::mail::MailKind;
use crate::named::named;
use crate::network::Network;
use crate::time::Timestamp;

named! {
    /// The class of an event. Each class has its own limit for each user, so that neither
    /// failed attempts nor frequent actions of a session replace the record of the login
    /// that opened it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum AuditClass {
        /// It let somebody in or out, or changed who may get in or what they may do:
        /// a login, another password or address, sessions that ended, roles.
        Credentials => "credentials",
        /// Anything else that a live session asked for, done or refused.
        Done => "done",
        /// A credential or an act on one was refused, or it is what anyone can ask for
        /// who knows an address, or an administrator has looked.
        Tried => "tried",
    }
}

impl AuditClass {
    /// The class of `event`; `None` when it is not kept: it is about no known
    /// account, it comes in any number by itself or by a stranger's doing, or
    /// it changed nothing.
    #[must_use]
    pub fn of(event: &AuthEvent) -> Option<Self> {
        event.user_id?;
        let is_remarkable = !event.notices.is_empty() || event.actor_id.is_some();
        match (event.operation, event.refused) {
            _ if event.unchanged && event.notices.is_empty() => None,
            (Operation::EndSession, Some(ErrorCode::NotFound)) => None,
            // Anyone who holds a dead token can have any number of them refused.
            (Operation::ValidateToken | Operation::KeepEvent, _)
            | (Operation::Logout, Some(ErrorCode::InvalidToken))
            // A flood writes nothing.
            | (_, Some(ErrorCode::RateLimited | ErrorCode::Overloaded)) => None,
            // Nor do clients that go away.
            (_, Some(ErrorCode::Abandoned)) if !is_remarkable => None,
            // Users without the permission could otherwise add records to any
            // account, or to none.
            (_, Some(ErrorCode::Forbidden | ErrorCode::NotFound)) if event.actor_id.is_some() => {
                None
            }
            // A front end does these all the time.
            (Operation::Refresh | Operation::ListSessions | Operation::ListEvents, _)
                if !is_remarkable =>
            {
                None
            }
            // Only a holder of the session's tokens can cause it, and once.
            (Operation::Refresh, Some(_))
                if event.notices.contains(Notice::RefreshTokenReused) =>
            {
                Some(Self::Credentials)
            }
            (Operation::UpdateProfile | Operation::ExportAccount, _) => Some(Self::Done),
            (
                Operation::ForgotPassword
                | Operation::ResendVerification
                | Operation::SendMail
                | Operation::ListSessions
                | Operation::ListEvents
                | Operation::ViewUser
                | Operation::ListUserSessions
                | Operation::ListUserEvents,
                _,
            )
            | (_, Some(_)) => Some(Self::Tried),
            (_, None) => Some(Self::Credentials),
        }
    }
}

/// One event as it is kept: what an [`AuthEvent`] has, about a known user. If the
/// same came again, and nothing else in between, it is one record with a count.
/// No field ever holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditRecord {
    /// Its id, the first one's if it came again; ids are in the order of time.
    pub id: EventId,
    /// The id under which it came last.
    pub last_id: EventId,
    /// How often it came, at least once.
    pub count: u64,
    /// Whose account it was about.
    pub user_id: UserId,
    /// How long it is kept.
    pub class: AuditClass,
    /// When it ended, the last time.
    pub at: Timestamp,
    /// The operation.
    pub operation: Operation,
    /// `None` when it succeeded.
    pub refused: Option<ErrorCode>,
    /// Further facts about the event for an operator.
    pub notices: Notices,
    /// Who did it, if it was somebody else than that user.
    pub actor_id: Option<UserId>,
    /// The session, if it concerned one.
    pub session_id: Option<SessionId>,
    /// The kind of mail, if it concerned one.
    pub mail: Option<MailKind>,
    /// The client's address, the last time.
    pub ip: Option<IpAddr>,
    /// The client's description of itself, at most
    /// [`MAX_USER_AGENT_CHARS`](crate::event::MAX_USER_AGENT_CHARS).
    pub user_agent: Option<String>,
    /// From then on it is not there any more.
    pub expires_at: Timestamp,
}

impl AuditRecord {
    /// The record of `event` under `id`; `None` when it is not kept.
    #[must_use]
    pub fn of(event: &AuthEvent, id: EventId, policy: &AuditPolicy) -> Option<Self> {
        // An application that makes its contexts itself may have cut nothing.
        let agent = event.user_agent.as_deref().unwrap_or_default();
        Some(Self {
            id,
            last_id: id,
            count: 1,
            user_id: event.user_id?,
            class: AuditClass::of(event)?,
            at: event.at,
            operation: event.operation,
            refused: event.refused,
            notices: event.notices.clone(),
            actor_id: event.actor_id,
            session_id: event.session_id,
            mail: event.mail,
            ip: event.ip,
            user_agent: kept_agent(agent),
            expires_at: event.at.saturating_add(policy.max_age),
        })
    }

    /// Whether `next` is the same again, so that it is counted here if it comes
    /// right after this one: everything is equal but the id, the times and, within
    /// one network, the address.
    #[must_use]
    pub fn is_repeated_by(&self, next: &Self) -> bool {
        self.last_id < next.id && self.is_live(next.at) && self.is_like(next)
    }

    fn is_like(&self, other: &Self) -> bool {
        let about = |record: &Self| (record.user_id, record.actor_id, record.session_id);
        let what = |record: &Self| (record.class, record.operation, record.refused, record.mail);
        about(self) == about(other)
            && what(self) == what(other)
            && self.notices == other.notices
            && self.user_agent == other.user_agent
            && Network::of(self.ip) == Network::of(other.ip)
    }

    /// Counts `next`, by which it [is repeated](Self::is_repeated_by).
    pub fn count_in(&mut self, next: &Self) {
        self.count = self.count.saturating_add(next.count);
        self.last_id = next.last_id;
        self.at = next.at;
        self.ip = next.ip;
        self.expires_at = next.expires_at;
    }

    /// What appending this record does to `records`, of which there are those of its user and
    /// any one of its id: the rule of
    /// [`AuditStore::append_event`](crate::store::AuditStore::append_event). They come in any
    /// order.
    pub fn append<'r>(&self, records: impl IntoIterator<Item = &'r Self>, keep: usize) -> Append {
        let mut below: Vec<&Self> = Vec::new();
        for record in records {
            if record.id == self.id {
                return Append::Taken;
            }
            if record.user_id == self.user_id && record.id < self.id {
                below.push(record);
            }
        }
        below.sort_unstable_by_key(|record| record.id);
        match below.last() {
            Some(last) if last.last_id == self.id => return Append::Taken,
            Some(last) if last.is_repeated_by(self) => {
                let mut counted = (*last).clone();
                counted.count_in(self);
                return Append::Counted(Box::new(counted));
            }
            _ => {}
        }
        let alike = below.iter().filter(|record| record.class == self.class);
        let alike: Vec<EventId> = alike.map(|record| record.id).collect();
        let beyond = alike.len().saturating_add(1).saturating_sub(keep);
        Append::Added(alike.into_iter().take(beyond).collect())
    }

    /// Whether this is what `record`, which was appended before, is kept as.
    #[must_use]
    pub fn holds(&self, record: &Self) -> bool {
        (self.id..=self.last_id).contains(&record.id) && self.is_like(record)
    }

    /// Whether it is there at `now`.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }
}

/// What an append does to the records that there are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Append {
    /// Nothing: the id is taken.
    Taken,
    /// This record, which counts the new one, replaces the one of its id.
    Counted(Box<AuditRecord>),
    /// The new record is added, and these are dropped.
    Added(Vec<EventId>),
}

/// What becomes of a user's events when the account is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnDeletion {
    /// They stay until they are too old: who deletes an account that is not
    /// theirs does not delete the traces. They have a user's id, addresses and
    /// descriptions of clients, but no name and no email address.
    #[default]
    Keep,
    /// They are removed, and the deletion itself is not kept.
    Remove,
}

/// What is kept of events, and how it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditPolicy {
    /// How long an event is kept; one hour to ten years. Default 90 days.
    pub max_age: Duration,
    /// How many events of [`AuditClass::Credentials`] are kept for each user; 1 to
    /// 10,000. Default 1,000.
    pub credentials: usize,
    /// How many events of [`AuditClass::Done`] are kept for each user; 1 to
    /// 10,000. Default 1,000.
    pub done: usize,
    /// How many events of [`AuditClass::Tried`] are kept for each user; 1 to
    /// 10,000. Default 200.
    pub tried: usize,
    /// What becomes of them when the account is deleted. Default
    /// [`OnDeletion::Keep`].
    pub on_deletion: OnDeletion,
    /// How many events may wait to be written, at most a tenth of them (or 16)
    /// of one class about one account; more are lost, and each is reported. 1 to
    /// 1,000,000. Default 10,000.
    pub max_pending: usize,
    /// How often writing an event is tried, in all; 1 to 20. Default 5.
    pub attempts: u32,
    /// How long one attempt may take; 100 milliseconds to 60 seconds. Default 10
    /// seconds.
    pub attempt_timeout: Duration,
    /// The wait before the second attempt, 10 milliseconds to a minute; it doubles
    /// each time, and the last wait is at most an hour. Default 250 milliseconds.
    pub first_retry: Duration,
}

impl Default for AuditPolicy {
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(90 * 86_400),
            credentials: 1000,
            done: 1000,
            tried: 200,
            on_deletion: OnDeletion::default(),
            max_pending: 10_000,
            attempts: 5,
            attempt_timeout: Duration::from_secs(10),
            first_retry: Duration::from_millis(250),
        }
    }
}

impl AuditPolicy {
    /// How many events of `class` are kept for each user.
    #[must_use]
    pub const fn keep(&self, class: AuditClass) -> usize {
        match class {
            AuditClass::Credentials => self.credentials,
            AuditClass::Done => self.done,
            AuditClass::Tried => self.tried,
        }
    }

    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        const HOUR: Duration = Duration::from_secs(3600);
        let caps = 1..=10_000;
        for (setting, is_good, problem) in [
            (
                "audit.max_age",
                (HOUR..=24 * 3650 * HOUR).contains(&self.max_age),
                "is not between one hour and ten years",
            ),
            (
                "audit.credentials",
                caps.contains(&self.credentials),
                "is not between 1 and 10,000",
            ),
            (
                "audit.done",
                caps.contains(&self.done),
                "is not between 1 and 10,000",
            ),
            (
                "audit.tried",
                caps.contains(&self.tried),
                "is not between 1 and 10,000",
            ),
            ("audit.max_pending", self.max_pending > 0, "is 0"),
            (
                "audit.attempts",
                (1..=20).contains(&self.attempts),
                "is not between 1 and 20",
            ),
            (
                "audit.attempt_timeout",
                !self.attempt_timeout.is_zero(),
                "is 0",
            ),
            (
                "audit.first_retry",
                self.first_retry <= Duration::from_secs(60),
                "is longer than a minute",
            ),
        ] {
            if !is_good {
                return Err(ConfigError::Invalid {
                    setting,
                    problem: problem.to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Checks what holds unless the service's settings are
    /// [insecure](crate::config::AuthConfig::insecure_for_tests).
    pub(crate) fn is_safe(&self) -> Result<(), ConfigError> {
        let attempt = Duration::from_millis(100)..=Duration::from_secs(60);
        let doublings = self.attempts.saturating_sub(2);
        let last_wait = self
            .first_retry
            .saturating_mul(2_u32.saturating_pow(doublings));
        ConfigError::require([
            (
                "audit.max_pending",
                self.max_pending <= 1_000_000,
                "is more than 1,000,000",
            ),
            (
                "audit.attempt_timeout",
                attempt.contains(&self.attempt_timeout),
                "is not between 100 milliseconds and 60 seconds",
            ),
            (
                "audit.first_retry",
                self.first_retry >= Duration::from_millis(10),
                "is shorter than 10 milliseconds",
            ),
            (
                "audit.first_retry",
                last_wait <= Duration::from_secs(3600),
                "doubles to more than an hour",
            ),
        ])
    }
}
