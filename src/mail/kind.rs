//! Kinds of mails, and the parts of a mail.

use serde::{Deserialize, Serialize};

/// What a mail is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MailKind {
    /// To a new account's address: confirm it, or say that it was not you.
    VerifyEmail,
    /// To the address of an account that is not made before it is confirmed.
    CompleteRegistration,
    /// Somebody tried to register an address that has an account.
    AlreadyRegistered,
    /// A link that sets a new password.
    ResetPassword,
    /// The password has been changed or reset.
    PasswordChanged,
    /// To the new address of an account: confirm it.
    ConfirmEmailChange,
    /// To the present address: a change of it was asked for.
    EmailChangeRequested,
    /// To the address that was the account's: it no longer is.
    EmailChanged,
    /// A login with a device, or from a network, that was not seen before.
    NewDevice,
    /// After many failed attempts logins are slowed down.
    AccountLocked,
    /// The account was deleted.
    AccountDeleted,
    /// The account was deleted because nobody had confirmed its address or used it.
    AccountExpired,
}

impl MailKind {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::VerifyEmail,
        Self::CompleteRegistration,
        Self::AlreadyRegistered,
        Self::ResetPassword,
        Self::PasswordChanged,
        Self::ConfirmEmailChange,
        Self::EmailChangeRequested,
        Self::EmailChanged,
        Self::NewDevice,
        Self::AccountLocked,
        Self::AccountDeleted,
        Self::AccountExpired,
    ];

    /// The name, such as `verify_email`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::CompleteRegistration => "complete_registration",
            Self::AlreadyRegistered => "already_registered",
            Self::ResetPassword => "reset_password",
            Self::PasswordChanged => "password_changed",
            Self::ConfirmEmailChange => "confirm_email_change",
            Self::EmailChangeRequested => "email_change_requested",
            Self::EmailChanged => "email_changed",
            Self::NewDevice => "new_device",
            Self::AccountLocked => "account_locked",
            Self::AccountDeleted => "account_deleted",
            Self::AccountExpired => "account_expired",
        }
    }
}

/// A part of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MailPart {
    /// The subject.
    Subject,
    /// The body in plain text.
    Text,
    /// The body in HTML.
    Html,
}

impl MailPart {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Subject, Self::Text, Self::Html];

    /// The name, such as `subject`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Text => "text",
            Self::Html => "html",
        }
    }
}
