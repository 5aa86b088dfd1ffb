//! The traits of a store, cut by atomicity.
//!
//! **Each method is one atomic act on the store.** A method gets `now` and
//! finished values; a store never reads a clock, draws randomness or hashes.
//!
//! **A write carries its condition.** A write that returned an error may still arrive at any
//! later time. The arguments of each write therefore name the state that it was decided on (a
//! version, an epoch, ids or a time), and the write does nothing if a later write has changed
//! that state. An act that returned an error is never applied after a later acknowledged act on
//! the same record that it would undo. What the service decides on a user whom it has read is
//! written under that user's [`version`](User::version).
//!
//! Nine methods of [`UserStore`] are provided by [`change_user`](UserStore::change_user),
//! to which each passes a [`UserChange`]; [`end_session`](SessionStore::end_session) is
//! provided too. What can be expected to happen (an email that is taken, a
//! token that was used) is a value; [`StoreError`] is for what went wrong.
//!
//! To write your own store, begin with `examples/custom_store.rs`, a whole store over maps,
//! and make the conformance suite pass. What follows is for authors of stores.
//!
#![doc = include_str!("contract.md")]

#[cfg(any(
    feature = "mongodb",
    feature = "mongodb-aws-lc-rs",
    feature = "postgres",
    feature = "postgres-aws-lc-rs",
    feature = "sqlite"
))]
mod client;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod copy;
mod fresh;
#[cfg(feature = "memory")]
mod memory;
mod methods;
#[cfg(any(feature = "mongodb", feature = "mongodb-aws-lc-rs"))]
pub mod mongodb;
mod no_audit;
pub mod prelude;
#[cfg(any(
    feature = "postgres",
    feature = "postgres-aws-lc-rs",
    feature = "sqlite"
))]
pub mod sql;
mod user_store;

use async_trait::async_trait;

use crate::audit::AuditRecord;
use crate::authz::Role;
use crate::email::{CanonicalEmail, Email};
use crate::id::{EventId, IdentityId, SessionId, UserId};
use crate::identity::{Identity, IdentityKey, IdentityUse};
use crate::limit::{Decision, Hit, LimitKey};
use crate::lockout::{Attempt, LockoutPolicy};
use crate::session::{Rotation, RotationPolicy, Session};
use crate::time::Timestamp;
use crate::token::{OneTimeToken, TokenDigest, TokenPurpose};
use crate::user::{AccountState, CounterExhausted, DeviceDigest, PasswordHash, User, UserStatus};

pub use crate::error::{Cause, StoreError};
pub use crate::user::{
    EmailChange, EpochChange, HookChange, IdentityLink, ProfileChange, Removal, RoleChange,
    UserChange,
};
pub(crate) use fresh::{FreshStore, LiveSession, SessionCache};
#[cfg(feature = "memory")]
pub use memory::{MemoryCapacity, MemoryCounts, MemoryStore};
pub use no_audit::{NoAudit, WithAudit};
#[cfg(feature = "test-util")]
pub use user_store::MockUserStore;
pub use user_store::{InsertUser, UserStore};

impl From<CounterExhausted> for StoreError {
    fn from(error: CounterExhausted) -> Self {
        Self::Other(error.into())
    }
}

/// What became of a session or token that was to be inserted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Insert {
    /// It is there.
    Inserted,
    /// Its key is taken. Nothing changed.
    Taken,
}

