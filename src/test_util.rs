//! For tests of what is built on this crate: a store that does as it is told,
//! and a mailbox that is read instead of filled.

mod mailbox;

pub use mailbox::Mailbox;

use async_trait::async_trait;

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

mockall::mock! {
    /// A whole [`Store`](crate::store::Store) whose every answer is set by
    /// expectations. A call that none was set for panics.
    ///
    /// For a store that works there is `MemoryStore`; this one is for making
    /// it fail.
    #[derive(Debug)]
    pub Store {}

    #[async_trait]
    impl UserStore for Store {
        async fn insert_user(&self, user: &User) -> Result<InsertUser, StoreError>;
        async fn user(&self, id: UserId) -> Result<Option<User>, StoreError>;
        async fn user_by_email(&self, email: &CanonicalEmail) -> Result<Option<User>, StoreError>;
        async fn record_login(
            &self,
            id: UserId,
            epoch: u64,
            new_device: Option<DeviceDigest>,
            now: Timestamp,
        ) -> Result<bool, StoreError>;
        async fn replace_password(
            &self,
            id: UserId,
            expected: &PasswordHash,
            new: &PasswordHash,
            epoch: Epoch,
        ) -> Result<bool, StoreError>;
        async fn update_profile(
            &self,
            id: UserId,
            version: u64,
            change: &ProfileChange,
        ) -> Result<Option<User>, StoreError>;
        async fn verify_email(&self, account: &AccountState) -> Result<bool, StoreError>;
        async fn change_email(
            &self,
            account: &AccountState,
            to: &Email,
        ) -> Result<ChangeEmail, StoreError>;
        async fn reset_password(
            &self,
            account: &AccountState,
            new: &PasswordHash,
            device: DeviceDigest,
            change: &ProfileChange,
        ) -> Result<bool, StoreError>;
        async fn remove_user(
            &self,
            account: &AccountState,
            which: Removal,
        ) -> Result<bool, StoreError>;
        async fn set_status(
            &self,
            id: UserId,
            version: u64,
            status: UserStatus,
        ) -> Result<Option<User>, StoreError>;
        async fn change_roles(
            &self,
            id: UserId,
            version: u64,
            change: &RoleChange,
        ) -> Result<Option<User>, StoreError>;
        async fn users(
            &self,
            after: Option<UserId>,
            limit: usize,
        ) -> Result<Vec<User>, StoreError>;
        async fn has_other(&self, role: &Role, except: UserId) -> Result<bool, StoreError>;
    }

    #[async_trait]
    impl SessionStore for Store {
        async fn insert_session(&self, session: &Session) -> Result<Insert, StoreError>;
        async fn session(
            &self,
            id: SessionId,
            now: Timestamp,
        ) -> Result<Option<Session>, StoreError>;
        async fn sessions_of(
            &self,
            user: UserId,
            after: Option<SessionId>,
            limit: usize,
            now: Timestamp,
        ) -> Result<Vec<Session>, StoreError>;
        async fn rotate(
            &self,
            id: SessionId,
            presented: u64,
            policy: RotationPolicy,
            now: Timestamp,
        ) -> Result<Rotation, StoreError>;
        async fn end_session(&self, user: UserId, id: SessionId) -> Result<bool, StoreError>;
        async fn end_sessions(&self, user: UserId, ids: &[SessionId]) -> Result<u64, StoreError>;
        async fn end_dead_sessions(&self, user: UserId, epoch: u64) -> Result<u64, StoreError>;
        async fn end_oldest_sessions(
            &self,
            user: UserId,
            epoch: u64,
            keep: u32,
            now: Timestamp,
        ) -> Result<u64, StoreError>;
    }

    #[async_trait]
    impl TokenStore for Store {
        async fn insert_token(&self, token: &OneTimeToken) -> Result<Insert, StoreError>;
        async fn token(
            &self,
            digest: TokenDigest,
            purpose: TokenPurpose,
            now: Timestamp,
        ) -> Result<Option<OneTimeToken>, StoreError>;
        async fn tokens_of(
            &self,
            user: UserId,
            now: Timestamp,
        ) -> Result<Vec<OneTimeToken>, StoreError>;
        async fn remove_tokens(
            &self,
            user: UserId,
            purpose: Option<TokenPurpose>,
            made_until: Timestamp,
        ) -> Result<u64, StoreError>;
    }

    #[async_trait]
    impl LimitStore for Store {
        async fn hit_all(&self, hits: &[Hit], now: Timestamp) -> Result<Decision, StoreError>;
        async fn give_back(&self, hits: &[Hit], now: Timestamp) -> Result<(), StoreError>;
        async fn attempt(
            &self,
            key: LimitKey,
            policy: &LockoutPolicy,
            now: Timestamp,
        ) -> Result<Attempt, StoreError>;
        async fn forgive(&self, key: LimitKey, until: Timestamp) -> Result<(), StoreError>;
    }

    #[async_trait]
    impl AuditStore for Store {
        async fn append_event(
            &self,
            record: &AuditRecord,
            keep: usize,
        ) -> Result<Insert, StoreError>;
        async fn events_of(
            &self,
            user: UserId,
            before: Option<EventId>,
            limit: usize,
            now: Timestamp,
        ) -> Result<Vec<AuditRecord>, StoreError>;
        async fn remove_events(&self, user: UserId) -> Result<u64, StoreError>;
    }
}

