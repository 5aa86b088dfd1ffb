//! Groups of routes behind a guard. A route for every other path comes after them: it must
//! never answer for them.

use std::time::Duration;

use admittance::authz::{Permission, Role, RolePolicy};
use admittance::axum::Authenticator;
use admittance::clock::Clock;
use admittance::http::{AuthApi, CurrentUser, Guard, HttpConfig};
use admittance::mail::MailKind;
use admittance::store::Store;
use admittance::warp::{protect, routes};
use axum::Router;
use axum::routing::any;
use serde_json::json;
use support::bed::{Bed, PASSWORD, config};
use support::faulty::FaultyStore;
use warp::Filter;

use crate::browser::{Browser, OWN};
use crate::client::{Client, text};
use crate::request::{Request, get};
use crate::transport::{App, Framework, each_framework};

each_framework!(
    a_guard_lets_in_only_a_live_session,
    asvs_8_2_1_a_guard_requires_every_permission,
    a_guard_requires_a_verified_address,
    asvs_7_5_3_a_guard_requires_a_recent_login,
    asvs_3_5_1_a_guard_refuses_a_page_of_another_site,
    asvs_16_5_3_a_guard_lets_nobody_in_while_the_store_is_down,
);

/// What the route for every other path answers.
const OTHER: &str = "another page";

/// An application whose paths below `/exams` are behind `guard`.
pub(crate) fn guarded<S: Store, C: Clock>(
    framework: Framework,
    api: &AuthApi<S, C>,
    guard: &Guard,
) -> App {
    let hello = |user: CurrentUser| format!("hello {}", user.user().name.as_str());
    match framework {
        Framework::Axum => Router::new()
            .route("/exams/{id}", any(async move |user| hello(user)))
            .route_layer(guard.clone())
            .merge(admittance::axum::router(api))
            .fallback(async || OTHER)
            .with_state(Authenticator::from(api))
            .into(),
        Framework::Warp => {
            let exams = protect(guard, warp::path!("exams" / ..), |user| {
                user.and(warp::path!(u32)).map(move |user, _| hello(user))
            });
            let other = warp::any().map(|| OTHER);
            App::warp(exams.or(routes(api)).or(other))
        }
    }
}

async fn a_guard_lets_in_only_a_live_session(framework: Framework) {
    let client = Client::new(framework);
    let guard = Guard::session(&Authenticator::from(&client.api));
    let app = guarded(framework, &client.api, &guard);
    let ann = client.register("ann@example.org").await;
    let token = text(&ann, "token");
    let let_in = app.send(&get("/exams/7").bearer(token)).await;
    assert_eq!((let_in.status, let_in.text()), (200, "hello Ann"));
    assert_eq!(app.send(&get("/other")).await.text(), OTHER);

    let bare = app.send(&get("/exams/7")).await;
    assert_eq!(bare.code(), (401, "invalid_token"));
    assert_eq!(bare.header("www-authenticate"), "Bearer");
    assert_eq!(bare.header("content-type"), "application/problem+json");
    client.ask("POST /logout", token, json!(null), "200").await;
    for method in ["GET", "HEAD", "POST", "OPTIONS", "PURGE"] {
        for refused in ["x", "", token] {
            let asked = Request::new(method, "/exams/7").bearer(refused);
            assert_eq!(app.send(&asked).await.status, 401, "{asked}");
        }
    }
}

async fn asvs_8_2_1_a_guard_requires_every_permission(framework: Framework) {
    let may = |permission| Permission::new(permission).unwrap();
    let mut settings = config();
    settings.roles = RolePolicy::new()
        .grant(Role::new("assistant").unwrap(), [may("exam:grade")])
        .grant(
            Role::new("examiner").unwrap(),
            [may("exam:grade"), may("exam:close")],
        )
        .grant(Role::new("clerk").unwrap(), [may("exam:close")]);
    let client = Client::with(framework, settings, HttpConfig::default());
    let guard = Guard::session(&Authenticator::from(&client.api))
        .permission(may("exam:close"))
        .permission(may("exam:grade"));
    let app = guarded(framework, &client.api, &guard);
    let student = client.register("student@example.org").await;
    let student = text(&student, "token").to_owned();
    let assistant = client.with_role("assistant@example.org", "assistant").await;
    let clerk = client.with_role("clerk@example.org", "clerk").await;
    let examiner = client.with_role("examiner@example.org", "examiner").await;
    for (token, expected) in [
        (student, (403, "forbidden")),
        (assistant, (403, "forbidden")),
        (clerk, (403, "forbidden")),
        (examiner, (200, "")),
        ("x".to_owned(), (401, "invalid_token")),
    ] {
        let answer = app.send(&get("/exams/7").bearer(&token)).await;
        assert_eq!(answer.code(), expected);
    }
}

