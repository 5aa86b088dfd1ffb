use std::sync::Arc;

use admittance::config::LimitPolicy;
use admittance::error::{AuthError, Field, ViolationCode};
use admittance::mail::MailKind;
use admittance::password::Argon2Params;
use admittance::service::{ChangePassword, ListSessions, RegisterRequest, ResetPassword};
use admittance::store::{MemoryStore, Store};

use support::asks::forgot;
use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config, registration};
use support::faulty::FaultyStore;

const ANN: &str = "ann@example.org";

#[tokio::test]
async fn asvs_7_4_3_and_ghsa_24_a_change_ends_every_old_credential_before_it_answers() {
    let bed = Bed::new();
    let elsewhere = bed.register("ann@example.org").await.tokens;
    let here = bed.login("ann@example.org", PASSWORD).await.unwrap().tokens;
    let ann = bed.validate(&here).await.unwrap();
    let fresh = bed
        .change_password(&ann, PASSWORD, OTHER_PASSWORD)
        .await
        .unwrap()
        .tokens;

    for old in [&elsewhere, &here] {
        assert!(matches!(
            bed.validate(old).await,
            Err(AuthError::InvalidToken)
        ));
        assert!(matches!(
            bed.refresh(old).await,
            Err(AuthError::InvalidToken)
        ));
    }
    // The caller goes on with the tokens of the answer (ASVS 7.2.4, 7.4.3).
    let ann = bed.validate(&fresh).await.unwrap();
    let sessions = bed
        .auth
        .list_sessions(&ann, ListSessions::default(), &bed.here)
        .await
        .unwrap()
        .sessions;
    assert_eq!(sessions.len(), 1);
    assert!(bed.login("ann@example.org", PASSWORD).await.is_err());
    assert!(bed.login("ann@example.org", OTHER_PASSWORD).await.is_ok());
}

