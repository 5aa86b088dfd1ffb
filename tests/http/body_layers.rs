//! Limits of bodies that an application sets in front of the endpoints.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use admittance::axum::router;
use admittance::http::{HttpConfig, Problem};
use axum::extract::rejection::{FormRejection, JsonRejection};
use axum::routing::post;
use axum::{Form, Json, Router};
use bytes::Bytes;
use futures_util::stream;
use http_body::Frame;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use support::bed::config;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;

use crate::client::Client;
use crate::request::Request;
use crate::transport::{App, Body, Framework, each_framework};

each_framework!(a_body_that_a_layer_cuts_off_is_answered_by_what_the_layer_limits,);

/// A login whose body says no length.
fn login() -> Request {
    Request::line("POST /login").header("Content-Type", "application/json")
}

fn whole() -> Full<Bytes> {
    Full::new(Bytes::from_static(br#"{"email": "ann@example.org"}"#))
}

fn broken(error: io::Error) -> Body {
    let begun = Frame::data(Bytes::from_static(b"{"));
    StreamBody::new(stream::iter([Ok(begun), Err(error)])).boxed()
}

async fn a_body_that_a_layer_cuts_off_is_answered_by_what_the_layer_limits(framework: Framework) {
    let client = Client::with(framework, config(), HttpConfig::default());
    let late = io::Error::from(io::ErrorKind::TimedOut);
    let elapsed = tokio::time::timeout(Duration::ZERO, std::future::pending::<()>());
    let elapsed = elapsed.await.unwrap_err();
    let gone = io::Error::from(io::ErrorKind::ConnectionReset);
    for (body, expected) in [
        (
            Limited::new(whole(), 8).map_err(io::Error::other).boxed(),
            (413, "payload_too_large"),
        ),
        (broken(late), (408, "request_timeout")),
        (broken(io::Error::other(elapsed)), (408, "request_timeout")),
        (broken(gone), (400, "malformed_request")),
    ] {
        let answer = client.send_body(login(), body).await;
        assert_eq!(answer.code(), expected);
    }
}

#[tokio::test]
async fn a_body_beyond_the_applications_limit_is_too_large() {
    let client = Client::new(Framework::Axum);
    let limited: Router = router(&client.api).layer(RequestBodyLimitLayer::new(8));
    let body = whole().map_err(|never: Infallible| match never {}).boxed();
    let answer = App::from(limited).send_body(&login(), body).await;
    assert_eq!(answer.code(), (413, "payload_too_large"));
}

#[tokio::test(start_paused = true)]
async fn a_body_beyond_the_applications_time_is_too_late() {
    let client = Client::new(Framework::Axum);
    let time = RequestBodyTimeoutLayer::new(Duration::from_secs(5));
    let limited: Router = router(&client.api).layer(time);
    let begun = tokio::time::Instant::now();
    let never = StreamBody::new(stream::pending()).boxed();
    let answer = App::from(limited).send_body(&login(), never).await;
    assert_eq!(answer.code(), (408, "request_timeout"));
    // It is that of the layer, and not the 30 s of the endpoints.
    assert_eq!(begun.elapsed().as_secs(), 5);
}

/// A handler of the application's, which answers what axum's extractors refuse.
fn exams() -> Router {
    #[derive(serde::Deserialize)]
    struct Exam {
        level: String,
    }
    async fn by_json(body: Result<Json<Exam>, JsonRejection>) -> Result<String, Problem> {
        Ok(body?.0.level)
    }
    async fn by_form(body: Result<Form<Exam>, FormRejection>) -> Result<String, Problem> {
        Ok(body?.0.level)
    }
    Router::new()
        .route("/json", post(by_json))
        .route("/form", post(by_form))
}

#[tokio::test(start_paused = true)]
async fn an_own_route_answers_both_limits_by_what_they_limit_in_any_order() {
    let longest = RequestBodyLimitLayer::new(8);
    let time = RequestBodyTimeoutLayer::new(Duration::from_secs(5));
    let orders: [Router; 2] = [
        exams().layer(longest).layer(time.clone()),
        exams().layer(time).layer(longest),
    ];
    for app in orders.map(App::from) {
        for (line, kind) in [
            ("POST /json", "application/json"),
            ("POST /form", "application/x-www-form-urlencoded"),
        ] {
            let request = Request::line(line).header("Content-Type", kind);
            let long = whole().map_err(|never| match never {}).boxed();
            let answer = app.send_body(&request, long).await;
            assert_eq!(answer.code(), (413, "payload_too_large"), "{line}");
            let never = StreamBody::new(stream::pending()).boxed();
            let answer = app.send_body(&request, never).await;
            assert_eq!(answer.code(), (408, "request_timeout"), "{line}");
            let gone = broken(io::Error::from(io::ErrorKind::ConnectionReset));
            let answer = app.send_body(&request, gone).await;
            assert_eq!(answer.code(), (400, "malformed_request"), "{line}");
        }
    }
}

/// The layer answers what it knows before it reads, as the documentation says.
#[tokio::test]
async fn a_declared_length_above_the_applications_limit_is_answered_by_its_layer() {
    let client = Client::new(Framework::Axum);
    let limited: Router = router(&client.api).layer(RequestBodyLimitLayer::new(8));
    let body = whole().map_err(|never: Infallible| match never {}).boxed();
    let answer = App::from(limited)
        .send_body(&login().header("Content-Length", "28"), body)
        .await;
    assert_eq!(answer.status, 413);
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
}
