//! Mail over SMTP, to a real server: Python's `aiosmtpd`. What it got is read
//! by Python's `email`.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod sink;

mod connection;
mod example;
mod message;
mod refusal;

use admittance::clock::ManualClock;
use admittance::email::Email;
use admittance::mail::{Mail, MailError, MailKind, Mailer, SmtpConfig, SmtpError, SmtpMailer};
use admittance::random::{RandomError, SecureRandom};
use admittance::store::Cause;
use serde_json::Value;
use sink::Sink;

const FROM: &str = "Exam simulator <no-reply@exam.example>";
/// What a server says to which nothing was said that counts.
const NOTHING: [Value; 0] = [];

/// The settings for a server on the loopback at `port`; `rest` goes after that.
fn config(user: &str, port: u16, rest: &str) -> SmtpConfig {
    let url = format!("smtp://{user}127.0.0.1:{port}{rest}");
    SmtpConfig::from_url(&url, FROM)
        .unwrap()
        .insecure_for_tests()
}

fn mailer(config: SmtpConfig) -> SmtpMailer {
    SmtpMailer::new(config)
        .unwrap()
        .clock(ManualClock::default())
}

/// Sends to `sink`, in plain text.
async fn send(sink: &Sink, mail: &Mail) -> Result<(), MailError> {
    mailer(config("", sink.port, "")).send(mail).await
}

fn mail_to(address: &str) -> Mail {
    Mail::new(
        MailKind::ResetPassword,
        Email::parse(address).unwrap(),
        "Set a new password for Exam",
        "Hello,\n\nhttps://example.org/#token=adr_1\n",
        "<p>Hello, <a href=\"https://example.org/#token=adr_1\">here</a></p>\n",
    )
}

fn mail() -> Mail {
    mail_to("Ann@example.org")
}

/// The values of the headers of that name, in any case.
fn headers<'a>(mail: &'a Value, name: &str) -> Vec<&'a str> {
    let all = mail["headers"].as_array().unwrap();
    all.iter()
        .filter(|header| header[0].as_str().unwrap().eq_ignore_ascii_case(name))
        .map(|header| header[1].as_str().unwrap())
        .collect()
}

fn is_about_address(cause: &Cause) -> bool {
    matches!(
        cause.downcast_ref(),
        Some(SmtpError::Recipient { .. } | SmtpError::NoSmtpUtf8 | SmtpError::Address)
    )
}

/// Whether it may be tried again, and why it failed.
fn failure(outcome: Result<(), MailError>) -> (bool, SmtpError) {
    let (again, cause) = match outcome.unwrap_err() {
        MailError::Temporary(cause) => (true, cause),
        MailError::Permanent(cause) => {
            assert!(!is_about_address(&cause), "{cause:?}");
            (false, cause)
        }
        MailError::Address(cause) => {
            assert!(is_about_address(&cause), "{cause:?}");
            (false, cause)
        }
        other => panic!("{other:?}"),
    };
    (again, *cause.downcast().unwrap())
}

/// A source of randomness that fails.
struct NoRandom;

impl SecureRandom for NoRandom {
    fn fill(&self, _: &mut [u8]) -> Result<(), RandomError> {
        Err(RandomError)
    }
}
