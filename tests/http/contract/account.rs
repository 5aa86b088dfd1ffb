//! `GET /account/events`, `GET /account/export`, `DELETE /account`.

use serde_json::{Value, json};

use super::client::{OTHER_PASSWORD, PASSWORD, USER_AGENT, credentials};
use super::reply::PROFILE;
use super::scene::Place;
use super::sessions::SESSION;
use crate::request::{Request, delete, get, post};

/// The members of an event as its owner sees it.
const EVENT: [&str; 12] = [
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
    "user_agent",
];

pub(crate) fn events(place: &Place<'_>) {
    let client = place.client();
    let ann = client.register("ann");
    // Events are written in the background, one after the other.
    let all = || get("/account/events").by(&ann.session);
    let are_kept =
        |count: usize| client.until(all, move |reply| reply.list("/events").len() == count);
    are_kept(2);
    client
        .send(post("/login", credentials(&ann.email, OTHER_PASSWORD)))
        .problem(401, "invalid_credentials");
    client.log_in(&ann.email, PASSWORD);
    are_kept(4);

    let shown = client.send(all());
    shown
        .status(200)
        .members("", &["events", "next"])
        .at("/next", &Value::Null)
        .count("/events", 4);
    for index in 0..4 {
        let at = |member: &str| format!("/events/{index}/{member}");
        shown
            .members(&format!("/events/{index}"), &EVENT)
            .form(&at("event_id"), "id")
            .form(&at("at"), "time")
            .at(&at("notice"), &Value::Null)
            .at(&at("notices"), &json!([]))
            .at(&at("by_other"), &json!(false));
    }
    for (index, refused) in [(0, Value::Null), (1, json!("invalid_credentials"))] {
        let at = |member: &str| format!("/events/{index}/{member}");
        shown
            .at(&at("operation"), &json!("login"))
            .at(&at("refused"), &refused)
            .at(&at("mail"), &Value::Null)
            .at(&at("ip"), &json!("127.0.0.1"))
            .at(&at("user_agent"), &json!(USER_AGENT));
    }
    shown
        .form("/events/0/session_id", "id")
        .at("/events/1/session_id", &Value::Null);
    // The registration and its mail, in either order.
    let operations = |reply: &super::reply::Reply<'_>| {
        let events = reply.list("/events");
        let of = |event: &Value| event.get("operation").cloned();
        let mut operations: Vec<_> = events
            .iter()
            .filter_map(of)
            .map(|text| text.to_string())
            .collect();
        operations.sort_unstable();
        operations
    };
    let first = ["\"register\"", "\"send_mail\""];
    shown.check(
        operations(&shown).ends_with(&first.map(str::to_owned)),
        || "the registration and its mail are there".to_owned(),
    );

    // Page by page; other queries are refused.
    let page = |query: &str| client.send(get(&format!("/account/events?{query}")).by(&ann.session));
    let first = page("limit=2");
    first.status(200).count("/events", 2);
    let next = first.text("/next");
    first.at("/events/1/event_id", &json!(next));
    page(&format!("before={next}&limit=2"))
        .count("/events", 2)
        .at("/next", &Value::Null);
    page(&format!("limit=2&before={next}")).count("/events", 2);
    page("limit=200").count("/events", 4);
    for limit in ["0", "201", "4294967295"] {
        page(&format!("limit={limit}")).violates(&[("limit", "out_of_range")]);
    }
    for query in [
        "limit=x",
        "limit=",
        "limit",
        "limit=-1",
        "limit=99999999999999999999",
        "limit=1&limit=2",
        "before=x",
        "before=0123456789ABCDEF01234567",
        "before[$ne]=x",
        "after=0123456789abcdef01234567",
        "user_id=0123456789abcdef01234567",
    ] {
        page(query).problem(400, "malformed_request");
    }
}

pub(crate) fn export(place: &Place<'_>) {
    let client = place.client();
    let ann = client.register("ann");
    let other = client.log_in(&ann.email, PASSWORD);
    let preferences = json!({"preferences": {"level": "B2"}});
    let profile = client.send(crate::request::put("/profile", preferences).by(&ann.session));
    let all = || get("/account/export").by(&ann.session);
    // An export makes an event, a list of events makes none.
    client.until(
        || get("/account/events").by(&ann.session),
        |reply| reply.list("/events").len() == 4,
    );
    let export = client.send(all());
    export
        .status(200)
        .members(
            "",
            &[
                "email_canonical",
                "events",
                "exported_at",
                "identities",
                "links",
                "metadata",
                "password_scheme",
                "profile",
                "remembered_devices",
                "sessions",
                "status",
            ],
        )
        .form("/exported_at", "time")
        .members("/profile", &PROFILE)
        .at("/profile", &profile.answer().json)
        .at("/email_canonical", &json!(ann.email))
        .at("/status", &json!("active"))
        .at("/password_scheme", &json!("argon2id"))
        .at("/remembered_devices", &json!(1))
        .at("/identities", &json!([]))
        .count("/sessions", 2)
        .members("/sessions/0", &SESSION)
        .count("/links", 1)
        .members(
            "/links/0",
            &["created_at", "email", "expires_at", "purpose"],
        )
        .at("/links/0/purpose", &json!("verify_email"))
        .at("/links/0/email", &json!(ann.email))
        .form("/links/0/created_at", "time")
        .form("/links/0/expires_at", "time")
        .count("/events", 4)
        .members("/events/0", &EVENT);
    // It contains no credential.
    let link = client.verification(&ann.email);
    let text = export.answer().to_string();
    for secret in ["$argon2", "eyJ", "adr_", "adv_", &link] {
        export.check(!text.contains(secret), || format!("{secret} is not in it"));
    }
    client.is_live(&other);
}

pub(crate) fn deletion(place: &Place<'_>) {
    ends_by(place, "ann", delete("/account"));
    ends_by(place, "bea", Request::new("POST", "/account/delete"));
}

/// The account of `name` is deleted by `way`.
fn ends_by(place: &Place<'_>, name: &str, way: Request) {
    let client = place.client();
    let ann = client.register_verified(name);
    let other = client.log_in(&ann.email, PASSWORD);
    let end = |body: Value| client.send(way.clone().json(&body).by(&ann.session));
    end(json!({})).violates(&[("current_password", "required")]);
    end(json!({"current_password": OTHER_PASSWORD})).refused("invalid_credentials", "Bearer");
    client
        .send(way.clone().by(&ann.session))
        .problem(415, "unsupported_media_type");
    client.is_live(&other);
    client
        .send(post("/password/forgot", json!({"email": ann.email})))
        .message(202);
    let mail = client.server.mail(&ann.email, "Set a new password");
    let link = mail.token("/password/reset");

    end(json!({"current_password": PASSWORD}))
        .no_content()
        .closes();
    client.server.mail(&ann.email, "Your account at");
    client.is_dead(&ann.session);
    client.is_dead(&other);
    end(json!({"current_password": PASSWORD})).problem(401, "invalid_token");
    client
        .send(post("/login", credentials(&ann.email, PASSWORD)))
        .refused("invalid_credentials", "Bearer");
    let reset =
        json!({"token": link, "new_password": OTHER_PASSWORD, "confirm_password": OTHER_PASSWORD});
    client
        .send(post("/password/reset", reset))
        .refused("invalid_link", "Bearer");
    // The address is free again, for another account.
    let again = client.register(name);
    let profile = client.send(get("/profile").by(&again.session));
    profile
        .at("/is_verified", &json!(false))
        .check(again.user_id != ann.user_id, || {
            "it is another account".to_owned()
        });
}
