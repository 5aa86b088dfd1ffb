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
use super::pool::{Connections, Pooled, fetch, safe};
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

impl SqliteStore {
    /// Opens the file of `url`, such as `sqlite:accounts.db`, and creates it if it does not exist,
    /// on Unix with mode 0600. Applies or checks migrations as configured by
    /// [`SqlConfig::migrations`]; [`Migrations::Verify`] creates no file.
    ///
    /// # Errors
    ///
    /// [`StartError`] if the store cannot start.
    pub async fn open(url: &str, config: SqlConfig) -> Result<Self, StartError> {
        let options = SqliteConnectOptions::from_str(url).map_err(|_| StartError::InvalidUrl)?;
        let options = options.create_if_missing(true);
        Self::start(options, config, create_private).await
    }

    /// Opens the file of the application's pool. The store makes its own connections, because
    /// their settings decide whether an acknowledged write is durable.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub async fn new(pool: &SqlitePool, config: SqlConfig) -> Result<Self, StartError> {
        let options = SqliteConnectOptions::clone(&pool.connect_options());
        Self::start(options, config, |_| ()).await
    }

    /// Starts over the file of `options`. `prepare` gets its path once the configuration is known
    /// to allow creating it.
    async fn start(
        options: SqliteConnectOptions,
        config: SqlConfig,
        prepare: fn(&Path),
    ) -> Result<Self, StartError> {
        config.validate()?;
        if config.schema.is_some() {
            let problem = "is set, and SQLite has no schemas".to_owned();
            let setting = "sql.schema";
            return Err(ConfigError::Invalid { setting, problem }.into());
        }
        let file = options.get_filename();
        if file.as_os_str().is_empty() || file.to_string_lossy().contains(":memory:") {
            return Err(StartError::InMemory);
        }
        match config.migrations {
            Migrations::Verify if !file.exists() => {
                return Err(migrate::nothing_found(Dialect::Sqlite));
            }
            Migrations::Verify => {}
            Migrations::Apply => prepare(file),
        }
        let options = options
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
        let fault = Fault::new("the statement failed").with_code(format!("SQLite {code}"));
        let primary = code.parse().map(|code: u32| code & 0xff);
        match (code, primary) {
            // SQLITE_CONSTRAINT_UNIQUE, SQLITE_CONSTRAINT_PRIMARYKEY
            ("2067" | "1555", _) => Failure::Duplicate,
            // SQLITE_BUSY, SQLITE_LOCKED
            (_, Ok(5 | 6)) => Failure::Contended(Box::new(fault)),
            // SQLITE_FULL
            (_, Ok(13)) => StoreError::Full.into(),
            // SQLITE_PERM, SQLITE_READONLY, SQLITE_IOERR, SQLITE_CANTOPEN
            (_, Ok(3 | 8 | 10 | 14)) => fault.unavailable().into(),
            _ => fault.other().into(),
        }
    }

    /// Creates the file, which a reader cannot do, and checks that the database is a file. If the
    /// writer fails, the next read returns the error.
    async fn check(driver: &dyn Driver, act: Act) -> Result<(), StartError> {
        let file = Statement::new("SELECT file FROM pragma_database_list WHERE name = 'main'");
        // Another instance may be making it.
        let rows = until_free(act, || driver.write(&file, act)).await;
        let rows = rows.unwrap_or_default();
        match rows.first() {
            Some(row) if Record::new("database", row).text("file")?.is_empty() => {
                Err(StartError::InMemory)
            }
            _ => Ok(()),
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
