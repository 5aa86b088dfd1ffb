//! A simple store, right in everything but the one [`Fault`] it is given.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use admittance::email::{CanonicalEmail, Email};
use admittance::id::{SessionId, UserId};
use admittance::limit::{Decision, LimitKey, Quota};
use admittance::preferences::Preferences;
use admittance::session::{Rotation, RotationPolicy, Session};
use admittance::store::{
    Epoch, Insert, InsertUser, LimitStore, ProfileChange, SessionStore, StoreError, TokenStore,
    UserStore,
};
use admittance::time::Timestamp;
use admittance::token::{OneTimeToken, TokenDigest, TokenPurpose};
use admittance::user::{DisplayName, PasswordHash, User, UserStatus};
use async_trait::async_trait;

/// What is wrong with the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Nothing,

    DropsPreferences,
    CutsTimesToSeconds,
    KeepsCountersAsDoubles,
    FindsAnybody,
    ComparesEmailsAsGiven,
    FoldsEmails,
    OverwritesUsers,
    KeepsEmailOfRefusedUser,
    ProfileChangeUnverifies,
    MergesPreferences,
    MakesMissingUsers,
    RecordsLoginOfDisabled,
    LoginIgnoresEpoch,
    IgnoresExpectedPassword,
    ForgetsEpoch,
    ReadsEmailAsPattern,
    CutsTextAtNul,

    DropsEmptyText,
    OverwritesSessions,
    SessionsExpireLate,
    IgnoresAbsoluteEnd,
    ListsOldestFirst,
    EndsSessionsOfOthers,
    IgnoresException,
    CountsOneTooMany,

    GivesNoGrace,
    KeepsReusedSession,
    RefreshOutlivesAbsoluteEnd,
    RefreshForgetsLastSeen,

    KeepsConsumedToken,
    IgnoresPurpose,
    WrongPurposeSpendsToken,
    TokensExpireLate,
    OverwritesTokens,
    RemovesTokensOfAll,

    CountsInWholeSeconds,
    CountsAllUnderOneKey,
    CountsRefusedActs,
    KeepsFarTimes,

    ChecksThenInsertsUser,
    ChecksThenReplacesPassword,
    LoginWritesWholeUser,
    ProfileChangeWritesWholeUser,
    ChecksThenInsertsSession,
    ChecksThenInsertsToken,
    ReadsThenConsumes,
    ReadsThenRotates,
    ListsThenEnds,
    ListsThenRemovesTokens,
    ReadsThenCounts,
}

use Fault::*;

#[derive(Default)]
struct Tables {
    users: HashMap<UserId, User>,
    refused: HashSet<CanonicalEmail>,
    sessions: HashMap<SessionId, Session>,
    tokens: HashMap<TokenDigest, OneTimeToken>,
    limits: HashMap<LimitKey, Timestamp>,
}

pub(crate) struct FaultyStore {
    fault: Fault,
    tables: Mutex<Tables>,
}

