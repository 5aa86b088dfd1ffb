//! [`PostgresStore`].

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions, PgRow};
use sqlx::{Connection as _, Executor, Postgres, Row as _, TypeInfo, ValueRef};

use super::config::SqlConfig;
use super::migrate;
use super::names::{Dialect, Names};
use super::parameters;
use super::pool::{Connections, GRACE, Pooled, failure, fetch, safe};
use super::record::Record;
use super::sqlstate::named;
use super::start_error::StartError;
use super::statement::{Driver, Failure, Statement, Value};
use super::store::SqlStore;
use crate::store::StoreError;
use crate::store::client::{Act, Fault, Line, Runtime};

/// The store over PostgreSQL 12 or later. Clones share one store.
///
/// Each method is one statement or one short transaction at the isolation level READ COMMITTED.
/// [`guide::postgres`](crate::guide::postgres) lists them.
#[derive(Clone, Debug)]
pub struct PostgresStore {
    pub(super) store: SqlStore,
}

/// An idle connection is tested before its next use after this time.
const IDLE: Duration = Duration::from_secs(1);
/// How long this test may take. A connection that firewalls have dropped gives no answer.
const PING: Duration = Duration::from_millis(500);
/// An idle connection is closed after this time, which is shorter than that of firewalls.
const CLOSE_IDLE: Duration = Duration::from_secs(180);

impl PostgresStore {
    /// Connects to `url` with a pool of [`SqlConfig::max_connections`] connections, and starts
    /// as [`PostgresStore::new`] does.
    ///
    /// # Errors
    ///
    /// [`StartError`] if the store cannot start.
    pub async fn connect(url: &str, config: SqlConfig) -> Result<Self, StartError> {
        config.validate()?;
        parameters::require_known(url)?;
        let options = PgConnectOptions::from_str(url).map_err(|_| StartError::InvalidUrl)?;
        let options = match options.get_application_name() {
            Some(_) => options,
            None => options.application_name("admittance"),
        };
        let runtime = Runtime::new(&config.runtime).map_err(super::no_runtime)?;
        // Ends a statement on the server after its caller has given up, such as one that waits
        // for the lock of a table. Behind a pooler, the setting would reach other clients.
        let limit = config.prepared_statements;
        let limit = limit.then(|| format!("SET statement_timeout = {}", millis(config.deadline)));
        let pool = PgPoolOptions::new()
            .max_connections(config.max_connections)
            .acquire_timeout(config.deadline)
            .test_before_acquire(false)
            .idle_timeout(CLOSE_IDLE)
            .after_connect(move |connection, _| {
                let limit = limit.clone();
                Box::pin(async move {
                    match limit {
                        Some(limit) => Postgres::script(connection, limit).await,
                        None => Ok(()),
                    }
                })
            })
            .before_acquire(|connection, meta| {
                Box::pin(async move {
                    if meta.idle_for > IDLE {
                        let ping = sqlx::Connection::ping(connection);
                        let answer = tokio::time::timeout(PING, ping).await;
                        answer.map_err(|_| sqlx::Error::PoolTimedOut)??;
                    }
                    Ok(true)
                })
            });
        let pool = runtime
            .spawn(async move { pool.connect_lazy_with(options) })
            .await;
        let pool = pool.map_err(crate::store::client::not_ended)?;
        Self::start(pool, config, runtime).await
    }

    /// Starts over the application's pool, which must belong to the runtime of
    /// [`SqlConfig::runtime`].
    ///
    /// Applies or checks migrations as configured by [`SqlConfig::migrations`]. The server must be
    /// a primary, and the database's encoding UTF8.
    ///
    /// # Errors
    ///
    /// [`StartError`] if the store cannot start.
    pub async fn new(pool: PgPool, config: SqlConfig) -> Result<Self, StartError> {
        config.validate()?;
        let runtime = Runtime::with_client(&config.runtime);
        let runtime = runtime.map_err(super::no_runtime)?;
        let is_prepared = config.prepared_statements;
        let store = Self::start(pool, config, runtime).await?;
        if is_prepared {
            store.warn_without_limit().await?;
        }
        Ok(store)
    }

    /// Warns if statements of the application's pool have no time limit on the server.
    async fn warn_without_limit(&self) -> Result<(), StoreError> {
        let select = "SELECT current_setting('statement_timeout') = '0' AS is_unlimited";
        let rows = self.store.read(Statement::new(select)).await?;
        let row = rows.first().map(|row| Record::new("server", row));
        if row.is_some_and(|row| row.flag("is_unlimited").unwrap_or(false)) {
            tracing::warn!(
                "statement_timeout is 0 in the pool of the PostgreSQL store: a statement that \
                 waits on the server after its deadline occupies its connection until it ends"
            );
        }
        Ok(())
    }

