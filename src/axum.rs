//! axum 0.8: a router to merge or nest, and extractors for your own routes.
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
//! fn app(auth: Authenticator) -> Router {
//!     Router::new().route("/hello", get(hello)).with_state(auth)
//! }
//! ```

use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;
use std::time::Duration;

use ::axum::Router;
use ::axum::body::Body;
use ::axum::extract::{ConnectInfo, FromRef, FromRequestParts, Request};
use ::axum::response::{IntoResponse, Response};
use ::axum::routing::any;
use ::http::{Extensions, request::Parts};

use crate::authz::Permission;
use crate::clock::Clock;
use crate::http::{AuthApi, Problem, ProblemCode, with_host};
use crate::service::Authenticated;
use crate::store::Store;

pub use crate::http::{Authenticator, CurrentUser, OptionalUser};

/// All endpoints of the contract, and those for administrators if
/// [`HttpConfig::admin`](crate::http::HttpConfig::admin) says so, to be merged or nested into an application.
///
/// Serve the application with
/// `into_make_service_with_connect_info::<SocketAddr>()`, so that limits and
/// sessions know the clients' addresses; without it all clients count as one.
pub fn router<S, C, St>(api: &AuthApi<S, C>) -> Router<St>
where
    S: Store,
    C: Clock,
    St: Clone + Send + Sync + 'static,
{
    api.routes().fold(Router::new(), |router, route| {
        let api = api.clone();
        let handler = move |request: Request| async move {
            let peer = peer(request.extensions());
            api.handle_body(request, peer).await.map(Body::from)
        };
        router.route(route.path, any(handler))
    })
}

fn peer(extensions: &Extensions) -> Option<IpAddr> {
    extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map(|ConnectInfo(address)| address.ip())
}

/// The router's state must be an [`Authenticator`] or give one by [`FromRef`].
impl<St> FromRequestParts<St> for CurrentUser
where
    St: Send + Sync,
    Authenticator: FromRef<St>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &St) -> Result<Self, Problem> {
        let peer = peer(&parts.extensions);
        let headers = with_host(&parts.headers, parts.uri.authority());
        Authenticator::from_ref(state)
            .authenticate(&parts.method, &headers, peer)
            .await
            .map(Self)
    }
}

impl<St> FromRequestParts<St> for OptionalUser
where
    St: Send + Sync,
    Authenticator: FromRef<St>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &St) -> Result<Self, Problem> {
        let peer = peer(&parts.extensions);
        let headers = with_host(&parts.headers, parts.uri.authority());
        Authenticator::from_ref(state)
            .authenticate_optional(&parts.method, &headers, peer)
            .await
            .map(|user| Self(user.map(CurrentUser)))
    }
}

/// Names the permission that a [`RequirePermission`] requires.
pub trait RequiredPermission: Send + Sync {
    /// The permission, such as `exam:grade`.
    const NAME: &'static str;
}

/// The user, who has the permission `P`; without it the request is answered
/// with 403, without a live token with 401.
///
/// ```
/// use admittance::axum::{RequirePermission, RequiredPermission};
///
/// struct Grade;
/// impl RequiredPermission for Grade {
///     const NAME: &'static str = "exam:grade";
/// }
///
/// async fn grade(examiner: RequirePermission<Grade>) -> String {
///     format!("Graded by {}", examiner.user().name.as_str())
/// }
/// ```
#[derive(Debug)]
pub struct RequirePermission<P> {
    user: CurrentUser,
    permission: PhantomData<fn() -> P>,
}

impl<P> Deref for RequirePermission<P> {
    type Target = Authenticated;

    fn deref(&self) -> &Authenticated {
        &self.user
    }
}

impl<P, St> FromRequestParts<St> for RequirePermission<P>
where
    P: RequiredPermission,
    St: Send + Sync,
    Authenticator: FromRef<St>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &St) -> Result<Self, Problem> {
        let user = CurrentUser::from_request_parts(parts, state).await?;
        let permission = Permission::new(P::NAME).map_err(|_| {
            tracing::error!(name = P::NAME, "a required permission has no valid name");
            Problem::new(ProblemCode::Forbidden)
        })?;
        user.require_permission(&permission)?;
        Ok(Self {
            user,
            permission: PhantomData,
        })
    }
}

/// The user, who has proved who they are within the last `MINUTES`; else the
/// request is answered with 403 `recent_login_required`, and `POST /reauthenticate`
/// is the way on. Without a live token it is 401.
///
/// ```
/// use admittance::axum::RecentLogin;
///
/// async fn show_recovery_codes(user: RecentLogin<5>) -> String {
///     format!("For {} only", user.user().name.as_str())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct RecentLogin<const MINUTES: u64>(pub CurrentUser);

impl<const MINUTES: u64> Deref for RecentLogin<MINUTES> {
    type Target = Authenticated;

    fn deref(&self) -> &Authenticated {
        &self.0
    }
}

impl<const MINUTES: u64, St> FromRequestParts<St> for RecentLogin<MINUTES>
where
    St: Send + Sync,
    Authenticator: FromRef<St>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &St) -> Result<Self, Problem> {
        let user = CurrentUser::from_request_parts(parts, state).await?;
        user.require_recent_login(Duration::from_secs(MINUTES.saturating_mul(60)))?;
        Ok(Self(user))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        Problem::into_response(self).map(Body::from)
    }
}
