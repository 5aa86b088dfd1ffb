//! A client that talks to the router without a socket.

use std::net::SocketAddr;

use admittance::clock::ManualClock;
use admittance::config::AuthConfig;
use admittance::http::{AuthApi, HttpConfig};
use admittance::store::MemoryStore;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt;

use support::bed::{Bed, PASSWORD, config};
use support::document::Document;

pub(crate) type Api = AuthApi<MemoryStore, ManualClock>;

pub(crate) struct Client {
    pub(crate) bed: Bed,
    pub(crate) api: Api,
    pub(crate) router: Router,
    document: Document,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn code(&self) -> (u16, &str) {
        (
            self.status.as_u16(),
            self.body["code"].as_str().unwrap_or(""),
        )
    }
}

impl Client {
    pub(crate) fn new() -> Self {
        Self::with(config(), HttpConfig::default())
    }

    pub(crate) fn with(config: AuthConfig, http: HttpConfig) -> Self {
        Self::over(Bed::with(config), http)
    }

    /// One whose service sends mail.
    pub(crate) fn mailing(config: AuthConfig) -> Self {
        Self::mailing_at(config, HttpConfig::default())
    }

    pub(crate) fn mailing_at(config: AuthConfig, http: HttpConfig) -> Self {
        Self::over(Bed::mailing_with(config), http)
    }

    pub(crate) fn over(bed: Bed, http: HttpConfig) -> Self {
        let api = AuthApi::with_config(bed.auth.clone(), http).unwrap();
        let router = admittance::axum::router(&api);
        let document = Document::of(&api);
        Self {
            bed,
            api,
            router,
            document,
        }
    }

    /// Asks, and fails unless the answer is one that the OpenAPI document
    /// allows.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().to_string());
        let answer = send(&self.router, request).await;
        let (status, headers) = (answer.status.as_u16(), &answer.headers);
        self.document
            .accepts(&method, &path, status, headers, &answer.body);
        answer
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(json_request(Method::POST, path, &body.to_string()))
            .await
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.send(bearer(Method::GET, path, token)).await
    }

    pub(crate) async fn register(&self, email: &str) -> Value {
        let answer = self.post("/register", registration(email)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{:?}", answer.body);
        answer.body
    }
}

pub(crate) async fn send(router: &Router, mut request: Request<Body>) -> Answer {
    let peer: SocketAddr = "192.0.2.7:4711".parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(peer));
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let body = if body.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&body)
            .unwrap_or_else(|_| Value::String(String::from_utf8(body.to_vec()).unwrap()))
    };
    Answer {
        status: parts.status,
        headers: parts.headers,
        body,
    }
}

pub(crate) fn json_request(method: Method, path: &str, body: &str) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(path)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_owned()))
        .unwrap()
}

pub(crate) fn bearer(method: Method, path: &str, token: &str) -> Request<Body> {
    with_token(
        Request::builder()
            .method(method)
            .uri(path)
            .body(Body::empty())
            .unwrap(),
        token,
    )
}

pub(crate) fn with_token(mut request: Request<Body>, token: &str) -> Request<Body> {
    let value = format!("Bearer {token}").parse().unwrap();
    request.headers_mut().insert(header::AUTHORIZATION, value);
    request
}

pub(crate) fn registration(email: &str) -> Value {
    json!({"email": email, "password": PASSWORD, "confirm_password": PASSWORD, "name": "Ann"})
}

pub(crate) fn text<'v>(body: &'v Value, field: &str) -> &'v str {
    body[field]
        .as_str()
        .unwrap_or_else(|| panic!("{field} is no text in {body}"))
}

/// The names of the members of an object, sorted.
pub(crate) fn members(value: &Value) -> Vec<&str> {
    let mut names: Vec<_> = value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    names
}
