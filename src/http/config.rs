//! Settings of the HTTP layer.

use std::time::Duration;

#[cfg(all(doc, feature = "openapi"))]
use super::OPENAPI_ROUTES;
use super::allowed_origins::AllowedOrigins;
use super::client_ip::{ForwardedHeader, TrustedProxies};
use super::cookie::CookieConfig;
#[cfg(doc)]
use super::{ADMIN_ROUTES, AuthApi};

/// Settings of the HTTP layer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HttpConfig {
    /// Largest request body, in bytes. Default 64 KiB.
    pub max_body_bytes: usize,
    /// How long a client may take to send a request's body, in all, counted
    /// from when its head is there. After it, the answer is 408. Default 30 s.
    pub body_timeout: Duration,
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
    /// Sessions in cookies, for clients that ask for them. Default: none, so
    /// that no cookie is ever set or looked at.
    ///
    /// A browser's script asks with the request header `Admittance-Session:
    /// cookie` when it registers, logs in or verifies an address with the
    /// password. The answer then has no token in its body. From there on the
    /// session is renewed by cookie too, `POST /refresh` being sent without a
    /// body. A request that has the header `Authorization` goes by that.
    pub cookies: Option<CookieConfig>,
    /// Origins of other pages that may use the API. Default: none.
    pub allowed_origins: AllowedOrigins,
    /// Whether [`OPENAPI_ROUTES`] are there, for anybody. Default: no; the
    /// document is to be had by [`AuthApi::openapi`] all the same.
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
            #[cfg(feature = "openapi")]
            openapi: false,
        }
    }
}
