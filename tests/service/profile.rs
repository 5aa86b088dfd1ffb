use admittance::MemoryStore;
use admittance::error::{AuthError, Field, ViolationCode};
use admittance::preferences::Preferences;
use admittance::service::{PatchProfile, UpdateProfile};
use admittance::store::{ProfileChange, UserStore};
use serde_json::{Value, json};

use support::bed::{Bed, config};
use support::faulty::FaultyStore;

fn update(value: serde_json::Value) -> UpdateProfile {
    serde_json::from_value(value).unwrap()
}

#[tokio::test]
async fn name_and_preferences_change_and_nothing_else() {
    let bed = Bed::new();
    let tokens = bed.register("ann@example.org").await.tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    let before = ann.profile();
    let change = update(json!({"name": " Ann Lee ", "preferences": {"level": "B2"}}));
    let changed = bed
        .auth
        .update_profile(&ann, change, &bed.here)
        .await
        .unwrap();
    assert_eq!(changed.name, "Ann Lee");
    assert_eq!(json!(changed.preferences), json!({"level": "B2"}));

    let mut expected = before;
    expected.name = changed.name.clone();
    expected.preferences = changed.preferences.clone();
    assert_eq!(changed, expected);
    assert_eq!(bed.validate(&tokens).await.unwrap().profile(), expected);

    let change = update(json!({"name": "Ann"}));
    let changed = bed
        .auth
        .update_profile(&ann, change, &bed.here)
        .await
        .unwrap();
    assert_eq!(json!(changed.preferences), json!({"level": "B2"}));
    let unchanged = bed
        .auth
        .update_profile(&ann, update(json!({})), &bed.here)
        .await;
    assert!(unchanged.is_ok());
}

#[tokio::test]
async fn asvs_8_2_3_and_15_3_3_and_ghsa_8_56_no_other_field_can_be_sent() {
    for body in [
        json!({"is_verified": true}),
        json!({"roles": ["admin"]}),
        json!({"email": "x@example.org"}),
        json!({"user_id": "0".repeat(24)}),
        json!({"password_hash": "x"}),
        json!({"auth_epoch": 0}),
        json!({"name": 1}),
        json!({"preferences": []}),
    ] {
        assert!(
            serde_json::from_value::<UpdateProfile>(body.clone()).is_err(),
            "{body}"
        );
    }
}

#[tokio::test]
async fn every_violation_is_named_and_nothing_changes() {
    let bed = Bed::new();
    let tokens = bed.register("ann@example.org").await.tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    let change = update(json!({"name": "a\u{0}", "preferences": {"$set": {"roles": ["admin"]}}}));
    match bed.auth.update_profile(&ann, change, &bed.here).await {
        Err(AuthError::Validation(violations)) => {
            let found: Vec<_> = violations
                .as_slice()
                .iter()
                .map(|v| (v.field, v.code))
                .collect();
            let invalid = ViolationCode::InvalidCharacters;
            assert_eq!(
                found,
                [(Field::Name, invalid), (Field::Preferences, invalid)]
            );
        }
        other => panic!("{other:?}"),
    }
    let change = update(json!({"name": "Eve", "preferences": {"a.b": 1}}));
    assert!(
        bed.auth
            .update_profile(&ann, change, &bed.here)
            .await
            .is_err()
    );
    assert_eq!(
        bed.validate(&tokens).await.unwrap().profile(),
        ann.profile()
    );
}

fn preferences(value: &Value) -> Preferences {
    Preferences::new(value.as_object().unwrap().clone()).unwrap()
}

/// A patch of `expected` tags, before whose write another client sets a preference. What
/// comes of it, and the preferences then.
async fn overtaken(is_conditional: bool) -> (Result<Value, AuthError>, Value) {
    let store = FaultyStore::new(MemoryStore::new());
    let bed = Bed::over(store.clone(), config());
    let tokens = bed.register("ann@example.org").await.tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    let patch = |expected| PatchProfile {
        expected,
        ..serde_json::from_value(json!({"preferences": {"level": "B2"}})).unwrap()
    };
    let first = ann.profile().tag();
    // The account, the session, the limit, then the write.
    let (inner, id) = (store.inner().clone(), ann.user().id);
    store.hook(4, move || {
        let inner = inner.clone();
        async move {
            let change = ProfileChange {
                preferences: Some(preferences(&json!({"theme": "dark"}))),
                ..ProfileChange::default()
            };
            let version = inner.user(id).await.unwrap().unwrap().version;
            let changed = inner.update_profile(id, version, &change).await;
            assert!(changed.unwrap().is_some());
        }
    });
    let expected = is_conditional.then(|| vec![first]);
    let done = bed
        .auth
        .patch_profile(&ann, patch(expected), &bed.here)
        .await;
    assert_eq!(store.calm().get(3), Some(&"update_profile"));
    let kept = store.inner().user(id).await.unwrap().unwrap().preferences;
    (done.map(|profile| json!(profile.preferences)), json!(kept))
}

#[tokio::test]
async fn a_patch_that_is_overtaken_is_made_of_what_the_other_has_left() {
    let (done, kept) = overtaken(false).await;
    let both = json!({"theme": "dark", "level": "B2"});
    assert_eq!((done.unwrap(), kept), (both.clone(), both));
}

#[tokio::test]
async fn a_conditional_patch_that_is_overtaken_is_refused_and_changes_nothing() {
    let (done, kept) = overtaken(true).await;
    assert!(
        matches!(done, Err(AuthError::PreconditionFailed)),
        "{done:?}"
    );
    assert_eq!(kept, json!({"theme": "dark"}));
}
