//! HTTP/1.1 itself: connections, framing, malformed requests. Over TCP only.

use serde_json::json;

use super::client::{self, Client, PASSWORD, credentials, registration};
use super::reply::Reply;
use super::scene::Place;
use crate::request::{Request, get, post};

const KEYS: &str = "/.well-known/jwks.json";

/// Sends `head` and `body` as they are, on a connection of its own.
fn raw<'s>(client: &Client<'s>, head: &str, body: &[u8]) -> Reply<'s> {
    let mut connection = client.connect();
    connection.send(&[head.as_bytes(), body].concat());
    let line = head.lines().next().unwrap_or_default();
    let mut words = line.split(' ');
    let method = words.next().unwrap_or_default();
    let request = Request::new(method, words.next().unwrap_or_default());
    client.read_plain(&mut connection, request)
}

pub(crate) fn connections(place: &Place<'_>) {
    let client = place.client();
    let ann = client.register("ann");

    // Many requests over one connection, with all kinds of answers.
    let mut connection = client.connect();
    for _ in 0..20 {
        for (request, status) in [
            (get("/profile").by(&ann.session), 200),
            (get("/profile"), 401),
            (Request::new("HEAD", "/profile").by(&ann.session), 200),
            (post("/login", json!({})), 422),
            (
                Request::new("POST", "/login").text("application/json", "{"),
                400,
            ),
            (Request::new("POST", "/login").text("text/plain", "{"), 415),
            (Request::new("OPTIONS", "/login"), 405),
            (crate::request::delete("/sessions").by(&ann.session), 204),
            (get(KEYS), 200),
        ] {
            let request = client::complete(request);
            connection.send(&request.bytes());
            client.read(&mut connection, request).status(status);
        }
    }
    // Several in one piece are answered in their order.
    let requests = [
        (get("/profile").by(&ann.session), 200),
        (post("/login", json!({})), 422),
        (Request::new("HEAD", "/profile"), 401),
        (post("/login", credentials(&ann.email, PASSWORD)), 200),
        (crate::request::delete("/sessions").by(&ann.session), 204),
        (Request::new("PUT", "/login"), 405),
        (get(KEYS), 200),
    ];
    let all: Vec<_> = requests
        .iter()
        .flat_map(|(request, _)| client::complete(request.clone()).bytes())
        .collect();
    connection.send(&all);
    for (request, status) in requests {
        client.read(&mut connection, request).status(status);
    }
    // And in small pieces.
    let (request, body) = (get("/profile").by(&ann.session), post("/login", json!({})));
    let (request, body) = (client::complete(request), client::complete(body));
    let both = [request.bytes(), body.bytes()].concat();
    for piece in both.chunks(7) {
        connection.send(piece);
    }
    client.read(&mut connection, request).status(200);
    client.read(&mut connection, body).status(422);

    // The last one, when the client says so.
    let request = client::complete(get(KEYS).header("Connection", "close"));
    connection.send(&request.bytes());
    let reply = client.read_plain(&mut connection, request);
    reply
        .status(200)
        .header("connection", "close")
        .check(connection.is_closed(), || {
            "the connection is closed".to_owned()
        });
}

