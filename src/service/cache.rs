//! Checked sessions that are kept for a short time, so that not every check
//! asks the store.
//!
//! Only what was good is kept, so nobody without a live token fills anything.
//! What this instance of the service changes about a user or a session is
//! dropped at once; what others change is noticed when the kept is too old.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::AuthService;
use crate::clock::Clock;
use crate::id::{SessionId, UserId};
use crate::session::Session;
use crate::time::Timestamp;
use crate::user::User;

/// Users are told apart by this many counters of what changed; two that share
/// one cost each other a look into the store now and then.
const SLOTS: usize = 1024;

/// How many entries that are too old make room at each insertion.
const SWEEP: usize = 8;

/// A session and its user, as the store had them at one time.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) user: User,
    pub(super) session: Session,
}

pub(super) struct SessionCache {
    max_staleness: Duration,
    capacity: usize,
    kept: Mutex<Kept>,
}

struct Kept {
    entries: HashMap<SessionId, Entry>,
    by_user: HashMap<UserId, BTreeSet<SessionId>>,
    /// The oldest first.
    order: BTreeMap<u64, SessionId>,
    next: u64,
    /// How often something of a user in this slot was changed.
    changes: Vec<u64>,
    /// The latest time that was seen, and how often the clock went back.
    latest: Timestamp,
    rewinds: u64,
}

struct Entry {
    identity: Arc<Identity>,
    read_at: Timestamp,
    number: u64,
}

/// Begun before the store is read. What is read is kept only if nothing was
/// changed in the meantime.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reading {
    user: UserId,
    changes: u64,
    rewinds: u64,
    pub(super) at: Timestamp,
}

/// Drops what is kept of a user when it is dropped itself: after an act of the
/// store, whatever came of that.
#[must_use]
pub(super) struct Forgetting<'c> {
    cache: Option<&'c SessionCache>,
    user: UserId,
}

impl Drop for Forgetting<'_> {
    fn drop(&mut self) {
        if let Some(cache) = self.cache {
            cache.kept().forget(self.user);
        }
    }
}

impl SessionCache {
    pub(super) fn new(max_staleness: Duration, capacity: usize) -> Self {
        Self {
            max_staleness,
            capacity,
            kept: Mutex::new(Kept {
                entries: HashMap::new(),
                by_user: HashMap::new(),
                order: BTreeMap::new(),
                next: 0,
                changes: vec![0; SLOTS],
                latest: Timestamp::MIN,
                rewinds: 0,
            }),
        }
    }

    /// What is kept of the session and young enough, and otherwise the
    /// beginning of a reading. The clock is read here, so that one that goes
    /// back is noticed: then nothing is kept that would look younger than it is.
    pub(super) fn look_up(
        &self,
        session: SessionId,
        user: UserId,
        clock: &impl Clock,
    ) -> (Option<Arc<Identity>>, Reading) {
        let mut kept = self.kept();
        let now = kept.tell(clock.now());
        let found = kept.entries.get(&session);
        let found = match found.map(|entry| self.is_young(entry, now)) {
            Some(true) => found.map(|entry| Arc::clone(&entry.identity)),
            Some(false) => {
                kept.remove(session);
                None
            }
            None => None,
        };
        let reading = Reading {
            user,
            changes: kept.changes_of(user),
            rewinds: kept.rewinds,
            at: now,
        };
        (found, reading)
    }

    /// Keeps what `reading` brought, unless something was changed since it
    /// began.
    pub(super) fn keep(&self, reading: &Reading, identity: &Arc<Identity>, clock: &impl Clock) {
        let mut kept = self.kept();
        let now = kept.tell(clock.now());
        let is_current = kept.changes_of(reading.user) == reading.changes
            && kept.rewinds == reading.rewinds
            && identity.user.id == reading.user;
        if !is_current {
            return;
        }
        kept.remove(identity.session.id);
        for _ in 0..SWEEP {
            let Some(oldest) = kept.oldest() else { break };
            let is_young = |entry| self.is_young(entry, now);
            if kept.entries.len() < self.capacity && kept.entries.get(&oldest).is_some_and(is_young)
            {
                break;
            }
            kept.remove(oldest);
        }
        kept.insert(identity, reading.at);
    }

    fn is_young(&self, entry: &Entry, now: Timestamp) -> bool {
        entry.read_at <= now && now < entry.read_at.saturating_add(self.max_staleness)
    }

    // A clock that panics under the lock does so before anything is changed.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Takes note of the time. One that is earlier than before empties all.
    fn tell(&mut self, now: Timestamp) -> Timestamp {
        if now < self.latest {
            self.entries.clear();
            self.by_user.clear();
            self.order.clear();
            self.rewinds = self.rewinds.wrapping_add(1);
        }
        self.latest = now;
        now
    }

    fn changes_of(&self, user: UserId) -> u64 {
        self.changes.get(slot(user)).copied().unwrap_or_default()
    }

    fn oldest(&self) -> Option<SessionId> {
        self.order.first_key_value().map(|(_, session)| *session)
    }

    fn insert(&mut self, identity: &Arc<Identity>, read_at: Timestamp) {
        let (session, user, number) = (identity.session.id, identity.user.id, self.next);
        self.next = number.wrapping_add(1);
        self.order.insert(number, session);
        self.by_user.entry(user).or_default().insert(session);
        let identity = Arc::clone(identity);
        self.entries.insert(
            session,
            Entry {
                identity,
                read_at,
                number,
            },
        );
    }

    fn remove(&mut self, session: SessionId) {
        let Some(entry) = self.entries.remove(&session) else {
            return;
        };
        self.order.remove(&entry.number);
        let user = entry.identity.user.id;
        if let Some(sessions) = self.by_user.get_mut(&user) {
            sessions.remove(&session);
            if sessions.is_empty() {
                self.by_user.remove(&user);
            }
        }
    }

