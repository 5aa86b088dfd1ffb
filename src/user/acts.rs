//! What each act of a store does to a user: the rules that every store applies.
//!
//! An act either happens as a whole or returns `false` and changes nothing.
//! [`MemoryStore`](crate::store::MemoryStore) calls these functions. A store that
//! decides in its database holds to them by the conformance suite.

use super::{
    AccountState, DeviceDigest, EmailChange, EpochChange, HookChange, IdentityLink, MAX_DEVICES,
    PasswordHash, ProfileChange, Removal, RoleChange, User, UserChange, UserStatus,
};
use crate::email::Email;
use crate::id::{IdentityId, UserId};
use crate::identity::{Identities, Identity, IdentityUse};
use crate::time::Timestamp;

/// An epoch or a version cannot be raised, so the act would leave old sessions, links
/// or writes alive. Only a corrupt record gets there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a counter of the account cannot be raised")]
pub struct CounterExhausted;

fn raised(counter: u64) -> Result<u64, CounterExhausted> {
    counter.checked_add(1).ok_or(CounterExhausted)
}

impl User {
    /// Makes the change if its condition holds. Returns `false`, and changes nothing, if it
    /// does not.
    ///
    /// # Errors
    ///
    /// [`CounterExhausted`]; nothing changes.
    pub fn change(&mut self, change: &UserChange) -> Result<bool, CounterExhausted> {
        match change {
            UserChange::RecordLogin {
                epoch,
                new_device,
                used,
                now,
            } => Ok(self.record_login(*epoch, *new_device, used.as_ref(), *now)),
            UserChange::ReplacePassword {
                expected,
                new,
                epoch,
            } => self.replace_password(expected, new, *epoch),
            UserChange::UpdateProfile { version, change } => self.update_profile(*version, change),
            UserChange::VerifyEmail(account) => self.verify_email(account),
            UserChange::ResetPassword {
                account,
                new,
                device,
                change,
            } => self.reset_password(account, new, *device, change),
            UserChange::SetStatus { version, status } => self.set_status(*version, *status),
            UserChange::ChangeRoles { version, change } => self.change_roles(*version, change),
            UserChange::UnlinkIdentity { version, identity } => {
                self.unlink_identity(*version, *identity)
            }
        }
    }

    /// Records a login at `now`, if the user is active, the `auth_epoch` is `epoch` and the
    /// user has the identity that is `used`: `last_login` goes forward, never back, and so
    /// does `last_used_at` of the identity. `new_device` becomes the last of the devices, of
    /// which the last [`MAX_DEVICES`] stay.
    #[must_use]
    pub fn record_login(
        &mut self,
        epoch: u64,
        new_device: Option<DeviceDigest>,
        used: Option<&IdentityUse>,
        now: Timestamp,
    ) -> bool {
        if self.status != UserStatus::Active || self.auth_epoch != epoch {
            return false;
        }
        if used.is_some_and(|used| !self.identities.record(used, now)) {
            return false;
        }
        self.last_login = self.last_login.max(Some(now));
        if let Some(device) = new_device {
            self.devices.push(device);
            let beyond = self.devices.len().saturating_sub(MAX_DEVICES);
            self.devices.drain(..beyond);
        }
        true
    }

    /// Replaces the password hash, if it is `expected`. [`EpochChange::Raise`] raises
    /// `auth_epoch` and `version`.
    ///
    /// # Errors
    ///
    /// [`CounterExhausted`]; nothing changes.
    pub fn replace_password(
        &mut self,
        expected: &PasswordHash,
        new: &PasswordHash,
        epoch: EpochChange,
    ) -> Result<bool, CounterExhausted> {
        let present = self.password_hash.as_ref();
        if !present.is_some_and(|present| present.is(expected)) {
            return Ok(false);
        }
        if epoch == EpochChange::Raise {
            let (auth_epoch, version) = (raised(self.auth_epoch)?, raised(self.version)?);
            (self.auth_epoch, self.version) = (auth_epoch, version);
        }
        self.password_hash = Some(new.clone());
        Ok(true)
    }

    /// Changes the profile and raises `version`, if it is `version`.
    ///
    /// # Errors
    ///
    /// [`CounterExhausted`]; nothing changes.
    pub fn update_profile(
        &mut self,
        version: u64,
        change: &ProfileChange,
    ) -> Result<bool, CounterExhausted> {
        if self.version != version {
            return Ok(false);
        }
        self.version = raised(version)?;
        self.apply(change);
        Ok(true)
    }

    /// Marks the address as verified and raises `version`, if the user is in the state
    /// `account` and the address is not verified.
    ///
    /// # Errors
    ///
    /// [`CounterExhausted`]; nothing changes.
    pub fn verify_email(&mut self, account: &AccountState) -> Result<bool, CounterExhausted> {
        if !account.is_of(self) || self.is_verified {
            return Ok(false);
        }
        self.version = raised(self.version)?;
        self.is_verified = true;
        Ok(true)
    }

    /// Sets the address to `to`, verified, and raises `link_epoch` and `version`, if the
    /// user is in the state `account`. `owner` is the user that has the address `to`, if any;
    /// another user than this one is [`EmailChange::EmailTaken`]. The store finds the owner in
    /// the same act.
    ///
    /// # Errors
    ///
    /// [`CounterExhausted`]; nothing changes.
    pub fn change_email(
        &mut self,
        account: &AccountState,
        to: &Email,
        owner: Option<UserId>,
    ) -> Result<EmailChange, CounterExhausted> {
        if !account.is_of(self) {
            return Ok(EmailChange::Gone);
        }
        if owner.is_some_and(|owner| owner != self.id) {
            return Ok(EmailChange::EmailTaken);
        }
        let (link_epoch, version) = (raised(self.link_epoch)?, raised(self.version)?);
        (self.link_epoch, self.version) = (link_epoch, version);
        self.email.clone_from(to);
        self.is_verified = true;
        Ok(EmailChange::Changed)
    }

