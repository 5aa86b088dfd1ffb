//! Stores over fresh databases.

use admittance::store::sql::{PostgresStore, SqliteStore};
use support::sqlite::Folder;
use support::{postgres, sqlite};

/// Three stores on one fresh file, each with connections of its own.
pub(crate) async fn sqlite_handles() -> [SqliteStore; 3] {
    let folder = Folder::fresh().kept();
    let url = folder.url();
    [
        sqlite::store_at(&url).await,
        sqlite::store_at(&url).await,
        sqlite::store_at(&url).await,
    ]
}

/// Three stores over one fresh database, each with connections of its own.
pub(crate) async fn postgres_handles() -> [PostgresStore; 3] {
    let url = postgres::fresh_url().await;
    [
        postgres::store_at(&url).await,
        postgres::store_at(&url).await,
        postgres::store_at(&url).await,
    ]
}
