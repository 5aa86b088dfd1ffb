//! Extractors for users.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::ops::Deref;
use std::time::Duration;

use ::axum::extract::{FromRef, FromRequestParts, OptionalFromRequestParts};
use ::http::request::Parts;

use super::peer;
use crate::authz::Permission;
use crate::clock::Clock;
use crate::error::AuthError;
use crate::http::{AuthApi, Authenticator, CurrentUser, OptionalUser, Problem, with_host};
use crate::service::{Authenticated, RequestContext};
use crate::store::Store;

/// The router's state must be an [`Authenticator`] or give one by [`FromRef`].
impl<St> FromRequestParts<St> for CurrentUser
where
    St: Send + Sync,
    Authenticator: FromRef<St>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &St) -> Result<Self, Problem> {
        let auth = Authenticator::from_ref(state);
        let peer = peer(auth.peer(&parts.extensions), &parts.extensions);
        let headers = with_host(&parts.headers, parts.uri.authority());
        let (method, extensions) = (&parts.method, &mut parts.extensions);
        let user = auth.authenticate_once(method, &headers, peer, extensions);
        user.await.map(Self)
    }
}

/// `Option<CurrentUser>` is `None` when the request has no token, as [`OptionalUser`] is: a
/// token that is not live is still answered with 401, unless it is a cookie's and the request
/// changes nothing.
impl<St> OptionalFromRequestParts<St> for CurrentUser
where
    St: Send + Sync,
    Authenticator: FromRef<St>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &St) -> Result<Option<Self>, Problem> {
        let auth = Authenticator::from_ref(state);
        let peer = peer(auth.peer(&parts.extensions), &parts.extensions);
        let headers = with_host(&parts.headers, parts.uri.authority());
        let (method, extensions) = (&parts.method, &mut parts.extensions);
        let user = auth.authenticate_optional_once(method, &headers, peer, extensions);
        Ok(user.await?.map(Self))
    }
}

impl<St> FromRequestParts<St> for OptionalUser
where
    St: Send + Sync,
    Authenticator: FromRef<St>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &St) -> Result<Self, Problem> {
        let user = <CurrentUser as OptionalFromRequestParts<St>>::from_request_parts(parts, state);
        user.await.map(Self)
    }
}

/// Where the request came from, for calls of the service in handlers of the application's.
///
/// See [`AuthApi::request_context`].
#[derive(Clone, Debug)]
pub struct ClientContext(pub RequestContext);

impl<St> FromRequestParts<St> for ClientContext
where
    St: Send + Sync,
    Authenticator: FromRef<St>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &St) -> Result<Self, Infallible> {
        let auth = Authenticator::from_ref(state);
        let peer = peer(auth.peer(&parts.extensions), &parts.extensions);
        Ok(Self(auth.request_context(&parts.headers, peer)))
    }
}

/// A router whose state is an [`AuthApi`] has the extractors too.
impl<S: Store, C: Clock> FromRef<AuthApi<S, C>> for Authenticator {
    fn from_ref(api: &AuthApi<S, C>) -> Self {
        Self::from(api)
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
///
/// A test of the handler makes one by [`new`](Self::new).
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
        let user = <CurrentUser as FromRequestParts<St>>::from_request_parts(parts, state).await?;
        Ok(Self::new(user)?)
    }
}

impl<P: RequiredPermission> RequirePermission<P> {
    /// Takes a user who has the permission, as for the test of a handler.
    ///
    /// # Errors
    ///
    /// [`AuthError::Forbidden`], also if [`NAME`](RequiredPermission::NAME) is not the name
    /// of a permission.
    pub fn new(user: CurrentUser) -> Result<Self, AuthError> {
        let permission = Permission::new(P::NAME).map_err(|_| {
            tracing::error!(name = P::NAME, "a required permission has no valid name");
            AuthError::Forbidden
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
        let user = <CurrentUser as FromRequestParts<St>>::from_request_parts(parts, state).await?;
        user.require_recent_login(Duration::from_secs(MINUTES.saturating_mul(60)))?;
        Ok(Self(user))
    }
}
