//! How much the store holds.

/// How many of each a [`MemoryStore`](super::MemoryStore) holds at most.
///
/// In a full table the user with the most entries loses the oldest one to the new entry,
/// but no user loses their only entry to another user. So an account is not kept out by what others
/// have as long as `sessions`, `tokens` and `events` are at least `users`; with twice
/// as many, each keeps two, and so on. Events of removed accounts count like those of
/// users until they expire. What finds no room is refused with
/// [`StoreError::Full`](crate::store::StoreError::Full). Of rate limits, those nearest
/// to their whole budget make room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryCapacity {
    /// Users. A registration beyond them is refused. Default: 250,000, about 1 kB each.
    pub users: usize,
    /// Sessions that have not expired. Default: 1,000,000, about 0.5 kB each.
    pub sessions: usize,
    /// One-time tokens of accounts that have not expired. Default: 500,000, about 0.5 kB
    /// each.
    pub tokens: usize,
    /// Registrations that wait for the confirmation of their address, with what is to be
    /// stored in the account. Beyond them the oldest is removed, whose link no longer works.
    /// Default: 100,000, about 1 kB each.
    pub registrations: usize,
    /// Sign-ins with a provider that have begun. Beyond them the oldest is removed, and its person
    /// begins again. Default: 100,000, about 0.5 kB each.
    pub flows: usize,
    /// Keys of rate limits that were not at their whole budget a minute ago, and as many of
    /// accounts with attempts that failed; at least one of each.
    /// Default: 1,000,000, below 0.1 kB each.
    pub limits: usize,
    /// Events of all users that are kept and have not expired. Default:
    /// 2,000,000, about 0.4 kB each.
    pub events: usize,
}

impl Default for MemoryCapacity {
    fn default() -> Self {
        Self {
            users: 250_000,
            sessions: 1_000_000,
            tokens: 500_000,
            registrations: 100_000,
            flows: 100_000,
            limits: 1_000_000,
            events: 2_000_000,
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
    /// One-time tokens of accounts.
    pub tokens: usize,
    /// Registrations that wait for the confirmation of their address.
    pub registrations: usize,
    /// Sign-ins with a provider that have begun.
    pub flows: usize,
    /// Keys of rate limits.
    pub limits: usize,
    /// Events that are kept.
    pub events: usize,
}
