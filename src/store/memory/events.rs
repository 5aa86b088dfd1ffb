//! Events that are kept, in memory.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;

use super::expiring::{Entry, Expiring, STEP, shrink};
use super::shares::Shares;
use crate::audit::{AuditClass, AuditRecord};
use crate::id::{EventId, UserId};
use crate::store::{Insert, StoreError};
use crate::time::Timestamp;

/// How many entries are visited for one that has expired when the table is
/// full: as many as take a few microseconds.
const SEARCH: usize = 512;

impl Entry for AuditRecord {
    type Key = EventId;

    fn key(&self) -> EventId {
        self.id
    }

    fn has_expired(&self, now: Timestamp) -> bool {
        !self.is_live(now)
    }
}

/// The ids of a user's events, class by class.
#[derive(Default)]
struct Ids {
    credentials: BTreeSet<EventId>,
    done: BTreeSet<EventId>,
    tried: BTreeSet<EventId>,
}

impl Ids {
    fn class(&mut self, class: AuditClass) -> &mut BTreeSet<EventId> {
        match class {
            AuditClass::Credentials => &mut self.credentials,
            AuditClass::Done => &mut self.done,
            AuditClass::Tried => &mut self.tried,
        }
    }

    fn classes(&self) -> [&BTreeSet<EventId>; 3] {
        [&self.credentials, &self.done, &self.tried]
    }

    fn len(&self) -> usize {
        self.classes().iter().map(|class| class.len()).sum()
    }

    /// Returns the record that a new one of `class` replaces: the oldest one of the least
    /// important class, unless that is more important than `class`.
    fn to_give_up(&self, class: AuditClass) -> Option<EventId> {
        let classes = match class {
            AuditClass::Tried => &[&self.tried][..],
            AuditClass::Done => &[&self.tried, &self.done],
            AuditClass::Credentials => &[&self.tried, &self.done, &self.credentials],
        };
        classes.iter().find_map(|ids| ids.first()).copied()
    }

    /// The greatest one that is not above `id`.
    fn up_to(&self, id: EventId) -> Option<EventId> {
        let newest = |class: &BTreeSet<EventId>| class.range(..=id).next_back().copied();
        self.classes().into_iter().filter_map(newest).max()
    }
}

/// The events of all users: appending one takes a time that depends on how
/// many are newer, which is none unless clocks differ.
pub(super) struct Events {
    entries: Expiring<AuditRecord>,
    by_user: HashMap<UserId, Ids>,
    shares: Shares,
    capacity: usize,
}

impl Events {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            entries: Expiring::default(),
            by_user: HashMap::new(),
            shares: Shares::default(),
            capacity,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Adds `record` unless its id is taken, or counts it in the one before it if
    /// it is the same again, and drops the oldest of its user and class beyond
    /// `keep`.
    pub(super) fn append(
        &mut self,
        record: AuditRecord,
        keep: usize,
    ) -> Result<Insert, StoreError> {
        let (id, user, class, now) = (record.id, record.user_id, record.class, record.at);
        self.sweep(now, STEP);
        if self.entries.get(id).is_some() {
            return Ok(Insert::Taken);
        }
        let before = self.by_user.get(&user).and_then(|ids| ids.up_to(id));
        if let Some(before) = before.and_then(|id| self.entries.get_mut(id)) {
            if before.last_id == id {
                return Ok(Insert::Taken);
            }
            if before.is_repeated_by(&record) {
                before.count_in(&record);
                return Ok(Insert::Inserted);
            }
        }
        // A user at the limit loses the oldest record to the new one.
        let dropped = self.beyond(user, class, id, keep.saturating_sub(1));
        for id in dropped {
            self.remove(id);
        }
        if self.len() >= self.capacity {
            self.sweep(now, SEARCH);
        }
        if self.len() >= self.capacity {
            let given_up = self.to_give_up(user, class).ok_or(StoreError::Full)?;
            self.remove(given_up);
        }
        self.add(record);
        Ok(Insert::Inserted)
    }

