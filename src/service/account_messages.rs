//! Bodies of what happens to an account after its first login.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::messages::{Accepted, LoginResponse, SessionView, present};
use crate::audit::AuditRecord;
use crate::error::ErrorCode;
use crate::event::{Notice, Operation};
use crate::id::{EventId, SessionId};
use crate::mail::MailKind;
use crate::profile::Profile;
use crate::secret::{MailToken, Password};
use crate::time::Timestamp;
use crate::token::{OneTimeToken, TokenPurpose};
use crate::user::UserStatus;

/// Confirms an address by a mailed link.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct VerifyEmail {
    /// The token of the link: it shows that the mailbox is the caller's.
    pub token: MailToken,
    /// The password typed at registration: it shows that the account is the
    /// caller's. Not needed with a live session of that account.
    #[serde(deserialize_with = "present")]
    pub password: Option<Password>,
}

/// The address is confirmed.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
#[must_use]
pub enum VerifyOutcome {
    /// The password was the proof, and a session was opened.
    Opened(LoginResponse),
    /// A live session was the proof, and goes on; or no session could be opened.
    Verified(Accepted),
}

/// Holds the token of a mailed link.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct LinkRequest {
    /// The token of the link.
    pub token: MailToken,
}

/// Asks for a mail to the owner of an address.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct EmailRequest {
    /// The address.
    #[cfg_attr(feature = "openapi", schemars(email))]
    pub email: String,
}

/// Sets a new password by a mailed link.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ResetPassword {
    /// The token of the link.
    pub token: MailToken,
    /// The password as it shall be.
    pub new_password: Password,
    /// The new password once more.
    pub confirm_password: Password,
}

/// Asks for another address.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ChangeEmail {
    /// The address as it shall be.
    #[cfg_attr(feature = "openapi", schemars(email))]
    pub new_email: String,
    /// The password.
    pub current_password: Password,
}

/// Deletes one's account.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct DeleteAccount {
    /// The password.
    pub current_password: Password,
}

/// All that is stored of a user, but for what would let others in: of the
/// password and of links only what kind they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct AccountExport {
    /// When this was put together.
    pub exported_at: Timestamp,
    /// The profile.
    pub profile: Profile,
    /// The form of the address under which it is unique.
    #[cfg_attr(feature = "openapi", schemars(email))]
    pub email_canonical: String,
    /// Whether the account may be used.
    pub status: UserStatus,
    /// How the password is hashed, such as `argon2id`; `None` without a password.
    pub password_scheme: Option<String>,
    /// How many devices are remembered, each by a digest only.
    pub remembered_devices: usize,
    /// The live sessions.
    pub sessions: Vec<SessionView>,
    /// The links that are still good.
    pub links: Vec<LinkView>,
    /// What was kept of the user's events, the newest first; absent when the
    /// service keeps none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<EventView>>,
}

/// Requests a page of one's events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListEvents {
    /// The events before this one; `None`: the newest.
    pub before: Option<EventId>,
    /// How many, 1 to [`MAX_PAGE`](super::MAX_PAGE); `None`:
    /// [`DEFAULT_PAGE`](super::DEFAULT_PAGE).
    pub limit: Option<u32>,
}

/// A page of a user's events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct EventList {
    /// The newest first.
    pub events: Vec<EventView>,
    /// What to ask for as [`before`](ListEvents::before) to get the next page;
    /// `None` on the last one.
    pub next: Option<EventId>,
}

/// What a user sees of an event that was kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct EventView {
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
    /// Whether somebody else did it, or tried to: an administrator. Which one,
    /// users are not told.
    pub by_other: bool,
    /// Which session it was about.
    pub session_id: Option<SessionId>,
    /// Which mail it was about.
    pub mail: Option<MailKind>,
    /// Where it came from.
    pub ip: Option<IpAddr>,
    /// What it came with.
    pub user_agent: Option<String>,
}

impl From<&AuditRecord> for EventView {
    fn from(record: &AuditRecord) -> Self {
        // Where an administrator works is not the user's to know.
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

/// The count of what has none.
pub(super) const fn once() -> u64 {
    1
}

/// What a user sees of a link that was mailed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct LinkView {
    /// What it is for.
    pub purpose: TokenPurpose,
    /// Where it was mailed to.
    #[cfg_attr(feature = "openapi", schemars(email))]
    pub email: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl From<&OneTimeToken> for LinkView {
    fn from(token: &OneTimeToken) -> Self {
        Self {
            purpose: token.purpose,
            email: token.email.as_str().to_owned(),
            created_at: token.created_at,
            expires_at: token.expires_at,
        }
    }
}
