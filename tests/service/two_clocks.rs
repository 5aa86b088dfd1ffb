//! Two instances over one store whose clocks differ by as much as the documentation allows.

use std::time::Duration;

use admittance::clock::Clock;
use admittance::config::AuthConfig;
use admittance::error::AuthError;
use admittance::limit::Quota;
use admittance::mail::MailKind;
use admittance::service::PasswordStrengthRequest;
use admittance::store::MemoryStore;
use admittance::time::CLOCK_SKEW;

use support::asks::{confirm_password, forgot, reset, verify};
use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config};

const ANN: &str = "ann@example.org";
const SECOND: Duration = Duration::from_secs(1);

/// Two instances, the first of which is ahead by `skew`.
fn two(config: &AuthConfig, skew: Duration) -> (Bed, Bed) {
    let store = MemoryStore::new();
    let ahead = Bed::mailing_over(store.clone(), config.clone());
    let behind = Bed::mailing_over(store, config.clone());
    ahead.clock.advance(skew);
    (ahead, behind)
}

fn pass(beds: &(Bed, Bed), time: Duration) {
    beds.0.clock.advance(time);
    beds.1.clock.advance(time);
}

/// Whether a question for the strength of a password is answered.
async fn asks(bed: &Bed) -> bool {
    let request = PasswordStrengthRequest {
        password: PASSWORD.into(),
        ..PasswordStrengthRequest::default()
    };
    match bed.auth.password_strength(request, &bed.here).await {
        Ok(_) => true,
        Err(AuthError::RateLimited { .. }) => false,
        other => panic!("{other:?}"),
    }
}

fn is_limited<T>(answer: &Result<T, AuthError>) -> bool {
    matches!(answer, Err(AuthError::RateLimited { .. }))
}

#[tokio::test]
async fn asvs_6_3_1_an_instance_20_seconds_behind_answers_while_the_other_one_is_in_use() {
    // The default budget is whole again after 12 seconds.
    let beds = two(&config(), 20 * SECOND);
    for second in 0..60 {
        assert!(asks(&beds.0).await, "{second} s, ahead");
        assert!(asks(&beds.1).await, "{second} s, behind");
        pass(&beds, SECOND);
    }
}

#[tokio::test]
async fn asvs_6_3_1_an_instance_55_seconds_behind_has_the_whole_budget_of_refreshes() {
    let beds = two(&config(), 55 * SECOND);
    let ahead = beds.0.register(ANN).await.tokens;
    let burst = config().limits.refresh_by_address.unwrap().burst();
    beds.0.refresh(&ahead).await.unwrap();
    let mut tokens = beds.1.login(ANN, PASSWORD).await.unwrap().tokens;
    for refresh in 1..burst {
        let next = beds.1.refresh(&tokens).await;
        tokens = next.unwrap_or_else(|error| panic!("{refresh}: {error:?}"));
    }
    assert!(is_limited(&beds.1.refresh(&tokens).await));
}

#[tokio::test]
async fn asvs_2_4_1_two_instances_a_minute_apart_let_two_bursts_through_and_no_more() {
    let mut config = config();
    let burst = 10;
    config.limits.strength_by_address = Some(Quota::new(burst, SECOND));
    for skew in [10 * SECOND, 30 * SECOND, CLOCK_SKEW] {
        let beds = two(&config, skew);
        let (mut answered, seconds) = (0, 200);
        for _ in 0..seconds {
            for _ in 0..burst {
                answered += u32::from(asks(&beds.1).await);
                answered += u32::from(asks(&beds.0).await);
            }
            pass(&beds, SECOND);
        }
        let allowed = 2 * burst + seconds;
        assert!(answered <= allowed, "{answered} of {allowed}");
        assert!(answered >= seconds, "{answered}");
    }
}

