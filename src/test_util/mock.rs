//! A store whose answers are set by expectations.

#![expect(
    missing_debug_implementations,
    unreachable_pub,
    reason = "the types that mockall makes"
)]

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

macro_rules! mocked {
    ($($trait:ident { $($method:ident($($name:ident: [$($type:tt)*] $kind:ident),*) -> [$($answer:tt)*], $touches:ident($($what:expr)?);)* })*) => {
        mockall::mock! {
            /// A whole [`Store`](crate::store::Store) whose every answer is set by
            /// expectations. A call that none was set for panics.
            ///
            /// For a store that works there is `MemoryStore`; this one is for making
            /// it fail.
            #[derive(Debug)]
            pub Store {}

            $(
                #[async_trait]
                impl $trait for Store {$(
                    async fn $method(&self, $($name: $($type)*),*) -> Result<$($answer)*, StoreError>;
                )*}
            )*
        }
    };
}

crate::__store_methods!(mocked);
