//! Expiring entries that belong to a user: sessions and tokens.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;

use super::expiring::{Entry, Expiring, STEP, shrink};
use super::shares::Shares;
use crate::id::UserId;
use crate::store::{Insert, StoreError};
use crate::time::Timestamp;

/// How many entries are visited for one that has expired when the table is
/// full: as many as take a few microseconds.
const SEARCH: usize = 512;

/// An entry that belongs to a user.
pub(super) trait OwnedEntry: Entry {
    /// The place of an entry among its owner's: the oldest comes first.
    type Rank: Copy + Ord;

    fn owner(&self) -> UserId;

    fn rank(&self) -> Self::Rank;

    /// The key of the entry at `rank`.
    fn key_at(rank: Self::Rank) -> Self::Key;
}

pub(super) struct Owned<E: OwnedEntry> {
    entries: Expiring<E>,
    by_owner: HashMap<UserId, BTreeSet<E::Rank>>,
    shares: Shares,
    /// All entries, the oldest first; only in a table by age.
    ages: Option<BTreeSet<E::Rank>>,
    capacity: usize,
}

impl<E: OwnedEntry> Owned<E> {
    /// A table in which a new entry replaces the oldest one of the owner with the most.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            entries: Expiring::default(),
            by_owner: HashMap::new(),
            shares: Shares::default(),
            ages: None,
            capacity,
        }
    }

    /// A table in which a new entry replaces the oldest one, for owners that an attacker
    /// can invent.
    pub(super) fn by_age(capacity: usize) -> Self {
        Self {
            ages: Some(BTreeSet::new()),
            ..Self::new(capacity)
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

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
        let ranks = self.by_owner.get(&owner).into_iter().flatten();
        ranks.filter_map(|rank| self.entries.get(E::key_at(*rank)))
    }

    /// The owner's entries whose ranks are below `end`, or all, the newest first.
    pub(super) fn below(&self, owner: UserId, end: Option<E::Rank>) -> impl Iterator<Item = &E> {
        let end = end.map_or(Bound::Unbounded, Bound::Excluded);
        let ranks = self.by_owner.get(&owner);
        let ranks = ranks.map(|ranks| ranks.range((Bound::Unbounded, end)).rev());
        let ranks = ranks.into_iter().flatten();
        ranks.filter_map(|rank| self.entries.get(E::key_at(*rank)))
    }

    /// Adds `entry`, unless its key is taken. In a full table the oldest entry is removed
    /// for it, or the oldest of the owner with the most.
    ///
    /// # Errors
    ///
    /// [`StoreError::Full`] if no owner can give one up (see [`Shares::giver`]).
    pub(super) fn insert(&mut self, entry: E, now: Timestamp) -> Result<Insert, StoreError> {
        self.sweep(now, STEP);
        let (key, owner) = (entry.key(), entry.owner());
        if self.entries.get(key).is_some() {
            return Ok(Insert::Taken);
        }
        if self.len() >= self.capacity {
            self.sweep(now, SEARCH);
        }
        if self.len() >= self.capacity {
            let oldest = match &self.ages {
                Some(ages) => ages.first(),
                None => {
                    let own = self.by_owner.get(&owner).map_or(0, BTreeSet::len);
                    let giver = self.shares.giver(owner, own);
                    giver.and_then(|giver| self.by_owner.get(&giver)?.first())
                }
            };
            let oldest = oldest.ok_or(StoreError::Full)?;
            self.remove(E::key_at(*oldest));
        }
        self.add(entry);
        Ok(Insert::Inserted)
    }

    /// Adds `entry`, unless its key is taken. None makes room for it, and none that has expired
    /// is removed.
    ///
    /// # Errors
    ///
    /// [`StoreError::Full`] if the table is full.
    pub(super) fn restore(&mut self, entry: E) -> Result<(), StoreError> {
        if self.entries.get(entry.key()).is_none() {
            if self.len() >= self.capacity {
                return Err(StoreError::Full);
            }
            self.add(entry);
        }
        Ok(())
    }

    /// Adds `entry`, whose key is free.
    fn add(&mut self, entry: E) {
        let owner = entry.owner();
        let ranks = self.by_owner.entry(owner).or_default();
        let before = ranks.len();
        ranks.insert(entry.rank());
        self.shares.change(owner, before, ranks.len());
        if let Some(ages) = &mut self.ages {
            ages.insert(entry.rank());
        }
        self.entries.insert(entry);
    }

    pub(super) fn remove(&mut self, key: E::Key) -> Option<E> {
        let removed = self.entries.remove(key)?;
        forget(
            &mut self.by_owner,
            &mut self.shares,
            &mut self.ages,
            &removed,
        );
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
        let (mut removed, by_owner, shares) = (0, &mut self.by_owner, &mut self.shares);
        let ages = &mut self.ages;
        self.entries.sweep(now, steps, |entry| {
            forget(by_owner, shares, ages, &entry);
            removed += 1;
        });
        removed
    }
}

