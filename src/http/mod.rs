//! The HTTP contract, independent of any framework.
//!
//! [`AuthApi::handle`] takes an `http::Request<Bytes>` and gives an
//! `http::Response<Bytes>`. A framework's module only adapts: it collects the
//! body, bounded by [`HttpConfig::max_body_bytes`] and
//! [`HttpConfig::body_timeout`], and names the peer.
//!
//! How long a client may take for a request's head, and how many connections
//! there may be, is the server's to bound: the request is not here before its
//! head is. Neither `axum::serve` nor `warp::serve` bounds the head's time; a
//! reverse proxy does, or a loop over hyper like that of the examples
//! (`examples/shared/serve.rs`).

mod allowed_origins;
mod answer;
mod client_ip;
mod config;
mod cookie;
mod cors;
mod endpoint;
mod forwarded;
mod json;
#[cfg(feature = "openapi")]
mod openapi;
mod origin;
mod problem;
mod request;
mod route;
mod transport;
mod user;

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Version, header};
use http_body_util::{BodyExt, Limited};
use tokio::time::timeout;

pub use allowed_origins::{AllowedOrigins, ParseOriginsError};
pub use client_ip::{ForwardedHeader, ParseProxiesError, TrustedProxies};
pub use config::HttpConfig;
pub use cookie::CookieConfig;
#[doc(hidden)]
pub use endpoint::Endpoint;
pub(crate) use origin::with_host;
pub use problem::{Problem, ProblemCode};
#[doc(hidden)]
pub use route::{Route, routes};
pub use user::{CurrentUser, OptionalUser};

use crate::clock::{Clock, SystemClock};
use crate::error::ConfigError;
use crate::service::{AuthService, Authenticated};
use crate::store::Store;
use endpoint::{Answer, Call};
use transport::{Credential, Transport};

/// For how long the body of a refused request is read and dropped.
const DISCARD_FOR: Duration = Duration::from_secs(1);

/// The endpoints over one service. Cheap to clone.
pub struct AuthApi<S, C = SystemClock> {
    service: AuthService<S, C>,
    config: Arc<HttpConfig>,
    longest_token: Arc<OnceLock<usize>>,
    #[cfg(feature = "openapi")]
    document: openapi::Kept,
}

impl<S, C> Clone for AuthApi<S, C> {
    fn clone(&self) -> Self {
        Self {
            service: self.service.clone(),
            config: Arc::clone(&self.config),
            longest_token: Arc::clone(&self.longest_token),
            #[cfg(feature = "openapi")]
            document: self.document.clone(),
        }
    }
}

impl<S, C> fmt::Debug for AuthApi<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthApi")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl<S: Store, C: Clock> AuthApi<S, C> {
    /// The endpoints of `service`, with the default settings.
    #[must_use]
    pub fn new(service: AuthService<S, C>) -> Self {
        Self::of(service, HttpConfig::default())
    }

    /// The endpoints of `service`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] if a limit is outside its range, unless the service was
    /// built with [`AuthConfig::insecure_for_tests`](crate::AuthConfig::insecure_for_tests).
    pub fn with_config(
        service: AuthService<S, C>,
        config: HttpConfig,
    ) -> Result<Self, ConfigError> {
        if !service.config().is_insecure() {
            config.validate()?;
        }
        Ok(Self::of(service, config))
    }

    fn of(service: AuthService<S, C>, config: HttpConfig) -> Self {
        Self {
            service,
            config: Arc::new(config),
            longest_token: Arc::default(),
            #[cfg(feature = "openapi")]
            document: openapi::Kept::default(),
        }
    }

    /// The service.
    #[must_use]
    pub fn service(&self) -> &AuthService<S, C> {
        &self.service
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &HttpConfig {
        &self.config
    }

    /// The routes that are there.
    #[doc(hidden)]
    pub fn routes(&self) -> impl Iterator<Item = &'static Route> {
        let has_second_factors = self.service.has_second_factors();
        let is_on = move |route: &&Route| route.is_on(&self.config, has_second_factors);
        routes().iter().filter(is_on)
    }

    /// Whether `path` is that of an endpoint, by whatever method: for a framework
    /// that has to know before it takes the request. It is the path as it was
    /// sent, without the query and without the prefix that the routes are at.
    #[must_use]
    pub fn has_route(&self, path: &str) -> bool {
        self.routes().any(|route| route.matches(path).is_some())
    }
}

