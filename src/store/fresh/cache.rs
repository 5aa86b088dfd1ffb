//! Checked sessions that are kept for a short time, so that not every check
//! asks the store.
//!
//! Only what was good is kept, so nobody without a live token fills anything.
//! What this instance of the service changes about a user or a session is
//! dropped at once; what others change is noticed when the kept is too old.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Clock;
use crate::id::{SessionId, UserId};
use crate::session::Session;
use crate::time::Timestamp;
use crate::user::User;

/// The number of change counters for users and sessions. Two that share a counter
/// sometimes cause each other a read of the store.
const SLOTS: usize = 1024;

/// How many entries that are too old make room at each insertion.
const SWEEP: usize = 8;

/// A session and its user, as the store had them at one time.
#[derive(Debug)]
pub(crate) struct LiveSession {
    pub(crate) user: Arc<User>,
    pub(crate) session: Session,
}

pub(crate) struct SessionCache {
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
    /// How many changes there were to users and sessions in this slot.
    changes: Vec<u64>,
    /// The latest time that was seen, and how often the clock went back.
    latest: Timestamp,
    rewinds: u64,
}

struct Entry {
    live: Arc<LiveSession>,
    read_at: Timestamp,
    number: u64,
}

/// Begun before the store is read. What is read is kept only if nothing was
/// changed in the meantime.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    user: UserId,
    changes: [u64; 2],
    rewinds: u64,
    pub(crate) at: Timestamp,
}

/// A guard for one act of the store. When it is dropped, after the act has succeeded or
/// failed, the cache forgets what the act may have changed.
#[must_use]
pub(crate) struct Forgetting<'c> {
    cache: Option<&'c SessionCache>,
    changed: Changed,
}

#[derive(Clone, Copy)]
enum Changed {
    /// A user or any of their sessions.
    User(UserId),
    /// One session.
    Session(SessionId),
}

impl Drop for Forgetting<'_> {
    fn drop(&mut self) {
        let Some(cache) = self.cache else { return };
        match self.changed {
            Changed::User(user) => cache.kept().forget(user),
            Changed::Session(session) => cache.kept().forget_session(session),
        }
    }
}

/// Makes guards, by the names that the table of methods uses.
#[derive(Clone, Copy)]
pub(super) struct Touch<'c>(pub(super) Option<&'c SessionCache>);

impl<'c> Touch<'c> {
    pub(super) fn user(self, user: UserId) -> Forgetting<'c> {
        Forgetting {
            cache: self.0,
            changed: Changed::User(user),
        }
    }

    pub(super) fn session(self, session: SessionId) -> Forgetting<'c> {
        Forgetting {
            cache: self.0,
            changed: Changed::Session(session),
        }
    }

    pub(super) fn nothing(self) {}
}