    /// Adds `record` unless its id is taken. It is counted in no other one, and none makes
    /// room for it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Full`] if the table is full.
    pub(super) fn restore(&mut self, record: AuditRecord) -> Result<(), StoreError> {
        if self.entries.get(record.id).is_none() {
            if self.len() >= self.capacity {
                return Err(StoreError::Full);
            }
            self.add(record);
        }
        Ok(())
    }

    /// Adds `record`, whose id is free.
    fn add(&mut self, record: AuditRecord) {
        let ids = self.by_user.entry(record.user_id).or_default();
        let before = ids.len();
        ids.class(record.class).insert(record.id);
        self.shares.change(record.user_id, before, ids.len());
        self.entries.insert(record);
    }

    /// Returns the record that a new one of `class` about `user` replaces. If it is one of
    /// the same user, it is not more important than the new one; otherwise a user with
    /// at least as many records gives one up.
    fn to_give_up(&self, user: UserId, class: AuditClass) -> Option<EventId> {
        let own = self.by_user.get(&user).map_or(0, Ids::len);
        let of = |giver, class| self.by_user.get(&giver)?.to_give_up(class);
        let of_other = |giver| of(giver, AuditClass::Credentials);
        match self.shares.giver(user, own)? {
            giver if giver == user => {
                of(user, class).or_else(|| self.shares.largest_other(user, own).and_then(of_other))
            }
            giver => of_other(giver),
        }
    }

    fn remove(&mut self, id: EventId) {
        if let Some(record) = self.entries.remove(id) {
            forget(&mut self.by_user, &mut self.shares, &record);
        }
    }

    /// The ids below `id` that are not among the newest `keep` of those.
    fn beyond(
        &mut self,
        user: UserId,
        class: AuditClass,
        id: EventId,
        keep: usize,
    ) -> Vec<EventId> {
        let Some(ids) = self.by_user.get_mut(&user) else {
            return Vec::new();
        };
        let ids = ids.class(class);
        let newer = ids.range((Bound::Excluded(id), Bound::Unbounded)).count();
        let excess = ids.len().saturating_sub(newer).saturating_sub(keep);
        ids.iter().take(excess).copied().collect()
    }

    pub(super) fn of(
        &self,
        user: UserId,
        before: Option<EventId>,
        limit: usize,
        now: Timestamp,
    ) -> Vec<AuditRecord> {
        let Some(ids) = self.by_user.get(&user) else {
            return Vec::new();
        };
        let end = before.map_or(Bound::Unbounded, Bound::Excluded);
        let mut found: Vec<&AuditRecord> = Vec::new();
        for class in ids.classes() {
            let newest = class.range((Bound::Unbounded, end)).rev();
            let records = newest.filter_map(|id| self.entries.get(*id));
            found.extend(records.filter(|record| record.is_live(now)).take(limit));
        }
        found.sort_unstable_by_key(|record| Reverse(record.id));
        found.into_iter().take(limit).cloned().collect()
    }

    pub(super) fn remove_of(&mut self, user: UserId) -> u64 {
        let ids = self.by_user.remove(&user).unwrap_or_default();
        self.shares.change(user, ids.len(), 0);
        shrink(&mut self.by_user);
        let ids = ids.classes().into_iter().flatten();
        ids.filter_map(|id| self.entries.remove(*id)).count() as u64
    }

    /// See [`Expiring::rewind`].
    pub(super) fn rewind(&mut self) {
        self.entries.rewind();
    }

    /// Visits `steps` entries and removes those that have expired. Says how
    /// many.
    pub(super) fn sweep(&mut self, now: Timestamp, steps: usize) -> usize {
        let (mut removed, by_user, shares) = (0, &mut self.by_user, &mut self.shares);
        self.entries.sweep(now, steps, |record| {
            forget(by_user, shares, &record);
            removed += 1;
        });
        removed
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &AuditRecord> {
        self.entries.all()
    }
}

fn forget(by_user: &mut HashMap<UserId, Ids>, shares: &mut Shares, record: &AuditRecord) {
    let Some(ids) = by_user.get_mut(&record.user_id) else {
        return;
    };
    let before = ids.len();
    ids.class(record.class).remove(&record.id);
    shares.change(record.user_id, before, ids.len());
    if ids.len() == 0 {
        by_user.remove(&record.user_id);
        shrink(by_user);
    }
}
