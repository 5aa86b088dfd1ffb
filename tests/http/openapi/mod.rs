//! The OpenAPI document says what the server does, and all of it.

mod answers;
mod examples;
mod generators;
mod limits;
mod page;
mod routes;

use admittance::authz::{Role, RolePolicy};
use admittance::config::AuthConfig;
use admittance::http::{CookieConfig, HttpConfig};
use http::Method;
use serde_json::Value;

use support::bed::config;

/// Every part is on.
fn everything() -> HttpConfig {
    let mut http = HttpConfig::default();
    http.admin = true;
    http.openapi = true;
    http.cookies = Some(CookieConfig::new());
    http
}

/// With roles, among them that of an administrator.
fn settings() -> AuthConfig {
    let role = |name| Role::new(name).unwrap();
    let mut settings = config();
    settings.roles = RolePolicy::new()
        .administrator(role("admin"))
        .grant(role("examiner"), [])
        .grant(role("student"), [])
        .initial_role(role("student"));
    settings
}

/// The text of a member.
fn text(value: &Value, member: &str) -> String {
    crate::client::text(value, member).to_owned()
}

/// Each operation of the document, with its method and its path.
fn operations(document: &Value) -> Vec<(Method, String, &Value)> {
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
