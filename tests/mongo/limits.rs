//! The documents of limits.

use std::collections::BTreeMap;

use mongodb::Database;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Document, doc};

use crate::documents::{assert_corrupt, prepared};
use crate::sample::*;
use support::acts::Act;

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
        Bson::from(doc! { &name: DateTime::from_millis(0) }),
        Bson::from(doc! { &name: [DateTime::from_millis(0)] }),
        Bson::from(doc! { &name: [usage(1000, 0)] }),
        Bson::from(doc! { &name: { "used": 1000_i64 } }),
        Bson::from(doc! { &name: { "full_at": DateTime::from_millis(0) } }),
        Bson::from(doc! { &name: usage(-1, 0) }),
        Bson::from(doc! { &name: { "used": 0.5, "full_at": DateTime::from_millis(0) } }),
        Bson::from(doc! { &name: { "used": [1_i64], "full_at": DateTime::from_millis(0) } }),
        Bson::from(doc! { &name: { "used": 1_i64, "full_at": [DateTime::from_millis(0)] } }),
    ] {
        limits
            .update_one(id.clone(), doc! { "$set": { BUDGETS: budgets } })
            .await
            .unwrap();
        assert_corrupt(&store, &hit, "rate limit", BUDGETS).await;
    }
}

const BUDGETS: &str = "budgets_used";

fn usage(used: i64, full_at: i64) -> Document {
    doc! { "used": used, "full_at": DateTime::from_millis(full_at) }
}

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
    let period = u32::try_from(quota().period().as_secs()).unwrap();
    // Each with how many acts are used, and when it is whole.
    let usages = |budgets: &[(u32, i64, u32)]| -> BTreeMap<String, Bson> {
        let budget = |(number, acts, seconds): &(u32, i64, u32)| {
            let used = acts * i64::from(period) * 1000;
            let usage = doc! { "used": used, "full_at": date(*seconds) };
            (hex(*number), usage.into())
        };
        budgets.iter().map(budget).collect()
    };
    for act in [
        Act::HitBoth { key: 30, now: 0 },
        Act::HitBoth { key: 31, now: 0 },
    ] {
        act.on(&store).await.unwrap();
    }
    let (budgets, end) = kept_limit(&database, 1015).await;
    assert_eq!(
        budgets,
        usages(&[(30, 1, period), (31, 1, period), (1015, 2, 2 * period)])
    );
    assert_eq!(end, date(2 * period));
    // The time at which the act was counted stays.
    Act::GiveBack { key: 31, now: 0 }.on(&store).await.unwrap();
    let (budgets, end) = kept_limit(&database, 1015).await;
    assert_eq!(
        budgets,
        usages(&[(30, 1, period), (31, 0, 0), (1015, 1, period)])
    );
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
        usages(&[
            (30, 1, period),
            (31, 1, soon + period),
            (1015, 1, soon + period)
        ])
    );
    assert_eq!(end, date(soon + period));
    // A minute later a write removes budgets that have recovered for every clock.
    for (later, stays) in [(59 + period, true), (60 + 10 * period, false)] {
        let now = later;
        Act::HitBoth { key: 31, now }.on(&store).await.unwrap();
        let (mut budgets, end) = kept_limit(&database, 1015).await;
        if stays {
            assert!(budgets.remove(&hex(30)).is_some());
        }
        assert_eq!(
            budgets,
            usages(&[(31, 1, later + period), (1015, 1, later + period)])
        );
        assert_eq!(end, date(later + period));
    }
}

/// An instance of an earlier version counts by itself until it is upgraded, and then once a
/// minute what it has left behind is removed.
#[tokio::test(flavor = "multi_thread")]
async fn the_budgets_of_an_earlier_version_are_removed() {
    let (database, store) = prepared().await;
    let limits = database.collection::<Document>("admittance_rate_limits");
    let id = doc! { "_id": binary(&key(1).to_bytes()) };
    Act::Hit { key: 1, now: 0 }.on(&store).await.unwrap();
    let earlier = doc! { hex(1): DateTime::from_millis(at(500).as_millis()) };
    let set = doc! { "$set": { "budgets_full_at": earlier } };
    limits.update_one(id.clone(), set).await.unwrap();
    for (now, stays) in [(1, true), (600, false)] {
        let hit = Act::Hit { key: 1, now };
        assert_eq!(hit.on(&store).await.unwrap(), "Allowed");
        let kept = limits.find_one(id.clone()).await.unwrap().unwrap();
        assert_eq!(kept.contains_key("budgets_full_at"), stays);
    }
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
