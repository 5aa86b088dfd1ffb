//! Removing what has expired.

use super::names::Dialect;
use super::statement::Statement;
use super::store::{SqlStore, number_of};
use crate::store::StoreError;
use crate::time::{CLOCK_SKEW, Timestamp};

/// The milliseconds of an hour, as in the columns `expiry_hour`.
const HOUR: i64 = 3_600_000;

/// The tables with what expires: the key, and the column that tells when.
const EXPIRING: [(&str, &str, Column); 5] = [
    ("sessions", "id", Column::Hour),
    ("tokens", "digest", Column::Instant),
    ("audit_log", "id", Column::Instant),
    ("limits", "key", Column::Hour),
    ("attempts", "key", Column::Hour),
];

#[derive(Clone, Copy)]
enum Column {
    /// The first instant at which the row is of no use.
    Instant,
    /// The hour in which that is.
    Hour,
}

impl SqlStore {
    /// Removes up to `batch` rows of each table that have expired at `now`.
    pub(super) async fn sweep(&self, now: Timestamp, batch: u32) -> Result<u64, StoreError> {
        // An instance whose clock is behind may still use what has just expired here.
        let expired = now.saturating_sub(CLOCK_SKEW).as_millis();
        let mut removed = 0;
        for (table, key, column) in EXPIRING {
            let (is_over, until) = match column {
                Column::Instant => ("expires_at <= $1", expired),
                Column::Hour => ("expiry_hour < $1", expired.div_euclid(HOUR)),
            };
            let some = format!("SELECT {{row}} FROM {{{table}}} WHERE {is_over} LIMIT $2 {{free}}");
            let is_one = match self.dialect() {
                // Selected once, whatever the plan: locking others each time it is selected, a
                // join could remove more than a batch.
                #[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
                Dialect::Postgres => format!("= ANY (ARRAY({some}))"),
                #[cfg(feature = "sqlite")]
                Dialect::Sqlite => format!("IN ({some})"),
            };
            let text = format!(
                "DELETE FROM {{{table}}} WHERE {{row}} {is_one} AND {is_over} AND {{durable}} \
                 RETURNING {key}"
            );
            let statement = Statement::new(text).with(until).with(i64::from(batch));
            removed += number_of(&self.write(statement).await?);
        }
        Ok(removed)
    }
}
