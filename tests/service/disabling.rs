//! Disabling and enabling accounts.

use admittance::clock::Clock;
use admittance::error::{AuthError, ErrorCode};
use admittance::event::Operation;
use admittance::mail::MailKind;
use admittance::service::{EmailRequest, RequestContext, VerifyEmail};
use admittance::store::SessionStore;
use admittance::user::UserStatus;

use crate::office::{ANN, Office};
use support::bed::{OTHER_PASSWORD, PASSWORD, login};

#[tokio::test]
async fn asvs_7_4_2_and_ghsa_24_disabling_ends_everything_before_it_answers_and_enabling_revives_nothing()
 {
    let office = Office::mailing().await;
    let (bed, ann) = (&office.bed, office.ann_id);
    let request = EmailRequest { email: ANN.into() };
    bed.auth.forgot_password(request, &bed.here).await.unwrap();
    let links = [
        bed.mailed(MailKind::VerifyEmail).await,
        bed.mailed(MailKind::ResetPassword).await,
    ];
    let view = office.status(&office.ada, ann, UserStatus::Disabled).await;
    assert_eq!(view.unwrap().status, UserStatus::Disabled);
    assert_eq!(bed.events.last().operation, Operation::DisableUser);
    for _ in 0..2 {
        assert!(bed.validate(&office.ann).await.is_err());
        assert!(bed.refresh(&office.ann).await.is_err());
        let reset = admittance::service::ResetPassword {
            token: links[1].clone(),
            new_password: "another plum-Orbit-47".into(),
            confirm_password: "another plum-Orbit-47".into(),
        };
        let reset = bed.auth.reset_password(reset, &bed.here).await;
        assert!(matches!(reset, Err(AuthError::InvalidLink)));
        let verify = VerifyEmail {
            token: links[0].clone(),
            password: Some(PASSWORD.into()),
            ticket: None,
        };
        let verify = bed.auth.verify_email(verify, None, &bed.here).await;
        assert!(matches!(verify, Err(AuthError::InvalidLink)));
        // The second time around, after it was enabled.
        let view = office.status(&office.ada, ann, UserStatus::Active).await;
        assert_eq!(view.unwrap().status, UserStatus::Active);
    }
    assert_eq!(bed.events.last().operation, Operation::EnableUser);
    assert!(bed.login(ANN, PASSWORD).await.is_ok());
}

#[tokio::test]
async fn asvs_16_2_1_the_event_tells_whether_a_status_has_changed() {
    let office = Office::new().await;
    for (status, unchanged) in [
        (UserStatus::Active, true),
        (UserStatus::Disabled, false),
        (UserStatus::Disabled, true),
        (UserStatus::Active, false),
    ] {
        let set = office.status(&office.ada, office.ann_id, status).await;
        assert_eq!(set.unwrap().status, status);
        let event = office.bed.events.all().pop().unwrap();
        assert_eq!(event.unchanged, unchanged, "{status:?}");
        // The rows of dead sessions go with the disabling.
        let now = office.bed.clock.now();
        let rows = office.bed.store.sessions_of(office.ann_id, None, 10, now);
        let is_left = !rows.await.unwrap().is_empty();
        assert_eq!(is_left, (status, unchanged) == (UserStatus::Active, true));
    }
}

#[tokio::test]
async fn a_disabled_account_looks_like_none_at_login_and_gets_no_mail() {
    let office = Office::mailing().await;
    let _ = office.bed.mails().await;
    let ann = office.ann_id;
    office
        .status(&office.ada, ann, UserStatus::Disabled)
        .await
        .unwrap();
    let login = office.bed.login(ANN, PASSWORD).await;
    assert!(matches!(login, Err(AuthError::InvalidCredentials)));
    let request = EmailRequest { email: ANN.into() };
    let here = &office.bed.here;
    office.auth().forgot_password(request, here).await.unwrap();
    let sent = office
        .auth()
        .send_password_reset(&office.ada, ann, here)
        .await;
    assert!(matches!(sent, Err(AuthError::AccountDisabled)));
    assert_eq!(office.bed.mails().await, []);
}

/// Otherwise the correct password would be the one that is never locked.
#[tokio::test]
async fn the_correct_password_of_a_disabled_account_is_locked_like_a_wrong_one() {
    let there = RequestContext::from_ip([203, 0, 113, 9].into());
    let mut outcomes = Vec::new();
    for password in [PASSWORD, OTHER_PASSWORD] {
        let office = Office::new().await;
        let disabled = office.status(&office.ada, office.ann_id, UserStatus::Disabled);
        disabled.await.unwrap();
        let mut codes = Vec::new();
        for _ in 0..6 {
            let refused = office.auth().login(login(ANN, password), &there).await;
            codes.push(refused.unwrap_err().code());
        }
        outcomes.push(codes);
    }
    let mut expected = vec![ErrorCode::InvalidCredentials; 5];
    expected.push(ErrorCode::RateLimited);
    assert_eq!(outcomes, [expected.clone(), expected]);
}
