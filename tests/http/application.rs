//! An application of each framework: routes of its own, behind the extractors or the
//! filters for users, and those of the contract. It answers what nothing takes as a
//! problem.

use std::time::Duration;

use admittance::authz::Permission;
use admittance::axum::{
    Authenticator, CurrentUser, OptionalUser, RecentLogin, RequirePermission, RequiredPermission,
};
use admittance::clock::Clock;
use admittance::http::{AuthApi, Problem, ProblemCode};
use admittance::service::Authenticated;
use admittance::store::Store;
use admittance::warp::{current_user, optional_user, recent_login, recover_all};
use admittance::warp::{require_permission, routes};
use axum::routing::any;
use axum::{Json, Router};
use serde_json::{Value, json};
use warp::Filter;

use crate::transport::{App, Framework};

/// The application of `framework` with the endpoints of `api`.
pub(crate) fn application<S: Store, C: Clock>(framework: Framework, api: &AuthApi<S, C>) -> App {
    let auth = Authenticator::from(api);
    match framework {
        Framework::Axum => own_axum(auth)
            .merge(admittance::axum::router(api))
            .fallback(async || Problem::new(ProblemCode::NotFound))
            .into(),
        Framework::Warp => App::warp(own_warp(&auth).or(routes(api)).recover(recover_all)),
    }
}

struct TakeExams;

impl RequiredPermission for TakeExams {
    const NAME: &'static str = "exam:take";
}

struct GradeExams;

impl RequiredPermission for GradeExams {
    const NAME: &'static str = "exam:grade";
}

/// Three routes as the examples have them, one for everybody, and one that requires a
/// recent password.
fn own_axum(auth: Authenticator) -> Router {
    Router::new()
        .route("/hello", any(async |user: CurrentUser| hello(&user)))
        .route(
            "/perhaps",
            any(async |OptionalUser(user): OptionalUser| perhaps(user)),
        )
        .route(
            "/exams",
            any(async |student: RequirePermission<TakeExams>| exams(&student)),
        )
        .route(
            "/grading",
            any(async |examiner: RequirePermission<GradeExams>| hello(&examiner)),
        )
        .route("/careful", any(async |user: RecentLogin<5>| hello(&user)))
        .with_state(auth)
}

fn own_warp(
    auth: &Authenticator,
) -> impl Filter<Extract = (warp::reply::Json,), Error = warp::Rejection> + Clone + use<> {
    let may = |permission| Permission::new(permission).unwrap();
    let greet = |user: CurrentUser| hello(&user).0;
    let hello = warp::path!("hello").and(current_user(auth)).map(greet);
    let perhaps = warp::path!("perhaps")
        .and(optional_user(auth))
        .map(|OptionalUser(user)| perhaps(user).0);
    let exams = warp::path!("exams")
        .and(require_permission(auth, may("exam:take")))
        .map(|student: CurrentUser| exams(&student).0);
    let grading = warp::path!("grading")
        .and(require_permission(auth, may("exam:grade")))
        .map(greet);
    let careful = warp::path!("careful")
        .and(recent_login(auth, Duration::from_secs(300)))
        .map(greet);
    let own = hello.or(perhaps).unify().or(exams).unify();
    let own = own.or(grading).unify().or(careful).unify();
    own.map(|answer: Value| warp::reply::json(&answer))
}

fn hello(user: &Authenticated) -> Json<Value> {
    Json(json!({ "hello": user.user().name.as_str() }))
}

fn perhaps(user: Option<CurrentUser>) -> Json<Value> {
    Json(json!({ "hello": user.map(|user| user.profile().name) }))
}

fn exams(student: &Authenticated) -> Json<Value> {
    Json(json!({ "student": student.user().name.as_str(), "exams": [] }))
}
