//! Everything that is answered is documented, and what is documented is answered.

use std::collections::BTreeSet;

use admittance::mail::MailKind;
use http::Method;
use http_body_util::{BodyExt, StreamBody};
use serde_json::{Value, json};

use super::{everything, operations, settings, text};
use crate::client::{Client, registration};
use crate::request::{Request, get};
use crate::transport::{Framework, each_framework};
use support::bed::{OTHER_PASSWORD, PASSWORD};

each_framework!(
    every_answer_is_documented_and_every_documented_one_is_answered,
    a_body_that_does_not_come_is_a_documented_problem_of_each_endpoint,
    a_recent_password_is_documented_where_the_settings_demand_one,
);

const NONE: Value = Value::Null;
/// An id of nobody and nothing.
const ID: &str = "0123456789abcdef01234567";
/// A link that nobody got.
const LINK: &str = "adv_Zm9yLXRoZS1kb2N1bWVudC1vbmx5LW5vLXNlY3JldC4";

fn proof() -> Value {
    json!({ "current_password": PASSWORD })
}

fn wrong_proof() -> Value {
    json!({ "current_password": OTHER_PASSWORD })
}

impl Client {
    /// What an account goes through from its registration to its deletion.
    async fn life_of_an_account(&self) {
        self.register("ann@example.org").await;
        let email = json!({ "email": "ann@example.org" });
        self.ask(
            "POST /register",
            "",
            registration("ANN@example.org"),
            "email_taken",
        )
        .await;
        let strength = json!({ "password": "12345" });
        self.ask("POST /password/strength", "", strength, "200")
            .await;
        let login = json!({ "email": "ann@example.org", "password": OTHER_PASSWORD });
        self.ask("POST /login", "", login, "invalid_credentials")
            .await;
        let login = json!({ "email": "ann@example.org", "password": PASSWORD });
        let mut ann = self.ask("POST /login", "", login.clone(), "200").await;
        let refresh = json!({ "refresh_token": ann["refresh_token"] });
        ann = self.ask("POST /refresh", "", refresh, "200").await;
        self.ask(
            "POST /refresh",
            "",
            json!({ "refresh_token": "x" }),
            "invalid_token",
        )
        .await;
        let mut token = text(&ann, "token");
        self.ask("GET /profile", &token, NONE, "200").await;
        let change = json!({ "name": "Ann Lee", "preferences": { "level": "B2" } });
        self.ask("PUT /profile", &token, change, "200").await;

        self.ask("POST /email/resend", "", email.clone(), "202")
            .await;
        let link = json!({ "token": self.link(MailKind::VerifyEmail).await });
        self.ask("POST /email/verify", "", link.clone(), "proof_required")
            .await;
        let wrong = json!({ "token": LINK, "password": PASSWORD });
        self.ask("POST /email/verify", "", wrong, "invalid_link")
            .await;
        let mut with_password = link.clone();
        with_password["password"] = json!(PASSWORD);
        self.ask("POST /email/verify", "", with_password, "200")
            .await;
        self.ask("POST /email/disown", "", link, "invalid_link")
            .await;

        let wrong = json!({ "new_email": "lee@example.org", "current_password": OTHER_PASSWORD });
        self.ask("POST /email/change", &token, wrong, "invalid_credentials")
            .await;
        let change = json!({ "new_email": "lee@example.org", "current_password": PASSWORD });
        self.ask("POST /email/change", &token, change.clone(), "202")
            .await;
        let link = json!({ "token": self.link(MailKind::ConfirmEmailChange).await });
        let bob = text(&self.register("bob@example.org").await, "token");
        self.ask(
            "POST /email/change/confirm",
            &bob,
            link.clone(),
            "proof_required",
        )
        .await;
        self.ask("POST /email/change/confirm", &token, link, "200")
            .await;
        let link = json!({ "token": LINK });
        self.ask("POST /email/change/confirm", &token, link, "invalid_link")
            .await;
        let change = json!({ "new_email": "eve@example.org", "current_password": PASSWORD });
        self.ask("POST /email/change", &token, change, "202").await;
        let link = json!({ "token": self.link(MailKind::ConfirmEmailChange).await });
        self.register("eve@example.org").await;
        self.ask("POST /email/change/confirm", &token, link, "email_taken")
            .await;

        let wrong = json!({ "current_password": OTHER_PASSWORD, "new_password": OTHER_PASSWORD,
            "confirm_password": OTHER_PASSWORD });
        self.ask(
            "POST /password/change",
            &token,
            wrong.clone(),
            "validation_failed",
        )
        .await;
        let mut wrong = wrong;
        wrong["new_password"] = json!("heather.Violin 12 canoe");
        wrong["confirm_password"] = json!("heather.Violin 12 canoe");
        self.ask(
            "POST /password/change",
            &token,
            wrong,
            "invalid_credentials",
        )
        .await;
        let change = json!({ "current_password": PASSWORD, "new_password": OTHER_PASSWORD,
            "confirm_password": OTHER_PASSWORD });
        token = text(
            &self
                .ask("POST /password/change", &token, change, "200")
                .await,
            "token",
        );
        self.ask(
            "POST /password/confirm",
            &token,
            proof(),
            "invalid_credentials",
        )
        .await;
        let confirmed = self
            .ask("POST /password/confirm", &token, wrong_proof(), "200")
            .await;
        token = text(&confirmed, "token");
        let by_password = |mut proof: Value| {
            proof["method"] = json!("pwd");
            proof
        };
        let line = "POST /reauthenticate";
        self.ask(line, &token, by_password(proof()), "invalid_credentials")
            .await;
        self.ask(
            line,
            &token,
            json!({ "method": "pwd" }),
            "validation_failed",
        )
        .await;
        let proved = self
            .ask(line, &token, by_password(wrong_proof()), "200")
            .await;
        token = text(&proved, "token");

        let email = json!({ "email": "lee@example.org" });
        self.ask("POST /password/forgot", "", email, "202").await;
        let reset = |token: &str| json!({ "token": token, "new_password": PASSWORD, "confirm_password": PASSWORD });
        self.ask("POST /password/reset", "", reset(LINK), "invalid_link")
            .await;
        let link = self.link(MailKind::ResetPassword).await;
        let weak = json!({ "token": link, "new_password": "x", "confirm_password": "y" });
        self.ask("POST /password/reset", "", weak, "validation_failed")
            .await;
        self.ask("POST /password/reset", "", reset(&link), "200")
            .await;
        self.ask("GET /profile", &token, NONE, "invalid_token")
            .await;

        let login = json!({ "email": "lee@example.org", "password": PASSWORD });
        let other = self.ask("POST /login", "", login.clone(), "200").await;
        token = text(
            &self.ask("POST /login", "", login.clone(), "200").await,
            "token",
        );
        let sessions = self.ask("GET /sessions", &token, NONE, "200").await;
        let mut sessions = sessions["sessions"].as_array().unwrap().iter();
        let other_one = sessions
            .find(|session| session["current"] == false)
            .unwrap();
        let line = format!("DELETE /sessions/{}", text(other_one, "session_id"));
        self.ask(&line, &token, NONE, "204").await;
        self.ask(
            "POST /logout",
            &text(&other, "token"),
            NONE,
            "invalid_token",
        )
        .await;
        self.ask("DELETE /sessions", &token, NONE, "204").await;
        self.ask("POST /logout", &token, NONE, "200").await;
        token = text(&self.ask("POST /login", "", login, "200").await, "token");
        self.bed.auth.flush_events().await;
        let events = self
            .ask("GET /account/events?limit=1", &token, NONE, "200")
            .await;
        let next = format!("GET /account/events?before={}", text(&events, "next"));
        self.ask(&next, &token, NONE, "200").await;
        self.ask("GET /account/export", &token, NONE, "200").await;
        let foreign = get("/account/export")
            .header("Sec-Fetch-Site", "cross-site")
            .header("Cookie", format!("__Host-admittance_token={token}"));
        assert_eq!(self.send(foreign).await.code(), (403, "forbidden"));
        self.ask(
            "DELETE /account",
            &token,
            wrong_proof(),
            "invalid_credentials",
        )
        .await;
        self.ask("DELETE /account", &token, proof(), "204").await;

        self.register("dan@example.org").await;
        let link = json!({ "token": self.link(MailKind::VerifyEmail).await });
        self.ask("POST /email/disown", "", link, "200").await;
        self.ask("GET /.well-known/jwks.json", "", NONE, "200")
            .await;
        self.ask("GET /openapi.json", "", NONE, "200").await;
    }