    /// Replaces the password hash, raises both epochs and `version`, marks the address as
    /// verified, makes `device` the only one and changes the profile, if the user is in
    /// the state `account`.
    ///
    /// # Errors
    ///
    /// [`CounterExhausted`]; nothing changes.
    pub fn reset_password(
        &mut self,
        account: &AccountState,
        new: &PasswordHash,
        device: DeviceDigest,
        change: &ProfileChange,
    ) -> Result<bool, CounterExhausted> {
        if !account.is_of(self) {
            return Ok(false);
        }
        let (auth_epoch, link_epoch) = (raised(self.auth_epoch)?, raised(self.link_epoch)?);
        self.version = raised(self.version)?;
        (self.auth_epoch, self.link_epoch) = (auth_epoch, link_epoch);
        self.password_hash = Some(new.clone());
        self.is_verified = true;
        self.devices = vec![device];
        self.apply(change);
        Ok(true)
    }

    /// Returns `true` if the user is in the state `account` and is one that `which`
    /// allows to remove.
    #[must_use]
    pub fn may_be_removed(&self, account: &AccountState, which: Removal) -> bool {
        let is_allowed = match which {
            Removal::AnyStatus => return account.is_of_any_status(self),
            Removal::Any => true,
            Removal::Unverified => !self.is_verified,
            Removal::UnverifiedSince(login) => !self.is_verified && self.last_login == login,
        };
        is_allowed && account.is_of(self)
    }

    /// Sets the status and raises `version`, if it is `version`. Disabling an active user
    /// raises both epochs.
    ///
    /// # Errors
    ///
    /// [`CounterExhausted`]; nothing changes.
    pub fn set_status(
        &mut self,
        version: u64,
        status: UserStatus,
    ) -> Result<bool, CounterExhausted> {
        if self.version != version {
            return Ok(false);
        }
        let version = raised(version)?;
        if (self.status, status) == (UserStatus::Active, UserStatus::Disabled) {
            let (auth_epoch, link_epoch) = (raised(self.auth_epoch)?, raised(self.link_epoch)?);
            (self.auth_epoch, self.link_epoch) = (auth_epoch, link_epoch);
        }
        (self.status, self.version) = (status, version);
        Ok(true)
    }

    /// Grants and revokes roles and raises `version`, if it is `version`. A role that is
    /// granted and revoked is revoked.
    ///
    /// # Errors
    ///
    /// [`CounterExhausted`]; nothing changes.
    pub fn change_roles(
        &mut self,
        version: u64,
        change: &RoleChange,
    ) -> Result<bool, CounterExhausted> {
        if self.version != version {
            return Ok(false);
        }
        self.version = raised(version)?;
        self.roles.extend(change.grant.iter().cloned());
        self.roles.retain(|role| !change.revoke.contains(role));
        Ok(true)
    }

    /// Returns `true` if `identity` can be linked: the user has neither its key nor its id,
    /// and fewer than [`MAX`](Identities::MAX) identities.
    #[must_use]
    pub fn may_link(&self, identity: &Identity) -> bool {
        self.identities.len() < Identities::MAX
            && self.identities.get(identity.id).is_none()
            && self.identities.by_key(&identity.key()).is_none()
    }

    /// Adds the identity and raises `version`, if it is `version` and the user
    /// [can link](Self::may_link) it. `owner` is the user that has an identity of this key,
    /// if any; another user than this one is [`IdentityLink::Taken`]. The store finds the
    /// owner in the same act.
    ///
    /// # Errors
    ///
    /// [`CounterExhausted`]; nothing changes.
    pub fn link_identity(
        &mut self,
        version: u64,
        identity: &Identity,
        owner: Option<UserId>,
    ) -> Result<IdentityLink, CounterExhausted> {
        if self.version != version || !self.may_link(identity) {
            return Ok(IdentityLink::Refused);
        }
        if owner.is_some_and(|owner| owner != self.id) {
            return Ok(IdentityLink::Taken);
        }
        self.version = raised(version)?;
        self.identities.add(identity.clone());
        Ok(IdentityLink::Linked)
    }

    /// Returns `true` if the user has the identity, and another way in without it: a password
    /// or another identity.
    #[must_use]
    pub fn may_unlink(&self, identity: IdentityId) -> bool {
        self.identities.get(identity).is_some()
            && (self.password_hash.is_some() || self.identities.len() > 1)
    }

    /// Removes the identity and raises `version`, if it is `version` and the user
    /// [has another way in](Self::may_unlink).
    ///
    /// # Errors
    ///
    /// [`CounterExhausted`]; nothing changes.
    pub fn unlink_identity(
        &mut self,
        version: u64,
        identity: IdentityId,
    ) -> Result<bool, CounterExhausted> {
        if self.version != version || !self.may_unlink(identity) {
            return Ok(false);
        }
        self.version = raised(version)?;
        self.identities.remove(identity);
        Ok(true)
    }

    /// Changes the profile.
    pub fn apply(&mut self, change: &ProfileChange) {
        if let Some(name) = &change.name {
            self.name.clone_from(name);
        }
        if let Some(preferences) = &change.preferences {
            self.preferences.clone_from(preferences);
        }
        if let Some(metadata) = &change.metadata {
            self.metadata.clone_from(metadata);
        }
        if change.removes_identities {
            self.identities = Identities::default();
        }
        match &change.pending_hook {
            HookChange::Keep => {}
            HookChange::Remove => self.pending_hook = None,
            HookChange::Set(hook) => self.pending_hook = Some(hook.clone()),
        }
    }
}
