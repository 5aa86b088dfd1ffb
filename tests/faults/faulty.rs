//! A store that goes wrong where it is told to, over one that works.

use std::sync::{Arc, Mutex};

use admittance::audit::AuditRecord;
use admittance::authz::Role;
use admittance::email::{CanonicalEmail, Email};
use admittance::id::{EventId, SessionId, UserId};
use admittance::limit::{Decision, Hit, LimitKey};
use admittance::lockout::{Attempt, LockoutPolicy};
use admittance::session::{Rotation, RotationPolicy, Session};
use admittance::store::{
    AuditStore, ChangeEmail, Epoch, Insert, InsertUser, LimitStore, ProfileChange, Removal,
    RoleChange, SessionStore, Store, StoreError, TokenStore, UserStore,
};
use admittance::time::Timestamp;
use admittance::token::{OneTimeToken, TokenDigest, TokenPurpose};
use admittance::user::{AccountState, DeviceDigest, PasswordHash, User, UserStatus};
use async_trait::async_trait;
use tokio::task::yield_now;

/// What goes wrong with one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It fails, and nothing was done.
    ErrorBefore,
    /// It is done, but what is heard of it is an error.
    ErrorAfter,
    /// It takes its time.
    Delay,
    /// It is done twice, as by a driver that tries again, and the second
    /// answer is what is heard.
    Twice,
    /// The store panics.
    Panic,
}

pub(crate) const FAULTS: [Fault; 5] = [
    Fault::ErrorBefore,
    Fault::ErrorAfter,
    Fault::Delay,
    Fault::Twice,
    Fault::Panic,
];

/// What a hook does when a call comes.
type Hook = Arc<dyn Fn() + Send + Sync>;

#[derive(Clone)]
enum Turn {
    Fault(Fault),
    Hook(Hook),
}

#[derive(Default)]
struct Plan {
    /// What happens at which call, counted from 1 since it was set.
    at: Option<(usize, Turn)>,
    calls: Vec<&'static str>,
    /// Every call gives way this often, before and after it is done.
    yields: usize,
}

/// A [`Store`] that injects one [`Fault`]. Clones share the plan.
#[derive(Clone)]
pub(crate) struct FaultyStore<S> {
    inner: S,
    plan: Arc<Mutex<Plan>>,
}

impl<S: Store> FaultyStore<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self {
            inner,
            plan: Arc::default(),
        }
    }

    /// The store beneath.
    pub(crate) fn inner(&self) -> &S {
        &self.inner
    }

    /// Injects `fault` at the `call`-th call from now on.
    pub(crate) fn inject(&self, call: usize, fault: Fault) {
        self.set(Some((call, Turn::Fault(fault))), 0);
    }

    /// Calls `hook` before the `call`-th call from now on.
    pub(crate) fn hook(&self, call: usize, hook: impl Fn() + Send + Sync + 'static) {
        self.set(Some((call, Turn::Hook(Arc::new(hook)))), 0);
    }

    /// Counts from now on, and gives way `yields` times around each act.
    pub(crate) fn watch(&self, yields: usize) {
        self.set(None, yields);
    }

    /// How many calls there were since the plan was set.
    pub(crate) fn calls(&self) -> usize {
        self.plan.lock().unwrap().calls.len()
    }

    /// Works from now on. Returns the calls since the plan was set.
    pub(crate) fn calm(&self) -> Vec<&'static str> {
        let calls = std::mem::take(&mut self.plan.lock().unwrap().calls);
        self.set(None, 0);
        calls
    }

    fn set(&self, at: Option<(usize, Turn)>, yields: usize) {
        *self.plan.lock().unwrap() = Plan {
            at,
            calls: Vec::new(),
            yields,
        };
    }

    async fn call<T, F>(
        &self,
        name: &'static str,
        act: impl Fn() -> F + Send + Sync,
    ) -> Result<T, StoreError>
    where
        T: Send,
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        let (turn, yields) = {
            let mut plan = self.plan.lock().unwrap();
            plan.calls.push(name);
            let count = plan.calls.len();
            let turn = plan.at.clone().filter(|(call, _)| *call == count);
            (turn.map(|(_, turn)| turn), plan.yields)
        };
        give_way(yields).await;
        let answer = match turn {
            None => act().await,
            Some(Turn::Hook(hook)) => {
                hook();
                act().await
            }
            Some(Turn::Fault(Fault::ErrorBefore)) => Err(StoreError::Unavailable(
                "the store was told to be down".into(),
            )),
            Some(Turn::Fault(Fault::ErrorAfter)) => {
                act().await?;
                Err(StoreError::Timeout)
            }
            Some(Turn::Fault(Fault::Delay)) => {
                give_way(50).await;
                let answer = act().await;
                give_way(50).await;
                answer
            }
            Some(Turn::Fault(Fault::Twice)) => {
                act().await?;
                act().await
            }
            Some(Turn::Fault(Fault::Panic)) => panic!("the store was told to panic"),
        };
        give_way(yields).await;
        answer
    }
}

