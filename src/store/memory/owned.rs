//! Expiring entries that belong to a user: sessions and tokens.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;

use super::expiring::{Entry, Expiring, STEP, shrink};
use crate::id::UserId;
use crate::store::{Insert, StoreError};
use crate::time::Timestamp;

/// How many entries are visited for one that has expired when the table is
/// full: as many as take a few microseconds.
const SEARCH: usize = 512;

/// An entry that belongs to a user.
pub(super) trait OwnedEntry: Entry<Key: Ord> {
    fn owner(&self) -> UserId;
}

pub(super) struct Owned<E: OwnedEntry> {
    entries: Expiring<E>,
    by_owner: HashMap<UserId, BTreeSet<E::Key>>,
    capacity: usize,
}

impl<E: OwnedEntry> Owned<E> {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            entries: Expiring::default(),
            by_owner: HashMap::new(),
            capacity,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    #[cfg(feature = "test-util")]
    pub(super) fn all(&self) -> impl Iterator<Item = &E> {
        self.entries.all()
    }

    pub(super) fn get(&self, key: E::Key) -> Option<&E> {
        self.entries.get(key)
    }

    /// The entry, to be changed in all but its key and owner.
    pub(super) fn get_mut(&mut self, key: E::Key) -> Option<&mut E> {
        self.entries.get_mut(key)
    }

    pub(super) fn of(&self, owner: UserId) -> impl Iterator<Item = &E> {
        let keys = self.by_owner.get(&owner).into_iter().flatten();
        keys.filter_map(|key| self.entries.get(*key))
    }

    /// The owner's entries whose keys are below `end`, or all, the greatest key
    /// first.
    pub(super) fn below(&self, owner: UserId, end: Option<E::Key>) -> impl Iterator<Item = &E> {
        let end = end.map_or(Bound::Unbounded, Bound::Excluded);
        let keys = self.by_owner.get(&owner);
        let keys = keys.map(|keys| keys.range((Bound::Unbounded, end)).rev());
        let keys = keys.into_iter().flatten();
        keys.filter_map(|key| self.entries.get(*key))
    }

    /// Adds `entry`, unless its key is taken. It may not use the last `reserve`
    /// places of the table.
    pub(super) fn insert(
        &mut self,
        entry: E,
        reserve: usize,
        now: Timestamp,
    ) -> Result<Insert, StoreError> {
        self.sweep(now, STEP);
        let (key, owner) = (entry.key(), entry.owner());
        if self.entries.get(key).is_some() {
            return Ok(Insert::Taken);
        }
        let most = self.capacity.saturating_sub(reserve);
        if self.len() >= most {
            self.sweep(now, SEARCH);
        }
        if self.len() >= most {
            return Err(StoreError::Full);
        }
        self.entries.insert(entry);
        self.by_owner.entry(owner).or_default().insert(key);
        Ok(Insert::Inserted)
    }

    pub(super) fn remove(&mut self, key: E::Key) -> Option<E> {
        let removed = self.entries.remove(key)?;
        forget(&mut self.by_owner, &removed);
        Some(removed)
    }

    /// Removes those of `owner`'s that `is_meant`, and says how many.
    pub(super) fn remove_of(&mut self, owner: UserId, is_meant: impl Fn(&E) -> bool) -> u64 {
        let meant = self.of(owner).filter(|entry| is_meant(entry));
        let keys: Vec<E::Key> = meant.map(E::key).collect();
        for key in &keys {
            self.remove(*key);
        }
        keys.len() as u64
    }

    /// See [`Expiring::rewind`].
    pub(super) fn rewind(&mut self) {
        self.entries.rewind();
    }

    /// Visits `steps` entries and removes those that have expired. Says how
    /// many.
    pub(super) fn sweep(&mut self, now: Timestamp, steps: usize) -> usize {
        let (mut removed, by_owner) = (0, &mut self.by_owner);
        self.entries.sweep(now, steps, |entry| {
            forget(by_owner, &entry);
            removed += 1;
        });
        removed
    }
}

fn forget<E: OwnedEntry>(by_owner: &mut HashMap<UserId, BTreeSet<E::Key>>, entry: &E) {
    let Some(keys) = by_owner.get_mut(&entry.owner()) else {
        return;
    };
    keys.remove(&entry.key());
    if keys.is_empty() {
        by_owner.remove(&entry.owner());
        shrink(by_owner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key, its owner, and the second at which it expires.
    struct Item(u32, UserId, i64);

    impl Entry for Item {
        type Key = u32;

        fn key(&self) -> u32 {
            self.0
        }

        fn has_expired(&self, now: Timestamp) -> bool {
            now >= Timestamp::from_secs(self.2)
        }
    }

    impl OwnedEntry for Item {
        fn owner(&self) -> UserId {
            self.1
        }
    }

    fn owner(number: u32) -> UserId {
        let mut bytes = [0; 12];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        UserId::from_bytes(bytes)
    }

    fn filled(count: u32, expires: impl Fn(u32) -> i64) -> Owned<Item> {
        let mut table = Owned::new(count as usize);
        for number in 0..count {
            let inserted = table.insert(
                Item(number, owner(number), expires(number)),
                0,
                Timestamp::MIN,
            );
            assert_eq!(inserted.unwrap(), Insert::Inserted);
        }
        table
    }

    #[test]
    fn the_index_by_owner_shrinks_with_the_entries() {
        let mut table = filled(50_000, |_| 10);
        let full = table.by_owner.capacity();
        assert_eq!(table.sweep(Timestamp::from_secs(10), 50_000), 50_000);
        assert_eq!((table.len(), table.by_owner.len()), (0, 0));
        assert!(table.by_owner.capacity() * 10 < full);
    }

    #[test]
    fn a_full_table_refuses_until_something_has_expired() {
        // One of a hundred expires; the search finds it wherever it is.
        let mut table = filled(100, |number| if number == 50 { 10 } else { 99 });
        let refused = table.insert(Item(100, owner(1), 99), 0, Timestamp::from_secs(9));
        assert!(matches!(refused, Err(StoreError::Full)));
        assert_eq!(table.of(owner(1)).count(), 1);
        let inserted = table.insert(Item(100, owner(1), 99), 0, Timestamp::from_secs(10));
        assert_eq!(inserted.unwrap(), Insert::Inserted);
        assert!(table.get(50).is_none() && table.len() == 100);
    }
}
