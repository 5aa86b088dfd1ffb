use admittance::error::{AuthError, Field, ViolationCode};
use admittance::service::{ChangePassword, ListSessions};

use support::bed::{Bed, OTHER_PASSWORD, PASSWORD};

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
