//! Sessions in cookies: who may send them, and how.

use admittance::http::SESSION_HEADER;
use serde_json::json;

use super::client::{Client, PASSWORD, credentials, registration};
use super::cors::LISTED_ORIGIN;
use super::documented::{Access, ENDPOINTS, NO_ID};
use super::scene::Place;
use super::session::{Mode, Session};
use crate::request::{Request, delete, get, post, put};

const CHALLENGE: &str = "Bearer error=\"invalid_token\"";

/// Which headers a request that changes something may have (ASVS 3.5.1).
pub(crate) fn foreign_pages(place: &Place<'_>) {
    let plain = place.client();
    let ann = plain.register("ann");
    every_page(
        &plain,
        &ann.session,
        &["http://example.org", "https://example.org"],
    );
    // With https, the same page over http is another origin.
    let secure = place.verify_first();
    let bob = secure.complete_registration("bob");
    every_page(
        &secure,
        &bob.session,
        &["https://example.org", LISTED_ORIGIN],
    );
}

/// Every method from every page, with cookies and with a token.
fn every_page(client: &Client<'_>, session: &Session, own: &[&str]) {
    let sites = [
        None,
        Some("same-origin"),
        Some("none"),
        Some("same-site"),
        Some("cross-site"),
        Some(""),
    ];
    let origins = [
        None,
        Some("http://example.org"),
        Some("https://example.org"),
        Some("https://example.org:8443"),
        Some("https://evil.example"),
        Some("https://app.example.org.evil.example"),
        Some(LISTED_ORIGIN),
        Some("null"),
    ];
    // The requests, and the status for a page that may send them.
    let asked: [(Request, u16); 6] = [
        (get("/profile"), 200),
        (Request::new("HEAD", "/account/export"), 200),
        (Request::new("HEAD", "/profile"), 200),
        (put("/profile", json!({})), 200),
        (post("/email/change/confirm", json!({"token": "x"})), 401),
        (delete("/sessions"), 204),
    ];
    for site in sites {
        for origin in origins {
            let of_page = |mut request: Request| {
                for (name, value) in [("Sec-Fetch-Site", site), ("Origin", origin)] {
                    if let Some(value) = value {
                        request = request.header(name, value);
                    }
                }
                request
            };
            let is_own = match site {
                _ if client.desk.is_https && origin == Some(LISTED_ORIGIN) => true,
                Some(site) => ["same-origin", "none"].contains(&site),
                None => origin.is_some_and(|origin| own.contains(&origin)),
            };
            for (request, status) in &asked {
                let request = of_page(request.clone());
                let with_token = request.clone().bearer(session.token());
                client.send(with_token).status(*status);
                let is_let_in = match (request.method.as_str(), request.target.as_str()) {
                    // It is kept in the audit log.
                    ("HEAD", "/account/export") => site.is_none() && origin.is_none(),
                    ("GET" | "HEAD", _) => true,
                    _ => false,
                };
                let has_body = request.method != "HEAD";
                let reply = client.send(request.header("Cookie", session.cookies()));
                match is_own || is_let_in {
                    true => reply.status(*status),
                    false if !has_body => reply.status(403),
                    false => reply.problem(403, "forbidden"),
                };
            }
            // Nor may such a page open a session that is kept in cookies.
            let open = of_page(post("/login", json!({}))).header(SESSION_HEADER.as_str(), "cookie");
            let reply = client.send(open);
            match is_own {
                true => reply.problem(422, "validation_failed"),
                false => reply.problem(403, "forbidden"),
            };
            let refresh = of_page(Request::new("POST", "/refresh"));
            if !is_own {
                client
                    .send(refresh.header("Cookie", session.cookies()))
                    .problem(403, "forbidden")
                    .header("set-cookie", "");
            }
        }
    }
    every_endpoint(client, session);
    // A header that is there twice counts as none.
    for (name, value) in [
        ("Sec-Fetch-Site", "same-origin"),
        ("Origin", "https://example.org"),
    ] {
        let request = put("/profile", json!({}))
            .header(name, value)
            .header(name, value);
        client
            .send(request.header("Cookie", session.cookies()))
            .problem(403, "forbidden");
    }
    client.is_live(session);
    client.send(session.refresh()).opens_a_session(200);
}

