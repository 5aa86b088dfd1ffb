//! Several handles of one store.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

use crate::audit::AuditRecord;
use crate::authz::Role;
use crate::email::{CanonicalEmail, Email};
use crate::id::{EventId, IdentityId, SessionId, UserId};
use crate::identity::{Identity, IdentityKey, IdentityUse};
use crate::limit::{Decision, Hit, LimitKey};
use crate::lockout::{Attempt, LockoutPolicy};
use crate::session::{Rotation, RotationPolicy, Session};
use crate::store::{
    AuditStore, EmailChange, EpochChange, IdentityLink, Insert, InsertUser, LimitStore,
    ProfileChange, Removal, RoleChange, SessionStore, StoreError, TokenStore, UserStore,
};
use crate::time::Timestamp;
use crate::token::{OneTimeToken, TokenDigest, TokenPurpose};
use crate::user::{AccountState, DeviceDigest, PasswordHash, User, UserChange, UserStatus};

/// Several handles of one store, as a store whose acts go to one handle after the other.
///
/// So what one handle writes another one reads, and the racers of a race use different
/// handles, as the instances of a server do. Handles share their rows: they are
/// clones, connections or stores that were opened again.
pub struct Handles<S> {
    handles: Vec<S>,
    next: AtomicUsize,
}

impl<S> Handles<S> {
    /// The handles; three or more, so that a write and the two reads after it each use
    /// another one.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    pub fn new(handles: impl IntoIterator<Item = S>) -> Self {
        let handles: Vec<S> = handles.into_iter().collect();
        assert!(!handles.is_empty(), "there is no handle");
        Self {
            handles,
            next: AtomicUsize::new(0),
        }
    }

    fn next(&self) -> &S {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        &self.handles[number % self.handles.len()]
    }
}

impl<S> fmt::Debug for Handles<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handles({})", self.handles.len())
    }
}

macro_rules! one_after_the_other {
    ($($trait:ident { $($method:ident($($name:ident: [$($type:tt)*] $kind:ident),*) -> [$($answer:tt)*], $touches:ident($($what:expr)?);)* })*) => {$(
        #[async_trait]
        impl<S: $trait> $trait for Handles<S> {$(
            async fn $method(&self, $($name: $($type)*),*) -> Result<$($answer)*, StoreError> {
                self.next().$method($($name),*).await
            }
        )*}
    )*};
}

crate::__store_methods!(one_after_the_other);
