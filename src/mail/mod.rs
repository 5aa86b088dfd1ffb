//! Mail: messages, templates and mailers.
//!
//! The service creates typed messages, [`MailTemplates`] renders them, and a [`Mailer`] sends
//! them in the background: no request waits for a mail, and no answer depends on one.

mod builtin;
mod config;
mod console;
mod kind;
mod outbox;
#[cfg(any(feature = "smtp", feature = "smtp-aws-lc-rs"))]
mod smtp;
mod template;
mod text;
mod wording;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;

pub(crate) use config::link;
pub use config::{MailConfig, MailPaths};
pub use console::ConsoleMailer;
pub use kind::{MailKind, MailPart};
pub(crate) use outbox::{Outbox, Post};
#[cfg(any(feature = "smtp", feature = "smtp-aws-lc-rs"))]
pub use smtp::{SmtpConfig, SmtpCredentials, SmtpError, SmtpMailer, SmtpReply, SmtpTls};
pub use template::TemplateError;
pub use wording::MailTemplates;

use crate::email::Email;
use crate::error::Cause;

/// One mail, ready to be sent.
///
/// `Debug` leaves out what it says, since that holds links that work.
#[derive(Clone)]
#[non_exhaustive]
pub struct Mail {
    /// What it is about.
    pub kind: MailKind,
    /// Whom it goes to: always an address out of the store, or one that the
    /// owner of an account has asked to change to.
    pub to: Email,
    /// The subject: one line, without control characters.
    pub subject: String,
    /// The body in plain text.
    pub text: String,
    /// The body in HTML.
    pub html: String,
}

impl Mail {
    /// A mail out of its parts, to try a [`Mailer`] with. `subject` is made one
    /// line of at most 200 characters.
    #[must_use]
    pub fn new(
        kind: MailKind,
        to: Email,
        subject: &str,
        text: impl Into<String>,
        html: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            to,
            subject: text::one_line(subject, text::MAX_SUBJECT),
            text: text.into(),
            html: html.into(),
        }
    }
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// Why a mail was not sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MailError {
    /// It may work later: it is tried again.
    #[error("the mail could not be sent for now")]
    Temporary(#[source] Cause),
    /// It will never work: it is given up.
    #[error("the mail is refused")]
    Permanent(#[source] Cause),
    /// It will never work with this address, which does not exist or has letters that the mail
    /// server does not take: it is given up, and the event says so.
    #[error("the address of the mail is refused")]
    Address(#[source] Cause),
}

/// Sends mail. It may fail, hang or panic: the service bounds how long it
/// waits, tries again, and in the end gives up with an event.
#[cfg_attr(feature = "test-util", mockall::automock)]
#[async_trait]
pub trait Mailer: Send + Sync + 'static {
    /// Hands over one mail. The same mail may be handed over again when it is
    /// not known whether it was sent.
    ///
    /// # Errors
    ///
    /// [`MailError`]; its variant decides if the service tries again.
    async fn send(&self, mail: &Mail) -> Result<(), MailError>;
}

#[async_trait]
impl<M: Mailer + ?Sized> Mailer for Arc<M> {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        (**self).send(mail).await
    }
}

/// What a template can show. Everything that a stranger may have written is
/// left out of a mail to an address that nobody has confirmed.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct MailContext {
    /// The application's name.
    pub(crate) service: String,
    /// The owner's name; absent while the address is not confirmed.
    pub(crate) name: Option<String>,
    /// What the mail is for: confirms, resets.
    pub(crate) link: Option<MailLink>,
    /// "This was not me".
    pub(crate) decline_link: Option<MailLink>,
    /// How long the links are good, in seconds.
    pub(crate) valid_for: Option<u64>,
    /// When it happened: UTC, RFC 3339, cut to the second.
    pub(crate) at: String,
    /// Where from, as far as it is known.
    pub(crate) ip: Option<String>,
    /// The client's description of itself, reduced to a browser and a system that this
    /// library knows.
    pub(crate) device: Option<String>,
    /// The name of the provider that it is about.
    pub(crate) provider: Option<String>,
}

/// A link with a token in it, so `Debug` does not show it.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub(crate) struct MailLink(pub(crate) String);

impl fmt::Debug for MailLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MailLink([redacted])")
    }
}