impl<S: Store, C: Clock> AuthApi<S, C> {
    /// Answers one request. `peer` is the address at the other end of the
    /// connection.
    ///
    /// An operation that has begun to change something runs to its end even if
    /// the returned future is dropped because the client disconnected; the
    /// service guarantees this for each operation. A panic in a store or a hook
    /// is answered with 500.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime.
    pub async fn handle(&self, request: Request<Bytes>, peer: Option<IpAddr>) -> Response<Bytes> {
        let mut request = request;
        if let Cow::Owned(headers) = with_host(request.headers(), request.uri().authority()) {
            *request.headers_mut() = headers;
        }
        let is_head = request.method() == Method::HEAD;
        let hosts = request.headers().get_all(header::HOST).iter().count();
        let origin = request.headers().get(header::ORIGIN).cloned();
        let answered = match hosts {
            0 | 1 => self.dispatch(request, peer).await,
            // RFC 9112 §3.2.
            _ => Err(Problem::new(ProblemCode::MalformedRequest)
                .detail("The request has more than one Host header.")),
        };
        let mut response = answered.unwrap_or_else(Problem::into_response);
        if is_head {
            // What GET would say (RFC 9110 §8.6): a framework may take the
            // missing body's.
            let length = response.body().len();
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_LENGTH, length.into());
            *response.body_mut() = Bytes::new();
        }
        cors::share(origin.as_ref(), &self.config, response.headers_mut());
        response
    }

    async fn dispatch(&self, request: Request<Bytes>, peer: Option<IpAddr>) -> Answer {
        let (parts, body) = request.into_parts();
        let (route, segments) = self
            .routes()
            .find_map(|route| Some((route, route.matches(parts.uri.path())?)))
            .ok_or_else(|| Problem::new(ProblemCode::NotFound))?;
        let (method, headers) = (&parts.method, &parts.headers);
        if let Some(answer) = cors::preflight(method, headers, route.allow(), &self.config) {
            return Ok(answer);
        }
        let endpoint = route.endpoint(method)?;
        let context = request::context(headers, peer, &self.config);
        let call = Call {
            api: self,
            endpoint,
            parts: &parts,
            body: &body,
            peer,
            context: &context,
            segments,
        };
        endpoint.answer(call).await
    }

    /// Collects `body` and answers. A body that takes too long, breaks off or grows too
    /// large is answered without being read further. If its declared length is too large,
    /// the answer comes before anything of it is read, and the connection closes.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime, or in one without timers.
    pub async fn handle_body<B>(&self, request: Request<B>, peer: Option<IpAddr>) -> Response<Bytes>
    where
        B: http_body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        let length = request::content_length(&parts.headers);
        let is_announced = length.is_some_and(|length| length > self.config.max_body_bytes);
        let collected = match is_announced {
            true => {
                // A client that asks first sends nothing after this answer.
                if !parts.headers.contains_key(header::EXPECT) {
                    tokio::spawn(discard(body, self.config.max_body_bytes));
                }
                Err(Problem::new(ProblemCode::PayloadTooLarge))
            }
            false => self.collect(body).await,
        };
        let problem = match collected {
            Ok(body) => return self.handle(Request::from_parts(parts, body), peer).await,
            Err(problem) => problem,
        };
        let mut response = problem.into_response();
        // HTTP/2 closes the stream by itself, and knows no such header.
        if is_announced && parts.version <= Version::HTTP_11 {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        let origin = parts.headers.get(header::ORIGIN);
        cors::share(origin, &self.config, response.headers_mut());
        response
    }

    async fn collect<B>(&self, body: B) -> Result<Bytes, Problem>
    where
        B: http_body::Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let longest = self.config.max_body_bytes;
        let collected = Limited::new(body, longest).collect();
        match timeout(self.config.body_timeout, collected).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
                Err(Problem::new(ProblemCode::PayloadTooLarge))
            }
            Ok(Err(_)) => {
                Err(Problem::new(ProblemCode::MalformedRequest)
                    .detail("The request's body broke off."))
            }
            Err(_) => Err(Problem::new(ProblemCode::RequestTimeout)),
        }
    }

    /// The user behind the request with this method and these headers.
    ///
    /// # Errors
    ///
    /// The [`Problem`] to answer with: 401 unless a live access token is there;
    /// 403 when it is in a cookie and the request, made by a page of another
    /// site, could change something.
    pub async fn authenticate(
        &self,
        method: &Method,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Result<Authenticated, Problem> {
        let caller = self.caller(method, headers, peer).await?;
        let (user, _) = caller.ok_or_else(Problem::no_token)?;
        Ok(user)
    }

    /// The same, or `None` when the request has no access token at all, or only a
    /// dead one in a cookie and changes nothing: a browser cannot help sending it.
    ///
    /// # Errors
    ///
    /// As for [`authenticate`](Self::authenticate): any other token that is there
    /// and not live is refused, so that a client that thinks it is logged in is
    /// told that it is not.
    pub async fn authenticate_optional(
        &self,
        method: &Method,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Result<Option<Authenticated>, Problem> {
        match self.caller(method, headers, peer).await {
            Ok(caller) => Ok(caller.map(|(user, _)| user)),
            Err(problem)
                if problem.code() == ProblemCode::InvalidToken
                    && transport::is_nobodys(method, headers) =>
            {
                Ok(None)
            }
            Err(problem) => Err(problem),
        }
    }

    /// Refuses to open a session whose tokens no browser would keep, before one is
    /// opened. How long they are follows from the settings, so it is found out once.
    fn require_room_in_cookies(&self) -> Result<(), Problem> {
        let longest = match self.longest_token.get() {
            Some(longest) => *longest,
            None => {
                let longest = self.service.longest_token()?;
                *self.longest_token.get_or_init(|| longest)
            }
        };
        let cookies = self.config.cookies.as_ref();
        if cookies.is_some_and(|cookies| !cookies.has_room_for(longest)) {
            tracing::error!(longest, "access tokens are too long for a cookie");
            return Err(Problem::new(ProblemCode::Internal));
        }
        Ok(())
    }

    /// The user behind the request, and how the token came.
    async fn caller(
        &self,
        method: &Method,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Result<Option<(Authenticated, Transport)>, Problem> {
        let Some(credential) = transport::credential(method, headers, &self.config)? else {
            return Ok(None);
        };
        let Credential { token, transport } = credential;
        let context = request::context(headers, peer, &self.config);
        let token = token.expose_secret();
        let user = self.service.validate_token(token, &context).await?;
        Ok(Some((user, transport)))
    }
}

/// Checks tokens for an application's own routes, whatever the service's type
/// parameters are. Cheap to clone.
#[derive(Clone)]
pub struct Authenticator(Arc<dyn Authenticate>);

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authenticator")
    }
}

