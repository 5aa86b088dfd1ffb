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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::CookieConfig;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn config(cookies: CookieConfig) -> HttpConfig {
        HttpConfig {
            cookies: Some(cookies),
            allowed_origins: "https://app.example.org".parse().unwrap(),
            own_origins: "https://exams.example.org, http://exams.example.org"
                .parse()
                .unwrap(),
            ..HttpConfig::default()
        }
    }

    const HOST: (&str, &str) = ("host", "api.example.org");
    const FOREIGN: (&str, &str) = ("sec-fetch-site", "cross-site");

    #[test]
    fn asvs_3_5_1_a_page_that_is_neither_ours_nor_allowed_is_refused() {
        let origin = |value| ("origin", value);
        let (secure, localhost) = (
            config(CookieConfig::new()),
            config(CookieConfig::insecure_for_localhost()),
        );
        let (own, unknown, foreign) = ((true, true), (false, true), (false, false));
        for (lines, config, expected) in [
            (&[HOST] as &[_], &secure, unknown),
            (&[("sec-fetch-site", "same-origin")], &secure, own),
            (&[("sec-fetch-site", "none")], &secure, own),
            (&[("sec-fetch-site", "same-site")], &secure, foreign),
            (&[origin("https://app.example.org"), FOREIGN], &secure, own),
            (&[origin("https://evil.example"), FOREIGN], &secure, foreign),
            (
                &[origin("https://exams.example.org"), FOREIGN],
                &secure,
                own,
            ),
            // Cookies that are `Secure` do not come from there.
            (
                &[origin("http://exams.example.org"), FOREIGN],
                &secure,
                foreign,
            ),
            (
                &[origin("http://exams.example.org"), FOREIGN],
                &localhost,
                own,
            ),
            (&[origin("https://api.example.org"), HOST], &secure, own),
            (&[origin("http://api.example.org"), HOST], &secure, foreign),
            (&[origin("http://api.example.org"), HOST], &localhost, own),
            (&[origin("https://api.example.org"), HOST], &localhost, own),
            (
                &[origin("ftp://api.example.org"), HOST],
                &localhost,
                foreign,
            ),
            (&[origin("https://evil.example"), HOST], &secure, foreign),
            (&[origin("https://api.example.org")], &secure, foreign),
            (&[origin("null"), HOST], &secure, foreign),
            (&[origin(""), HOST], &secure, foreign),
            // Two headers are ambiguous.
            (
                &[("sec-fetch-site", "none"), ("sec-fetch-site", "none")],
                &secure,
                foreign,
            ),
            (
                &[origin("https://api.example.org"), HOST, HOST],
                &secure,
                foreign,
            ),
        ] {
            let headers = headers(lines);
            let changes = require_own_page(&Method::POST, &headers, config).is_ok();
            let reads = refuse_foreign_page(&headers, config).is_ok();
            assert_eq!((changes, reads), expected, "{lines:?}");
            assert!(require_own_page(&Method::GET, &headers, config).is_ok());
        }
    }

    #[test]
    fn asvs_3_5_1_a_request_that_opens_a_websocket_is_no_read() {
        for (method, upgrade, is_read) in [
            (Method::GET, None, true),
            (Method::HEAD, None, true),
            (Method::POST, None, false),
            (Method::GET, Some("h2c"), true),
            (Method::GET, Some("websocke"), true),
            (Method::GET, Some("websocket"), false),
            (Method::GET, Some("h2c, WebSocket/13"), false),
            (Method::POST, Some("websocket"), false),
        ] {
            let lines: Vec<_> = upgrade
                .map(|value| ("upgrade", value))
                .into_iter()
                .collect();
            let found = is_only_read(&method, &headers(&lines));
            assert_eq!(found, is_read, "{method} {upgrade:?}");
        }
    }

    #[test]
    fn the_host_of_http_2_counts_where_no_header_names_one() {
        let authority = Authority::from_static("api.example.org");
        let host = |lines, authority| {
            let headers = headers(lines);
            let with_host = with_host(&headers, authority);
            let host = with_host.get(header::HOST);
            host.map(|host| host.to_str().unwrap().to_owned())
        };
        let named = Some("api.example.org".to_owned());
        assert_eq!(host(&[], Some(&authority)), named);
        assert_eq!(host(&[], None), None);
        assert_eq!(host(&[HOST], None), named);
        let other = host(&[("host", "other.example")], Some(&authority));
        assert_eq!(other.as_deref(), Some("other.example"));
    }
}
