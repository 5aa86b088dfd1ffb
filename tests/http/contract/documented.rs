//! The documented endpoints. Other topics go through this table.

use admittance::http::routes;

/// An id that nothing has.
pub(crate) const NO_ID: &str = "0123456789abcdef01234567";

/// Who may use an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Anybody,
    User,
    Administrator,
}

use Access::{Administrator, Anybody, User};

/// An endpoint, and a body that it can read; `""` where it takes none.
pub(crate) struct Endpoint {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    pub(crate) body: &'static str,
}

const fn endpoint(
    method: &'static str,
    path: &'static str,
    access: Access,
    body: &'static str,
) -> Endpoint {
    Endpoint {
        method,
        path,
        access,
        body,
    }
}

const REGISTER: &str = r#"{"email": "", "password": "", "confirm_password": "", "name": ""}"#;
const NEW_PASSWORD: &str =
    r#"{"current_password": "", "new_password": "", "confirm_password": ""}"#;
const RESET: &str = r#"{"token": "", "new_password": "", "confirm_password": ""}"#;
const EMAIL: &str = r#"{"email": ""}"#;
const TOKEN: &str = r#"{"token": ""}"#;
const PASSWORD: &str = r#"{"current_password": ""}"#;

/// All of them, in the order of `docs/contract.md`.
pub(crate) const ENDPOINTS: &[Endpoint] = &[
    endpoint("POST", "/register", Anybody, REGISTER),
    endpoint(
        "POST",
        "/login",
        Anybody,
        r#"{"email": "", "password": "", "remember": true}"#,
    ),
    endpoint("POST", "/refresh", Anybody, r#"{"refresh_token": ""}"#),
    endpoint("POST", "/logout", User, r#"{"refresh_token": ""}"#),
    endpoint("GET", "/profile", User, ""),
    endpoint(
        "PUT",
        "/profile",
        User,
        r#"{"name": "", "preferences": {}}"#,
    ),
    endpoint(
        "PATCH",
        "/profile",
        User,
        r#"{"name": "", "preferences": {}}"#,
    ),
    endpoint("POST", "/password/change", User, NEW_PASSWORD),
    endpoint(
        "POST",
        "/reauthenticate",
        User,
        r#"{"method": "pwd", "current_password": ""}"#,
    ),
    endpoint("POST", "/password/confirm", User, PASSWORD),
    endpoint(
        "POST",
        "/password/strength",
        Anybody,
        r#"{"password": "", "email": "", "name": ""}"#,
    ),
    endpoint("POST", "/password/forgot", Anybody, EMAIL),
    endpoint("POST", "/password/reset", Anybody, RESET),
    endpoint(
        "POST",
        "/email/verify",
        Anybody,
        r#"{"token": "", "password": ""}"#,
    ),
    endpoint("POST", "/email/resend", Anybody, EMAIL),
    endpoint("POST", "/email/disown", Anybody, TOKEN),
    endpoint(
        "POST",
        "/email/change",
        User,
        r#"{"new_email": "", "current_password": ""}"#,
    ),
    endpoint("POST", "/email/change/confirm", User, TOKEN),
    endpoint("GET", "/account/export", User, ""),
    endpoint("GET", "/account/events", User, ""),
    endpoint("DELETE", "/account", User, PASSWORD),
    endpoint("POST", "/account/delete", User, PASSWORD),
    endpoint("GET", "/sessions", User, ""),
    endpoint("DELETE", "/sessions/{id}", User, ""),
    endpoint("DELETE", "/sessions", User, ""),
    endpoint("GET", "/.well-known/jwks.json", Anybody, ""),
    endpoint("GET", "/openapi.json", Anybody, ""),
    endpoint("GET", "/admin/users", Administrator, ""),
    endpoint(
        "POST",
        "/admin/users",
        Administrator,
        r#"{"email": "", "name": ""}"#,
    ),
    endpoint("POST", "/admin/users/find", Administrator, EMAIL),
    endpoint("GET", "/admin/users/{id}", Administrator, ""),
    endpoint(
        "PUT",
        "/admin/users/{id}/status",
        Administrator,
        r#"{"status": "active"}"#,
    ),
    endpoint(
        "POST",
        "/admin/users/{id}/roles",
        Administrator,
        r#"{"grant": [], "revoke": []}"#,
    ),
    endpoint("GET", "/admin/users/{id}/sessions", Administrator, ""),
    endpoint("GET", "/admin/users/{id}/events", Administrator, ""),
    endpoint("DELETE", "/admin/users/{id}/sessions", Administrator, ""),
    endpoint(
        "DELETE",
        "/admin/users/{id}/sessions/{session_id}",
        Administrator,
        "",
    ),
    endpoint(
        "POST",
        "/admin/users/{id}/password-reset",
        Administrator,
        "",
    ),
];

impl Endpoint {
    /// Its path, with `id` in place of what is in braces.
    pub(crate) fn path_of(&self, id: &str) -> String {
        self.path.replace("{id}", id).replace("{session_id}", NO_ID)
    }
}

/// What the servers of this suite do not have, since no second factor and no provider is set;
/// see `second_factor.rs` and `federation.rs`.
const WITH_SETTINGS: [&str; 9] = [
    "POST /login/factor",
    "GET /providers",
    "POST /login/{provider}",
    "POST /login/{provider}/callback",
    "POST /login/{provider}/form",
    "POST /identities/link",
    "GET /identities",
    "POST /identities/{id}",
    "DELETE /identities/{id}",
];

/// `METHOD /path` of each of them.
fn names() -> Vec<String> {
    let name = |one: &Endpoint| format!("{} {}", one.method, one.path);
    let others = WITH_SETTINGS.map(str::to_owned);
    let mut names: Vec<_> = ENDPOINTS.iter().map(name).chain(others).collect();
    names.sort_unstable();
    names
}

#[test]
fn asvs_6_3_4_every_route_is_in_the_table_of_the_contract_suite() {
    let mut routes: Vec<_> = routes()
        .iter()
        .flat_map(|route| {
            let methods = route.methods.iter();
            methods.map(|(method, _)| format!("{method} {}", route.path))
        })
        .collect();
    routes.sort_unstable();
    assert_eq!(names(), routes);
}

#[test]
fn asvs_6_3_4_the_page_of_the_contract_lists_every_endpoint() {
    let page = include_str!("../../../docs/contract.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let mut listed: Vec<_> = rows
        .filter_map(|row| row.split(" | ").next())
        .flat_map(|cell| cell.split('`'))
        .filter(|name| {
            ["GET /", "POST /", "PUT /", "PATCH /", "DELETE /"]
                .iter()
                .any(|method| name.starts_with(method))
        })
        .map(|name| name.split('?').next().unwrap_or_default().to_owned())
        .collect();
    listed.sort_unstable();
    assert_eq!(names(), listed);
}
