//! Sessions.

use ::mongodb::Collection;
use ::mongodb::bson::oid::ObjectId;
use ::mongodb::bson::{Bson, Document, doc};
use ::mongodb::options::ReturnDocument;
use async_trait::async_trait;

use super::MongoStore;
use super::document::{Record, SCHEMA, batch, date, object_id};
use super::error::{is_duplicate, out_of_range, store_error};
use super::proofs;
use crate::id::{SessionId, UserId};
use crate::proof::Proof;
use crate::session::{Rotation, RotationPolicy, Session, SessionLength};
use crate::store::client::Act;
use crate::store::{Insert, SessionStore, StoreError};
use crate::time::{CLOCK_SKEW, Timestamp};

/// The length of a session that is marked as `is_short`.
pub(super) fn length(is_short: bool) -> SessionLength {
    match is_short {
        true => SessionLength::Short,
        false => SessionLength::Usual,
    }
}

fn by_id(id: SessionId) -> Document {
    doc! { "_id": object_id(id.to_bytes()) }
}

fn by_user(user: UserId) -> Document {
    doc! { "user_id": object_id(user.to_bytes()) }
}

/// Fits what has not expired by `now`: with `$not`, so that a record with a missing
/// or wrong field fits too and is reported, instead of looking as if it were not
/// there.
fn live_at(now: Timestamp) -> Document {
    doc! {
        "expires_at": { "$not": { "$lte": date(now) } },
        "absolute_expires_at": { "$not": { "$lte": date(now) } },
    }
}

pub(super) fn to_document(session: &Session) -> Result<Document, StoreError> {
    let epoch = i64::try_from(session.auth_epoch).map_err(|_| out_of_range("auth_epoch"))?;
    let counter =
        i64::try_from(session.refresh_counter).map_err(|_| out_of_range("refresh_counter"))?;
    Ok(doc! {
        "_id": object_id(session.id.to_bytes()),
        "user_id": object_id(session.user_id.to_bytes()),
        "auth_epoch": epoch,
        "created_at": date(session.created_at),
        "last_seen_at": date(session.last_seen_at),
        "expires_at": date(session.expires_at),
        "absolute_expires_at": date(session.absolute_expires_at),
        "short": session.length == SessionLength::Short,
        "proofs": proofs::to_list(&session.proofs),
        "refresh_counter": counter,
        "ip": session.ip.map(|ip| ip.to_string()),
        "user_agent": session.user_agent.as_deref(),
        "rotation": Bson::Null,
        "ended_at": Bson::Null,
        "schema": SCHEMA,
    })
}

fn from_record(record: &Record<'_>) -> Result<Session, StoreError> {
    let ip = record
        .optional_text("ip")?
        .map(|text| {
            text.parse()
                .map_err(|_| record.corrupt("ip", "is not an address"))
        })
        .transpose()?;
    let created_at = record.instant("created_at")?;
    // A session of version 0.1 has none: it was opened by a password.
    let proofs = proofs::read(record)?.unwrap_or_else(|| Proof::by_password(created_at).into());
    Ok(Session {
        id: SessionId::from_bytes(record.id("_id")?),
        user_id: UserId::from_bytes(record.id("user_id")?),
        auth_epoch: record.count("auth_epoch")?,
        created_at,
        proofs,
        last_seen_at: record.instant("last_seen_at")?,
        expires_at: record.instant("expires_at")?,
        absolute_expires_at: record.instant("absolute_expires_at")?,
        length: length(record.optional_flag("short")?),
        refresh_counter: record.count("refresh_counter")?,
        ip,
        user_agent: record.optional_text("user_agent")?.map(str::to_owned),
    })
}

/// The session, unless it has ended.
pub(super) fn from_document(fields: &Document) -> Result<Option<Session>, StoreError> {
    let record = Record::new("session", fields)?;
    match record.optional_instant("ended_at")? {
        Some(_) => Ok(None),
        None => from_record(&record).map(Some),
    }
}

fn object_ids(ids: &[SessionId]) -> Vec<ObjectId> {
    ids.iter().map(|id| object_id(id.to_bytes())).collect()
}

/// The user's sessions that have not been ended.
async fn all_of(
    sessions: &Collection<Document>,
    user: UserId,
    act: Act,
) -> Result<Vec<Session>, StoreError> {
    let find = sessions.find(by_user(user)).batch_size(1000);
    let mut cursor = find.max_time(act.left()?).await.map_err(store_error)?;
    let mut all = Vec::new();
    while cursor.advance().await.map_err(store_error)? {
        let fields = cursor.deserialize_current().map_err(store_error)?;
        all.extend(from_document(&fields)?);
    }
    Ok(all)
}

