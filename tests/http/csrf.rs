//! What pages of other sites make a browser do with the cookies of a session.

use std::time::Duration;

use admittance::audit::AuditPolicy;
use admittance::axum::Authenticator;
use admittance::store::MemoryStore;
use axum::http::{HeaderMap, HeaderName, header};
use serde_json::{Value, json};

use crate::administration::{give, settings};
use crate::browser::{Browser, LISTED, OWN, own_routes, set_cookies, with_cookies};
use crate::client::{Client, registration, send, text};
use support::bed::{Bed, PASSWORD};

const ANN: &str = "ann@example.org";

/// Headers that say where a request comes from.
type Source = [(&'static str, &'static str)];

/// Where a request comes from, and whether it is let through.
const SOURCES: [(&str, &Source, bool); 16] = [
    (
        "a page of ours",
        &[("sec-fetch-site", "same-origin"), ("origin", OWN)],
        true,
    ),
    ("the person", &[("sec-fetch-site", "none")], true),
    (
        "a listed page",
        &[("sec-fetch-site", "same-site"), ("origin", LISTED)],
        true,
    ),
    (
        "an old browser on a page of ours",
        &[("origin", OWN), ("host", "exam.example")],
        true,
    ),
    (
        "the same, with the port",
        &[("origin", OWN), ("host", "exam.example:443")],
        true,
    ),
    (
        "another site",
        &[
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://evil.example"),
        ],
        false,
    ),
    (
        "a neighbour",
        &[
            ("sec-fetch-site", "same-site"),
            ("origin", "https://blog.exam.example"),
        ],
        false,
    ),
    (
        "a neighbour without an origin",
        &[("sec-fetch-site", "same-site")],
        false,
    ),
    (
        "a sandbox",
        &[("sec-fetch-site", "cross-site"), ("origin", "null")],
        false,
    ),
    (
        "an old browser elsewhere",
        &[("origin", "https://evil.example"), ("host", "exam.example")],
        false,
    ),
    (
        "another port",
        &[
            ("origin", "https://exam.example:8443"),
            ("host", "exam.example"),
        ],
        false,
    ),
    (
        "an unencrypted page",
        &[("origin", "http://exam.example"), ("host", "exam.example")],
        false,
    ),
    (
        "a longer name",
        &[
            ("origin", "https://exam.example.evil.example"),
            ("host", "exam.example"),
        ],
        false,
    ),
    ("nobody says", &[("host", "exam.example")], false),
    (
        "two origins",
        &[
            ("origin", OWN),
            ("origin", "https://evil.example"),
            ("host", "exam.example"),
        ],
        false,
    ),
    (
        "two sites",
        &[
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-origin"),
        ],
        false,
    ),
];

fn from(source: &Source, headers: &mut HeaderMap) {
    for name in ["sec-fetch-site", "origin", "host"] {
        headers.remove(name);
    }
    for (name, value) in source {
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, value.parse().unwrap());
    }
}

#[tokio::test]
async fn asvs_3_5_1_a_foreign_page_changes_nothing_with_the_cookies() {
    for (name, source, allowed) in SOURCES {
        let mut browser = Browser::new();
        browser.register(ANN).await;
        let send = async |line: &str, body: Option<Value>| {
            let mut request = browser.request(line, body.as_ref());
            from(source, request.headers_mut());
            browser.client.send(request).await
        };
        // Reading is the same from everywhere: no script of theirs gets to see it.
        assert_eq!(send("GET /profile", None).await.status, 200, "{name}");
        let login = json!({"email": ANN, "password": PASSWORD});
        let lines = [
            ("PUT /profile", Some(json!({"name": "Eve"}))),
            ("POST /refresh", None),
            ("DELETE /sessions", None),
            ("POST /logout", None),
            ("POST /login", Some(login)),
            ("POST /register", Some(registration("lee@example.org"))),
        ];
        for (line, body) in lines {
            let answer = send(line, body).await;
            if allowed {
                assert!(answer.status.is_success(), "{name}: {line}: {answer:?}");
            } else {
                assert_eq!(answer.code(), (403, "forbidden"), "{name}: {line}");
                assert!(set_cookies(&answer).is_empty(), "{name}: {line}");
            }
        }
        if !allowed {
            let profile = browser.ask("GET /profile", None).await;
            assert_eq!(text(&profile.body, "name"), "Ann", "{name}");
        }
    }
}