fn forget<E: OwnedEntry>(
    by_owner: &mut HashMap<UserId, BTreeSet<E::Rank>>,
    shares: &mut Shares,
    ages: &mut Option<BTreeSet<E::Rank>>,
    entry: &E,
) {
    if let Some(ages) = ages {
        ages.remove(&entry.rank());
    }
    let Some(ranks) = by_owner.get_mut(&entry.owner()) else {
        return;
    };
    let before = ranks.len();
    ranks.remove(&entry.rank());
    shares.change(entry.owner(), before, ranks.len());
    if ranks.is_empty() {
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
        type Rank = u32;

        fn owner(&self) -> UserId {
            self.1
        }

        fn rank(&self) -> u32 {
            self.0
        }

        fn key_at(rank: u32) -> u32 {
            rank
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
            let inserted =
                table.insert(Item(number, owner(number), expires(number)), Timestamp::MIN);
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
        let refused = table.insert(Item(100, owner(100), 99), Timestamp::from_secs(9));
        assert!(matches!(refused, Err(StoreError::Full)));
        assert_eq!(table.of(owner(100)).count(), 0);
        let inserted = table.insert(Item(100, owner(100), 99), Timestamp::from_secs(10));
        assert_eq!(inserted.unwrap(), Insert::Inserted);
        assert!(table.get(50).is_none() && table.len() == 100);
    }
    #[test]
    fn the_owner_with_the_most_entries_loses_the_oldest() {
        let mut table = Owned::new(6);
        let mut insert = |number, of| {
            let item = Item(number, owner(of), 99);
            table.insert(item, Timestamp::MIN).map(|_| {
                let mut kept: Vec<u32> = (0..3)
                    .flat_map(|of| table.of(owner(of)).map(Item::key).collect::<Vec<_>>())
                    .collect();
                kept.sort_unstable();
                kept
            })
        };
        for number in 0..5 {
            insert(number, 0).unwrap();
        }
        insert(5, 1).unwrap();
        assert_eq!(insert(6, 2).unwrap(), [1, 2, 3, 4, 5, 6]);
        assert_eq!(insert(7, 0).unwrap(), [2, 3, 4, 5, 6, 7]);
        assert_eq!(insert(8, 1).unwrap(), [3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn the_oldest_makes_room_in_a_table_by_age() {
        let mut table = Owned::by_age(3);
        for number in 0..10 {
            let inserted = table.insert(Item(number, owner(number), 99), Timestamp::MIN);
            assert_eq!(inserted.unwrap(), Insert::Inserted);
        }
        let kept: Vec<bool> = (0..10).map(|number| table.get(number).is_some()).collect();
        assert_eq!(kept.iter().position(|is_kept| *is_kept), Some(7));
        assert_eq!(
            (table.len(), table.ages.as_ref().map(BTreeSet::len)),
            (3, Some(3))
        );
        assert_eq!(table.sweep(Timestamp::from_secs(99), 3), 3);
        assert_eq!(table.ages.as_ref().map(BTreeSet::len), Some(0));
    }

    #[test]
    fn no_owner_loses_an_only_entry_to_another() {
        let mut table = filled(3, |_| 99);
        let refused = table.insert(Item(3, owner(3), 99), Timestamp::MIN);
        assert!(matches!(refused, Err(StoreError::Full)));
        let inserted = table.insert(Item(4, owner(0), 99), Timestamp::MIN);
        assert_eq!(inserted.unwrap(), Insert::Inserted);
        assert!(table.get(0).is_none() && table.len() == 3);
    }
}
