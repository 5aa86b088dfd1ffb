//! Hostile requests.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use admittance::http::{ForwardedHeader, HttpConfig};
use admittance::limit::Quota;
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt, stream};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use serde_json::json;
use tokio::time::Instant;

use crate::answer::Answer;
use crate::client::{Client, registration, text};
use crate::request::{Request, delete, get, post};
use crate::transport::{Body, Framework, each_framework};
use support::bed::{PASSWORD, config};

each_framework!(
    asvs_1_5_3_and_ghsa_12_duplicate_unknown_and_mistyped_fields_are_refused,
    ghsa_31_56_57_a_body_sets_no_role_no_verification_and_no_id,
    asvs_1_2_9_a_pattern_is_only_an_address,
    asvs_3_5_2_only_json_in_utf_8_is_read,
    ghsa_47_a_body_over_the_cap_is_not_read,
    ghsa_47_a_body_without_a_length_is_read_up_to_the_cap,
    a_body_that_trickles_in_is_waited_for_so_long_and_no_longer,
    ghsa_61_a_malformed_authorization_fails_closed,
    asvs_14_2_1_a_token_elsewhere_than_in_the_header_is_none,
    asvs_8_2_2_somebody_elses_session_answers_as_one_that_is_not_there,
    asvs_3_5_3_get_and_head_change_nothing,
    ghsa_39_known_and_unknown_accounts_get_equal_answers,
    a_limit_says_how_long_to_wait,
    asvs_6_3_1_limits_count_the_clients_one_by_one,
    asvs_4_1_3_and_15_3_4_and_ghsa_43_a_forwarded_address_is_believed_from_trusted_proxies_only,
    asvs_4_1_3_and_ghsa_43_of_two_forwarding_headers_the_configured_one_is_believed,
);

async fn asvs_1_5_3_and_ghsa_12_duplicate_unknown_and_mistyped_fields_are_refused(
    framework: Framework,
) {
    let client = Client::new(framework);
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
            .send(Request::new("POST", "/login").text("application/json", body))
            .await;
        assert_eq!(answer.code(), (400, "malformed_request"), "{body}");
    }
    assert_eq!(client.bed.auth.hashing_stats().runs, 1);
}

async fn ghsa_31_56_57_a_body_sets_no_role_no_verification_and_no_id(framework: Framework) {
    let client = Client::new(framework);
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

async fn asvs_1_2_9_a_pattern_is_only_an_address(framework: Framework) {
    let client = Client::new(framework);
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
        assert!(matches!(answer.status, 401 | 422), "{email}: {answer:?}");
    }
}

async fn asvs_3_5_2_only_json_in_utf_8_is_read(framework: Framework) {
    let client = Client::new(framework);
    let send = async |kind: Option<&str>| {
        let request = post("/register", registration("ann@example.org"));
        let request = request.without("Content-Type");
        let request = match kind {
            Some(kind) => request.header("Content-Type", kind),
            None => request,
        };
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
        201
    );

    let twice = post("/login", json!({})).header("Content-Type", "text/plain");
    assert_eq!(
        client.send(twice).await.code(),
        (415, "unsupported_media_type")
    );
}

async fn ghsa_47_a_body_over_the_cap_is_not_read(framework: Framework) {
    let client = Client::new(framework);
    let long = json!({"email": "ann@example.org", "password": "x".repeat(1 << 20)}).to_string();
    let answer = client
        .send(Request::new("POST", "/login").text("application/json", &long))
        .await;
    assert_eq!(answer.code(), (413, "payload_too_large"));
    assert_eq!(client.bed.auth.hashing_stats().runs, 0);

    // One byte more than the cap is refused, the cap itself is not.
    let fits = format!("{{{}}}", " ".repeat(64 * 1024 - 2));
    let answer = client
        .send(Request::new("POST", "/login").text("application/json", &fits))
        .await;
    assert_eq!(answer.code(), (422, "validation_failed"));
    let answer = client
        .send(Request::new("POST", "/login").text("application/json", format!("{fits} ")))
        .await;
    assert_eq!(answer.code(), (413, "payload_too_large"));
}

/// Sends a login whose body comes in pieces, without a declared length.
async fn in_pieces(
    client: &Client,
    pieces: impl Stream<Item = io::Result<Bytes>> + Send + Sync + 'static,
) -> Answer {
    let request = Request::new("POST", "/login").header("Content-Type", "application/json");
    let body: Body = StreamBody::new(pieces.map_ok(Frame::data)).boxed();
    client.send_body(request, body).await
}

