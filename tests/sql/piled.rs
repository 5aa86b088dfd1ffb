//! Statements that the server does not end: they go on occupying their connections, so that
//! there are never more than the store may have, and reads go on.

use std::time::Duration;

use admittance::store::StoreError;
use admittance::store::sql::PostgresStore;
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use support::acts::Act;
use support::log::listen;
use support::methods::prepare;
use support::postgres::{self, Server};

use crate::place::{Place, impatient};

const CONNECTIONS: u32 = 4;
/// Beside the store's: the one that looks what still runs.
const LOOKS: i64 = 1;

fn is_refused(answer: &Result<String, StoreError>) -> bool {
    matches!(
        answer,
        Err(StoreError::Timeout | StoreError::Unavailable(_))
    )
}

async fn number(connection: &mut PgConnection, select: &str) -> i64 {
    let row = sqlx::query(AssertSqlSafe(select)).fetch_one(connection);
    row.await.unwrap().get(0)
}

async fn run(connection: &mut PgConnection, text: &str) {
    let script = sqlx::raw_sql(AssertSqlSafe(text));
    script.execute(connection).await.unwrap();
}

/// The connections to this database, without this one and those that hold a lock.
const BACKENDS: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
    AND pid <> pg_backend_pid() AND application_name <> 'holder'";

#[tokio::test(flavor = "multi_thread")]
async fn without_the_synchronous_standby_connections_do_not_pile_up_and_reads_go_on() {
    let server = tokio::task::spawn_blocking(Server::fresh).await.unwrap();
    let url = server.url("postgres");
    let patient = PostgresStore::connect(&url, postgres::config())
        .await
        .unwrap();
    prepare(&patient).await;
    drop(patient);
    let mut config = impatient(500);
    config.max_connections = CONNECTIONS;
    let store = PostgresStore::connect(&url, config).await.unwrap();
    while Act::User(1).on(&store).await.is_err() {}
    let mut other = PgConnection::connect(&url).await.unwrap();
    run(
        &mut other,
        "ALTER SYSTEM SET synchronous_standby_names = 'gone'",
    )
    .await;
    run(&mut other, "SELECT pg_reload_conf()").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut most = 0;
    for key in 0..12 {
        let write = Act::Attempt { key, now: 1 };
        let answer = write.on(&store).await;
        assert!(is_refused(&answer), "{answer:?}");
        // What is given up stays on the server for longer than the deadline.
        tokio::time::sleep(Duration::from_millis(300)).await;
        most = most.max(number(&mut other, BACKENDS).await);
    }
    assert!(most <= i64::from(CONNECTIONS) + LOOKS, "{most} connections");
    let mut read = Err(StoreError::Timeout);
    for _ in 0..5 {
        read = Act::User(1).on(&store).await;
        if read.is_ok() {
            break;
        }
    }
    assert_ne!(read.unwrap(), "None None");
    // The standby is back.
    run(&mut other, "ALTER SYSTEM RESET synchronous_standby_names").await;
    run(&mut other, "SELECT pg_reload_conf()").await;
    let write = Act::Attempt { key: 50, now: 1 };
    let again = async { while write.on(&store).await.is_err() {} };
    let again = tokio::time::timeout(Duration::from_secs(60), again).await;
    again.unwrap();
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_of_a_pool_without_a_time_limit_do_not_pile_up() {
    let place = Place::postgres().await;
    prepare(&*place.store().await).await;
    let options = PgPoolOptions::new().max_connections(CONNECTIONS);
    let pool = options.connect(&place.url()).await.unwrap();
    let mut config = impatient(300);
    config.max_connections = CONNECTIONS;
    let store = PostgresStore::new(pool, config).await.unwrap();
    let mut other = PgConnection::connect(&place.url()).await.unwrap();
    let mut holder = PgConnection::connect(&place.url()).await.unwrap();
    let lock = "SET application_name = 'holder'; BEGIN; \
                LOCK TABLE admittance_users IN ACCESS EXCLUSIVE MODE";
    run(&mut holder, lock).await;
    let mut most = 0;
    for _ in 0..12 {
        let answer = Act::User(1).on(&store).await;
        assert!(is_refused(&answer), "{answer:?}");
        tokio::time::sleep(Duration::from_millis(300)).await;
        most = most.max(number(&mut other, BACKENDS).await);
    }
    assert!(most <= i64::from(CONNECTIONS) + LOOKS, "{most} connections");
    run(&mut holder, "COMMIT").await;
    let again = async { while Act::User(1).on(&store).await.is_err() {} };
    let again = tokio::time::timeout(Duration::from_secs(60), again).await;
    again.unwrap();
}

#[tokio::test]
async fn a_pool_without_a_time_limit_is_warned_of() {
    const LINE: &str = "statement_timeout is 0";
    let place = Place::postgres().await;
    for (limit, is_warned_of) in [("0", true), ("5000", false)] {
        let url = format!("{}?options[statement_timeout]={limit}", place.url());
        let pool = postgres::pool(&url).await;
        let (log, _listening) = listen();
        PostgresStore::new(pool, postgres::config()).await.unwrap();
        assert_eq!(log.text().contains(LINE), is_warned_of, "{limit}");
    }
}
