//! An application's own routes behind the extractors.

use admittance::authz::{Permission, Role, RolePolicy};
use admittance::axum::{
    Authenticator, CurrentUser, OptionalUser, RecentLogin, RequirePermission, RequiredPermission,
};
use admittance::http::HttpConfig;
use axum::Router;
use axum::extract::FromRef;
use axum::http::{Method, Request, StatusCode};
use axum::routing::get;
use serde_json::json;
use std::time::Duration;

use crate::client::{Client, bearer, json_request, send, text, with_token};
use support::bed::{PASSWORD, config};

#[derive(Clone, FromRef)]
struct App {
    auth: Authenticator,
}

struct Grade;
impl RequiredPermission for Grade {
    const NAME: &'static str = "exam:grade";
}

struct Misnamed;
impl RequiredPermission for Misnamed {
    const NAME: &'static str = "Not A Name";
}

async fn hello(user: CurrentUser) -> String {
    user.user().name.as_str().to_owned()
}

async fn maybe(OptionalUser(user): OptionalUser) -> String {
    user.map_or("nobody".to_owned(), |user| user.profile().name)
}

async fn grade(examiner: RequirePermission<Grade>) -> String {
    examiner.profile().name
}

async fn misnamed(_: RequirePermission<Misnamed>) -> &'static str {
    "in"
}

async fn careful(user: RecentLogin<5>) -> String {
    user.profile().name
}

fn app(client: &Client) -> Router {
    Router::new()
        .route("/hello", get(hello))
        .route("/maybe", get(maybe))
        .route("/grade", get(grade))
        .route("/misnamed", get(misnamed))
        .route("/careful", get(careful))
        .nest("/auth", admittance::axum::router(&client.api))
        .with_state(App {
            auth: Authenticator::from(&client.api),
        })
}

fn with_role(role: &str) -> Client {
    let mut settings = config();
    settings.roles = RolePolicy::new()
        .grant(
            Role::new("examiner").unwrap(),
            [Permission::new("exam:grade").unwrap()],
        )
        .initial_role(Role::new(role).unwrap());
    Client::with(settings, HttpConfig::default())
}

#[tokio::test]
async fn a_route_lets_in_whoever_is_logged_in() {
    let client = Client::new();
    let app = app(&client);
    let ann = client.register("ann@example.org").await;
    let token = text(&ann, "token");
    let answer = send(&app, bearer(Method::GET, "/hello", token)).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (StatusCode::OK, Some("Ann"))
    );
    assert_eq!(
        send(&app, bearer(Method::GET, "/hello", "x")).await.code(),
        (401, "invalid_token")
    );

    let bare = || {
        Request::get("/maybe")
            .body(axum::body::Body::empty())
            .unwrap()
    };
    assert_eq!(send(&app, bare()).await.body, "nobody");
    assert_eq!(
        send(&app, bearer(Method::GET, "/maybe", token)).await.body,
        "Ann"
    );
    assert_eq!(
        send(&app, bearer(Method::GET, "/maybe", "x")).await.status,
        StatusCode::UNAUTHORIZED
    );

    let logout = send(&app, bearer(Method::POST, "/auth/logout", token)).await;
    assert_eq!(logout.status, StatusCode::OK);
    assert_eq!(
        send(&app, bearer(Method::GET, "/hello", token))
            .await
            .status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn asvs_8_2_1_a_route_that_needs_a_permission_denies_by_default() {
    for (role, expected) in [("examiner", 200), ("student", 403)] {
        let client = with_role(role);
        let ann = client.register("ann@example.org").await;
        let request = bearer(Method::GET, "/grade", text(&ann, "token"));
        assert_eq!(
            send(&app(&client), request).await.status,
            expected,
            "{role}"
        );
        let request = bearer(Method::GET, "/misnamed", text(&ann, "token"));
        assert_eq!(
            send(&app(&client), request).await.code(),
            (403, "forbidden")
        );
        let request = bearer(Method::GET, "/grade", "x");
        assert_eq!(
            send(&app(&client), request).await.code(),
            (401, "invalid_token")
        );
    }
}

#[tokio::test]
async fn asvs_7_5_3_a_route_that_needs_a_recent_password_accepts_a_repeated_one() {
    let client = Client::new();
    let app = app(&client);
    let ann = client.register("ann@example.org").await;
    let token = text(&ann, "token");
    let careful = async |token: &str| send(&app, bearer(Method::GET, "/careful", token)).await;
    client.bed.clock.advance(Duration::from_secs(5 * 60));
    assert_eq!(careful(token).await.body, "Ann");
    client.bed.clock.advance(Duration::from_secs(1));
    let refused = careful(token).await;
    assert_eq!(refused.code(), (403, "recent_login_required"));
    assert_eq!(
        refused.body["detail"],
        "Prove your identity again to do this."
    );
    assert_eq!(refused.body["methods"], json!(["pwd"]));
    // All else goes on.
    let hello = send(&app, bearer(Method::GET, "/hello", token)).await;
    assert_eq!(hello.body, "Ann");
    assert_eq!(careful("x").await.code(), (401, "invalid_token"));

    let mut token = token.to_owned();
    for (path, mut body) in [
        ("/auth/reauthenticate", json!({"method": "pwd"})),
        ("/auth/password/confirm", json!({})),
    ] {
        body["current_password"] = json!(PASSWORD);
        let request = json_request(Method::POST, path, &body.to_string());
        let proved = send(&app, with_token(request, &token)).await;
        assert_eq!(careful(text(&proved.body, "token")).await.body, "Ann");
        assert_eq!(careful(&token).await.code(), (401, "invalid_token"));
        token = text(&proved.body, "token").to_owned();
    }
    for body in [
        json!({"current_password": PASSWORD}),
        json!({"method": null, "current_password": PASSWORD}),
        json!({"method": "otp", "current_password": PASSWORD}),
        json!({"method": "PWD", "current_password": PASSWORD}),
        json!({"method": ["pwd"], "current_password": PASSWORD}),
        json!({"method": {"pwd": null}, "current_password": PASSWORD}),
        json!({"method": "pwd", "password": PASSWORD}),
    ] {
        let request = json_request(Method::POST, "/auth/reauthenticate", &body.to_string());
        let refused = send(&app, with_token(request, &token)).await;
        assert_eq!(refused.code(), (400, "malformed_request"), "{body}");
    }
    let request = json_request(Method::POST, "/auth/reauthenticate", r#"{"method": "pwd"}"#);
    let refused = send(&app, with_token(request, &token)).await;
    assert_eq!(refused.code(), (422, "validation_failed"));
}
