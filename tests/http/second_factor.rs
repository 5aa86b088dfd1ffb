//! Logins that a second factor completes.

use admittance::http::{CookieConfig, HttpConfig, SESSION_HEADER};
use admittance::store::MemoryStore;
use serde_json::{Value, json};

use crate::client::{Client, text};
use crate::request::post;
use crate::transport::{Framework, each_framework};
use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config, mail_config};
use support::second_factor::{CODE, Cards};

each_framework!(
    asvs_6_3_3_a_login_answers_with_a_ticket_and_the_code_completes_it,
    a_session_is_proved_again_by_the_second_factor,
    a_session_older_than_the_second_factor_proves_it_first,
    a_sign_in_in_a_browser_ends_with_cookies,
    without_second_factors_there_is_no_such_route,
);

/// A server whose users have a second factor, with an account.
async fn server(framework: Framework, http: HttpConfig) -> Client {
    let cards = Cards::of(&["sms"]);
    let bed = Bed::built(MemoryStore::new(), config(), |builder, mailbox| {
        let builder = builder.mail(mailbox, mail_config());
        builder.second_factor(cards)
    });
    let client = Client::over(framework, bed, http);
    client.register("ann@example.org").await;
    client
}

fn credentials(password: &str) -> Value {
    json!({ "email": "ann@example.org", "password": password })
}

async fn asvs_6_3_3_a_login_answers_with_a_ticket_and_the_code_completes_it(framework: Framework) {
    let client = server(framework, HttpConfig::default()).await;
    let asked = client.post("/login", credentials(PASSWORD)).await;
    assert_eq!(asked.code(), (401, "second_factor_required"));
    assert_eq!(asked.header("www-authenticate"), "Bearer");
    assert_eq!(asked.json["methods"], json!(["sms"]));
    assert_eq!(asked.json["expires_in"], 600);
    let ticket = text(&asked.json, "ticket");
    let proof = |code: &str| json!({ "ticket": ticket, "method": "sms", "code": code });

    let wrong = client.post("/login/factor", proof("000000")).await;
    assert_eq!(wrong.code(), (401, "invalid_code"));
    let opened = client.post("/login/factor", proof(CODE)).await;
    assert_eq!(opened.status, 200);
    let token = text(&opened.json, "token");
    assert_eq!(client.get("/profile", token).await.status, 200);
    let again = client.post("/login/factor", proof(CODE)).await;
    assert_eq!(again.code(), (401, "invalid_flow"));

    // The answer to a wrong password reveals nothing of it.
    let wrong = client.post("/login", credentials(OTHER_PASSWORD)).await;
    assert_eq!(wrong.code(), (401, "invalid_credentials"));
    assert_eq!(wrong.json.get("ticket"), None);
    assert_eq!(wrong.json.get("methods"), None);
}

async fn a_session_is_proved_again_by_the_second_factor(framework: Framework) {
    let client = server(framework, HttpConfig::default()).await;
    let asked = client.post("/login", credentials(PASSWORD)).await;
    let proof = json!({ "ticket": asked.json["ticket"], "method": "sms", "code": CODE });
    let opened = client.post("/login/factor", proof).await;
    let token = text(&opened.json, "token");
    for (proof, wanted) in [
        (json!({ "method": "sms", "code": "000000" }), "invalid_code"),
        (json!({ "method": "sms" }), "validation_failed"),
        (
            json!({ "method": "card", "code": CODE }),
            "validation_failed",
        ),
        (
            json!({ "method": "otp", "code": CODE }),
            "malformed_request",
        ),
        (json!({ "method": "sms", "code": CODE }), "200"),
    ] {
        client
            .ask("POST /reauthenticate", token, proof, wanted)
            .await;
    }
}

async fn a_session_older_than_the_second_factor_proves_it_first(framework: Framework) {
    let cards = Cards::default();
    let bed = Bed::built(MemoryStore::new(), config(), |builder, mailbox| {
        let builder = builder.mail(mailbox, mail_config());
        builder.second_factor(cards.clone())
    });
    let client = Client::over(framework, bed, HttpConfig::default());
    let registered = client.register("ann@example.org").await;
    let token = text(&registered, "token");
    cards.set(&["sms"]);
    let change = json!({ "current_password": PASSWORD, "new_password": OTHER_PASSWORD,
        "confirm_password": OTHER_PASSWORD });
    let again = json!({ "current_password": PASSWORD });
    for (line, body) in [
        ("POST /password/change", change),
        ("POST /password/confirm", again),
    ] {
        let wanted = "recent_login_required";
        let refused = client.ask(line, token, body, wanted).await;
        assert_eq!(refused["methods"], json!(["sms"]), "{line}");
    }
    let proof = json!({ "method": "sms", "code": CODE });
    client
        .ask("POST /reauthenticate", token, proof, "200")
        .await;
}

async fn a_sign_in_in_a_browser_ends_with_cookies(framework: Framework) {
    let mut http = HttpConfig::default();
    http.cookies = Some(CookieConfig::default());
    let client = server(framework, http).await;
    let ask = async |path: &str, body: Value| {
        let request = post(path, body)
            .header(SESSION_HEADER.as_str(), "cookie")
            .header("Sec-Fetch-Site", "same-origin");
        client.send(request).await
    };
    let asked = ask("/login", credentials(PASSWORD)).await;
    assert_eq!(asked.code(), (401, "second_factor_required"));
    assert_eq!(asked.header("set-cookie"), "");
    let proof = json!({ "ticket": asked.json["ticket"], "method": "sms", "code": CODE });
    let opened = ask("/login/factor", proof).await;
    assert_eq!(opened.status, 200);
    assert!(opened.header("set-cookie").contains("admittance_"));
    assert!(opened.json.get("token").is_none());
}

async fn without_second_factors_there_is_no_such_route(framework: Framework) {
    let client = Client::new(framework);
    let answer = client.post("/login/factor", json!({})).await;
    assert_eq!(answer.status, 404);
    let document = client.api.openapi();
    assert!(document["paths"].get("/login/factor").is_none());
}
