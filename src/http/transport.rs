//! How a session's tokens travel: in bodies and the header `Authorization`, or
//! in cookies.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use serde::Serialize;

use super::config::HttpConfig;
use super::problem::{Problem, ProblemCode};
use super::{CookieConfig, json, origin};
use crate::secret::{AccessToken, RefreshToken};
use crate::service::Tokens;

/// The request header by which a client requests a session in cookies,
/// `Admittance-Session: cookie`: it has no other value. A page of another origin
/// cannot send it without a CORS preflight.
pub const SESSION_HEADER: HeaderName = HeaderName::from_static("admittance-session");

/// What is in cookies instead of in the body of an answer.
pub(super) const IN_COOKIES: [&str; 4] = ["token", "token_type", "refresh_token", "flow"];

/// What a browser forgets with the session (ASVS 14.3.1). Not `"cookies"`, which
/// would take those of all hosts of the domain along; ours are removed one by one.
/// Nor `"cache"`, for which Chromium holds the answer back for seconds: no answer
/// with the user's data is in it, since all have `no-store`.
const CLEAR_SITE_DATA: HeaderValue = HeaderValue::from_static("\"storage\"");

/// Where a client keeps the tokens of its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    /// It gets them in the body, and sends them in `Authorization`.
    Body,
    /// They are in cookies, and nowhere else.
    Cookies,
}

/// A token of a request, and how it came.
pub(super) struct Credential {
    pub(super) token: AccessToken,
    pub(super) transport: Transport,
}

/// What a request authenticates itself with; `None` when with nothing. The
/// header `Authorization` goes before cookies.
pub(super) fn credential(
    method: &Method,
    headers: &HeaderMap,
    config: &HttpConfig,
) -> Result<Option<Credential>, Problem> {
    if let Some(token) = bearer(headers)? {
        return Ok(Some(Credential {
            token: AccessToken::new(token),
            transport: Transport::Body,
        }));
    }
    let Some(token) = cookie_token(headers, config)? else {
        return Ok(None);
    };
    origin::require_own_page(method, headers, config)?;
    Ok(Some(Credential {
        token,
        transport: Transport::Cookies,
    }))
}

/// The token of the one `Authorization: Bearer` header (RFC 6750 §2.1).
///
/// Credentials of another scheme are for somebody else, such as a proxy that asks for HTTP
/// Basic, and browsers add them to every request: they are ignored. What names no scheme, or
/// names `Bearer` and is malformed, is refused.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers
        .get_all(header::AUTHORIZATION)
        .iter()
        .filter(|value| !is_of_another_scheme(value.as_bytes()));
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Problem::bad_token());
    }
    let text = value.to_str().map_err(|_| Problem::bad_token())?;
    let (scheme, token) = text.split_once(' ').ok_or_else(Problem::bad_token)?;
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() || token.contains(' ') {
        return Err(Problem::bad_token());
    }
    Ok(Some(token))
}

/// Returns `true` for the credentials of a scheme other than `Bearer` (RFC 9110 §11.4).
fn is_of_another_scheme(value: &[u8]) -> bool {
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let Some(end) = value.iter().position(|byte| *byte == b' ') else {
        return false;
    };
    let (scheme, _) = value.split_at(end);
    !scheme.is_empty() && scheme.iter().all(is_token) && !scheme.eq_ignore_ascii_case(b"bearer")
}

/// Returns `true` if a header `Authorization` is meant for this server.
pub(super) fn has_authorization(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    values.any(|value| !is_of_another_scheme(value.as_bytes()))
}

/// The access token in a request's cookies, where these are on.
pub(super) fn cookie_token(
    headers: &HeaderMap,
    config: &HttpConfig,
) -> Result<Option<AccessToken>, Problem> {
    match &config.cookies {
        Some(cookies) => cookies.token_in(headers),
        None => Ok(None),
    }
}

