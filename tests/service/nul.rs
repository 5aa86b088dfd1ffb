//! No text with a NUL reaches a store: PostgreSQL, for example, cannot keep one.

use admittance::authz::Role;
use admittance::error::{AuthError, Field, ViolationCode};
use admittance::proof::MethodName;
use admittance::service::{ChangeEmail, ListSessions, RegisterRequest, UpdateProfile};
use admittance::user::PasswordHash;
use serde_json::json;

use support::bed::{Bed, PASSWORD, login, registration};

/// The fields for which the answer is a refusal.
fn refused<T: std::fmt::Debug>(answer: Result<T, AuthError>) -> Vec<(Field, ViolationCode)> {
    match answer {
        Err(AuthError::Validation(violations)) => {
            let violations = violations.as_slice().iter();
            violations.map(|one| (one.field, one.code)).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_name_or_an_address_with_a_nul_is_refused() {
    let bed = Bed::mailing();
    for email in ["a\0b@example.org", "ann@exa\0mple.org", "ann@example.org\0"] {
        let answer = bed.auth.register(registration(email), &bed.here).await;
        assert_eq!(
            refused(answer),
            [(Field::Email, ViolationCode::InvalidFormat)]
        );
        let answer = bed.auth.login(login(email, PASSWORD), &bed.here).await;
        assert_eq!(
            refused(answer),
            [(Field::Email, ViolationCode::InvalidFormat)]
        );
    }
    let request = RegisterRequest {
        name: "An\0n".into(),
        ..registration("ann@example.org")
    };
    let answer = bed.auth.register(request, &bed.here).await;
    let invalid = [(Field::Name, ViolationCode::InvalidCharacters)];
    assert_eq!(refused(answer), invalid);
    assert_eq!(bed.store.counts().users, 0);

    let tokens = bed.register("ann@example.org").await.tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    let request = UpdateProfile {
        name: Some("An\0n".into()),
        preferences: None,
    };
    let answer = bed.auth.update_profile(&ann, request, &bed.here).await;
    assert_eq!(refused(answer), invalid);
    let request = ChangeEmail {
        new_email: "le\0e@example.org".into(),
        current_password: PASSWORD.into(),
    };
    let answer = bed.auth.change_email(&ann, request, &bed.here).await;
    assert_eq!(
        refused(answer),
        [(Field::NewEmail, ViolationCode::InvalidFormat)]
    );
    assert_eq!(
        bed.validate(&tokens).await.unwrap().profile(),
        ann.profile()
    );
}

#[tokio::test]
async fn preferences_with_a_nul_are_refused() {
    let bed = Bed::new();
    let tokens = bed.register("ann@example.org").await.tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    for preferences in [
        json!({"goal": "C1\0"}),
        json!({"go\0al": "C1"}),
        json!({"seen": [{"a": [1, "\0"]}]}),
    ] {
        let request = UpdateProfile {
            name: None,
            preferences: preferences.as_object().cloned(),
        };
        let answer = bed.auth.update_profile(&ann, request, &bed.here).await;
        assert_eq!(
            refused(answer),
            [(Field::Preferences, ViolationCode::InvalidCharacters)],
            "{preferences}"
        );
    }
    assert_eq!(
        bed.validate(&tokens).await.unwrap().profile(),
        ann.profile()
    );
}

#[tokio::test]
async fn a_user_agent_is_kept_without_its_nul() {
    let bed = Bed::new();
    let tokens = bed.register("ann@example.org").await.tokens;
    let there = bed.here.clone().with_user_agent("\0Mozilla\0/5.0\0");
    let request = login("ann@example.org", PASSWORD);
    bed.auth.login(request, &there).await.unwrap();
    assert_eq!(bed.events.last().user_agent.as_deref(), Some("Mozilla/5.0"));
    let ann = bed.validate(&tokens).await.unwrap();
    let list = bed
        .auth
        .list_sessions(&ann, ListSessions::default(), &bed.here);
    let sessions = list.await.unwrap().sessions;
    let agents: Vec<_> = sessions
        .iter()
        .filter_map(|one| one.user_agent.as_deref())
        .collect();
    assert!(agents.contains(&"Mozilla/5.0"), "{agents:?}");
}

#[test]
fn no_name_of_a_role_or_method_and_no_imported_hash_has_a_nul() {
    assert!(Role::new("ad\0min").is_err());
    assert!(MethodName::new("sm\0s").is_err());
    assert!(PasswordHash::import("$2b$12$\0").is_err());
}
