//! Pages of other origins.

use admittance::http::{AllowedOrigins, CookieConfig, HttpConfig};
use axum::body::Body;
use axum::http::{Request, header};
use serde_json::json;

use crate::client::{Answer, Client};
use support::bed::config;

const APP: &str = "https://app.exam.example";

fn client(origins: &str, cookies: bool) -> Client {
    let mut http = HttpConfig::default();
    http.allowed_origins = origins.parse().unwrap();
    http.cookies = cookies.then(CookieConfig::new);
    http.max_body_bytes = 1024;
    Client::with(config(), http)
}

async fn ask(client: &Client, line: &str, origin: Option<&str>, body: &str) -> Answer {
    let (method, path) = line.split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(path);
    if let Some(origin) = origin {
        request = request.header(header::ORIGIN, origin);
    }
    if method == "OPTIONS" {
        request = request
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, "PUT")
            .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "authorization");
    } else {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    client
        .send(request.body(Body::from(body.to_owned())).unwrap())
        .await
}

#[tokio::test]
async fn a_listed_page_may_send_and_read() {
    let client = client("http://localhost:5173, https://app.exam.example", true);
    let asked = ask(&client, "OPTIONS /profile", Some(APP), "").await;
    assert_eq!(asked.status, 204);
    for (name, value) in [
        ("access-control-allow-origin", APP),
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-methods", "GET, HEAD, PUT"),
        (
            "access-control-allow-headers",
            "authorization, content-type, admittance-session",
        ),
        ("access-control-max-age", "600"),
        ("vary", "origin"),
    ] {
        assert_eq!(asked.header(name), value, "{name}");
    }
    // Refusals can be read as well as answers, whoever gives them.
    let large = json!({"email": "x".repeat(2000)}).to_string();
    for (line, body, status) in [
        ("GET /.well-known/jwks.json", "", 200),
        ("GET /profile", "", 401),
        ("DELETE /login", "", 405),
        ("POST /login", "{", 400),
        ("POST /login", &large, 413),
    ] {
        let answer = ask(&client, line, Some(APP), body).await;
        assert_eq!(answer.status, status, "{line}");
        assert_eq!(answer.header("access-control-allow-origin"), APP, "{line}");
        assert_eq!(
            answer.header("access-control-expose-headers"),
            "retry-after, www-authenticate"
        );
        assert_eq!(answer.header("vary"), "origin");
    }
}

#[tokio::test]
async fn no_other_page_may() {
    let client = client(APP, true);
    for origin in [
        "https://evil.example",
        "https://app.exam.example.evil.example",
        "https://app.exam.example:8443",
        "http://app.exam.example",
        "https://APP.exam.example",
        "null",
        "*",
        "",
    ] {
        for line in ["GET /.well-known/jwks.json", "OPTIONS /profile"] {
            let answer = ask(&client, line, Some(origin), "").await;
            for (name, _) in &answer.headers {
                assert!(!name.as_str().starts_with("access-control"), "{origin}");
            }
            assert_eq!(answer.header("vary"), "origin", "{origin}");
        }
        let asked = ask(&client, "OPTIONS /profile", Some(origin), "").await;
        assert_eq!(asked.code(), (405, "method_not_allowed"), "{origin}");
    }
    let asked = ask(&client, "OPTIONS /profile", None, "").await;
    assert_eq!(asked.code(), (405, "method_not_allowed"));
}

#[tokio::test]
async fn without_cookies_no_credentials_are_allowed() {
    let client = client(APP, false);
    let answer = ask(&client, "GET /.well-known/jwks.json", Some(APP), "").await;
    assert_eq!(answer.header("access-control-allow-origin"), APP);
    assert_eq!(answer.header("access-control-allow-credentials"), "");
}

#[tokio::test]
async fn by_default_there_is_no_cors() {
    let client = Client::new();
    let answer = ask(&client, "GET /.well-known/jwks.json", Some(APP), "").await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
    assert_eq!(answer.header("vary"), "");
    let asked = ask(&client, "OPTIONS /profile", Some(APP), "").await;
    assert_eq!(asked.code(), (405, "method_not_allowed"));
}

#[test]
fn what_is_no_origin_is_refused_with_its_text() {
    let good = " https://app.exam.example ,http://localhost:5173,, http://[::1]:80800";
    assert!(good.parse::<AllowedOrigins>().is_err(), "the port");
    let good: AllowedOrigins = " https://app.exam.example ,http://[::1]:8080,,"
        .parse()
        .unwrap();
    assert_eq!(
        good.to_string(),
        "https://app.exam.example, http://[::1]:8080"
    );
    assert_eq!(good.iter().count(), 2);
    assert!("".parse::<AllowedOrigins>().unwrap().is_empty());
    for bad in [
        "*",
        "null",
        "https://*.exam.example",
        "exam.example",
        "https://exam.example/",
        "https://exam.example/app",
        "https://exam.example:443",
        "https://EXAM.example",
        "https://user@exam.example",
        "https://exam.example?x",
        "ftp://exam.example",
        "file:///",
        "https://",
    ] {
        let error = bad.parse::<AllowedOrigins>().unwrap_err().to_string();
        assert!(error.contains(bad), "{error}");
    }
}
