//! A complete store over maps, as a start for your own: `cargo run --example custom_store`.
//!
//! Each method is one act under one lock. The functions on `User`, `Session`, `Quota` and so
//! on define what an act does to a record. A store over a database does the same in one
//! statement. `tests/custom_store.rs` runs the conformance suite on it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use admittance::store::prelude::*;
use admittance::{AuthConfig, AuthService, Keyring, RegisterRequest, RequestContext, SecretBytes};

/// The tables.
#[derive(Debug, Default)]
struct Tables {
    users: BTreeMap<UserId, User>,
    sessions: BTreeMap<SessionId, Session>,
    tokens: BTreeMap<TokenDigest, OneTimeToken>,
    limits: BTreeMap<LimitKey, Usage>,
    attempts: BTreeMap<LimitKey, Attempts>,
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

    /// Applies `act` to the user, and returns the user if it changed.
    fn change(
        &self,
        id: UserId,
        act: impl FnOnce(&mut User) -> Result<bool, CounterExhausted>,
    ) -> Answer<Option<User>> {
        let mut tables = self.tables();
        let Some(user) = tables.users.get_mut(&id) else {
            return Ok(None);
        };
        Ok(act(user)?.then(|| user.clone()))
    }
}

impl Tables {
    fn user_by_email(&self, email: &CanonicalEmail) -> Option<&User> {
        let mut users = self.users.values();
        users.find(|user| user.email.canonical() == email)
    }
}

/// Inserts a row, unless its key is taken.
fn insert<K: Ord, V: Clone>(rows: &mut BTreeMap<K, V>, key: K, row: &V) -> Insert {
    match rows.entry(key) {
        Entry::Occupied(_) => Insert::Taken,
        Entry::Vacant(place) => {
            place.insert(row.clone());
            Insert::Inserted
        }
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
        if tables.user_by_email(user.email.canonical()).is_some() {
            return Ok(InsertUser::EmailTaken);
        }
        Ok(match insert(&mut tables.users, user.id, user) {
            Insert::Inserted => InsertUser::Inserted,
            Insert::Taken => InsertUser::IdTaken,
        })
    }

    async fn user(&self, id: UserId) -> Answer<Option<User>> {
        Ok(self.tables().users.get(&id).cloned())
    }

    async fn user_by_email(&self, email: &CanonicalEmail) -> Answer<Option<User>> {
        Ok(self.tables().user_by_email(email).cloned())
    }

    async fn record_login(
        &self,
        id: UserId,
        epoch: u64,
        new_device: Option<DeviceDigest>,
        now: Timestamp,
    ) -> Answer<bool> {
        let recorded = self.change(id, |user| Ok(user.record_login(epoch, new_device, now)))?;
        Ok(recorded.is_some())
    }

    async fn replace_password(
        &self,
        id: UserId,
        expected: &PasswordHash,
        new: &PasswordHash,
        epoch: EpochChange,
    ) -> Answer<bool> {
        let replaced = self.change(id, |user| user.replace_password(expected, new, epoch))?;
        Ok(replaced.is_some())
    }

    async fn update_profile(
        &self,
        id: UserId,
        version: u64,
        change: &ProfileChange,
    ) -> Answer<Option<User>> {
        self.change(id, |user| user.update_profile(version, change))
    }

    async fn verify_email(&self, account: &AccountState) -> Answer<bool> {
        let verified = self.change(account.id, |user| user.verify_email(account))?;
        Ok(verified.is_some())
    }

    async fn change_email(&self, account: &AccountState, to: &Email) -> Answer<EmailChange> {
        let mut tables = self.tables();
        let owner = tables.user_by_email(to.canonical()).map(|user| user.id);
        let is_taken = owner.is_some_and(|owner| owner != account.id);
        let user = tables.users.get_mut(&account.id);
        match user.filter(|user| account.is_of(user)) {
            None => Ok(EmailChange::Gone),
            Some(_) if is_taken => Ok(EmailChange::EmailTaken),
            Some(user) => {
                user.change_email(account, to)?;
                Ok(EmailChange::Changed)
            }
        }
    }

    async fn reset_password(
        &self,
        account: &AccountState,
        new: &PasswordHash,
        device: DeviceDigest,
        change: &ProfileChange,
    ) -> Answer<bool> {
        let reset = |user: &mut User| user.reset_password(account, new, device, change);
        Ok(self.change(account.id, reset)?.is_some())
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
        self.change(id, |user| user.set_status(version, status))
    }

    async fn change_roles(
        &self,
        id: UserId,
        version: u64,
        change: &RoleChange,
    ) -> Answer<Option<User>> {
        self.change(id, |user| user.change_roles(version, change))
    }

    async fn users(&self, after: Option<UserId>, limit: usize) -> Answer<Vec<User>> {
        let tables = self.tables();
        let users = tables.users.values();
        let users = users.filter(|user| after.is_none_or(|after| user.id > after));
        Ok(users.take(limit).cloned().collect())
    }

    async fn has_other(&self, role: &Role, except: UserId) -> Answer<bool> {
        let is_other = |user: &User| user.id != except && user.is_active_with(role);
        Ok(self.tables().users.values().any(is_other))
    }
}

#[async_trait]
impl SessionStore for MapStore {
    async fn insert_session(&self, session: &Session) -> Answer<Insert> {
        let sessions = &mut self.tables().sessions;
        Ok(insert(sessions, session.id, session))
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
        let live = |one: &&Session| one.user_id == user && one.is_live(now);
        let live = tables.sessions.values().rev().filter(live);
        let below = live.filter(|one| after.is_none_or(|after| one.id < after));
        Ok(below.take(limit).cloned().collect())
    }

