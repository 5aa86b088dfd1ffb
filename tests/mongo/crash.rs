//! Losing the server, and several processes over one database.

use std::env;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use admittance::session::Rotation;
use admittance::store::{Insert, InsertUser, ProfileChange, SessionStore, TokenStore, UserStore};
use tokio::sync::Barrier;

use crate::sample::*;
use support::bed::hash_of;
use support::mongo::{self, Server};

const ACKNOWLEDGED_BEFORE: u32 = 40;

/// Registers users, opens, refreshes and ends sessions, resets passwords and
/// removes tokens, each number once, until the server is gone. Returns the numbers of which
/// everything was acknowledged.
async fn work(
    store: impl UserStore + SessionStore + TokenStore,
    next: Arc<AtomicU32>,
    done: Arc<AtomicU32>,
) -> Vec<u32> {
    let mut acknowledged = Vec::new();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let all = async {
            let live = session(number * 2, number);
            let ended = session(number * 2 + 1, number);
            assert_eq!(
                store.insert_user(&user(number)).await?,
                InsertUser::Inserted
            );
            assert_eq!(store.insert_session(&live).await?, Insert::Inserted);
            assert_eq!(store.insert_session(&ended).await?, Insert::Inserted);
            assert_eq!(
                store.insert_token(&token(number, number)).await?,
                Insert::Inserted
            );
            let rotation = store.rotate(live.id, 0, POLICY, at(1)).await?;
            assert!(matches!(rotation, Rotation::Rotated(_)));
            assert!(store.end_session(ended.user_id, ended.id).await?);
            let account = user(number).state();
            assert!(
                store
                    .reset_password(&account, &hash(0), device(0), &ProfileChange::default())
                    .await?
            );
            assert_eq!(store.remove_tokens(account.id, None, at(1)).await?, 1);
            Ok::<_, admittance::store::StoreError>(())
        };
        if all.await.is_err() {
            return acknowledged;
        }
        acknowledged.push(number);
        done.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_kill_9_of_the_server() {
    let (folder, port) = mongo::place();
    let server = Server::start(&folder, port);
    let mut options = mongo::options_of(&server.uri(), "crash").await;
    // Found out soon, so that the workers end soon.
    options.server_selection_timeout = Some(std::time::Duration::from_secs(2));
    let (next, done) = (Arc::new(AtomicU32::new(1)), Arc::new(AtomicU32::new(0)));
    let mut workers = Vec::new();
    for _ in 0..8 {
        let store = mongo::store_over(options.clone()).await;
        workers.push(tokio::spawn(work(
            store,
            Arc::clone(&next),
            Arc::clone(&done),
        )));
    }
    while done.load(Ordering::Relaxed) < ACKNOWLEDGED_BEFORE {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    // By `kill -9`, with acts under way.
    drop(server);
    let mut acknowledged = Vec::new();
    for worker in workers {
        acknowledged.extend(worker.await.unwrap());
    }

    let server = Server::start(&folder, port);
    let store = mongo::store_over(mongo::options_of(&server.uri(), "crash").await).await;
    assert!(acknowledged.len() >= usize::try_from(ACKNOWLEDGED_BEFORE).unwrap());
    for number in acknowledged {
        let Some(user) = store.user(user_id(number)).await.unwrap() else {
            panic!("user {number} is lost")
        };
        assert!(
            hash_of(&user).is(&hash(0)) && user.auth_epoch == 1,
            "the reset of user {number} is lost"
        );
        let live = store.session(session_id(number * 2), at(2)).await.unwrap();
        assert_eq!(
            live.map(|session| session.refresh_counter),
            Some(1),
            "of user {number}"
        );
        let ended = store
            .session(session_id(number * 2 + 1), at(2))
            .await
            .unwrap();
        assert_eq!(ended, None, "an ended session of user {number} is back");
        let again = store.tokens_of(user_id(number), at(2)).await.unwrap();
        assert!(again.is_empty(), "a removed token of user {number} is back");
    }
    // Whoever was cut off in the middle is there wholly or not at all.
    for number in 1..next.load(Ordering::Relaxed) {
        let by_id = store.user(user_id(number)).await.unwrap().is_some();
        let email = user(number).email;
        let by_email = store
            .user_by_email(email.canonical())
            .await
            .unwrap()
            .is_some();
        assert_eq!(by_id, by_email, "user {number}");
    }
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
