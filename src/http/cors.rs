//! Cross-origin resource sharing (Fetch standard, "HTTP-CORS protocol") for the
//! origins on the list.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};

use super::answer::respond;
use super::config::HttpConfig;
use super::transport::SESSION_HEADER;

/// What scripts may read besides the body.
const EXPOSED: &str = "etag, retry-after, www-authenticate";
/// For how long a browser keeps the answer to a preflight, in seconds.
const MAX_AGE: &str = "600";

/// The answer to a browser that asks whether a page may send what it is about
/// to send; `None` when the request asks no such thing, or for a page that is not
/// on the list. `methods` are those of the path.
pub(super) fn preflight(
    method: &Method,
    headers: &HeaderMap,
    methods: &HeaderValue,
    config: &HttpConfig,
) -> Option<Response<Bytes>> {
    let asks = method == Method::OPTIONS
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
        && allowed(headers.get(header::ORIGIN), config).is_some();
    if !asks {
        return None;
    }
    let mut response = respond(StatusCode::NO_CONTENT, "", Vec::new());
    let answer = response.headers_mut();
    let mut accepted = format!("authorization, content-type, if-match, {SESSION_HEADER}");
    for name in &config.allowed_headers {
        accepted.push_str(", ");
        accepted.push_str(name.as_str());
    }
    let accepted = HeaderValue::try_from(accepted).ok()?;
    let max_age = HeaderValue::from_static(MAX_AGE);
    answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods.clone());
    answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, accepted);
    answer.insert(header::ACCESS_CONTROL_MAX_AGE, max_age);
    Some(response)
}

/// Lets a page on the list read the answer. `origin` is the request's.
pub(super) fn share(origin: Option<&HeaderValue>, config: &HttpConfig, answer: &mut HeaderMap) {
    if config.allowed_origins.is_empty() {
        return;
    }
    answer.append(header::VARY, HeaderValue::from_static("origin"));
    let Some(origin) = allowed(origin, config) else {
        return;
    };
    answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    answer.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(EXPOSED),
    );
    if config.cookies.is_some() {
        answer.insert(
            header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        );
    }
}

fn allowed<'h>(origin: Option<&'h HeaderValue>, config: &HttpConfig) -> Option<&'h HeaderValue> {
    origin.filter(|origin| {
        let text = origin.to_str();
        text.is_ok_and(|text| config.allowed_origins.contains(text))
    })
}
