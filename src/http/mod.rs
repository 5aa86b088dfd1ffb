//! The HTTP contract, independent of any framework.
//!
//! [`AuthApi::handle`] takes an `http::Request<Bytes>` and gives an
//! `http::Response<Bytes>`. A framework's module only adapts: it collects the
//! body, bounded by [`HttpConfig::max_body_bytes`], and names the peer.

mod client_ip;
mod endpoint;
mod forwarded;
mod json;
mod problem;
mod request;
mod route;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use tracing::Instrument;

pub use client_ip::{ForwardedHeader, ParseProxiesError, TrustedProxies};
pub use problem::{Problem, ProblemCode};
pub use route::{ADMIN_ROUTES, Endpoint, ROUTES, Route};

use crate::clock::{Clock, SystemClock};
use crate::secret::AccessToken;
use crate::service::{AuthService, Authenticated};
use crate::store::Store;

/// Settings of the HTTP layer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HttpConfig {
    /// Largest request body, in bytes. Default 64 KiB.
    pub max_body_bytes: usize,
    /// Proxies that are believed when they name the client. Default: none, so
    /// that a client is known by its peer address (ASVS 4.1.3).
    pub trusted_proxies: TrustedProxies,
    /// The header in which they name it. Default `X-Forwarded-For`. Choose the
    /// one that the proxy writes itself: the other comes from the client.
    pub forwarded: ForwardedHeader,
    /// Whether [`ADMIN_ROUTES`] are there, for users whose roles permit what
    /// each asks for. Default: no, so that an application that has no use for
    /// them exposes nothing.
    pub admin: bool,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            max_body_bytes: 64 * 1024,
            trusted_proxies: TrustedProxies::default(),
            forwarded: ForwardedHeader::default(),
            admin: false,
        }
    }
}

/// The endpoints over one service. Cheap to clone.
pub struct AuthApi<S, C = SystemClock> {
    service: AuthService<S, C>,
    config: Arc<HttpConfig>,
}

impl<S, C> Clone for AuthApi<S, C> {
    fn clone(&self) -> Self {
        Self {
            service: self.service.clone(),
            config: Arc::clone(&self.config),
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

impl<S, C> AuthApi<S, C> {
    /// The endpoints of `service`, with the default settings.
    #[must_use]
    pub fn new(service: AuthService<S, C>) -> Self {
        Self::with_config(service, HttpConfig::default())
    }

    /// The endpoints of `service`.
    #[must_use]
    pub fn with_config(service: AuthService<S, C>, config: HttpConfig) -> Self {
        Self {
            service,
            config: Arc::new(config),
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
    pub fn routes(&self) -> impl Iterator<Item = &'static Route> + use<S, C> {
        let admin: &[Route] = if self.config.admin { ADMIN_ROUTES } else { &[] };
        ROUTES.iter().chain(admin)
    }
}

impl<S, C> AuthApi<S, C>
where
    S: Store,
    C: Clock,
{
    /// Answers one request. `peer` is the address at the other end of the
    /// connection.
    ///
    /// The work runs in a task of its own, so it is finished even when the
    /// returned future is dropped because the client went away; a panic in it
    /// is answered with 500.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime.
    pub async fn handle(&self, request: Request<Bytes>, peer: Option<IpAddr>) -> Response<Bytes> {
        let api = self.clone();
        let is_head = request.method() == Method::HEAD;
        let work = async move { endpoint::dispatch(&api, request, peer).await };
        let mut response = to_its_end(work)
            .await
            .unwrap_or_else(Problem::into_response);
        if is_head {
            *response.body_mut() = Bytes::new();
        }
        response
    }

    /// Collects `body` and answers; a body that is too large or breaks off is
    /// answered without being read further.
    pub async fn handle_body<B>(&self, request: Request<B>, peer: Option<IpAddr>) -> Response<Bytes>
    where
        B: http_body::Body + Send,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        match Limited::new(body, self.config.max_body_bytes)
            .collect()
            .await
        {
            Ok(body) => {
                self.handle(Request::from_parts(parts, body.to_bytes()), peer)
                    .await
            }
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                Problem::new(ProblemCode::PayloadTooLarge).into_response()
            }
            Err(_) => Problem::new(ProblemCode::MalformedRequest)
                .detail("The request's body broke off.")
                .into_response(),
        }
    }

    /// The user behind the request with this method and these headers.
    ///
    /// # Errors
    ///
    /// The [`Problem`] to answer with: 401 unless a live access token is there.
    pub async fn authenticate(
        &self,
        method: &Method,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Result<Authenticated, Problem> {
        let _ = method;
        let token = AccessToken::new(request::bearer(headers)?);
        let context = request::context(headers, peer, &self.config);
        let service = self.service.clone();
        to_its_end(async move {
            let token = token.expose_secret();
            Ok(service.validate_token(token, &context).await?)
        })
        .await
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
    /// The [`Problem`] to answer with: 401 unless a live access token is there.
    pub async fn authenticate(
        &self,
        method: &Method,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Result<Authenticated, Problem> {
        self.0.authenticate(method, headers, peer).await
    }
}

impl<S, C> From<&AuthApi<S, C>> for Authenticator
where
    S: Store,
    C: Clock,
{
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
}

#[async_trait::async_trait]
impl<S, C> Authenticate for AuthApi<S, C>
where
    S: Store,
    C: Clock,
{
    async fn authenticate(
        &self,
        method: &Method,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Result<Authenticated, Problem> {
        AuthApi::authenticate(self, method, headers, peer).await
    }
}

/// Does `work` in a task of its own: to its end even if nobody waits for it any
/// more, and with a panic in it as a problem.
async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    tokio::spawn(work.in_current_span())
        .await
        .unwrap_or_else(|error| {
            tracing::error!(%error, "a request handler panicked");
            Err(Problem::new(ProblemCode::Internal))
        })
}

/// An answer with a JSON body and the headers that every answer has.
fn respond(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if !content_type.is_empty() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}