/// No endpoint lets a page of another site change something or open a session.
fn every_endpoint(client: &Client<'_>, session: &Session) {
    let Session::Cookie { token, .. } = session else {
        panic!("the session is kept in cookies");
    };
    for endpoint in ENDPOINTS {
        let is_open = endpoint.access == Access::Anybody;
        let is_opening = ["/register", "/login", "/email/verify"].contains(&endpoint.path);
        if is_open && !is_opening || client.desk.is_https && endpoint.path.starts_with("/admin") {
            continue;
        }
        let mut request = Request::new(endpoint.method, &endpoint.path_of(NO_ID))
            .header("Sec-Fetch-Site", "cross-site");
        if !endpoint.body.is_empty() {
            request = request.text("application/json", endpoint.body);
        }
        if endpoint.method == "GET" && !client.desk.is_https {
            let dead = request.clone().header("Cookie", format!("{}=x", token.0));
            client.send(dead).refused("invalid_token", CHALLENGE);
        }
        request = match is_opening {
            true => request.header(SESSION_HEADER.as_str(), "cookie"),
            false => request.header("Cookie", session.cookies()),
        };
        // A WebSocket may do anything later.
        if endpoint.method == "GET" && !is_open {
            let socket = request.clone().header("Upgrade", "websocket");
            client.send(socket).problem(403, "forbidden");
        }
        // An export is kept in the audit log.
        if endpoint.method != "GET" || endpoint.path == "/account/export" {
            client.send(request).problem(403, "forbidden");
        }
    }
}

/// What is read of a request's cookies.
pub(crate) fn cookies(place: &Place<'_>) {
    let client = place.client();
    let ann = client.register("ann");
    let Session::Cookie { token, refresh } = &ann.session else {
        panic!("the session is kept in cookies");
    };
    let profile = |cookies: &str| client.send(get("/profile").header("Cookie", cookies));
    // Among others, and alone.
    for cookies in [
        format!("a=b; {}={}; c=\"d\"", token.0, token.1),
        format!("{}={}", token.0, token.1),
        format!("{}={};", token.0, token.1),
    ] {
        profile(&cookies)
            .status(200)
            .at("/user_id", &json!(ann.user_id));
    }
    // No cookie of ours: nobody is logged in.
    for cookies in [
        String::new(),
        "a=b".to_owned(),
        format!("x{}={}", token.0, token.1),
        format!("{}={}", token.0.to_uppercase(), token.1),
        format!("__Host-{}={}", token.0, token.1),
        format!("\u{2000}{}={}", token.0, token.1),
        format!("\t{}\u{3000}={}", token.0, token.1),
        format!("{}={}", refresh.0, token.1),
        ann.session.token().to_owned(),
    ] {
        profile(&cookies).refused("invalid_token", "Bearer");
    }
    // A cookie of ours that is invalid, or there twice.
    for cookies in [
        format!("{}=", token.0),
        format!("{}=x", token.0),
        format!("{}={}", token.0, refresh.1),
        format!("{0}={1}; {0}={1}", token.0, token.1),
        format!("{0}={1}; {0}=x", token.0, token.1),
    ] {
        profile(&cookies).refused("invalid_token", CHALLENGE);
    }
    let twice = get("/profile").by(&ann.session).by(&ann.session);
    client.send(twice).refused("invalid_token", CHALLENGE);

    // `Authorization` takes precedence, whatever it holds.
    let bob = client.register("bob");
    let both = |request: Request, token: &str| request.bearer(token).by(&ann.session);
    client
        .send(both(get("/profile"), bob.session.token()))
        .at("/user_id", &json!(bob.user_id));
    client
        .send(both(get("/profile"), "x"))
        .refused("invalid_token", CHALLENGE);
    // Behind a site with HTTP Basic, the browser adds its credentials to each request.
    let behind_basic = |request: Request| request.header("Authorization", "Basic eA==");
    client
        .send(behind_basic(get("/profile")).by(&ann.session))
        .at("/user_id", &json!(ann.user_id));
    let renamed = Request::new("PUT", "/profile").json(&json!({ "name": "Ann" }));
    let foreign = behind_basic(renamed)
        .by(&ann.session)
        .with("Sec-Fetch-Site", "cross-site");
    client.send(foreign).problem(403, "forbidden");
    let carl = client.register("carl");
    let again = client.log_in(&carl.email, PASSWORD);
    client
        .send(behind_basic(again.refresh()))
        .opens_a_session(200);
    client
        .send(behind_basic(Request::new("POST", "/logout")).by(&carl.session))
        .message(200)
        .closes();
    client.is_dead(&carl.session);
    client
        .send(both(Request::new("POST", "/logout"), bob.session.token()))
        .message(200)
        .header("set-cookie", "")
        .header("clear-site-data", "");
    client.is_dead(&bob.session);
    client.is_live(&ann.session);

    // The refresh token alone ends the session, for a page of the server's own.
    let Session::Cookie { refresh, .. } = &ann.session else {
        panic!("the session is kept in cookies");
    };
    let left = format!("{}={}", refresh.0, refresh.1);
    let logout = |site| {
        let logout = Request::new("POST", "/logout").header("Cookie", &left);
        client.send(logout.header("Sec-Fetch-Site", site))
    };
    logout("cross-site").problem(403, "forbidden");
    client.is_live(&ann.session);
    logout("same-origin").message(200).closes();
    client.is_dead(&ann.session);
    logout("same-origin")
        .refused("invalid_token", "Bearer")
        .closes();
    // A logout removes the cookies whatever they hold, but only from a page of the
    // server's own.
    for left in [
        format!("{}={}", token.0, token.1),
        format!("{}=x", token.0),
        format!("{}=x", refresh.0),
        format!("{0}=x; {0}={1}", refresh.0, refresh.1),
    ] {
        let logout = |site| {
            let logout = Request::new("POST", "/logout").header("Cookie", &left);
            client.send(logout.header("Sec-Fetch-Site", site))
        };
        logout("cross-site")
            .problem(403, "forbidden")
            .header("set-cookie", "");
        logout("same-origin").problem(401, "invalid_token").closes();
    }
}

