//! Settings of sessions.

use std::time::Duration;

use crate::session::{RotationPolicy, SessionLength};

/// How long sessions last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionPolicy {
    /// From the last refresh (ASVS 7.3.1); not shorter than `access_token_ttl`.
    /// Default 7 days.
    pub idle_timeout: Duration,
    /// From the login (ASVS 7.3.2); not shorter than `idle_timeout`, at most ten
    /// years. Default 30 days.
    pub absolute_timeout: Duration,
    /// How long a refresh token that was just used gets the same successor
    /// again; at most a minute. Default 10 seconds.
    ///
    /// It should be longer than the clocks of instances differ: to one that is ahead by more,
    /// a client that repeats a refresh whose answer was lost presents an old token.
    pub refresh_grace: Duration,
    /// How long a session lasts whose login says that it is not to be
    /// remembered ([`LoginRequest::remember`]); where this is longer than the
    /// times above, those count. Default 12 hours idle, 24 in all.
    ///
    /// [`LoginRequest::remember`]: crate::service::LoginRequest::remember
    pub short: SessionLifetime,
    /// How many live sessions a user may have, at least one; a login beyond it
    /// ends the oldest. Default: 100, more than a person has devices and
    /// programs, so that nobody fills the store. `None` means any number.
    ///
    /// It is counted by when sessions were opened, so the clocks of several
    /// instances should agree: one that is behind opens sessions that are the
    /// first to end.
    pub max_per_user: Option<u32>,
    /// When a check of an access token asks the store. Default
    /// [`SessionCheck::EveryRequest`].
    pub check: SessionCheck,
}

/// When a check of an access token asks the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionCheck {
    /// At every request: what ends a session anywhere acts at the next request.
    #[default]
    EveryRequest,
    /// Unless this session was found good a short time ago. What was changed
    /// through this instance of the service acts at once; what was changed
    /// through others, or in the database, acts when `max_staleness` is over.
    /// Operations that take the password, and what administrators change, ask
    /// the store in any case.
    Cached {
        /// The age at which what was found is asked for again: above 0, at most
        /// 5 minutes, and not longer than `access_token_ttl`.
        max_staleness: Duration,
        /// How many sessions are kept at most, 1 to 1,000,000: about 2 kB each,
        /// and as much more as the user's preferences take.
        capacity: usize,
    },
}

/// How long a session lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLifetime {
    /// From the last refresh (ASVS 7.3.1); at least a minute.
    pub idle_timeout: Duration,
    /// From the login (ASVS 7.3.2); not shorter than `idle_timeout`, at most ten
    /// years.
    pub absolute_timeout: Duration,
}

impl Default for SessionPolicy {
    fn default() -> Self {
        Self {
            idle_timeout: Duration::from_secs(7 * 86_400),
            absolute_timeout: Duration::from_secs(30 * 86_400),
            refresh_grace: Duration::from_secs(10),
            short: SessionLifetime {
                idle_timeout: Duration::from_secs(12 * 3600),
                absolute_timeout: Duration::from_secs(24 * 3600),
            },
            max_per_user: Some(100),
            check: SessionCheck::default(),
        }
    }
}

impl SessionPolicy {
    /// What a rotation needs of it.
    #[must_use]
    pub fn rotation(&self) -> RotationPolicy {
        RotationPolicy {
            idle_timeout: self.idle_timeout,
            short_idle_timeout: self.lifetime(SessionLength::Short).idle_timeout,
            grace: self.refresh_grace,
        }
    }

    /// How long a session of `length` lasts.
    #[must_use]
    pub fn lifetime(&self, length: SessionLength) -> SessionLifetime {
        let longest = SessionLifetime {
            idle_timeout: self.idle_timeout,
            absolute_timeout: self.absolute_timeout,
        };
        if length == SessionLength::Usual {
            return longest;
        }
        SessionLifetime {
            idle_timeout: self.short.idle_timeout.min(longest.idle_timeout),
            absolute_timeout: self.short.absolute_timeout.min(longest.absolute_timeout),
        }
    }
}
