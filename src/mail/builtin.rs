//! The wording that the library brings: English.

use super::kind::{MailKind, MailPart};

/// The language of the wording here.
pub(super) const LANGUAGE: &str = "en";

/// What templates may include or extend, by name.
pub(super) const SHARED: [(&str, &str); 4] = [
    ("layout.html", include_str!("templates/layout.html")),
    ("button.html", include_str!("templates/button.html")),
    ("details.html", include_str!("templates/details.html")),
    ("details.txt", include_str!("templates/details.txt")),
];

macro_rules! mail {
    ($part:expr, $file:literal, $subject:literal) => {
        match $part {
            MailPart::Subject => $subject,
            MailPart::Text => include_str!(concat!("templates/", $file, ".txt")),
            MailPart::Html => include_str!(concat!("templates/", $file, ".html")),
        }
    };
}

/// The template of one part.
pub(super) fn source(kind: MailKind, part: MailPart) -> &'static str {
    match kind {
        MailKind::VerifyEmail => mail!(
            part,
            "verify_email",
            "Confirm your email address for {{ service }}"
        ),
        MailKind::CompleteRegistration => mail!(
            part,
            "complete_registration",
            "Complete your registration at {{ service }}"
        ),
        MailKind::AlreadyRegistered => mail!(
            part,
            "already_registered",
            "You already have an account at {{ service }}"
        ),
        MailKind::ResetPassword => mail!(
            part,
            "reset_password",
            "Set a new password for {{ service }}"
        ),
        MailKind::Invitation => mail!(part, "invitation", "Your account at {{ service }}"),
        MailKind::PasswordChanged => mail!(
            part,
            "password_changed",
            "Your password for {{ service }} was changed"
        ),
        MailKind::ConfirmEmailChange => mail!(
            part,
            "confirm_email_change",
            "Confirm your new email address for {{ service }}"
        ),
        MailKind::EmailChangeRequested => mail!(
            part,
            "email_change_requested",
            "A change of your email address at {{ service }} was asked for"
        ),
        MailKind::EmailChanged => mail!(
            part,
            "email_changed",
            "Your email address at {{ service }} was changed"
        ),
        MailKind::IdentityLinked => mail!(
            part,
            "identity_linked",
            "A new way to sign in to {{ service }}"
        ),
        MailKind::IdentityUnlinked => mail!(
            part,
            "identity_unlinked",
            "A way to sign in to {{ service }} was removed"
        ),
        MailKind::NewDevice => mail!(
            part,
            "new_device",
            "New login to your account at {{ service }}"
        ),
        MailKind::AccountLocked => mail!(
            part,
            "account_locked",
            "Failed logins to your account at {{ service }}"
        ),
        MailKind::AccountDeleted => mail!(
            part,
            "account_deleted",
            "Your account at {{ service }} was deleted"
        ),
        MailKind::AccountExpired => mail!(
            part,
            "account_expired",
            "An unused account at {{ service }} was deleted"
        ),
    }
}
