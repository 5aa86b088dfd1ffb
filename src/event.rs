//! Events: one for each operation and outcome, for operators and auditors.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::{Deserialize, Serialize};

use crate::error::ErrorCode;
use crate::id::{SessionId, UserId};
use crate::mail::MailKind;
use crate::metrics;
use crate::preferences::Preferences;
use crate::time::Timestamp;
use crate::user::{User, is_unsafe};

/// An operation of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Operation {
    /// Making an account.
    Register,
    /// Opening a session with a password.
    Login,
    /// Checking an access token. Reported when it is refused only.
    ValidateToken,
    /// Ending the own session.
    Logout,
    /// Getting new tokens for a session.
    Refresh,
    /// Changing the own profile.
    UpdateProfile,
    /// Changing the own password.
    ChangePassword,
    /// Giving the own password again, for a session in place of the present one.
    ConfirmPassword,
    /// Asking what a password is worth. Reported when it is refused only.
    PasswordStrength,
    /// Listing the own sessions.
    ListSessions,
    /// Ending one of the own sessions.
    EndSession,
    /// Ending all of the own sessions but the present one.
    EndAllSessions,
    /// Confirming an address by a mailed link.
    VerifyEmail,
    /// Asking for another link that confirms an address.
    ResendVerification,
    /// Saying of a mailed link that the account is not one's own.
    DisownEmail,
    /// Asking for a link that sets a new password.
    ForgotPassword,
    /// Setting a new password by a mailed link.
    ResetPassword,
    /// Asking for another address.
    ChangeEmail,
    /// Confirming another address by a mailed link.
    ConfirmEmailChange,
    /// Getting all that is stored of the own account.
    ExportAccount,
    /// Deleting the own account.
    DeleteAccount,
    /// Removing an account that nobody has confirmed or used.
    ExpireAccount,
    /// Listing what was kept of the own account's events.
    ListEvents,
    /// Making an administrator, by the application's own code.
    AppointAdministrator,
    /// Looking at somebody's account, as an administrator; as are the next ones.
    ViewUser,
    /// Going through the accounts.
    ListUsers,
    /// Disabling an account.
    DisableUser,
    /// Enabling an account.
    EnableUser,
    /// Granting or revoking roles.
    ChangeRoles,
    /// Listing an account's sessions.
    ListUserSessions,
    /// Reading what was kept of an account's events.
    ListUserEvents,
    /// Ending one of an account's sessions.
    EndUserSession,
    /// Ending all of an account's sessions.
    EndUserSessions,
    /// Having a link mailed that sets a new password.
    SendPasswordReset,
    /// Sending a mail, in the background.
    SendMail,
    /// Keeping an event in the audit log, in the background. Reported when it
    /// failed only.
    KeepEvent,
}

impl Operation {
    /// The name, such as `change_password`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Login => "login",
            Self::ValidateToken => "validate_token",
            Self::Logout => "logout",
            Self::Refresh => "refresh",
            Self::UpdateProfile => "update_profile",
            Self::ChangePassword => "change_password",
            Self::ConfirmPassword => "confirm_password",
            Self::PasswordStrength => "password_strength",
            Self::ListSessions => "list_sessions",
            Self::EndSession => "end_session",
            Self::EndAllSessions => "end_all_sessions",
            Self::VerifyEmail => "verify_email",
            Self::ResendVerification => "resend_verification",
            Self::DisownEmail => "disown_email",
            Self::ForgotPassword => "forgot_password",
            Self::ResetPassword => "reset_password",
            Self::ChangeEmail => "change_email",
            Self::ConfirmEmailChange => "confirm_email_change",
            Self::ExportAccount => "export_account",
            Self::DeleteAccount => "delete_account",
            Self::ExpireAccount => "expire_account",
            Self::ListEvents => "list_events",
            Self::AppointAdministrator => "appoint_administrator",
            Self::ViewUser => "view_user",
            Self::ListUsers => "list_users",
            Self::DisableUser => "disable_user",
            Self::EnableUser => "enable_user",
            Self::ChangeRoles => "change_roles",
            Self::ListUserSessions => "list_user_sessions",
            Self::ListUserEvents => "list_user_events",
            Self::EndUserSession => "end_user_session",
            Self::EndUserSessions => "end_user_sessions",
            Self::SendPasswordReset => "send_password_reset",
            Self::SendMail => "send_mail",
            Self::KeepEvent => "keep_event",
        }
    }
}

