//! One-time tokens as the store keeps them: a digest, never the token.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::email::CanonicalEmail;
use crate::id::UserId;
use crate::time::Timestamp;

/// What a one-time token may be used for. A token of one purpose never works
/// for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TokenPurpose {
    /// Shows that a mailbox belongs to the owner of an account.
    VerifyEmail,
    /// Sets a new password without the old one.
    ResetPassword,
    /// Shows that a new mailbox belongs to the owner of an account.
    ChangeEmail,
}

/// SHA-256 of a one-time token. With 256 random bits in the token, an unsalted
/// digest tells a reader of the database nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// The digest of `token`.
    #[must_use]
    pub fn of(token: &[u8]) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// The digest as the store keeps it.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest([redacted])")
    }
}

/// A one-time token, as it is kept in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneTimeToken {
    /// What the token is found by.
    pub digest: TokenDigest,
    /// What it may be used for.
    pub purpose: TokenPurpose,
    /// Whose account it is about.
    pub user_id: UserId,
    /// The address that it was mailed to.
    pub email: CanonicalEmail,
    /// When it was made.
    pub created_at: Timestamp,
    /// The first instant at which it is no longer good.
    pub expires_at: Timestamp,
}

impl OneTimeToken {
    /// Whether it is still good at `now`: it ends exactly at `expires_at`.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }
}
