//! Where the example keeps accounts: in memory, or in the database that a variable names.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use admittance::store::{MemoryStore, Store};

/// A kind of database, and its URL.
pub(crate) enum Database {
    Memory,
    Sqlite(String),
    Postgres(String),
    MongoDb(String),
}

impl Database {
    /// The database that `url` names by its scheme.
    pub(crate) fn of(url: Option<String>) -> Result<Self, Box<dyn Error>> {
        let Some(url) = url else {
            return Ok(Self::Memory);
        };
        match url.split(':').next() {
            Some("sqlite") => Ok(Self::Sqlite(url)),
            Some("postgres" | "postgresql") => Ok(Self::Postgres(url)),
            Some("mongodb" | "mongodb+srv") => Ok(Self::MongoDb(url)),
            _ => Err("DATABASE_URL begins with none of sqlite:, postgres: and mongodb:".into()),
        }
    }

    /// The feature that it needs, and whether that is built in.
    pub(crate) fn feature(&self) -> (&'static str, bool) {
        match self {
            Self::Memory => ("memory", true),
            Self::Sqlite(_) => ("sqlite", cfg!(feature = "sqlite")),
            Self::Postgres(_) => (
                "postgres",
                cfg!(any(feature = "postgres", feature = "postgres-aws-lc-rs")),
            ),
            Self::MongoDb(_) => (
                "mongodb",
                cfg!(any(feature = "mongodb", feature = "mongodb-aws-lc-rs")),
            ),
        }
    }

    /// The store, and a description of it for people. A server that is not up yet is waited
    /// for during `wait`.
    pub(crate) async fn open(
        &self,
        wait: Duration,
    ) -> Result<(Arc<dyn Store>, &'static str), Box<dyn Error>> {
        Ok(match self {
            Self::Memory => (measured(MemoryStore::new()), "in memory"),
            Self::Sqlite(url) => (sqlite(url).await?, "in SQLite"),
            Self::Postgres(url) => (postgres(url, wait).await?, "in PostgreSQL"),
            Self::MongoDb(url) => (mongodb(url, wait).await?, "in MongoDB"),
        })
    }
}

/// How often expired rows are removed from a SQL database, and how many at once.
#[cfg(any(
    feature = "postgres",
    feature = "postgres-aws-lc-rs",
    feature = "sqlite"
))]
mod sweeping {
    use super::*;

    const EVERY: Duration = Duration::from_secs(60);
    const BATCH: u32 = 1000;

    /// Sweeps as long as the server runs.
    pub(super) fn begin<F>(sweep: impl Fn(u32) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<u64, admittance::store::StoreError>> + Send,
    {
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(EVERY).await;
                loop {
                    match sweep(BATCH).await {
                        Ok(removed) if removed >= u64::from(BATCH) => {}
                        Ok(_) => break,
                        Err(error) => {
                            tracing::warn!(%error, "expired rows were not removed");
                            break;
                        }
                    }
                }
            }
        });
    }
}

#[cfg(feature = "sqlite")]
async fn sqlite(url: &str) -> Result<Arc<dyn Store>, Box<dyn Error>> {
    use admittance::clock::{Clock, SystemClock};
    use admittance::store::sql::{SqlConfig, SqliteStore};

    let store = SqliteStore::open(url, SqlConfig::default()).await?;
    let swept = store.clone();
    sweeping::begin(move |batch| {
        let store = swept.clone();
        async move { store.sweep(SystemClock.now(), batch).await }
    });
    Ok(measured(store))
}

#[cfg(not(feature = "sqlite"))]
async fn sqlite(_: &str) -> Result<Arc<dyn Store>, Box<dyn Error>> {
    Err("this database needs the feature `sqlite`".into())
}

#[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
async fn postgres(url: &str, wait: Duration) -> Result<Arc<dyn Store>, Box<dyn Error>> {
    use admittance::clock::{Clock, SystemClock};
    use admittance::store::sql::{PostgresStore, SqlConfig};

    let mut config = SqlConfig::default();
    config.wait_at_start = wait;
    let store = PostgresStore::connect(url, config).await?;
    let swept = store.clone();
    sweeping::begin(move |batch| {
        let store = swept.clone();
        async move { store.sweep(SystemClock.now(), batch).await }
    });
    Ok(measured(store))
}

#[cfg(not(any(feature = "postgres", feature = "postgres-aws-lc-rs")))]
async fn postgres(_: &str, _: Duration) -> Result<Arc<dyn Store>, Box<dyn Error>> {
    Err("this database needs the feature `postgres`".into())
}

#[cfg(any(feature = "mongodb", feature = "mongodb-aws-lc-rs"))]
async fn mongodb(url: &str, wait: Duration) -> Result<Arc<dyn Store>, Box<dyn Error>> {
    use admittance::store::mongodb::{MongoConfig, MongoStore, StartError};

    let mut config = MongoConfig::default();
    config.wait_at_start = wait;
    let store = match MongoStore::connect(url, config.clone()).await {
        Err(StartError::NoDatabase) => {
            config.database = Some("admittance".to_owned());
            MongoStore::connect(url, config).await?
        }
        connected => connected?,
    };
    Ok(measured(store))
}

#[cfg(not(any(feature = "mongodb", feature = "mongodb-aws-lc-rs")))]
async fn mongodb(_: &str, _: Duration) -> Result<Arc<dyn Store>, Box<dyn Error>> {
    Err("this database needs the feature `mongodb`".into())
}

#[cfg(feature = "metrics")]
fn measured(store: impl Store + 'static) -> Arc<dyn Store> {
    Arc::new(admittance::metrics::MeteredStore::new(store))
}

#[cfg(not(feature = "metrics"))]
fn measured(store: impl Store + 'static) -> Arc<dyn Store> {
    Arc::new(store)
}
