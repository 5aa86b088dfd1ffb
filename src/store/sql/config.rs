//! Settings of the stores.

use std::time::Duration;

use crate::error::ConfigError;
use crate::store::client::DriverRuntime;

/// The default prefix of all names: the migrations are written with it.
pub(super) const PREFIX: &str = "admittance_";

/// The default of [`SqlConfig::max_connections`].
pub const DEFAULT_CONNECTIONS: u32 = 10;

/// The settings of a SQL store.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SqlConfig {
    /// The prefix of the names of all tables, indexes and functions: 1 to 32 of `a-z 0-9 _`,
    /// starting with a letter, and not with `sqlite_`. Default `admittance_`.
    pub prefix: String,
    /// The schema of the tables. PostgreSQL only; the schema must exist. 1 to 63 of
    /// `a-z 0-9 _`, not starting with a digit or `pg_`. Default `None`: the server's
    /// `current_schema()` at the start, which is the first schema of the `search_path` that
    /// exists and that the role may use. Later changes of the `search_path` have no effect.
    pub schema: Option<String>,
    /// Whether the store applies migrations when it starts.
    pub migrations: Migrations,
    /// The time limit of one act, including the wait for a connection and for locks. After
    /// it, the act sends no further statement. 100 milliseconds to 60 seconds; default 5
    /// seconds.
    pub deadline: Duration,
    /// The maximum number of connections, and thereby of acts at the same time, including acts
    /// whose caller has given up. It must not exceed the size of the application's pool.
    /// PostgreSQL keeps a quarter, and at least one of two, for acts that read. For
    /// SQLite it is the number of readers; there is always one writer. 1 to 10,000; default
    /// [`DEFAULT_CONNECTIONS`].
    pub max_connections: u32,
    /// The maximum number of callers that wait for a connection. Further callers get
    /// [`StoreError::Unavailable`](crate::store::StoreError::Unavailable) at once. At most
    /// 1,000,000; default 4,096.
    pub max_waiting: usize,
    /// How long the store retries its start while the server, or the file, cannot be reached.
    /// Each failed attempt logs one line. The wait between attempts starts at 250 milliseconds
    /// and doubles up to 5 seconds. At most an hour; default zero: a single attempt.
    pub wait_at_start: Duration,
    /// Whether the server keeps prepared statements. PostgreSQL only. Set it to `false` behind
    /// a pooler in transaction mode, such as PgBouncer. Each statement then runs in its own
    /// transaction with its own settings, which costs three more round trips. Default `true`.
    pub prepared_statements: bool,
    /// The runtime that the driver runs on. Default [`DriverRuntime::Current`].
    pub runtime: DriverRuntime,
    insecure: bool,
}

impl Default for SqlConfig {
    fn default() -> Self {
        Self {
            prefix: PREFIX.to_owned(),
            schema: None,
            migrations: Migrations::Apply,
            deadline: Duration::from_secs(5),
            max_connections: DEFAULT_CONNECTIONS,
            max_waiting: 4096,
            wait_at_start: Duration::ZERO,
            prepared_statements: true,
            runtime: DriverRuntime::Current,
            insecure: false,
        }
    }
}

/// Whether a store applies migrations when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Migrations {
    /// Applies missing migrations in one transaction. Of several instances that start at the
    /// same time, one applies them and the others wait.
    Apply,
    /// Changes no table, and refuses to start if a migration is missing. For an application
    /// whose role may not create tables, or whose own tool applies the files in
    /// `src/store/sql/migrations`.
    Verify,
}

impl SqlConfig {
    /// Disables the checks of deadlines, counts and times. For tests only.
    #[must_use]
    pub fn insecure_for_tests(mut self) -> Self {
        self.insecure = true;
        self
    }

