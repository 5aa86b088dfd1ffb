//! `Arc<T>` is a store when `T` is.

use std::sync::Arc;

use super::*;

#[async_trait]
impl<T: UserStore + ?Sized> UserStore for Arc<T> {
    async fn insert_user(&self, user: &User) -> Result<InsertUser, StoreError> {
        (**self).insert_user(user).await
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        (**self).user(id).await
    }

    async fn user_by_email(&self, email: &CanonicalEmail) -> Result<Option<User>, StoreError> {
        (**self).user_by_email(email).await
    }

    async fn record_login(
        &self,
        id: UserId,
        epoch: u64,
        new_device: Option<DeviceDigest>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        (**self).record_login(id, epoch, new_device, now).await
    }

    async fn replace_password(
        &self,
        id: UserId,
        expected: &PasswordHash,
        new: &PasswordHash,
        epoch: Epoch,
    ) -> Result<bool, StoreError> {
        (**self).replace_password(id, expected, new, epoch).await
    }

    async fn update_profile(
        &self,
        id: UserId,
        version: u64,
        change: &ProfileChange,
    ) -> Result<Option<User>, StoreError> {
        (**self).update_profile(id, version, change).await
    }

    async fn verify_email(&self, account: &AccountState) -> Result<bool, StoreError> {
        (**self).verify_email(account).await
    }

    async fn change_email(
        &self,
        account: &AccountState,
        to: &Email,
    ) -> Result<ChangeEmail, StoreError> {
        (**self).change_email(account, to).await
    }

    async fn reset_password(
        &self,
        account: &AccountState,
        new: &PasswordHash,
        device: DeviceDigest,
        change: &ProfileChange,
    ) -> Result<bool, StoreError> {
        (**self).reset_password(account, new, device, change).await
    }

    async fn remove_user(
        &self,
        account: &AccountState,
        which: Removal,
    ) -> Result<bool, StoreError> {
        (**self).remove_user(account, which).await
    }

    async fn set_status(
        &self,
        id: UserId,
        version: u64,
        status: UserStatus,
    ) -> Result<Option<User>, StoreError> {
        (**self).set_status(id, version, status).await
    }

    async fn change_roles(
        &self,
        id: UserId,
        version: u64,
        change: &RoleChange,
    ) -> Result<Option<User>, StoreError> {
        (**self).change_roles(id, version, change).await
    }

    async fn users(&self, after: Option<UserId>, limit: usize) -> Result<Vec<User>, StoreError> {
        (**self).users(after, limit).await
    }

    async fn has_other(&self, role: &Role, except: UserId) -> Result<bool, StoreError> {
        (**self).has_other(role, except).await
    }
}

#[async_trait]
impl<T: SessionStore + ?Sized> SessionStore for Arc<T> {
    async fn insert_session(&self, session: &Session) -> Result<Insert, StoreError> {
        (**self).insert_session(session).await
    }

    async fn session(&self, id: SessionId, now: Timestamp) -> Result<Option<Session>, StoreError> {
        (**self).session(id, now).await
    }

    async fn sessions_of(
        &self,
        user: UserId,
        after: Option<SessionId>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        (**self).sessions_of(user, after, limit, now).await
    }

    async fn rotate(
        &self,
        id: SessionId,
        presented: u64,
        policy: RotationPolicy,
        now: Timestamp,
    ) -> Result<Rotation, StoreError> {
        (**self).rotate(id, presented, policy, now).await
    }

    async fn end_session(&self, user: UserId, id: SessionId) -> Result<bool, StoreError> {
        (**self).end_session(user, id).await
    }

    async fn end_sessions(&self, user: UserId, ids: &[SessionId]) -> Result<u64, StoreError> {
        (**self).end_sessions(user, ids).await
    }

    async fn end_dead_sessions(&self, user: UserId, epoch: u64) -> Result<u64, StoreError> {
        (**self).end_dead_sessions(user, epoch).await
    }

    async fn end_oldest_sessions(
        &self,
        user: UserId,
        epoch: u64,
        keep: u32,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        (**self).end_oldest_sessions(user, epoch, keep, now).await
    }
}

#[async_trait]
impl<T: TokenStore + ?Sized> TokenStore for Arc<T> {
    async fn insert_token(&self, token: &OneTimeToken) -> Result<Insert, StoreError> {
        (**self).insert_token(token).await
    }

    async fn token(
        &self,
        digest: TokenDigest,
        purpose: TokenPurpose,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>, StoreError> {
        (**self).token(digest, purpose, now).await
    }

    async fn tokens_of(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<OneTimeToken>, StoreError> {
        (**self).tokens_of(user, now).await
    }

    async fn remove_tokens(
        &self,
        user: UserId,
        purpose: Option<TokenPurpose>,
        made_until: Timestamp,
    ) -> Result<u64, StoreError> {
        (**self).remove_tokens(user, purpose, made_until).await
    }
}

#[async_trait]
impl<T: LimitStore + ?Sized> LimitStore for Arc<T> {
    async fn hit_all(&self, hits: &[Hit], now: Timestamp) -> Result<Decision, StoreError> {
        (**self).hit_all(hits, now).await
    }

    async fn give_back(&self, hits: &[Hit], now: Timestamp) -> Result<(), StoreError> {
        (**self).give_back(hits, now).await
    }

    async fn attempt(
        &self,
        key: LimitKey,
        policy: &LockoutPolicy,
        now: Timestamp,
    ) -> Result<Attempt, StoreError> {
        (**self).attempt(key, policy, now).await
    }

    async fn forgive(&self, key: LimitKey, until: Timestamp) -> Result<(), StoreError> {
        (**self).forgive(key, until).await
    }
}

#[async_trait]
impl<T: AuditStore + ?Sized> AuditStore for Arc<T> {
    async fn append_event(&self, record: &AuditRecord, keep: usize) -> Result<Insert, StoreError> {
        (**self).append_event(record, keep).await
    }

    async fn events_of(
        &self,
        user: UserId,
        before: Option<EventId>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        (**self).events_of(user, before, limit, now).await
    }

    async fn remove_events(&self, user: UserId) -> Result<u64, StoreError> {
        (**self).remove_events(user).await
    }
}
