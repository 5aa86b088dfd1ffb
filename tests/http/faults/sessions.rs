//! Requests that leave out a field: refresh, logout, and optional fields that are null.

use std::time::Duration;

use admittance::http::HttpConfig;
use http::Method;
use serde_json::{Value, json};

use crate::administration::settings;
use crate::browser::Browser;
use crate::client::{Client, registration, text};
use crate::request::{Request, post};
use crate::transport::{Framework, each_framework};
use support::bed::PASSWORD;

each_framework!(
    a_refresh_whose_body_names_no_token_goes_by_the_cookie,
    an_empty_refresh_token_is_not_an_absent_one,
    a_bearer_client_whose_access_token_has_expired_logs_out,
    the_body_of_a_logout_is_checked_before_anything_ends,
    a_request_without_the_token_of_its_link_is_told_so,
    an_optional_field_may_be_null_everywhere,
    a_required_field_may_be_absent_nowhere,
);

const ANN: &str = "ann@example.org";

async fn a_refresh_whose_body_names_no_token_goes_by_the_cookie(framework: Framework) {
    let mut browser = Browser::new(framework);
    browser.register(ANN).await;
    for body in [json!({}), json!({ "refresh_token": null })] {
        let renewed = browser.ask("POST /refresh", body.clone()).await;
        assert_eq!(renewed.status, 200, "{body}: {renewed}");
        assert!(renewed.json.get("refresh_token").is_none(), "{renewed}");
        assert_eq!(browser.ask("GET /profile", None).await.status, 200);
    }
    // A page of another site cannot do it so either.
    let foreign = browser
        .request("POST /refresh", Some(&json!({})))
        .with("Origin", "https://evil.example")
        .with("Sec-Fetch-Site", "cross-site");
    assert_eq!(
        browser.client.send(foreign).await.code(),
        (403, "forbidden")
    );
    // Where there is no cookie, there is no token at all.
    for body in [json!({}), json!({ "refresh_token": null })] {
        for client in [&Client::new(framework), &browser.client] {
            let refused = client.post("/refresh", body.clone()).await;
            assert_eq!(refused.code(), (401, "invalid_token"), "{body}");
            assert_eq!(refused.header("www-authenticate"), "Bearer", "{body}");
        }
    }
}

async fn an_empty_refresh_token_is_not_an_absent_one(framework: Framework) {
    let mut browser = Browser::new(framework);
    browser.register(ANN).await;
    let empty = json!({ "refresh_token": "" });
    let refused = browser.ask("POST /refresh", empty).await;
    assert_eq!(refused.code(), (401, "invalid_token"));
    assert_eq!(browser.ask("POST /refresh", None).await.status, 200);
}

async fn a_bearer_client_whose_access_token_has_expired_logs_out(framework: Framework) {
    let client = Client::new(framework);
    let ann = client.register(ANN).await;
    let token = text(&ann, "token");
    client.bed.clock.advance(Duration::from_secs(901));
    let expired = Request::new("POST", "/logout").bearer(token);
    let refused = client.send(expired.clone()).await;
    assert_eq!(refused.code(), (401, "invalid_token"));
    let body = json!({ "refresh_token": ann["refresh_token"] });
    let ended = client.send(expired.clone().json(&body)).await;
    assert_eq!(ended.status, 200, "{ended}");
    let refresh = client.post("/refresh", body.clone()).await;
    assert_eq!(refresh.code(), (401, "invalid_token"));
    // Neither token is live now.
    for request in [expired.json(&body), post("/logout", body)] {
        let again = client.send(request).await;
        assert_eq!(again.code(), (401, "invalid_token"));
    }
    // Nor does it need an access token, whatever the settings.
    let lee = client.register("lee@example.org").await;
    let body = json!({ "refresh_token": lee["refresh_token"] });
    assert_eq!(client.post("/logout", body).await.status, 200);
    let profile = client.get("/profile", text(&lee, "token")).await;
    assert_eq!(profile.code(), (401, "invalid_token"));
    let mut browser = Browser::new(framework);
    browser.register(ANN).await;
    let bob = browser
        .client
        .post("/register", registration("bob@example.org"))
        .await;
    let body = json!({ "refresh_token": bob.json["refresh_token"] });
    let ended = browser.client.post("/logout", body).await;
    assert_eq!((ended.status, ended.header("set-cookie")), (200, "".into()));
    assert_eq!(browser.ask("GET /profile", None).await.status, 200);
}

