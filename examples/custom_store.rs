//! A complete store over maps, as a start for your own: `cargo run --example custom_store`.
//!
//! Each method is one act under one lock. The functions on `User`, `Session`, `Quota` and so
//! on define what an act does to a record. A store over a database does the same in one
//! statement. `tests/custom_store.rs` runs the conformance suite on it.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use admittance::audit::AuditRecord;
use admittance::authz::Role;
use admittance::email::{CanonicalEmail, Email};
use admittance::id::{EventId, SessionId, UserId};
use admittance::limit::{Decision, Hit, LimitKey, MAX_HITS, decide_all};
use admittance::lockout::{Attempt, Attempts, LockoutPolicy};
use admittance::session::{Rotation, RotationPolicy, Session};
use admittance::store::{
    AuditStore, EmailChange, EpochChange, Insert, InsertUser, LimitStore, ProfileChange, Removal,
    RoleChange, SessionStore, StoreError, TokenStore, UserStore,
};
use admittance::time::Timestamp;
use admittance::token::{OneTimeToken, TokenDigest, TokenPurpose};
use admittance::user::{
    AccountState, CounterExhausted, DeviceDigest, PasswordHash, User, UserStatus,
};
use admittance::{AuthConfig, AuthService, Keyring, RegisterRequest, RequestContext, SecretBytes};
use async_trait::async_trait;

/// The tables.
#[derive(Debug, Default)]
struct Tables {
    users: BTreeMap<UserId, User>,
    sessions: BTreeMap<SessionId, Session>,
    tokens: HashMap<TokenDigest, OneTimeToken>,
    limits: HashMap<LimitKey, Timestamp>,
    attempts: HashMap<LimitKey, Attempts>,
    events: BTreeMap<EventId, AuditRecord>,
}

/// The store. Its tables are not bounded, and expired rows are never removed.
#[derive(Debug, Default)]
pub(crate) struct MapStore(Mutex<Tables>);

type Answer<T> = Result<T, StoreError>;

impl MapStore {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies `act` to the user; `None` if there is no such user.
    fn user_mut<T>(&self, id: UserId, act: impl FnOnce(&mut User) -> T) -> Option<T> {
        self.tables().users.get_mut(&id).map(act)
    }

    /// Applies `act` to the user, and returns the user if it changed.
    fn changed(
        &self,
        id: UserId,
        act: impl FnOnce(&mut User) -> Result<bool, CounterExhausted>,
    ) -> Answer<Option<User>> {
        let changed = self.user_mut(id, |user| Ok(act(user)?.then(|| user.clone())));
        changed.unwrap_or(Ok(None))
    }
}

impl Tables {
    fn has_email(&self, email: &CanonicalEmail) -> bool {
        let mut users = self.users.values();
        users.any(|user| user.email.canonical() == email)
    }
}

/// Removes the rows for which `is_meant` returns `true`, and returns their number.
fn remove<K: Ord, V>(rows: &mut BTreeMap<K, V>, is_meant: impl Fn(&V) -> bool) -> u64 {
    let before = rows.len();
    rows.retain(|_, row| !is_meant(row));
    u64::try_from(before - rows.len()).unwrap_or(u64::MAX)
}

#[async_trait]
impl UserStore for MapStore {
    async fn insert_user(&self, user: &User) -> Answer<InsertUser> {
        let mut tables = self.tables();
        if tables.users.contains_key(&user.id) {
            return Ok(InsertUser::IdTaken);
        }
        if tables.has_email(user.email.canonical()) {
            return Ok(InsertUser::EmailTaken);
        }
        tables.users.insert(user.id, user.clone());
        Ok(InsertUser::Inserted)
    }

    async fn user(&self, id: UserId) -> Answer<Option<User>> {
        Ok(self.tables().users.get(&id).cloned())
    }

    async fn user_by_email(&self, email: &CanonicalEmail) -> Answer<Option<User>> {
        let tables = self.tables();
        let mut users = tables.users.values();
        Ok(users.find(|user| user.email.canonical() == email).cloned())
    }

    async fn record_login(
        &self,
        id: UserId,
        epoch: u64,
        new_device: Option<DeviceDigest>,
        now: Timestamp,
    ) -> Answer<bool> {
        let recorded = self.user_mut(id, |user| user.record_login(epoch, new_device, now));
        Ok(recorded.unwrap_or(false))
    }

