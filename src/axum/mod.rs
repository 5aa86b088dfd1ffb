//! axum 0.8: a router to merge or nest, extractors for your own routes, and a layer that guards
//! a group of them.
//!
//! ```
//! use admittance::axum::{Authenticator, CurrentUser};
//! use axum::{Router, routing::get};
//!
//! // Three lines protect a route: the extractor, the route, the state.
//! async fn hello(user: CurrentUser) -> String {
//!     format!("Hello, {}!", user.user().name.as_str())
//! }
//!
//! // A page for everybody, which knows who is logged in.
//! async fn start(user: Option<CurrentUser>) -> String {
//!     user.map_or("Hello!".to_owned(), |user| format!("Hello, {}!", user.user().name.as_str()))
//! }
//!
//! fn app(auth: Authenticator) -> Router {
//!     Router::new()
//!         .route("/hello", get(hello))
//!         .route("/", get(start))
//!         .with_state(auth)
//! }
//! ```
//!
//! # A group of routes
//!
//! A [`Guard`] is a layer. Put it on a group by `route_layer`, so that paths which do not exist
//! are answered with 404 and not with 401:
//!
//! ```
//! use admittance::authz::{ParseNameError, Permission};
//! use admittance::axum::{Authenticator, CurrentUser, Guard};
//! use axum::{Router, routing::get};
//!
//! async fn results(examiner: CurrentUser) -> String {
//!     format!("Results for {}", examiner.user().name.as_str())
//! }
//!
//! fn app(auth: Authenticator) -> Result<Router, ParseNameError> {
//!     let examiners = Guard::session(&auth)
//!         .permission(Permission::new("exam:grade")?)
//!         .verified();
//!     let grading = Router::new()
//!         .route("/results", get(results))
//!         .route("/export", get(async || "level,score"))
//!         .route_layer(examiners);
//!     Ok(Router::new().nest("/grading", grading).with_state(auth))
//! }
//! ```
//!
//! The identity is resolved once for a request: a guard and any number of extractors read the
//! session and the user once. They check the credential and, for cookies, the origin each time,
//! so a middleware between them that replaces the credential replaces the user. The endpoints of
//! [`router`] do not use what a guard in front of them has resolved.
//!
//! # Pages
//!
//! [`Guard::login_page`] sends a browser to a page where the user can log in. An application has
//! its own `GET /login` beside the `POST /login` of [`router`]: for each path, the router takes
//! only the methods of the contract, and answers a method that neither it nor the application
//! has with 405. `Allow` then lists the methods of the contract alone. A method of the contract
//! that the application also has makes axum panic when the two are merged, with the method and
//! the path. It also panics for a handler for `any` method of such a path, and names neither.
//!
//! ```
//! use admittance::axum::{Authenticator, CurrentUser, Guard, router};
//! use admittance::error::ConfigError;
//! use admittance::http::{AuthApi, safe_next};
//! use admittance::store::Store;
//! use axum::extract::Query;
//! use axum::response::Html;
//! use axum::{Router, routing::get};
//! use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! struct Login {
//!     next: Option<String>,
//! }
//!
//! // The script of the page posts to `/login`, and then goes on to `next`.
//! async fn login_page(Query(login): Query<Login>) -> Html<String> {
//!     let next = login.next.as_deref().and_then(safe_next).unwrap_or("/");
//!     let next = next.replace('&', "&amp;").replace('"', "&quot;");
//!     Html(format!("<form data-next=\"{next}\">…</form>"))
//! }
//!
//! async fn exams(user: CurrentUser) -> String {
//!     format!("Exams of {}", user.user().name.as_str())
//! }
//!
//! fn app<S: Store>(api: &AuthApi<S>) -> Result<Router, ConfigError> {
//!     let auth = Authenticator::from(api);
//!     let guard = Guard::session(&auth).login_page("/login")?;
//!     Ok(Router::new()
//!         .route("/exams", get(exams))
//!         .route_layer(guard)
//!         .route("/login", get(login_page))
//!         .merge(router(api))
//!         .with_state(auth))
//! }
//! ```
//!
//! # Layers of the application
//!
//! *CORS.* The endpoints of the contract answer for the origins of
//! [`HttpConfig::allowed_origins`] themselves. For the application's own routes, put tower-http's
//! `CorsLayer` on them after their guards, and merge [`router`] after that: a browser sends a
//! preflight without any credential, which a guard in front of the layer would refuse, and a
//! layer in front of [`router`] would answer the preflights of the contract without its methods
//! and headers. List the origins in both places: the layer lets pages read answers, and
//! `allowed_origins` lets them send requests that are authenticated by cookie.
//!
//! ```
//! use admittance::axum::{Authenticator, Guard, router};
//! use admittance::http::AuthApi;
//! use admittance::store::Store;
//! use axum::http::{HeaderValue, Method, header};
//! use axum::{Router, routing::put};
//! use tower_http::cors::CorsLayer;
//!
//! fn app<S: Store>(api: &AuthApi<S>) -> Router {
//!     let guard = Guard::session(&Authenticator::from(api));
//!     let cors = CorsLayer::new()
//!         .allow_origin(HeaderValue::from_static("https://app.example.org"))
//!         .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
//!         .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
//!         // For sessions in cookies.
//!         .allow_credentials(true);
//!     Router::new()
//!         .route("/exams", put(async || "saved"))
//!         .route_layer(guard)
//!         .layer(cors)
//!         .merge(router(api))
//! }
//! ```
//!
//! *Limits of bodies.* [`HttpConfig::max_body_bytes`] and [`HttpConfig::body_timeout`] bound the
//! bodies of the contract. tower-http's `RequestBodyLimitLayer` and `RequestBodyTimeoutLayer`
//! bound them too if they are stricter, in any order: a body that exceeds one of them while it
//! is read is answered with the [`Problem`] 413 or 408. A `Content-Length` above its limit
//! `RequestBodyLimitLayer` answers itself, with 413 and plain text; put it on the application's
//! own routes if clients must get a [`Problem`] from the contract's. axum's `DefaultBodyLimit`
//! is for axum's own extractors.
//!
//! *Time limits.* tower-http's `TimeoutLayer` drops a request at its limit, but an operation that
//! has begun goes on: a registration may succeed after its client got a timeout. Make its limit
//! longer than [`hook_timeout`], [`queue_deadline`] and the store's deadline together.
//!
//! # Errors
//!
//! [`Problem`] and [`AuthError`] are responses, so handlers return them. An application's own
//! errors have the same form by [`Problem::of`].
//!
//! ```
//! use admittance::axum::CurrentUser;
//! use admittance::error::AuthError;
//! use admittance::http::Problem;
//! use axum::http::StatusCode;
//!
//! async fn certificate(user: CurrentUser) -> Result<String, AuthError> {
//!     user.require_verified()?;
//!     Ok(format!("Certificate of {}", user.user().name.as_str()))
//! }
//!
//! async fn exam() -> Result<String, Problem> {
//!     Err(Problem::of(StatusCode::GONE, "exam_over").detail("This exam is over."))
//! }
//! ```
//!
//! A handler that takes `Result<Json<_>, JsonRejection>` answers a wrong body in this form too,
//! by `?`. So do the rejections of axum's `Form`, `Query` and `Path`:
//!
//! ```
//! use admittance::http::Problem;
//! use axum::Json;
//! use axum::extract::rejection::JsonRejection;
//! use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! struct Answer {
//!     text: String,
//! }
//!
//! async fn answer(body: Result<Json<Answer>, JsonRejection>) -> Result<String, Problem> {
//!     let Json(answer) = body?;
//!     Ok(format!("{} characters", answer.text.chars().count()))
//! }
//! ```
//!
//! [`AuthError`]: crate::error::AuthError
//! [`HttpConfig::allowed_origins`]: crate::http::HttpConfig::allowed_origins
//! [`HttpConfig::max_body_bytes`]: crate::http::HttpConfig::max_body_bytes
//! [`HttpConfig::body_timeout`]: crate::http::HttpConfig::body_timeout
//! [`hook_timeout`]: crate::config::OnboardingPolicy::hook_timeout
//! [`queue_deadline`]: crate::password::HashingConfig::queue_deadline

