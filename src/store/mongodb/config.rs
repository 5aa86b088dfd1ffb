//! Settings of the store.

use std::time::Duration;

/// How many connections a client has at most that
/// [`MongoStore::connect`](super::MongoStore::connect) makes, where neither the
/// connection string nor [`MongoConfig::max_connections`] says it.
pub const DEFAULT_CONNECTIONS: u32 = 32;

/// How many of the connections of the application's client the store uses at
/// most, unless [`MongoConfig::max_connections`] says it.
pub(super) const DEFAULT_SHARE: u32 = 10;

/// How long budgets and attempts stay that no longer mean anything: the time
/// that the clocks of instances may differ.
const CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);

/// How the store uses its database.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MongoConfig {
    /// The database; `None` takes the one that the connection string names.
    /// Only [`MongoStore::connect`](super::MongoStore::connect) looks at it.
    pub database: Option<String>,
    /// The collection of users.
    pub users: String,
    /// The collection of sessions.
    pub sessions: String,
    /// The collection of one-time tokens.
    pub tokens: String,
    /// The collection of rate limits.
    pub limits: String,
    /// The collection of events that are kept.
    pub audit: String,
    /// The collection of login attempts that failed.
    pub attempts: String,
    /// For how long a caller waits for one act: for a connection and for the
    /// server together. Once it has passed, the act sends no further command.
    pub deadline: Duration,
    /// How many commands may be under way at once, those included whose caller
    /// has given up; each needs a connection.
    ///
    /// [`MongoStore::connect`](super::MongoStore::connect) makes its connection
    /// pool of this size, unless the connection string has a `maxPoolSize`:
    /// then the smaller of the two counts. `None` takes
    /// [`DEFAULT_CONNECTIONS`]. [`MongoStore::new`](super::MongoStore::new) is
    /// given a client whose pool the application may use too: this is the
    /// store's share of it, 10 by default, which is the driver's own default
    /// for a whole pool. It must not exceed the client's `maxPoolSize`; else acts
    /// wait inside the driver, where a caller that gives up stays in line.
    pub max_connections: Option<u32>,
    /// How many callers may wait for a connection. More are refused as
    /// unavailable at once, so that a server that hangs does not fill the memory.
    pub max_waiting: usize,
    /// What is done about indexes when the store starts.
    pub indexes: Indexes,
    /// Whether the server checks what is written.
    pub validators: Validators,
    /// How long the server keeps what has expired before it may remove it
    /// (TTL indexes). Nothing that is expired is ever returned, removed or not;
    /// the time only has to be longer than clocks can be apart. Rate limits and
    /// login attempts are kept for five minutes at most. `None`: no TTL index is
    /// made, and nothing is removed.
    pub retention: Option<Duration>,
}

impl Default for MongoConfig {
    fn default() -> Self {
        Self {
            database: None,
            users: "users".to_owned(),
            sessions: "sessions".to_owned(),
            tokens: "one_time_tokens".to_owned(),
            limits: "rate_limits".to_owned(),
            audit: "audit_log".to_owned(),
            attempts: "login_attempts".to_owned(),
            deadline: Duration::from_secs(5),
            max_connections: None,
            max_waiting: 4096,
            indexes: Indexes::Create,
            validators: Validators::Off,
            retention: Some(Duration::from_secs(24 * 3600)),
        }
    }
}

impl MongoConfig {
    /// How long rate limits and attempts are kept that mean nothing any more.
    pub(super) fn short_retention(&self) -> Option<Duration> {
        self.retention.map(|after| after.min(CLOCK_SKEW))
    }
}

/// What is done about indexes when the store starts. Either way it does not
/// start without the index that keeps emails unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Indexes {
    /// What is missing is created.
    Create,
    /// They are only looked at: for an application that may not create any.
    Verify,
}

/// Whether the server checks documents against a `$jsonSchema` when they are
/// written, whoever writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validators {
    /// It does not.
    Off,
    /// Validators are put on the collections together with the indexes. A
    /// document that was invalid before may still be changed (`moderate`).
    Install,
}
