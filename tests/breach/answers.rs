//! What a client of the HTTP layer gets.

use std::net::SocketAddr;

use admittance::config::OnBreachFailure::Refuse;
use admittance::http::AuthApi;
use admittance::password::breach::BreachCheck;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, header};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::source::{ANN, BREACHED, Mode, Switch, bed, filter, settings};

async fn register(check: impl BreachCheck) -> (u16, HeaderMap, Value) {
    let bed = bed(settings(Refuse), check);
    let router = admittance::axum::router(&AuthApi::new(bed.auth.clone()));
    let body = json!({
        "email": ANN, "password": BREACHED, "confirm_password": BREACHED, "name": "Ann",
    });
    let peer: SocketAddr = "192.0.2.7:4711".parse().unwrap();
    let request = Request::post("/register")
        .header(header::CONTENT_TYPE, "application/json")
        .extension(ConnectInfo(peer))
        .body(Body::from(body.to_string()))
        .unwrap();
    let (parts, body) = router.oneshot(request).await.unwrap().into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    (
        parts.status.as_u16(),
        parts.headers,
        serde_json::from_slice(&body).unwrap(),
    )
}

#[tokio::test]
async fn a_breached_password_is_a_violation_of_its_field() {
    let (status, _, body) = register(filter(&[BREACHED])).await;
    assert_eq!((status, &body["code"]), (422, &json!("validation_failed")));
    assert_eq!(body["errors"][0]["field"], "password");
    assert_eq!(body["errors"][0]["code"], "breached");
    assert_eq!(body["errors"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_source_that_is_down_is_503_with_a_time_to_come_back() {
    let (status, headers, body) = register(Switch::new(Mode::Fails)).await;
    assert_eq!((status, &body["code"]), (503, &json!("unavailable")));
    assert_eq!(headers[header::RETRY_AFTER], "30");
    assert!(!body.to_string().contains("told to fail"), "{body}");
}
