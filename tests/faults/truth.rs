//! The store below the faulty one: in memory or in a database.

use std::ops::Deref;
use std::sync::Arc;

use admittance::store::{MemoryStore, Store};
use mongodb::Database;
use mongodb::bson::{Document, doc};
use sqlx::{PgPool, SqlitePool};

use support::{mongo, postgres, sqlite};

/// A store without faults.
#[derive(Clone)]
pub(crate) struct Truth {
    store: Arc<dyn Store>,
    rows: Rows,
}

/// Gives access to rows that no trait counts.
#[derive(Clone)]
enum Rows {
    Memory(MemoryStore),
    MongoDb(Database),
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// The tables that are emptied, users first: their roles go with them.
const TABLES: [&str; 6] = [
    "admittance_users",
    "admittance_sessions",
    "admittance_tokens",
    "admittance_limits",
    "admittance_attempts",
    "admittance_audit_log",
];

/// Runs a statement that returns one number, or none, on either kind of database.
macro_rules! number {
    ($pool:expr, $text:expr) => {
        sqlx::query_scalar::<_, i64>(sqlx::AssertSqlSafe($text))
            .fetch_optional($pool)
            .await
            .unwrap()
    };
}

/// The number of rows of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) users: usize,
    pub(crate) sessions: usize,
    pub(crate) tokens: usize,
}

impl Deref for Truth {
    type Target = Arc<dyn Store>;

    fn deref(&self) -> &Arc<dyn Store> {
        &self.store
    }
}

impl Truth {
    pub(crate) fn memory() -> Self {
        let store = MemoryStore::new();
        Self {
            store: Arc::new(store.clone()),
            rows: Rows::Memory(store),
        }
    }

    /// An empty database.
    pub(crate) async fn mongodb() -> Self {
        let options = mongo::options().await;
        let client = mongodb::Client::with_options(options).unwrap();
        let database = client.default_database().unwrap();
        let store = admittance::store::mongodb::MongoStore::new(database.clone(), mongo::config());
        Self {
            store: Arc::new(store.await.unwrap()),
            rows: Rows::MongoDb(database),
        }
    }

    /// A fresh file.
    pub(crate) async fn sqlite() -> Self {
        let url = sqlite::Folder::fresh().kept().url();
        let store = sqlite::store_at(&url).await;
        Self {
            store: Arc::new(store),
            rows: Rows::Sqlite(SqlitePool::connect(&url).await.unwrap()),
        }
    }

    /// An empty database.
    pub(crate) async fn postgres() -> Self {
        let pool = postgres::pool(&postgres::fresh_url().await).await;
        let store = admittance::store::sql::PostgresStore::new(pool.clone(), postgres::config());
        Self {
            store: Arc::new(store.await.unwrap()),
            rows: Rows::Postgres(pool),
        }
    }

    /// Removes everything, for the next case of a test: faster than creating a database.
    /// Background tasks of the last case may still write, but only about its own users.
    pub(crate) async fn emptied(self) -> Self {
        match &self.rows {
            Rows::Memory(_) => Self::memory(),
            Rows::MongoDb(database) => {
                let names = mongo::config();
                for name in [
                    &names.users,
                    &names.sessions,
                    &names.tokens,
                    &names.limits,
                    &names.attempts,
                    &names.audit,
                ] {
                    let rows = database.collection::<Document>(name);
                    rows.delete_many(doc! {}).await.unwrap();
                }
                self
            }
            Rows::Sqlite(pool) => {
                for table in TABLES {
                    number!(pool, format!("DELETE FROM {table}"));
                }
                self
            }
            Rows::Postgres(pool) => {
                for table in TABLES {
                    number!(pool, format!("DELETE FROM {table}"));
                }
                self
            }
        }
    }

    pub(crate) fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    pub(crate) async fn counts(&self) -> Counts {
        match &self.rows {
            Rows::Memory(store) => {
                let counts = store.counts();
                Counts {
                    users: counts.users,
                    sessions: counts.sessions,
                    tokens: counts.tokens,
                }
            }
            Rows::MongoDb(database) => {
                let names = mongo::config();
                let count = async |name: &str| {
                    let rows = database.collection::<Document>(name);
                    let count = rows.count_documents(doc! {}).await.unwrap();
                    usize::try_from(count).unwrap()
                };
                Counts {
                    users: count(&names.users).await,
                    sessions: count(&names.sessions).await,
                    tokens: count(&names.tokens).await,
                }
            }
            Rows::Sqlite(pool) => {
                let count =
                    async |table: &str| number!(pool, format!("SELECT count(*) FROM {table}"));
                counts_of(count).await
            }
            Rows::Postgres(pool) => {
                let count =
                    async |table: &str| number!(pool, format!("SELECT count(*) FROM {table}"));
                counts_of(count).await
            }
        }
    }
}

async fn counts_of(count: impl AsyncFn(&str) -> Option<i64>) -> Counts {
    let count = async |table| usize::try_from(count(table).await.unwrap()).unwrap();
    Counts {
        users: count("admittance_users").await,
        sessions: count("admittance_sessions").await,
        tokens: count("admittance_tokens").await,
    }
}
