//! Its users.

use admittance::authz::Role;
use admittance::email::{CanonicalEmail, Email};
use admittance::id::UserId;
use admittance::identity::{Identities, Identity, IdentityKey, IdentityUse};
use admittance::preferences::Preferences;
use admittance::store::{
    EmailChange, EpochChange, HookChange, IdentityLink, InsertUser, ProfileChange, Removal,
    RoleChange, StoreError, UserChange, UserStore,
};
use admittance::time::Timestamp;
use admittance::user::{AccountState, DeviceDigest, PasswordHash, User, UserStatus};
use async_trait::async_trait;

use super::Fault::*;
use super::identities::owner;
use super::values::{cut_email, cut_hash, cut_name, cut_roles, drop_large};
use super::{Tables, WrongStore};

#[async_trait]
impl UserStore for WrongStore {
    async fn insert_user(&self, user: &User) -> Result<InsertUser, StoreError> {
        let user = self.kept_user(user);
        let check = |tables: &Tables| {
            let taken = |other: &User| match self.fault {
                ComparesBeginOfAddresses => self.same_email(other, user.email.canonical()),
                _ => self.key_of(other) == self.key_of(&user),
            };
            if tables.users.values().any(taken) || tables.blocked.contains(user.email.canonical()) {
                return InsertUser::EmailTaken;
            }
            let mut identities = user.identities.iter();
            if identities.any(|one| self.is_taken(tables, one)) && !self.has(InsertsTakenIdentities)
            {
                return InsertUser::IdentityTaken;
            }
            match tables.users.contains_key(&user.id) && !self.has(OverwritesUsers) {
                true => InsertUser::IdTaken,
                false => InsertUser::Inserted,
            }
        };
        let write = |tables: &mut Tables, outcome| {
            if outcome == InsertUser::Inserted {
                tables.users.insert(user.id, user.clone());
            } else if self.has(KeepsEmailOfRefusedUser) {
                tables.blocked.insert(user.email.canonical().clone());
            }
            outcome
        };
        Ok(self.act(ChecksThenInsertsUser, check, write).await)
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        if let Some(kept) = self.cache().get(&id) {
            return Ok(Some(kept.clone()));
        }
        let tables = self.tables();
        let anybody = tables.users.values().find(|_| self.has(FindsAnybody));
        let removed = tables
            .removed
            .get(&id)
            .filter(|_| self.has(FindsRemovedUser));
        let found = tables.users.get(&id).or(removed).or(anybody).cloned();
        if self.has(CachesByHandle) {
            self.cache().extend(found.clone().map(|user| (id, user)));
        }
        Ok(found)
    }

    async fn user_by_email(&self, email: &CanonicalEmail) -> Result<Option<User>, StoreError> {
        let tables = self.tables();
        let mut users = tables.users.values();
        Ok(users.find(|user| self.same_email(user, email)).cloned())
    }

    async fn user_by_identity(&self, key: &IdentityKey) -> Result<Option<User>, StoreError> {
        Ok(owner(&self.tables(), key).cloned())
    }

    /// Each change is a method of its own below.
    async fn change_user(
        &self,
        id: UserId,
        change: &UserChange,
    ) -> Result<Option<User>, StoreError> {
        let is_of = |account: &AccountState| account.id == id || self.has(ChangesUserOfTheState);
        let is_changed = match change {
            UserChange::RecordLogin {
                epoch,
                new_device,
                used,
                now,
            } => {
                let login = self.record_login(id, *epoch, *new_device, used.clone(), *now);
                login.await?
            }
            UserChange::ReplacePassword {
                expected,
                new,
                epoch,
            } => self.replace_password(id, expected, new, *epoch).await?,
            UserChange::VerifyEmail(account) => {
                is_of(account) && self.verify_email(account).await?
            }
            UserChange::ResetPassword {
                account,
                new,
                device,
                change,
            } => is_of(account) && self.reset_password(account, new, *device, change).await?,
            UserChange::UpdateProfile { version, change } => {
                return self.update_profile(id, *version, change).await;
            }
            UserChange::UnlinkIdentity { version, identity } => {
                return self.unlink(id, *version, *identity).await;
            }
            UserChange::SetStatus { version, status } => {
                return self.set_status(id, *version, *status).await;
            }
            UserChange::ChangeRoles { version, change } => {
                return self.change_roles(id, *version, change).await;
            }
        };
        match is_changed {
            true => self.user(id).await,
            false => Ok(None),
        }
    }

