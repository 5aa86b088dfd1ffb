//! The routes of the contract, and what is not theirs.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use admittance::http::{self, HttpConfig};
use admittance::limit::Quota;
use admittance::warp::{recover_all, routes};
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt, stream};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use serde_json::json;
use tokio::time::Instant;
use tower::ServiceExt;
use warp::Filter;
use warp::http::{Request, Response};

use crate::warp::client::{Answer, Client, app, bearer, read, registration, request, send};
use support::bed::config;

fn with_admin(admin: bool) -> Client {
    let mut http = HttpConfig::default();
    http.admin = admin;
    Client::with(config(), http)
}

#[tokio::test]
async fn asvs_4_1_4_every_path_of_the_contract_is_answered_here_by_whatever_method() {
    let client = with_admin(true);
    let app = app(routes(&client.api));
    for route in http::routes()
        .iter()
        .filter(|route| route.path != "/openapi.json")
    {
        let path = route
            .path
            .replace("{id}", "0123456789abcdef01234567")
            .replace("{session_id}", "x");
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE"] {
            let name = format!("{method} {path}");
            let answer = send(&app, request(method, &path)).await;
            let is_there = route
                .methods
                .iter()
                .any(|(there, _)| there == method || there == "GET" && method == "HEAD");
            assert_eq!(answer.status != 405, is_there, "{name}");
            assert_ne!(answer.status, 404, "{name}");
            assert_eq!(answer.header("cache-control"), "no-store", "{name}");
            let allow = if is_there { "" } else { answer.header("allow") };
            assert_eq!(allow.is_empty(), is_there, "{name}");
        }
    }
}

#[tokio::test]
async fn the_journey_over_warp_is_that_of_the_contract() {
    let client = Client::new();
    let app = app(routes(&client.api));
    let ann = registration("ann@example.org");
    let registered = send(&app, request("POST", "/register").json(&ann)).await;
    assert_eq!(registered.status, 201);
    assert_eq!(registered.header("content-type"), "application/json");
    let token = registered.body["token"].as_str().unwrap();

    let profile = send(&app, bearer("GET", "/profile", token)).await;
    assert_eq!(profile.body["email"], "ann@example.org");
    let head = send(&app, bearer("HEAD", "/profile", token)).await;
    assert_eq!(head.text(), (200, ""));
    let length = profile.text().1.len().to_string();
    assert_eq!(head.header("content-length"), length);

    // The id in a path and the address of the client.
    let sessions = send(&app, bearer("GET", "/sessions", token)).await;
    let session = &sessions.body["sessions"][0];
    assert_eq!(session["ip"], "192.0.2.7");
    let id = session["session_id"].as_str().unwrap();
    let ended = send(&app, bearer("DELETE", &format!("/sessions/{id}"), token)).await;
    assert_eq!(ended.text(), (204, ""));
    let profile = send(&app, bearer("GET", "/profile", token)).await;
    assert_eq!(profile.code(), (401, "invalid_token"));
    assert_eq!(
        profile.header("www-authenticate"),
        "Bearer error=\"invalid_token\""
    );
}

#[tokio::test]
async fn a_query_reaches_its_endpoint() {
    let client = Client::new();
    let app = app(routes(&client.api));
    let token = client.register("ann@example.org").await;
    let answer = send(&app, bearer("GET", "/account/events?limit=x", &token)).await;
    assert_eq!(answer.code(), (400, "malformed_request"));
    let answer = send(&app, bearer("GET", "/account/events?limit=2", &token)).await;
    assert_ne!(answer.status, 400);
}

#[tokio::test]
async fn what_is_no_path_of_the_contract_is_left_to_the_application() {
    let client = with_admin(false);
    let own = warp::path::full().map(|path: warp::path::FullPath| path.as_str().to_owned());
    let app = app(routes(&client.api).or(own));
    for path in [
        "/",
        "/nothing",
        "/login/",
        "//login",
        "/login/x",
        "/LOGIN",
        "/%6Cogin",
        "/sessions/",
        "/sessions/x/y",
        "/admin/users",
        "/admin/users/x/sessions/y",
    ] {
        for method in ["GET", "POST"] {
            let answer = send(&app, request(method, path)).await;
            assert_eq!(answer.text(), (200, path), "{method}");
        }
    }
    let answer = send(&app, request("GET", "/login")).await;
    assert_eq!(answer.code(), (405, "method_not_allowed"));
}