    /// What an administrator does with an account.
    async fn office(&self) {
        let ada = self.with_role("ada@example.org", "admin").await;
        let id = text(
            &self.ask("GET /profile", &ada, NONE, "200").await,
            "user_id",
        );
        let own = format!("/admin/users/{id}");
        let zoe = self.register("zoe@example.org").await;
        let user = format!("/admin/users/{}", text(&zoe, "user_id"));
        let ask = async |line: String, body: Value, wanted: &str| {
            self.ask(&line, &ada, body, wanted).await
        };
        ask("GET /admin/users?limit=1".into(), NONE, "200").await;
        let email = json!({ "email": "zoe@example.org" });
        ask("POST /admin/users/find".into(), email, "200").await;
        let email = json!({ "email": "nobody@example.org" });
        ask("POST /admin/users/find".into(), email, "not_found").await;
        ask(format!("GET {user}"), NONE, "200").await;
        let grant = json!({ "grant": ["examiner"] });
        ask(format!("POST {user}/roles"), grant.clone(), "not_verified").await;
        let link = json!({ "token": self.link(MailKind::VerifyEmail).await, "password": PASSWORD });
        self.ask("POST /email/verify", "", link, "200").await;
        ask(format!("POST {user}/roles"), grant, "200").await;
        let grant = json!({ "grant": ["no such role"] });
        ask(format!("POST {user}/roles"), grant, "validation_failed").await;
        let revoke = json!({ "revoke": ["admin"] });
        ask(format!("POST {own}/roles"), revoke, "last_administrator").await;
        self.ask("DELETE /account", &ada, proof(), "last_administrator")
            .await;
        let disable = json!({ "status": "disabled" });
        ask(
            format!("PUT {own}/status"),
            disable.clone(),
            "last_administrator",
        )
        .await;
        let sessions = ask(format!("GET {user}/sessions"), NONE, "200").await;
        let one = text(&sessions["sessions"][0], "session_id");
        ask(format!("DELETE {user}/sessions/{one}"), NONE, "204").await;
        ask(format!("DELETE {user}/sessions"), NONE, "204").await;
        ask(format!("POST {user}/password-reset"), NONE, "202").await;
        ask(format!("PUT {user}/status"), disable, "200").await;
        ask(
            format!("POST {user}/password-reset"),
            NONE,
            "account_disabled",
        )
        .await;
        self.bed.auth.flush_events().await;
        ask(format!("GET {user}/events"), NONE, "200").await;
        let student = text(&self.register("pia@example.org").await, "token");
        for (method, path, _) in operations(self.document.value()) {
            if path.starts_with("/admin") {
                let line = format!("{method} {}", with_ids(&path));
                let body = self.example(&method, &path);
                self.ask(&line, &student, body.clone(), "forbidden").await;
                if path.contains("{id}") && !path.ends_with("/events") {
                    self.ask(&line, &ada, body, "not_found").await;
                }
                let line = line.replace(ID, "none");
                if path.contains('{') {
                    let body = self.example(&method, &path);
                    self.ask(&line, &ada, body, "not_found").await;
                }
            }
        }
        self.ask(&format!("DELETE /sessions/{ID}"), &ada, NONE, "not_found")
            .await;
    }

