//! A store that times another one.

use ::metrics::histogram;
use async_trait::async_trait;

use super::STORE_SECONDS;
use super::recording::{Stopwatch, record};
use crate::audit::AuditRecord;
use crate::authz::Role;
use crate::email::{CanonicalEmail, Email};
use crate::id::{EventId, SessionId, UserId};
use crate::limit::{Decision, Hit, LimitKey};
use crate::lockout::{Attempt, LockoutPolicy};
use crate::session::{Rotation, RotationPolicy, Session};
use crate::store::{
    AuditStore, ChangeEmail, Epoch, Insert, InsertUser, LimitStore, ProfileChange, Removal,
    RoleChange, SessionStore, StoreError, TokenStore, UserStore,
};
use crate::time::Timestamp;
use crate::token::{OneTimeToken, TokenDigest, TokenPurpose};
use crate::user::{AccountState, DeviceDigest, PasswordHash, User, UserStatus};

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
    ($($trait:ident { $($method:ident($($name:ident: $type:ty),*) -> $answer:ty;)* })*) => {
        $(
            #[async_trait]
            impl<S: $trait> $trait for MeteredStore<S> {
                $(
                    async fn $method(&self, $($name: $type),*) -> Result<$answer, StoreError> {
                        timed(stringify!($method), self.store.$method($($name),*)).await
                    }
                )*
            }
        )*

        /// The values of the label `method` of [`STORE_SECONDS`].
        pub const STORE_METHODS: &[&str] = &[$($(stringify!($method),)*)*];
    };
}

metered! {
    UserStore {
        insert_user(user: &User) -> InsertUser;
        user(id: UserId) -> Option<User>;
        user_by_email(email: &CanonicalEmail) -> Option<User>;
        record_login(id: UserId, epoch: u64, new_device: Option<DeviceDigest>, now: Timestamp) -> bool;
        replace_password(id: UserId, expected: &PasswordHash, new: &PasswordHash, epoch: Epoch) -> bool;
        update_profile(id: UserId, version: u64, change: &ProfileChange) -> Option<User>;
        verify_email(account: &AccountState) -> bool;
        change_email(account: &AccountState, to: &Email) -> ChangeEmail;
        reset_password(account: &AccountState, new: &PasswordHash, device: DeviceDigest, change: &ProfileChange) -> bool;
        remove_user(account: &AccountState, which: Removal) -> bool;
        set_status(id: UserId, version: u64, status: UserStatus) -> Option<User>;
        change_roles(id: UserId, version: u64, change: &RoleChange) -> Option<User>;
        users(after: Option<UserId>, limit: usize) -> Vec<User>;
        has_other(role: &Role, except: UserId) -> bool;
    }
    SessionStore {
        insert_session(session: &Session) -> Insert;
        session(id: SessionId, now: Timestamp) -> Option<Session>;
        sessions_of(user: UserId, after: Option<SessionId>, limit: usize, now: Timestamp) -> Vec<Session>;
        rotate(id: SessionId, presented: u64, policy: RotationPolicy, now: Timestamp) -> Rotation;
        end_session(user: UserId, id: SessionId) -> bool;
        end_sessions(user: UserId, ids: &[SessionId]) -> u64;
        end_dead_sessions(user: UserId, epoch: u64) -> u64;
        end_oldest_sessions(user: UserId, epoch: u64, keep: u32, now: Timestamp) -> u64;
    }
    TokenStore {
        insert_token(token: &OneTimeToken) -> Insert;
        token(digest: TokenDigest, purpose: TokenPurpose, now: Timestamp) -> Option<OneTimeToken>;
        tokens_of(user: UserId, now: Timestamp) -> Vec<OneTimeToken>;
        remove_tokens(user: UserId, purpose: Option<TokenPurpose>, made_until: Timestamp) -> u64;
    }
    LimitStore {
        hit_all(hits: &[Hit], now: Timestamp) -> Decision;
        give_back(hits: &[Hit], now: Timestamp) -> ();
        attempt(key: LimitKey, policy: &LockoutPolicy, now: Timestamp) -> Attempt;
        forgive(key: LimitKey, until: Timestamp) -> ();
    }
    AuditStore {
        append_event(record: &AuditRecord, keep: usize) -> Insert;
        events_of(user: UserId, before: Option<EventId>, limit: usize, now: Timestamp) -> Vec<AuditRecord>;
        remove_events(user: UserId) -> u64;
    }
}