    async fn rotate(
        &self,
        id: SessionId,
        presented: u64,
        policy: RotationPolicy,
        now: Timestamp,
    ) -> Answer<Rotation> {
        let sessions = &mut self.tables().sessions;
        let Some(session) = sessions.get(&id).cloned() else {
            return Ok(Rotation::Gone);
        };
        let rotation = session.rotate(presented, policy, now);
        match &rotation {
            Rotation::Rotated(next) => drop(sessions.insert(id, next.clone())),
            Rotation::Reused(_) => drop(sessions.remove(&id)),
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
        let sessions = &mut self.tables().sessions;
        let own = sessions.values().filter(|one| one.user_id == user);
        let oldest = Session::oldest(own, epoch, keep, now);
        Ok(remove(sessions, |one| oldest.contains(&one.id)))
    }
}

#[async_trait]
impl TokenStore for MapStore {
    async fn insert_token(&self, token: &OneTimeToken) -> Answer<Insert> {
        Ok(insert(&mut self.tables().tokens, token.digest, token))
    }

    async fn token(
        &self,
        digest: TokenDigest,
        purpose: TokenPurpose,
        now: Timestamp,
    ) -> Answer<Option<OneTimeToken>> {
        let tables = self.tables();
        let token = tables.tokens.get(&digest);
        Ok(token.filter(|token| token.is_for(purpose, now)).cloned())
    }

    async fn take_token(
        &self,
        digest: TokenDigest,
        purpose: TokenPurpose,
        now: Timestamp,
    ) -> Answer<Option<OneTimeToken>> {
        match self.tables().tokens.entry(digest) {
            Entry::Occupied(token) if token.get().is_for(purpose, now) => Ok(Some(token.remove())),
            _ => Ok(None),
        }
    }

    async fn tokens_of(&self, user: UserId, now: Timestamp) -> Answer<Vec<OneTimeToken>> {
        let tables = self.tables();
        let is_listed = |token: &&OneTimeToken| token.account.id == user && token.is_live(now);
        let mut tokens: Vec<_> = tables.tokens.values().filter(is_listed).cloned().collect();
        tokens.sort_by_key(|token| Reverse(token.created_at));
        Ok(tokens)
    }

    async fn remove_tokens(
        &self,
        user: UserId,
        purpose: Option<TokenPurpose>,
        made_until: Timestamp,
    ) -> Answer<u64> {
        let is_meant = |token: &OneTimeToken| {
            let is_of_purpose = purpose.is_none_or(|purpose| token.purpose == purpose);
            token.account.id == user && is_of_purpose && token.created_at <= made_until
        };
        Ok(remove(&mut self.tables().tokens, is_meant))
    }
}

#[async_trait]
impl LimitStore for MapStore {
    async fn hit_all(&self, hits: &[Hit], now: Timestamp) -> Answer<Decision> {
        are_few(hits)?;
        let limits = &mut self.tables().limits;
        let budgets = hits
            .iter()
            .map(|hit| (hit.quota, limits.get(&hit.key).copied()));
        let (usages, decision) = decide_all(&budgets.collect::<Vec<_>>(), now);
        let kept = hits.iter().zip(usages);
        limits.extend(kept.filter_map(|(hit, usage)| Some((hit.key, usage?))));
        Ok(decision)
    }

    async fn give_back(&self, hits: &[Hit]) -> Answer<()> {
        are_few(hits)?;
        let limits = &mut self.tables().limits;
        for hit in hits {
            if let Some(usage) = limits.get_mut(&hit.key) {
                *usage = hit.quota.give_back(*usage);
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
        let attempts = &mut self.tables().attempts;
        let (kept, attempt) = policy.attempt(attempts.get(&key).copied(), now);
        attempts.insert(key, kept);
        Ok(attempt)
    }

    async fn forgive(&self, key: LimitKey, until: Timestamp) -> Answer<()> {
        let attempts = &mut self.tables().attempts;
        attempts.retain(|one, kept| *one != key || !kept.are_forgiven(until));
        Ok(())
    }
}

#[async_trait]
impl AuditStore for MapStore {
    async fn append_event(&self, record: &AuditRecord, keep: usize) -> Answer<Insert> {
        let events = &mut self.tables().events;
        match record.append(events.values(), keep) {
            Append::Taken => return Ok(Insert::Taken),
            Append::Counted(counted) => drop(events.insert(counted.id, *counted)),
            Append::Added(dropped) => {
                events.retain(|id, _| !dropped.contains(id));
                events.insert(record.id, record.clone());
            }
        }
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
        let live = |one: &&AuditRecord| one.user_id == user && one.is_live(now);
        let live = tables.events.values().rev().filter(live);
        let below = live.filter(|one| before.is_none_or(|before| one.id < before));
        Ok(below.take(limit).cloned().collect())
    }

    async fn remove_events(&self, user: UserId) -> Answer<u64> {
        Ok(remove(&mut self.tables().events, |one| one.user_id == user))
    }
}

/// Registers a user.
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let secret = SecretBytes::from_base64("bm90IGEgc2VjcmV0LCBvbmx5IGZvciB0aGlzIGV4YW1wbGU=")?;
    let auth = AuthService::builder(MapStore::default())
        .config(AuthConfig::new("Exam simulator"))
        .keyring(Keyring::from_secret(secret)?)
        .build()?;
    let request = RegisterRequest {
        email: "ann@example.org".into(),
        password: "plum-Orbit-47-lantern".into(),
        confirm_password: "plum-Orbit-47-lantern".into(),
        name: "Ann".into(),
        ..RegisterRequest::default()
    };
    let here = RequestContext::from_ip([127, 0, 0, 1].into());
    let registered = auth.register(request, &here).await?;
    tracing_subscriber::fmt().init();
    tracing::info!(?registered, "registered");
    Ok(())
}
