//! `GET /profile`, `PUT /profile`, `PATCH /profile`.

use serde_json::{Value, json};

use super::reply::PROFILE;
use super::scene::Place;
use crate::request::{Request, get, put};

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
        json!({"preferences": []}),
        json!({"preferences": "x"}),
        json!({"name": ["x"]}),
    ] {
        change(body).problem(400, "malformed_request");
    }
    // `null` is as if it were absent.
    change(json!({"name": null, "preferences": null})).same_as(&last);
    show().same_as(&last);

    let patch = |body: Value| {
        let request = Request::new("PATCH", "/profile").json(&body);
        client.send(request.by(&ann.session))
    };
    patch(json!({"preferences": {"theme": null, "level": "B2", "deep": {"a": null, "b": 1}}}))
        .status(200)
        .members("", &PROFILE)
        .at("/preferences", &json!({"level": "B2", "deep": {"b": 1}}))
        .at("/name", &json!("Ann"));
    patch(json!({"name": null})).violates(&[("name", "required")]);
    patch(json!({"preferences": {"a.b": 1}})).violates(&[("preferences", "invalid_characters")]);
    patch(json!({"email": "x"})).problem(400, "malformed_request");

    // ETag and If-Match (RFC 9110, §13.1.1).
    let tag = show().answer().header("etag");
    for request in [
        put("/profile", json!({"name": "Eve"})),
        Request::new("PATCH", "/profile").json(&json!({"name": "Eve"})),
    ] {
        let of = |tag: &str| request.clone().header("If-Match", tag).by(&ann.session);
        client
            .send(of("\"AAAAAAAAAAAAAAAAAAAAAA\""))
            .problem(412, "precondition_failed");
        client
            .send(of(&format!("W/{tag}")))
            .problem(412, "precondition_failed");
        client.send(of("x")).problem(400, "malformed_request");
    }
    show().header("etag", &tag).at("/name", &json!("Ann"));
    let renamed = put("/profile", json!({"name": "Ann"})).header("If-Match", &tag);
    client
        .send(renamed.by(&ann.session))
        .status(200)
        .header("etag", &tag);
}
