//! Guesses at one account, all at once: no more are checked than the lockout
//! table says.

use std::sync::Arc;

use admittance::error::AuthError;
use admittance::lockout::LockoutPolicy;
use admittance::service::RequestContext;

use crate::races::{FIELDS, Racing, built, race, tell};
use support::asks::{change, delete};
use support::bed::{OTHER_PASSWORD, PASSWORD, config, login};

const WRONG: &str = "velvet?Harbour 18 sundial";

/// A client in a network of its own.
fn elsewhere(number: usize) -> RequestContext {
    let [high, low] = u16::try_from(number).unwrap().to_be_bytes();
    RequestContext::from_ip([100, low, high, 1].into()).with_user_agent("guesser")
}

/// How many of `answers` came from a check; the others must say to wait.
fn checks<T>(answers: Vec<Result<T, AuthError>>) -> u32 {
    let mut checks = 0;
    for answer in answers {
        match answer {
            Err(AuthError::InvalidCredentials) => checks += 1,
            Err(AuthError::RateLimited { .. }) => {}
            Err(error) => panic!("{error:?}"),
            Ok(_) => panic!("a wrong password was taken"),
        }
    }
    checks
}

/// Guesses at `email` from as many networks as there are racers. Gives how
/// many were answered, and that as many were hashed.
async fn guesses(bed: &Racing, racers: usize, email: &str) -> u32 {
    let before = bed.auth.hashing_stats().runs;
    let answers = race(racers, |racer| {
        let (bed, email) = (Arc::clone(bed), email.to_owned());
        async move {
            bed.auth
                .login(login(&email, WRONG), &elsewhere(racer))
                .await
        }
    });
    let checks = checks(answers.await);
    let runs = bed.auth.hashing_stats().runs - before;
    assert_eq!(runs, u64::from(checks), "a refused guess was hashed");
    checks
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ghsa_40_of_guesses_from_many_networks_at_once_five_are_checked() {
    let policy = LockoutPolicy::default();
    for (racers, rounds) in FIELDS {
        for round in 0..rounds {
            let bed = built(config(), |builder, _| builder);
            // ghsa_41: what has no account is counted like what has one.
            let email = match round % 3 {
                0 => "nobody@example.org",
                _ => "ann@example.org",
            };
            bed.register("ann@example.org").await;
            let mut failures = guesses(&bed, racers, email).await;
            assert_eq!(failures, policy.steps()[0].failures);
            // Whenever a wait is over, one more is.
            while failures < policy.steps()[2].failures {
                assert_eq!(guesses(&bed, racers, email).await, 0);
                bed.clock.advance(policy.wait_after(failures));
                failures += guesses(&bed, racers, email).await;
                assert!(failures > policy.steps()[0].failures);
            }
            assert_eq!(failures, policy.steps()[2].failures);
            // The owner, on a device that is known, is not kept out.
            assert!(bed.login("ann@example.org", PASSWORD).await.is_ok());
        }
    }
    tell("guesses from many networks");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ghsa_46_concurrent_guesses_on_every_path_get_five_checks_by_login_and_five_by_session() {
    let most = LockoutPolicy::default().steps()[0].failures;
    for (racers, rounds) in FIELDS {
        let bed = built(config(), |builder, _| builder);
        for round in 0..rounds {
            let email = format!("user{round}@example.org");
            let tokens = bed.register(&email).await.tokens;
            let user = bed.validate(&tokens).await.unwrap();
            let answers = race(racers, |racer| {
                let (bed, email, user) = (Arc::clone(&bed), email.clone(), user.clone());
                async move {
                    let (auth, here) = (&bed.auth, &bed.here);
                    match racer % 3 {
                        0 => auth.login(login(&email, WRONG), here).await.map(drop),
                        1 => {
                            let request = change(WRONG, OTHER_PASSWORD);
                            auth.change_password(&user, request, here).await.map(drop)
                        }
                        _ => delete(&bed, &user, WRONG).await.map(drop),
                    }
                }
            });
            assert_eq!(checks(answers.await), 2 * most);
            // On that device nobody gets in for now, not even with the password.
            let refused = bed.login(&email, PASSWORD).await;
            assert!(matches!(refused, Err(AuthError::RateLimited { .. })));
            assert!(bed.validate(&tokens).await.is_ok());
        }
    }
    tell("guesses over every path");
}
