//! The links of mails: an address is confirmed, disowned, changed.

use serde_json::{Value, json};

use super::client::{OTHER_PASSWORD, PASSWORD, credentials};
use super::scene::Place;
use crate::request::{Request, get, post};

const LINK_IS_DEAD: &str = "This link is no longer valid. Request a new one.";

pub(crate) fn verification(place: &Place<'_>) {
    let client = place.client();
    let verify = |body: Value| place.desk.mode.opening(post("/email/verify", body));
    let ann = client.register("ann");
    let link = client.verification(&ann.email);

    // The link alone proves only access to the mailbox.
    let alone = client.send(verify(json!({ "token": link })));
    alone.refused("proof_required", "Bearer");
    for password in ["", OTHER_PASSWORD] {
        client
            .send(verify(json!({"token": link, "password": password})))
            .same_as(&alone);
    }
    let bob = client.register("bob");
    client
        .send(verify(json!({ "token": link })).by(&bob.session))
        .same_as(&alone);
    // An invalid token is refused.
    client
        .send(verify(json!({ "token": link })).bearer("x"))
        .refused("invalid_token", "Bearer error=\"invalid_token\"");

    // A live session of the account is a proof, and goes on.
    client
        .send(verify(json!({ "token": link })).by(&ann.session))
        .message(200)
        .at("/message", &json!("Your address is confirmed."));
    client
        .send(get("/profile").by(&ann.session))
        .at("/is_verified", &json!(true))
        .at("/missing", &json!([]));
    client
        .send(verify(json!({ "token": link })).by(&ann.session))
        .refused("invalid_link", "Bearer")
        .at("/detail", &json!(LINK_IS_DEAD));

    // So is the password, which opens one. Each of the links works until one was used.
    let resend = |email: &str| client.send(post("/email/resend", json!({ "email": email })));
    let first = client.verification(&bob.email);
    let nobody = client.email("nobody");
    let unknown = resend(&nobody);
    unknown.message(202);
    resend(&bob.email).same_as(&unknown);
    let second = client.verification(&bob.email);
    // A confirmed address gets no mail, and the same answer.
    resend(&ann.email).same_as(&unknown);
    let reply = client.send(verify(json!({"token": second, "password": PASSWORD})));
    let session = reply.opens_a_session(200);
    reply
        .at("/user_id", &json!(bob.user_id))
        .at("/is_verified", &json!(true))
        .at(
            "/message",
            &json!("Your address is confirmed. You are logged in."),
        );
    client.is_live(&session);
    client.is_live(&bob.session);
    for link in [&first, &second] {
        client
            .send(verify(json!({"token": link, "password": PASSWORD})))
            .refused("invalid_link", "Bearer");
    }
    for left in [&nobody, &ann.email] {
        unknown.check(client.server.mails_left(left).is_empty(), || {
            format!("{left} gets no other mail")
        });
    }
    resend("bob").violates(&[("email", "invalid_format")]);
    resend("").violates(&[("email", "required")]);

    client
        .send(verify(json!({ "token": "", "password": PASSWORD })))
        .violates(&[("token", "required")]);
    for none in ["x", "null", "adv_"] {
        for request in [
            verify(json!({ "token": none })),
            verify(json!({"token": none, "password": PASSWORD})).by(&session),
        ] {
            client
                .send(request)
                .refused("invalid_link", "Bearer")
                .at("/detail", &json!(LINK_IS_DEAD));
        }
    }
}

