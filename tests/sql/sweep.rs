//! Removing what has expired.

use std::time::Duration;

use admittance::limit::{Decision, Hit};
use admittance::time::Timestamp;
use support::sample::*;

use crate::place::{Other, Place};

/// The tables with what expires, and how many rows each is given of both kinds.
const EXPIRING: [&str; 5] = ["sessions", "tokens", "audit_log", "limits", "attempts"];

/// The beginning of an hour, which is that of rows of number `hour`. Sessions, budgets and
/// attempts go an hour later than they have to, so they end an hour earlier here.
fn hour(hour: u32) -> Timestamp {
    at(hour * 3600)
}

/// Rows of the numbers 0 to `count - 1`, of each kind, which go at the beginning of the hour
/// after their number.
async fn fill(place: &Place, count: u32) {
    let store = place.store().await;
    for number in 0..count {
        let mut live = session(number, number % 7);
        live.expires_at = hour(number);
        let _ = store.insert_session(&live).await.unwrap();
        let mut link = token(number, number % 7);
        link.expires_at = hour(number + 1);
        let _ = store.insert_token(&link).await.unwrap();
        let mut event = event(number, number % 7);
        event.expires_at = hour(number + 1);
        let _ = store.append_event(&event, 10_000).await.unwrap();
    }
    let mut other = place.other().await;
    for number in 0..count {
        let key = match place.is_postgres() {
            true => format!("decode(lpad('{number}', 32, '0'), 'hex')"),
            false => format!("CAST(printf('%016d', {number}) AS blob)"),
        };
        let end = hour(number).as_millis();
        other
            .run(&format!(
                "INSERT INTO admittance_limits VALUES ({key}, 0, {end}); \
                 INSERT INTO admittance_attempts VALUES ({key}, 1, {end}, {end}, {end}, TRUE)"
            ))
            .await;
    }
}

