//! An application's own routes behind the extractors.

use admittance::authz::{Permission, Role, RolePolicy};
use admittance::axum::{
    Authenticator, CurrentUser, OptionalUser, RequirePermission, RequiredPermission,
};
use admittance::http::HttpConfig;
use axum::Router;
use axum::extract::FromRef;
use axum::http::{Method, Request, StatusCode};
use axum::routing::get;

use crate::client::{Client, bearer, send, text};
use crate::support::bed::config;

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

fn app(client: &Client) -> Router {
    Router::new()
        .route("/hello", get(hello))
        .route("/maybe", get(maybe))
        .route("/grade", get(grade))
        .route("/misnamed", get(misnamed))
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
