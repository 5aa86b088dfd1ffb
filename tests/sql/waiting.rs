//! Starting while the server is not up, or does not answer.

use std::net::TcpListener;
use std::pin::pin;
use std::time::{Duration, Instant};

use admittance::store::StoreError;
use admittance::store::sql::{PostgresStore, SqlConfig, StartError};
use support::acts::Act;
use support::log::listen;
use support::postgres::{self, Server};

const LINE: &str = "the database is not available yet";

#[tokio::test]
async fn a_store_that_starts_before_its_server_waits_and_logs_each_try() {
    let prepared = tokio::task::spawn_blocking(Server::prepared).await.unwrap();
    let mut config = postgres::config();
    // For one try; the server has to be up when another one begins.
    config.deadline = Duration::from_secs(5);
    config.wait_at_start = Duration::from_secs(3600);
    let (log, _listening) = listen();
    let url = format!("postgres://postgres@127.0.0.1:{}/postgres", prepared.port());
    let mut connect = pin!(PostgresStore::connect(&url, config));
    let two_tries = async {
        while !log.text().contains("tries=2") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        started = &mut connect => panic!("it did not wait: {started:?}"),
        () = two_tries => {}
    }
    let serve = tokio::task::spawn_blocking(move || prepared.start(&[]));
    let (store, server) = tokio::join!(connect, serve);
    let store = store.unwrap();
    let text = log.text();
    for tries in ["tries=1", "tries=2"] {
        let lines = text.lines().filter(|line| line.contains(LINE));
        let lines = lines.filter(|line| line.split(' ').any(|word| word == tries));
        assert_eq!(lines.count(), 1, "{tries}:\n{text}");
    }
    Act::User(1).on(&store).await.unwrap();
    drop(server.unwrap());
}

#[tokio::test]
async fn by_default_a_server_that_is_not_up_is_tried_once() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let (log, _listening) = listen();
    let url = format!("postgres://postgres@127.0.0.1:{port}/absent");
    let begin = Instant::now();
    let started = PostgresStore::connect(&url, postgres::config()).await;
    assert!(begin.elapsed() < Duration::from_secs(60));
    assert!(
        format!("{started:?}").contains("connection refused"),
        "{started:?}"
    );
    assert!(
        matches!(&started, Err(StartError::Store(StoreError::Unavailable(_)))),
        "{started:?}"
    );
    assert!(!log.text().contains(LINE));
}

#[tokio::test]
async fn a_server_that_never_answers_does_not_delay_the_start_beyond_its_deadline() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let mut config = SqlConfig::default();
    config.deadline = Duration::from_secs(2);
    let begin = Instant::now();
    let url = format!("postgres://postgres@127.0.0.1:{port}/silent");
    let started = PostgresStore::connect(&url, config).await;
    let took = begin.elapsed();
    assert!(
        matches!(
            &started,
            Err(StartError::Store(
                StoreError::Timeout | StoreError::Unavailable(_)
            ))
        ),
        "{started:?}"
    );
    assert!(took < Duration::from_secs(60), "{took:?}");
}
