//! Sessions: their list, their end, their next tokens, and what they open.

use serde_json::{Value, json};

use super::client::{Client, PASSWORD, USER_AGENT};
use super::documented::NO_ID;
use super::reply::Reply;
use super::scene::Place;
use super::session::Session;
use crate::request::{delete, get, post};

/// The members of a session as it is shown.
pub(crate) const SESSION: [&str; 6] = [
    "created_at",
    "current",
    "ip",
    "last_seen_at",
    "session_id",
    "user_agent",
];

pub(crate) fn refresh(place: &Place<'_>) {
    let client = place.client();
    let ann = client.register("ann");
    let first = ann.session.clone();

    let reply = client.send(first.refresh());
    let second = reply.opens_a_session(200);
    reply
        .at("/user_id", &json!(ann.user_id))
        .at("/message", &json!("Your session goes on."));
    client.is_live(&second);
    // A lost answer: asked again within the grace, it is the same successor,
    // which can still be used once.
    let again = client.send(first.refresh()).opens_a_session(200);
    let third = client.send(again.refresh()).opens_a_session(200);
    client.is_live(&third);
    // GHSA 26: an older token ends the session, so the newest tokens die too.
    client
        .send(first.refresh())
        .refused("invalid_token", "Bearer error=\"invalid_token\"");
    client.is_dead(&third);
    client.is_dead(&second);

    let session = client.log_in(&ann.email, PASSWORD);
    client.is_live(&session);
    for none in ["", "x", "adr_", "adr_AAAA", "null"] {
        client
            .send(post("/refresh", json!({ "refresh_token": none })))
            .refused("invalid_token", "Bearer error=\"invalid_token\"");
    }
    for absent in [json!({}), json!({ "refresh_token": null })] {
        client
            .send(post("/refresh", absent))
            .refused("invalid_token", "Bearer");
    }
    client.is_live(&session);
}

/// The list at `path`, as `session` sees it, has each of `count` sessions on one
/// page, the last opened first, and takes no other query.
pub(crate) fn pages(client: &Client<'_>, session: &Session, path: &str, count: usize) {
    let page = |query: &str| client.send(get(&format!("{path}?{query}")).by(session));
    let ids = |reply: &Reply<'_>| -> Vec<String> {
        let listed = reply.list("/sessions");
        let ids = listed.iter().map(|one| one["session_id"].as_str());
        ids.map(|id| id.unwrap().to_owned()).collect()
    };
    let whole = page("");
    let all = ids(&whole);
    whole.check(all.len() == count && all.is_sorted_by(|a, b| a > b), || {
        format!("{count} sessions are listed by id, the greatest first")
    });
    page("limit=200").same_as(&whole);
    let (mut seen, mut query) = (Vec::new(), "limit=1".to_owned());
    for index in 0..count {
        let reply = page(&query);
        let next = all.get(index).filter(|_| index + 1 < count);
        reply
            .status(200)
            .members("", &["next", "sessions"])
            .count("/sessions", 1)
            .members("/sessions/0", &SESSION)
            .at("/next", &json!(next));
        seen.extend(ids(&reply));
        query = format!("after={}&limit=1", seen.last().unwrap());
    }
    whole.check(seen == all, || {
        format!("the pages have each once: {seen:?}")
    });
    // The cursor need not be that of a session that is there.
    page(&format!("after={}", "f".repeat(24))).same_as(&whole);
    page(&query)
        .status(200)
        .at("/sessions", &json!([]))
        .at("/next", &Value::Null);
    for limit in ["0", "201"] {
        page(&format!("limit={limit}")).violates(&[("limit", "out_of_range")]);
    }
    for query in [
        "limit=x",
        "limit=1&limit=2",
        "after=1",
        "before=0123456789abcdef01234567",
        "skip=1",
        "limit[$gt]=1",
        "after=0123456789abcdef01234567&after=0123456789abcdef01234567",
    ] {
        page(query).problem(400, "malformed_request");
    }
}