    async fn replace_password(
        &self,
        id: UserId,
        expected: &PasswordHash,
        new: &PasswordHash,
        epoch: EpochChange,
    ) -> Answer<bool> {
        let replaced = self.changed(id, |user| user.replace_password(expected, new, epoch));
        Ok(replaced?.is_some())
    }

    async fn update_profile(
        &self,
        id: UserId,
        version: u64,
        change: &ProfileChange,
    ) -> Answer<Option<User>> {
        self.changed(id, |user| user.update_profile(version, change))
    }

    async fn verify_email(&self, account: &AccountState) -> Answer<bool> {
        let verified = self.changed(account.id, |user| user.verify_email(account));
        Ok(verified?.is_some())
    }

    async fn change_email(&self, account: &AccountState, to: &Email) -> Answer<EmailChange> {
        let mut tables = self.tables();
        let owner = |user: &&User| user.email.canonical() == to.canonical();
        let owner = tables.users.values().find(owner).map(|user| user.id);
        match tables.users.get_mut(&account.id) {
            Some(user) if account.is_of(user) => match owner {
                Some(owner) if owner != account.id => Ok(EmailChange::EmailTaken),
                _ => {
                    user.change_email(account, to)?;
                    Ok(EmailChange::Changed)
                }
            },
            _ => Ok(EmailChange::Gone),
        }
    }

    async fn reset_password(
        &self,
        account: &AccountState,
        new: &PasswordHash,
        device: DeviceDigest,
        change: &ProfileChange,
    ) -> Answer<bool> {
        let reset = self.changed(account.id, |user| {
            user.reset_password(account, new, device, change)
        });
        Ok(reset?.is_some())
    }

    async fn remove_user(&self, account: &AccountState, which: Removal) -> Answer<bool> {
        let is_meant = |user: &User| user.may_be_removed(account, which);
        Ok(remove(&mut self.tables().users, is_meant) > 0)
    }

    async fn set_status(
        &self,
        id: UserId,
        version: u64,
        status: UserStatus,
    ) -> Answer<Option<User>> {
        self.changed(id, |user| user.set_status(version, status))
    }

    async fn change_roles(
        &self,
        id: UserId,
        version: u64,
        change: &RoleChange,
    ) -> Answer<Option<User>> {
        self.changed(id, |user| user.change_roles(version, change))
    }

    async fn users(&self, after: Option<UserId>, limit: usize) -> Answer<Vec<User>> {
        let tables = self.tables();
        let is_after = |user: &&User| after.is_none_or(|after| user.id > after);
        let users = tables.users.values().filter(is_after);
        Ok(users.take(limit).cloned().collect())
    }

    async fn has_other(&self, role: &Role, except: UserId) -> Answer<bool> {
        let is_other = |user: &User| {
            user.id != except && user.status == UserStatus::Active && user.roles.contains(role)
        };
        Ok(self.tables().users.values().any(is_other))
    }
}

#[async_trait]
impl SessionStore for MapStore {
    async fn insert_session(&self, session: &Session) -> Answer<Insert> {
        let mut tables = self.tables();
        if tables.sessions.contains_key(&session.id) {
            return Ok(Insert::Taken);
        }
        tables.sessions.insert(session.id, session.clone());
        Ok(Insert::Inserted)
    }

    async fn session(&self, id: SessionId, now: Timestamp) -> Answer<Option<Session>> {
        let tables = self.tables();
        let session = tables.sessions.get(&id);
        Ok(session.filter(|session| session.is_live(now)).cloned())
    }

    async fn sessions_of(
        &self,
        user: UserId,
        after: Option<SessionId>,
        limit: usize,
        now: Timestamp,
    ) -> Answer<Vec<Session>> {
        let tables = self.tables();
        let is_listed = |session: &&Session| {
            let is_below = after.is_none_or(|after| session.id < after);
            session.user_id == user && session.is_live(now) && is_below
        };
        let sessions = tables.sessions.values().rev().filter(is_listed);
        Ok(sessions.take(limit).cloned().collect())
    }

