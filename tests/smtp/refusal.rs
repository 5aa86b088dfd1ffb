//! What a server's refusal, or its silence, means for the mail.

use std::time::Duration;

use admittance::mail::{Mailer, SmtpError};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::sink::{Sink, mails};
use crate::{config, failure, mail, mailer, send};

#[tokio::test]
async fn a_reply_says_whether_to_try_again() {
    for (command, reply, again) in [
        ("RCPT", "450 4.2.1 mailbox busy", true),
        ("RCPT", "550 5.1.1 no such user", false),
        ("RCPT", "530 5.7.0 login first", true),
        ("DATA", "451 4.3.0 later", true),
        ("DATA", "554 5.6.0 not that one", false),
        ("MAIL", "451 4.3.0 later", true),
        // Every mail has this sender, so none of them is to blame.
        ("MAIL", "550 5.7.1 not from you", true),
    ] {
        let sink = Sink::start(&json!({"replies": {command: reply}}));
        let (tries_again, error) = failure(send(&sink, &mail()).await);
        assert_eq!(tries_again, again, "{command} {reply}: {error:?}");
        let (SmtpError::Sender { reply: got }
        | SmtpError::Recipient { reply: got }
        | SmtpError::Message { reply: got }
        | SmtpError::Credentials { reply: Some(got) }) = &error
        else {
            panic!("{error:?}");
        };
        let codes: String = reply.chars().take(9).collect();
        assert_eq!(got.to_string(), codes);
        let words = reply.rsplit(' ').next().unwrap();
        assert!(!format!("{error} {error:?}").contains(words), "{error:?}");
    }
}

#[tokio::test]
async fn a_server_that_hangs_once_it_has_the_mail_is_given_up() {
    let sink = Sink::start(&json!({"hang": true}));
    let mut config = config("", sink.port, "");
    config.timeout = Duration::from_secs(10);
    let (again, error) = failure(mailer(config).send(&mail()).await);
    assert!(again && matches!(error, SmtpError::TimedOut), "{error:?}");
    assert_eq!(mails(sink.finish()).len(), 1, "it had the mail");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = config("", listener.local_addr().unwrap().port(), "");
    config.timeout = Duration::from_millis(200);
    let (again, error) = failure(mailer(config).send(&mail()).await);
    assert!(again && matches!(error, SmtpError::TimedOut), "{error:?}");
}

#[tokio::test]
async fn no_server_and_no_mail_server_are_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let answers = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream
            .write_all(b"HTTP/1.1 400 canary\r\n\r\n")
            .await
            .unwrap();
        let _ = stream.read(&mut [0; 64]).await;
    });
    let (again, error) = failure(mailer(config("", port, "")).send(&mail()).await);
    assert!(again && matches!(error, SmtpError::Protocol), "{error:?}");
    assert!(!format!("{error:?}").contains("canary"));
    answers.await.unwrap();
    // Nobody listens there any more.
    let (again, error) = failure(mailer(config("", port, "")).send(&mail()).await);
    assert!(
        again && matches!(error, SmtpError::Connection(_)),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_goodbye_that_never_comes_does_not_fail_a_mail_that_was_taken() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = tokio::io::BufStream::new(stream);
        let mut replies = [
            "220 hello",
            "250 hello",
            "250 ok",
            "250 ok",
            "354 go on",
            "250 taken",
        ]
        .into_iter();
        let mut in_mail = false;
        loop {
            if !in_mail && let Some(reply) = replies.next() {
                stream
                    .write_all(format!("{reply}\r\n").as_bytes())
                    .await
                    .unwrap();
                stream.flush().await.unwrap();
                in_mail = reply.starts_with("354");
            }
            let mut line = String::new();
            let read = tokio::io::AsyncBufReadExt::read_line(&mut stream, &mut line).await;
            if matches!(read, Ok(0) | Err(_)) {
                return;
            }
            in_mail &= line != ".\r\n";
        }
    });
    let (mailer, mail) = (mailer(config("", port, "")), mail());
    let sent = tokio::time::timeout(Duration::from_secs(60), mailer.send(&mail)).await;
    sent.unwrap().unwrap();
    served.await.unwrap();
}