/// How a client asks for cookies, and what becomes of those that it has.
pub(crate) fn kept_in_cookies(place: &Place<'_>) {
    let client = place.client();
    let ann = client.register("ann");
    let login = || post("/login", credentials(&ann.email, PASSWORD));
    for value in ["", "cookies", "Cookie", "bearer", "cookie, cookie"] {
        client
            .send(
                Mode::Bearer
                    .opening(login())
                    .header(SESSION_HEADER.as_str(), value),
            )
            .problem(400, "malformed_request")
            .header("set-cookie", "");
    }
    let twice = login()
        .header(SESSION_HEADER.as_str(), "cookie")
        .header(SESSION_HEADER.as_str(), "cookie");
    client.send(twice).problem(400, "malformed_request");
    // A client that does not ask gets none, even if it sent some.
    for request in [login(), login().by(&ann.session)] {
        client
            .send(request)
            .status(200)
            .form("/token", "access token")
            .header("set-cookie", "");
    }
    // A failure sets none.
    let wrong = post("/login", credentials(&ann.email, "wrong"));
    client
        .send(Mode::Cookie.opening(wrong))
        .problem(401, "invalid_credentials")
        .header("set-cookie", "");
    let taken = post("/register", registration(&ann.email, "Eve"));
    client
        .send(Mode::Cookie.opening(taken))
        .problem(409, "email_taken")
        .header("set-cookie", "");

    // A login in the same browser ends the session that was there (ASVS 7.2.4).
    let reply = client.send(Mode::Cookie.opening(login().by(&ann.session)));
    let next = reply.opens_a_session(200);
    client.is_dead(&ann.session);
    client.is_live(&next);
    // So does a login to another account; dead cookies count as none.
    let register = post("/register", registration(&client.email("bob"), "bob"));
    let reply = client.send(Mode::Cookie.opening(register.by(&next)));
    let bob = reply.opens_a_session(201);
    client.is_dead(&next);
    let reply = client.send(Mode::Cookie.opening(login().by(&next)));
    client.is_live(&reply.opens_a_session(200));
    client.is_live(&bob);

    // Without a body and without cookies there is nothing to go on with.
    for request in [
        Request::new("POST", "/refresh"),
        Request::new("POST", "/refresh").header(SESSION_HEADER.as_str(), "cookie"),
        Request::new("POST", "/refresh").header("Cookie", "a=b"),
    ] {
        client
            .send(request)
            .refused("invalid_token", "Bearer")
            .header("set-cookie", "");
    }
    // A refresh token in the body takes precedence, and the answer is in the body.
    let body = json!({"refresh_token": bob.refresh_token()});
    let by_body = post("/refresh", body).by(&bob);
    for request in [
        by_body.clone(),
        by_body.header(SESSION_HEADER.as_str(), "cookie"),
    ] {
        client
            .send(request)
            .status(200)
            .form("/refresh_token", "refresh token")
            .header("set-cookie", "");
    }
    // The application's own routes accept them too.
    client
        .send_plain(get("/hello").by(&bob))
        .status(200)
        .at("", &json!({"hello": "bob"}));
}
