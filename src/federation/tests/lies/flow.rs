//! The honest sign-in, and lies in what comes through the browser.

use std::time::Duration;

use base64ct::Encoding;
use serde_json::json;

use super::super::double::{Double, Lie, flow_key};
use super::super::school::{CLIENT_ID, ISSUER, SUBJECT, builder, open, site};
use super::{options, outcome, refused};
use crate::federation::{
    AuthorizationOptions, CallbackFault, Denial, Endpoint, Environment, Fault, FederationError,
    Misconfiguration, Prompt, SigningAlgorithm,
};
use crate::random::SeededRandom;

#[tokio::test]
async fn the_honest_school_is_believed_by_each_algorithm() {
    for algorithm in SigningAlgorithm::ALL {
        let double = Double::new(site(algorithm));
        let party = double.party(builder().build().unwrap());
        for _ in 0..2 {
            let identity = double.sign_in(&party, &options()).await.unwrap();
            assert_eq!(identity.issuer, ISSUER);
            assert_eq!(identity.subject, SUBJECT);
            assert_eq!(identity.email.unwrap().as_str(), "ann@school.example");
            assert!(identity.email_is_verified);
            assert_eq!(identity.name.as_deref(), Some("Ann Lee"));
            assert_eq!(identity.auth_time.unwrap().as_secs(), 1_767_225_570);
        }
        // The second time, two requests: code and user-info.
        assert_eq!(double.seen().len(), 6, "{algorithm:?}");
    }
}

#[tokio::test]
async fn ghsa_70_an_answer_of_another_provider_is_refused() {
    for (lie, fault) in [
        (
            Lie::Callback(|it| it.iss = Some("https://evil.example".to_owned())),
            CallbackFault::Issuer,
        ),
        (
            Lie::Callback(|it| it.iss = Some("https://login.school.example/".to_owned())),
            CallbackFault::Issuer,
        ),
        (Lie::Callback(|it| it.iss = None), CallbackFault::NoIssuer),
        (
            Lie::Callback(|it| {
                it.iss = Some("https://evil.example".to_owned());
                it.code = None;
                it.error = Some("access_denied".to_owned());
            }),
            CallbackFault::Issuer,
        ),
        (Lie::Callback(|it| it.code = None), CallbackFault::NoCode),
        (Lie::Callback(|it| it.state = None), CallbackFault::State),
        (
            Lie::Callback(|it| it.state = Some("short".into())),
            CallbackFault::State,
        ),
        // A state that was begun elsewhere: the verifier is another one.
        (
            Lie::Callback(|it| it.state = Some("A".repeat(43).into())),
            CallbackFault::Code,
        ),
    ] {
        let refused = Err(FederationError::Callback(fault));
        assert_eq!(outcome(lie).await, refused, "{fault}");
    }
    let denied = Lie::Callback(|it| {
        it.code = None;
        it.error = Some("access_denied".to_owned());
    });
    let denial = FederationError::Denied(Denial::AccessDenied);
    assert_eq!(outcome(denied).await, Err(denial));
}

#[tokio::test]
async fn ghsa_53_a_code_of_another_flow_gives_no_identity() {
    // The token endpoint is tricked, too: the nonce is the last line.
    let (double, party) = open();
    double.tell(Lie::Claims(|it| it["nonce"] = json!("A".repeat(43))));
    let outcome = double.sign_in(&party, &options()).await;
    assert_eq!(outcome, refused(Endpoint::Token, Fault::Nonce));
}

#[tokio::test]
async fn what_was_not_configured_is_not_asked_for() {
    let (double, party) = open();
    let wrong = AuthorizationOptions {
        redirect_uri: Some("https://exam.example/callback/".to_owned()),
        ..AuthorizationOptions::default()
    };
    let refused = FederationError::Configuration(Misconfiguration::RedirectUri);
    assert_eq!(double.sign_in(&party, &wrong).await, Err(refused));
    let provider = builder().states_auth_time(false).build().unwrap();
    let refused = FederationError::Configuration(Misconfiguration::MaxAge);
    assert_eq!(
        double.sign_in(&double.party(provider), &options()).await,
        Err(refused)
    );
    assert_eq!(double.seen().len(), 0);
}

#[tokio::test]
async fn ghsa_53_the_authorization_request_has_what_the_standards_demand() {
    let double = Double::new(site(SigningAlgorithm::Es256));
    let provider = builder().parameter("acr_values", "high").build().unwrap();
    let party = double.party(provider);
    let options = AuthorizationOptions {
        redirect_uri: Some("org.example.exam:/callback".to_owned()),
        max_age: Some(Duration::from_secs(300)),
        prompt: Some(Prompt::Login),
        login_hint: Some("ann+x@school.example".to_owned()),
    };
    double.sign_in(&party, &options).await.unwrap();
    let asked = double.asked();
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", CLIENT_ID),
        ("redirect_uri", "org.example.exam:/callback"),
        ("scope", "openid email profile"),
        ("code_challenge_method", "S256"),
        ("max_age", "300"),
        ("prompt", "login"),
        ("login_hint", "ann+x@school.example"),
        ("acr_values", "high"),
    ] {
        assert_eq!(asked[name], value, "{name}");
    }
    for name in ["state", "nonce", "code_challenge"] {
        assert_eq!(asked[name].len(), 43, "{name}");
    }
    let different: std::collections::BTreeSet<_> = asked.values().collect();
    assert_eq!(different.len(), asked.len());
    // The secret goes into the header, encoded as RFC 6749 demands, and not into the form.
    let seen = double.seen();
    let exchange = seen
        .iter()
        .find(|it| it.endpoint == Endpoint::Token)
        .unwrap();
    let pair = base64ct::Base64::encode_string(b"exam-simulator:the+client%27s+secret");
    assert_eq!(exchange.headers["authorization"], format!("Basic {pair}"));
    assert!(!exchange.form.contains_key("client_id"));
}

#[tokio::test]
async fn asvs_16_2_5_debug_and_errors_show_no_secret() {
    let (double, party) = open();
    let environment = flow_key();
    let shown = format!("{party:?} {:?} {environment:?}", party.provider());
    assert!(!shown.contains("the client's secret"), "{shown}");
    double.tell(Lie::Token(|it| it["access_token"] = json!("canary canary")));
    let error = double.sign_in(&party, &options()).await.unwrap_err();
    assert!(!format!("{error:?} {error}").contains("canary"));
}

#[tokio::test]
async fn a_sign_in_can_run_on_any_thread() {
    fn sendable<T: Send>(future: T) -> T {
        future
    }
    let (double, party) = open();
    let (random, key) = (SeededRandom::new(1), flow_key());
    let environment = Environment {
        clock: &double.clock,
        random: &random,
        key: &key,
    };
    let options = AuthorizationOptions::default();
    let request = sendable(party.authorization_request(&options, environment)).await;
    let callback = double.authorize(&request.unwrap().url);
    assert!(
        sendable(party.identify(&callback, &options, environment))
            .await
            .is_ok()
    );
}
