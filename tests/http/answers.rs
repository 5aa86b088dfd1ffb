//! What each endpoint answers: status, body, headers.

use admittance::http::routes;
use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::client::{Client, bearer, json_request, members, registration, text, with_token};
use support::bed::{OTHER_PASSWORD, PASSWORD};

pub(crate) const TOKENS: [&str; 10] = [
    "email",
    "expires_in",
    "is_verified",
    "message",
    "missing",
    "name",
    "refresh_token",
    "token",
    "token_type",
    "user_id",
];

#[tokio::test]
async fn asvs_14_2_6_the_journey_from_registration_to_logout() {
    let client = Client::new();
    let answer = client
        .post("/register", registration("Ann@Example.org"))
        .await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(members(&answer.body), TOKENS, "asvs_14_2_6");
    assert_eq!(answer.body["email"], "Ann@Example.org");
    assert_eq!(answer.body["token_type"], "Bearer");
    assert_eq!(answer.body["expires_in"], 900);

    let taken = client
        .post("/register", registration("aNN@example.ORG"))
        .await;
    assert_eq!(taken.code(), (409, "email_taken"));
    assert_eq!(
        members(&taken.body),
        ["code", "detail", "status", "title", "type"]
    );

    let login = json!({"email": "ann@example.org", "password": PASSWORD});
    let answer = client.post("/login", login).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(members(&answer.body), TOKENS, "asvs_14_2_6");
    let token = text(&answer.body, "token");

    let profile = client.get("/profile", token).await;
    assert_eq!(profile.status, StatusCode::OK);
    assert_eq!(
        profile.body,
        json!({
            "user_id": answer.body["user_id"], "email": "Ann@Example.org", "name": "Ann",
            "created_at": "2026-01-01T00:00:00.000Z", "last_login": "2026-01-01T00:00:00.000Z",
            "is_verified": false, "roles": [], "preferences": {},
            "missing": ["email_verification"],
        })
    );

    let change = json!({"name": "Ann Lee", "preferences": {"level": "B2"}}).to_string();
    let request = with_token(json_request(Method::PUT, "/profile", &change), token);
    let changed = client.send(request).await;
    assert_eq!(
        (changed.status, &changed.body["name"]),
        (StatusCode::OK, &json!("Ann Lee"))
    );
    assert_eq!(changed.body["preferences"], json!({"level": "B2"}));

    let refresh = json!({"refresh_token": answer.body["refresh_token"]});
    let refreshed = client.post("/refresh", refresh).await;
    assert_eq!(refreshed.status, StatusCode::OK);
    assert_eq!(members(&refreshed.body), TOKENS);

    let fresh = text(&refreshed.body, "token");
    let logout = client.send(bearer(Method::POST, "/logout", fresh)).await;
    assert_eq!(
        (logout.status, members(&logout.body)),
        (StatusCode::OK, vec!["message"])
    );
    for token in [token, fresh] {
        assert_eq!(
            client.get("/profile", token).await.code(),
            (401, "invalid_token")
        );
    }
    let again = client.send(bearer(Method::POST, "/logout", fresh)).await;
    assert_eq!(again.code(), (401, "invalid_token"));
}

