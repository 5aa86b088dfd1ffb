//! The mailer that the examples choose by `SMTP_URL` and `MAIL_FROM`.

#[path = "../../examples/shared/mail.rs"]
mod mail;

use admittance::mail::Mailer;
use mail::{ConsoleMailer, DEFAULT_FROM, ExampleMailer, mailer};
use serde_json::json;

use crate::headers;
use crate::sink::Sink;

#[tokio::test]
async fn smtp_url_alone_sends_to_a_server_on_the_loopback() {
    let sink = Sink::start(&json!({}));
    let url = format!("smtp://localhost:{}", sink.port);
    let mailer = mailer(Some(&url), DEFAULT_FROM).unwrap();
    mailer.send(&crate::mail()).await.unwrap();
    let got = sink.mail();
    assert_eq!(got["sender"], "no-reply@localhost");
    assert_eq!(headers(&got, "From"), [DEFAULT_FROM]);
}

#[tokio::test]
async fn without_smtp_url_mails_are_printed() {
    let mailer = mailer(None, DEFAULT_FROM).unwrap();
    assert!(matches!(mailer, ExampleMailer::Console(_)));
    mailer.send(&crate::mail()).await.unwrap();
    let shown = ConsoleMailer::shown(&crate::mail());
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines[1], "To: Ann@example.org");
    assert_eq!(lines[2], "Subject: Set a new password for Exam");
    assert!(
        lines.contains(&"https://example.org/#token=adr_1"),
        "{shown}"
    );
    assert_eq!(lines.first(), lines.last());
}

#[test]
fn an_smtp_url_that_is_none_is_refused() {
    for url in [
        "localhost:25",
        "http://localhost",
        "smtp://mail.example.org?tls=none",
    ] {
        assert!(mailer(Some(url), DEFAULT_FROM).is_err(), "{url}");
    }
}
