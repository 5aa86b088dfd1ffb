//! What each endpoint answers: status, body, headers.

use admittance::http::routes;
use serde_json::json;

use crate::answer::TOKENS;
use crate::client::{Client, registration, text};
use crate::every_answer::names_of;
use crate::request::Request;
use crate::transport::{Framework, each_framework};
use support::bed::PASSWORD;

each_framework!(
    asvs_14_2_6_the_journey_from_registration_to_logout,
    asvs_4_1_4_other_methods_are_answered_with_those_that_there_are,
    asvs_4_1_1_and_14_3_2_no_answer_may_be_stored,
    a_login_may_say_whether_it_is_to_be_remembered_and_nothing_else,
);

async fn asvs_14_2_6_the_journey_from_registration_to_logout(framework: Framework) {
    let client = Client::new(framework);
    let answer = client
        .post("/register", registration("Ann@Example.org"))
        .await;
    assert_eq!(answer.status, 201);
    assert_eq!(names_of(&answer.json), TOKENS, "asvs_14_2_6");
    assert_eq!(answer.json["email"], "Ann@Example.org");
    assert_eq!(answer.json["token_type"], "Bearer");
    assert_eq!(answer.json["expires_in"], 900);

    let taken = client
        .post("/register", registration("aNN@example.ORG"))
        .await;
    assert_eq!(taken.code(), (409, "email_taken"));
    assert_eq!(
        names_of(&taken.json),
        ["code", "detail", "status", "title", "type"]
    );

    let login = json!({"email": "ann@example.org", "password": PASSWORD});
    let answer = client.post("/login", login).await;
    assert_eq!(answer.status, 200);
    assert_eq!(names_of(&answer.json), TOKENS, "asvs_14_2_6");
    let token = text(&answer.json, "token");

    let profile = client.get("/profile", token).await;
    assert_eq!(profile.status, 200);
    assert_eq!(
        profile.json,
        json!({
            "user_id": answer.json["user_id"], "email": "Ann@Example.org", "name": "Ann",
            "created_at": "2026-01-01T00:00:00.000Z", "last_login": "2026-01-01T00:00:00.000Z",
            "is_verified": false, "roles": [], "preferences": {},
            "missing": ["email_verification"],
        })
    );

    let change = json!({"name": "Ann Lee", "preferences": {"level": "B2"}});
    let changed = client.send_as(token, "PUT /profile", change).await;
    assert_eq!(
        (changed.status, &changed.json["name"]),
        (200, &json!("Ann Lee"))
    );
    assert_eq!(changed.json["preferences"], json!({"level": "B2"}));

    let refresh = json!({"refresh_token": answer.json["refresh_token"]});
    let refreshed = client.post("/refresh", refresh).await;
    assert_eq!(refreshed.status, 200);
    assert_eq!(names_of(&refreshed.json), TOKENS);

    let fresh = text(&refreshed.json, "token");
    let logout = client
        .send(Request::new("POST", "/logout").bearer(fresh))
        .await;
    assert_eq!(
        (logout.status, names_of(&logout.json)),
        (200, vec!["message"])
    );
    for token in [token, fresh] {
        assert_eq!(
            client.get("/profile", token).await.code(),
            (401, "invalid_token")
        );
    }
    let again = client
        .send(Request::new("POST", "/logout").bearer(fresh))
        .await;
    assert_eq!(again.code(), (401, "invalid_token"));
}

async fn asvs_4_1_4_other_methods_are_answered_with_those_that_there_are(framework: Framework) {
    let mut http = admittance::http::HttpConfig::default();
    http.admin = true;
    let client = Client::with(framework, support::bed::config(), http);
    for route in client.api.routes() {
        let id = "0123456789abcdef01234567";
        let path = route.path.replace("{id}", id).replace("{session_id}", id);
        for method in [
            "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW",
        ] {
            let name = format!("{method} {path}");
            let answer = client.send(Request::line(&name).bearer("x")).await;
            let is_there = |known: &str| known == method || known == "GET" && method == "HEAD";
            let mut known = route.methods.iter().map(|(known, _)| known.as_str());
            if known.clone().any(is_there) {
                assert!(!matches!(answer.status, 404 | 405), "{name}");
                continue;
            }
            assert_eq!(answer.status, 405, "{name}");
            assert!(method == "HEAD" || answer.code().1 == "method_not_allowed");
            let allow = answer.header("allow");
            assert!(known.all(|known| allow.contains(known)), "{allow}");
        }
    }
}

