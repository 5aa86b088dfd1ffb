//! What a stranger can tell from the answers: states of accounts against
//! endpoints that take an email address, byte for byte.

use std::net::SocketAddr;

use admittance::email::Email;
use admittance::http::AuthApi;
use admittance::id::UserId;
use admittance::lockout::LockoutPolicy;
use admittance::password::Argon2Params;
use admittance::store::{InsertUser, MemoryStore, UserStore};
use admittance::user::{PasswordHash, User, UserStatus};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode, header};
use serde_json::json;
use tower::ServiceExt;

use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config};

/// Each of the same length, so that nothing but the state differs.
const STATES: [(&str, &str); 6] = [
    ("absent", "user-a@example.org"),
    ("present", "user-b@example.org"),
    ("disabled", "user-c@example.org"),
    ("corrupt hash", "user-d@example.org"),
    ("hash of an old cost", "user-e@example.org"),
    ("hash of another scheme", "user-f@example.org"),
];

type Ask = fn(&str) -> serde_json::Value;
pub(crate) type Answer = (StatusCode, HeaderMap, Bytes);

/// A server with one account in each state.
async fn server() -> (Bed, Router) {
    let store = MemoryStore::new();
    let mut older = config();
    older.hashing.params = Argon2Params::new(16, 2, 1).unwrap();
    Bed::over(store.clone(), older).register(STATES[4].1).await;
    let bed = Bed::over(store, config());
    let present = bed.register(STATES[1].1).await;
    let present = bed.store.user(present.user_id).await.unwrap().unwrap();
    let corrupt = "$argon2id$v=19$m=8,t=1,p=1$!!$!!";
    let foreign = "$2b$12$abcdefghijklmnopqrstuv";
    for (state, hash, status) in [
        (2, None, UserStatus::Disabled),
        (3, Some(corrupt), UserStatus::Active),
        (5, Some(foreign), UserStatus::Active),
    ] {
        let user = User {
            id: UserId::from_bytes([u8::try_from(state).unwrap(); 12]),
            email: Email::parse(STATES[state].1).unwrap(),
            password_hash: hash
                .map(PasswordHash::new)
                .or(present.password_hash.clone()),
            status,
            ..present.clone()
        };
        assert_eq!(
            bed.store.insert_user(&user).await.unwrap(),
            InsertUser::Inserted
        );
    }
    let router = admittance::axum::router(&AuthApi::new(bed.auth.clone()));
    (bed, router)
}

async fn post(router: &Router, path: &str, body: &serde_json::Value) -> Answer {
    send(router, path, body, None).await
}

/// Posts `body`, as the holder of `token`.
pub(crate) async fn send(
    router: &Router,
    path: &str,
    body: &serde_json::Value,
    token: Option<&str>,
) -> Answer {
    let mut request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let mut request = request.body(Body::from(body.to_string())).unwrap();
    let peer: SocketAddr = "192.0.2.7:4711".parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(peer));
    let (parts, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    (parts.status, parts.headers, body)
}

/// Sends `requests` in turn about an account in each state, each to a server
/// of its own, and compares what comes back with the first.
async fn assert_alike(states: &[(&str, &str)], path: &str, requests: &[Ask], statuses: &[u16]) {
    let mut first: Option<Vec<Answer>> = None;
    for (state, email) in states {
        let (_bed, router) = server().await;
        let mut answers = Vec::new();
        for request in requests {
            answers.push(post(&router, path, &request(email)).await);
        }
        let seen: Vec<u16> = answers.iter().map(|answer| answer.0.as_u16()).collect();
        assert_eq!(seen, statuses, "{path}, {state}");
        let first = first.get_or_insert_with(|| answers.clone());
        assert_eq!(*first, answers, "{path}, {state}");
        println!("{path}, {state}: {seen:?}, alike");
    }
}

fn wrong(email: &str) -> serde_json::Value {
    json!({"email": email, "password": OTHER_PASSWORD})
}

fn registration(email: &str, password: &str) -> serde_json::Value {
    json!({
        "email": email, "password": password, "confirm_password": password, "name": "Ann"
    })
}

#[tokio::test]
async fn asvs_6_3_8_a_failing_login_tells_nothing_about_the_account() {
    assert_alike(&STATES, "/login", &[wrong], &[401]).await;
    // Nor does the right password, where the account may not be used.
    let unusable = [STATES[0], STATES[2], STATES[3], STATES[5]];
    let right = |email: &str| json!({"email": email, "password": PASSWORD});
    assert_alike(&unusable, "/login", &[right], &[401]).await;
}

#[tokio::test]
async fn asvs_6_3_8_a_limited_login_tells_nothing_about_the_account() {
    let allowed = LockoutPolicy::default().steps()[0].failures;
    let mut statuses = [401; 12];
    statuses[usize::try_from(allowed).unwrap()..].fill(429);
    assert_alike(&STATES, "/login", &[wrong as Ask; 12], &statuses).await;
}

#[tokio::test]
async fn asvs_6_3_8_a_login_that_breaks_rules_tells_nothing_about_the_account() {
    let requests: [Ask; 4] = [
        |email| json!({"email": email, "password": ""}),
        |email| json!({"email": email}),
        |email| json!({"email": email, "password": "x".repeat(5000)}),
        |email| json!({"email": email, "password": [PASSWORD]}),
    ];
    assert_alike(&STATES, "/login", &requests, &[422, 422, 422, 400]).await;
}

/// The contract lets a registration tell that an address is taken (409); it
/// must not tell more than that, nor tell it to a client that sends rubbish.
#[tokio::test]
async fn asvs_6_3_8_a_registration_tells_no_more_than_that_an_address_is_taken() {
    let weak: Ask = |email| registration(email, "password");
    assert_alike(&STATES, "/register", &[weak], &[422]).await;
    let good: Ask = |email| registration(email, OTHER_PASSWORD);
    assert_alike(&STATES[1..], "/register", &[good], &[409]).await;
}
