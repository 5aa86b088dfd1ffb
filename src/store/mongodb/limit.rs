//! Rate limits, and attempts that failed.
//!
//! The budgets that one act is counted in are kept in one record, under the key
//! of the last of them, so that one command decides on all of them together.

use ::mongodb::Collection;
use ::mongodb::bson::{Binary, Bson, DateTime, Document, doc};
use async_trait::async_trait;

use super::act::Act;
use super::document::{Record, binary, date};
use super::error::{contended, is_duplicate, store_error};
use super::{MongoStore, attempt};
use crate::limit::{Decision, Hit, LimitKey, Quota, decide_all};
use crate::lockout::{Attempt, LockoutPolicy};
use crate::store::{LimitStore, StoreError, are_few};
use crate::time::Timestamp;

/// How often an act is tried of which others get in front. Each time somebody
/// else's act was counted, so this many acts were decided meanwhile.
const TRIES: u32 = 64;

/// The budgets of a record: none in a new one, and none in one of the first
/// version, which had a single budget.
fn kept() -> Document {
    doc! { "$ifNull": ["$budgets", []] }
}

fn key_of(hit: &Hit) -> Binary {
    binary(&hit.key.to_bytes())
}

fn millis(quota: Quota) -> i64 {
    i64::try_from(quota.period().as_millis()).unwrap_or(i64::MAX)
}

/// The latest of the times in `budgets`.
fn latest(budgets: impl Into<Bson>) -> Document {
    doc! { "$max": { "$map": { "input": budgets, "as": "budget", "in": "$$budget.full_at" } } }
}

/// The budgets of `input` that are not whole yet at `now`.
fn in_use(input: impl Into<Bson>, now: DateTime) -> Document {
    let counts = doc! { "$gt": ["$$budget.full_at", now] };
    doc! { "$filter": { "input": input, "as": "budget", "cond": counts } }
}

/// The end of each update: whole budgets are dropped, and the record lives as
/// long as the last of the others.
fn tidied(now: DateTime) -> Vec<Document> {
    vec![
        doc! { "$set": { "budgets": in_use("$budgets", now) } },
        doc! { "$set": { "full_at": { "$ifNull": [latest("$budgets"), now] } } },
    ]
}

/// One act, in the budgets of one record.
struct Group<'a> {
    limits: &'a Collection<Document>,
    id: Binary,
    hits: &'a [Hit],
    now: Timestamp,
}

impl Group<'_> {
    /// What fits the record if every budget has room, which is the decision of
    /// [`decide_all`]. A record that cannot be read does not fit either, so that
    /// it is reported instead of written over.
    fn has_room(&self) -> Document {
        let is_no_list = doc! { "budgets": { "$exists": true, "$not": { "$type": "array" } } };
        let used_up = self.hits.iter().map(|hit| {
            let (window, period) = (hit.quota.window(), hit.quota.period());
            let last = self.now.saturating_add(window).saturating_sub(period);
            let full_at = doc! { "$not": { "$lte": date(last) } };
            doc! { "budgets": { "$elemMatch": { "k": key_of(hit), "full_at": full_at } } }
        });
        let none: Vec<Document> = std::iter::once(is_no_list).chain(used_up).collect();
        doc! { "_id": self.id.clone(), "$nor": none }
    }

    /// Counts the act in every budget.
    fn counted(&self) -> Vec<Document> {
        let now = date(self.now);
        let keys: Vec<Binary> = self.hits.iter().map(key_of).collect();
        let is_other = doc! { "$not": [{ "$in": ["$$budget.k", keys] }] };
        let others = doc! { "$filter": { "input": kept(), "as": "budget", "cond": is_other } };
        let counted: Vec<Document> = self
            .hits
            .iter()
            .map(|hit| {
                let is_it = doc! { "$eq": ["$$budget.k", key_of(hit)] };
                let it = doc! { "$filter": { "input": kept(), "as": "budget", "cond": is_it } };
                let before = doc! { "$max": [latest(it), now] };
                doc! { "k": key_of(hit), "full_at": { "$add": [before, millis(hit.quota)] } }
            })
            .collect();
        let all = doc! { "$concatArrays": [others, counted] };
        let mut update = vec![doc! { "$set": { "budgets": all } }];
        update.extend(tidied(now));
        update
    }

    /// Counts the act if every budget has room for it. Returns whether it did.
    ///
    /// A record without room does not fit the filter, so the server tries to
    /// insert another one under the same key, and that the primary index refuses.
    async fn count(&self, act: Act) -> Result<bool, StoreError> {
        act.may_send()?;
        let update = self.limits.update_one(self.has_room(), self.counted());
        match update.upsert(true).await {
            Ok(_) => Ok(true),
            Err(error) if is_duplicate(&error) => Ok(false),
            Err(error) => Err(store_error(error)),
        }
    }

    /// A projection to the budgets of the act and to entries without a key, which
    /// [`full_at`] reports as corrupt. A record can hold the budgets of thousands
    /// of networks, and a refusal does not read those of the others.
    fn own_budgets(&self) -> Document {
        let keys: Vec<Binary> = self.hits.iter().map(key_of).collect();
        let is_own = doc! { "$in": ["$$budget.k", keys] };
        let has_no_key = doc! { "$ne": [{ "$type": "$$budget.k" }, "binData"] };
        let is_wanted = doc! { "$or": [is_own, has_no_key] };
        let own = doc! { "$filter": { "input": "$budgets", "as": "budget", "cond": is_wanted } };
        doc! { "budgets": { "$cond": [{ "$isArray": "$budgets" }, own, "$budgets"] } }
    }

    /// For how long an act that was refused has to wait; `None` when there is
    /// room by now.
    async fn wait(&self, act: Act) -> Result<Option<Decision>, StoreError> {
        let find = self.limits.find_one(doc! { "_id": self.id.clone() });
        let find = find.projection(self.own_budgets()).max_time(act.left()?);
        let found = find.await.map_err(store_error)?;
        let Some(fields) = found else {
            return Ok(None);
        };
        let kept = full_at(&fields)?;
        let kept = |key: LimitKey| {
            let key = key.to_bytes();
            let found = kept.iter().find(|(other, _)| *other == key);
            found.map(|(_, full_at)| *full_at)
        };
        let budgets: Vec<_> = self
            .hits
            .iter()
            .map(|hit| (hit.quota, kept(hit.key)))
            .collect();
        let (held, decision) = decide_all(&budgets, self.now);
        if decision == Decision::Allowed {
            return Ok(None);
        }
        for ((hit, (_, full_at)), held) in self.hits.iter().zip(budgets).zip(held) {
            if let Some(full_at) = full_at.filter(|full_at| held < *full_at) {
                self.hold(hit, full_at, held, act).await?;
            }
        }
        Ok(Some(decision))
    }

    /// Holds a budget to one window that a clock that was turned back has left
    /// further away, unless it was changed since it was read.
    async fn hold(
        &self,
        hit: &Hit,
        far: Timestamp,
        held: Timestamp,
        act: Act,
    ) -> Result<(), StoreError> {
        let is_it = doc! { "$and": [
            { "$eq": ["$$budget.k", key_of(hit)] },
            { "$eq": ["$$budget.full_at", date(far)] },
        ] };
        let held = doc! { "k": key_of(hit), "full_at": date(held) };
        let change = doc! { "$cond": [is_it, held, "$$budget"] };
        self.change_each(change, act).await
    }

    /// Puts `change` of each budget in its place.
    async fn change_each(&self, change: Document, act: Act) -> Result<(), StoreError> {
        let changed = doc! { "$map": { "input": "$budgets", "as": "budget", "in": change } };
        let mut update = vec![doc! { "$set": { "budgets": changed } }];
        update.extend(tidied(date(self.now)));
        let filter = doc! { "_id": self.id.clone(), "budgets": { "$type": "array" } };
        act.may_send()?;
        let changed = self.limits.update_one(filter, update).await;
        changed.map(drop).map_err(store_error)
    }

    /// Takes the act back in every budget, as [`Quota::give_back`] says.
    async fn give_back(&self, act: Act) -> Result<(), StoreError> {
        let branches: Vec<Document> = self
            .hits
            .iter()
            .map(|hit| {
                let earlier = doc! { "$subtract": ["$$budget.full_at", millis(hit.quota)] };
                let earlier = doc! { "$max": [earlier, date(self.now)] };
                let is_it = doc! { "$eq": ["$$budget.k", key_of(hit)] };
                doc! { "case": is_it, "then": { "k": "$$budget.k", "full_at": earlier } }
            })
            .collect();
        let change = doc! { "$switch": { "branches": branches, "default": "$$budget" } };
        self.change_each(change, act).await
    }
}

