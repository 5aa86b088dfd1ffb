//! Other programs that write to the same database.

use std::time::Duration;

use admittance::store::{Removal, StoreError};
use admittance::user::UserStatus;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use support::acts::{Act, State};
use support::methods::prepare;
use support::sample::*;

use crate::place::{Place, SqlStore};

fn removal() -> Act {
    Act::RemoveUser {
        state: State::of(1),
        which: Removal::Any,
    }
}

/// A table of the application's, with a row of user 1.
async fn essays(place: &Place, on_delete: &str) {
    let mut other = place.other().await;
    other
        .run(&format!(
            "CREATE TABLE essays (id integer PRIMARY KEY, \
             author text NOT NULL REFERENCES admittance_users (id) {on_delete}, title text)"
        ))
        .await;
    let insert = format!("INSERT INTO essays VALUES (1, '{}', 'On bees')", user_id(1));
    other.run(&insert).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_refers_to_a_user_goes_with_the_user_if_the_application_says_so() {
    for place in Place::each().await {
        let store = place.store().await;
        prepare(&*store).await;
        essays(&place, "ON DELETE CASCADE").await;
        assert_eq!(removal().on(&*store).await.unwrap(), "true");
        assert_eq!(place.other().await.count("essays").await, 0);
        assert_eq!(place.other().await.count("admittance_user_roles").await, 5);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_whom_the_application_still_refers_to_is_not_removed() {
    for on_delete in ["", "ON DELETE RESTRICT", "DEFERRABLE INITIALLY DEFERRED"] {
        for place in Place::each().await {
            let store = place.store().await;
            prepare(&*store).await;
            essays(&place, on_delete).await;
            let before = place.rows().await;
            for _ in 0..2 {
                let refused = removal().on(&*store).await;
                let Err(StoreError::Other(cause)) = refused else {
                    panic!("{on_delete}: {refused:?}")
                };
                let code = match place.is_postgres() {
                    true => "23503",
                    false => "SQLite 787",
                };
                let code = match on_delete {
                    "ON DELETE RESTRICT" if !place.is_postgres() => "SQLite 1811",
                    "ON DELETE RESTRICT" => "2",
                    _ => code,
                };
                assert!(cause.to_string().contains(code), "{on_delete}: {cause}");
            }
            assert_eq!(place.rows().await, before);
            // Once nothing refers to the user, it goes.
            place.other().await.run("DELETE FROM essays").await;
            assert_eq!(removal().on(&*store).await.unwrap(), "true");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_joins_to_users() {
    for place in Place::each().await {
        let store = place.store().await;
        prepare(&*store).await;
        essays(&place, "ON DELETE CASCADE").await;
        let joined = "SELECT e.title || ' by ' || u.name || ' ' || u.email_canonical || ' ' || r.role \
                      FROM essays AS e JOIN admittance_users AS u ON u.id = e.author \
                      JOIN admittance_user_roles AS r ON r.user_id = u.id";
        let rows = place.other().await.texts(joined).await;
        assert_eq!(rows, ["On bees by Zoë canary1@example.org student"]);
    }
}

/// An insertion by the application locks the user whom it refers to until it is committed.
#[tokio::test(flavor = "multi_thread")]
async fn an_open_transaction_that_refers_to_a_user_keeps_no_change_of_the_user_waiting() {
    let place = Place::postgres().await;
    let store = place.store().await;
    prepare(&*store).await;
    essays(&place, "ON DELETE CASCADE").await;
    let mut application = place.other().await;
    application
        .run(&format!(
            "BEGIN; INSERT INTO essays VALUES (2, '{}', 'On wasps')",
            user_id(1)
        ))
        .await;
    let mut impatient = place.other().await;
    impatient.run("SELECT 1").await;
    for act in [
        Act::SetStatus {
            user: 1,
            version: 0,
            status: UserStatus::Active,
        },
        Act::ChangeRoles {
            user: 1,
            version: 1,
            grant: Some(3),
            revoke: None,
        },
        Act::RecordLogin {
            user: 1,
            epoch: 0,
            device: None,
            now: 1,
        },
    ] {
        let answer = tokio::time::timeout(Duration::from_secs(30), act.on(&*store)).await;
        let answer = answer.unwrap_or_else(|_| panic!("{act:?} waits")).unwrap();
        assert!(!["false", "None None"].contains(&&*answer), "{act:?}");
    }
    application.run("COMMIT").await;
}

/// A recorder on this thread, on which everything runs.
fn record() -> (Snapshotter, metrics::LocalRecorderGuard<'static>) {
    let recorder: &'static DebuggingRecorder = Box::leak(Box::default());
    let snapshotter = recorder.snapshotter();
    (snapshotter, metrics::set_default_local_recorder(recorder))
}

fn contended(snapshotter: &Snapshotter) -> u64 {
    let all = snapshotter.snapshot().into_vec();
    let ours = all.into_iter().filter_map(|(key, _, _, value)| {
        let is_ours = key.key().name() == "admittance_store_contended_total";
        match value {
            DebugValue::Counter(count) if is_ours => Some(count),
            _ => None,
        }
    });
    ours.sum()
}

/// A transaction that began before another one has written fails at the isolation level
/// SERIALIZABLE, and so does a statement by itself.
#[tokio::test]
async fn a_serialization_failure_is_tried_again_and_counted() {
    let place = Place::postgres().await;
    let mut other = place.other().await;
    let name = other.texts("SELECT current_database()::text").await;
    let name = name.first().unwrap();
    other
        .run(&format!(
            "ALTER DATABASE {name} SET default_transaction_isolation = serializable"
        ))
        .await;
    let (snapshotter, _recording) = record();
    let store = place.store().await;
    prepare(&*store).await;
    contended(&snapshotter);
    let mut writer = place.other().await;
    writer
        .run("BEGIN; UPDATE admittance_attempts SET count = count")
        .await;
    let waits = tokio::spawn(async move { Act::Attempt { key: 2, now: 1 }.on(&*store).await });
    let locks = "pg_stat_activity WHERE datname = current_database() \
                 AND wait_event_type = 'Lock'";
    while other.count(locks).await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    writer.run("COMMIT").await;
    let answer = waits.await.unwrap().unwrap();
    assert!(answer.contains("count: 2"), "{answer}");
    assert_eq!(contended(&snapshotter), 1);
}

/// The store finds out about a deadlock a second after it has begun to wait. Where the other
/// one has begun later, there is none for it to find, and the next round has other keys.
#[tokio::test]
async fn a_deadlock_is_tried_again_and_counted() {
    let place = Place::postgres().await;
    let (snapshotter, _recording) = record();
    let store = place.store().await;
    for key in (100..).step_by(2) {
        contended(&snapshotter);
        let both = Act::HitBoth { key, now: 0 };
        both.on(&*store).await.unwrap();
        let answer = in_a_deadlock(&place, &store, &both).await;
        assert_eq!(answer.unwrap(), "Allowed");
        if contended(&snapshotter) > 0 {
            // It was counted once: of three, one is left.
            assert_eq!(both.on(&*store).await.unwrap(), "Allowed");
            assert!(both.on(&*store).await.unwrap().starts_with("Refused"));
            return;
        }
    }
}

/// The answer to an act on two budgets of which another transaction has the second, and then
/// wants the first.
async fn in_a_deadlock(place: &Place, store: &SqlStore, both: &Act) -> Result<String, StoreError> {
    let (mut writer, mut other) = (place.other().await, place.other().await);
    let newest = "SELECT encode(key, 'hex') FROM (SELECT key FROM admittance_limits \
                  ORDER BY xmin::text::bigint DESC LIMIT 2) AS newest ORDER BY key";
    let keys = other.texts(newest).await;
    let [first, second] = &keys[..] else {
        panic!("{keys:?}")
    };
    let lock = |key: &str| {
        format!("SELECT 1 FROM admittance_limits WHERE key = decode('{key}', 'hex') FOR UPDATE")
    };
    // This one never finds out that it is in a deadlock, so that the store does.
    writer
        .run("SET deadlock_timeout = '1h'; SET lock_timeout = '5s'; BEGIN")
        .await;
    writer.run(&lock(second)).await;
    let (store, both) = (store.clone(), both.clone());
    let waits = tokio::spawn(async move { both.on(&*store).await });
    let locks = "pg_stat_activity WHERE datname = current_database() \
                 AND wait_event_type = 'Lock'";
    while other.count(locks).await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let _ = writer.try_to_run(&lock(first)).await;
    writer.run("ROLLBACK").await;
    waits.await.unwrap()
}

#[tokio::test]
async fn a_busy_sqlite_file_is_tried_again_and_counted() {
    let place = Place::sqlite();
    let (snapshotter, _recording) = record();
    let store = place.store().await;
    prepare(&*store).await;
    contended(&snapshotter);
    for act in [
        Act::Attempt { key: 2, now: 1 },
        Act::HitBoth { key: 20, now: 0 },
    ] {
        let mut writer = place.other().await;
        writer.run("BEGIN IMMEDIATE").await;
        let (waits, held) = (act.clone(), store.clone());
        let waits = tokio::spawn(async move { waits.on(&*held).await });
        while contended(&snapshotter) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        writer.run("COMMIT").await;
        waits.await.unwrap().unwrap();
    }
}
