//! What the examples' server bounds before a request reaches the library.

use std::process::Command;

use crate::wire::Connection;
use support::example::{Example, binary};

const KEYS: &str = "GET /.well-known/jwks.json HTTP/1.1\r\n";

fn each(check: fn(&Example)) {
    for name in ["axum", "warp"] {
        check(&Example::start(name, &[]));
    }
}

fn status(server: &Example, request: &str) -> u16 {
    let mut connection = Connection::open(server.addr());
    connection.send(request.as_bytes());
    connection.answer("GET").unwrap().status
}

#[test]
fn connections_that_send_no_request_keep_nobody_out() {
    each(|server| {
        let mut idle: Vec<_> = (0..660)
            .map(|_| {
                let mut connection = Connection::open(server.addr());
                connection.send(b"G");
                connection
            })
            .collect();
        let request = format!("{KEYS}Host: example.org\r\n\r\n");
        assert_eq!(status(server, &request), 200);
        // The first ones have made room at once, and the last one has a time limit.
        assert!(idle.first_mut().unwrap().is_closed());
        assert!(idle.last_mut().unwrap().is_closed());
    });
}

#[test]
fn no_idle_connection_is_closed_while_there_is_room() {
    each(|server| {
        let request = format!("{KEYS}Host: example.org\r\n\r\n");
        let mut kept = Connection::open(server.addr());
        for _ in 0..100 {
            kept.send(request.as_bytes());
            assert_eq!(kept.answer("GET").unwrap().status, 200);
            assert_eq!(status(server, &request), 200);
        }
    });
}

#[test]
fn a_request_names_one_host() {
    each(|server| {
        for (hosts, expected) in [
            ("", 400),
            ("Host: example.org\r\n", 200),
            ("Host: example.org\r\nHost: example.org\r\n", 400),
        ] {
            assert_eq!(
                status(server, &format!("{KEYS}{hosts}\r\n")),
                expected,
                "{hosts:?}"
            );
        }
        let older = KEYS.replace("1.1", "1.0");
        assert_eq!(status(server, &format!("{older}\r\n")), 200);
    });
}

#[test]
fn a_length_above_the_limit_is_refused_before_the_body() {
    each(|server| {
        let mut connection = Connection::open(server.addr());
        connection.send(b"POST /login HTTP/1.1\r\nHost: example.org\r\nContent-Type: application/json\r\nContent-Length: 10000000\r\n\r\n");
        let answer = connection.answer("POST").unwrap();
        assert_eq!(answer.status, 413);
        assert_eq!(answer.header("connection"), "close");
        assert!(connection.is_closed());
    });
}

#[test]
#[cfg(unix)]
fn a_server_that_stops_answers_what_has_begun() {
    each(|server| {
        let body = br#"{"email":"ann@example.org","password":"wrong"}"#;
        let mut connection = Connection::open(server.addr());
        let head = format!(
            "POST /login HTTP/1.1\r\nHost: example.org\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        connection.send(head.as_bytes());
        connection.send(&body[..1]);
        // Another answer shows that the first request was read by then.
        assert_eq!(status(server, &format!("{KEYS}Host: a\r\n\r\n")), 200);
        server.terminate();
        connection.send(&body[1..]);
        assert_eq!(connection.answer("POST").unwrap().status, 401);
    });
}

#[test]
fn a_setting_that_is_wrong_is_named_in_a_sentence() {
    for (setting, value, text) in [
        (
            "ADDR",
            "0.0.0.0:0",
            "BASE_URL must say how they reach this one",
        ),
        ("AUTH_SECRET", "abc", "AUTH_SECRET: not base64"),
        (
            "TRUSTED_PROXIES",
            "x",
            "TRUSTED_PROXIES: not a network or an address: x",
        ),
        (
            "ALLOWED_ORIGINS",
            "x",
            "ALLOWED_ORIGINS: `x` is not an origin",
        ),
        ("REGISTRATION", "x", "REGISTRATION is neither"),
        ("ADMIN", "x", "ADMIN: is not an address"),
    ] {
        let ran = Command::new(binary("axum"))
            .env_clear()
            .env(setting, value)
            .output()
            .unwrap();
        let said = String::from_utf8(ran.stderr).unwrap();
        assert!(!ran.status.success());
        assert!(said.starts_with("The server cannot run: "), "{said}");
        assert!(said.contains(text), "{setting}={value}: {said}");
        assert!(!said.contains("Error("), "{said}");
    }
}
