//! The server whose accounts begin with a mail, and which has less of
//! everything else: no administrators, no log of events.

use serde_json::{Value, json};

use super::client::{OTHER_PASSWORD, PASSWORD, credentials, registration};
use super::scene::Place;
use crate::request::{Request, get, post};

pub(crate) fn verify_first(place: &Place<'_>) {
    let client = place.verify_first();
    let register = |body: Value| client.send(place.desk.mode.opening(post("/register", body)));
    let verify = |body: Value| client.send(place.desk.mode.opening(post("/email/verify", body)));
    let log_in = |email: &str| client.send(post("/login", credentials(email, PASSWORD)));
    let ann = client.email("ann");

    let accepted = register(registration(&ann, "ann"));
    accepted.message(202);
    let mail = client.server.mail(&ann, "Complete your registration");
    let first = mail.token("https://exam.example/email/verify");
    // There is no account yet.
    log_in(&ann).refused("invalid_credentials", "Bearer");
    // So anybody can ask for one too, with a password of their own.
    let mut other = registration(&ann, "Eve");
    *other.get_mut("password").unwrap() = json!(OTHER_PASSWORD);
    *other.get_mut("confirm_password").unwrap() = json!(OTHER_PASSWORD);
    register(other).same_as(&accepted);
    let mail = client.server.mail(&ann, "Complete your registration");
    let second = mail.token("https://exam.example/email/verify");

    let alone = verify(json!({ "token": first }));
    alone.refused("proof_required", "Bearer");
    verify(json!({"token": first, "password": OTHER_PASSWORD})).same_as(&alone);
    verify(json!({"token": second, "password": PASSWORD})).same_as(&alone);
    let reply = verify(json!({"token": first, "password": PASSWORD}));
    let session = reply.opens_a_session(200);
    reply
        .at("/email", &json!(ann))
        .at("/name", &json!("ann"))
        .at("/is_verified", &json!(true))
        .at(
            "/message",
            &json!("Your address is confirmed. You are logged in."),
        );
    client.is_live(&session);
    // Of the two, the other one is no account and never will be.
    for (link, password) in [(&first, PASSWORD), (&second, OTHER_PASSWORD)] {
        verify(json!({"token": link, "password": password})).refused("invalid_link", "Bearer");
    }
    log_in(&ann).status(200);

    // ASVS 6.3.8: a taken address is answered as a new one; its owner is told.
    register(registration(&ann.to_uppercase(), "Eve")).same_as(&accepted);
    let mail = client.server.mail(&ann, "You already have an account");
    accepted.check(!mail.text.contains("#token="), || {
        "the mail has no link that does anything".to_owned()
    });
    register(json!({"email": "x"})).violates(&[
        ("email", "invalid_format"),
        ("password", "required"),
        ("confirm_password", "required"),
        ("name", "required"),
    ]);

    // Sent once more, and disowned.
    let bob = client.email("bob");
    register(registration(&bob, "Bob")).same_as(&accepted);
    client.server.mail(&bob, "Complete your registration");
    let resend = |email: &str| client.send(post("/email/resend", json!({ "email": email })));
    let unknown = resend(&client.email("nobody"));
    unknown.message(202);
    resend(&bob).same_as(&unknown);
    let mail = client.server.mail(&bob, "Complete your registration");
    let disown = json!({ "token": mail.token("/email/disown") });
    client
        .send(post("/email/disown", disown.clone()))
        .message(200);
    client
        .send(post("/email/disown", disown))
        .refused("invalid_link", "Bearer");
    let link = mail.token("/email/verify");
    verify(json!({"token": link, "password": PASSWORD})).refused("invalid_link", "Bearer");
    log_in(&bob).refused("invalid_credentials", "Bearer");

    // What this server does not have.
    client
        .send(get("/account/events").by(&session))
        .problem(404, "not_found");
    client
        .send(Request::new("HEAD", "/account/events").by(&session))
        .status(404);
    client
        .send(get("/account/export").by(&session))
        .status(200)
        .members(
            "",
            &[
                "email_canonical",
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
        );
    for path in ["/admin/users", "/admin/users/find", "/admin/users/x/status"] {
        // By the example itself: for the library there is no such route.
        client
            .send_plain(get(path).by(&session))
            .problem(404, "not_found");
    }
}
