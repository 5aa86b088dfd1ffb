//! A server with accounts, ready to use: `cargo run --example axum`.
//!
//! The environment variables are listed in docs/environment.md.

#[path = "../shared/mod.rs"]
mod shared;

use std::error::Error;
use std::process::ExitCode;

use admittance::axum::{Authenticator, CurrentUser, RequirePermission, RequiredPermission};
use admittance::http::{Problem, ProblemCode};
use axum::body::Body;
use axum::extract::{ConnectInfo, FromRef, Request};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

/// The application's own state; the extractors need only a part of it.
#[derive(Clone, FromRef)]
struct App {
    auth: Authenticator,
}

#[tokio::main]
async fn main() -> ExitCode {
    shared::run(server()).await
}

async fn server() -> Result<(), Box<dyn Error>> {
    let parts = shared::parts().await?;
    // A path without a route is answered in the form of the library's answers.
    let app = Router::new()
        .route("/hello", get(hello))
        .route("/exams", get(exams))
        .route("/grading", get(grading))
        .merge(admittance::axum::router(&parts.api))
        .fallback(async || Problem::new(ProblemCode::NotFound))
        .method_not_allowed_fallback(async || Problem::new(ProblemCode::MethodNotAllowed))
        .layer(from_fn(pages))
        .with_state(App {
            auth: Authenticator::from(&parts.api),
        });

    parts.greet();
    shared::serve(parts.listener, app, |request, peer| {
        request.extensions_mut().insert(ConnectInfo(peer));
    })
    .await;
    shared::finish(parts.api.service()).await;
    Ok(())
}

/// The browser pages, in front of the API: they share some of its paths.
async fn pages(request: Request, next: Next) -> Response {
    let (method, path) = (request.method(), request.uri().path());
    match shared::page(method, path, request.headers()) {
        Some(page) => page.map(Body::from),
        None => next.run(request).await,
    }
}

/// A route of the application's own: only users who are logged in get in.
async fn hello(user: CurrentUser) -> Json<Value> {
    Json(json!({ "hello": user.user().name.as_str() }))
}

struct TakeExams;

impl RequiredPermission for TakeExams {
    const NAME: &'static str = "exam:take";
}

/// A route for users whose role grants `exam:take`: 403 for all others.
async fn exams(student: RequirePermission<TakeExams>) -> Json<Value> {
    Json(json!({ "student": student.user().name.as_str(), "exams": [] }))
}

struct GradeExams;

impl RequiredPermission for GradeExams {
    const NAME: &'static str = "exam:grade";
}

/// Who may grade. A front end that keeps the answers itself asks here before
/// each act of an examiner, so that a role that was taken away counts at once.
async fn grading(examiner: RequirePermission<GradeExams>) -> Json<Value> {
    let user = examiner.user();
    Json(json!({ "examiner_id": user.id.to_string(), "examiner": user.name.as_str() }))
}