async fn left(other: &mut Other) -> Vec<u32> {
    let mut left = Vec::new();
    for table in EXPIRING {
        left.push(other.count(&format!("admittance_{table}")).await);
    }
    left
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_expired_goes_in_batches_and_nothing_live_goes() {
    for place in Place::each().await {
        fill(&place, 100).await;
        let store = place.store().await;
        let mut other = place.other().await;
        // What expired less than a minute ago stays: another clock may be behind.
        assert_eq!(store.sweep(at(3600 + 59), 10).await.unwrap(), 0);
        assert_eq!(left(&mut other).await, [100; 5]);
        // Those of the numbers 0 to 24.
        let now = at(25 * 3600 + 60);
        for (removed, rest) in [(50, 90), (50, 80), (25, 75), (0, 75)] {
            assert_eq!(store.sweep(now, 10).await.unwrap(), removed);
            assert_eq!(left(&mut other).await, [rest; 5]);
        }
        for (table, column, last) in [
            ("sessions", "expires_at", 24),
            ("tokens", "expires_at", 25),
            ("audit_log", "expires_at", 25),
            ("limits", "full_at", 24),
            ("attempts", "forgotten_at", 24),
        ] {
            let expired = format!(
                "admittance_{table} WHERE {column} <= {}",
                hour(last).as_millis()
            );
            assert_eq!(other.count(&expired).await, 0, "{table}");
        }
        assert_eq!(store.sweep(now, 0).await.unwrap(), 0);
    }
}

/// On PostgreSQL: SQLite has one writer at a time.
#[tokio::test(flavor = "multi_thread")]
async fn locked_rows_are_skipped_without_waiting() {
    let place = Place::postgres().await;
    fill(&place, 20).await;
    let (store, mut user) = (place.store().await, place.other().await);
    user.run("BEGIN").await;
    for table in EXPIRING {
        user.run(&format!(
            "SELECT 1 FROM admittance_{table} ORDER BY 1 LIMIT 1 FOR UPDATE"
        ))
        .await;
    }
    let sweep = tokio::time::timeout(Duration::from_secs(60), store.sweep(hour(1000), 100));
    assert_eq!(sweep.await.unwrap().unwrap(), 5 * 19);
    user.run("COMMIT").await;
    assert_eq!(store.sweep(hour(1000), 100).await.unwrap(), 5);
    assert_eq!(left(&mut user).await, [0; 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_sweepers_at_once_remove_everything_once_and_no_more_than_their_batches() {
    for place in Place::each().await {
        fill(&place, 200).await;
        let mut sweepers = Vec::new();
        for _ in 0..4 {
            let store = place.store().await;
            sweepers.push(tokio::spawn(async move {
                let mut removed = 0;
                // One that finds the rows in use by another may stop early.
                for _ in 0..30 {
                    let batch = store.sweep(hour(1000), 10).await.unwrap();
                    assert!(batch <= 50, "{batch}");
                    removed += batch;
                }
                removed
            }));
        }
        let mut removed = 0;
        for sweeper in sweepers {
            removed += sweeper.await.unwrap();
        }
        assert_eq!(removed, 5 * 200);
        assert_eq!(left(&mut place.other().await).await, [0; 5]);
    }
}

/// The planner may put the search for what has expired on either side of a join, and do it
/// more than once: whatever it does, no more goes than was asked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_a_batch_whatever_the_planner_does() {
    for off in [
        // The search runs once for each expired row.
        "enable_hashagg = off; SET enable_sort = off; SET enable_material = off; \
         SET enable_hashjoin = off; SET enable_mergejoin = off",
        "enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off",
        "enable_nestloop = off; SET enable_hashagg = off",
        "enable_indexscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; \
         SET enable_mergejoin = off; SET enable_hashagg = off; SET enable_sort = off",
    ] {
        let place = Place::postgres().await;
        fill(&place, 30).await;
        let mut other = place.other().await;
        let name = other.texts("SELECT current_database()::text").await;
        let name = name.first().unwrap();
        for setting in off.split("; ") {
            let setting = setting.trim_start_matches("SET ");
            other
                .run(&format!("ALTER DATABASE {name} SET {setting}"))
                .await;
        }
        let store = place.store().await;
        for rest in [29, 28, 27] {
            assert_eq!(store.sweep(hour(1000), 1).await.unwrap(), 5, "{off}");
            assert_eq!(left(&mut other).await, [rest; 5], "{off}");
        }
    }
}

/// What a sweep takes away another act may be about to use: then one of the two wins.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_refreshed_while_it_is_swept_stays() {
    for place in Place::each().await {
        let store = place.store().await;
        let mut live = session(1, 1);
        live.expires_at = at(7196);
        live.absolute_expires_at = at(100_000);
        let _ = store.insert_session(&live).await.unwrap();
        let rotated = store.rotate(live.id, 0, POLICY, at(7195)).await.unwrap();
        assert!(matches!(rotated, admittance::session::Rotation::Rotated(_)));
        // In the hour after that in which it would have ended.
        assert_eq!(store.sweep(at(7290), 10).await.unwrap(), 0);
        assert!(store.session(live.id, at(7290)).await.unwrap().is_some());
    }
}

/// The row of a budget that is whole goes between the two statements by which an act finds
/// it and locks it: the act counts nevertheless.
#[tokio::test(flavor = "multi_thread")]
async fn a_budget_that_is_swept_while_an_act_counts_in_it_is_counted() {
    let place = Place::postgres().await;
    let store = place.store().await;
    let both = [1, 2].map(|number| Hit {
        key: key(number),
        quota: quota(),
    });
    let mut keys = both.map(|hit| hit.key.to_bytes());
    keys.sort_unstable();
    let [first, second] =
        keys.map(|key| -> String { key.iter().map(|byte| format!("{byte:02x}")).collect() });
    let mut other = place.other().await;
    // The insertion of the second row waits; that of the first has found one by then.
    other
        .run(&format!(
            "INSERT INTO admittance_limits VALUES (decode('{first}', 'hex'), 0, 0); \
             CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                 PERFORM pg_advisory_xact_lock(42); RETURN NEW; END $$; \
             CREATE TRIGGER wait BEFORE INSERT ON admittance_limits FOR EACH ROW \
                 WHEN (NEW.key = decode('{second}', 'hex')) EXECUTE FUNCTION wait()"
        ))
        .await;
    let mut holder = place.other().await;
    holder.run("SELECT pg_advisory_lock(42)").await;
    let held = store.clone();
    let waits = tokio::spawn(async move { held.hit_all(&both, at(0)).await.unwrap() });
    let locks = "pg_stat_activity WHERE datname = current_database() \
                 AND wait_event_type = 'Lock'";
    while other.count(locks).await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(store.sweep(at(100), 10).await.unwrap(), 1);
    holder.run("SELECT pg_advisory_unlock(42)").await;
    assert_eq!(waits.await.unwrap(), Decision::Allowed);
    // Of three, two are left in each.
    for number in [1, 2] {
        let (key, quota) = (key(number), quota());
        let hits = [Hit { key, quota }];
        for _ in 0..2 {
            let decision = store.hit_all(&hits, at(0)).await.unwrap();
            assert_eq!(decision, Decision::Allowed, "{number}");
        }
        let decision = store.hit_all(&hits, at(0)).await.unwrap();
        assert_ne!(decision, Decision::Allowed, "{number}");
    }
}
