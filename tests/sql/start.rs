//! Starting a store: what it makes, and when it refuses.

use admittance::error::ConfigError;
use admittance::store::sql::{Migrations, PostgresStore, SqlConfig, SqliteStore, StartError};
use sqlx::sqlite::SqlitePoolOptions;
use support::acts::Act;
use support::log::listen;
use support::methods::{every_method, prepare, seen};
use support::postgres::{self, Server};
use support::sqlite;

use crate::place::Place;

fn only_verify() -> SqlConfig {
    let mut config = postgres::config();
    config.migrations = Migrations::Verify;
    config
}

/// All tables, indexes and functions of the database.
async fn made(place: &Place) -> Vec<String> {
    let select = match place {
        Place::Sqlite(_) => "SELECT name || ' ' || COALESCE(sql, '') FROM sqlite_master ORDER BY 1",
        Place::Postgres(_) => {
            "SELECT relname || ' ' || relkind::text FROM pg_class \
             WHERE relnamespace = 'public'::regnamespace \
             UNION ALL SELECT proname FROM pg_proc \
             WHERE pronamespace = 'public'::regnamespace ORDER BY 1"
        }
    };
    place.other().await.texts(select).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_the_applications_is_refused_and_nothing_is_written() {
    for table in [
        "users",
        "user_roles",
        "user_identities",
        "sessions",
        "audit_log",
        "meta",
    ] {
        for place in Place::each().await {
            let name = format!("admittance_{table}");
            let mut other = place.other().await;
            other.run(&format!("CREATE TABLE {name} (mine text)")).await;
            other
                .run(&format!("INSERT INTO {name} VALUES ('canary')"))
                .await;
            let before = made(&place).await;
            for migrations in [Migrations::Apply, Migrations::Verify] {
                let mut config = postgres::config();
                config.migrations = migrations;
                let started = place.start(config).await;
                assert!(
                    matches!(&started, Err(StartError::ForeignTable { table: found }) if *found == place.shown(table)),
                    "{started:?}"
                );
            }
            assert_eq!(made(&place).await, before);
            assert_eq!(
                other.texts(&format!("SELECT * FROM {name}")).await,
                ["canary"]
            );
        }
    }
}

/// SQLite does not distinguish the letters of names.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_the_applications_in_other_letters_is_refused() {
    let place = Place::sqlite();
    let mut other = place.other().await;
    other.run("CREATE TABLE Admittance_Users (mine text)").await;
    let before = made(&place).await;
    let started = place.start(postgres::config()).await;
    assert!(
        matches!(started, Err(StartError::ForeignTable { .. })),
        "{started:?}"
    );
    assert_eq!(made(&place).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_a_later_version_are_refused_by_a_sentence() {
    for place in Place::each().await {
        drop(place.store().await);
        let mut other = place.other().await;
        other
            .run("UPDATE admittance_meta SET value = '7' WHERE key = 'schema'")
            .await;
        for migrations in [Migrations::Apply, Migrations::Verify] {
            let mut config = postgres::config();
            config.migrations = migrations;
            let error = place.start(config).await.unwrap_err();
            assert!(
                matches!(error, StartError::NewerSchema { found: 7, known: 2 }),
                "{error:?}"
            );
            let said = "the tables have version 7, and this version of the store knows 2 at most";
            assert_eq!(error.to_string(), said);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_that_is_no_version_is_refused() {
    for place in Place::each().await {
        drop(place.store().await);
        let mut other = place.other().await;
        for change in [
            "UPDATE admittance_meta SET value = 'canary'",
            "DELETE FROM admittance_meta",
        ] {
            other.run(change).await;
            let started = place.start(postgres::config()).await;
            assert!(
                matches!(&started, Err(StartError::ForeignTable { table }) if *table == place.shown("meta")),
                "{started:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_only_verifies_writes_nothing_and_needs_the_tables() {
    for place in Place::each().await {
        let started = place.start(only_verify()).await;
        match (&started, &place) {
            (
                Err(StartError::MissingMigrations {
                    found: 0,
                    needed: 2,
                }),
                _,
            ) => {}
            other => panic!("{:?}", other.0),
        }
        if let Place::Sqlite(folder) = &place {
            assert!(!folder.file().exists(), "it has made the file");
        }
        assert_eq!(made(&place).await, Vec::<String>::new());
        drop(place.store().await);
        let made_by_apply = made(&place).await;
        let store = place.start(only_verify()).await.unwrap();
        prepare(&*store).await;
        assert_eq!(made(&place).await, made_by_apply);
    }
}

/// A role that may use the tables and create none.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_not_create_tables_uses_those_that_there_are() {
    let place = Place::postgres().await;
    drop(place.store().await);
    let mut other = place.other().await;
    other.run("DROP ROLE IF EXISTS admittance_test_user").await;
    for statement in [
        "CREATE ROLE admittance_test_user LOGIN",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO admittance_test_user",
    ] {
        other.run(statement).await;
    }
    let url = place.url().replace("postgres@", "admittance_test_user@");
    let store = PostgresStore::connect(&url, only_verify()).await.unwrap();
    prepare(&store).await;
    for (_, act) in every_method() {
        act.on(&store).await.unwrap();
    }
    drop(store);
    other.run("DROP OWNED BY admittance_test_user").await;
    other.run("DROP ROLE admittance_test_user").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_instances_start_at_once_on_an_empty_database() {
    for place in Place::each().await {
        let place = std::sync::Arc::new(place);
        let starts: Vec<_> = (0..8)
            .map(|_| {
                let place = std::sync::Arc::clone(&place);
                tokio::spawn(async move { place.start(postgres::config()).await })
            })
            .collect();
        for start in starts {
            start.await.unwrap().unwrap();
        }
        let mut other = place.other().await;
        let notes = other.texts("SELECT value FROM admittance_meta").await;
        assert_eq!(notes, ["2"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_with_other_prefixes_in_one_database_are_independent() {
    for place in Place::each().await {
        let mut exam = postgres::config();
        exam.prefix = "exam_2_".to_owned();
        let (first, second) = (place.store().await, place.start(exam).await.unwrap());
        prepare(&*first).await;
        assert_eq!(Act::User(1).on(&*second).await.unwrap(), "None None");
        prepare(&*second).await;
        for (_, act) in every_method() {
            act.on(&*second).await.unwrap();
        }
        let alone = Place::each().await;
        let alone = alone
            .iter()
            .find(|it| it.is_postgres() == place.is_postgres());
        let alone = alone.unwrap().store().await;
        prepare(&*alone).await;
        assert_eq!(seen(&*first).await, seen(&*alone).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_in_other_schemas_with_one_prefix_are_independent() {
    let place = Place::postgres().await;
    let mut other = place.other().await;
    other.run("CREATE SCHEMA one; CREATE SCHEMA _two").await;
    let within = |schema: &str| {
        let mut config = postgres::config();
        config.schema = Some(schema.to_owned());
        config
    };
    let first = place.start(within("one")).await.unwrap();
    let second = place.start(within("_two")).await.unwrap();
    prepare(&*first).await;
    assert_eq!(Act::User(1).on(&*second).await.unwrap(), "None None");
    prepare(&*second).await;
    for (_, act) in every_method() {
        act.on(&*second).await.unwrap();
    }
    let alone = Place::postgres().await.store().await;
    prepare(&*alone).await;
    assert_eq!(seen(&*first).await, seen(&*alone).await);
    // In the schema `public` is nothing.
    assert_eq!(made(&place).await, Vec::<String>::new());

    let started = place.start(within("absent")).await;
    assert!(
        matches!(&started, Err(StartError::Missing { kind: "schema", name }) if name == "absent"),
        "{started:?}"
    );
    let sqlite = Place::sqlite().start(within("one")).await;
    assert!(
        matches!(&sqlite, Err(StartError::Config(ConfigError::Invalid { setting, .. })) if *setting == "sql.schema"),
        "{sqlite:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_in_memory_is_refused() {
    for url in [
        "sqlite::memory:",
        "sqlite://:memory:",
        "sqlite:",
        "sqlite:accounts.db?mode=memory",
        "sqlite:file:accounts.db?mode=memory&cache=shared",
    ] {
        let started = SqliteStore::open(url, sqlite::config()).await;
        assert!(
            matches!(started, Err(StartError::InMemory)),
            "{url}: {started:?}"
        );
    }
    let pool = SqlitePoolOptions::new().connect("sqlite::memory:").await;
    let started = SqliteStore::new(&pool.unwrap(), sqlite::config()).await;
    assert!(matches!(started, Err(StartError::InMemory)), "{started:?}");
    // No file of that name is left.
    let here = std::fs::read_dir(".").unwrap();
    let names = here.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let left: Vec<String> = names
        .filter(|name| name.contains("memory-") || name.contains("accounts.db"))
        .collect();
    assert_eq!(left, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_that_cannot_be_used_does_not_show_its_password() {
    for url in [
        "postgres://me:canary@[",
        "postgres://me:can ary@host:port/db",
        "postgres://me:canary@host/db?sslmode=canary",
        "canary",
    ] {
        let error = PostgresStore::connect(url, SqlConfig::default()).await;
        let error = error.unwrap_err();
        let shown = format!("{error:?} {error}");
        assert!(matches!(error, StartError::InvalidUrl), "{url}: {shown}");
        assert!(!shown.contains("can"), "{shown}");
    }
    // A part of a password that is not encoded.
    let url = "postgres://me:12?canary@host/db";
    let error = PostgresStore::connect(url, SqlConfig::default()).await;
    let shown = format!("{0:?} {0}", error.unwrap_err());
    assert!(!shown.contains("can"), "{shown}");
    let error = SqliteStore::open("sqlite:a?mode=canary", SqlConfig::default()).await;
    let error = error.unwrap_err();
    assert!(matches!(error, StartError::InvalidUrl), "{error:?}");
    assert!(!format!("{error:?} {error}").contains("canary"));
}

/// The driver would log it with its value.
#[tokio::test]
async fn a_parameter_that_the_driver_does_not_know_is_refused_by_its_name() {
    let place = Place::postgres().await;
    for parameter in ["sslpassword", "passwd"] {
        let (log, _listening) = listen();
        let url = format!("{}?{parameter}=canary", place.url());
        let error = PostgresStore::connect(&url, postgres::config()).await;
        let shown = format!("{0} {0:?}", error.unwrap_err());
        let expected = format!(
            "the URL of the database has the parameter {parameter}, which the driver does not know"
        );
        assert!(shown.starts_with(&expected), "{shown}");
        assert!(!shown.contains("canary"));
        assert!(!log.text().contains("canary"));
    }
    for known in [
        "sslmode=disable",
        "application_name=exam",
        "options[work_mem]=4MB",
    ] {
        let url = format!("{}?{known}", place.url());
        PostgresStore::connect(&url, postgres::config())
            .await
            .unwrap();
    }
}

/// Waiting does not mend it.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_role_or_database_is_refused_at_once() {
    let rules = std::env::temp_dir().join(format!("admittance-hba-{}", std::process::id()));
    std::fs::write(
        &rules,
        "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n",
    )
    .unwrap();
    let setting = format!("hba_file={}", rules.display());
    let server = tokio::task::spawn_blocking(move || Server::with(&[&setting]));
    let server = server.await.unwrap();
    let url = server.url("postgres");
    let mut other = Place::Postgres(url.clone()).other().await;
    other.run("CREATE ROLE exam LOGIN PASSWORD 'right'").await;
    let mut config = postgres::config();
    config.wait_at_start = std::time::Duration::from_secs(3600);
    for (user, database, reason) in [
        ("exam:canary", "postgres", "28P01 invalid_password"),
        ("absent:canary", "postgres", "28P01 invalid_password"),
        ("postgres", "absent", "3D000 invalid_catalog_name"),
    ] {
        let url = server
            .url(database)
            .replace("postgres@", &format!("{user}@"));
        let start = PostgresStore::connect(&url, config.clone());
        let start = tokio::time::timeout(std::time::Duration::from_secs(60), start).await;
        let shown = format!("{0} {0:?}", start.unwrap().unwrap_err());
        let expected = format!("the server refuses the connection: {reason}");
        assert!(shown.starts_with(&expected), "{shown}");
        assert!(!shown.contains("canary"), "{shown}");
    }
    std::fs::remove_file(rules).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_the_server_have_their_names() {
    let place = Place::postgres().await;
    let store = place.store().await;
    place
        .other()
        .await
        .run("DROP TABLE admittance_tokens")
        .await;
    let act = Act::InsertToken { number: 1, user: 1 };
    let error = act.on(&*store).await.unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(cause, "the statement failed: 42P01 undefined_table");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_in_no_error_of_a_start_and_not_in_what_shows_a_store() {
    let place = Place::postgres().await;
    let url = place.url().replace("postgres@", "postgres:canary@");
    let store = PostgresStore::connect(&url, postgres::config())
        .await
        .unwrap();
    assert!(!format!("{store:?} {store:#?}").contains("canary"));
    let nowhere = format!("{url}_absent");
    let error = PostgresStore::connect(&nowhere, postgres::config()).await;
    let error = error.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the server refuses the connection: 3D000 invalid_catalog_name"
    );
    assert!(
        !format!("{error:?} {error}").contains("canary"),
        "{error:?}"
    );
}

/// Fails unless a store over `place` refuses to start for want of the index.
async fn assert_missing(place: &Place, index: &str) {
    let wanted = place.shown(index);
    for migrations in [Migrations::Apply, Migrations::Verify] {
        let mut config = postgres::config();
        config.migrations = migrations;
        let started = place.start(config).await;
        assert!(
            matches!(&started, Err(StartError::MissingIndex { index }) if *index == wanted),
            "{wanted}: {started:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_unique_index_it_does_not_start() {
    let broken = [
        None,
        Some("CREATE INDEX admittance_users_email ON admittance_users (email_canonical)"),
        Some(
            "CREATE UNIQUE INDEX admittance_users_email ON admittance_users (email_canonical, name)",
        ),
        Some("CREATE UNIQUE INDEX admittance_users_email ON admittance_users (name)"),
        Some(
            "CREATE UNIQUE INDEX admittance_users_email ON admittance_users (email_canonical) \
             WHERE status = 'active'",
        ),
        Some(
            "CREATE UNIQUE INDEX admittance_users_email ON admittance_users (lower(email_canonical))",
        ),
    ];
    for index in broken {
        for place in Place::each().await {
            drop(place.store().await);
            let mut other = place.other().await;
            other.run("DROP INDEX admittance_users_email").await;
            if let Some(index) = index {
                other.run(index).await;
            }
            assert_missing(&place, "users_email").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_unique_index_of_identities_it_does_not_start() {
    let broken = [
        None,
        Some("CREATE INDEX mine ON admittance_user_identities (key)"),
        Some("CREATE UNIQUE INDEX mine ON admittance_user_identities (key, provider)"),
        Some("CREATE UNIQUE INDEX mine ON admittance_user_identities (subject)"),
        Some(
            "CREATE UNIQUE INDEX mine ON admittance_user_identities (key) WHERE email IS NOT NULL",
        ),
    ];
    for index in broken {
        for place in Place::each().await {
            drop(place.store().await);
            let mut other = place.other().await;
            other.run("DROP INDEX admittance_user_identities_key").await;
            if let Some(index) = index {
                other.run(index).await;
            }
            assert_missing(&place, "user_identities_key").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_unique_index_of_another_name_it_starts() {
    for place in Place::each().await {
        drop(place.store().await);
        let mut other = place.other().await;
        other.run("DROP INDEX admittance_users_email").await;
        other
            .run("CREATE UNIQUE INDEX mine ON admittance_users (email_canonical)")
            .await;
        place.store().await;
    }
}

/// Addresses are compared by bytes: two that a collation takes for one are two.
#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_are_not_compared_by_bytes_are_refused() {
    let place = Place::postgres().await;
    drop(place.store().await);
    let mut other = place.other().await;
    let any_case = "CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', \
                    deterministic = false)";
    other.run(any_case).await;
    other
        .run("ALTER TABLE admittance_users ALTER COLUMN email_canonical TYPE text COLLATE any_case")
        .await;
    let started = place.start(postgres::config()).await;
    assert!(
        matches!(started, Err(StartError::MissingIndex { .. })),
        "{started:?}"
    );

    let place = Place::sqlite();
    drop(place.store().await);
    let mut other = place.other().await;
    other.run("DROP INDEX admittance_users_email").await;
    other
        .run("CREATE UNIQUE INDEX admittance_users_email ON admittance_users (email_canonical COLLATE NOCASE)")
        .await;
    let started = place.start(postgres::config()).await;
    assert!(
        matches!(started, Err(StartError::MissingIndex { .. })),
        "{started:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_in_another_encoding_is_refused() {
    let place = Place::postgres().await;
    let name = format!("admittance_test_ascii_{}", std::process::id());
    let mut other = place.other().await;
    other.run(&format!("DROP DATABASE IF EXISTS {name}")).await;
    other
        .run(&format!(
            "CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'"
        ))
        .await;
    let (server, _) = place
        .url()
        .rsplit_once('/')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let started = PostgresStore::connect(&format!("{server}/{name}"), postgres::config()).await;
    assert!(matches!(started, Err(StartError::Encoding)), "{started:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_sync_is_refused() {
    let server = tokio::task::spawn_blocking(|| Server::with(&["fsync=off"]));
    let server = server.await.unwrap();
    let started = PostgresStore::connect(&server.url("postgres"), postgres::config()).await;
    assert!(
        matches!(started, Err(StartError::NotDurable)),
        "{started:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_is_refused() {
    let servers = tokio::task::spawn_blocking(|| {
        let primary = Server::fresh();
        let replica = primary.replica();
        (primary, replica)
    });
    let (primary, replica) = servers.await.unwrap();
    let started = PostgresStore::connect(&replica.url("postgres"), postgres::config()).await;
    assert!(matches!(started, Err(StartError::Replica)), "{started:?}");
    PostgresStore::connect(&primary.url("postgres"), postgres::config())
        .await
        .unwrap();
}

/// One whose transactions are read-only by default takes no writes either.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_reads_only_is_refused() {
    let place = Place::postgres().await;
    drop(place.store().await);
    let mut other = place.other().await;
    let name = other.texts("SELECT current_database()::text").await;
    let name = name.first().unwrap();
    other
        .run(&format!(
            "ALTER DATABASE {name} SET default_transaction_read_only = on"
        ))
        .await;
    for migrations in [Migrations::Apply, Migrations::Verify] {
        let mut config = postgres::config();
        config.migrations = migrations;
        let started = place.start(config).await;
        assert!(matches!(started, Err(StartError::ReadOnly)), "{started:?}");
    }
}
