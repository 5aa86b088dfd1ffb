//! The endpoints of an account's life: mails, links, changes, deletion.

use admittance::http::HttpConfig;
use serde_json::json;

use crate::administration::settings;
use crate::answer::Answer;
use crate::client::{Client, text};
use crate::every_answer::names_of;
use crate::request::Request;
use crate::transport::{Framework, each_framework};
use support::bed::{OTHER_PASSWORD, PASSWORD, config};

each_framework!(
    ghsa_39_and_asvs_6_3_8_mails_are_promised_to_anybody_alike,
    ghsa_12_an_array_or_a_duplicate_member_sends_no_mail,
    ghsa_17_and_19_a_token_that_is_none_is_refused_everywhere,
    without_a_mailer_there_is_nothing_to_ask_for,
);

const ANN: &str = "ann@example.org";

fn message(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{answer}");
    assert_eq!(names_of(&answer.json), ["message"], "{answer}");
}

async fn ghsa_39_and_asvs_6_3_8_mails_are_promised_to_anybody_alike(framework: Framework) {
    let client = Client::mailing(framework, config());
    client.register(ANN).await;
    for path in ["/password/forgot", "/email/resend"] {
        let known = client.post(path, json!({"email": ANN})).await;
        message(&known, 202);
        let unknown = client
            .post(path, json!({"email": "nobody@example.org"}))
            .await;
        assert_eq!(
            (known.status, known.headers, known.json),
            (unknown.status, unknown.headers, unknown.json)
        );
    }
}

async fn ghsa_12_an_array_or_a_duplicate_member_sends_no_mail(framework: Framework) {
    let client = Client::mailing(framework, config());
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
            let answer = client
                .send(Request::new("POST", path).text("application/json", body))
                .await;
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

async fn ghsa_17_and_19_a_token_that_is_none_is_refused_everywhere(framework: Framework) {
    let client = Client::mailing(framework, config());
    let ann = client.register(ANN).await;
    for path in [
        "/email/verify",
        "/email/disown",
        "/password/reset",
        "/email/change/confirm",
    ] {
        for token in [json!(" "), json!("null"), json!("undefined"), json!("0")] {
            let mut body = json!({"token": token});
            if path == "/password/reset" {
                body["new_password"] = json!(OTHER_PASSWORD);
                body["confirm_password"] = json!(OTHER_PASSWORD);
            }
            let answer = client
                .send_as(text(&ann, "token"), &format!("POST {path}"), body)
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
                .send_as(text(&ann, "token"), &format!("POST {path}"), body.clone())
                .await;
            assert_eq!(answer.code(), (400, "malformed_request"), "{path} {body}");
        }
        for absent in [json!({}), json!({"token": ""})] {
            let answer = client
                .send_as(text(&ann, "token"), &format!("POST {path}"), absent.clone())
                .await;
            assert_eq!(answer.code(), (422, "validation_failed"), "{path} {absent}");
        }
    }
}

async fn without_a_mailer_there_is_nothing_to_ask_for(framework: Framework) {
    let mut http = HttpConfig::default();
    http.admin = true;
    let client = Client::with(framework, settings(), http);
    let ann = client.register(ANN).await;
    for path in ["/password/forgot", "/email/resend"] {
        let answer = client.post(path, json!({"email": ANN})).await;
        assert_eq!(answer.code(), (404, "not_found"), "{path}");
    }
    let change = json!({"new_email": "lee@example.org", "current_password": PASSWORD});
    let token = text(&ann, "token");
    let answer = client.send_as(token, "POST /email/change", change).await;
    assert_eq!(answer.code(), (404, "not_found"));
    client.give(&ann, "admin").await;
    let line = format!("POST /admin/users/{}/password-reset", text(&ann, "user_id"));
    let answer = client.send(Request::line(&line).bearer(token)).await;
    assert_eq!(answer.code(), (404, "not_found"));
}
