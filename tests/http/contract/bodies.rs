//! Bodies that are refused before anything is done: malformed, of another type,
//! too large.

use serde_json::{Map, Value, json};

use super::client::Client;
use super::documented::{Access, ENDPOINTS, Endpoint};
use super::scene::Place;
use super::session::Session;
use crate::request::{Request, post};

/// The largest body that is read, in bytes.
const LARGEST: usize = 64 * 1024;

/// Sessions for the endpoints that require one, and the account they are about.
struct People {
    user: Session,
    admin: Session,
    id: String,
}

impl People {
    fn of(place: &Place<'_>, client: &Client<'_>) -> Self {
        let ann = client.register("ann");
        Self {
            user: ann.session,
            admin: place.administrator(client),
            id: ann.user_id,
        }
    }

    /// A request to `endpoint` by somebody who may send it.
    fn request(&self, endpoint: &Endpoint) -> Request {
        let request = Request::new(endpoint.method, &endpoint.path_of(&self.id));
        match endpoint.access {
            Access::Anybody => request,
            Access::User => request.by(&self.user),
            Access::Administrator => request.by(&self.admin),
        }
    }
}

fn with_bodies() -> impl Iterator<Item = (&'static Endpoint, Map<String, Value>)> {
    let with_body = ENDPOINTS
        .iter()
        .filter(|endpoint| !endpoint.body.is_empty());
    with_body.map(|endpoint| {
        let body: Value = serde_json::from_str(endpoint.body).unwrap();
        (endpoint, body.as_object().unwrap().clone())
    })
}

/// Whether the field may be absent, or `null`, which means the same.
fn is_optional(endpoint: &Endpoint, name: &str) -> bool {
    let of = |fields: &[&str]| fields.contains(&name);
    match endpoint.path {
        "/login" => of(&["remember"]),
        "/refresh" | "/logout" => of(&["refresh_token"]),
        "/profile" => of(&["name", "preferences"]),
        "/reauthenticate" => of(&["current_password"]),
        "/password/strength" => of(&["email", "name"]),
        "/email/verify" => of(&["password"]),
        "/admin/users/{id}/roles" => of(&["grant", "revoke"]),
        _ => false,
    }
}

/// Values of other types than `value`.
fn mistyped(value: &Value, is_optional: bool) -> Vec<Value> {
    let all = [
        json!(null),
        json!(1),
        json!(1.5),
        json!(true),
        json!("text"),
        json!(["text"]),
        json!({"$ne": null}),
    ];
    let is_other = |other: &Value| std::mem::discriminant(other) != std::mem::discriminant(value);
    let mut others: Vec<_> = all.into_iter().filter(is_other).collect();
    others.retain(|other| !is_optional || !other.is_null());
    if value.is_array() {
        others.extend([json!([1]), json!([["text"]]), json!([null])]);
    }
    others
}

pub(crate) fn malformed(place: &Place<'_>) {
    let client = place.client();
    let people = People::of(place, &client);
    for (endpoint, good) in with_bodies() {
        let refused = |body: &[u8]| {
            let request = people.request(endpoint).text("application/json", body);
            client.send(request).problem(400, "malformed_request");
        };
        let whole = Value::Object(good.clone()).to_string();
        for body in [
            "",
            "{",
            "[]",
            "null",
            "1",
            "\"x\"",
            "{}{}",
            "{} x",
            "{'a': 1}",
            "\u{feff}{}",
        ] {
            // A logout needs no body.
            if !(body.is_empty() && endpoint.path == "/logout") {
                refused(body.as_bytes());
            }
        }
        refused(format!("{whole} {whole}").as_bytes());
        refused(
            whole
                .replacen("\"\"", "\"\\ud800\"", 1)
                .replacen("{}", "{\"a\": \"\\ud800\"}", 1)
                .replace("true", "truth")
                .replace("active", "\\x")
                .replacen("[]", "[,]", 1)
                .as_bytes(),
        );
        refused(b"{\"\xff\": 1}");
        refused("[".repeat(2000).as_bytes());
        for (name, value) in &good {
            // Twice, also when it is spelt in another way (ASVS 1.5.3, GHSA 12).
            let (first, rest) = name.split_at(1);
            let escaped = format!("\\u{:04x}{rest}", first.bytes().next().unwrap());
            for twice in [name, &escaped] {
                refused(format!("{{\"{name}\": {value}, \"{twice}\": {value}}}").as_bytes());
            }
            for other in mistyped(value, is_optional(endpoint, name)) {
                let mut wrong = good.clone();
                wrong.insert(name.clone(), other);
                refused(Value::Object(wrong).to_string().as_bytes());
            }
        }
        for unknown in ["x", "is_admin", "$where", "__proto__", ""] {
            let mut more = good.clone();
            more.insert(unknown.to_owned(), json!(""));
            refused(Value::Object(more).to_string().as_bytes());
        }
    }
    client.is_live(&people.user);
}

