//! Paths and their methods.

use std::collections::BTreeSet;

use serde_json::json;

use super::documented::{ENDPOINTS, Endpoint, NO_ID};
use super::scene::Place;
use crate::request::{Request, get, post};

const METHODS: [&str; 10] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", "get",
];

/// The methods of a path, in the order in which `Allow` lists them.
fn allowed(path: &str) -> Vec<&'static str> {
    let here = ENDPOINTS.iter().filter(|endpoint| endpoint.path == path);
    let methods: BTreeSet<_> = here.map(|endpoint| endpoint.method).collect();
    let order = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
    let is_there = |method: &&str| match *method {
        "HEAD" => methods.contains("GET"),
        other => methods.contains(other),
    };
    order.into_iter().filter(is_there).collect()
}

/// ASVS 4.1.4: on every path, every method that it does not have.
pub(crate) fn methods(place: &Place<'_>) {
    let client = place.client();
    let paths: BTreeSet<_> = ENDPOINTS.iter().map(|endpoint| endpoint.path).collect();
    let ann = client.register("ann");
    for path in paths {
        let allow = allowed(path);
        let target = |endpoint: &Endpoint| endpoint.path_of(NO_ID);
        let target = ENDPOINTS.iter().find(|one| one.path == path).map(target);
        let target = target.unwrap();
        for method in METHODS {
            if allow.contains(&method) {
                continue;
            }
            // With and without a session, and with a body.
            let plain = Request::new(method, &target);
            let with_body = Request::new(method, &target).json(&json!({"x": 1}));
            for request in [plain.clone(), plain.by(&ann.session), with_body] {
                let reply = client.send(request);
                reply.status(405).header("allow", &allow.join(", "));
                match method {
                    "HEAD" => reply.check(reply.answer().body.is_empty(), || {
                        "there is no body".to_owned()
                    }),
                    _ => reply.at("/code", &json!("method_not_allowed")),
                };
            }
        }
    }
}

/// Paths that resemble one that exists.
pub(crate) fn unknown(place: &Place<'_>) {
    let client = place.client();
    let ann = client.register("ann");
    for target in [
        "/nothing",
        "/register/",
        "/login/",
        "//login",
        "/login//",
        "/Login",
        "/%6cogin",
        "/login%2f",
        "/login;x=1",
        "/./login",
        "/x/../login",
        "/profile/x",
        "/sessions/",
        "/sessions//",
        "/sessions/0123456789abcdef01234567/",
        "/sessions/0123456789abcdef01234567/x",
        "/admin",
        "/admin/",
        "/admin/users/",
        "/admin/users/0123456789abcdef01234567/",
        "/admin/users//status",
        "/admin/users/find/x",
        "/.well-known/",
        "/.well-known/jwks.json/",
        "/.well-known/JWKS.json",
        "/password",
        "/email",
        "/account/",
    ] {
        for method in ["GET", "HEAD", "POST", "DELETE", "OPTIONS", "BREW"] {
            let request = Request::new(method, target).json(&json!({}));
            let reply = client.send(request.by(&ann.session));
            match method {
                "HEAD" => reply.status(404),
                _ => reply.problem(404, "not_found"),
            };
        }
    }
    client
        .send(Request::new("OPTIONS", "*"))
        .problem(404, "not_found");
    // A malformed id is not found; authentication comes first.
    for id in [
        "x",
        "%00",
        "..",
        "%2e%2e",
        "0123456789ABCDEF01234567",
        "0123456789abcdef0123456",
        "*",
    ] {
        let target = format!("/sessions/{id}");
        client
            .send(Request::new("DELETE", &target))
            .refused("invalid_token", "Bearer");
        client
            .send(Request::new("DELETE", &target).by(&ann.session))
            .problem(404, "not_found");
        let admin = place.administrator(&client);
        client
            .send(get(&format!("/admin/users/{id}")).by(&admin))
            .problem(404, "not_found");
    }
    client.is_live(&ann.session);
}

/// A query on a path that takes none changes nothing (ASVS 14.2.1).
pub(crate) fn queries(place: &Place<'_>) {
    let client = place.client();
    let ann = client.register("ann");
    let profile = client.send(get("/profile").by(&ann.session));
    for query in [
        "?",
        "?x=1",
        "?name=Eve&name=Bob",
        "?%00",
        "?a[$ne]=1",
        "?user_id=x",
    ] {
        client
            .send(get(&format!("/profile{query}")).by(&ann.session))
            .same_as(&profile);
    }
    let keys = client.send(get("/.well-known/jwks.json"));
    keys.status(200).at("", &json!({"keys": []}));
    client
        .send(get("/.well-known/jwks.json?x=1"))
        .same_as(&keys);
    let document = client.send(get("/openapi.json"));
    document
        .status(200)
        .at("/openapi", &json!("3.1.0"))
        .form("/paths", "object");
    client.send(get("/openapi.json?x=1")).same_as(&document);
    let refused = client.send(get("/profile"));
    refused.refused("invalid_token", "Bearer");
    let token = ann.session.token();
    for name in ["access_token", "token", "Authorization"] {
        client
            .send(get(&format!("/profile?{name}={token}")))
            .same_as(&refused);
    }
    client
        .send(post("/login?email=ann@example.org&password=x", json!({})))
        .violates(&[("email", "required"), ("password", "required")]);
}
