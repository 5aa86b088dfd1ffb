//! warp 0.4: a filter for all routes, and filters for your own. To serve them,
//! turn on the feature `server` of warp itself.
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
//! may take the same path.

use std::borrow::Cow;
use std::convert::Infallible;
use std::future::ready;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ::http::{HeaderMap, Method, Request, Response, Uri};
use ::warp::body::BodyDeserializeError;
use ::warp::cors::CorsForbidden;
use ::warp::filters::BoxedFilter;
use ::warp::host::Authority;
use ::warp::path::Peek;
use ::warp::reject::{
    InvalidHeader, InvalidQuery, LengthRequired, MethodNotAllowed, MissingCookie, MissingHeader,
    PayloadTooLarge, Reject, UnsupportedMediaType,
};
use ::warp::{Filter, Rejection};
use bytes::{Buf, Bytes};
use futures_util::{Stream, TryStreamExt};
use http_body::Frame;
use http_body_util::StreamBody;

use crate::authz::Permission;
use crate::clock::Clock;
use crate::error::AuthError;
use crate::http::{AuthApi, Problem, ProblemCode, with_host};
use crate::store::Store;

pub use crate::http::{Authenticator, CurrentUser, OptionalUser};

/// All endpoints of the contract, and those for administrators if
/// [`HttpConfig::admin`](crate::http::HttpConfig::admin) says so. They can
/// stand behind a path of the application's: `warp::path("auth").and(routes(&api))`.
///
/// A path of theirs is always answered here, a wrong method too; every other
/// path is left to the application's other filters. Clients are known by
/// [`warp::addr::remote`] or [`Peer`].
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
    let query = ::warp::query::raw()
        .map(Some)
        .or(::warp::any().map(|| None))
        .unify();
    path.and(query)
        .and(::warp::method())
        .and(headers())
        .and(::warp::body::stream())
        .and(peer())
        .then(move |path, query, method, headers, body, peer| {
            let api = api.clone();
            async move {
                match request(path, query, method, headers, body) {
                    Ok(request) => api.handle_body(request, peer).await,
                    Err(problem) => problem.into_response(),
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
    mut path: String,
    query: Option<String>,
    method: Method,
    headers: HeaderMap,
    body: impl Stream<Item = Result<T, ::warp::Error>>,
) -> Result<Request<impl http_body::Body<Data = T, Error = ::warp::Error>>, Problem> {
    if let Some(query) = query {
        path.push('?');
        path.push_str(&query);
    }
    let uri = Uri::builder()
        .path_and_query(path)
        .build()
        .map_err(|_| Problem::new(ProblemCode::MalformedRequest))?;
    let mut request = Request::new(StreamBody::new(body.map_ok(Frame::data)));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Ok(request)
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

/// The user who presented a live access token; without one the request is
/// [`Rejected`] with 401.
#[must_use]
pub fn current_user(auth: &Authenticator) -> BoxedFilter<(CurrentUser,)> {
    user_who(auth, |_| Ok(()))
}

/// The user, or nobody when the request has no token. One that is there and not
/// live is still [`Rejected`] with 401, except for a dead cookie of a request
/// that changes nothing, which is ignored.
#[must_use]
pub fn optional_user(auth: &Authenticator) -> BoxedFilter<(OptionalUser,)> {
    let auth = auth.clone();
    head()
        .and_then(move |method, headers, peer| {
            let auth = auth.clone();
            async move {
                let user = auth.authenticate_optional(&method, &headers, peer).await?;
                Ok::<_, Rejection>(OptionalUser(user.map(CurrentUser)))
            }
        })
        .boxed()
}

/// The user, who has the permission; without it the request is [`Rejected`]
/// with 403, without a live token with 401.
///
/// ```
/// use admittance::authz::{ParseNameError, Permission};
/// use admittance::warp::{Authenticator, CurrentUser, require_permission};
/// use warp::{Filter, Rejection, Reply};
///
/// fn grade(
///     auth: &Authenticator,
/// ) -> Result<impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone, ParseNameError> {
///     Ok(warp::path!("grade")
///         .and(require_permission(auth, Permission::new("exam:grade")?))
///         .map(|examiner: CurrentUser| format!("Graded by {}", examiner.user().name.as_str())))
/// }
/// ```
#[must_use]
pub fn require_permission(
    auth: &Authenticator,
    permission: Permission,
) -> BoxedFilter<(CurrentUser,)> {
    user_who(auth, move |user| user.require_permission(&permission))
}

/// The user, who has proved who they are within the last `age`; else the request
/// is [`Rejected`] with 403 `recent_login_required`, and `POST /reauthenticate` is
/// the way on. Without a live token it is 401.
#[must_use]
pub fn recent_login(auth: &Authenticator, age: Duration) -> BoxedFilter<(CurrentUser,)> {
    user_who(auth, move |user| user.require_recent_login(age))
}

fn user_who(
    auth: &Authenticator,
    may: impl Fn(&CurrentUser) -> Result<(), AuthError> + Clone + Send + Sync + 'static,
) -> BoxedFilter<(CurrentUser,)> {
    let auth = auth.clone();
    head()
        .and_then(move |method, headers, peer| {
            let (auth, may) = (auth.clone(), may.clone());
            async move {
                let user = CurrentUser(auth.authenticate(&method, &headers, peer).await?);
                may(&user).map_err(Problem::from)?;
                Ok::<_, Rejection>(user)
            }
        })
        .boxed()
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

/// How the filters for users refuse a request. [`recover`] answers it.
#[derive(Clone, Debug)]
pub struct Rejected(pub Problem);

impl Reject for Rejected {}

impl From<Problem> for Rejection {
    fn from(problem: Problem) -> Self {
        ::warp::reject::custom(Rejected(problem))
    }
}

/// Answers what is [`Rejected`], and passes on every other rejection as it is:
/// `app.recover(recover)`.
///
/// # Errors
///
/// The rejection, if it has nothing [`Rejected`] in it.
pub async fn recover(rejection: Rejection) -> Result<Response<Bytes>, Rejection> {
    match rejection.find::<Rejected>() {
        Some(Rejected(problem)) => Ok(problem.clone().into_response()),
        None => Err(rejection),
    }
}

/// Answers every rejection with a problem, for applications that answer all
/// errors in the one form: what is [`Rejected`] as [`recover`] does, no filter
/// for the path with 404, and what warp's own filters refuse with its status.
/// A rejection of the application's own is answered with 500, so recover from
/// those before. warp does not tell which methods there are, so a 405 for a
/// path of the application's has no `Allow`.
///
/// # Errors
///
/// None.
pub async fn recover_all(rejection: Rejection) -> Result<Response<Bytes>, Infallible> {
    let problem = match rejection.find::<Rejected>() {
        Some(Rejected(problem)) => problem.clone(),
        None => Problem::new(code(&rejection)),
    };
    Ok(problem.into_response())
}

/// The code for a rejection by one of warp's filters. What came closest to
/// taking the request is told: 405 only if there is nothing else, 404 last.
fn code(rejection: &Rejection) -> ProblemCode {
    let is_malformed = rejection.find::<BodyDeserializeError>().is_some()
        || rejection.find::<InvalidQuery>().is_some()
        || rejection.find::<InvalidHeader>().is_some()
        || rejection.find::<MissingHeader>().is_some()
        || rejection.find::<MissingCookie>().is_some()
        || rejection.find::<LengthRequired>().is_some();
    if rejection.is_not_found() {
        ProblemCode::NotFound
    } else if rejection.find::<UnsupportedMediaType>().is_some() {
        ProblemCode::UnsupportedMediaType
    } else if rejection.find::<PayloadTooLarge>().is_some() {
        ProblemCode::PayloadTooLarge
    } else if rejection.find::<CorsForbidden>().is_some() {
        ProblemCode::Forbidden
    } else if is_malformed {
        ProblemCode::MalformedRequest
    } else if rejection.find::<MethodNotAllowed>().is_some() {
        ProblemCode::MethodNotAllowed
    } else {
        tracing::error!(?rejection, "nothing answers a rejection");
        ProblemCode::Internal
    }
}
