//! The set-up, the flood with what goes on meanwhile, and what comes after.

use std::fs;
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::client::{Client, Request};
use crate::people::{Account, Flood, OWNERS, TRAVELLERS};
use crate::plan::Plan;
use crate::report::{Outcome, Tally};

/// Between two logins of one owner: the service allows 10 a minute.
const BETWEEN_LOGINS: Duration = Duration::from_secs(7);
const BETWEEN_READS: Duration = Duration::from_millis(20);
/// Requests of the flood that are under way at once.
const IN_FLIGHT: usize = 2_000;
/// The same of everybody else, each kind by itself.
const FEW_IN_FLIGHT: usize = 100;
/// Set-up requests at once, few enough for the hashing queue.
const AT_ONCE: usize = 4;

/// One run against a server that nobody has used.
pub(crate) async fn play(client: &Client, flood: Flood, plan: &Plan) -> Outcome {
    let (owners, reader, token) = set_up(client, flood).await;
    let (settled, travellers) = owners.split_at(usize::try_from(OWNERS).unwrap());
    // In a run that is shorter every owner logs in once.
    let between = BETWEEN_LOGINS.min(plan.length);
    // What the set-up has used of the budgets comes back.
    sleep(between).await;

    let begin = Instant::now();
    let pace = |every: Duration, in_flight| Pace {
        begin,
        every,
        length: plan.length,
        in_flight,
    };
    let flooding = async {
        if let Flood::None = flood {
            return Tally::default();
        }
        let pace = pace(Duration::from_secs(1) / plan.rate, in_flight());
        open_loop(client, pace, |number| flood.login(number)).await
    };
    let (flood, known, new, reads) = tokio::join!(
        flooding,
        open_loop(client, pace(between / OWNERS, FEW_IN_FLIGHT), |number| {
            turn(settled, number).login()
        }),
        open_loop(
            client,
            pace(between / TRAVELLERS, FEW_IN_FLIGHT),
            |number| { turn(travellers, number).login_from_new_device(number) }
        ),
        open_loop(client, pace(BETWEEN_READS, FEW_IN_FLIGHT), |_| {
            reader.profile(&token)
        }),
    );

    sleep(between).await;
    let mut afterwards = Tally::default();
    for owner in &owners {
        let due = Instant::now();
        afterwards.add(status(client, &owner.login()).await, due.elapsed());
    }
    Outcome {
        flood,
        known,
        new,
        reads,
        afterwards,
        peak_memory: None,
    }
}

/// Registers everybody. Returns the owners, who have logged in from a known
/// device; and the client that stays logged in, with its access token.
async fn set_up(client: &Client, flood: Flood) -> (Vec<Account>, Account, String) {
    let owners: Vec<_> = (0..OWNERS + TRAVELLERS).map(Account::owner).collect();
    let reader = Account::reader();
    let registrations = owners.iter().cloned().chain(flood.accounts());
    let mut under_way = JoinSet::new();
    for account in registrations {
        if under_way.len() == AT_ONCE {
            under_way.join_next().await.unwrap().unwrap();
        }
        let client = client.clone();
        under_way.spawn(async move { expect(&client, &account.register(), 201).await });
    }
    while let Some(registered) = under_way.join_next().await {
        registered.unwrap();
    }
    for owner in &owners {
        expect(client, &owner.login(), 200).await;
    }
    let registered = expect(client, &reader.register(), 201).await;
    let token = registered.get("token").and_then(Value::as_str);
    (owners, reader, token.unwrap().to_owned())
}

/// The body of the answer to a request of the set-up.
async fn expect(client: &Client, request: &Request, status: u16) -> Value {
    let answer = client.send(request).await.unwrap();
    let body = String::from_utf8_lossy(&answer.body);
    assert!(
        answer.status == status,
        "the set-up was answered with {}: {body}",
        answer.status
    );
    serde_json::from_str(&body).unwrap()
}

struct Pace {
    begin: Instant,
    every: Duration,
    length: Duration,
    in_flight: usize,
}

/// Sends each request when it is due, whatever became of those before it, and
/// waits for the answers. Times run from when a request was due. One that would
/// be more than `in_flight` at once is not sent.
async fn open_loop(client: &Client, pace: Pace, request: impl Fn(u32) -> Request) -> Tally {
    let mut tally = Tally::default();
    let mut under_way: JoinSet<(Option<u16>, Duration)> = JoinSet::new();
    let count = pace.length.as_nanos() / pace.every.as_nanos();
    for number in 0..u32::try_from(count).unwrap() {
        let due = pace.begin + pace.every * number;
        sleep_until(due).await;
        while let Some(ended) = under_way.try_join_next() {
            let (status, time) = ended.unwrap();
            tally.add(status, time);
        }
        if under_way.len() >= pace.in_flight {
            tally.not_sent += 1;
            continue;
        }
        let (client, request) = (client.clone(), request(number));
        under_way.spawn(async move { (status(&client, &request).await, due.elapsed()) });
    }
    while let Some(ended) = under_way.join_next().await {
        let (status, time) = ended.unwrap();
        tally.add(status, time);
    }
    tally
}

/// The status of the answer, if one came.
async fn status(client: &Client, request: &Request) -> Option<u16> {
    client.send(request).await.ok().map(|answer| answer.status)
}

fn turn(accounts: &[Account], number: u32) -> &Account {
    let number = usize::try_from(number).unwrap();
    accounts.get(number % accounts.len()).unwrap()
}

/// [`IN_FLIGHT`], or what the limit of open files leaves to the flood.
fn in_flight() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let files = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    let files = files.and_then(|files| files.split_whitespace().next()?.parse().ok());
    files.map_or(IN_FLIGHT, |files: usize| {
        files.saturating_sub(5 * FEW_IN_FLIGHT).clamp(1, IN_FLIGHT)
    })
}
