//! Passwords: policy and hashing.
//!
//! [`NormalizedPassword`] is the form in which a password is judged, hashed
//! and compared. [`PasswordPolicy`] decides if it may be used, [`breach`]
//! recognises one that has leaked, and [`PasswordHasher`] runs Argon2 (RFC 9106) on its own threads.

mod admission;
mod alarm;
pub mod breach;
#[cfg(feature = "test-util")]
mod cheap;
mod common;
mod config;
mod error;
mod foreign;
mod hasher;
mod job;
mod line;
mod memory;
mod normalized;
mod own_words;
mod phc;
mod policy;
mod pool;
#[cfg(any(debug_assertions, test))]
mod probe;
mod strength;
mod substitution;
mod walk;
mod words;

pub(crate) use admission::{Claim, Lane, Work};
#[cfg(feature = "test-util")]
pub(crate) use cheap::cheap_hash;
pub use config::{AcceptedCost, Argon2Params, HashingConfig, Pepper};
pub use error::HashError;
pub use foreign::ForeignScheme;
pub(crate) use hasher::Turn;
pub use hasher::{HashingStats, PasswordHasher, Verdict};
pub use normalized::{MAX_PASSWORD_BYTES, MAX_PASSWORD_CHARS, NormalizedPassword, PasswordTooLong};
pub(crate) use own_words::own_text;
pub use policy::{PasswordAssessment, PasswordFault, PasswordPolicy};
pub use words::CommonWords;
