//! A start is refused if the store could not work: something is missing, or the role may not use
//! it.

use admittance::store::sql::{Migrations, PostgresStore};
use support::postgres;

use crate::place::{Place, TABLES};

#[tokio::test(flavor = "multi_thread")]
async fn without_one_of_its_tables_it_does_not_start() {
    for table in TABLES {
        for place in Place::each().await {
            drop(place.store().await);
            let mut other = place.other().await;
            let cascade = if place.is_postgres() { "CASCADE" } else { "" };
            let drop = format!("DROP TABLE admittance_{table} {cascade}");
            other.run(&drop).await;
            for migrations in [Migrations::Apply, Migrations::Verify] {
                let mut config = postgres::config();
                config.migrations = migrations;
                let error = place.start(config).await.unwrap_err();
                let expected = format!("the table {} is missing", place.shown(table));
                assert_eq!(error.to_string(), expected);
            }
        }
    }
}

/// As a dump of the tables alone is restored.
#[tokio::test(flavor = "multi_thread")]
async fn without_its_function_it_does_not_start() {
    let place = Place::postgres().await;
    drop(place.store().await);
    let mut other = place.other().await;
    other
        .run(
            "ALTER FUNCTION admittance_hit_all_1 SET SCHEMA pg_catalog; \
             CREATE FUNCTION admittance_hit_all_1() RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint'",
        )
        .await;
    let error = place.start(postgres::config()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the function public.admittance_hit_all_1 is missing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_without_a_privilege_is_refused_by_its_name() {
    let place = Place::postgres().await;
    drop(place.store().await);
    let mut other = place.other().await;
    let role = "admittance_test_reader";
    other.run(&format!("DROP ROLE IF EXISTS {role}")).await;
    other.run(&format!("CREATE ROLE {role} LOGIN")).await;
    other
        .run(&format!(
            "REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT USAGE ON SCHEMA public TO {role}; \
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}; \
             REVOKE INSERT, UPDATE, DELETE ON admittance_meta FROM {role}"
        ))
        .await;
    let url = place.url().replace("postgres@", &format!("{role}@"));
    let mut config = postgres::config();
    config.migrations = Migrations::Verify;
    config.schema = Some("public".to_owned());
    let start = || PostgresStore::connect(&url, config.clone());
    drop(start().await.unwrap());
    for (privilege, what, shown) in [
        ("SELECT", "admittance_meta", "table public.admittance_meta"),
        (
            "SELECT",
            "admittance_users",
            "table public.admittance_users",
        ),
        (
            "DELETE",
            "admittance_tokens",
            "table public.admittance_tokens",
        ),
        (
            "UPDATE",
            "admittance_limits",
            "table public.admittance_limits",
        ),
        (
            "INSERT",
            "admittance_audit_log",
            "table public.admittance_audit_log",
        ),
        ("USAGE", "SCHEMA public", "schema public"),
    ] {
        other
            .run(&format!("REVOKE {privilege} ON {what} FROM {role}"))
            .await;
        let error = start().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the role lacks the privilege {privilege} on the {shown}")
        );
        other
            .run(&format!("GRANT {privilege} ON {what} TO {role}"))
            .await;
    }
    other
        .run("REVOKE EXECUTE ON FUNCTION admittance_hit_all_1 FROM PUBLIC")
        .await;
    let error = start().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the role lacks the privilege EXECUTE on the function public.admittance_hit_all_1"
    );
    other.run(&format!("DROP OWNED BY {role}")).await;
    other.run(&format!("DROP ROLE {role}")).await;
}
