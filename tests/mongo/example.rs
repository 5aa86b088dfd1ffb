//! The axum example over MongoDB, as a process of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

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

/// Asks `times` times in parallel, half of them at each; gives the statuses.
fn burst(
    instances: [&Example; 2],
    times: usize,
    head: &str,
    body: impl Fn(usize) -> Value + Sync,
) -> Vec<u16> {
    let ask = |number: usize| {
        let [one, two] = instances;
        let instance = if number.is_multiple_of(2) { one } else { two };
        let (status, answer) = instance.ask(head, &body(number));
        if status == 429 {
            assert_eq!(answer.get("code"), Some(&json!("rate_limited")));
        }
        status
    };
    let (ask, threads) = (&ask, 16);
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|first| scope.spawn(move || (first..times).step_by(threads).map(ask).collect()))
            .collect();
        let statuses = running.into_iter().map(|thread| thread.join().unwrap());
        statuses.flat_map(|statuses: Vec<u16>| statuses).collect()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn ghsa_40_bursts_of_four_times_a_budget_at_two_processes_stay_within_it() {
    let uri = mongo::fresh_uri();
    let (one, two) = (Example::start(&uri), Example::start(&uri));
    let both = [&one, &two];
    let count = |statuses: &[u16], status| statuses.iter().filter(|one| **one == status).count();

    // Attempts to register from one network: 60, and one more every 20 seconds.
    let began = Instant::now();
    let statuses = burst(both, 240, "POST /register HTTP/1.1", |_| json!({}));
    let regained = usize::try_from(began.elapsed().as_secs() / 20 + 1).unwrap();
    let allowed = count(&statuses, 422);
    assert!((60..=60 + regained).contains(&allowed), "{allowed}");
    assert_eq!(allowed + count(&statuses, 429), 240);

    // Failed attempts at one account: 5, then 30 seconds without any.
    let began = Instant::now();
    let spelling = |number| match number % 3 {
        0 => "ann@example.org",
        1 => "ANN@example.org",
        _ => "ann@EXAMPLE.org",
    };
    let statuses = burst(
        both,
        20,
        "POST /login HTTP/1.1",
        |number| json!({"email": spelling(number), "password": "wrong-Orbit-47-lantern"}),
    );
    let allowed = count(&statuses, 401);
    let regained = usize::try_from(began.elapsed().as_secs() / 30).unwrap();
    assert!((5..=5 + regained).contains(&allowed), "{allowed}");
    assert_eq!(allowed + count(&statuses, 429), 20);
}
