//! What a group of routes requires of a request, in one value for every framework.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header};
use url::form_urlencoded;

use super::answer::respond;
use super::origin::with_host;
use super::problem::{Problem, ProblemCode};
use super::{Authenticator, CurrentUser, safe_next, transport};
use crate::authz::Permission;
use crate::error::{AuthError, ConfigError};
use crate::service::Authenticated;

/// What a group of routes demands: a session, and what else is asked for. A request without
/// it is refused with the same problems as by the extractors and filters for users.
///
/// With axum a guard is a layer, with warp it goes into `protect`. It can be cloned cheaply
/// enough to be made once for each group.
///
/// ```
/// use std::time::Duration;
///
/// use admittance::authz::{ParseNameError, Permission};
/// use admittance::http::{Authenticator, Guard};
///
/// fn examiners(auth: &Authenticator) -> Result<Guard, ParseNameError> {
///     Ok(Guard::session(auth)
///         .permission(Permission::new("exam:grade")?)
///         .verified()
///         .recent_login(Duration::from_secs(15 * 60)))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Guard {
    auth: Authenticator,
    permissions: Vec<Permission>,
    is_verified: bool,
    recent: Option<Duration>,
    login_page: Option<String>,
}

impl Guard {
    /// Demands a live session: without one the answer is 401.
    #[must_use]
    pub fn session(auth: &Authenticator) -> Self {
        Self {
            auth: auth.clone(),
            permissions: Vec::new(),
            is_verified: false,
            recent: None,
            login_page: None,
        }
    }

    /// Demands the permission as well, and every other one that was demanded before: without
    /// it the answer is 403 `forbidden`.
    #[must_use]
    pub fn permission(mut self, permission: Permission) -> Self {
        self.permissions.push(permission);
        self
    }

    /// Demands that the account's address is verified: if it is not, the answer is 409
    /// `not_verified`, as for everything that needs a verified address. It is a conflict with
    /// the account's state, which its owner can resolve by the link in the mail, and no lack
    /// of permission.
    #[must_use]
    pub fn verified(mut self) -> Self {
        self.is_verified = true;
        self
    }

    /// Demands that the owner proved who they are within the last `max_age`: if they did not,
    /// the answer is 403 `recent_login_required`, and `POST /reauthenticate` is the way on. Of
    /// two such demands the shorter one counts.
    #[must_use]
    pub fn recent_login(mut self, max_age: Duration) -> Self {
        let demanded = self.recent.map_or(max_age, |recent| recent.min(max_age));
        self.recent = Some(demanded);
        self
    }

    /// Sends a browser that navigates to a page without a live session to the login page at
    /// `path`, with 303 and the page that was asked for in the parameter `next`:
    /// `/login?next=%2Fexams`. Check that by [`safe_next`] before you go on to it. Every other
    /// request, such as one of a script, gets the problem. So does a browser with a live session
    /// that lacks something else, such as a [recent login](Self::recent_login): what can be
    /// proved then depends on the account.
    ///
    /// A navigation is a `GET` or `HEAD` that accepts `text/html` explicitly, whose
    /// `Sec-Fetch-Mode` is `navigate` if it has one, and that has no `Authorization` for this
    /// server. `next` is left out for a target that [`safe_next`] refuses.
    ///
    /// An access token lives shorter than its session, so a browser whose session is in cookies
    /// can come here with a refresh token that is live: let the login page send `POST /refresh`
    /// before it asks for a password.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] unless `path` is a path of this server, without query and
    /// fragment.
    pub fn login_page(mut self, path: &str) -> Result<Self, ConfigError> {
        if safe_next(path).is_none() || path.contains(['?', '#']) {
            return Err(ConfigError::Invalid {
                setting: "guard.login_page",
                problem: "is not a path of this server without query and fragment".to_owned(),
            });
        }
        self.login_page = Some(path.to_owned());
        Ok(self)
    }

