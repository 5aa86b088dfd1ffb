//! An application that takes part in the life of accounts, as clients see it.

use admittance::error::{Field, ViolationCode, Violations};
use admittance::http::HttpConfig;
use admittance::mail::MailKind;
use admittance::profile::Profile;
use admittance::service::{
    AccountHooks, HookError, RegistrationAttempt, RegistrationExtra, RemovalReason,
};
use admittance::store::MemoryStore;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::client::{Client, text};
use crate::transport::{Framework, each_framework};
use support::bed::{Bed, PASSWORD, config, mail_config};

each_framework!(
    a_registration_has_fields_of_the_application_with_errors_of_their_own,
    extra_fields_are_refused_by_a_server_that_takes_none,
    what_the_application_refuses_is_told_to_the_owner,
);

#[derive(Serialize, Deserialize)]
struct Student {
    class: String,
}

impl RegistrationExtra for Student {
    fn validate(&self, violations: &mut Violations) {
        if self.class.is_empty() {
            violations.push_extra("class", ViolationCode::Required, "Choose your class.");
        }
    }
}

/// Admits nobody named Eve, and keeps every account.
struct School;

#[async_trait]
impl AccountHooks for School {
    async fn registering(&self, attempt: &RegistrationAttempt) -> Result<(), HookError> {
        match attempt.name.as_str() {
            "Eve" => Err(HookError::refused(
                Field::Name,
                ViolationCode::Refused,
                "This school does not know you.",
            )),
            _ => Ok(()),
        }
    }

    async fn removing(&self, _: &Profile, _: RemovalReason) -> Result<(), HookError> {
        let message = "Hand in your exam first.";
        Err(HookError::refused(
            Field::Account,
            ViolationCode::Refused,
            message,
        ))
    }
}

fn bed() -> Bed {
    Bed::built(MemoryStore::new(), config(), |builder, mailbox| {
        builder
            .mail(mailbox, mail_config())
            .hooks(School)
            .registration_extra::<Student>()
    })
}

fn registration(name: &str, extra: Value) -> Value {
    json!({
        "email": "ann@example.org",
        "password": PASSWORD,
        "confirm_password": PASSWORD,
        "name": name,
        "extra": extra,
    })
}

async fn a_registration_has_fields_of_the_application_with_errors_of_their_own(
    framework: Framework,
) {
    let client = Client::over(framework, bed(), HttpConfig::default());
    let refused = client
        .post("/register", registration("Ann", json!({ "class": "" })))
        .await;
    assert_eq!(refused.code(), (422, "validation_failed"));
    let expected = json!([
        { "field": "extra.class", "code": "required", "message": "Choose your class." }
    ]);
    assert_eq!(refused.json["errors"], expected);
    for extra in [json!({}), json!({ "class": 7 })] {
        let refused = client.post("/register", registration("Ann", extra)).await;
        assert_eq!(refused.code(), (422, "validation_failed"));
        assert_eq!(refused.json["errors"][0]["field"], "extra.class");
    }
    let malformed = client
        .post("/register", registration("Ann", json!([1])))
        .await;
    assert_eq!(malformed.code(), (400, "malformed_request"));
    let class = json!({ "class": "7b" });
    let refused = client
        .post("/register", registration("Eve", class.clone()))
        .await;
    assert_eq!(refused.code(), (422, "validation_failed"));
    assert_eq!(refused.json["errors"][0]["field"], "name");
    assert_eq!(refused.json["errors"][0]["code"], "refused");
    let registered = client.post("/register", registration("Ann", class)).await;
    assert_eq!(registered.status, 201);
}

async fn extra_fields_are_refused_by_a_server_that_takes_none(framework: Framework) {
    let client = Client::over(framework, Bed::new(), HttpConfig::default());
    let refused = client
        .post("/register", registration("Ann", json!({})))
        .await;
    assert_eq!(refused.code(), (422, "validation_failed"));
    assert_eq!(refused.json["errors"][0]["field"], "extra");
}

async fn what_the_application_refuses_is_told_to_the_owner(framework: Framework) {
    let bed = bed();
    let mailbox = bed.mailbox.clone();
    let auth = bed.auth.clone();
    let client = Client::over(framework, bed, HttpConfig::default());
    let class = json!({ "class": "7b" });
    let registered = client.post("/register", registration("Ann", class)).await;
    let token = text(&registered.json, "token");
    let proof = json!({ "current_password": PASSWORD });
    client
        .ask(
            "POST /account/delete",
            token,
            proof.clone(),
            "validation_failed",
        )
        .await;
    client
        .ask("DELETE /account", token, proof, "validation_failed")
        .await;
    auth.flush_mail().await;
    let mail = mailbox.take_last(MailKind::VerifyEmail).unwrap();
    let link = admittance::test_util::Mailbox::token(&mail).unwrap();
    let link = json!({ "token": link.expose_secret() });
    let refused = client.post("/email/disown", link).await;
    assert_eq!(refused.code(), (422, "validation_failed"));
    let errors = &refused.json["errors"];
    assert_eq!(errors[0]["field"], "account");
    assert_eq!(errors[0]["message"], "Hand in your exam first.");
    assert_eq!(client.get("/profile", token).await.status, 200);
}

#[test]
fn the_document_says_where_the_application_may_refuse() {
    let http = HttpConfig::default;
    let with = Client::over(Framework::Axum, bed(), http());
    let without = Client::over(Framework::Axum, Bed::mailing(), http());
    for (client, has_hooks) in [(with, true), (without, false)] {
        let document = client.document.value().to_string();
        let refuses = document.contains("The application may refuse it");
        let takes_none = document.contains("This server takes no `extra`");
        assert_eq!((refuses, takes_none), (has_hooks, !has_hooks));
    }
}
