//! Migrations of the tables, applied or checked at start.
//!
//! The table `meta` has the version. It is read first without a lock. Missing migrations are
//! applied in one transaction under a lock, so that one of several instances applies them and
//! the others wait.

use std::sync::Arc;
use std::time::Duration;

use super::config::{Migrations, SqlConfig};
use super::names::{Dialect, LATER_TABLES, Names, TABLES};
use super::objects::{self, Runs, exists};
use super::pool::GRACE;
use super::record::Record;
use super::start_error::StartError;
use super::statement::{Driver, Failure, Row, Statement, Transaction, end};
use super::store::until_free;
use crate::store::StoreError;
use crate::store::client::{Act, Fault, Patience, Runtime, not_ended};

/// The migrations of each dialect, in order.
fn scripts(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        #[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
        Dialect::Postgres => &[
            include_str!("migrations/postgres/0001_accounts.sql"),
            include_str!("migrations/postgres/0002_identities.sql"),
        ],
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => &[
            include_str!("migrations/sqlite/0001_accounts.sql"),
            include_str!("migrations/sqlite/0002_identities.sql"),
        ],
    }
}

fn needed(dialect: Dialect) -> u32 {
    u32::try_from(scripts(dialect).len()).unwrap_or(u32::MAX)
}

/// The error of [`Migrations::Verify`] if no table exists.
#[cfg(feature = "sqlite")]
pub(super) fn nothing_found(dialect: Dialect) -> StartError {
    StartError::MissingMigrations {
        found: 0,
        needed: needed(dialect),
    }
}

/// The minimum time limit of the check, which sends several statements.
const CHECK: Duration = Duration::from_secs(5);
/// The time limit of the migrations, including the wait for another instance.
const APPLY: Duration = Duration::from_secs(3600);

/// Checks the server and the tables, and applies missing migrations if configured. Retries as
/// configured while the database cannot be reached. Continues when the caller gives up.
pub(super) async fn run(
    runtime: &Runtime,
    driver: &Arc<dyn Driver>,
    config: &SqlConfig,
) -> Result<(), StartError> {
    let (driver, config) = (Arc::clone(driver), config.clone());
    let work = runtime.spawn(async move {
        let mut patience = Patience::of(config.wait_at_start);
        loop {
            match check_or_apply(&*driver, &config).await {
                Err(error) if patience.allows_another(error.of_store()).await => {}
                outcome => return outcome,
            }
        }
    });
    let outcome = work.await;
    outcome.unwrap_or_else(|task| Err(not_ended(task).into()))
}

async fn check_or_apply(driver: &dyn Driver, config: &SqlConfig) -> Result<(), StartError> {
    let check = Act::within(config.deadline.max(CHECK));
    let names = driver.names();
    let needed = needed(names.dialect);
    driver.check(check).await?;
    let found = version(&mut Reader { driver, act: check }).await?;
    if found < needed {
        if config.migrations == Migrations::Verify {
            return Err(StartError::MissingMigrations { found, needed });
        }
        apply(driver, Act::within(APPLY)).await?;
    }
    let mut reader = Reader { driver, act: check };
    objects::require_all(&mut reader).await?;
    objects::require_indexes(&mut reader).await
}

struct Reader<'d> {
    driver: &'d dyn Driver,
    act: Act,
}

impl Runs for Reader<'_> {
    fn names(&self) -> Names {
        self.driver.names().clone()
    }

    async fn rows(&mut self, statement: Statement) -> Result<Vec<Row>, StartError> {
        let read = || self.driver.read(&statement, self.act);
        let read = until_free(self.act, read);
        let left = self.act.left()?.saturating_add(GRACE);
        let rows = tokio::time::timeout(left, read).await;
        Ok(rows.unwrap_or_else(|_| Err(StoreError::Timeout.into()))?)
    }
}

struct Locked<'d> {
    driver: &'d dyn Driver,
    transaction: Box<dyn Transaction + 'd>,
}

impl Runs for Locked<'_> {
    fn names(&self) -> Names {
        self.driver.names().clone()
    }

    async fn rows(&mut self, statement: Statement) -> Result<Vec<Row>, StartError> {
        Ok(self.transaction.run(&statement).await?)
    }
}

/// The version of the tables; 0 if there are none.
async fn version(runs: &mut impl Runs) -> Result<u32, StartError> {
    let names = runs.names();
    let mut others = None;
    for table in TABLES {
        if others.is_none() && exists(runs, table).await? {
            others = Some(names.shown(table));
        }
    }
    // Checked last, because another instance may create all tables at once meanwhile.
    if !exists(runs, "meta").await? {
        return match others {
            Some(table) => Err(StartError::ForeignTable { table }),
            None => Ok(0),
        };
    }
    objects::require_note(runs).await?;
    let foreign = StartError::ForeignTable {
        table: names.shown("meta"),
    };
    let note = Statement::new("SELECT value FROM {meta} WHERE key = 'schema'");
    let rows = match runs.rows(note).await {
        Ok(rows) => rows,
        // It has other columns.
        Err(StartError::Store(StoreError::Other(_))) => return Err(foreign),
        Err(error) => return Err(error),
    };
    let Some(row) = rows.first() else {
        return Err(foreign);
    };
    let found = Record::new("note", row).text("value")?.parse();
    let found: u32 = found.map_err(|_| foreign)?;
    let known = needed(names.dialect);
    if found > known {
        return Err(StartError::NewerSchema { found, known });
    }
    for (since, table) in LATER_TABLES {
        if found < since && exists(runs, table).await? {
            let table = names.shown(table);
            return Err(StartError::ForeignTable { table });
        }
    }
    Ok(found)
}

/// Applies missing migrations in one transaction.
async fn apply(driver: &dyn Driver, act: Act) -> Result<(), StartError> {
    // Another instance may be applying them.
    let transaction = until_free(act, || driver.begin(act)).await?;
    let mut locked = Locked {
        driver,
        transaction,
    };
    let outcome = apply_locked(&mut locked).await;
    end(locked.transaction, outcome).await
}

async fn apply_locked(locked: &mut Locked<'_>) -> Result<(), StartError> {
    let names = locked.driver.names().clone();
    match names.dialect {
        #[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
        Dialect::Postgres => {
            use super::names::quoted;

            // Stores with the same prefix in different schemas also wait for each other.
            let lock = Statement::new(
                "SELECT CAST(pg_advisory_xact_lock(hashtextextended($1, 0)) AS text) AS locked",
            );
            locked.rows(lock.with(names.prefix.as_str())).await?;
            if let Some(schema) = names.schema() {
                // The function keeps this path. A temporary table stands for none of its tables.
                let path = format!("SET LOCAL search_path TO {}, pg_temp", quoted(schema));
                locked.script(&path).await?;
            }
        }
        // The transaction has the write lock already.
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => {}
    }
    let found = usize::try_from(version(locked).await?).unwrap_or(usize::MAX);
    // Each migration notes its own number.
    for script in scripts(names.dialect).iter().skip(found) {
        locked.script(&names.migration(script)).await?;
    }
    Ok(())
}

impl Locked<'_> {
    async fn script(&mut self, text: &str) -> Result<(), StartError> {
        self.transaction
            .script(text)
            .await
            .map_err(|failure| match failure {
                Failure::Duplicate => Fault::new("the tables were made meanwhile")
                    .unavailable()
                    .into(),
                other => other.into(),
            })
    }
}
