//! All that the methods of the traits name, and what their rules are made of: for the file in
//! which a store is written.
//!
//! ```
//! use admittance::store::prelude::*;
//! ```

pub use async_trait::async_trait;

pub use super::{
    AuditStore, EmailChange, EpochChange, IdentityLink, Insert, InsertUser, LimitStore,
    ProfileChange, Removal, RoleChange, SessionStore, StoreError, TokenStore, UserChange,
    UserStore, are_few,
};
pub use crate::audit::{Append, AuditRecord};
pub use crate::authz::Role;
pub use crate::email::{CanonicalEmail, Email};
pub use crate::id::{EventId, IdentityId, SessionId, UserId};
pub use crate::identity::{Identity, IdentityKey, IdentityUse};
pub use crate::limit::{Decision, Hit, LimitKey, Quota, Usage, decide_all};
pub use crate::lockout::{Attempt, Attempts, LockoutPolicy};
pub use crate::session::{Rotation, RotationPolicy, Session};
pub use crate::time::Timestamp;
pub use crate::token::{OneTimeToken, TokenDigest, TokenPurpose};
pub use crate::user::{
    AccountState, CounterExhausted, DeviceDigest, PasswordHash, User, UserStatus,
};
