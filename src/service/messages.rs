//! What goes into the service and what comes out: the bodies of the contract.
//!
//! Requests refuse unknown fields. A missing field is the empty one, so that
//! validation can name it together with everything else.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::error::Violation;
pub use crate::event::MAX_USER_AGENT_CHARS;
use crate::id::{SessionId, UserId};
use crate::proof::Method;
use crate::secret::{AccessToken, Password, RefreshToken};
use crate::session::Session;
use crate::time::Timestamp;

/// Asks for an account.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RegisterRequest {
    /// The address, as the person writes it.
    #[cfg_attr(feature = "openapi", schemars(email))]
    pub email: String,
    /// The password.
    pub password: Password,
    /// The password once more.
    pub confirm_password: Password,
    /// What the person wants to be called.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = 100)))]
    pub name: String,
}

/// An account was made, and a session was opened for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct RegisterResponse {
    /// The new account's id.
    pub user_id: UserId,
    /// The address as it was given.
    #[cfg_attr(feature = "openapi", schemars(email))]
    pub email: String,
    /// The name.
    pub name: String,
    /// Whether the owner of the mailbox has confirmed the account.
    pub is_verified: bool,
    /// What the user still has to do, as in [`Profile::missing`](crate::profile::Profile::missing).
    pub missing: Vec<String>,
    /// A sentence for a person.
    pub message: String,
    /// The session's tokens.
    #[serde(flatten)]
    pub tokens: Tokens,
}

/// What became of a registration.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
#[must_use]
pub enum RegisterOutcome {
    /// The account is there, with a session.
    Opened(RegisterResponse),
    /// The account will be there when the mailed link is used. This is the
    /// answer whether the address has an account or not.
    Pending(Accepted),
}

impl RegisterOutcome {
    /// The answer, if the account is there.
    #[must_use]
    pub fn opened(self) -> Option<RegisterResponse> {
        match self {
            Self::Opened(response) => Some(response),
            Self::Pending(_) => None,
        }
    }
}

/// It was taken in hand, and this is all there is to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Accepted {
    /// A sentence for a person.
    pub message: String,
}

impl Accepted {
    pub(super) fn new(message: &str) -> Self {
        Self {
            message: message.to_owned(),
        }
    }
}

/// Asks what a password is worth that is being typed.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct PasswordStrengthRequest {
    /// The password so far.
    #[cfg_attr(
        feature = "openapi",
        schemars(with = "String", extend("format" = "password", "optional" = true))
    )]
    pub password: Password,
    /// The address, as far as it is known: a password made of it is weak.
    #[cfg_attr(feature = "openapi", schemars(extend("optional" = true)))]
    pub email: String,
    /// The name, as far as it is known.
    #[cfg_attr(feature = "openapi", schemars(extend("optional" = true)))]
    pub name: String,
}

/// What a password is worth.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct PasswordStrength {
    /// zxcvbn's score: 0, among the first to be tried, to 4, out of reach.
    #[cfg_attr(feature = "openapi", schemars(range(max = 4)))]
    pub score: u8,
    /// Whether it breaks no rule. It may still be refused when it is set, if it has
    /// appeared in a data breach.
    pub acceptable: bool,
    /// The rules that it breaks.
    pub errors: Vec<Violation>,
    /// What makes it easy to guess, in a sentence.
    pub warning: Option<String>,
    /// What would make it harder to guess, in sentences.
    pub suggestions: Vec<String>,
}

/// Asks for a session.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct LoginRequest {
    /// The address.
    #[cfg_attr(feature = "openapi", schemars(email))]
    pub email: String,
    /// The password.
    pub password: Password,
    /// `false` asks for a session that does not last long, as on a device of
    /// somebody else's. `true`, or nothing, for one of the usual lifetime.
    ///
    /// How long each is says [`SessionPolicy`](crate::config::SessionPolicy).
    #[serde(deserialize_with = "present")]
    pub remember: Option<bool>,
}

