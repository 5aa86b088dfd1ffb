//! Events that are kept.

use ::mongodb::Collection;
use ::mongodb::bson::{Bson, Document, doc};
use async_trait::async_trait;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as ParseError, StrDeserializer};

use super::MongoStore;
use super::document::{Record, SCHEMA, batch, date, object_id};
use super::error::{is_duplicate, out_of_range, store_error};
use crate::audit::{AuditClass, AuditRecord};
use crate::event::{Notice, Notices};
use crate::id::{EventId, SessionId, UserId};
use crate::store::client::Act;
use crate::store::{AuditStore, Insert, StoreError};
use crate::time::Timestamp;

fn by_user(user: UserId) -> Document {
    doc! { "user_id": object_id(user.to_bytes()) }
}

fn optional_id(id: Option<[u8; 12]>) -> Bson {
    id.map_or(Bson::Null, |id| object_id(id).into())
}

pub(super) fn to_document(record: &AuditRecord) -> Result<Document, StoreError> {
    let count = i64::try_from(record.count).map_err(|_| out_of_range("count"))?;
    Ok(doc! {
        "_id": object_id(record.id.to_bytes()),
        "last_id": object_id(record.last_id.to_bytes()),
        "count": count,
        "user_id": object_id(record.user_id.to_bytes()),
        "class": record.class.as_str(),
        "at": date(record.at),
        "operation": record.operation.as_str(),
        "refused": record.refused.map(|code| code.as_str()),
        // The first version reads only this one.
        "notice": record.notices.first().map(Notice::as_str),
        "notices": record.notices.iter().map(Notice::as_str).collect::<Vec<_>>(),
        "actor_id": optional_id(record.actor_id.map(UserId::to_bytes)),
        "session_id": optional_id(record.session_id.map(SessionId::to_bytes)),
        "mail": record.mail.map(|mail| mail.as_str()),
        "ip": record.ip.map(|ip| ip.to_string()),
        "user_agent": record.user_agent.as_deref(),
        "expires_at": date(record.expires_at),
        "schema": SCHEMA,
    })
}

/// The value that is written as the text in `field`: the name that it has in
/// JSON too.
fn named<'a, T: Deserialize<'a>>(
    record: &Record<'a>,
    field: &'static str,
    text: &'a str,
) -> Result<T, StoreError> {
    let text: StrDeserializer<'_, ParseError> = text.into_deserializer();
    T::deserialize(text).map_err(|_| record.corrupt(field, "is none that is known here"))
}

fn optional_named<'a, T: Deserialize<'a>>(
    record: &Record<'a>,
    field: &'static str,
) -> Result<Option<T>, StoreError> {
    let text = record.optional_text(field)?;
    text.map(|text| named(record, field, text)).transpose()
}

/// The notices; the first version stored only one.
fn notices(record: &Record<'_>) -> Result<Notices, StoreError> {
    let only: Option<Notice> = optional_named(record, "notice")?;
    let Some(list) = record.optional_list("notices")? else {
        return Ok(only.into_iter().into());
    };
    let notices = list.iter().map(|item| {
        let text = item.as_str();
        let text =
            text.ok_or_else(|| record.corrupt("notices", "has something that is no text"))?;
        named(record, "notices", text)
    });
    let notices: Vec<Notice> = notices.collect::<Result<_, _>>()?;
    Ok(notices.into())
}

pub(super) fn from_document(fields: &Document) -> Result<AuditRecord, StoreError> {
    let record = Record::new("event", fields)?;
    let ip = record.optional_text("ip")?.map(str::parse).transpose();
    let id = record.id("_id")?;
    Ok(AuditRecord {
        id: EventId::from_bytes(id),
        // Records of the first version have come once.
        last_id: EventId::from_bytes(record.id_or("last_id", id)?),
        count: record.count_or("count", 1)?,
        user_id: UserId::from_bytes(record.id("user_id")?),
        class: named(&record, "class", record.text("class")?)?,
        at: record.instant("at")?,
        operation: named(&record, "operation", record.text("operation")?)?,
        refused: optional_named(&record, "refused")?,
        notices: notices(&record)?,
        actor_id: record.optional_id("actor_id")?.map(UserId::from_bytes),
        session_id: record.optional_id("session_id")?.map(SessionId::from_bytes),
        mail: optional_named(&record, "mail")?,
        ip: ip.map_err(|_| record.corrupt("ip", "is not an address"))?,
        user_agent: record.optional_text("user_agent")?.map(str::to_owned),
        expires_at: record.instant("expires_at")?,
    })
}