    async fn start(pool: PgPool, config: SqlConfig, runtime: Runtime) -> Result<Self, StartError> {
        let driver: Arc<dyn Driver> = Arc::new(Pooled {
            readers: pool.clone(),
            writers: pool,
            names: Names::new(Dialect::Postgres, &config),
            is_prepared: config.prepared_statements,
        });
        migrate::run(&runtime, &driver, &config).await?;
        let readers = Line::new(config.max_connections, config.max_waiting);
        let writers = readers.part(config.max_connections - kept(config.max_connections));
        let lines = [Arc::new(readers), Arc::new(writers)];
        Ok(Self {
            store: SqlStore::new(driver, config.deadline, lines, runtime),
        })
    }
}

#[async_trait]
impl Connections for Postgres {
    async fn fetch(
        connection: &mut PgConnection,
        text: String,
        values: &[Value],
        is_prepared: bool,
    ) -> Result<Vec<PgRow>, sqlx::Error> {
        fetch!(Postgres, connection, text, values, is_prepared)
    }

    async fn script(connection: &mut PgConnection, text: String) -> Result<(), sqlx::Error> {
        connection
            .execute(sqlx::raw_sql(safe(text)))
            .await
            .map(drop)
    }

    fn value(row: &PgRow, column: usize) -> Result<Value, sqlx::Error> {
        let kind = row.try_get_raw(column)?.type_info().name().to_owned();
        Ok(match kind.as_str() {
            "BOOL" => Value::Bool(row.try_get(column)?),
            "INT8" => Value::Int(row.try_get(column)?),
            "INT4" => Value::Int(row.try_get::<Option<i32>, _>(column)?.map(i64::from)),
            "BYTEA" => Value::Bytes(row.try_get(column)?),
            // `json` is sent as it is written.
            _ => Value::Text(row.try_get_unchecked(column)?),
        })
    }

    /// What the server's codes mean (PostgreSQL, Appendix A).
    fn failure(code: &str) -> Failure {
        let fault = Fault::new("the statement failed").with_code(named(code));
        match code {
            // serialization_failure, deadlock_detected
            "40001" | "40P01" => Failure::Contended(Box::new(fault)),
            // unique_violation
            "23505" => Failure::Duplicate,
            // lock_not_available, query_canceled, and invalid_parameter_value, which a write
            // causes itself after its deadline
            "55P03" | "57014" | "22023" => StoreError::Timeout.into(),
            // disk_full
            "53100" => StoreError::Full.into(),
            // read_only_sql_transaction: it has become a replica
            "25006" => fault.unavailable().into(),
            // Connection exceptions, authorization, no such database, insufficient resources,
            // operator intervention, system errors
            _ if ["08", "28", "3D", "53", "57", "58"]
                .iter()
                .any(|class| code.starts_with(class)) =>
            {
                fault.unavailable().into()
            }
            _ => fault.other().into(),
        }
    }

    /// Checks that the server is a primary, writes durably, and stores all of Unicode. Finds the
    /// schema of the tables.
    async fn check(driver: &dyn Driver, act: Act) -> Result<(), StartError> {
        let statement = Statement::new(
            "SELECT pg_is_in_recovery() AS is_replica, current_setting('server_encoding') AS encoding, \
             current_setting('fsync') = 'on' AS is_synced, \
             current_setting('transaction_read_only') = 'on' AS is_read_only, \
             s.name AS schema, n.oid IS NOT NULL AS is_found, \
             COALESCE(has_schema_privilege(n.oid, 'USAGE'), FALSE) AS is_usable \
             FROM (SELECT COALESCE($1, CAST(current_schema() AS text)) AS name) AS s \
             LEFT JOIN pg_catalog.pg_namespace AS n ON n.nspname = s.name",
        )
        .with(driver.names().schema().map(str::to_owned));
        let rows = driver
            .read(&statement, act)
            .await
            .map_err(StoreError::from)?;
        let row = rows
            .first()
            .ok_or_else(|| Fault::new("the server gave no answer").other())?;
        let record = Record::new("server", row);
        if record.flag("is_replica")? {
            return Err(StartError::Replica);
        }
        if record.flag("is_read_only")? {
            return Err(StartError::ReadOnly);
        }
        if record.text("encoding")? != "UTF8" {
            return Err(StartError::Encoding);
        }
        if !record.flag("is_synced")? {
            return Err(StartError::NotDurable);
        }
        let schema = record.optional_text("schema")?;
        // A temporary one would end with its connection.
        let schema = schema.filter(|schema| !schema.starts_with("pg_"));
        let schema = schema.ok_or(StartError::NoSchema)?;
        driver.names().keep_schema(schema);
        let (kind, name) = ("schema", schema.to_owned());
        match (record.flag("is_found")?, record.flag("is_usable")?) {
            (false, _) => Err(StartError::Missing { kind, name }),
            (true, true) => Ok(()),
            (true, false) => Err(StartError::MissingPrivilege {
                privilege: "USAGE".to_owned(),
                kind,
                name,
            }),
        }
    }

