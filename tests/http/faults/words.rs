//! What a refusal says: which field, which header, and never what was sent.

use serde_json::json;

use crate::browser::Browser;
use crate::client::{Client, text};
use crate::request::Request;
use crate::transport::{Framework, each_framework};

each_framework!(
    a_malformed_body_is_refused_with_the_field_that_is_wrong,
    a_refused_cookie_request_is_told_which_header_it_lacks,
);

const CANARY: &str = "canary-9d1f";

async fn a_malformed_body_is_refused_with_the_field_that_is_wrong(framework: Framework) {
    let client = Client::new(framework);
    let ann = client.register("ann@example.org").await;
    let fields = "It may have: `email`, `password`, `remember`.";
    for (line, body, words) in [
        ("POST /login", format!(r#"{{"{CANARY}": 1}}"#), fields),
        (
            "POST /login",
            format!(r#"{{"email": "a", "e-mail": "{CANARY}"}}"#),
            fields,
        ),
        (
            "POST /login",
            format!(r#"{{"remember": "{CANARY}"}}"#),
            "The field `remember` has",
        ),
        (
            "POST /login",
            format!(r#"{{"email": {{"$ne": "{CANARY}"}}}}"#),
            "The field `email` has",
        ),
        (
            "POST /login",
            format!(r#"{{"email": "{CANARY}", "\u0065mail": "{CANARY}"}}"#),
            "The body has the field `email` twice.",
        ),
        (
            "POST /login",
            format!(r#"{{"{CANARY}": 1, "{CANARY}": 2}}"#),
            "The body has an object with the same member twice.",
        ),
        (
            "POST /login",
            format!(r#"{{"email": "{CANARY}""#),
            "The body is not valid JSON.",
        ),
        (
            "POST /login",
            format!(r#"["{CANARY}"]"#),
            "The body is not a JSON object.",
        ),
        (
            "POST /reauthenticate",
            format!(r#"{{"current_password": "{CANARY}"}}"#),
            "The field `method` is required.",
        ),
        (
            "POST /reauthenticate",
            format!(r#"{{"method": "{CANARY} {CANARY}"}}"#),
            "The field `method` has",
        ),
        (
            "PUT /profile",
            format!(r#"{{"preferences": ["{CANARY}"]}}"#),
            "The field `preferences` has",
        ),
    ] {
        let request = Request::line(line).bearer(text(&ann, "token"));
        let answer = client.send(request.text("application/json", &body)).await;
        assert_eq!(answer.code(), (400, "malformed_request"), "{body}");
        let detail = text(&answer.json, "detail");
        assert!(detail.contains(words), "{body}: {detail}");
        assert!(!answer.text().contains(CANARY), "{body}: {detail}");
    }
}

async fn a_refused_cookie_request_is_told_which_header_it_lacks(framework: Framework) {
    let mut browser = Browser::new(framework);
    browser.register("ann@example.org").await;
    let bare = browser
        .request("PUT /profile", Some(&json!({})))
        .without("Origin")
        .without("Sec-Fetch-Site");
    let evil = "https://evil.example";
    for (request, words) in [
        (bare.clone(), "needs the header Origin or Sec-Fetch-Site"),
        (
            bare.clone().header("Sec-Fetch-Site", "cross-site"),
            "Sec-Fetch-Site is not `same-origin`",
        ),
        (
            bare.clone().header("Origin", evil),
            "Origin is not that of Host",
        ),
        (
            bare.clone().header("Origin", evil).header("Origin", evil),
            "The header origin must be there at most once",
        ),
    ] {
        let answer = browser.client.send(request).await;
        assert_eq!(answer.code(), (403, "forbidden"), "{words}");
        let detail = text(&answer.json, "detail");
        assert!(detail.contains(words), "{detail}");
        assert!(!answer.text().contains("evil"), "{detail}");
    }
}
