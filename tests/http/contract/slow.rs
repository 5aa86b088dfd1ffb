//! Clients that are slow, and clients that go away. Over TCP only.

use std::thread::sleep;
use std::time::Duration;

use serde_json::json;

use super::client::{self, PASSWORD, credentials, registration};
use super::scene::Place;
use crate::request::{Request, post};
use crate::wire::Connection;

const SHORT: Duration = Duration::from_millis(20);

/// A request whose body stops. It is sent before everything else: the server
/// waits for the rest of it for half a minute, in which the rest is tried out.
pub(crate) fn stop(connection: &mut Connection) {
    connection.send(&client::complete(stopping()).head());
    connection.send(b"{");
}

/// Who stopped is told so, and that the connection is of no use any more.
pub(crate) fn stopped(place: &Place<'_>) {
    let mut stopped = place.scene.stopped.lock().unwrap();
    let mut connection = stopped.take().unwrap();
    place
        .client()
        .read(&mut connection, stopping())
        .problem(408, "request_timeout")
        .check(connection.is_closed(), || {
            "the connection is closed".to_owned()
        });
}

fn stopping() -> Request {
    let body = vec![b' '; 1000];
    Request::new("POST", "/login").text("application/json", body)
}

pub(crate) fn slow(place: &Place<'_>) {
    let client = place.client();
    let ann = client.register("ann");
    let register = post("/register", registration(&client.email("bob"), "bob"));
    let register = client::complete(register);
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
    let register = client::complete(register);
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

    // One that is complete is done wholly or not at all, as the client goes away
    // sooner or later: a repeated request finds one account, and a login works.
    for wait in [0, 1, 10, 50] {
        let email = client.email(&format!("user{wait}"));
        let register = post("/register", registration(&email, "ann"));
        let mut connection = client.connect();
        connection.send(&client::complete(register.clone()).bytes());
        sleep(Duration::from_millis(wait));
        drop(connection);
        let again = client.quietly(|| client.send(register));
        again.check(matches!(again.answer().status, 201 | 409), || {
            "it is registered now or was before".to_owned()
        });
        let session = client.log_in(&email, PASSWORD);
        let logout = Request::new("POST", "/logout").by(&session);
        let mut connection = client.connect();
        connection.send(&client::complete(logout.clone()).bytes());
        sleep(Duration::from_millis(wait));
        drop(connection);
        let again = client.quietly(|| client.send(logout));
        again.check(matches!(again.answer().status, 200 | 401), || {
            "it is logged out now or was before".to_owned()
        });
        client.is_dead(&session);
    }
}
