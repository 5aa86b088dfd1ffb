//! A store that times another one.

use ::metrics::histogram;
use async_trait::async_trait;

use super::STORE_SECONDS;
use super::recording::{Stopwatch, record};
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

/// Any store, with the time and outcome of each act in [`STORE_SECONDS`].
///
/// It changes nothing else: what the store is, it is behind this. An act whose
/// future is dropped is not recorded.
#[derive(Clone, Debug)]
pub struct MeteredStore<S> {
    store: S,
}

impl<S> MeteredStore<S> {
    /// `store`, timed.
    #[must_use]
    pub const fn new(store: S) -> Self {
        Self { store }
    }

    /// The store itself.
    #[must_use]
    pub const fn inner(&self) -> &S {
        &self.store
    }
}

async fn timed<T>(
    method: &'static str,
    act: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let since = Stopwatch::default();
    let answer = act.await;
    let seconds = since.seconds();
    let outcome = match &answer {
        Ok(_) => "ok",
        Err(StoreError::Unavailable(_)) => "unavailable",
        Err(StoreError::Timeout) => "timeout",
        Err(StoreError::Corrupt { .. }) => "corrupt",
        Err(StoreError::Full) => "full",
        Err(StoreError::Other(_)) => "other",
    };
    record(|| {
        histogram!(STORE_SECONDS, "method" => method, "outcome" => outcome).record(seconds);
    });
    answer
}

/// Implements each trait by the same trait of the store within, and lists the
/// methods.
macro_rules! metered {
    ($($trait:ident { $($method:ident($($name:ident: [$($type:tt)*] $kind:ident),*) -> [$($answer:tt)*], $touches:ident($($what:expr)?);)* })*) => {
        $(
            #[async_trait]
            impl<S: $trait> $trait for MeteredStore<S> {
                $(
                    async fn $method(&self, $($name: $($type)*),*) -> Result<$($answer)*, StoreError> {
                        timed(stringify!($method), self.store.$method($($name),*)).await
                    }
                )*
            }
        )*

        /// The values of the label `method` of [`STORE_SECONDS`].
        pub const STORE_METHODS: &[&str] = &[$($(stringify!($method),)*)*];
    };
}

crate::__store_methods!(metered);
