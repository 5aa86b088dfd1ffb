//! A hash map whose entries expire, in constant time per act.
//!
//! The entries lie next to each other in a vector; a hash map says where. A
//! hand goes round the vector, a few entries at each act, and takes out what
//! has expired, so no act ever walks the whole table. Growing and shrinking
//! move all entries, which is rare in proportion to what came and went.

use std::collections::HashMap;
use std::collections::hash_map::{self, RandomState};
use std::hash::{BuildHasher, Hash};

use crate::time::Timestamp;

/// How many entries the hand visits at an ordinary act. More than one, so that
/// it removes faster than entries can come.
pub(super) const STEP: usize = 4;

/// Below this many, memory is not given back.
const SMALL: usize = 1024;

/// What is kept: it knows its key and its end.
pub(super) trait Entry {
    type Key: Copy + Eq + Hash;

    fn key(&self) -> Self::Key;

    fn has_expired(&self, now: Timestamp) -> bool;
}

pub(super) struct Expiring<E: Entry> {
    entries: Vec<E>,
    places: HashMap<E::Key, usize>,
    hand: usize,
    drawn: u64,
    randomness: RandomState,
    #[cfg(test)]
    visited: usize,
}

impl<E: Entry> Default for Expiring<E> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            places: HashMap::new(),
            hand: 0,
            drawn: 0,
            randomness: RandomState::new(),
            #[cfg(test)]
            visited: 0,
        }
    }
}

impl<E: Entry> Expiring<E> {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &E> {
        self.entries.iter()
    }

    pub(super) fn get(&self, key: E::Key) -> Option<&E> {
        self.entries.get(*self.places.get(&key)?)
    }

    /// The entry, to be changed in all but its key.
    pub(super) fn get_mut(&mut self, key: E::Key) -> Option<&mut E> {
        self.entries.get_mut(*self.places.get(&key)?)
    }

    /// Adds `entry` unless its key is taken. Returns whether it did.
    pub(super) fn insert(&mut self, entry: E) -> bool {
        match self.places.entry(entry.key()) {
            hash_map::Entry::Occupied(_) => false,
            hash_map::Entry::Vacant(place) => {
                place.insert(self.entries.len());
                self.entries.push(entry);
                true
            }
        }
    }

    pub(super) fn remove(&mut self, key: E::Key) -> Option<E> {
        let place = self.places.remove(&key)?;
        if place >= self.entries.len() {
            return None;
        }
        let removed = self.entries.swap_remove(place);
        if let Some(moved) = self.entries.get(place) {
            self.places.insert(moved.key(), place);
        }
        shrink(&mut self.places);
        if self.entries.capacity() / 8 > self.entries.len().max(SMALL) {
            self.entries.shrink_to(self.entries.len() * 2);
        }
        Some(removed)
    }

    /// Moves the hand over `steps` entries, and hands those that have expired
    /// to `removed`.
    pub(super) fn sweep(&mut self, now: Timestamp, steps: usize, mut removed: impl FnMut(E)) {
        for _ in 0..steps.min(self.entries.len()) {
            if self.hand >= self.entries.len() {
                self.hand = 0;
            }
            let Some(entry) = self.entries.get(self.hand) else {
                return;
            };
            #[cfg(test)]
            {
                self.visited += 1;
            }
            if entry.has_expired(now) {
                // Another entry takes its place: the hand stays for that one.
                let key = entry.key();
                if let Some(entry) = self.remove(key) {
                    removed(entry);
                }
            } else {
                self.hand += 1;
            }
        }
    }

    /// Puts the hand where a round of as many steps as there are entries
    /// visits each of them.
    pub(super) fn rewind(&mut self) {
        self.hand = 0;
    }

    /// `count` entries, drawn so that nobody outside can arrange for which
    /// ones: from a seed under the hash function's own secret key.
    pub(super) fn sample(&mut self, count: usize) -> impl Iterator<Item = &E> {
        let mut state = self.randomness.hash_one(self.drawn);
        self.drawn = self.drawn.wrapping_add(1);
        #[cfg(test)]
        {
            self.visited += count;
        }
        let entries = &self.entries;
        (0..count).filter_map(move |_| {
            let place = split_mix(&mut state).checked_rem(entries.len() as u64)?;
            entries.get(usize::try_from(place).ok()?)
        })
    }
}

