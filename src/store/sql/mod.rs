//! [`SqliteStore`] and [`PostgresStore`]: accounts in the application's SQL database.
//!
//! Every method is one statement, or one short transaction on locked rows.
//!
//! The stores share the application's database. Their tables have a [prefix](SqlConfig::prefix),
//! and a store refuses to start if a table of that name is not its own. The application can join
//! the tables and reference `admittance_users (id)` by foreign keys: ids are 24 hexadecimal
//! digits, times are milliseconds since 1970.
//!
//! The stores never return expired rows. The application removes them by calling `sweep`
//! regularly:
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
//!         // A batch that is not full is the last one.
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
mod identity;
mod limit;
mod login;
mod migrate;
mod names;
mod objects;
#[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
mod parameters;
mod pool;
#[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
mod postgres;
mod record;
mod session;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
mod sqlstate;
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

/// Implements the traits by delegation to the inner `SqlStore`.
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
            /// Removes up to `batch` expired rows of each kind: sessions, tokens, events, rate
            /// limits and failed attempts. Returns the number of removed rows; a number below
            /// `batch` means that none are left. Rows that another transaction has locked are
            /// skipped. A row that expired 61 minutes before `now` is removed, one that expired less
            /// than a minute before never is.
            ///
            /// # Errors
            ///
            /// [`StoreError`] when the store fails. Some rows may have been removed.
            pub async fn sweep(&self, now: Timestamp, batch: u32) -> Result<u64, StoreError> {
                self.store.sweep(now, batch).await
            }
        }
    };
}

crate::__store_methods!(delegated);
