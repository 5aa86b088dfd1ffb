//! The HTTP contract, independent of any framework.
//!
//! [`AuthApi::handle`] takes an `http::Request<Bytes>` and returns an
//! `http::Response<Bytes>`. The module of a framework only adapts: it collects the
//! body, bounded by [`HttpConfig::max_body_bytes`] and
//! [`HttpConfig::body_timeout`], and names the peer.
//!
//! The server limits the time for a request's head and the number of connections, since this
//! module gets a request after its head has arrived. Neither `axum::serve` nor `warp::serve`
//! limits that time; a reverse proxy does, or a loop over hyper like that of the examples
//! (`examples/shared/serve.rs`).

mod allowed_origins;
mod answer;
mod authenticator;
mod body;
mod client_ip;
mod config;
mod cookie;
mod cors;
mod endpoint;
mod forwarded;
mod guard;
mod handlers;
mod json;
#[cfg(feature = "openapi")]
mod openapi;
mod origin;
mod precondition;
mod problem;
mod problem_code;
mod request;
mod route;
mod transport;
mod user;

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{Extensions, Method, Request, Response, header};

pub use crate::next::safe_next;
pub use allowed_origins::{AllowedOrigins, ParseOriginsError};
pub use authenticator::Authenticator;
#[cfg(feature = "axum")]
pub(crate) use body::broken_off;
pub use client_ip::{ForwardedHeader, ParseProxiesError, TrustedProxies};
pub use config::HttpConfig;
pub use cookie::{CookieConfig, CookieError};
#[doc(hidden)]
pub use endpoint::Endpoint;
pub use guard::{Guard, Refusal};
pub(crate) use origin::with_host;
pub use problem::{Problem, ProblemCode};
#[doc(hidden)]
pub use route::{Route, routes};
pub use transport::SESSION_HEADER;
pub use user::{CurrentUser, OptionalUser};

use crate::clock::{Clock, SystemClock};
use crate::error::ConfigError;
use crate::service::AuthService;
use crate::store::Store;
use endpoint::{Answer, Call};

/// Names the peer of a request by its extensions.
type PeerOf = Arc<dyn Fn(&Extensions) -> Option<IpAddr> + Send + Sync>;

/// The endpoints over one service. Cheap to clone.
pub struct AuthApi<S, C = SystemClock> {
    service: AuthService<S, C>,
    config: Arc<HttpConfig>,
    longest_token: Arc<OnceLock<usize>>,
    peer: Option<PeerOf>,
    #[cfg(feature = "openapi")]
    document: openapi::Kept,
}

impl<S, C> Clone for AuthApi<S, C> {
    fn clone(&self) -> Self {
        Self {
            service: self.service.clone(),
            config: Arc::clone(&self.config),
            longest_token: Arc::clone(&self.longest_token),
            peer: self.peer.clone(),
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
            peer: None,
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

    /// Names the peer of a request by `peer`, which gets the extensions of the request: for a
    /// server that puts its own type there, or that listens on a Unix socket behind a proxy.
    /// It holds for axum's router, and for every [`Authenticator`] and [`Guard`] that is made
    /// from this value. Where it returns `None`, axum's `ConnectInfo<SocketAddr>` counts as
    /// without it.
    ///
    /// [`trusted_proxies`](HttpConfig::trusted_proxies) decide by the peer whether the
    /// request's forwarding headers are believed, so `peer` must not return what a client
    /// sends.
    ///
    /// ```
    /// use std::net::{IpAddr, Ipv4Addr};
    ///
    /// use admittance::http::AuthApi;
    /// use admittance::store::Store;
    ///
    /// /// What the application's server puts into the extensions of each request.
    /// #[derive(Clone)]
    /// struct Client {
    ///     address: IpAddr,
    /// }
    ///
    /// fn behind_own_server<S: Store>(api: AuthApi<S>) -> AuthApi<S> {
    ///     api.with_peer(|extensions| extensions.get::<Client>().map(|client| client.address))
    /// }
    ///
    /// /// Only the proxy reaches the socket, and `trusted_proxies` has 127.0.0.1.
    /// fn on_unix_socket<S: Store>(api: AuthApi<S>) -> AuthApi<S> {
    ///     api.with_peer(|_| Some(Ipv4Addr::LOCALHOST.into()))
    /// }
    /// ```
    #[must_use]
    pub fn with_peer(
        self,
        peer: impl Fn(&Extensions) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        Self {
            peer: Some(Arc::new(peer)),
            ..self
        }
    }

    /// The peer of a request with these extensions, by the function that
    /// [`with_peer`](Self::with_peer) has set: `None` without one.
    #[must_use]
    pub fn peer(&self, extensions: &Extensions) -> Option<IpAddr> {
        self.peer.as_ref().and_then(|peer| peer(extensions))
    }

    /// The routes that are there.
    #[doc(hidden)]
    pub fn routes(&self) -> impl Iterator<Item = &'static Route> {
        let has_second_factors = self.service.has_second_factors();
        #[cfg(feature = "federation")]
        let has_providers = self.service.has_providers();
        #[cfg(not(feature = "federation"))]
        let has_providers = false;
        let is_on =
            move |route: &&Route| route.is_on(&self.config, has_second_factors, has_providers);
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
        let mut response = answered.unwrap_or_else(Problem::into_http);
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
}
