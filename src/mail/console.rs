//! A mailer that prints mails.

use std::io::{self, Write};

use async_trait::async_trait;

use super::{Mail, MailError, Mailer};

/// Prints mails to standard output instead of sending them, **for development only**.
///
/// The links in what it prints work: who reads the terminal, or the log that standard output
/// goes to, can set a new password for any account, and no owner of a mailbox ever gets a
/// mail. It warns when it is made, and works in every build, so do not choose it by default.
///
/// ```
/// use admittance::mail::{ConsoleMailer, MailConfig};
/// # use admittance::{MemoryStore, service::AuthServiceBuilder};
/// # fn development(builder: AuthServiceBuilder<MemoryStore>) -> AuthServiceBuilder<MemoryStore> {
/// builder.mail(ConsoleMailer::for_development(), MailConfig::new("http://127.0.0.1:3000"))
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ConsoleMailer(());

impl ConsoleMailer {
    /// A mailer to standard output. Logs a warning, since nobody is mailed.
    #[must_use]
    pub fn for_development() -> Self {
        tracing::warn!("mails are printed, with links that work: for development only");
        Self(())
    }
}

#[async_trait]
impl Mailer for ConsoleMailer {
    /// Prints the mail. It blocks the thread while nothing reads from a full pipe.
    ///
    /// # Errors
    ///
    /// [`MailError::Temporary`] when standard output is closed.
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        // In one piece, so that two mails do not mix.
        io::stdout()
            .write_all(shown(mail).as_bytes())
            .map_err(|error| MailError::Temporary(Box::new(error)))
    }
}

/// The mail in plain text, between two lines.
fn shown(mail: &Mail) -> String {
    let line = "-".repeat(72);
    let (to, subject, text) = (&mail.to, &mail.subject, mail.text.trim_end());
    format!("{line}\nTo: {to}\nSubject: {subject}\n\n{text}\n{line}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::email::Email;
    use crate::mail::MailKind;

    #[test]
    fn what_is_printed_has_the_recipient_the_subject_and_the_text() {
        let to = Email::parse("ann@example.org").unwrap();
        let mail = Mail::new(MailKind::VerifyEmail, to, "Hello", "A link.\n\n", "<p>");
        let line = "-".repeat(72);
        let expected = format!("{line}\nTo: ann@example.org\nSubject: Hello\n\nA link.\n{line}\n");
        assert_eq!(shown(&mail), expected);
    }
}
