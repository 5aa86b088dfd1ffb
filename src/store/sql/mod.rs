//! [`SqliteStore`] and [`PostgresStore`]: accounts in the application's SQL database.
//!
//! Every method is one statement or one short transaction, with its condition in it. What
//! both dialects share is written once; they differ in their words, in how a commit is made
//! durable, and in what an error means.
//!
//! The database is the application's. The tables have a [prefix](SqlConfig::prefix), and a
//! table that the store has not made is refused at start. Real columns make them useful to
//! the application: ids are 24 hexadecimal digits, times are milliseconds since 1970, and a
//! foreign key may refer to `admittance_users (id)`.
//!
//! Rows that have expired are never returned. They are removed by `sweep`, some by the hour,
//! which the application calls from time to time:
//!
//! ```no_run
//! # #[cfg(feature = "sqlite")]
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use admittance::clock::{Clock, SystemClock};
//! use admittance::store::sql::{SqlConfig, SqliteStore};
//!
//! let store = SqliteStore::open("sqlite:accounts.db", SqlConfig::default()).await?;
//! let swept = store.clone();
//! tokio::spawn(async move {
//!     loop {
//!         tokio::time::sleep(std::time::Duration::from_secs(60)).await;
//!         // Until a batch is not full: then nothing is left.
//!         while swept.sweep(SystemClock.now(), 1000).await.is_ok_and(|removed| removed >= 1000) {}
//!     }
//! });
//! # Ok(())
//! # }
//! ```
//!
#![cfg_attr(
    not(any(feature = "postgres", feature = "postgres-aws-lc-rs")),
    doc = "[`PostgresStore`]: #"
)]
#![cfg_attr(not(feature = "sqlite"), doc = "[`SqliteStore`]: #")]

mod audit;
mod config;
mod copy;
mod limit;
mod migrate;
mod names;
mod pool;
#[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
mod postgres;
mod record;
mod session;
#[cfg(feature = "sqlite")]
mod sqlite;
mod start_error;
mod statement;
mod store;
mod sweep;
mod token;
mod user;

pub use config::{DEFAULT_CONNECTIONS, Migrations, SqlConfig};
#[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
pub use postgres::PostgresStore;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;
pub use start_error::StartError;

pub use super::client::DriverRuntime;
use super::client::NoRuntime;
use super::*;

fn no_runtime(error: NoRuntime) -> StartError {
    error.into_error("sql.runtime")
}

/// Implements the traits for a store by the store of both dialects within.
macro_rules! delegated {
    ($($trait:ident { $($method:ident($($name:ident: [$($type:tt)*] $kind:ident),*) -> [$($answer:tt)*], $touches:ident($($what:expr)?);)* })*) => {
        delegated!(@each [$($trait { $($method($($name: [$($type)*]),*) -> [$($answer)*];)* })*]);
    };
    (@each $table:tt) => {
        #[cfg(feature = "sqlite")]
        delegated!(@for SqliteStore $table);
        #[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
        delegated!(@for PostgresStore $table);
    };
    (@for $store:ident [$($trait:ident { $($method:ident($($name:ident: [$($type:tt)*]),*) -> [$($answer:tt)*];)* })*]) => {
        $(#[async_trait]
        impl $trait for $store {$(
            async fn $method(&self, $($name: $($type)*),*) -> Result<$($answer)*, StoreError> {
                self.store.$method($($name),*).await
            }
        )*})*

        impl $store {
            /// Removes up to `batch` rows of each kind that have expired: sessions, tokens and
            /// events, budgets that are whole and attempts that are forgotten. Returns the
            /// number of them; below `batch`, nothing is left. Rows that others use are left
            /// out, and so is what expired less than two hours before `now`: some of it stays.
            ///
            /// # Errors
            ///
            /// [`StoreError`] when the store fails; then some may be gone.
            pub async fn sweep(&self, now: Timestamp, batch: u32) -> Result<u64, StoreError> {
                self.store.sweep(now, batch).await
            }
        }
    };
}

crate::__store_methods!(delegated);
