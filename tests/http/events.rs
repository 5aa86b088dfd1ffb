//! `GET /account/events`.

use admittance::http::HttpConfig;
use serde_json::{Value, json};

use crate::client::{Client, text};
use crate::every_answer::names_of;
use crate::request::Request;
use crate::transport::{Framework, each_framework};
use support::bed::{PASSWORD, config};

each_framework!(
    asvs_16_3_1_the_own_events_are_listed_page_by_page,
    asvs_15_3_7_a_query_that_cannot_be_read_is_refused,
    without_a_token_or_a_log_there_are_no_events,
);

async fn log_in(client: &Client, password: &str) -> Value {
    let login = json!({"email": "ann@example.org", "password": password});
    client.post("/login", login).await.json
}

async fn asvs_16_3_1_the_own_events_are_listed_page_by_page(framework: Framework) {
    let client = Client::audited(framework, config(), HttpConfig::default());
    let ann = client.register("ann@example.org").await;
    let token = text(&ann, "token");
    log_in(&client, "not the right one").await;
    log_in(&client, PASSWORD).await;
    client.bed.auth.flush_events().await;

    let page = client.get("/account/events?limit=2", token).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(names_of(&page.json), ["events", "next"]);
    let events = page.json["events"].as_array().unwrap();
    assert_eq!(
        names_of(&events[1]),
        [
            "at",
            "by_other",
            "count",
            "event_id",
            "ip",
            "mail",
            "notice",
            "notices",
            "operation",
            "refused",
            "session_id",
            "user_agent"
        ]
    );
    assert_eq!(events[0]["operation"], "login");
    assert_eq!(events[0]["refused"], Value::Null);
    assert_eq!(events[1]["operation"], "login");
    assert_eq!(events[1]["refused"], "invalid_credentials");
    assert_eq!(events[1]["at"], "2026-01-01T00:00:00.000Z");
    assert_eq!(events[1]["ip"], "192.0.2.7");
    assert_eq!(page.json["next"], events[1]["event_id"]);
    let next = text(&page.json, "next");

    let path = format!("/account/events?before={next}&limit=2");
    let page = client.get(&path, token).await.json;
    assert_eq!(page["events"].as_array().unwrap().len(), 1);
    assert_eq!(page["events"][0]["operation"], "register");
    assert_eq!(page["next"], Value::Null);
    let all = client.get("/account/events", token).await.json;
    assert_eq!(all["events"].as_array().unwrap().len(), 3);
    // The export has them too.
    let export = client.get("/account/export", token).await.json;
    assert_eq!(export["events"], all["events"]);
}

async fn asvs_15_3_7_a_query_that_cannot_be_read_is_refused(framework: Framework) {
    let client = Client::audited(framework, config(), HttpConfig::default());
    let ann = client.register("ann@example.org").await;
    let token = text(&ann, "token");
    for query in [
        "limit=1&limit=2",
        "before=0123456789abcdef01234567&before=0123456789abcdef01234567",
        "limit=",
        "limit=-1",
        "limit=1e1",
        "limit=99999999999999999999",
        "before=",
        "before=0123456789ABCDEF01234567",
        "before[$lt]=0123456789abcdef01234567",
        "before=%7B%22%24gt%22%3A%22%22%7D",
        "user_id=0123456789abcdef01234567",
        "limit=1&",
    ] {
        let answer = client.get(&format!("/account/events?{query}"), token).await;
        let expected = match query {
            // Nothing stands after the last `&`.
            "limit=1&" => (200, ""),
            _ => (400, "malformed_request"),
        };
        assert_eq!(answer.code(), expected, "{query}");
    }
    for limit in ["0", "201"] {
        let path = format!("/account/events?limit={limit}");
        let answer = client.get(&path, token).await;
        assert_eq!(answer.code(), (422, "validation_failed"));
    }
}

async fn without_a_token_or_a_log_there_are_no_events(framework: Framework) {
    let client = Client::audited(framework, config(), HttpConfig::default());
    let answer = client.get("/account/events", "x").await;
    assert_eq!(answer.code(), (401, "invalid_token"));
    let client = Client::new(framework);
    let ann = client.register("ann@example.org").await;
    let token = text(&ann, "token");
    let answer = client.get("/account/events", token).await;
    assert_eq!(answer.code(), (404, "not_found"));
    let head = Request::new("HEAD", "/account/events").bearer(token);
    assert_eq!(client.send(head).await.status, 404);
    let export = client.get("/account/export", token).await.json;
    assert!(!names_of(&export).contains(&"events"));
}