    /// What is wrong with a request whatever it asks for.
    async fn what_no_endpoint_takes(&self) {
        let token = self.with_role("abe@example.org", "admin").await;
        for (method, path, operation) in operations(self.document.value()) {
            let line = format!("{method} {}", with_ids(&path));
            let is_for_users = operation["security"]
                .as_array()
                .unwrap()
                .contains(&json!({ "bearer": [] }));
            let body = self.example(&method, &path);
            if is_for_users {
                self.ask(&line, "x", body.clone(), "invalid_token").await;
            }
            self.what_no_body_is(&method, &with_ids(&path), &token, !body.is_null())
                .await;
            let parameters = operation["parameters"].to_string();
            if parameters.contains("limit") {
                for (query, wanted) in [
                    ("limit=0", "validation_failed"),
                    ("limit=201", "validation_failed"),
                    ("limit=x", "malformed_request"),
                    ("unknown=1", "malformed_request"),
                ] {
                    self.ask(&format!("{line}?{query}"), &token, NONE, wanted)
                        .await;
                }
            }
            self.what_a_foreign_page_sends(&method, &with_ids(&path), operation)
                .await;
        }
        // A browser whose cookies are gone: it is not logged in any more.
        self.ask("POST /refresh", "", NONE, "invalid_token").await;
        // A body that breaks the rules, where it is not the whole that is wrong.
        let address = json!({ "email": "no address" });
        for line in ["POST /password/forgot", "POST /email/resend"] {
            self.ask(line, "", address.clone(), "validation_failed")
                .await;
        }
        self.ask(
            "POST /admin/users/find",
            &token,
            address,
            "validation_failed",
        )
        .await;
        for line in ["POST /register", "POST /login"] {
            self.ask(line, "", json!({}), "validation_failed").await;
        }
        let named = json!({ "name": "" });
        self.ask("PUT /profile", &token, named, "validation_failed")
            .await;
        for line in [
            "POST /password/change",
            "POST /password/confirm",
            "POST /email/change",
            "DELETE /account",
        ] {
            self.ask(line, &token, json!({}), "validation_failed").await;
        }
    }

