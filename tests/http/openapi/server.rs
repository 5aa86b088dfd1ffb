//! A server, each of whose answers is compared with its document.

use std::collections::BTreeSet;
use std::sync::Mutex;

use admittance::audit::AuditPolicy;
use admittance::authz::{Role, RolePolicy};
use admittance::clock::ManualClock;
use admittance::config::AuthConfig;
use admittance::http::{AuthApi, CookieConfig, HttpConfig};
use admittance::store::{MemoryStore, RoleChange, UserStore};
use axum::http::{HeaderMap, Method, Request, header};
use bytes::Bytes;
use serde_json::{Value, json};

use support::bed::{Bed, PASSWORD, config, mail_config};
use support::document::Document;

pub(crate) type Api = AuthApi<MemoryStore, ManualClock>;

pub(crate) struct Server {
    pub(crate) bed: Bed,
    pub(crate) document: Document,
    pub(crate) api: Api,
    /// The operation and the status or code of each answer so far.
    pub(crate) seen: Mutex<BTreeSet<(String, String)>>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

/// All that there is.
pub(crate) fn everything() -> HttpConfig {
    let mut http = HttpConfig::default();
    http.admin = true;
    http.openapi = true;
    http.cookies = Some(CookieConfig::new());
    http
}

/// With roles, among them that of an administrator.
pub(crate) fn settings() -> AuthConfig {
    let role = |name| Role::new(name).unwrap();
    let mut settings = config();
    settings.roles = RolePolicy::new()
        .administrator(role("admin"))
        .grant(role("examiner"), [])
        .grant(role("student"), [])
        .initial_role(role("student"));
    settings
}

/// One that sends mail and keeps events.
pub(crate) fn whole(settings: AuthConfig) -> Bed {
    whole_over(MemoryStore::new(), settings)
}

/// The same over a store that may have accounts already.
pub(crate) fn whole_over(store: MemoryStore, settings: AuthConfig) -> Bed {
    let log = store.clone();
    Bed::built(store, settings, |builder, mailbox| {
        builder
            .mail(mailbox, mail_config())
            .audit_log(log, AuditPolicy::default())
    })
}

/// The text of a member.
pub(crate) fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap().to_owned()
}

impl Server {
    pub(crate) fn new(bed: Bed, http: HttpConfig) -> Self {
        let api = AuthApi::with_config(bed.auth.clone(), http).unwrap();
        let document = Document::of(&api);
        Self {
            bed,
            document,
            api,
            seen: Mutex::default(),
        }
    }

    /// Asks, and fails unless the document allows the answer.
    pub(crate) async fn send(&self, request: Request<Bytes>) -> Answer {
        self.send_body(request.map(http_body_util::Full::new)).await
    }

    pub(crate) async fn send_body<B>(&self, request: Request<B>) -> Answer
    where
        B: http_body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (method, path) = (request.method().clone(), request.uri().to_string());
        let peer = "192.0.2.7".parse().ok();
        let response = self.api.handle_body(request, peer).await;
        let (parts, body) = response.into_parts();
        let body = match body.is_empty() {
            true => Value::Null,
            false => serde_json::from_slice(&body).unwrap(),
        };
        let status = parts.status.as_u16();
        self.document
            .accepts(&method, &path, status, &parts.headers, &body);
        if let Some(operation) = self.document.operation(&method, &path) {
            let code = body["code"].as_str().map(str::to_owned);
            let seen = (
                text(operation, "operationId"),
                code.filter(|_| status >= 400)
                    .unwrap_or_else(|| status.to_string()),
            );
            self.seen.lock().unwrap().insert(seen);
        }
        Answer {
            status,
            headers: parts.headers,
            body,
        }
    }

    /// Asks by `line`, such as `POST /login`, and fails unless that is answered
    /// with `wanted`: a status, or the code of a problem.
    pub(crate) async fn ask(&self, line: &str, token: &str, body: Value, wanted: &str) -> Value {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = match body {
            Value::Null => Bytes::new(),
            body => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Bytes::from(body.to_string())
            }
        };
        let answer = self.send(request.body(body).unwrap()).await;
        let code = answer.body["code"].as_str().unwrap_or_default();
        assert!(
            code == wanted || answer.status.to_string() == wanted,
            "{line}: {wanted} is expected, not {} {}",
            answer.status,
            answer.body
        );
        answer.body
    }

    /// The tokens of a new account.
    pub(crate) async fn register(&self, email: &str) -> Value {
        let line = "POST /register";
        self.ask(line, "", registration(email), "201").await
    }

    /// The token of a new account with `role`.
    pub(crate) async fn with_role(&self, email: &str, role: &str) -> String {
        let user = self.register(email).await;
        let change = RoleChange {
            grant: Role::new(role).into_iter().collect(),
            ..RoleChange::default()
        };
        let id = text(&user, "user_id").parse().unwrap();
        let store = &self.bed.store;
        let version = store.user(id).await.unwrap().unwrap().version;
        store.change_roles(id, version, &change).await.unwrap();
        text(&user, "token")
    }

    /// Each operation of the document, with its method and its path.
    pub(crate) fn operations(&self) -> Vec<(Method, String, &Value)> {
        operations(self.document.value())
    }
}

pub(crate) fn operations(document: &Value) -> Vec<(Method, String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let mut found = Vec::new();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().unwrap() {
            let method = method.to_ascii_uppercase().parse().unwrap();
            found.push((method, path.clone(), operation));
        }
    }
    found
}

pub(crate) fn registration(email: &str) -> Value {
    json!({ "email": email, "password": PASSWORD, "confirm_password": PASSWORD, "name": "Ann" })
}
