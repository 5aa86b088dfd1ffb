//! Logins that a second factor completes.

use admittance::http::HttpConfig;
use admittance::store::MemoryStore;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::client::{Client, json_request, members, send, text};
use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config, mail_config};
use support::second_factor::{CODE, Cards};

/// A server whose users have a second factor, with an account.
async fn server(http: HttpConfig) -> Client {
    let cards = Cards::of(&["sms"]);
    let bed = Bed::built(MemoryStore::new(), config(), |builder, mailbox| {
        let builder = builder.mail(mailbox, mail_config());
        builder.second_factor(cards)
    });
    let client = Client::over(bed, http);
    client.register("ann@example.org").await;
    client
}

fn credentials(password: &str) -> Value {
    json!({ "email": "ann@example.org", "password": password })
}

#[tokio::test]
async fn asvs_6_3_3_a_login_answers_with_a_ticket_and_the_code_completes_it() {
    let client = server(HttpConfig::default()).await;
    let asked = client.post("/login", credentials(PASSWORD)).await;
    assert_eq!(asked.code(), (401, "second_factor_required"));
    assert_eq!(asked.header("www-authenticate"), "Bearer");
    assert_eq!(asked.body["methods"], json!(["sms"]));
    assert_eq!(asked.body["expires_in"], 600);
    let ticket = text(&asked.body, "ticket");
    let proof = |code: &str| json!({ "ticket": ticket, "method": "sms", "code": code });

    let wrong = client.post("/login/factor", proof("000000")).await;
    assert_eq!(wrong.code(), (401, "invalid_code"));
    let opened = client.post("/login/factor", proof(CODE)).await;
    assert_eq!(opened.status, StatusCode::OK);
    let token = text(&opened.body, "token");
    assert_eq!(client.get("/profile", token).await.status, StatusCode::OK);
    let again = client.post("/login/factor", proof(CODE)).await;
    assert_eq!(again.code(), (401, "invalid_flow"));

    // A wrong password is answered as ever.
    let wrong = client.post("/login", credentials(OTHER_PASSWORD)).await;
    assert_eq!(wrong.code(), (401, "invalid_credentials"));
    assert_eq!(
        members(&wrong.body),
        ["code", "detail", "status", "title", "type"]
    );
}

#[tokio::test]
async fn a_session_is_proved_again_by_the_second_factor() {
    let client = server(HttpConfig::default()).await;
    let asked = client.post("/login", credentials(PASSWORD)).await;
    let proof = json!({ "ticket": asked.body["ticket"], "method": "sms", "code": CODE });
    let opened = client.post("/login/factor", proof).await;
    let token = text(&opened.body, "token");
    for (proof, code) in [
        (json!({ "method": "sms", "code": "000000" }), "invalid_code"),
        (json!({ "method": "sms" }), "validation_failed"),
        (
            json!({ "method": "card", "code": CODE }),
            "validation_failed",
        ),
        (
            json!({ "method": "otp", "code": CODE }),
            "malformed_request",
        ),
    ] {
        let request = json_request(Method::POST, "/reauthenticate", &proof.to_string());
        let request = crate::client::with_token(request, token);
        assert_eq!(client.send(request).await.code().1, code, "{proof}");
    }
    let proof = json!({ "method": "sms", "code": CODE }).to_string();
    let request = json_request(Method::POST, "/reauthenticate", &proof);
    let request = crate::client::with_token(request, token);
    assert_eq!(client.send(request).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_sign_in_in_a_browser_ends_with_cookies() {
    let mut http = HttpConfig::default();
    http.cookies = Some(admittance::http::CookieConfig::default());
    let client = server(http).await;
    let post = async |path: &str, body: Value| {
        let mut request = json_request(Method::POST, path, &body.to_string());
        let headers = request.headers_mut();
        headers.insert("admittance-session", "cookie".parse().unwrap());
        headers.insert("sec-fetch-site", "same-origin".parse().unwrap());
        client.send(request).await
    };
    let asked = post("/login", credentials(PASSWORD)).await;
    assert_eq!(asked.code(), (401, "second_factor_required"));
    assert_eq!(asked.header("set-cookie"), "");
    let proof = json!({ "ticket": asked.body["ticket"], "method": "sms", "code": CODE });
    let opened = post("/login/factor", proof).await;
    assert_eq!(opened.status, StatusCode::OK);
    assert!(opened.header("set-cookie").contains("admittance_"));
    assert!(opened.body.get("token").is_none());
}

#[tokio::test]
async fn without_second_factors_there_is_no_such_route() {
    let client = Client::new();
    let request = json_request(Method::POST, "/login/factor", "{}");
    let answer = send(&client.router, request).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let document = client.api.openapi();
    assert!(document["paths"].get("/login/factor").is_none());
}
