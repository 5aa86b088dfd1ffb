//! More passwords to check than can be checked in time: 503. Over TCP only.

use serde_json::json;

use super::FLOOD;
use super::client::{self, PASSWORD, credentials};
use super::scene::Place;
use crate::request::post;

/// More than may wait (256) and are checked until all have come.
const CLIENTS: usize = 500;

pub(crate) fn overload(place: &Place<'_>) {
    let _alone = FLOOD.lock();
    let client = place.client();
    let ann = client.register("ann");
    let login = post("/login", credentials(&client.email("nobody"), PASSWORD));
    let login = client::complete(login);
    let mut waiting: Vec<_> = (0..CLIENTS).map(|_| client.connect()).collect();
    for connection in &mut waiting {
        connection.send(&login.bytes());
    }
    // Other requests are served meanwhile.
    client.is_live(&ann.session);
    // Some of the last ones are refused.
    let refused = client.quietly(|| {
        let answers = waiting
            .iter_mut()
            .rev()
            .map(|connection| client.read(connection, login.clone()));
        let mut refused = answers.skip_while(|reply| reply.answer().status != 503);
        refused.next().unwrap()
    });
    refused
        .problem(503, "overloaded")
        .at("/title", &json!("Service Unavailable"));
}