    fn forget(&mut self, user: UserId) {
        if let Some(changes) = self.changes.get_mut(slot(user)) {
            *changes = changes.wrapping_add(1);
        }
        for session in self.by_user.remove(&user).unwrap_or_default() {
            self.remove(session);
        }
    }
}

/// The end of an id is random.
fn slot(user: UserId) -> usize {
    let [.., high, low] = user.to_bytes();
    usize::from(u16::from_be_bytes([high, low])) % SLOTS
}

impl<S, C> AuthService<S, C> {
    /// To be held while something about `user`, or a session of theirs, is
    /// changed in the store: what is kept of them is dropped with it.
    pub(super) fn forgetting(&self, user: UserId) -> Forgetting<'_> {
        Forgetting {
            cache: self.inner.cache.as_ref(),
            user,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::email::Email;
    use crate::preferences::Preferences;
    use crate::user::{DisplayName, PasswordHash, UserStatus};

    const STALENESS: Duration = Duration::from_secs(30);

    fn id(number: u32) -> [u8; 12] {
        let mut bytes = [0; 12];
        bytes[8..].copy_from_slice(&number.to_be_bytes());
        bytes
    }

    fn identity(session: u32, user: u32) -> Arc<Identity> {
        let user_id = UserId::from_bytes(id(user));
        let address = "ann@example.org".to_owned();
        let user = User {
            id: user_id,
            email: Email::from_store(address.clone(), address),
            name: DisplayName::from_store("Ann".to_owned()),
            password_hash: PasswordHash::new(""),
            created_at: Timestamp::MIN,
            last_login: None,
            is_verified: true,
            roles: BTreeSet::new(),
            preferences: Preferences::default(),
            status: UserStatus::Active,
            auth_epoch: 0,
            link_epoch: 0,
            version: 0,
            devices: Vec::new(),
        };
        let session = Session {
            id: SessionId::from_bytes(id(session)),
            user_id,
            auth_epoch: 0,
            created_at: Timestamp::MIN,
            last_seen_at: Timestamp::MIN,
            expires_at: Timestamp::MAX,
            absolute_expires_at: Timestamp::MAX,
            short: false,
            refresh_counter: 0,
            ip: None,
            user_agent: None,
        };
        Arc::new(Identity { user, session })
    }

    fn look_up(
        cache: &SessionCache,
        wanted: &Identity,
        clock: &ManualClock,
    ) -> (Option<Arc<Identity>>, Reading) {
        cache.look_up(wanted.session.id, wanted.user.id, clock)
    }

    fn sizes(cache: &SessionCache) -> [usize; 3] {
        let kept = cache.kept();
        let by_user = kept.by_user.values().map(BTreeSet::len).sum();
        [kept.entries.len(), kept.order.len(), by_user]
    }

    #[test]
    fn a_hundred_thousand_sessions_stay_within_the_capacity() {
        let clock = ManualClock::default();
        let cache = SessionCache::new(STALENESS, 100);
        for number in 0..100_000 {
            // Some again and again, some of one user, some ended in between.
            let wanted = identity(number % 7_001, number % 13);
            let (_, reading) = look_up(&cache, &wanted, &clock);
            cache.keep(&reading, &wanted, &clock);
            cache.keep(&reading, &wanted, &clock);
            if number % 1_000 == 0 {
                cache.kept().forget(wanted.user.id);
            }
            let [entries, order, by_user] = sizes(&cache);
            assert!(entries <= 100);
            assert_eq!((order, by_user), (entries, entries));
        }
        assert_eq!(sizes(&cache), [100; 3]);
        // What is too old goes, though there would be room for it.
        clock.advance(STALENESS);
        for number in 0..20 {
            let wanted = identity(90_000 + number, 90_000);
            let (_, reading) = look_up(&cache, &wanted, &clock);
            cache.keep(&reading, &wanted, &clock);
        }
        assert_eq!(sizes(&cache), [20; 3]);
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept_after_it() {
        let clock = ManualClock::default();
        let cache = SessionCache::new(STALENESS, 100);
        let wanted = identity(1, 1);
        let (_, before) = look_up(&cache, &wanted, &clock);
        cache.kept().forget(wanted.user.id);
        cache.keep(&before, &wanted, &clock);
        let (found, after) = look_up(&cache, &wanted, &clock);
        assert!(found.is_none());
        cache.keep(&after, &wanted, &clock);
        assert!(look_up(&cache, &wanted, &clock).0.is_some());
    }

    #[test]
    fn what_was_read_before_the_clock_went_back_is_not_kept_after_it() {
        let clock = ManualClock::default();
        let cache = SessionCache::new(STALENESS, 100);
        let wanted = identity(1, 1);
        let (_, before) = look_up(&cache, &wanted, &clock);
        clock.turn_back(Duration::from_secs(3600));
        cache.keep(&before, &wanted, &clock);
        clock.advance(Duration::from_secs(3600));
        assert!(look_up(&cache, &wanted, &clock).0.is_none());
    }

    #[test]
    fn what_is_kept_is_as_old_as_its_reading() {
        let clock = ManualClock::default();
        let cache = SessionCache::new(STALENESS, 100);
        let wanted = identity(1, 1);
        let (_, reading) = look_up(&cache, &wanted, &clock);
        // A store that takes its time.
        clock.advance(Duration::from_secs(29));
        cache.keep(&reading, &wanted, &clock);
        assert!(look_up(&cache, &wanted, &clock).0.is_some());
        clock.advance(Duration::from_secs(1));
        assert!(look_up(&cache, &wanted, &clock).0.is_none());
        assert_eq!(sizes(&cache), [0; 3]);
    }
}
