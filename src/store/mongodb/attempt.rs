//! Attempts that failed.

use std::time::Duration;

use ::mongodb::Collection;
use ::mongodb::bson::{Binary, Bson, Document, doc};
use ::mongodb::options::ReturnDocument;

use super::document::{Record, date};
use super::error::{contended, is_duplicate, store_error};
use crate::lockout::{Attempt, Attempts, LockoutPolicy};
use crate::store::StoreError;
use crate::time::Timestamp;

/// How often an attempt is made anew because another one's record came in
/// between. That can happen once for each time that the record is removed.
const TRIES: u32 = 64;

fn from_document(fields: &Document) -> Result<Attempts, StoreError> {
    let record = Record::unversioned("login attempts", fields);
    let count = u32::try_from(record.count("count")?)
        .map_err(|_| record.corrupt("count", "is too large"))?;
    Ok(Attempts {
        count,
        open_at: record.instant("open_at")?,
        forgotten_at: record.instant("forgotten_at")?,
    })
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

/// What [`LockoutPolicy::attempt`] keeps, for the server to do. The first stage
/// leaves `open_at` empty where the attempt is counted; the second fills it
/// from the count that the first has made.
fn counted(policy: &LockoutPolicy, now: Timestamp) -> Vec<Document> {
    let branches: Vec<Document> = policy
        .steps()
        .iter()
        .rev()
        .map(|step| {
            let reached = doc! { "$gte": ["$count", i64::from(step.failures)] };
            doc! { "case": reached, "then": date(now.saturating_add(step.wait)) }
        })
        .collect();
    let furthest_open = doc! { "$switch": { "branches": branches, "default": date(now) } };
    let furthest_forgotten = now.saturating_add(policy.forget_after());
    let held = doc! { "$min": ["$open_at", furthest_open.clone()] };
    let remembered = doc! { "$and": [
        { "$gt": ["$forgotten_at", date(now)] },
        furthest_forgotten > now,
    ] };
    let locked = doc! { "$and": [remembered.clone(), { "$gt": [held.clone(), date(now)] }] };
    let next = doc! { "$min": [{ "$add": ["$count", 1_i64] }, i64::from(u32::MAX)] };
    let furthest_forgotten = date(furthest_forgotten);
    let held_forgotten = doc! { "$min": ["$forgotten_at", furthest_forgotten] };
    vec![
        doc! { "$set": {
            "count": { "$switch": {
                "branches": [
                    { "case": locked.clone(), "then": "$count" },
                    { "case": remembered, "then": next },
                ],
                "default": 1_i64,
            } },
            "open_at": { "$cond": [locked.clone(), held, Bson::Null] },
            "forgotten_at": { "$cond": [locked, held_forgotten, furthest_forgotten] },
        } },
        doc! { "$set": { "open_at": { "$ifNull": ["$open_at", furthest_open] } } },
    ]
}

/// Counts an attempt in one command, and decides it from the record as it was
/// before that command: what is answered is what [`LockoutPolicy::attempt`]
/// says, and the server only keeps it.
pub(super) async fn attempt(
    attempts: &Collection<Document>,
    key: &Binary,
    policy: &LockoutPolicy,
    now: Timestamp,
    deadline: Duration,
) -> Result<Attempt, StoreError> {
    for _ in 0..TRIES {
        let before = attempts
            .find_one_and_update(readable(key), counted(policy, now))
            .upsert(true)
            .return_document(ReturnDocument::Before)
            .max_time(deadline)
            .await;
        match before {
            Ok(before) => {
                let kept = before.as_ref().map(from_document).transpose()?;
                return Ok(policy.attempt(kept, now).1);
            }
            Err(error) if is_duplicate(&error) => {}
            Err(error) => return Err(store_error(error)),
        }
        // There is a record after all: one that cannot be read, or one that
        // another attempt has made at the same time.
        let find = attempts.find_one(doc! { "_id": key.clone() });
        if let Some(fields) = find.max_time(deadline).await.map_err(store_error)? {
            from_document(&fields)?;
        }
    }
    Err(contended())
}

/// Forgets the attempts under `key`.
pub(super) async fn forgive(
    attempts: &Collection<Document>,
    key: &Binary,
) -> Result<(), StoreError> {
    let removed = attempts.delete_one(doc! { "_id": key.clone() }).await;
    removed.map(drop).map_err(store_error)
}
