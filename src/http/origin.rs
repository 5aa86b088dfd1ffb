//! Which pages may make a browser send a session's cookies, and read answers.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, Method, header, uri::Authority};

use super::allowed_origins::web_origin;
use super::config::HttpConfig;
use super::problem::{Problem, ProblemCode};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses a request that may change something, or that opens a WebSocket,
/// unless a page of our own or of an allowed origin made it (ASVS 3.5.1): by
/// `Origin` where that is listed, else by what the browser says of it
/// (`Sec-Fetch-Site`), else by `Origin` against `Host`, for browsers that do not
/// say it. A request that tells neither comes from no browser of these days, and
/// is refused: other clients have tokens.
pub(super) fn require_own_page(
    method: &Method,
    headers: &HeaderMap,
    config: &HttpConfig,
) -> Result<(), Problem> {
    if is_only_read(method, headers) {
        return Ok(());
    }
    match is_own_page(headers, config)? {
        Some(true) => Ok(()),
        Some(false) | None => Err(foreign()),
    }
}

/// Refuses a request that a page of another host made, as far as the browser
/// tells: for reads that the audit log records.
pub(super) fn refuse_foreign_page(headers: &HeaderMap, config: &HttpConfig) -> Result<(), Problem> {
    match is_own_page(headers, config)? {
        Some(false) => Err(foreign()),
        Some(true) | None => Ok(()),
    }
}

/// Whether a page of our own or of an allowed origin made the request; `None`
/// when nothing says so.
fn is_own_page(headers: &HeaderMap, config: &HttpConfig) -> Result<Option<bool>, Problem> {
    let origin = single(headers, &header::ORIGIN)?;
    if origin.is_some_and(|origin| config.allowed_origins.contains(origin)) {
        return Ok(Some(true));
    }
    Ok(match (single(headers, &SEC_FETCH_SITE)?, origin) {
        (Some(site), _) => Some(matches!(site, "same-origin" | "none")),
        (None, Some(origin)) => Some(is_of_host(origin, single(headers, &header::HOST)?, config)),
        (None, None) => None,
    })
}

/// The headers with the host that HTTP/2 names beside them (RFC 9113 §8.3.1).
pub(crate) fn with_host<'h>(
    headers: &'h HeaderMap,
    authority: Option<&Authority>,
) -> Cow<'h, HeaderMap> {
    let host = authority.map(Authority::as_str);
    match host.and_then(|host| HeaderValue::from_str(host).ok()) {
        Some(host) if !headers.contains_key(header::HOST) => {
            let mut headers = headers.clone();
            headers.insert(header::HOST, host);
            Cow::Owned(headers)
        }
        _ => Cow::Borrowed(headers),
    }
}

/// Whether the request changes nothing, and opens nothing that could.
pub(super) fn is_only_read(method: &Method, headers: &HeaderMap) -> bool {
    method.is_safe() && !is_websocket(headers)
}

/// Whether the request opens a WebSocket, over which anything can be asked for
/// later, and which CORS does not keep pages from.
fn is_websocket(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::UPGRADE).iter();
    values.any(|value| {
        let text = value.as_bytes().to_ascii_lowercase();
        text.windows(9).any(|part| part == b"websocket")
    })
}

/// Whether `origin` is that of the host that the request was sent to. Its
/// scheme must be one over which the cookies come.
fn is_of_host(origin: &str, host: Option<&str>, config: &HttpConfig) -> bool {
    let is_secure = config.cookies.as_ref().is_none_or(|one| one.is_secure());
    let scheme = match origin.split_once("://") {
        Some(("https", _)) => "https",
        Some(("http", _)) if !is_secure => "http",
        _ => return false,
    };
    let own = host.and_then(|host| web_origin(&format!("{scheme}://{host}")));
    own.is_some_and(|own| own == origin)
}

/// The value of a header that is there at most once.
fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Problem> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| foreign()),
        (Some(_), Some(_)) => Err(foreign()),
    }
}

fn foreign() -> Problem {
    Problem::new(ProblemCode::Forbidden).detail("Cross-origin request refused.")
}
