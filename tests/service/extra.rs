//! The application's own fields of a registration.

use admittance::error::AuthError;
use admittance::service::{AuthService, RegisterRequest, RegistrationExtra};
use admittance::store::MemoryStore;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::hooks::{School, school_over, student};
use support::bed::{Bed, config, keyring, mail_config, registration};

const ANN: &str = "ann@example.org";

/// The fields and codes of a refused registration.
async fn refused(bed: &Bed, request: RegisterRequest) -> Vec<[String; 2]> {
    match bed.auth.register(request, &bed.here).await {
        Err(AuthError::Validation(violations)) => {
            let errors = json!(violations);
            let pair = |error: &Value| {
                ["field", "code"].map(|key| error[key].as_str().unwrap().to_owned())
            };
            errors.as_array().unwrap().iter().map(pair).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn with(extra: Value) -> RegisterRequest {
    RegisterRequest {
        extra: extra.as_object().cloned(),
        ..registration(ANN)
    }
}

#[tokio::test]
async fn extra_fields_are_refused_where_the_application_has_none() {
    let bed = Bed::new();
    for extra in [json!({}), json!({ "class": "7b" })] {
        assert_eq!(refused(&bed, with(extra)).await, [["extra", "unknown"]]);
    }
    bed.register(ANN).await;
}

#[tokio::test]
async fn every_violation_of_the_extra_fields_is_named_with_the_others() {
    let (bed, school) = school_over(MemoryStore::new(), config());
    for (extra, field, code) in [
        (None, "extra.class", "required"),
        (Some(json!({})), "extra.class", "required"),
        (Some(json!({ "class": 7 })), "extra.class", "invalid_format"),
        (Some(json!({ "class": "" })), "extra.class", "required"),
        (Some(json!({ "$set": 1 })), "extra", "invalid_characters"),
        (
            Some(json!({ "class": "\0" })),
            "extra",
            "invalid_characters",
        ),
        (
            Some(json!({ "class": "x".repeat(2048) })),
            "extra",
            "too_long",
        ),
        (
            Some(json!({ "class": "7b", "n": u64::MAX })),
            "extra",
            "invalid_format",
        ),
        (
            Some(json!({ "class": 7, "n": 1 })),
            "extra.class",
            "invalid_format",
        ),
    ] {
        let request = RegisterRequest {
            extra: extra.as_ref().and_then(Value::as_object).cloned(),
            name: String::new(),
            ..registration(ANN)
        };
        let found = refused(&bed, request).await;
        let expected = [["name", "required"], [field, code]];
        assert_eq!(found, expected, "{extra:?}");
    }
    assert!(school.calls().is_empty());
}

#[tokio::test]
async fn what_the_type_does_not_name_is_not_kept() {
    let (bed, school) = school_over(MemoryStore::new(), config());
    let request = with(json!({ "class": "7b", "is_admin": true }));
    let _ = bed.auth.register(request, &bed.here).await.unwrap();
    let calls = school.calls();
    assert!(
        calls
            .iter()
            .all(|call| call.ends_with(r#" {"class":"7b"}"#)),
        "{calls:?}"
    );
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Optional {
    newsletter: bool,
}

impl RegistrationExtra for Optional {}

#[tokio::test]
async fn extra_may_be_absent_if_the_type_allows_an_empty_object() {
    let school = School::default();
    let hooks = school.clone();
    let bed = Bed::built(MemoryStore::new(), config(), |builder, mailbox| {
        let builder = builder.mail(mailbox, mail_config()).hooks(hooks);
        builder.registration_extra::<Optional>()
    });
    bed.register(ANN).await;
    let last = school.calls().pop().unwrap();
    assert_eq!(last, r#"registered ann@example.org {"newsletter":false}"#);
    let _ = bed
        .auth
        .register(student("ben@example.org"), &bed.here)
        .await
        .unwrap();
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Strict {
    class: String,
    year: u8,
}

impl RegistrationExtra for Strict {}

#[tokio::test]
async fn a_member_that_the_type_refuses_is_named_also_beside_unknown_ones() {
    let bed = Bed::built(MemoryStore::new(), config(), |builder, mailbox| {
        let builder = builder
            .mail(mailbox, mail_config())
            .hooks(School::default());
        builder.registration_extra::<Strict>()
    });
    for (extra, field, code) in [
        (json!({ "class": "7b" }), "extra.year", "required"),
        (
            json!({ "class": "7b", "year": 300 }),
            "extra.year",
            "invalid_format",
        ),
        (
            json!({ "class": null, "year": 7, "n": 1 }),
            "extra.class",
            "invalid_format",
        ),
        (
            json!({ "class": "7b", "year": 7, "n": 1 }),
            "extra",
            "unknown",
        ),
    ] {
        let found = refused(&bed, with(extra.clone())).await;
        assert_eq!(found, [[field, code]], "{extra}");
    }
}

#[tokio::test]
async fn extra_fields_without_hooks_are_refused_at_start() {
    let built = AuthService::builder(MemoryStore::new())
        .config(config())
        .keyring(keyring())
        .registration_extra::<Optional>()
        .build();
    assert_eq!(
        built.unwrap_err().to_string(),
        "hooks: none are set, and registration_extra needs them"
    );
}
