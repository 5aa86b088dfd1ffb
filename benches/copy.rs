//! How long `store::copy` takes from and to each of the four stores.
//!
//! `cargo bench -p admittance-benches --bench copy -- [--users N] [--skip NAME]...`: 100,000 users
//! by default, each with a session and a role. Sources are filled by a copy from memory, which is
//! the first row of the table.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use admittance::authz::Role;
use admittance::store::MemoryStore;
use admittance::store::copy::{Copied, CopyOptions, CopyStore, copy};
use admittance::store::sql::{PostgresStore, SqlConfig, SqliteStore};
use support::sample::{at, session, user_with};
use support::{mongo, postgres, sqlite};

const NAMES: [&str; 4] = ["memory", "SQLite", "PostgreSQL", "MongoDB"];

fn config() -> SqlConfig {
    let mut config = SqlConfig::default();
    config.deadline = Duration::from_secs(60);
    config
}

async fn fresh(name: &str) -> Arc<dyn CopyStore> {
    match name {
        "memory" => Arc::new(MemoryStore::new()),
        "SQLite" => {
            let url = sqlite::Folder::fresh().kept().url();
            Arc::new(SqliteStore::open(&url, config()).await.unwrap())
        }
        "PostgreSQL" => {
            let url = postgres::fresh_url().await;
            Arc::new(PostgresStore::connect(&url, config()).await.unwrap())
        }
        _ => Arc::new(mongo::store_over(mongo::options().await).await),
    }
}

/// The time of one copy.
async fn timed(source: &dyn CopyStore, target: &dyn CopyStore) -> (Duration, Copied) {
    let begin = Instant::now();
    let copied = copy(source, target, at(0), &CopyOptions::default(), |_| ()).await;
    (begin.elapsed(), copied.unwrap())
}

async fn filled(users: u32) -> Arc<dyn CopyStore> {
    let store = fresh("memory").await;
    let student = Role::new("student").unwrap();
    for first in (0..users).step_by(1000) {
        let numbers = first..users.min(first + 1000);
        let people = numbers.clone().map(|number| {
            let mut user = user_with(number, &format!("student{number}@example.org"));
            user.roles = [student.clone()].into();
            user
        });
        store.put(people.collect()).await.unwrap();
        let sessions = numbers.map(|number| session(number, number));
        store.put(sessions.collect()).await.unwrap();
    }
    store
}

#[tokio::main]
async fn main() {
    let (mut users, mut skipped) = (100_000, Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--users" => users = arguments.next().unwrap().parse().unwrap(),
            "--skip" => skipped.push(arguments.next().unwrap()),
            _ => {}
        }
    }
    let names: Vec<&str> = NAMES
        .into_iter()
        .filter(|name| !skipped.iter().any(|skip| skip == name))
        .collect();
    let memory = filled(users).await;
    println!("| from \\ to | {} |", names.join(" | "));
    println!("|---{}|", "|---".repeat(names.len()));
    for from in &names {
        let source = match *from {
            "memory" => Arc::clone(&memory),
            name => {
                let store = fresh(name).await;
                timed(&*memory, &*store).await;
                store
            }
        };
        let mut row = Vec::new();
        for to in &names {
            let target = fresh(to).await;
            let (time, copied) = timed(&*source, &*target).await;
            assert_eq!(copied.users, u64::from(users));
            assert_eq!(copied.sessions, u64::from(users));
            row.push(format!("{:.1} s", time.as_secs_f64()));
        }
        println!("| {from} | {} |", row.join(" | "));
    }
}
