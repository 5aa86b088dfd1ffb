//! Users in memory.

use std::collections::HashMap;

use crate::email::CanonicalEmail;
use crate::id::UserId;
use crate::store::{InsertUser, StoreError};
use crate::user::User;

/// Both maps change together: a canonical email is there exactly when its
/// user is.
pub(super) struct Users {
    by_id: HashMap<UserId, User>,
    by_email: HashMap<CanonicalEmail, UserId>,
    capacity: usize,
}

impl Users {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            by_id: HashMap::new(),
            by_email: HashMap::new(),
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
        if self.by_id.contains_key(&user.id) {
            return Ok(InsertUser::IdTaken);
        }
        if self.len() >= self.capacity {
            return Err(StoreError::Full);
        }
        self.by_email
            .insert(user.email.canonical().clone(), user.id);
        self.by_id.insert(user.id, user.clone());
        Ok(InsertUser::Inserted)
    }

    pub(super) fn get(&self, id: UserId) -> Option<&User> {
        self.by_id.get(&id)
    }

    pub(super) fn by_email(&self, email: &CanonicalEmail) -> Option<&User> {
        self.get(*self.by_email.get(email)?)
    }

    /// The user, to be changed in all but id and email.
    pub(super) fn get_mut(&mut self, id: UserId) -> Option<&mut User> {
        self.by_id.get_mut(&id)
    }
}
