//! Which of several defences comes first, and what holds when the first one lets a request pass.

use std::time::Duration;

use admittance::config::{AuthConfig, LimitPolicy, RegistrationMode};
use admittance::error::{AuthError, ErrorCode};
use admittance::limit::Quota;
use admittance::mail::MailKind;
use admittance::secret::MailToken;
use admittance::service::{PasswordStrengthRequest, RegisterRequest, RequestContext};
use admittance::store::MemoryStore;
use support::asks::{change, change_email, confirm_email, disown, forgot, reset, verify};
use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config, login, registration};
use support::faulty::FaultyStore;

const ANN: &str = "ann@example.org";
const HOUR: Duration = Duration::from_secs(3600);
const WEAK: &str = "12345678";

fn unlimited() -> AuthConfig {
    let mut config = config();
    config.limits = LimitPolicy::off();
    config
}

fn code<T>(answer: &Result<T, AuthError>) -> Option<ErrorCode> {
    answer.as_ref().err().map(AuthError::code)
}

fn network(number: u8) -> RequestContext {
    RequestContext::from_ip([198, 51, number, 7].into()).with_user_agent("elsewhere")
}

/// A login reads the account while the request is counted, so each refused one would make two calls.
#[tokio::test]
async fn a_client_over_its_limit_costs_the_store_nothing_until_there_is_room() {
    let mut config = unlimited();
    config.limits.login_by_address = Some(Quota::new(1, HOUR));
    let store = FaultyStore::new(MemoryStore::new());
    let bed = Bed::over(store, config);
    let guess = || bed.login(ANN, OTHER_PASSWORD);
    assert_eq!(code(&guess().await), Some(ErrorCode::InvalidCredentials));
    assert_eq!(code(&guess().await), Some(ErrorCode::RateLimited));
    bed.store.watch(0);
    for _ in 0..100 {
        assert_eq!(code(&guess().await), Some(ErrorCode::RateLimited));
    }
    assert!(bed.store.calm().is_empty());

    // Another client has its own budget.
    let there = network(9);
    let other = bed.auth.login(login(ANN, OTHER_PASSWORD), &there).await;
    assert_eq!(code(&other), Some(ErrorCode::InvalidCredentials));

    bed.clock.advance(HOUR);
    assert_eq!(code(&guess().await), Some(ErrorCode::InvalidCredentials));
}

#[tokio::test]
async fn asvs_2_4_1_a_registration_is_counted_before_its_password_is_scored() {
    let mut config = unlimited();
    config.limits.register_by_address = Some(Quota::new(2, HOUR));
    let bed = Bed::with(config);
    let weak = RegisterRequest {
        password: WEAK.into(),
        confirm_password: WEAK.into(),
        ..registration(ANN)
    };
    for expected in [
        ErrorCode::ValidationFailed,
        ErrorCode::ValidationFailed,
        ErrorCode::RateLimited,
    ] {
        let refused = bed.auth.register(weak.clone(), &bed.here).await;
        assert_eq!(code(&refused), Some(expected));
    }
}

#[tokio::test]
async fn asvs_2_4_1_a_change_of_password_is_counted_before_the_new_one_is_scored() {
    let mut config = unlimited();
    config.limits.checks_by_session = Some(Quota::new(2, HOUR));
    let bed = Bed::with(config);
    let tokens = bed.register(ANN).await.tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    for expected in [
        ErrorCode::ValidationFailed,
        ErrorCode::ValidationFailed,
        ErrorCode::RateLimited,
    ] {
        let request = change(PASSWORD, WEAK);
        let refused = bed.auth.change_password(&ann, request, &bed.here).await;
        assert_eq!(code(&refused), Some(expected));
    }
}