async fn a_guard_requires_a_verified_address(framework: Framework) {
    let client = Client::mailing(framework, config());
    let guard = Guard::session(&Authenticator::from(&client.api)).verified();
    let app = guarded(framework, &client.api, &guard);
    let ann = client.register("ann@example.org").await;
    let token = text(&ann, "token");
    let refused = app.send(&get("/exams/7").bearer(token)).await;
    assert_eq!(refused.code(), (409, "not_verified"));
    let link = client.bed.mailed(MailKind::VerifyEmail).await;
    let proof = json!({"token": link.expose_secret()});
    client.ask("POST /email/verify", token, proof, "200").await;
    let let_in = app.send(&get("/exams/7").bearer(token)).await;
    assert_eq!(let_in.status, 200);
}

async fn asvs_7_5_3_a_guard_requires_a_recent_login(framework: Framework) {
    let client = Client::new(framework);
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    // The shorter one counts.
    let guard = Guard::session(&Authenticator::from(&client.api))
        .recent_login(minutes(5))
        .recent_login(minutes(10));
    let app = guarded(framework, &client.api, &guard);
    let ann = client.register("ann@example.org").await;
    let token = text(&ann, "token");
    client.bed.clock.advance(minutes(5));
    let let_in = app.send(&get("/exams/7").bearer(token)).await;
    assert_eq!(let_in.status, 200);
    client.bed.clock.advance(Duration::from_secs(1));
    let refused = app.send(&get("/exams/7").bearer(token)).await;
    assert_eq!(refused.code(), (403, "recent_login_required"));
    assert_eq!(refused.json["methods"], json!(["pwd"]));
    let body = json!({"method": "pwd", "current_password": PASSWORD});
    let proved = client.send_as(token, "POST /reauthenticate", body).await;
    let again = get("/exams/7").bearer(text(&proved.json, "token"));
    assert_eq!(app.send(&again).await.status, 200);
}

async fn asvs_3_5_1_a_guard_refuses_a_page_of_another_site(framework: Framework) {
    let mut browser = Browser::new(framework);
    browser.register("ann@example.org").await;
    let api = &browser.client.api;
    let guard = Guard::session(&Authenticator::from(api));
    let app = guarded(framework, api, &guard);
    let own = |method: &str| browser.request(&format!("{method} /exams/7"), None);
    for (method, site, origin, expected) in [
        ("GET", "same-origin", OWN, (200, "")),
        ("POST", "same-origin", OWN, (200, "")),
        ("GET", "cross-site", "https://evil.example", (200, "")),
        (
            "POST",
            "cross-site",
            "https://evil.example",
            (403, "forbidden"),
        ),
        (
            "DELETE",
            "same-site",
            "https://evil.exam.example",
            (403, "forbidden"),
        ),
    ] {
        let asked = own(method)
            .with("Sec-Fetch-Site", site)
            .with("Origin", origin);
        assert_eq!(app.send(&asked).await.code(), expected, "{asked}");
    }
    let socket = own("GET")
        .with("Sec-Fetch-Site", "cross-site")
        .with("Origin", "https://evil.example")
        .header("Upgrade", "websocket");
    assert_eq!(app.send(&socket).await.code(), (403, "forbidden"));
}

async fn asvs_16_5_3_a_guard_lets_nobody_in_while_the_store_is_down(framework: Framework) {
    let store = FaultyStore::new(admittance::MemoryStore::new());
    let bed = Bed::over(store.clone(), config());
    let client = Client::over(framework, bed, HttpConfig::default());
    let guard = Guard::session(&Authenticator::from(&client.api));
    let app = guarded(framework, &client.api, &guard);
    let ann = client.register("ann@example.org").await;
    for call in [1, 2] {
        store.inject(call, support::faulty::Fault::ErrorBefore);
        let refused = app.send(&get("/exams/7").bearer(text(&ann, "token"))).await;
        assert_eq!(refused.code(), (503, "unavailable"), "{call}");
    }
}
