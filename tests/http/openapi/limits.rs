//! Where the document says that there is a limit, there is one.

use std::time::Duration;

use admittance::config::LimitPolicy;
use admittance::limit::Quota;
use serde_json::{Value, json};

use super::{everything, operations, settings, text};
use crate::client::{Client, registration};
use crate::transport::{Framework, each_framework};

each_framework!(each_endpoint_that_is_said_to_have_a_limit_has_one,);

async fn each_endpoint_that_is_said_to_have_a_limit_has_one(framework: Framework) {
    let mut settings = settings();
    settings.limits = LimitPolicy::off();
    let server = Client::whole(framework, settings.clone(), everything());
    let token = server.with_role("ada@example.org", "admin").await;
    let user = server.register("zoe@example.org").await;

    // The same accounts under limits of one, all of which are used up.
    let one = Some(Quota::new(1, Duration::from_secs(3600)));
    settings.limits.register_by_address = one;
    settings.limits.login_by_address = one;
    settings.limits.refresh_by_address = one;
    settings.limits.strength_by_address = one;
    settings.limits.checks_by_session = one;
    settings.limits.mail_by_account = one;
    settings.limits.mail_by_address = one;
    settings.limits.export_by_account = one;
    settings.limits.updates_by_account = one;
    settings.limits.events_by_account = one;
    let store = server.bed.store.clone();
    let limited = Client::whole_over(framework, store, settings, everything());
    let login = json!({ "email": "ada@example.org", "password": "x" });
    let email = json!({ "email": "zoe@example.org" });
    let refresh = json!({ "refresh_token": user["refresh_token"] });
    let strength = json!({ "password": "x" });
    limited.ask("POST /login", "", login, "401").await;
    limited
        .ask("POST /register", "", registration("x@example.org"), "201")
        .await;
    limited
        .ask("POST /refresh", "", refresh.clone(), "200")
        .await;
    limited
        .ask("POST /password/strength", "", strength, "200")
        .await;
    limited
        .ask("POST /password/forgot", "", email.clone(), "202")
        .await;
    limited.ask("POST /email/resend", "", email, "429").await;
    let wrong = json!({ "current_password": "x" });
    limited
        .ask("POST /password/confirm", &token, wrong, "401")
        .await;

    limited
        .ask("GET /account/export", &token, Value::Null, "200")
        .await;
    limited
        .ask("GET /account/events", &token, Value::Null, "200")
        .await;
    limited.ask("PUT /profile", &token, json!({}), "200").await;

    for (method, path, operation) in operations(limited.document.value()) {
        let is_limited = operation["responses"].get("429").is_some();
        let path = path.replace("{id}", &text(&user, "user_id"));
        let path = path.replace("{session_id}", "0123456789abcdef01234567");
        let content = &operation["requestBody"]["content"]["application/json"];
        let example = content["examples"]
            .as_object()
            .map(|examples| &examples["request"]);
        let mut body = example.map_or(Value::Null, |example| example["value"].clone());
        if path == "/refresh" {
            body = refresh.clone();
        }
        let line = format!("{method} {path}");
        let is_public = operation["security"] == json!([]);
        let token = if is_public { "" } else { &token };
        if is_limited {
            limited.ask(&line, token, body, "rate_limited").await;
        }
    }
}