impl MockStore {
    /// A store that is down: every call is answered
    /// [`StoreError::Unavailable`].
    #[must_use]
    pub fn unavailable() -> Self {
        let mut store = Self::new();
        store.expect_insert_user().returning(|_| Err(down()));
        store.expect_user().returning(|_| Err(down()));
        store.expect_user_by_email().returning(|_| Err(down()));
        store
            .expect_record_login()
            .returning(|_, _, _, _| Err(down()));
        store
            .expect_replace_password()
            .returning(|_, _, _, _| Err(down()));
        store
            .expect_update_profile()
            .returning(|_, _, _| Err(down()));
        store.expect_verify_email().returning(|_| Err(down()));
        store.expect_change_email().returning(|_, _| Err(down()));
        store
            .expect_reset_password()
            .returning(|_, _, _, _| Err(down()));
        store.expect_remove_user().returning(|_, _| Err(down()));
        store.expect_set_status().returning(|_, _, _| Err(down()));
        store.expect_change_roles().returning(|_, _, _| Err(down()));
        store.expect_users().returning(|_, _| Err(down()));
        store.expect_has_other().returning(|_, _| Err(down()));
        store.expect_insert_session().returning(|_| Err(down()));
        store.expect_session().returning(|_, _| Err(down()));
        store
            .expect_sessions_of()
            .returning(|_, _, _, _| Err(down()));
        store.expect_rotate().returning(|_, _, _, _| Err(down()));
        store.expect_end_session().returning(|_, _| Err(down()));
        store.expect_end_sessions().returning(|_, _| Err(down()));
        store
            .expect_end_dead_sessions()
            .returning(|_, _| Err(down()));
        store
            .expect_end_oldest_sessions()
            .returning(|_, _, _, _| Err(down()));
        store.expect_insert_token().returning(|_| Err(down()));
        store.expect_token().returning(|_, _, _| Err(down()));
        store.expect_tokens_of().returning(|_, _| Err(down()));
        store
            .expect_remove_tokens()
            .returning(|_, _, _| Err(down()));
        store.expect_hit_all().returning(|_, _| Err(down()));
        store.expect_give_back().returning(|_, _| Err(down()));
        store.expect_append_event().returning(|_, _| Err(down()));
        store.expect_events_of().returning(|_, _, _, _| Err(down()));
        store.expect_remove_events().returning(|_| Err(down()));
        store.expect_attempt().returning(|_, _, _| Err(down()));
        store.expect_forgive().returning(|_, _| Err(down()));
        store
    }
}

fn down() -> StoreError {
    StoreError::Unavailable("the store is down, as it was told to be".into())
}
