//! What an administrator asks for, and what is answered.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::audit::AuditRecord;
use crate::authz::Role;
use crate::error::ErrorCode;
use crate::event::{Notice, Operation};
use crate::id::{EventId, SessionId, UserId};
use crate::mail::MailKind;
use crate::service::account_messages::once;
use crate::time::Timestamp;
use crate::user::{User, UserStatus};

/// The most users, sessions or events on one page.
pub const MAX_PAGE: u32 = 200;
/// How many a page has when nothing is said.
pub const DEFAULT_PAGE: u32 = 50;

/// Asks for the account of an address.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct FindUser {
    /// The address, in any spelling of it.
    #[cfg_attr(feature = "openapi", schemars(email))]
    pub email: String,
}

/// Asks for a page of users, the oldest accounts first.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ListUsers {
    /// The user that the last page ended with. `None` asks for the first page.
    pub after: Option<UserId>,
    /// How many at most: 1 to [`MAX_PAGE`]; [`DEFAULT_PAGE`] when nothing is said.
    pub limit: Option<u32>,
}

/// Asks for another status.
#[derive(Clone, Copy, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SetStatus {
    /// The status that the account is to have.
    pub status: UserStatus,
}

/// Asks for other roles. What is granted and revoked at once is revoked.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ChangeRoles {
    /// Names of roles to add. Each must be one that the application's
    /// [`RolePolicy`](crate::authz::RolePolicy) names.
    #[cfg_attr(feature = "openapi", schemars(with = "Vec<Role>"))]
    pub grant: Vec<String>,
    /// Names of roles to take away.
    #[cfg_attr(feature = "openapi", schemars(with = "Vec<Role>"))]
    pub revoke: Vec<String>,
}

/// What an administrator sees of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct UserView {
    /// The id.
    pub user_id: UserId,
    /// The address as it was given.
    #[cfg_attr(feature = "openapi", schemars(email))]
    pub email: String,
    /// The name.
    pub name: String,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When it was last logged in to.
    pub last_login: Option<Timestamp>,
    /// Whether the owner of the mailbox has confirmed the account.
    pub is_verified: bool,
    /// Whether it may be used.
    pub status: UserStatus,
    /// Its roles.
    pub roles: BTreeSet<Role>,
}

impl From<&User> for UserView {
    fn from(user: &User) -> Self {
        Self {
            user_id: user.id,
            email: user.email.as_str().to_owned(),
            name: user.name.as_str().to_owned(),
            created_at: user.created_at,
            last_login: user.last_login,
            is_verified: user.is_verified,
            status: user.status,
            roles: user.roles.clone(),
        }
    }
}

/// A page of users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct UserList {
    /// The users.
    pub users: Vec<UserView>,
    /// What to ask for as [`after`](ListUsers::after) to get the next page;
    /// `None` on the last one.
    pub next: Option<UserId>,
}

/// What an administrator sees of an event of somebody's account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct UserEventView {
    /// Its id.
    pub event_id: EventId,
    /// When it was, the last time.
    pub at: Timestamp,
    /// How often it was, with nothing else in between.
    #[serde(default = "once")]
    pub count: u64,
    /// What was done.
    pub operation: Operation,
    /// Why it was refused; `None` when it succeeded.
    pub refused: Option<ErrorCode>,
    /// The notice of greatest weight, as in the first version.
    pub notice: Option<Notice>,
    /// All notices, by decreasing weight.
    #[serde(default)]
    pub notices: Vec<Notice>,
    /// Who did it, if that was somebody else: an administrator.
    pub actor_id: Option<UserId>,
    /// Which session it was about.
    pub session_id: Option<SessionId>,
    /// Which mail it was about.
    pub mail: Option<MailKind>,
    /// Where it came from.
    pub ip: Option<IpAddr>,
    /// What it came with.
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
    /// What to ask for as [`before`](crate::service::ListEvents::before) to get
    /// the next page; `None` on the last one.
    pub next: Option<EventId>,
}
