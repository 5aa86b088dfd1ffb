//! Requests, as they are written down.

use admittance::http::SESSION_HEADER;
use std::fmt;

use http::header::CONTENT_LENGTH;
use serde_json::Value;

/// A request, which is sent as it is.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
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

    /// Of the method and the target in `line`, such as `POST /login`.
    pub(crate) fn line(line: &str) -> Self {
        let (method, target) = line.split_once(' ').unwrap();
        Self::new(method, target)
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.text("application/json", body.to_string())
    }

    /// With a body of this type.
    pub(crate) fn text(self, content_type: &str, body: impl AsRef<[u8]>) -> Self {
        let mut request = self.header("Content-Type", content_type);
        request.body = Some(body.as_ref().to_vec());
        request
    }

    /// With one header more.
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref().to_vec();
        self.headers.push((name.to_owned(), value));
        self
    }

    /// With a token, whatever it is.
    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("Authorization", format!("Bearer {token}"))
    }

    /// Without any header `name`.
    pub(crate) fn without(mut self, name: &str) -> Self {
        let is_it = |(given, _): &(String, _)| given.eq_ignore_ascii_case(name);
        self.headers.retain(|header| !is_it(header));
        self
    }

    /// With this header `name` and no other.
    pub(crate) fn with(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.without(name).header(name, value)
    }

    /// Whether it comes from a client that keeps its session in cookies.
    pub(crate) fn has_cookies(&self) -> bool {
        self.has("Cookie") || self.has(SESSION_HEADER.as_str())
    }

    /// Whether it has a header `name`.
    pub(crate) fn has(&self, name: &str) -> bool {
        let mut headers = self.headers.iter();
        headers.any(|(given, _)| given.eq_ignore_ascii_case(name))
    }

    /// The only value of the header `name`.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let is_it = |(given, _): &&(String, _)| given.eq_ignore_ascii_case(name);
        let mut values = self.headers.iter().filter(is_it);
        match (values.next(), values.next()) {
            (Some((_, value)), None) => std::str::from_utf8(value).ok(),
            _ => None,
        }
    }

    /// The path, without the query and without the host of an absolute target.
    pub(crate) fn path(&self) -> &str {
        let target = self.target.split('?').next().unwrap_or_default();
        match target.split_once("://") {
            Some((_, rest)) => rest.find('/').map_or("", |start| rest.split_at(start).1),
            None => target,
        }
    }

    /// As a framework in this process takes it. It says how long the body is, if it
    /// has one of its own.
    pub(crate) fn with_body<B>(&self, body: B) -> http::Request<B> {
        let mut request = http::Request::builder()
            .method(self.method.as_str())
            .uri(self.target.as_str());
        for (name, value) in &self.headers {
            request = request.header(name, value.as_slice());
        }
        if let Some(body) = &self.body {
            request = request.header(CONTENT_LENGTH, body.len());
        }
        request.body(body).unwrap()
    }

    /// As it goes over the wire.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head();
        bytes.extend(self.body.iter().flatten());
        bytes
    }

    /// All before the body.
    pub(crate) fn head(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        let length = self.body.as_ref().map(Vec::len);
        let length = length.map(|length| ("Content-Length".to_owned(), length.to_string().into()));
        for (name, value) in self.headers.iter().chain(&length) {
            head.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        head.extend(b"\r\n");
        head
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
