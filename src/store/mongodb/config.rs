//! Settings of the store.

use std::time::Duration;

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
    /// For how long a caller waits for one act.
    pub deadline: Duration,
    /// How many acts may be under way at once, those included whose caller has
    /// given up. More are refused as unavailable, so that a server that hangs
    /// does not fill the memory.
    pub max_in_flight: usize,
    /// What is done about indexes when the store starts.
    pub indexes: Indexes,
    /// Whether the server checks what is written.
    pub validators: Validators,
    /// How long the server keeps what has expired before it may remove it
    /// (TTL indexes). Nothing that is expired is ever returned, removed or not;
    /// the time only has to be longer than clocks can be apart. `None`: no TTL
    /// index is made, and nothing is removed.
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
            max_in_flight: 4096,
            indexes: Indexes::Create,
            validators: Validators::Off,
            retention: Some(Duration::from_secs(24 * 3600)),
        }
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
