//! Stores over fresh databases, and what the tests of every store use.

use admittance::store::mongodb::MongoStore;

use support::mongo;
pub(crate) use support::sample::*;

/// A store over a fresh database.
pub(crate) async fn fresh() -> MongoStore {
    mongo::store_over(mongo::options().await).await
}

/// Three stores over one fresh database, each with connections of its own.
pub(crate) async fn handles() -> [MongoStore; 3] {
    let options = mongo::options().await;
    [
        mongo::store_over(options.clone()).await,
        mongo::store_over(options.clone()).await,
        mongo::store_over(options).await,
    ]
}
