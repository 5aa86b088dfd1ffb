//! Sessions that are not to be remembered.

use admittance::config::{AuthConfig, SessionLifetime};
use admittance::error::ConfigError;
use admittance::service::{LoginRequest, Tokens};
use std::time::Duration;

use admittance::session::SessionLength;
use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config, login};

const ANN: &str = "ann@example.org";
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

async fn log_in(bed: &Bed, remember: Option<bool>) -> Tokens {
    let request = LoginRequest {
        remember,
        ..login(ANN, PASSWORD)
    };
    let answer = bed.auth.login(request, &bed.here).await;
    answer.unwrap().tokens
}

/// A service with Ann, and a session of hers.
async fn session(config: AuthConfig, remember: Option<bool>) -> (Bed, Tokens) {
    let bed = Bed::with(config);
    bed.register(ANN).await;
    let tokens = log_in(&bed, remember).await;
    (bed, tokens)
}

#[tokio::test]
async fn asvs_7_3_1_a_session_that_is_not_remembered_ends_sooner_when_it_is_idle() {
    for (remember, idle) in [
        (Some(false), 12 * HOUR),
        (Some(true), 7 * DAY),
        (None, 7 * DAY),
    ] {
        for (wait, goes_on) in [(idle - SECOND, true), (idle, false)] {
            let (bed, tokens) = session(config(), remember).await;
            bed.clock.advance(wait);
            let refreshed = bed.refresh(&tokens).await;
            assert_eq!(refreshed.is_ok(), goes_on, "{remember:?} {wait:?}");

            // And so it does after a refresh, which does not forget it.
            let (bed, tokens) = session(config(), remember).await;
            bed.clock.advance(HOUR);
            let tokens = bed.refresh(&tokens).await.unwrap();
            bed.clock.advance(wait);
            let refreshed = bed.refresh(&tokens).await;
            assert_eq!(refreshed.is_ok(), goes_on, "{remember:?} {wait:?}");
        }
    }
}

#[tokio::test]
async fn asvs_7_3_2_a_session_that_is_not_remembered_ends_sooner_in_any_case() {
    let (bed, mut tokens) = session(config(), Some(false)).await;
    for _ in 0..3 {
        bed.clock.advance(6 * HOUR);
        tokens = bed.refresh(&tokens).await.unwrap();
    }
    bed.clock.advance(6 * HOUR - SECOND);
    tokens = bed.refresh(&tokens).await.unwrap();
    assert_eq!(tokens.expires_in, 1);
    assert!(bed.validate(&tokens).await.is_ok());
    bed.clock.advance(SECOND);
    assert!(bed.validate(&tokens).await.is_err());
    assert!(bed.refresh(&tokens).await.is_err());
}

#[tokio::test]
async fn a_session_in_place_of_a_short_one_is_short() {
    for is_short in [true, false] {
        let (bed, tokens) = session(config(), Some(!is_short)).await;
        let ann = bed.validate(&tokens).await.unwrap();
        let changed = bed.change_password(&ann, PASSWORD, OTHER_PASSWORD).await;
        let tokens = changed.unwrap().tokens;
        let ann = bed.validate(&tokens).await.unwrap();
        let length = ann.session().length;
        assert_eq!(length == SessionLength::Short, is_short);
        bed.clock.advance(12 * HOUR);
        assert_eq!(bed.refresh(&tokens).await.is_err(), is_short);
    }
}

#[tokio::test]
async fn a_short_session_is_never_the_longer_one() {
    let mut settings = config();
    settings.session.idle_timeout = HOUR;
    settings.session.absolute_timeout = 2 * HOUR;
    let (bed, tokens) = session(settings.clone(), Some(false)).await;
    let ann = bed.validate(&tokens).await.unwrap();
    let lifetime =
        |until: admittance::time::Timestamp| until.saturating_since(ann.session().created_at);
    assert_eq!(lifetime(ann.session().expires_at), HOUR);
    assert_eq!(lifetime(ann.session().absolute_expires_at), 2 * HOUR);
    bed.clock.advance(HOUR - SECOND);
    let tokens = bed.refresh(&tokens).await.unwrap();
    bed.clock.advance(HOUR);
    assert!(bed.refresh(&tokens).await.is_err());
}

#[tokio::test]
async fn an_access_token_does_not_outlast_a_short_session() {
    let mut settings = config();
    settings.session.short = SessionLifetime {
        idle_timeout: 60 * SECOND,
        absolute_timeout: HOUR,
    };
    let (bed, tokens) = session(settings, Some(false)).await;
    assert_eq!(tokens.expires_in, 60);
    let claims = |tokens: &Tokens| bed.auth.verify_offline(tokens.token.expose_secret());
    bed.clock.advance(59 * SECOND);
    assert!(claims(&tokens).is_ok());
    bed.clock.advance(SECOND);
    assert!(claims(&tokens).is_err());
}

#[test]
fn lifetimes_that_contradict_themselves_are_refused() {
    for (idle_timeout, absolute_timeout, wrong) in [
        (59 * SECOND, HOUR, "session.short.idle_timeout"),
        (2 * HOUR, HOUR, "session.short.absolute_timeout"),
    ] {
        let mut settings = config();
        settings.session.short = SessionLifetime {
            idle_timeout,
            absolute_timeout,
        };
        match settings.validate() {
            Err(ConfigError::Invalid { setting, .. }) => assert_eq!(setting, wrong),
            other => panic!("{other:?}"),
        }
    }
}
