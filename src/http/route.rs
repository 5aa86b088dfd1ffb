//! Which endpoints there are, and where.

use http::{HeaderValue, Method, header};

use super::problem::{Problem, ProblemCode};

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// `POST /register`
    Register,
    /// `POST /login`
    Login,
    /// `POST /logout`
    Logout,
    /// `POST /refresh`
    Refresh,
    /// `GET /profile`
    Profile,
    /// `PUT /profile`
    UpdateProfile,
    /// `POST /password/change`
    ChangePassword,
    /// `POST /reauthenticate`
    Reauthenticate,
    /// `POST /password/confirm`: the short form of `POST /reauthenticate`
    ConfirmPassword,
    /// `GET /sessions`
    ListSessions,
    /// `DELETE /sessions`
    EndAllSessions,
    /// `DELETE /sessions/{id}`
    EndSession,
    /// `POST /password/strength`
    PasswordStrength,
    /// `POST /password/forgot`
    ForgotPassword,
    /// `POST /password/reset`
    ResetPassword,
    /// `POST /email/verify`
    VerifyEmail,
    /// `POST /email/resend`
    ResendVerification,
    /// `POST /email/disown`
    DisownEmail,
    /// `POST /email/change`
    ChangeEmail,
    /// `POST /email/change/confirm`
    ConfirmEmailChange,
    /// `GET /account/export`
    ExportAccount,
    /// `GET /account/events`
    ListEvents,
    /// `DELETE /account`
    DeleteAccount,
    /// `GET /.well-known/jwks.json`
    Jwks,
    /// `GET /admin/users`
    ListUsers,
    /// `POST /admin/users/find`
    FindUser,
    /// `GET /admin/users/{id}`
    ViewUser,
    /// `PUT /admin/users/{id}/status`
    SetUserStatus,
    /// `POST /admin/users/{id}/roles`
    ChangeUserRoles,
    /// `GET /admin/users/{id}/sessions`
    ListUserSessions,
    /// `GET /admin/users/{id}/events`
    ListUserEvents,
    /// `DELETE /admin/users/{id}/sessions`
    EndUserSessions,
    /// `DELETE /admin/users/{id}/sessions/{session_id}`
    EndUserSession,
    /// `POST /admin/users/{id}/password-reset`
    SendPasswordReset,
    /// `GET /openapi.json`
    #[cfg(feature = "openapi")]
    OpenApi,
}

impl Endpoint {
    /// Whether it only reads, and the audit log keeps that it was read.
    pub(super) const fn leaves_trace(self) -> bool {
        matches!(
            self,
            Self::ExportAccount | Self::ViewUser | Self::ListUserSessions | Self::ListUserEvents
        )
    }
}

/// A path and what its methods do.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Route {
    /// The path; what is in braces stands for one segment.
    pub path: &'static str,
    /// Its methods. `HEAD` goes with `GET`.
    pub methods: &'static [(Method, Endpoint)],
}

/// The routes of the contract, which are always there.
pub const ROUTES: &[Route] = &[
    route("/register", &[(Method::POST, Endpoint::Register)]),
    route("/login", &[(Method::POST, Endpoint::Login)]),
    route("/logout", &[(Method::POST, Endpoint::Logout)]),
    route("/refresh", &[(Method::POST, Endpoint::Refresh)]),
    route(
        "/profile",
        &[
            (Method::GET, Endpoint::Profile),
            (Method::PUT, Endpoint::UpdateProfile),
        ],
    ),
    route(
        "/password/change",
        &[(Method::POST, Endpoint::ChangePassword)],
    ),
    route(
        "/reauthenticate",
        &[(Method::POST, Endpoint::Reauthenticate)],
    ),
    route(
        "/password/confirm",
        &[(Method::POST, Endpoint::ConfirmPassword)],
    ),
    route(
        "/password/strength",
        &[(Method::POST, Endpoint::PasswordStrength)],
    ),
    route(
        "/password/forgot",
        &[(Method::POST, Endpoint::ForgotPassword)],
    ),
    route(
        "/password/reset",
        &[(Method::POST, Endpoint::ResetPassword)],
    ),
    route("/email/verify", &[(Method::POST, Endpoint::VerifyEmail)]),
    route(
        "/email/resend",
        &[(Method::POST, Endpoint::ResendVerification)],
    ),
    route("/email/disown", &[(Method::POST, Endpoint::DisownEmail)]),
    route("/email/change", &[(Method::POST, Endpoint::ChangeEmail)]),
    route(
        "/email/change/confirm",
        &[(Method::POST, Endpoint::ConfirmEmailChange)],
    ),
    route("/account", &[(Method::DELETE, Endpoint::DeleteAccount)]),
    route("/account/export", &[(Method::GET, Endpoint::ExportAccount)]),
    route("/account/events", &[(Method::GET, Endpoint::ListEvents)]),
    route(
        "/sessions",
        &[
            (Method::GET, Endpoint::ListSessions),
            (Method::DELETE, Endpoint::EndAllSessions),
        ],
    ),
    route("/sessions/{id}", &[(Method::DELETE, Endpoint::EndSession)]),
    route("/.well-known/jwks.json", &[(Method::GET, Endpoint::Jwks)]),
];

