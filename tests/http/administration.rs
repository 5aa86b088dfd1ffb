//! The routes for administrators: off unless asked for, behind permissions.

use std::time::Duration;

use admittance::authz::{AdminPermission, Permission, Role, RolePolicy};
use admittance::config::AuthConfig;
use admittance::http::{HttpConfig, routes};
use admittance::store::UserStore;
use serde_json::{Value, json};

use crate::client::{Client, text};
use crate::request::{Request, delete, get, post, put};
use crate::transport::{Framework, each_framework};
use support::bed::{PASSWORD, config};

each_framework!(
    asvs_6_3_4_and_8_2_1_the_routes_are_off_unless_asked_for,
    asvs_8_2_2_without_the_permission_nothing_is_shown_or_changed,
    asvs_15_3_7_pages_are_asked_for_in_one_way,
    asvs_7_5_3_administration_with_an_old_password_leads_to_password_confirm,
);

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

fn client(framework: Framework, admin: bool) -> Client {
    let mut http = HttpConfig::default();
    http.admin = admin;
    Client::with(framework, settings(), http)
}

/// A server, the token of an administrator, and the account of Ann.
async fn office(framework: Framework) -> (Client, String, Value) {
    let client = client(framework, true);
    let admin = client.with_role("ada@example.org", "admin").await;
    let ann = client.register("ann@example.org").await;
    (client, admin, ann)
}

/// Each request there is under `/admin`, about the user `id`.
fn requests(id: &str) -> Vec<Request> {
    let user = format!("/admin/users/{id}");
    vec![
        get("/admin/users"),
        post(
            "/admin/users",
            json!({"email": "new@example.org", "name": "New"}),
        ),
        post("/admin/users/find", json!({"email": "ann@example.org"})),
        get(&user),
        put(&format!("{user}/status"), json!({"status": "disabled"})),
        post(&format!("{user}/roles"), json!({"grant": ["admin"]})),
        get(&format!("{user}/sessions")),
        delete(&format!("{user}/sessions")),
        delete(&format!("{user}/sessions/{ID}")),
        get(&format!("{user}/events")),
        Request::new("POST", &format!("{user}/password-reset")),
    ]
}

async fn asvs_6_3_4_and_8_2_1_the_routes_are_off_unless_asked_for(framework: Framework) {
    let documented = [
        "GET /admin/users",
        "POST /admin/users",
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

    let client = client(framework, false);
    let ada = client.register("ada@example.org").await;
    client.give(&ada, "admin").await;
    for request in requests(text(&ada, "user_id")) {
        let (token, path) = (text(&ada, "token"), request.target.clone());
        // The application itself answers what it has no route for.
        let answer = client.send(request.bearer(token)).await;
        assert_eq!(answer.status, 404, "{path}");
    }
}

async fn asvs_8_2_2_without_the_permission_nothing_is_shown_or_changed(framework: Framework) {
    let (client, admin, ann) = office(framework).await;
    let bob = client.register("bob@example.org").await;
    let (id, ann_token) = (text(&ann, "user_id"), text(&ann, "token"));
    let before = client.bed.store.user(id.parse().unwrap()).await.unwrap();
    for target in [id, text(&bob, "user_id"), ID] {
        for request in requests(target) {
            for (asked, expected) in [
                (request.clone().bearer(ann_token), (403, "forbidden")),
                (request.clone().bearer("x"), (401, "invalid_token")),
                (request.clone(), (401, "invalid_token")),
            ] {
                let answer = client.send(asked).await;
                assert_eq!(answer.code(), expected, "{request}");
                assert!(!answer.text().contains("bob@example.org"));
            }
        }
    }
    let after = client.bed.store.user(id.parse().unwrap()).await.unwrap();
    let (before, after) = (before.unwrap(), after.unwrap());
    assert_eq!((before.roles, before.status), (after.roles, after.status));
    assert_eq!(client.get("/profile", ann_token).await.status, 200);
    assert_eq!(client.get("/profile", &admin).await.status, 200);
}

async fn asvs_15_3_7_pages_are_asked_for_in_one_way(framework: Framework) {
    let (client, admin, _) = office(framework).await;
    for number in 0..3 {
        client.register(&format!("u{number}@example.org")).await;
    }
    let first = client.get("/admin/users?limit=2", &admin).await.json;
    assert_eq!(first["users"].as_array().unwrap().len(), 2);
    let next = text(&first, "next");
    let path = format!("/admin/users?after={next}&limit=3");
    let rest = client.get(&path, &admin).await.json;
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
        assert_eq!(answer.json["errors"][0]["field"], "limit");
    }
}

async fn asvs_7_5_3_administration_with_an_old_password_leads_to_password_confirm(
    framework: Framework,
) {
    let mut http = HttpConfig::default();
    http.admin = true;
    let mut demanding = settings();
    demanding.recent_login_for_administration = Some(Duration::from_secs(300));
    let client = Client::with(framework, demanding, http);
    let ada = client.register("ada@example.org").await;
    let ann = client.register("ann@example.org").await;
    client.give(&ada, "admin").await;
    let user = format!("/admin/users/{}", text(&ann, "user_id"));
    let acts = [
        post(&format!("{user}/roles"), json!({"grant": ["reader"]})),
        put(&format!("{user}/status"), json!({"status": "disabled"})),
    ];
    client.bed.clock.advance(Duration::from_secs(301));
    let token = text(&ada, "token");
    for act in &acts {
        let answer = client.send(act.clone().bearer(token)).await;
        assert_eq!(answer.code(), (403, "recent_login_required"), "{act}");
    }
    let proof = json!({ "current_password": PASSWORD });
    let confirmed = client.send_as(token, "POST /password/confirm", proof).await;
    for act in acts {
        let act = act.bearer(text(&confirmed.json, "token"));
        assert_eq!(client.send(act).await.status, 200);
    }
}
