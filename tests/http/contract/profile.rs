//! `GET /profile`, `PUT /profile`.

use serde_json::{Value, json};

use super::reply::PROFILE;
use super::scene::Place;
use crate::request::{get, put};

pub(crate) fn profile(place: &Place<'_>) {
    let client = place.client();
    let ann = client.register("ann");
    let show = || client.send(get("/profile").by(&ann.session));
    let change = |body: Value| client.send(put("/profile", body).by(&ann.session));

    let profile = show();
    profile
        .status(200)
        .members("", &PROFILE)
        .at("/user_id", &json!(ann.user_id))
        .at("/email", &json!(ann.email))
        .at("/name", &json!("ann"))
        .at("/is_verified", &json!(false))
        .at("/roles", &json!(["student"]))
        .at("/preferences", &json!({}))
        .at("/missing", &json!(["email_verification"]))
        .form("/user_id", "id")
        .form("/created_at", "time")
        .form("/last_login", "time");

    // An empty change changes nothing.
    change(json!({})).status(200).same_as(&profile);
    change(json!({"name": " Ann  Lee ", "preferences": {"level": "B2", "deep": {"a": [1, null]}}}))
        .status(200)
        .members("", &PROFILE)
        .at("/name", &json!("Ann  Lee"));
    let changed = show();
    changed
        .at("/name", &json!("Ann  Lee"))
        .at(
            "/preferences",
            &json!({"level": "B2", "deep": {"a": [1, null]}}),
        )
        .at("/email", &json!(ann.email));
    // Each alone; new preferences replace all old ones.
    change(json!({"preferences": {"theme": "dark"}}))
        .at("/preferences", &json!({"theme": "dark"}))
        .at("/name", &json!("Ann  Lee"));
    let last = change(json!({"name": "Ann"}));
    last.at("/preferences", &json!({"theme": "dark"}))
        .at("/name", &json!("Ann"));

    change(json!({"name": ""})).violates(&[("name", "required")]);
    change(json!({"name": "A".repeat(101)})).violates(&[("name", "too_long")]);
    change(json!({"name": "A\nB"})).violates(&[("name", "invalid_characters")]);
    for key in ["$set", "a.b", ""] {
        let mut preferences = json!({});
        preferences
            .as_object_mut()
            .unwrap()
            .insert(key.to_owned(), json!(1));
        change(json!({ "preferences": preferences }))
            .violates(&[("preferences", "invalid_characters")]);
    }
    change(json!({"preferences": {"long": "x".repeat(17_000)}}))
        .violates(&[("preferences", "too_long")]);
    change(json!({"name": "", "preferences": {"$": 1}}))
        .violates(&[("name", "required"), ("preferences", "invalid_characters")]);

    // ASVS 8.2.3: no other member may be written.
    for field in [
        "email",
        "roles",
        "is_verified",
        "status",
        "user_id",
        "created_at",
        "missing",
    ] {
        let mut body = json!({"name": "Eve"});
        body.as_object_mut()
            .unwrap()
            .insert(field.to_owned(), json!("x"));
        change(body).problem(400, "malformed_request");
    }
    for body in [
        json!({"name": null}),
        json!({"preferences": null}),
        json!({"preferences": []}),
        json!({"preferences": "x"}),
        json!({"name": ["x"]}),
    ] {
        change(body).problem(400, "malformed_request");
    }
    show().same_as(&last);
}
