//! A browser: it keeps cookies, and says where its requests come from.

use admittance::http::{CookieConfig, HttpConfig, SESSION_HEADER};
use admittance::mail::MailKind;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::client::{Client, registration};
use crate::request::Request;
use crate::set_cookie::set_cookies;
use crate::transport::Framework;
use support::bed::{PASSWORD, config};

/// The origin of the API.
pub(crate) const OWN: &str = "https://exam.example";
/// Another origin, whose pages may use it.
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
    pub(crate) fn new(framework: Framework) -> Self {
        Self::at(framework, with_cookies())
    }

    pub(crate) fn at(framework: Framework, http: HttpConfig) -> Self {
        Self {
            client: Client::mailing_at(framework, config(), http),
            jar: Vec::new(),
        }
    }

    pub(crate) fn request(&self, line: &str, body: Option<&Value>) -> Request {
        let mut request = Request::line(line)
            .header("Host", "exam.example")
            .header("Origin", OWN)
            .header("Sec-Fetch-Site", "same-origin")
            .header(SESSION_HEADER.as_str(), "cookie");
        if !self.jar.is_empty() {
            let cookies: Vec<_> = self.jar.iter().map(|(k, v)| format!("{k}={v}")).collect();
            request = request.header("Cookie", cookies.join("; "));
        }
        match body {
            None => request,
            Some(body) => request.json(body),
        }
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

    /// The cookies of another user, who registers and confirms the address in another
    /// browser.
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
