//! Settings of the HTTP layer.

use std::time::Duration;

use http::HeaderName;

#[cfg(all(doc, feature = "openapi"))]
use super::AuthApi;
use super::allowed_origins::AllowedOrigins;
use super::client_ip::{ForwardedHeader, TrustedProxies};
use super::cookie::CookieConfig;
use crate::error::ConfigError;

/// Settings of the HTTP layer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HttpConfig {
    /// Largest request body, in bytes: 1 KiB to 16 MiB. Default 64 KiB.
    pub max_body_bytes: usize,
    /// How long a client may take to send a request's body, in all, counted
    /// from when its head is there: 1 s to 10 minutes. After it, the answer is 408.
    /// Default 30 s.
    pub body_timeout: Duration,
    /// Proxies that are believed when they name the client. Default: none, so
    /// that a client is known by its peer address (ASVS 4.1.3).
    pub trusted_proxies: TrustedProxies,
    /// The header in which they name it. Default `X-Forwarded-For`. Choose the
    /// one that the proxy writes itself: the other comes from the client.
    pub forwarded: ForwardedHeader,
    /// Enables the endpoints under `/admin`, for users whose roles grant the permission of each.
    /// Default: disabled.
    pub admin: bool,
    /// Sessions in cookies, for clients that ask for them. Default: none, so
    /// that no cookie is ever set or looked at.
    ///
    /// A browser's script asks with the request header `Admittance-Session:
    /// cookie` when it registers, logs in, begins or completes a sign-in with a
    /// provider, or verifies an address with the password. The answer then has no
    /// token in its body. From there on the session is renewed by cookie too,
    /// `POST /refresh` being sent without a body. A request that has the header
    /// `Authorization` goes by that.
    pub cookies: Option<CookieConfig>,
    /// Origins of other pages that may use the API. Default: none.
    pub allowed_origins: AllowedOrigins,
    /// Request headers that pages of [`allowed_origins`](Self::allowed_origins) may send
    /// besides those of the API, such as `traceparent` of a tracing library: a browser asks
    /// for them before it sends a request, and does not send it otherwise. Nothing else
    /// depends on them. `*` is not accepted. Default: none.
    pub allowed_headers: Vec<HeaderName>,
    /// Origins at which browsers reach this server, besides that in `Host`: required behind a
    /// proxy that rewrites `Host`, for browsers without Fetch Metadata. Their pages count as
    /// the server's own. [`AllowedOrigins::of_url`] makes it from the address that mailed links
    /// begin with. While cookies are `Secure`, only origins with `https` count. Default: none.
    pub own_origins: AllowedOrigins,
    /// The page of the application to which `POST /login/{provider}/form` leads, for providers
    /// that answer by a form: a path of this origin, or a URL with `https`, to which `/` and the
    /// id of the provider are added. What the provider sent is in the fragment, which no server
    /// sees. Default `/callback`.
    #[cfg(feature = "federation")]
    pub federation_page: String,
    /// Enables `GET /openapi.json`, for everybody. Default: disabled;
    /// [`AuthApi::openapi`] returns the document in any case.
    #[cfg(feature = "openapi")]
    pub openapi: bool,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            max_body_bytes: 64 * 1024,
            body_timeout: Duration::from_secs(30),
            trusted_proxies: TrustedProxies::default(),
            forwarded: ForwardedHeader::default(),
            admin: false,
            cookies: None,
            allowed_origins: AllowedOrigins::default(),
            allowed_headers: Vec::new(),
            own_origins: AllowedOrigins::default(),
            #[cfg(feature = "federation")]
            federation_page: "/callback".to_owned(),
            #[cfg(feature = "openapi")]
            openapi: false,
        }
    }
}

impl HttpConfig {
    /// Checks that the limits bound a request and let one through, bodies of 1 KiB to 16 MiB,
    /// and 1 s to 10 minutes for one; and that allowed headers are named.
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let invalid = |setting, problem: &str| ConfigError::Invalid {
            setting,
            problem: problem.to_owned(),
        };
        if !(1024..=16 * 1024 * 1024).contains(&self.max_body_bytes) {
            return Err(invalid("http.max_body_bytes", "is not 1 KiB to 16 MiB"));
        }
        if !(Duration::from_secs(1)..=Duration::from_secs(600)).contains(&self.body_timeout) {
            return Err(invalid("http.body_timeout", "is not 1 s to 10 min"));
        }
        #[cfg(feature = "federation")]
        if !is_page(&self.federation_page) {
            let problem = "is neither a path of this origin nor a URL with https";
            return Err(invalid("http.federation_page", problem));
        }
        if self.allowed_headers.iter().any(|name| name == "*") {
            return Err(invalid("http.allowed_headers", "has `*`, not a header"));
        }
        Ok(())
    }
}

#[cfg(feature = "federation")]
fn is_page(page: &str) -> bool {
    let is_url = |page: &str| {
        let url = url::Url::parse(page);
        url.is_ok_and(|url| url.scheme() == "https" && url.fragment().is_none())
    };
    !page.contains(['#', '?']) && (super::safe_next(page).is_some() || is_url(page))
}
