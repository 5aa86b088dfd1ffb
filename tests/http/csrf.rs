//! What pages of other sites make a browser do with the cookies of a session.

use std::time::Duration;

use serde_json::{Value, json};

use crate::administration::settings;
use crate::browser::{Browser, LISTED, OWN, with_cookies};
use crate::client::{Client, registration, text};
use crate::request::{Request, get};
use crate::set_cookie::set_cookies;
use crate::transport::{Framework, each_framework};
use support::bed::PASSWORD;

each_framework!(
    asvs_3_5_1_a_foreign_page_changes_nothing_with_the_cookies,
    asvs_3_5_1_it_holds_for_the_applications_own_routes,
    asvs_3_5_1_the_host_of_http_2_is_the_host,
    an_optional_user_with_a_dead_cookie_is_nobody_where_nothing_changes,
    asvs_3_5_1_no_foreign_page_leaves_a_trace_in_the_audit_log,
    the_authorization_header_goes_before_cookies,
);

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

fn from(source: &Source, request: Request) -> Request {
    let names = ["sec-fetch-site", "origin", "host"];
    let bare = names.into_iter().fold(request, Request::without);
    let add = |request: Request, (name, value): &(&str, &str)| request.header(name, value);
    source.iter().fold(bare, add)
}

async fn asvs_3_5_1_a_foreign_page_changes_nothing_with_the_cookies(framework: Framework) {
    for (name, source, allowed) in SOURCES {
        let mut browser = Browser::new(framework);
        browser.register(ANN).await;
        let send = async |line: &str, body: Option<Value>| {
            let request = browser.request(line, body.as_ref());
            browser.client.send(from(source, request)).await
        };
        // Reading is allowed from everywhere: their scripts do not see the answer.
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
                assert!(answer.is_success(), "{name}: {line}: {answer:?}");
            } else {
                assert_eq!(answer.code(), (403, "forbidden"), "{name}: {line}");
                assert!(set_cookies(&answer).is_empty(), "{name}: {line}");
            }
        }
        if !allowed {
            let profile = browser.ask("GET /profile", None).await;
            assert_eq!(text(&profile.json, "name"), "Ann", "{name}");
        }
    }
}

async fn asvs_3_5_1_it_holds_for_the_applications_own_routes(framework: Framework) {
    let mut browser = Browser::new(framework);
    let nobody = browser.ask("GET /perhaps", None).await;
    assert_eq!(nobody.json, json!({ "hello": null }));
    browser.register(ANN).await;
    let status = async |line: &str, source: &Source, upgrade: Option<&str>| {
        let request = from(source, browser.request(line, None));
        let request = match upgrade {
            Some(upgrade) => request.header("Upgrade", upgrade),
            None => request,
        };
        browser.client.send(request).await.status
    };
    let own = [("sec-fetch-site", "same-origin")];
    let foreign = [("sec-fetch-site", "cross-site")];
    for path in ["/hello", "/perhaps"] {
        for method in ["GET", "HEAD", "POST", "DELETE", "PATCH"] {
            let line = format!("{method} {path}");
            assert_eq!(status(&line, &own, None).await, 200, "{line}");
            let wanted = if matches!(method, "GET" | "HEAD") {
                200
            } else {
                403
            };
            assert_eq!(status(&line, &foreign, None).await, wanted, "{line}");
        }
        // A WebSocket opens with a GET, and every page may read what comes over it.
        for upgrade in ["websocket", "WebSocket", "h2c, websocket"] {
            let line = format!("GET {path}");
            for (source, wanted) in [(&own, 200), (&foreign, 403)] {
                let status = status(&line, source, Some(upgrade)).await;
                assert_eq!(status, wanted, "{line} {source:?}");
            }
        }
    }
}

/// HTTP/2 names the host outside the headers (RFC 9113 §8.3.1). So does the CONNECT that
/// opens a WebSocket there, for which browsers send no `Sec-Fetch-Site`.
async fn asvs_3_5_1_the_host_of_http_2_is_the_host(framework: Framework) {
    let mut browser = Browser::new(framework);
    browser.register(ANN).await;
    let status = async |line: &str, source: &Source| {
        let body = line.starts_with("PUT").then(|| json!({"name": "Eve"}));
        let request = from(source, browser.request(line, body.as_ref()));
        browser.client.send(request).await.status
    };
    for (origin, allowed) in [
        ("https://exam.example", true),
        ("https://blog.exam.example", false),
        ("http://exam.example", false),
        ("null", false),
    ] {
        let wanted = if allowed { 200 } else { 403 };
        for line in [
            "CONNECT https://exam.example/hello",
            "POST https://exam.example/hello",
            "POST https://exam.example/perhaps",
            "PUT https://exam.example/profile",
        ] {
            let status = status(line, &[("origin", origin)]).await;
            assert_eq!(status, wanted, "{line} from {origin}");
        }
    }
    // A `Host` header takes precedence.
    let source = [("origin", OWN), ("host", "blog.exam.example")];
    let refused = status("POST https://exam.example/hello", &source).await;
    assert_eq!(refused, 403);
    let source = [("origin", "https://blog.exam.example"), source[1]];
    let accepted = status("POST https://exam.example/hello", &source).await;
    assert_eq!(accepted, 200);
}

