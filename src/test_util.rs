//! For tests of what is built on this crate: a store that does as it is told,
//! and a mailbox that is read instead of filled.

mod mailbox;
mod mock;

pub use mailbox::Mailbox;
pub use mock::MockStore;

use async_trait::async_trait;

use crate::audit::AuditRecord;
use crate::authz::Role;
use crate::email::{CanonicalEmail, Email};
use crate::id::{EventId, SessionId, UserId};
use crate::limit::{Decision, Hit, LimitKey};
use crate::lockout::{Attempt, LockoutPolicy};
use crate::session::{Rotation, RotationPolicy, Session};
use crate::store::{
    AuditStore, EmailChange, EpochChange, Insert, InsertUser, LimitStore, ProfileChange, Removal,
    RoleChange, SessionStore, StoreError, TokenStore, UserStore,
};
use crate::time::Timestamp;
use crate::token::{OneTimeToken, TokenDigest, TokenPurpose};
use crate::user::{AccountState, DeviceDigest, PasswordHash, User, UserStatus};

/// A store that is down: every call is answered [`StoreError::Unavailable`].
#[derive(Clone, Copy, Debug, Default)]
pub struct UnavailableStore;

macro_rules! unavailable {
    ($($trait:ident { $($method:ident($($name:ident: [$($type:tt)*] $kind:ident),*) -> [$($answer:tt)*], $touches:ident($($what:expr)?);)* })*) => {$(
        #[async_trait]
        impl $trait for UnavailableStore {$(
            async fn $method(&self, $(_: $($type)*),*) -> Result<$($answer)*, StoreError> {
                Err(down())
            }
        )*}
    )*};
}

crate::__store_methods!(unavailable);

fn down() -> StoreError {
    StoreError::Unavailable("the store is down, as it was told to be".into())
}