#[test]
fn asvs_6_3_4_the_routes_are_the_documented_ones() {
    let is_optional = |path: &str| {
        let is_of_providers = ["/providers", "/login/{provider}", "/identities"];
        path.starts_with("/admin/")
            || is_of_providers.iter().any(|own| path.starts_with(own))
            || ["/openapi.json", "/login/factor"].contains(&path)
    };
    let routes: Vec<_> = routes()
        .iter()
        .filter(|route| !is_optional(route.path))
        .flat_map(|route| {
            route
                .methods
                .iter()
                .map(move |(method, _)| format!("{method} {}", route.path))
        })
        .collect();
    assert_eq!(
        routes,
        [
            "POST /register",
            "POST /login",
            "POST /logout",
            "POST /refresh",
            "GET /profile",
            "PUT /profile",
            "PATCH /profile",
            "POST /password/change",
            "POST /reauthenticate",
            "POST /password/confirm",
            "POST /password/strength",
            "POST /password/forgot",
            "POST /password/reset",
            "POST /email/verify",
            "POST /email/resend",
            "POST /email/disown",
            "POST /email/change",
            "POST /email/change/confirm",
            "DELETE /account",
            "POST /account/delete",
            "GET /account/export",
            "GET /account/events",
            "GET /sessions",
            "DELETE /sessions",
            "DELETE /sessions/{id}",
            "GET /.well-known/jwks.json",
        ]
    );
}

async fn asvs_4_1_1_and_14_3_2_no_answer_may_be_stored(framework: Framework) {
    let client = Client::new(framework);
    let ann = client.register("ann@example.org").await;
    let token = text(&ann, "token");
    let mut answers = vec![
        client
            .post("/register", registration("ann@example.org"))
            .await,
        client
            .post(
                "/login",
                json!({"email": "ann@example.org", "password": "wrong wrong"}),
            )
            .await,
        client.post("/login", json!({})).await,
        client.post("/refresh", json!({"refresh_token": "x"})).await,
        client.get("/profile", "x").await,
        client.get("/profile", token).await,
        client.get("/sessions", token).await,
        client.get("/sessions/x", token).await,
        client.get("/.well-known/jwks.json", token).await,
        client
            .send(Request::new("POST", "/login").text("application/json", "{"))
            .await,
        client
            .send(Request::new("POST", "/login").text("application/json", " ".repeat(1 << 20)))
            .await,
    ];
    answers.push(
        client
            .send(Request::new("POST", "/logout").bearer(token))
            .await,
    );
    for answer in answers {
        assert_eq!(answer.header("cache-control"), "no-store", "{answer:?}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        let kind = answer.header("content-type");
        let expected = if answer.is_success() {
            "application/json"
        } else {
            "application/problem+json"
        };
        assert_eq!(kind, expected, "asvs_4_1_1: {answer:?}");
        if answer.status == 401 {
            assert!(answer.header("www-authenticate").starts_with("Bearer"));
        }
    }
}

async fn a_login_may_say_whether_it_is_to_be_remembered_and_nothing_else(framework: Framework) {
    let client = Client::new(framework);
    client.register("ann@example.org").await;
    for (remember, idle_hours) in [(json!(false), 12), (json!(true), 7 * 24)] {
        let login = json!({"email": "ann@example.org", "password": PASSWORD, "remember": remember});
        let answer = client.post("/login", login).await;
        assert_eq!(answer.status, 200);
        assert_eq!(names_of(&answer.json), TOKENS);
        let refresh = json!({"refresh_token": answer.json["refresh_token"]});
        let wait = std::time::Duration::from_secs(idle_hours * 3600);
        client
            .bed
            .clock
            .advance(wait - std::time::Duration::from_secs(1));
        let refreshed = client.post("/refresh", refresh).await;
        assert_eq!(refreshed.status, 200);
        client.bed.clock.advance(wait);
        let refresh = json!({"refresh_token": refreshed.json["refresh_token"]});
        assert_eq!(
            client.post("/refresh", refresh).await.code(),
            (401, "invalid_token")
        );
    }
    for (field, value) in [
        ("remember", json!("yes")),
        ("remember", json!(0)),
        ("remember_me", json!(false)),
    ] {
        let mut login = json!({"email": "ann@example.org", "password": PASSWORD});
        login[field] = value;
        let refused = client.post("/login", login.clone()).await;
        assert_eq!(refused.code(), (400, "malformed_request"), "{login}");
    }
    let mut register = registration("bob@example.org");
    register["remember"] = json!(false);
    let refused = client.post("/register", register).await;
    assert_eq!(refused.code(), (400, "malformed_request"));
}
