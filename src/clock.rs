//! The only source of time: every rule that depends on it takes a [`Clock`].

use crate::time::Timestamp;

/// Tells the time. One clock is given to the service when it is built.
#[cfg_attr(feature = "test-util", mockall::automock)]
pub trait Clock: Send + Sync + 'static {
    /// The present instant, UTC.
    fn now(&self) -> Timestamp;
}

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place where the system's time enters"
        )]
        let since_epoch = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

impl<T: Clock + ?Sized> Clock for std::sync::Arc<T> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

#[cfg(any(test, feature = "test-util"))]
pub use manual::ManualClock;

#[cfg(any(test, feature = "test-util"))]
mod manual {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};
    use std::time::Duration;

    use super::{Clock, Timestamp};

    /// A clock that stands still until it is moved. Clones share one time.
    #[derive(Clone, Debug)]
    pub struct ManualClock(Arc<AtomicI64>);

    impl ManualClock {
        /// A clock that stands at `start`.
        #[must_use]
        pub fn at(start: Timestamp) -> Self {
            Self(Arc::new(AtomicI64::new(start.as_millis())))
        }

        /// Moves the clock to `moment`, forwards or back.
        pub fn set(&self, moment: Timestamp) {
            self.0.store(moment.as_millis(), Ordering::SeqCst);
        }

        /// Moves the clock forward.
        pub fn advance(&self, by: Duration) {
            self.set(self.now().saturating_add(by));
        }

        /// Moves the clock back.
        pub fn turn_back(&self, by: Duration) {
            self.set(self.now().saturating_sub(by));
        }
    }

    impl Default for ManualClock {
        /// Stands at 2026-01-01T00:00:00Z.
        fn default() -> Self {
            Self::at(Timestamp::from_secs(1_767_225_600))
        }
    }

    impl Clock for ManualClock {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.load(Ordering::SeqCst))
        }
    }
}
