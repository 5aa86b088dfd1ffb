//! `POST /register`, where it opens a session.

use serde_json::json;

use super::client::{PASSWORD, credentials, registration as body};
use super::scene::Place;
use crate::request::{get, post};

pub(crate) fn registration(place: &Place<'_>) {
    let client = place.client();
    let open = |body| client.send(place.desk.mode.opening(post("/register", body)));

    // The name is trimmed, the address stays as it is written.
    let email = client.email("Ann");
    let reply = open(body(&email, "  Ann Lee "));
    let session = reply.opens_a_session(201);
    reply
        .at("/email", &json!(email))
        .at("/name", &json!("Ann Lee"))
        .at("/is_verified", &json!(false))
        .at("/message", &json!("Your account has been created."));
    client
        .send(get("/profile").by(&session))
        .status(200)
        .at("/user_id", &json!(reply.text("/user_id")));

    // In another case it is the same address.
    for taken in [&email, &email.to_uppercase(), &email.to_lowercase()] {
        open(body(taken, "Eve"))
            .problem(409, "email_taken")
            .header("set-cookie", "");
    }
    client
        .send(get("/profile").by(&session))
        .at("/name", &json!("Ann Lee"));

    // One answer names everything that is wrong.
    open(json!({"email": "ann", "password": "12345", "confirm_password": "1234", "name": ""}))
        .violates(&[
            ("email", "invalid_format"),
            ("password", "too_short"),
            ("password", "too_weak"),
            ("confirm_password", "mismatch"),
            ("name", "required"),
        ]);
    open(json!({})).violates(&[
        ("email", "required"),
        ("password", "required"),
        ("confirm_password", "required"),
        ("name", "required"),
    ]);
    for (field, value, code) in [
        ("email", "ann@".to_owned(), "invalid_format"),
        (
            "email",
            format!("{}@example.org", "a".repeat(300)),
            "too_long",
        ),
        ("email", "ann@exa mple.org".to_owned(), "invalid_format"),
        (
            "email",
            "a@example.org\r\nBcc: b@example.org".to_owned(),
            "invalid_format",
        ),
        ("name", "A".repeat(101), "too_long"),
        ("name", "A\u{202e}nn".to_owned(), "invalid_characters"),
    ] {
        let mut wrong = body(&client.email("bob"), "Bob");
        *wrong.get_mut(field).unwrap() = json!(value);
        open(wrong).violates(&[(field, code)]);
    }
    for (password, code) in [
        ("password1".to_owned(), "too_weak"),
        ("0r968ji9ufj6".to_owned(), "too_common"),
        ("aaaaaaaaaaaaaaaa".to_owned(), "too_weak"),
        ("x".repeat(129), "too_long"),
    ] {
        let wrong = json!({
            "email": client.email("bob"), "name": "Bob",
            "password": password, "confirm_password": password,
        });
        open(wrong).violates(&[("password", code)]);
    }
    // None of them made an account.
    client
        .send(post("/login", credentials(&client.email("bob"), PASSWORD)))
        .refused("invalid_credentials", "Bearer");

    // Members that only the library writes are refused.
    for field in [
        "roles",
        "is_verified",
        "user_id",
        "_id",
        "auth_epoch",
        "status",
        "token",
    ] {
        let mut more = body(&client.email("bob"), "Bob");
        more.as_object_mut()
            .unwrap()
            .insert(field.to_owned(), json!(["admin"]));
        open(more).problem(400, "malformed_request");
    }
}
