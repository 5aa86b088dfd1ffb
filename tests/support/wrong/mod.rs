//! A simple store, right in everything but the one [`Fault`] it is given.

mod accounts;
mod events;
mod fault;
mod identities;
mod limits;
mod tokens;
mod users;
mod values;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use admittance::audit::AuditRecord;
use admittance::email::CanonicalEmail;
use admittance::id::{EventId, SessionId, UserId};
use admittance::identity::IdentityKey;
use admittance::limit::{LimitKey, Usage};
use admittance::lockout::Attempts;
use admittance::proof::{Method, Proof};
use admittance::session::{Rotation, RotationPolicy, Session, SessionLength};
use admittance::store::{Insert, SessionStore, StoreError};
use admittance::time::Timestamp;
use admittance::token::{OneTimeToken, TokenDigest};
use admittance::user::User;
use async_trait::async_trait;

pub use fault::Fault;

use Fault::*;
use values::cut;

#[derive(Default)]
struct Tables {
    users: HashMap<UserId, User>,
    /// Addresses that nobody has and nobody gets.
    blocked: HashSet<CanonicalEmail>,
    removed: HashMap<UserId, User>,
    /// Identities that nobody has and nobody gets.
    kept: HashSet<IdentityKey>,
    sessions: HashMap<SessionId, Session>,
    tokens: HashMap<TokenDigest, OneTimeToken>,
    limits: HashMap<LimitKey, Usage>,
    attempts: HashMap<LimitKey, Attempts>,
    events: HashMap<EventId, AuditRecord>,
}

pub struct WrongStore {
    fault: Fault,
    tables: Arc<Mutex<Tables>>,
    /// What only this handle holds.
    lock: tokio::sync::Mutex<()>,
    /// What only this handle has read.
    cache: Mutex<HashMap<UserId, User>>,
}

impl WrongStore {
    pub fn with(fault: Fault) -> Self {
        Self {
            fault,
            tables: Arc::default(),
            lock: tokio::sync::Mutex::default(),
            cache: Mutex::default(),
        }
    }

    /// Another handle of the same tables.
    pub fn again(&self) -> Self {
        Self {
            tables: Arc::clone(&self.tables),
            ..Self::with(self.fault)
        }
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads and writes in one act, unless `gap` is the fault: then others get
    /// in between.
    async fn act<T, R>(
        &self,
        gap: Fault,
        read: impl FnOnce(&Tables) -> T,
        write: impl FnOnce(&mut Tables, T) -> R,
    ) -> R {
        if self.has(CachesByHandle) {
            self.cache().clear();
        }
        let held = match self.has(LocksByHandle) {
            true => Some(self.lock.lock().await),
            false => None,
        };
        if self.has(gap) || held.is_some() {
            let seen = read(&self.tables());
            // So that another handle gets in between on any machine.
            for _ in 0..if held.is_some() { 16 } else { 1 } {
                tokio::task::yield_now().await;
            }
            return write(&mut self.tables(), seen);
        }
        let mut tables = self.tables();
        let seen = read(&tables);
        let answer = write(&mut tables, seen);
        self.spoil(&mut tables);
        answer
    }

    fn cache(&self) -> MutexGuard<'_, HashMap<UserId, User>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "what a database without 64-bit integers does to a counter"
    )]
    fn counter(&self, counter: u64) -> u64 {
        if self.has(KeepsCountersAsDoubles) {
            return counter as f64 as u64;
        }
        counter
    }

    fn time(&self, time: Timestamp) -> Timestamp {
        if self.has(CutsTimesToSeconds) {
            return Timestamp::from_secs(time.as_secs());
        }
        time
    }

    fn kept_session(&self, session: &Session) -> Session {
        let mut session = session.clone();
        session.refresh_counter = self.counter(session.refresh_counter);
        session.last_seen_at = self.time(session.last_seen_at);
        if self.has(ForgetsShort) {
            session.length = SessionLength::Usual;
        }
        if self.has(ForgetsProofs) {
            session.proofs = Proof::by_password(session.created_at).into();
        }
        if self.has(ForgetsSecondFactors) {
            let passwords = |proof: &Proof| proof.method == Method::Password;
            session.proofs = session.proofs.iter().filter(passwords).collect();
        }
        if let Some(agent) = &mut session.user_agent {
            if self.has(TrimsText) {
                *agent = agent.trim().to_owned();
            }
            if self.has(DropsEmptyText) && agent.is_empty() {
                session.user_agent = None;
            }
        }
        session
    }

    fn is_live(&self, session: &Session, now: Timestamp) -> bool {
        match self.fault {
            SessionsExpireLate => now <= session.expires_at && now <= session.absolute_expires_at,
            IgnoresAbsoluteEnd => now < session.expires_at,
            _ => session.is_live(now),
        }
    }
}

