//! Rate limits, and attempts that failed.

use ::mongodb::Collection;
use ::mongodb::bson::{Binary, Document, doc};
use async_trait::async_trait;

use super::document::{Record, binary, date};
use super::error::{contended, is_duplicate, store_error};
use super::{MongoStore, attempt};
use crate::limit::{Decision, LimitKey, Quota};
use crate::lockout::{Attempt, LockoutPolicy};
use crate::store::{LimitStore, StoreError};
use crate::time::Timestamp;

/// How often an act is tried of which others get in front. Each time somebody
/// else's act was counted, so this many acts were decided meanwhile.
const ATTEMPTS: u32 = 64;

/// Counts the act if the quota has room for it, and says whether it had.
///
/// The filter is the decision of [`Quota::decide`]. A record without room does
/// not fit it, so the server tries to insert another one under the same key,
/// and that the primary index refuses.
async fn count(
    limits: &Collection<Document>,
    key: &Binary,
    quota: Quota,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let last = now
        .saturating_add(quota.window())
        .saturating_sub(quota.period());
    let period = i64::try_from(quota.period().as_millis()).unwrap_or(i64::MAX);
    let filter = doc! { "_id": key.clone(), "full_at": { "$lte": date(last) } };
    let counted = doc! { "$add": [{ "$max": ["$full_at", date(now)] }, period] };
    let update = vec![doc! { "$set": { "full_at": counted } }];
    match limits.update_one(filter, update).upsert(true).await {
        Ok(_) => Ok(true),
        Err(error) if is_duplicate(&error) => Ok(false),
        Err(error) => Err(store_error(error)),
    }
}

/// For how long an act that was refused has to wait; `None` when there is room
/// by now.
async fn wait(
    limits: &Collection<Document>,
    key: &Binary,
    quota: Quota,
    now: Timestamp,
) -> Result<Option<Decision>, StoreError> {
    let found = limits.find_one(doc! { "_id": key.clone() }).await;
    let Some(fields) = found.map_err(store_error)? else {
        return Ok(None);
    };
    let full_at = Record::unversioned("rate limit", &fields).instant("full_at")?;
    let (held, decision) = quota.decide(Some(full_at), now);
    if decision == Decision::Allowed {
        return Ok(None);
    }
    if held < full_at {
        // Left by a clock that was turned back: held to one window.
        let filter = doc! { "_id": key.clone(), "full_at": date(full_at) };
        let update = doc! { "$set": { "full_at": date(held) } };
        limits
            .update_one(filter, update)
            .await
            .map_err(store_error)?;
    }
    Ok(Some(decision))
}

#[async_trait]
impl LimitStore for MongoStore {
    async fn hit(
        &self,
        key: LimitKey,
        quota: Quota,
        now: Timestamp,
    ) -> Result<Decision, StoreError> {
        let limits = self.inner.limits.clone();
        let key = binary(&key.to_bytes());
        self.run(async move {
            for _ in 0..ATTEMPTS {
                if count(&limits, &key, quota, now).await? {
                    return Ok(Decision::Allowed);
                }
                if let Some(refused) = wait(&limits, &key, quota, now).await? {
                    return Ok(refused);
                }
            }
            Err(contended())
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
        let deadline = self.inner.deadline;
        let (key, policy) = (binary(&key.to_bytes()), policy.clone());
        self.run(async move { attempt::attempt(&attempts, &key, &policy, now, deadline).await })
            .await
    }

    async fn forgive(&self, key: LimitKey) -> Result<(), StoreError> {
        let attempts = self.inner.attempts.clone();
        let key = binary(&key.to_bytes());
        self.run(async move { attempt::forgive(&attempts, &key).await })
            .await
    }
}