    /// Errors that show the state of the connection, in which it would stay: connection
    /// exceptions, invalid transaction states, invalid names of prepared statements,
    /// feature_not_supported (the type of a cached plan's result has changed),
    /// duplicate_prepared_statement, shutdowns. After read_only_sql_transaction, a new connection
    /// may reach the primary.
    fn ends(code: &str) -> bool {
        let is_of_class = |class: &&str| code.starts_with(class);
        matches!(code, "0A000" | "42P05") || ["08", "25", "26", "57P"].iter().any(is_of_class)
    }

    /// feature_not_supported and in_failed_sql_transaction, invalid_sql_statement_name,
    /// duplicate_prepared_statement: all of them undo the statement.
    fn is_stale(code: &str) -> bool {
        matches!(code, "0A000" | "25P02" | "26000" | "42P05")
    }

    /// Whether a statement of this role has run for longer than the grace.
    async fn runs_on(options: &PgConnectOptions) -> Option<bool> {
        Some(long_statements(options).await.unwrap_or(true))
    }

    async fn greet(options: &PgConnectOptions, act: Act) -> Result<(), StartError> {
        let connect = PgConnection::connect_with(options);
        let error = match tokio::time::timeout(act.left()?, connect).await {
            Ok(Ok(connection)) => {
                let _ = tokio::time::timeout(GRACE, connection.close()).await;
                return Ok(());
            }
            Ok(Err(error)) => error,
            Err(_) => return Err(StoreError::Timeout.into()),
        };
        let code = error.as_database_error().and_then(|error| error.code());
        match code {
            // Authorization, no such database
            Some(code) if code.starts_with("28") || code.starts_with("3D") => {
                let reason = named(&code);
                Err(StartError::Refused { reason })
            }
            // too_many_connections: the pool may have one already.
            Some(code) if code == "53300" => Ok(()),
            _ => Err(failure::<Self>(&error).into()),
        }
    }

    /// Sets `lock_timeout` and `synchronous_commit` for the statement's own transaction, whatever
    /// the role's defaults are.
    ///
    /// PostgreSQL locks the table before it evaluates the condition, and the wait for that lock
    /// has no limit. After a wait beyond the deadline, the condition sets a value that is not
    /// valid, and so the statement fails.
    fn durable(number: usize, left: Duration) -> Option<(String, Value)> {
        let condition = format!(
            "(SELECT {DURABLE} IS NOT NULL AND set_config('lock_timeout', \
             CASE WHEN clock_timestamp() - transaction_timestamp() \
                 < make_interval(secs => CAST(${number} AS double precision) / 1000) \
             THEN CAST(${number} AS text) ELSE 'too late' END, true) IS NOT NULL)"
        );
        Some((condition, i64::from(millis(left)).into()))
    }

    fn begin(left: Duration) -> String {
        let left = millis(left);
        format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED; \
             SET LOCAL lock_timeout = {left}; SET LOCAL statement_timeout = {left}; \
             SELECT {DURABLE}"
        )
    }
}

/// How many connections are kept for reads, so that tokens are checked while all writes wait.
fn kept(connections: u32) -> u32 {
    match connections {
        0 | 1 => 0,
        _ => (connections / 4).max(1),
    }
}

async fn long_statements(options: &PgConnectOptions) -> Result<bool, sqlx::Error> {
    let select = format!(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity \
         WHERE datname = current_database() AND usename = session_user \
         AND pid <> pg_backend_pid() AND state = 'active' AND backend_type = 'client backend' \
         AND query_start < clock_timestamp() - interval '{} ms') AS runs",
        GRACE.as_millis()
    );
    let mut connection = PgConnection::connect_with(options).await?;
    let row = connection.fetch_one(sqlx::raw_sql(safe(select))).await?;
    let runs = row.try_get("runs")?;
    connection.close().await?;
    Ok(runs)
}

/// The time in milliseconds, as the server's settings take it; 0 would mean no limit.
fn millis(left: Duration) -> i32 {
    i32::try_from(left.as_millis().max(1)).unwrap_or(i32::MAX)
}

/// Makes the commit of this transaction durable, and keeps `remote_apply`.
const DURABLE: &str = "set_config('synchronous_commit', \
    CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' \
    ELSE 'on' END, true)";
