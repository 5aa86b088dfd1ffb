//! The documents of limits.

use mongodb::Database;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Document, doc};

use crate::acts::Act;
use crate::documents::{assert_corrupt, prepared};
use crate::sample::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_corrupt_limit_refuses() {
    let (database, store) = prepared().await;
    let hit = Act::Hit { key: 1, now: 0 };
    hit.on(&store).await.unwrap();
    let limits = database.collection::<Document>("rate_limits");
    let id = doc! { "_id": binary(&key(1).to_bytes()) };
    let later = DateTime::from_millis(at(1_000_000).as_millis());
    let used_up = doc! { "k": binary(&key(1).to_bytes()), "full_at": later };
    for (budgets, field) in [
        (Bson::from("soon"), "budgets"),
        (Bson::Null, "budgets"),
        (
            Bson::from(vec![
                doc! { "k": binary(&key(1).to_bytes()), "full_at": "soon" },
            ]),
            "budgets.full_at",
        ),
        (
            Bson::from(vec![doc! { "k": binary(&key(1).to_bytes()) }]),
            "budgets.full_at",
        ),
        (
            Bson::from(vec![used_up.clone(), doc! { "full_at": later }]),
            "budgets.k",
        ),
        (
            Bson::from(vec![Bson::from(used_up.clone()), Bson::from("soon")]),
            "budgets",
        ),
    ] {
        limits
            .update_one(id.clone(), doc! { "$set": { "budgets": budgets } })
            .await
            .unwrap();
        assert_corrupt(&store, &hit, "rate limit", field).await;
    }
}

fn binary(bytes: &[u8]) -> Binary {
    Binary {
        subtype: BinarySubtype::Generic,
        bytes: bytes.to_vec(),
    }
}

/// The stored limit: its budgets, in any order, and its expiry.
async fn kept_limit(database: &Database, number: u32) -> (Vec<(Bson, Bson)>, Bson) {
    let limits = database.collection::<Document>("rate_limits");
    let id = doc! { "_id": binary(&key(number).to_bytes()) };
    let kept = limits.find_one(id).await.unwrap().unwrap();
    let mut budgets: Vec<(Bson, Bson)> = kept
        .get_array("budgets")
        .unwrap()
        .iter()
        .map(|budget| {
            let budget = budget.as_document().unwrap();
            (budget["k"].clone(), budget["full_at"].clone())
        })
        .collect();
    budgets.sort_by_key(|(key, _)| format!("{key:?}"));
    (budgets, kept.get("full_at").unwrap().clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_budgets_of_a_group_share_one_record_while_in_use() {
    let (database, store) = prepared().await;
    let date = |seconds| Bson::DateTime(DateTime::from_millis(at(seconds).as_millis()));
    let full_at = |numbers: &[(u32, u32)]| {
        let budget = |(number, seconds): &(u32, u32)| {
            (binary(&key(*number).to_bytes()).into(), date(*seconds))
        };
        let mut budgets: Vec<(Bson, Bson)> = numbers.iter().map(budget).collect();
        budgets.sort_by_key(|(key, _)| format!("{key:?}"));
        budgets
    };
    let period = u32::try_from(quota().period().as_secs()).unwrap();
    for act in [
        Act::HitBoth { key: 30, now: 0 },
        Act::HitBoth { key: 31, now: 1 },
    ] {
        act.on(&store).await.unwrap();
    }
    let (budgets, end) = kept_limit(&database, 1015).await;
    assert_eq!(
        budgets,
        full_at(&[(30, period), (31, 1 + period), (1015, 2 * period)])
    );
    assert_eq!(end, date(2 * period));
    Act::GiveBack { key: 31, now: 1 }.on(&store).await.unwrap();
    let (budgets, end) = kept_limit(&database, 1015).await;
    assert_eq!(budgets, full_at(&[(30, period), (1015, period)]));
    assert_eq!(end, date(period));
    // The next write removes budgets that have recovered.
    let later = 10 * period;
    Act::HitBoth {
        key: 31,
        now: later,
    }
    .on(&store)
    .await
    .unwrap();
    let (budgets, end) = kept_limit(&database, 1015).await;
    assert_eq!(
        budgets,
        full_at(&[(31, later + period), (1015, later + period)])
    );
    assert_eq!(end, date(later + period));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_without_budgets_counts_as_unused() {
    let (database, store) = prepared().await;
    let limits = database.collection::<Document>("rate_limits");
    let date = DateTime::from_millis(at(500).as_millis());
    limits
        .insert_one(doc! { "_id": binary(&key(1).to_bytes()), "full_at": date })
        .await
        .unwrap();
    let hit = Act::Hit { key: 1, now: 0 };
    assert_eq!(hit.on(&store).await.unwrap(), "Allowed");
    let (budgets, _) = kept_limit(&database, 1).await;
    assert_eq!(budgets.len(), 1);
}

/// A record can hold the budgets of thousands of networks. A refusal reads none of
/// the others.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_reads_only_the_budgets_of_the_act() {
    let (database, store) = prepared().await;
    Act::HitBoth { key: 31, now: 0 }.on(&store).await.unwrap();
    let hit = Act::HitBoth { key: 30, now: 0 };
    let mut answer = hit.on(&store).await.unwrap();
    while answer == "Allowed" {
        answer = hit.on(&store).await.unwrap();
    }
    let limits = database.collection::<Document>("rate_limits");
    let other = doc! {
        "_id": binary(&key(1015).to_bytes()),
        "budgets.k": binary(&key(31).to_bytes()),
    };
    let canary = doc! { "$set": { "budgets.$.full_at": "canary" } };
    let changed = limits.update_one(other, canary).await.unwrap();
    assert_eq!(changed.modified_count, 1);
    assert_eq!(hit.on(&store).await.unwrap(), answer);
}
