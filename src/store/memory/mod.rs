//! A store in the memory of the process: for tests, for a single instance
//! that may forget, and as the measure for other stores.

mod attempts;
mod audit;
mod capacity;
mod copy;
#[cfg(feature = "test-util")]
mod dump;
mod events;
mod expiring;
mod limits;
mod owned;
mod sessions;
mod shares;
mod users;

use std::cmp::Reverse;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;

use super::{
    EmailChange, IdentityLink, Insert, InsertUser, LimitStore, Removal, StoreError, TokenStore,
    UserStore, are_few,
};
use crate::authz::Role;
use crate::email::{CanonicalEmail, Email};
use crate::id::{SessionId, UserId};
use crate::identity::{Identity, IdentityKey};
use crate::limit::{Decision, Hit, LimitKey};
use crate::lockout::{Attempt, LockoutPolicy};
use crate::session::Session;
use crate::time::Timestamp;
use crate::token::{OneTimeToken, TokenDigest, TokenPurpose};
use crate::user::{AccountState, User, UserChange};
use attempts::AttemptTable;
pub use capacity::{MemoryCapacity, MemoryCounts};
use events::Events;
use expiring::Entry;
use limits::Limits;
use owned::{Owned, OwnedEntry};
use users::Users;

/// A [`Store`](super::Store) in memory. Clones share their contents, which end
/// with the last of them.
///
/// Each act takes a time that does not depend on how much is stored. It is
/// bounded by a [`MemoryCapacity`], and each act that adds something removes a
/// few entries that have expired; a server that may idle calls
/// [`remove_expired`](MemoryStore::remove_expired) now and then. `Debug` shows
/// counts only.
#[derive(Clone)]
pub struct MemoryStore(Arc<Tables>);

/// No act holds two of these locks at once.
struct Tables {
    users: RwLock<Users>,
    sessions: RwLock<Owned<Session>>,
    tokens: Mutex<Owned<OneTimeToken>>,
    /// Links of accounts that are yet to be made, which anybody can ask for.
    registrations: Mutex<Owned<OneTimeToken>>,
    /// Sign-ins with a provider, which anybody can begin.
    flows: Mutex<Owned<OneTimeToken>>,
    limits: Mutex<Limits>,
    events: Mutex<Events>,
    attempts: Mutex<AttemptTable>,
}

impl MemoryStore {
    /// An empty store with the default [`MemoryCapacity`].
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(MemoryCapacity::default())
    }

    /// An empty store that holds at most `capacity`. Nothing is allocated yet.
    #[must_use]
    pub fn with_capacity(capacity: MemoryCapacity) -> Self {
        Self(Arc::new(Tables {
            users: RwLock::new(Users::new(capacity.users)),
            sessions: RwLock::new(Owned::new(capacity.sessions)),
            tokens: Mutex::new(Owned::new(capacity.tokens)),
            registrations: Mutex::new(Owned::by_age(capacity.registrations)),
            flows: Mutex::new(Owned::by_age(capacity.flows)),
            limits: Mutex::new(Limits::new(capacity.limits)),
            events: Mutex::new(Events::new(capacity.events)),
            attempts: Mutex::new(AttemptTable::new(capacity.limits)),
        }))
    }

    /// How many of each are stored.
    #[must_use]
    pub fn counts(&self) -> MemoryCounts {
        MemoryCounts {
            users: self.read_users().len(),
            sessions: self.read_sessions().len(),
            tokens: self.tokens().len(),
            registrations: self.registrations().len(),
            flows: self.flows().len(),
            limits: self.limits().len() + self.attempts().len(),
            events: self.events().len(),
        }
    }

    /// Removes all that has expired by `now`, gives its memory back, and says
    /// how many entries that were.
    ///
    /// It looks at every entry, but lets others in between, so nobody waits
    /// for long; what they move meanwhile may be left for the next time. A
    /// server in use need not call it.
    #[expect(
        clippy::must_use_candidate,
        reason = "the removal is the point, the count is optional"
    )]
    pub fn remove_expired(&self, now: Timestamp) -> usize {
        let counts = self.counts();
        self.write_sessions().rewind();
        self.tokens().rewind();
        self.registrations().rewind();
        self.flows().rewind();
        self.limits().rewind();
        self.events().rewind();
        self.attempts().rewind();
        in_slices(counts.sessions, |steps| {
            self.write_sessions().sweep(now, steps)
        }) + in_slices(counts.tokens, |steps| self.tokens().sweep(now, steps))
            + in_slices(counts.registrations, |steps| {
                self.registrations().sweep(now, steps)
            })
            + in_slices(counts.flows, |steps| self.flows().sweep(now, steps))
            + in_slices(counts.limits, |steps| self.limits().sweep(now, steps))
            + in_slices(counts.events, |steps| self.events().sweep(now, steps))
            + in_slices(counts.limits, |steps| self.attempts().sweep(now, steps))
    }

    // Each change below is whole before anything in it could panic, so what a
    // poisoned lock guards is sound.

    fn read_users(&self) -> RwLockReadGuard<'_, Users> {
        self.0.users.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_users(&self) -> RwLockWriteGuard<'_, Users> {
        self.0.users.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_sessions(&self) -> RwLockReadGuard<'_, Owned<Session>> {
        let sessions = &self.0.sessions;
        sessions.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_sessions(&self) -> RwLockWriteGuard<'_, Owned<Session>> {
        let sessions = &self.0.sessions;
        sessions.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn tokens(&self) -> MutexGuard<'_, Owned<OneTimeToken>> {
        self.0.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn registrations(&self) -> MutexGuard<'_, Owned<OneTimeToken>> {
        let registrations = &self.0.registrations;
        registrations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn flows(&self) -> MutexGuard<'_, Owned<OneTimeToken>> {
        self.0.flows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The table of the tokens for `purpose`.
    fn tokens_for(&self, purpose: TokenPurpose) -> MutexGuard<'_, Owned<OneTimeToken>> {
        match purpose {
            TokenPurpose::CompleteRegistration => self.registrations(),
            TokenPurpose::Federation => self.flows(),
            _ => self.tokens(),
        }
    }

    fn attempts(&self) -> MutexGuard<'_, AttemptTable> {
        let attempts = &self.0.attempts;
        attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn limits(&self) -> MutexGuard<'_, Limits> {
        self.0.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn events(&self) -> MutexGuard<'_, Events> {
        self.0.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Goes over `total` entries so many at a time that no lock is held for long.