#[tokio::test]
async fn asvs_6_2_3_a_change_needs_the_present_password() {
    let bed = Bed::new();
    let tokens = bed.register("ann@example.org").await.tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    let runs = bed.auth.hashing_stats().runs;
    let refused = bed
        .change_password(&ann, "not my password at all", OTHER_PASSWORD)
        .await;
    assert!(
        matches!(refused, Err(AuthError::InvalidCredentials)),
        "{refused:?}"
    );
    assert_eq!(bed.auth.hashing_stats().runs - runs, 1);
    assert!(bed.validate(&tokens).await.is_ok());
    assert!(bed.login("ann@example.org", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn the_new_password_obeys_the_policy_and_is_new() {
    let bed = Bed::new();
    let tokens = bed.register("ann@example.org").await.tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    let runs = bed.auth.hashing_stats().runs;
    for (current, new, confirm, expected) in [
        (
            PASSWORD,
            "password",
            "password",
            (Field::NewPassword, ViolationCode::TooWeak),
        ),
        (
            PASSWORD,
            PASSWORD,
            PASSWORD,
            (Field::NewPassword, ViolationCode::Unchanged),
        ),
        (
            PASSWORD,
            OTHER_PASSWORD,
            PASSWORD,
            (Field::ConfirmPassword, ViolationCode::Mismatch),
        ),
        (
            "",
            OTHER_PASSWORD,
            OTHER_PASSWORD,
            (Field::CurrentPassword, ViolationCode::Required),
        ),
    ] {
        let request = ChangePassword {
            current_password: current.into(),
            new_password: new.into(),
            confirm_password: confirm.into(),
        };
        match bed.auth.change_password(&ann, request, &bed.here).await {
            Err(AuthError::Validation(violations)) => {
                let found = violations.as_slice().iter().map(|v| (v.field, v.code));
                assert!(found.clone().any(|v| v == expected), "{violations:?}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(bed.auth.hashing_stats().runs, runs);
}

#[tokio::test(flavor = "multi_thread")]
async fn asvs_15_4_2_of_racing_changes_one_wins_and_the_others_change_nothing() {
    let mut settings = support::bed::config();
    settings.limits = admittance::config::LimitPolicy::off();
    let bed = Bed::with(settings);
    let tokens = bed.register("ann@example.org").await.tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    let racers: Vec<_> = (0..8)
        .map(|racer| {
            let (auth, here, ann) = (bed.auth.clone(), bed.here.clone(), ann.clone());
            let new = format!("{OTHER_PASSWORD} {racer}");
            tokio::spawn(async move {
                let request = ChangePassword {
                    current_password: PASSWORD.into(),
                    new_password: new.as_str().into(),
                    confirm_password: new.as_str().into(),
                };
                (new, auth.change_password(&ann, request, &here).await)
            })
        })
        .collect();
    let mut winners = Vec::new();
    for racer in racers {
        let (new, result) = racer.await.unwrap();
        match result {
            Ok(answer) => winners.push((new, answer)),
            Err(error) => assert!(matches!(error, AuthError::InvalidCredentials), "{error:?}"),
        }
    }
    assert_eq!(winners.len(), 1);
    let (password, answer) = &winners[0];
    let ann = bed.validate(&answer.tokens).await.unwrap();
    assert_eq!(ann.user().auth_epoch, 1);
    let sessions = bed
        .auth
        .list_sessions(&ann, ListSessions::default(), &bed.here)
        .await
        .unwrap()
        .sessions;
    assert_eq!(sessions.len(), 1);
    bed.clock.advance(std::time::Duration::from_secs(600));
    assert!(bed.login("ann@example.org", password).await.is_ok());
}

#[tokio::test]
async fn asvs_6_2_11_own_words_are_weak_in_a_change_too() {
    let bed = Bed::new();
    let tokens = bed
        .register("marguerite.vandenbossche@example.org")
        .await
        .tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    let refused = bed
        .change_password(&ann, PASSWORD, "MargueriteVandenbossche1")
        .await;
    match refused {
        Err(AuthError::Validation(violations)) => {
            let found: Vec<_> = violations
                .as_slice()
                .iter()
                .map(|v| (v.field, v.code))
                .collect();
            assert_eq!(found, [(Field::NewPassword, ViolationCode::TooWeak)]);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn ghsa_46_a_change_counts_against_the_account_and_its_session() {
    let mut settings = support::bed::config();
    use admittance::lockout::{LockoutPolicy, LockoutStep};
    use std::time::Duration;
    let quota = admittance::limit::Quota::new(2, Duration::from_secs(60));
    for by_account in [true, false] {
        settings.limits = admittance::config::LimitPolicy::off();
        if by_account {
            settings.limits.checks_by_session = Some(quota);
        } else {
            let second = LockoutStep {
                failures: 2,
                wait: Duration::from_secs(60),
            };
            let table = LockoutPolicy::new([second], Duration::from_secs(86_400));
            settings.limits.login_by_account = Some(table.unwrap());
        }
        let bed = Bed::with(settings.clone());
        let tokens = bed.register("ann@example.org").await.tokens;
        let ann = bed.validate(&tokens).await.unwrap();
        let runs = bed.auth.hashing_stats().runs;
        for _ in 0..2 {
            let wrong = bed.change_password(&ann, "wrong", OTHER_PASSWORD).await;
            assert!(
                matches!(wrong, Err(AuthError::InvalidCredentials)),
                "{wrong:?}"
            );
        }
        let refused = bed.change_password(&ann, PASSWORD, OTHER_PASSWORD).await;
        assert!(
            matches!(refused, Err(AuthError::RateLimited { .. })),
            "{refused:?}"
        );
        assert_eq!(bed.auth.hashing_stats().runs, runs + 2);
    }
}

#[tokio::test]
async fn asvs_6_2_8_a_password_is_confirmed_in_whichever_form_its_characters_are_written() {
    // One character, and the letter with an accent of its own.
    let (composed, decomposed) = ("plum-Orbit-47-caf\u{e9}", "plum-Orbit-47-cafe\u{301}");
    for (typed, confirmed) in [(composed, decomposed), (decomposed, composed)] {
        let bed = Bed::mailing();
        let request = RegisterRequest {
            password: typed.into(),
            confirm_password: confirmed.into(),
            ..registration(ANN)
        };
        let _ = bed.auth.register(request, &bed.here).await.unwrap();
        let tokens = bed.login(ANN, confirmed).await.unwrap().tokens;
        let ann = bed.validate(&tokens).await.unwrap();
        // The same password, however it is written.
        let unchanged = bed.change_password(&ann, typed, confirmed).await;
        match unchanged {
            Err(AuthError::Validation(violations)) => {
                let codes: Vec<_> = violations.as_slice().iter().map(|one| one.code).collect();
                assert_eq!(codes, [ViolationCode::Unchanged]);
            }
            other => panic!("{other:?}"),
        }
        let request = ChangePassword {
            current_password: confirmed.into(),
            new_password: OTHER_PASSWORD.into(),
            confirm_password: OTHER_PASSWORD.into(),
        };
        let changed = bed.auth.change_password(&ann, request, &bed.here).await;
        let ann = bed.validate(&changed.unwrap().tokens).await.unwrap();
        let request = ChangePassword {
            current_password: OTHER_PASSWORD.into(),
            new_password: typed.into(),
            confirm_password: confirmed.into(),
        };
        bed.auth
            .change_password(&ann, request, &bed.here)
            .await
            .unwrap();
        forgot(&bed, ANN).await.unwrap();
        let request = ResetPassword {
            token: bed.mailed(MailKind::ResetPassword).await,
            new_password: confirmed.into(),
            confirm_password: typed.into(),
        };
        let _ = bed.auth.reset_password(request, &bed.here).await.unwrap();
        assert!(bed.login(ANN, typed).await.is_ok());
    }
    // Other characters are others, also those that look alike, and so is what is too long.
    let long = "x".repeat(200);
    for (typed, confirmed) in [
        (composed, "plum-Orbit-47-cafe"),
        ("plum-Orbit-47-\u{fb01}n", "plum-Orbit-47-fin"),
        (composed, &long),
        (&long, composed),
    ] {
        let bed = Bed::new();
        let request = RegisterRequest {
            password: typed.into(),
            confirm_password: confirmed.into(),
            ..registration(ANN)
        };
        match bed.auth.register(request, &bed.here).await {
            Err(AuthError::Validation(violations)) => {
                let mut found = violations.as_slice().iter();
                assert!(
                    found.any(|one| one.code == ViolationCode::Mismatch),
                    "{typed}"
                );
            }
            other => panic!("{other:?}"),
        }
    }
}

/// A service over `store` that makes hashes of `passes`.
fn hashing<S: Store + Clone>(store: S, passes: u32) -> Bed<S> {
    let mut settings = config();
    settings.limits = LimitPolicy::off();
    settings.hashing.params = Argon2Params::new(8, passes, 1).unwrap();
    Bed::mailing_over(store, settings)
}

#[tokio::test]
async fn a_login_that_renews_the_hash_meanwhile_fails_no_change_of_password() {
    // Before each call of the store that the change makes, up to the one that decides.
    let mut decisive = usize::MAX;
    for call in 0.. {
        if call > decisive {
            return;
        }
        let store = FaultyStore::new(MemoryStore::new());
        let older = hashing(store.clone(), 1);
        let newer = Arc::new(hashing(store.inner().clone(), 2));
        let tokens = older.register(ANN).await.tokens;
        let ann = older.validate(&tokens).await.unwrap();
        if call == 0 {
            store.watch(0);
        } else {
            store.hook(call, move || {
                let newer = Arc::clone(&newer);
                async move {
                    newer.login(ANN, PASSWORD).await.unwrap();
                }
            });
        }
        let changed = older.change_password(&ann, PASSWORD, OTHER_PASSWORD).await;
        let calls = store.calm();
        if call == 0 {
            let is_it = |name: &&'static str| *name == "replace_password";
            decisive = calls.iter().position(is_it).unwrap() + 1;
        }
        let changed = changed.unwrap_or_else(|error| panic!("{call} of {calls:?}: {error:?}"));
        assert!(older.validate(&changed.tokens).await.is_ok(), "{call}");
        assert!(older.login(ANN, OTHER_PASSWORD).await.is_ok(), "{call}");
        assert!(older.login(ANN, PASSWORD).await.is_err(), "{call}");
    }
}

#[tokio::test]
async fn a_change_of_password_that_was_overtaken_by_another_one_does_nothing() {
    const THIRD: &str = "velvet?Harbour 18 sundial";
    let store = FaultyStore::new(MemoryStore::new());
    let bed = hashing(store.clone(), 1);
    let other = Arc::new(hashing(store.inner().clone(), 1));
    let tokens = bed.register(ANN).await.tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    store.watch(0);
    let changed = bed.change_password(&ann, PASSWORD, OTHER_PASSWORD).await;
    let decisive = store
        .calm()
        .iter()
        .position(|name| *name == "replace_password");
    let ann = bed.validate(&changed.unwrap().tokens).await.unwrap();
    store.hook(decisive.unwrap() + 1, move || {
        let other = Arc::clone(&other);
        async move {
            let tokens = other.login(ANN, OTHER_PASSWORD).await.unwrap().tokens;
            let ann = other.validate(&tokens).await.unwrap();
            let changed = other.change_password(&ann, OTHER_PASSWORD, THIRD).await;
            changed.unwrap();
        }
    });
    let refused = bed.change_password(&ann, OTHER_PASSWORD, PASSWORD).await;
    assert!(
        matches!(refused, Err(AuthError::InvalidCredentials)),
        "{refused:?}"
    );
    store.calm();
    assert!(bed.login(ANN, THIRD).await.is_ok());
    assert!(bed.login(ANN, PASSWORD).await.is_err());
}
