//! The axum example over MongoDB, as a process of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::mongo;

/// The running example; it is killed when this is dropped.
struct Example {
    process: Child,
    addr: String,
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Example {
    fn start(uri: &str) -> Self {
        let mut process = Command::new(binary())
            .env("ADDR", "127.0.0.1:0")
            .env("MONGODB_URI", uri)
            .env(
                "AUTH_SECRET",
                "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=",
            )
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let greeting = lines
            .by_ref()
            .map_while(Result::ok)
            .find(|line| line.contains("Listening on"))
            .unwrap();
        // What it prints later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let (_, rest) = greeting.split_once("http://").unwrap();
        let addr = rest.split_whitespace().next().unwrap();
        let addr = addr.trim_end_matches('.').to_owned();
        assert!(greeting.contains("MongoDB"), "{greeting}");
        Self { process, addr }
    }

    fn ask(&self, head: &str, body: &Value) -> (u16, Value) {
        let body = body.to_string();
        let mut stream = TcpStream::connect(&self.addr).unwrap();
        write!(
            stream,
            "{head}\r\nHost: example\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len(),
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap())
    }
}

/// The example that `cargo test` built beside this test.
fn binary() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    let path = path.join("examples").join("axum");
    let tells = "build it first: cargo build --example axum (a whole `cargo test` does)";
    assert!(path.exists(), "{} is not there; {tells}", path.display());
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_example_keeps_users_and_sessions() {
    let uri = mongo::fresh_uri();
    let first = Example::start(&uri);
    let password = "plum-Orbit-47-lantern";
    let body = json!({"email": "ann@example.org", "name": "Ann", "password": password, "confirm_password": password});
    let (status, registered) = first.ask("POST /register HTTP/1.1", &body);
    assert_eq!(status, 201, "{registered}");
    drop(first);

    let second = Example::start(&uri);
    let token = registered["token"].as_str().unwrap();
    let head = format!("GET /profile HTTP/1.1\r\nAuthorization: Bearer {token}");
    let (status, profile) = second.ask(&head, &Value::Null);
    assert_eq!((status, &profile["user_id"]), (200, &registered["user_id"]));
    let (status, taken) = second.ask("POST /register HTTP/1.1", &body);
    assert_eq!((status, &taken["code"]), (409, &json!("email_taken")));
    let refresh = json!({"refresh_token": registered["refresh_token"]});
    let (status, _) = second.ask("POST /refresh HTTP/1.1", &refresh);
    assert_eq!(status, 200);
}
