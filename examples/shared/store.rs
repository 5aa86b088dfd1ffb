//! Where the example keeps accounts: in memory, or in the database that a variable names.

use std::error::Error;
use std::sync::Arc;

use admittance::store::{MemoryStore, Store};

/// The store for `MONGODB_URI`, and a description of it for people.
pub(crate) async fn open(
    mongodb_uri: Option<&str>,
) -> Result<(Arc<dyn Store>, &'static str), Box<dyn Error>> {
    match mongodb_uri {
        None => Ok((measured(MemoryStore::new()), "in memory")),
        Some(uri) => Ok((mongodb(uri).await?, "in MongoDB")),
    }
}

#[cfg(feature = "mongodb")]
async fn mongodb(uri: &str) -> Result<Arc<dyn Store>, Box<dyn Error>> {
    use admittance::store::mongodb::{MongoConfig, MongoStore, StartError};

    let mut config = MongoConfig::default();
    let store = match MongoStore::connect(uri, config.clone()).await {
        Err(StartError::NoDatabase) => {
            config.database = Some("admittance".to_owned());
            MongoStore::connect(uri, config).await?
        }
        connected => connected?,
    };
    Ok(measured(store))
}

#[cfg(not(feature = "mongodb"))]
async fn mongodb(_: &str) -> Result<Arc<dyn Store>, Box<dyn Error>> {
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