    async fn record_login(
        &self,
        id: UserId,
        epoch: u64,
        new_device: Option<DeviceDigest>,
        used: Option<IdentityUse>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let check = |tables: &Tables| {
            let mut user = tables.users.get(&id).cloned()?;
            let active = user.status == UserStatus::Active || self.has(RecordsLoginOfDisabled);
            let good = active && (user.auth_epoch == epoch || self.has(LoginIgnoresEpoch));
            let used = used.as_ref();
            let good = good && used.is_none_or(|used| self.record_use(&mut user, used, now));
            if good {
                let last = user.last_login.filter(|_| !self.has(TakesLastLoginBack));
                user.last_login = last.max(Some(now));
                user.version += u64::from(self.has(LoginRaisesVersion));
            }
            if good || self.has(RefusedLoginAddsDevice) {
                self.add_device(&mut user.devices, new_device);
            }
            Some((user, good))
        };
        let write = |tables: &mut Tables, seen: Option<(User, bool)>| {
            let good = seen.as_ref().is_some_and(|(_, good)| *good);
            tables.users.extend(seen.map(|(user, _)| (id, user)));
            good
        };
        Ok(self.act(LoginWritesWholeUser, check, write).await)
    }

    async fn replace_password(
        &self,
        id: UserId,
        expected: &PasswordHash,
        new: &PasswordHash,
        epoch: EpochChange,
    ) -> Result<bool, StoreError> {
        let check = |tables: &Tables| {
            let user = tables.users.get(&id)?;
            let same = match &user.password_hash {
                Some(hash) => hash.is(expected),
                None => self.has(TakesEmptyHashForNone) && expected.expose_secret().is_empty(),
            };
            let same = same || self.has(IgnoresExpectedPassword);
            same.then_some(id)
        };
        let write = |tables: &mut Tables, found: Option<UserId>| {
            let Some(user) = found.and_then(|id| tables.users.get_mut(&id)) else {
                return false;
            };
            let mut new = new.clone();
            if self.has(CutsNewHashes) {
                cut_hash(&mut new);
            }
            user.password_hash = Some(new);
            if epoch == EpochChange::Raise && !self.has(ForgetsEpoch) {
                user.auth_epoch += 1;
            }
            user.version += u64::from(epoch == EpochChange::Raise || self.has(RehashRaisesVersion));
            true
        };
        Ok(self.act(ChecksThenReplacesPassword, check, write).await)
    }

    async fn update_profile(
        &self,
        id: UserId,
        version: u64,
        change: &ProfileChange,
    ) -> Result<Option<User>, StoreError> {
        let read = |tables: &Tables| {
            let mut user = self.in_version(tables, id, version, ProfileChangeIgnoresVersion)?;
            user.version += 1;
            user.name = change.name.clone().unwrap_or(user.name);
            if self.has(CutsNewNames) {
                cut_name(&mut user.name);
            }
            if let Some(preferences) = &change.preferences {
                let mut object = preferences.as_map().clone();
                if self.has(MergesPreferences) {
                    object.extend(user.preferences.as_map().clone());
                }
                user.preferences = Preferences::from_store(object);
            }
            if let Some(metadata) = &change.metadata {
                user.metadata = match self.has(MergesMetadata) {
                    true => {
                        let merged = user.metadata.merged(metadata.as_map().clone());
                        merged.unwrap_or_default()
                    }
                    false => metadata.clone(),
                };
            }
            if change.removes_identities && !self.has(ProfileChangeKeepsIdentities) {
                user.identities = Identities::default();
            }
            match &change.pending_hook {
                HookChange::Set(hook) => user.pending_hook = Some(hook.clone()),
                HookChange::Remove if !self.has(KeepsPendingHook) => user.pending_hook = None,
                _ => {}
            }
            if self.has(ProfileChangeUnverifies) {
                user.is_verified = false;
            }
            Some(user)
        };
        let write = |tables: &mut Tables, user: Option<User>| {
            tables.users.extend(user.clone().map(|user| (id, user)));
            user.map(|user| self.answer(user.clone(), user))
        };
        Ok(self.act(ProfileChangeWritesWholeUser, read, write).await)
    }