    async fn what_no_body_is(&self, method: &Method, path: &str, token: &str, is_read: bool) {
        let large = format!("{{\"x\":\"{}\"}}", "x".repeat(70_000));
        for (kind, body, wanted) in [
            ("application/json", "{", 400),
            ("application/json", r#"{"unknown":1}"#, 400),
            ("text/plain", "{}", 415),
            ("application/json", &large, 413),
        ] {
            if !is_read && wanted != 413 {
                continue;
            }
            let request = Request::new(method.as_str(), path).bearer(token);
            let answer = self.send(request.text(kind, body)).await;
            assert_eq!(answer.status, wanted, "{method} {path} {answer}");
        }
    }

    async fn what_a_foreign_page_sends(&self, method: &Method, path: &str, operation: &Value) {
        let asks = operation["parameters"]
            .to_string()
            .contains("admittance-session");
        let ways = operation["security"].to_string();
        let mut sent = Vec::new();
        if asks {
            sent.push(("admittance-session", "cookie", "{}"));
        }
        if ways.contains("cookie") {
            sent.push(("cookie", "__Host-admittance_token=x", "{}"));
        }
        if ways.contains("refreshCookie") {
            sent.push(("cookie", "__Host-admittance_refresh=x", ""));
        }
        for (name, value, body) in sent {
            let request = Request::new(method.as_str(), path)
                .header(name, value)
                .header("Sec-Fetch-Site", "cross-site")
                .text("application/json", body);
            let wanted = if method.is_safe() { 401 } else { 403 };
            let answer = self.send(request).await;
            assert_eq!(answer.status, wanted, "{method} {path} {answer}");
        }
    }

    /// The first example of the body.
    fn example(&self, method: &Method, path: &str) -> Value {
        let operation = self.document.operation(method, path).unwrap();
        let content = &operation["requestBody"]["content"]["application/json"];
        let examples = content["examples"].as_object();
        let first = examples.and_then(|examples| examples.values().next());
        first.map_or(NONE, |example| example["value"].clone())
    }
}

fn with_ids(path: &str) -> String {
    path.replace("{id}", ID).replace("{session_id}", ID)
}

/// The status of each answer that is no problem, and the code of each that is.
fn documented(server: &Client) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for (_, _, operation) in operations(server.document.value()) {
        let name = text(operation, "operationId");
        for (status, response) in operation["responses"].as_object().unwrap() {
            let response = server.document.resolved(response);
            let schema = &response["content"]["application/problem+json"]["schema"]["allOf"][1];
            match schema["properties"]["code"]["enum"].as_array() {
                None => drop(found.insert((name.clone(), status.clone()))),
                Some(codes) => found.extend(
                    codes
                        .iter()
                        .map(|code| (name.clone(), code.as_str().unwrap().to_owned())),
                ),
            }
        }
    }
    found
}

async fn every_answer_is_documented_and_every_documented_one_is_answered(framework: Framework) {
    let server = Client::whole(framework, settings(), everything());
    server.life_of_an_account().await;
    server.office().await;
    server.what_no_endpoint_takes().await;
    let seen = server.seen.lock().unwrap().clone();
    let elsewhere = [
        // Failures within, which no request provokes.
        "internal",
        "overloaded",
        "unavailable",
        // In tests of their own.
        "request_timeout",
        "rate_limited",
    ];
    let missing: Vec<_> = documented(&server)
        .into_iter()
        .filter(|(_, code)| !elsewhere.contains(&code.as_str()))
        .filter(|one| !seen.contains(one))
        .collect();
    assert!(
        missing.is_empty(),
        "documented, and never answered: {missing:#?}"
    );
}

async fn a_body_that_does_not_come_is_a_documented_problem_of_each_endpoint(framework: Framework) {
    let mut http = everything();
    http.body_timeout = std::time::Duration::from_millis(1);
    let server = Client::whole(framework, settings(), http);
    for (method, path, _) in operations(server.document.value()) {
        let request = Request::new(method.as_str(), &with_ids(&path));
        let never = StreamBody::new(futures_util::stream::pending()).boxed();
        let answer = server.send_body(request, never).await;
        assert_eq!(answer.code(), (408, "request_timeout"), "{path}");
    }
}

async fn a_recent_password_is_documented_where_the_settings_demand_one(framework: Framework) {
    let age = std::time::Duration::from_secs(300);
    let mut settings = settings();
    settings.recent_login_for_administration = Some(age);
    let server = Client::whole(framework, settings, everything());
    let ada = server.with_role("ada@example.org", "admin").await;
    server.bed.clock.advance(2 * age);
    let demanding = documented(&server)
        .into_iter()
        .filter(|(_, code)| code == "recent_login_required");
    assert_eq!(demanding.count(), 2);
    for (method, path) in [(Method::PUT, "status"), (Method::POST, "roles")] {
        let body = server.example(&method, &format!("/admin/users/{ID}/{path}"));
        let line = format!("{method} /admin/users/{ID}/{path}");
        server.ask(&line, &ada, body, "recent_login_required").await;
    }
}
