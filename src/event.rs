//! Events: one for each operation and outcome, for operators and auditors.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::ErrorCode;
use crate::id::{SessionId, UserId};
use crate::mail::MailKind;
use crate::metrics;
use crate::named::named;
use crate::preferences::Preferences;
use crate::time::Timestamp;
use crate::user::{User, is_unsafe};

named! {
    /// An operation of the service.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
    #[cfg_attr(feature = "openapi", schemars(rename_all = "snake_case"))]
    #[non_exhaustive]
    pub enum Operation {
        /// Making an account.
        Register => "register",
        /// Opening a session with a password.
        Login => "login",
        /// Completing a login with a second factor.
        SecondFactor => "second_factor",
        /// Sending a browser to a provider.
        StartFederation => "start_federation",
        /// Completing a sign-in with a provider: opening a session, or the first one of a new
        /// account.
        FederatedLogin => "federated_login",
        /// Adding an identity to an account.
        LinkIdentity => "link_identity",
        /// Removing one of one's identities.
        UnlinkIdentity => "unlink_identity",
        /// Opening a session for a proof of the application.
        OpenSession => "open_session",
        /// Checking an access token. Reported when it is refused only.
        ValidateToken => "validate_token",
        /// Ending one's session.
        Logout => "logout",
        /// Getting new tokens for a session.
        Refresh => "refresh",
        /// Changing one's profile.
        UpdateProfile => "update_profile",
        /// Changing a user's metadata, by the application's own code.
        SetMetadata => "set_metadata",
        /// Changing one's password.
        ChangePassword => "change_password",
        /// Proving again who one is, for a session in place of the present one.
        Reauthenticate => "reauthenticate" | "confirm_password",
        /// Asking what a password is worth. Reported when it is refused only.
        PasswordStrength => "password_strength",
        /// Listing one's sessions.
        ListSessions => "list_sessions",
        /// Ending one of one's sessions.
        EndSession => "end_session",
        /// Ending all of one's sessions except the present one.
        EndAllSessions => "end_all_sessions",
        /// Confirming an address by a mailed link.
        VerifyEmail => "verify_email",
        /// Asking for another link that confirms an address.
        ResendVerification => "resend_verification",
        /// Saying of a mailed link that the account is not one's own.
        DisownEmail => "disown_email",
        /// Asking for a link that sets a new password.
        ForgotPassword => "forgot_password",
        /// Setting a new password by a mailed link.
        ResetPassword => "reset_password",
        /// Asking for another address.
        ChangeEmail => "change_email",
        /// Confirming another address by a mailed link.
        ConfirmEmailChange => "confirm_email_change",
        /// Exporting one's account.
        ExportAccount => "export_account",
        /// Deleting one's account.
        DeleteAccount => "delete_account",
        /// Removing an account, by the application's own code.
        RemoveUser => "remove_user",
        /// Removing an account that nobody has confirmed or used.
        ExpireAccount => "expire_account",
        /// Listing the recorded events of one's account.
        ListEvents => "list_events",
        /// Making an administrator, by the application's own code.
        AppointAdministrator => "appoint_administrator",
        /// Creating an account for somebody, by the application's own code or as an
        /// administrator.
        CreateUser => "create_user",
        /// Looking at somebody's account, as an administrator; as are the next ones.
        ViewUser => "view_user",
        /// Going through the accounts.
        ListUsers => "list_users",
        /// Disabling an account.
        DisableUser => "disable_user",
        /// Enabling an account.
        EnableUser => "enable_user",
        /// Granting or revoking roles.
        ChangeRoles => "change_roles",
        /// Listing an account's sessions.
        ListUserSessions => "list_user_sessions",
        /// Reading what was kept of an account's events.
        ListUserEvents => "list_user_events",
        /// Ending one of an account's sessions.
        EndUserSession => "end_user_session",
        /// Ending all of an account's sessions.
        EndUserSessions => "end_user_sessions",
        /// Having a link mailed that sets a new password.
        SendPasswordReset => "send_password_reset",
        /// Sending a mail, in the background.
        SendMail => "send_mail",
        /// Keeping an event in the audit log, in the background. Reported when it
        /// failed only.
        KeepEvent => "keep_event",
    }
}

