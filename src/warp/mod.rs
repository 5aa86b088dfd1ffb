//! warp 0.4: a filter for all routes, and filters for your own. To serve them,
//! enable the feature `server` of warp itself.
//!
//! ```
//! use admittance::http::AuthApi;
//! use admittance::store::Store;
//! use admittance::warp::{Authenticator, CurrentUser, current_user, recover, routes};
//! use warp::{Filter, Reply};
//!
//! fn app<S: Store>(api: &AuthApi<S>) -> impl Filter<Extract = (impl Reply,)> + Clone {
//!     // Three lines protect a route: the path, the filter, what is done.
//!     let hello = warp::path!("hello")
//!         .and(current_user(&Authenticator::from(api)))
//!         .map(|user: CurrentUser| format!("Hello, {}!", user.user().name.as_str()));
//!
//!     hello.or(routes(api)).recover(recover)
//! }
//! ```
//!
//! Put the path and the method before [`current_user`] and its like: warp asks
//! each filter in turn until one takes the request, so one that begins with a
//! user checks the token for paths that are not its own. And since warp goes on
//! to the next filter after a refusal, no unprotected filter that comes later
//! may take the same path. [`protect`] has neither trap: it answers what it refuses.
//!
//! # A group of routes
//!
//! ```
//! use admittance::authz::{ParseNameError, Permission};
//! use admittance::warp::{Authenticator, CurrentUser, Guard, protect};
//! use warp::{Filter, Rejection, Reply};
//!
//! fn grading(
//!     auth: &Authenticator,
//! ) -> Result<impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone, ParseNameError> {
//!     let examiners = Guard::session(auth)
//!         .permission(Permission::new("exam:grade")?)
//!         .verified();
//!     Ok(protect(&examiners, warp::path!("grading" / ..), |examiner| {
//!         let results = examiner
//!             .clone()
//!             .and(warp::path!("results"))
//!             .map(|user: CurrentUser| format!("Results for {}", user.user().name.as_str()));
//!         let export = examiner
//!             .and(warp::path!("export"))
//!             .map(|_| "level,score".to_owned());
//!         results.or(export).unify()
//!     }))
//! }
//! ```
//!
//! # Pages
//!
//! [`Guard::login_page`] sends a browser without a session to a page where the user can log in.
//! An application's own `GET /login` goes before [`routes`], which answers every method of its
//! paths:
//!
//! ```
//! use admittance::http::AuthApi;
//! use admittance::store::Store;
//! use admittance::warp::{recover_all, routes};
//! use warp::{Filter, Reply};
//!
//! fn app<S: Store>(api: &AuthApi<S>) -> impl Filter<Extract = (impl Reply,)> + Clone {
//!     let page = warp::path!("login")
//!         .and(warp::get().or(warp::head()).unify())
//!         .map(|| warp::reply::html("<form>…</form>"));
//!     page.or(routes(api)).recover(recover_all)
//! }
//! ```
//!
//! # Errors
//!
//! [`Problem`] and [`AuthError`](crate::error::AuthError) are replies, and a [`Problem`] is a
//! rejection too. An application's own errors have the same form by [`Problem::of`].
//!
//! # What warp does not allow
//!
//! - Filters cannot keep anything for the filters after them, so two filters for users in one
//!   route read the store twice. Use one, and hand its value on.
//! - Filters see only extensions whose type they name, so the function of
//!   [`AuthApi::with_peer`] is not asked: put [`Peer`] into the extensions.
//! - A filter of the application's with a method and path of the contract is no error at the
//!   start: the one that comes first answers.
//! - The filters cannot tell which methods a path of the application's has: see [`recover_all`].

mod rejection;
mod users;

use std::borrow::Cow;
use std::convert::Infallible;
use std::future::ready;
use std::net::{IpAddr, SocketAddr};

use ::http::{HeaderMap, Method, Request, Response, Uri};
use ::warp::filters::BoxedFilter;
use ::warp::host::Authority;
use ::warp::path::Peek;
use ::warp::{Filter, Rejection};
use bytes::{Buf, Bytes};
use futures_util::{Stream, TryStreamExt};
use http_body::Frame;
use http_body_util::StreamBody;

use crate::clock::Clock;
use crate::http::{AuthApi, ProblemCode, with_host};
use crate::store::Store;

