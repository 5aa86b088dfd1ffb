//! What a browser is told of pages of other origins (Fetch standard, "HTTP-CORS
//! protocol").

use serde_json::json;

use super::documented::{ENDPOINTS, NO_ID};
use super::scene::Place;
use crate::request::{Request, get, post};

/// The origin on the list of the server that has one.
pub(crate) const LISTED_ORIGIN: &str = "https://app.example.org";

pub(crate) fn cors(place: &Place<'_>) {
    let client = place.verify_first();
    // A listed page may read answers and errors; no other page may.
    for origin in [
        LISTED_ORIGIN,
        "https://evil.example",
        "null",
        "https://APP.example.org",
    ] {
        for request in [
            get("/profile"),
            post("/login", json!({})),
            Request::new("POST", "/login"),
        ] {
            let reply = client.send(request.header("Origin", origin));
            reply.header("vary", "origin");
            let allowed = if origin == LISTED_ORIGIN { origin } else { "" };
            reply.header("access-control-allow-origin", allowed);
            let exposed = if allowed.is_empty() {
                ""
            } else {
                "etag, retry-after, www-authenticate"
            };
            reply.header("access-control-expose-headers", exposed);
        }
    }
    // The preflight lists the methods of the path.
    let preflight = |path: &str, origin: &str| {
        Request::new("OPTIONS", path)
            .header("Origin", origin)
            .header("Access-Control-Request-Method", "POST")
            .header("Access-Control-Request-Headers", "content-type")
    };
    let documented = ENDPOINTS
        .iter()
        .filter(|one| !one.path.starts_with("/admin"));
    for endpoint in documented {
        let path = endpoint.path_of(NO_ID);
        let refused = client.send(preflight(&path, "https://evil.example"));
        refused.problem(405, "method_not_allowed");
        let reply = client.send_plain(preflight(&path, LISTED_ORIGIN));
        reply
            .no_content()
            .header("access-control-allow-origin", LISTED_ORIGIN)
            .header("access-control-allow-credentials", "true")
            .header(
                "access-control-allow-methods",
                &refused.answer().header("allow"),
            )
            .header(
                "access-control-allow-headers",
                "authorization, content-type, if-match, admittance-session",
            )
            .header("access-control-max-age", "600")
            .header("vary", "origin")
            .header("cache-control", "no-store");
    }
    // Without a list there are no such headers.
    let client = place.client();
    client
        .send(preflight("/login", LISTED_ORIGIN))
        .problem(405, "method_not_allowed");
    client
        .send(get("/profile").header("Origin", LISTED_ORIGIN))
        .refused("invalid_token", "Bearer");
}
