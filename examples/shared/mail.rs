//! How the example sends mail: over SMTP, or to the terminal.

use std::error::Error;
use std::io::{self, Write};
use std::sync::Arc;

use admittance::mail::{Mail, MailError, Mailer};
use async_trait::async_trait;

/// The sender where `MAIL_FROM` is not set.
pub(crate) const DEFAULT_FROM: &str = "Exam simulator <no-reply@localhost>";

/// The mailer for `SMTP_URL` (`smtp://host:port`) and `MAIL_FROM`. Without `SMTP_URL`, mails
/// are printed.
pub(crate) fn mailer(
    smtp_url: Option<&str>,
    from: &str,
) -> Result<Arc<dyn Mailer>, Box<dyn Error>> {
    match smtp_url {
        None => Ok(Arc::new(ConsoleMailer)),
        Some(url) => smtp(url, from),
    }
}

#[cfg(feature = "smtp")]
fn smtp(url: &str, from: &str) -> Result<Arc<dyn Mailer>, Box<dyn Error>> {
    use admittance::mail::{SmtpConfig, SmtpMailer};

    Ok(Arc::new(SmtpMailer::new(SmtpConfig::from_url(url, from)?)?))
}

#[cfg(not(feature = "smtp"))]
fn smtp(_: &str, _: &str) -> Result<Arc<dyn Mailer>, Box<dyn Error>> {
    Err("SMTP_URL needs the feature `smtp`".into())
}

/// Prints mails instead of sending them: only for trying things out, since the
/// links in them work.
#[derive(Clone, Copy, Debug)]
struct ConsoleMailer;

#[async_trait]
impl Mailer for ConsoleMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let line = "-".repeat(72);
        let (to, subject, text) = (&mail.to, &mail.subject, mail.text.trim_end());
        // In one piece, so that two mails do not mix.
        let shown = format!("{line}\nTo: {to}\nSubject: {subject}\n\n{text}\n{line}\n");
        io::stdout()
            .write_all(shown.as_bytes())
            .map_err(|error| MailError::Temporary(Box::new(error)))
    }
}
