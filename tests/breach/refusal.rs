//! Breached passwords are refused, and nothing of them gets out.

use admittance::config::{OnBreachFailure, RegistrationMode};
use admittance::error::{AuthError, Field, Violation, ViolationCode};
use admittance::mail::MailKind;
use admittance::password::breach::{BreachCheck, RangeCheck};

use crate::source::{
    ANN, Attempt, BOB, BREACHED, CLEAN, FLOWS, Flow, Mode, Spy, Switch, bed, beds, filter, query,
    register, settings,
};
use support::bed::{Bed, PASSWORD, registration};

fn violations(outcome: Result<(), AuthError>) -> Vec<Violation> {
    match outcome {
        Err(AuthError::Validation(violations)) => violations.as_slice().to_vec(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn asvs_6_2_12_register_change_and_reset_refuse_a_breached_password() {
    for flow in FLOWS {
        for (source, bed) in beds() {
            let attempt = Attempt::prepare(&bed, flow).await;
            let refused = violations(attempt.set(BREACHED).await);
            let field = match flow {
                Flow::Register => Field::Password,
                Flow::Change | Flow::Reset => Field::NewPassword,
            };
            let told: Vec<_> = refused.iter().map(|one| (one.field, one.code)).collect();
            assert_eq!(
                told,
                [(field, ViolationCode::Breached)],
                "{flow:?} {source}"
            );
            assert!(refused[0].message.contains("data breach"));
            assert!(refused[0].message.contains("Choose another."));
            assert_eq!(bed.events.last().notices.first(), None);

            // Nothing was changed or used up: another one can be set.
            assert!(!attempt.is_set(BREACHED).await, "{flow:?} {source}");
            attempt.set(CLEAN).await.unwrap();
            assert!(attempt.is_set(CLEAN).await, "{flow:?} {source}");
        }
    }
}

#[tokio::test]
async fn without_a_source_no_password_is_compared() {
    let bed = Bed::new();
    register(&bed, ANN, BREACHED).await.unwrap();
}

#[tokio::test]
async fn all_that_is_wrong_is_told_at_once() {
    let [(_, bed), _] = beds();
    let mut request = registration("ann");
    request.password = BREACHED.into();
    request.confirm_password = BREACHED.into();
    request.name = String::new();
    let outcome = bed.auth.register(request, &bed.here).await.map(drop);
    let codes: Vec<_> = violations(outcome).iter().map(|one| one.code).collect();
    assert_eq!(
        codes,
        [
            ViolationCode::InvalidFormat,
            ViolationCode::Breached,
            ViolationCode::Required
        ]
    );
}

#[tokio::test]
async fn a_password_that_is_refused_anyway_is_not_looked_up() {
    let source = Switch::new(Mode::SaysNo);
    let bed = bed(settings(OnBreachFailure::Refuse), source.clone());
    for password in ["", "short", "passwordpassword", &"a".repeat(129)] {
        assert!(!violations(register(&bed, ANN, password).await).is_empty());
    }
    let mut request = registration(ANN);
    request.confirm_password = CLEAN.into();
    let outcome = bed.auth.register(request, &bed.here).await.map(drop);
    assert_eq!(violations(outcome)[0].code, ViolationCode::Mismatch);
    assert_eq!(source.asked(), 0);
    register(&bed, ANN, PASSWORD).await.unwrap();
    assert_eq!(source.asked(), 1);
}

#[tokio::test]
async fn asvs_6_2_12_a_range_server_learns_5_hex_digits_and_nothing_else() {
    let spy = Spy::default();
    let bed = bed(
        settings(OnBreachFailure::Refuse),
        RangeCheck::new(spy.clone()),
    );
    for password in [BREACHED, CLEAN, PASSWORD] {
        let _ = register(&bed, ANN, password).await;
    }
    let asked = spy.asked.lock().unwrap().clone();
    let expected: Vec<_> = [BREACHED, CLEAN, PASSWORD]
        .map(|password| query(password).prefix().to_owned())
        .to_vec();
    assert_eq!(asked, expected);
    for prefix in asked {
        assert_eq!(prefix.len(), 5);
        assert!(
            prefix
                .bytes()
                .all(|digit| b"0123456789ABCDEF".contains(&digit))
        );
    }
}

#[tokio::test]
async fn a_login_is_not_compared() {
    let source = Switch::new(Mode::SaysNo);
    let bed = bed(settings(OnBreachFailure::Refuse), source.clone());
    bed.register(ANN).await;
    source.turn(Mode::Fails);
    bed.login(ANN, PASSWORD).await.unwrap();
    assert_eq!(source.asked(), 1);
}

#[tokio::test]
async fn asvs_6_3_8_a_breached_password_tells_nothing_about_the_address() {
    let mut config = settings(OnBreachFailure::Refuse);
    config.registration = RegistrationMode::VerifyFirst;
    let source = Switch::new(Mode::SaysNo);
    let down = bed(config.clone(), source.clone());
    let known = bed(config, filter(&[BREACHED]));
    for bed in [&down, &known] {
        // Ann has an account, and Bob has none.
        register(bed, ANN, PASSWORD).await.unwrap();
        let token = bed.mailed(MailKind::CompleteRegistration).await;
        let request = admittance::service::VerifyEmail {
            token,
            password: Some(PASSWORD.into()),
            ticket: None,
        };
        let _ = bed
            .auth
            .verify_email(request, None, &bed.here)
            .await
            .unwrap();
        bed.login(ANN, PASSWORD).await.unwrap();
        let _ = bed.mails().await;
    }
    source.turn(Mode::Fails);
    for bed in [&down, &known] {
        let ann = register(bed, ANN, BREACHED).await.unwrap_err();
        let bob = register(bed, BOB, BREACHED).await.unwrap_err();
        assert_eq!(format!("{ann:?}"), format!("{bob:?}"));
        assert!(bed.mails().await.is_empty());
    }
}

#[tokio::test]
async fn a_source_can_be_shared() {
    let shared = std::sync::Arc::new(filter(&[BREACHED]));
    for _ in 0..2 {
        let bed = bed(
            settings(OnBreachFailure::Refuse),
            std::sync::Arc::clone(&shared),
        );
        assert!(register(&bed, ANN, BREACHED).await.is_err());
    }
    assert!(shared.is_breached(&query(BREACHED)).await.unwrap());
}