impl FaultyStore {
    pub(crate) fn with(fault: Fault) -> Self {
        Self {
            fault,
            tables: Mutex::default(),
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
        if self.has(gap) {
            let seen = read(&self.tables());
            tokio::task::yield_now().await;
            return write(&mut self.tables(), seen);
        }
        let mut tables = self.tables();
        let seen = read(&tables);
        write(&mut tables, seen)
    }

    fn email(&self, email: &CanonicalEmail) -> CanonicalEmail {
        if self.has(FoldsEmails) {
            let folded = email.as_str().to_uppercase().to_lowercase();
            return CanonicalEmail::from_store(folded);
        }
        email.clone()
    }

    fn key_of(&self, user: &User) -> CanonicalEmail {
        if self.has(ComparesEmailsAsGiven) {
            return CanonicalEmail::from_store(user.email.as_str().to_owned());
        }
        self.email(user.email.canonical())
    }

    fn same_email(&self, user: &User, email: &CanonicalEmail) -> bool {
        let pattern = self.has(ReadsEmailAsPattern) && email.as_str().contains(".*");
        pattern || self.key_of(user) == self.email(email)
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

    fn kept_user(&self, user: &User) -> User {
        let mut user = user.clone();
        user.auth_epoch = self.counter(user.auth_epoch);
        user.created_at = self.time(user.created_at);
        if self.has(DropsPreferences) {
            user.preferences = Preferences::default();
        }
        if self.has(FoldsEmails) {
            let folded = self.email(user.email.canonical()).as_str().to_owned();
            user.email = Email::from_store(user.email.as_str().to_owned(), folded);
        }
        user
    }

    fn kept_session(&self, session: &Session) -> Session {
        let mut session = session.clone();
        session.refresh_counter = self.counter(session.refresh_counter);
        session.last_seen_at = self.time(session.last_seen_at);
        if let Some(agent) = &mut session.user_agent {
            if self.has(CutsTextAtNul) {
                agent.truncate(agent.find('\0').unwrap_or(agent.len()));
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

#[async_trait]
impl UserStore for FaultyStore {
    async fn insert_user(&self, user: &User) -> Result<InsertUser, StoreError> {
        let user = self.kept_user(user);
        let check = |tables: &Tables| {
            let taken = |other: &User| self.key_of(other) == self.key_of(&user);
            if tables.users.values().any(taken) || tables.refused.contains(user.email.canonical()) {
                return InsertUser::EmailTaken;
            }
            match tables.users.contains_key(&user.id) && !self.has(OverwritesUsers) {
                true => InsertUser::IdTaken,
                false => InsertUser::Inserted,
            }
        };
        let write = |tables: &mut Tables, outcome| {
            if outcome == InsertUser::Inserted {
                tables.users.insert(user.id, user.clone());
            } else if self.has(KeepsEmailOfRefusedUser) {
                tables.refused.insert(user.email.canonical().clone());
            }
            outcome
        };
        Ok(self.act(ChecksThenInsertsUser, check, write).await)
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let tables = self.tables();
        let anybody = tables.users.values().find(|_| self.has(FindsAnybody));
        Ok(tables.users.get(&id).or(anybody).cloned())
    }

    async fn user_by_email(&self, email: &CanonicalEmail) -> Result<Option<User>, StoreError> {
        let tables = self.tables();
        let mut users = tables.users.values();
        Ok(users.find(|user| self.same_email(user, email)).cloned())
    }

    async fn record_login(
        &self,
        id: UserId,
        epoch: u64,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let check = |tables: &Tables| {
            let mut user = tables.users.get(&id).cloned()?;
            let active = user.status == UserStatus::Active || self.has(RecordsLoginOfDisabled);
            let good = active && (user.auth_epoch == epoch || self.has(LoginIgnoresEpoch));
            user.last_login = Some(now);
            good.then_some(user)
        };
        let write = |tables: &mut Tables, user: Option<User>| {
            let found = user.is_some();
            tables.users.extend(user.map(|user| (id, user)));
            found
        };
        Ok(self.act(LoginWritesWholeUser, check, write).await)
    }

    async fn replace_password(
        &self,
        id: UserId,
        expected: &PasswordHash,
        new: &PasswordHash,
        epoch: Epoch,
    ) -> Result<bool, StoreError> {
        let check = |tables: &Tables| {
            let user = tables.users.get(&id)?;
            let same = user.password_hash.is(expected) || self.has(IgnoresExpectedPassword);
            same.then_some(id)
        };
        let write = |tables: &mut Tables, found: Option<UserId>| {
            let Some(user) = found.and_then(|id| tables.users.get_mut(&id)) else {
                return false;
            };
            user.password_hash = new.clone();
            if epoch == Epoch::Raise && !self.has(ForgetsEpoch) {
                user.auth_epoch += 1;
            }
            true
        };
        Ok(self.act(ChecksThenReplacesPassword, check, write).await)
    }

    async fn update_profile(
        &self,
        id: UserId,
        change: &ProfileChange,
    ) -> Result<Option<User>, StoreError> {
        let read = |tables: &Tables| {
            let missing = self.has(MakesMissingUsers).then(|| nobody(id));
            let mut user = tables.users.get(&id).cloned().or(missing)?;
            user.name = change.name.clone().unwrap_or(user.name);
            if let Some(preferences) = &change.preferences {
                let mut object = preferences.as_map().clone();
                if self.has(MergesPreferences) {
                    object.extend(user.preferences.as_map().clone());
                }
                user.preferences = Preferences::from_store(object);
            }
            if self.has(ProfileChangeUnverifies) {
                user.is_verified = false;
            }
            Some(user)
        };
        let write = |tables: &mut Tables, user: Option<User>| {
            tables.users.extend(user.clone().map(|user| (id, user)));
            user
        };
        Ok(self.act(ProfileChangeWritesWholeUser, read, write).await)
    }
}

fn nobody(id: UserId) -> User {
    User {
        id,
        email: Email::from_store(String::new(), String::new()),
        name: DisplayName::from_store(String::new()),
        password_hash: PasswordHash::new(""),
        created_at: Timestamp::MIN,
        last_login: None,
        is_verified: false,
        roles: Default::default(),
        preferences: Preferences::default(),
        status: UserStatus::Active,
        auth_epoch: 0,
    }
}

#[async_trait]
impl SessionStore for FaultyStore {
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

    async fn sessions_of(&self, user: UserId, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        let tables = self.tables();
        let live = |session: &&Session| session.user_id == user && self.is_live(session, now);
        let mut live: Vec<Session> = tables.sessions.values().filter(live).cloned().collect();
        live.sort_by_key(|session| (session.last_seen_at, session.id));
        if !self.has(ListsOldestFirst) {
            live.reverse();
        }
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
            if let Rotation::Rotated(session) = &mut rotation {
                if self.has(RefreshOutlivesAbsoluteEnd) {
                    session.expires_at = now.saturating_add(policy.idle_timeout);
                }
                if self.has(RefreshForgetsLastSeen) {
                    session.last_seen_at = before.last_seen_at;
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
        let mut tables = self.tables();
        let owned = |session: &Session| session.user_id == user || self.has(EndsSessionsOfOthers);
        let found = tables.sessions.get(&id).is_some_and(owned);
        Ok(found && tables.sessions.remove(&id).is_some())
    }

    async fn end_sessions(
        &self,
        user: UserId,
        except: Option<SessionId>,
    ) -> Result<u64, StoreError> {
        let except = except.filter(|_| !self.has(IgnoresException));
        let list = |tables: &Tables| {
            let all = tables.sessions.values();
            all.filter(|session| session.user_id == user && Some(session.id) != except)
                .map(|session| session.id)
                .collect::<Vec<_>>()
        };
        let write = |tables: &mut Tables, ids: Vec<SessionId>| {
            for id in &ids {
                tables.sessions.remove(id);
            }
            ids.len() as u64 + u64::from(self.has(CountsOneTooMany))
        };
        Ok(self.act(ListsThenEnds, list, write).await)
    }
}

#[async_trait]
impl TokenStore for FaultyStore {
    async fn insert_token(&self, token: &OneTimeToken) -> Result<Insert, StoreError> {
        let check = |tables: &Tables| {
            tables.tokens.contains_key(&token.digest) && !self.has(OverwritesTokens)
        };
        let write = |tables: &mut Tables, taken| match taken {
            true => Insert::Taken,
            false => {
                tables.tokens.insert(token.digest, token.clone());
                Insert::Inserted
            }
        };
        Ok(self.act(ChecksThenInsertsToken, check, write).await)
    }

    async fn consume_token(
        &self,
        digest: TokenDigest,
        purpose: TokenPurpose,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>, StoreError> {
        let read = |tables: &Tables| tables.tokens.get(&digest).cloned();
        let write = |tables: &mut Tables, token: Option<OneTimeToken>| {
            let late = |token: &OneTimeToken| self.has(TokensExpireLate) && now == token.expires_at;
            let live = token.filter(|token| token.is_live(now) || late(token))?;
            let fits = live.purpose == purpose || self.has(IgnoresPurpose);
            if (fits || self.has(WrongPurposeSpendsToken)) && !self.has(KeepsConsumedToken) {
                tables.tokens.remove(&digest);
            }
            fits.then_some(live)
        };
        Ok(self.act(ReadsThenConsumes, read, write).await)
    }

    async fn remove_tokens(&self, user: UserId) -> Result<u64, StoreError> {
        let list = |tables: &Tables| {
            let all = tables.tokens.values();
            all.filter(|token| token.user_id == user || self.has(RemovesTokensOfAll))
                .map(|token| token.digest)
                .collect::<Vec<_>>()
        };
        let write = |tables: &mut Tables, digests: Vec<TokenDigest>| {
            for digest in &digests {
                tables.tokens.remove(digest);
            }
            digests.len() as u64
        };
        Ok(self.act(ListsThenRemovesTokens, list, write).await)
    }
}

#[async_trait]
impl LimitStore for FaultyStore {
    async fn hit(
        &self,
        key: LimitKey,
        quota: Quota,
        now: Timestamp,
    ) -> Result<Decision, StoreError> {
        let key = match self.fault {
            CountsAllUnderOneKey => LimitKey::new("", b""),
            _ => key,
        };
        let read = |tables: &Tables| tables.limits.get(&key).copied();
        let write = |tables: &mut Tables, before: Option<Timestamp>| {
            let (mut full_at, decision) = quota.decide(before, now);
            if decision != Decision::Allowed {
                match self.fault {
                    CountsRefusedActs => full_at = full_at.saturating_add(quota.period()),
                    KeepsFarTimes => full_at = before.unwrap_or(full_at),
                    _ => {}
                }
            }
            if self.has(CountsInWholeSeconds) {
                full_at = Timestamp::from_secs(full_at.as_secs());
            }
            tables.limits.insert(key, full_at);
            decision
        };
        Ok(self.act(ReadsThenCounts, read, write).await)
    }
}
