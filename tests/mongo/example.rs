//! The axum example over MongoDB, as a process of its own.

use std::time::Instant;

use serde_json::{Value, json};

use support::example::{self, Example};
use support::mongo;

fn start(uri: &str) -> Example {
    let example = Example::start("axum", &[("MONGODB_URI", uri)]);
    let greeting = example.greeting();
    assert!(greeting.contains("MongoDB"), "{greeting}");
    example
}

fn ask(example: &Example, head: &str, body: &Value) -> (u16, Value) {
    let (status, answer) = example::ask(example.addr(), head, &body.to_string());
    (status, serde_json::from_str(&answer).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_example_keeps_users_and_sessions() {
    let uri = mongo::fresh_uri();
    let first = start(&uri);
    let password = "plum-Orbit-47-lantern";
    let body = json!({"email": "ann@example.org", "name": "Ann", "password": password, "confirm_password": password});
    let (status, registered) = ask(&first, "POST /register HTTP/1.1", &body);
    assert_eq!(status, 201, "{registered}");
    drop(first);

    let second = start(&uri);
    let token = registered["token"].as_str().unwrap();
    let head = format!("GET /profile HTTP/1.1\r\nAuthorization: Bearer {token}");
    let (status, profile) = ask(&second, &head, &Value::Null);
    assert_eq!((status, &profile["user_id"]), (200, &registered["user_id"]));
    let (status, taken) = ask(&second, "POST /register HTTP/1.1", &body);
    assert_eq!((status, &taken["code"]), (409, &json!("email_taken")));
    let refresh = json!({"refresh_token": registered["refresh_token"]});
    let (status, _) = ask(&second, "POST /refresh HTTP/1.1", &refresh);
    assert_eq!(status, 200);
}

/// Asks `times` times in parallel, half of them at each; gives the statuses.
fn burst(
    instances: [&Example; 2],
    times: usize,
    head: &str,
    body: impl Fn(usize) -> Value + Sync,
) -> Vec<u16> {
    let one = |number: usize| {
        let [first, second] = instances;
        let instance = if number.is_multiple_of(2) {
            first
        } else {
            second
        };
        let (status, answer) = ask(instance, head, &body(number));
        if status == 429 {
            assert_eq!(answer.get("code"), Some(&json!("rate_limited")));
        }
        status
    };
    let (one, threads) = (&one, 16);
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|first| scope.spawn(move || (first..times).step_by(threads).map(one).collect()))
            .collect();
        let statuses = running.into_iter().map(|thread| thread.join().unwrap());
        statuses.flat_map(|statuses: Vec<u16>| statuses).collect()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn ghsa_40_bursts_of_four_times_a_budget_at_two_processes_stay_within_it() {
    let uri = mongo::fresh_uri();
    let (one, two) = (start(&uri), start(&uri));
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