pub(crate) fn disown(place: &Place<'_>) {
    let client = place.client();
    let disown = |token: &str| client.send(post("/email/disown", json!({ "token": token })));
    let ann = client.register("ann");
    let mail = client.server.mail(&ann.email, "Confirm your email address");
    let link = mail.token("/email/disown");
    disown(&mail.token("/email/verify").replace("adv_", "adp_")).refused("invalid_link", "Bearer");
    disown("").violates(&[("token", "required")]);
    client.is_live(&ann.session);
    // What a scanner of mails does with a link changes nothing (ASVS 3.5.3).
    for path in ["/email/disown", "/email/verify", "/password/reset"] {
        for method in ["GET", "HEAD"] {
            let target = format!("{path}?token={link}");
            client
                .send(Request::new(method, &target))
                .status(405)
                .header("allow", "POST");
        }
    }
    client.is_live(&ann.session);

    disown(&link).message(200);
    disown(&link)
        .refused("invalid_link", "Bearer")
        .at("/detail", &json!(LINK_IS_DEAD));
    client.is_dead(&ann.session);
    client
        .send(post("/login", credentials(&ann.email, PASSWORD)))
        .refused("invalid_credentials", "Bearer");

    // A confirmed address can no longer be disowned.
    let bob = client.register("bob");
    let mail = client.server.mail(&bob.email, "Confirm your email address");
    let verify = json!({ "token": mail.token("/email/verify") });
    client
        .send(post("/email/verify", verify).by(&bob.session))
        .message(200);
    disown(&mail.token("/email/disown")).refused("invalid_link", "Bearer");
    client.is_live(&bob.session);
}

pub(crate) fn change_of_address(place: &Place<'_>) {
    let client = place.client();
    let ann = client.register_verified("ann");
    let bob = client.register_verified("bob");
    let new = client.email("lee");
    let change = |new: &str, password: &str| {
        let body = json!({"new_email": new, "current_password": password});
        client.send(post("/email/change", body).by(&ann.session))
    };
    change("", "").violates(&[("new_email", "required"), ("current_password", "required")]);
    change("lee", PASSWORD).violates(&[("new_email", "invalid_format")]);
    change(&ann.email, PASSWORD).violates(&[("new_email", "unchanged")]);
    change(&new, OTHER_PASSWORD).refused("invalid_credentials", "Bearer");

    // The same for an address that is taken; its owner is told.
    let asked = change(&new, PASSWORD);
    asked.message(202);
    let mail = client.server.mail(&new, "Confirm your new email address");
    let link = mail.token("/email/change/confirm");
    client.server.mail(&ann.email, "A change of your email");
    change(&bob.email, PASSWORD).same_as(&asked);
    client
        .server
        .mail(&bob.email, "You already have an account");

    let confirm = |token: &str| post("/email/change/confirm", json!({ "token": token }));
    client
        .send(confirm(&link))
        .refused("invalid_token", "Bearer");
    client
        .send(confirm(&link).by(&bob.session))
        .refused("proof_required", "Bearer");
    client
        .send(confirm("").by(&ann.session))
        .violates(&[("token", "required")]);
    client
        .send(confirm("x").by(&ann.session))
        .refused("invalid_link", "Bearer")
        .at("/detail", &json!(LINK_IS_DEAD));
    client
        .send(get("/profile").by(&ann.session))
        .at("/email", &json!(ann.email));
    client
        .send(confirm(&link).by(&ann.session))
        .message(200)
        .at("/message", &json!("Your address has been changed."));
    client
        .send(confirm(&link).by(&ann.session))
        .refused("invalid_link", "Bearer");
    client.server.mail(&ann.email, "Your email address at");
    client
        .send(get("/profile").by(&ann.session))
        .at("/email", &json!(new))
        .at("/is_verified", &json!(true));
    client
        .send(post("/login", credentials(&ann.email, PASSWORD)))
        .refused("invalid_credentials", "Bearer");
    client.is_live(&client.log_in(&new, PASSWORD));

    // Another account took the address meanwhile.
    let late = client.email("late");
    let body = json!({"new_email": late, "current_password": PASSWORD});
    client
        .send(post("/email/change", body).by(&bob.session))
        .message(202);
    let mail = client.server.mail(&late, "Confirm your new email address");
    let link = mail.token("/email/change/confirm");
    client.register("late");
    client
        .send(confirm(&link).by(&bob.session))
        .problem(409, "email_taken");
    client
        .send(get("/profile").by(&bob.session))
        .at("/email", &json!(bob.email));
}