async fn give_way(times: usize) {
    for _ in 0..times {
        yield_now().await;
    }
}

#[async_trait]
impl<S: Store> UserStore for FaultyStore<S> {
    async fn insert_user(&self, user: &User) -> Result<InsertUser, StoreError> {
        self.call("insert_user", || self.inner.insert_user(user))
            .await
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.call("user", || self.inner.user(id)).await
    }

    async fn user_by_email(&self, email: &CanonicalEmail) -> Result<Option<User>, StoreError> {
        self.call("user_by_email", || self.inner.user_by_email(email))
            .await
    }

    async fn record_login(
        &self,
        id: UserId,
        epoch: u64,
        new_device: Option<DeviceDigest>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.call("record_login", || {
            self.inner.record_login(id, epoch, new_device, now)
        })
        .await
    }

    async fn replace_password(
        &self,
        id: UserId,
        expected: &PasswordHash,
        new: &PasswordHash,
        epoch: Epoch,
    ) -> Result<bool, StoreError> {
        self.call("replace_password", || {
            self.inner.replace_password(id, expected, new, epoch)
        })
        .await
    }

    async fn update_profile(
        &self,
        id: UserId,
        version: u64,
        change: &ProfileChange,
    ) -> Result<Option<User>, StoreError> {
        self.call("update_profile", || {
            self.inner.update_profile(id, version, change)
        })
        .await
    }

    async fn verify_email(&self, account: &AccountState) -> Result<bool, StoreError> {
        self.call("verify_email", || self.inner.verify_email(account))
            .await
    }

    async fn change_email(
        &self,
        account: &AccountState,
        to: &Email,
    ) -> Result<ChangeEmail, StoreError> {
        self.call("change_email", || self.inner.change_email(account, to))
            .await
    }

    async fn reset_password(
        &self,
        account: &AccountState,
        new: &PasswordHash,
        device: DeviceDigest,
    ) -> Result<bool, StoreError> {
        self.call("reset_password", || {
            self.inner.reset_password(account, new, device)
        })
        .await
    }

    async fn remove_user(
        &self,
        account: &AccountState,
        which: Removal,
    ) -> Result<bool, StoreError> {
        self.call("remove_user", || self.inner.remove_user(account, which))
            .await
    }

    async fn set_status(
        &self,
        id: UserId,
        version: u64,
        status: UserStatus,
    ) -> Result<Option<User>, StoreError> {
        self.call("set_status", || self.inner.set_status(id, version, status))
            .await
    }

    async fn change_roles(
        &self,
        id: UserId,
        version: u64,
        change: &RoleChange,
    ) -> Result<Option<User>, StoreError> {
        self.call("change_roles", || {
            self.inner.change_roles(id, version, change)
        })
        .await
    }

    async fn users(&self, after: Option<UserId>, limit: usize) -> Result<Vec<User>, StoreError> {
        self.call("users", || self.inner.users(after, limit)).await
    }

    async fn has_other(&self, role: &Role, except: UserId) -> Result<bool, StoreError> {
        self.call("has_other", || self.inner.has_other(role, except))
            .await
    }
}