    /// Checks the names, times and counts. The store calls this when it starts.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] with the first setting that is out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let named = |text: &str, most: usize, first: fn(u8) -> bool| {
            let is_name = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
            text.len() <= most
                && text.bytes().next().is_some_and(first)
                && text.bytes().all(is_name)
        };
        let schema = self.schema.as_deref();
        let is_systems = |schema: &str| schema.starts_with("pg_") || schema == "information_schema";
        ConfigError::require([
            (
                "sql.prefix",
                named(&self.prefix, 32, |byte| byte.is_ascii_lowercase()),
                "is not 1 to 32 of a-z, 0-9 and _, the first a letter",
            ),
            (
                "sql.prefix",
                !self.prefix.starts_with("sqlite_"),
                "begins with sqlite_, which SQLite reserves",
            ),
            (
                "sql.schema",
                schema.is_none_or(|schema| named(schema, 63, |byte| !byte.is_ascii_digit())),
                "is not 1 to 63 of a-z, 0-9 and _, the first not a digit",
            ),
            (
                "sql.schema",
                !schema.is_some_and(is_systems),
                "is a schema of PostgreSQL's own",
            ),
        ])?;
        if self.insecure {
            return Ok(());
        }
        let deadline = Duration::from_millis(100)..=Duration::from_secs(60);
        ConfigError::require([
            (
                "sql.deadline",
                deadline.contains(&self.deadline),
                "is not between 100 milliseconds and 60 seconds",
            ),
            (
                "sql.max_connections",
                (1..=10_000).contains(&self.max_connections),
                "is not between 1 and 10,000",
            ),
            (
                "sql.max_waiting",
                self.max_waiting <= 1_000_000,
                "is more than 1,000,000",
            ),
            (
                "sql.wait_at_start",
                self.wait_at_start <= Duration::from_secs(3600),
                "is more than an hour",
            ),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_is_not_safe_is_refused_by_name() {
        const MS: Duration = Duration::from_millis(1);
        type Change = fn(&mut SqlConfig);
        let cases: [(&str, Change, Change); 12] = [
            (
                "sql.prefix",
                |c| c.prefix = String::new(),
                |c| c.prefix = "a".to_owned(),
            ),
            (
                "sql.prefix",
                |c| c.prefix = "a b".to_owned(),
                |c| c.prefix = "exam_2".to_owned(),
            ),
            (
                "sql.prefix",
                |c| c.prefix = "a".repeat(33),
                |c| c.prefix = "a".repeat(32),
            ),
            (
                "sql.schema",
                |c| c.schema = Some("x;--".to_owned()),
                |c| c.schema = Some("_a".to_owned()),
            ),
            (
                "sql.schema",
                |c| c.schema = Some("1a".to_owned()),
                |c| c.schema = None,
            ),
            (
                "sql.prefix",
                |c| c.prefix = "sqlite_".to_owned(),
                |c| c.prefix = "sqlite".to_owned(),
            ),
            (
                "sql.schema",
                |c| c.schema = Some("pg_temp".to_owned()),
                |c| c.schema = Some("default".to_owned()),
            ),
            (
                "sql.schema",
                |c| c.schema = Some("information_schema".to_owned()),
                |c| c.schema = Some("user".to_owned()),
            ),
            (
                "sql.deadline",
                |c| c.deadline = 99 * MS,
                |c| c.deadline = 100 * MS,
            ),
            (
                "sql.max_connections",
                |c| c.max_connections = 0,
                |c| c.max_connections = 1,
            ),
            (
                "sql.max_waiting",
                |c| c.max_waiting = 1_000_001,
                |c| c.max_waiting = 1_000_000,
            ),
            (
                "sql.wait_at_start",
                |c| c.wait_at_start = Duration::MAX,
                |c| c.wait_at_start = 3_600_000 * MS,
            ),
        ];
        assert_eq!(SqlConfig::default().validate(), Ok(()));
        for (name, refused, accepted) in cases {
            let mut config = SqlConfig::default();
            refused(&mut config);
            match config.validate() {
                Err(ConfigError::Invalid { setting, .. }) => assert_eq!(setting, name),
                other => panic!("{name}: {other:?}"),
            }
            let mut config = SqlConfig::default();
            accepted(&mut config);
            assert_eq!(config.validate(), Ok(()), "{name}");
        }
    }
}
