//! A database that goes away and comes back: requests that need it fail meanwhile, and
//! no session or link is lost.

use std::io::Write;

use serde_json::{Value, json};

use super::client;
use super::client::{Client, Desk, PASSWORD, registration};
use super::documented::{Access, ENDPOINTS, Endpoint, NO_ID};
use super::record::Recorder;
use super::scene::ADMIN;
use super::server::{Purpose, Server};
use super::session::{Mode, Session};
use crate::request::{Request, get, post};
use support::example::Example;
use support::mongo;

/// What is said while the database is away.
const UNAVAILABLE: &str = "This is not available right now. Wait a little and try again.";

/// What can be answered without the database.
const ITS_OWN: [&str; 2] = ["/.well-known/jwks.json", "/openapi.json"];

/// A body with which a request gets as far as the database.
fn body_of(endpoint: &Endpoint, links: &Links) -> Option<Value> {
    let email = "lee@example.org";
    Some(match endpoint.path {
        "/register" => registration(email, "Lee"),
        "/login" => json!({"email": email, "password": PASSWORD}),
        "/password/strength" => json!({"password": "x"}),
        "/password/forgot" | "/email/resend" => json!({"email": email}),
        "/password/reset" => {
            json!({"token": links.reset, "new_password": PASSWORD, "confirm_password": PASSWORD})
        }
        "/email/verify" => json!({"token": links.verify, "password": PASSWORD}),
        "/email/disown" => json!({"token": links.verify}),
        _ if endpoint.body.is_empty() => return None,
        _ => serde_json::from_str(endpoint.body).unwrap(),
    })
}

/// Links that were mailed while the database was there.
struct Links {
    verify: String,
    reset: String,
}

/// A request for each endpoint that needs the database.
fn requests(mode: Mode, session: &Session, links: &Links) -> Vec<Request> {
    let needing = ENDPOINTS.iter().filter(|one| !ITS_OWN.contains(&one.path));
    let of = |endpoint: &Endpoint| {
        if endpoint.path == "/refresh" {
            return session.refresh();
        }
        let request = Request::new(endpoint.method, &endpoint.path_of(NO_ID));
        let request = match body_of(endpoint, links) {
            Some(body) => request.json(&body),
            None => request,
        };
        match endpoint.access {
            Access::Anybody => mode.opening(request),
            Access::User | Access::Administrator => request.by(session),
        }
    };
    needing.map(of).collect()
}

/// Every endpoint while the database is away.
fn while_it_is_gone(client: &Client<'_>, session: &Session, links: &Links) {
    let requests = requests(client.desk.mode, session, links);
    // All at once: each waits for the database as long as the driver is told to.
    let mut waiting: Vec<_> = requests.iter().map(|_| client.connect()).collect();
    for (connection, request) in waiting.iter_mut().zip(&requests) {
        connection.send(&client::complete(request.clone()).bytes());
    }
    for (connection, request) in waiting.iter_mut().zip(requests) {
        client
            .read(connection, request)
            .problem(503, "unavailable")
            .members("", &["code", "detail", "status", "title", "type"])
            .at("/detail", &json!(UNAVAILABLE))
            .header("www-authenticate", "")
            .header("retry-after", "5")
            // The client stays logged in.
            .header("set-cookie", "")
            .header("clear-site-data", "");
    }
    // The application's own routes need the session too.
    for path in ["/hello", "/exams"] {
        client
            .send_plain(get(path).by(session))
            .problem(503, "unavailable");
    }
    for path in ITS_OWN {
        client.send(get(path)).status(200);
    }
    // A wrong request is still refused as such.
    client
        .send(get("/profile"))
        .refused("invalid_token", "Bearer");
    client
        .send(get("/profile").bearer("x"))
        .refused("invalid_token", "Bearer error=\"invalid_token\"");
    client
        .send(Request::new("POST", "/login").text("application/json", "{"))
        .problem(400, "malformed_request");
    client.send(get("/nothing")).problem(404, "not_found");
    client
        .send(get("/login"))
        .problem(405, "method_not_allowed");
}

fn goes_away(framework: &'static str) {
    let (folder, port) = mongo::place();
    let database = mongo::Server::start(&folder, port);
    let uri = format!(
        "{}exam?serverSelectionTimeoutMS=2000&connectTimeoutMS=2000",
        database.uri()
    );
    let example = Example::start(
        framework,
        &[
            ("MONGODB_URI", &uri),
            ("ADMIN", ADMIN),
            // It would log every failure.
            ("RUST_LOG", "off"),
        ],
    );
    let server = Server::over_tcp(example, &Purpose::Limited.http());
    let recorder = Recorder::new(format!("{framework} × MongoDB that goes away"));
    let client = |topic, mode| {
        let desk = Desk {
            recorder: &recorder,
            topic,
            mode,
            is_https: false,
        };
        Client::new(desk, &server)
    };
    let registering = client("an administrator", Mode::Bearer);
    let registered = registering.send(post("/register", registration(ADMIN, "Ada")));
    let ada = registered.opens_a_session(201);
    let verify = registering.verification(ADMIN);
    let confirm = post("/email/verify", json!({ "token": verify })).by(&ada);
    registering.send(confirm).message(200);
    registering.until(
        || get("/admin/users?limit=1").by(&ada),
        |reply| reply.answer().status == 200,
    );
    let forgot = post("/password/forgot", json!({ "email": ADMIN }));
    registering.send(forgot).message(202);
    let mail = server.mail(ADMIN, "Set a new password");
    let bob = registering.register("bob");
    let links = Links {
        verify: registering.verification(&bob.email),
        reset: mail.token("/password/reset"),
    };
    let sides = [Mode::Bearer, Mode::Cookie].map(|mode| {
        let client = client("an outage", mode);
        let session = client.log_in(ADMIN, PASSWORD);
        (client, session)
    });

    // By `kill -9`.
    drop(database);
    for (client, session) in &sides {
        while_it_is_gone(client, session, &links);
    }
    let _database = mongo::Server::start(&folder, port);
    for (client, session) in sides {
        client.until(
            || get("/profile").by(&session),
            |reply| reply.answer().status == 200,
        );
        let renewed = client.send(session.refresh()).opens_a_session(200);
        client.is_live(&renewed);
        client.is_live(&client.log_in(ADMIN, PASSWORD));
    }
    // Nothing was decided meanwhile: the address is free, and the link works.
    registering
        .send(post("/register", registration("lee@example.org", "Lee")))
        .opens_a_session(201);
    let confirm = post("/email/verify", json!({ "token": links.verify }));
    registering.send(confirm.by(&bob.session)).message(200);

    let failures = recorder.failures();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    // Not by `println!`, which shows nothing when a test passes.
    let mut out = std::io::stdout();
    writeln!(out, "{}", recorder.summary()).unwrap();
}

#[test]
fn asvs_16_5_2_a_database_that_goes_away_takes_nothing_along_from_axum() {
    goes_away("axum");
}

#[test]
fn asvs_16_5_2_a_database_that_goes_away_takes_nothing_along_from_warp() {
    goes_away("warp");
}
