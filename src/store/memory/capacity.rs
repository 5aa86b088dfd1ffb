//! How much the store holds.

/// How many of each a [`MemoryStore`](super::MemoryStore) holds at most.
///
/// Users, sessions, tokens and events beyond it are refused with
/// [`StoreError::Full`](crate::store::StoreError::Full); of rate limits, those nearest to
/// their whole budget make room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryCapacity {
    /// Users. Default: 1,000,000, about 1 kB each.
    pub users: usize,
    /// Sessions that have not expired. Default: 1,000,000, about 0.5 kB each.
    pub sessions: usize,
    /// One-time tokens that have not expired. A quarter of them is only for links
    /// that set a new password, so that registrations cannot keep owners out.
    /// Default: 200,000.
    pub tokens: usize,
    /// Keys of rate limits that are not at their whole budget, and as many of
    /// accounts with attempts that failed; at least one of each.
    /// Default: 1,000,000, below 0.1 kB each.
    pub limits: usize,
    /// Events of all users that are kept and have not expired. Default:
    /// 1,000,000, about 0.4 kB each.
    pub events: usize,
}

impl Default for MemoryCapacity {
    fn default() -> Self {
        Self {
            users: 1_000_000,
            sessions: 1_000_000,
            tokens: 200_000,
            limits: 1_000_000,
            events: 1_000_000,
        }
    }
}

/// How many of each a [`MemoryStore`](super::MemoryStore) holds now, expired ones included that
/// were not removed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryCounts {
    /// Users.
    pub users: usize,
    /// Sessions.
    pub sessions: usize,
    /// One-time tokens.
    pub tokens: usize,
    /// Keys of rate limits.
    pub limits: usize,
    /// Events that are kept.
    pub events: usize,
}
