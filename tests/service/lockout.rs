//! Failed attempts at one account: slowed, locked for a time, and never for good.

use std::time::Duration;

use admittance::config::LimitPolicy;
use admittance::error::AuthError;
use admittance::event::Notice;
use admittance::lockout::{LockoutPolicy, LockoutStep};
use admittance::mail::MailKind;
use admittance::service::{EmailRequest, RequestContext, ResetPassword};

use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config, login};

const ANN: &str = "ann@example.org";
const SECOND: Duration = Duration::from_secs(1);

/// A device in a network of its own.
fn stranger(number: u8) -> RequestContext {
    RequestContext::from_ip([203, number, 113, 9].into()).with_user_agent("other")
}

/// An attempt with the wrong password from there: the wait, if one is told.
async fn fail(bed: &Bed, there: &RequestContext) -> Option<Duration> {
    match bed.auth.login(login(ANN, OTHER_PASSWORD), there).await {
        Err(AuthError::InvalidCredentials) => None,
        Err(AuthError::RateLimited { retry_after }) => Some(retry_after),
        other => panic!("{other:?}"),
    }
}

/// Fails as often and as soon as one can until the count is `failures`.
async fn fail_until(bed: &Bed, failures: u32) {
    let mut counted = 0;
    while counted < failures {
        let network = u8::try_from(counted % 200).unwrap();
        match fail(bed, &stranger(network)).await {
            None => counted += 1,
            Some(wait) => bed.clock.advance(wait),
        }
    }
}

#[tokio::test]
async fn asvs_6_3_1_failures_slow_an_account_and_then_lock_it_as_the_table_says() {
    let bed = Bed::mailing();
    bed.register(ANN).await;
    let mut waits = Vec::new();
    for number in 0..14 {
        while let Some(wait) = fail(&bed, &stranger(number)).await {
            waits.push((number, wait.as_secs()));
            // Not a moment before, and then at once.
            bed.clock.advance(wait - Duration::from_millis(1));
            let early = fail(&bed, &stranger(number)).await;
            assert_eq!(early, Some(Duration::from_millis(1)));
            bed.clock.advance(Duration::from_millis(1));
        }
    }
    let expected = [
        (5, 30),
        (6, 30),
        (7, 120),
        (8, 120),
        (9, 120),
        (10, 900),
        (11, 900),
        (12, 900),
        (13, 900),
    ];
    assert_eq!(waits, expected);
}

#[tokio::test]
async fn asvs_6_3_1_unknown_accounts_are_locked_like_known_ones() {
    let bed = Bed::mailing();
    for number in 0..5 {
        assert_eq!(fail(&bed, &stranger(number)).await, None);
    }
    let wait = fail(&bed, &stranger(9)).await;
    assert_eq!(wait, Some(Duration::from_secs(30)));
    assert_eq!(bed.mails().await, [], "there is nobody to tell");
}

#[tokio::test]
async fn the_owner_is_told_once_in_a_series_when_the_account_is_locked() {
    let bed = Bed::mailing();
    bed.register(ANN).await;
    let _ = bed.mails().await;
    fail_until(&bed, 9).await;
    assert_eq!(bed.mails().await, [], "not while it is only slowed down");
    fail_until(&bed, 1).await;
    let event = bed.events.all();
    let locked = event
        .iter()
        .filter(|event| event.notices.first() == Some(Notice::AccountLocked));
    assert_eq!(
        locked.count(),
        6,
        "each failure that has to be waited after"
    );
    let told = (MailKind::AccountLocked, ANN.to_owned());
    assert_eq!(bed.mails().await, [told]);
    fail_until(&bed, 30).await;
    assert_eq!(bed.mails().await, [], "a flood is not one of mails");
}

#[tokio::test]
async fn a_success_forgets_the_failures_before_it() {
    let bed = Bed::new();
    bed.register(ANN).await;
    for _ in 0..6 {
        for _ in 0..4 {
            assert_eq!(fail(&bed, &bed.here).await, None);
        }
        bed.login(ANN, PASSWORD).await.unwrap();
    }
    // All of them: she may fail five times again.
    for _ in 0..5 {
        assert_eq!(fail(&bed, &bed.here).await, None);
    }
    assert!(fail(&bed, &bed.here).await.is_some());
}

#[tokio::test]
async fn a_day_without_an_attempt_forgets_them_all() {
    let bed = Bed::new();
    bed.register(ANN).await;
    for (pause, wait) in [
        (Duration::from_secs(86_400) - SECOND, Some(900)),
        (Duration::from_secs(86_400), None),
    ] {
        fail_until(&bed, 10).await;
        bed.clock.advance(pause);
        assert_eq!(fail(&bed, &stranger(1)).await, None);
        let next = fail(&bed, &stranger(1)).await;
        assert_eq!(next.map(|wait| wait.as_secs()), wait);
        bed.clock.advance(Duration::from_secs(10 * 86_400));
    }
}

