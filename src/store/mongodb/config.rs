//! Settings of the store.

use std::time::Duration;

use super::kind::Kind;
use crate::error::ConfigError;
use crate::store::client::DriverRuntime;

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
    /// The collection of notes: which collections the store has made, and the
    /// version of what is in them.
    pub meta: String,
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
    /// 100 milliseconds to 60 seconds; default 5 seconds.
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
    /// wait inside the driver, where a caller that gives up stays in line. 1 to
    /// 10,000.
    pub max_connections: Option<u32>,
    /// How many callers may wait for a connection. More are refused as
    /// unavailable at once, so that a server that hangs does not fill the memory.
    /// At most 1,000,000; default 4,096.
    pub max_waiting: usize,
    /// What is done about indexes when the store starts.
    pub indexes: Indexes,
    /// Whether the server checks what is written.
    pub validators: Validators,
    /// How long the server keeps what has expired before it may remove it
    /// (TTL indexes). Nothing that is expired is ever returned, removed or not;
    /// the time only has to be longer than clocks can be apart. 5 minutes to 10
    /// years; default 24 hours. Rate limits and
    /// login attempts are kept for five minutes at most. `None`: no TTL index is
    /// made, and nothing is removed.
    pub retention: Option<Duration>,
    /// For how long the start is tried again while no server can be reached, as when a
    /// database starts together with the application. Each failed try is one line in the log;
    /// between two tries are 250 milliseconds, and then twice as long each time up to 5
    /// seconds. No try begins after this time, and each has the time limits of
    /// [`MongoStore::new`](super::MongoStore::new). At most an hour; default zero: one try.
    pub wait_at_start: Duration,
    /// The runtime that the driver runs on. Default [`DriverRuntime::Current`].
    pub runtime: DriverRuntime,
    insecure: bool,
}

impl Default for MongoConfig {
    /// Collections whose names begin with `admittance_`, all of them in the database
    /// that the connection string names.
    fn default() -> Self {
        Self::with_prefix("admittance_")
    }
}

impl MongoConfig {
    /// The default settings with collections whose names begin with `prefix`: for a
    /// database that several services share.
    ///
    /// ```
    /// use admittance::store::mongodb::MongoConfig;
    ///
    /// assert_eq!(MongoConfig::default().users, "admittance_users");
    /// assert_eq!(MongoConfig::with_prefix("exam_").audit, "exam_audit_log");
    /// ```
    #[must_use]
    pub fn with_prefix(prefix: &str) -> Self {
        let name = |kind: Kind| format!("{prefix}{}", kind.as_str());
        Self {
            database: None,
            meta: name(Kind::Meta),
            users: name(Kind::Users),
            sessions: name(Kind::Sessions),
            tokens: name(Kind::Tokens),
            limits: name(Kind::Limits),
            audit: name(Kind::Audit),
            attempts: name(Kind::Attempts),
            deadline: Duration::from_secs(5),
            max_connections: None,
            max_waiting: 4096,
            indexes: Indexes::Create,
            validators: Validators::Off,
            retention: Some(Duration::from_secs(24 * 3600)),
            wait_at_start: Duration::ZERO,
            runtime: DriverRuntime::Current,
            insecure: false,
        }
    }

    /// Allows deadlines, counts and times of any size. For tests only.
    #[must_use]
    pub fn insecure_for_tests(mut self) -> Self {
        self.insecure = true;
        self
    }

