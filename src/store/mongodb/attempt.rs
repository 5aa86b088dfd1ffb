//! Attempts that failed.

use ::mongodb::Collection;
use ::mongodb::bson::{Binary, Document, doc};
use ::mongodb::options::ReturnDocument;

use super::document::{Record, date};
use super::error::{contended, is_duplicate, store_error};
use crate::lockout::{Attempt, Attempts, LockoutPolicy};
use crate::store::StoreError;
use crate::store::client::Act;
use crate::time::{CLOCK_SKEW, Timestamp};

/// How often an attempt is made anew because the record came or went in
/// between. Each time somebody else's first attempt or success was acknowledged.
const TRIES: u32 = 16;

pub(super) fn to_document(key: &Binary, kept: Attempts) -> Document {
    doc! {
        "_id": key.clone(),
        "count": i64::from(kept.count),
        "open_at": date(kept.open_at),
        "forgotten_at": date(kept.forgotten_at),
        "last_at": date(kept.last_at),
        "decision": "allowed",
    }
}

pub(super) fn from_record(record: &Record<'_>) -> Result<Attempts, StoreError> {
    let count = u32::try_from(record.count("count")?)
        .map_err(|_| record.corrupt("count", "is too large"))?;
    Ok(Attempts {
        count,
        open_at: record.instant("open_at")?,
        forgotten_at: record.instant("forgotten_at")?,
        last_at: record.missing_instant("last_at")?,
    })
}

pub(super) fn record(fields: &Document) -> Record<'_> {
    Record::unversioned("login attempts", fields)
}

/// What fits the record of `key` if it can be read. One that cannot does not
/// fit, so that it is reported instead of written over.
fn readable(key: &Binary) -> Document {
    doc! {
        "_id": key.clone(),
        "count": { "$type": ["int", "long"], "$gte": 0, "$lte": i64::from(u32::MAX) },
        "open_at": { "$type": "date" },
        "forgotten_at": { "$type": "date" },
    }
}

/// What [`LockoutPolicy::attempt`] does, for the server to do on a record that
/// is there. The first stage holds what a clock that was turned back has left
/// in the future to what the table and clocks that differ explain; the second decides, and the decision
/// stays in the record, which is how it comes back together with the record as
/// it is after the act; the third counts.
fn counted(policy: &LockoutPolicy, now: Timestamp) -> Vec<Document> {
    let opens = |now: Timestamp| {
        let steps = policy.steps().iter().rev().map(|step| {
            let reached = doc! { "$gte": ["$count", i64::from(step.failures)] };
            doc! { "case": reached, "then": date(now.saturating_add(step.wait)) }
        });
        let branches: Vec<Document> = steps.collect();
        doc! { "$switch": { "branches": branches, "default": date(now) } }
    };
    let forgets = |now: Timestamp| date(now.saturating_add(policy.forget_after()));
    let ahead = now.saturating_add(CLOCK_SKEW);
    let remembered = doc! { "$gt": ["$forgotten_at", date(now)] };
    let locked = doc! { "$and": [remembered.clone(), { "$gt": ["$open_at", date(now)] }] };
    let allowed = doc! { "$eq": ["$decision", "allowed"] };
    let next = doc! { "$min": [{ "$add": ["$count", 1_i64] }, i64::from(u32::MAX)] };
    let next = doc! { "$cond": [remembered, next, 1_i64] };
    vec![
        doc! { "$set": {
            "open_at": { "$min": ["$open_at", opens(ahead)] },
            "forgotten_at": { "$min": ["$forgotten_at", forgets(ahead)] },
        } },
        doc! { "$set": { "decision": { "$cond": [locked, "locked", "allowed"] } } },
        doc! { "$set": { "count": { "$cond": [allowed.clone(), next, "$count"] } } },
        doc! { "$set": {
            "open_at": { "$cond": [allowed.clone(), opens(now), "$open_at"] },
            "forgotten_at": { "$cond": [allowed.clone(), forgets(now), "$forgotten_at"] },
        } },
        doc! { "$set": { "last_at": { "$cond": [allowed, date(now), "$last_at"] } } },
    ]
}

fn decision(
    fields: &Document,
    policy: &LockoutPolicy,
    now: Timestamp,
) -> Result<Attempt, StoreError> {
    let record = record(fields);
    let kept = from_record(&record)?;
    match record.text("decision")? {
        "allowed" => Ok(Attempt::Allowed {
            count: kept.count,
            locks_for: policy.wait_after(kept.count),
        }),
        "locked" => Ok(Attempt::Locked {
            retry_after: kept.open_at.saturating_since(now),
        }),
        _ => Err(record.corrupt("decision", "is none that was asked for")),
    }
}

/// Counts an attempt: the first one by an insertion, which is all that an
/// ordinary login needs, and any other by an update of the record that stands
/// in its way.
pub(super) async fn attempt(
    attempts: &Collection<Document>,
    key: &Binary,
    policy: &LockoutPolicy,
    now: Timestamp,
    act: Act,
) -> Result<Attempt, StoreError> {
    let (kept, first) = policy.attempt(None, now);
    for _ in 0..TRIES {
        act.may_send()?;
        match attempts.insert_one(to_document(key, kept)).await {
            Ok(_) => return Ok(first),
            Err(error) if is_duplicate(&error) => {}
            Err(error) => return Err(store_error(error)),
        }
        let after = attempts
            .find_one_and_update(readable(key), counted(policy, now))
            .return_document(ReturnDocument::After)
            .max_time(act.left()?)
            .await
            .map_err(store_error)?;
        if let Some(fields) = after {
            return decision(&fields, policy, now);
        }
        // It cannot be read, or a success has just removed it.
        let find = attempts.find_one(doc! { "_id": key.clone() });
        if let Some(fields) = find.max_time(act.left()?).await.map_err(store_error)? {
            from_record(&record(&fields))?;
        }
    }
    Err(contended())
}

/// Forgets the attempts under `key`, unless one was let through after `until`.
/// A record without the time of the last attempt counts as expired.
pub(super) async fn forgive(
    attempts: &Collection<Document>,
    key: &Binary,
    until: Timestamp,
    act: Act,
) -> Result<(), StoreError> {
    let not_later = doc! { "$not": { "$gt": date(until) } };
    act.may_send()?;
    let filter = doc! { "_id": key.clone(), "last_at": not_later };
    let removed = attempts.delete_one(filter).await;
    removed.map(drop).map_err(store_error)
}