#[tokio::test]
async fn a_change_of_password_answers_with_the_tokens_to_go_on_with() {
    let client = Client::new();
    let ann = client.register("ann@example.org").await;
    let change = json!({
        "current_password": PASSWORD, "new_password": OTHER_PASSWORD, "confirm_password": OTHER_PASSWORD,
    });
    let request = json_request(Method::POST, "/password/change", &change.to_string());
    let changed = client.send(with_token(request, text(&ann, "token"))).await;
    assert_eq!(
        (changed.status, members(&changed.body)),
        (StatusCode::OK, TOKENS.to_vec())
    );
    assert_eq!(
        client.get("/profile", text(&ann, "token")).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        client
            .get("/profile", text(&changed.body, "token"))
            .await
            .status,
        StatusCode::OK
    );

    let request = json_request(Method::POST, "/password/change", &change.to_string());
    let wrong = client
        .send(with_token(request, text(&changed.body, "token")))
        .await;
    assert_eq!(wrong.code(), (401, "invalid_credentials"));
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let client = Client::new();
    let first = client.register("ann@example.org").await;
    let login = json!({"email": "ann@example.org", "password": PASSWORD});
    let second = client.post("/login", login.clone()).await.body;
    client.post("/login", login).await;
    let token = text(&second, "token");

    let list = client.get("/sessions", token).await;
    assert_eq!(list.status, StatusCode::OK);
    let sessions = list.body["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 3);
    assert_eq!(
        members(&sessions[0]),
        [
            "created_at",
            "current",
            "ip",
            "last_seen_at",
            "session_id",
            "user_agent"
        ]
    );
    assert_eq!(sessions[0]["ip"], "192.0.2.7");
    assert_eq!(
        sessions
            .iter()
            .filter(|session| session["current"] == true)
            .count(),
        1
    );

    let other = sessions
        .iter()
        .find(|session| session["current"] == false)
        .unwrap();
    let path = format!("/sessions/{}", text(other, "session_id"));
    let ended = client.send(bearer(Method::DELETE, &path, token)).await;
    assert_eq!(
        (ended.status, ended.body.is_null()),
        (StatusCode::NO_CONTENT, true)
    );
    let again = client.send(bearer(Method::DELETE, &path, token)).await;
    assert_eq!(again.code(), (404, "not_found"));
    let ended = client
        .send(bearer(Method::DELETE, "/sessions", token))
        .await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    assert_eq!(
        client.get("/profile", text(&first, "token")).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        client.get("/sessions", token).await.body["sessions"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn one_answer_names_everything_that_is_wrong() {
    let client = Client::new();
    let body = json!({"email": "x", "password": "1", "confirm_password": "2", "name": ""});
    for body in [body, json!({})] {
        let answer = client.post("/register", body).await;
        assert_eq!(answer.code(), (422, "validation_failed"));
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let errors = answer.body["errors"].as_array().unwrap();
        for field in ["email", "password", "confirm_password", "name"] {
            let error = errors.iter().find(|error| error["field"] == field);
            let error = error.unwrap_or_else(|| panic!("{field} is not named: {errors:?}"));
            assert_eq!(members(error), ["code", "field", "message"]);
        }
    }
}

#[tokio::test]
async fn asvs_4_1_4_other_methods_are_answered_with_those_that_there_are() {
    let mut http = admittance::http::HttpConfig::default();
    http.admin = true;
    let client = Client::with(support::bed::config(), http);
    for route in client.api.routes() {
        let id = "0123456789abcdef01234567";
        let path = route.path.replace("{id}", id).replace("{session_id}", id);
        for method in [
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::OPTIONS,
            Method::TRACE,
            Method::from_bytes(b"BREW").unwrap(),
        ] {
            if route.methods.iter().any(|(known, _)| *known == method) {
                continue;
            }
            let answer = client.send(bearer(method.clone(), &path, "x")).await;
            assert_eq!(
                answer.code(),
                (405, "method_not_allowed"),
                "{method} {path}"
            );
            let allow = answer.header("allow");
            for (known, _) in &route.methods {
                assert!(allow.contains(known.as_str()), "{allow}");
            }
        }
    }
}

#[tokio::test]
async fn asvs_6_3_4_the_routes_are_the_documented_ones() {
    let is_optional = |path: &str| {
        path.starts_with("/admin/") || ["/openapi.json", "/login/factor"].contains(&path)
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
            "GET /account/export",
            "GET /account/events",
            "GET /sessions",
            "DELETE /sessions",
            "DELETE /sessions/{id}",
            "GET /.well-known/jwks.json",
        ]
    );
}

#[tokio::test]
async fn asvs_4_1_1_and_14_3_2_no_answer_may_be_stored() {
    let client = Client::new();
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
        client.send(json_request(Method::POST, "/login", "{")).await,
        client
            .send(json_request(Method::POST, "/login", &" ".repeat(1 << 20)))
            .await,
    ];
    answers.push(client.send(bearer(Method::POST, "/logout", token)).await);
    for answer in answers {
        assert_eq!(answer.header("cache-control"), "no-store", "{answer:?}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        let kind = answer.header("content-type");
        let expected = if answer.status.is_success() {
            "application/json"
        } else {
            "application/problem+json"
        };
        assert_eq!(kind, expected, "asvs_4_1_1: {answer:?}");
        if answer.status == StatusCode::UNAUTHORIZED {
            assert!(answer.header("www-authenticate").starts_with("Bearer"));
        }
    }
}

#[tokio::test]
async fn head_is_answered_as_get_without_a_body() {
    let client = Client::new();
    let ann = client.register("ann@example.org").await;
    let token = text(&ann, "token");
    let got = client.get("/profile", token).await;
    let answer = client.send(bearer(Method::HEAD, "/profile", token)).await;
    assert_eq!(
        (answer.status, answer.body.is_null()),
        (StatusCode::OK, true)
    );
    // The body's length is that which there would be, or not told.
    assert_ne!(got.header("content-length"), "");
    assert_eq!(answer.headers, got.headers);
    let refused = client.send(bearer(Method::HEAD, "/login", "x")).await;
    assert_eq!(refused.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_shared_secret_has_no_public_keys() {
    let client = Client::new();
    let answer = client.get("/.well-known/jwks.json", "").await;
    assert_eq!(
        (answer.status, answer.body),
        (StatusCode::OK, json!({"keys": []}))
    );
}

#[tokio::test]
async fn asvs_7_2_4_a_password_that_is_given_again_is_answered_with_new_tokens() {
    let client = Client::new();
    let ann = client.register("ann@example.org").await;
    let confirm = async |token: &str, body: &str| {
        let request = json_request(Method::POST, "/password/confirm", body);
        client.send(with_token(request, token)).await
    };
    let good = json!({"current_password": PASSWORD}).to_string();
    let wrong = json!({"current_password": OTHER_PASSWORD}).to_string();
    let token = text(&ann, "token");
    for (token, body, expected) in [
        (token, wrong.as_str(), (401, "invalid_credentials")),
        (token, "{}", (422, "validation_failed")),
        (
            token,
            r#"{"current_password": "x", "email": "x"}"#,
            (400, "malformed_request"),
        ),
        ("x", good.as_str(), (401, "invalid_token")),
    ] {
        assert_eq!(confirm(token, body).await.code(), expected, "{body}");
    }
    let confirmed = confirm(token, &good).await;
    assert_eq!(
        (confirmed.status, members(&confirmed.body)),
        (StatusCode::OK, TOKENS.to_vec())
    );
    assert_eq!(
        client.get("/profile", token).await.code(),
        (401, "invalid_token")
    );
    let fresh = text(&confirmed.body, "token");
    assert_eq!(client.get("/profile", fresh).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_login_may_say_whether_it_is_to_be_remembered_and_nothing_else() {
    let client = Client::new();
    client.register("ann@example.org").await;
    for (remember, idle_hours) in [(json!(false), 12), (json!(true), 7 * 24)] {
        let login = json!({"email": "ann@example.org", "password": PASSWORD, "remember": remember});
        let answer = client.post("/login", login).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(members(&answer.body), TOKENS);
        let refresh = json!({"refresh_token": answer.body["refresh_token"]});
        let wait = std::time::Duration::from_secs(idle_hours * 3600);
        client
            .bed
            .clock
            .advance(wait - std::time::Duration::from_secs(1));
        let refreshed = client.post("/refresh", refresh).await;
        assert_eq!(refreshed.status, StatusCode::OK);
        client.bed.clock.advance(wait);
        let refresh = json!({"refresh_token": refreshed.body["refresh_token"]});
        assert_eq!(
            client.post("/refresh", refresh).await.code(),
            (401, "invalid_token")
        );
    }
    for (field, value) in [
        ("remember", json!(null)),
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