fn in_slices(total: usize, mut sweep: impl FnMut(usize) -> usize) -> usize {
    const SLICE: usize = 1024;
    (0..total)
        .step_by(SLICE)
        .map(|start| sweep(SLICE.min(total - start)))
        .sum()
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts();
        f.debug_struct("MemoryStore")
            .field("users", &counts.users)
            .field("sessions", &counts.sessions)
            .field("tokens", &counts.tokens)
            .field("registrations", &counts.registrations)
            .field("flows", &counts.flows)
            .field("limits", &counts.limits)
            .field("events", &counts.events)
            .finish()
    }
}

impl Entry for Session {
    type Key = SessionId;

    fn key(&self) -> SessionId {
        self.id
    }

    fn has_expired(&self, now: Timestamp) -> bool {
        !self.is_live(now)
    }
}

impl OwnedEntry for Session {
    // Ids begin with the time at which they were made.
    type Rank = SessionId;

    fn owner(&self) -> UserId {
        self.user_id
    }

    fn rank(&self) -> SessionId {
        self.id
    }

    fn key_at(rank: SessionId) -> SessionId {
        rank
    }
}

impl Entry for OneTimeToken {
    type Key = [u8; 32];

    fn key(&self) -> [u8; 32] {
        self.digest.to_bytes()
    }

    fn has_expired(&self, now: Timestamp) -> bool {
        !self.is_live(now)
    }
}

impl OwnedEntry for OneTimeToken {
    type Rank = (Timestamp, [u8; 32]);

    fn owner(&self) -> UserId {
        self.account.id
    }

    fn rank(&self) -> Self::Rank {
        (self.created_at, self.key())
    }

    fn key_at((_, key): Self::Rank) -> [u8; 32] {
        key
    }
}

#[async_trait]
impl UserStore for MemoryStore {
    async fn insert_user(&self, user: &User) -> Result<InsertUser, StoreError> {
        self.write_users().insert(user)
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        Ok(self.read_users().get(id).cloned())
    }

    async fn user_by_email(&self, email: &CanonicalEmail) -> Result<Option<User>, StoreError> {
        Ok(self.read_users().by_email(email).cloned())
    }

    async fn user_by_identity(&self, key: &IdentityKey) -> Result<Option<User>, StoreError> {
        Ok(self.read_users().by_identity(key).cloned())
    }

    async fn change_user(
        &self,
        id: UserId,
        change: &UserChange,
    ) -> Result<Option<User>, StoreError> {
        let mut users = self.write_users();
        let is_changed = users.change(id, change)?;
        Ok(users.get(id).filter(|_| is_changed).cloned())
    }

    async fn update_user(&self, id: UserId, change: &UserChange) -> Result<bool, StoreError> {
        self.write_users().change(id, change)
    }

    async fn change_email(
        &self,
        account: &AccountState,
        to: &Email,
    ) -> Result<EmailChange, StoreError> {
        self.write_users().change_email(account, to)
    }

    async fn remove_user(
        &self,
        account: &AccountState,
        which: Removal,
    ) -> Result<bool, StoreError> {
        let mut users = self.write_users();
        let may = |user: &User| user.may_be_removed(account, which);
        let is_removed = users.get(account.id).is_some_and(may);
        if is_removed {
            users.remove(account.id);
        }
        Ok(is_removed)
    }

    async fn link_identity(
        &self,
        id: UserId,
        version: u64,
        identity: &Identity,
    ) -> Result<IdentityLink, StoreError> {
        self.write_users().link_identity(id, version, identity)
    }

    async fn users(&self, after: Option<UserId>, limit: usize) -> Result<Vec<User>, StoreError> {
        Ok(self.read_users().page(after, limit))
    }

