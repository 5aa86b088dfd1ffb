//! The routes for administrators: off unless asked for, behind permissions.

use std::time::Duration;

use admittance::authz::{AdminPermission, Permission, Role, RolePolicy};
use admittance::config::AuthConfig;
use admittance::http::{HttpConfig, routes};
use admittance::store::{RoleChange, UserStore};
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::client::{
    Answer, Client, bearer, json_request, members, registration, text, with_token,
};
use support::bed::{PASSWORD, config};

const ID: &str = "0123456789abcdef01234567";

pub(crate) fn settings() -> AuthConfig {
    let role = |name| Role::new(name).unwrap();
    let mut settings = config();
    settings.roles = RolePolicy::new()
        .administrator(role("admin"))
        .grant(role("reader"), [AdminPermission::ReadUsers.into()])
        .grant(role("examiner"), [Permission::new("exam:grade").unwrap()]);
    settings
}

fn client(admin: bool) -> Client {
    let mut http = HttpConfig::default();
    http.admin = admin;
    Client::with(settings(), http)
}

/// A server, and the tokens of an administrator and of Ann.
async fn office() -> (Client, String, Value) {
    let client = client(true);
    let ada = client.register("ada@example.org").await;
    let ann = client.register("ann@example.org").await;
    give(&client, &ada, "admin").await;
    let token = text(&ada, "token").to_owned();
    (client, token, ann)
}

pub(crate) async fn give(client: &Client, who: &Value, role: &str) {
    let change = RoleChange {
        grant: Role::new(role).into_iter().collect(),
        ..RoleChange::default()
    };
    let id = text(who, "user_id").parse().unwrap();
    let store = &client.bed.store;
    let version = store.user(id).await.unwrap().unwrap().version;
    store.change_roles(id, version, &change).await.unwrap();
}

impl Client {
    async fn ask(&self, token: &str, method: Method, path: &str, body: Value) -> Answer {
        let request = json_request(method, path, &body.to_string());
        self.send(with_token(request, token)).await
    }
}

/// Each request there is under `/admin`, about the user `id`.
fn requests(id: &str) -> Vec<(Method, String, Value)> {
    let user = format!("/admin/users/{id}");
    vec![
        (Method::GET, "/admin/users".into(), json!({})),
        (
            Method::POST,
            "/admin/users/find".into(),
            json!({"email": "ann@example.org"}),
        ),
        (Method::GET, user.clone(), json!({})),
        (
            Method::PUT,
            format!("{user}/status"),
            json!({"status": "disabled"}),
        ),
        (
            Method::POST,
            format!("{user}/roles"),
            json!({"grant": ["admin"]}),
        ),
        (Method::GET, format!("{user}/sessions"), json!({})),
        (Method::DELETE, format!("{user}/sessions"), json!({})),
        (Method::DELETE, format!("{user}/sessions/{ID}"), json!({})),
        (Method::GET, format!("{user}/events"), json!({})),
        (Method::POST, format!("{user}/password-reset"), json!({})),
    ]
}

