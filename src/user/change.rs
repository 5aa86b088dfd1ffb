//! What an act changes in an account.

use std::collections::BTreeSet;

use super::{AccountState, DeviceDigest, DisplayName, PasswordHash, PendingHook, UserStatus};
use crate::authz::Role;
use crate::id::IdentityId;
use crate::identity::IdentityUse;
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

/// What became of a user's address that was to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum EmailChange {
    /// It is the new one, and it is verified.
    Changed,
    /// Another user has the new address. Nothing changed.
    EmailTaken,
    /// The account is no longer in the state that was asked for. Nothing changed.
    Gone,
}

/// What became of an identity that was to be linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum IdentityLink {
    /// The user has it.
    Linked,
    /// Another user has it. Nothing changed.
    Taken,
    /// The user has another version or is gone, or cannot
    /// [link](super::User::may_link) it. Nothing changed.
    Refused,
}

/// Which users may be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// An active user.
    Any,
    /// A user in any status.
    AnyStatus,
    /// An active user whose address is not verified.
    Unverified,
    /// An active user whose address is not verified, and whose last login is this one.
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
    /// Whether all identities are removed, which a stranger may have linked.
    pub removes_identities: bool,
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

/// A change of one user, with its condition. [`User::change`](super::User::change) makes it;
/// the methods of [`UserStore`](crate::store::UserStore) with the same names explain each.
#[derive(Clone, Debug)]
pub enum UserChange {
    /// [`UserStore::record_login`](crate::store::UserStore::record_login)
    RecordLogin {
        /// The `auth_epoch` that the user has.
        epoch: u64,
        /// The device to add, if there is one.
        new_device: Option<DeviceDigest>,
        /// The identity that the user signed in with, if it was one.
        used: Option<IdentityUse>,
        /// The time of the login.
        now: Timestamp,
    },
    /// [`UserStore::replace_password`](crate::store::UserStore::replace_password)
    ReplacePassword {
        /// The hash that the user has.
        expected: PasswordHash,
        /// The new one.
        new: PasswordHash,
        /// Whether earlier sessions end.
        epoch: EpochChange,
    },
    /// [`UserStore::update_profile`](crate::store::UserStore::update_profile)
    UpdateProfile {
        /// The `version` that the user has.
        version: u64,
        /// The changes.
        change: ProfileChange,
    },
    /// [`UserStore::verify_email`](crate::store::UserStore::verify_email)
    VerifyEmail(
        /// The state that the account is in.
        AccountState,
    ),
    /// [`UserStore::reset_password`](crate::store::UserStore::reset_password)
    ResetPassword {
        /// The state that the account is in.
        account: AccountState,
        /// The new hash.
        new: PasswordHash,
        /// The only device afterwards.
        device: DeviceDigest,
        /// What else changes.
        change: ProfileChange,
    },
    /// [`UserStore::set_status`](crate::store::UserStore::set_status)
    SetStatus {
        /// The `version` that the user has.
        version: u64,
        /// The new status.
        status: UserStatus,
    },
    /// [`UserStore::change_roles`](crate::store::UserStore::change_roles)
    ChangeRoles {
        /// The `version` that the user has.
        version: u64,
        /// The roles to grant and to revoke.
        change: RoleChange,
    },
    /// [`UserStore::unlink_identity`](crate::store::UserStore::unlink_identity)
    UnlinkIdentity {
        /// The `version` that the user has.
        version: u64,
        /// The identity.
        identity: IdentityId,
    },
}
