//! Sessions: their list, their end, their next tokens, and what they open.

use serde_json::{Value, json};

use crate::client::PASSWORD;
use crate::request::{USER_AGENT, delete, get, post};
use crate::scene::Place;

/// The members of a session as it is shown.
pub(crate) const SESSION: [&str; 6] = [
    "created_at",
    "current",
    "ip",
    "last_seen_at",
    "session_id",
    "user_agent",
];

const NO_ID: &str = "0123456789abcdef01234567";

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
    // which is still good for one more.
    let again = client.send(first.refresh()).opens_a_session(200);
    let third = client.send(again.refresh()).opens_a_session(200);
    client.is_live(&third);
    // GHSA 26: what is older ends the session, whoever has the newest tokens.
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
    client
        .send(post("/refresh", json!({})))
        .refused("invalid_token", "Bearer error=\"invalid_token\"");
    client.is_live(&session);
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
        .members("", &["sessions"])
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