pub(crate) fn media_types(place: &Place<'_>) {
    let client = place.client();
    let people = People::of(place, &client);
    for (endpoint, _) in with_bodies() {
        // What a page of another site can send without a preflight (ASVS 3.5.2).
        for content_type in [
            "text/plain",
            "text/plain, application/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/jsonp",
            "application/problem+json",
            "application/json; charset=utf-16",
            "application/json; charset=",
            "",
        ] {
            let request = people.request(endpoint).text(content_type, endpoint.body);
            client.send(request).problem(415, "unsupported_media_type");
        }
        let mut without = people.request(endpoint);
        without.body = Some(endpoint.body.into());
        client
            .send(without.clone())
            .problem(415, "unsupported_media_type");
        let twice = without
            .header("Content-Type", "application/json")
            .header("Content-Type", "application/json");
        client.send(twice).problem(415, "unsupported_media_type");
        // At `/logout` no body is needed.
        if endpoint.path == "/logout" {
            continue;
        }
        // No body is not JSON either; at `/refresh` it is a browser without cookies.
        let reply = client.send(people.request(endpoint));
        match endpoint.path {
            "/refresh" => reply.refused("invalid_token", "Bearer"),
            _ => reply.problem(415, "unsupported_media_type"),
        };
    }
    for content_type in [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=\"UTF-8\"",
        "application/json; charset=utf-8; x=y",
    ] {
        client
            .send(Request::new("POST", "/login").text(content_type, "{}"))
            .violates(&[("email", "required"), ("password", "required")]);
    }
}

pub(crate) fn sizes(place: &Place<'_>) {
    let client = place.client();
    let people = People::of(place, &client);
    for endpoint in ENDPOINTS {
        let too_large = || {
            let body = vec![b' '; LARGEST + 1];
            people.request(endpoint).text("application/json", body)
        };
        client.send(too_large()).problem(413, "payload_too_large");
    }
    let login =
        |length: usize| Request::new("POST", "/login").text("application/json", padded(length));
    client
        .send(login(LARGEST))
        .problem(422, "validation_failed");
    client
        .send(login(LARGEST + 1))
        .problem(413, "payload_too_large");
    // A much larger body need not be read to its end.
    client
        .send(login(8 * LARGEST))
        .problem(413, "payload_too_large");

    client.is_live(&people.user);
}

/// The same without a declared length, over TCP.
pub(crate) fn chunked_sizes(place: &Place<'_>) {
    let client = place.client();
    let chunked = |length: usize| {
        let mut connection = client.connect();
        connection.send(b"POST /login HTTP/1.1\r\nHost: example.org\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
        for chunk in padded(length).as_bytes().chunks(4096) {
            connection.send(format!("{:x}\r\n", chunk.len()).as_bytes());
            connection.send(chunk);
            connection.send(b"\r\n");
        }
        connection.send(b"0\r\n\r\n");
        let request = Request::new("POST", "/login").header("Transfer-Encoding", "chunked");
        client.read(&mut connection, request)
    };
    chunked(LARGEST).problem(422, "validation_failed");
    chunked(LARGEST + 1).problem(413, "payload_too_large");
}

/// An object of `length` bytes.
fn padded(length: usize) -> String {
    format!("{{{}}}", " ".repeat(length - 2))
}

/// Database operators in place of text are refused.
pub(crate) fn fields(place: &Place<'_>) {
    let client = place.client();
    for email in [
        json!({"$ne": null}),
        json!({"$regex": "^a"}),
        json!({"$gt": ""}),
        json!(["ann@example.org", "eve@example.net"]),
    ] {
        for path in ["/login", "/password/forgot", "/email/resend", "/register"] {
            client
                .send(post(path, json!({ "email": email })))
                .problem(400, "malformed_request");
        }
    }
    for token in [
        json!({"$ne": null}),
        json!(["a"]),
        json!(0),
        json!(null),
        json!(true),
    ] {
        for path in ["/email/verify", "/email/disown", "/password/reset"] {
            client
                .send(post(path, json!({ "token": token })))
                .problem(400, "malformed_request");
        }
    }
    client
        .send(post(
            "/password/reset",
            json!({"token": "adp_", "new_password": {"$gt": ""}}),
        ))
        .problem(400, "malformed_request");
}