mod extract;
mod guard;
mod reply;

use std::net::{IpAddr, SocketAddr};

use ::axum::Router;
use ::axum::body::Body;
use ::axum::extract::{ConnectInfo, Request};
use ::axum::routing::{MethodFilter, any};
use ::http::Extensions;

use crate::clock::Clock;
use crate::http::AuthApi;
use crate::store::Store;

pub use crate::http::{Authenticator, CurrentUser, Guard, OptionalUser, Problem};
pub use extract::{ClientContext, RecentLogin, RequirePermission, RequiredPermission};
pub use guard::Guarded;

/// All endpoints of the contract, and those for administrators if
/// [`HttpConfig::admin`](crate::http::HttpConfig::admin) says so, to be merged or nested into an application.
///
/// Serve the application with
/// `into_make_service_with_connect_info::<SocketAddr>()`, or set
/// [`AuthApi::with_peer`], so that limits and
/// sessions know the clients' addresses; without it all clients count as one.
///
/// # Panics
///
/// `Router::merge` panics if the application has a handler for a method and path of the
/// contract too, and names both. If it has one for `any` method of such a path, the message
/// names neither.
pub fn router<S, C, St>(api: &AuthApi<S, C>) -> Router<St>
where
    S: Store,
    C: Clock,
    St: Clone + Send + Sync + 'static,
{
    api.routes().fold(Router::new(), |router, route| {
        let api = api.clone();
        let handler = move |request: Request| async move {
            let peer = peer(api.peer(request.extensions()), request.extensions());
            api.handle_body(request, peer).await.map(Body::from)
        };
        // What no method of the contract takes comes here too, and is answered with 405 or, if
        // it is a preflight, by CORS. It is not listed by method, so that the application can
        // add methods of its own.
        let others = any(handler.clone());
        let methods = route.methods.iter();
        let filters = methods.filter_map(|(method, _)| MethodFilter::try_from(method.clone()).ok());
        let all = filters.fold(others, |all, method| all.on(method, handler.clone()));
        router.route(route.path, all)
    })
}

/// The address of the client: `named` by the application's function, or what axum's server
/// says.
fn peer(named: Option<IpAddr>, extensions: &Extensions) -> Option<IpAddr> {
    named.or_else(|| {
        let connected = extensions.get::<ConnectInfo<SocketAddr>>();
        connected.map(|ConnectInfo(address)| address.ip())
    })
}
