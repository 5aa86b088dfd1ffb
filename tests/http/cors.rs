//! Pages of other origins.

use admittance::http::{AllowedOrigins, CookieConfig, HttpConfig};
use serde_json::json;

use crate::answer::Answer;
use crate::client::Client;
use crate::request::Request;
use crate::transport::{Framework, each_framework};
use support::bed::config;

each_framework!(
    a_listed_page_may_send_and_read,
    no_other_page_may,
    without_cookies_no_credentials_are_allowed,
    by_default_there_is_no_cors,
);

const APP: &str = "https://app.exam.example";

fn client(framework: Framework, origins: &str, cookies: bool) -> Client {
    let mut http = HttpConfig::default();
    http.allowed_origins = origins.parse().unwrap();
    http.cookies = cookies.then(CookieConfig::new);
    http.max_body_bytes = 1024;
    Client::with(framework, config(), http)
}

async fn ask(client: &Client, line: &str, origin: Option<&str>, body: &str) -> Answer {
    let mut request = Request::line(line);
    if let Some(origin) = origin {
        request = request.header("Origin", origin);
    }
    if request.method == "OPTIONS" {
        request = request
            .header("Access-Control-Request-Method", "PUT")
            .header("Access-Control-Request-Headers", "authorization");
    } else {
        request = request.text("application/json", body);
    }
    client.send(request).await
}

async fn a_listed_page_may_send_and_read(framework: Framework) {
    let client = client(
        framework,
        "http://localhost:5173, https://app.exam.example",
        true,
    );
    let asked = ask(&client, "OPTIONS /profile", Some(APP), "").await;
    assert_eq!(asked.status, 204);
    for (name, value) in [
        ("access-control-allow-origin", APP),
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-methods", "GET, HEAD, PUT, PATCH"),
        (
            "access-control-allow-headers",
            "authorization, content-type, if-match, admittance-session",
        ),
        ("access-control-max-age", "600"),
        ("vary", "origin"),
    ] {
        assert_eq!(asked.header(name), value, "{name}");
    }
    // Refusals can be read too, whichever layer gives them.
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
            "etag, retry-after, www-authenticate"
        );
        assert_eq!(answer.header("vary"), "origin");
    }
}

async fn no_other_page_may(framework: Framework) {
    let client = client(framework, APP, true);
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
            for name in answer.headers.keys() {
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

async fn without_cookies_no_credentials_are_allowed(framework: Framework) {
    let client = client(framework, APP, false);
    let answer = ask(&client, "GET /.well-known/jwks.json", Some(APP), "").await;
    assert_eq!(answer.header("access-control-allow-origin"), APP);
    assert_eq!(answer.header("access-control-allow-credentials"), "");
}

async fn by_default_there_is_no_cors(framework: Framework) {
    let client = Client::new(framework);
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
