//! A whole store over maps, as a start for your own: `cargo run --example custom_store`.
//!
//! Each method is one act under one lock, and applies the rules that `User`, `Session`, `Quota`
//! and so on have for it. `tests/custom_store.rs` runs the conformance suite on it.

use std::collections::BTreeMap;

use admittance::store::prelude::*;
use admittance::{AuthConfig, AuthService, Keyring, RegisterRequest, RequestContext, SecretBytes};
use tokio::sync::Mutex;

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

type Reply<T> = Result<T, StoreError>;
type Read<T> = Reply<Option<T>>;
type Count = Reply<u64>;

fn by_email<'t>(users: &'t BTreeMap<UserId, User>, email: &CanonicalEmail) -> Option<&'t User> {
    users.values().find(|user| user.email.canonical() == email)
}

fn by_identity<'t>(users: &'t BTreeMap<UserId, User>, key: &IdentityKey) -> Option<&'t User> {
    let is_owner = |user: &&User| user.identities.by_key(key).is_some();
    users.values().find(is_owner)
}

/// Inserts a row, unless its key is taken.
fn insert<K: Ord, V: Clone>(rows: &mut BTreeMap<K, V>, key: K, row: &V) -> Insert {
    if rows.contains_key(&key) {
        return Insert::Taken;
    }
    rows.insert(key, row.clone());
    Insert::Inserted
}

/// Removes the rows for which `is_meant` returns `true`, and returns their number.
fn remove<K: Ord, V>(rows: &mut BTreeMap<K, V>, is_meant: impl Fn(&V) -> bool) -> u64 {
    let before = rows.len();
    rows.retain(|_, row| !is_meant(row));
    u64::try_from(before - rows.len()).unwrap_or(u64::MAX)
}

#[async_trait]
impl UserStore for MapStore {
    async fn insert_user(&self, user: &User) -> Reply<InsertUser> {
        let users = &mut self.0.lock().await.users;
        let is_taken = |one: &Identity| by_identity(users, &one.key()).is_some();
        Ok(match by_email(users, user.email.canonical()) {
            Some(_) => InsertUser::EmailTaken,
            None if user.identities.iter().any(is_taken) => InsertUser::IdentityTaken,
            None => insert(users, user.id, user).into(),
        })
    }

    async fn user(&self, id: UserId) -> Read<User> {
        Ok(self.0.lock().await.users.get(&id).cloned())
    }

    async fn user_by_email(&self, email: &CanonicalEmail) -> Read<User> {
        Ok(by_email(&self.0.lock().await.users, email).cloned())
    }

    async fn user_by_identity(&self, key: &IdentityKey) -> Read<User> {
        Ok(by_identity(&self.0.lock().await.users, key).cloned())
    }

    async fn change_user(&self, id: UserId, change: &UserChange) -> Read<User> {
        let mut tables = self.0.lock().await;
        let change = |user: &mut User| Ok(user.change(change)?.then(|| user.clone()));
        tables.users.get_mut(&id).map_or(Ok(None), change)
    }

    async fn change_email(&self, account: &AccountState, to: &Email) -> Reply<EmailChange> {
        let users = &mut self.0.lock().await.users;
        let owner = by_email(users, to.canonical()).map(|user| user.id);
        let act = |user: &mut User| user.change_email(account, to, owner);
        let user = users.get_mut(&account.id);
        Ok(user.map_or(Ok(EmailChange::Gone), act)?)
    }

    async fn remove_user(&self, account: &AccountState, which: Removal) -> Reply<bool> {
        let is_meant = |user: &User| user.may_be_removed(account, which);
        Ok(remove(&mut self.0.lock().await.users, is_meant) > 0)
    }

    async fn link_identity(&self, id: UserId, version: u64, one: &Identity) -> Reply<IdentityLink> {
        let users = &mut self.0.lock().await.users;
        let owner = by_identity(users, &one.key()).map(|user| user.id);
        let act = |user: &mut User| user.link_identity(version, one, owner);
        Ok(users.get_mut(&id).map_or(Ok(IdentityLink::Refused), act)?)
    }

    async fn users(&self, after: Option<UserId>, limit: usize) -> Reply<Vec<User>> {
        let users = &self.0.lock().await.users;
        let next = |user: &&User| after.is_none_or(|after| user.id > after);
        Ok(users.values().filter(next).take(limit).cloned().collect())
    }

    async fn has_other(&self, role: &Role, except: UserId) -> Reply<bool> {
        let is_other = |user: &User| user.id != except && user.is_active_with(role);
        Ok(self.0.lock().await.users.values().any(is_other))
    }
}

#[async_trait]
impl SessionStore for MapStore {
    async fn insert_session(&self, session: &Session) -> Reply<Insert> {
        let sessions = &mut self.0.lock().await.sessions;
        Ok(insert(sessions, session.id, session))
    }

    async fn session(&self, id: SessionId, now: Timestamp) -> Read<Session> {
        let session = self.0.lock().await.sessions.get(&id).cloned();
        Ok(session.filter(|session| session.is_live(now)))
    }

    async fn sessions_of(
        &self,
        user: UserId,
        after: Option<SessionId>,
        limit: usize,
        now: Timestamp,
    ) -> Reply<Vec<Session>> {
        let tables = self.0.lock().await;
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
    ) -> Reply<Rotation> {
        let sessions = &mut self.0.lock().await.sessions;
        let session = sessions.get(&id).cloned();
        let rotation = session.map_or(Rotation::Gone, |one| one.rotate(presented, policy, now));
        match &rotation {
            Rotation::Rotated(next) => drop(sessions.insert(id, next.clone())),
            Rotation::Reused(_) => drop(sessions.remove(&id)),
            Rotation::Repeated(_) | Rotation::Gone => {}
        }
        Ok(rotation)
    }

