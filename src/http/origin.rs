//! Which pages may make a browser send a session's cookies, and read answers.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, Method, header, uri::Authority};

use super::allowed_origins::web_origin;
use super::config::HttpConfig;
use super::problem::{Problem, ProblemCode};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses a request that may change something, or that opens a WebSocket,
/// unless a page of our own or of an allowed origin made it (ASVS 3.5.1): by
/// `Origin` where that is listed, as another's or as our own, else by what the
/// browser says of it (`Sec-Fetch-Site`), else by `Origin` against `Host`, for
/// browsers that do not say it. A request that tells neither comes from no browser
/// of these days, and is refused: other clients have tokens.
pub(super) fn require_own_page(
    method: &Method,
    headers: &HeaderMap,
    config: &HttpConfig,
) -> Result<(), Problem> {
    if is_only_read(method, headers) {
        return Ok(());
    }
    match source(headers, config)? {
        Source::Own => Ok(()),
        foreign => Err(foreign.refused()),
    }
}

/// Refuses a request that a page of another host made, as far as the browser
/// tells: for reads that the audit log records.
pub(super) fn refuse_foreign_page(headers: &HeaderMap, config: &HttpConfig) -> Result<(), Problem> {
    match source(headers, config)? {
        Source::Own | Source::Unknown => Ok(()),
        foreign => Err(foreign.refused()),
    }
}

/// Where a request comes from.
#[derive(Clone, Copy)]
enum Source {
    /// From a page of our own or of an allowed origin.
    Own,
    /// `Sec-Fetch-Site` shows another page.
    ForeignSite,
    /// `Origin` shows another page.
    ForeignOrigin,
    /// No header shows it.
    Unknown,
}

impl Source {
    /// The refusal of a request that does not come from a page of our own, with the header to
    /// look at.
    fn refused(self) -> Problem {
        refused(match self {
            Self::Own | Self::Unknown => {
                "A request with cookies needs the header Origin or Sec-Fetch-Site, which browsers \
                 send by themselves. Other clients send a token in the header Authorization."
            }
            Self::ForeignSite => {
                "Cross-origin request refused: Sec-Fetch-Site is not `same-origin`, and Origin is \
                 not an origin that this server allows."
            }
            Self::ForeignOrigin => {
                "Cross-origin request refused: Origin is not that of Host, and not an origin that \
                 this server allows."
            }
        })
    }
}

fn source(headers: &HeaderMap, config: &HttpConfig) -> Result<Source, Problem> {
    let origin = single(headers, &header::ORIGIN)?;
    let is_listed = |origin: &str| {
        let is_own = config.own_origins.contains(origin) && scheme_of(origin, config).is_some();
        is_own || config.allowed_origins.contains(origin)
    };
    if origin.is_some_and(is_listed) {
        return Ok(Source::Own);
    }
    Ok(match (single(headers, &SEC_FETCH_SITE)?, origin) {
        (Some("same-origin" | "none"), _) => Source::Own,
        (Some(_), _) => Source::ForeignSite,
        (None, Some(origin)) => match is_of_host(origin, single(headers, &header::HOST)?, config) {
            true => Source::Own,
            false => Source::ForeignOrigin,
        },
        (None, None) => Source::Unknown,
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

/// Whether `origin` is that of the host that the request was sent to.
fn is_of_host(origin: &str, host: Option<&str>, config: &HttpConfig) -> bool {
    let Some(scheme) = scheme_of(origin, config) else {
        return false;
    };
    let own = host.and_then(|host| web_origin(&format!("{scheme}://{host}")));
    own.is_some_and(|own| own == origin)
}

/// The scheme of `origin`, if it is one over which the cookies come.
fn scheme_of(origin: &str, config: &HttpConfig) -> Option<&'static str> {
    let is_secure = config.cookies.as_ref().is_none_or(|one| one.is_secure());
    match origin.split_once("://") {
        Some(("https", _)) => Some("https"),
        Some(("http", _)) if !is_secure => Some("http"),
        _ => None,
    }
}

/// The value of a header that is there at most once.
fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Problem> {
    let unfit = || {
        refused(format!(
            "The header {name} must be there at most once, in ASCII."
        ))
    };
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| unfit()),
        (Some(_), Some(_)) => Err(unfit()),
    }
}

fn refused(detail: impl Into<Cow<'static, str>>) -> Problem {
    Problem::new(ProblemCode::Forbidden).detail(detail)
}
