//! Breached passwords: passwords that have leaked, which attackers try first
//! (ASVS 6.2.12, NIST SP 800-63B-4 §3.1.1.2).
//!
//! A [`BreachCheck`] recognises them. There are two implementations:
//! [`RangeCheck`] asks a server, which learns 5 hex digits of a hash, through a
//! client that the application brings; `BreachFilter` (feature
//! `breach-filter`) reads a file and needs no network. Pass one to
//! [`AuthServiceBuilder::breach_check`](crate::service::AuthServiceBuilder::breach_check).
//! [`BreachPolicy`](crate::config::BreachPolicy) decides what happens when it fails.

#[cfg(feature = "breach-filter")]
mod build;
#[cfg(feature = "breach-filter")]
mod filter;
#[cfg(feature = "breach-filter")]
mod format;
mod line;
mod query;
mod range;

use std::sync::Arc;

use async_trait::async_trait;

#[cfg(feature = "breach-filter")]
pub use build::{BreachFilterBuilder, BreachListError, PasswordListSummary};
#[cfg(feature = "breach-filter")]
pub use filter::BreachFilter;
#[cfg(feature = "breach-filter")]
pub use format::{BreachFilterError, MAX_FILTER_BYTES};
pub use query::BreachQuery;
#[cfg(feature = "test-util")]
pub use range::MockRangeClient;
pub use range::{MAX_RANGE_BYTES, RangeCheck, RangeClient, RangeError};

use crate::error::Cause;

/// Says of a password whether it is known to have leaked.
///
/// It is asked once for each password that is to be set and that the
/// [`PasswordPolicy`](crate::password::PasswordPolicy) accepts; never at a
/// login.
#[cfg_attr(feature = "test-util", mockall::automock)]
#[async_trait]
pub trait BreachCheck: Send + Sync + 'static {
    /// Whether the password in `query` is known to have leaked.
    ///
    /// It runs in a task of its own, which ends after
    /// [`timeout`](crate::config::BreachPolicy::timeout), or when the client that caused it
    /// disconnects, at its next `await`; a panic in it counts as a failure.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from knowing. The text is logged, so it must not hold
    /// what the `expose_` methods of `query` give.
    async fn is_breached(&self, query: &BreachQuery) -> Result<bool, Cause>;
}

#[async_trait]
impl<T: BreachCheck + ?Sized> BreachCheck for Arc<T> {
    async fn is_breached(&self, query: &BreachQuery) -> Result<bool, Cause> {
        (**self).is_breached(query).await
    }
}