async fn ghsa_47_a_body_without_a_length_is_read_up_to_the_cap(framework: Framework) {
    let client = Client::new(framework);
    let read = Arc::new(AtomicUsize::new(0));
    let endless = stream::repeat_with({
        let read = Arc::clone(&read);
        move || {
            read.fetch_add(1, Ordering::SeqCst);
            Ok(Bytes::from_static(&[b' '; 1024]))
        }
    });
    let answer = in_pieces(&client, endless).await;
    assert_eq!(answer.code(), (413, "payload_too_large"));
    // The 64 that fit, and the one that does not.
    assert_eq!(read.load(Ordering::SeqCst), 65);

    let login = json!({"email": "ann@example.org", "password": "wrong"}).to_string();
    let bytes = login.into_bytes().into_iter();
    let pieces = bytes.map(|byte| Ok(Bytes::from(vec![byte])));
    let answer = in_pieces(&client, stream::iter(pieces)).await;
    assert_eq!(answer.code(), (401, "invalid_credentials"));

    let broken = [
        Ok(Bytes::from_static(b"{")),
        Err(io::ErrorKind::ConnectionReset.into()),
    ];
    let answer = in_pieces(&client, stream::iter(broken)).await;
    assert_eq!(answer.code(), (400, "malformed_request"));
    assert_eq!(answer.json["detail"], "The request's body broke off.");
}

async fn a_body_that_trickles_in_is_waited_for_so_long_and_no_longer(framework: Framework) {
    tokio::time::pause();
    let client = Client::new(framework);
    let begun = Instant::now();
    let answer = in_pieces(&client, stream::pending()).await;
    assert_eq!(answer.code(), (408, "request_timeout"));
    assert_eq!(begun.elapsed().as_secs(), 30);

    let trickling = stream::unfold(
        tokio::time::interval(Duration::from_secs(1)),
        async |mut each| {
            each.tick().await;
            Some((Ok(Bytes::from_static(b" ")), each))
        },
    );
    let begun = Instant::now();
    let answer = in_pieces(&client, trickling).await;
    assert_eq!(answer.code(), (408, "request_timeout"));
    assert_eq!(begun.elapsed().as_secs(), 30);
}

