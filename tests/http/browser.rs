//! A browser: it keeps cookies, and says where its requests come from.

use admittance::axum::{Authenticator, CurrentUser, OptionalUser};
use admittance::http::{CookieConfig, HttpConfig};
use admittance::mail::MailKind;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use axum::routing::any;
use serde_json::{Value, json};

use crate::client::{Answer, Client, registration};
use support::bed::{PASSWORD, config};

/// The origin of the API.
pub(crate) const OWN: &str = "https://exam.example";
/// A page of another one that may use it.
pub(crate) const LISTED: &str = "https://app.exam.example";
pub(crate) const TOKEN: &str = "__Host-admittance_token";
pub(crate) const REFRESH: &str = "__Host-admittance_refresh";

pub(crate) fn with_cookies() -> HttpConfig {
    let mut http = HttpConfig::default();
    http.cookies = Some(CookieConfig::new());
    http.allowed_origins = LISTED.parse().unwrap();
    http
}

pub(crate) struct Browser {
    pub(crate) client: Client,
    /// Names and values, in the order in which they were first set.
    pub(crate) jar: Vec<(String, String)>,
}

impl Browser {
    pub(crate) fn new() -> Self {
        Self::at(with_cookies())
    }

    pub(crate) fn at(http: HttpConfig) -> Self {
        Self {
            client: Client::mailing_at(config(), http),
            jar: Vec::new(),
        }
    }

    pub(crate) fn request(&self, line: &str, body: Option<&Value>) -> Request<Body> {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "exam.example")
            .header(header::ORIGIN, OWN)
            .header("sec-fetch-site", "same-origin")
            .header("admittance-session", "cookie");
        if !self.jar.is_empty() {
            let cookies: Vec<_> = self.jar.iter().map(|(k, v)| format!("{k}={v}")).collect();
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        match body {
            None => request.body(Body::empty()),
            Some(body) => request
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(body.to_string())),
        }
        .unwrap()
    }

    pub(crate) async fn ask(&mut self, line: &str, body: impl Into<Option<Value>>) -> Answer {
        let answer = self
            .client
            .send(self.request(line, body.into().as_ref()))
            .await;
        for cookie in set_cookies(&answer) {
            self.jar.retain(|(name, _)| *name != cookie.name);
            if cookie.max_age != Some(0) {
                self.jar.push((cookie.name, cookie.value));
            }
        }
        answer
    }

    pub(crate) async fn register(&mut self, email: &str) -> Answer {
        let answer = self.ask("POST /register", registration(email)).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer
    }

    /// The cookies of somebody else who registers and confirms the address, in
    /// another browser.
    pub(crate) async fn another(&mut self, email: &str) -> Vec<(String, String)> {
        let own = std::mem::take(&mut self.jar);
        self.ask("POST /register", registration(email)).await;
        if self.jar.is_empty() {
            let link = self.client.bed.mailed(MailKind::CompleteRegistration).await;
            let proof = json!({"token": link.expose_secret(), "password": PASSWORD});
            self.ask("POST /email/verify", proof).await;
        }
        std::mem::replace(&mut self.jar, own)
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.jar.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names
    }
}

#[derive(Debug)]
pub(crate) struct SetCookie {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) max_age: Option<u64>,
    /// The other attributes, sorted.
    pub(crate) attributes: Vec<String>,
    pub(crate) bytes: usize,
}

pub(crate) fn set_cookies(answer: &Answer) -> Vec<SetCookie> {
    let headers = answer.headers.get_all(header::SET_COOKIE);
    headers
        .iter()
        .map(|header| {
            let text = header.to_str().unwrap();
            let (pair, attributes) = text.split_once("; ").unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            let (ages, mut attributes): (Vec<_>, Vec<_>) = attributes
                .split("; ")
                .map(str::to_owned)
                .partition(|attribute| attribute.starts_with("Max-Age="));
            attributes.sort();
            SetCookie {
                name: name.to_owned(),
                value: value.to_owned(),
                max_age: ages
                    .first()
                    .map(|age| age.strip_prefix("Max-Age=").unwrap().parse().unwrap()),
                attributes,
                bytes: pair.len(),
            }
        })
        .collect()
}

/// Routes of an application's own: `/hello` is for users, `/perhaps` for anybody.
pub(crate) fn own_routes(auth: Authenticator) -> Router {
    async fn hello(user: CurrentUser) -> String {
        user.user().name.as_str().to_owned()
    }
    async fn perhaps(OptionalUser(user): OptionalUser) -> String {
        user.map_or("nobody", |_| "somebody").to_owned()
    }
    Router::new()
        .route("/hello", any(hello))
        .route("/perhaps", any(perhaps))
        .with_state(auth)
}