/// Something that an operator should know besides the outcome.
///
/// They are ordered by weight, the weightiest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Notice {
    /// A refresh token was used a second time: somebody holds a copy of it.
    /// The session has been ended.
    RefreshTokenReused,
    /// Failed attempts have locked an account for some time: for strangers, or
    /// for one device, session or mailed link.
    AccountLocked,
    /// A login with a device, or from a network, that was not seen before
    /// (ASVS 6.3.5).
    NewDevice,
    /// The stored password hash of the user cannot be checked: it is corrupt,
    /// made with a pepper that is not configured, or dearer than accepted.
    PasswordHashUnusable,
    /// The source of breached passwords failed, timed out or panicked. If the
    /// operation succeeded nevertheless, its password was not compared.
    BreachCheckFailed,
    /// The application's hook failed, timed out or panicked. The account exists
    /// without what the hook would have set.
    HookFailed,
    /// The store has reached its capacity and refused something.
    StoreFull,
    /// A hashing thread has not returned in time: a foreign scheme hangs.
    HashingStuck,
    /// The password was right, but its hash could not be brought up to date.
    RehashFailed,
    /// A mail was not sent at all: too many were under way, or what it needed
    /// failed.
    MailDropped,
    /// A mail was tried to be sent, and given up.
    MailGivenUp,
    /// A reset of the password has confirmed the address of an account that nobody
    /// had confirmed: its name and preferences may be those of a stranger, and
    /// have been cleared.
    AccountTakenOver,
    /// What was to be removed is dead, but some of its rows are left behind.
    RowsLeftBehind,
    /// An event is not in the audit log: too many waited to be written, or the
    /// store failed each time.
    EventLost,
}

impl Notice {
    /// The name, such as `refresh_token_reused`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RefreshTokenReused => "refresh_token_reused",
            Self::PasswordHashUnusable => "password_hash_unusable",
            Self::RehashFailed => "rehash_failed",
            Self::MailDropped => "mail_dropped",
            Self::MailGivenUp => "mail_given_up",
            Self::HookFailed => "hook_failed",
            Self::StoreFull => "store_full",
            Self::HashingStuck => "hashing_stuck",
            Self::BreachCheckFailed => "breach_check_failed",
            Self::NewDevice => "new_device",
            Self::AccountLocked => "account_locked",
            Self::AccountTakenOver => "account_taken_over",
            Self::RowsLeftBehind => "rows_left_behind",
            Self::EventLost => "event_lost",
        }
    }
}

/// The notices of one operation. All of them are kept: none replaces another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Notices(BTreeSet<Notice>);

impl Notices {
    /// Adds `notice`.
    pub(crate) fn insert(&mut self, notice: Notice) {
        self.0.insert(notice);
    }

    /// Returns `true` if there are no notices.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns `true` if `notice` is among them.
    #[must_use]
    pub fn contains(&self, notice: Notice) -> bool {
        self.0.contains(&notice)
    }

    /// Returns the notice of greatest weight.
    #[must_use]
    pub fn first(&self) -> Option<Notice> {
        self.0.first().copied()
    }

    /// Iterates over the notices, by decreasing weight.
    pub fn iter(&self) -> impl Iterator<Item = Notice> + use<'_> {
        self.0.iter().copied()
    }
}

impl<I: IntoIterator<Item = Notice>> From<I> for Notices {
    fn from(notices: I) -> Self {
        Self(notices.into_iter().collect())
    }
}

impl fmt::Display for Notices {
    /// Returns the names, separated by spaces.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, notice) in self.iter().enumerate() {
            let separator = if index == 0 { "" } else { " " };
            write!(f, "{separator}{}", notice.as_str())?;
        }
        Ok(())
    }
}

/// What was done, by whom, when, from where, and how it ended. No field ever
/// holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AuthEvent {
    /// When it ended.
    pub at: Timestamp,
    /// What was done.
    pub operation: Operation,
    /// `None` when it succeeded.
    pub refused: Option<ErrorCode>,
    /// Whether it succeeded and found nothing to change.
    pub unchanged: bool,
    /// Further facts about the event for an operator.
    pub notices: Notices,
    /// Whose account it was about, as far as that is known.
    pub user_id: Option<UserId>,
    /// The administrator who performed the operation on that user, if any.
    pub actor_id: Option<UserId>,
    /// Which session it was about.
    pub session_id: Option<SessionId>,
    /// Which mail it was about.
    pub mail: Option<MailKind>,
    /// The client's address.
    pub ip: Option<IpAddr>,
    /// The client's description of itself, as the [`RequestContext`] has it.
    ///
    /// [`RequestContext`]: crate::service::RequestContext
    pub user_agent: Option<String>,
    /// What an account had that was taken over by a reset of its password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_over: Option<Box<TakenOver>>,
}

