//! Users in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;

use super::expiring::shrink;
use crate::authz::Role;
use crate::email::{CanonicalEmail, Email};
use crate::id::UserId;
use crate::identity::{Identity, IdentityKey};
use crate::store::{EmailChange, IdentityLink, InsertUser, RoleChange, StoreError};
use crate::user::{AccountState, User, UserChange, UserStatus};

/// All change together: a canonical email, the key of an identity, an id, a holder of a
/// role is there exactly when its user is.
pub(super) struct Users {
    by_id: HashMap<UserId, User>,
    by_email: HashMap<CanonicalEmail, UserId>,
    by_identity: HashMap<IdentityKey, UserId>,
    /// For going through the users in order.
    ids: BTreeSet<UserId>,
    by_role: BTreeMap<Role, BTreeSet<UserId>>,
    capacity: usize,
}

impl Users {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            by_id: HashMap::new(),
            by_email: HashMap::new(),
            by_identity: HashMap::new(),
            ids: BTreeSet::new(),
            by_role: BTreeMap::new(),
            capacity,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn insert(&mut self, user: &User) -> Result<InsertUser, StoreError> {
        if self.by_email.contains_key(user.email.canonical()) {
            return Ok(InsertUser::EmailTaken);
        }
        let keys: Vec<IdentityKey> = user.identities.iter().map(Identity::key).collect();
        if keys.iter().any(|key| self.by_identity.contains_key(key)) {
            return Ok(InsertUser::IdentityTaken);
        }
        if self.by_id.contains_key(&user.id) {
            return Ok(InsertUser::IdTaken);
        }
        if self.len() >= self.capacity {
            return Err(StoreError::Full);
        }
        self.by_email
            .insert(user.email.canonical().clone(), user.id);
        self.by_identity
            .extend(keys.into_iter().map(|key| (key, user.id)));
        self.ids.insert(user.id);
        for role in &user.roles {
            let holders = self.by_role.entry(role.clone()).or_default();
            holders.insert(user.id);
        }
        self.by_id.insert(user.id, user.clone());
        Ok(InsertUser::Inserted)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &User> {
        self.by_id.values()
    }

    pub(super) fn get(&self, id: UserId) -> Option<&User> {
        self.by_id.get(&id)
    }

    pub(super) fn by_email(&self, email: &CanonicalEmail) -> Option<&User> {
        self.get(*self.by_email.get(email)?)
    }

    pub(super) fn by_identity(&self, key: &IdentityKey) -> Option<&User> {
        self.get(*self.by_identity.get(key)?)
    }

    /// Makes the change, and returns whether its condition held.
    pub(super) fn change(&mut self, id: UserId, change: &UserChange) -> Result<bool, StoreError> {
        let Some(user) = self.by_id.get_mut(&id) else {
            return Ok(false);
        };
        let before: Vec<IdentityKey> = user.identities.iter().map(Identity::key).collect();
        if !user.change(change)? {
            return Ok(false);
        }
        let is_gone = |key: &&IdentityKey| user.identities.by_key(key).is_none();
        let gone: Vec<IdentityKey> = before.iter().filter(is_gone).copied().collect();
        if let UserChange::ChangeRoles { change, .. } = change {
            self.index_roles(id, change);
        }
        if !gone.is_empty() {
            for key in &gone {
                self.by_identity.remove(key);
            }
            shrink(&mut self.by_identity);
        }
        Ok(true)
    }

    pub(super) fn link_identity(
        &mut self,
        id: UserId,
        version: u64,
        identity: &Identity,
    ) -> Result<IdentityLink, StoreError> {
        let key = identity.key();
        let owner = self.by_identity.get(&key).copied();
        let Some(user) = self.by_id.get_mut(&id) else {
            return Ok(IdentityLink::Refused);
        };
        let link = user.link_identity(version, identity, owner)?;
        if link == IdentityLink::Linked {
            self.by_identity.insert(key, id);
        }
        Ok(link)
    }

    pub(super) fn change_email(
        &mut self,
        account: &AccountState,
        to: &Email,
    ) -> Result<EmailChange, StoreError> {
        let owner = self.by_email.get(to.canonical()).copied();
        let Some(user) = self.by_id.get_mut(&account.id) else {
            return Ok(EmailChange::Gone);
        };
        let change = user.change_email(account, to, owner)?;
        if change == EmailChange::Changed {
            self.by_email.remove(&account.email);
            self.by_email.insert(to.canonical().clone(), account.id);
        }
        Ok(change)
    }

    pub(super) fn remove(&mut self, id: UserId) {
        if let Some(user) = self.by_id.remove(&id) {
            self.by_email.remove(user.email.canonical());
            for identity in &user.identities {
                self.by_identity.remove(&identity.key());
            }
            self.ids.remove(&id);
            for role in &user.roles {
                self.forget_role(role, id);
            }
            shrink(&mut self.by_id);
            shrink(&mut self.by_email);
            shrink(&mut self.by_identity);
        }
    }

    fn index_roles(&mut self, id: UserId, change: &RoleChange) {
        for role in &change.grant {
            let holders = self.by_role.entry(role.clone()).or_default();
            holders.insert(id);
        }
        for role in &change.revoke {
            self.forget_role(role, id);
        }
    }

    fn forget_role(&mut self, role: &Role, id: UserId) {
        if let Some(holders) = self.by_role.get_mut(role) {
            holders.remove(&id);
            if holders.is_empty() {
                self.by_role.remove(role);
            }
        }
    }

    pub(super) fn page(&self, after: Option<UserId>, limit: usize) -> Vec<User> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let ids = self.ids.range((from, Bound::Unbounded));
        ids.filter_map(|id| self.get(*id))
            .take(limit)
            .cloned()
            .collect()
    }

    pub(super) fn last_id(&self) -> Option<UserId> {
        self.ids.last().copied()
    }

    pub(super) fn has_other(&self, role: &Role, except: UserId) -> bool {
        let holders = self.by_role.get(role).into_iter().flatten();
        holders
            .filter(|id| **id != except)
            .filter_map(|id| self.get(*id))
            .any(|user| user.status == UserStatus::Active)
    }
}
