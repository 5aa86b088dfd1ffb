//! Its events that are kept.

use admittance::audit::AuditRecord;
use admittance::id::{EventId, UserId};
use admittance::store::{AuditStore, Insert, StoreError};
use admittance::time::Timestamp;
use async_trait::async_trait;

use super::Fault::*;
use super::{FaultyStore, Tables};

impl FaultyStore {
    fn kept_event(&self, record: &AuditRecord) -> AuditRecord {
        let mut record = record.clone();
        if self.has(DropsActor) {
            record.actor_id = None;
        }
        record
    }

    /// The ids that make room for `record`.
    fn beyond(&self, tables: &Tables, record: &AuditRecord, keep: usize) -> Vec<EventId> {
        if self.has(KeepsAllEvents) {
            return Vec::new();
        }
        let counts = |other: &&AuditRecord| {
            (other.user_id == record.user_id || self.has(CountsEventsOfAll))
                && (other.class == record.class || self.has(CountsClassesTogether))
                && (other.id < record.id || self.has(CountsEventsAhead))
        };
        let counted = tables.events.values().filter(counts);
        let mut ids: Vec<EventId> = counted.map(|event| event.id).collect();
        ids.sort_unstable();
        if self.has(DropsNewestEvents) {
            ids.reverse();
        }
        let keep = keep - usize::from(!self.has(KeepsOneEventMore));
        let beyond = ids.len().saturating_sub(keep);
        ids.truncate(beyond);
        ids
    }
}

#[async_trait]
impl AuditStore for FaultyStore {
    async fn append_event(&self, record: &AuditRecord, keep: usize) -> Result<Insert, StoreError> {
        let record = self.kept_event(record);
        let check =
            |tables: &Tables| tables.events.contains_key(&record.id) && !self.has(OverwritesEvents);
        let write = |tables: &mut Tables, taken| match taken {
            true => Insert::Taken,
            false => {
                tables.events.insert(record.id, record.clone());
                Insert::Inserted
            }
        };
        let inserted = self.act(ChecksThenAppends, check, write).await;
        if inserted == Insert::Taken {
            return Ok(inserted);
        }
        let list = |tables: &Tables| match self.has(WritesAllEventsBack) {
            true => tables.events.clone(),
            false => Default::default(),
        };
        let write = |tables: &mut Tables, seen| {
            if self.has(WritesAllEventsBack) {
                tables.events = seen;
            }
            for id in self.beyond(tables, &record, keep) {
                tables.events.remove(&id);
            }
        };
        self.act(WritesAllEventsBack, list, write).await;
        Ok(inserted)
    }

    async fn events_of(
        &self,
        user: UserId,
        before: Option<EventId>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let tables = self.tables();
        let is_live = |event: &AuditRecord| {
            event.is_live(now) || (self.has(EventsExpireLate) && now == event.expires_at)
        };
        let is_before = |event: &AuditRecord| match before {
            None => true,
            Some(_) if self.has(PagesBeginAnew) => true,
            Some(before) if self.has(PagesRepeatAnEvent) => event.id <= before,
            Some(before) => event.id < before,
        };
        let mine = |event: &&AuditRecord| {
            (event.user_id == user || self.has(ListsEventsOfAll)) && is_before(event)
        };
        let mut listed: Vec<AuditRecord> = tables.events.values().filter(mine).cloned().collect();
        listed.sort_by_key(|event| event.id);
        if !self.has(ListsOldestEventsFirst) {
            listed.reverse();
        }
        if self.has(CutsPagesBeforeTheyAreSifted) {
            listed.truncate(limit);
        }
        listed.retain(is_live);
        match self.fault {
            IgnoresEventLimit => {}
            TakesZeroEventsForAll if limit == 0 => {}
            _ => listed.truncate(limit),
        }
        Ok(listed)
    }

    async fn remove_events(&self, user: UserId) -> Result<u64, StoreError> {
        let mut tables = self.tables();
        let before = tables.events.len();
        tables.events.retain(|_, event| {
            let is_meant = event.user_id == user || self.has(RemovesEventsOfAll);
            !is_meant || self.has(RemovesNoEvents)
        });
        Ok((before - tables.events.len()) as u64)
    }
}
