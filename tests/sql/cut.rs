//! A connection that is cut at any point of any act: the act is done once or not at all, and
//! the store goes on.

use std::time::Duration;

use admittance::store::StoreError;
use admittance::store::sql::PostgresStore;
use support::acts::Act;
use support::methods::{every_method, prepare};
use support::postgres;
use support::sample::*;
use support::wire::{Cut, Wire};

use crate::place::{Other, Place, TABLES};

/// One act for each method, and those that take other ways through the store.
fn acts() -> Vec<Act> {
    let mut acts: Vec<Act> = every_method().into_iter().map(|(_, act)| act).collect();
    acts.extend([
        Act::TakeToken {
            number: 1,
            purpose: purpose(1),
            now: 1,
        },
        Act::Attempt { key: 2, now: 1 },
        Act::AppendEvent {
            number: 2,
            user: 1,
            keep: 1,
        },
        Act::EndOldestSessions {
            user: 1,
            epoch: 0,
            keep: 1,
            now: 1,
        },
    ]);
    // The state in which each finds the tables is that of the beginning.
    for act in &mut acts {
        if let Act::UpdateProfile { version, .. }
        | Act::SetStatus { version, .. }
        | Act::ChangeRoles { version, .. } = act
        {
            *version = 0;
        }
        if let Act::UnlinkIdentity { version, .. } = act {
            *version = 1;
        }
    }
    acts
}

/// A database of which the beginning is kept.
struct Ground {
    place: Place,
    other: Other,
}

impl Ground {
    async fn new() -> Self {
        let place = Place::postgres().await;
        prepare(&*place.store().await).await;
        let mut other = place.other().await;
        for table in TABLES {
            other
                .run(&format!(
                    "CREATE TABLE kept_{table} AS TABLE admittance_{table}; \
                     ALTER TABLE kept_{table} DROP COLUMN IF EXISTS expiry_hour"
                ))
                .await;
        }
        Self { place, other }
    }

    /// Puts back the beginning.
    async fn reset(&mut self) {
        let tables = TABLES.map(|table| format!("admittance_{table}"));
        let mut script = format!("TRUNCATE {};", tables.join(", "));
        for table in TABLES {
            script += &format!("INSERT INTO admittance_{table} TABLE kept_{table};");
        }
        self.other.run(&script).await;
    }

    async fn rows(&mut self) -> Vec<String> {
        let mut rows = Vec::new();
        for table in TABLES {
            rows.extend(self.other.rows(&format!("admittance_{table}")).await);
        }
        rows
    }

    /// Waits until no connection is in the middle of anything.
    async fn settle(&mut self) {
        let open = "pg_stat_activity WHERE datname = current_database() \
                    AND pid <> pg_backend_pid() AND state <> 'idle'";
        while self.other.count(open).await > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_act_whose_connection_is_cut_is_done_once_or_not_at_all_and_can_be_repeated() {
    let mut ground = Ground::new().await;
    let wire = Wire::before(&ground.place.url()).await;
    let mut config = postgres::config();
    // So that the act after a cut finds a new connection, not another old one.
    config.max_connections = 1;
    let store = PostgresStore::connect(wire.url(), config).await.unwrap();
    let direct = ground.place.store().await;
    let mut cuts = 0;
    for act in acts() {
        ground.reset().await;
        let never = ground.rows().await;
        act.on(&*direct).await.unwrap();
        let once = ground.rows().await;
        act.on(&*direct).await.unwrap();
        let twice = ground.rows().await;
        for how in [Cut::Before, Cut::Within, Cut::After] {
            for trips in 0.. {
                ground.reset().await;
                wire.cut(trips, how);
                let answer = act.on(&store).await;
                if wire.is_whole() {
                    answer.unwrap();
                    break;
                }
                cuts += 1;
                let at = format!("{act:?} cut {how:?} round trip {trips}");
                assert!(
                    matches!(
                        answer,
                        Err(StoreError::Unavailable(_) | StoreError::Timeout)
                    ),
                    "{at}: {answer:?}"
                );
                ground.settle().await;
                let after = ground.rows().await;
                assert!(after == never || after == once, "{at}: {after:#?}");
                assert!(
                    how == Cut::After || after == never,
                    "{at}: done, though it was not asked for"
                );
                // The pool has recovered.
                act.on(&store).await.unwrap();
                let repeated = ground.rows().await;
                let expected = if after == never { &once } else { &twice };
                assert_eq!(&repeated, expected, "{at}, and repeated");
            }
        }
    }
    println!("cut at {cuts} points");
    assert!(cuts > 200, "{cuts}");
}

/// A caller that goes away, too, leaves no transaction behind in a connection that others use.
#[tokio::test(flavor = "multi_thread")]
async fn callers_who_go_away_leave_no_open_transaction() {
    let mut ground = Ground::new().await;
    let store = ground.place.store().await;
    for act in acts() {
        // Polled once, so that the act has begun, and dropped.
        let begun = tokio::time::timeout(Duration::ZERO, act.on(&*store)).await;
        assert!(begun.is_err() || begun.unwrap().is_ok());
    }
    ground.settle().await;
    let open = "pg_stat_activity WHERE datname = current_database() \
                AND state LIKE 'idle in transaction%'";
    assert_eq!(ground.other.count(open).await, 0);
    Act::User(1).on(&*store).await.unwrap();
}