    async fn verify_email(&self, account: &AccountState) -> Result<bool, StoreError> {
        let check = |tables: &Tables| {
            let user = self.in_state(tables, account)?;
            (!user.is_verified || self.has(VerifiesTwice)).then_some(user.id)
        };
        let write = |tables: &mut Tables, found: Option<UserId>| {
            if let Some(user) = found.and_then(|id| tables.users.get_mut(&id)) {
                user.is_verified = true;
                user.version += 1;
                user.auth_epoch += u64::from(self.has(VerificationRaisesEpoch));
            }
            found.is_some()
        };
        Ok(self.act(ChecksThenVerifies, check, write).await)
    }

    async fn change_email(
        &self,
        account: &AccountState,
        to: &Email,
    ) -> Result<EmailChange, StoreError> {
        let check = |tables: &Tables| {
            let user = self.in_state(tables, account).ok_or(EmailChange::Gone)?;
            let owner = tables.users.values().find(|other| {
                (other.id != user.id || self.has(RefusesOwnEmail))
                    && self.same_email(other, to.canonical())
            });
            match owner.is_some() && !self.has(ChangesToTakenEmail) {
                true => Err(EmailChange::EmailTaken),
                false => Ok(user.id),
            }
        };
        let write = |tables: &mut Tables, checked: Result<UserId, EmailChange>| {
            let user = match checked.map(|id| tables.users.get_mut(&id)) {
                Ok(Some(user)) => user,
                Ok(None) => return EmailChange::Gone,
                Err(refusal) => return refusal,
            };
            let former = user.email.canonical().clone();
            user.is_verified |= !self.has(ChangeOfEmailLeavesUnverified);
            user.link_epoch += u64::from(!self.has(ChangeOfEmailKeepsLinks));
            user.version += 1;
            user.email = to.clone();
            if self.has(CutsNewAddresses) {
                cut_email(&mut user.email);
            }
            if self.has(ChangesGivenEmailOnly) {
                let kept = former.as_str().to_owned();
                user.email = Email::from_store(to.as_str().to_owned(), kept);
            }
            if self.has(KeepsFormerEmail) && former != *to.canonical() {
                tables.blocked.insert(former);
            }
            EmailChange::Changed
        };
        Ok(self.act(ChecksThenChangesEmail, check, write).await)
    }