#[tokio::test]
async fn asvs_6_3_1_the_instance_behind_refuses_no_longer_than_the_clocks_differ() {
    let mut config = config();
    config.limits.strength_by_address = Some(Quota::new(2, SECOND));
    let beds = two(&config, 20 * SECOND);
    assert!(asks(&beds.0).await && asks(&beds.0).await && !asks(&beds.0).await);
    assert!(!asks(&beds.1).await);
    pass(&beds, 20 * SECOND);
    assert!(!asks(&beds.1).await);
    pass(&beds, SECOND);
    assert!(asks(&beds.1).await);
}

#[tokio::test]
async fn asvs_6_3_1_an_instance_that_is_behind_shortens_no_lock_of_the_other_one() {
    let mut config = config();
    config.limits.login_by_address = None;
    for skew in [20 * SECOND, CLOCK_SKEW] {
        let beds = two(&config, skew);
        beds.0.register(ANN).await;
        let wait = config.limits.login_by_account.clone().unwrap().steps()[0].wait;
        while !is_limited(&beds.0.login(ANN, OTHER_PASSWORD).await) {}
        assert!(is_limited(&beds.1.login(ANN, PASSWORD).await));
        pass(&beds, wait - Duration::from_millis(1));
        assert!(is_limited(&beds.1.login(ANN, PASSWORD).await));
        assert!(is_limited(&beds.0.login(ANN, PASSWORD).await));
        pass(&beds, Duration::from_millis(1));
        assert!(beds.0.login(ANN, PASSWORD).await.is_ok());
        assert!(beds.1.login(ANN, PASSWORD).await.is_ok());
    }
}

#[tokio::test]
async fn ghsa_28_what_one_instance_gives_the_other_one_takes_at_once() {
    let config = config();
    let beds = two(&config, CLOCK_SKEW);
    for (one, other) in [(&beds.0, &beds.1), (&beds.1, &beds.0)] {
        let email = format!("ann{}@example.org", one.clock.now().as_secs());
        let tokens = one.register(&email).await.tokens;
        let link = one.mailed(MailKind::VerifyEmail).await;
        let ann = other.validate(&tokens).await.unwrap();
        assert!(ann.require_recent_login(CLOCK_SKEW).is_ok());
        assert!(verify(other, &link, None, Some(&ann)).await.is_ok());
        let tokens = other.refresh(&tokens).await.unwrap();
        let tokens = one.refresh(&tokens).await.unwrap();
        let ann = other.validate(&tokens).await.unwrap();
        let tokens = confirm_password(other, &ann, PASSWORD).await.unwrap();
        let ann = one.validate(&tokens.unwrap()).await.unwrap();
        assert!(ann.require_recent_login(CLOCK_SKEW).is_ok());
        forgot(one, &email).await.unwrap();
        let link = one.mailed(MailKind::ResetPassword).await;
        assert!(reset(other, &link, OTHER_PASSWORD).await.is_ok());
        assert!(one.login(&email, OTHER_PASSWORD).await.is_ok());
    }
}

#[tokio::test]
async fn asvs_7_5_3_a_proof_of_an_instance_that_is_ahead_is_recent() {
    let beds = two(&config(), CLOCK_SKEW);
    let tokens = beds.0.register(ANN).await.tokens;
    let ann = beds.1.validate(&tokens).await.unwrap();
    assert!(ann.require_recent_login(10 * SECOND).is_ok());
}

#[tokio::test]
async fn ghsa_28_a_refresh_whose_answer_was_lost_is_repeated_by_an_instance_that_is_behind() {
    for skew in [20 * SECOND, CLOCK_SKEW] {
        let beds = two(&config(), skew);
        let tokens = beds.0.register(ANN).await.tokens;
        let lost = beds.0.refresh(&tokens).await.unwrap();
        let again = beds.1.refresh(&tokens).await.unwrap();
        assert_eq!(
            lost.refresh_token.expose_secret(),
            again.refresh_token.expose_secret()
        );
    }
}
