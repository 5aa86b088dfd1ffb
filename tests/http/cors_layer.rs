//! tower-http's CORS layer in front of guards, beside the endpoints.

use admittance::axum::{Authenticator, Guard, router};
use axum::Router;
use axum::http::{HeaderValue, Method, header};
use axum::routing::put;
use tower_http::cors::CorsLayer;

use crate::browser::{Browser, LISTED};
use crate::request::Request;
use crate::transport::{App, Framework};

fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(HeaderValue::from_static(LISTED))
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST, Method::PUT])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
}

fn of_page(line: &str, origin: &str) -> Request {
    Request::line(line)
        .header("Host", "exam.example")
        .header("Origin", origin)
        .header("Sec-Fetch-Site", "cross-site")
}

fn preflight(line: &str) -> Request {
    of_page(line, LISTED)
        .header("Access-Control-Request-Method", "PUT")
        .header("Access-Control-Request-Headers", "content-type")
}

#[tokio::test]
async fn a_cors_layer_outside_of_a_guard_leaves_the_endpoints_their_own_answers() {
    let mut browser = Browser::new(Framework::Axum);
    browser.register("ann@example.org").await;
    let api = &browser.client.api;
    let guard = Guard::session(&Authenticator::from(api));
    let app: Router = Router::new()
        .route("/exams", put(async || "saved"))
        .route_layer(guard)
        .layer(cors())
        .merge(router(api));
    let app = App::from(app);

    // A preflight has no credential.
    let answer = app.send(&preflight("OPTIONS /exams")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), LISTED);
    assert_eq!(
        answer.header("access-control-allow-methods"),
        "GET,POST,PUT"
    );
    // What the contract allows, the layer does not.
    for (line, method, header) in [
        ("OPTIONS /login", "POST", "admittance-session"),
        ("OPTIONS /profile", "PATCH", "if-match"),
    ] {
        let asked = of_page(line, LISTED)
            .header("Access-Control-Request-Method", method)
            .header("Access-Control-Request-Headers", header);
        let answer = app.send(&asked).await;
        assert_eq!(answer.status, 204, "{asked}");
        assert_eq!(answer.header("access-control-allow-origin"), LISTED);
        let methods = answer.header("access-control-allow-methods");
        assert!(methods.contains(method), "{methods}");
        let headers = answer.header("access-control-allow-headers");
        assert!(headers.contains(header), "{headers}");
    }
    let cookies = browser
        .request("GET /", None)
        .value("Cookie")
        .unwrap()
        .to_owned();
    for (line, origin, status, shared) in [
        ("PUT /exams", LISTED, 200, LISTED),
        ("PUT /exams", "https://evil.example", 403, ""),
        ("GET /profile", LISTED, 200, LISTED),
    ] {
        let asked = of_page(line, origin).header("Cookie", &cookies);
        let answer = app.send(&asked).await;
        assert_eq!(answer.status, status, "{asked}");
        let readable = answer.header("access-control-allow-origin");
        if shared.is_empty() {
            assert_ne!(readable, origin);
        } else {
            assert_eq!(readable, shared, "{asked}");
            assert_eq!(answer.header("access-control-allow-credentials"), "true");
        }
    }
    // A page reads why it was refused.
    let refused = app.send(&of_page("PUT /exams", LISTED)).await;
    assert_eq!(refused.code(), (401, "invalid_token"));
    assert_eq!(refused.header("access-control-allow-origin"), LISTED);
}

#[tokio::test]
async fn a_cors_layer_inside_of_a_guard_does_not_see_preflights() {
    let browser = Browser::new(Framework::Axum);
    let guard = Guard::session(&Authenticator::from(&browser.client.api));
    let app: Router = Router::new()
        .route("/exams", put(async || "saved"))
        .route_layer(cors())
        .route_layer(guard);
    let refused = App::from(app).send(&preflight("OPTIONS /exams")).await;
    assert_eq!(refused.code(), (401, "invalid_token"));
}
