//! Hostile requests.

use std::convert::Infallible;
use std::time::Duration;

use admittance::http::{ForwardedHeader, HttpConfig};
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Method, Request, StatusCode, header};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::client::{Client, bearer, json_request, registration, text, with_token};
use support::bed::{PASSWORD, config};

#[tokio::test]
async fn asvs_1_5_3_and_ghsa_12_duplicate_unknown_and_mistyped_fields_are_refused() {
    let client = Client::new();
    client.register("ann@example.org").await;
    for body in [
        "",
        "{",
        "[]",
        "null",
        "\"x\"",
        r#"{"email":"ann@example.org","email":"eve@example.org","password":"x"}"#,
        r#"{"email":["ann@example.org","eve@example.org"],"password":"x"}"#,
        r#"{"email":{"$ne":null},"password":"x"}"#,
        r#"{"email":{"$regex":"^a"},"password":{"$gt":""}}"#,
        r#"{"email":null,"password":"x"}"#,
        r#"{"email":1,"password":"x"}"#,
        r#"{"email":"ann@example.org","password":"x","is_admin":true}"#,
        r#"{"email":"ann@example.org","password":"x"} {}"#,
    ] {
        let answer = client
            .send(json_request(Method::POST, "/login", body))
            .await;
        assert_eq!(answer.code(), (400, "malformed_request"), "{body}");
    }
    assert_eq!(client.bed.auth.hashing_stats().runs, 1);
}

#[tokio::test]
async fn ghsa_31_56_57_a_body_sets_no_role_no_verification_and_no_id() {
    let client = Client::new();
    for field in [
        "roles",
        "is_verified",
        "user_id",
        "_id",
        "auth_epoch",
        "password_hash",
        "token",
    ] {
        let mut body = registration("eve@example.org");
        body[field] = json!(["admin"]);
        let answer = client.post("/register", body).await;
        assert_eq!(answer.code(), (400, "malformed_request"), "{field}");
    }
    let answer = client
        .post(
            "/login",
            json!({"email": "eve@example.org", "password": PASSWORD}),
        )
        .await;
    assert_eq!(answer.code(), (401, "invalid_credentials"));
}

