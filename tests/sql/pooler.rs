//! Behind a pooler in transaction mode, a connection of the server serves other clients too.

use admittance::store::sql::PostgresStore;
use sqlx::Row;
use sqlx::postgres::PgPoolOptions;
use support::methods::{every_method, prepare};
use support::postgres;
use support::wire::Wire;

use crate::place::Place;

/// Every setting is one of the transaction.
#[tokio::test(flavor = "multi_thread")]
async fn without_prepared_statements_no_setting_stays_on_a_connection() {
    for is_prepared in [true, false] {
        let place = Place::postgres().await;
        let wire = Wire::before(&place.url()).await;
        let mut config = postgres::config();
        config.prepared_statements = is_prepared;
        let store = PostgresStore::connect(wire.url(), config).await.unwrap();
        prepare(&store).await;
        for (_, act) in every_method() {
            act.on(&store).await.unwrap();
        }
        let texts = wire.take().into_iter().flat_map(|trip| trip.texts);
        let stays = |text: &String| {
            (text.starts_with("SET ") && !text.starts_with("SET LOCAL "))
                || text.contains(", false)")
        };
        let staying: Vec<String> = texts.filter(stays).collect();
        assert_eq!(staying.is_empty(), !is_prepared, "{staying:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_client_of_the_connection_has_its_own_time_limit() {
    for is_prepared in [true, false] {
        let place = Place::postgres().await;
        let url = format!("{}?options[statement_timeout]=77777", place.url());
        let options = PgPoolOptions::new().max_connections(1);
        let pool = options.connect(&url).await.unwrap();
        let mut config = postgres::config();
        config.prepared_statements = is_prepared;
        config.max_connections = 1;
        let store = PostgresStore::new(pool.clone(), config).await.unwrap();
        prepare(&store).await;
        for (_, act) in every_method() {
            act.on(&store).await.unwrap();
        }
        let settings = "SELECT current_setting('statement_timeout'), \
                        current_setting('lock_timeout'), current_setting('synchronous_commit')";
        let row = sqlx::query(settings).fetch_one(&pool).await.unwrap();
        let seen: [String; 3] = [row.get(0), row.get(1), row.get(2)];
        assert_eq!(seen, ["77777ms", "0", "on"]);
    }
}
