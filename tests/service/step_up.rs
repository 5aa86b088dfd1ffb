//! Operations that want the password to have been given a short time ago.

use admittance::error::AuthError;
use admittance::event::Operation;
use admittance::mail::MailKind;
use admittance::proof::Method;
use admittance::service::{
    Authenticated, LoginRequest, LoginResponse, Reauthenticate, Tokens, VerifyEmail, VerifyOutcome,
};
use admittance::time::CLOCK_SKEW;
use std::time::Duration;

use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config, login};

const ANN: &str = "ann@example.org";
const SECOND: Duration = Duration::from_secs(1);
const MINUTES: Duration = Duration::from_secs(5 * 60);

async fn confirm(
    bed: &Bed,
    who: &Authenticated,
    password: &str,
) -> Result<LoginResponse, AuthError> {
    let request = Reauthenticate::by_password(password);
    bed.auth.reauthenticate(who, request, &bed.here).await
}

/// Whether an operation that wants a proof within five minutes is allowed now.
async fn is_recent(bed: &Bed, tokens: &Tokens) -> bool {
    let who = bed.validate(tokens).await.unwrap();
    match who.require_recent_login(MINUTES) {
        Ok(()) => true,
        Err(AuthError::RecentLoginRequired { methods }) => {
            assert_eq!(methods, [Method::Password]);
            false
        }
        Err(error) => panic!("{error:?}"),
    }
}

/// The same at the end of the five minutes, and a second later.
async fn assert_recent_for_its_time(bed: &Bed, tokens: &Tokens, what: &str) {
    bed.clock.advance(MINUTES);
    assert!(is_recent(bed, tokens).await, "{what}");
    bed.clock.advance(SECOND);
    assert!(!is_recent(bed, tokens).await, "{what}");
}

#[tokio::test]
async fn asvs_7_5_3_every_way_to_give_the_password_counts_for_its_time() {
    let bed = Bed::mailing();
    let tokens = bed.register(ANN).await.tokens;
    let link = bed.mailed(MailKind::VerifyEmail).await;
    assert_recent_for_its_time(&bed, &tokens, "registration").await;

    let tokens = bed.login(ANN, PASSWORD).await.unwrap().tokens;
    assert_recent_for_its_time(&bed, &tokens, "login").await;

    let request = VerifyEmail {
        token: link,
        password: Some(PASSWORD.into()),
        ticket: None,
    };
    let opened = bed.auth.verify_email(request, None, &bed.here).await;
    let VerifyOutcome::Opened(opened) = opened.unwrap() else {
        panic!("no session was opened")
    };
    assert_recent_for_its_time(&bed, &opened.tokens, "confirmation of the address").await;

    let ann = bed.validate(&tokens).await.unwrap();
    let tokens = confirm(&bed, &ann, PASSWORD).await.unwrap().tokens;
    assert_recent_for_its_time(&bed, &tokens, "confirmation of the password").await;

    let ann = bed.validate(&tokens).await.unwrap();
    let changed = bed.change_password(&ann, PASSWORD, OTHER_PASSWORD).await;
    assert_recent_for_its_time(&bed, &changed.unwrap().tokens, "change of the password").await;
}

#[tokio::test]
async fn asvs_7_5_3_a_refresh_is_no_password() {
    let bed = Bed::new();
    let tokens = bed.register(ANN).await.tokens;
    bed.clock.advance(MINUTES + SECOND);
    assert!(!is_recent(&bed, &tokens).await);
    let tokens = bed.refresh(&tokens).await.unwrap();
    assert!(!is_recent(&bed, &tokens).await);
    // Nor is a password that is wrong.
    let ann = bed.validate(&tokens).await.unwrap();
    assert!(confirm(&bed, &ann, OTHER_PASSWORD).await.is_err());
    assert!(!is_recent(&bed, &tokens).await);
}

#[tokio::test]
async fn asvs_7_5_3_a_clock_that_is_turned_back_makes_no_password_recent() {
    let bed = Bed::new();
    let tokens = bed.register(ANN).await.tokens;
    // As far as another instance may be ahead, by which a proof or an access token may be late.
    bed.clock.turn_back(CLOCK_SKEW);
    let ann = bed.validate(&tokens).await.unwrap();
    assert!(ann.require_recent_login(SECOND).is_ok());
    bed.clock.turn_back(SECOND);
    let ann = bed.auth.recheck(&ann).await.unwrap();
    for (max_age, is_recent) in [(61, true), (60, false)] {
        let demand = ann.require_recent_login(max_age * SECOND);
        assert_eq!(demand.is_ok(), is_recent, "{max_age}");
    }
    let tokens = confirm(&bed, &ann, PASSWORD).await.unwrap().tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    assert!(ann.require_recent_login(SECOND).is_ok());
}