impl SessionCache {
    pub(crate) fn new(max_staleness: Duration, capacity: usize) -> Self {
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
    pub(crate) fn look_up(
        &self,
        session: SessionId,
        user: UserId,
        clock: &impl Clock,
    ) -> (Option<Arc<LiveSession>>, Reading) {
        let mut kept = self.kept();
        let now = kept.tell(clock.now());
        let found = kept.entries.get(&session);
        let found = match found.map(|entry| self.is_young(entry, now)) {
            Some(true) => found.map(|entry| Arc::clone(&entry.live)),
            Some(false) => {
                kept.remove(session);
                None
            }
            None => None,
        };
        let reading = Reading {
            user,
            changes: kept.changes_of(user, session),
            rewinds: kept.rewinds,
            at: now,
        };
        (found, reading)
    }

    /// Keeps what `reading` brought, unless something was changed since it
    /// began.
    pub(crate) fn keep(&self, reading: &Reading, live: &Arc<LiveSession>, clock: &impl Clock) {
        let mut kept = self.kept();
        let now = kept.tell(clock.now());
        let is_current = kept.changes_of(reading.user, live.session.id) == reading.changes
            && kept.rewinds == reading.rewinds
            && live.user.id == reading.user;
        if !is_current {
            return;
        }
        kept.remove(live.session.id);
        for _ in 0..SWEEP {
            let Some(oldest) = kept.oldest() else { break };
            let is_young = |entry| self.is_young(entry, now);
            if kept.entries.len() < self.capacity && kept.entries.get(&oldest).is_some_and(is_young)
            {
                break;
            }
            kept.remove(oldest);
        }
        kept.insert(live, reading.at);
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

    fn changes_of(&self, user: UserId, session: SessionId) -> [u64; 2] {
        let slots = [slot(user.to_bytes()), slot(session.to_bytes())];
        slots.map(|slot| self.changes.get(slot).copied().unwrap_or_default())
    }

    fn change(&mut self, slot: usize) {
        if let Some(changes) = self.changes.get_mut(slot) {
            *changes = changes.wrapping_add(1);
        }
    }

    fn oldest(&self) -> Option<SessionId> {
        self.order.first_key_value().map(|(_, session)| *session)
    }

    fn insert(&mut self, live: &Arc<LiveSession>, read_at: Timestamp) {
        let (session, user, number) = (live.session.id, live.user.id, self.next);
        self.next = number.wrapping_add(1);
        self.order.insert(number, session);
        self.by_user.entry(user).or_default().insert(session);
        let live = Arc::clone(live);
        self.entries.insert(
            session,
            Entry {
                live,
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
        let user = entry.live.user.id;
        if let Some(sessions) = self.by_user.get_mut(&user) {
            sessions.remove(&session);
            if sessions.is_empty() {
                self.by_user.remove(&user);
            }
        }
    }

    fn forget(&mut self, user: UserId) {
        self.change(slot(user.to_bytes()));
        for session in self.by_user.remove(&user).unwrap_or_default() {
            self.remove(session);
        }
    }

    fn forget_session(&mut self, session: SessionId) {
        self.change(slot(session.to_bytes()));
        self.remove(session);
    }
}

/// The end of an id is random.
fn slot(id: [u8; 12]) -> usize {
    let [.., high, low] = id;
    usize::from(u16::from_be_bytes([high, low])) % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::email::Email;
    use crate::identity::Identities;
    use crate::preferences::Preferences;
    use crate::proof::Proofs;
    use crate::session::SessionLength;
    use crate::user::{DisplayName, UserStatus};

    const STALENESS: Duration = Duration::from_secs(30);

    fn id(number: u32) -> [u8; 12] {
        let mut bytes = [0; 12];
        bytes[8..].copy_from_slice(&number.to_be_bytes());
        bytes
    }

    fn live(session: u32, user: u32) -> Arc<LiveSession> {
        let user_id = UserId::from_bytes(id(user));
        let address = "ann@example.org".to_owned();
        let user = User {
            id: user_id,
            email: Email::from_store(address.clone(), address),
            name: DisplayName::from_store("Ann".to_owned()),
            password_hash: None,
            created_at: Timestamp::MIN,
            last_login: None,
            is_verified: true,
            roles: BTreeSet::new(),
            preferences: Preferences::default(),
            metadata: crate::preferences::Metadata::default(),
            pending_hook: None,
            status: UserStatus::Active,
            auth_epoch: 0,
            link_epoch: 0,
            version: 0,
            devices: Vec::new(),
            identities: Identities::default(),
        };
        let session = Session {
            id: SessionId::from_bytes(id(session)),
            user_id,
            auth_epoch: 0,
            created_at: Timestamp::MIN,
            proofs: Proofs::default(),
            last_seen_at: Timestamp::MIN,
            expires_at: Timestamp::MAX,
            absolute_expires_at: Timestamp::MAX,
            length: SessionLength::Usual,
            refresh_counter: 0,
            ip: None,
            user_agent: None,
        };
        let user = Arc::new(user);
        Arc::new(LiveSession { user, session })
    }

    fn look_up(
        cache: &SessionCache,
        wanted: &LiveSession,
        clock: &ManualClock,
    ) -> (Option<Arc<LiveSession>>, Reading) {
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
            let wanted = live(number % 7_001, number % 13);
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
            let wanted = live(90_000 + number, 90_000);
            let (_, reading) = look_up(&cache, &wanted, &clock);
            cache.keep(&reading, &wanted, &clock);
        }
        assert_eq!(sizes(&cache), [20; 3]);
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept_after_it() {
        let clock = ManualClock::default();
        let cache = SessionCache::new(STALENESS, 100);
        let wanted = live(1, 1);
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
        let wanted = live(1, 1);
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
        let wanted = live(1, 1);
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
