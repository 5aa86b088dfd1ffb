//! The store below the faulty one: in memory or in MongoDB.

use std::ops::Deref;
use std::sync::Arc;

use admittance::store::{MemoryStore, Store};
use mongodb::Database;
use mongodb::bson::{Document, doc};

use support::mongo;

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
        }
    }
}
