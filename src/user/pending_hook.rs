//! The next hook call that is due for an account.

use std::fmt;

use serde_json::{Map, Value};

use crate::named::named;

named! {
    /// A call of [`AccountHooks`](crate::service::AccountHooks) that is repeated until it
    /// succeeds.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum HookKind {
        /// The account was created.
        Registered => "registered",
        /// The account was taken over by the owner of the mailbox.
        TakenOver => "taken_over",
        /// The address is verified: due as soon as it is.
        Verified => "verified",
    }
}

/// The next call of [`AccountHooks`](crate::service::AccountHooks) for an account.
///
/// It is stored by the act that makes the call due, and removed after the call has
/// succeeded, so that a call is made at least once.
#[derive(Clone, PartialEq)]
pub struct PendingHook {
    /// The call.
    pub kind: HookKind,
    /// The arguments of the call, besides the account. Stored as it is, like
    /// [`User::metadata`](super::User::metadata).
    pub data: Map<String, Value>,
}

impl PendingHook {
    /// A call without arguments.
    #[must_use]
    pub fn new(kind: HookKind) -> Self {
        Self {
            kind,
            data: Map::new(),
        }
    }
}

/// Does not show `data`, which may have confidential fields of a registration.
impl fmt::Debug for PendingHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingHook")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
