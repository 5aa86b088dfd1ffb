//! A database of the first migration keeps working.

use admittance::store::sql::{Migrations, StartError};
use admittance::store::{IdentityLink, InsertUser, Removal};
use support::postgres;
use support::sample::*;

use crate::place::Place;

/// The tables as the first migration made them, with an account and a role.
async fn of_version_1() -> [Place; 2] {
    let places = Place::each().await;
    for place in &places {
        let script = match place {
            Place::Sqlite(_) => {
                include_str!("../../src/store/sql/migrations/sqlite/0001_accounts.sql")
            }
            Place::Postgres(_) => {
                include_str!("../../src/store/sql/migrations/postgres/0001_accounts.sql")
            }
        };
        let mut other = place.other().await;
        other.run(script).await;
        let id = user_id(1);
        other
            .run(&format!(
                "INSERT INTO admittance_users VALUES ('{id}', 'Canary1@Example.org', \
                 'canary1@example.org', 'Zo\u{eb}', '$canary-hash$1', 4102444800000, NULL, FALSE, \
                 '{{\"level\":\"B2\"}}', '{{}}', NULL, 'active', 2, 1, 3, ''); \
                 INSERT INTO admittance_user_roles VALUES ('{id}', 'student')"
            ))
            .await;
    }
    places
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_the_first_migration_goes_on_working() {
    for place in of_version_1().await {
        let mut config = postgres::config();
        config.migrations = Migrations::Verify;
        let started = place.start(config).await;
        assert!(
            matches!(
                started,
                Err(StartError::MissingMigrations {
                    found: 1,
                    needed: 2
                })
            ),
            "{started:?}"
        );

        let store = place.store().await;
        let ann = store.user(user_id(1)).await.unwrap().unwrap();
        assert!(ann.identities.is_empty());
        assert_eq!((ann.version, ann.roles.len()), (3, 1));
        assert_eq!(ann.preferences.as_map()["level"], "B2");
        let login = store.record_login(ann.id, 2, Some(device(1)), None, at(1));
        assert!(login.await.unwrap());
        let linked = store.link_identity(ann.id, 3, &identity(1)).await;
        assert_eq!(linked.unwrap(), IdentityLink::Linked);
        let found = store.user_by_identity(&identity(1).key()).await.unwrap();
        let found = found.unwrap();
        assert_eq!((found.id, found.version), (ann.id, 4));
        let mut bob = user(2);
        bob.identities = [identity(1)].into_iter().collect();
        let inserted = store.insert_user(&bob).await.unwrap();
        assert_eq!(inserted, InsertUser::IdentityTaken);
        let state = found.exact_state();
        assert!(store.remove_user(&state, Removal::Any).await.unwrap());
        assert_eq!(place.rows().await, Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_the_applications_that_a_migration_would_make_is_refused() {
    for place in of_version_1().await {
        let mut other = place.other().await;
        other
            .run("CREATE TABLE admittance_user_identities (mine text)")
            .await;
        for migrations in [Migrations::Apply, Migrations::Verify] {
            let mut config = postgres::config();
            config.migrations = migrations;
            let started = place.start(config).await;
            assert!(
                matches!(&started, Err(StartError::ForeignTable { table })
                    if *table == place.shown("user_identities")),
                "{started:?}"
            );
        }
        let notes = other.texts("SELECT value FROM admittance_meta").await;
        assert_eq!(notes, ["1"]);
    }
}
