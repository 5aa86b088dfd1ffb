//! A driver over a pool of connections, for either dialect.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Column, Connection, Database, Pool, Row as _};
use tokio::sync::Mutex;

use super::names::Names;
use super::start_error::StartError;
use super::statement::{Driver, Failure, Row, Statement, Transaction, Value, end};
use crate::store::StoreError;
use crate::store::client::{Act, Fault};

/// What differs between the dialects in the use of a connection.
#[async_trait]
pub(super) trait Connections: Database {
    /// Runs a statement with its values.
    async fn fetch(
        connection: &mut Self::Connection,
        text: String,
        values: &[Value],
        is_prepared: bool,
    ) -> Result<Vec<Self::Row>, sqlx::Error>;

    /// Runs any number of statements that have no values.
    async fn script(connection: &mut Self::Connection, text: String) -> Result<(), sqlx::Error>;

    /// The value of a column.
    fn value(row: &Self::Row, column: usize) -> Result<Value, sqlx::Error>;

    /// What a code of the database means.
    fn failure(code: &str) -> Failure;

    /// Whether the connection is of no use after this error of the database.
    fn ends(code: &str) -> bool;

    /// Whether a connection could not run a statement because of its own state, so that another
    /// one may run it.
    fn is_stale(_: &str) -> bool {
        false
    }

    /// Whether a statement that was given up may still run, which keeps its connection in use.
    /// `None` if it ends with its connection.
    async fn runs_on(_: &ConnectOptions<Self>) -> Option<bool> {
        None
    }

    /// Checks that the database can be reached, and accepts the role.
    async fn greet(_: &ConnectOptions<Self>, _: Act) -> Result<(), StartError> {
        Ok(())
    }

    /// The condition of a statement that writes, and the value that it takes as the last one.
    fn durable(number: usize, left: Duration) -> Option<(String, Value)>;

    /// Checks that the database keeps what it acknowledges.
    async fn check(driver: &dyn Driver, act: Act) -> Result<(), StartError>;

    /// What begins a transaction that writes.
    fn begin(left: Duration) -> String;
}

/// How the connections of a database are made.
pub(super) type ConnectOptions<D> = <<D as Database>::Connection as Connection>::Options;

/// How long after the deadline the server's own time limits have to answer. A connection without
/// an answer is then closed.
pub(super) const GRACE: Duration = Duration::from_millis(250);

/// How often it is looked whether statements that were given up still run.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Held by the one that looks, since it takes a connection beyond those of the pool.
static LOOKING: Mutex<()> = Mutex::const_new(());

/// A driver that reads by one pool and writes by another, which may be the same.
pub(super) struct Pooled<D: Database> {
    pub(super) readers: Pool<D>,
    pub(super) writers: Pool<D>,
    pub(super) names: Names,
    /// Whether the server keeps prepared statements.
    pub(super) is_prepared: bool,
}

impl<D: Database> fmt::Debug for Pooled<D> {
    /// Without the options of the connections, which have a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pooled")
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

/// A connection in use. It goes back to its pool unless it is broken.
struct InUse<'d, D: Connections> {
    /// `None` once it is closed.
    connection: Option<PoolConnection<D>>,
    is_in_transaction: bool,
    driver: &'d Pooled<D>,
    act: Act,
}

impl<D: Connections> InUse<'_, D> {
    /// Runs `work` on the connection. Closes the connection if it fails or does not answer in
    /// time.
    async fn with<T, F>(&mut self, work: F) -> Result<T, Failure>
    where
        F: AsyncFnOnce(&mut D::Connection) -> Result<T, sqlx::Error>,
    {
        let left = self.act.left()?;
        let Some(connection) = &mut self.connection else {
            return Err(Fault::new("the connection was closed").unavailable().into());
        };
        let answer = tokio::time::timeout(left.saturating_add(GRACE), work(connection)).await;
        let error = match answer {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => error,
            Err(_) => {
                self.wait_for_end().await;
                return Err(StoreError::Timeout.into());
            }
        };
        let is_of_use = match &error {
            sqlx::Error::Database(error) => !D::ends(&error.code().unwrap_or_default()),
            _ => false,
        };
        if !is_of_use {
            self.close();
        }
        Err(failure::<D>(&error))
    }

    async fn fetch(&mut self, text: String, values: &[Value]) -> Result<Vec<Row>, Failure> {
        let is_prepared = self.driver.is_prepared;
        let work = async |connection: &mut D::Connection| {
            D::fetch(connection, text, values, is_prepared).await
        };
        let rows = self.with(work).await?;
        rows_of::<D>(&rows).map_err(|error| failure::<D>(&error))
    }

    async fn script(&mut self, text: String) -> Result<(), Failure> {
        self.with(async |connection: &mut D::Connection| D::script(connection, text).await)
            .await
    }

    /// Gives up the statement that runs. The server may go on with it, so the connection keeps
    /// its place in the pool, and the act its place in the line, until that has ended.
    async fn wait_for_end(&mut self) {
        if let Some(connection) = self.connection.take() {
            let options = self.driver.writers.connect_options();
            // A task, which goes on if this act is dropped.
            let end = tokio::spawn(end_of_statement::<D>(connection, options));
            let _ = end.await;
        }
    }

    /// Closes the connection, which ends its transaction.
    fn close(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(connection.detach());
        }
    }
}