/// A browser sends a dead cookie as long as it has it. What is open to everybody must be
/// open to that browser too.
async fn an_optional_user_with_a_dead_cookie_is_nobody_where_nothing_changes(framework: Framework) {
    let mut browser = Browser::new(framework);
    browser.register(ANN).await;
    let answer = browser.ask("GET /perhaps", None).await;
    assert_eq!(answer.json, json!({ "hello": "Ann" }));
    browser.client.bed.clock.advance(Duration::from_secs(901));
    for method in ["GET", "HEAD", "POST", "DELETE"] {
        let answer = browser.ask(&format!("{method} /perhaps"), None).await;
        let is_read = matches!(method, "GET" | "HEAD");
        assert_eq!(answer.status, if is_read { 200 } else { 401 }, "{method}");
        assert!(method != "GET" || answer.json == json!({ "hello": null }));
    }
    for request in [
        // A WebSocket may change something.
        browser
            .request("GET /perhaps", None)
            .header("Upgrade", "websocket"),
        // A program can leave out its token.
        browser.request("GET /perhaps", None).bearer("x"),
        browser.request("GET /hello", None),
    ] {
        let answer = browser.client.send(request).await;
        assert_eq!(answer.code(), (401, "invalid_token"));
    }
}

/// A browser in which an administrator of a server with an audit log is logged in, and
/// the administrator's id.
async fn administrator(framework: Framework) -> (Browser, String) {
    let mut http = with_cookies();
    http.admin = true;
    let client = Client::audited(framework, settings(), http);
    let jar = Vec::new();
    let mut browser = Browser { client, jar };
    let registered = browser.register(ANN).await.json;
    browser.client.give(&registered, "admin").await;
    (browser, text(&registered, "user_id").to_owned())
}

/// The audit log holds a limited number of events per user, and records who looked at
/// whom.
async fn asvs_3_5_1_no_foreign_page_leaves_a_trace_in_the_audit_log(framework: Framework) {
    let paths = [
        "/account/export",
        "/admin/users/{}",
        "/admin/users/{}/sessions",
        "/admin/users/{}/events",
    ];
    for (name, source, is_own) in SOURCES {
        let (mut browser, ann) = administrator(framework).await;
        for path in paths {
            let line = format!("GET {}", path.replace("{}", &ann));
            let request = from(source, browser.request(&line, None));
            let answer = browser.client.send(request).await;
            // Every browser that shows pages of others sends one of the headers.
            if is_own || name == "nobody says" {
                assert_eq!(answer.status, 200, "{name}: {line}: {answer:?}");
            } else {
                assert_eq!(answer.code(), (403, "forbidden"), "{name}: {line}");
            }
        }
        browser.client.bed.auth.flush_events().await;
        let events = browser.ask("GET /account/events", None).await;
        let kept = events.json["events"].as_array().unwrap().iter();
        let exports = kept.filter(|event| event["operation"] == "export_account");
        assert_eq!(
            exports.count() == 0,
            !is_own && name != "nobody says",
            "{name}"
        );
    }
}

async fn the_authorization_header_goes_before_cookies(framework: Framework) {
    let mut browser = Browser::new(framework);
    browser.register(ANN).await;
    let lee = browser.client.register("lee@example.org").await;
    // It is no cookie, so the origin does not matter.
    let request = browser.request("GET /profile", None);
    let request = from(&[("sec-fetch-site", "cross-site")], request);
    let request = request.bearer(text(&lee, "token"));
    let profile = browser.client.send(request).await;
    assert_eq!(text(&profile.json, "email"), "lee@example.org");
    let broken = browser.request("GET /profile", None);
    let broken = broken.header("Authorization", "Bearer");
    let refused = browser.client.send(broken).await;
    assert_eq!(refused.code(), (401, "invalid_token"));
    // Another scheme's credentials are for a proxy, and the cookie counts, with its check.
    let basic = |line| {
        let request = browser.request(line, None);
        request.header("Authorization", "Basic QTpC")
    };
    let profile = browser.client.send(basic("GET /profile")).await;
    assert_eq!(text(&profile.json, "email"), ANN);
    let foreign = from(&[("sec-fetch-site", "cross-site")], basic("POST /logout"));
    let refused = browser.client.send(foreign).await;
    assert_eq!(refused.code(), (403, "forbidden"));
    // A dead cookie reads what is for anybody as nobody.
    let dead = get("/perhaps")
        .header("Authorization", "Basic QTpC")
        .header("Cookie", "__Host-admittance_token=x");
    let nobody = browser.client.send(dead).await;
    assert_eq!(nobody.json, json!({ "hello": null }));
}
