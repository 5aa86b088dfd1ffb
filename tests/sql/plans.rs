//! Every statement that the stores send is found by an index on large tables.

use admittance::store::sql::PostgresStore;
use support::acts::Act;
use support::methods::{every_method, other_calls, prepare};
use support::postgres;
use support::sample::*;
use support::statements::Statements;
use support::wire::Wire;

use crate::place::{Other, Place, SqlStore, TABLES};

/// How many rows each table has.
const ROWS: u32 = 20_000;

/// Fills the tables. Half of what expires has expired before 2100.
async fn fill(place: &Place, prefix: &str) {
    let (series, id, key, analyze) = match place {
        Place::Sqlite(_) => (
            format!(
                "WITH RECURSIVE s (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < {ROWS})"
            ),
            "printf('%024x', i)",
            "CAST(printf('%032d', i) AS blob)",
            "ANALYZE",
        ),
        Place::Postgres(_) => (
            format!(
                "WITH s (i) AS (SELECT CAST(i AS bigint) FROM generate_series(1, {ROWS}) AS g (i))"
            ),
            "lpad(to_hex(i), 24, '0')",
            "CAST(lpad(CAST(i AS text), 32, '0') AS bytea)",
            "VACUUM ANALYZE",
        ),
    };
    let at = "412000000 * i";
    let rows = [
        (
            "users",
            format!(
                "{id}, 'u' || i, 'u' || i, 'U', 'h', 0, NULL, FALSE, '{{}}', '{{}}', NULL, 'active', 0, 0, 0, ''"
            ),
        ),
        ("user_roles", format!("{id}, 'role' || (i % 1000)")),
        (
            "user_identities",
            format!("{id}, {id}, {key}, 'p', 'issuer', 's' || i, NULL, 0, 0"),
        ),
        (
            "sessions",
            format!("{id}, {id}, 0, 0, 0, {at}, {at}, FALSE, '[]', 0, NULL, NULL, NULL, NULL"),
        ),
        (
            "tokens",
            format!(
                "{key}, 'verify_email', {id}, 'u', NULL, 0, 'u', 'u', NULL, NULL, 0, {at}, NULL"
            ),
        ),
        ("limits", format!("{key}, 0, {at}")),
        ("attempts", format!("{key}, 1, 0, {at}, 0, TRUE")),
        (
            "audit_log",
            format!(
                "{id}, {id}, 1, {id}, 'done', 0, 'login', NULL, '[]', NULL, NULL, NULL, NULL, NULL, {at}"
            ),
        ),
    ];
    let mut other = place.other().await;
    for (table, values) in rows {
        let insert = match place {
            Place::Sqlite(_) => {
                format!("INSERT INTO {prefix}{table} {series} SELECT {values} FROM s")
            }
            Place::Postgres(_) => {
                let values = values.replace("'{}'", "CAST('{}' AS json)");
                let values = values.replace("'[]'", "CAST('[]' AS json)");
                format!("{series} INSERT INTO {prefix}{table} SELECT {values} FROM s")
            }
        };
        other.run(&insert).await;
    }
    other.run(analyze).await;
}

/// Every act, and the sweep.
async fn do_everything(store: &SqlStore) {
    prepare(&**store).await;
    let acts = every_method().into_iter().map(|(_, act)| act);
    for act in acts.chain(other_calls()) {
        act.on(&**store).await.unwrap();
    }
    for act in [
        Act::InsertUser {
            number: 2,
            email: 2,
        },
        Act::TakeToken {
            number: 1,
            purpose: purpose(1),
            now: 1,
        },
        Act::ReplacePassword {
            user: 5,
            from: 9,
            to: 10,
            raise: false,
        },
    ] {
        act.on(&**store).await.unwrap();
    }
    let page = store.sessions_of(user_id(1), Some(session_id(9)), 5, at(1));
    page.await.unwrap();
    // The same event again is counted in the first.
    for number in [20, 22] {
        let _ = store.append_event(&login(number), 5).await.unwrap();
    }
    assert!(store.sweep(at(0), 1000).await.unwrap() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_statement_walks_a_large_table_on_postgres() {
    let place = Place::postgres().await;
    drop(place.store().await);
    fill(&place, "admittance_").await;
    // The server notes the plan of each statement, those of functions and foreign keys too.
    let mut other = place.other().await;
    let name = other.texts("SELECT current_database()::text").await;
    let name = name.first().unwrap();
    for setting in [
        "session_preload_libraries = 'auto_explain'",
        "auto_explain.log_min_duration = 0",
        "auto_explain.log_nested_statements = on",
        "auto_explain.log_level = notice",
    ] {
        other
            .run(&format!("ALTER DATABASE {name} SET {setting}"))
            .await;
    }
    let wire = Wire::before(&place.url()).await;
    let store = PostgresStore::connect(wire.url(), postgres::config());
    let store = SqlStore::Postgres(store.await.unwrap());
    wire.take();
    wire.take_notices();
    do_everything(&store).await;
    let plans = wire.take_notices();
    let plans: Vec<&String> = plans
        .iter()
        .filter(|it| it.contains("Query Text"))
        .collect();
    let sent = wire.take().into_iter().flat_map(|trip| trip.texts);
    let mut unplanned: Vec<String> = sent
        .filter(|text| text.contains("admittance_"))
        .filter(|text| !plans.iter().any(|plan| plan.contains(text.as_str())))
        .collect();
    unplanned.sort();
    unplanned.dedup();
    assert!(unplanned.is_empty(), "without a plan: {unplanned:#?}");
    assert!(plans.len() > 60, "{}", plans.len());
    for table in TABLES {
        let walks = format!("Seq Scan on admittance_{table}");
        for plan in &plans {
            assert!(!plan.contains(&walks), "{plan}");
        }
    }
}

/// What SQLite may go through: lists that a statement has brought itself.
const SHORT: [&str; 3] = ["SCAN hit", "SCAN held", "SCAN h"];

async fn plan(other: &mut Other, text: &str) -> Vec<String> {
    // The detail is the fourth column.
    let explain = format!("EXPLAIN QUERY PLAN {text}");
    let Other::Sqlite(connection) = other else {
        panic!("this is for SQLite")
    };
    let rows = sqlx::query(sqlx::AssertSqlSafe(explain)).fetch_all(connection);
    let rows = rows.await.unwrap_or_else(|error| panic!("{text}: {error}"));
    let detail = |row| sqlx::Row::get::<String, _>(row, "detail");
    rows.iter().map(detail).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_statement_walks_a_large_table_on_sqlite() {
    let place = Place::sqlite();
    let mut statements = Statements::of("plans_");
    let mut config = postgres::config();
    config.prefix = "plans_".to_owned();
    drop(place.start(config.clone()).await.unwrap());
    fill(&place, "plans_").await;
    let store = place.start(config).await.unwrap();
    statements.take();
    do_everything(&store).await;
    let mut ran = statements.take();
    ran.retain(|text| text.contains("plans_"));
    ran.sort();
    ran.dedup();
    assert!(ran.len() > 40, "{}", ran.len());
    let mut other = place.other().await;
    for text in ran {
        let plan = plan(&mut other, &text).await;
        let walks = plan.iter().filter(|step| step.starts_with("SCAN"));
        let is_short = |step: &str| SHORT.contains(&step) || step.contains(" CONSTANT ROW");
        let walks: Vec<_> = walks.filter(|step| !is_short(step)).collect();
        assert!(walks.is_empty(), "{text}\n{plan:#?}");
    }
}
