//! Its events that are kept.

use admittance::audit::AuditRecord;
use admittance::id::{EventId, UserId};
use admittance::store::{AuditStore, Insert, StoreError};
use admittance::time::Timestamp;
use async_trait::async_trait;

use super::Fault::*;
use super::values::cut;
use super::{Tables, WrongStore};

impl WrongStore {
    fn kept_event(&self, record: &AuditRecord) -> AuditRecord {
        let mut record = record.clone();
        match self.fault {
            DropsActor => record.actor_id = None,
            CutsUserAgentsOfEvents => {
                if let Some(agent) = &mut record.user_agent {
                    cut(agent, 255);
                }
            }
            _ => {}
        }
        record
    }

    /// The record that counts `record`, and its id.
    fn repeated(&self, tables: &Tables, record: &AuditRecord) -> Option<(EventId, AuditRecord)> {
        let mine = |event: &&AuditRecord| event.user_id == record.user_id && event.id <= record.id;
        let counts = |event: &&AuditRecord| {
            let mut next = record.clone();
            match self.fault {
                NeverCounts => return false,
                CountsOtherSessionsToo => next.session_id = event.session_id,
                CountsInExpired if !event.is_live(next.at) => next.at = Timestamp::MIN,
                _ => {}
            }
            event.last_id == record.id || event.is_repeated_by(&next)
        };
        let mut mine = tables.events.values().filter(mine);
        let found = match self.has(CountsAcrossOthers) {
            true => mine.find(counts),
            false => mine.max_by_key(|event| event.id).filter(counts),
        };
        found
            .filter(|event| event.id != record.id)
            .map(|event| (event.id, event.clone()))
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
impl AuditStore for WrongStore {
    async fn append_event(&self, record: &AuditRecord, keep: usize) -> Result<Insert, StoreError> {
        let record = self.kept_event(record);
        let find = |tables: &Tables| self.repeated(tables, &record);
        let count = |tables: &mut Tables, found: Option<(EventId, AuditRecord)>| {
            let (id, before) = found?;
            if before.last_id == record.id && !self.has(CountsAgain) {
                return Some(Insert::Taken);
            }
            if self.has(ReadsThenCountsEvents) || self.has(LocksByHandle) {
                tables.events.insert(id, before.clone());
            }
            let counted = tables.events.get_mut(&id)?;
            let mut last = record.clone();
            if self.has(CountsEventsIn32Bits) {
                last.count = last
                    .count
                    .min(u64::from(u32::MAX).saturating_sub(counted.count));
            }
            if self.has(KeepsTimeOfFirst) {
                (last.at, last.expires_at) = (counted.at, counted.expires_at);
            }
            counted.count_in(&last);
            Some(Insert::Inserted)
        };
        if let Some(counted) = self.act(ReadsThenCountsEvents, find, count).await {
            return Ok(counted);
        }
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
            CutsEventLimitsTo32Bits => listed.truncate(limit & 0xffff_ffff),
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
