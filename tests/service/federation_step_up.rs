//! A sign-in with a provider as a proof of who is there now.

use std::time::Duration;

use admittance::error::{AuthError, Field};
use admittance::proof::Method;
use admittance::service::StartFederation;
use serde_json::json;

use super::federation::{Exam, pupil};
use support::provider::{ID, Pupil};

#[tokio::test]
async fn asvs_7_5_3_a_sign_in_is_recent_only_if_the_provider_states_when_it_was() {
    let exam = Exam::new();
    let minute = Duration::from_secs(60);
    let who = exam.who(&exam.sign_in(&pupil()).await).await;
    match who.require_recent_login(minute) {
        Err(AuthError::RecentLoginRequired { methods }) => {
            assert_eq!(methods, [Method::Federation])
        }
        other => panic!("{other:?}"),
    }
    let old = pupil().with("auth_time", json!(exam.now() - 61));
    assert!(
        exam.who(&exam.sign_in(&old).await)
            .await
            .require_recent_login(minute)
            .is_err()
    );
    let recent = pupil().with("auth_time", json!(exam.now() - 60));
    assert!(
        exam.who(&exam.sign_in(&recent).await)
            .await
            .require_recent_login(minute)
            .is_ok()
    );
}

#[tokio::test]
async fn step_up_by_a_provider_demands_a_recent_authentication_there() {
    let exam = Exam::new();
    let who = exam.who(&exam.sign_in(&pupil()).await).await;
    let begin = || {
        let request = StartFederation::default();
        exam.bed
            .auth
            .start_reauthentication(&who, ID, request, &exam.bed.here)
    };
    for (at, is_accepted) in [(-400, false), (-10, true)] {
        let started = begin().await.unwrap();
        let asked = support::provider::School::asked(&started.authorization_url);
        assert_eq!(
            (asked["max_age"].as_str(), asked["prompt"].as_str()),
            ("300", "login")
        );
        let person = pupil().with("auth_time", json!(exam.now() + at));
        let done = exam
            .finish_by(exam.answer(&started, &person), Some(&who))
            .await;
        assert_eq!(done.is_ok(), is_accepted, "{done:?}");
        if let Ok(done) = done {
            let again = exam.who(&done.opened().unwrap()).await;
            assert!(again.require_recent_login(Duration::from_secs(60)).is_ok());
            assert!(exam.bed.auth.recheck(&who).await.is_err());
        }
    }
}

#[tokio::test]
async fn step_up_is_by_the_person_whose_account_it_is() {
    let exam = Exam::new();
    let who = exam.who(&exam.sign_in(&pupil()).await).await;
    let request = StartFederation::default();
    let started = exam
        .bed
        .auth
        .start_reauthentication(&who, ID, request, &exam.bed.here);
    let answer = exam.answer(
        &started.await.unwrap(),
        &Pupil::new("8", "b@school.example"),
    );
    let refused = exam.finish_by(answer, Some(&who)).await;
    assert!(
        matches!(refused, Err(AuthError::InvalidFlow)),
        "{refused:?}"
    );
    let bob = exam.registered("bob@school.example", true).await;
    let request = StartFederation::default();
    match exam
        .bed
        .auth
        .start_reauthentication(&bob, ID, request, &exam.bed.here)
        .await
    {
        Err(AuthError::Validation(violations)) => {
            assert_eq!(violations.as_slice()[0].field, Field::Provider);
        }
        other => panic!("{other:?}"),
    }
}