#[tokio::test]
async fn asvs_1_2_9_a_pattern_is_only_an_address() {
    let client = Client::new();
    client.register("ann@example.org").await;
    for email in [
        ".*@example.org",
        "a*@example.org",
        "ann@example.or?",
        "%@example.org",
    ] {
        let answer = client
            .post("/login", json!({"email": email, "password": PASSWORD}))
            .await;
        assert!(
            matches!(answer.status.as_u16(), 401 | 422),
            "{email}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn asvs_3_5_2_only_json_in_utf_8_is_read() {
    let client = Client::new();
    let send = async |kind: Option<&str>| {
        let mut request = json_request(
            Method::POST,
            "/register",
            &registration("ann@example.org").to_string(),
        );
        request.headers_mut().remove(header::CONTENT_TYPE);
        if let Some(kind) = kind {
            request
                .headers_mut()
                .insert(header::CONTENT_TYPE, kind.parse().unwrap());
        }
        client.send(request).await
    };
    for kind in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("multipart/form-data; boundary=x"),
        Some("application/json; charset=utf-16"),
        Some("application/jsonp"),
        Some("text/plain, application/json"),
    ] {
        assert_eq!(
            send(kind).await.code(),
            (415, "unsupported_media_type"),
            "{kind:?}"
        );
    }
    assert_eq!(
        send(Some("Application/JSON; charset=\"UTF-8\""))
            .await
            .status,
        StatusCode::CREATED
    );

    let mut request = json_request(Method::POST, "/login", "{}");
    request
        .headers_mut()
        .append(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    assert_eq!(
        client.send(request).await.code(),
        (415, "unsupported_media_type")
    );
}

#[tokio::test]
async fn ghsa_47_a_body_over_the_cap_is_not_read() {
    let client = Client::new();
    let long = json!({"email": "ann@example.org", "password": "x".repeat(1 << 20)}).to_string();
    let answer = client
        .send(json_request(Method::POST, "/login", &long))
        .await;
    assert_eq!(answer.code(), (413, "payload_too_large"));
    assert_eq!(client.bed.auth.hashing_stats().runs, 0);

    // One byte more than the cap is refused, the cap itself is not.
    let fits = format!("{{{}}}", " ".repeat(64 * 1024 - 2));
    let answer = client
        .send(json_request(Method::POST, "/login", &fits))
        .await;
    assert_eq!(answer.code(), (422, "validation_failed"));
    let answer = client
        .send(json_request(Method::POST, "/login", &format!("{fits} ")))
        .await;
    assert_eq!(answer.code(), (413, "payload_too_large"));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_trickles_in_is_waited_for_so_long_and_no_longer() {
    let client = Client::new();
    let silent = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
    let trickling = Body::from_stream(stream::unfold((), async |()| {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Some((Ok::<_, Infallible>(Bytes::from_static(b" ")), ()))
    }));
    for body in [silent, trickling] {
        let begun = Instant::now();
        let mut request = json_request(Method::POST, "/login", "");
        *request.body_mut() = body;
        let answer = client.send(request).await;
        assert_eq!(answer.code(), (408, "request_timeout"));
        assert_eq!(begun.elapsed().as_secs(), 30);
    }
}

#[tokio::test]
async fn ghsa_61_a_malformed_authorization_fails_closed() {
    let client = Client::new();
    let ann = client.register("ann@example.org").await;
    let token = text(&ann, "token");
    for value in [
        String::new(),
        token.to_owned(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Basic {token}"),
        format!("Bearer  {token}"),
        format!("Bearer {token} x"),
        format!("Bearer {token},"),
        format!("Bearer\t{token}"),
    ] {
        let mut request = bearer(Method::GET, "/profile", "x");
        request
            .headers_mut()
            .insert(header::AUTHORIZATION, value.parse().unwrap());
        let answer = client.send(request).await;
        assert_eq!(answer.code(), (401, "invalid_token"), "{value}");
        assert_eq!(
            answer.header("www-authenticate"),
            "Bearer error=\"invalid_token\""
        );
    }
    let mut request = bearer(Method::GET, "/profile", token);
    request
        .headers_mut()
        .append(header::AUTHORIZATION, "Bearer x".parse().unwrap());
    assert_eq!(client.send(request).await.code(), (401, "invalid_token"));
    let mut request = bearer(Method::GET, "/profile", token);
    request.headers_mut().insert(
        header::AUTHORIZATION,
        HeaderValue::from_bytes(b"Bearer \xff").unwrap(),
    );
    assert_eq!(client.send(request).await.code(), (401, "invalid_token"));

    let request = Request::get("/profile").body(Body::empty()).unwrap();
    let answer = client.send(request).await;
    assert_eq!(answer.code(), (401, "invalid_token"));
    assert_eq!(answer.header("www-authenticate"), "Bearer");
}

#[tokio::test]
async fn asvs_14_2_1_a_token_elsewhere_than_in_the_header_is_none() {
    let client = Client::new();
    let ann = client.register("ann@example.org").await;
    let token = text(&ann, "token");
    let query = Request::get(format!("/profile?access_token={token}"))
        .body(Body::empty())
        .unwrap();
    assert_eq!(client.send(query).await.code(), (401, "invalid_token"));
}

#[tokio::test]
async fn asvs_8_2_2_somebody_elses_session_answers_as_one_that_is_not_there() {
    let client = Client::new();
    let ann = client.register("ann@example.org").await;
    let bob = client.register("bob@example.org").await;
    let list = client.get("/sessions", text(&ann, "token")).await;
    let anns = text(&list.body["sessions"][0], "session_id").to_owned();
    let ask = async |id: &str| {
        let path = format!("/sessions/{id}");
        client
            .send(bearer(Method::DELETE, &path, text(&bob, "token")))
            .await
    };
    let hers = ask(&anns).await;
    for id in [
        "0123456789abcdef01234567",
        "x",
        "..",
        "%00",
        &anns.to_uppercase(),
        "0123456789abcdef01234567?x=1",
    ] {
        let none = ask(id).await;
        assert_eq!((none.status, &none.body), (hers.status, &hers.body), "{id}");
    }
    assert_eq!(hers.code(), (404, "not_found"));
    assert_eq!(
        client.get("/profile", text(&ann, "token")).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn asvs_3_5_3_get_and_head_change_nothing() {
    let mut settings = config();
    let admin = admittance::authz::Role::new("admin").unwrap();
    settings.roles = admittance::authz::RolePolicy::new().administrator(admin.clone());
    let mut http = HttpConfig::default();
    http.admin = true;
    let client = Client::with(settings, http);
    let ann = client.register("ann@example.org").await;
    let appointed =
        client
            .bed
            .auth
            .appoint_administrator("ann@example.org", &admin, &client.bed.here);
    appointed.await.unwrap();
    let token = text(&ann, "token");
    let before = (
        client.get("/profile", token).await.body,
        client.get("/sessions", token).await.body,
    );
    for route in client.api.routes() {
        for method in [Method::GET, Method::HEAD] {
            let id = text(&ann, "user_id");
            let path = route.path.replace("{id}", id).replace("{session_id}", id);
            let request = json_request(method, &path, &registration("eve@example.org").to_string());
            client.send(with_token(request, token)).await;
        }
    }
    let after = (
        client.get("/profile", token).await.body,
        client.get("/sessions", token).await.body,
    );
    assert_eq!(before, after);
    let login = client
        .post(
            "/login",
            json!({"email": "eve@example.org", "password": PASSWORD}),
        )
        .await;
    assert_eq!(login.code(), (401, "invalid_credentials"));
}

#[tokio::test]
async fn ghsa_39_known_and_unknown_accounts_get_equal_answers() {
    let client = Client::new();
    client.register("ann@example.org").await;
    let ask = async |email: &str| {
        client
            .post(
                "/login",
                json!({"email": email, "password": "not the right one"}),
            )
            .await
    };
    let (known, unknown) = (
        ask("ann@example.org").await,
        ask("nobody@example.org").await,
    );
    assert_eq!(known.status, unknown.status);
    assert_eq!(known.headers, unknown.headers);
    assert_eq!(known.body, unknown.body);
}

#[tokio::test]
async fn a_limit_says_how_long_to_wait() {
    let client = Client::new();
    let guess = json!({"email": "nobody@example.org", "password": "not the right one"});
    for _ in 0..5 {
        assert_eq!(
            client.post("/login", guess.clone()).await.status,
            StatusCode::UNAUTHORIZED
        );
    }
    let answer = client.post("/login", guess).await;
    assert_eq!(answer.code(), (429, "rate_limited"));
    assert_eq!(answer.header("retry-after"), "30");
}

#[tokio::test]
async fn asvs_4_1_3_and_15_3_4_and_ghsa_43_a_forwarded_address_is_believed_from_trusted_proxies_only()
 {
    let mut http = HttpConfig::default();
    for (trusted, expected) in [("", "192.0.2.7"), ("192.0.2.0/24", "203.0.113.9")] {
        http.trusted_proxies = trusted.parse().unwrap();
        let client = Client::with(config(), http.clone());
        let body = registration("ann@example.org").to_string();
        let mut request = json_request(Method::POST, "/register", &body);
        request
            .headers_mut()
            .insert("x-forwarded-for", "8.8.8.8, 203.0.113.9".parse().unwrap());
        let ann: Value = client.send(request).await.body;
        let list = client.get("/sessions", text(&ann, "token")).await;
        assert_eq!(list.body["sessions"][0]["ip"], expected);
    }
}

#[tokio::test]
async fn asvs_4_1_3_and_ghsa_43_of_two_forwarding_headers_the_configured_one_is_believed() {
    for (forwarded, expected) in [
        (ForwardedHeader::XForwardedFor, "203.0.113.9"),
        (ForwardedHeader::Forwarded, "2001:db8::9"),
    ] {
        let mut http = HttpConfig::default();
        http.trusted_proxies = "192.0.2.0/24".parse().unwrap();
        http.forwarded = forwarded;
        let client = Client::with(config(), http);
        let body = registration("ann@example.org").to_string();
        let mut request = json_request(Method::POST, "/register", &body);
        for (name, value) in [
            ("x-forwarded-for", "203.0.113.9"),
            ("forwarded", r#"for=8.8.8.8, for="[2001:db8::9]:443""#),
        ] {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let ann: Value = client.send(request).await.body;
        let list = client.get("/sessions", text(&ann, "token")).await;
        assert_eq!(list.body["sessions"][0]["ip"], expected);
    }
}