/// Whether a request for new tokens has no body, as that of a browser whose session is in
/// cookies. One that declares a type has a body, unless there are cookies.
pub(super) fn says_nothing(headers: &HeaderMap, body: &[u8], config: &HttpConfig) -> bool {
    let Some(cookies) = config.cookies.as_ref().filter(|_| body.is_empty()) else {
        return false;
    };
    cookies.are_in(headers) || !headers.contains_key(header::CONTENT_TYPE)
}

/// The refresh token in the cookies of a request that has none in its body.
pub(super) fn cookie_refresh_token(
    method: &Method,
    headers: &HeaderMap,
    config: &HttpConfig,
) -> Result<RefreshToken, Problem> {
    let held = held_refresh_token(headers, config)?;
    let held = held.ok_or_else(Problem::no_token)?;
    origin::require_own_page(method, headers, config)?;
    Ok(held)
}

/// Whether a client that logs out has cookies of ours to give up. The header
/// `Authorization` goes before cookies here too.
pub(super) fn are_cookies_given_up(
    method: &Method,
    headers: &HeaderMap,
    config: &HttpConfig,
) -> Result<bool, Problem> {
    let is_there = |cookies: &CookieConfig| cookies.are_in(headers);
    if has_authorization(headers) || !config.cookies.as_ref().is_some_and(is_there) {
        return Ok(false);
    }
    origin::require_own_page(method, headers, config)?;
    Ok(true)
}

/// Returns `true` if a request with a dead token may be served as anonymous, where
/// authentication is optional: a read whose token is in a cookie, which the browser sends
/// by itself. A request that changes something is refused, because its sender appears to
/// be logged in.
pub(super) fn may_be_anonymous(method: &Method, headers: &HeaderMap) -> bool {
    !has_authorization(headers) && origin::is_only_read(method, headers)
}

/// The refresh token in a request's cookies, where these are on.
pub(super) fn held_refresh_token(
    headers: &HeaderMap,
    config: &HttpConfig,
) -> Result<Option<RefreshToken>, Problem> {
    match &config.cookies {
        Some(cookies) => cookies.refresh_in(headers),
        None => Ok(None),
    }
}

/// The place of the tokens of a session that is about to be opened.
pub(super) fn asked(
    method: &Method,
    headers: &HeaderMap,
    config: &HttpConfig,
) -> Result<Transport, Problem> {
    let mut values = headers.get_all(&SESSION_HEADER).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(Transport::Body),
        (Some(value), None) if value == "cookie" && config.cookies.is_some() => {
            origin::require_own_page(method, headers, config)?;
            Ok(Transport::Cookies)
        }
        _ => Err(Problem::new(ProblemCode::MalformedRequest).detail(
            "The header Admittance-Session says `cookie` or is absent, and where sessions in \
             cookies are off it is absent.",
        )),
    }
}

/// An answer that hands out `tokens`.
pub(super) fn opened(
    transport: Transport,
    status: StatusCode,
    answer: &impl Serialize,
    tokens: &Tokens,
    config: &HttpConfig,
) -> Result<Response<Bytes>, Problem> {
    let (Transport::Cookies, Some(cookies)) = (transport, &config.cookies) else {
        return json::answer(status, answer);
    };
    let mut body = serde_json::to_value(answer).map_err(|_| Problem::new(ProblemCode::Internal))?;
    if let Some(members) = body.as_object_mut() {
        for secret in IN_COOKIES {
            members.remove(secret);
        }
    }
    let mut response = json::answer(status, &body)?;
    cookies.keep(tokens, response.headers_mut())?;
    Ok(response)
}

/// The answer that ends the client's session: one that keeps it in cookies
/// forgets it.
pub(super) fn closed(
    transport: Transport,
    mut response: Response<Bytes>,
    config: &HttpConfig,
) -> Result<Response<Bytes>, Problem> {
    if let (Transport::Cookies, Some(cookies)) = (transport, &config.cookies) {
        let headers = response.headers_mut();
        cookies.forget(headers)?;
        clear_site_data(headers);
    }
    Ok(response)
}

