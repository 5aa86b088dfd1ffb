//! Events that are kept.

use async_trait::async_trait;
use serde_json::Value as Json;

use super::record::Record;
use super::statement::{Failure, Insertion, Row, Statement, Transaction, Work};
use super::store::{SqlStore, TRIES, not_written, number_of, stored};
use crate::audit::AuditRecord;
use crate::event::{Notice, Notices};
use crate::id::{EventId, SessionId, UserId};
use crate::store::{AuditStore, Insert, StoreError};
use crate::time::Timestamp;

pub(super) const COLUMNS: &str = "id, last_id, count, user_id, class, at, operation, refused, notices, \
    actor_id, session_id, mail, ip, user_agent, expires_at";

pub(super) fn insert(record: &AuditRecord) -> Result<Insertion, StoreError> {
    let notices: Json = record.notices.iter().map(Notice::as_str).collect();
    Ok(Insertion {
        into: "{audit_log} (id, last_id, count, user_id, class, at, operation, refused, notices, \
            actor_id, session_id, mail, ip, user_agent, expires_at)",
        list: "?, ?, ?, ?, ?, ?, ?, ?, CAST(? AS {json}), ?, ?, ?, ?, ?, ?",
        key: "id",
        values: vec![
            record.id.to_string().into(),
            record.last_id.to_string().into(),
            stored(record.count, "count")?.into(),
            record.user_id.to_string().into(),
            record.class.as_str().into(),
            record.at.into(),
            record.operation.as_str().into(),
            record.refused.map(|code| code.as_str().to_owned()).into(),
            notices.to_string().into(),
            record.actor_id.map(|id| id.to_string()).into(),
            record.session_id.map(|id| id.to_string()).into(),
            record.mail.map(|mail| mail.as_str().to_owned()).into(),
            record.ip.map(|ip| ip.to_string()).into(),
            record.user_agent.clone().into(),
            record.expires_at.into(),
        ],
    })
}

pub(super) fn read(row: &Row) -> Result<AuditRecord, StoreError> {
    let record = Record::new("event", row);
    let ip = record.optional_text("ip")?.map(str::parse).transpose();
    Ok(AuditRecord {
        id: EventId::from_bytes(record.id("id")?),
        last_id: EventId::from_bytes(record.id("last_id")?),
        count: record.count("count")?,
        user_id: UserId::from_bytes(record.id("user_id")?),
        class: record.named("class")?,
        at: record.instant("at")?,
        operation: record.named("operation")?,
        refused: record.optional_named("refused")?,
        notices: notices(&record)?,
        actor_id: record.optional_id("actor_id")?.map(UserId::from_bytes),
        session_id: record.optional_id("session_id")?.map(SessionId::from_bytes),
        mail: record.optional_named("mail")?,
        ip: ip.map_err(|_| record.corrupt("ip", "is not an address"))?,
        user_agent: record.optional_text("user_agent")?.map(str::to_owned),
        expires_at: record.instant("expires_at")?,
    })
}

fn notices(record: &Record<'_>) -> Result<Notices, StoreError> {
    let list = record.list("notices")?;
    let notices = list.iter().map(|item| {
        let notice: Option<Notice> = item.as_str().and_then(|name| name.parse().ok());
        notice.ok_or_else(|| record.corrupt("notices", "has one that is not known here"))
    });
    let notices: Vec<Notice> = notices.collect::<Result<_, _>>()?;
    Ok(notices.into())
}

/// Adds a record, or counts it in the one right below, and drops the oldest of its class.
struct Append {
    record: AuditRecord,
    keep: i64,
}

impl Append {
    /// The outcome, if the record right below has it or counts it.
    async fn count(&self, transaction: &mut dyn Transaction) -> Result<Option<Insert>, Failure> {
        let record = &self.record;
        let text = format!(
            "SELECT {COLUMNS} FROM {{audit_log}} WHERE user_id = $1 AND id <= $2 \
             ORDER BY id DESC LIMIT 1"
        );
        let below = Statement::new(text).with(record.user_id.to_string());
        let rows = transaction.run(&below.with(record.id.to_string())).await?;
        // One that cannot be read counts nothing, and keeps nothing from being added.
        let Some(before) = rows.first().and_then(|row| read(row).ok()) else {
            return Ok(None);
        };
        if before.last_id == record.id {
            return Ok(Some(Insert::Taken));
        }
        if !before.is_repeated_by(record) {
            return Ok(None);
        }
        // Once a later one is counted, or the record is gone, nothing fits.
        let update = Statement::new(
            "UPDATE {audit_log} SET count = count + $3, last_id = $2, at = $4, ip = $5, \
             expires_at = $6 WHERE id = $1 AND last_id < $2 RETURNING id",
        )
        .with(before.id.to_string())
        .with(record.last_id.to_string())
        .with(stored(record.count, "count")?)
        .with(record.at)
        .with(record.ip.map(|ip| ip.to_string()))
        .with(record.expires_at);
        let rows = transaction.run(&update).await?;
        Ok((!rows.is_empty()).then_some(Insert::Inserted))
    }

    /// Drops the oldest records of the class beyond `keep`, of those up to this one.
    fn drop_oldest(&self) -> Statement {
        Statement::new(
            "DELETE FROM {audit_log} WHERE id IN (SELECT id FROM {audit_log} \
             WHERE user_id = $1 AND class = $2 AND id <= $3 ORDER BY id DESC LIMIT $4 OFFSET $5)",
        )
        .with(self.record.user_id.to_string())
        .with(self.record.class.as_str())
        .with(self.record.id.to_string())
        .with(i64::MAX)
        .with(self.keep)
    }
}

#[async_trait]
impl Work for Append {
    type Answer = Insert;

    async fn run(&self, transaction: &mut dyn Transaction) -> Result<Insert, Failure> {
        if let Some(outcome) = self.count(transaction).await? {
            return Ok(outcome);
        }
        let record = insert(&self.record)?;
        let (same_key, insert) = (record.same_key(), record.alone());
        for _ in 0..TRIES {
            if !transaction.run(&insert).await?.is_empty() {
                transaction.run(&self.drop_oldest()).await?;
                return Ok(Insert::Inserted);
            }
            if !transaction.run(&same_key).await?.is_empty() {
                return Ok(Insert::Taken);
            }
        }
        Err(not_written().into())
    }
}

#[async_trait]
impl AuditStore for SqlStore {
    async fn append_event(&self, record: &AuditRecord, keep: usize) -> Result<Insert, StoreError> {
        let record = record.clone();
        let keep = i64::try_from(keep.max(1)).unwrap_or(i64::MAX);
        self.transact(Append { record, keep }).await
    }

    async fn events_of(
        &self,
        user: UserId,
        before: Option<EventId>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let below = before.map_or("", |_| "AND id < $4");
        let text = format!(
            "SELECT {COLUMNS} FROM {{audit_log}} WHERE user_id = $1 AND expires_at > $2 {below} \
             ORDER BY id DESC LIMIT $3"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut page = Statement::new(text)
            .with(user.to_string())
            .with(now)
            .with(limit);
        page.values.extend(before.map(|id| id.to_string().into()));
        self.read_all(page, read).await
    }

    async fn remove_events(&self, user: UserId) -> Result<u64, StoreError> {
        let statement =
            Statement::new("DELETE FROM {audit_log} WHERE user_id = $1 AND {durable} RETURNING id");
        Ok(number_of(
            &self.write(statement.with(user.to_string())).await?,
        ))
    }
}
