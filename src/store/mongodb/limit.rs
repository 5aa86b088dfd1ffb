//! Rate limits, and attempts that failed.
//!
//! The budgets that one act is counted in are kept in one record, under the key
//! of the last of them, so that one command decides on all of them together.

use std::time::Duration;

use ::mongodb::Collection;
use ::mongodb::bson::{Binary, Bson, Document, doc};
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

/// The field with the budgets of a record: an object that maps each key, in hex, to
/// the time at which its budget is whole again. A flood can leave thousands of
/// networks in one record; in an object an act names its own budgets, where it would
/// have to filter an array.
const BUDGETS: &str = "budgets_full_at";

/// How often budgets that are whole again are removed from a record.
const BETWEEN_REMOVALS: Duration = Duration::from_secs(60);

fn millis(quota: Quota) -> i64 {
    i64::try_from(quota.period().as_millis()).unwrap_or(i64::MAX)
}

fn key_of(hit: &Hit) -> Binary {
    binary(&hit.key.to_bytes())
}

/// The path of a budget.
fn path_of(hit: &Hit) -> String {
    format!("{BUDGETS}.{}", hit.key)
}

/// The value at the path of a budget.
fn value_of(hit: &Hit) -> String {
    format!("${}", path_of(hit))
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
        let is_no_object = doc! { BUDGETS: { "$exists": true, "$not": { "$type": "object" } } };
        // To the server, an array of objects has the type "object" as well.
        let is_list = doc! { BUDGETS: { "$type": "array" } };
        let used_up = self.hits.iter().map(|hit| {
            let (window, period) = (hit.quota.window(), hit.quota.period());
            let last = self.now.saturating_add(window).saturating_sub(period);
            doc! { path_of(hit): { "$exists": true, "$not": { "$lte": date(last) } } }
        });
        // `$lte` looks into arrays.
        let lists = self.hits.iter();
        let lists = lists.map(|hit| doc! { path_of(hit): { "$type": "array" } });
        let broken = [is_no_object, is_list].into_iter().chain(lists);
        let none: Vec<Document> = broken.chain(used_up).collect();
        doc! { "_id": self.id.clone(), "$nor": none }
    }

    /// Counts the act in every budget, and once a minute removes those that are whole.
    fn counted(&self) -> Vec<Document> {
        let now = date(self.now);
        let counted = self.hits.iter().map(|hit| {
            let before = doc! { "$max": [value_of(hit), now] };
            let full_at = doc! { "$add": [before, millis(hit.quota)] };
            (path_of(hit), Bson::from(full_at))
        });
        let next = date(self.now.saturating_add(BETWEEN_REMOVALS));
        // A later time was set before the clock was turned back.
        let is_ahead = doc! { "$and": [
            { "$gt": ["$tidy_at", now] },
            { "$lte": ["$tidy_at", next] },
        ] };
        let unless_due = |ahead: Bson, due: Bson| doc! { "$cond": [is_ahead.clone(), ahead, due] };
        let all = doc! { "$objectToArray": format!("${BUDGETS}") };
        // What cannot be read is not removed, so that it is reported.
        let is_kept = doc! { "$or": [
            { "$gt": ["$$budget.v", now] },
            { "$ne": [{ "$type": "$$budget.v" }, "date"] },
        ] };
        let kept = doc! { "$filter": { "input": all, "as": "budget", "cond": is_kept } };
        let latest = self.hits.iter().map(|hit| Bson::from(value_of(hit)));
        let latest: Vec<Bson> = std::iter::once("$full_at".into()).chain(latest).collect();
        let of_kept =
            doc! { "$map": { "input": kept.clone(), "as": "budget", "in": "$$budget.v" } };
        vec![
            doc! { "$set": counted.collect::<Document>() },
            doc! { "$set": {
                BUDGETS: unless_due(
                    format!("${BUDGETS}").into(),
                    doc! { "$arrayToObject": kept }.into(),
                ),
                "tidy_at": unless_due("$tidy_at".into(), next.into()),
                "full_at": unless_due(
                    doc! { "$max": latest }.into(),
                    doc! { "$max": of_kept }.into(),
                ),
            } },
            // The field of an earlier version.
            doc! { "$unset": "budgets" },
        ]
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

    /// For how long an act that was refused has to wait; `None` when there is
    /// room by now.
    async fn wait(&self, act: Act) -> Result<Option<Decision>, StoreError> {
        let own = self.hits.iter().map(|hit| (path_of(hit), Bson::from(1)));
        let mut own: Document = own.collect();
        // If the field is no object, the paths show nothing of it.
        own.insert("type", doc! { "$type": format!("${BUDGETS}") });
        let find = self.limits.find_one(doc! { "_id": self.id.clone() });
        let find = find.projection(own).max_time(act.left()?);
        let Some(fields) = find.await.map_err(store_error)? else {
            return Ok(None);
        };
        let record = Record::unversioned("rate limit", &fields);
        let kept = match record.text("type")? {
            "missing" => None,
            "object" => Some(record.object(BUDGETS)?),
            _ => return Err(record.corrupt(BUDGETS, "is not an object")),
        };
        let full_at = |hit: &Hit| match kept.and_then(|kept| kept.get(hit.key.to_string())) {
            None => Ok(None),
            Some(Bson::DateTime(at)) => Ok(Some(Timestamp::from_millis(at.timestamp_millis()))),
            Some(_) => Err(record.corrupt(BUDGETS, "has a value that is not a date")),
        };
        let budgets = self.hits.iter();
        let budgets = budgets.map(|hit| Ok((hit.quota, full_at(hit)?)));
        let budgets = budgets.collect::<Result<Vec<_>, StoreError>>()?;
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
        let is_it = doc! { "_id": self.id.clone(), path_of(hit): date(far) };
        let change = doc! { "$set": { path_of(hit): date(held) } };
        act.may_send()?;
        let changed = self.limits.update_one(is_it, change).await;
        changed.map(drop).map_err(store_error)
    }

    /// Takes the act back in every budget, as [`Quota::give_back`] says.
    async fn give_back(&self, act: Act) -> Result<(), StoreError> {
        let now = date(self.now);
        let given_back = self.hits.iter().map(|hit| {
            let earlier = doc! { "$subtract": [value_of(hit), millis(hit.quota)] };
            let is_used = doc! { "$gt": [earlier.clone(), now] };
            let given_back = doc! { "$cond": [is_used, earlier, "$$REMOVE"] };
            let is_date = doc! { "$eq": [{ "$type": value_of(hit) }, "date"] };
            let change = doc! { "$cond": [is_date, given_back, value_of(hit)] };
            (path_of(hit), Bson::from(change))
        });
        let given_back = doc! { "$set": given_back.collect::<Document>() };
        let filter = doc! { "_id": self.id.clone(), BUDGETS: { "$type": "object" } };
        act.may_send()?;
        let changed = self.limits.update_one(filter, vec![given_back]).await;
        changed.map(drop).map_err(store_error)
    }
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