/// Sessions. One that has ended or expired is never returned.
#[cfg_attr(feature = "test-util", mockall::automock)]
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Adds `session`, unless its id is taken: never an overwrite.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails.
    async fn insert_session(&self, session: &Session) -> Result<Insert, StoreError>;

    /// The session with this id, if it is live at `now`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails or the record is corrupt.
    async fn session(&self, id: SessionId, now: Timestamp) -> Result<Option<Session>, StoreError>;

    /// Up to `limit` of the user's sessions that are live at `now`, the greatest
    /// id first: all of them, or those below `after`. So pages that are asked for
    /// one after the other have each session once that is there all the time,
    /// whatever is opened, refreshed or ended meanwhile.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails or a record is corrupt.
    async fn sessions_of(
        &self,
        user: UserId,
        after: Option<SessionId>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError>;

    /// Hands in the refresh token with counter `presented`: does what
    /// [`Session::rotate`] says, in one act, and removes the session in the
    /// same act when that is [`Rotation::Reused`].
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails or the record is corrupt.
    async fn rotate(
        &self,
        id: SessionId,
        presented: u64,
        policy: RotationPolicy,
        now: Timestamp,
    ) -> Result<Rotation, StoreError>;

    /// Ends the session `id` if it is `user`'s. Returns whether there was one.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails; then it must not be reported as done.
    async fn end_session(&self, user: UserId, id: SessionId) -> Result<bool, StoreError> {
        Ok(self.end_sessions(user, &[id]).await? > 0)
    }

    /// Ends those of the sessions `ids` that are `user`'s, and returns how many
    /// there were; a store may count or leave out those that had expired. No
    /// other session ends, also none that is inserted meanwhile: what has to end
    /// for good ends by [`EpochChange::Raise`].
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails; then some may have ended, and it
    /// must not be reported as done.
    async fn end_sessions(&self, user: UserId, ids: &[SessionId]) -> Result<u64, StoreError>;

    /// Ends the sessions of `user` whose `auth_epoch` is below `epoch`, and
    /// returns how many there were; a store may count or leave out those that
    /// had expired. They are dead already, by the epoch that was raised or by
    /// the removal of the user, whose sessions all are below [`u64::MAX`]; this
    /// removes their rows.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails; then some rows may be left.
    async fn end_dead_sessions(&self, user: UserId, epoch: u64) -> Result<u64, StoreError>;

    /// Ends the oldest of those sessions of `user` that are live at `now` and
    /// of `epoch`, but for the `keep` newest, as [`Session::oldest`] says. Others
    /// neither count nor end. Returns how many it ended.
    ///
    /// Which are the oldest is decided by what is there at one moment of the
    /// call, so every session whose insertion was acknowledged before the call
    /// counts: a caller that inserts one and then calls this leaves no more than
    /// `keep`, however many do so at once.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails; then some may have ended.
    async fn end_oldest_sessions(
        &self,
        user: UserId,
        epoch: u64,
        keep: u32,
        now: Timestamp,
    ) -> Result<u64, StoreError>;
}

/// One-time tokens.
#[cfg_attr(feature = "test-util", mockall::automock)]
#[async_trait]
pub trait TokenStore: Send + Sync {
    /// Adds `token`, unless its digest is taken.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails.
    async fn insert_token(&self, token: &OneTimeToken) -> Result<Insert, StoreError>;

