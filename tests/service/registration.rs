use admittance::authz::{Permission, Role, RolePolicy};
use admittance::error::{AuthError, Field, ViolationCode};
use admittance::event::Operation;
use admittance::service::{ListSessions, RegisterRequest};
use admittance::store::UserStore;

use support::bed::{Bed, PASSWORD, config, registration};

fn violations(error: AuthError) -> Vec<(Field, ViolationCode)> {
    match error {
        AuthError::Validation(violations) => violations
            .as_slice()
            .iter()
            .map(|violation| (violation.field, violation.code))
            .collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_registration_opens_a_session_for_the_new_account() {
    let bed = Bed::new();
    let answer = bed.register(" Ann@Example.org ").await;
    assert_eq!(
        (answer.email.as_str(), answer.name.as_str()),
        ("Ann@Example.org", "Ann")
    );
    assert_eq!(answer.tokens.expires_in, 900);

    let ann = bed.validate(&answer.tokens).await.unwrap();
    let profile = bed.auth.profile(&ann).unwrap();
    assert_eq!(profile.user_id, answer.user_id);
    assert!(!profile.is_verified);
    assert!(profile.roles.is_empty());

    let event = bed.events.last();
    assert_eq!(
        (event.operation, event.refused),
        (Operation::Register, None)
    );
    assert_eq!(event.user_id, Some(answer.user_id));
}

#[tokio::test]
async fn one_address_is_one_account_whatever_its_case() {
    let bed = Bed::new();
    bed.register("ann@example.org").await;
    for email in ["ann@example.org", "ANN@EXAMPLE.ORG", " Ann@example.org"] {
        let refused = bed.auth.register(registration(email), &bed.here).await;
        assert!(matches!(refused, Err(AuthError::EmailTaken)), "{refused:?}");
    }
    // What was refused left no session behind.
    let ann = bed.login("ann@example.org", PASSWORD).await.unwrap();
    let ann = bed.validate(&ann.tokens).await.unwrap();
    let sessions = bed
        .auth
        .list_sessions(&ann, ListSessions::default(), &bed.here)
        .await
        .unwrap();
    assert_eq!(sessions.sessions.len(), 2);
}

#[tokio::test]
async fn asvs_2_2_1_every_violation_is_named_at_once() {
    let bed = Bed::new();
    let request = RegisterRequest {
        email: "not an address".into(),
        password: "123".into(),
        confirm_password: "124".into(),
        name: "a\u{202e}b".into(),
        ..RegisterRequest::default()
    };
    let refused = bed.auth.register(request, &bed.here).await.unwrap_err();
    let found = violations(refused);
    for expected in [
        (Field::Email, ViolationCode::InvalidFormat),
        (Field::Password, ViolationCode::TooShort),
        (Field::ConfirmPassword, ViolationCode::Mismatch),
        (Field::Name, ViolationCode::InvalidCharacters),
    ] {
        assert!(
            found.contains(&expected),
            "{expected:?} is not in {found:?}"
        );
    }

    let refused = bed
        .auth
        .register(RegisterRequest::default(), &bed.here)
        .await;
    let required: Vec<_> = violations(refused.unwrap_err());
    for field in [
        Field::Email,
        Field::Password,
        Field::ConfirmPassword,
        Field::Name,
    ] {
        assert!(
            required.contains(&(field, ViolationCode::Required)),
            "{required:?}"
        );
    }
    assert_eq!(bed.auth.hashing_stats().runs, 0);
}

#[tokio::test]
async fn asvs_6_2_11_words_of_the_person_and_the_service_make_a_password_weak() {
    let bed = Bed::new();
    for password in [
        "annabella.whitcombe",
        "AnnabellaWhitcombe1",
        "exam simulator",
    ] {
        let request = RegisterRequest {
            email: "annabella.whitcombe@example.org".into(),
            password: password.into(),
            confirm_password: password.into(),
            name: "Annabella Whitcombe".into(),
            ..RegisterRequest::default()
        };
        let refused = bed.auth.register(request, &bed.here).await.unwrap_err();
        assert_eq!(
            violations(refused),
            [(Field::Password, ViolationCode::TooWeak)],
            "{password}"
        );
    }
}

#[tokio::test]
async fn a_message_never_repeats_the_password() {
    let bed = Bed::new();
    let request = RegisterRequest {
        password: "hunter2hunter2".into(),
        ..registration("ann@example.org")
    };
    let refused = bed.auth.register(request, &bed.here).await.unwrap_err();
    assert!(!format!("{refused} {refused:?}").contains("hunter2"));
}

#[tokio::test]
async fn ghsa_47_a_password_over_the_limit_costs_no_hash() {
    let bed = Bed::new();
    let long = "x".repeat(1 << 20);
    let request = RegisterRequest {
        password: long.as_str().into(),
        confirm_password: long.as_str().into(),
        ..registration("ann@example.org")
    };
    let refused = bed.auth.register(request, &bed.here).await.unwrap_err();
    assert_eq!(
        violations(refused),
        [(Field::Password, ViolationCode::TooLong)]
    );
    let refused = bed.login("ann@example.org", &long).await.unwrap_err();
    assert_eq!(
        violations(refused),
        [(Field::Password, ViolationCode::TooLong)]
    );
    assert_eq!(bed.auth.hashing_stats().runs, 0);
}

#[tokio::test]
async fn registrations_from_one_address_are_limited() {
    let mut settings = config();
    settings.limits.register_by_address = Some(admittance::limit::Quota::new(
        2,
        std::time::Duration::from_secs(60),
    ));
    let bed = Bed::with(settings);
    bed.register("a@example.org").await;
    bed.register("b@example.org").await;
    let refused = bed
        .auth
        .register(registration("c@example.org"), &bed.here)
        .await;
    let retry_after = refused.unwrap_err().retry_after().unwrap();
    assert_eq!(retry_after, std::time::Duration::from_secs(60));
    assert_eq!(bed.auth.hashing_stats().runs, 2);

    bed.clock.advance(retry_after);
    bed.register("c@example.org").await;
}

#[tokio::test]
async fn asvs_6_3_2_a_new_store_has_no_users() {
    let bed = Bed::new();
    for email in [
        "admin@localhost.localdomain",
        "root@example.org",
        "admin@example.org",
    ] {
        let email = admittance::email::Email::parse(email).unwrap();
        assert!(
            bed.store
                .user_by_email(email.canonical())
                .await
                .unwrap()
                .is_none()
        );
    }
}

#[tokio::test]
async fn initial_roles_come_from_the_configuration_only() {
    let student = Role::new("student").unwrap();
    let take = Permission::new("exam:take").unwrap();
    let mut settings = config();
    settings.roles = RolePolicy::new()
        .grant(student.clone(), [take.clone()])
        .initial_role(student.clone());
    let bed = Bed::with(settings);
    let ann = bed.register("ann@example.org").await;
    let ann = bed.validate(&ann.tokens).await.unwrap();
    assert!(ann.profile().roles.contains(&student));
    assert!(ann.require_permission(&take).is_ok());
    let grade = Permission::new("exam:grade").unwrap();
    assert!(matches!(
        ann.require_permission(&grade),
        Err(AuthError::Forbidden)
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn asvs_2_3_4_of_racing_registrations_of_one_address_one_wins() {
    let mut settings = config();
    settings.limits = admittance::config::LimitPolicy::off();
    let bed = Bed::with(settings);
    for round in 0..8 {
        let racers = (0..16).map(|racer| {
            let (auth, here) = (bed.auth.clone(), bed.here.clone());
            let address = format!("race{round}@example.org");
            let email = if racer % 2 == 0 {
                address.to_uppercase()
            } else {
                address
            };
            tokio::spawn(async move { auth.register(registration(&email), &here).await })
        });
        let mut winners = 0;
        for racer in racers.collect::<Vec<_>>() {
            match racer.await.unwrap() {
                Ok(_) => winners += 1,
                Err(error) => assert!(matches!(error, AuthError::EmailTaken), "{error:?}"),
            }
        }
        assert_eq!(winners, 1);
    }
}