/// The budgets of a record: their keys, and when they are whole again.
fn full_at(fields: &Document) -> Result<Vec<([u8; 16], Timestamp)>, StoreError> {
    let record = Record::unversioned("rate limit", fields);
    let mut budgets = Vec::new();
    for budget in record.optional_list("budgets")?.unwrap_or_default() {
        let fields = budget.as_document();
        let fields = fields.ok_or_else(|| record.corrupt("budgets", "has something else"))?;
        let budget = record.part("budgets", fields);
        budgets.push((budget.bytes("k")?, budget.instant("full_at")?));
    }
    Ok(budgets)
}

#[async_trait]
impl LimitStore for MongoStore {
    async fn hit_all(&self, hits: &[Hit], now: Timestamp) -> Result<Decision, StoreError> {
        are_few(hits)?;
        let Some(last) = hits.last() else {
            return Ok(Decision::Allowed);
        };
        let limits = self.inner.limits.clone();
        let (id, hits) = (key_of(last), hits.to_vec());
        self.run(|act| async move {
            let group = Group {
                limits: &limits,
                id,
                hits: &hits,
                now,
            };
            for _ in 0..TRIES {
                if group.count(act).await? {
                    return Ok(Decision::Allowed);
                }
                if let Some(refused) = group.wait(act).await? {
                    return Ok(refused);
                }
            }
            Err(contended())
        })
        .await
    }

    async fn give_back(&self, hits: &[Hit], now: Timestamp) -> Result<(), StoreError> {
        are_few(hits)?;
        let Some(last) = hits.last() else {
            return Ok(());
        };
        let limits = self.inner.limits.clone();
        let (id, hits) = (key_of(last), hits.to_vec());
        self.run(|act| async move {
            let group = Group {
                limits: &limits,
                id,
                hits: &hits,
                now,
            };
            group.give_back(act).await
        })
        .await
    }

    async fn attempt(
        &self,
        key: LimitKey,
        policy: &LockoutPolicy,
        now: Timestamp,
    ) -> Result<Attempt, StoreError> {
        let attempts = self.inner.attempts.clone();
        let (key, policy) = (binary(&key.to_bytes()), policy.clone());
        self.run(|act| async move { attempt::attempt(&attempts, &key, &policy, now, act).await })
            .await
    }

    async fn forgive(&self, key: LimitKey, until: Timestamp) -> Result<(), StoreError> {
        let attempts = self.inner.attempts.clone();
        let key = binary(&key.to_bytes());
        self.run(|act| async move { attempt::forgive(&attempts, &key, until, act).await })
            .await
    }
}