#[tokio::test]
async fn asvs_6_3_1_strangers_lock_out_neither_the_owners_devices_nor_the_sessions() {
    let bed = Bed::new();
    let tokens = bed.register(ANN).await.tokens;
    fail_until(&bed, 40).await;
    // A session goes on, whatever strangers do.
    let tokens = bed.refresh(&tokens).await.unwrap();
    let ann = bed.validate(&tokens).await.unwrap();
    // From a device that she has used before she gets in at once.
    assert!(bed.login(ANN, PASSWORD).await.is_ok());
    // And from a session that she took elsewhere she can change the password.
    let cafe = stranger(77);
    let request = admittance::service::ChangePassword {
        current_password: PASSWORD.into(),
        new_password: OTHER_PASSWORD.into(),
        confirm_password: OTHER_PASSWORD.into(),
    };
    assert!(bed.auth.change_password(&ann, request, &cafe).await.is_ok());
    // From there without a session she would have to wait.
    let refused = bed.auth.login(login(ANN, OTHER_PASSWORD), &cafe).await;
    assert!(matches!(refused, Err(AuthError::RateLimited { .. })));
}

#[tokio::test]
async fn asvs_6_3_1_a_reset_lets_the_owner_in_while_strangers_go_on() {
    let bed = Bed::mailing();
    bed.register(ANN).await;
    fail_until(&bed, 20).await;
    // At a device that she has never used, locked out by strangers.
    let library = stranger(201);
    assert!(fail(&bed, &library).await.is_some());
    let request = EmailRequest { email: ANN.into() };
    bed.auth.forgot_password(request, &library).await.unwrap();
    let request = ResetPassword {
        token: bed.mailed(MailKind::ResetPassword).await,
        new_password: OTHER_PASSWORD.into(),
        confirm_password: OTHER_PASSWORD.into(),
    };
    bed.auth.reset_password(request, &library).await.unwrap();
    // The strangers are quicker, and lock the account again.
    let guess = login(ANN, PASSWORD);
    for number in 0..12 {
        let _ = bed.auth.login(guess.clone(), &stranger(number)).await;
    }
    let other = bed.auth.login(guess, &stranger(99)).await;
    assert!(matches!(other, Err(AuthError::RateLimited { .. })));
    let opened = bed.auth.login(login(ANN, OTHER_PASSWORD), &library).await;
    assert!(opened.is_ok(), "{opened:?}");
}

#[tokio::test]
async fn a_reset_forgets_what_strangers_have_done() {
    let bed = Bed::mailing();
    bed.register(ANN).await;
    fail_until(&bed, 20).await;
    bed.reset_password(ANN, OTHER_PASSWORD).await;
    // On a device that nobody knows any more, or yet.
    let elsewhere = login(ANN, OTHER_PASSWORD);
    let opened = bed.auth.login(elsewhere, &stranger(202)).await;
    assert!(opened.is_ok(), "{opened:?}");
}

#[tokio::test]
async fn a_reset_makes_the_devices_from_before_strangers() {
    let bed = Bed::mailing();
    bed.register(ANN).await;
    let thief = stranger(3);
    bed.auth.login(login(ANN, PASSWORD), &thief).await.unwrap();
    let request = EmailRequest { email: ANN.into() };
    bed.auth.forgot_password(request, &bed.here).await.unwrap();
    let request = ResetPassword {
        token: bed.mailed(MailKind::ResetPassword).await,
        new_password: OTHER_PASSWORD.into(),
        confirm_password: OTHER_PASSWORD.into(),
    };
    bed.auth.reset_password(request, &bed.here).await.unwrap();
    let _ = bed.mails().await;
    // No count of their own any more, and a login from there is a new device's.
    for number in 10..15 {
        let guess = login(ANN, PASSWORD);
        assert!(bed.auth.login(guess, &stranger(number)).await.is_err());
    }
    let refused = bed.auth.login(login(ANN, PASSWORD), &thief).await;
    assert!(matches!(refused, Err(AuthError::RateLimited { .. })));
    bed.clock.advance(Duration::from_secs(30));
    let again = bed.auth.login(login(ANN, OTHER_PASSWORD), &thief).await;
    assert!(again.is_ok());
    let told = (MailKind::NewDevice, ANN.to_owned());
    assert_eq!(bed.mails().await, [told]);
}

#[tokio::test]
async fn the_table_is_data() {
    let mut settings = config();
    settings.limits = LimitPolicy::off();
    let step = |failures, secs| LockoutStep {
        failures,
        wait: Duration::from_secs(secs),
    };
    let table = LockoutPolicy::new([step(2, 5), step(3, 60)], Duration::from_secs(3600));
    settings.limits.login_by_account = Some(table.unwrap());
    let bed = Bed::with(settings);
    bed.register(ANN).await;
    assert_eq!(fail(&bed, &stranger(1)).await, None);
    assert_eq!(fail(&bed, &stranger(2)).await, None);
    assert_eq!(fail(&bed, &stranger(3)).await, Some(5 * SECOND));
    bed.clock.advance(5 * SECOND);
    assert_eq!(fail(&bed, &stranger(4)).await, None);
    assert_eq!(fail(&bed, &stranger(5)).await, Some(60 * SECOND));
    // None of them at all.
    let mut settings = config();
    settings.limits = LimitPolicy::off();
    let bed = Bed::with(settings);
    for number in 0..100 {
        assert_eq!(fail(&bed, &stranger(number)).await, None);
    }
}
