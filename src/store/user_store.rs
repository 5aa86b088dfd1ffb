//! What the service needs of a store of users.

use async_trait::async_trait;

use super::{Insert, StoreError};
use crate::authz::Role;
use crate::email::{CanonicalEmail, Email};
use crate::id::{IdentityId, UserId};
use crate::identity::{Identity, IdentityKey, IdentityUse};
use crate::time::Timestamp;
use crate::user::{
    AccountState, DeviceDigest, EmailChange, EpochChange, IdentityLink, PasswordHash,
    ProfileChange, Removal, RoleChange, User, UserChange, UserStatus,
};

/// What became of a user that was to be inserted. It cannot carry the user
/// who was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum InsertUser {
    /// The user is there.
    Inserted,
    /// Another user has this canonical email. Nothing changed.
    EmailTaken,
    /// Another user has one of the identities, and the email is free. Nothing changed.
    IdentityTaken,
    /// Another user has this id, and all else is free. Nothing changed.
    IdTaken,
}

/// Converts the outcome of inserting a user whose address and identities are free.
impl From<Insert> for InsertUser {
    fn from(insert: Insert) -> Self {
        match insert {
            Insert::Inserted => Self::Inserted,
            Insert::Taken => Self::IdTaken,
        }
    }
}

/// Users.
#[cfg_attr(feature = "test-util", mockall::automock)]
#[async_trait]
pub trait UserStore: Send + Sync {
    /// Adds `user`, unless its id, its canonical email or one of its identities is taken.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails.
    async fn insert_user(&self, user: &User) -> Result<InsertUser, StoreError>;

    /// The user with this id.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails or the record is corrupt.
    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError>;

    /// The user with this canonical email.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails or the record is corrupt.
    async fn user_by_email(&self, email: &CanonicalEmail) -> Result<Option<User>, StoreError>;

    /// The user who has an identity with this key.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails or the record is corrupt.
    async fn user_by_identity(&self, key: &IdentityKey) -> Result<Option<User>, StoreError>;

    /// Makes `change` if its condition holds, as [`User::change`] does, in one act. Returns
    /// the user as it is then; `None` when no user has this id or the condition does not
    /// hold, and then nothing changes.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails, or a counter cannot be raised
    /// ([`CounterExhausted`](crate::user::CounterExhausted)).
    async fn change_user(
        &self,
        id: UserId,
        change: &UserChange,
    ) -> Result<Option<User>, StoreError>;

    /// Makes `change` as [`change_user`](UserStore::change_user) does, and returns whether it
    /// did. Override this method if not returning the user is cheaper.
    ///
    /// # Errors
    ///
    /// As for [`change_user`](UserStore::change_user).
    async fn update_user(&self, id: UserId, change: &UserChange) -> Result<bool, StoreError> {
        Ok(self.change_user(id, change).await?.is_some())
    }

    /// Sets `last_login` to `now`, unless it is later already, if the user is
    /// active and `auth_epoch` is `epoch`. Returns `false` if the password
    /// changed or the account was disabled meanwhile. In the same act adds
    /// `new_device`, if there is one, as the last of the user's devices, and
    /// drops the first ones beyond [`MAX_DEVICES`](crate::user::MAX_DEVICES). A
    /// device that the user has already is added again: the service passes none,
    /// unless two logins with a new device overtake each other.
    ///
    /// If `used` is an identity, the user must have it: a login by one that was unlinked
    /// meanwhile returns `false`. Its `last_used_at` becomes `now`, and its `email` the one
    /// that is given, if there is one, unless `last_used_at` is later already.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails.
    async fn record_login(
        &self,
        id: UserId,
        epoch: u64,
        new_device: Option<DeviceDigest>,
        used: Option<IdentityUse>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let change = UserChange::RecordLogin {
            epoch,
            new_device,
            used,
            now,
        };
        self.update_user(id, &change).await
    }

    /// Replaces the password hash if it is still `expected`. In the same act,
    /// [`EpochChange::Raise`] raises `auth_epoch` and `version` by one. Returns whether
    /// it did.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails.
    async fn replace_password(
        &self,
        id: UserId,
        expected: &PasswordHash,
        new: &PasswordHash,
        epoch: EpochChange,
    ) -> Result<bool, StoreError> {
        let (expected, new) = (expected.clone(), new.clone());
        let change = UserChange::ReplacePassword {
            expected,
            new,
            epoch,
        };
        self.update_user(id, &change).await
    }