/// A transaction that was neither committed nor rolled back does not go back to the pool.
impl<D: Connections> Drop for InUse<'_, D> {
    fn drop(&mut self) {
        if self.is_in_transaction {
            self.close();
        }
    }
}

/// Closes a connection once the server does nothing more on it.
async fn end_of_statement<D: Connections>(
    mut connection: PoolConnection<D>,
    options: Arc<ConnectOptions<D>>,
) {
    let (mut wait, mut is_cut) = (GRACE, false);
    loop {
        if is_cut {
            tokio::time::sleep(wait).await;
        } else {
            // Answered after the statement.
            match tokio::time::timeout(wait, connection.ping()).await {
                Ok(Ok(())) => {
                    let _ = tokio::time::timeout(GRACE, connection.close()).await;
                    return;
                }
                // The statement failed, and the connection may go on.
                Ok(Err(sqlx::Error::Database(_))) => continue,
                // The server may go on without the connection.
                Ok(Err(_)) => is_cut = true,
                Err(_) => {}
            }
        }
        let alone = LOOKING.lock().await;
        // A server that cannot be asked cannot be connected to either.
        let look = tokio::time::timeout(LOOK_EVERY, D::runs_on(&options)).await;
        drop(alone);
        if let Ok(None | Some(false)) = look {
            break;
        }
        wait = LOOK_EVERY;
    }
    drop(connection.detach());
}

fn rows_of<D: Connections>(rows: &[D::Row]) -> Result<Vec<Row>, sqlx::Error> {
    let Some(first) = rows.first() else {
        return Ok(Vec::new());
    };
    let columns: Arc<[String]> = first
        .columns()
        .iter()
        .map(|column| column.name().to_owned())
        .collect();
    let row = |row: &D::Row| {
        let values = (0..columns.len())
            .map(|column| D::value(row, column))
            .collect::<Result<_, _>>()?;
        let columns = Arc::clone(&columns);
        Ok(Row { columns, values })
    };
    rows.iter().map(row).collect()
}

impl<D: Connections> Pooled<D> {
    async fn connect<'d>(&'d self, pool: &Pool<D>, act: Act) -> Result<InUse<'d, D>, Failure> {
        let connection = match tokio::time::timeout(act.left()?, pool.acquire()).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return Err(failure::<D>(&error)),
            Err(_) => return Err(no_connection()),
        };
        Ok(InUse {
            connection: Some(connection),
            is_in_transaction: false,
            driver: self,
            act,
        })
    }

    /// Runs a statement in a transaction of its own. The driver prepares each statement, in a
    /// message of its own; within a transaction, a pooler sends both to one connection of the
    /// server.
    async fn alone(&self, statement: &Statement, act: Act) -> Result<Vec<Row>, Failure> {
        let mut transaction = self.begin(act).await?;
        let outcome = transaction.run(statement).await;
        end(transaction, outcome).await
    }
}

#[async_trait]
impl<D: Connections> Driver for Pooled<D> {
    async fn read(&self, statement: &Statement, act: Act) -> Result<Vec<Row>, Failure> {
        if !self.is_prepared {
            return self.alone(statement, act).await;
        }
        let mut connection = self.connect(&self.readers, act).await?;
        let text = self.names.expand(&statement.text, "TRUE");
        connection.fetch(text, &statement.values).await
    }

