//! The endpoints: which there are, and what each does.

use std::net::IpAddr;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use serde::Serialize;

use super::problem::{Problem, ProblemCode};
use super::{AuthApi, json, request, respond};
use crate::clock::Clock;
use crate::id::SessionId;
use crate::service::RegisterOutcome;
use crate::store::Store;

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
    /// `GET /sessions`
    ListSessions,
    /// `DELETE /sessions`
    EndAllSessions,
    /// `DELETE /sessions/{id}`
    EndSession,
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
}

/// A path and what its methods do.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Route {
    /// The path; `{id}` stands for one segment.
    pub path: &'static str,
    /// Its methods. `HEAD` goes with `GET`.
    pub methods: &'static [(Method, Endpoint)],
}

/// All routes there are.
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

const fn route(path: &'static str, methods: &'static [(Method, Endpoint)]) -> Route {
    Route { path, methods }
}

impl Route {
    /// Whether `path` is this route's, and the segment that stands for `{id}`.
    fn matches<'p>(&self, path: &'p str) -> Option<Option<&'p str>> {
        match self.path.strip_suffix("{id}") {
            None => (path == self.path).then_some(None),
            Some(prefix) => path
                .strip_prefix(prefix)
                .filter(|id| !id.is_empty() && !id.contains('/'))
                .map(Some),
        }
    }

    fn endpoint(&self, method: &Method) -> Result<Endpoint, Problem> {
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

    fn allow(&self) -> String {
        let names = self.methods.iter().flat_map(|(method, _)| {
            let head = (method == Method::GET).then_some("HEAD");
            std::iter::once(method.as_str()).chain(head)
        });
        names.collect::<Vec<_>>().join(", ")
    }
}

pub(super) async fn dispatch<S, C>(
    api: &AuthApi<S, C>,
    request: Request<Bytes>,
    peer: Option<IpAddr>,
) -> Result<Response<Bytes>, Problem>
where
    S: Store,
    C: Clock,
{
    let (parts, body) = request.into_parts();
    let (route, id) = ROUTES
        .iter()
        .find_map(|route| Some((route, route.matches(parts.uri.path())?)))
        .ok_or_else(|| Problem::new(ProblemCode::NotFound))?;
    let endpoint = route.endpoint(&parts.method)?;
    let headers = &parts.headers;
    let service = api.service();
    let context = request::context(headers, peer, api.config());
    let context = &context;
    let authenticated = || api.authenticate(headers, peer);

    match endpoint {
        Endpoint::Register => match service.register(read(&parts, &body)?, context).await? {
            RegisterOutcome::Opened(answer) => ok(StatusCode::CREATED, &answer),
            RegisterOutcome::Pending(answer) => ok(StatusCode::ACCEPTED, &answer),
        },
        Endpoint::Login => {
            let answer = service.login(read(&parts, &body)?, context).await?;
            ok(StatusCode::OK, &answer)
        }
        Endpoint::Refresh => {
            let answer = service.refresh(read(&parts, &body)?, context).await?;
            ok(StatusCode::OK, &answer)
        }
        Endpoint::Logout => {
            let answer = service.logout(&authenticated().await?, context).await?;
            ok(StatusCode::OK, &answer)
        }
        Endpoint::Profile => {
            let auth = authenticated().await?;
            ok(StatusCode::OK, &service.profile(&auth))
        }
        Endpoint::UpdateProfile => {
            let auth = authenticated().await?;
            let change = read(&parts, &body)?;
            let answer = service.update_profile(&auth, change, context).await?;
            ok(StatusCode::OK, &answer)
        }
        Endpoint::ChangePassword => {
            let auth = authenticated().await?;
            let change = read(&parts, &body)?;
            let answer = service.change_password(&auth, change, context).await?;
            ok(StatusCode::OK, &answer)
        }
        Endpoint::ListSessions => {
            let auth = authenticated().await?;
            ok(
                StatusCode::OK,
                &service.list_sessions(&auth, context).await?,
            )
        }
        Endpoint::EndAllSessions => {
            let auth = authenticated().await?;
            service.end_all_sessions(&auth, context).await?;
            Ok(respond(StatusCode::NO_CONTENT, "", Vec::new()))
        }
        Endpoint::EndSession => {
            let auth = authenticated().await?;
            let id: SessionId = id
                .and_then(|id| id.parse().ok())
                .ok_or_else(|| Problem::new(ProblemCode::NotFound))?;
            service.end_session(&auth, id, context).await?;
            Ok(respond(StatusCode::NO_CONTENT, "", Vec::new()))
        }
        Endpoint::ForgotPassword => {
            let wanted = read(&parts, &body)?;
            let answer = service.forgot_password(wanted, context).await?;
            ok(StatusCode::ACCEPTED, &answer)
        }
        Endpoint::ResetPassword => {
            let change = read(&parts, &body)?;
            ok(
                StatusCode::OK,
                &service.reset_password(change, context).await?,
            )
        }
        Endpoint::VerifyEmail => {
            let link = read(&parts, &body)?;
            // A token that is there and not live is refused: a client that
            // thinks it is logged in is told that it is not.
            let auth = if headers.contains_key(header::AUTHORIZATION) {
                Some(authenticated().await?)
            } else {
                None
            };
            let answer = service.verify_email(link, auth.as_ref(), context).await?;
            ok(StatusCode::OK, &answer)
        }
        Endpoint::ResendVerification => {
            let wanted = read(&parts, &body)?;
            let answer = service.resend_verification(wanted, context).await?;
            ok(StatusCode::ACCEPTED, &answer)
        }
        Endpoint::DisownEmail => {
            let link = read(&parts, &body)?;
            ok(StatusCode::OK, &service.disown_email(link, context).await?)
        }
        Endpoint::ChangeEmail => {
            let auth = authenticated().await?;
            let change = read(&parts, &body)?;
            let answer = service.change_email(&auth, change, context).await?;
            ok(StatusCode::ACCEPTED, &answer)
        }
        Endpoint::ConfirmEmailChange => {
            let auth = authenticated().await?;
            let link = read(&parts, &body)?;
            let answer = service.confirm_email_change(&auth, link, context).await?;
            ok(StatusCode::OK, &answer)
        }
        Endpoint::ExportAccount => {
            let auth = authenticated().await?;
            ok(
                StatusCode::OK,
                &service.export_account(&auth, context).await?,
            )
        }
        Endpoint::ListEvents => {
            let auth = authenticated().await?;
            let page = request::page(parts.uri.query())?;
            let answer = service.list_events(&auth, page, context).await?;
            ok(StatusCode::OK, &answer)
        }
        Endpoint::DeleteAccount => {
            let auth = authenticated().await?;
            let proof = read(&parts, &body)?;
            service.delete_account(&auth, proof, context).await?;
            Ok(respond(StatusCode::NO_CONTENT, "", Vec::new()))
        }
        Endpoint::Jwks => ok(StatusCode::OK, &service.jwks()),
    }
}

fn read<T: serde::de::DeserializeOwned>(
    parts: &http::request::Parts,
    body: &[u8],
) -> Result<T, Problem> {
    request::require_json(&parts.headers)?;
    json::read(body)
}

fn ok(status: StatusCode, answer: &impl Serialize) -> Result<Response<Bytes>, Problem> {
    Ok(respond(status, "application/json", json::write(answer)?))
}
