//! Why a mail server did not take a mail.

use std::error::Error;
use std::fmt;
use std::io;

use crate::error::Cause;
use crate::mail::MailError;
use crate::random::RandomError;

/// Why a mail was not handed over. It is the cause in a [`MailError`].
///
/// Of what a server replied only the codes are kept: the words may repeat the
/// address, the password, or a link out of the mail.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SmtpError {
    /// There is no connection, or it broke off.
    #[error("the connection to the mail server failed")]
    Connection(#[source] Cause),
    /// It took longer than `timeout`.
    #[error("the mail server did not answer in time")]
    TimedOut,
    /// It answers, but not as a mail server does.
    #[error("the mail server does not speak SMTP")]
    Protocol,
    /// STARTTLS is required, and the server does not offer it.
    #[error("the mail server does not offer STARTTLS")]
    NoStartTls,
    /// There is no TLS with it, such as for want of a certificate to trust.
    #[error("no TLS with the mail server")]
    Tls(#[source] Cause),
    /// It does not take the credentials, or wants some where none are set.
    #[error("the mail server does not accept the credentials{}", After(reply.as_ref()))]
    Credentials {
        /// What it replied; nothing, when it knows no way to log in that is
        /// known here.
        reply: Option<SmtpReply>,
    },
    /// It takes no mail from the sender.
    #[error("the mail server refuses the sender: {reply}")]
    Sender {
        /// What it replied.
        reply: SmtpReply,
    },
    /// It takes no mail to the recipient.
    #[error("the mail server refuses the recipient: {reply}")]
    Recipient {
        /// What it replied.
        reply: SmtpReply,
    },
    /// It does not take this mail.
    #[error("the mail server refuses the mail: {reply}")]
    Message {
        /// What it replied.
        reply: SmtpReply,
    },
    /// The address has letters outside ASCII before the `@`, and the server
    /// cannot take such ones (RFC 6531).
    #[error("the mail server takes only addresses in ASCII")]
    NoSmtpUtf8,
    /// The recipient's address is none that mail can be sent to.
    #[error("the recipient's address cannot be used")]
    Address,
    /// The source of randomness failed.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// A mail server's reply (RFC 5321 §4.2, RFC 3463), such as `550 5.1.1`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SmtpReply {
    /// The code, 400 to 599.
    pub code: u16,
    /// The enhanced status code, such as `5.1.1`, if it gave one.
    pub status: Option<String>,
}

impl fmt::Display for SmtpReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        self.status
            .as_ref()
            .map_or(Ok(()), |status| write!(f, " {status}"))
    }
}

impl SmtpReply {
    fn is_final(&self) -> bool {
        self.code >= 500
    }
}

struct After<'a>(Option<&'a SmtpReply>);

impl fmt::Display for After<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |reply| write!(f, ": {reply}"))
    }
}

/// What was being said when an error came up.
#[derive(Clone, Copy)]
pub(super) enum Stage {
    Connect,
    StartTls,
    Login,
    Sender,
    Recipient,
    Message,
}

impl SmtpError {
    /// What `error` means where it came up.
    pub(super) fn at(stage: Stage, error: lettre::transport::smtp::Error) -> Self {
        if let Some(reply) = reply(&error) {
            return match stage {
                // RFC 4954 §6: a login is required.
                _ if reply.code == 530 => Self::Credentials { reply: Some(reply) },
                Stage::Connect => Self::Connection(reply.to_string().into()),
                Stage::StartTls => Self::Tls(reply.to_string().into()),
                Stage::Login => Self::Credentials { reply: Some(reply) },
                Stage::Sender => Self::Sender { reply },
                Stage::Recipient => Self::Recipient { reply },
                Stage::Message => Self::Message { reply },
            };
        }
        match stage {
            // There the words of the server are in the error.
            _ if error.is_response() => Self::Protocol,
            Stage::StartTls => Self::Tls(error.into()),
            Stage::Connect if is_about_tls(&error) => Self::Tls(error.into()),
            Stage::Login if error.is_client() => Self::Credentials { reply: None },
            _ => Self::Connection(error.into()),
        }
    }

    /// Whether it is the operator who has to do something, and then all mails
    /// will go.
    pub(super) fn is_the_operators(&self) -> bool {
        match self {
            Self::NoStartTls | Self::Tls(_) => true,
            Self::Credentials { reply } => reply.as_ref().is_none_or(SmtpReply::is_final),
            Self::Sender { reply } => reply.is_final(),
            _ => false,
        }
    }
}

impl From<SmtpError> for MailError {
    fn from(error: SmtpError) -> Self {
        match &error {
            SmtpError::Recipient { reply } if reply.is_final() => Self::Address(Box::new(error)),
            SmtpError::NoSmtpUtf8 | SmtpError::Address => Self::Address(Box::new(error)),
            SmtpError::Message { reply } if reply.is_final() => Self::Permanent(Box::new(error)),
            _ => Self::Temporary(Box::new(error)),
        }
    }
}

fn reply(error: &lettre::transport::smtp::Error) -> Option<SmtpReply> {
    let code = error.status()?.to_string().parse().ok()?;
    let words = error.source().map(ToString::to_string).unwrap_or_default();
    let status = words.split_whitespace().next().filter(|word| {
        let is_number = |part: &str| {
            (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        word.split('.').count() == 3 && word.split('.').all(is_number)
    });
    Some(SmtpReply {
        code,
        status: status.map(str::to_owned),
    })
}

/// The TLS library reports what it refuses as data that is not valid.
fn is_about_tls(error: &lettre::transport::smtp::Error) -> bool {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return error.kind() == io::ErrorKind::InvalidData;
        }
        source = error.source();
    }
    false
}