    async fn reset_password(
        &self,
        account: &AccountState,
        new: &PasswordHash,
        device: DeviceDigest,
        change: &ProfileChange,
    ) -> Result<bool, StoreError> {
        let check = |tables: &Tables| self.in_state(tables, account).map(|user| user.id);
        let write = |tables: &mut Tables, found: Option<UserId>| {
            let Some(user) = found.and_then(|id| tables.users.get_mut(&id)) else {
                return false;
            };
            if !self.has(ResetKeepsPassword) {
                user.password_hash = Some(new.clone());
            }
            user.auth_epoch += u64::from(!self.has(ResetKeepsEpoch));
            user.link_epoch += u64::from(!self.has(ResetKeepsLinks));
            user.version += 1;
            user.is_verified |= !self.has(ResetLeavesUnverified);
            if !self.has(ResetKeepsDevices) {
                user.devices.clear();
            }
            user.devices.push(device);
            let (hook, identities) = (user.pending_hook.clone(), user.identities.clone());
            if !self.has(ResetKeepsProfile) {
                user.apply(change);
            }
            if change.removes_identities {
                if self.has(RemovedIdentitiesStayTaken) {
                    tables.kept.extend(identities.iter().map(Identity::key));
                }
                if self.has(ResetKeepsIdentities) {
                    user.identities = identities;
                }
            }
            if self.has(ResetKeepsPendingHook) {
                user.pending_hook = hook;
            }
            match (self.fault, &mut user.password_hash) {
                (CutsResetHashes, Some(hash)) => cut_hash(hash),
                (CutsResetNames, _) => cut_name(&mut user.name),
                (ResetDropsLargePreferences, _) => drop_large(&mut user.preferences),
                _ => {}
            }
            true
        };
        Ok(self.act(ChecksThenResets, check, write).await)
    }

    async fn remove_user(
        &self,
        account: &AccountState,
        which: Removal,
    ) -> Result<bool, StoreError> {
        let check = |tables: &Tables| {
            let user = match which {
                Removal::AnyStatus if self.has(RemovesAnyState) => tables.users.get(&account.id)?,
                Removal::AnyStatus if !self.has(RefusesToRemoveDisabled) => {
                    let user = tables.users.get(&account.id);
                    user.filter(|user| user.may_be_removed(account, which))?
                }
                _ => self.in_state(tables, account)?,
            };
            let any = matches!(which, Removal::Any | Removal::AnyStatus);
            let any = any || self.has(RemovesVerified);
            let used = match which {
                Removal::UnverifiedSince(login) => user.last_login != login,
                _ => false,
            };
            let fits = (any || !user.is_verified) && (!used || self.has(RemovesUsed));
            fits.then(|| user.clone())
        };
        let write = |tables: &mut Tables, found: Option<User>| {
            let Some(user) = found else {
                return false;
            };
            if self.has(KeepsEmailOfRemovedUser) {
                tables.blocked.insert(user.email.canonical().clone());
            }
            if self.has(KeepsIdentitiesOfRemovedUser) {
                tables
                    .kept
                    .extend(user.identities.iter().map(Identity::key));
            }
            if !self.has(RemovesNobody) {
                tables.users.remove(&user.id);
            }
            tables.removed.insert(user.id, user);
            true
        };
        Ok(self.act(ChecksThenRemovesUser, check, write).await)
    }

    async fn set_status(
        &self,
        id: UserId,
        version: u64,
        status: UserStatus,
    ) -> Result<Option<User>, StoreError> {
        let gap = match self.fault {
            ChecksThenDisables => ChecksThenDisables,
            _ => StatusChangeWritesWholeUser,
        };
        let read = |tables: &Tables| {
            let user = self.in_version(tables, id, version, StatusChangeIgnoresVersion)?;
            let was_active = user.status == UserStatus::Active;
            let raises = match status {
                UserStatus::Active => self.has(EnablingRaisesEpoch) && !was_active,
                UserStatus::Disabled if was_active => !self.has(DisablingKeepsEpoch),
                UserStatus::Disabled => self.has(DisablingAgainRaisesEpoch),
            };
            Some((user, raises))
        };
        let write = |tables: &mut Tables, seen: Option<(User, bool)>| {
            let (mut user, raises) = seen?;
            if self.has(ChecksThenDisables) {
                user = tables.users.get(&id).cloned()?;
            }
            let before = user.clone();
            let changes = user.status != status || !self.has(VersionStaysWithoutAChange);
            user.version += u64::from(changes);
            user.status = status;
            user.auth_epoch += u64::from(raises);
            user.link_epoch += u64::from(raises && !self.has(DisablingKeepsLinks));
            user.is_verified &= !self.has(StatusChangeUnverifies);
            tables.users.insert(id, user.clone());
            Some(self.answer(before, user))
        };
        Ok(self.act(gap, read, write).await)
    }

