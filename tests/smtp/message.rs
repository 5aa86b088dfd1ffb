//! What arrives.

use admittance::mail::{Mail, Mailer, SmtpConfig, SmtpError, SmtpMailer};
use serde_json::json;

use crate::sink::Sink;
use crate::{NOTHING, NoRandom, config, failure, headers, mail, mail_to, mailer, send};

#[tokio::test]
async fn a_mail_arrives_with_subject_both_bodies_and_envelope() {
    let sink = Sink::start(&json!({}));
    let mut mail = mail_to("Ann@b\u{fc}cher.example");
    mail.text = format!(
        "Hello Zo\u{eb},\n.\n.leading dot\r\n{}\rend",
        "x".repeat(2000)
    );
    mail.html = "<p>Zo\u{eb} \u{1f600}</p>".to_owned();
    send(&sink, &mail).await.unwrap();
    let got = sink.mail();
    assert_eq!(got["sender"], "no-reply@exam.example");
    assert_eq!(got["recipients"], json!(["Ann@xn--bcher-kva.example"]));
    assert_eq!(got["hello"], "exam.example");
    for (name, value) in [
        ("From", "Exam simulator <no-reply@exam.example>"),
        ("To", "Ann@xn--bcher-kva.example"),
        ("Subject", "Set a new password for Exam"),
        ("Auto-Submitted", "auto-generated"),
        ("MIME-Version", "1.0"),
        ("Date", "Thu, 01 Jan 2026 00:00:00 +0000"),
    ] {
        assert_eq!(headers(&got, name), [value], "{name}");
    }
    let ids = headers(&got, "Message-ID");
    let (id, domain) = ids[0].split_once('@').unwrap();
    assert_eq!((ids.len(), id.len(), domain), (1, 33, "exam.example>"));
    assert_eq!(got["kind"], "multipart/alternative");
    assert_eq!(got["parts"], json!(["text/plain", "text/html"]));
    let text = format!(
        "Hello Zo\u{eb},\n.\n.leading dot\n{}\nend",
        "x".repeat(2000)
    );
    assert_eq!(got["text"].as_str().unwrap().trim_end(), text);
    assert_eq!(got["html"].as_str().unwrap().trim_end(), mail.html);
    // RFC 5322 §2.1.1; and nothing that only some servers take for a line's end.
    assert!(got["longest"].as_u64().unwrap() <= 998);
    assert_eq!((&got["bare"], &got["ascii"]), (&json!(false), &json!(true)));
    assert_eq!(got["defects"], json!([]));
}

#[tokio::test]
async fn every_mail_has_an_id_and_a_boundary_of_its_own() {
    let sink = Sink::start(&json!({}));
    for _ in 0..2 {
        send(&sink, &mail()).await.unwrap();
    }
    let mails = crate::sink::mails(sink.finish());
    for name in ["Message-ID", "Content-Type"] {
        assert_ne!(headers(&mails[0], name), headers(&mails[1], name), "{name}");
    }
}

#[tokio::test]
async fn without_randomness_nothing_is_sent() {
    let sink = Sink::start(&json!({}));
    let mailer = mailer(config("", sink.port, "")).random(NoRandom);
    let (again, error) = failure(mailer.send(&mail()).await);
    assert!(again && matches!(error, SmtpError::Random(_)), "{error:?}");
    assert_eq!(sink.finish(), NOTHING);
}

