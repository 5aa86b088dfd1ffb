//! Starting while the server is not up, or does not answer.

use std::net::TcpListener;
use std::pin::pin;
use std::time::{Duration, Instant};

use admittance::store::mongodb::{MongoConfig, MongoStore, StartError};
use admittance::store::{StoreError, UserStore};
use mongodb::Client;

use support::log::listen;
use support::mongo::{self, Server};

const LINE: &str = "the database is not available yet";

#[tokio::test]
async fn a_store_that_starts_before_its_server_waits_and_logs_each_try() {
    let (folder, port) = mongo::place();
    let mut config = mongo::config();
    // For one try; the server has to be up when another one begins.
    config.deadline = Duration::from_millis(200);
    config.wait_at_start = Duration::from_secs(3600);
    let (log, _listening) = listen();
    let uri = format!("mongodb://127.0.0.1:{port}/late");
    let mut connect = pin!(MongoStore::connect(&uri, config));
    let two_tries = async {
        while !log.text().contains("tries=2") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        started = &mut connect => panic!("it did not wait: {started:?}"),
        () = two_tries => {}
    }
    let serve = tokio::task::spawn_blocking(move || Server::start(&folder, port));
    let (store, server) = tokio::join!(connect, serve);
    let store = store.unwrap();
    let text = log.text();
    for tries in ["tries=1", "tries=2"] {
        let lines = text.lines().filter(|line| line.contains(LINE));
        let lines = lines.filter(|line| line.split(' ').any(|word| word == tries));
        assert_eq!(lines.count(), 1, "{tries}:\n{text}");
    }
    drop(store.users(None, 1).await);
    drop(server.unwrap());
}

#[tokio::test]
async fn by_default_a_server_that_is_not_up_is_tried_once() {
    let (_, port) = mongo::place();
    let mut config = MongoConfig::default();
    config.deadline = Duration::from_millis(200);
    let (log, _listening) = listen();
    let uri = format!("mongodb://127.0.0.1:{port}/absent");
    let started = MongoStore::connect(&uri, config).await;
    assert!(
        matches!(&started, Err(StartError::Store(StoreError::Unavailable(_)))),
        "{started:?}"
    );
    assert!(!log.text().contains(LINE));
}

/// The driver itself waits for 30 seconds for a server, unless its client was told otherwise.
/// Two steps of at least five seconds each are what the store grants.
#[tokio::test]
async fn a_server_that_never_answers_does_not_delay_the_start_beyond_its_deadline() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let client = Client::with_uri_str(format!("mongodb://{address}")).await;
    let database = client.unwrap().database("silent");
    let mut config = MongoConfig::default();
    config.deadline = Duration::from_secs(2);
    let begin = Instant::now();
    let started = MongoStore::new(database, config).await;
    let took = begin.elapsed();
    assert!(
        matches!(&started, Err(StartError::Store(StoreError::Timeout))),
        "{started:?}"
    );
    assert!(took < Duration::from_secs(15), "{took:?}");
}