pub use crate::http::{Authenticator, CurrentUser, Guard, OptionalUser, Problem};
pub use rejection::{Rejected, recover, recover_all};
pub use users::{admitted, current_user, optional_user, protect, recent_login, require_permission};

/// All endpoints of the contract, and those for administrators if
/// [`HttpConfig::admin`](crate::http::HttpConfig::admin) says so. They can
/// stand behind a path of the application's: `warp::path("auth").and(routes(&api))`.
///
/// A path of theirs is always answered here, a wrong method too; every other
/// path is left to the application's other filters. Clients are known by
/// [`warp::addr::remote`] or [`Peer`].
#[must_use]
pub fn routes<S, C>(api: &AuthApi<S, C>) -> BoxedFilter<(Response<Bytes>,)>
where
    S: Store,
    C: Clock,
{
    let (ours, api) = (api.clone(), api.clone());
    let path = is_left()
        .and(::warp::path::peek())
        .and_then(move |rest: Peek| {
            let path = format!("/{}", rest.as_str());
            ready(if ours.has_route(&path) {
                Ok(path)
            } else {
                Err(::warp::reject::not_found())
            })
        });
    path.and(query())
        .and(::warp::method())
        .and(headers())
        .and(::warp::body::stream())
        .and(peer())
        .then(move |path, query, method, headers, body, peer| {
            let api = api.clone();
            async move {
                match request(path, query, method, headers, body) {
                    Ok(request) => api.handle_body(request, peer).await,
                    Err(problem) => problem.into_http(),
                }
            }
        })
        .boxed()
}

/// Lets through what has something left of its path. [`warp::path::peek`] panics
/// for a request without any path, such as `CONNECT example.org:80`.
fn is_left() -> impl Filter<Extract = (), Error = Rejection> + Clone {
    ::warp::path::end()
        .map(|| false)
        .or(::warp::any().map(|| true))
        .unify()
        .and_then(|is_left| {
            ready(if is_left {
                Ok(())
            } else {
                Err(::warp::reject::not_found())
            })
        })
        .untuple_one()
}

/// The request as it came, its body still to be read.
fn request<T: Buf>(
    path: String,
    query: Option<String>,
    method: Method,
    headers: HeaderMap,
    body: impl Stream<Item = Result<T, ::warp::Error>>,
) -> Result<Request<impl http_body::Body<Data = T, Error = ::warp::Error>>, Problem> {
    let body = StreamBody::new(body.map_ok(Frame::data));
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = target(path, query)?;
    *request.headers_mut() = headers;
    Ok(request)
}

fn target(mut path: String, query: Option<String>) -> Result<Uri, Problem> {
    if let Some(query) = query {
        path.push('?');
        path.push_str(&query);
    }
    let target = Uri::builder().path_and_query(path).build();
    target.map_err(|_| Problem::new(ProblemCode::MalformedRequest))
}

/// The address of the client, for a server that accepts connections itself and runs the
/// filters by [`warp::service`]: it puts this into the extensions of each request, since
/// only `warp::serve` sets [`warp::addr::remote`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

fn peer() -> impl Filter<Extract = (Option<IpAddr>,), Error = Infallible> + Copy {
    ::warp::addr::remote().and(::warp::ext::optional()).map(
        |remote: Option<SocketAddr>, peer: Option<Peer>| {
            let peer = remote.or(peer.map(|Peer(address)| address));
            peer.map(|address| address.ip())
        },
    )
}

fn query() -> impl Filter<Extract = (Option<String>,), Error = Infallible> + Copy {
    ::warp::query::raw()
        .map(Some)
        .or(::warp::any().map(|| None))
        .unify()
}

/// What a request is authenticated by.
fn head() -> impl Filter<Extract = (Method, HeaderMap, Option<IpAddr>), Error = Infallible> + Copy {
    ::warp::method().and(headers()).and(peer())
}

fn headers() -> impl Filter<Extract = (HeaderMap,), Error = Infallible> + Copy {
    let host = ::warp::host::optional()
        .or(::warp::any().map(|| None))
        .unify();
    ::warp::header::headers_cloned()
        .and(host)
        .map(|headers: HeaderMap, host: Option<Authority>| {
            match with_host(&headers, host.as_ref()) {
                Cow::Owned(named) => named,
                Cow::Borrowed(_) => headers,
            }
        })
}
