//! The audit log, in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::audit::AuditRecord;
use crate::id::{EventId, UserId};
use crate::store::{AuditStore, Insert, StoreError};
use crate::time::Timestamp;

#[async_trait]
impl AuditStore for MemoryStore {
    async fn append_event(&self, record: &AuditRecord, keep: usize) -> Result<Insert, StoreError> {
        self.events().append(record.clone(), keep)
    }

    async fn events_of(
        &self,
        user: UserId,
        before: Option<EventId>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        Ok(self.events().of(user, before, limit, now))
    }

    async fn remove_events(&self, user: UserId) -> Result<u64, StoreError> {
        Ok(self.events().remove_of(user))
    }
}