/// What an account had that nobody had confirmed, when the owner of the mailbox
/// took it over by a reset of the password. The account does not have it any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TakenOver {
    /// Its name.
    pub name: String,
    /// Its preferences.
    pub preferences: Preferences,
}

impl TakenOver {
    pub(crate) fn of(user: &User) -> Self {
        Self {
            name: user.name.as_str().to_owned(),
            preferences: user.preferences.clone(),
        }
    }
}

/// Longest user agent that is kept, in characters; the rest is cut.
pub const MAX_USER_AGENT_CHARS: usize = 256;

/// What is kept of a client's description of itself: cut to
/// [`MAX_USER_AGENT_CHARS`], without control characters, line separators and
/// bidi overrides (ASVS 16.4.1).
pub(crate) fn kept_agent(text: &str) -> Option<String> {
    let kept: String = text
        .chars()
        .filter(|letter| !is_unsafe(*letter))
        .take(MAX_USER_AGENT_CHARS)
        .collect();
    Some(kept).filter(|text| !text.is_empty())
}

/// Takes events. It is called within the operation, so it must not block;
/// a panic in it is caught and changes no answer.
#[cfg_attr(feature = "test-util", mockall::automock)]
pub trait EventSink: Send + Sync + 'static {
    /// Takes one event.
    fn emit(&self, event: &AuthEvent);
}

/// Counts `event` and hands it to `sink`; a panic in it ends here.
pub(crate) fn emit(sink: &dyn EventSink, event: &AuthEvent) {
    metrics::event(event);
    deliver(sink, event);
}

/// Hands `event`, which was counted, to `sink`; a panic in it ends here.
pub(crate) fn deliver(sink: &dyn EventSink, event: &AuthEvent) {
    if catch_unwind(AssertUnwindSafe(|| sink.emit(event))).is_err() {
        tracing::error!(
            operation = event.operation.as_str(),
            "the event sink panicked"
        );
    }
}

/// Writes events to `tracing`, under the target `admittance::event`:
/// what should be looked at (a [`Notice`]) at WARN, refused tokens at DEBUG
/// because strangers can cause any number of them, the rest at INFO.
#[derive(Clone, Copy, Debug, Default)]
pub struct TracingSink;

impl EventSink for TracingSink {
    fn emit(&self, event: &AuthEvent) {
        macro_rules! write_at {
            ($level:ident) => {
                tracing::$level!(
                    target: "admittance::event",
                    at = %event.at,
                    operation = event.operation.as_str(),
                    outcome = event.refused.map_or("succeeded", ErrorCode::as_str),
                    unchanged = event.unchanged.then_some(true),
                    notices = (!event.notices.is_empty()).then(|| tracing::field::display(&event.notices)),
                    user_id = event.user_id.map(tracing::field::display),
                    actor_id = event.actor_id.map(tracing::field::display),
                    session_id = event.session_id.map(tracing::field::display),
                    mail = event.mail.map(MailKind::as_str),
                    ip = event.ip.map(tracing::field::display),
                    user_agent = event.user_agent.as_ref().map(tracing::field::debug),
                )
            };
        }
        match (event.operation, event.refused) {
            _ if !event.notices.is_empty() => write_at!(warn),
            (Operation::ValidateToken | Operation::Refresh, Some(_)) => write_at!(debug),
            _ => write_at!(info),
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;
    use serde_json::Value;

    use super::*;

    /// All values of a type that is a name in JSON, by what serde says when it
    /// meets another one.
    fn all<T: DeserializeOwned>() -> Vec<T> {
        let unknown = serde_json::from_value::<T>(Value::from("no such name"));
        let text = unknown.err().unwrap().to_string();
        let (_, names) = text.split_once("expected one of ").unwrap();
        let names = names.split(", ").map(|name| name.trim_matches('`'));
        names
            .map(|name| serde_json::from_value(Value::from(name)).unwrap())
            .collect()
    }

    #[test]
    fn names_in_logs_and_stores_are_those_in_json() {
        fn name(value: impl Serialize) -> Value {
            serde_json::to_value(value).unwrap()
        }
        let (operations, notices) = (all::<Operation>(), all::<Notice>());
        assert!(operations.len() > 30 && notices.len() > 10);
        for operation in operations {
            assert_eq!(name(operation), operation.as_str());
        }
        for notice in notices {
            assert_eq!(name(notice), notice.as_str());
        }
        for kind in all::<MailKind>() {
            assert_eq!(name(kind), kind.as_str());
        }
        for code in all::<ErrorCode>() {
            assert_eq!(name(code), code.as_str());
        }
    }
}