    async fn has_other(&self, role: &Role, except: UserId) -> Result<bool, StoreError> {
        Ok(self.read_users().has_other(role, except))
    }
}

#[async_trait]
impl TokenStore for MemoryStore {
    async fn insert_token(&self, token: &OneTimeToken) -> Result<Insert, StoreError> {
        let mut tokens = self.tokens_for(token.purpose);
        tokens.insert(token.clone(), token.created_at)
    }

    async fn token(
        &self,
        digest: TokenDigest,
        purpose: TokenPurpose,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>, StoreError> {
        let tokens = self.tokens_for(purpose);
        let token = tokens.get(digest.to_bytes());
        Ok(token.filter(|token| token.is_for(purpose, now)).cloned())
    }

    async fn take_token(
        &self,
        digest: TokenDigest,
        purpose: TokenPurpose,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>, StoreError> {
        let mut tokens = self.tokens_for(purpose);
        let key = digest.to_bytes();
        let is_found = |token: &OneTimeToken| token.is_for(purpose, now);
        Ok(match tokens.get(key).is_some_and(is_found) {
            true => tokens.remove(key),
            false => None,
        })
    }

    async fn tokens_of(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<OneTimeToken>, StoreError> {
        let live = |tokens: MutexGuard<'_, Owned<OneTimeToken>>| {
            let all = tokens.of(user).filter(|token| token.is_live(now));
            all.cloned().collect::<Vec<_>>()
        };
        let mut live = [
            live(self.tokens()),
            live(self.registrations()),
            live(self.flows()),
        ]
        .concat();
        live.sort_by_key(|token| Reverse(token.created_at));
        Ok(live)
    }

    async fn remove_tokens(
        &self,
        user: UserId,
        purpose: Option<TokenPurpose>,
        made_until: Timestamp,
    ) -> Result<u64, StoreError> {
        let is_meant = |token: &OneTimeToken| token.is_of(user, purpose, made_until);
        let removed = self.tokens().remove_of(user, is_meant);
        let removed = removed + self.registrations().remove_of(user, is_meant);
        Ok(removed + self.flows().remove_of(user, is_meant))
    }
}

#[async_trait]
impl LimitStore for MemoryStore {
    async fn hit_all(&self, hits: &[Hit], now: Timestamp) -> Result<Decision, StoreError> {
        are_few(hits)?;
        Ok(self.limits().hit_all(hits, now))
    }

    async fn give_back(&self, hits: &[Hit]) -> Result<(), StoreError> {
        are_few(hits)?;
        self.limits().give_back(hits);
        Ok(())
    }

    async fn attempt(
        &self,
        key: LimitKey,
        policy: &LockoutPolicy,
        now: Timestamp,
    ) -> Result<Attempt, StoreError> {
        Ok(self.attempts().attempt(key, policy, now))
    }

    async fn forgive(&self, key: LimitKey, until: Timestamp) -> Result<(), StoreError> {
        self.attempts().forgive(key, until);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::limit::Quota;
    use crate::store::{AuditStore, SessionStore};

    #[tokio::test]
    async fn asvs_16_5_4_a_panic_under_a_lock_leaves_the_store_usable() {
        let store = MemoryStore::new();
        let (id, email) = (
            UserId::from_bytes([1; 12]),
            CanonicalEmail::from_store("a@b.org".to_owned()),
        );
        let poisoned = catch_unwind(AssertUnwindSafe(|| {
            let _users = store.write_users();
            let _sessions = store.write_sessions();
            let _tokens = store.tokens();
            let _registrations = store.registrations();
            let _flows = store.flows();
            let _limits = store.limits();
            let _events = store.events();
            panic!("under all locks");
        }));
        assert!(poisoned.is_err() && store.0.users.is_poisoned());
        assert!(store.user(id).await.unwrap().is_none());
        assert!(store.user_by_email(&email).await.unwrap().is_none());
        assert_eq!(store.end_dead_sessions(id, u64::MAX).await.unwrap(), 0);
        let removed = store.remove_tokens(id, None, Timestamp::MAX).await;
        assert_eq!(removed.unwrap(), 0);
        assert_eq!(store.remove_events(id).await.unwrap(), 0);
        let hit = Hit {
            key: LimitKey::new("a", b"b"),
            quota: Quota::new(1, Duration::MAX),
        };
        let decision = store.hit_all(&[hit], Timestamp::MIN).await.unwrap();
        assert_eq!(decision, Decision::Allowed);
    }

    #[test]
    fn readers_do_not_wait_for_each_other() {
        let store = MemoryStore::new();
        let (users, sessions) = (store.read_users(), store.read_sessions());
        let (done, wait) = mpsc::channel();
        let reader = store.clone();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap();
            runtime.block_on(async {
                let (user, session) = (UserId::from_bytes([1; 12]), SessionId::from_bytes([1; 12]));
                let _ = reader.session(session, Timestamp::MIN).await;
                let _ = reader.user(user).await;
            });
            done.send(()).unwrap();
        });
        let answered = wait.recv_timeout(Duration::from_secs(60));
        drop((users, sessions));
        assert!(answered.is_ok(), "a reader waited for another");
    }
}