    async fn rotate(
        &self,
        id: SessionId,
        presented: u64,
        policy: RotationPolicy,
        now: Timestamp,
    ) -> Answer<Rotation> {
        let mut tables = self.tables();
        let Some(session) = tables.sessions.get_mut(&id) else {
            return Ok(Rotation::Gone);
        };
        let rotation = session.clone().rotate(presented, policy, now);
        match &rotation {
            Rotation::Rotated(next) => *session = next.clone(),
            Rotation::Reused(_) => drop(tables.sessions.remove(&id)),
            Rotation::Repeated(_) | Rotation::Gone => {}
        }
        Ok(rotation)
    }

    async fn end_session(&self, user: UserId, id: SessionId) -> Answer<bool> {
        Ok(self.end_sessions(user, &[id]).await? > 0)
    }

    async fn end_sessions(&self, user: UserId, ids: &[SessionId]) -> Answer<u64> {
        let is_meant = |session: &Session| session.user_id == user && ids.contains(&session.id);
        Ok(remove(&mut self.tables().sessions, is_meant))
    }

    async fn end_dead_sessions(&self, user: UserId, epoch: u64) -> Answer<u64> {
        let is_dead = |session: &Session| session.user_id == user && session.auth_epoch < epoch;
        Ok(remove(&mut self.tables().sessions, is_dead))
    }

    async fn end_oldest_sessions(
        &self,
        user: UserId,
        epoch: u64,
        keep: u32,
        now: Timestamp,
    ) -> Answer<u64> {
        let mut tables = self.tables();
        let own = tables.sessions.values().filter(|one| one.user_id == user);
        let oldest = Session::oldest(own, epoch, keep, now);
        Ok(remove(&mut tables.sessions, |one| oldest.contains(&one.id)))
    }
}

#[async_trait]
impl TokenStore for MapStore {
    async fn insert_token(&self, token: &OneTimeToken) -> Answer<Insert> {
        let mut tables = self.tables();
        if tables.tokens.contains_key(&token.digest) {
            return Ok(Insert::Taken);
        }
        tables.tokens.insert(token.digest, token.clone());
        Ok(Insert::Inserted)
    }

    async fn token(
        &self,
        digest: TokenDigest,
        purpose: TokenPurpose,
        now: Timestamp,
    ) -> Answer<Option<OneTimeToken>> {
        let tables = self.tables();
        let is_good = |token: &&OneTimeToken| token.purpose == purpose && token.is_live(now);
        Ok(tables.tokens.get(&digest).filter(is_good).cloned())
    }

    async fn take_token(
        &self,
        digest: TokenDigest,
        purpose: TokenPurpose,
        now: Timestamp,
    ) -> Answer<Option<OneTimeToken>> {
        let mut tables = self.tables();
        let is_good = |token: &OneTimeToken| token.purpose == purpose && token.is_live(now);
        match tables.tokens.get(&digest).is_some_and(is_good) {
            true => Ok(tables.tokens.remove(&digest)),
            false => Ok(None),
        }
    }

    async fn tokens_of(&self, user: UserId, now: Timestamp) -> Answer<Vec<OneTimeToken>> {
        let tables = self.tables();
        let is_listed = |token: &&OneTimeToken| token.account.id == user && token.is_live(now);
        let mut tokens: Vec<_> = tables.tokens.values().filter(is_listed).cloned().collect();
        tokens.sort_by_key(|token| std::cmp::Reverse(token.created_at));
        Ok(tokens)
    }

    async fn remove_tokens(
        &self,
        user: UserId,
        purpose: Option<TokenPurpose>,
        made_until: Timestamp,
    ) -> Answer<u64> {
        let mut tables = self.tables();
        let before = tables.tokens.len();
        tables.tokens.retain(|_, token| {
            let is_purpose = purpose.is_none_or(|purpose| token.purpose == purpose);
            token.account.id != user || !is_purpose || token.created_at > made_until
        });
        Ok(u64::try_from(before - tables.tokens.len()).unwrap_or(u64::MAX))
    }
}

fn are_few(hits: &[Hit]) -> Answer<()> {
    let is_few = hits.len() <= MAX_HITS;
    is_few
        .then_some(())
        .ok_or_else(|| StoreError::Other("too many budgets".into()))
}

