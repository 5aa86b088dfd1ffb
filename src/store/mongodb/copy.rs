//! Copying from and to the store.

use ::mongodb::Collection;
use ::mongodb::bson::{Bson, Document, doc};
use async_trait::async_trait;

use super::document::{Record, batch, binary, object_id};
use super::error::{inserted_before_duplicate, store_error};
use super::{Inner, MongoStore, attempt, audit, session, token, user};
use crate::audit::AuditRecord;
use crate::id::{EventId, SessionId, UserId};
use crate::limit::LimitKey;
use crate::session::Session;
use crate::store::StoreError;
use crate::store::copy::{self, CopyStore, Hold, KeptAttempts, RecordStore};
use crate::token::{OneTimeToken, TokenDigest};
use crate::user::User;

/// Records that are documents of a collection.
trait Documents: copy::Record {
    fn collection(inner: &Inner) -> &Collection<Document>;

    /// What fits the documents that are records.
    fn filter() -> Document {
        Document::new()
    }

    /// The key as the field `_id` has it.
    fn value(key: Self::Key) -> Bson;

    /// The key in the field `_id`.
    fn key_in(record: &Record<'_>) -> Result<Self::Key, StoreError>;

    /// The record; `None` if it has been ended since it was found.
    fn read(fields: &Document) -> Result<Option<Self>, StoreError>;

    fn document(&self) -> Result<Document, StoreError>;
}

impl Documents for User {
    fn collection(inner: &Inner) -> &Collection<Document> {
        &inner.users
    }

    fn value(key: UserId) -> Bson {
        object_id(key.to_bytes()).into()
    }

    fn key_in(record: &Record<'_>) -> Result<UserId, StoreError> {
        record.id("_id").map(UserId::from_bytes)
    }

    fn read(fields: &Document) -> Result<Option<Self>, StoreError> {
        user::from_document(fields).map(Some)
    }

    fn document(&self) -> Result<Document, StoreError> {
        user::to_document(self)
    }
}

impl Documents for Session {
    fn collection(inner: &Inner) -> &Collection<Document> {
        &inner.sessions
    }

    /// One that was ended by a reused refresh token has its document still.
    fn filter() -> Document {
        doc! { "ended_at": { "$not": { "$type": "date" } } }
    }

    fn value(key: SessionId) -> Bson {
        object_id(key.to_bytes()).into()
    }

    fn key_in(record: &Record<'_>) -> Result<SessionId, StoreError> {
        record.id("_id").map(SessionId::from_bytes)
    }

    fn read(fields: &Document) -> Result<Option<Self>, StoreError> {
        session::from_document(fields)
    }

    fn document(&self) -> Result<Document, StoreError> {
        session::to_document(self)
    }
}

impl Documents for OneTimeToken {
    fn collection(inner: &Inner) -> &Collection<Document> {
        &inner.tokens
    }

    fn value(key: TokenDigest) -> Bson {
        binary(&key.to_bytes()).into()
    }

    fn key_in(record: &Record<'_>) -> Result<TokenDigest, StoreError> {
        record.bytes("_id").map(TokenDigest::from_bytes)
    }

    fn read(fields: &Document) -> Result<Option<Self>, StoreError> {
        token::from_document(fields).map(Some)
    }

    fn document(&self) -> Result<Document, StoreError> {
        token::to_document(self)
    }
}

impl Documents for KeptAttempts {
    fn collection(inner: &Inner) -> &Collection<Document> {
        &inner.attempts
    }

    fn value(key: LimitKey) -> Bson {
        binary(&key.to_bytes()).into()
    }

    fn key_in(record: &Record<'_>) -> Result<LimitKey, StoreError> {
        record.bytes("_id").map(LimitKey::from_bytes)
    }

    fn read(fields: &Document) -> Result<Option<Self>, StoreError> {
        let record = attempt::record(fields);
        Ok(Some(Self {
            key: Self::key_in(&record)?,
            attempts: attempt::from_record(&record)?,
        }))
    }

    fn document(&self) -> Result<Document, StoreError> {
        let key = binary(&self.key.to_bytes());
        Ok(attempt::to_document(&key, self.attempts))
    }
}

impl Documents for AuditRecord {
    fn collection(inner: &Inner) -> &Collection<Document> {
        &inner.audit
    }

    fn value(key: EventId) -> Bson {
        object_id(key.to_bytes()).into()
    }

    fn key_in(record: &Record<'_>) -> Result<EventId, StoreError> {
        record.id("_id").map(EventId::from_bytes)
    }

    fn read(fields: &Document) -> Result<Option<Self>, StoreError> {
        audit::from_document(fields).map(Some)
    }

    fn document(&self) -> Result<Document, StoreError> {
        audit::to_document(self)
    }
}

#[async_trait]
impl<R: Documents> RecordStore<R> for MongoStore {
    async fn page(&self, after: Option<R::Key>, limit: usize) -> Result<Vec<R>, StoreError> {
        // Which a server would take for no limit.
        if limit == 0 {
            return Ok(Vec::new());
        }
        let mut filter = R::filter();
        if let Some(after) = after {
            filter.insert("_id", doc! { "$gt": R::value(after) });
        }
        let collection = R::collection(&self.inner).clone();
        self.run(|act| async move {
            let mut cursor = collection
                .find(filter)
                .sort(doc! { "_id": 1 })
                .limit(i64::try_from(limit).unwrap_or(i64::MAX))
                .batch_size(batch(limit))
                .max_time(act.left()?)
                .await
                .map_err(store_error)?;
            let mut page = Vec::new();
            while cursor.advance().await.map_err(store_error)? {
                let fields = cursor.deserialize_current().map_err(store_error)?;
                page.extend(R::read(&fields)?);
            }
            Ok(page)
        })
        .await
    }

    /// In their order, so that those that were added are the first ones however it ends.
    async fn put(&self, records: Vec<R>) -> Result<(), StoreError> {
        let documents: Vec<Document> = records.iter().map(R::document).collect::<Result<_, _>>()?;
        let collection = R::collection(&self.inner).clone();
        self.run(|act| async move {
            let mut left = documents.as_slice();
            while !left.is_empty() {
                act.may_send()?;
                let Err(error) = collection.insert_many(left).await else {
                    break;
                };
                match inserted_before_duplicate(&error) {
                    Some(inserted) => left = left.get(inserted + 1..).unwrap_or_default(),
                    None => return Err(store_error(error)),
                }
            }
            Ok(())
        })
        .await
    }

    async fn last_key(&self) -> Result<Option<R::Key>, StoreError> {
        let collection = R::collection(&self.inner).clone();
        self.run(|act| async move {
            let find = collection
                .find_one(Document::new())
                .projection(doc! { "_id": 1 })
                .sort(doc! { "_id": -1 });
            let found = find.max_time(act.left()?).await.map_err(store_error)?;
            let key = |fields| R::key_in(&Record::unversioned(R::KIND.as_str(), fields));
            found.as_ref().map(key).transpose()
        })
        .await
    }
}

/// Others may write meanwhile: MongoDB has no lock for a collection that lasts.
#[async_trait]
impl CopyStore for MongoStore {
    async fn hold(&self) -> Result<Hold, StoreError> {
        Ok(Hold::none())
    }
}
