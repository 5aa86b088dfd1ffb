//! Requests to a provider, and what is demanded of any answer.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::error::{Endpoint, Fault, FederationError, Outage};
use super::http_client::{HttpClient, HttpRequest, HttpResponse, MAX_ANSWER_BYTES};
use crate::contained::{self, NoAnswer};
use crate::json::document;

/// Longest text that is kept of a client's error, in characters.
const MAX_CAUSE_CHARS: usize = 200;

/// Sends requests through the application's client, within bounds.
#[derive(Clone)]
pub(super) struct Fetcher {
    client: Arc<dyn HttpClient>,
    timeout: Duration,
    allows_private: bool,
}

/// An answer in JSON that is within the bounds.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) value: Value,
}

impl Fetcher {
    pub(super) fn new(
        client: Arc<dyn HttpClient>,
        timeout: Duration,
        allows_private: bool,
    ) -> Self {
        Self {
            client,
            timeout,
            allows_private,
        }
    }

    /// The answer with status 200.
    pub(super) async fn ok(
        &self,
        endpoint: Endpoint,
        request: HttpRequest,
    ) -> Result<Value, FederationError> {
        let answer = self.json(endpoint, request, &[200]).await?;
        Ok(answer.value)
    }

    /// The answer, if it has one of the `statuses`.
    pub(super) async fn json(
        &self,
        endpoint: Endpoint,
        request: HttpRequest,
        statuses: &[u16],
    ) -> Result<Answer, FederationError> {
        let response = self.send(endpoint, request).await?;
        let status = response.status;
        if status == 429 || status >= 500 {
            return Err(FederationError::unavailable(
                endpoint,
                Outage::Status(status),
            ));
        }
        let value = read(&response, statuses);
        let value = value.map_err(|fault| FederationError::refused(endpoint, fault))?;
        Ok(Answer { status, value })
    }

    async fn send(
        &self,
        endpoint: Endpoint,
        request: HttpRequest,
    ) -> Result<HttpResponse, FederationError> {
        let request = request.bounded(self.timeout, self.allows_private);
        let client = Arc::clone(&self.client);
        let answer = contained::call(self.timeout, async move { client.send(request).await });
        let outage = match answer.await {
            Ok(Ok(response)) => return Ok(response),
            Ok(Err(cause)) => Outage::Failed(one_line(&cause.to_string())),
            Err(NoAnswer::TimedOut) => Outage::TimedOut,
            Err(NoAnswer::Panicked(_)) => Outage::Panicked,
        };
        Err(FederationError::unavailable(endpoint, outage))
    }
}

fn read(response: &HttpResponse, statuses: &[u16]) -> Result<Value, Fault> {
    if (300..400).contains(&response.status) {
        return Err(Fault::Redirect);
    }
    if !statuses.contains(&response.status) {
        return Err(Fault::Status(response.status));
    }
    if response.body.len() > MAX_ANSWER_BYTES {
        return Err(Fault::TooLong);
    }
    if !response.content_type.as_deref().is_some_and(is_json) {
        return Err(Fault::ContentType);
    }
    Ok(document::document(&response.body)?)
}

/// `application/json`, or a type with the suffix `+json` (RFC 6839 §3.1), such as
/// `application/jwk-set+json`.
fn is_json(content_type: &str) -> bool {
    let (kind, _) = content_type.split_once(';').unwrap_or((content_type, ""));
    let kind = kind.trim().to_ascii_lowercase();
    let is_suffixed = || {
        let name = kind.strip_prefix("application/")?;
        name.strip_suffix("+json").filter(|name| !name.is_empty())
    };
    kind == "application/json" || is_suffixed().is_some()
}

/// A text that is safe in a log: without control characters, and not too long.
fn one_line(text: &str) -> String {
    let shown = text.chars().filter(|letter| !letter.is_control());
    shown.take(MAX_CAUSE_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_known_by_its_media_type() {
        for kind in [
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
            "application/json ;charset=UTF-8",
            "application/jwk-set+json",
        ] {
            assert!(is_json(kind), "{kind}");
        }
        for kind in [
            "",
            "text/html",
            "text/json",
            "application/jsonp",
            "application/+json",
            "application/jwt",
            "text/plain; a=application/json",
            "application/json/x",
        ] {
            assert!(!is_json(kind), "{kind}");
        }
    }

    #[test]
    fn the_text_of_a_client_is_one_short_line() {
        assert_eq!(one_line("a\r\nb\u{1b}[31m"), "ab[31m");
        assert_eq!(one_line(&"x".repeat(1000)).len(), MAX_CAUSE_CHARS);
    }
}