/// What [`Session::rotate`] does, for the server to do, on the session that is
/// live at `now` and has given out `presented`. The first stage decides; the
/// decision stays in the record, which is how it comes back to the caller
/// together with the record as it is after the act.
fn rotation(presented: i64, next: i64, policy: RotationPolicy, now: Timestamp) -> Vec<Document> {
    let idle_end = now.saturating_add(policy.idle_timeout);
    let short_end = now.saturating_add(policy.short_idle_timeout);
    // On both sides: a clock that was turned back further than another instance's may be
    // behind does not stretch the grace.
    let grace_begin = now.saturating_sub(policy.grace);
    let grace_end = now.saturating_add(policy.grace.max(CLOCK_SKEW));
    let typed = doc! { "$and": [
        { "$in": [{ "$type": "$refresh_counter" }, ["int", "long"]] },
        { "$eq": [{ "$type": "$last_seen_at" }, "date"] },
        { "$eq": [{ "$type": "$expires_at" }, "date"] },
        { "$eq": [{ "$type": "$absolute_expires_at" }, "date"] },
        { "$in": [{ "$type": "$short" }, ["bool", "missing"]] },
    ] };
    let within_grace = doc! { "$and": [
        { "$eq": ["$refresh_counter", next] },
        { "$gte": ["$last_seen_at", date(grace_begin)] },
        { "$lte": ["$last_seen_at", date(grace_end)] },
    ] };
    // An act that was delivered late, or a clock that is behind.
    let late = doc! { "$gt": ["$last_seen_at", date(now)] };
    let rotated = doc! { "$eq": ["$rotation", "rotated"] };
    let reused = doc! { "$eq": ["$rotation", "reused"] };
    let is_short = doc! { "$eq": ["$short", true] };
    let idle_end = doc! { "$cond": [is_short, date(short_end), date(idle_end)] };
    let idle_end = doc! { "$min": [idle_end, "$absolute_expires_at"] };
    vec![
        doc! { "$set": { "rotation": { "$switch": {
            "branches": [
                { "case": { "$not": [typed] }, "then": "unreadable" },
                { "case": { "$eq": ["$refresh_counter", presented] }, "then": "rotated" },
                { "case": within_grace, "then": "repeated" },
                { "case": late, "then": "late" },
            ],
            "default": "reused",
        } } } },
        doc! { "$set": {
            "refresh_counter": { "$cond": [rotated.clone(), next, "$refresh_counter"] },
            "last_seen_at": { "$cond": [rotated.clone(), date(now), "$last_seen_at"] },
            "expires_at": { "$cond": [rotated, idle_end, "$expires_at"] },
            "ended_at": { "$cond": [reused, date(now), Bson::Null] },
        } },
    ]
}

fn rotation_from(fields: &Document) -> Result<Rotation, StoreError> {
    let record = Record::new("session", fields)?;
    let session = from_record(&record)?;
    match record.text("rotation")? {
        "rotated" => Ok(Rotation::Rotated(session)),
        "repeated" => Ok(Rotation::Repeated(session)),
        "reused" => Ok(Rotation::Reused(session)),
        "late" => Ok(Rotation::Gone),
        _ => Err(record.corrupt("rotation", "is none that was asked for")),
    }
}

impl MongoStore {
    /// Ends the sessions that the filter fits, and returns how many there were.
    async fn end_all(&self, mut filter: Document) -> Result<u64, StoreError> {
        filter.insert("ended_at", Bson::Null);
        let sessions = self.inner.sessions.clone();
        self.run(|act| async move {
            act.may_send()?;
            let result = sessions.delete_many(filter).await.map_err(store_error)?;
            Ok(result.deleted_count)
        })
        .await
    }
}

#[async_trait]
impl SessionStore for MongoStore {
    async fn insert_session(&self, session: &Session) -> Result<Insert, StoreError> {
        let sessions = self.inner.sessions.clone();
        let document = to_document(session)?;
        self.run(|act| async move {
            act.may_send()?;
            match sessions.insert_one(document).await {
                Ok(_) => Ok(Insert::Inserted),
                Err(error) if is_duplicate(&error) => Ok(Insert::Taken),
                Err(error) => Err(store_error(error)),
            }
        })
        .await
    }

