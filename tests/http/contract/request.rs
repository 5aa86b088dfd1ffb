//! Requests, as they are written down.

use std::fmt;

use serde_json::Value;

use crate::contract::session::Session;

/// What every request says it comes from.
pub(crate) const USER_AGENT: &str = "contract";

/// A request, which is sent as it is.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Vec<u8>>,
}

pub(crate) fn get(target: &str) -> Request {
    Request::new("GET", target)
}

pub(crate) fn post(target: &str, body: Value) -> Request {
    Request::new("POST", target).json(&body)
}

pub(crate) fn put(target: &str, body: Value) -> Request {
    Request::new("PUT", target).json(&body)
}

pub(crate) fn delete(target: &str) -> Request {
    Request::new("DELETE", target)
}

impl Request {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: None,
        }
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.text("application/json", body.to_string())
    }

    /// With a body of this type.
    pub(crate) fn text(self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let mut request = self.header("Content-Type", content_type);
        request.body = Some(body.into());
        request
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Whether the length of the body is announced.
    pub(crate) fn has_length(&self) -> bool {
        self.body.is_some()
    }

    /// In the name of whoever has this session.
    pub(crate) fn by(self, session: &Session) -> Self {
        session.authorize(self)
    }

    /// With a token, whatever it is.
    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// Whether it comes from a client that keeps its session in cookies.
    pub(crate) fn has_cookies(&self) -> bool {
        let names = ["Cookie", "Admittance-Session"];
        let mut headers = self.headers.iter();
        headers.any(|(name, _)| names.contains(&name.as_str()))
    }

    /// Whether it has a header `name` of this value.
    pub(crate) fn header_is(&self, name: &str, value: &str) -> bool {
        let mut headers = self.headers.iter();
        headers.any(|(given, of)| given == name && of == value)
    }

    /// As it goes over the wire.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head().into_bytes();
        bytes.extend(self.body.iter().flatten());
        bytes
    }

    /// All before the body.
    pub(crate) fn head(&self) -> String {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: example.org\r\nUser-Agent: {USER_AGENT}\r\n",
            self.method, self.target
        );
        let length = self.body.as_ref().map(Vec::len);
        let length = length.map(|length| ("Content-Length".to_owned(), length.to_string()));
        for (name, value) in self.headers.iter().chain(&length) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head + "\r\n"
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.bytes();
        let text = String::from_utf8_lossy(&text);
        // One that tries how long a body may be is not worth reading.
        let shown: String = text.chars().take(2000).collect();
        f.write_str(&shown)
    }
}