pub(crate) fn framing(place: &Place<'_>) {
    let client = place.client();
    let email = client.email("ann");
    let body = registration(&email, "ann").to_string();
    let head = |more: &str| {
        format!(
            "POST /register HTTP/1.1\r\nHost: example.org\r\nContent-Type: application/json\r\n{more}\r\n"
        )
    };

    // In chunks, with all that may be between them (RFC 9112 §7.1).
    let mut chunks = String::new();
    for chunk in body.as_bytes().chunks(10) {
        let text = std::str::from_utf8(chunk).unwrap();
        chunks += &format!("{:X};name=\"value\"\r\n{text}\r\n", text.len());
    }
    chunks += "0\r\nX-Trailer: x\r\n\r\n";
    let reply = raw(
        &client,
        &head("Transfer-Encoding: chunked\r\n"),
        chunks.as_bytes(),
    );
    reply.has_what_every_answer_has(client.server);
    reply.opens_a_session(201);
    let reply = raw(
        &client,
        &head("transfer-encoding: Chunked\r\n"),
        chunks.as_bytes(),
    );
    reply.has_what_every_answer_has(client.server);
    reply.problem(409, "email_taken");

    // The client waits for a 100 before it sends the body.
    let mut connection = client.connect();
    let length = format!("Content-Length: {}\r\nExpect: 100-continue\r\n", body.len());
    connection.send(head(&length).as_bytes());
    let request = Request::new("POST", "/register").header("Expect", "100-continue");
    client
        .read_plain(&mut connection, request.clone())
        .status(100)
        .check(true, || "nothing else is said".to_owned());
    connection.send(body.as_bytes());
    client
        .read(&mut connection, request)
        .problem(409, "email_taken");
    // A length that is too large is refused before anything of it is sent.
    let mut connection = client.connect();
    connection.send(head("Content-Length: 10000000\r\nExpect: 100-continue\r\n").as_bytes());
    let request = Request::new("POST", "/register").header("Expect", "100-continue");
    let reply = client.read_plain(&mut connection, request);
    reply.problem(413, "payload_too_large");

    // Names of headers in any case, blanks around their values.
    let length = body.len();
    let odd = format!(
        "POST /register HTTP/1.1\r\nHOST:example.org\r\nCONTENT-TYPE: \t application/json  \r\ncontent-LENGTH:{length}\r\n\r\n"
    );
    raw(&client, &odd, body.as_bytes()).problem(409, "email_taken");

    // The whole of an address in the request line (RFC 9112 §3.2.2).
    let absolute = get(&format!("http://example.org{KEYS}"));
    client
        .send(absolute)
        .status(200)
        .at("", &json!({"keys": []}));
    // The older version, whose connections end with the answer.
    let mut connection = client.connect();
    connection.send(format!("GET {KEYS} HTTP/1.0\r\n\r\n").as_bytes());
    client
        .read_plain(&mut connection, get(KEYS))
        .status(200)
        .at("", &json!({"keys": []}))
        .check(connection.is_closed(), || {
            "the connection is closed".to_owned()
        });
}

/// Malformed requests are answered with 400 or a closed connection, and others go on.
pub(crate) fn broken(place: &Place<'_>) {
    let client = place.client();
    let ann = client.register("ann");
    let refused = |head: &str, status: u16| {
        raw(&client, head, b"").status(status);
    };
    refused("GET\r\n\r\n", 400);
    refused("GET /profile\r\n\r\n", 400);
    refused("GET /profile HTTP/1.1 x\r\n\r\n", 400);
    refused("GET /pro file HTTP/1.1\r\n\r\n", 400);
    refused("G\u{e4}T /profile HTTP/1.1\r\n\r\n", 400);
    refused("GET /profile HTTP/1.1\r\nno header\r\n\r\n", 400);
    refused("GET /profile HTTP/1.1\r\nname : value\r\n\r\n", 400);
    refused("GET /profile HTTP/1.1\r\n: value\r\n\r\n", 400);
    refused("GET /profile HTTP/1.1\r\nName: va\0lue\r\n\r\n", 400);
    refused(
        "GET /profile HTTP/1.1\r\nName: value\r\n folded\r\n\r\n",
        400,
    );
    let many = "Name: value\r\n".repeat(200);
    refused(&format!("GET /profile HTTP/1.1\r\n{many}\r\n"), 431);
    let long = "x".repeat(70_000);
    refused(&format!("GET /{long} HTTP/1.1\r\n\r\n"), 414);
    // With two lengths or a malformed one nobody knows where the next request begins, so
    // the connection ends (RFC 9112 §6.3).
    for length in [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
    ] {
        let mut connection = client.connect();
        let head = format!("POST /login HTTP/1.1\r\nHost: example.org\r\n{length}\r\nhello");
        connection.send(head.as_bytes());
        let request = Request::new("POST", "/login").header("Content-Length", length);
        client
            .read_plain(&mut connection, request)
            .status(400)
            .check(connection.is_closed(), || {
                "the connection is closed".to_owned()
            });
    }
    for chunks in [
        "x\r\n",
        "5\r\nhello",
        "-1\r\n\r\n",
        "5\r\nhellox\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\n",
    ] {
        let mut connection = client.connect();
        let head = "POST /login HTTP/1.1\r\nHost: example.org\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
        connection.send(format!("{head}{chunks}").as_bytes());
        connection.finish();
        let request = Request::new("POST", "/login").text("application/json", chunks);
        client
            .read_plain(&mut connection, request)
            .problem(400, "malformed_request")
            .check(connection.is_closed(), || {
                "the connection is closed".to_owned()
            });
    }
    // Without a path: the frameworks answer differently, but a panic would close the
    // connection.
    for target in ["profile", "example.org:80"] {
        for method in ["GET", "CONNECT"] {
            let head = format!("{method} {target} HTTP/1.1\r\nHost: example.org\r\n\r\n");
            let reply = client.quietly(|| raw(&client, &head, b""));
            reply.check(reply.answer().status < 500, || "it is answered".to_owned());
        }
    }
    client.is_live(&ann.session);
}
