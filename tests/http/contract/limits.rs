//! The limits that hold by default: 429, and how long to wait.

use serde_json::json;

use super::client::{Client, OTHER_PASSWORD, PASSWORD, credentials};
use super::reply::Reply;
use super::scene::Place;
use crate::request::{Request, delete, get, post};

/// Sends what `request` makes until it is refused for a time. Gives the answer,
/// and how many there were before it.
fn until_refused<'s>(
    client: &Client<'s>,
    mut request: impl FnMut(usize) -> Request,
) -> (Reply<'s>, usize) {
    client.quietly(|| {
        for before in 0..5000 {
            let reply = client.send(request(before));
            if reply.answer().status == 429 {
                return (reply, before);
            }
        }
        panic!("never refused: {}", request(0));
    })
}

/// Checks a refusal: after at least `budget` requests, for `longest` seconds at
/// the most.
fn is_limited((reply, before): (Reply<'_>, usize), budget: usize, longest: u32) {
    reply.problem(429, "rate_limited");
    let wait = reply.answer().header("retry-after").parse::<u32>();
    reply
        .check(wait.is_ok_and(|wait| (1..=longest).contains(&wait)), || {
            format!("one has to wait for 1 to {longest} seconds")
        })
        .check(before >= budget, || {
            format!("{budget} are let through, not only {before}")
        });
}

/// What is counted for an account, or an address that may be one.
pub(crate) fn accounts(place: &Place<'_>) {
    let client = place.limited();
    let ann = client.register_verified("ann");
    let nobody = client.email("nobody");
    // Five mistakes, then a wait: for an account and for none alike.
    for email in [&ann.email, &nobody] {
        let wrong = |_| post("/login", credentials(email, OTHER_PASSWORD));
        is_limited(until_refused(&client, wrong), 5, 30);
    }
    // The right password has to wait too; live sessions go on.
    client
        .send(post("/login", credentials(&ann.email, PASSWORD)))
        .problem(429, "rate_limited");
    client.is_live(&ann.session);
    // The one answer whose size grows with the account.
    let export = |_| get("/account/export").by(&ann.session);
    is_limited(until_refused(&client, export), 5, 12 * 60);
    // Mistakes from a live session are counted separately.
    let confirm = |_| {
        post(
            "/password/confirm",
            json!({"current_password": OTHER_PASSWORD}),
        )
        .by(&ann.session)
    };
    is_limited(until_refused(&client, confirm), 5, 30);
    for request in [
        post(
            "/password/change",
            json!({"current_password": PASSWORD, "new_password": OTHER_PASSWORD, "confirm_password": OTHER_PASSWORD}),
        ),
        post(
            "/email/change",
            json!({"new_email": nobody, "current_password": PASSWORD}),
        ),
        delete("/account").json(&json!({"current_password": PASSWORD})),
    ] {
        client
            .send(request.by(&ann.session))
            .problem(429, "rate_limited");
    }
    // Three mails of a kind to one address, whether it has an account or not.
    for email in [&ann.email, &nobody] {
        for path in ["/password/forgot", "/email/resend"] {
            let ask = |_| post(path, json!({ "email": email }));
            is_limited(until_refused(&client, ask), 3, 300);
        }
    }
    // An administrator cannot send more of them either.
    let admin = place.administrator(&client);
    let reset = format!("/admin/users/{}/password-reset", ann.user_id);
    client
        .send(Request::new("POST", &reset).by(&admin))
        .problem(429, "rate_limited");
    // A link can be tried with five passwords.
    let bob = client.register("bob");
    let link = client.verification(&bob.email);
    let guess = |_| {
        post(
            "/email/verify",
            json!({"token": link, "password": OTHER_PASSWORD}),
        )
    };
    is_limited(until_refused(&client, guess), 5, 30);
    client.is_live(&bob.session);
}

/// What is counted for the network that it comes from, which is the same for
/// all clients here.
pub(crate) fn networks(place: &Place<'_>) {
    let client = place.limited();
    let ann = client.register("ann");
    let mail = |number| {
        let email = client.email(&format!("user{number}"));
        post("/password/forgot", json!({ "email": email }))
    };
    // Some of them were used up before.
    is_limited(until_refused(&client, mail), 1, 60);
    for (path, body) in [
        ("/email/resend", json!({"email": ann.email})),
        ("/password/forgot", json!({"email": ann.email})),
    ] {
        client.send(post(path, body)).problem(429, "rate_limited");
    }

    let strength = |_| post("/password/strength", json!({"password": "x"}));
    is_limited(until_refused(&client, strength), 60, 1);

    let register = |_| post("/register", json!({}));
    is_limited(until_refused(&client, register), 40, 20);

    let link = |_| post("/email/disown", json!({"token": "x"}));
    is_limited(until_refused(&client, link), 10, 2);
    // A credential is checked nowhere meanwhile (GHSA 46).
    let wrong = json!({"current_password": OTHER_PASSWORD});
    let limited = [
        post("/login", credentials(&ann.email, OTHER_PASSWORD)),
        post("/email/verify", json!({"token": "x"})),
        post("/email/disown", json!({"token": "x"})),
        post("/password/reset", json!({"token": "x"})),
        post("/email/change/confirm", json!({"token": "x"})).by(&ann.session),
        post("/password/confirm", wrong.clone()).by(&ann.session),
        post("/password/change", json!({})).by(&ann.session),
        delete("/account").json(&wrong).by(&ann.session),
    ];
    for request in limited {
        let again = |_| request.clone();
        // Half a second of work regains nothing, a slow machine may regain one.
        is_limited(until_refused(&client, again), 0, 2);
    }
    client.is_live(&ann.session);

    // 600 refreshes, with tokens that were handed out.
    let refresh = |_| ann.session.refresh();
    is_limited(until_refused(&client, refresh), 600, 1);
    client
        .send(post("/refresh", json!({"refresh_token": "x"})))
        .problem(401, "invalid_token");
}