    /// Changes the profile, raises `version` by one and returns the user as it
    /// is then; `None` when no user has this id and version. Nothing changes but
    /// what `change` names.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails.
    async fn update_profile(
        &self,
        id: UserId,
        version: u64,
        change: &ProfileChange,
    ) -> Result<Option<User>, StoreError> {
        let change = change.clone();
        let change = UserChange::UpdateProfile { version, change };
        self.change_user(id, &change).await
    }

    /// Marks the address of `account` as verified and raises `version` by one,
    /// if the account is in that state and active, and was not verified. Returns
    /// whether it did: of any number of callers at once, one did.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails.
    async fn verify_email(&self, account: &AccountState) -> Result<bool, StoreError> {
        let change = UserChange::VerifyEmail(account.clone());
        self.update_user(account.id, &change).await
    }

    /// Gives the user the address `to`, verified, and raises `link_epoch` and
    /// `version` by one, if the account is in the state `account` and active,
    /// and no other user has that address.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails.
    async fn change_email(
        &self,
        account: &AccountState,
        to: &Email,
    ) -> Result<EmailChange, StoreError>;

    /// Replaces the password hash, raises both epochs and `version` by one,
    /// marks the address as verified, makes `device` the only one that the
    /// user is known to use and changes the profile by `change`, all in one act, if the account is in the state
    /// `account` and active. Returns whether it did: of any number of callers at
    /// once, one did.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails.
    async fn reset_password(
        &self,
        account: &AccountState,
        new: &PasswordHash,
        device: DeviceDigest,
        change: &ProfileChange,
    ) -> Result<bool, StoreError> {
        let change = UserChange::ResetPassword {
            account: account.clone(),
            new: new.clone(),
            device,
            change: change.clone(),
        };
        self.update_user(account.id, &change).await
    }

    /// Removes the user if the account is in the state `account` and is one that `which`
    /// allows. It must be active, unless `which` is [`Removal::AnyStatus`]. Returns whether it did. Its address can be
    /// registered again at once.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails.
    async fn remove_user(&self, account: &AccountState, which: Removal)
    -> Result<bool, StoreError>;

    /// Sets the status, raises `version` by one and returns the user as it is
    /// then; `None` when no user has this id and version. Disabling an active
    /// user raises both epochs in the same act, so that no earlier session or
    /// link works again when the user is enabled. A user who has the status
    /// already gets a higher version too: that is what keeps an earlier opposite
    /// write from being applied late.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails.
    async fn set_status(
        &self,
        id: UserId,
        version: u64,
        status: UserStatus,
    ) -> Result<Option<User>, StoreError> {
        self.change_user(id, &UserChange::SetStatus { version, status })
            .await
    }

    /// Adds and takes away roles, raises `version` by one and returns the user
    /// as it is then, all in one act; `None` when no user has this id and
    /// version. A role that is granted and revoked at once is revoked. A change
    /// that finds nothing to change raises the version too.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails.
    async fn change_roles(
        &self,
        id: UserId,
        version: u64,
        change: &RoleChange,
    ) -> Result<Option<User>, StoreError> {
        let change = change.clone();
        let change = UserChange::ChangeRoles { version, change };
        self.change_user(id, &change).await
    }

    /// Gives the user `identity` and raises `version` by one, if the user has this version and
    /// [can link](User::may_link) it, and no other user has an identity with its key: of any
    /// number of users at once, one gets it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails.
    async fn link_identity(
        &self,
        id: UserId,
        version: u64,
        identity: &Identity,
    ) -> Result<IdentityLink, StoreError>;

    /// Takes the identity away, raises `version` by one and returns the user as it is then,
    /// all in one act; `None` when no user has this id and version, or the user
    /// [does not have it or has no other way in](User::may_unlink). Another user can link it
    /// at once. Sessions that were opened with it go on.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails.
    async fn unlink_identity(
        &self,
        id: UserId,
        version: u64,
        identity: IdentityId,
    ) -> Result<Option<User>, StoreError> {
        self.change_user(id, &UserChange::UnlinkIdentity { version, identity })
            .await
    }

    /// Up to `limit` users in the order of their ids, beginning after `after`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails or a record is corrupt.
    async fn users(&self, after: Option<UserId>, limit: usize) -> Result<Vec<User>, StoreError>;

    /// Whether an active user other than `except` has `role`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails.
    async fn has_other(&self, role: &Role, except: UserId) -> Result<bool, StoreError>;
}
