//! Kinds of mails, and the parts of a mail.

use crate::named::named;

named! {
    /// What a mail is about.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
    #[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
    #[cfg_attr(feature = "openapi", schemars(rename_all = "snake_case"))]
    #[non_exhaustive]
    pub enum MailKind {
        /// To a new account's address: confirm it, or say that it was not you.
        VerifyEmail => "verify_email",
        /// To the address of an account that is not made before it is confirmed.
        CompleteRegistration => "complete_registration",
        /// Somebody tried to register an address that has an account.
        AlreadyRegistered => "already_registered",
        /// A link that sets a new password.
        ResetPassword => "reset_password",
        /// An account was created for the owner of the address: a link that sets the first
        /// password.
        Invitation => "invitation",
        /// The password has been changed or reset.
        PasswordChanged => "password_changed",
        /// To the new address of an account: confirm it.
        ConfirmEmailChange => "confirm_email_change",
        /// To the present address: a change of it was asked for.
        EmailChangeRequested => "email_change_requested",
        /// To the address that was the account's: it no longer is.
        EmailChanged => "email_changed",
        /// A way to sign in with a provider was added to the account.
        IdentityLinked => "identity_linked",
        /// A way to sign in with a provider was removed from the account.
        IdentityUnlinked => "identity_unlinked",
        /// A login with a device, or from a network, that was not seen before.
        NewDevice => "new_device",
        /// After many failed attempts logins are slowed down.
        AccountLocked => "account_locked",
        /// The account was deleted.
        AccountDeleted => "account_deleted",
        /// The account was deleted because nobody had confirmed its address or used it.
        AccountExpired => "account_expired",
    }
}

named! {
    /// A part of a mail.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
    pub enum MailPart {
        /// The subject.
        Subject => "subject",
        /// The body in plain text.
        Text => "text",
        /// The body in HTML.
        Html => "html",
    }
}
