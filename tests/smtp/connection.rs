//! How the connection is made: TLS and login.

use std::time::Duration;

use admittance::mail::{Mailer, SmtpConfig, SmtpCredentials, SmtpError, SmtpTls};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::sink::{Sink, mails};
use crate::{FROM, NOTHING, config, failure, mail, mailer};

/// What the server accepts, percent-encoded.
const LOGIN: &str = "exam%40example.org:canary%2FOrbit-47@";

/// Settings for TLS with `sink`, whose root is trusted.
fn trusting(sink: &Sink, user: &str) -> SmtpConfig {
    let mut config = config(user, sink.port, "?tls=required");
    config.root_certificates.clone_from(&sink.root);
    config
}

fn logins(events: &[Value]) -> Vec<&Value> {
    let is_login = |event: &&Value| event["event"] == "login";
    events.iter().filter(is_login).collect()
}

#[tokio::test]
async fn a_login_goes_over_starttls_by_either_mechanism() {
    for mechanism in ["PLAIN", "LOGIN"] {
        let sink = Sink::start(&json!({"tls": "starttls", "mechanisms": [mechanism]}));
        mailer(trusting(&sink, LOGIN)).send(&mail()).await.unwrap();
        let events = sink.finish();
        let expected = json!({"event": "login", "mechanism": mechanism, "tls": true});
        assert_eq!(logins(&events), [&expected]);
        let mails = mails(events);
        assert_eq!((mails.len(), &mails[0]["tls"]), (1, &json!(true)));
    }
}

#[tokio::test]
async fn a_login_goes_over_tls_from_the_first_byte() {
    let sink = Sink::start(&json!({"tls": "implicit", "mechanisms": ["PLAIN"]}));
    let url = format!("smtps://{LOGIN}127.0.0.1:{}", sink.port);
    let mut config = SmtpConfig::from_url(&url, FROM).unwrap();
    assert_eq!(config.tls, SmtpTls::Implicit);
    config.root_certificates.clone_from(&sink.root);
    mailer(config).send(&mail()).await.unwrap();
    assert_eq!(mails(sink.finish()).len(), 1);
}

#[tokio::test]
async fn a_wrong_password_sends_nothing_and_is_not_repeated() {
    let sink = Sink::start(&json!({"tls": "starttls", "mechanisms": ["PLAIN"]}));
    let mut config = trusting(&sink, "");
    config.credentials = Some(SmtpCredentials::new("canary@example.org", "canary-wrong"));
    let mailer = mailer(config);
    let outcome = mailer.send(&mail()).await;
    let shown = format!("{mailer:?} {outcome:?}");
    let (again, error) = failure(outcome);
    // The mail is good, so it waits for the operator.
    assert!(again, "{error:?}");
    let SmtpError::Credentials { reply: Some(reply) } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(reply.to_string(), "535 5.7.8");
    assert!(
        !format!("{shown} {error} {error:?}").contains("canary"),
        "{shown}"
    );
    let events = sink.finish();
    assert_eq!(logins(&events).len(), 1);
    assert_eq!(events.len(), 1, "{events:?}");
}

#[tokio::test]
async fn a_server_that_wants_a_login_is_the_operators_matter() {
    let sink = Sink::start(&json!({"tls": "starttls", "mechanisms": ["PLAIN"]}));
    let (again, error) = failure(mailer(trusting(&sink, "")).send(&mail()).await);
    assert!(
        again && matches!(error, SmtpError::Credentials { .. }),
        "{error:?}"
    );
    assert_eq!(mails(sink.finish()).len(), 0);

    let sink = Sink::start(&json!({"tls": "none"}));
    let outcome = mailer(config(LOGIN, sink.port, "")).send(&mail()).await;
    let (again, error) = failure(outcome);
    assert!(
        again && matches!(error, SmtpError::Credentials { reply: None }),
        "{error:?}"
    );
    assert_eq!(sink.finish(), NOTHING);
}

#[tokio::test]
async fn there_is_no_downgrade_when_the_server_does_not_offer_starttls() {
    let sink = Sink::start(&json!({"tls": "none", "mechanisms": ["PLAIN"]}));
    let outcome = mailer(config(LOGIN, sink.port, "?tls=required"))
        .send(&mail())
        .await;
    let (again, error) = failure(outcome);
    assert!(again && matches!(error, SmtpError::NoStartTls), "{error:?}");
    assert_eq!(sink.finish(), NOTHING, "neither login nor mail");
}

#[tokio::test]
async fn an_unknown_root_is_refused() {
    let sink = Sink::start(&json!({"tls": "starttls", "mechanisms": ["PLAIN"]}));
    let mut others = trusting(&sink, LOGIN);
    others.root_certificates = Sink::start(&json!({"tls": "starttls"})).root.clone();
    for config in [config(LOGIN, sink.port, "?tls=required"), others] {
        let (again, error) = failure(mailer(config).send(&mail()).await);
        assert!(again && matches!(error, SmtpError::Tls(_)), "{error:?}");
    }
    assert_eq!(sink.finish(), NOTHING, "neither login nor mail");

    let sink = Sink::start(&json!({"tls": "implicit"}));
    let url = format!("smtps://127.0.0.1:{}", sink.port);
    let config = SmtpConfig::from_url(&url, FROM).unwrap();
    let (again, error) = failure(mailer(config).send(&mail()).await);
    assert!(again && matches!(error, SmtpError::Tls(_)), "{error:?}");
    assert_eq!(sink.finish(), NOTHING);
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let sink = Sink::start(&json!({"tls": "starttls"}));
    let mut config = trusting(&sink, "");
    config.host = "127.0.0.2".to_owned();
    config.timeout = Duration::from_secs(30);
    config.port = relay("127.0.0.2", sink.port, "").await;
    let (again, error) = failure(mailer(config).send(&mail()).await);
    assert!(again && matches!(error, SmtpError::Tls(_)), "{error:?}");
    assert_eq!(sink.finish(), NOTHING);
}

#[tokio::test]
async fn replies_put_in_before_tls_begins_do_not_make_a_mail_count_as_sent() {
    for (user, mechanisms) in [("", Value::Null), (LOGIN, json!(["PLAIN"]))] {
        let sink = Sink::start(&json!({"tls": "starttls", "mechanisms": mechanisms}));
        let mut config = trusting(&sink, user);
        let injected = "250-evil.example\r\n250 AUTH PLAIN\r\n";
        config.port = relay("127.0.0.1", sink.port, injected).await;
        let (again, error) = failure(mailer(config).send(&mail()).await);
        assert!(again && matches!(error, SmtpError::Protocol), "{error:?}");
    }
}

/// Passes one connection to `host` on to `port` on 127.0.0.1, and adds `inject`
/// to what the server says to STARTTLS.
async fn relay(host: &str, port: u16, inject: &'static str) -> u16 {
    let listener = TcpListener::bind((host, 0)).await.unwrap();
    let here = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.unwrap();
        let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        tokio::spawn(async move {
            let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
        });
        let mut chunk = vec![0; 65_536];
        let mut greetings = 0;
        while let Ok(read @ 1..) = from_server.read(&mut chunk).await {
            let mut passed = chunk[..read].to_vec();
            greetings += u32::from(passed.starts_with(b"220 "));
            if greetings == 2 {
                greetings += 1;
                passed.extend(inject.as_bytes());
            }
            if to_client.write_all(&passed).await.is_err() {
                return;
            }
        }
    });
    here
}
