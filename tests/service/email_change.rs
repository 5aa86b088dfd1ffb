use std::time::Duration;

use admittance::error::{AuthError, ErrorCode, Field};
use admittance::mail::MailKind;
use admittance::secret::MailToken;
use admittance::service::{Authenticated, ChangeEmail, LinkRequest};
use admittance::test_util::Mailbox;

use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, registration};

const ANN: &str = "ann@example.org";
const NEW: &str = "Ann.Lee@example.org";
const DAY: Duration = Duration::from_secs(86_400);
const SECOND: Duration = Duration::from_secs(1);

async fn ask(bed: &Bed, who: &Authenticated, to: &str, password: &str) -> Result<(), AuthError> {
    let request = ChangeEmail {
        new_email: to.into(),
        current_password: password.into(),
    };
    bed.auth
        .change_email(who, request, &bed.here)
        .await
        .map(drop)
}

async fn asked(bed: &Bed, who: &Authenticated, to: &str) -> MailToken {
    ask(bed, who, to, PASSWORD).await.unwrap();
    let mail = bed.mail(MailKind::ConfirmEmailChange).await;
    assert_eq!(mail.to.as_str(), to);
    Mailbox::token(&mail).unwrap()
}

async fn confirm(bed: &Bed, who: &Authenticated, token: &MailToken) -> Result<(), AuthError> {
    let request = LinkRequest {
        token: token.clone(),
    };
    bed.auth
        .confirm_email_change(who, request, &bed.here)
        .await
        .map(drop)
}

async fn ann(bed: &Bed) -> Authenticated {
    let tokens = bed.register(ANN).await.tokens;
    bed.validate(&tokens).await.unwrap()
}

#[tokio::test]
async fn asvs_6_3_7_the_new_address_confirms_and_the_old_one_is_told() {
    let bed = Bed::mailing();
    let tokens = bed.register(ANN).await.tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    let _ = bed.mails().await;
    ask(&bed, &ann, NEW, PASSWORD).await.unwrap();
    bed.auth.flush_mail().await;
    let token = bed.mailed(MailKind::ConfirmEmailChange).await;
    let told = (MailKind::EmailChangeRequested, ANN.to_owned());
    assert_eq!(bed.mails().await, [told]);
    // Nothing changes before the link is used.
    assert_eq!(bed.validate(&tokens).await.unwrap().profile().email, ANN);
    assert!(bed.login(NEW, PASSWORD).await.is_err());

    confirm(&bed, &ann, &token).await.unwrap();
    let profile = bed.validate(&tokens).await.unwrap().profile();
    assert_eq!(profile.email, NEW);
    assert!(profile.is_verified);
    assert!(bed.login(ANN, PASSWORD).await.is_err());
    assert!(bed.login("ann.lee@example.org", PASSWORD).await.is_ok());
    let told = (MailKind::EmailChanged, ANN.to_owned());
    assert_eq!(bed.mails().await, [told]);
    assert_eq!(bed.store.counts().tokens, 0);
    // The old address is free.
    bed.register(ANN).await;
}

