//! What can go wrong when a password is hashed or verified.

use std::time::Duration;

use crate::error::Cause;
use crate::random::RandomError;

/// Why a password was not hashed or verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HashError {
    /// More jobs are waiting than can be done in time.
    #[error("the hashing threads are overloaded")]
    Overloaded {
        /// The time after which a retry makes sense; at least a second.
        retry_after: Duration,
    },
    /// The stored hash names an Argon2 variant and does not parse.
    #[error("the stored password hash is malformed")]
    Malformed,
    /// The stored hash demands more than
    /// [`HashingConfig::accepted`](super::HashingConfig::accepted).
    #[error("the stored password hash asks for too much memory or time")]
    TooCostly,
    /// The stored hash was made with a pepper that is not configured.
    #[error("the stored password hash was made with an unknown pepper")]
    UnknownPepper,
    /// The stored hash is not an Argon2 hash, and no
    /// [`ForeignScheme`](super::ForeignScheme) accepted it.
    #[error("the stored password hash is of an unknown scheme")]
    UnknownScheme,
    /// The caller disconnected before a thread had started the job, and nothing
    /// was done.
    #[error("the caller has gone")]
    Abandoned,
    /// The job exceeds
    /// [`HashingConfig::run_deadline`](super::HashingConfig::run_deadline): a
    /// foreign scheme hangs.
    #[error("a hashing job did not end in time")]
    Stuck,
    /// The source of randomness failed.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// Anything else: no memory, or a panic in the job.
    #[error("hashing failed")]
    Failed(#[source] Cause),
}