impl Authenticator {
    /// The user behind the request with this method and these headers.
    ///
    /// # Errors
    ///
    /// The [`Problem`] to answer with: 401 unless a live access token is there;
    /// 403 when it is in a cookie and the request, made by a page of another
    /// site, could change something.
    pub async fn authenticate(
        &self,
        method: &Method,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Result<Authenticated, Problem> {
        self.0.authenticate(method, headers, peer).await
    }

    /// The same, or `None` when the request has no access token at all, or only a
    /// dead one in a cookie and changes nothing: a browser cannot help sending it.
    ///
    /// # Errors
    ///
    /// As for [`authenticate`](Self::authenticate).
    pub async fn authenticate_optional(
        &self,
        method: &Method,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Result<Option<Authenticated>, Problem> {
        self.0.authenticate_optional(method, headers, peer).await
    }
}

impl<S: Store, C: Clock> From<&AuthApi<S, C>> for Authenticator {
    fn from(api: &AuthApi<S, C>) -> Self {
        Self(Arc::new(api.clone()))
    }
}

#[async_trait::async_trait]
trait Authenticate: Send + Sync {
    async fn authenticate(
        &self,
        method: &Method,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Result<Authenticated, Problem>;

    async fn authenticate_optional(
        &self,
        method: &Method,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Result<Option<Authenticated>, Problem>;
}

#[async_trait::async_trait]
impl<S: Store, C: Clock> Authenticate for AuthApi<S, C> {
    async fn authenticate(
        &self,
        method: &Method,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Result<Authenticated, Problem> {
        AuthApi::authenticate(self, method, headers, peer).await
    }

    async fn authenticate_optional(
        &self,
        method: &Method,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Result<Option<Authenticated>, Problem> {
        AuthApi::authenticate_optional(self, method, headers, peer).await
    }
}

/// Reads and drops what a client sends that did not wait for the answer: a connection
/// that is closed with data unread is reset, and the answer can be lost.
async fn discard<B: http_body::Body>(body: B, longest: usize)
where
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut body = pin!(Limited::new(body, longest));
    let read = async { while let Some(Ok(_)) = body.frame().await {} };
    let _ = timeout(DISCARD_FOR, read).await;
}
