//! What can go wrong when a password is hashed or verified.

use std::time::Duration;

use crate::error::Cause;
use crate::random::RandomError;

/// Why a password was not hashed or verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HashError {
    /// More work is waiting than can be done in time.
    #[error("the hashing threads are overloaded")]
    Overloaded {
        /// The wait after which another attempt makes sense; at least a second.
        retry_after: Duration,
    },
    /// The stored hash names an Argon2 variant and is no such hash.
    #[error("the stored password hash is malformed")]
    Malformed,
    /// The stored hash asks for more than [`HashingConfig::accepted`](super::HashingConfig::accepted).
    #[error("the stored password hash asks for too much memory or time")]
    TooCostly,
    /// The stored hash was made with a pepper that is not configured.
    #[error("the stored password hash was made with an unknown pepper")]
    UnknownPepper,
    /// The stored hash is not of Argon2, and no
    /// [`ForeignScheme`](super::ForeignScheme) took it.
    #[error("the stored password hash is of an unknown scheme")]
    UnknownScheme,
    /// The caller went away before a thread had begun, and nothing was done.
    #[error("the caller has gone")]
    Abandoned,
    /// The job takes longer than [`HashingConfig::run_deadline`](super::HashingConfig::run_deadline), as a foreign
    /// scheme that hangs does.
    #[error("a hashing job did not end in time")]
    Stuck,
    /// The source of randomness failed.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// Something else failed: there is no memory, or the job panicked.
    #[error("hashing failed")]
    Failed(#[source] Cause),
}