#[tokio::test]
async fn asvs_3_5_1_it_holds_for_the_applications_own_routes() {
    let mut browser = Browser::new();
    let app = own_routes(Authenticator::from(&browser.client.api));
    let nobody = send(&app, browser.request("GET /perhaps", None)).await;
    assert_eq!(nobody.body, "nobody");
    browser.register(ANN).await;
    for path in ["/hello", "/perhaps"] {
        for method in ["GET", "HEAD", "POST", "DELETE", "PATCH"] {
            let mut request = browser.request(&format!("{method} {path}"), None);
            assert_eq!(send(&app, request).await.status, 200, "{method}");
            request = browser.request(&format!("{method} {path}"), None);
            from(&[("sec-fetch-site", "cross-site")], request.headers_mut());
            let wanted = if matches!(method, "GET" | "HEAD") {
                200
            } else {
                403
            };
            assert_eq!(send(&app, request).await.status, wanted, "{method}");
        }
        // What opens a WebSocket is a GET, whose answer any page may read.
        for upgrade in ["websocket", "WebSocket", "h2c, websocket"] {
            for (source, wanted) in [("same-origin", 200), ("cross-site", 403)] {
                let mut request = browser.request(&format!("GET {path}"), None);
                from(&[("sec-fetch-site", source)], request.headers_mut());
                let upgrade = upgrade.parse().unwrap();
                request.headers_mut().insert(header::UPGRADE, upgrade);
                assert_eq!(send(&app, request).await.status, wanted, "{source}");
            }
        }
    }
}

/// HTTP/2 names the host beside the headers (RFC 9113 §8.3.1). So does what opens
/// a WebSocket there, for which browsers send no `Sec-Fetch-Site`.
#[tokio::test]
async fn asvs_3_5_1_the_host_of_http_2_is_the_host() {
    let mut browser = Browser::new();
    let app = own_routes(Authenticator::from(&browser.client.api));
    browser.register(ANN).await;
    for (origin, allowed) in [
        ("https://exam.example", true),
        ("https://blog.exam.example", false),
        ("http://exam.example", false),
        ("null", false),
    ] {
        for method in ["CONNECT", "POST"] {
            let line = format!("{method} https://exam.example/hello");
            let mut request = browser.request(&line, None);
            from(&[("origin", origin)], request.headers_mut());
            let wanted = if allowed { 200 } else { 403 };
            let answer = send(&app, request).await;
            assert_eq!(answer.status, wanted, "{method} from {origin}");
        }
        let mut request = browser.request(
            "PUT https://exam.example/profile",
            Some(&json!({"name": "Eve"})),
        );
        from(&[("origin", origin)], request.headers_mut());
        let wanted = if allowed { 200 } else { 403 };
        assert_eq!(
            browser.client.send(request).await.status,
            wanted,
            "{origin}"
        );
    }
    // A header that names it goes before.
    let mut request = browser.request("POST https://exam.example/hello", None);
    let source = [("origin", OWN), ("host", "blog.exam.example")];
    from(&source, request.headers_mut());
    assert_eq!(send(&app, request).await.status, 403);
}

