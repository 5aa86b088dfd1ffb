//! Rate limits, and attempts that failed.
//!
//! The budgets that one act is counted in are kept in one record, under the key
//! of the last of them, so that one command decides on all of them together.

use std::time::Duration;

use ::mongodb::Collection;
use ::mongodb::bson::{Binary, Bson, Document, doc};
use async_trait::async_trait;

use super::document::{Record, binary, date};
use super::error::{contended, is_duplicate, store_error};
use super::{MongoStore, attempt};
use crate::limit::{Decision, Hit, LimitKey, Usage, decide_all};
use crate::lockout::{Attempt, LockoutPolicy};
use crate::store::client::Act;
use crate::store::{LimitStore, StoreError, are_few};
use crate::time::{CLOCK_SKEW, Timestamp};

/// How often an act is tried of which others get in front. Each time somebody
/// else's act was counted, so this many acts were decided meanwhile.
const TRIES: u32 = 64;

/// The field with the budgets of a record: an object that maps each key, in hex, to
/// its [`Usage`]. A flood can leave thousands of networks in one record; in an object an
/// act names its own budgets, where it would have to filter an array.
const BUDGETS: &str = "budgets_used";

/// The same of an earlier version, which knew no more than when each is whole again.
const EARLIER_BUDGETS: &str = "budgets_full_at";

/// The types of `used`, in milliseconds.
const NUMBER: [&str; 2] = ["int", "long"];

/// How often budgets that are whole again are removed from a record.
const BETWEEN_REMOVALS: Duration = Duration::from_secs(60);

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn key_of(hit: &Hit) -> Binary {
    binary(&hit.key.to_bytes())
}

/// The path of a budget.
fn path_of(hit: &Hit) -> String {
    format!("{BUDGETS}.{}", hit.key)
}

/// The values of a budget: `used` and `full_at`.
fn values_of(hit: &Hit) -> (String, String) {
    let path = path_of(hit);
    (format!("${path}.used"), format!("${path}.full_at"))
}