    /// Checks the times and the counts. The store does it when
    /// it starts.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] names the first setting that is out of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        const YEARS: Duration = Duration::from_secs(3650 * 86_400);
        if self.insecure {
            return Ok(());
        }
        let deadline = Duration::from_millis(100)..=Duration::from_secs(60);
        let is_kept = |after| (CLOCK_SKEW..=YEARS).contains(&after);
        ConfigError::require([
            (
                "mongodb.deadline",
                deadline.contains(&self.deadline),
                "is not between 100 milliseconds and 60 seconds",
            ),
            (
                "mongodb.max_connections",
                self.max_connections
                    .is_none_or(|most| (1..=10_000).contains(&most)),
                "is not between 1 and 10,000",
            ),
            (
                "mongodb.max_waiting",
                self.max_waiting <= 1_000_000,
                "is more than 1,000,000",
            ),
            (
                "mongodb.retention",
                self.retention.is_none_or(is_kept),
                "is not between 5 minutes and 10 years",
            ),
            (
                "mongodb.wait_at_start",
                self.wait_at_start <= Duration::from_secs(3600),
                "is more than an hour",
            ),
        ])
    }

    /// How long rate limits and attempts are kept that mean nothing any more.
    pub(super) fn short_retention(&self) -> Option<Duration> {
        self.retention.map(|after| after.min(CLOCK_SKEW))
    }
}

/// What is done about indexes when the store starts. Either way it does not start
/// unless each index, those that delete documents included, is as it has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Indexes {
    /// Collections that are new are noted, missing indexes are created, and indexes
    /// that delete documents follow [`MongoConfig::retention`].
    Create,
    /// Notes and indexes are only looked at, and nothing is written: for an
    /// application that may not create indexes.
    Verify,
}

/// Whether the server checks documents against a `$jsonSchema` when they are
/// written, by any client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validators {
    /// It does not.
    Off,
    /// Validators are put on the collections together with the indexes. A
    /// document that was invalid before may still be changed (`moderate`).
    Install,
}

impl MongoConfig {
    /// The name of the collection of a kind.
    pub(super) fn name_of(&self, kind: Kind) -> &str {
        match kind {
            Kind::Meta => &self.meta,
            Kind::Users => &self.users,
            Kind::Sessions => &self.sessions,
            Kind::Tokens => &self.tokens,
            Kind::Limits => &self.limits,
            Kind::Audit => &self.audit,
            Kind::Attempts => &self.attempts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_is_not_safe_is_refused_by_name_unless_tests_ask_for_it() {
        const MS: Duration = Duration::from_millis(1);
        type Change = fn(&mut MongoConfig);
        let bounds: [(&str, [Change; 2], [Change; 2]); 5] = [
            (
                "mongodb.deadline",
                [|c| c.deadline = 99 * MS, |c| c.deadline = 60_001 * MS],
                [|c| c.deadline = 100 * MS, |c| c.deadline = 60_000 * MS],
            ),
            (
                "mongodb.max_connections",
                [
                    |c| c.max_connections = Some(0),
                    |c| c.max_connections = Some(10_001),
                ],
                [
                    |c| c.max_connections = Some(1),
                    |c| c.max_connections = Some(10_000),
                ],
            ),
            (
                "mongodb.max_waiting",
                [
                    |c| c.max_waiting = 1_000_001,
                    |c| c.max_waiting = usize::MAX,
                ],
                [|c| c.max_waiting = 0, |c| c.max_waiting = 1_000_000],
            ),
            (
                "mongodb.retention",
                [
                    |c| c.retention = Some(Duration::ZERO),
                    |c| c.retention = Some(Duration::MAX),
                ],
                [|c| c.retention = None, |c| c.retention = Some(300_000 * MS)],
            ),
            (
                "mongodb.wait_at_start",
                [
                    |c| c.wait_at_start = 3_600_001 * MS,
                    |c| c.wait_at_start = Duration::MAX,
                ],
                [
                    |c| c.wait_at_start = Duration::ZERO,
                    |c| c.wait_at_start = 3_600_000 * MS,
                ],
            ),
        ];
        assert_eq!(MongoConfig::default().validate(), Ok(()));
        for (name, refused, accepted) in bounds {
            for change in refused {
                let mut config = MongoConfig::default();
                change(&mut config);
                match config.validate() {
                    Err(ConfigError::Invalid { setting, .. }) => assert_eq!(setting, name),
                    other => panic!("{name}: {other:?}"),
                }
                assert_eq!(config.insecure_for_tests().validate(), Ok(()), "{name}");
            }
            for change in accepted {
                let mut config = MongoConfig::default();
                change(&mut config);
                assert_eq!(config.validate(), Ok(()), "{name}");
            }
        }
    }
}