    /// The token with this digest, if it is of `purpose` and live at `now`. It
    /// stays where it is: what a token allows happens once because the act on
    /// the user has the token's [`AccountState`] as its condition.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails or the record is corrupt.
    async fn token(
        &self,
        digest: TokenDigest,
        purpose: TokenPurpose,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>, StoreError>;

    /// Removes the token with this digest, if it is of `purpose` and live at `now`, and
    /// returns it. Of concurrent callers, one gets it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails or the record is corrupt; then the token may be
    /// gone.
    async fn take_token(
        &self,
        digest: TokenDigest,
        purpose: TokenPurpose,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>, StoreError>;

    /// The tokens about the account of `user` that are live at `now`, the
    /// newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails or a record is corrupt.
    async fn tokens_of(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<OneTimeToken>, StoreError>;

    /// Removes the tokens about the account of `user` that were made at
    /// `made_until` or before: those of `purpose`, or all. Returns how many there
    /// were; a store may count or leave out those that had expired.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails; then some may be gone.
    async fn remove_tokens(
        &self,
        user: UserId,
        purpose: Option<TokenPurpose>,
        made_until: Timestamp,
    ) -> Result<u64, StoreError>;
}

/// Rate limits.
#[cfg_attr(feature = "test-util", mockall::automock)]
#[async_trait]
pub trait LimitStore: Send + Sync {
    /// Counts one act at `now` in the budgets of all `hits` together, as
    /// [`decide_all`](crate::limit::decide_all) says, in one act: parallel
    /// callers together never get more than any of the quotas, and a refused act
    /// uses up none of them. Without hits, the act is allowed.
    ///
    /// The last key names the group in which a store may keep the budgets
    /// together: callers put the widest one last, and always count a key in a
    /// group of the same last key. A key that is counted in two groups, or given
    /// twice at once, may count for each by itself.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails, or there are more than
    /// [`MAX_HITS`](crate::limit::MAX_HITS); the caller then refuses.
    async fn hit_all(&self, hits: &[Hit], now: Timestamp) -> Result<Decision, StoreError>;

    /// Takes one act back under each of the keys, as
    /// [`Quota::give_back`](crate::limit::Quota::give_back) says. `hits` are the
    /// ones that it was counted with. A budget that is whole stays so, and what was
    /// counted in it before goes on being remembered: it has the latest time.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails, or there are more than
    /// [`MAX_HITS`](crate::limit::MAX_HITS); the act may still count then.
    async fn give_back(&self, hits: &[Hit]) -> Result<(), StoreError>;

    /// Counts one attempt under `key` at `now`, as [`LockoutPolicy::attempt`]
    /// says, in one act. These keys are not those of
    /// [`hit_all`](LimitStore::hit_all): a key that is used for both counts for
    /// each by itself.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails; the caller then refuses.
    async fn attempt(
        &self,
        key: LimitKey,
        policy: &LockoutPolicy,
        now: Timestamp,
    ) -> Result<Attempt, StoreError>;

    /// Forgets the attempts under `key` if the last one that was let through was
    /// at `until` or before. One that was let through later keeps all of them: it
    /// may have failed, and no failure goes uncounted.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails; they may still count then.
    async fn forgive(&self, key: LimitKey, until: Timestamp) -> Result<(), StoreError>;
}

/// Refuses more hits than one act may have, as the methods of [`LimitStore`] do first.
///
/// # Errors
///
/// [`StoreError::Other`] for more than [`MAX_HITS`](crate::limit::MAX_HITS).
pub fn are_few(hits: &[Hit]) -> Result<(), StoreError> {
    match hits.len() <= crate::limit::MAX_HITS {
        true => Ok(()),
        false => Err(StoreError::Other("too many budgets for one act".into())),
    }
}

/// Events that are kept for the users whom they are about. One that has expired
/// is never returned, and may be removed from `expires_at` on.
#[cfg_attr(feature = "test-util", mockall::automock)]
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// Adds `record`, unless its id is taken: a record that is appended again
    /// is there once. In the same act drops the oldest of the same user and
    /// class, so that of those up to this one the newest `keep` stay. A store
    /// may let up to an eighth of `keep` more come together and drop them at
    /// once. What is newer than `record` is neither counted nor dropped, so
    /// that what a clock that was ahead has left behind costs nobody else's
    /// place. `keep` is 1 to 10,000.
    ///
    /// If the user's record right below this one, of whatever class,
    /// [is repeated](AuditRecord::is_repeated_by) by it, no record is added:
    /// that one [counts](AuditRecord::count_in) it. Its `last_id` is taken too.
    /// Of parallel acts some may add records of their own; none is lost. Where
    /// the answer of an act is lost and another one comes in between, the event
    /// may be counted twice.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails.
    async fn append_event(&self, record: &AuditRecord, keep: usize) -> Result<Insert, StoreError>;

    /// Up to `limit` of the user's events that are live at `now`, of all
    /// classes, the greatest id first: all of them, or those below `before`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails or a record is corrupt.
    async fn events_of(
        &self,
        user: UserId,
        before: Option<EventId>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<AuditRecord>, StoreError>;

    /// Removes the user's events. Returns how many there were; a store may count
    /// or leave out those that had expired.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store fails; then some may be gone.
    async fn remove_events(&self, user: UserId) -> Result<u64, StoreError>;
}

/// A store of everything, as one name. Every type that implements the five parts
/// implements it; `Arc<dyn Store>` does too. [`WithAudit`] and [`NoAudit`] complete a
/// store that keeps no events.
pub trait Store: UserStore + SessionStore + TokenStore + LimitStore + AuditStore + 'static {}

impl<T> Store for T where
    T: UserStore + SessionStore + TokenStore + LimitStore + AuditStore + ?Sized + 'static
{
}
