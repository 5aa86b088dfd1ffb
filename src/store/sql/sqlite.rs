//! [`SqliteStore`].

use std::fs::OpenOptions;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteRow, SqliteSynchronous,
};
use sqlx::{Executor, Row as _, Sqlite, TypeInfo, ValueRef};

use super::config::{Migrations, SqlConfig};
use super::migrate;
use super::names::{Dialect, Names};
use super::pool::{Connections, Pooled, failure, fetch, safe};
use super::record::Record;
use super::start_error::StartError;
use super::statement::{Driver, Failure, Statement, Value};
use super::store::{SqlStore, until_free};
use crate::error::ConfigError;
use crate::store::StoreError;
use crate::store::client::{Act, Fault, Line, Runtime};

/// The store in one SQLite file, for any number of processes on one machine. Clones share one
/// store.
///
/// The file is in WAL mode with `synchronous = FULL`, so an acknowledged write survives a loss of
/// power. One connection writes; the others read. [`guide::sqlite`](crate::guide::sqlite) lists
/// the statements.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    pub(super) store: SqlStore,
}

/// SQLite itself does not wait for another writer, since it would wait beyond the deadline. The
/// store retries until the deadline.
const BUSY: Duration = Duration::ZERO;
/// How the driver begins the name of a database in memory, after `file:`.
const IN_MEMORY: &str = "sqlx-in-memory-";

impl SqliteStore {
    /// Opens the file of `url`, such as `sqlite:accounts.db`, and creates it if it does not exist,
    /// on Unix with mode 0600. Applies or checks migrations as configured by
    /// [`SqlConfig::migrations`]; [`Migrations::Verify`] creates no file, and neither does a URL
    /// with `mode=rw`. A relative path is that of the folder in which the process is now.
    ///
    /// # Errors
    ///
    /// [`StartError`] if the store cannot start.
    pub async fn open(url: &str, config: SqlConfig) -> Result<Self, StartError> {
        let options = SqliteConnectOptions::from_str(url).map_err(|_| StartError::InvalidUrl)?;
        Self::start(options, config, creates(url)).await
    }

    /// Opens the file of the application's pool. The store makes its own connections, because
    /// their settings decide whether an acknowledged write is durable.
    ///
    /// The connections of the pool must have `synchronous` set to `NORMAL` or more: a checkpoint
    /// by any connection moves the writes of all.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open); [`StartError::NotDurable`] if the pool has `synchronous = OFF`.
    pub async fn new(pool: &SqlitePool, config: SqlConfig) -> Result<Self, StartError> {
        config.validate()?;
        let asked = sqlx::query_scalar("PRAGMA synchronous").fetch_one(pool);
        let asked = tokio::time::timeout(config.deadline, asked).await;
        let asked = asked.map_err(|_| StoreError::Timeout)?;
        let synchronous: i64 =
            asked.map_err(|error| StoreError::from(failure::<Sqlite>(&error)))?;
        if synchronous == 0 {
            return Err(StartError::NotDurable);
        }
        let options = SqliteConnectOptions::clone(&pool.connect_options());
        Self::start(options, config, false).await
    }

    /// Closes the file, once the acts that have begun are over. SQLite then moves what is in the
    /// `-wal` file into the main one, unless another connection uses it: the main file alone
    /// has all accounts. Later acts fail with [`StoreError::Unavailable`], those of clones too.
    pub async fn close(&self) {
        self.store.inner.driver.close().await;
    }

    /// Starts over the file of `options`, which is created if `creates`, unless migrations are
    /// only verified.
    async fn start(
        options: SqliteConnectOptions,
        config: SqlConfig,
        creates: bool,
    ) -> Result<Self, StartError> {
        config.validate()?;
        if config.schema.is_some() {
            let problem = "is set, and SQLite has no schemas".to_owned();
            let setting = "sql.schema";
            return Err(ConfigError::Invalid { setting, problem }.into());
        }
        let file = options.get_filename();
        // A URI within the URL. The driver names a database in memory by one of its own.
        let within = file.to_str().and_then(|file| file.strip_prefix("file:"));
        let file = within.map_or(file, Path::new);
        let is_in_memory = |name: &str| name.contains(":memory:") || name.starts_with(IN_MEMORY);
        if file.as_os_str().is_empty() || is_in_memory(&file.to_string_lossy()) {
            return Err(StartError::InMemory);
        }
        match config.migrations {
            Migrations::Verify if !file.exists() => {
                return Err(migrate::nothing_found(Dialect::Sqlite));
            }
            Migrations::Apply if creates => create_private(file),
            _ => {}
        }
        // The file stays the same if the process changes its folder. No connection creates another
        // one in its place.
        let file = std::path::absolute(file).map_err(|_| StartError::InvalidUrl)?;
        let options = options
            .filename(file)
            .create_if_missing(false)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY);
        let runtime = Runtime::new(&config.runtime).map_err(super::no_runtime)?;
        let (most, deadline) = (config.max_connections, config.deadline);
        let pools = runtime.spawn(async move {
            let pool = |most| {
                SqlitePoolOptions::new()
                    .max_connections(most)
                    .acquire_timeout(deadline)
                    .test_before_acquire(false)
                    .idle_timeout(None)
                    .max_lifetime(None)
            };
            let writers = pool(1).connect_lazy_with(options.clone());
            (
                pool(most).connect_lazy_with(options.read_only(true)),
                writers,
            )
        });
        let (readers, writers) = pools.await.map_err(crate::store::client::not_ended)?;
        let driver: Arc<dyn Driver> = Arc::new(Pooled {
            readers,
            writers,
            names: Names::new(Dialect::Sqlite, &config),
            is_prepared: true,
        });
        migrate::run(&runtime, &driver, &config).await?;
        let lines = [config.max_connections, 1];
        let lines = lines.map(|most| Arc::new(Line::new(most, config.max_waiting)));
        Ok(Self {
            store: SqlStore::new(driver, config.deadline, lines, runtime),
        })
    }
}

