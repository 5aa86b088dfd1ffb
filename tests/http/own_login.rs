//! An application's own page at a path of the contract.

use admittance::axum::router;
use admittance::http::{AuthApi, CookieConfig, HttpConfig};
use admittance::warp::{recover_all, routes};
use axum::Router;
use axum::routing::get as on_get;
use serde_json::json;
use support::bed::{PASSWORD, config};
use warp::Filter;

use crate::client::{Api, Client};
use crate::request::{Request, get, post};
use crate::transport::{App, Framework, each_framework};

each_framework!(
    an_own_login_page_stands_beside_the_endpoint,
    other_methods_of_the_path_are_answered_as_before,
);

const PAGE: &str = "the login page";

fn app(framework: Framework, api: &Api) -> App {
    match framework {
        Framework::Axum => Router::new()
            .route("/login", on_get(async || PAGE))
            .merge(router(api))
            .into(),
        // The application's filter comes first: those of the contract answer every method.
        Framework::Warp => {
            let page = warp::path!("login")
                .and(warp::get().or(warp::head()).unify())
                .map(|| PAGE);
            App::warp(page.or(routes(api)).recover(recover_all))
        }
    }
}

fn client(framework: Framework) -> Client {
    let mut http = HttpConfig::default();
    http.cookies = Some(CookieConfig::new());
    http.allowed_origins = "https://app.exam.example".parse().unwrap();
    Client::with(framework, config(), http)
}

async fn an_own_login_page_stands_beside_the_endpoint(framework: Framework) {
    let client = client(framework);
    let app = app(framework, &client.api);
    client.register("ann@example.org").await;
    let page = app.send(&get("/login")).await;
    assert_eq!((page.status, page.text()), (200, PAGE));
    assert_eq!(app.send(&Request::line("HEAD /login")).await.status, 200);
    let body = json!({"email": "ann@example.org", "password": PASSWORD});
    assert_eq!(app.send(&post("/login", body)).await.status, 200);
}

async fn other_methods_of_the_path_are_answered_as_before(framework: Framework) {
    let client = client(framework);
    let app = app(framework, &client.api);
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PURGE"] {
        let refused = app.send(&Request::new(method, "/login")).await;
        assert_eq!(refused.code(), (405, "method_not_allowed"), "{method}");
        assert_eq!(refused.header("allow"), "POST", "{method}");
    }
    let preflight = Request::line("OPTIONS /login")
        .header("Origin", "https://app.exam.example")
        .header("Access-Control-Request-Method", "POST");
    let allowed = app.send(&preflight).await;
    assert_eq!(allowed.status, 204);
    assert_eq!(allowed.header("access-control-allow-methods"), "POST");
    assert_eq!(allowed.header("allow"), "");
}

fn merged(path: &str, own: axum::routing::MethodRouter) -> Router {
    let client = Client::new(Framework::Axum);
    let api: &AuthApi<_, _> = &client.api;
    Router::new().route(path, own).merge(router(api))
}

#[test]
#[should_panic(expected = "Handler for `POST /login` already exists")]
fn an_own_endpoint_in_place_of_one_of_the_contract_fails_at_the_start() {
    let _ = merged("/login", axum::routing::post(async || "in"));
}

#[test]
#[should_panic(expected = "Handler for `GET /sessions` already exists")]
fn an_own_page_in_place_of_an_endpoint_fails_at_the_start() {
    let _ = merged("/sessions", on_get(async || "in"));
}

#[test]
#[should_panic(expected = "both have a fallback")]
fn a_handler_for_any_method_of_a_path_of_the_contract_fails_at_the_start() {
    let _ = merged("/login", axum::routing::any(async || "in"));
}
