//! Connections that have become useless: they cost no act.

use std::time::{Duration, Instant};

use admittance::store::StoreError;
use admittance::store::sql::PostgresStore;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgPoolOptions;
use support::acts::Act;
use support::methods::{every_method, prepare};
use support::postgres;
use support::wire::Wire;

use crate::place::{Place, impatient};

/// Opens `number` connections of the store: as many reads wait for a table at once.
async fn open(place: &Place, store: &PostgresStore, number: u32) {
    let (mut holder, mut other) = (place.other().await, place.other().await);
    holder
        .run("BEGIN; LOCK TABLE admittance_users IN ACCESS EXCLUSIVE MODE")
        .await;
    let reads: Vec<_> = (0..number)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { Act::User(1).on(&store).await })
        })
        .collect();
    let waiting = "pg_stat_activity WHERE datname = current_database() \
                   AND wait_event_type = 'Lock'";
    while other.count(waiting).await < number {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    holder.run("COMMIT").await;
    for read in reads {
        read.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_a_firewall_has_forgotten_cost_no_act() {
    let place = Place::postgres().await;
    prepare(&*place.store().await).await;
    let wire = Wire::before(&place.url()).await;
    let mut config = postgres::config();
    config.deadline = Duration::from_secs(20);
    config.max_connections = 4;
    let store = PostgresStore::connect(wire.url(), config).await.unwrap();
    open(&place, &store, 4).await;
    // Longer than a connection is used without a test.
    tokio::time::sleep(Duration::from_millis(1200)).await;
    wire.swallow();
    let begin = Instant::now();
    for _ in 0..4 {
        Act::User(1).on(&store).await.unwrap();
    }
    assert!(begin.elapsed() < Duration::from_secs(20));
}

/// The server runs nothing for it, so it does not keep its place.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_lost_in_use_is_replaced_after_its_deadline() {
    let place = Place::postgres().await;
    prepare(&*place.store().await).await;
    let wire = Wire::before(&place.url()).await;
    let mut config = impatient(2000);
    config.max_connections = 1;
    let store = PostgresStore::connect(wire.url(), config).await.unwrap();
    Act::User(1).on(&store).await.unwrap();
    // The driver tests it when it goes back to its pool, and waits for the answer.
    tokio::time::sleep(Duration::from_millis(300)).await;
    wire.swallow();
    let lost = Act::User(1).on(&store).await;
    assert!(matches!(lost, Err(StoreError::Timeout)), "{lost:?}");
    let again = async { while Act::User(1).on(&store).await.is_err() {} };
    let again = tokio::time::timeout(Duration::from_secs(60), again).await;
    again.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_changes_its_type_costs_no_act() {
    let place = Place::postgres().await;
    prepare(&*place.store().await).await;
    let mut config = postgres::config();
    config.max_connections = 5;
    let store = PostgresStore::connect(&place.url(), config).await.unwrap();
    open(&place, &store, 5).await;
    place
        .other()
        .await
        .run("ALTER TABLE admittance_users ALTER COLUMN name TYPE varchar(500)")
        .await;
    for _ in 0..6 {
        Act::User(1).on(&store).await.unwrap();
    }
    for (_, act) in every_method() {
        act.on(&store).await.unwrap();
    }
}

/// What others leave on the connections of a shared pool.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_application_leaves_on_a_connection_costs_no_act() {
    let taken: String = (1..100)
        .map(|number| format!("PREPARE sqlx_s_{number} AS SELECT 1;"))
        .collect();
    for left in [
        "DEALLOCATE ALL",
        "DISCARD ALL",
        taken.as_str(),
        "BEGIN; SELECT 1 / 0",
    ] {
        let place = Place::postgres().await;
        let options = PgPoolOptions::new().max_connections(1);
        let pool = options.connect(&place.url()).await.unwrap();
        let mut config = postgres::config();
        config.max_connections = 1;
        let store = PostgresStore::new(pool.clone(), config).await.unwrap();
        prepare(&store).await;
        for (_, act) in every_method() {
            let mut connection = pool.acquire().await.unwrap();
            let script = sqlx::raw_sql(AssertSqlSafe(left));
            let _ = script.execute(&mut *connection).await;
            drop(connection);
            let answer = act.on(&store).await;
            assert!(answer.is_ok(), "{left:.30} {act:?}: {answer:?}");
        }
    }
}
