//! Passwords: changed, given again, forgotten and set anew.

use serde_json::{Value, json};

use super::client::{OTHER_PASSWORD, PASSWORD, credentials};
use super::scene::Place;
use crate::request::{get, post};

pub(crate) fn change_and_confirm(place: &Place<'_>) {
    let client = place.client();
    let ann = client.register("ann");
    let other = client.log_in(&ann.email, PASSWORD);
    let change = |current: &str, new: &str, confirm: &str| {
        let body =
            json!({"current_password": current, "new_password": new, "confirm_password": confirm});
        post("/password/change", body).by(&ann.session)
    };
    client.send(change("", "", "")).violates(&[
        ("current_password", "required"),
        ("new_password", "required"),
        ("confirm_password", "required"),
    ]);
    client
        .send(change(PASSWORD, "0r968ji9ufj6", "0r968ji9ufj7"))
        .violates(&[
            ("new_password", "too_common"),
            ("confirm_password", "mismatch"),
        ]);
    client
        .send(change(PASSWORD, PASSWORD, PASSWORD))
        .violates(&[("new_password", "unchanged")]);
    client
        .send(change(
            OTHER_PASSWORD,
            "violet-Tundra-58-cello",
            "violet-Tundra-58-cello",
        ))
        .refused("invalid_credentials", "Bearer");
    client.is_live(&other);

    // ASVS 7.4.3: a new password ends all sessions but the one that it opens.
    let reply = client.send(change(PASSWORD, OTHER_PASSWORD, OTHER_PASSWORD));
    let session = reply.opens_a_session(200);
    reply.at("/message", &json!("Your password has been changed."));
    client.is_live(&session);
    client.is_dead(&ann.session);
    client.is_dead(&other);
    client.server.mail(&ann.email, "Your password for");
    client
        .send(post("/login", credentials(&ann.email, PASSWORD)))
        .refused("invalid_credentials", "Bearer");

    // Confirming the password replaces the session.
    let another = client.log_in(&ann.email, OTHER_PASSWORD);
    let confirm = |body: Value| client.send(post("/password/confirm", body).by(&session));
    confirm(json!({})).violates(&[("current_password", "required")]);
    confirm(json!({"current_password": PASSWORD})).refused("invalid_credentials", "Bearer");
    let reply = confirm(json!({"current_password": OTHER_PASSWORD}));
    let confirmed = reply.opens_a_session(200);
    reply.at("/message", &json!("Your identity is confirmed."));
    client.is_live(&confirmed);
    client.is_live(&another);
    client.is_dead(&session);

    // The same by its method.
    let prove = |body: Value| client.send(post("/reauthenticate", body).by(&confirmed));
    prove(json!({"method": "pwd"})).violates(&[("current_password", "required")]);
    prove(json!({"method": "x", "current_password": PASSWORD})).violates(&[("method", "unknown")]);
    prove(json!({"method": "X", "current_password": PASSWORD})).problem(400, "malformed_request");
    prove(json!({"method": "pwd", "current_password": PASSWORD}))
        .refused("invalid_credentials", "Bearer");
    let proved = prove(json!({"method": "pwd", "current_password": OTHER_PASSWORD}));
    client.is_live(&proved.opens_a_session(200));
    client.is_dead(&confirmed);
}