    /// The user behind the request with this head, who has what is demanded. The identity is
    /// kept in the request's extensions, as by [`Authenticator::authenticate_once`]. `peer` is
    /// the address at the other end of the connection.
    ///
    /// # Errors
    ///
    /// The [`Refusal`] to answer with.
    pub async fn admit(
        &self,
        request: &mut Parts,
        peer: Option<IpAddr>,
    ) -> Result<CurrentUser, Refusal> {
        let target = request.uri.clone();
        self.admit_to(&target, request, peer).await
    }

    /// The same, where a router has cut the request's target `target` short.
    pub(crate) async fn admit_to(
        &self,
        target: &Uri,
        request: &mut Parts,
        peer: Option<IpAddr>,
    ) -> Result<CurrentUser, Refusal> {
        let headers = with_host(&request.headers, request.uri.authority());
        let (auth, method, extensions) = (&self.auth, &request.method, &mut request.extensions);
        let user = auth.authenticate_once(method, &headers, peer, extensions);
        match user.await {
            Ok(user) => {
                self.require(&user).map_err(Problem::from)?;
                Ok(CurrentUser(user))
            }
            Err(problem) => Err(self.refusal(problem, method, &headers, target)),
        }
    }

    /// The peer of a request with these extensions, as [`Authenticator::peer`] returns it.
    #[cfg(feature = "axum")]
    pub(crate) fn auth(&self) -> &Authenticator {
        &self.auth
    }

    fn require(&self, user: &Authenticated) -> Result<(), AuthError> {
        for permission in &self.permissions {
            user.require_permission(permission)?;
        }
        if self.is_verified {
            user.require_verified()?;
        }
        self.recent
            .map_or(Ok(()), |max_age| user.require_recent_login(max_age))
    }

    fn refusal(
        &self,
        problem: Problem,
        method: &Method,
        headers: &HeaderMap,
        target: &Uri,
    ) -> Refusal {
        let Some(page) = &self.login_page else {
            return problem.into();
        };
        let is_asked = problem.kind() == Some(ProblemCode::InvalidToken)
            && is_navigation(method, headers)
            // A guarded login page would lead to itself for ever.
            && target.path() != page;
        match login_page(page, target) {
            Some(location) if is_asked => Refusal::LoginPage(location),
            _ => problem.into(),
        }
    }
}

/// `page` with the target in the parameter `next`.
fn login_page(page: &str, target: &Uri) -> Option<HeaderValue> {
    let next = target
        .path_and_query()
        .and_then(|next| safe_next(next.as_str()));
    let location = match next {
        Some(next) => {
            let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
            format!("{page}?next={next}")
        }
        None => page.to_owned(),
    };
    location.try_into().ok()
}

/// Returns `true` if a browser is about to show the answer as a page (Fetch Metadata).
fn is_navigation(method: &Method, headers: &HeaderMap) -> bool {
    let is_html = |accepted: &str| {
        let essence = accepted.split(';').next().unwrap_or_default();
        essence.trim().eq_ignore_ascii_case("text/html")
    };
    let mut accepted = headers.get_all(header::ACCEPT).iter();
    let accepts_html = accepted.any(|value| {
        let value = value.to_str().unwrap_or_default();
        value.split(',').any(is_html)
    });
    let mut modes = headers.get_all("sec-fetch-mode").iter();
    matches!(*method, Method::GET | Method::HEAD)
        && accepts_html
        && modes.all(|mode| mode == "navigate")
        && !transport::has_authorization(headers)
}

/// How a [`Guard`] refuses a request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// It is answered with a problem.
    Problem(Problem),
    /// It is sent to the login page at this `Location`, with 303.
    LoginPage(HeaderValue),
}

impl Refusal {
    /// Converts into an `http::Response`. Handlers of axum and warp can return the value itself.
    #[must_use]
    pub fn into_http(self) -> Response<Bytes> {
        match self {
            Self::Problem(problem) => problem.into_http(),
            Self::LoginPage(location) => {
                let mut response = respond(StatusCode::SEE_OTHER, "", Bytes::new());
                response.headers_mut().insert(header::LOCATION, location);
                response
            }
        }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}