#[async_trait]
impl LimitStore for MapStore {
    async fn hit_all(&self, hits: &[Hit], now: Timestamp) -> Answer<Decision> {
        are_few(hits)?;
        let mut tables = self.tables();
        let budget = |hit: &Hit| (hit.quota, tables.limits.get(&hit.key).copied());
        let budgets: Vec<_> = hits.iter().map(budget).collect();
        let (times, decision) = decide_all(&budgets, now);
        let keys = hits.iter().map(|hit| hit.key);
        tables.limits.extend(keys.zip(times));
        Ok(decision)
    }

    async fn give_back(&self, hits: &[Hit], now: Timestamp) -> Answer<()> {
        are_few(hits)?;
        let mut tables = self.tables();
        for hit in hits {
            if let Some(full_at) = tables.limits.get_mut(&hit.key).filter(|at| **at > now) {
                *full_at = hit.quota.give_back(*full_at, now);
            }
        }
        Ok(())
    }

    async fn attempt(
        &self,
        key: LimitKey,
        policy: &LockoutPolicy,
        now: Timestamp,
    ) -> Answer<Attempt> {
        let mut tables = self.tables();
        let kept = tables.attempts.get(&key).copied();
        let (kept, attempt) = policy.attempt(kept, now);
        tables.attempts.insert(key, kept);
        Ok(attempt)
    }

    async fn forgive(&self, key: LimitKey, until: Timestamp) -> Answer<()> {
        let mut tables = self.tables();
        let kept = tables.attempts.get(&key);
        if kept.is_some_and(|kept| kept.are_forgiven(until)) {
            tables.attempts.remove(&key);
        }
        Ok(())
    }
}

#[async_trait]
impl AuditStore for MapStore {
    async fn append_event(&self, record: &AuditRecord, keep: usize) -> Answer<Insert> {
        let mut tables = self.tables();
        let own = |one: &&AuditRecord| one.user_id == record.user_id;
        let below = tables.events.range(..=record.id).map(|(_, one)| one);
        let below: Vec<_> = below.filter(own).collect();
        let is_counted = below.last().is_some_and(|last| last.last_id == record.id);
        if is_counted || tables.events.contains_key(&record.id) {
            return Ok(Insert::Taken);
        }
        if let Some(last) = below.last().filter(|last| last.is_repeated_by(record)) {
            let mut counted = (*last).clone();
            counted.count_in(record);
            tables.events.insert(counted.id, counted);
            return Ok(Insert::Inserted);
        }
        let alike = below.iter().filter(|one| one.class == record.class);
        let alike: Vec<EventId> = alike.map(|one| one.id).collect();
        let excess = (alike.len() + 1).saturating_sub(keep);
        for id in alike.iter().take(excess) {
            tables.events.remove(id);
        }
        tables.events.insert(record.id, record.clone());
        Ok(Insert::Inserted)
    }

    async fn events_of(
        &self,
        user: UserId,
        before: Option<EventId>,
        limit: usize,
        now: Timestamp,
    ) -> Answer<Vec<AuditRecord>> {
        let tables = self.tables();
        let is_listed = |record: &&AuditRecord| {
            let is_below = before.is_none_or(|before| record.id < before);
            record.user_id == user && record.is_live(now) && is_below
        };
        let events = tables.events.values().rev().filter(is_listed);
        Ok(events.take(limit).cloned().collect())
    }

    async fn remove_events(&self, user: UserId) -> Answer<u64> {
        Ok(remove(&mut self.tables().events, |one| one.user_id == user))
    }
}

/// Registers a user.
#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let secret = SecretBytes::from_base64("bm90IGEgc2VjcmV0LCBvbmx5IGZvciB0aGlzIGV4YW1wbGU=")?;
    let auth = AuthService::builder(MapStore::default())
        .config(AuthConfig::new("Exam simulator"))
        .keyring(Keyring::from_secret(secret)?)
        .build()?;
    let here = RequestContext::from_ip(IpAddr::from([127, 0, 0, 1]));
    let request = RegisterRequest {
        email: "ann@example.org".into(),
        password: "plum-Orbit-47-lantern".into(),
        confirm_password: "plum-Orbit-47-lantern".into(),
        name: "Ann".into(),
    };
    let registered = auth.register(request, &here).await?;
    tracing_subscriber::fmt().init();
    tracing::info!(?registered, "registered");
    Ok(())
}