    async fn session(&self, id: SessionId, now: Timestamp) -> Result<Option<Session>, StoreError> {
        let sessions = self.inner.sessions.clone();
        self.run(|act| async move {
            let find = sessions.find_one(by_id(id)).max_time(act.left()?);
            let found = find.await.map_err(store_error)?;
            let session = found.as_ref().map(from_document).transpose()?.flatten();
            Ok(session.filter(|session| session.is_live(now)))
        })
        .await
    }

    async fn sessions_of(
        &self,
        user: UserId,
        after: Option<SessionId>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        // Which a server would take for no limit.
        if limit == 0 {
            return Ok(Vec::new());
        }
        let mut filter = live_at(now);
        filter.extend(by_user(user));
        filter.insert("ended_at", doc! { "$not": { "$type": "date" } });
        if let Some(after) = after {
            filter.insert("_id", doc! { "$lt": object_id(after.to_bytes()) });
        }
        let sessions = self.inner.sessions.clone();
        self.run(|act| async move {
            let mut cursor = sessions
                .find(filter)
                .sort(doc! { "_id": -1 })
                .limit(i64::try_from(limit).unwrap_or(i64::MAX))
                .batch_size(batch(limit))
                .max_time(act.left()?)
                .await
                .map_err(store_error)?;
            let mut live = Vec::new();
            while cursor.advance().await.map_err(store_error)? {
                let fields = cursor.deserialize_current().map_err(store_error)?;
                live.extend(from_document(&fields)?);
            }
            Ok(live)
        })
        .await
    }

    async fn rotate(
        &self,
        id: SessionId,
        presented: u64,
        policy: RotationPolicy,
        now: Timestamp,
    ) -> Result<Rotation, StoreError> {
        let counters = i64::try_from(presented)
            .ok()
            .and_then(|presented| Some((presented, presented.checked_add(1)?)));
        let Some((presented, next)) = counters else {
            return Ok(Rotation::Gone);
        };
        let mut filter = by_id(id);
        filter.extend(live_at(now));
        filter.insert("ended_at", Bson::Null);
        filter.insert("refresh_counter", doc! { "$not": { "$lt": presented } });
        let update = rotation(presented, next, policy, now);
        let sessions = self.inner.sessions.clone();
        self.run(|act| async move {
            let found = sessions
                .find_one_and_update(filter, update)
                .return_document(ReturnDocument::After)
                .max_time(act.left()?)
                .await
                .map_err(store_error)?;
            found.as_ref().map_or(Ok(Rotation::Gone), rotation_from)
        })
        .await
    }

    async fn end_session(&self, user: UserId, id: SessionId) -> Result<bool, StoreError> {
        let mut filter = by_id(id);
        filter.extend(by_user(user));
        filter.insert("ended_at", Bson::Null);
        let sessions = self.inner.sessions.clone();
        self.run(|act| async move {
            act.may_send()?;
            let result = sessions.delete_one(filter).await.map_err(store_error)?;
            Ok(result.deleted_count == 1)
        })
        .await
    }

    async fn end_sessions(&self, user: UserId, ids: &[SessionId]) -> Result<u64, StoreError> {
        if ids.is_empty() {
            return Ok(0);
        }
        let mut filter = by_user(user);
        filter.insert("_id", doc! { "$in": object_ids(ids) });
        self.end_all(filter).await
    }

    async fn end_dead_sessions(&self, user: UserId, epoch: u64) -> Result<u64, StoreError> {
        let mut filter = by_user(user);
        // Above what an epoch can be stored as, it is all of them.
        if let Ok(epoch) = i64::try_from(epoch) {
            filter.insert("auth_epoch", doc! { "$lt": epoch });
        }
        self.end_all(filter).await
    }

    async fn end_oldest_sessions(
        &self,
        user: UserId,
        epoch: u64,
        keep: u32,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let sessions = self.inner.sessions.clone();
        // What is read decides: a session does not change its owner, epoch or
        // age, so one that is too old now is too old when it is removed.
        self.run(|act| async move {
            let all = all_of(&sessions, user, act).await?;
            let oldest = Session::oldest(&all, epoch, keep, now);
            if oldest.is_empty() {
                return Ok(0);
            }
            let filter = doc! { "_id": { "$in": object_ids(&oldest) }, "ended_at": Bson::Null };
            act.may_send()?;
            let result = sessions.delete_many(filter).await.map_err(store_error)?;
            Ok(result.deleted_count)
        })
        .await
    }
}