    async fn write(&self, statement: &Statement, act: Act) -> Result<Vec<Row>, Failure> {
        if !self.is_prepared {
            return self.alone(statement, act).await;
        }
        let mut connection = self.connect(&self.writers, act).await?;
        let Some((durable, value)) = D::durable(statement.values.len() + 1, act.left()?) else {
            let text = self.names.expand(&statement.text, "TRUE");
            return connection.fetch(text, &statement.values).await;
        };
        let text = self.names.expand(&statement.text, &durable);
        let values: Vec<Value> = statement.values.iter().cloned().chain([value]).collect();
        connection.fetch(text, &values).await
    }

    async fn begin<'d>(&'d self, act: Act) -> Result<Box<dyn Transaction + 'd>, Failure> {
        let mut connection = self.connect(&self.writers, act).await?;
        // Even if it fails to begin: then the connection is closed.
        connection.is_in_transaction = true;
        if let Err(failure) = connection.script(D::begin(act.left()?)).await {
            Box::new(connection).rollback().await;
            return Err(failure);
        }
        Ok(Box::new(connection))
    }

    async fn check(&self, act: Act) -> Result<(), StartError> {
        D::greet(&self.writers.connect_options(), act).await?;
        D::check(self, act).await
    }

    /// The writer last: only a connection that writes can move the `-wal` file of SQLite into the
    /// main one.
    #[cfg(feature = "sqlite")]
    async fn close(&self) {
        self.readers.close().await;
        self.writers.close().await;
    }

    fn names(&self) -> &Names {
        &self.names
    }
}

#[async_trait]
impl<D: Connections> Transaction for InUse<'_, D> {
    fn allow(&mut self, act: Act) {
        self.act = act;
    }

    async fn run(&mut self, statement: &Statement) -> Result<Vec<Row>, Failure> {
        let text = self.driver.names.expand(&statement.text, "TRUE");
        self.fetch(text, &statement.values).await
    }

    async fn script(&mut self, text: &str) -> Result<(), Failure> {
        InUse::script(self, text.to_owned()).await
    }

    async fn commit(mut self: Box<Self>) -> Result<(), Failure> {
        InUse::script(&mut self, "COMMIT".to_owned()).await?;
        self.is_in_transaction = false;
        Ok(())
    }

    async fn rollback(mut self: Box<Self>) {
        let Some(connection) = &mut self.connection else {
            return;
        };
        let rollback = D::script(connection, "ROLLBACK".to_owned());
        if let Ok(Ok(())) = tokio::time::timeout(GRACE, rollback).await {
            self.is_in_transaction = false;
        }
    }
}

/// What an error of the driver means.
pub(super) fn failure<D: Connections>(error: &sqlx::Error) -> Failure {
    match error {
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            match (D::is_stale(&code), D::failure(&code)) {
                (true, Failure::Store(error)) => Failure::Stale(Box::new(error)),
                (_, failure) => failure,
            }
        }
        sqlx::Error::PoolTimedOut => no_connection(),
        sqlx::Error::Io(error) => Fault::new("the connection failed")
            .with_code(error.kind().to_string())
            .unavailable()
            .into(),
        sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => Fault::new("the connection failed").unavailable().into(),
        _ => Fault::new("the driver failed").other().into(),
    }
}

fn no_connection() -> Failure {
    Fault::new("no connection was free, or could be made, in time")
        .unavailable()
        .into()
}

/// Binds the values to a statement and fetches its rows. A macro, because the types of the
/// dialects differ.
macro_rules! fetch {
    ($database:ty, $connection:expr, $text:expr, $values:expr, $is_prepared:expr) => {{
        let mut query =
            sqlx::query::<$database>(sqlx::AssertSqlSafe($text)).persistent($is_prepared);
        for value in $values {
            query = match value {
                Value::Int(number) => query.bind(*number),
                Value::Bool(flag) => query.bind(*flag),
                Value::Text(text) => query.bind(text.clone()),
                Value::Bytes(bytes) => query.bind(bytes.clone()),
            };
        }
        query.fetch_all($connection).await
    }};
}
pub(super) use fetch;

/// Marks a statement of this crate as safe: its table names are validated, and it contains no
/// values.
pub(super) fn safe(text: String) -> AssertSqlSafe<String> {
    AssertSqlSafe(text)
}