#[async_trait]
impl<S: Store> SessionStore for FaultyStore<S> {
    async fn insert_session(&self, session: &Session) -> Result<Insert, StoreError> {
        self.call("insert_session", || self.inner.insert_session(session))
            .await
    }

    async fn session(&self, id: SessionId, now: Timestamp) -> Result<Option<Session>, StoreError> {
        self.call("session", || self.inner.session(id, now)).await
    }

    async fn sessions_of(&self, user: UserId, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        self.call("sessions_of", || self.inner.sessions_of(user, now))
            .await
    }

    async fn rotate(
        &self,
        id: SessionId,
        presented: u64,
        policy: RotationPolicy,
        now: Timestamp,
    ) -> Result<Rotation, StoreError> {
        self.call("rotate", || self.inner.rotate(id, presented, policy, now))
            .await
    }

    async fn end_session(&self, user: UserId, id: SessionId) -> Result<bool, StoreError> {
        self.call("end_session", || self.inner.end_session(user, id))
            .await
    }

    async fn end_sessions(&self, user: UserId, ids: &[SessionId]) -> Result<u64, StoreError> {
        self.call("end_sessions", || self.inner.end_sessions(user, ids))
            .await
    }

    async fn end_dead_sessions(&self, user: UserId, epoch: u64) -> Result<u64, StoreError> {
        self.call("end_dead_sessions", || {
            self.inner.end_dead_sessions(user, epoch)
        })
        .await
    }

    async fn end_oldest_sessions(
        &self,
        user: UserId,
        epoch: u64,
        keep: u32,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        self.call("end_oldest_sessions", || {
            self.inner.end_oldest_sessions(user, epoch, keep, now)
        })
        .await
    }
}

#[async_trait]
impl<S: Store> TokenStore for FaultyStore<S> {
    async fn insert_token(&self, token: &OneTimeToken) -> Result<Insert, StoreError> {
        self.call("insert_token", || self.inner.insert_token(token))
            .await
    }

    async fn token(
        &self,
        digest: TokenDigest,
        purpose: TokenPurpose,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>, StoreError> {
        self.call("token", || self.inner.token(digest, purpose, now))
            .await
    }

    async fn tokens_of(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<OneTimeToken>, StoreError> {
        self.call("tokens_of", || self.inner.tokens_of(user, now))
            .await
    }

    async fn remove_tokens(
        &self,
        user: UserId,
        purpose: Option<TokenPurpose>,
        made_until: Timestamp,
    ) -> Result<u64, StoreError> {
        self.call("remove_tokens", || {
            self.inner.remove_tokens(user, purpose, made_until)
        })
        .await
    }
}

#[async_trait]
impl<S: Store> LimitStore for FaultyStore<S> {
    async fn hit_all(&self, hits: &[Hit], now: Timestamp) -> Result<Decision, StoreError> {
        self.call("hit_all", || self.inner.hit_all(hits, now)).await
    }

    async fn give_back(&self, hits: &[Hit], now: Timestamp) -> Result<(), StoreError> {
        self.call("give_back", || self.inner.give_back(hits, now))
            .await
    }

    async fn attempt(
        &self,
        key: LimitKey,
        policy: &LockoutPolicy,
        now: Timestamp,
    ) -> Result<Attempt, StoreError> {
        self.call("attempt", || self.inner.attempt(key, policy, now))
            .await
    }

    async fn forgive(&self, key: LimitKey, until: Timestamp) -> Result<(), StoreError> {
        self.call("forgive", || self.inner.forgive(key, until))
            .await
    }
}

#[async_trait]
impl<S: Store> AuditStore for FaultyStore<S> {
    async fn append_event(&self, record: &AuditRecord, keep: usize) -> Result<Insert, StoreError> {
        self.call("append_event", || self.inner.append_event(record, keep))
            .await
    }

    async fn events_of(
        &self,
        user: UserId,
        before: Option<EventId>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        self.call("events_of", || {
            self.inner.events_of(user, before, limit, now)
        })
        .await
    }

    async fn remove_events(&self, user: UserId) -> Result<u64, StoreError> {
        self.call("remove_events", || self.inner.remove_events(user))
            .await
    }
}
