//! What a store does so that it can be copied.

use std::fmt;
use std::pin::Pin;

use async_trait::async_trait;

use super::record::{KeptAttempts, Record};
use crate::audit::AuditRecord;
use crate::error::StoreError;
use crate::session::Session;
use crate::token::OneTimeToken;
use crate::user::User;

/// A store that records of one kind are copied from and to.
#[async_trait]
pub trait RecordStore<R: Record>: Send + Sync {
    /// Returns up to `limit` records in the ascending order of their keys: those whose key is
    /// greater than `after`, or all. No record means that none follows. Records that have
    /// expired are included; sessions that have been ended are not.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails or a record is corrupt.
    async fn page(&self, after: Option<R::Key>, limit: usize) -> Result<Vec<R>, StoreError>;

    /// Adds those of `records` whose keys are free, one after the other or all at once, and
    /// leaves the others as they are. So it can be repeated, and no record is ever written
    /// over. Nothing else changes: no record makes room for another one, and none is counted
    /// in another one.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails; then the first ones may have been added, or all.
    async fn put(&self, records: Vec<R>) -> Result<(), StoreError>;

    /// Returns the greatest key, `None` if the store has no row of this kind. Rows that
    /// [`page`](Self::page) leaves out count.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails or the key is corrupt.
    async fn last_key(&self) -> Result<Option<R::Key>, StoreError>;
}

/// A store that accounts are copied from and to: every store of this crate.
#[async_trait]
pub trait CopyStore:
    RecordStore<User>
    + RecordStore<Session>
    + RecordStore<OneTimeToken>
    + RecordStore<KeptAttempts>
    + RecordStore<AuditRecord>
{
    /// Refuses all writes until the [`Hold`] is released, if the store can do that; reading
    /// goes on. Returns [`Hold::none`] if it cannot.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails, or others write for longer than its deadline.
    async fn hold(&self) -> Result<Hold, StoreError>;
}

/// Keeps a store from being written to. Dropping it releases it too, a little later.
#[must_use]
pub struct Hold(Pin<Box<dyn Future<Output = ()> + Send>>);

impl Hold {
    /// The hold of a store that cannot refuse writes.
    pub fn none() -> Self {
        Self::new(async {})
    }

    /// A hold that `release` ends. Dropping `release` must end it too.
    pub fn new(release: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(Box::pin(release))
    }

    /// Lets others write again.
    pub async fn release(self) {
        self.0.await;
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hold")
    }
}
