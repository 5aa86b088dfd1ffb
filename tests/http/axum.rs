//! What only the axum router and its extractors have.

use admittance::axum::{Authenticator, RequirePermission, RequiredPermission, router};
use axum::Router;
use axum::extract::FromRef;
use axum::routing::get;
use serde_json::json;

use crate::client::{Client, text};
use crate::request;
use crate::transport::{App, Framework};

/// The state of an application; the extractors need only a part of it.
#[derive(Clone, FromRef)]
struct State {
    auth: Authenticator,
}

/// The name comes from the code, so a wrong one shows only when it is asked for.
struct Misnamed;

impl RequiredPermission for Misnamed {
    const NAME: &'static str = "Not A Name";
}

async fn misnamed(_: RequirePermission<Misnamed>) -> &'static str {
    "in"
}

#[tokio::test]
async fn asvs_8_2_1_a_permission_that_is_no_name_lets_nobody_in() {
    let client = Client::new(Framework::Axum);
    let ann = client.register("ann@example.org").await;
    let auth = Authenticator::from(&client.api);
    let app = Router::new().route("/misnamed", get(misnamed));
    let app = App::from(app.with_state(State { auth }));
    let asked = request::get("/misnamed").bearer(text(&ann, "token"));
    assert_eq!(app.send(&asked).await.code(), (403, "forbidden"));
}

#[tokio::test]
async fn the_routes_may_be_nested() {
    let client = Client::new(Framework::Axum);
    let ann = client.register("ann@example.org").await;
    let app = App::from(Router::new().nest("/auth", router(&client.api)));
    let asked = request::get("/auth/profile").bearer(text(&ann, "token"));
    assert_eq!(
        app.send(&asked).await.json["email"],
        json!("ann@example.org")
    );
    for path in ["/profile", "/auth", "/auth/", "/auth//profile"] {
        let asked = request::get(path).bearer(text(&ann, "token"));
        assert_eq!(app.send(&asked).await.status, 404, "{path}");
    }
}