#[tokio::test]
async fn asvs_2_4_1_a_reset_is_counted_before_the_new_password_is_scored() {
    // By the link, which the holder of a good one cannot be guessing.
    let mut config = unlimited();
    config.limits.checks_by_session = Some(Quota::new(2, HOUR));
    let bed = Bed::mailing_with(config);
    bed.register(ANN).await;
    forgot(&bed, ANN).await.unwrap();
    let link = bed.mailed(MailKind::ResetPassword).await;
    for expected in [
        ErrorCode::ValidationFailed,
        ErrorCode::ValidationFailed,
        ErrorCode::RateLimited,
    ] {
        assert_eq!(code(&reset(&bed, &link, WEAK).await), Some(expected));
    }
}

#[tokio::test]
async fn asvs_2_4_1_a_question_of_strength_is_counted_before_it_is_scored() {
    let mut config = unlimited();
    config.limits.strength_by_address = Some(Quota::new(1, HOUR));
    let bed = Bed::with(config);
    for expected in [None, Some(ErrorCode::RateLimited)] {
        let request = PasswordStrengthRequest {
            password: "x".repeat(1000).as_str().into(),
            ..PasswordStrengthRequest::default()
        };
        let answer = bed.auth.password_strength(request, &bed.here).await;
        assert_eq!(code(&answer), expected);
    }
}

#[tokio::test]
async fn asvs_2_4_1_registrations_of_one_address_from_all_networks_together_are_limited() {
    let mut config = unlimited();
    config.registration = RegistrationMode::VerifyFirst;
    config.limits.mail_by_account = Some(Quota::new(1, HOUR));
    let bed = Bed::mailing_with(config);
    // Ten times what one network may send to the address.
    for number in 0..12 {
        let asked = bed.auth.register(registration(ANN), &network(number)).await;
        let expected = (number >= 10).then_some(ErrorCode::RateLimited);
        assert_eq!(code(&asked), expected, "network {number}");
    }
    assert_eq!(bed.mails().await.len(), 10);
    // Nobody else's address is touched by that.
    let other = bed
        .auth
        .register(registration("bob@example.org"), &network(1))
        .await;
    assert!(other.is_ok());
}

#[tokio::test]
async fn asvs_2_4_1_registrations_of_one_address_from_one_network_are_limited_apart() {
    let mut config = unlimited();
    config.registration = RegistrationMode::VerifyFirst;
    config.limits.mail_by_account = Some(Quota::new(1, HOUR));
    let bed = Bed::mailing_with(config);
    for expected in [None, Some(ErrorCode::RateLimited)] {
        let asked = bed.auth.register(registration(ANN), &network(1)).await;
        assert_eq!(code(&asked), expected);
    }
    // So a stranger does not keep the owner, who is elsewhere, from registering.
    let owner = bed.auth.register(registration(ANN), &network(2)).await;
    assert!(owner.is_ok());
}

#[tokio::test]
async fn asvs_2_4_1_mails_from_one_network_to_many_addresses_are_limited() {
    let mut config = unlimited();
    config.limits.mail_by_address = Some(Quota::new(3, HOUR));
    let bed = Bed::mailing_with(config);
    let tokens = bed.register(ANN).await.tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    // Each way to ask for a mail counts in the one budget.
    let mut answers = Vec::new();
    for number in 0..2 {
        let other = format!("other{number}@example.org");
        answers.push(code(&forgot(&bed, &other).await));
        answers.push(code(&support::asks::resend(&bed, &other).await));
        answers.push(code(&change_email(&bed, &ann, &other, PASSWORD).await));
    }
    let limited = Some(ErrorCode::RateLimited);
    assert_eq!(answers, [None, None, None, limited, limited, limited]);
}

