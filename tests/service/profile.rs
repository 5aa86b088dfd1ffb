use admittance::error::{AuthError, Field, ViolationCode};
use admittance::service::UpdateProfile;
use serde_json::json;

use support::bed::Bed;

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
        json!({"name": null}),
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
