//! `POST /login`, `POST /logout`.

use serde_json::json;

use super::client::{OTHER_PASSWORD, PASSWORD, credentials};
use super::scene::Place;
use crate::request::{Request, get, post};

pub(crate) fn login(place: &Place<'_>) {
    let client = place.client();
    let ann = client.register("ann");
    let open = |body| client.send(place.desk.mode.opening(post("/login", body)));

    let reply = open(credentials(&ann.email.to_uppercase(), PASSWORD));
    let session = reply.opens_a_session(200);
    reply
        .at("/user_id", &json!(ann.user_id))
        .at("/email", &json!(ann.email))
        .at("/message", &json!("You are logged in."));
    client.is_live(&session);

    // Wrong and unknown are the same to the letter.
    let wrong = open(credentials(&ann.email, OTHER_PASSWORD));
    wrong
        .refused("invalid_credentials", "Bearer")
        .header("set-cookie", "");
    open(credentials(&client.email("nobody"), PASSWORD)).same_as(&wrong);
    // A password is taken as it is: not trimmed, not in another case.
    for password in [format!(" {PASSWORD}"), PASSWORD.to_uppercase()] {
        open(credentials(&ann.email, &password)).same_as(&wrong);
    }

    open(json!({})).violates(&[("email", "required"), ("password", "required")]);
    open(credentials("ann", "")).violates(&[("email", "invalid_format"), ("password", "required")]);
    open(credentials(&ann.email, &"x".repeat(2000))).violates(&[("password", "too_long")]);
    // A pattern is an address that nobody has, or none at all.
    open(credentials("%@example.org", PASSWORD)).same_as(&wrong);
    open(credentials(".*@example.org", PASSWORD)).violates(&[("email", "invalid_format")]);

    for remember in [true, false] {
        let mut body = credentials(&ann.email, PASSWORD);
        body.as_object_mut()
            .unwrap()
            .insert("remember".to_owned(), json!(remember));
        let reply = open(body);
        client.is_live(&match remember {
            true => reply.opens_a_session(200),
            false => reply.opens_a_short_session(200),
        });
    }
    for remember in [json!("yes"), json!(0)] {
        let mut body = credentials(&ann.email, PASSWORD);
        body.as_object_mut()
            .unwrap()
            .insert("remember".to_owned(), remember);
        open(body).problem(400, "malformed_request");
    }

    // ASVS 7.4.1: logout ends the session, with all tokens of it, and no other.
    let logout = || Request::new("POST", "/logout").by(&session);
    client
        .send(logout())
        .message(200)
        .at("/message", &json!("You are logged out."))
        .closes();
    client.send(logout()).problem(401, "invalid_token").closes();
    client.is_dead(&session);
    client.is_live(&ann.session);
    client
        .send(get("/hello").by(&session))
        .problem(401, "invalid_token");
}
