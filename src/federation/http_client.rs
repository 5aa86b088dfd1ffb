//! The application's HTTP client, and what goes through it.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use url::Url;
use zeroize::Zeroizing;

use super::address::is_public_address;
use crate::error::Cause;

/// Longest answer that is read from a provider, in bytes: 256 KiB.
pub const MAX_ANSWER_BYTES: usize = 256 << 10;

/// The application's HTTP client, sending requests to providers.
///
/// This crate checks the URL before a request and the answer after it. An implementation
///
/// - verifies TLS certificates and sends no cookies;
/// - **follows no redirects**: it returns the answer with status 3xx, which is then refused.
///   Otherwise a provider could lead requests to inside addresses;
/// - connects only to addresses for which [`HttpRequest::may_connect_to`] returns `true`.
///   A host name can resolve to an inside address, and to another one at the next look-up, so
///   the address is checked after the resolution, and that same one is connected to. An HTTP
///   proxy that does so instead is sufficient; with one, the check here does not see where a
///   name leads;
/// - stops receiving after [`HttpRequest::max_answer_bytes`], counted after decompression,
///   and returns an error or what it has so far and at least one byte more. An answer that is
///   longer is refused;
/// - gives up after [`HttpRequest::timeout`], counted from the call to the last byte. Its
///   future is then dropped, whether it gave up or not.
///
/// # Examples
///
/// A client without a network, for tests:
///
/// ```
/// use admittance::federation::{HttpClient, HttpRequest, HttpResponse};
/// use admittance::store::Cause;
///
/// struct Down;
///
/// #[admittance::async_trait]
/// impl HttpClient for Down {
///     async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Cause> {
///         Err(format!("no route to {}", request.host()).into())
///     }
/// }
/// ```
#[cfg_attr(feature = "test-util", mockall::automock)]
#[async_trait]
pub trait HttpClient: Send + Sync + 'static {
    /// Sends `request` and returns the answer, whatever its status is.
    ///
    /// It runs in a task of its own, which ends with the operation that caused it. A panic in
    /// it counts as a failure.
    ///
    /// # Errors
    ///
    /// Whatever prevents an answer. The text goes into a
    /// [`FederationError`](super::FederationError), which operators read, so it must not
    /// contain headers or the body of the request.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Cause>;
}

#[async_trait]
impl<T: HttpClient + ?Sized> HttpClient for Arc<T> {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Cause> {
        (**self).send(request).await
    }
}

/// The method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpMethod {
    /// `GET`, without a body.
    Get,
    /// `POST`, with a body.
    Post,
}

impl HttpMethod {
    /// The method as it is sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// A request to a provider.
///
/// `Debug` shows the method, the URL and the names of the headers. The values of headers and
/// the body are secrets; their memory is wiped on drop.
pub struct HttpRequest {
    method: HttpMethod,
    url: Url,
    headers: Vec<(&'static str, Zeroizing<String>)>,
    body: Zeroizing<Vec<u8>>,
    timeout: Duration,
    allows_private: bool,
}

impl HttpRequest {
    pub(super) fn get(url: Url) -> Self {
        Self::new(HttpMethod::Get, url)
    }

    /// A form that is posted (RFC 6749 appendix B).
    pub(super) fn form(url: Url, body: Zeroizing<String>) -> Self {
        let form = "application/x-www-form-urlencoded".to_owned();
        let mut request = Self::new(HttpMethod::Post, url).header("content-type", form);
        request.body = Zeroizing::new(body.as_bytes().to_vec());
        request
    }

    fn new(method: HttpMethod, url: Url) -> Self {
        let request = Self {
            method,
            url,
            headers: Vec::new(),
            body: Zeroizing::default(),
            timeout: Duration::ZERO,
            allows_private: false,
        };
        // GitHub refuses requests without a `User-Agent`.
        request
            .header("accept", "application/json".to_owned())
            .header("user-agent", "admittance".to_owned())
    }

    pub(super) fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, Zeroizing::new(value)));
        self
    }

    pub(super) fn bounded(mut self, timeout: Duration, allows_private: bool) -> Self {
        self.timeout = timeout;
        self.allows_private = allows_private;
        self
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> HttpMethod {
        self.method
    }

    /// The URL: `https`, or `http` to the loopback if inside addresses are allowed; without
    /// user name, password and fragment. It holds no secret.
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// The host of the URL: a name in ASCII or an address, an IPv6 one in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// The headers: names in lower case, and values of printable ASCII.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let headers = self.headers.iter();
        headers.map(|(name, value)| (*name, value.as_str()))
    }

    /// The body; empty for `GET`.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Where receiving stops, in bytes of the decompressed body: [`MAX_ANSWER_BYTES`].
    #[must_use]
    pub fn max_answer_bytes(&self) -> usize {
        MAX_ANSWER_BYTES
    }

    /// How long the request may take, from the call to the last byte of the answer.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Returns `true` if a connection to `address`, which the host resolved to, is allowed:
    /// if it [is public](is_public_address), or if the provider is configured with
    /// [`allow_private_addresses`](super::ProviderBuilder::allow_private_addresses).
    #[must_use]
    pub fn may_connect_to(&self, address: IpAddr) -> bool {
        self.allows_private || is_public_address(address)
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("url", &self.url.as_str())
            .field("headers", &names)
            .finish_non_exhaustive()
    }
}

/// The answer to an [`HttpRequest`]. `Debug` does not show the body, and its memory is wiped
/// on drop: it may hold tokens.
pub struct HttpResponse {
    pub(super) status: u16,
    pub(super) content_type: Option<String>,
    pub(super) body: Zeroizing<Vec<u8>>,
}

impl HttpResponse {
    /// An answer with `status`, the value of the header `Content-Type` and the decompressed
    /// body.
    #[must_use]
    pub fn new(status: u16, content_type: Option<String>, body: Vec<u8>) -> Self {
        Self {
            status,
            content_type,
            body: Zeroizing::new(body),
        }
    }
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpResponse")
            .field("status", &self.status)
            .field("content_type", &self.content_type)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> HttpRequest {
        let url = Url::parse("https://login.example/token").unwrap();
        HttpRequest::form(url, Zeroizing::new("code=canary".to_owned()))
            .header("authorization", "Basic canary".to_owned())
    }

    #[test]
    fn ghsa_69_a_name_that_leads_inside_is_for_the_client_to_refuse() {
        let request = request();
        for address in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00::1"] {
            let address: IpAddr = address.parse().unwrap();
            assert!(!request.may_connect_to(address), "{address}");
        }
        assert!(request.may_connect_to(IpAddr::from([8, 8, 8, 8])));
        let request = request.bounded(Duration::from_secs(1), true);
        assert!(request.may_connect_to(IpAddr::from([127, 0, 0, 1])));
    }

    #[test]
    fn asvs_16_2_5_debug_shows_no_secret() {
        let response = HttpResponse::new(200, None, b"canary".to_vec());
        let shown = format!("{:?} {response:?}", request());
        assert!(!shown.contains("canary"), "{shown}");
        assert!(shown.contains("https://login.example/token"), "{shown}");
    }
}