#[tokio::test]
async fn asvs_2_4_1_an_address_left_for_another_one_and_taken_in_turn_gets_no_stream_of_mail() {
    let mut config = unlimited();
    config.limits.mail_by_account = Some(Quota::new(3, HOUR));
    let bed = Bed::mailing_with(config);
    let mut left = 0;
    for number in 0..6 {
        let registered = bed.auth.register(registration(ANN), &bed.here).await;
        let Ok(Some(answer)) = registered.map(admittance::service::RegisterOutcome::opened) else {
            break;
        };
        let squatter = bed.validate(&answer.tokens).await.unwrap();
        let own = format!("squatter{number}@example.org");
        change_email(&bed, &squatter, &own, PASSWORD).await.unwrap();
        let link = bed.mailed(MailKind::ConfirmEmailChange).await;
        match confirm_email(&bed, &squatter, &link).await {
            Ok(_) => left += 1,
            Err(AuthError::RateLimited { .. }) => break,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(left, 3);
}

/// Runs `operation` again and again, and lets `age` pass before its first call of the store,
/// then before its second, and so on. Returns the first call before which that may pass.
async fn first_that_may_be_late<W, O>(
    kind: MailKind,
    mode: RegistrationMode,
    age: Duration,
    operation: O,
) -> &'static str
where
    W: Future<Output = bool>,
    O: Fn(Bed<FaultyStore<MemoryStore>>, MailToken) -> W,
{
    for call in 1.. {
        let mut config = config();
        config.registration = mode;
        let store = FaultyStore::new(MemoryStore::new());
        let bed = Bed::mailing_over(store.clone(), config);
        let registered = bed.auth.register(registration(ANN), &bed.here).await;
        let _ = registered.unwrap();
        if kind == MailKind::ResetPassword {
            forgot(&bed, ANN).await.unwrap();
        }
        let link = bed.mailed(kind).await;
        let clock = bed.clock.clone();
        store.hook(call, move || {
            clock.advance(age);
            async {}
        });
        let is_done = operation(bed, link).await;
        let calls = store.calm();
        assert!(calls.len() >= call, "it is never done: {calls:?}");
        if is_done {
            return calls[call - 1];
        }
    }
    unreachable!()
}

#[tokio::test]
async fn asvs_6_5_5_a_link_that_expires_while_it_is_used_does_nothing() {
    const DAY: Duration = Duration::from_secs(86_400);
    let now = RegistrationMode::OpenSession;
    let set = first_that_may_be_late(MailKind::ResetPassword, now, HOUR, |bed, link| async move {
        reset(&bed, &link, OTHER_PASSWORD).await.is_ok()
    });
    assert_eq!(set.await, "reset_password");
    let confirmed =
        first_that_may_be_late(MailKind::VerifyEmail, now, DAY, |bed, link| async move {
            verify(&bed, &link, Some(PASSWORD), None).await.is_ok()
        });
    assert_eq!(confirmed.await, "verify_email");
    let disowned =
        first_that_may_be_late(MailKind::VerifyEmail, now, DAY, |bed, link| async move {
            disown(&bed, &link).await.is_ok()
        });
    assert_eq!(disowned.await, "remove_user");
    let later = RegistrationMode::VerifyFirst;
    let kind = MailKind::CompleteRegistration;
    let made = first_that_may_be_late(kind, later, DAY, |bed, link| async move {
        verify(&bed, &link, Some(PASSWORD), None).await.is_ok()
    });
    // Its session is stored first, which means nothing until the account is made.
    assert_eq!(made.await, "insert_session");
}

#[tokio::test]
async fn asvs_6_5_5_a_change_of_address_whose_link_expires_meanwhile_does_nothing() {
    const DAY: Duration = Duration::from_secs(86_400);
    for call in 1.. {
        let mut config = config();
        // Else the session would end first.
        config.session.idle_timeout = 10 * DAY;
        let store = FaultyStore::new(MemoryStore::new());
        let bed = Bed::mailing_over(store.clone(), config);
        let tokens = bed.register(ANN).await.tokens;
        let ann = bed.validate(&tokens).await.unwrap();
        change_email(&bed, &ann, "new@example.org", PASSWORD)
            .await
            .unwrap();
        let link = bed.mailed(MailKind::ConfirmEmailChange).await;
        let clock = bed.clock.clone();
        store.hook(call, move || {
            clock.advance(DAY);
            async {}
        });
        let is_done = confirm_email(&bed, &ann, &link).await.is_ok();
        let calls = store.calm();
        if is_done {
            assert_eq!(calls[call - 1], "change_email");
            return;
        }
    }
}