pub(crate) fn sessions(place: &Place<'_>) {
    let client = place.client();
    let ann = client.register("ann");
    let second = client.log_in(&ann.email, PASSWORD);
    let third = client.log_in(&ann.email, PASSWORD);
    let bob = client.register("bob");

    let list = || client.send(get("/sessions").by(&second));
    let reply = list();
    reply
        .status(200)
        .members("", &["next", "sessions"])
        .at("/next", &Value::Null)
        .count("/sessions", 3);
    for index in 0..3 {
        reply
            .members(&format!("/sessions/{index}"), &SESSION)
            .form(&format!("/sessions/{index}/session_id"), "id")
            .form(&format!("/sessions/{index}/created_at"), "time")
            .form(&format!("/sessions/{index}/last_seen_at"), "time")
            .at(&format!("/sessions/{index}/ip"), &json!("127.0.0.1"))
            .at(&format!("/sessions/{index}/user_agent"), &json!(USER_AGENT));
    }
    let is_current = |session: &&Value| session.get("current") == Some(&json!(true));
    let shown = reply.list("/sessions");
    reply.check(shown.iter().filter(is_current).count() == 1, || {
        "one session is the current one".to_owned()
    });
    let id = |session: &Value| {
        session
            .get("session_id")
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned()
    };
    let mine = shown.iter().find(is_current).map(id).unwrap();

    pages(&client, &second, "/sessions", 3);

    // Another one, and then it is gone. Of somebody else it was never there.
    let of_third = client.send(get("/sessions").by(&third)).list("/sessions");
    let of_third = of_third.iter().find(is_current).map(id).unwrap();
    let end = |id: &str| delete(&format!("/sessions/{id}"));
    let foreign = client.send(end(&of_third).by(&bob.session));
    foreign.problem(404, "not_found");
    client.send(end(NO_ID).by(&bob.session)).same_as(&foreign);
    for none in ["x", "%00", &of_third.to_uppercase()] {
        client.send(end(none).by(&second)).same_as(&foreign);
    }
    client.is_live(&third);
    client.send(end(&of_third).by(&second)).no_content();
    client.send(end(&of_third).by(&second)).same_as(&foreign);
    client.is_dead(&third);

    // All but this one.
    client.send(delete("/sessions").by(&second)).no_content();
    client.is_dead(&ann.session);
    list()
        .count("/sessions", 1)
        .at("/sessions/0/session_id", &json!(mine))
        .at("/sessions/0/current", &json!(true));
    client.is_live(&bob.session);
    // And this one.
    client.send(end(&mine).by(&second)).no_content().closes();
    client.is_dead(&second);
}

/// The routes of the example's own, behind the extractors of the framework.
pub(crate) fn own_routes(place: &Place<'_>) {
    let client = place.client();
    let ann = client.register("ann");
    client
        .send_plain(get("/hello").by(&ann.session))
        .status(200)
        .header("content-type", "application/json")
        .at("", &json!({"hello": "ann"}));
    client
        .send_plain(get("/exams").by(&ann.session))
        .status(200)
        .at("", &json!({"student": "ann", "exams": []}));
    for path in ["/hello", "/exams"] {
        client.send(get(path)).refused("invalid_token", "Bearer");
        client
            .send(get(path).bearer("x"))
            .refused("invalid_token", "Bearer error=\"invalid_token\"");
    }
    // ASVS 8.3.2: a role that was taken away is gone at the next request.
    let admin = place.administrator(&client);
    let roles = format!("/admin/users/{}/roles", ann.user_id);
    client
        .send(post(&roles, json!({"revoke": ["student"]})).by(&admin))
        .status(200);
    client
        .send(get("/exams").by(&ann.session))
        .problem(403, "forbidden");
    client
        .send_plain(get("/hello").by(&ann.session))
        .status(200);
}