/// What the record right below `record` makes of it: counts it, if it is the same
/// again. `None` when there is no such record.
async fn count_in(
    audit: &Collection<Document>,
    record: &AuditRecord,
    act: Act,
) -> Result<Option<Insert>, StoreError> {
    let mut up_to = by_user(record.user_id);
    up_to.insert("_id", doc! { "$lte": object_id(record.id.to_bytes()) });
    let found = audit.find_one(up_to).sort(doc! { "_id": -1 });
    let found = found.max_time(act.left()?).await.map_err(store_error)?;
    // One that cannot be read counts nothing, and keeps nothing from being added.
    let Some(before) = found.and_then(|fields| from_document(&fields).ok()) else {
        return Ok(None);
    };
    if before.last_id == record.id {
        return Ok(Some(Insert::Taken));
    }
    if !before.is_repeated_by(record) {
        return Ok(None);
    }
    // Once a later one is counted, or the record is gone, it fits no more. Nor does
    // a record of the first version, which has no count.
    let last = object_id(record.last_id.to_bytes());
    let filter = doc! {
        "_id": object_id(before.id.to_bytes()),
        "last_id": { "$lt": last },
    };
    let count = i64::try_from(record.count).map_err(|_| out_of_range("count"))?;
    let update = doc! {
        "$inc": { "count": count },
        "$set": {
            "last_id": last,
            "at": date(record.at),
            "ip": record.ip.map(|ip| ip.to_string()),
            "expires_at": date(record.expires_at),
        },
    };
    act.may_send()?;
    let result = audit.update_one(filter, update).await;
    let is_counted = result.map_err(store_error)?.matched_count == 1;
    Ok(is_counted.then_some(Insert::Inserted))
}

/// Drops the oldest of the user's events of the class beyond `keep`, all at
/// once, as soon as there are more than an eighth too many.
async fn make_room(
    audit: &Collection<Document>,
    user: UserId,
    class: AuditClass,
    id: EventId,
    keep: usize,
    act: Act,
) -> Result<(), StoreError> {
    let spare = keep / 8;
    let mut up_to = by_user(user);
    up_to.insert("class", class.as_str());
    up_to.insert("_id", doc! { "$lte": object_id(id.to_bytes()) });
    let (skip, limit) = (u64::try_from(keep), spare.saturating_add(1));
    let mut cursor = audit
        .find(up_to.clone())
        .projection(doc! { "_id": 1 })
        .sort(doc! { "_id": -1 })
        .skip(skip.unwrap_or(u64::MAX))
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .batch_size(batch(limit))
        .max_time(act.left()?)
        .await
        .map_err(store_error)?;
    let (mut beyond, mut newest) = (0, None);
    while cursor.advance().await.map_err(store_error)? {
        let fields = cursor.deserialize_current().map_err(store_error)?;
        newest = newest.or_else(|| fields.get("_id").cloned());
        beyond += 1;
    }
    if let Some(newest) = newest.filter(|_| beyond > spare) {
        up_to.insert("_id", doc! { "$lte": newest });
        act.may_send()?;
        audit.delete_many(up_to).await.map_err(store_error)?;
    }
    Ok(())
}

#[async_trait]
impl AuditStore for MongoStore {
    async fn append_event(&self, record: &AuditRecord, keep: usize) -> Result<Insert, StoreError> {
        let audit = self.inner.audit.clone();
        let document = to_document(record)?;
        let record = record.clone();
        let (user, class, id) = (record.user_id, record.class, record.id);
        self.run(|act| async move {
            if let Some(counted) = count_in(&audit, &record, act).await? {
                return Ok(counted);
            }
            act.may_send()?;
            match audit.insert_one(document).await {
                Ok(_) => {}
                Err(error) if is_duplicate(&error) => return Ok(Insert::Taken),
                Err(error) => return Err(store_error(error)),
            }
            make_room(&audit, user, class, id, keep.max(1), act).await?;
            Ok(Insert::Inserted)
        })
        .await
    }

    async fn events_of(
        &self,
        user: UserId,
        before: Option<EventId>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        // Which a server would take for no limit.
        if limit == 0 {
            return Ok(Vec::new());
        }
        let mut filter = by_user(user);
        if let Some(before) = before {
            filter.insert("_id", doc! { "$lt": object_id(before.to_bytes()) });
        }
        // With `$not`, so that a record without an end fits too and is
        // reported.
        filter.insert("expires_at", doc! { "$not": { "$lte": date(now) } });
        let audit = self.inner.audit.clone();
        self.run(|act| async move {
            let mut cursor = audit
                .find(filter)
                .sort(doc! { "_id": -1 })
                .limit(i64::try_from(limit).unwrap_or(i64::MAX))
                .batch_size(batch(limit))
                .max_time(act.left()?)
                .await
                .map_err(store_error)?;
            let mut events = Vec::new();
            while cursor.advance().await.map_err(store_error)? {
                let fields = cursor.deserialize_current().map_err(store_error)?;
                events.push(from_document(&fields)?);
            }
            Ok(events)
        })
        .await
    }

    async fn remove_events(&self, user: UserId) -> Result<u64, StoreError> {
        let audit = self.inner.audit.clone();
        self.run(|act| async move {
            act.may_send()?;
            let result = audit.delete_many(by_user(user)).await;
            Ok(result.map_err(store_error)?.deleted_count)
        })
        .await
    }
}
