//! Operations that want the password to have been given a short time ago.

use admittance::error::AuthError;
use admittance::event::Operation;
use admittance::mail::MailKind;
use admittance::service::{
    Authenticated, ConfirmPassword, LoginRequest, LoginResponse, Tokens, VerifyEmail, VerifyOutcome,
};
use std::time::Duration;

use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config, login};

const ANN: &str = "ann@example.org";
const SECOND: Duration = Duration::from_secs(1);
const MINUTES: Duration = Duration::from_secs(5 * 60);

impl Bed {
    async fn confirm(
        &self,
        who: &Authenticated,
        password: &str,
    ) -> Result<LoginResponse, AuthError> {
        let request = ConfirmPassword {
            current_password: password.into(),
        };
        self.auth.confirm_password(who, request, &self.here).await
    }

    /// Whether an operation that wants the password within five minutes is
    /// allowed now.
    async fn is_recent(&self, tokens: &Tokens) -> bool {
        let who = self.validate(tokens).await.unwrap();
        match who.require_recent_password(MINUTES) {
            Ok(()) => true,
            Err(AuthError::PasswordRequired) => false,
            Err(error) => panic!("{error:?}"),
        }
    }

    /// The same at the end of the five minutes, and a second later.
    async fn assert_recent_for_its_time(&self, tokens: &Tokens, what: &str) {
        self.clock.advance(MINUTES);
        assert!(self.is_recent(tokens).await, "{what}");
        self.clock.advance(SECOND);
        assert!(!self.is_recent(tokens).await, "{what}");
    }
}

#[tokio::test]
async fn asvs_7_5_3_every_way_to_give_the_password_counts_for_its_time() {
    let bed = Bed::mailing();
    let tokens = bed.register(ANN).await.tokens;
    let link = bed.mailed(MailKind::VerifyEmail).await;
    bed.assert_recent_for_its_time(&tokens, "registration")
        .await;

    let tokens = bed.login(ANN, PASSWORD).await.unwrap().tokens;
    bed.assert_recent_for_its_time(&tokens, "login").await;

    let request = VerifyEmail {
        token: link,
        password: Some(PASSWORD.into()),
    };
    let opened = bed.auth.verify_email(request, None, &bed.here).await;
    let VerifyOutcome::Opened(opened) = opened.unwrap() else {
        panic!("no session was opened")
    };
    bed.assert_recent_for_its_time(&opened.tokens, "confirmation of the address")
        .await;

    let ann = bed.validate(&tokens).await.unwrap();
    let tokens = bed.confirm(&ann, PASSWORD).await.unwrap().tokens;
    bed.assert_recent_for_its_time(&tokens, "confirmation of the password")
        .await;

    let ann = bed.validate(&tokens).await.unwrap();
    let changed = bed.change_password(&ann, PASSWORD, OTHER_PASSWORD).await;
    bed.assert_recent_for_its_time(&changed.unwrap().tokens, "change of the password")
        .await;
}

#[tokio::test]
async fn asvs_7_5_3_a_refresh_is_no_password() {
    let bed = Bed::new();
    let tokens = bed.register(ANN).await.tokens;
    bed.clock.advance(MINUTES + SECOND);
    assert!(!bed.is_recent(&tokens).await);
    let tokens = bed.refresh(&tokens).await.unwrap();
    assert!(!bed.is_recent(&tokens).await);
    // Nor is a password that is wrong.
    let ann = bed.validate(&tokens).await.unwrap();
    assert!(bed.confirm(&ann, OTHER_PASSWORD).await.is_err());
    assert!(!bed.is_recent(&tokens).await);
}

#[tokio::test]
async fn asvs_7_5_3_a_clock_that_is_turned_back_makes_no_password_recent() {
    let bed = Bed::new();
    let tokens = bed.register(ANN).await.tokens;
    // As far as an access token from the future is accepted.
    bed.clock.turn_back(20 * SECOND);
    let ann = bed.validate(&tokens).await.unwrap();
    for (max_age, is_recent) in [(20, true), (19, false)] {
        let demand = ann.require_recent_password(max_age * SECOND);
        assert_eq!(demand.is_ok(), is_recent, "{max_age}");
    }
    let tokens = bed.confirm(&ann, PASSWORD).await.unwrap().tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    assert!(ann.require_recent_password(SECOND).is_ok());
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
    let confirmed = bed.confirm(&ann, PASSWORD).await.unwrap();
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
    assert!(fresh.session().short);
    assert_eq!(bed.store.counts().sessions, 2);
    let reported: Vec<_> = bed
        .events
        .all()
        .into_iter()
        .filter(|event| event.operation == Operation::ConfirmPassword)
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
    let refused = bed.confirm(&ann, OTHER_PASSWORD).await;
    assert!(
        matches!(refused, Err(AuthError::InvalidCredentials)),
        "{refused:?}"
    );
    let refused = bed.confirm(&ann, "").await;
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
        match bed.confirm(&ann, OTHER_PASSWORD).await {
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
    let refused = bed.confirm(&ann, PASSWORD).await;
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
    let refused = bed.confirm(&ann, PASSWORD).await;
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
                let request = ConfirmPassword {
                    current_password: PASSWORD.into(),
                };
                tokio::spawn(async move { auth.confirm_password(&ann, request, &here).await })
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
