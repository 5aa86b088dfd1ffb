//! Clients that are slow, and clients that go away.

use std::thread::sleep;
use std::time::Duration;

use serde_json::json;

use crate::client::{PASSWORD, credentials, registration};
use crate::request::{Request, get, post};
use crate::scene::Place;

const SHORT: Duration = Duration::from_millis(20);

pub(crate) fn slow(place: &Place<'_>) {
    let client = place.client();
    let ann = client.register("ann");
    let register = post("/register", registration(&client.email("bob"), "bob"));
    let bytes = register.bytes();

    // Some stop, one after the head, the others within the body.
    let head = register.head().len();
    let mut stuck = Vec::new();
    for cut in (head..bytes.len()).step_by(5) {
        let mut connection = client.connect();
        connection.send(bytes.get(..cut).unwrap());
        stuck.push(connection);
    }
    // And one goes on, in small pieces, while others are served.
    let mut dribbling = client.connect();
    for piece in bytes.chunks(bytes.len().div_ceil(8)) {
        dribbling.send(piece);
        sleep(SHORT);
        client.is_live(&ann.session);
    }
    client.read(&mut dribbling, register).opens_a_session(201);
    // Those that stopped have made nothing, and may go on, too.
    let rest = bytes.get(head..).unwrap();
    let mut first = stuck.remove(0);
    first.send(rest);
    let request = post("/register", json!({}));
    client.read(&mut first, request).problem(409, "email_taken");
    client.is_live(&ann.session);
}

pub(crate) fn given_up(place: &Place<'_>) {
    let client = place.client();
    let email = client.email("ann");
    let register = post("/register", registration(&email, "ann"));
    let bytes = register.bytes();
    let head = register.head().len();

    // A body that breaks off: the client is told, if it still listens.
    for cut in [head, head + 1, bytes.len() - 1] {
        let mut connection = client.connect();
        connection.send(bytes.get(..cut).unwrap());
        connection.finish();
        let reply = client.read_plain(&mut connection, register.clone());
        reply
            .problem(400, "malformed_request")
            .at("/detail", &json!("The request's body broke off."))
            .check(connection.is_closed(), || {
                "the connection is closed".to_owned()
            });
        let mut connection = client.connect();
        connection.send(bytes.get(..cut).unwrap());
        drop(connection);
    }
    // Nothing was done of it.
    let log_in = || post("/login", credentials(&email, PASSWORD));
    client
        .send(log_in())
        .refused("invalid_credentials", "Bearer");

    // One that is complete is done to its end, whether anybody waits for the
    // answer or not.
    let mut connection = client.connect();
    connection.send(&bytes);
    drop(connection);
    client.until(log_in, |reply| reply.answer().status == 200);
    client.send(register).problem(409, "email_taken");
    let ann = client.log_in(&email, PASSWORD);
    let logout = Request::new("POST", "/logout").by(&ann);
    let mut connection = client.connect();
    connection.send(&logout.bytes());
    drop(connection);
    client.until(
        || get("/profile").by(&ann),
        |reply| reply.answer().status == 401,
    );
    client.is_dead(&ann);
}