#[tokio::test]
async fn asvs_6_3_4_and_8_2_1_the_routes_are_off_unless_asked_for() {
    let documented = [
        "GET /admin/users",
        "POST /admin/users/find",
        "GET /admin/users/{id}",
        "PUT /admin/users/{id}/status",
        "POST /admin/users/{id}/roles",
        "GET /admin/users/{id}/sessions",
        "DELETE /admin/users/{id}/sessions",
        "DELETE /admin/users/{id}/sessions/{session_id}",
        "GET /admin/users/{id}/events",
        "POST /admin/users/{id}/password-reset",
    ];
    let there: Vec<_> = routes()
        .iter()
        .filter(|route| route.path.starts_with("/admin/"))
        .flat_map(|route| route.methods.iter().map(move |(method, _)| (method, route)))
        .map(|(method, route)| format!("{method} {}", route.path))
        .collect();
    assert_eq!(there, documented);
    assert_eq!(requests(ID).len(), documented.len());

    let client = client(false);
    let ada = client.register("ada@example.org").await;
    give(&client, &ada, "admin").await;
    for (method, path, body) in requests(text(&ada, "user_id")) {
        let request = json_request(method, &path, &body.to_string());
        let request = with_token(request, text(&ada, "token"));
        // The application's own router answers what it has no route for.
        let answer = client.send(request).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn asvs_8_2_2_without_the_permission_nothing_is_shown_or_changed() {
    let (client, admin, ann) = office().await;
    let bob = client.register("bob@example.org").await;
    let (id, ann_token) = (text(&ann, "user_id"), text(&ann, "token"));
    let before = client.bed.store.user(id.parse().unwrap()).await.unwrap();
    for target in [id, text(&bob, "user_id"), ID] {
        for (method, path, body) in requests(target) {
            for (token, expected) in [
                (ann_token, (403, "forbidden")),
                ("x", (401, "invalid_token")),
            ] {
                let answer = client.ask(token, method.clone(), &path, body.clone()).await;
                assert_eq!(answer.code(), expected, "{method} {path}");
                assert!(!answer.body.to_string().contains("bob@example.org"));
            }
            let request = json_request(method.clone(), &path, &body.to_string());
            let answer = client.send(request).await;
            assert_eq!(answer.code(), (401, "invalid_token"), "{method} {path}");
        }
    }
    let after = client.bed.store.user(id.parse().unwrap()).await.unwrap();
    let (before, after) = (before.unwrap(), after.unwrap());
    assert_eq!((before.roles, before.status), (after.roles, after.status));
    assert_eq!(
        client.get("/profile", ann_token).await.status,
        StatusCode::OK
    );
    assert_eq!(client.get("/profile", &admin).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_administrator_manages_an_account() {
    let (client, admin, ann) = office().await;
    let id = text(&ann, "user_id");
    let user = format!("/admin/users/{id}");
    let find = json!({"email": "ANN@example.org"});
    let found = client
        .ask(&admin, Method::POST, "/admin/users/find", find)
        .await;
    assert_eq!(found.status, StatusCode::OK);
    // ASVS 14.2.6: this and no more.
    let shown = [
        "created_at",
        "email",
        "is_verified",
        "last_login",
        "name",
        "roles",
        "status",
        "user_id",
    ];
    assert_eq!(members(&found.body), shown);
    assert_eq!(text(&found.body, "user_id"), id);
    assert_eq!(client.get(&user, &admin).await.body, found.body);

    give_all(&client, &admin).await;
    let grant = json!({"grant": ["examiner"]});
    let roles = format!("{user}/roles");
    let answer = client.ask(&admin, Method::POST, &roles, grant).await;
    assert_eq!(answer.body["roles"], json!(["examiner"]));
    let revoke = json!({"revoke": ["examiner"]});
    let answer = client.ask(&admin, Method::POST, &roles, revoke).await;
    assert_eq!(answer.body["roles"], json!([]));
    let unknown = json!({"grant": ["examinar"]});
    let answer = client.ask(&admin, Method::POST, &roles, unknown).await;
    assert_eq!(answer.code(), (422, "validation_failed"));
    assert_eq!(answer.body["errors"][0]["field"], "grant");

    let sessions = format!("{user}/sessions");
    let list = client.get(&sessions, &admin).await.body;
    let sid = text(&list["sessions"][0], "session_id").to_owned();
    assert_eq!(list["sessions"][0]["current"], false);
    let one = format!("{sessions}/{sid}");
    for expected in [StatusCode::NO_CONTENT, StatusCode::NOT_FOUND] {
        let answer = client.send(bearer(Method::DELETE, &one, &admin)).await;
        assert_eq!(answer.status, expected);
    }
    let token = text(&ann, "token");
    let profile = client.get("/profile", token).await;
    assert_eq!(profile.code(), (401, "invalid_token"));

    let status = format!("{user}/status");
    let login = json!({"email": "ann@example.org", "password": PASSWORD});
    for (wanted, expected) in [("disabled", 401), ("active", 200)] {
        let change = json!({"status": wanted});
        let answer = client.ask(&admin, Method::PUT, &status, change).await;
        assert_eq!(answer.body["status"], wanted);
        let login = client.post("/login", login.clone()).await;
        assert_eq!(login.status.as_u16(), expected);
    }
    let answer = client.send(bearer(Method::DELETE, &sessions, &admin)).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    // This server sends no mail.
    let reset = format!("{user}/password-reset");
    let answer = client.ask(&admin, Method::POST, &reset, json!({})).await;
    assert_eq!(answer.code(), (404, "not_found"));
}

/// Lets the administrator grant what an examiner may do.
async fn give_all(client: &Client, admin: &str) {
    let profile = client.get("/profile", admin).await.body;
    give(client, &profile, "examiner").await;
}

#[tokio::test]
async fn the_last_administrator_and_an_unverified_account_are_conflicts() {
    let (client, admin, _) = office().await;
    let me = client.get("/profile", &admin).await.body;
    let user = format!("/admin/users/{}", text(&me, "user_id"));
    for (method, path, body) in [
        (Method::POST, "roles", json!({"revoke": ["admin"]})),
        (Method::PUT, "status", json!({"status": "disabled"})),
    ] {
        let path = format!("{user}/{path}");
        let answer = client.ask(&admin, method, &path, body).await;
        assert_eq!(answer.code(), (409, "last_administrator"));
    }
    let delete = json!({"current_password": PASSWORD});
    let answer = client.ask(&admin, Method::DELETE, "/account", delete).await;
    assert_eq!(answer.code(), (409, "last_administrator"));

    let mut http = HttpConfig::default();
    http.admin = true;
    let client = Client::mailing_at(settings(), http);
    let ada = client.register("ada@example.org").await;
    let ann = client.register("ann@example.org").await;
    give(&client, &ada, "admin").await;
    let user = format!("/admin/users/{}", text(&ann, "user_id"));
    let admin = text(&ada, "token");
    let grant = json!({"grant": ["admin"]});
    let roles = format!("{user}/roles");
    let answer = client.ask(admin, Method::POST, &roles, grant).await;
    assert_eq!(answer.code(), (409, "not_verified"));
    let disable = json!({"status": "disabled"});
    let status = format!("{user}/status");
    client.ask(admin, Method::PUT, &status, disable).await;
    let reset = format!("{user}/password-reset");
    let answer = client.ask(admin, Method::POST, &reset, json!({})).await;
    assert_eq!(answer.code(), (409, "account_disabled"));
}

#[tokio::test]
async fn asvs_15_3_7_pages_are_asked_for_in_one_way() {
    let (client, admin, _) = office().await;
    for number in 0..3 {
        client.register(&format!("u{number}@example.org")).await;
    }
    let first = client.get("/admin/users?limit=2", &admin).await.body;
    assert_eq!(first["users"].as_array().unwrap().len(), 2);
    let next = text(&first, "next");
    let path = format!("/admin/users?after={next}&limit=3");
    let rest = client.get(&path, &admin).await.body;
    assert_eq!(rest["users"].as_array().unwrap().len(), 3);
    assert_eq!(rest["next"], Value::Null);
    for query in [
        "limit=x",
        "limit=-1",
        "limit=1&limit=2",
        "after=1",
        &format!("after={next}&after={next}"),
        "skip=1",
        "limit[$gt]=1",
        "after[$ne]=x",
        "limit",
    ] {
        let answer = client.get(&format!("/admin/users?{query}"), &admin).await;
        assert_eq!(answer.code(), (400, "malformed_request"), "{query}");
    }
    for limit in [0, 201] {
        let path = format!("/admin/users?limit={limit}");
        let answer = client.get(&path, &admin).await;
        assert_eq!(answer.code(), (422, "validation_failed"));
        assert_eq!(answer.body["errors"][0]["field"], "limit");
    }
}

#[tokio::test]
async fn what_is_no_id_is_not_found_and_bodies_are_read_strictly() {
    let (client, admin, ann) = office().await;
    for id in ["x", "..", "%2e%2e", "0123456789ABCDEF0123456", "find/x"] {
        let answer = client.get(&format!("/admin/users/{id}"), &admin).await;
        assert!(
            matches!(answer.status.as_u16(), 404 | 405),
            "{id}: {answer:?}"
        );
    }
    let user = format!("/admin/users/{}", text(&ann, "user_id"));
    for (method, path, body) in [
        (Method::PUT, "status", json!({})),
        (Method::PUT, "status", json!({"status": "admin"})),
        (Method::PUT, "status", json!({"status": "active", "x": 1})),
        (Method::POST, "roles", json!({"grant": "admin"})),
        (Method::POST, "roles", json!({"roles": ["admin"]})),
        (Method::POST, "roles", json!({"grant": {"$ne": null}})),
    ] {
        let path = format!("{user}/{path}");
        let answer = client.ask(&admin, method, &path, body.clone()).await;
        assert_eq!(answer.code(), (400, "malformed_request"), "{body}");
    }
    let twice = r#"{"status": "active", "status": "disabled"}"#;
    let request = json_request(Method::PUT, &format!("{user}/status"), twice);
    let answer = client.send(with_token(request, &admin)).await;
    assert_eq!(answer.code(), (400, "malformed_request"));
    let answer = client.send(bearer(Method::PATCH, &user, &admin)).await;
    assert_eq!(answer.code(), (405, "method_not_allowed"));
    assert_eq!(answer.header("allow"), "GET, HEAD");
    let answer = client
        .post("/register", registration("x@example.org"))
        .await;
    assert_eq!(answer.status, StatusCode::CREATED);
}

#[tokio::test]
async fn asvs_7_5_3_administration_with_an_old_password_leads_to_password_confirm() {
    let mut http = HttpConfig::default();
    http.admin = true;
    let mut demanding = settings();
    demanding.recent_login_for_administration = Some(Duration::from_secs(300));
    let client = Client::with(demanding, http);
    let ada = client.register("ada@example.org").await;
    let ann = client.register("ann@example.org").await;
    give(&client, &ada, "admin").await;
    let user = format!("/admin/users/{}", text(&ann, "user_id"));
    let acts = [
        (
            Method::POST,
            format!("{user}/roles"),
            json!({"grant": ["reader"]}),
        ),
        (
            Method::PUT,
            format!("{user}/status"),
            json!({"status": "disabled"}),
        ),
    ];
    client.bed.clock.advance(Duration::from_secs(301));
    for (method, path, body) in &acts {
        let answer = client
            .ask(text(&ada, "token"), method.clone(), path, body.clone())
            .await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(answer.body["code"], "recent_login_required", "{path}");
    }
    let proof = json!({ "current_password": PASSWORD });
    let confirm = Method::POST;
    let confirmed = client
        .ask(text(&ada, "token"), confirm, "/password/confirm", proof)
        .await;
    let token = text(&confirmed.body, "token").to_owned();
    for (method, path, body) in acts {
        let answer = client.ask(&token, method, &path, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
    }
}
