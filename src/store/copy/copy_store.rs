//! What a store implements to be copied.

use std::fmt;
use std::pin::Pin;

use async_trait::async_trait;

use super::record::{KeptAttempts, Record};
use crate::audit::AuditRecord;
use crate::error::StoreError;
use crate::session::Session;
use crate::token::OneTimeToken;
use crate::user::User;

/// A store whose records of one kind can be copied.
#[async_trait]
pub trait RecordStore<R: Record>: Send + Sync {
    /// Returns up to `limit` records in the ascending order of their keys: those whose key is
    /// greater than `after`, or all. An empty page is the last one. Expired records are
    /// included; ended sessions are not.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails or a record is corrupt.
    async fn page(&self, after: Option<R::Key>, limit: usize) -> Result<Vec<R>, StoreError>;

    /// Adds the `records` whose keys are free, in order or all at once. Existing records stay
    /// unchanged, so a call can be repeated. Unlike the methods of the service, it drops no other
    /// record to make room, and merges no events.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails; then some or all may have been added.
    async fn put(&self, records: Vec<R>) -> Result<(), StoreError>;

    /// Returns the greatest key, `None` if the store has no row of this kind. Rows that
    /// [`page`](Self::page) leaves out count.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails or the key is corrupt.
    async fn last_key(&self) -> Result<Option<R::Key>, StoreError>;
}

/// A store whose accounts can be copied. Every store of this crate implements it.
#[async_trait]
pub trait CopyStore:
    RecordStore<User>
    + RecordStore<Session>
    + RecordStore<OneTimeToken>
    + RecordStore<KeptAttempts>
    + RecordStore<AuditRecord>
{
    /// Refuses all writes until the [`Hold`] is released, and still allows reads. Returns
    /// [`Hold::none`] if the store cannot refuse writes.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails, or other writers hold locks beyond its deadline.
    async fn hold(&self) -> Result<Hold, StoreError>;
}

/// A store that refuses writes. Dropping the hold releases it in the background.
#[must_use]
pub struct Hold(Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>>);

impl Hold {
    /// The hold of a store that cannot refuse writes.
    pub fn none() -> Self {
        Self::new(async { Ok(()) })
    }

    /// A hold that awaiting or dropping `release` ends. `release` returns an error if the store
    /// has allowed writes before.
    pub fn new(release: impl Future<Output = Result<(), StoreError>> + Send + 'static) -> Self {
        Self(Box::pin(release))
    }

    /// Allows writes again.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store has not refused writes all the time.
    pub async fn release(self) -> Result<(), StoreError> {
        self.0.await
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hold")
    }
}