/// Has a browser forget what it keeps of the site besides the cookies.
pub(super) fn clear_site_data(headers: &mut HeaderMap) {
    headers.insert("clear-site-data", CLEAR_SITE_DATA);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: HeaderName, values: &[&'static str]) -> HeaderMap {
        let values = values.iter().copied().map(HeaderValue::from_static);
        values.map(|value| (name.clone(), value)).collect()
    }

    fn with_cookies() -> HttpConfig {
        HttpConfig {
            cookies: Some(CookieConfig::insecure_for_localhost()),
            ..HttpConfig::default()
        }
    }

    #[test]
    fn the_header_authorization_has_one_bearer_token_and_other_schemes_are_ignored() {
        for (values, token, is_ours) in [
            (&[] as &[_], Some(None), false),
            (&["Bearer abc"], Some(Some("abc")), true),
            (&["bEARER abc"], Some(Some("abc")), true),
            (&["Basic dXNlcjpw"], Some(None), false),
            (&["Basic dXNlcjpw", "Bearer abc"], Some(Some("abc")), true),
            (&["Bearer abc", "Bearer abc"], None, true),
            (&["Bearer"], None, true),
            (&["Bearer "], None, true),
            (&["Bearer  abc"], None, true),
            (&["Bearer a b"], None, true),
            (&[""], None, true),
            (&["abc"], None, true),
            (&[" abc"], None, true),
            (&["B@sic abc"], None, true),
        ] {
            let headers = with(header::AUTHORIZATION, values);
            assert_eq!(bearer(&headers).ok(), token, "{values:?}");
            assert_eq!(has_authorization(&headers), is_ours, "{values:?}");
        }
    }

    #[test]
    fn a_request_without_a_body_says_nothing_where_cookies_are_on() {
        let off = HttpConfig::default();
        let on = with_cookies();
        let typed = with(header::CONTENT_TYPE, &["application/json"]);
        let cookie = with(header::COOKIE, &["admittance_refresh=a"]);
        let mut both = cookie.clone();
        both.extend(typed.clone());
        for (config, headers, body, expected) in [
            (&off, &cookie, "", false),
            (&on, &cookie, "{}", false),
            (&on, &HeaderMap::new(), "", true),
            (&on, &typed, "", false),
            (&on, &cookie, "", true),
            (&on, &both, "", true),
        ] {
            let found = says_nothing(headers, body.as_bytes(), config);
            assert_eq!(found, expected, "{headers:?} {body}");
        }
    }

    #[test]
    fn only_a_read_without_a_token_in_the_header_may_be_anonymous() {
        let none = HeaderMap::new();
        let basic = with(header::AUTHORIZATION, &["Basic dXNlcjpw"]);
        let bearer = with(header::AUTHORIZATION, &["Bearer abc"]);
        for (method, headers, expected) in [
            (Method::GET, &none, true),
            (Method::GET, &basic, true),
            (Method::GET, &bearer, false),
            (Method::POST, &none, false),
            (Method::POST, &bearer, false),
        ] {
            let found = may_be_anonymous(&method, headers);
            assert_eq!(found, expected, "{method} {headers:?}");
        }
    }

    #[test]
    fn cookies_are_asked_for_by_one_word_where_they_are_on() {
        let off = HttpConfig::default();
        let on = with_cookies();
        for (config, values, expected) in [
            (&off, &[] as &[_], Some(Transport::Body)),
            (&on, &[], Some(Transport::Body)),
            (&on, &["cookie"], Some(Transport::Cookies)),
            (&off, &["cookie"], None),
            (&on, &["Cookie"], None),
            (&on, &[""], None),
            (&on, &["cookie", "cookie"], None),
        ] {
            let mut headers = with(SESSION_HEADER, values);
            headers.insert("sec-fetch-site", HeaderValue::from_static("same-origin"));
            let found = asked(&Method::POST, &headers, config).ok();
            assert_eq!(found, expected, "{values:?}");
            headers.insert("sec-fetch-site", HeaderValue::from_static("cross-site"));
            let found = asked(&Method::POST, &headers, config).ok();
            let from_elsewhere = expected.filter(|found| *found == Transport::Body);
            assert_eq!(found, from_elsewhere, "{values:?}");
        }
    }
}