named! {
    /// Something that an operator should know besides the outcome.
    ///
    /// They are ordered by weight, the weightiest first.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
    #[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
    #[cfg_attr(feature = "openapi", schemars(rename_all = "snake_case"))]
    #[non_exhaustive]
    pub enum Notice {
        /// A refresh token was used a second time: somebody holds a copy of it.
        /// The session has been ended.
        RefreshTokenReused => "refresh_token_reused",
        /// Failed attempts have locked an account for some time: for strangers, or
        /// for one device, session or mailed link.
        AccountLocked => "account_locked",
        /// A login with a device, or from a network, that was not seen before
        /// (ASVS 6.3.5).
        NewDevice => "new_device",
        /// The stored password hash of the user cannot be checked: it is corrupt,
        /// made with a pepper that is not configured, or dearer than accepted.
        PasswordHashUnusable => "password_hash_unusable",
        /// The source of breached passwords failed, timed out or panicked. If the
        /// operation succeeded nevertheless, its password was not compared.
        BreachCheckFailed => "breach_check_failed",
        /// The application's own code failed, timed out or panicked: a hook, its source of
        /// claims, or its second factor. The log names it. A hook that is asked before an
        /// act refuses it, and one that is told afterwards is called again.
        HookFailed => "hook_failed",
        /// The store has reached its capacity and refused something.
        StoreFull => "store_full",
        /// A hashing thread has not returned in time: a foreign scheme hangs.
        HashingStuck => "hashing_stuck",
        /// The password was right, but its hash could not be brought up to date.
        RehashFailed => "rehash_failed",
        /// A mail was not sent at all: too many were under way, or what it needed
        /// failed.
        MailDropped => "mail_dropped",
        /// A mail was tried to be sent, and given up.
        MailGivenUp => "mail_given_up",
        /// It was given up because of its address: the mail server refuses the recipient, or
        /// takes no letters outside ASCII before the `@`.
        MailAddressRefused => "mail_address_refused",
        /// A reset of the password has confirmed the address of an account that nobody
        /// had confirmed: its name and preferences may be those of a stranger, and
        /// have been cleared.
        AccountTakenOver => "account_taken_over",
        /// What was to be removed is dead, but some of its rows are left behind.
        RowsLeftBehind => "rows_left_behind",
        /// An event is not in the audit log: too many waited to be written, or the
        /// store failed each time.
        EventLost => "event_lost",
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
    /// The operation.
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
    /// The session, if it concerned one.
    pub session_id: Option<SessionId>,
    /// The kind of mail, if it concerned one.
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

    pub(crate) fn to_map(&self) -> Map<String, Value> {
        let preferences = Value::Object(self.preferences.as_map().clone());
        [
            ("name".to_owned(), Value::String(self.name.clone())),
            ("preferences".to_owned(), preferences),
        ]
        .into_iter()
        .collect()
    }

    /// What [`to_map`](Self::to_map) gave to a store. What is not there is empty.
    pub(crate) fn from_map(map: &Map<String, Value>) -> Self {
        let preferences = map.get("preferences").and_then(Value::as_object);
        Self {
            name: map
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            preferences: Preferences::from_store(preferences.cloned().unwrap_or_default()),
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
    use serde_json::json;

    use super::*;

    #[test]
    fn events_of_an_earlier_version_are_read() {
        let read = |name: &str| serde_json::from_value::<Operation>(name.into()).unwrap();
        for operation in Operation::ALL {
            assert_eq!(read(operation.as_str()), operation);
        }
        assert_eq!(read("confirm_password"), Operation::Reauthenticate);
        assert_eq!(
            "password_required".parse(),
            Ok(ErrorCode::RecentLoginRequired)
        );
        for value in [
            json!({"login": null}),
            json!(["login"]),
            json!(null),
            json!("LOGIN"),
        ] {
            assert!(serde_json::from_value::<Operation>(value).is_err());
        }
    }
}