#[tokio::test]
async fn asvs_7_5_1_a_change_of_address_needs_the_password() {
    let bed = Bed::mailing();
    let ann = ann(&bed).await;
    let _ = bed.mails().await;
    let refused = ask(&bed, &ann, NEW, OTHER_PASSWORD).await;
    assert!(matches!(refused, Err(AuthError::InvalidCredentials)));
    assert_eq!(
        bed.events.last().refused,
        Some(ErrorCode::InvalidCredentials)
    );
    for (to, password) in [("", ""), ("nowhere", PASSWORD), (ANN, PASSWORD), (NEW, "")] {
        match ask(&bed, &ann, to, password).await {
            Err(AuthError::Validation(violations)) => {
                let fields: Vec<_> = violations.as_slice().iter().map(|v| v.field).collect();
                let new = (to != NEW).then_some(Field::NewEmail);
                let current = password.is_empty().then_some(Field::CurrentPassword);
                let expected: Vec<_> = new.into_iter().chain(current).collect();
                assert_eq!(fields, expected, "{to}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(bed.mails().await, []);
    // ghsa_46
    for _ in 0..9 {
        let _ = ask(&bed, &ann, NEW, OTHER_PASSWORD).await;
    }
    let refused = ask(&bed, &ann, NEW, PASSWORD).await;
    assert!(matches!(refused, Err(AuthError::RateLimited { .. })));
}

#[tokio::test]
async fn ghsa_7_two_changes_of_address_do_not_cross() {
    for first_wins in [true, false] {
        let bed = Bed::mailing();
        let tokens = bed.register(ANN).await.tokens;
        let ann = bed.validate(&tokens).await.unwrap();
        let one = asked(&bed, &ann, "one@example.org").await;
        let two = asked(&bed, &ann, "two@example.org").await;
        let (used, late, address) = if first_wins {
            (one, two, "one@example.org")
        } else {
            (two, one, "two@example.org")
        };
        confirm(&bed, &ann, &used).await.unwrap();
        let fresh = bed.validate(&tokens).await.unwrap();
        for who in [&ann, &fresh] {
            let refused = confirm(&bed, who, &late).await;
            assert!(matches!(refused, Err(AuthError::InvalidLink)));
        }
        assert_eq!(
            bed.validate(&tokens).await.unwrap().profile().email,
            address
        );
    }
}

#[tokio::test]
async fn ghsa_7_a_link_does_not_outlive_the_address_it_was_asked_from() {
    let bed = Bed::mailing();
    let tokens = bed.register(ANN).await.tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    let away = asked(&bed, &ann, "away@example.org").await;
    confirm(&bed, &ann, &away).await.unwrap();
    let ann = bed.validate(&tokens).await.unwrap();
    let back = asked(&bed, &ann, ANN).await;
    confirm(&bed, &ann, &back).await.unwrap();
    let ann = bed.validate(&tokens).await.unwrap();
    for token in [&away, &back] {
        let refused = confirm(&bed, &ann, token).await;
        assert!(matches!(refused, Err(AuthError::InvalidLink)));
    }
    assert_eq!(bed.validate(&tokens).await.unwrap().profile().email, ANN);
}

#[tokio::test]
async fn a_link_is_for_a_live_session_of_its_own_account() {
    let bed = Bed::mailing();
    let ann = ann(&bed).await;
    let bob = bed.register("bob@example.org").await.tokens;
    let bob = bed.validate(&bob).await.unwrap();
    let token = asked(&bed, &ann, NEW).await;
    let refused = confirm(&bed, &bob, &token).await;
    assert!(matches!(refused, Err(AuthError::ProofRequired)));
    confirm(&bed, &ann, &token).await.unwrap();
    assert!(bed.login("bob@example.org", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn asvs_6_5_5_a_change_link_is_good_for_24_hours() {
    for (age, is_good) in [(DAY - SECOND, true), (DAY, false), (DAY + SECOND, false)] {
        let bed = Bed::mailing();
        let ann = ann(&bed).await;
        let token = asked(&bed, &ann, NEW).await;
        bed.clock.advance(age);
        assert_eq!(
            confirm(&bed, &ann, &token).await.is_ok(),
            is_good,
            "{age:?}"
        );
    }
}

#[tokio::test]
async fn asvs_6_3_8_a_taken_address_gets_the_same_answer_and_its_owner_is_told() {
    let bed = Bed::mailing();
    let ann = ann(&bed).await;
    bed.register("bob@example.org").await;
    let _ = bed.mails().await;
    ask(&bed, &ann, "BOB@example.org", PASSWORD).await.unwrap();
    let told = [
        (MailKind::AlreadyRegistered, "bob@example.org".to_owned()),
        (MailKind::EmailChangeRequested, ANN.to_owned()),
    ];
    assert_eq!(bed.mails().await, told);
}

#[tokio::test]
async fn an_address_that_was_registered_meanwhile_is_not_taken_over() {
    let bed = Bed::mailing();
    let ann = ann(&bed).await;
    let token = asked(&bed, &ann, NEW).await;
    let _ = bed
        .auth
        .register(registration(NEW), &bed.here)
        .await
        .unwrap();
    let refused = confirm(&bed, &ann, &token).await;
    assert!(matches!(refused, Err(AuthError::EmailTaken)));
    assert!(bed.login(ANN, PASSWORD).await.is_ok());
}

#[tokio::test]
async fn what_ends_the_session_ends_the_pending_change() {
    let bed = Bed::mailing();
    let ann = ann(&bed).await;
    let token = asked(&bed, &ann, NEW).await;
    let fresh = bed
        .change_password(&ann, PASSWORD, OTHER_PASSWORD)
        .await
        .unwrap()
        .tokens;
    let fresh = bed.validate(&fresh).await.unwrap();
    let refused = confirm(&bed, &fresh, &token).await;
    assert!(matches!(refused, Err(AuthError::InvalidLink)));
    // With what is kept of the session that has ended.
    let refused = confirm(&bed, &ann, &token).await;
    assert!(matches!(refused, Err(AuthError::InvalidToken)));
    assert!(bed.login(ANN, OTHER_PASSWORD).await.is_ok());
}

#[tokio::test]
async fn another_spelling_of_the_same_address_can_be_confirmed() {
    let bed = Bed::mailing();
    let tokens = bed.register(ANN).await.tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    let token = asked(&bed, &ann, "Ann@Example.org").await;
    confirm(&bed, &ann, &token).await.unwrap();
    let profile = bed.validate(&tokens).await.unwrap().profile();
    assert_eq!(profile.email, "Ann@Example.org");
    assert!(profile.is_verified);
}
