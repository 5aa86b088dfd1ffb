//! How the example sends mail: over SMTP, or to the terminal.

use std::error::Error;
use std::sync::Arc;

use admittance::mail::{ConsoleMailer, Mailer};

/// The sender where `MAIL_FROM` is not set.
pub(crate) const DEFAULT_FROM: &str = "Exam simulator <no-reply@localhost>";

/// The mailer for `SMTP_URL` (`smtp://host:port`) and `MAIL_FROM`. Without `SMTP_URL`, mails
/// are printed.
pub(crate) fn mailer(
    smtp_url: Option<&str>,
    from: &str,
) -> Result<Arc<dyn Mailer>, Box<dyn Error>> {
    match smtp_url {
        None => Ok(Arc::new(ConsoleMailer::for_development())),
        Some(url) => smtp(url, from),
    }
}

#[cfg(any(feature = "smtp", feature = "smtp-aws-lc-rs"))]
fn smtp(url: &str, from: &str) -> Result<Arc<dyn Mailer>, Box<dyn Error>> {
    use admittance::mail::{SmtpConfig, SmtpMailer};

    Ok(Arc::new(SmtpMailer::new(SmtpConfig::from_url(url, from)?)?))
}

#[cfg(not(any(feature = "smtp", feature = "smtp-aws-lc-rs")))]
fn smtp(_: &str, _: &str) -> Result<Arc<dyn Mailer>, Box<dyn Error>> {
    Err("SMTP_URL needs the feature `smtp`".into())
}
