//! An application's own routes, behind the extractors or the filters for users.

use std::time::Duration;

use admittance::authz::{Permission, Role, RolePolicy};
use admittance::http::HttpConfig;
use serde_json::json;

use crate::client::{Client, text};
use crate::request::get;
use crate::transport::{Framework, each_framework};
use support::bed::{PASSWORD, config};

each_framework!(
    a_route_lets_in_who_is_logged_in,
    an_optional_user_is_nobody_only_without_a_token,
    asvs_8_2_1_a_route_that_needs_a_permission_denies_by_default,
    asvs_7_5_3_a_route_that_needs_a_recent_password_accepts_a_repeated_one,
);

async fn a_route_lets_in_who_is_logged_in(framework: Framework) {
    let client = Client::new(framework);
    let ann = client.register("ann@example.org").await;
    let token = text(&ann, "token");
    let hello = client.get("/hello", token).await;
    assert_eq!((hello.status, hello.json), (200, json!({"hello": "Ann"})));
    let refused = client.get("/hello", "x").await;
    assert_eq!(refused.code(), (401, "invalid_token"));
    assert_eq!(refused.header("content-type"), "application/problem+json");
    assert_eq!(refused.header("cache-control"), "no-store");
    let challenge = "Bearer error=\"invalid_token\"";
    assert_eq!(refused.header("www-authenticate"), challenge);
    let bare = client.send(get("/hello")).await;
    assert_eq!(bare.code(), (401, "invalid_token"));
    assert_eq!(bare.header("www-authenticate"), "Bearer");

    client.ask("POST /logout", token, json!(null), "200").await;
    let refused = client.get("/hello", token).await;
    assert_eq!(refused.code(), (401, "invalid_token"));
}

async fn an_optional_user_is_nobody_only_without_a_token(framework: Framework) {
    let client = Client::new(framework);
    let ann = client.register("ann@example.org").await;
    let bare = client.send(get("/perhaps")).await;
    assert_eq!((bare.status, bare.json), (200, json!({"hello": null})));
    let known = client.get("/perhaps", text(&ann, "token")).await;
    assert_eq!(known.json, json!({"hello": "Ann"}));
    let wrong = client.get("/perhaps", "x").await;
    assert_eq!(wrong.code(), (401, "invalid_token"));
}

async fn asvs_8_2_1_a_route_that_needs_a_permission_denies_by_default(framework: Framework) {
    for (role, expected) in [("examiner", (200, "")), ("student", (403, "forbidden"))] {
        let mut settings = config();
        let grade = Permission::new("exam:grade").unwrap();
        settings.roles = RolePolicy::new()
            .grant(Role::new("examiner").unwrap(), [grade])
            .initial_role(Role::new(role).unwrap());
        let client = Client::with(framework, settings, HttpConfig::default());
        let ann = client.register("ann@example.org").await;
        let answer = client.get("/grading", text(&ann, "token")).await;
        assert_eq!(answer.code(), expected, "{role}");
        let answer = client.get("/exams", text(&ann, "token")).await;
        assert_eq!(answer.code(), (403, "forbidden"));
        let answer = client.get("/grading", "x").await;
        assert_eq!(answer.code(), (401, "invalid_token"));
    }
}

async fn asvs_7_5_3_a_route_that_needs_a_recent_password_accepts_a_repeated_one(
    framework: Framework,
) {
    let client = Client::new(framework);
    let ann = client.register("ann@example.org").await;
    let mut token = text(&ann, "token").to_owned();
    client.bed.clock.advance(Duration::from_secs(5 * 60));
    assert_eq!(client.get("/careful", &token).await.status, 200);
    client.bed.clock.advance(Duration::from_secs(1));
    let refused = client.get("/careful", &token).await;
    assert_eq!(refused.code(), (403, "recent_login_required"));
    assert_eq!(
        refused.json["detail"],
        "Prove your identity again to do this."
    );
    assert_eq!(refused.json["methods"], json!(["pwd"]));
    // All else goes on.
    assert_eq!(client.get("/hello", &token).await.status, 200);
    let wrong = client.get("/careful", "x").await;
    assert_eq!(wrong.code(), (401, "invalid_token"));

    for (line, mut body) in [
        ("POST /reauthenticate", json!({"method": "pwd"})),
        ("POST /password/confirm", json!({})),
    ] {
        body["current_password"] = json!(PASSWORD);
        let proved = client.send_as(&token, line, body).await;
        let next = text(&proved.json, "token").to_owned();
        assert_eq!(client.get("/careful", &next).await.status, 200);
        let replaced = client.get("/careful", &token).await;
        assert_eq!(replaced.code(), (401, "invalid_token"));
        token = next;
    }
    for body in [
        json!({"current_password": PASSWORD}),
        json!({"method": null, "current_password": PASSWORD}),
        json!({"method": "otp", "current_password": PASSWORD}),
        json!({"method": "PWD", "current_password": PASSWORD}),
        json!({"method": ["pwd"], "current_password": PASSWORD}),
        json!({"method": {"pwd": null}, "current_password": PASSWORD}),
        json!({"method": "pwd", "password": PASSWORD}),
    ] {
        let refused = client.send_as(&token, "POST /reauthenticate", body.clone());
        let refused = refused.await;
        assert_eq!(refused.code(), (400, "malformed_request"), "{body}");
    }
    let bare = json!({"method": "pwd"});
    let refused = client.send_as(&token, "POST /reauthenticate", bare).await;
    assert_eq!(refused.code(), (422, "validation_failed"));
}
