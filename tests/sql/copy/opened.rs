//! Fresh stores of each kind.

use std::sync::Arc;
use std::time::Duration;

use admittance::store::copy::{Copied, CopyError, CopyOptions, CopyStore, copy};
use admittance::store::sql::{PostgresStore, SqliteStore};
use admittance::store::{MemoryStore, Store};
use support::sample::at;
use support::{mongo, postgres, sqlite};

/// A store that the tests fill and copy.
pub(crate) trait Whole: Store + CopyStore {}

impl<S: Store + CopyStore> Whole for S {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Database {
    Memory,
    Sqlite,
    Postgres,
    Mongo,
}

impl Database {
    pub(crate) const ALL: [Self; 4] = [Self::Memory, Self::Sqlite, Self::Postgres, Self::Mongo];

    /// A store over a fresh database.
    pub(crate) async fn fresh(self) -> Arc<dyn Whole> {
        match self {
            Self::Memory => Arc::new(MemoryStore::new()),
            Self::Sqlite => {
                let folder = sqlite::Folder::fresh().kept();
                Arc::new(sqlite::store_at(&folder.url()).await)
            }
            Self::Postgres => Arc::new(postgres::store_at(&postgres::fresh_url().await).await),
            Self::Mongo => Arc::new(mongo::store_over(mongo::options().await).await),
        }
    }
}

/// A SQL store, and another one over the same database, as of another process, that gives up
/// soon.
pub(crate) async fn with_hasty(database: Database) -> [Arc<dyn Whole>; 2] {
    let mut config = postgres::config();
    config.deadline = Duration::from_millis(300);
    match database {
        Database::Sqlite => {
            let url = sqlite::Folder::fresh().kept().url();
            let store = sqlite::store_at(&url).await;
            let hasty = SqliteStore::open(&url, config).await.unwrap();
            [Arc::new(store), Arc::new(hasty)]
        }
        Database::Postgres => {
            let url = postgres::fresh_url().await;
            let store = postgres::store_at(&url).await;
            let hasty = PostgresStore::connect(&url, config).await.unwrap();
            [Arc::new(store), Arc::new(hasty)]
        }
        other => panic!("{other:?} cannot be held"),
    }
}

/// Small batches, so that each kind has several.
pub(crate) fn options() -> CopyOptions {
    let mut options = CopyOptions::default();
    options.batch = 64;
    options
}

pub(crate) fn resuming() -> CopyOptions {
    let mut options = options();
    options.resume = true;
    options
}

/// Copies what is live at second 50.
pub(crate) async fn copied(
    source: &dyn CopyStore,
    target: &dyn CopyStore,
    options: &CopyOptions,
) -> Result<Copied, CopyError> {
    copy(source, target, at(50), options, |_| {}).await
}
