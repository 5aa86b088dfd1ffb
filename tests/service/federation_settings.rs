//! Which providers a service takes, and what `Debug` shows of a sign-in.

use std::time::Duration;

use admittance::clock::ManualClock;
use admittance::error::AuthError;
use admittance::federation::{ClientAuthentication, Provider};
use admittance::mail::MailKind;
use admittance::service::AuthService;
use admittance::store::{MemoryCapacity, MemoryStore};

use super::federation::{Exam, pupil};
use support::bed::{config, keyring};
use support::provider::{CALLBACK, ID, ISSUER, School};

#[tokio::test]
async fn ghsa_70_two_providers_have_no_id_issuer_or_redirect_uri_in_common() {
    let other = |id: &str, issuer: &str, redirect_uri: &str| {
        let other = Provider::oidc(id, issuer, "exam-simulator")
            .authentication(ClientAuthentication::Basic("secret".into()))
            .redirect_uri(redirect_uri);
        other.build().unwrap()
    };
    let (elsewhere, callback) = (
        "https://login.example",
        "https://exam.example/callback/other",
    );
    for (second, expected) in [
        (other(ID, elsewhere, callback), Some("one id")),
        (other("other", ISSUER, callback), Some("one issuer")),
        (
            other("other", elsewhere, CALLBACK),
            Some("one redirect URI"),
        ),
        (other("other", elsewhere, callback), None),
    ] {
        let school = School::new(ManualClock::default());
        let built = AuthService::builder(MemoryStore::new())
            .config(config())
            .keyring(keyring())
            .federation(school.federation().provider(second))
            .build();
        let error = built.err().map(|error| error.to_string());
        match (&error, expected) {
            (None, None) => {}
            (Some(error), Some(expected)) => assert!(error.contains(expected), "{error}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn asvs_16_2_5_debug_shows_neither_state_nor_code_nor_handle() {
    let exam = Exam::new();
    let started = exam.start().await;
    let answer = exam.answer(&started, &pupil());
    let shown = format!("{started:?} {answer:?}");
    let asked = School::asked(&started.authorization_url);
    let code = answer.code.as_ref().unwrap().expose_secret();
    for secret in [asked["state"].as_str(), code, started.flow.expose_secret()] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[tokio::test]
async fn asvs_15_2_2_sign_ins_that_nobody_completes_leave_room_for_recovery() {
    let store = MemoryStore::with_capacity(MemoryCapacity {
        tokens: 10,
        flows: 10,
        ..MemoryCapacity::default()
    });
    let exam = Exam::over(store.clone(), config());
    exam.bed.register("ann@elsewhere.example").await;
    let oldest = exam.start().await;
    let mut newest = oldest.clone();
    for _ in 0..50 {
        exam.bed.clock.advance(Duration::from_secs(1));
        newest = exam.start().await;
    }
    assert_eq!(store.counts().flows, 10);
    exam.forgot("ann@elsewhere.example").await;
    exam.bed.mailed(MailKind::ResetPassword).await;
    let refused = exam.finish(exam.answer(&oldest, &pupil())).await;
    assert!(
        matches!(refused, Err(AuthError::InvalidFlow)),
        "{refused:?}"
    );
    assert!(exam.finish(exam.answer(&newest, &pupil())).await.is_ok());
}