/// `POST /password/strength`: the strength of a password while it is typed.
pub(crate) fn strength(place: &Place<'_>) {
    let client = place.client();
    let ask = |password: &str, more: Value| {
        let mut body = json!({ "password": password });
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let reply = client.send(post("/password/strength", body));
        reply
            .status(200)
            .members(
                "",
                &["acceptable", "errors", "score", "suggestions", "warning"],
            )
            .form("/score", "number")
            .form("/errors", "list")
            .form("/suggestions", "list");
        reply
    };
    ask(PASSWORD, json!({}))
        .at("/score", &json!(4))
        .at("/acceptable", &json!(true))
        .at("/errors", &json!([]))
        .at("/warning", &Value::Null)
        .at("/suggestions", &json!([]));
    for (password, code) in [
        ("", "required"),
        ("password1", "too_weak"),
        ("0r968ji9ufj6", "too_common"),
        ("aaaaaaaaaaaaaaaa", "too_weak"),
        (&"x".repeat(129), "too_long"),
    ] {
        let reply = ask(password, json!({}));
        reply
            .at("/acceptable", &json!(false))
            .count("/errors", 1)
            .members("/errors/0", &["code", "field", "message"])
            .at("/errors/0/field", &json!("password"))
            .at("/errors/0/code", &json!(code));
    }
    // What is known of the person counts against it.
    ask("lena-vogelsang", json!({"name": "Lena Vogelsang"})).at("/acceptable", &json!(false));
}

pub(crate) fn reset(place: &Place<'_>) {
    let client = place.client();
    let ann = client.register("ann");
    let forgot = |email: &str| client.send(post("/password/forgot", json!({ "email": email })));
    let reset = |token: &str, new: &str| {
        let body = json!({"token": token, "new_password": new, "confirm_password": new});
        client.send(post("/password/reset", body))
    };
    let link = || {
        let mail = client.server.mail(&ann.email, "Set a new password");
        mail.token("/password/reset")
    };

    // ASVS 6.3.8: the same for everybody, but only one gets a mail.
    let nobody = client.email("nobody");
    let unknown = forgot(&nobody);
    unknown.message(202);
    forgot(&ann.email.to_uppercase()).same_as(&unknown);
    let first = link();
    forgot(&ann.email).same_as(&unknown);
    let second = link();
    unknown.check(client.server.mails_left(&nobody).is_empty(), || {
        "nobody gets no mail".to_owned()
    });
    forgot("ann").violates(&[("email", "invalid_format")]);
    forgot("").violates(&[("email", "required")]);
    forgot(&format!("{}, eve@example.net", ann.email)).violates(&[("email", "invalid_format")]);

    reset("", OTHER_PASSWORD).violates(&[("token", "required")]);
    for none in [
        "x",
        "null",
        "adp_",
        &first.to_uppercase(),
        &format!("{first}A"),
    ] {
        reset(none, OTHER_PASSWORD)
            .refused("invalid_link", "Bearer")
            .at(
                "/detail",
                &json!("This link is no longer valid. Request a new one."),
            );
    }
    // A link for another purpose does not work (GHSA 15).
    let verify = client.verification(&ann.email);
    reset(&verify, OTHER_PASSWORD).refused("invalid_link", "Bearer");
    // Nor is it used up by a password that is refused.
    reset(&first, "password").violates(&[("new_password", "too_weak")]);
    let differ =
        json!({"token": first, "new_password": OTHER_PASSWORD, "confirm_password": PASSWORD});
    client
        .send(post("/password/reset", differ))
        .violates(&[("confirm_password", "mismatch")]);
    client.is_live(&ann.session);

    reset(&first, OTHER_PASSWORD).message(200).at(
        "/message",
        &json!("Your password has been changed. Log in with the new one."),
    );
    // ASVS 6.5.1 and GHSA 24: older links and sessions are dead.
    reset(&first, OTHER_PASSWORD).refused("invalid_link", "Bearer");
    reset(&second, OTHER_PASSWORD).refused("invalid_link", "Bearer");
    client.is_dead(&ann.session);
    for path in ["/sessions", "/account/export", "/account/events"] {
        client
            .send(get(path).by(&ann.session))
            .problem(401, "invalid_token");
    }
    client.server.mail(&ann.email, "Your password for");
    client
        .send(post("/login", credentials(&ann.email, PASSWORD)))
        .refused("invalid_credentials", "Bearer");
    client.is_live(&client.log_in(&ann.email, OTHER_PASSWORD));
}