    async fn change_roles(
        &self,
        id: UserId,
        version: u64,
        change: &RoleChange,
    ) -> Result<Option<User>, StoreError> {
        let read = |tables: &Tables| {
            let before = self.in_version(tables, id, version, RoleChangeIgnoresVersion)?;
            let mut user = before.clone();
            if self.has(GrantReplacesRoles) && !change.grant.is_empty() {
                user.roles.clear();
            }
            user.roles.extend(change.grant.iter().cloned());
            if self.has(CutsGrantedRoles) {
                cut_roles(&mut user.roles);
            }
            let revokes_all = self.has(RevokesAllRoles) && !change.revoke.is_empty();
            user.roles.retain(|role| {
                let granted = self.has(GrantsWhatIsRevoked) && change.grant.contains(role);
                granted || !(change.revoke.contains(role) || revokes_all)
            });
            user.auth_epoch += u64::from(self.has(RoleChangeRaisesEpoch));
            let changes = user.roles != before.roles || !self.has(VersionStaysWithoutAChange);
            user.version += u64::from(changes);
            Some((before, user))
        };
        let write = |tables: &mut Tables, changed: Option<(User, User)>| {
            let (before, user) = changed?;
            tables.users.insert(id, user.clone());
            Some(self.answer(before, user))
        };
        Ok(self.act(ReadsThenChangesRoles, read, write).await)
    }

    async fn link_identity(
        &self,
        id: UserId,
        version: u64,
        identity: &Identity,
    ) -> Result<IdentityLink, StoreError> {
        Ok(self.link(id, version, identity).await)
    }

    async fn users(&self, after: Option<UserId>, limit: usize) -> Result<Vec<User>, StoreError> {
        let tables = self.tables();
        let mut users: Vec<&User> = tables.users.values().collect();
        match self.fault {
            ListsUsersUnsorted => users.sort_by_key(|user| user.email.as_str()),
            ListsBytesAsSigned => users.sort_by_key(|user| user.id.to_bytes().map(u8::cast_signed)),
            _ => users.sort_by_key(|user| user.id),
        }
        let limit = match self.fault {
            IgnoresPageLimit => usize::MAX,
            CutsLimitsTo32Bits => limit & 0xffff_ffff,
            TakesZeroForNoLimit if limit == 0 => usize::MAX,
            _ => limit,
        };
        let place = after.and_then(|after| users.iter().position(|user| user.id == after));
        let begin = match (after, place) {
            (None, _) => 0,
            (Some(_), Some(place)) => place + usize::from(!self.has(PageRepeatsLastUser)),
            (Some(_), None) if self.has(PageForgetsItsPlace) => 0,
            (Some(after), None) => users.iter().take_while(|user| user.id < after).count(),
        };
        let page = users.into_iter().skip(begin);
        Ok(page
            .filter(|user| user.status == UserStatus::Active || !self.has(ListsActiveUsersOnly))
            .take(limit)
            .cloned()
            .collect())
    }

    async fn has_other(&self, role: &Role, except: UserId) -> Result<bool, StoreError> {
        let tables = self.tables();
        let removed = tables.removed.values();
        let mut users = tables
            .users
            .values()
            .chain(removed.filter(|_| self.has(CountsRemovedHolders)));
        let is_role = |other: &Role| {
            other == role
                || (self.has(FindsRolesByPrefix) && other.as_str().starts_with(role.as_str()))
        };
        Ok(users.any(|user| {
            user.roles.iter().any(is_role)
                && (user.status == UserStatus::Active || self.has(CountsDisabledHolders))
                && (user.id != except || self.has(CountsTheException))
        }))
    }
}
