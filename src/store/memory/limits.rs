//! Rate limits in memory, bounded whatever comes.

use super::expiring::{Entry, Expiring, STEP};
use crate::limit::{Decision, Hit, LimitKey, Usage, decide_all};
use crate::time::Timestamp;

/// How many entries compete for being evicted when the table is full.
const SAMPLE: usize = 16;

pub(super) struct Limit {
    key: LimitKey,
    usage: Usage,
}

impl Entry for Limit {
    type Key = LimitKey;

    fn key(&self) -> LimitKey {
        self.key
    }

    /// A whole budget is the same as none that was ever touched.
    fn has_expired(&self, now: Timestamp) -> bool {
        self.usage.is_over(now)
    }
}

pub(super) struct Limits {
    entries: Expiring<Limit>,
    capacity: usize,
}

impl Limits {
    /// Limits that hold `capacity` keys, at least one.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            entries: Expiring::default(),
            capacity: capacity.max(1),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    #[cfg(feature = "test-util")]
    pub(super) fn all(&self) -> impl Iterator<Item = (LimitKey, Usage)> {
        self.entries.all().map(|limit| (limit.key, limit.usage))
    }

    pub(super) fn hit_all(&mut self, hits: &[Hit], now: Timestamp) -> Decision {
        self.sweep(now, STEP);
        let budgets: Vec<_> = hits
            .iter()
            .map(|hit| {
                let kept = self.entries.get(hit.key);
                (hit.quota, kept.map(|limit| limit.usage))
            })
            .collect();
        let (usages, decision) = decide_all(&budgets, now);
        for (hit, usage) in hits.iter().zip(usages) {
            // Kept even when the act is refused: the rule may have brought a
            // time nearer that a clock turned back left far away.
            if let Some(usage) = usage {
                self.keep(hit.key, usage);
            }
        }
        decision
    }

    fn keep(&mut self, key: LimitKey, usage: Usage) {
        if let Some(limit) = self.entries.get_mut(key) {
            limit.usage = usage;
            return;
        }
        if self.len() >= self.capacity {
            self.make_room();
        }
        self.entries.insert(Limit { key, usage });
    }

    pub(super) fn give_back(&mut self, hits: &[Hit]) {
        for hit in hits {
            if let Some(limit) = self.entries.get_mut(hit.key) {
                limit.usage = hit.quota.give_back(limit.usage);
            }
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

    /// Evicts, of a sample, the key that is nearest to its whole budget. To
    /// get a loaded key out, somebody must load nearly all the others more
    /// than that one.
    fn make_room(&mut self) {
        let sample = self.entries.sample(SAMPLE);
        let nearest = sample.min_by_key(|limit| limit.usage.full_at);
        if let Some(key) = nearest.map(Limit::key) {
            self.entries.remove(key);
        }
    }
}
