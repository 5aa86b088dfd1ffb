//! `SMTP_URL` and `MAIL_FROM` of the axum example.

use std::process::Command;

use serde_json::json;
use support::example::{Example, ask, binary, registration};

use crate::headers;
use crate::sink::Sink;

fn register(example: &Example, email: &str) {
    let (status, answer) = ask(
        example.addr(),
        "POST /register HTTP/1.1",
        &registration(email),
    );
    assert_eq!(status, 201, "{answer}");
}

#[test]
fn smtp_url_alone_sends_to_a_server_on_the_loopback() {
    let sink = Sink::start(&json!({}));
    let url = format!("smtp://localhost:{}", sink.port);
    let example = Example::start("axum", &[("SMTP_URL", &url)]);
    assert!(example.greeting().contains("mail is sent over SMTP"));
    register(&example, "ann@example.org");
    // It stops when its mail is sent.
    example.terminate();
    example.wait();
    let got = sink.mail();
    assert_eq!(got["sender"], "no-reply@localhost");
    assert_eq!(
        headers(&got, "From"),
        ["Exam simulator <no-reply@localhost>"]
    );
}

#[test]
fn without_smtp_url_mails_are_printed() {
    let example = Example::start("axum", &[]);
    assert!(example.greeting().contains("mail is printed here"));
    register(&example, "ann@example.org");
    let mail = example.mails().take("ann@example.org", "Confirm");
    assert!(mail.token("/email/verify").starts_with("adv_"), "{mail:?}");
}

#[test]
fn an_smtp_url_that_is_none_is_refused() {
    for url in [
        "localhost:25",
        "http://localhost",
        "smtp://mail.example.org?tls=none",
    ] {
        let mut start = Command::new(binary("axum"));
        let ran = start.env_clear().env("SMTP_URL", url).output().unwrap();
        let said = String::from_utf8(ran.stderr).unwrap();
        assert!(!ran.status.success(), "{url}");
        assert!(said.starts_with("The server cannot run: "), "{said}");
    }
}