#[tokio::test]
async fn the_routes_may_stand_behind_a_path() {
    let client = Client::new();
    let app = app(warp::path("auth")
        .and(routes(&client.api))
        .recover(recover_all));
    let token = client.register("ann@example.org").await;
    let profile = send(&app, bearer("GET", "/auth/profile", &token)).await;
    assert_eq!(profile.body["email"], "ann@example.org");
    for path in ["/profile", "/auth", "/auth/", "/auth//profile"] {
        let answer = send(&app, bearer("GET", path, &token)).await;
        assert_eq!(answer.code(), (404, "not_found"), "{path}");
    }
}

/// The answer to a login whose body comes in pieces, with no length told.
async fn post(
    client: &Client,
    pieces: impl Stream<Item = io::Result<Bytes>> + Send + Sync + 'static,
) -> Answer {
    let request = Request::post("/login")
        .header("content-type", "application/json")
        .body(StreamBody::new(pieces.map_ok(Frame::data)))
        .unwrap();
    let service = warp::service(routes(&client.api));
    let (parts, body) = service.oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    read(Response::from_parts(parts, body))
}

#[tokio::test]
async fn ghsa_47_a_body_without_a_length_is_read_up_to_the_cap() {
    let client = Client::new();
    let read = Arc::new(AtomicUsize::new(0));
    let endless = stream::repeat_with({
        let read = Arc::clone(&read);
        move || {
            read.fetch_add(1, Ordering::SeqCst);
            Ok(Bytes::from_static(&[b' '; 1024]))
        }
    });
    let answer = post(&client, endless).await;
    assert_eq!(answer.code(), (413, "payload_too_large"));
    // The 64 that fit, and the one that does not.
    assert_eq!(read.load(Ordering::SeqCst), 65);

    let login = json!({"email": "ann@example.org", "password": "wrong"}).to_string();
    let bytes = login.into_bytes().into_iter();
    let pieces = bytes.map(|byte| Ok(Bytes::from(vec![byte])));
    let answer = post(&client, stream::iter(pieces)).await;
    assert_eq!(answer.code(), (401, "invalid_credentials"));

    let broken = [
        Ok(Bytes::from_static(b"{")),
        Err(io::ErrorKind::ConnectionReset.into()),
    ];
    let answer = post(&client, stream::iter(broken)).await;
    assert_eq!(answer.code(), (400, "malformed_request"));
    assert_eq!(answer.body["detail"], "The request's body broke off.");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_waited_for_so_long_and_no_longer() {
    let client = Client::new();
    let begun = Instant::now();
    let answer = post(&client, stream::pending()).await;
    assert_eq!(answer.code(), (408, "request_timeout"));
    assert_eq!(begun.elapsed().as_secs(), 30);
}

#[tokio::test]
async fn asvs_6_3_1_limits_count_the_clients_one_by_one() {
    let mut settings = config();
    settings.limits.register_by_address = Some(Quota::new(1, Duration::from_secs(60)));
    let client = Client::with(settings, HttpConfig::default());
    let app = app(routes(&client.api));
    let register = async |email: &str, peer: &str| {
        let request = request("POST", "/register")
            .remote_addr(format!("{peer}:4711").parse().unwrap())
            .json(&registration(email));
        send(&app, request).await
    };
    assert_eq!(register("ann@example.org", "192.0.2.7").await.status, 201);
    let again = register("ben@example.org", "192.0.2.7").await;
    assert_eq!(again.code(), (429, "rate_limited"));
    assert_ne!(again.header("retry-after"), "");
    assert_eq!(register("ben@example.org", "192.0.2.8").await.status, 201);
}