    async fn end_sessions(&self, user: UserId, ids: &[SessionId]) -> Count {
        let is_meant = |session: &Session| session.user_id == user && ids.contains(&session.id);
        Ok(remove(&mut self.0.lock().await.sessions, is_meant))
    }

    async fn end_dead_sessions(&self, user: UserId, epoch: u64) -> Count {
        let is_dead = |session: &Session| session.user_id == user && session.auth_epoch < epoch;
        Ok(remove(&mut self.0.lock().await.sessions, is_dead))
    }

    async fn end_oldest_sessions(&self, of: UserId, epoch: u64, keep: u32, at: Timestamp) -> Count {
        let sessions = &mut self.0.lock().await.sessions;
        let own = sessions.values().filter(|one| one.user_id == of);
        let oldest = Session::oldest(own, epoch, keep, at);
        Ok(remove(sessions, |one| oldest.contains(&one.id)))
    }
}

#[async_trait]
impl TokenStore for MapStore {
    async fn insert_token(&self, token: &OneTimeToken) -> Reply<Insert> {
        Ok(insert(&mut self.0.lock().await.tokens, token.digest, token))
    }

    async fn token(&self, id: TokenDigest, of: TokenPurpose, now: Timestamp) -> Read<OneTimeToken> {
        let token = self.0.lock().await.tokens.get(&id).cloned();
        Ok(token.filter(|token| token.is_for(of, now)))
    }

    async fn take_token(
        &self,
        digest: TokenDigest,
        purpose: TokenPurpose,
        now: Timestamp,
    ) -> Read<OneTimeToken> {
        let tokens = &mut self.0.lock().await.tokens;
        let token = tokens.get(&digest);
        let is_found = token.is_some_and(|token| token.is_for(purpose, now));
        Ok(is_found.then(|| tokens.remove(&digest)).flatten())
    }

    async fn tokens_of(&self, user: UserId, now: Timestamp) -> Reply<Vec<OneTimeToken>> {
        let tables = self.0.lock().await;
        let is_listed = |token: &&OneTimeToken| token.account.id == user && token.is_live(now);
        let mut tokens: Vec<_> = tables.tokens.values().filter(is_listed).cloned().collect();
        tokens.sort_by_key(|token| std::cmp::Reverse(token.created_at));
        Ok(tokens)
    }

    async fn remove_tokens(&self, user: UserId, of: Option<TokenPurpose>, to: Timestamp) -> Count {
        let is_meant = |token: &OneTimeToken| token.is_of(user, of, to);
        Ok(remove(&mut self.0.lock().await.tokens, is_meant))
    }
}

#[async_trait]
impl LimitStore for MapStore {
    async fn hit_all(&self, hits: &[Hit], now: Timestamp) -> Reply<Decision> {
        are_few(hits)?;
        let limits = &mut self.0.lock().await.limits;
        let budget = |hit: &Hit| (hit.quota, limits.get(&hit.key).copied());
        let (usages, decision) = decide_all(&hits.iter().map(budget).collect::<Vec<_>>(), now);
        let kept = hits.iter().zip(usages);
        limits.extend(kept.filter_map(|(hit, usage)| Some((hit.key, usage?))));
        Ok(decision)
    }

    async fn give_back(&self, hits: &[Hit]) -> Reply<()> {
        are_few(hits)?;
        let limits = &mut self.0.lock().await.limits;
        for hit in hits {
            let usage = limits.entry(hit.key);
            usage.and_modify(|usage| *usage = hit.quota.give_back(*usage));
        }
        Ok(())
    }

    async fn attempt(&self, key: LimitKey, by: &LockoutPolicy, now: Timestamp) -> Reply<Attempt> {
        let attempts = &mut self.0.lock().await.attempts;
        let (kept, attempt) = by.attempt(attempts.get(&key).copied(), now);
        attempts.insert(key, kept);
        Ok(attempt)
    }

    async fn forgive(&self, key: LimitKey, until: Timestamp) -> Reply<()> {
        let attempts = &mut self.0.lock().await.attempts;
        attempts.retain(|one, kept| *one != key || !kept.are_forgiven(until));
        Ok(())
    }
}

#[async_trait]
impl AuditStore for MapStore {
    async fn append_event(&self, record: &AuditRecord, keep: usize) -> Reply<Insert> {
        let events = &mut self.0.lock().await.events;
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
    ) -> Reply<Vec<AuditRecord>> {
        let tables = self.0.lock().await;
        let live = |one: &&AuditRecord| one.user_id == user && one.is_live(now);
        let live = tables.events.values().rev().filter(live);
        let below = live.filter(|one| before.is_none_or(|before| one.id < before));
        Ok(below.take(limit).cloned().collect())
    }

    async fn remove_events(&self, user: UserId) -> Count {
        let events = &mut self.0.lock().await.events;
        Ok(remove(events, |one| one.user_id == user))
    }
}

/// Registers a user.
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().init();
    let secret = SecretBytes::from_base64("bm90IGEgc2VjcmV0LCBvbmx5IGZvciB0aGlzIGV4YW1wbGU=")?;
    let auth = AuthService::builder(MapStore::default())
        .config(AuthConfig::new("Exam simulator"))
        .keyring(Keyring::from_secret(secret)?)
        .build()?;
    let ann = RegisterRequest::new("ann@example.org", "plum-Orbit-47-lantern", "Ann");
    let here = RequestContext::from_ip([127, 0, 0, 1].into());
    tracing::info!(registered = ?auth.register(ann, &here).await?);
    Ok(())
}
