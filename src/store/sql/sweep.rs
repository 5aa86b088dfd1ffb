//! Removing what has expired.

use super::names::Dialect;
use super::statement::Statement;
use super::store::{SqlStore, number_of};
use crate::store::StoreError;
use crate::time::{CLOCK_SKEW, Timestamp};

/// The tables with what expires: the key, and the column with the first instant at which a
/// row is of no use.
const EXPIRING: [(&str, &str, &str); 5] = [
    ("sessions", "id", "expires_at"),
    ("tokens", "digest", "expires_at"),
    ("audit_log", "id", "expires_at"),
    ("limits", "key", "full_at"),
    ("attempts", "key", "forgotten_at"),
];

impl SqlStore {
    /// Removes up to `batch` rows of each table that have expired at `now`.
    pub(super) async fn sweep(&self, now: Timestamp, batch: u32) -> Result<u64, StoreError> {
        // An instance whose clock is behind may still use what has just expired here.
        let expired = now.saturating_sub(CLOCK_SKEW);
        let mut removed = 0;
        for (table, key, column) in EXPIRING {
            let oldest = format!(
                "SELECT {{row}} FROM {{{table}}} WHERE {column} <= $1 ORDER BY {column} LIMIT $2 \
                 {{free}}"
            );
            let is_one = match self.dialect() {
                // Selected once, whatever the plan: locking others each time it is selected, a
                // join could remove more than a batch.
                #[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
                Dialect::Postgres => format!("= ANY (ARRAY({oldest}))"),
                #[cfg(feature = "sqlite")]
                Dialect::Sqlite => format!("IN ({oldest})"),
            };
            let text = format!(
                "DELETE FROM {{{table}}} WHERE {{row}} {is_one} AND {column} <= $1 AND {{durable}} \
                 RETURNING {key}"
            );
            let statement = Statement::new(text).with(expired).with(i64::from(batch));
            removed += number_of(&self.write(statement).await?);
        }
        Ok(removed)
    }
}
