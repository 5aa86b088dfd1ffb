//! Sessions and their refresh state machine: pure functions of the record and
//! the time.

use std::net::IpAddr;
use std::time::Duration;

use crate::id::{SessionId, UserId};
use crate::named::named;
use crate::proof::Proofs;
use crate::time::{CLOCK_SKEW, Timestamp};

named! {
    /// Which lifetime a session has, of the two in [`SessionPolicy`](crate::config::SessionPolicy).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub enum SessionLength {
        /// The usual one.
        #[default]
        Usual => "usual",
        /// The shorter one, of a login that is not to be remembered.
        Short => "short",
    }
}

/// A session, as it is kept in the store.
///
/// No token is kept: a refresh token is proved by its MAC and by
/// `refresh_counter`, an access token by its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The id that tokens name.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// The user's epoch under which it was made. Once the user's is higher,
    /// the session is dead.
    pub auth_epoch: u64,
    /// When it was opened. Another proof does not extend a session, but opens a new
    /// one in its place (ASVS 7.2.4).
    pub created_at: Timestamp,
    /// What it was opened by.
    pub proofs: Proofs,
    /// When it was opened or last refreshed.
    pub last_seen_at: Timestamp,
    /// The first instant at which it has ended, unless it is refreshed before
    /// (idle timeout, ASVS 7.3.1). Never later than `absolute_expires_at`.
    pub expires_at: Timestamp,
    /// The first instant at which it has ended whatever is done (absolute
    /// timeout, ASVS 7.3.2).
    pub absolute_expires_at: Timestamp,
    /// Which of the two lifetimes it has.
    pub length: SessionLength,
    /// The counter of the one refresh token that is live.
    pub refresh_counter: u64,
    /// Where it was opened from.
    pub ip: Option<IpAddr>,
    /// The client's `User-Agent` when it was opened.
    pub user_agent: Option<String>,
}

/// The times that a rotation goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RotationPolicy {
    /// How long a session lasts from its last refresh.
    pub idle_timeout: Duration,
    /// The same for a [short](SessionLength::Short) one.
    pub short_idle_timeout: Duration,
    /// For how long after a rotation the token before it gets the same
    /// successor again, so that a lost answer logs nobody out. An instance whose clock is
    /// behind gives it for longer, by as much as it is behind, at most [`CLOCK_SKEW`].
    pub grace: Duration,
}

/// What became of a refresh token that was handed in. The session is as it is
/// after the act.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Rotation {
    /// It was the live one: the counter went up by one.
    Rotated(Session),
    /// It is one step behind, within the grace, and its successor is unused:
    /// nothing changed, the successor may be handed out again.
    Repeated(Session),
    /// It is older: somebody else holds a copy. The session has been ended.
    Reused(Session),
    /// There is no such session any more, the counter was never given out, or
    /// the act is from before the last refresh. Nothing changed.
    Gone,
}

