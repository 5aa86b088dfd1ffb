//! The store that both dialects share: how an act runs.

use std::sync::Arc;
use std::time::Duration;

use super::names::Dialect;
use super::statement::{Driver, Failure, Insertion, Row, Statement, Work, end};
use crate::metrics;
use crate::store::client::{Act, Fault, Line, Runtime};
use crate::store::{Insert, StoreError};

/// A store over a database of either dialect. A clone is another handle on it.
#[derive(Clone, Debug)]
pub(super) struct SqlStore {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) driver: Arc<dyn Driver>,
    pub(super) deadline: Duration,
    readers: Arc<Line>,
    writers: Arc<Line>,
    pub(super) runtime: Runtime,
}

impl SqlStore {
    /// A store over `driver`, whose acts of each kind wait in a line for a connection. The
    /// lines may be one.
    pub(super) fn new(
        driver: Arc<dyn Driver>,
        deadline: Duration,
        [readers, writers]: [Arc<Line>; 2],
        runtime: Runtime,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                driver,
                deadline,
                readers,
                writers,
                runtime,
            }),
        }
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.inner.driver.names().dialect
    }

    /// Runs a statement that reads.
    pub(super) async fn read(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        let (inner, act) = (&self.inner, Act::within(self.inner.deadline));
        let driver = Arc::clone(&inner.driver);
        let work = async move { Ok(until_free(act, || driver.read(&statement, act)).await?) };
        inner.readers.run(&inner.runtime, act, work).await
    }

    /// Runs a statement that writes.
    pub(super) async fn write(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        Ok(self.try_to_write(statement).await?)
    }

    /// The same, where a unique index may refuse what it writes.
    pub(super) async fn try_to_write(&self, statement: Statement) -> Result<Vec<Row>, Failure> {
        let (inner, act) = (&self.inner, Act::within(self.inner.deadline));
        let driver = Arc::clone(&inner.driver);
        let work = async move { Ok(until_free(act, || driver.write(&statement, act)).await) };
        inner.writers.run(&inner.runtime, act, work).await?
    }

    /// Runs `work` in one transaction.
    pub(super) async fn transact<W: Work>(&self, work: W) -> Result<W::Answer, StoreError> {
        Ok(self.try_to_transact(work).await?)
    }

    /// The same, where a unique index may refuse what it writes.
    pub(super) async fn try_to_transact<W: Work>(&self, work: W) -> Result<W::Answer, Failure> {
        let (inner, act) = (&self.inner, Act::within(self.inner.deadline));
        let driver = Arc::clone(&inner.driver);
        let work = async move { Ok(until_free(act, || once(&*driver, &work, act)).await) };
        inner.writers.run(&inner.runtime, act, work).await?
    }

    /// Inserts one row, unless its key is taken.
    pub(super) async fn insert(&self, row: Insertion) -> Result<Insert, StoreError> {
        let (same_key, insert) = (row.same_key(), row.alone());
        for _ in 0..TRIES {
            if !self.write(insert.clone()).await?.is_empty() {
                return Ok(Insert::Inserted);
            }
            if !self.read(same_key.clone()).await?.is_empty() {
                return Ok(Insert::Taken);
            }
        }
        Err(not_written())
    }

    /// The first row that a statement reads.
    pub(super) async fn read_one<T>(
        &self,
        statement: Statement,
        read: impl Fn(&Row) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        self.read(statement).await?.first().map(read).transpose()
    }

    /// All rows that a statement reads.
    pub(super) async fn read_all<T>(
        &self,
        statement: Statement,
        read: impl Fn(&Row) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        self.read(statement).await?.iter().map(read).collect()
    }
}

/// One try of a transaction.
async fn once<W: Work>(driver: &dyn Driver, work: &W, act: Act) -> Result<W::Answer, Failure> {
    let mut transaction = driver.begin(act).await?;
    let outcome = work.run(&mut *transaction).await;
    end(transaction, outcome).await
}

/// How often an insertion is tried that is refused, though no row has its key: the row may have
/// been removed in between.
pub(super) const TRIES: u32 = 2;

/// The error of a write that the database accepted and did not do. A trigger of the application
/// skips rows by `RETURN NULL`, or `RAISE(IGNORE)` in SQLite; one of its unique indexes makes an
/// insertion do nothing.
pub(super) fn not_written() -> StoreError {
    let problem = "the database did not write the row: look for triggers that skip rows, and for \
                   unique indexes of the application";
    Fault::new(problem).other()
}

/// Checks that a statement has written the row that its transaction has locked.
pub(super) fn written(rows: &[Row]) -> Result<(), StoreError> {
    match rows.is_empty() {
        false => Ok(()),
        true => Err(not_written()),
    }
}

/// The wait before an act that was contended is made again; it doubles each time.
const FIRST_WAIT: Duration = Duration::from_millis(1);
/// The longest of these waits.
const LONGEST_WAIT: Duration = Duration::from_millis(50);

/// How many connections that are of no use one act may find.
const MOST_STALE: u32 = 16;

/// Makes an act again as long as it is contended, or finds connections of no use, and has time.
pub(super) async fn until_free<T, F>(act: Act, mut once: impl FnMut() -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let mut wait = FIRST_WAIT;
    let mut stale = 0;
    loop {
        let cause = match once().await {
            Err(Failure::Contended(cause)) => cause,
            Err(Failure::Stale(_)) if stale < MOST_STALE && act.left().is_ok() => {
                stale += 1;
                continue;
            }
            outcome => return outcome,
        };
        metrics::store_contended();
        match act.left() {
            Ok(left) if left > wait => tokio::time::sleep(wait).await,
            _ => return Err(StoreError::Unavailable(cause).into()),
        }
        wait = wait.saturating_mul(2).min(LONGEST_WAIT);
    }
}

/// The counter as the databases keep it.
pub(super) fn stored(counter: u64, column: &'static str) -> Result<i64, StoreError> {
    i64::try_from(counter)
        .map_err(|_| Fault::new(format!("`{column}` is outside the signed 64-bit range")).other())
}

/// The number of rows.
pub(super) fn number_of(rows: &[Row]) -> u64 {
    u64::try_from(rows.len()).unwrap_or(u64::MAX)
}