impl WrongStore {
    /// Ends the sessions of `user` that are meant.
    async fn end_all(&self, user: UserId, is_meant: impl Fn(&Session) -> bool) -> u64 {
        let list = |tables: &Tables| {
            let all = tables.sessions.values();
            let mine =
                |session: &&Session| session.user_id == user || self.has(EndsSessionsOfOthers);
            all.filter(mine)
                .filter(|session| is_meant(session))
                .map(|session| session.id)
                .collect::<Vec<_>>()
        };
        let write = |tables: &mut Tables, ids: Vec<SessionId>| {
            for id in &ids {
                tables.sessions.remove(id);
            }
            ids.len() as u64 + u64::from(self.has(CountsOneTooMany))
        };
        self.act(ListsThenEnds, list, write).await
    }
}

#[async_trait]
impl SessionStore for WrongStore {
    async fn insert_session(&self, session: &Session) -> Result<Insert, StoreError> {
        let session = self.kept_session(session);
        let check = |tables: &Tables| {
            tables.sessions.contains_key(&session.id) && !self.has(OverwritesSessions)
        };
        let write = |tables: &mut Tables, taken| match taken {
            true => Insert::Taken,
            false => {
                tables.sessions.insert(session.id, session.clone());
                Insert::Inserted
            }
        };
        Ok(self.act(ChecksThenInsertsSession, check, write).await)
    }

    async fn session(&self, id: SessionId, now: Timestamp) -> Result<Option<Session>, StoreError> {
        let tables = self.tables();
        let found = tables.sessions.get(&id);
        Ok(found.filter(|found| self.is_live(found, now)).cloned())
    }

    async fn sessions_of(
        &self,
        user: UserId,
        after: Option<SessionId>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        let tables = self.tables();
        let is_below = |id: SessionId| match after {
            None => true,
            Some(_) if self.has(SessionPagesBeginAnew) => true,
            Some(after) if self.has(PagesRepeatASession) => id <= after,
            Some(after) => id < after,
        };
        let mine = |session: &&Session| {
            let is_live = self.is_live(session, now) || self.has(CutsSessionsBeforeTheyAreSifted);
            let is_owned = session.user_id == user || self.has(ListsSessionsOfAll);
            is_owned && is_live && is_below(session.id)
        };
        let mut live: Vec<Session> = tables.sessions.values().filter(mine).cloned().collect();
        live.sort_by_key(|session| session.id);
        if self.has(ListsByLastSeen) {
            live.sort_by_key(|session| session.last_seen_at);
        }
        if !self.has(ListsOldestFirst) {
            live.reverse();
        }
        if let (Some(after), true) = (after, self.has(LooksForTheLastSession)) {
            // One that has ended is not found, and nothing after it.
            let place = tables.sessions.get(&after).map_or(usize::MAX, |_| 0);
            live.drain(..place.min(live.len()));
        }
        match self.fault {
            IgnoresSessionLimit => {}
            TakesZeroSessionsForAll if limit == 0 => {}
            CutsLimitsTo32Bits => live.truncate(limit & 0xffff_ffff),
            _ => live.truncate(limit),
        }
        live.retain(|session| self.is_live(session, now));
        Ok(live)
    }

