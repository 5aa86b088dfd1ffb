//! What is read off a request's head.

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Once;

use http::{HeaderMap, header};

use super::config::HttpConfig;
use super::problem::{Problem, ProblemCode};
use crate::service::{ListEvents, ListSessions, ListUsers, RequestContext};

/// Where the request came from.
pub(super) fn context(
    headers: &HeaderMap,
    peer: Option<IpAddr>,
    config: &HttpConfig,
) -> RequestContext {
    if peer.is_none() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            tracing::warn!("requests come without a peer address: limits count all clients as one");
        });
    }
    let agent = headers
        .get(header::USER_AGENT)
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .unwrap_or_default();
    let ip = config
        .trusted_proxies
        .client(peer, config.forwarded, headers);
    RequestContext::new(ip).with_user_agent(&agent)
}

/// How long the body is going to be, in bytes, if the client says so.
pub(super) fn content_length(headers: &HeaderMap) -> Option<usize> {
    let value = headers.get(header::CONTENT_LENGTH)?;
    // One that is too long for a number is too long for everything else.
    let length = value.to_str().ok()?.parse();
    Some(length.unwrap_or(usize::MAX))
}

/// The type of a merge patch (RFC 7396, §4).
pub(super) const MERGE_PATCH: &str = "application/merge-patch+json";

/// Refuses a body that is not declared as JSON in UTF-8. A form or plain text,
/// which a foreign page can send without asking, never gets through (ASVS 3.5.2).
pub(super) fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    require(&["application/json"], headers)
}

/// The same for a merge patch, which may be declared as such.
pub(super) fn require_patch(headers: &HeaderMap) -> Result<(), Problem> {
    require(&["application/json", MERGE_PATCH], headers)
}

/// The type of a form.
#[cfg(feature = "federation")]
pub(super) const FORM: &str = "application/x-www-form-urlencoded";

/// Refuses a body that is not declared as a form, where a provider answers by one.
#[cfg(feature = "federation")]
pub(super) fn require_form(headers: &HeaderMap) -> Result<(), Problem> {
    require(&[FORM], headers)
        .map_err(|problem| problem.detail("Send application/x-www-form-urlencoded in UTF-8."))
}

fn require(types: &[&str], headers: &HeaderMap) -> Result<(), Problem> {
    let refused = || Problem::new(ProblemCode::UnsupportedMediaType);
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let value = values.next().ok_or_else(refused)?;
    if values.next().is_some() {
        return Err(refused());
    }
    let mut parts = value.to_str().map_err(|_| refused())?.split(';');
    let essence = parts.next().unwrap_or_default().trim();
    let is_utf8 = |parameter: &str| match parameter.split_once('=') {
        Some((name, value)) => {
            !name.trim().eq_ignore_ascii_case("charset")
                || ["utf-8", "\"utf-8\""]
                    .iter()
                    .any(|utf8| value.trim().eq_ignore_ascii_case(utf8))
        }
        None => parameter.trim().is_empty(),
    };
    let is_it = |one: &&str| essence.eq_ignore_ascii_case(one);
    match types.iter().any(is_it) && parts.all(is_utf8) {
        true => Ok(()),
        false => Err(refused()),
    }
}

const AFTER: &str = "The query takes `after`, an id, and `limit`, a number, each once.";

/// The users that a query asks for, by `after` and `limit`.
pub(super) fn users(query: Option<&str>) -> Result<ListUsers, Problem> {
    let (after, limit) = page(query, "after", AFTER)?;
    Ok(ListUsers { after, limit })
}

/// The sessions that a query asks for, by `after` and `limit`.
pub(super) fn sessions(query: Option<&str>) -> Result<ListSessions, Problem> {
    let (after, limit) = page(query, "after", AFTER)?;
    Ok(ListSessions { after, limit })
}

/// The events that a query asks for, by `before` and `limit`.
pub(super) fn events(query: Option<&str>) -> Result<ListEvents, Problem> {
    let detail = "The query takes `before`, an id, and `limit`, a number, each once.";
    let (before, limit) = page(query, "before", detail)?;
    Ok(ListEvents { before, limit })
}

/// The page that a query asks for: where it begins, by the parameter `cursor`,
/// and by `limit` how long it is, each at most once and nothing else (ASVS
/// 15.3.7).
fn page<T: FromStr>(
    query: Option<&str>,
    cursor: &str,
    detail: &'static str,
) -> Result<(Option<T>, Option<u32>), Problem> {
    let malformed = || Problem::new(ProblemCode::MalformedRequest).detail(detail);
    let (mut begin, mut limit) = (None, None);
    for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        if name == cursor && begin.is_none() {
            begin = Some(value.parse().map_err(|_| malformed())?);
        } else if name == "limit" && limit.is_none() {
            limit = Some(value.parse().map_err(|_| malformed())?);
        } else {
            return Err(malformed());
        }
    }
    Ok((begin, limit))
}
