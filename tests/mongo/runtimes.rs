//! The store and the runtimes that make it, use it, and end.

use std::time::Duration;

use admittance::error::ConfigError;
use admittance::id::UserId;
use admittance::store::mongodb::{DriverRuntime, MongoConfig, MongoStore, StartError};
use admittance::store::{StoreError, UserStore};
use mongodb::Client;
use tokio::runtime::Runtime;

use support::mongo;

const NOBODY: UserId = UserId::from_bytes([7; 12]);

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}

fn on(runtime: DriverRuntime) -> MongoConfig {
    let mut config = mongo::config();
    config.runtime = runtime;
    config
}

/// The number of threads that stores have of their own.
#[cfg(target_os = "linux")]
fn own_threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| {
        // A thread may end meanwhile.
        std::fs::read_to_string(task.ok()?.path().join("comm")).ok()
    });
    names
        .filter(|name| name.starts_with("admittance-stor"))
        .count()
}

#[test]
fn a_store_on_its_own_thread_outlives_every_runtime_and_ends_its_thread() {
    let uri = mongo::fresh_uri();
    let connect = MongoStore::connect(&uri, on(DriverRuntime::OwnThread));
    let store = runtime().block_on(connect).unwrap();
    for _ in 0..2 {
        let found = runtime().block_on(store.user(NOBODY)).unwrap();
        assert!(found.is_none());
    }
    #[cfg(target_os = "linux")]
    {
        assert_eq!(own_threads(), 1);
        drop(store);
        let begin = std::time::Instant::now();
        while own_threads() > 0 {
            assert!(begin.elapsed() < Duration::from_secs(60), "it goes on");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn a_store_whose_runtime_has_ended_says_so_at_once() {
    let made_on = runtime();
    let uri = mongo::fresh_uri();
    let connect = MongoStore::connect(&uri, on(DriverRuntime::Current));
    let store = made_on.block_on(connect).unwrap();
    drop(made_on);
    let Err(StoreError::Unavailable(cause)) = runtime().block_on(store.user(NOBODY)) else {
        panic!("it answered");
    };
    let text = cause.to_string();
    assert!(
        text.contains("runtime that the database driver runs on has ended")
            && text.contains("the setting `runtime`"),
        "{text}"
    );
}

#[test]
fn the_driver_stays_on_the_runtime_that_it_was_given() {
    let driver = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let uri = mongo::fresh_uri();
    let config = on(DriverRuntime::Of(driver.handle().clone()));
    let store = runtime().block_on(MongoStore::connect(&uri, config));
    let store = store.unwrap();
    for _ in 0..2 {
        let found = runtime().block_on(store.user(NOBODY)).unwrap();
        assert!(found.is_none());
    }
}

#[tokio::test]
async fn a_client_that_the_application_made_is_not_moved_to_another_thread() {
    let client = Client::with_uri_str("mongodb://127.0.0.1:9").await.unwrap();
    let started = MongoStore::new(client.database("a"), on(DriverRuntime::OwnThread)).await;
    assert!(
        matches!(
            &started,
            Err(StartError::Config(ConfigError::Invalid {
                setting: "mongodb.runtime",
                ..
            }))
        ),
        "{started:?}"
    );
}