async fn the_body_of_a_logout_is_checked_before_anything_ends(framework: Framework) {
    let client = Client::new(framework);
    let ann = client.register(ANN).await;
    let token = text(&ann, "token");
    let logout = || Request::new("POST", "/logout").bearer(token);
    for body in ["{", "[]", r#"{"refresh_token": 1}"#, r#"{"all": true}"#] {
        let refused = client.send(logout().text("application/json", body)).await;
        assert_eq!(refused.code(), (400, "malformed_request"), "{body}");
    }
    let refused = client.send(logout().text("text/plain", "x")).await;
    assert_eq!(refused.code(), (415, "unsupported_media_type"));
    assert_eq!(client.get("/profile", token).await.status, 200);
    let ended = client.send(logout().json(&json!({}))).await;
    assert_eq!(ended.status, 200);
}

async fn a_request_without_the_token_of_its_link_is_told_so(framework: Framework) {
    let client = Client::mailing(framework, support::bed::config());
    let ann = client.register(ANN).await;
    let token = text(&ann, "token");
    for path in [
        "/email/verify",
        "/email/disown",
        "/password/reset",
        "/email/change/confirm",
    ] {
        for body in [json!({}), json!({ "token": "" })] {
            let answer = client
                .send_as(token, &format!("POST {path}"), body.clone())
                .await;
            assert_eq!(answer.code(), (422, "validation_failed"), "{path} {body}");
            let error = &answer.json["errors"][0];
            assert_eq!(
                (&error["field"], &error["code"]),
                (&json!("token"), &json!("required")),
                "{path}"
            );
        }
    }
}

/// What the document requires, the server requires too.
async fn a_required_field_may_be_absent_nowhere(framework: Framework) {
    let mut http = HttpConfig::default();
    http.admin = true;
    let client = Client::whole(framework, settings(), http);
    let ada = client.register("ada@example.org").await;
    client.give(&ada, "admin").await;
    let mut absent = 0;
    for (path, methods) in client.document.value()["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let content = &operation["requestBody"]["content"]["application/json"];
            let schema = client.document.resolved(&content["schema"]);
            let example = &content["examples"]["request"]["value"];
            for name in schema["required"].as_array().into_iter().flatten() {
                let name = name.as_str().unwrap();
                absent += 1;
                let mut body = example.clone();
                body.as_object_mut().unwrap().remove(name);
                let path = path.replace("{id}", text(&ada, "user_id"));
                let request = Request::new(&method.to_ascii_uppercase(), &path).json(&body);
                let answer = client.send(request.bearer(text(&ada, "token"))).await;
                let is_refused = (400..500).contains(&answer.status);
                assert!(is_refused, "{method} {path} without {name}: {answer}");
            }
        }
    }
    assert!(absent > 20, "{absent}");
}

/// As some clients write a field that is not set, pydantic for one.
async fn an_optional_field_may_be_null_everywhere(framework: Framework) {
    let mut http = HttpConfig::default();
    http.admin = true;
    let client = Client::whole(framework, settings(), http);
    let (mut people, mut nulls) = (0, 0);
    let paths = client.document.value()["paths"].as_object().unwrap();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().unwrap() {
            let content = &operation["requestBody"]["content"]["application/json"];
            if content.is_null() {
                continue;
            }
            people += 1;
            let ada = client.register(&format!("{people}@example.org")).await;
            client.give(&ada, "admin").await;
            let schema = client.document.resolved(&content["schema"]);
            let needed = schema["required"].as_array().cloned().unwrap_or_default();
            let example = &content["examples"]["request"]["value"];
            for name in schema["properties"].as_object().unwrap().keys() {
                if needed.iter().any(|one| one == name) {
                    continue;
                }
                nulls += 1;
                let mut body = example.clone();
                body[name] = Value::Null;
                let method: Method = method.to_ascii_uppercase().parse().unwrap();
                let path = path.replace("{id}", text(&ada, "user_id"));
                let request = Request::new(method.as_str(), &path).json(&body);
                let request = request.bearer(text(&ada, "token"));
                let answer = client.send(request).await;
                assert_ne!(answer.status, 400, "{method} {path} {body}: {answer}");
            }
        }
    }
    assert!(nulls > 10, "{nulls}");
    let login = json!({ "email": "lee@example.org", "password": PASSWORD, "remember": null });
    client.register("lee@example.org").await;
    assert_eq!(client.post("/login", login).await.status, 200);
}