/// The name of a primary code (SQLite, "Result and Error Codes").
fn name(primary: u32) -> Option<&'static str> {
    Some(match primary {
        1 => "SQLITE_ERROR",
        3 => "SQLITE_PERM",
        5 => "SQLITE_BUSY",
        6 => "SQLITE_LOCKED",
        8 => "SQLITE_READONLY",
        10 => "SQLITE_IOERR",
        11 => "SQLITE_CORRUPT",
        13 => "SQLITE_FULL",
        14 => "SQLITE_CANTOPEN",
        17 => "SQLITE_SCHEMA",
        19 => "SQLITE_CONSTRAINT",
        26 => "SQLITE_NOTADB",
        _ => return None,
    })
}

/// Whether the URL allows the file to be created: not with `mode=rw` or `mode=ro`.
fn creates(url: &str) -> bool {
    let (_, query) = url.split_once('?').unwrap_or_default();
    let mut modes = query
        .split('&')
        .filter_map(|pair| pair.strip_prefix("mode="));
    modes.next_back().is_none_or(|mode| mode == "rwc")
}

/// Creates the file for its owner alone: it holds password hashes and addresses, and `-wal` and
/// `-shm` get its mode. SQLite would create it with 0644. A file that exists keeps its mode; where
/// none can be created, SQLite reports why.
fn create_private(file: &Path) {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let _ = options.open(file);
}

#[async_trait]
impl Connections for Sqlite {
    async fn fetch(
        connection: &mut SqliteConnection,
        text: String,
        values: &[Value],
        is_prepared: bool,
    ) -> Result<Vec<SqliteRow>, sqlx::Error> {
        fetch!(Sqlite, connection, text, values, is_prepared)
    }

    async fn script(connection: &mut SqliteConnection, text: String) -> Result<(), sqlx::Error> {
        connection
            .execute(sqlx::raw_sql(safe(text)))
            .await
            .map(drop)
    }

    fn value(row: &SqliteRow, column: usize) -> Result<Value, sqlx::Error> {
        let kind = row.try_get_raw(column)?.type_info().name().to_owned();
        let declared = || {
            sqlx::Column::type_info(row.column(column))
                .name()
                .to_owned()
        };
        // A NULL has no type, but its column has one.
        let kind = if kind == "NULL" { declared() } else { kind };
        Ok(match kind.as_str() {
            "INTEGER" => Value::Int(row.try_get_unchecked(column)?),
            "BOOLEAN" => Value::Bool(row.try_get_unchecked(column)?),
            "BLOB" => Value::Bytes(row.try_get_unchecked(column)?),
            _ => Value::Text(row.try_get_unchecked(column)?),
        })
    }

    /// What the codes mean (SQLite, "Result and Error Codes"): the lower byte is the primary one.
    fn failure(code: &str) -> Failure {
        let primary = code.parse().ok().map(|code: u32| code & 0xff);
        let name = primary.and_then(name).unwrap_or("another error");
        let code_and_name = format!("SQLite {code} ({name})");
        let fault = Fault::new("the statement failed").with_code(code_and_name);
        match (code, primary) {
            // SQLITE_CONSTRAINT_UNIQUE, SQLITE_CONSTRAINT_PRIMARYKEY
            ("2067" | "1555", _) => Failure::Duplicate,
            // SQLITE_BUSY, SQLITE_LOCKED
            (_, Some(5 | 6)) => Failure::Contended(Box::new(fault)),
            // SQLITE_FULL
            (_, Some(13)) => StoreError::Full.into(),
            // SQLITE_PERM, SQLITE_READONLY, SQLITE_IOERR, SQLITE_CANTOPEN
            (_, Some(3 | 8 | 10 | 14)) => fault.unavailable().into(),
            _ => fault.other().into(),
        }
    }

    /// Checks that the database is a file and can be written.
    async fn check(driver: &dyn Driver, act: Act) -> Result<(), StartError> {
        let file = Statement::new("SELECT file FROM pragma_database_list WHERE name = 'main'");
        // Another instance may be making it.
        let rows = until_free(act, || driver.write(&file, act)).await;
        let rows = rows.unwrap_or_default();
        match rows.first() {
            Some(row) if Record::new("database", row).text("file")?.is_empty() => {
                return Err(StartError::InMemory);
            }
            _ => {}
        }
        let mut transaction = match driver.begin(act).await {
            Ok(transaction) => transaction,
            // Another connection writes, so the file can be written.
            Err(Failure::Contended(_)) => return Ok(()),
            Err(failure) => return Err(failure.into()),
        };
        // In a file that is read-only, `BEGIN IMMEDIATE` succeeds.
        let probe = Statement::new("CREATE TABLE {probe} (id INTEGER)");
        let written = transaction.run(&probe).await;
        transaction.rollback().await;
        match written {
            // A full disk may get room again.
            Ok(_) | Err(Failure::Store(StoreError::Full)) => Ok(()),
            Err(failure) => Err(failure.into()),
        }
    }

    fn ends(_: &str) -> bool {
        false
    }

    /// The connection's settings make each commit durable.
    fn durable(_: usize, _: Duration) -> Option<(String, Value)> {
        None
    }

    fn begin(_: Duration) -> String {
        "BEGIN IMMEDIATE".to_owned()
    }
}
