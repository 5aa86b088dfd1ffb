//! What a network may do with providers.

use std::time::Duration;

use admittance::config::LimitPolicy;
use admittance::email::Email;
use admittance::error::AuthError;
use admittance::federation::FlowState;
use admittance::limit::Quota;
use admittance::service::{FinishFederation, StartFederation};
use admittance::store::UserStore;

use super::federation::{Exam, pupil};
use support::bed::config;
use support::provider::{ID, Pupil};

#[tokio::test]
async fn starts_and_answers_are_limited_by_network() {
    let mut config = config();
    config.limits = LimitPolicy::off();
    config.limits.federation_by_address = Some(Quota::new(3, Duration::from_secs(60)));
    let exam = Exam::with(config);
    let mut started = Vec::new();
    for _ in 0..3 {
        started.push(exam.start().await);
    }
    let request = StartFederation::default();
    let refused = exam
        .bed
        .auth
        .start_federation(ID, request, &exam.bed.here)
        .await;
    assert!(
        matches!(refused, Err(AuthError::RateLimited { .. })),
        "{refused:?}"
    );
    for one in &started {
        let done = exam.finish(exam.answer(one, &pupil())).await;
        assert!(done.is_ok(), "{done:?}");
    }
    let refused = exam.finish(FinishFederation::default()).await;
    assert!(
        matches!(refused, Err(AuthError::Validation(_))),
        "{refused:?}"
    );
    let mut forged = exam.answer(&started[0], &pupil());
    forged.state = Some(FlowState::new("A".repeat(43)));
    let refused = exam.finish(forged).await;
    assert!(
        matches!(refused, Err(AuthError::RateLimited { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn an_answer_that_is_refused_without_the_store_does_not_use_up_the_sign_in() {
    let mut config = config();
    config.limits = LimitPolicy::off();
    config.limits.federation_by_address = Some(Quota::new(2, Duration::from_secs(60)));
    let exam = Exam::with(config);
    let started = exam.start().await;
    let answer = exam.answer(&started, &pupil());
    for _ in 0..3 {
        let mut forged = answer.clone();
        forged.state = Some(FlowState::new("A".repeat(43)));
        exam.finish(forged).await.unwrap_err();
    }
    let refused = exam.finish(answer.clone()).await;
    let Err(AuthError::RateLimited { retry_after }) = refused else {
        panic!("{refused:?}");
    };
    exam.bed.clock.advance(retry_after);
    let finished = exam.finish(answer).await;
    assert!(finished.is_ok(), "{finished:?}");
}

#[tokio::test]
async fn first_sign_ins_count_as_registrations_and_others_do_not() {
    let mut config = config();
    config.limits = LimitPolicy::off();
    config.limits.register_by_address = Some(Quota::new(1, Duration::from_secs(60)));
    let exam = Exam::with(config);
    exam.sign_in(&pupil()).await;
    let refused = exam.outcome(&Pupil::new("8", "bob@school.example")).await;
    assert!(
        matches!(refused, Err(AuthError::RateLimited { .. })),
        "{refused:?}"
    );
    let bob = Email::parse("bob@school.example").unwrap();
    let made = exam.bed.store.user_by_email(bob.canonical()).await.unwrap();
    assert!(made.is_none());
    // Nor does the answer tell of an account that has the address.
    let refused = exam.outcome(&Pupil::new("9", super::federation::ANN)).await;
    assert!(
        matches!(refused, Err(AuthError::RateLimited { .. })),
        "{refused:?}"
    );
    exam.sign_in(&pupil()).await;
}
