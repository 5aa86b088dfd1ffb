//! The schema of the tables, whatever the search path and the name.

use admittance::store::sql::{PostgresStore, SqlConfig};
use support::acts::Act;
use support::methods::{every_method, prepare};
use support::postgres;

use crate::place::Place;

const NOBODY: &str = "None None";

/// The URL with this search path.
fn with_path(place: &Place, path: &str) -> String {
    format!("{}?options[search_path]={path}", place.url())
}

async fn connect(url: &str) -> PostgresStore {
    PostgresStore::connect(url, postgres::config())
        .await
        .unwrap()
}

fn within(schema: &str) -> SqlConfig {
    let mut config = postgres::config();
    config.schema = Some(schema.to_owned());
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_whose_schema_is_empty_does_not_use_the_tables_further_on_the_search_path() {
    let place = Place::postgres().await;
    prepare(&*place.store().await).await;
    let mut other = place.other().await;
    other.run("CREATE SCHEMA tenant_a").await;
    let tenant = connect(&with_path(&place, "tenant_a,public")).await;
    assert_eq!(Act::User(1).on(&tenant).await.unwrap(), NOBODY);
    prepare(&tenant).await;
    for (_, act) in every_method() {
        act.on(&tenant).await.unwrap();
    }
    assert!(other.count("tenant_a.admittance_users").await > 0);
    assert!(other.count("tenant_a.admittance_limits").await > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_path_that_changes_later_changes_nothing() {
    let place = Place::postgres().await;
    let mut other = place.other().await;
    other.run("CREATE SCHEMA tenant_a").await;
    let pool = postgres::pool(&place.url()).await;
    let store = PostgresStore::new(pool.clone(), postgres::config()).await;
    let store = store.unwrap();
    prepare(&store).await;
    let mut held = Vec::new();
    for _ in 0..10 {
        let mut connection = pool.acquire().await.unwrap();
        let set = sqlx::query("SET search_path TO tenant_a");
        set.execute(&mut *connection).await.unwrap();
        held.push(connection);
    }
    drop(held);
    for (_, act) in every_method() {
        act.on(&store).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_schema_it_does_not_start() {
    let place = Place::postgres().await;
    let mut other = place.other().await;
    other.run("CREATE TABLE mine (column_1 text)").await;
    for path in ["absent", "pg_temp", "pg_catalog"] {
        let started = PostgresStore::connect(&with_path(&place, path), postgres::config()).await;
        assert_eq!(
            started.unwrap_err().to_string(),
            "no schema of the search_path can be used: set SqlConfig::schema",
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_may_have_the_name_of_a_keyword() {
    let place = Place::postgres().await;
    let mut other = place.other().await;
    for schema in ["user", "order", "table", "all", "default"] {
        other.run(&format!("CREATE SCHEMA \"{schema}\"")).await;
        let store = place.start(within(schema)).await.unwrap();
        prepare(&*store).await;
        for (_, act) in every_method() {
            act.on(&*store).await.unwrap();
        }
        let users = format!("\"{schema}\".admittance_users");
        assert!(other.count(&users).await > 0, "{schema}");
    }
    // One of any name, by the search path.
    other.run("CREATE SCHEMA \"My \"\"Exam\"\"\"").await;
    let store = connect(&with_path(&place, "\"My%20\"\"Exam\"\"\"")).await;
    prepare(&store).await;
    for (_, act) in every_method() {
        act.on(&store).await.unwrap();
    }
    assert_eq!(
        other.count("pg_tables WHERE schemaname = 'public'").await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_the_database_reserves_are_refused() {
    let place = Place::postgres().await;
    for schema in ["pg_temp", "pg_toast", "pg_catalog", "information_schema"] {
        let error = place.start(within(schema)).await.unwrap_err();
        assert!(error.to_string().contains("sql.schema"), "{error}");
    }
    for place in Place::each().await {
        let mut config = postgres::config();
        config.prefix = "sqlite_".to_owned();
        let error = place.start(config).await.unwrap_err();
        assert!(error.to_string().contains("sql.prefix"), "{error}");
    }
}
