//! `HEAD`, and authentication.

use serde_json::json;

use super::documented::{Access, ENDPOINTS, NO_ID};
use super::scene::Place;
use crate::answer::Answer;
use crate::request::{Request, get};

/// `HEAD` is answered as `GET` in everything but the body (RFC 9110 §9.3.2).
pub(crate) fn head(place: &Place<'_>) {
    let client = place.client();
    let ann = client.register("ann");
    let admin = place.administrator(&client);
    let paths: Vec<_> = ENDPOINTS
        .iter()
        .filter(|endpoint| endpoint.method == "GET")
        .map(|endpoint| endpoint.path_of(&ann.user_id))
        .chain([
            "/admin/users?limit=x".to_owned(),
            "/admin/users?limit=0".to_owned(),
        ])
        .collect();
    for path in paths {
        for session in [None, Some(&ann.session), Some(&admin)] {
            let of = |method: &str| {
                let request = Request::new(method, &path);
                let request = match session {
                    Some(session) => request.by(session),
                    None => request,
                };
                client.send(request)
            };
            // Events are written in the background.
            let is_stable = !path.contains("/events") && !path.ends_with("/export");
            let both = || (of("HEAD"), of("GET"));
            let (head, get) = match is_stable {
                true => both(),
                false => client.quietly(both),
            };
            head.status(get.answer().status)
                .check(head.answer().body.is_empty(), || {
                    "there is no body".to_owned()
                });
            // Its length may differ: other requests are under way, and the
            // export says when it was made.
            let names = |answer: &Answer| {
                let mut headers = answer.headers.clone();
                headers.remove("date");
                headers.remove("content-length");
                headers
            };
            head.check(names(head.answer()) == names(get.answer()), || {
                format!("the headers are those of GET:\n{}", get.answer())
            });
        }
    }
    // An answer that does not change has one length.
    for path in ["/profile", "/.well-known/jwks.json"] {
        let length = client
            .send(get(path).by(&ann.session))
            .answer()
            .header("content-length");
        client
            .send(Request::new("HEAD", path).by(&ann.session))
            .header("content-length", &length);
    }
}

/// ASVS 8.2.1, GHSA 61: a request without a valid token is refused with a challenge.
pub(crate) fn authorization(place: &Place<'_>) {
    const CHALLENGE: &str = "Bearer error=\"invalid_token\"";
    let client = place.client();
    let ann = client.register("ann");
    for endpoint in ENDPOINTS {
        if endpoint.access == Access::Anybody {
            continue;
        }
        let path = endpoint.path_of(NO_ID);
        let request = || {
            let request = Request::new(endpoint.method, &path);
            match endpoint.body {
                "" => request,
                body => request.text("application/json", body),
            }
        };
        client.send(request()).refused("invalid_token", "Bearer");
        client
            .send(request().bearer("x"))
            .refused("invalid_token", CHALLENGE);
        // The token is checked before the body, which at `/logout` may have it.
        if endpoint.path == "/logout" {
            continue;
        }
        let unreadable = Request::new(endpoint.method, &path).text("text/plain", "{");
        client.send(unreadable).refused("invalid_token", "Bearer");
    }
    let (token, refresh) = (ann.session.token(), ann.session.refresh_token());
    let (start, signature) = token.rsplit_once('.').unwrap();
    let profile = |value: &str| get("/profile").header("Authorization", value);
    for value in [
        String::new(),
        token.to_owned(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Bearer, {token}"),
        format!("Bearer  {token}"),
        format!("Bearer {token} x"),
        format!("Bearer {token},"),
        format!("Bearer\t{token}"),
        format!("Bearer {refresh}"),
        format!("Bearer {start}."),
        format!("Bearer {start}.{}", signature.to_lowercase()),
        format!("Bearer {start}.{signature}A"),
        format!("Bearer {}", "x".repeat(9000)),
        "Bearer null".to_owned(),
        "Bearer é".to_owned(),
    ] {
        client
            .send(profile(&value))
            .refused("invalid_token", CHALLENGE);
    }
    // Another scheme's credentials are for somebody else.
    for value in [
        format!("Basic {token}"),
        "Digest username=\"a\"".to_owned(),
        "Basic eA==".to_owned(),
    ] {
        client
            .send(profile(&value))
            .refused("invalid_token", "Bearer");
        let both = get("/profile").header("Authorization", value).bearer(token);
        client.send(both).status(200);
    }
    // The scheme and the name of the header are in any case (RFC 9110 §11.1).
    for (name, scheme) in [
        ("authorization", "bearer"),
        ("AUTHORIZATION", "BEARER"),
        ("Authorization", "Bearer"),
    ] {
        client
            .send(get("/profile").header(name, format!("{scheme} {token}")))
            .status(200)
            .at("/user_id", &json!(ann.user_id));
    }
    // Two of them count as an invalid one.
    for second in [token, "x"] {
        client
            .send(get("/profile").bearer(token).bearer(second))
            .refused("invalid_token", CHALLENGE);
    }
}
