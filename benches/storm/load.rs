//! The logins in flight, the checks beside them, and what came of both.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::client::{Client, Device, Request};

pub(crate) const USERS: u32 = 256;
pub(crate) const PASSWORD: &str = "plum-Orbit-47-lantern";
/// The address of a user.
pub(crate) const EMAIL_OF: fn(u32) -> String = |user| format!("user{user}@example.org");
const BETWEEN_CHECKS: Duration = Duration::from_millis(20);
/// Registrations at once, few enough for the hashing queue.
const AT_ONCE: u32 = 8;

/// What a run has shown.
#[derive(Default)]
pub(crate) struct Figures {
    /// Logins a second; of the bare threads, hashes.
    pub(crate) logins: f64,
    login_times: Vec<Duration>,
    check_times: Vec<Duration>,
    refused: usize,
    pub(crate) idle_kib: u64,
    pub(crate) peak_kib: u64,
}

impl Figures {
    pub(crate) fn row(&self, name: &str, in_flight: usize, bare: f64) -> String {
        let (logins, checks) = (&self.login_times, &self.check_times);
        format!(
            "| {name} | {in_flight} | {:.1} | {:.2} | {:.0} | {:.0} | {:.2} | {:.2} | {} | {} | {} |",
            self.logins,
            self.logins / bare,
            percentile(logins, 0.5),
            percentile(logins, 0.99),
            percentile(checks, 0.5),
            percentile(checks, 0.99),
            self.refused,
            self.idle_kib / 1024,
            self.peak_kib / 1024
        )
    }
}

/// In milliseconds; of sorted times.
fn percentile(times: &[Duration], share: f64) -> f64 {
    let last = times.len().saturating_sub(1);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index that is in range"
    )]
    let index = (share * last as f64).round() as usize;
    times
        .get(index)
        .map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
}

/// Keeps `in_flight` logins under way for `length`, and checks a token meanwhile.
pub(crate) async fn play(server: SocketAddr, in_flight: usize, length: Duration) -> Figures {
    let client = Client::new(server);
    let token = set_up(&client, in_flight).await;
    let first = count(&client).await;
    let (begin, is_over) = (Instant::now(), Arc::new(AtomicBool::new(false)));
    let next = Arc::new(AtomicU32::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..in_flight {
        let (client, is_over, next) = (client.clone(), Arc::clone(&is_over), Arc::clone(&next));
        workers.spawn(async move {
            let mut done = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                let user = next.fetch_add(1, Ordering::Relaxed) % USERS;
                let start = Instant::now();
                let answer = client.send(&log_in(user)).await;
                let is_in = answer.is_ok_and(|answer| answer.status == 200);
                done.push((is_in, start.elapsed()));
            }
            done
        });
    }
    let mut figures = Figures {
        check_times: checks(&client, &token, begin, length).await,
        ..Figures::default()
    };
    is_over.store(true, Ordering::Relaxed);
    let hashes = count(&client).await - first;
    while let Some(done) = workers.join_next().await {
        for (is_in, time) in done.unwrap() {
            match is_in {
                true => figures.login_times.push(time),
                false => figures.refused += 1,
            }
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    figures.logins = match in_flight {
        0 => hashes / seconds,
        _ => figures.login_times.len() as f64 / seconds,
    };
    figures.login_times.sort_unstable();
    figures.check_times.sort_unstable();
    figures
}

/// Registers everybody who logs in, and one who stays logged in: the token.
async fn set_up(client: &Client, in_flight: usize) -> String {
    let users = if in_flight == 0 { 1 } else { USERS };
    let mut token = String::new();
    for first in (0..users).step_by(usize::try_from(AT_ONCE).unwrap()) {
        let mut registrations = JoinSet::new();
        for user in first..users.min(first + AT_ONCE) {
            let client = client.clone();
            registrations.spawn(async move { client.send(&register(user)).await.unwrap() });
        }
        while let Some(answer) = registrations.join_next().await {
            let answer = answer.unwrap();
            // A database keeps the users of the run before.
            if answer.status != 409 {
                assert_eq!(answer.status, 201, "a registration");
                token = token_of(&answer.body);
            }
        }
    }
    if token.is_empty() {
        let answer = client.send(&log_in(0)).await.unwrap();
        token = token_of(&answer.body);
    }
    // What was started by it is over.
    sleep(Duration::from_millis(300)).await;
    token
}

fn token_of(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap();
    body.get("token")
        .and_then(Value::as_str)
        .unwrap()
        .to_owned()
}

/// The times of checks, each from when it was due.
async fn checks(client: &Client, token: &str, begin: Instant, length: Duration) -> Vec<Duration> {
    let mut under_way = JoinSet::new();
    let device = Device::unknown(0);
    for number in 0.. {
        let due = begin + BETWEEN_CHECKS * number;
        if due >= begin + length {
            break;
        }
        sleep_until(due).await;
        let (client, request) = (client.clone(), Request::get("/profile", &device, token));
        under_way.spawn(async move {
            let answer = client.send(&request).await.unwrap();
            assert_eq!(answer.status, 200, "a check");
            due.elapsed()
        });
    }
    under_way.join_all().await
}

/// What the bare threads have hashed.
async fn count(client: &Client) -> f64 {
    let request = Request::get("/count", &Device::unknown(0), "");
    let answer = client.send(&request).await.unwrap();
    String::from_utf8(answer.body).unwrap().parse().unwrap()
}

fn register(user: u32) -> Request {
    let body = json!({
        "email": EMAIL_OF(user),
        "password": PASSWORD,
        "confirm_password": PASSWORD,
        "name": "Ann",
    });
    Request::post("/register", &Device::unknown(user), &body)
}

fn log_in(user: u32) -> Request {
    let body = json!({ "email": EMAIL_OF(user), "password": PASSWORD });
    Request::post("/login", &Device::unknown(user), &body)
}
