//! How the example sends mail: over SMTP, or to the terminal.

use std::io::{self, Write};

use admittance::ConfigError;
use admittance::mail::{Mail, MailError, Mailer, SmtpConfig, SmtpMailer};
use async_trait::async_trait;

/// The sender where `MAIL_FROM` is not set.
pub(crate) const DEFAULT_FROM: &str = "Exam simulator <no-reply@localhost>";

/// Sends over SMTP where there is a server, else prints.
#[derive(Debug)]
pub(crate) enum ExampleMailer {
    Smtp(Box<SmtpMailer>),
    Console(ConsoleMailer),
}

/// The mailer for `SMTP_URL` (`smtp://host:port`) and `MAIL_FROM`.
pub(crate) fn mailer(smtp_url: Option<&str>, from: &str) -> Result<ExampleMailer, ConfigError> {
    let Some(url) = smtp_url else {
        return Ok(ExampleMailer::Console(ConsoleMailer));
    };
    let mailer = SmtpMailer::new(SmtpConfig::from_url(url, from)?)?;
    Ok(ExampleMailer::Smtp(Box::new(mailer)))
}

#[async_trait]
impl Mailer for ExampleMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        match self {
            Self::Smtp(mailer) => mailer.send(mail).await,
            Self::Console(mailer) => mailer.send(mail).await,
        }
    }
}

/// Prints mails instead of sending them: only for trying things out, since the
/// links in them work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConsoleMailer;

impl ConsoleMailer {
    /// What is printed of a mail.
    pub(crate) fn shown(mail: &Mail) -> String {
        let line = "-".repeat(72);
        let (to, subject, text) = (&mail.to, &mail.subject, mail.text.trim_end());
        format!("{line}\nTo: {to}\nSubject: {subject}\n\n{text}\n{line}\n")
    }
}

#[async_trait]
impl Mailer for ConsoleMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        // In one piece, so that two mails do not mix.
        io::stdout()
            .write_all(Self::shown(mail).as_bytes())
            .map_err(|error| MailError::Temporary(Box::new(error)))
    }
}
