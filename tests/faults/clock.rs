//! A clock that is set wrong: back an hour, forward ten years, and back again.

use std::time::Duration;

use admittance::config::{LimitPolicy, RegistrationMode};
use admittance::error::AuthError;
use admittance::event::Notice;
use admittance::lockout::LockoutPolicy;
use admittance::mail::MailKind;
use admittance::time::CLOCK_SKEW;

use support::asks::{change_email, confirm_email, disown, forgot, is_dead, resend, reset, verify};
use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config, registration};

const HOUR: Duration = Duration::from_secs(3600);
const TEN_YEARS: Duration = Duration::from_secs(10 * 365 * 86_400);
const ANN: &str = "ann@example.org";

fn is_invalid<T>(result: &Result<T, AuthError>) -> bool {
    matches!(result, Err(AuthError::InvalidToken))
}

/// A bed that limits by account only.
fn by_account() -> Bed {
    let mut config = config();
    config.limits.login_by_address = None;
    config.limits.success_by_account = None;
    config.limits.success_by_address = None;
    config.limits.refresh_by_address = None;
    Bed::with(config)
}

/// What slows an account down, and the longest that it does.
fn lockout(bed: &Bed) -> (LockoutPolicy, Duration) {
    let policy = bed.auth.config().limits.login_by_account.clone().unwrap();
    let longest = policy.steps().last().unwrap().wait;
    (policy, longest)
}

