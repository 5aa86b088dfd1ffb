//! Losing the server, and several processes over one database.

use std::env;
use std::process::{Command, Stdio};
use std::sync::Arc;

use admittance::store::{InsertUser, UserStore};
use tokio::sync::Barrier;

use crate::sample::*;
use support::crash::{Work, assert_found};
use support::mongo::{self, Server};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_kill_9_of_the_server() {
    let (folder, port) = mongo::place();
    let server = Server::start(&folder, port);
    let mut options = mongo::options_of(&server.uri(), "crash").await;
    // Found out soon, so that the workers end soon.
    options.server_selection_timeout = Some(std::time::Duration::from_secs(2));
    let work = Work::default();
    let mut workers = Vec::new();
    for _ in 0..8 {
        let store = mongo::store_over(options.clone()).await;
        workers.push(tokio::spawn(work.clone().on(store)));
    }
    work.is_under_way().await;
    // By `kill -9`, with acts under way.
    drop(server);
    work.end();
    let mut acknowledged = Vec::new();
    for worker in workers {
        acknowledged.extend(worker.await.unwrap());
    }

    let server = Server::start(&folder, port);
    let store = mongo::store_over(mongo::options_of(&server.uri(), "crash").await).await;
    assert_found(&store, acknowledged, work.begun()).await;
}

const HELPER: &str = "ADMITTANCE_TEST_HELPER";

/// 16 registrations of each of the emails, all at once; how many were accepted.
async fn registrations(uri: &str, name: &str, first: u32) -> u32 {
    let store = mongo::store_over(mongo::options_of(uri, name).await).await;
    let mut accepted = 0;
    for round in 0..8 {
        let barrier = Arc::new(Barrier::new(16));
        let racers: Vec<_> = (0..16)
            .map(|racer| {
                let (store, barrier) = (store.clone(), Arc::clone(&barrier));
                let number = first + round * 16 + racer;
                tokio::spawn(async move {
                    barrier.wait().await;
                    store
                        .insert_user(&user_with(number, &format!("one{round}@example.org")))
                        .await
                })
            })
            .collect();
        for racer in racers {
            match racer.await.unwrap().unwrap() {
                InsertUser::Inserted => accepted += 1,
                other => assert_eq!(other, InsertUser::EmailTaken),
            }
        }
    }
    accepted
}

/// 8 rounds of 32 registrations of one email, half of them in another process:
/// this test calls its own binary for one.
#[tokio::test(flavor = "multi_thread")]
async fn of_32_registrations_from_two_processes_one_wins() {
    if let Ok(place) = env::var(HELPER) {
        let (uri, name) = place.split_once(' ').unwrap();
        println!("accepted: {}", registrations(uri, name, 1000).await);
        return;
    }
    let options = mongo::options().await;
    let uri = format!("mongodb://{}/", options.hosts[0]);
    let name = options.default_database.unwrap();
    let other = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "--nocapture",
            "crash::of_32_registrations_from_two_processes_one_wins",
        ])
        .env(HELPER, format!("{uri} {name}"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let here = registrations(&uri, &name, 0).await;
    let output = other.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let there = text
        .split("accepted: ")
        .nth(1)
        .unwrap()
        .lines()
        .next()
        .unwrap();
    assert_eq!(here + there.parse::<u32>().unwrap(), 8, "{text}");
}