/// The next number of SplitMix64 (Steele, Lea, Flood: "Fast splittable
/// pseudorandom number generators", 2014).
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Gives memory back when less than an eighth of it is in use.
pub(super) fn shrink<K: Eq + Hash, V>(map: &mut HashMap<K, V>) {
    if map.capacity() / 8 > map.len().max(SMALL) {
        map.shrink_to(map.len() * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key, and the second at which it expires.
    #[derive(Debug, PartialEq)]
    struct Item(u32, i64);

    impl Entry for Item {
        type Key = u32;

        fn key(&self) -> u32 {
            self.0
        }

        fn has_expired(&self, now: Timestamp) -> bool {
            self.1 <= now.as_secs()
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    #[test]
    fn the_numbers_are_those_of_split_mix_64() {
        // The example of Rosetta Code, "Pseudo-random numbers/Splitmix64".
        let mut state = 1_234_567;
        let drawn = [(); 3].map(|()| split_mix(&mut state));
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
        ];
        assert_eq!(drawn, expected);
    }

    fn filled(count: u32, expires: impl Fn(u32) -> i64) -> Expiring<Item> {
        let mut table = Expiring::default();
        for key in 0..count {
            assert!(table.insert(Item(key, expires(key))));
        }
        table
    }

    #[test]
    fn an_entry_is_found_until_it_is_removed_and_never_overwritten() {
        let mut table = filled(100, |_| 10);
        assert!(!table.insert(Item(7, 99)));
        assert_eq!(table.get(7), Some(&Item(7, 10)));
        assert_eq!(table.remove(7), Some(Item(7, 10)));
        assert_eq!(table.remove(7), None);
        for key in (0..100).filter(|key| *key != 7) {
            assert_eq!(table.get(key), Some(&Item(key, 10)));
        }
    }

    #[test]
    fn one_round_of_the_hand_removes_what_has_expired_and_only_that() {
        let mut table = filled(1000, |key| i64::from(key % 3));
        let mut removed = 0;
        table.sweep(at(1), 1000, |item| {
            assert!(item.1 <= 1);
            removed += 1;
        });
        assert_eq!((removed, table.len()), (667, 333));
        assert!((0..1000).all(|key| table.get(key).is_some() == (key % 3 == 2)));
    }

    #[test]
    fn a_round_from_the_start_visits_each_entry_whatever_is_removed() {
        let mut table = filled(1000, |key| i64::from(key % 2));
        table.sweep(at(-1), 700, drop);
        table.rewind();
        let mut removed = 0;
        table.sweep(at(0), 1000, |_| removed += 1);
        assert_eq!(removed, 500);
    }

    #[test]
    fn no_act_visits_more_entries_than_it_was_told_to() {
        let mut table = filled(100_000, |key| i64::from(key % 2));
        for turn in 1..=1000 {
            table.sweep(at(0), STEP, drop);
            assert_eq!(table.visited, turn * STEP);
        }
        let _ = table.sample(16).count();
        assert_eq!(table.visited, 1000 * STEP + 16);
    }

    #[test]
    fn the_hand_keeps_up_with_entries_that_come_and_expire() {
        let mut table = Expiring::default();
        for second in 0..100_000 {
            table.sweep(at(second), STEP, drop);
            let key = u32::try_from(second).unwrap();
            table.insert(Item(key, second + 100));
            assert!(table.len() < 200, "{} of which 100 are live", table.len());
        }
    }

    #[test]
    fn nobody_outside_can_foretell_the_sample() {
        let drawn = || {
            let mut table = filled(100_000, |_| 1);
            table.sample(16).map(Entry::key).collect::<Vec<_>>()
        };
        assert_ne!(drawn(), drawn());
    }

    #[test]
    fn memory_is_given_back() {
        let mut table = filled(100_000, |_| 0);
        let full = (table.entries.capacity(), table.places.capacity());
        table.sweep(at(0), 100_000, drop);
        assert_eq!(table.len(), 0);
        assert!(table.entries.capacity() * 10 < full.0);
        assert!(table.places.capacity() * 10 < full.1);
    }
}
