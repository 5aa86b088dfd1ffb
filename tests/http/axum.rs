//! What only the axum router and its extractors have.

use std::net::IpAddr;

use admittance::axum::{
    Authenticator, ClientContext, CurrentUser, Guard, RequirePermission, RequiredPermission, router,
};
use admittance::clock::ManualClock;
use admittance::http::AuthApi;
use admittance::store::MemoryStore;
use axum::Router;
use axum::extract::{Extension, FromRef};
use axum::routing::get;
use serde_json::json;

use crate::client::{Client, registration, text};
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
async fn a_router_whose_state_is_the_api_has_the_extractors() {
    type Api = AuthApi<MemoryStore, ManualClock>;

    async fn whoami(user: Option<CurrentUser>, ClientContext(here): ClientContext) -> String {
        let name = user.map(|user| user.user().name.as_str().to_owned());
        format!("{name:?} {:?}", here.user_agent())
    }

    let client = Client::new(Framework::Axum);
    let ann = client.register("ann@example.org").await;
    let app: Router<Api> = Router::new().route("/whoami", get(whoami));
    let app = App::from(app.with_state(client.api.clone()));
    let asked = request::get("/whoami").header("user-agent", "Firefox");
    let nobody = app.send(&asked).await;
    assert_eq!(nobody.text(), r#"None Some("Firefox")"#);
    let asked = request::get("/whoami").bearer(text(&ann, "token"));
    assert_eq!(app.send(&asked).await.text(), r#"Some("Ann") None"#);
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

/// What an application's own server puts into the extensions of a request.
#[derive(Clone)]
struct Connected(IpAddr);

#[tokio::test]
async fn an_application_names_the_peer_of_a_request() {
    let client = Client::new(Framework::Axum);
    let api = client.api.clone().with_peer(|extensions| {
        let connected = extensions.get::<Connected>();
        connected.map(|Connected(ip)| *ip)
    });
    let auth = Authenticator::from(&api);
    let who = async |user: CurrentUser| user.user().name.as_str().to_owned();
    let app: Router = Router::new()
        .route("/hello", get(who))
        .with_state(auth.clone())
        .merge(
            Router::new()
                .route("/guarded", get(async || "in"))
                .route_layer(Guard::session(&auth)),
        )
        .merge(router(&api));
    let named = App::from(
        app.clone()
            .layer(Extension(Connected([192, 0, 2, 9].into()))),
    );
    // Where the function says nothing, it is the peer that axum's server names.
    let unnamed = App::from(app);
    for (app, ip) in [(named, "192.0.2.9"), (unnamed, "192.0.2.7")] {
        let email = format!("{ip}@example.org");
        let ann = app
            .send(&request::post("/register", registration(&email)))
            .await;
        let token = text(&ann.json, "token").to_owned();
        let sessions = app.send(&request::get("/sessions").bearer(&token)).await;
        assert_eq!(sessions.json["sessions"][0]["ip"], ip);
        for path in ["/hello", "/guarded"] {
            assert_eq!(
                app.send(&request::get(path).bearer(&token)).await.status,
                200
            );
            let event = client.bed.events.last();
            assert_eq!(
                event.ip.map(|ip| ip.to_string()).as_deref(),
                Some(ip),
                "{path}"
            );
        }
    }
}
