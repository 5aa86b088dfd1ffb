//! Where the example keeps accounts: in memory, or in the database that a variable names.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use admittance::store::{MemoryStore, Store};

/// The store for `MONGODB_URI`, and a description of it for people. A database that is not up
/// yet is waited for during `wait`.
pub(crate) async fn open(
    mongodb_uri: Option<&str>,
    wait: Duration,
) -> Result<(Arc<dyn Store>, &'static str), Box<dyn Error>> {
    match mongodb_uri {
        None => Ok((measured(MemoryStore::new()), "in memory")),
        Some(uri) => Ok((mongodb(uri, wait).await?, "in MongoDB")),
    }
}

#[cfg(any(feature = "mongodb", feature = "mongodb-aws-lc-rs"))]
async fn mongodb(uri: &str, wait: Duration) -> Result<Arc<dyn Store>, Box<dyn Error>> {
    use admittance::store::mongodb::{MongoConfig, MongoStore, StartError};

    let mut config = MongoConfig::default();
    config.wait_at_start = wait;
    let store = match MongoStore::connect(uri, config.clone()).await {
        Err(StartError::NoDatabase) => {
            config.database = Some("admittance".to_owned());
            MongoStore::connect(uri, config).await?
        }
        connected => connected?,
    };
    Ok(measured(store))
}

#[cfg(not(any(feature = "mongodb", feature = "mongodb-aws-lc-rs")))]
async fn mongodb(_: &str, _: Duration) -> Result<Arc<dyn Store>, Box<dyn Error>> {
    Err("MONGODB_URI needs the feature `mongodb`".into())
}

#[cfg(feature = "metrics")]
fn measured(store: impl Store + 'static) -> Arc<dyn Store> {
    Arc::new(admittance::metrics::MeteredStore::new(store))
}

#[cfg(not(feature = "metrics"))]
fn measured(store: impl Store + 'static) -> Arc<dyn Store> {
    Arc::new(store)
}