/// A session was opened or goes on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct LoginResponse {
    /// The account's id.
    pub user_id: UserId,
    /// The address as it was given.
    #[cfg_attr(feature = "openapi", schemars(email))]
    pub email: String,
    /// The name.
    pub name: String,
    /// Whether the owner of the mailbox has confirmed the account.
    pub is_verified: bool,
    /// What the user still has to do, as in [`Profile::missing`](crate::profile::Profile::missing).
    pub missing: Vec<String>,
    /// A sentence for a person.
    pub message: String,
    /// The session's tokens.
    #[serde(flatten)]
    pub tokens: Tokens,
}

/// What a client keeps of a session.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Tokens {
    /// Authenticates requests.
    pub token: AccessToken,
    /// Always `Bearer` (RFC 6750).
    pub token_type: TokenType,
    /// How long `token` is good, in seconds.
    pub expires_in: u64,
    /// Gets new tokens, once.
    pub refresh_token: RefreshToken,
    /// How long a client may keep them.
    #[serde(skip)]
    #[cfg_attr(
        not(feature = "http"),
        expect(dead_code, reason = "only cookies are kept for a time")
    )]
    pub(crate) keeping: Keeping,
}

/// How long a client keeps its tokens, if nothing refreshes them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// Until the client is closed: the session is a [`short`](Session::short) one.
    #[default]
    Short,
    /// For this many seconds, when the session ends unless it is refreshed.
    Seconds(u64),
}

/// How a token is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub enum TokenType {
    /// In the `Authorization` header (RFC 6750 §2.1).
    Bearer,
}

/// Asks for new tokens.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RefreshRequest {
    /// The refresh token that was handed out last.
    pub refresh_token: RefreshToken,
}

/// The session has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct LogoutResponse {
    /// A sentence for a person.
    pub message: String,
}

/// Changes one's profile. Absent fields stay as they are; nothing else can be
/// changed.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct UpdateProfile {
    /// The new name.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = 100)))]
    #[serde(deserialize_with = "present")]
    pub name: Option<String>,
    /// The new preferences, in place of all the old ones.
    #[cfg_attr(
        feature = "openapi",
        schemars(with = "Option<crate::preferences::Preferences>")
    )]
    #[serde(deserialize_with = "present")]
    pub preferences: Option<serde_json::Map<String, serde_json::Value>>,
}

/// A field that may be absent but not `null`.
pub(super) fn present<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Changes one's password.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ChangePassword {
    /// The password as it is.
    pub current_password: Password,
    /// The password as it shall be.
    pub new_password: Password,
    /// The new password once more.
    pub confirm_password: Password,
}

/// Proves again who the user is.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Reauthenticate {
    /// How.
    pub method: Method,
    /// The password, by the method `pwd`.
    #[serde(default)]
    pub current_password: Password,
}

impl Reauthenticate {
    /// By the password of the account.
    pub fn by_password(current_password: impl Into<Password>) -> Self {
        Self {
            method: Method::Password,
            current_password: current_password.into(),
        }
    }
}

/// The short form of [`Reauthenticate`] by the password, for one release.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ConfirmPassword {
    /// The password.
    pub current_password: Password,
}

impl From<ConfirmPassword> for Reauthenticate {
    fn from(short: ConfirmPassword) -> Self {
        Self::by_password(short.current_password)
    }
}

/// Asks for a page of sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListSessions {
    /// The session that the last page ended with, be it still there or not.
    /// `None` asks for the first page.
    pub after: Option<SessionId>,
    /// How many at most, 1 to [`MAX_PAGE`](super::MAX_PAGE); `None`:
    /// [`DEFAULT_PAGE`](super::DEFAULT_PAGE).
    pub limit: Option<u32>,
}

/// A page of a user's live sessions. Going through the pages meets each session
/// once that is live all the time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SessionList {
    /// The greatest id first, which is the last opened.
    pub sessions: Vec<SessionView>,
    /// What to ask for as [`after`](ListSessions::after) to get the next page;
    /// `None` on the last one.
    #[serde(default)]
    pub next: Option<SessionId>,
}

/// What a user sees of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SessionView {
    /// Its id, to end it by.
    pub session_id: SessionId,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was opened or last refreshed.
    pub last_seen_at: Timestamp,
    /// Where it was opened from.
    pub ip: Option<IpAddr>,
    /// What it was opened with.
    pub user_agent: Option<String>,
    /// Whether it is the one that asks.
    pub current: bool,
}

impl SessionView {
    /// The view of `session` for someone who asks from session `current`.
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
