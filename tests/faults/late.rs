//! Every write of every operation, delivered late: after acts on the same
//! records were acknowledged. And every method of the store under every fault,
//! over each database.

use std::collections::BTreeSet;

use crate::scene::{OPS, Op, Scene};
use crate::sweep::{self, usual_on};
use crate::truth::Truth;
use support::faulty::{FAULTS, Fault};

/// Reads, which may be as late as they like.
const READS: [&str; 10] = [
    "user",
    "user_by_email",
    "user_by_identity",
    "users",
    "has_other",
    "session",
    "sessions_of",
    "token",
    "tokens_of",
    "events_of",
];

/// The store under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Where {
    Memory,
    Sqlite,
    Postgres,
    MongoDb,
}

impl Where {
    pub(crate) async fn fresh(self) -> Truth {
        match self {
            Self::Memory => Truth::memory(),
            Self::Sqlite => Truth::sqlite().await,
            Self::Postgres => Truth::postgres().await,
            Self::MongoDb => Truth::mongodb().await,
        }
    }
}

async fn deliver_late(truth: Truth, op: Op, call: usize) {
    let scene = Scene::on(op, truth).await;
    scene.bed.store.inject(call, Fault::Late);
    let answer = scene.operation().await;
    scene.bed.auth.flush_mail().await;
    scene.bed.auth.flush_events().await;
    let late = scene.bed.store.late().unwrap();
    scene.bed.store.calm();
    if let Err(error) = &answer {
        scene.check_error(error);
    }
    let later = scene.go_on().await;
    // The store's answer has no receiver any more.
    drop(late.await);
    scene.assert_stands(&later).await;
}

async fn each_write_late(place: Where) {
    let (mut writes, mut truth) = (0, place.fresh().await);
    for op in OPS {
        // The calls of an operation are the same in every store.
        let usual = usual_on(op, Truth::memory()).await;
        for (index, name) in usual.calls.iter().enumerate() {
            if READS.contains(name) {
                continue;
            }
            println!("{place:?}, {op:?}: call {} ({name}) is late", index + 1);
            deliver_late(truth.clone(), op, index + 1).await;
            truth = truth.emptied().await;
            writes += 1;
        }
    }
    println!("{place:?}: {writes} writes delivered late (I12), 0 violations");
    assert!(writes >= 150, "{writes}");
}

#[tokio::test]
async fn i12_a_write_that_is_delivered_late_undoes_nothing_in_memory() {
    each_write_late(Where::Memory).await;
}

#[tokio::test]
async fn i12_a_write_that_is_delivered_late_undoes_nothing_in_mongodb() {
    each_write_late(Where::MongoDb).await;
}

#[tokio::test]
async fn i12_a_write_that_is_delivered_late_undoes_nothing_in_sqlite() {
    each_write_late(Where::Sqlite).await;
}

#[tokio::test]
async fn i12_a_write_that_is_delivered_late_undoes_nothing_in_postgres() {
    each_write_late(Where::Postgres).await;
}

#[tokio::test]
async fn asvs_2_3_3_each_method_of_the_store_under_each_fault_in_mongodb() {
    each_method(Where::MongoDb).await;
}

#[tokio::test]
async fn asvs_2_3_3_each_method_of_the_store_under_each_fault_in_sqlite() {
    each_method(Where::Sqlite).await;
}

#[tokio::test]
async fn asvs_2_3_3_each_method_of_the_store_under_each_fault_in_postgres() {
    each_method(Where::Postgres).await;
}

/// The sweep over every operation runs in memory. Here each method of the store
/// meets each fault once, in an operation that calls it.
async fn each_method(place: Where) {
    let (mut seen, mut faults) = (BTreeSet::new(), 0);
    let mut truth = place.fresh().await;
    for op in OPS {
        let usual = usual_on(op, Truth::memory()).await;
        for (index, name) in usual.calls.iter().enumerate() {
            if !seen.insert(*name) {
                continue;
            }
            for fault in FAULTS {
                println!(
                    "{place:?}, {op:?}: {fault:?} at call {} ({name})",
                    index + 1
                );
                let scene = Scene::on(op, truth.clone()).await;
                sweep::run(scene, op, &usual, index + 1, fault).await;
                truth = truth.emptied().await;
                faults += 1;
            }
        }
    }
    println!(
        "{place:?}: {} methods × {} = {faults} faults, 0 violations",
        seen.len(),
        FAULTS.len()
    );
    assert!(faults >= 150, "{faults}");
}
