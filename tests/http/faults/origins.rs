//! Where pages come from: apps, proxies that rewrite `Host`, headers of tracing libraries.

use admittance::error::ConfigError;
use admittance::http::{AllowedOrigins, AuthApi, CookieConfig, HttpConfig};
use serde_json::json;

use crate::browser::{Browser, OWN, with_cookies};
use crate::client::Client;
use crate::request::{Request, get};
use crate::transport::{Framework, each_framework};
use support::bed::{Bed, config};

each_framework!(
    a_page_of_an_app_may_send_and_read,
    behind_a_proxy_that_rewrites_the_host_pages_of_the_own_origin_are_accepted,
    a_page_may_send_the_headers_that_the_settings_allow,
    opening_a_websocket_from_a_foreign_page_is_a_documented_refusal_everywhere,
);

const APP: &str = "capacitor://localhost";

#[test]
fn origins_of_apps_are_read_as_they_are_written() {
    for origin in [
        APP,
        "ionic://localhost",
        "tauri://localhost",
        "app://-",
        "app://.",
        "chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb",
        "moz-extension://6b2b1b3c-8a3e-4a26-9d0a-0f6f1f0a4c7e",
        "safari-web-extension://0F9A2B7C-11AB-4D5E-8C3D-1A2B3C4D5E6F",
        "capacitor://app.exam.example:8100",
    ] {
        let origins: AllowedOrigins = format!("https://exam.example, {origin}").parse().unwrap();
        assert!(origins.contains(origin), "{origin}");
        assert_eq!(
            origins.to_string(),
            format!("https://exam.example, {origin}")
        );
    }
    let origins: AllowedOrigins = APP.parse().unwrap();
    for other in [
        "capacitor://localhost/",
        "capacitor://localhost.evil.example",
        "CAPACITOR://localhost",
        "capacitor://LOCALHOST",
        "ionic://localhost",
    ] {
        assert!(!origins.contains(other), "{other}");
    }
    for bad in [
        "null",
        "*",
        "capacitor://*",
        "capacitor://",
        "capacitor:localhost",
        "capacitor:///x",
        "capacitor://localhost/",
        "capacitor://localhost?x",
        "capacitor://localhost#x",
        "capacitor://user@localhost",
        "capacitor://localhost:0",
        "capacitor://localhost:99999",
        "capacitor://local host",
        "Capacitor://localhost",
        "1app://localhost",
        "://localhost",
        "file://localhost",
        "data://x",
        "blob://x",
        "javascript://x",
        "about://blank",
        "ws://exam.example",
    ] {
        let error = bad.parse::<AllowedOrigins>().unwrap_err().to_string();
        assert!(
            error.contains(&format!("`{bad}` is not an origin")),
            "{error}"
        );
    }
}

async fn a_page_of_an_app_may_send_and_read(framework: Framework) {
    let mut http = HttpConfig::default();
    http.cookies = Some(CookieConfig::new());
    http.allowed_origins = APP.parse().unwrap();
    let client = Client::with(framework, config(), http);
    let asked = Request::new("OPTIONS", "/login")
        .header("Origin", APP)
        .header("Access-Control-Request-Method", "POST");
    let asked = client.send(asked).await;
    assert_eq!(asked.header("access-control-allow-origin"), APP);
    let read = client.send(get("/profile").header("Origin", APP)).await;
    assert_eq!(read.header("access-control-allow-origin"), APP);
    let open = crate::request::post("/login", json!({}))
        .header("Origin", APP)
        .header("Sec-Fetch-Site", "cross-site")
        .header("Admittance-Session", "cookie");
    assert_eq!(client.send(open).await.code(), (422, "validation_failed"));
}

async fn behind_a_proxy_that_rewrites_the_host_pages_of_the_own_origin_are_accepted(
    framework: Framework,
) {
    let refresh = async |own: &str, origin: &str| {
        let mut http = with_cookies();
        if !own.is_empty() {
            http.own_origins = AllowedOrigins::of_url(own).unwrap();
        }
        let mut browser = Browser::at(framework, http);
        browser.register("ann@example.org").await;
        let request = browser
            .request("POST /refresh", None)
            .with("Host", "10.0.0.7:3000")
            .with("Origin", origin)
            .without("Sec-Fetch-Site");
        let answer = browser.client.send(request).await;
        assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
        answer.status
    };
    assert_eq!(refresh("", OWN).await, 403);
    assert_eq!(refresh("https://exam.example/accounts", OWN).await, 200);
    for other in [
        "https://evil.example",
        "https://exam.example.evil.example",
        "http://exam.example",
        "https://exam.example:8443",
        "null",
    ] {
        assert_eq!(refresh("https://exam.example", other).await, 403, "{other}");
    }
    // The cookies are not sent over what anybody in between can change.
    assert_eq!(
        refresh("http://exam.example", "http://exam.example").await,
        403
    );
    for bad in ["", "exam.example", "capacitor://localhost", "/accounts"] {
        assert!(AllowedOrigins::of_url(bad).is_err(), "{bad}");
    }
}

async fn a_page_may_send_the_headers_that_the_settings_allow(framework: Framework) {
    let mut http = with_cookies();
    let names = ["traceparent", "tracestate", "sentry-trace"];
    http.allowed_headers = names.map(|name| name.parse().unwrap()).into();
    let client = Client::with(framework, config(), http.clone());
    let asked = Request::new("OPTIONS", "/profile")
        .header("Origin", crate::browser::LISTED)
        .header("Access-Control-Request-Method", "PATCH")
        .header("Access-Control-Request-Headers", "if-match, traceparent");
    let asked = client.send(asked).await;
    assert_eq!(
        asked.header("access-control-allow-headers"),
        "authorization, content-type, if-match, admittance-session, traceparent, tracestate, \
         sentry-trace"
    );
    http.allowed_headers = vec!["*".parse().unwrap()];
    let bed = Bed::with(admittance::AuthConfig::new("Exam simulator"));
    let refused = AuthApi::with_config(bed.auth, http).err();
    assert!(
        matches!(
            refused,
            Some(ConfigError::Invalid {
                setting: "http.allowed_headers",
                ..
            })
        ),
        "{refused:?}"
    );
}

/// Browsers open a WebSocket to any host, with its cookies.
async fn opening_a_websocket_from_a_foreign_page_is_a_documented_refusal_everywhere(
    framework: Framework,
) {
    let mut http = with_cookies();
    http.admin = true;
    let mut browser = Browser::at(framework, http);
    browser.register("ann@example.org").await;
    let mut refused = 0;
    let paths = browser.client.document.value()["paths"]
        .as_object()
        .unwrap();
    for (path, methods) in paths {
        let security = methods["get"]["security"].as_array();
        if security.is_none_or(Vec::is_empty) {
            continue;
        }
        let path = path.replace("{id}", "0123456789abcdef01234567");
        let request = browser
            .request(&format!("GET {path}"), None)
            .with("Origin", "https://evil.example")
            .with("Sec-Fetch-Site", "cross-site")
            .header("Upgrade", "websocket");
        // That it is documented is checked of every answer.
        let answer = browser.client.send(request).await;
        assert_eq!(answer.code(), (403, "forbidden"), "{path}");
        refused += 1;
    }
    assert!(refused >= 8, "{refused}");
}
