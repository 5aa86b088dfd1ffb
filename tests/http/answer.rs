//! Answers, from an application in this process or over TCP.

use std::collections::BTreeMap;
use std::fmt;

use http::HeaderMap;
use serde_json::Value;

/// The members of an answer that opens a session or goes on with it.
pub(crate) const TOKENS: [&str; 10] = [
    "email",
    "expires_in",
    "is_verified",
    "message",
    "missing",
    "name",
    "refresh_token",
    "token",
    "token_type",
    "user_id",
];

/// An answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) reason: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// The body, when it is JSON; else `null`.
    pub(crate) json: Value,
}

/// Why what came is no answer.
pub(crate) type Wrong = String;

impl Answer {
    pub(crate) fn new(
        status: u16,
        reason: &str,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Self, Wrong> {
        let mut answer = Self {
            status,
            reason: reason.to_owned(),
            headers,
            ..Self::default()
        };
        answer.read(body)?;
        Ok(answer)
    }

    /// Takes `body`, once the head is there.
    pub(crate) fn read(&mut self, body: Vec<u8>) -> Result<(), Wrong> {
        self.body = body;
        let is_json = matches!(
            self.one("content-type")?,
            Some("application/json" | "application/problem+json")
        );
        if is_json && !self.body.is_empty() {
            self.json = serde_json::from_slice(&self.body)
                .map_err(|error| format!("the body is not the JSON it should be: {error}"))?;
        }
        Ok(())
    }

    /// The value of a header that may be there once.
    pub(crate) fn one(&self, name: &str) -> Result<Option<&str>, Wrong> {
        let mut values = self.all(name);
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            _ => Err(format!("{name} is there twice")),
        }
    }

    /// The values of a header.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let values = self.headers.get_all(name).iter();
        values.map(|value| value.to_str().unwrap())
    }

    /// The value of a header, or `""`; of one that is there more than once, all of them.
    pub(crate) fn header(&self, name: &str) -> String {
        self.all(name).collect::<Vec<_>>().join(" & ")
    }

    /// The status, and the code of a problem.
    pub(crate) fn code(&self) -> (u16, &str) {
        let code = self.json.get("code").and_then(Value::as_str);
        (self.status, code.unwrap_or_default())
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The text of the body.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// Everything but what is new in every answer, for comparing two of them.
    pub(crate) fn essence(&self) -> (u16, BTreeMap<&str, String>, &[u8]) {
        let names = self.headers.keys().map(http::HeaderName::as_str);
        let headers = names
            .filter(|name| *name != "date")
            .map(|name| (name, self.header(name)));
        (self.status, headers.collect(), &self.body)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}", self.status, self.reason)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {}", String::from_utf8_lossy(value.as_bytes()))?;
        }
        write!(f, "\n{}", String::from_utf8_lossy(&self.body))
    }
}