impl Session {
    /// Whether it has not ended by `now`: it ends exactly at `expires_at`.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires_at && now < self.absolute_expires_at
    }

    /// The oldest of `sessions`, in the order of `created_at` and then of the
    /// id, that have to end so that `keep` are left. Those that are not live at
    /// `now`, or not of `epoch`, neither count nor end.
    #[must_use]
    pub fn oldest<'s>(
        sessions: impl IntoIterator<Item = &'s Self>,
        epoch: u64,
        keep: u32,
        now: Timestamp,
    ) -> Vec<SessionId> {
        let mut newest_first: Vec<(Timestamp, SessionId)> = sessions
            .into_iter()
            .filter(|session| session.is_live(now) && session.auth_epoch == epoch)
            .map(|session| (session.created_at, session.id))
            .collect();
        newest_first.sort_unstable_by(|a, b| b.cmp(a));
        let keep = usize::try_from(keep).unwrap_or(usize::MAX);
        let over = newest_first.into_iter().skip(keep);
        over.map(|(_, id)| id).collect()
    }

    /// Hands in the refresh token with counter `presented` at `now`.
    ///
    /// A successor counts as used as soon as it has been handed in itself:
    /// then its predecessor is two steps behind and no grace applies. A `now`
    /// before `last_seen_at` is that of an act that was delivered late, or of a
    /// clock that is behind: it never counts as a reuse, so it cannot end a
    /// session that has been refreshed since. Stores do this in one atomic act;
    /// on [`Rotation::Reused`] they remove the session in the same act.
    pub fn rotate(mut self, presented: u64, policy: RotationPolicy, now: Timestamp) -> Rotation {
        if !self.is_live(now) || presented > self.refresh_counter {
            return Rotation::Gone;
        }
        if presented == self.refresh_counter {
            self.refresh_counter += 1;
            self.last_seen_at = now;
            let idle_timeout = match self.length {
                SessionLength::Usual => policy.idle_timeout,
                SessionLength::Short => policy.short_idle_timeout,
            };
            self.expires_at = now
                .saturating_add(idle_timeout)
                .min(self.absolute_expires_at);
            return Rotation::Rotated(self);
        }
        // Another instance's clock may be ahead. One that was turned back further does not
        // stretch the grace.
        let within_grace = now.saturating_since(self.last_seen_at) <= policy.grace
            && self.last_seen_at.saturating_since(now) <= policy.grace.max(CLOCK_SKEW);
        if self.refresh_counter - presented == 1 && within_grace {
            Rotation::Repeated(self)
        } else if now < self.last_seen_at {
            Rotation::Gone
        } else {
            Rotation::Reused(self)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RotationPolicy = RotationPolicy {
        idle_timeout: Duration::from_secs(100),
        short_idle_timeout: Duration::from_secs(30),
        grace: Duration::from_secs(10),
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    fn session() -> Session {
        Session {
            id: SessionId::from_bytes([1; 12]),
            user_id: UserId::from_bytes([2; 12]),
            auth_epoch: 0,
            created_at: at(0),
            proofs: Proofs::default(),
            last_seen_at: at(0),
            expires_at: at(100),
            absolute_expires_at: at(150),
            length: SessionLength::Usual,
            refresh_counter: 0,
            ip: None,
            user_agent: None,
        }
    }

    fn rotated(rotation: Rotation) -> Session {
        match rotation {
            Rotation::Rotated(session) => session,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_refresh_prolongs_the_session_but_not_past_its_absolute_end() {
        let first = rotated(session().rotate(0, POLICY, at(20)));
        assert_eq!((first.refresh_counter, first.expires_at), (1, at(120)));
        let second = rotated(first.rotate(1, POLICY, at(90)));
        assert_eq!((second.refresh_counter, second.expires_at), (2, at(150)));
    }

    #[test]
    fn a_short_session_is_prolonged_by_less() {
        let short = Session {
            length: SessionLength::Short,
            ..session()
        };
        let first = rotated(short.rotate(0, POLICY, at(20)));
        assert_eq!(
            (first.length, first.expires_at),
            (SessionLength::Short, at(50))
        );
    }

    #[test]
    fn it_ends_exactly_at_its_time() {
        assert!(matches!(
            session().rotate(0, POLICY, Timestamp::from_millis(99_999)),
            Rotation::Rotated(_)
        ));
        assert_eq!(session().rotate(0, POLICY, at(100)), Rotation::Gone);
    }

    #[test]
    fn the_absolute_end_holds_although_the_idle_one_is_later() {
        let idle_is_later = Session {
            expires_at: at(200),
            ..session()
        };
        for (millis, is_live) in [(149_999, true), (150_000, false), (199_999, false)] {
            let now = Timestamp::from_millis(millis);
            assert_eq!(idle_is_later.is_live(now), is_live, "{millis}");
        }
    }

    #[test]
    fn the_oldest_sessions_that_count_end_and_no_more_than_have_to() {
        let one = |id, created| Session {
            id: SessionId::from_bytes([id; 12]),
            created_at: at(created),
            ..session()
        };
        let ended = Session {
            expires_at: at(50),
            ..one(8, 0)
        };
        let of_another_epoch = Session {
            auth_epoch: 1,
            ..one(9, 0)
        };
        let all = [one(3, 20), one(1, 10), ended, one(2, 10), of_another_epoch];
        for (keep, expected) in [
            (0, &[1, 2, 3][..]),
            (1, &[1, 2]),
            (2, &[1]),
            (3, &[]),
            (u32::MAX, &[]),
        ] {
            let mut over = Session::oldest(&all, 0, keep, at(50));
            over.sort_unstable();
            let expected: Vec<_> = expected
                .iter()
                .map(|id| SessionId::from_bytes([*id; 12]))
                .collect();
            assert_eq!(over, expected, "{keep}");
        }
    }

    #[test]
    fn a_lost_answer_gets_the_same_successor_within_the_grace() {
        let first = rotated(session().rotate(0, POLICY, at(20)));
        assert_eq!(
            first.clone().rotate(0, POLICY, at(30)),
            Rotation::Repeated(first.clone())
        );
        assert!(matches!(
            first
                .clone()
                .rotate(0, POLICY, Timestamp::from_millis(30_001)),
            Rotation::Reused(_)
        ));
        let second = rotated(first.rotate(1, POLICY, at(25)));
        assert!(matches!(
            second.rotate(0, POLICY, at(26)),
            Rotation::Reused(_)
        ));
    }

    #[test]
    fn a_lost_answer_is_repeated_by_an_instance_that_is_behind() {
        let first = rotated(session().rotate(0, POLICY, at(70)));
        let before = |millis: i64| Timestamp::from_millis(70_000 - millis);
        assert!(matches!(
            first.clone().rotate(0, POLICY, before(60_000)),
            Rotation::Repeated(_)
        ));
        // That is no instance which is behind, but a clock that was turned back.
        assert_eq!(first.rotate(0, POLICY, before(60_001)), Rotation::Gone);
    }

    #[test]
    fn a_grace_longer_than_the_skew_holds_for_an_instance_that_is_behind() {
        let policy = RotationPolicy {
            grace: Duration::from_secs(90),
            ..POLICY
        };
        let first = rotated(session().rotate(0, policy, at(95)));
        let repeated = first.clone().rotate(0, policy, at(5));
        assert_eq!(repeated, Rotation::Repeated(first.clone()));
        let too_early = first.rotate(0, policy, Timestamp::from_millis(4_999));
        assert_eq!(too_early, Rotation::Gone);
    }

    #[test]
    fn what_is_from_before_the_last_refresh_ends_no_session() {
        let first = rotated(session().rotate(0, POLICY, at(20)));
        let second = rotated(first.rotate(1, POLICY, at(60)));
        let early = Timestamp::from_millis(59_999);
        // Two steps behind, so no grace applies.
        for late in [at(0), at(20), at(59), early] {
            assert_eq!(second.clone().rotate(0, POLICY, late), Rotation::Gone);
        }
        assert!(matches!(
            second.rotate(0, POLICY, at(60)),
            Rotation::Reused(_)
        ));
    }

    #[test]
    fn a_counter_that_was_never_given_out_is_refused() {
        assert_eq!(session().rotate(1, POLICY, at(1)), Rotation::Gone);
    }
}
