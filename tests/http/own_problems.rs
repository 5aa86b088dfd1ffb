//! Errors of an application, in the form of the contract's.

use admittance::error::AuthError;
use admittance::http::{Problem, ProblemCode};
use axum::extract::rejection::{FormRejection, JsonRejection, PathRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Path, Query};
use axum::routing::{get as on_get, post as on_post};
use axum::{Form, Json, Router};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use warp::Filter;

use crate::request::{Request, get};
use crate::transport::{App, Framework, each_framework};

each_framework!(
    a_handler_answers_with_a_problem_of_its_own,
    a_handler_answers_with_an_error_of_the_service,
);

fn exam_full() -> Problem {
    Problem::of(StatusCode::CONFLICT, "exam_full")
        .detail(format!("All {} places are taken.", 12))
        .field("place", "taken", "Choose another place.")
        .field(
            "level".to_owned(),
            "unknown",
            "Choose a level from A1 to C2.",
        )
        .header(header::RETRY_AFTER, HeaderValue::from_static("60"))
        .header(header::LINK, HeaderValue::from_static("</a>"))
        .header(header::LINK, HeaderValue::from_static("</b>"))
        .header(header::CACHE_CONTROL, HeaderValue::from_static("private"))
}

async fn a_handler_answers_with_a_problem_of_its_own(framework: Framework) {
    let app: App = match framework {
        Framework::Axum => Router::new()
            .route("/exam", on_get(async || exam_full()))
            .into(),
        Framework::Warp => App::warp(warp::path!("exam").map(exam_full)),
    };
    let answer = app.send(&get("/exam")).await;
    assert_eq!(answer.status, 409);
    assert_eq!(
        answer.json,
        json!({
            "type": "about:blank",
            "title": "Conflict",
            "status": 409,
            "code": "exam_full",
            "detail": "All 12 places are taken.",
            "errors": [
                {"field": "place", "code": "taken", "message": "Choose another place."},
                {"field": "level", "code": "unknown", "message": "Choose a level from A1 to C2."},
            ],
        })
    );
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("retry-after"), "60");
    assert_eq!(answer.header("link"), "</a> & </b>");
    assert_eq!(answer.header("cache-control"), "private");
}

async fn a_handler_answers_with_an_error_of_the_service(framework: Framework) {
    let fail = || Err::<&'static str, _>(AuthError::NotVerified);
    let app: App = match framework {
        Framework::Axum => Router::new()
            .route("/exam", on_get(async move || fail()))
            .into(),
        Framework::Warp => App::warp(warp::path!("exam").map(fail)),
    };
    let answer = app.send(&get("/exam")).await;
    assert_eq!(answer.code(), (409, "not_verified"));
    assert_eq!(answer.header("cache-control"), "no-store");
}

/// axum's own extractor refuses a body; what the client has sent is not repeated.
#[tokio::test]
async fn a_body_that_axum_refuses_is_answered_as_by_the_contract() {
    #[derive(serde::Deserialize)]
    struct Answer {
        level: u8,
    }
    async fn save(body: Result<Json<Answer>, JsonRejection>) -> Result<String, Problem> {
        let Json(answer) = body?;
        Ok(answer.level.to_string())
    }
    async fn find(query: Result<Query<Answer>, QueryRejection>) -> Result<String, Problem> {
        let Query(answer) = query?;
        Ok(answer.level.to_string())
    }
    async fn fill(form: Result<Form<Answer>, FormRejection>) -> Result<String, Problem> {
        let Form(answer) = form?;
        Ok(answer.level.to_string())
    }
    async fn show(level: Result<Path<u8>, PathRejection>) -> Result<String, Problem> {
        let Path(level) = level?;
        Ok(level.to_string())
    }
    let app: App = Router::new()
        .route("/exam", on_post(save).get(find))
        .route("/form", on_post(fill).get(fill))
        .route("/exam/{level}", on_get(show))
        .layer(DefaultBodyLimit::max(64))
        .into();
    let save = |body: &str| Request::new("POST", "/exam").text("application/json", body);
    let long = format!(r#"{{"level":"{}"}}"#, "x".repeat(64));
    for (body, code) in [
        (r#"{"level":"hunter2"#, (400, "malformed_request")),
        (r#"{"level":"hunter2"}"#, (400, "malformed_request")),
        ("{}", (400, "malformed_request")),
        (&long, (413, "payload_too_large")),
    ] {
        let answer = app.send(&save(body)).await;
        assert_eq!(answer.code(), code, "{body}");
        assert!(!answer.json.to_string().contains("hunter2"), "{body}");
    }
    let untyped = save(r#"{"level":1}"#).without("Content-Type");
    let answer = app.send(&untyped).await;
    assert_eq!(answer.code(), (415, "unsupported_media_type"));
    for path in ["/exam?level=hunter2", "/form?level=hunter2", "/form"] {
        let answer = app.send(&get(path)).await;
        assert_eq!(answer.code(), (400, "malformed_request"), "{path}");
        assert!(!answer.json.to_string().contains("hunter2"), "{path}");
    }
    let fill = |kind: &str, body: &str| Request::new("POST", "/form").text(kind, body);
    let form = "application/x-www-form-urlencoded";
    let long = format!("level={}", "1".repeat(64));
    for (kind, body, code) in [
        (form, "level=hunter2", (400, "malformed_request")),
        (form, "", (400, "malformed_request")),
        (form, &long, (413, "payload_too_large")),
        ("text/plain", "level=1", (415, "unsupported_media_type")),
    ] {
        let answer = app.send(&fill(kind, body)).await;
        assert_eq!(answer.code(), code, "{kind} {body}");
        assert!(!answer.json.to_string().contains("hunter2"), "{body}");
    }
    assert_eq!(app.send(&fill(form, "level=1")).await.status, 200);
    let answer = app.send(&get("/exam/hunter2")).await;
    assert_eq!(answer.code(), (404, "not_found"));
    assert!(!answer.json.to_string().contains("hunter2"));
    assert_eq!(app.send(&get("/exam/1")).await.status, 200);
}

#[test]
fn a_problem_tells_its_code_and_whether_that_is_one_of_the_contract() {
    let own = exam_full();
    assert_eq!((own.code(), own.kind()), ("exam_full", None));
    assert_eq!(own.status(), 409);
    let ours = Problem::new(ProblemCode::NotFound);
    assert_eq!(ours.code(), "not_found");
    assert_eq!(ours.kind(), Some(ProblemCode::NotFound));
    assert_eq!(ours.status(), 404);
}

#[test]
fn a_problem_is_never_answered_as_a_success() {
    for status in [StatusCode::OK, StatusCode::SEE_OTHER, StatusCode::CONTINUE] {
        let problem = Problem::of(status, "exam_full");
        assert_eq!(problem.status(), 500);
        assert_eq!(problem.into_http().status(), 500);
    }
    let odd = StatusCode::from_u16(599).unwrap();
    assert_eq!(Problem::of(odd, "exam_full").into_http().status(), 599);
}