/// A browser sends a dead cookie by itself, for as long as it has it. What is for
/// everybody is for that browser, too.
#[tokio::test]
async fn an_optional_user_with_a_dead_cookie_is_nobody_where_nothing_changes() {
    let mut browser = Browser::new();
    let app = own_routes(Authenticator::from(&browser.client.api));
    browser.register(ANN).await;
    let answer = send(&app, browser.request("GET /perhaps", None)).await;
    assert_eq!(answer.body, "somebody");
    browser.client.bed.clock.advance(Duration::from_secs(901));
    for method in ["GET", "HEAD", "POST", "DELETE"] {
        let request = browser.request(&format!("{method} /perhaps"), None);
        let answer = send(&app, request).await;
        let is_read = matches!(method, "GET" | "HEAD");
        assert_eq!(answer.status, if is_read { 200 } else { 401 }, "{method}");
        assert!(method != "GET" || answer.body == "nobody");
    }
    // Who opens a WebSocket wants to do something.
    let mut request = browser.request("GET /perhaps", None);
    let headers = request.headers_mut();
    headers.insert(header::UPGRADE, "websocket".parse().unwrap());
    assert_eq!(send(&app, request).await.status, 401);
    // A program can leave out its token.
    let mut request = browser.request("GET /perhaps", None);
    let headers = request.headers_mut();
    headers.insert(header::AUTHORIZATION, "Bearer x".parse().unwrap());
    assert_eq!(send(&app, request).await.status, 401);
}

/// The browser of an administrator of a server with an audit log, and the
/// administrator's id.
async fn administrator() -> (Browser, String) {
    let mut http = with_cookies();
    http.admin = true;
    let store = MemoryStore::new();
    let bed = Bed::built(store.clone(), settings(), |builder, _| {
        builder.audit_log(store, AuditPolicy::default())
    });
    let mut browser = Browser::at(http.clone());
    browser.client = Client::over(bed, http);
    let registered = browser.register(ANN).await.body;
    give(&browser.client, &registered, "admin").await;
    (browser, text(&registered, "user_id").to_owned())
}

/// The audit log holds so many events of each user, and says who looked at whom.
#[tokio::test]
async fn asvs_3_5_1_no_foreign_page_leaves_a_trace_in_the_audit_log() {
    let paths = [
        "/account/export",
        "/admin/users/{}",
        "/admin/users/{}/sessions",
        "/admin/users/{}/events",
    ];
    for (name, source, is_own) in SOURCES {
        let (mut browser, ann) = administrator().await;
        for path in paths {
            let line = format!("GET {}", path.replace("{}", &ann));
            let mut request = browser.request(&line, None);
            from(source, request.headers_mut());
            let answer = browser.client.send(request).await;
            // Where no header says anything, no browser with pages of others does.
            if is_own || name == "nobody says" {
                assert_eq!(answer.status, 200, "{name}: {line}: {answer:?}");
            } else {
                assert_eq!(answer.code(), (403, "forbidden"), "{name}: {line}");
            }
        }
        browser.client.bed.auth.flush_events().await;
        let events = browser.ask("GET /account/events", None).await;
        let kept = events.body["events"].as_array().unwrap().iter();
        let exports = kept.filter(|event| event["operation"] == "export_account");
        assert_eq!(
            exports.count() == 0,
            !is_own && name != "nobody says",
            "{name}"
        );
    }
}

#[tokio::test]
async fn the_authorization_header_goes_before_cookies() {
    let mut browser = Browser::new();
    browser.register(ANN).await;
    let lee = browser.client.register("lee@example.org").await;
    let mut request = browser.request("GET /profile", None);
    let value = format!("Bearer {}", text(&lee, "token"));
    request
        .headers_mut()
        .insert(header::AUTHORIZATION, value.parse().unwrap());
    // It is no cookie, so where it comes from does not matter.
    from(&[("sec-fetch-site", "cross-site")], request.headers_mut());
    let profile = browser.client.send(request).await;
    assert_eq!(text(&profile.body, "email"), "lee@example.org");
    let mut broken = browser.request("GET /profile", None);
    let headers = broken.headers_mut();
    headers.insert(header::AUTHORIZATION, "Basic QTpC".parse().unwrap());
    assert_eq!(
        browser.client.send(broken).await.code(),
        (401, "invalid_token")
    );
}
