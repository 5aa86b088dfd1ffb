//! What the application keeps of a user, and the user cannot write.

use admittance::error::{AuthError, Field};
use admittance::event::Operation;
use admittance::id::UserId;
use admittance::service::{UpdateProfile, UserView};
use admittance::store::UserStore;
use serde_json::{Map, Value, json};

use support::bed::{Bed, PASSWORD, config};

const ANN: &str = "ann@example.org";

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

async fn set(bed: &Bed, user: UserId, patch: Value) -> Result<UserView, AuthError> {
    let patch = object(patch);
    bed.auth.set_metadata(user, patch, &bed.here).await
}

/// The metadata as it is stored.
async fn stored(bed: &Bed, user: UserId) -> Value {
    let user = bed.store.user(user).await.unwrap().unwrap();
    json!(user.metadata)
}

#[tokio::test]
async fn ghsa_31_a_user_cannot_write_what_the_application_keeps() {
    let mut settings = config();
    settings.published_metadata = vec!["plan".to_owned(), "absent".to_owned()];
    let bed = Bed::with(settings);
    let registered = bed.register(ANN).await;
    let view = set(
        &bed,
        registered.user_id,
        json!({ "plan": "free", "customer": "c-17" }),
    );
    assert_eq!(
        json!(view.await.unwrap().metadata),
        json!({ "plan": "free", "customer": "c-17" })
    );

    // The user writes preferences, with whatever names.
    let ann = bed.validate(&registered.tokens).await.unwrap();
    let request = UpdateProfile {
        preferences: Some(object(
            json!({ "plan": "pro", "metadata": { "plan": "pro" } }),
        )),
        ..UpdateProfile::default()
    };
    let profile = bed.auth.update_profile(&ann, request, &bed.here).await;
    let profile = profile.unwrap();
    assert_eq!(json!(profile.metadata), json!({ "plan": "free" }));
    assert_eq!(stored(&bed, ann.user().id).await["plan"], "free");
    // Nor is there a field for it in a request.
    let request = r#"{"metadata": {"plan": "pro"}}"#;
    assert!(serde_json::from_str::<UpdateProfile>(request).is_err());

    // The profile has what is published, the export all of it.
    let ann = bed.validate(&registered.tokens).await.unwrap();
    assert_eq!(json!(ann.profile())["metadata"], json!({ "plan": "free" }));
    let export = bed.auth.export_account(&ann, &bed.here).await.unwrap();
    assert_eq!(json!(export.metadata)["customer"], "c-17");
}

#[tokio::test]
async fn by_default_no_metadata_is_published() {
    let bed = Bed::new();
    let registered = bed.register(ANN).await;
    set(&bed, registered.user_id, json!({ "plan": "free" }))
        .await
        .unwrap();
    let ann = bed.validate(&registered.tokens).await.unwrap();
    assert_eq!(json!(ann.profile()).get("metadata"), None);
}

#[tokio::test]
async fn a_patch_merges_removes_and_is_one_act() {
    let bed = Bed::new();
    let ann = bed.register(ANN).await.user_id;
    for (patch, expected) in [
        (
            json!({ "a": 1, "b": { "c": 2 } }),
            json!({ "a": 1, "b": { "c": 2 } }),
        ),
        (
            json!({ "b": { "d": 3 } }),
            json!({ "a": 1, "b": { "c": 2, "d": 3 } }),
        ),
        (
            json!({ "a": null, "b": { "c": null } }),
            json!({ "b": { "d": 3 } }),
        ),
        (json!({}), json!({ "b": { "d": 3 } })),
    ] {
        let before = bed.store.user(ann).await.unwrap().unwrap();
        let view = set(&bed, ann, patch.clone()).await.unwrap();
        assert_eq!(json!(view.metadata), expected, "{patch}");
        assert_eq!(stored(&bed, ann).await, expected);
        let event = bed.events.last();
        assert_eq!(event.operation, Operation::SetMetadata);
        assert_eq!(event.unchanged, json!(before.metadata) == expected);
    }

    // Patches of different members at the same time are all kept.
    let patches = (0..8).map(|number| set(&bed, ann, json!({ format!("n{number}"): number })));
    for patched in futures_util::future::join_all(patches).await {
        patched.unwrap();
    }
    assert_eq!(stored(&bed, ann).await.as_object().unwrap().len(), 9);
}

#[tokio::test]
async fn what_no_store_could_keep_is_refused_and_changes_nothing() {
    let bed = Bed::new();
    let ann = bed.register(ANN).await.user_id;
    set(&bed, ann, json!({ "plan": "free" })).await.unwrap();
    let deep = (0..40).fold(json!(1), |inner, _| json!({ "a": inner }));
    for patch in [
        json!({ "$set": 1 }),
        json!({ "a.b": 1 }),
        json!({ "": 1 }),
        json!({ "a": { "b\0": 1 } }),
        json!({ "a": "x".repeat(17_000) }),
        json!({ "a": u64::MAX }),
        json!({ "a": deep }),
    ] {
        let Err(AuthError::Validation(violations)) = set(&bed, ann, patch).await else {
            panic!("accepted")
        };
        assert_eq!(violations.as_slice()[0].field, Field::Metadata);
        assert_eq!(stored(&bed, ann).await, json!({ "plan": "free" }));
    }
    let nobody = set(&bed, UserId::from_bytes([9; 12]), json!({})).await;
    assert!(matches!(nobody, Err(AuthError::NotFound)), "{nobody:?}");
}

#[tokio::test]
async fn metadata_ends_no_session_and_survives_a_change_of_the_profile() {
    let bed = Bed::new();
    let registered = bed.register(ANN).await;
    set(&bed, registered.user_id, json!({ "plan": "free" }))
        .await
        .unwrap();
    let ann = bed.validate(&registered.tokens).await.unwrap();
    let request = UpdateProfile {
        name: Some("Ann Lee".to_owned()),
        ..UpdateProfile::default()
    };
    bed.auth
        .update_profile(&ann, request, &bed.here)
        .await
        .unwrap();
    assert_eq!(stored(&bed, ann.user().id).await, json!({ "plan": "free" }));
    assert!(bed.login(ANN, PASSWORD).await.is_ok());
}
