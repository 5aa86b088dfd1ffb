//! The endpoints of an account's life: mails, links, changes, deletion.

use admittance::config::{AuthConfig, RegistrationMode};
use admittance::http::HttpConfig;
use admittance::mail::MailKind;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::answers::TOKENS;
use crate::client::{
    Answer, Client, bearer, json_request, members, registration, text, with_token,
};
use support::bed::{OTHER_PASSWORD, PASSWORD, config};

const ANN: &str = "ann@example.org";

impl Client {
    async fn send_as(&self, method: Method, path: &str, token: &str, body: Value) -> Answer {
        let request = json_request(method, path, &body.to_string());
        self.send(with_token(request, token)).await
    }

    async fn link(&self, kind: MailKind) -> String {
        self.bed.mailed(kind).await.expose_secret().to_owned()
    }
}

fn verify_first() -> AuthConfig {
    let mut config = config();
    config.registration = RegistrationMode::VerifyFirst;
    config
}

fn message(answer: &Answer, status: StatusCode) {
    assert_eq!(
        (answer.status, members(&answer.body)),
        (status, vec!["message"]),
        "{:?}",
        answer.body
    );
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[tokio::test]
async fn asvs_6_5_1_an_address_is_confirmed_by_a_session_or_by_the_password() {
    let client = Client::mailing(config());
    let ann = client.register(ANN).await;
    let link = client.link(MailKind::VerifyEmail).await;

    let missing = client.post("/email/verify", json!({"token": link})).await;
    assert_eq!(missing.code(), (401, "proof_required"));
    assert_eq!(missing.header("www-authenticate"), "Bearer");
    let wrong = json!({"token": link, "password": OTHER_PASSWORD});
    let wrong = client.post("/email/verify", wrong).await;
    assert_eq!(wrong.code(), (401, "proof_required"));
    let stale = client
        .send_as(
            Method::POST,
            "/email/verify",
            "no.such.token",
            json!({"token": link}),
        )
        .await;
    assert_eq!(stale.code(), (401, "invalid_token"));

    let token = text(&ann, "token");
    let confirmed = client
        .send_as(Method::POST, "/email/verify", token, json!({"token": link}))
        .await;
    message(&confirmed, StatusCode::OK);
    let profile = client.get("/profile", token).await.body;
    assert_eq!(
        (&profile["is_verified"], &profile["missing"]),
        (&json!(true), &json!([]))
    );
    let again = json!({"token": link, "password": PASSWORD});
    let again = client.post("/email/verify", again).await;
    assert_eq!(again.code(), (401, "invalid_link"));
    assert_eq!(
        again.body["detail"],
        "This link is no longer valid. Request a new one."
    );

    client.register("bob@example.org").await;
    let link = client.link(MailKind::VerifyEmail).await;
    let proof = json!({"token": link, "password": PASSWORD});
    let opened = client.post("/email/verify", proof).await;
    assert_eq!(
        (opened.status, members(&opened.body)),
        (StatusCode::OK, TOKENS.to_vec())
    );
    assert_eq!(opened.body["is_verified"], true);
}

#[tokio::test]
async fn by_verify_first_a_registration_is_only_accepted() {
    let client = Client::mailing(verify_first());
    let accepted = client.post("/register", registration(ANN)).await;
    message(&accepted, StatusCode::ACCEPTED);
    let link = client.link(MailKind::CompleteRegistration).await;
    let login = json!({"email": ANN, "password": PASSWORD});
    let early = client.post("/login", login.clone()).await;
    assert_eq!(early.code(), (401, "invalid_credentials"));

    let proof = json!({"token": link, "password": PASSWORD});
    let opened = client.post("/email/verify", proof).await;
    assert_eq!(
        (opened.status, members(&opened.body)),
        (StatusCode::OK, TOKENS.to_vec())
    );
    assert_eq!(client.post("/login", login).await.status, StatusCode::OK);

    let taken = client.post("/register", registration(ANN)).await;
    assert_eq!(
        (taken.status, &taken.headers, &taken.body),
        (accepted.status, &accepted.headers, &accepted.body),
        "asvs_6_3_8"
    );
}

#[tokio::test]
async fn a_password_is_forgotten_and_reset() {
    let client = Client::mailing(config());
    let ann = client.register(ANN).await;
    let forgot = client.post("/password/forgot", json!({"email": ANN})).await;
    message(&forgot, StatusCode::ACCEPTED);
    let link = client.link(MailKind::ResetPassword).await;
    let body = |new: &str| json!({"token": link, "new_password": new, "confirm_password": new});
    let weak = client.post("/password/reset", body("password")).await;
    assert_eq!(weak.code(), (422, "validation_failed"));
    assert_eq!(weak.body["errors"][0]["field"], "new_password");
    let reset = client.post("/password/reset", body(OTHER_PASSWORD)).await;
    message(&reset, StatusCode::OK);
    for path in [
        "/profile",
        "/sessions",
        "/account/export",
        "/account/events",
    ] {
        let refused = client.get(path, text(&ann, "token")).await;
        assert_eq!(refused.code(), (401, "invalid_token"), "ghsa_24");
    }
    let again = client.post("/password/reset", body(PASSWORD)).await;
    assert_eq!(again.code(), (401, "invalid_link"));
    let login = json!({"email": ANN, "password": OTHER_PASSWORD});
    assert_eq!(client.post("/login", login).await.status, StatusCode::OK);
}

#[tokio::test]
async fn ghsa_39_and_asvs_6_3_8_mails_are_promised_to_anybody_alike() {
    let client = Client::mailing(config());
    client.register(ANN).await;
    for path in ["/password/forgot", "/email/resend"] {
        let known = client.post(path, json!({"email": ANN})).await;
        message(&known, StatusCode::ACCEPTED);
        let unknown = client
            .post(path, json!({"email": "nobody@example.org"}))
            .await;
        assert_eq!(
            (known.status, known.headers, known.body),
            (unknown.status, unknown.headers, unknown.body)
        );
    }
}

#[tokio::test]
async fn ghsa_12_an_array_or_a_duplicate_member_sends_no_mail() {
    let client = Client::mailing(config());
    client.register(ANN).await;
    let _ = client.bed.mails().await;
    for path in ["/password/forgot", "/email/resend"] {
        for body in [
            r#"{"email":["ann@example.org","eve@example.net"]}"#,
            r#"{"email":"ann@example.org","email":"eve@example.net"}"#,
            r#"{"email":{"$ne":null}}"#,
            r#"{"email":"ann@example.org","to":"eve@example.net"}"#,
            r#"{"email":null}"#,
            "[]",
            "",
        ] {
            let answer = client.send(json_request(Method::POST, path, body)).await;
            assert_eq!(answer.code(), (400, "malformed_request"), "{path} {body}");
        }
        for email in [
            "ann@example.org,eve@example.net",
            "ann@example.org\r\nBcc: eve@example.net",
        ] {
            let answer = client.post(path, json!({"email": email})).await;
            assert_eq!(answer.code(), (422, "validation_failed"));
        }
    }
    assert_eq!(client.bed.mails().await, []);
}

#[tokio::test]
async fn ghsa_17_and_19_a_token_that_is_none_is_refused_everywhere() {
    let client = Client::mailing(config());
    let ann = client.register(ANN).await;
    for path in [
        "/email/verify",
        "/email/disown",
        "/password/reset",
        "/email/change/confirm",
    ] {
        for token in [
            json!(""),
            json!(" "),
            json!("null"),
            json!("undefined"),
            json!("0"),
        ] {
            let mut body = json!({"token": token});
            if path == "/password/reset" {
                body["new_password"] = json!(OTHER_PASSWORD);
                body["confirm_password"] = json!(OTHER_PASSWORD);
            }
            let answer = client
                .send_as(Method::POST, path, text(&ann, "token"), body)
                .await;
            assert_eq!(answer.code(), (401, "invalid_link"), "{path} {token}");
        }
        for body in [
            json!({"token": null}),
            json!({"token": {"$ne": null}}),
            json!({"token": {"$gt": ""}}),
            json!({"token": ["a"]}),
            json!({"token": 0}),
            json!({"token": true}),
        ] {
            let answer = client
                .send_as(Method::POST, path, text(&ann, "token"), body.clone())
                .await;
            assert_eq!(answer.code(), (400, "malformed_request"), "{path} {body}");
        }
        let absent = client
            .send_as(Method::POST, path, text(&ann, "token"), json!({}))
            .await;
        assert_eq!(absent.code(), (401, "invalid_link"), "{path}");
    }
}

#[tokio::test]
async fn an_address_is_changed_and_an_account_deleted() {
    let client = Client::mailing(config());
    let ann = client.register(ANN).await;
    let token = text(&ann, "token");
    let change = json!({"new_email": "lee@example.org", "current_password": PASSWORD});
    let asked = client
        .send_as(Method::POST, "/email/change", token, change.clone())
        .await;
    message(&asked, StatusCode::ACCEPTED);
    assert_eq!(
        client.post("/email/change", change).await.code(),
        (401, "invalid_token")
    );
    let link = client.link(MailKind::ConfirmEmailChange).await;
    let confirm = json!({"token": link});
    let anonymous = client.post("/email/change/confirm", confirm.clone()).await;
    assert_eq!(anonymous.code(), (401, "invalid_token"));
    let confirmed = client
        .send_as(Method::POST, "/email/change/confirm", token, confirm)
        .await;
    message(&confirmed, StatusCode::OK);
    let profile = client.get("/profile", token).await;
    assert_eq!(profile.body["email"], "lee@example.org");

    let export = client.get("/account/export", token).await;
    assert_eq!(export.status, StatusCode::OK);
    assert_eq!(
        members(&export.body),
        [
            "email_canonical",
            "exported_at",
            "links",
            "password_scheme",
            "profile",
            "remembered_devices",
            "sessions",
            "status",
        ],
        "asvs_14_2_6"
    );
    assert_eq!(members(&export.body["profile"]), members(&profile.body));

    let wrong = json!({"current_password": OTHER_PASSWORD});
    let wrong = client
        .send_as(Method::DELETE, "/account", token, wrong)
        .await;
    assert_eq!(wrong.code(), (401, "invalid_credentials"));
    let without = client.send(bearer(Method::DELETE, "/account", token)).await;
    assert_eq!(without.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let proof = json!({"current_password": PASSWORD});
    let gone = client
        .send_as(Method::DELETE, "/account", token, proof.clone())
        .await;
    assert_eq!(
        (gone.status, &gone.body),
        (StatusCode::NO_CONTENT, &Value::Null)
    );
    let again = client
        .send_as(Method::DELETE, "/account", token, proof)
        .await;
    assert_eq!(again.code(), (401, "invalid_token"));
    let login = json!({"email": "lee@example.org", "password": PASSWORD});
    assert_eq!(
        client.post("/login", login).await.code(),
        (401, "invalid_credentials")
    );
}

#[tokio::test]
async fn this_was_not_me_is_a_post_and_removes_the_account() {
    let client = Client::mailing(config());
    let ann = client.register(ANN).await;
    let link = client.link(MailKind::VerifyEmail).await;
    // What a mail scanner does with every link changes nothing (asvs_3_5_3).
    for path in ["/email/disown", "/email/verify", "/password/reset"] {
        for method in [Method::GET, Method::HEAD] {
            let path = format!("{path}?token={link}");
            let answer = client.send(bearer(method, &path, "")).await;
            assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
        }
    }
    assert_eq!(
        client.get("/profile", text(&ann, "token")).await.status,
        StatusCode::OK
    );
    let removed = client.post("/email/disown", json!({"token": link})).await;
    message(&removed, StatusCode::OK);
    let refused = client.get("/profile", text(&ann, "token")).await;
    assert_eq!(refused.code(), (401, "invalid_token"));
}

#[tokio::test]
async fn without_a_mailer_there_is_nothing_to_ask_for() {
    let client = Client::with(config(), HttpConfig::default());
    let ann = client.register(ANN).await;
    for path in ["/password/forgot", "/email/resend"] {
        let answer = client.post(path, json!({"email": ANN})).await;
        assert_eq!(answer.code(), (404, "not_found"), "{path}");
    }
    let change = json!({"new_email": "lee@example.org", "current_password": PASSWORD});
    let answer = client
        .send_as(Method::POST, "/email/change", text(&ann, "token"), change)
        .await;
    assert_eq!(answer.code(), (404, "not_found"));
}
