//! The kinds of records that are copied.

use std::fmt;

use super::encode::{Encode, Encoder};
use crate::audit::AuditRecord;
use crate::id::{EventId, SessionId, UserId};
use crate::limit::LimitKey;
use crate::lockout::Attempts;
use crate::named::named;
use crate::session::Session;
use crate::time::Timestamp;
use crate::token::{OneTimeToken, TokenDigest};
use crate::user::User;

named! {
    /// A kind of record.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum Kind {
        /// Users, with their roles and identities.
        Users => "users",
        /// Sessions that have not been ended.
        Sessions => "sessions",
        /// One-time tokens.
        Tokens => "tokens",
        /// Failed attempts: the lockouts.
        Attempts => "attempts",
        /// Events of the audit log.
        Events => "events",
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A record that is copied. This trait is sealed: the kinds of records are those of [`Kind`].
pub trait Record: Encode + Clone + Send + Sync + 'static {
    /// Its kind.
    const KIND: Kind;

    /// The key, ordered by its bytes.
    type Key: Copy + Ord + fmt::Debug + Send + Sync + 'static;

    /// The key, which is unique within the kind.
    fn key(&self) -> Self::Key;

    /// Returns `true` if it has not expired at `now`.
    fn is_live(&self, now: Timestamp) -> bool;
}

impl Record for User {
    const KIND: Kind = Kind::Users;
    type Key = UserId;

    fn key(&self) -> UserId {
        self.id
    }

    fn is_live(&self, _: Timestamp) -> bool {
        true
    }
}

impl Record for Session {
    const KIND: Kind = Kind::Sessions;
    type Key = SessionId;

    fn key(&self) -> SessionId {
        self.id
    }

    fn is_live(&self, now: Timestamp) -> bool {
        Self::is_live(self, now)
    }
}

impl Record for OneTimeToken {
    const KIND: Kind = Kind::Tokens;
    type Key = TokenDigest;

    fn key(&self) -> TokenDigest {
        self.digest
    }

    fn is_live(&self, now: Timestamp) -> bool {
        Self::is_live(self, now)
    }
}

/// The attempts that are kept under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptAttempts {
    /// The key.
    pub key: LimitKey,
    /// The attempts.
    pub attempts: Attempts,
}

impl Record for KeptAttempts {
    const KIND: Kind = Kind::Attempts;
    type Key = LimitKey;

    fn key(&self) -> LimitKey {
        self.key
    }

    fn is_live(&self, now: Timestamp) -> bool {
        now < self.attempts.forgotten_at
    }
}

impl Encode for KeptAttempts {
    fn encode(&self, to: &mut Encoder) {
        let Self { key, attempts } = self;
        to.add(&key.to_bytes()).add(attempts);
    }
}

impl Record for AuditRecord {
    const KIND: Kind = Kind::Events;
    type Key = EventId;

    fn key(&self) -> EventId {
        self.id
    }

    fn is_live(&self, now: Timestamp) -> bool {
        Self::is_live(self, now)
    }
}