/// What somebody would write to get a header, a recipient or a body of their
/// own into the mail.
fn hostile() -> Vec<String> {
    [
        "a\r\nBcc: eve@evil.example",
        "a\nBcc: eve@evil.example\n\nHello",
        "a\rBcc: eve@evil.example",
        "a\u{85}Bcc: eve@evil.example\u{2028}Bcc: eve@evil.example",
        "Bcc: eve@evil.example",
        "a\r\n\r\n<p>body</p>",
        "=?utf-8?q?a=0d=0aBcc:_eve=40evil.example?=",
        "=?utf-8?B?YQ0KQmNjOiBldmVAZXZpbC5leGFtcGxl?=",
        "a\" <eve@evil.example>, \"b",
        "eve@evil.example, a",
        "a (comment) <eve@evil.example>;",
        "\u{1f469}\u{200d}\u{1f4bb} \u{1f600}",
        "\u{202e}elpmaxe.live@eve",
        "\\\"",
        "\u{1f600} Zo\u{eb}",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain([
        "x".repeat(1000),
        "\u{1f600}".repeat(1000),
        "a b ".repeat(250),
    ])
    .collect()
}

#[tokio::test]
async fn asvs_1_3_11_a_hostile_subject_makes_no_second_header_or_recipient() {
    let sink = Sink::start(&json!({}));
    let subjects = hostile();
    for subject in &subjects {
        // Past the constructor, which would clean it.
        let mut mail = mail();
        mail.subject.clone_from(subject);
        send(&sink, &mail).await.unwrap();
    }
    let mails = crate::sink::mails(sink.finish());
    assert_eq!(mails.len(), subjects.len());
    for (got, subject) in mails.iter().zip(&subjects) {
        assert_eq!(got["recipients"], json!(["Ann@example.org"]), "{subject:?}");
        assert_eq!(got["headers"].as_array().unwrap().len(), 8, "{got}");
        assert_eq!(
            got["parts"],
            json!(["text/plain", "text/html"]),
            "{subject:?}"
        );
        assert!(
            got["text"].as_str().unwrap().starts_with("Hello,\n"),
            "{subject:?}"
        );
        let cleaned = Mail::new(mail().kind, mail().to, subject, "", "").subject;
        assert_eq!(headers(got, "Subject"), [cleaned], "{subject:?}");
        assert!(got["longest"].as_u64().unwrap() <= 998);
    }
}

#[tokio::test]
async fn asvs_1_3_11_a_hostile_sender_name_is_refused_or_shown_as_it_is() {
    let sink = Sink::start(&json!({}));
    let url = format!("smtp://127.0.0.1:{}", sink.port);
    let mut sent = Vec::new();
    for name in hostile() {
        let from = format!("{name} <no-reply@exam.example>");
        if let Ok(config) = SmtpConfig::from_url(&url, from) {
            SmtpMailer::new(config)
                .unwrap()
                .send(&mail())
                .await
                .unwrap();
            sent.push(name);
        }
    }
    assert!(sent.len() >= 8 && sent.len() < hostile().len());
    let mails = crate::sink::mails(sink.finish());
    assert_eq!(mails.len(), sent.len());
    for (got, name) in mails.iter().zip(&sent) {
        assert!(!name.contains(char::is_control), "{name:?}");
        assert_eq!(got["sender_name"], name.trim(), "{got}");
        assert_eq!(got["sender"], "no-reply@exam.example");
        assert_eq!(got["recipients_in_headers"], json!(["Ann@example.org"]));
        assert_eq!(got["headers"].as_array().unwrap().len(), 8, "{got}");
    }
}

#[tokio::test]
async fn an_address_outside_ascii_needs_a_server_that_takes_it() {
    let unicode = mail_to("zo\u{eb}@example.org");
    let sink = Sink::start(&json!({"smtputf8": true}));
    send(&sink, &unicode).await.unwrap();
    let got = sink.mail();
    assert_eq!(got["recipients"], json!(["zo\u{eb}@example.org"]));
    assert_eq!(headers(&got, "To"), ["zo\u{eb}@example.org"]);
    assert!(got["options"].to_string().contains("SMTPUTF8"));

    let sink = Sink::start(&json!({"smtputf8": true}));
    let typed = "\u{ba4}\u{bae}\u{bbf}\u{bb4}\u{bcd}@Bu\u{308}cher.example";
    send(&sink, &mail_to(typed)).await.unwrap();
    let kept = "\u{ba4}\u{bae}\u{bbf}\u{bb4}\u{bcd}@xn--bcher-kva.example";
    assert_eq!(sink.mail()["recipients"], json!([kept]));

    let sink = Sink::start(&json!({"smtputf8": false}));
    let (again, error) = failure(send(&sink, &unicode).await);
    assert!(
        !again && matches!(error, SmtpError::NoSmtpUtf8),
        "{error:?}"
    );
    assert_eq!(sink.finish(), NOTHING);
}

#[tokio::test]
async fn an_address_from_a_store_that_is_none_is_refused_before_anything_is_said() {
    let sink = Sink::start(&json!({}));
    for address in [
        "a@b.org>\r\nRCPT TO:<eve@evil.example",
        "a>b@c.org",
        "\"a>b\"@c.org",
        "\"a\r\n\"@b.org",
        "a b@c.org",
        "a@b@c.org",
        "a@b c.org",
        "@b.org",
        "a",
        "",
    ] {
        let mut mail = mail();
        mail.to = admittance::email::Email::from_store(address.to_owned(), address.to_owned());
        let (again, error) = failure(send(&sink, &mail).await);
        assert!(
            !again && matches!(error, SmtpError::Address),
            "{address:?}: {error:?}"
        );
    }
    assert_eq!(sink.finish(), NOTHING);
}