async fn ghsa_61_a_malformed_authorization_fails_closed(framework: Framework) {
    let client = Client::new(framework);
    let ann = client.register("ann@example.org").await;
    let token = text(&ann, "token");
    for value in [
        String::new(),
        token.to_owned(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Bearer, {token}"),
        format!("\"Bearer\" {token}"),
        format!("Bearer  {token}"),
        format!("Bearer {token} x"),
        format!("Bearer {token},"),
        format!("Bearer\t{token}"),
    ] {
        let request = get("/profile").header("Authorization", &value);
        let answer = client.send(request).await;
        assert_eq!(answer.code(), (401, "invalid_token"), "{value}");
        assert_eq!(
            answer.header("www-authenticate"),
            "Bearer error=\"invalid_token\""
        );
    }
    for request in [
        get("/profile").bearer(token).bearer("x"),
        get("/profile").header("Authorization", b"Bearer \xff"),
    ] {
        assert_eq!(client.send(request).await.code(), (401, "invalid_token"));
    }
    let basic = format!("Basic {token}");
    for request in [
        get("/profile"),
        get("/profile").header("Authorization", basic),
    ] {
        let answer = client.send(request).await;
        assert_eq!(answer.code(), (401, "invalid_token"));
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
}

async fn asvs_14_2_1_a_token_elsewhere_than_in_the_header_is_none(framework: Framework) {
    let client = Client::new(framework);
    let ann = client.register("ann@example.org").await;
    let token = text(&ann, "token");
    let query = get(&format!("/profile?access_token={token}"));
    assert_eq!(client.send(query).await.code(), (401, "invalid_token"));
}

async fn asvs_8_2_2_somebody_elses_session_answers_as_one_that_is_not_there(framework: Framework) {
    let client = Client::new(framework);
    let ann = client.register("ann@example.org").await;
    let bob = client.register("bob@example.org").await;
    let list = client.get("/sessions", text(&ann, "token")).await;
    let anns = text(&list.json["sessions"][0], "session_id").to_owned();
    let ask = async |id: &str| {
        let path = format!("/sessions/{id}");
        client.send(delete(&path).bearer(text(&bob, "token"))).await
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
        assert_eq!((none.status, &none.json), (hers.status, &hers.json), "{id}");
    }
    assert_eq!(hers.code(), (404, "not_found"));
    assert_eq!(
        client.get("/profile", text(&ann, "token")).await.status,
        200
    );
}

async fn asvs_3_5_3_get_and_head_change_nothing(framework: Framework) {
    let mut settings = config();
    let admin = admittance::authz::Role::new("admin").unwrap();
    settings.roles = admittance::authz::RolePolicy::new().administrator(admin.clone());
    let mut http = HttpConfig::default();
    http.admin = true;
    let client = Client::with(framework, settings, http);
    let ann = client.register("ann@example.org").await;
    let appointed =
        client
            .bed
            .auth
            .appoint_administrator("ann@example.org", &admin, &client.bed.here);
    appointed.await.unwrap();
    let token = text(&ann, "token");
    let before = (
        client.get("/profile", token).await.json,
        client.get("/sessions", token).await.json,
    );
    for route in client.api.routes() {
        for method in ["GET", "HEAD"] {
            let id = text(&ann, "user_id");
            let path = route.path.replace("{id}", id).replace("{session_id}", id);
            let request = Request::new(method, &path).json(&registration("eve@example.org"));
            client.send(request.bearer(token)).await;
        }
    }
    let after = (
        client.get("/profile", token).await.json,
        client.get("/sessions", token).await.json,
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

async fn ghsa_39_known_and_unknown_accounts_get_equal_answers(framework: Framework) {
    let client = Client::new(framework);
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
    assert_eq!(known.json, unknown.json);
}

async fn a_limit_says_how_long_to_wait(framework: Framework) {
    let client = Client::new(framework);
    let guess = json!({"email": "nobody@example.org", "password": "not the right one"});
    for _ in 0..5 {
        assert_eq!(client.post("/login", guess.clone()).await.status, 401);
    }
    let answer = client.post("/login", guess).await;
    assert_eq!(answer.code(), (429, "rate_limited"));
    assert_eq!(answer.header("retry-after"), "30");
}

async fn asvs_6_3_1_limits_count_the_clients_one_by_one(framework: Framework) {
    let mut settings = config();
    settings.limits.register_by_address = Some(Quota::new(1, Duration::from_secs(60)));
    let client = Client::with(framework, settings, HttpConfig::default());
    let register = async |email: &str, ip: [u8; 4]| {
        let request = post("/register", registration(email));
        client.send_from(ip, request).await
    };
    let first = register("ann@example.org", [192, 0, 2, 7]).await;
    assert_eq!(first.status, 201);
    let again = register("ben@example.org", [192, 0, 2, 7]).await;
    assert_eq!(again.code(), (429, "rate_limited"));
    assert_ne!(again.header("retry-after"), "");
    let other = register("ben@example.org", [192, 0, 2, 8]).await;
    assert_eq!(other.status, 201);
}

async fn asvs_4_1_3_and_15_3_4_and_ghsa_43_a_forwarded_address_is_believed_from_trusted_proxies_only(
    framework: Framework,
) {
    let mut http = HttpConfig::default();
    for (trusted, expected) in [("", "192.0.2.7"), ("192.0.2.0/24", "203.0.113.9")] {
        http.trusted_proxies = trusted.parse().unwrap();
        let client = Client::with(framework, config(), http.clone());
        let request = post("/register", registration("ann@example.org"))
            .header("X-Forwarded-For", "8.8.8.8, 203.0.113.9");
        let ann = client.send(request).await.json;
        let list = client.get("/sessions", text(&ann, "token")).await;
        assert_eq!(list.json["sessions"][0]["ip"], expected);
    }
}

async fn asvs_4_1_3_and_ghsa_43_of_two_forwarding_headers_the_configured_one_is_believed(
    framework: Framework,
) {
    for (forwarded, expected) in [
        (ForwardedHeader::XForwardedFor, "203.0.113.9"),
        (ForwardedHeader::Forwarded, "2001:db8::9"),
    ] {
        let mut http = HttpConfig::default();
        http.trusted_proxies = "192.0.2.0/24".parse().unwrap();
        http.forwarded = forwarded;
        let client = Client::with(framework, config(), http);
        let request = post("/register", registration("ann@example.org"))
            .header("X-Forwarded-For", "203.0.113.9")
            .header("Forwarded", r#"for=8.8.8.8, for="[2001:db8::9]:443""#);
        let ann = client.send(request).await.json;
        let list = client.get("/sessions", text(&ann, "token")).await;
        assert_eq!(list.json["sessions"][0]["ip"], expected);
    }
}
