//! The server of the axum example, over warp: `cargo run --example warp`.
//!
//! The environment variables are the same; docs/environment.md lists them.

#[path = "shared/mod.rs"]
mod shared;

use std::error::Error;
use std::process::ExitCode;

use admittance::authz::Permission;
use admittance::warp::{
    Authenticator, CurrentUser, Peer, current_user, recover_all, require_permission, routes,
};
use serde_json::json;
use warp::http::{HeaderMap, Method};
use warp::path::FullPath;
use warp::{Filter, Rejection, Reply};

#[tokio::main]
async fn main() -> ExitCode {
    shared::run(server()).await
}

async fn server() -> Result<(), Box<dyn Error>> {
    let parts = shared::parts().await?;
    let auth = Authenticator::from(&parts.api);
    let get = warp::get().or(warp::head()).unify();
    let hello = warp::path!("hello")
        .and(get)
        .and(current_user(&auth))
        .map(hello);
    let exams = warp::path!("exams")
        .and(get)
        .and(require_permission(&auth, Permission::new("exam:take")?))
        .map(exams);
    let grading = warp::path!("grading")
        .and(get)
        .and(require_permission(&auth, Permission::new("exam:grade")?))
        .map(grading);
    let app = pages()
        .or(hello)
        .or(exams)
        .or(grading)
        .or(routes(&parts.api))
        .recover(recover_all);

    parts.greet();
    shared::serve(parts.listener, warp::service(app), |request, peer| {
        request.extensions_mut().insert(Peer(peer));
    })
    .await;
    shared::finish(parts.api.service()).await;
    Ok(())
}

/// The browser pages, in front of the API: they share some of its paths.
fn pages() -> impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone {
    // `full` panics for a request without any path, such as `CONNECT localhost:80`.
    let path = warp::path::end()
        .map(|| "/".to_owned())
        .or(warp::path::full().map(|path: FullPath| path.as_str().to_owned()))
        .unify();
    warp::method()
        .and(path)
        .and(warp::header::headers_cloned())
        .and_then(async |method: Method, path: String, headers: HeaderMap| {
            let page = shared::page(&method, &path, &headers);
            page.map(|page| page.map(Vec::from))
                .ok_or_else(warp::reject::not_found)
        })
}

/// A route of the application's own: only users who are logged in get in.
fn hello(user: CurrentUser) -> impl Reply {
    warp::reply::json(&json!({ "hello": user.user().name.as_str() }))
}

/// A route for users whose role grants `exam:take`: 403 for all others.
fn exams(student: CurrentUser) -> impl Reply {
    warp::reply::json(&json!({ "student": student.user().name.as_str(), "exams": [] }))
}

/// Who may grade. A front end that keeps the answers itself asks here before
/// each act of an examiner, so that a role that was taken away counts at once.
fn grading(examiner: CurrentUser) -> impl Reply {
    let user = examiner.user();
    warp::reply::json(
        &json!({ "examiner_id": user.id.to_string(), "examiner": user.name.as_str() }),
    )
}