    async fn rotate(
        &self,
        id: SessionId,
        presented: u64,
        policy: RotationPolicy,
        now: Timestamp,
    ) -> Result<Rotation, StoreError> {
        let decide = |tables: &Tables| {
            let Some(before) = tables.sessions.get(&id).cloned() else {
                return Rotation::Gone;
            };
            let mut rotation = before.clone().rotate(presented, policy, now);
            if self.has(LateRefreshEndsSession)
                && rotation == Rotation::Gone
                && before.is_live(now)
                && presented < before.refresh_counter
            {
                rotation = Rotation::Reused(before.clone());
            }
            if let Rotation::Rotated(session) = &mut rotation {
                if self.has(RefreshOutlivesAbsoluteEnd) {
                    session.expires_at = now.saturating_add(policy.idle_timeout);
                }
                if let Some(agent) = session
                    .user_agent
                    .as_mut()
                    .filter(|_| self.has(RefreshCutsUserAgents))
                {
                    cut(agent, 255);
                }
                if self.has(RefreshCountsIn32Bits) {
                    session.refresh_counter = session.refresh_counter.min(u32::MAX.into());
                }
                if self.has(RefreshForgetsLastSeen) {
                    session.last_seen_at = before.last_seen_at;
                }
                if self.has(RefreshForgetsShort) {
                    session.length = SessionLength::Usual;
                }
                if self.has(RefreshCountsAsProof) {
                    session.proofs = Proof::by_password(now).into();
                }
            }
            match rotation {
                Rotation::Repeated(session) if self.has(GivesNoGrace) => Rotation::Reused(session),
                rotation => rotation,
            }
        };
        let write = |tables: &mut Tables, rotation: Rotation| {
            match &rotation {
                Rotation::Rotated(session) => {
                    tables.sessions.insert(id, session.clone());
                }
                Rotation::Reused(_) if !self.has(KeepsReusedSession) => {
                    tables.sessions.remove(&id);
                }
                _ => {}
            }
            rotation
        };
        Ok(self.act(ReadsThenRotates, decide, write).await)
    }

    async fn end_session(&self, user: UserId, id: SessionId) -> Result<bool, StoreError> {
        let owned = |session: &Session| session.user_id == user || self.has(EndsSessionsOfOthers);
        let find = |tables: &Tables| tables.sessions.get(&id).is_some_and(owned);
        let write = |tables: &mut Tables, found| found && tables.sessions.remove(&id).is_some();
        Ok(self.act(ListsThenEnds, find, write).await)
    }

    async fn end_sessions(&self, user: UserId, ids: &[SessionId]) -> Result<u64, StoreError> {
        let is_meant = |session: &Session| {
            ids.contains(&session.id) || (self.has(EndsUnnamedSessions) && !ids.is_empty())
        };
        Ok(self.end_all(user, is_meant).await)
    }

    async fn end_dead_sessions(&self, user: UserId, epoch: u64) -> Result<u64, StoreError> {
        let is_dead = |session: &Session| match self.fault {
            EndsNoDeadSessions => false,
            EndsSessionsOfAnyEpoch => epoch > 0,
            _ => session.auth_epoch < epoch,
        };
        Ok(self.end_all(user, is_dead).await)
    }

    async fn end_oldest_sessions(
        &self,
        user: UserId,
        epoch: u64,
        keep: u32,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let counts = |session: &&Session| {
            (session.user_id == user || self.has(CountsSessionsOfAll))
                && (session.auth_epoch == epoch || self.has(CountsEveryEpoch))
                && (session.is_live(now) || self.has(CountsDeadSessions))
        };
        let oldest_first = |tables: &Tables| {
            let all = tables.sessions.values().filter(counts);
            let mut all: Vec<Session> = all.cloned().collect();
            all.sort_by_key(|session| match self.fault {
                EndsLeastSeenSessions => (session.last_seen_at, session.id),
                IgnoresIdOfSessions => (session.created_at, SessionId::from_bytes([0; 12])),
                _ => (session.created_at, session.id),
            });
            if self.has(IgnoresIdOfSessions) {
                all.dedup_by_key(|session| session.created_at);
            }
            if self.has(EndsNewestSessions) {
                all.reverse();
            }
            all
        };
        let keep = keep as usize + usize::from(self.has(KeepsOneTooMany));
        let count = |tables: &Tables| oldest_first(tables).len().saturating_sub(keep);
        let write = |tables: &mut Tables, over: usize| {
            let oldest = oldest_first(tables);
            for session in oldest.iter().take(over) {
                tables.sessions.remove(&session.id);
            }
            over.min(oldest.len()) as u64
        };
        Ok(self.act(CountsThenEndsOldest, count, write).await)
    }
}
