//! What the axum example does over a database, as processes.

use std::time::Instant;

use serde_json::{Value, json};

use crate::example::{self, Example};

/// The variable that names a database, its URL, and what the example calls the database.
#[derive(Clone, Copy, Debug)]
pub struct Over<'u> {
    pub variable: &'static str,
    pub url: &'u str,
    pub says: &'static str,
}

fn start(over: Over<'_>) -> Example {
    let example = Example::start("axum", &[(over.variable, over.url)]);
    let greeting = example.greeting();
    assert!(greeting.contains(over.says), "{greeting}");
    example
}

fn ask(example: &Example, head: &str, body: &Value) -> (u16, Value) {
    let (status, answer) = example::ask(example.addr(), head, &body.to_string());
    (status, serde_json::from_str(&answer).unwrap())
}

/// A restart keeps users and sessions.
///
/// # Panics
///
/// If it does not.
pub fn survive_a_restart(over: Over<'_>) {
    let first = start(over);
    let password = "plum-Orbit-47-lantern";
    let body = json!({"email": "ann@example.org", "name": "Ann", "password": password, "confirm_password": password});
    let (status, registered) = ask(&first, "POST /register HTTP/1.1", &body);
    assert_eq!(status, 201, "{registered}");
    drop(first);

    let second = start(over);
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

/// Bursts of four times a budget at two processes stay within it (GHSA-40).
///
/// # Panics
///
/// If they do not.
pub fn share_their_budgets(over: Over<'_>) {
    let (one, two) = (start(over), start(over));
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
