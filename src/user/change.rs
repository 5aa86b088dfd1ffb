//! What an act changes in an account.

use std::collections::BTreeSet;

use super::{DisplayName, PendingHook};
use crate::authz::Role;
use crate::preferences::{Metadata, Preferences};
use crate::time::Timestamp;

/// Whether an act ends what was signed in before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EpochChange {
    /// Sessions go on.
    Keep,
    /// `auth_epoch` goes up by one: every session and token made before is dead.
    Raise,
}

/// Which users may be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// Any.
    Any,
    /// One whose address nobody has confirmed.
    Unverified,
    /// One whose address nobody has confirmed, and whose last login is this one.
    UnverifiedSince(Option<Timestamp>),
}

/// What to change in a profile. `None` leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProfileChange {
    /// The new name.
    pub name: Option<DisplayName>,
    /// The new preferences. They replace the old ones as a whole.
    pub preferences: Option<Preferences>,
    /// The new metadata. It replaces the old one as a whole.
    pub metadata: Option<Metadata>,
    /// What becomes of the call of the application's hooks that is due.
    pub pending_hook: HookChange,
}

/// What becomes of [`User::pending_hook`](super::User::pending_hook).
#[derive(Clone, Debug, Default, PartialEq)]
pub enum HookChange {
    /// It stays.
    #[default]
    Keep,
    /// It is removed: every call has succeeded.
    Remove,
    /// This call takes its place.
    Set(PendingHook),
}

/// Which roles to add and which to take away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleChange {
    /// Roles that the user has afterwards.
    pub grant: BTreeSet<Role>,
    /// Roles that the user does not have afterwards.
    pub revoke: BTreeSet<Role>,
}