/// Fails at Ann's account until it is locked; gives how many guesses were let
/// through, and the wait that is told then.
async fn use_up(bed: &Bed) -> (u32, Duration) {
    let mut guesses = 0;
    loop {
        match bed.login(ANN, OTHER_PASSWORD).await {
            Err(AuthError::InvalidCredentials) => guesses += 1,
            Err(AuthError::RateLimited { retry_after }) => return (guesses, retry_after),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn asvs_7_4_1_an_hour_back_revives_nothing_that_was_ended() {
    let bed = by_account();
    bed.register(ANN).await;
    let logged_out = bed.login(ANN, PASSWORD).await.unwrap().tokens;
    let ann = bed.validate(&logged_out).await.unwrap();
    bed.auth.logout(&ann, &bed.here).await.unwrap();

    let stolen = bed.login(ANN, PASSWORD).await.unwrap().tokens;
    let second = bed.refresh(&stolen).await.unwrap();
    let third = bed.refresh(&second).await.unwrap();
    assert!(is_invalid(&bed.refresh(&stolen).await));
    assert_eq!(
        bed.events.last().notices.first(),
        Some(Notice::RefreshTokenReused)
    );

    let before = bed.login(ANN, PASSWORD).await.unwrap().tokens;
    let ann = bed.validate(&before).await.unwrap();
    let changed = bed.change_password(&ann, PASSWORD, OTHER_PASSWORD).await;
    let changed = changed.unwrap().tokens;

    bed.clock.turn_back(HOUR);
    for tokens in [&logged_out, &stolen, &second, &third, &before] {
        assert!(is_invalid(&bed.validate(tokens).await));
        assert!(is_invalid(&bed.refresh(tokens).await));
    }
    // An access token from the future is refused, but its session goes on, and
    // is not given a second successor.
    assert!(is_invalid(&bed.validate(&changed).await));
    let successor = bed.refresh(&changed).await.unwrap();
    assert!(bed.validate(&successor).await.is_ok());
    let again = bed.refresh(&changed).await.unwrap();
    assert_eq!(
        successor.refresh_token.expose_secret(),
        again.refresh_token.expose_secret()
    );
}

#[tokio::test]
async fn asvs_6_3_1_an_hour_back_locks_nobody_out_for_longer_than_the_window() {
    for back in [HOUR, TEN_YEARS] {
        let bed = by_account();
        bed.register(ANN).await;
        let (policy, _) = lockout(&bed);
        let first = policy.steps()[0];
        assert_eq!(use_up(&bed).await, (first.failures, first.wait));
        bed.clock.turn_back(back);
        // The wait begins anew at most, since another instance may be ahead, and is over when it
        // says so.
        let longest = first.wait + CLOCK_SKEW;
        assert_eq!(use_up(&bed).await, (0, longest));
        bed.clock.advance(longest - Duration::from_millis(1));
        assert_eq!(use_up(&bed).await, (0, Duration::from_millis(1)));
        bed.clock.advance(Duration::from_millis(1));
        assert!(bed.login(ANN, PASSWORD).await.is_ok());
    }
}

#[tokio::test]
async fn asvs_6_3_1_an_hour_back_forgives_nothing_before_its_time() {
    for back in [HOUR, TEN_YEARS] {
        let bed = by_account();
        bed.register(ANN).await;
        let (policy, _) = lockout(&bed);
        let [first, second, _] = policy.steps() else {
            panic!("{policy:?}");
        };
        use_up(&bed).await;
        bed.clock.turn_back(back);
        assert_eq!(use_up(&bed).await, (0, first.wait + CLOCK_SKEW));
        bed.clock.advance(first.wait + CLOCK_SKEW);
        assert_eq!(use_up(&bed).await, (1, first.wait), "the sixth failure");
        bed.clock.turn_back(back);
        assert_eq!(use_up(&bed).await, (0, first.wait + CLOCK_SKEW));
        // A day without an attempt, less a moment.
        let moment = Duration::from_millis(1);
        bed.clock.advance(policy.forget_after() - moment);
        assert_eq!(use_up(&bed).await, (1, second.wait), "the seventh");
        bed.clock.turn_back(back);
        assert_eq!(use_up(&bed).await, (0, second.wait + CLOCK_SKEW));
        bed.clock.advance(policy.forget_after() + CLOCK_SKEW);
        assert_eq!(use_up(&bed).await, (first.failures, first.wait));
    }
}

#[tokio::test]
async fn asvs_6_3_1_who_waits_as_told_gets_in_within_the_window_after_the_clock_was_set_back() {
    for back in [HOUR, TEN_YEARS] {
        let bed = Bed::new();
        bed.register(ANN).await;
        use_up(&bed).await;
        bed.clock.turn_back(back);
        let mut waited = Duration::ZERO;
        loop {
            match bed.login(ANN, PASSWORD).await {
                Ok(_) => break,
                Err(AuthError::RateLimited { retry_after }) => {
                    waited += retry_after;
                    bed.clock.advance(retry_after);
                }
                other => panic!("{other:?}"),
            }
        }
        let by_address = bed.auth.config().limits.login_by_address.unwrap();
        let longest = lockout(&bed).1 + by_address.period() + CLOCK_SKEW;
        assert!(waited <= longest, "{waited:?}");
    }
}

#[tokio::test]
async fn asvs_6_3_1_an_hour_back_gives_no_second_budget() {
    // By one account alone, whose lock the other limit would hide; then both.
    for bed in [by_account(), Bed::new()] {
        bed.register(ANN).await;
        use_up(&bed).await;
        for _ in 0..5 {
            bed.clock.turn_back(HOUR);
            let refused = bed.login(ANN, PASSWORD).await;
            assert!(matches!(refused, Err(AuthError::RateLimited { .. })));
        }
    }
}

#[tokio::test]
async fn asvs_7_3_2_ten_years_on_every_session_is_dead_and_nobody_is_locked_out() {
    let bed = by_account();
    let old = bed.register(ANN).await.tokens;
    let fresh = bed.refresh(&old).await.unwrap();
    let first = lockout(&bed).0.steps()[0];
    use_up(&bed).await;

    bed.clock.advance(TEN_YEARS);
    for tokens in [&old, &fresh] {
        assert!(is_invalid(&bed.validate(tokens).await));
        assert!(is_invalid(&bed.refresh(tokens).await));
    }
    for _ in 0..10 {
        assert!(bed.login(ANN, PASSWORD).await.is_ok());
    }

    // And back again: what the wrong time left behind locks nobody out, and a
    // session that ended there stays ended.
    let there = bed.login(ANN, PASSWORD).await.unwrap().tokens;
    let ann = bed.validate(&there).await.unwrap();
    bed.auth.logout(&ann, &bed.here).await.unwrap();
    use_up(&bed).await;
    bed.clock.turn_back(TEN_YEARS);
    assert_eq!(use_up(&bed).await, (0, first.wait + CLOCK_SKEW));
    bed.clock.advance(first.wait + CLOCK_SKEW);
    assert!(bed.login(ANN, PASSWORD).await.is_ok());
    for tokens in [&old, &fresh, &there] {
        assert!(is_invalid(&bed.refresh(tokens).await));
    }
    assert!(is_invalid(&bed.validate(&there).await));
}

#[tokio::test]
async fn asvs_6_5_1_an_hour_back_revives_no_link_that_was_used() {
    // Limits are stricter for a while when the clock was set back.
    let mut without_limits = config();
    without_limits.limits = LimitPolicy::off();
    let bed = Bed::mailing_with(without_limits);
    let tokens = bed.register(ANN).await.tokens;
    let confirming = bed.mailed(MailKind::VerifyEmail).await;
    let ann = bed.validate(&tokens).await.unwrap();
    let confirmed = verify(&bed, &confirming, None, Some(&ann)).await;
    assert!(confirmed.is_ok());
    change_email(&bed, &ann, "new@example.org", PASSWORD)
        .await
        .unwrap();
    let changing = bed.mailed(MailKind::ConfirmEmailChange).await;
    confirm_email(&bed, &ann, &changing).await.unwrap();
    forgot(&bed, "new@example.org").await.unwrap();
    let resetting = bed.mailed(MailKind::ResetPassword).await;
    reset(&bed, &resetting, OTHER_PASSWORD).await.unwrap();

    bed.clock.turn_back(HOUR);
    let late = bed.login("new@example.org", OTHER_PASSWORD).await.unwrap();
    let late = bed.validate(&late.tokens).await.unwrap();
    let confirmed = verify(&bed, &confirming, None, Some(&late)).await;
    assert!(is_dead(&confirmed));
    assert!(is_dead(&confirm_email(&bed, &late, &changing).await));
    // The reset has ended this session.
    let confirmed = verify(&bed, &confirming, None, Some(&ann)).await;
    assert!(is_invalid(&confirmed));
    assert!(is_invalid(&confirm_email(&bed, &ann, &changing).await));
    assert!(is_dead(&disown(&bed, &confirming).await));
    assert!(is_dead(&reset(&bed, &resetting, PASSWORD).await));
}

#[tokio::test]
async fn asvs_6_5_1_ten_years_on_no_link_is_good_and_another_can_be_had() {
    let bed = Bed::mailing();
    bed.register(ANN).await;
    let confirming = bed.mailed(MailKind::VerifyEmail).await;
    forgot(&bed, ANN).await.unwrap();
    let resetting = bed.mailed(MailKind::ResetPassword).await;
    let mut verify_first = config();
    verify_first.registration = RegistrationMode::VerifyFirst;
    let pending = Bed::mailing_with(verify_first);
    let asked = pending.auth.register(registration(ANN), &pending.here);
    assert!(asked.await.unwrap().opened().is_none());
    let completing = pending.mailed(MailKind::CompleteRegistration).await;

    bed.clock.advance(TEN_YEARS);
    pending.clock.advance(TEN_YEARS);
    let ann = bed.login(ANN, PASSWORD).await.unwrap().tokens;
    let ann = bed.validate(&ann).await.unwrap();
    assert!(is_dead(&verify(&bed, &confirming, None, Some(&ann)).await));
    assert!(is_dead(&disown(&bed, &confirming).await));
    assert!(is_dead(&reset(&bed, &resetting, OTHER_PASSWORD).await));
    assert!(is_dead(
        &verify(&pending, &completing, Some(PASSWORD), None).await
    ));

    resend(&bed, ANN).await.unwrap();
    let confirming = bed.mailed(MailKind::VerifyEmail).await;
    assert!(verify(&bed, &confirming, None, Some(&ann)).await.is_ok());
    // A registration that nobody has confirmed is gone, and made anew.
    resend(&pending, ANN).await.unwrap();
    assert_eq!(pending.mails().await, []);
    let asked = pending.auth.register(registration(ANN), &pending.here);
    assert!(asked.await.unwrap().opened().is_none());
    let completing = pending.mailed(MailKind::CompleteRegistration).await;
    let opened = verify(&pending, &completing, Some(PASSWORD), None).await;
    assert!(opened.unwrap().is_some());
}
