//! The clock of the thread that enforces deadlines.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Wakes one waiting thread at the earliest instant that was [set](Self::set).
///
/// A ring clears what was set. The woken thread checks everything that has a
/// deadline and sets the alarm to the earliest one left. Anything added
/// meanwhile sets the alarm itself, so no deadline is missed.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    at: Option<Instant>,
    is_closed: bool,
}

impl Alarm {
    /// Rings at `at`, unless an earlier instant is already set.
    pub(super) fn set(&self, at: Instant) {
        let mut state = self.lock();
        if state.at.is_none_or(|set| at < set) {
            state.at = Some(at);
            drop(state);
            self.changed.notify_one();
        }
    }

    /// Ends every wait, now and later.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    /// Blocks until the alarm rings. Returns `false` once it is closed.
    pub(super) fn wait(&self) -> bool {
        let mut state = self.lock();
        loop {
            if state.is_closed {
                return false;
            }
            let Some(at) = state.at else {
                state = self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = at.saturating_duration_since(Instant::now());
            if left.is_zero() {
                state.at = None;
                return true;
            }
            (state, _) = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics between two changes under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LATER: Duration = Duration::from_secs(3600);

    #[test]
    fn the_earliest_instant_rings_and_is_then_forgotten() {
        let alarm = Alarm::default();
        let now = Instant::now();
        alarm.set(now + LATER);
        alarm.set(now);
        alarm.set(now + LATER);
        assert!(alarm.wait());
        assert_eq!(alarm.lock().at, None);
    }

    #[test]
    fn an_earlier_instant_wakes_a_thread_that_waits_for_a_later_one() {
        let alarm = Alarm::default();
        alarm.set(Instant::now() + LATER);
        std::thread::scope(|scope| {
            let rings = scope.spawn(|| alarm.wait());
            alarm.set(Instant::now());
            assert!(rings.join().unwrap());
        });
    }

    #[test]
    fn a_closed_alarm_does_not_ring() {
        let alarm = Alarm::default();
        alarm.set(Instant::now());
        alarm.close();
        assert!(!alarm.wait());
    }
}
