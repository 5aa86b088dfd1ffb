//! A request to an endpoint, whose parts are read on demand.

use std::net::IpAddr;
use std::str::FromStr;

use http::request::Parts;
use http::{HeaderMap, Method};
use serde::de::DeserializeOwned;

use super::Endpoint;
use crate::clock::Clock;
use crate::error::AuthError;
use crate::http::problem::{Problem, ProblemCode};
use crate::http::transport::{self, Transport};
use crate::http::{AuthApi, HttpConfig, json, origin, request};
use crate::service::{AuthService, Authenticated, RequestContext};
use crate::store::Store;

/// A request to `endpoint`.
pub(in crate::http) struct Call<'a, S, C> {
    pub(in crate::http) api: &'a AuthApi<S, C>,
    pub(in crate::http) endpoint: Endpoint,
    pub(in crate::http) parts: &'a Parts,
    pub(in crate::http) body: &'a [u8],
    pub(in crate::http) peer: Option<IpAddr>,
    pub(in crate::http) context: &'a RequestContext,
    /// The path segments that match the parameters in braces.
    pub(in crate::http) segments: Vec<&'a str>,
}

impl<'a, S: Store, C: Clock> Call<'a, S, C> {
    #[cfg(feature = "openapi")]
    pub(super) fn api(&self) -> &'a AuthApi<S, C> {
        self.api
    }

    pub(super) fn service(&self) -> &'a AuthService<S, C> {
        self.api.service()
    }

    pub(super) fn config(&self) -> &'a HttpConfig {
        self.api.config()
    }

    pub(super) fn context(&self) -> &'a RequestContext {
        self.context
    }

    pub(super) fn method(&self) -> &'a Method {
        &self.parts.method
    }

    pub(super) fn headers(&self) -> &'a HeaderMap {
        &self.parts.headers
    }

    pub(super) fn query(&self) -> Option<&'a str> {
        self.parts.uri.query()
    }

    pub(super) fn body(&self) -> &'a [u8] {
        self.body
    }

    /// Parses the body as a `T`.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        request::require_json(self.headers())?;
        json::read(self.body)
    }

    /// Parses the body, which may be declared as a merge patch, as a `T`.
    pub(super) fn read_patch<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        request::require_patch(self.headers())?;
        json::read(self.body)
    }

    /// Parses the body as a `T`; one that is absent is the default.
    pub(super) fn read_optional<T: DeserializeOwned + Default>(&self) -> Result<T, Problem> {
        match self.body.is_empty() {
            true => Ok(T::default()),
            false => self.read(),
        }
    }

    /// The `index`-th path parameter.
    #[cfg(feature = "federation")]
    pub(super) fn segment(&self, index: usize) -> Result<&'a str, Problem> {
        let segment = self.segments.get(index).copied();
        segment.ok_or_else(|| Problem::new(ProblemCode::NotFound))
    }

    /// Parses the `index`-th path parameter as an id.
    ///
    /// # Errors
    ///
    /// 404 if it is not one.
    pub(super) fn id<T: FromStr>(&self, index: usize) -> Result<T, Problem> {
        let segment = self.segments.get(index);
        segment
            .and_then(|segment| segment.parse().ok())
            .ok_or_else(|| Problem::new(ProblemCode::NotFound))
    }

    /// The user behind the request, and how the token came.
    pub(super) async fn caller(&self) -> Result<(Authenticated, Transport), Problem> {
        let (method, headers) = (self.method(), self.headers());
        let caller = self.api.caller(method, headers, self.peer).await?;
        let (auth, transport) = caller.ok_or_else(Problem::no_token)?;
        if self.endpoint.leaves_trace() && transport == Transport::Cookies {
            // Pages of other sites must not add entries to the audit log.
            origin::refuse_foreign_page(headers, self.config())?;
        }
        Ok((auth, transport))
    }

    /// The user behind the request.
    pub(super) async fn user(&self) -> Result<Authenticated, Problem> {
        self.caller().await.map(|(auth, _)| auth)
    }

    /// The user behind the request, if there is one, where the tokens of a new session go to
    /// `to`. A browser that requests new cookies may have sent dead ones by itself.
    pub(super) async fn user_if_any(
        &self,
        to: Transport,
    ) -> Result<Option<Authenticated>, Problem> {
        let (method, headers) = (self.method(), self.headers());
        let sent_by_itself = to == Transport::Cookies && !transport::has_authorization(headers);
        let is_dead = |problem: &Problem| problem.kind() == Some(ProblemCode::InvalidToken);
        let auth = self.api.authenticate_optional(method, headers, self.peer);
        let auth = match auth.await {
            Err(problem) if sent_by_itself && is_dead(&problem) => return Ok(None),
            auth => auth?,
        };
        // A check that was kept may be of a session that has ended since.
        let service = self.service();
        match auth {
            Some(auth) if sent_by_itself && service.keeps_checks() => {
                match service.recheck(&auth).await {
                    Err(AuthError::InvalidToken) => Ok(None),
                    auth => Ok(Some(auth?)),
                }
            }
            auth => Ok(auth),
        }
    }

    /// Where the tokens of a new session go, and the context with the session in the
    /// browser's cookies that it replaces.
    pub(super) fn asked(&self) -> Result<(Transport, RequestContext), Problem> {
        let to = transport::asked(self.method(), self.headers(), self.config())?;
        if to == Transport::Cookies {
            self.api.require_room_in_cookies()?;
        }
        Ok((to, self.opening(to)))
    }

    fn opening(&self, to: Transport) -> RequestContext {
        let replaces = match to {
            Transport::Body => None,
            Transport::Cookies => self.api.held_in_cookies(self.headers()),
        };
        match replaces {
            Some(session) => self.context.clone().replacing(session),
            None => self.context.clone(),
        }
    }
}
