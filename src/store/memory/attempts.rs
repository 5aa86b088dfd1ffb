//! Failed attempts in memory, bounded whatever comes.

use super::expiring::{Entry, Expiring, STEP};
use crate::limit::LimitKey;
use crate::lockout::{Attempt, Attempts, LockoutPolicy};
use crate::store::StoreError;
use crate::time::Timestamp;

/// How many entries compete for being evicted when the table is full.
const SAMPLE: usize = 16;

struct Record {
    key: LimitKey,
    kept: Attempts,
}

impl Entry for Record {
    type Key = LimitKey;

    fn key(&self) -> LimitKey {
        self.key
    }

    fn has_expired(&self, now: Timestamp) -> bool {
        self.kept.forgotten_at <= now
    }
}

pub(super) struct AttemptTable {
    entries: Expiring<Record>,
    capacity: usize,
}

impl AttemptTable {
    /// A table of `capacity` keys, at least one.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            entries: Expiring::default(),
            capacity: capacity.max(1),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn attempt(
        &mut self,
        key: LimitKey,
        policy: &LockoutPolicy,
        now: Timestamp,
    ) -> Attempt {
        self.sweep(now, STEP);
        if let Some(record) = self.entries.get_mut(key) {
            let (kept, attempt) = policy.attempt(Some(record.kept), now);
            record.kept = kept;
            return attempt;
        }
        if self.len() >= self.capacity {
            self.make_room();
        }
        let (kept, attempt) = policy.attempt(None, now);
        self.entries.insert(Record { key, kept });
        attempt
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (LimitKey, Attempts)> {
        self.entries.all().map(|record| (record.key, record.kept))
    }

    /// Adds what is kept under `key`, unless something is. Nothing makes room for it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Full`] if the table is full.
    pub(super) fn restore(&mut self, key: LimitKey, kept: Attempts) -> Result<(), StoreError> {
        if self.entries.get(key).is_none() {
            if self.len() >= self.capacity {
                return Err(StoreError::Full);
            }
            self.entries.insert(Record { key, kept });
        }
        Ok(())
    }

    pub(super) fn forgive(&mut self, key: LimitKey, until: Timestamp) {
        let record = self.entries.get(key);
        if record.is_some_and(|record| record.kept.are_forgiven(until)) {
            self.entries.remove(key);
        }
    }

    pub(super) fn rewind(&mut self) {
        self.entries.rewind();
    }

    pub(super) fn sweep(&mut self, now: Timestamp, steps: usize) -> usize {
        let mut removed = 0;
        self.entries.sweep(now, steps, |_| removed += 1);
        removed
    }

    /// Evicts, of a sample, the account with the fewest failures: to get a
    /// locked one out, somebody must fail more often at nearly all the others.
    fn make_room(&mut self) {
        let sample = self.entries.sample(SAMPLE);
        let least = sample.min_by_key(|record| (record.kept.count, record.kept.forgotten_at));
        if let Some(key) = least.map(Record::key) {
            self.entries.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_table_forgets_who_failed_least() {
        let (policy, now) = (LockoutPolicy::default(), Timestamp::from_secs(0));
        let key = |number: u32| LimitKey::new("test", &number.to_le_bytes());
        let mut table = AttemptTable::new(16);
        for _ in 0..5 {
            let _ = table.attempt(key(0), &policy, now);
        }
        for number in 1..1000 {
            let _ = table.attempt(key(number), &policy, now);
            assert!(table.len() <= 16);
        }
        let locked = table.attempt(key(0), &policy, now);
        assert!(matches!(locked, Attempt::Locked { .. }), "{locked:?}");
        table.forgive(key(0), now);
        let again = table.attempt(key(0), &policy, now);
        assert!(matches!(again, Attempt::Allowed { count: 1, .. }));
    }
}