/// The usage in `kept`, or what is wrong with it.
fn usage(kept: &Bson) -> Result<Usage, &'static str> {
    let Bson::Document(kept) = kept else {
        return Err("has a value that is not an object");
    };
    let used = match kept.get("used") {
        Some(Bson::Int32(millis)) => i64::from(*millis),
        Some(Bson::Int64(millis)) => *millis,
        _ => return Err("has a use that is not an integer"),
    };
    let used = u64::try_from(used).map_err(|_| "has a use below zero")?;
    match kept.get("full_at") {
        Some(Bson::DateTime(at)) => Ok(Usage {
            used: Duration::from_millis(used),
            full_at: Timestamp::from_millis(at.timestamp_millis()),
        }),
        _ => Err("has a time that is not a date"),
    }
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
        let none = self.hits.iter().flat_map(|hit| {
            let path = path_of(hit);
            let (used, full_at) = (format!("{path}.used"), format!("{path}.full_at"));
            let room = hit.quota.window().saturating_sub(hit.quota.period());
            let is_used_up = doc! {
                &path: { "$exists": true },
                &used: { "$not": { "$lte": millis(room) } },
                &full_at: { "$not": { "$lte": date(self.now.saturating_add(room)) } },
            };
            let wrong = |field: &String, of_type: Bson| {
                doc! { &path: { "$exists": true }, field: { "$not": { "$type": of_type } } }
            };
            let below_zero = doc! { &used: { "$lt": 0 } };
            // `$lte` and `$type` look into arrays.
            let [list, of_uses, of_times] =
                [&path, &used, &full_at].map(|path| doc! { path: { "$type": "array" } });
            let [no_use, no_time] = [
                wrong(&used, NUMBER.to_vec().into()),
                wrong(&full_at, "date".into()),
            ];
            [
                is_used_up, no_use, no_time, below_zero, list, of_uses, of_times,
            ]
        });
        let none: Vec<Document> = [is_no_object, is_list].into_iter().chain(none).collect();
        doc! { "_id": self.id.clone(), "$nor": none }
    }

    /// Counts the act in every budget, as [`Quota::decide`](crate::limit::Quota::decide) says, and once a minute removes
    /// those whose [use is over](Usage::is_over).
    fn counted(&self) -> Vec<Document> {
        let now = date(self.now);
        let ahead = self.now.saturating_add(CLOCK_SKEW);
        let counted = self.hits.iter().map(|hit| {
            let (used, full_at) = values_of(hit);
            let act = millis(hit.quota.period());
            // Nothing is what `$min` and `$max` leave out, and what all else makes of nothing.
            let left = doc! { "$subtract": [&full_at, now] };
            let used_now = doc! { "$max": [0_i64, { "$min": [&used, left] }] };
            let used_then = doc! { "$add": [used_now, act] };
            let counted_at = doc! { "$max": [now, { "$subtract": [&full_at, &used] }] };
            let since = doc! { "$min": [counted_at, date(ahead)] };
            let full_at = doc! { "$add": [since, used_then.clone()] };
            let full_at = doc! { "$min": [full_at, date(Timestamp::MAX)] };
            let usage = doc! { "used": used_then, "full_at": full_at };
            (path_of(hit), Bson::from(usage))
        });
        let next = self.now.saturating_add(BETWEEN_REMOVALS);
        // A later time was set before the clock was turned back.
        let is_ahead = doc! { "$and": [
            { "$gt": ["$tidy_at", now] },
            { "$lte": ["$tidy_at", date(next.saturating_add(CLOCK_SKEW))] },
        ] };
        let unless_due = |ahead: Bson, due: Bson| doc! { "$cond": [is_ahead.clone(), ahead, due] };
        let all = doc! { "$objectToArray": format!("${BUDGETS}") };
        // What cannot be read is not removed, so that it is reported.
        let over = date(self.now.saturating_sub(CLOCK_SKEW));
        let is_kept = doc! { "$or": [
            { "$gt": ["$$budget.v.full_at", over] },
            { "$ne": [{ "$type": "$$budget.v.full_at" }, "date"] },
        ] };
        let kept = doc! { "$filter": { "input": all, "as": "budget", "cond": is_kept } };
        let latest = self.hits.iter().map(|hit| Bson::from(values_of(hit).1));
        let latest: Vec<Bson> = std::iter::once("$full_at".into()).chain(latest).collect();
        let of_kept =
            doc! { "$map": { "input": kept.clone(), "as": "budget", "in": "$$budget.v.full_at" } };
        vec![
            doc! { "$set": counted.collect::<Document>() },
            doc! { "$set": {
                BUDGETS: unless_due(
                    format!("${BUDGETS}").into(),
                    doc! { "$arrayToObject": kept }.into(),
                ),
                "tidy_at": unless_due("$tidy_at".into(), date(next).into()),
                EARLIER_BUDGETS: unless_due(
                    format!("${EARLIER_BUDGETS}").into(),
                    "$$REMOVE".into(),
                ),
                "full_at": unless_due(
                    doc! { "$max": latest }.into(),
                    doc! { "$max": of_kept }.into(),
                ),
            } },
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
        let budgets = self.hits.iter().map(|hit| {
            let kept = kept.and_then(|kept| kept.get(hit.key.to_string()));
            let usage = kept.map(usage).transpose();
            Ok((
                hit.quota,
                usage.map_err(|wrong| record.corrupt(BUDGETS, wrong))?,
            ))
        });
        let budgets = budgets.collect::<Result<Vec<_>, StoreError>>()?;
        let (held, decision) = decide_all(&budgets, self.now);
        if decision == Decision::Allowed {
            return Ok(None);
        }
        for ((hit, (_, far)), held) in self.hits.iter().zip(budgets).zip(held) {
            if let (Some(far), Some(held)) = (far, held)
                && held != far
            {
                self.hold(hit, far, held, act).await?;
            }
        }
        Ok(Some(decision))
    }

    /// Brings a usage nearer that a clock that was turned back has left far away, or that a
    /// wider quota allowed, unless it was changed since it was read.
    async fn hold(&self, hit: &Hit, far: Usage, held: Usage, act: Act) -> Result<(), StoreError> {
        let path = path_of(hit);
        let is_it = doc! {
            "_id": self.id.clone(),
            format!("{path}.used"): millis(far.used),
            format!("{path}.full_at"): date(far.full_at),
        };
        let held = doc! { "used": millis(held.used), "full_at": date(held.full_at) };
        let change = doc! { "$set": { path: held } };
        act.may_send()?;
        let changed = self.limits.update_one(is_it, change).await;
        changed.map(drop).map_err(store_error)
    }
}

/// Takes an act back in every budget of `hits`, as
/// [`Quota::give_back`](crate::limit::Quota::give_back) says.
async fn give_back(
    limits: &Collection<Document>,
    id: Binary,
    hits: &[Hit],
    act: Act,
) -> Result<(), StoreError> {
    let given_back = hits.iter().map(|hit| {
        let (used, full_at) = values_of(hit);
        let one = doc! { "$min": [&used, millis(hit.quota.period())] };
        let given_back = doc! {
            "used": { "$subtract": [&used, one.clone()] },
            "full_at": { "$subtract": [&full_at, one] },
        };
        let can_be_read = doc! { "$and": [
            { "$in": [{ "$type": used }, NUMBER.to_vec()] },
            { "$eq": [{ "$type": full_at }, "date"] },
        ] };
        let change = doc! { "$cond": [can_be_read, given_back, format!("${}", path_of(hit))] };
        (path_of(hit), Bson::from(change))
    });
    let given_back = doc! { "$set": given_back.collect::<Document>() };
    let filter = doc! { "_id": id, BUDGETS: { "$type": "object" } };
    act.may_send()?;
    let changed = limits.update_one(filter, vec![given_back]).await;
    changed.map(drop).map_err(store_error)
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

    async fn give_back(&self, hits: &[Hit]) -> Result<(), StoreError> {
        are_few(hits)?;
        let Some(last) = hits.last() else {
            return Ok(());
        };
        let limits = self.inner.limits.clone();
        let (id, hits) = (key_of(last), hits.to_vec());
        self.run(|act| async move { give_back(&limits, id, &hits, act).await })
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