#[tokio::test]
async fn asvs_7_2_4_a_confirmed_password_gives_a_new_session_for_the_present_one() {
    let bed = Bed::new();
    let other = bed.register(ANN).await.tokens;
    let request = LoginRequest {
        remember: Some(false),
        ..login(ANN, PASSWORD)
    };
    let answer = bed.auth.login(request, &bed.here).await;
    let present = answer.unwrap().tokens;
    let ann = bed.validate(&present).await.unwrap();
    bed.clock.advance(SECOND);
    let confirmed = confirm(&bed, &ann, PASSWORD).await.unwrap();
    assert_eq!(confirmed.user_id, ann.user().id);

    for result in [
        bed.validate(&present).await.map(drop),
        bed.refresh(&present).await.map(drop),
    ] {
        assert!(matches!(result, Err(AuthError::InvalidToken)), "{result:?}");
    }
    assert!(bed.validate(&other).await.is_ok());
    let fresh = bed.validate(&confirmed.tokens).await.unwrap();
    assert_ne!(fresh.session().id, ann.session().id);
    assert_eq!(
        fresh.session().length,
        admittance::session::SessionLength::Short
    );
    assert_eq!(bed.store.counts().sessions, 2);
    let reported: Vec<_> = bed
        .events
        .all()
        .into_iter()
        .filter(|event| event.operation == Operation::Reauthenticate)
        .collect();
    assert_eq!(reported.len(), 1);
    assert_eq!(reported[0].session_id, Some(fresh.session().id));
    assert_eq!(reported[0].refused, None);
}

#[tokio::test]
async fn a_wrong_password_leaves_the_session_as_it_is() {
    let bed = Bed::new();
    let tokens = bed.register(ANN).await.tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    let refused = confirm(&bed, &ann, OTHER_PASSWORD).await;
    assert!(
        matches!(refused, Err(AuthError::InvalidCredentials)),
        "{refused:?}"
    );
    let refused = confirm(&bed, &ann, "").await;
    assert!(
        matches!(refused, Err(AuthError::Validation(_))),
        "{refused:?}"
    );
    assert!(bed.validate(&tokens).await.is_ok());
    assert_eq!(bed.store.counts().sessions, 1);
}

#[tokio::test]
async fn ghsa_46_passwords_cannot_be_guessed_through_a_session() {
    let bed = Bed::new();
    let tokens = bed.register(ANN).await.tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    let (runs, mut checked) = (bed.auth.hashing_stats().runs, 0);
    for _ in 0..40 {
        match confirm(&bed, &ann, OTHER_PASSWORD).await {
            Err(AuthError::InvalidCredentials) => checked += 1,
            refused => assert!(
                matches!(refused, Err(AuthError::RateLimited { .. })),
                "{refused:?}"
            ),
        }
    }
    let policy = admittance::lockout::LockoutPolicy::default();
    assert_eq!(checked, policy.steps()[0].failures);
    assert_eq!(bed.auth.hashing_stats().runs - runs, u64::from(checked));
    // Not even the right one is looked at.
    let refused = confirm(&bed, &ann, PASSWORD).await;
    assert!(
        matches!(refused, Err(AuthError::RateLimited { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn ghsa_23_a_session_that_has_ended_meanwhile_is_not_revived() {
    let bed = Bed::new();
    let tokens = bed.register(ANN).await.tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    bed.auth.logout(&ann, &bed.here).await.unwrap();
    let refused = confirm(&bed, &ann, PASSWORD).await;
    assert!(
        matches!(refused, Err(AuthError::InvalidToken)),
        "{refused:?}"
    );
    assert_eq!(bed.store.counts().sessions, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_racing_confirmations_in_one_session_one_gets_its_place() {
    for racers in [16, 64] {
        let mut settings = config();
        settings.limits = admittance::config::LimitPolicy::off();
        let bed = Bed::with(settings);
        let tokens = bed.register(ANN).await.tokens;
        let ann = bed.validate(&tokens).await.unwrap();
        let racers: Vec<_> = (0..racers)
            .map(|_| {
                let (auth, here, ann) = (bed.auth.clone(), bed.here.clone(), ann.clone());
                let request = Reauthenticate::by_password(PASSWORD);
                tokio::spawn(async move { auth.reauthenticate(&ann, request, &here).await })
            })
            .collect();
        let mut winners = Vec::new();
        for racer in racers {
            match racer.await.unwrap() {
                Ok(answer) => winners.push(answer.tokens),
                refused => assert!(
                    matches!(refused, Err(AuthError::InvalidToken)),
                    "{refused:?}"
                ),
            }
        }
        assert_eq!(winners.len(), 1);
        assert!(bed.validate(&winners[0]).await.is_ok());
        assert_eq!(bed.store.counts().sessions, 1);
    }
}