/// The routes for administrators, which are there when
/// [`HttpConfig::admin`](super::HttpConfig::admin) says so.
pub const ADMIN_ROUTES: &[Route] = &[
    route("/admin/users", &[(Method::GET, Endpoint::ListUsers)]),
    route("/admin/users/find", &[(Method::POST, Endpoint::FindUser)]),
    route("/admin/users/{id}", &[(Method::GET, Endpoint::ViewUser)]),
    route(
        "/admin/users/{id}/status",
        &[(Method::PUT, Endpoint::SetUserStatus)],
    ),
    route(
        "/admin/users/{id}/roles",
        &[(Method::POST, Endpoint::ChangeUserRoles)],
    ),
    route(
        "/admin/users/{id}/sessions",
        &[
            (Method::GET, Endpoint::ListUserSessions),
            (Method::DELETE, Endpoint::EndUserSessions),
        ],
    ),
    route(
        "/admin/users/{id}/sessions/{session_id}",
        &[(Method::DELETE, Endpoint::EndUserSession)],
    ),
    route(
        "/admin/users/{id}/events",
        &[(Method::GET, Endpoint::ListUserEvents)],
    ),
    route(
        "/admin/users/{id}/password-reset",
        &[(Method::POST, Endpoint::SendPasswordReset)],
    ),
];

/// The route of the OpenAPI document, which is there when
/// [`HttpConfig::openapi`](super::HttpConfig::openapi) says so.
#[cfg(feature = "openapi")]
pub const OPENAPI_ROUTES: &[Route] = &[route("/openapi.json", &[(Method::GET, Endpoint::OpenApi)])];

const fn route(path: &'static str, methods: &'static [(Method, Endpoint)]) -> Route {
    Route { path, methods }
}

impl Route {
    /// The segments that stand for what is in braces, if `path` is this route's.
    pub(super) fn matches<'p>(&self, path: &'p str) -> Option<Vec<&'p str>> {
        let mut found = Vec::new();
        let (mut segments, mut wanted) = (path.split('/'), self.path.split('/'));
        loop {
            match (wanted.next(), segments.next()) {
                (None, None) => return Some(found),
                (Some(name), Some(segment)) if name.starts_with('{') && !segment.is_empty() => {
                    found.push(segment);
                }
                (Some(name), Some(segment)) if name == segment => {}
                _ => return None,
            }
        }
    }

    pub(super) fn endpoint(&self, method: &Method) -> Result<Endpoint, Problem> {
        let wanted = if method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        self.methods
            .iter()
            .find(|(method, _)| method == wanted)
            .map(|(_, endpoint)| *endpoint)
            .ok_or_else(|| {
                let problem = Problem::new(ProblemCode::MethodNotAllowed);
                match HeaderValue::try_from(self.allow()) {
                    Ok(allow) => problem.header(header::ALLOW, allow),
                    Err(_) => problem,
                }
            })
    }

    pub(super) fn allow(&self) -> String {
        let names = self.methods.iter().flat_map(|(method, _)| {
            let head = (method == Method::GET).then_some("HEAD");
            std::iter::once(method.as_str()).chain(head)
        });
        names.collect::<Vec<_>>().join(", ")
    }
}
