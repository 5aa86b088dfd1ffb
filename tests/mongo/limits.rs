//! The documents of limits.

use std::collections::BTreeMap;

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
    let limits = database.collection::<Document>("admittance_rate_limits");
    let id = doc! { "_id": binary(&key(1).to_bytes()) };
    let name = hex(1);
    for budgets in [
        Bson::from("soon"),
        Bson::Null,
        Bson::from(vec![doc! { &name: "soon" }]),
        Bson::from(doc! { &name: "soon" }),
        Bson::from(doc! { &name: Bson::Null }),
        Bson::from(doc! { &name: { "at": 1 } }),
        Bson::from(doc! { &name: [DateTime::from_millis(0)] }),
    ] {
        limits
            .update_one(id.clone(), doc! { "$set": { BUDGETS: budgets } })
            .await
            .unwrap();
        assert_corrupt(&store, &hit, "rate limit", BUDGETS).await;
    }
}

const BUDGETS: &str = "budgets_full_at";

fn binary(bytes: &[u8]) -> Binary {
    Binary {
        subtype: BinarySubtype::Generic,
        bytes: bytes.to_vec(),
    }
}

/// The name of a budget in its record.
fn hex(number: u32) -> String {
    let bytes = key(number).to_bytes();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The stored limit: its budgets, and its expiry.
async fn kept_limit(database: &Database, number: u32) -> (BTreeMap<String, Bson>, Bson) {
    let limits = database.collection::<Document>("admittance_rate_limits");
    let id = doc! { "_id": binary(&key(number).to_bytes()) };
    let kept = limits.find_one(id).await.unwrap().unwrap();
    let budgets = kept.get_document(BUDGETS).unwrap().clone();
    let full_at = kept.get("full_at").unwrap().clone();
    (budgets.into_iter().collect(), full_at)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_budgets_of_a_group_share_one_record_while_in_use() {
    let (database, store) = prepared().await;
    let date = |seconds| Bson::DateTime(DateTime::from_millis(at(seconds).as_millis()));
    let full_at = |numbers: &[(u32, u32)]| -> BTreeMap<String, Bson> {
        let budget = |(number, seconds): &(u32, u32)| (hex(*number), date(*seconds));
        numbers.iter().map(budget).collect()
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
    assert_eq!(end, date(2 * period), "an expiry may be late, not early");
    // A write within a minute leaves budgets that have recovered.
    let soon = 1 + period;
    assert!(soon < 60);
    Act::HitBoth { key: 31, now: soon }
        .on(&store)
        .await
        .unwrap();
    let (budgets, end) = kept_limit(&database, 1015).await;
    assert_eq!(
        budgets,
        full_at(&[(30, period), (31, soon + period), (1015, soon + period)])
    );
    assert_eq!(end, date(soon + period));
    // A minute later a write removes budgets that have recovered.
    let later = 60 + 10 * period;
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
    let limits = database.collection::<Document>("admittance_rate_limits");
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
    let limits = database.collection::<Document>("admittance_rate_limits");
    let other = doc! {
        "_id": binary(&key(1015).to_bytes()),
    };
    let canary = doc! { "$set": { format!("{BUDGETS}.{}", hex(31)): "canary" } };
    let changed = limits.update_one(other, canary).await.unwrap();
    assert_eq!(changed.modified_count, 1);
    assert_eq!(hit.on(&store).await.unwrap(), answer);
}
