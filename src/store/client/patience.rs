//! Waiting for a server that is not up yet.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::store::StoreError;

/// The wait before the second try; it doubles each time.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Tries of one start.
pub(in crate::store) struct Patience {
    until: Option<Instant>,
    tries: u32,
    wait: Duration,
}

impl Patience {
    /// Tries that begin within `time` from now; the first one always does.
    pub(in crate::store) fn of(time: Duration) -> Self {
        Self {
            until: Instant::now().checked_add(time),
            tries: 0,
            wait: FIRST_WAIT,
        }
    }

    /// Logs a try that failed by this error of the store, and waits for the next one. Returns `false` without
    /// waiting if another try is of no use or would begin too late.
    pub(in crate::store) async fn allows_another(&mut self, error: Option<&StoreError>) -> bool {
        let Some(cause @ (StoreError::Unavailable(_) | StoreError::Timeout)) = error else {
            return false;
        };
        // A time too long to represent has no end.
        let next = Instant::now().checked_add(self.wait);
        if self.until.is_some() && next > self.until {
            return false;
        }
        self.log(cause);
        sleep(self.wait).await;
        self.wait = self.wait.saturating_mul(2).min(LONGEST_WAIT);
        true
    }

    fn log(&mut self, cause: &(dyn std::error::Error + 'static)) {
        self.tries = self.tries.saturating_add(1);
        tracing::warn!(
            error = cause,
            tries = self.tries,
            again_in_ms = u64::try_from(self.wait.as_millis()).unwrap_or(u64::MAX),
            "the database is not available yet: the store will try again to start"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unavailable() -> StoreError {
        StoreError::Unavailable("it is down".into())
    }

    #[tokio::test(start_paused = true)]
    async fn tries_begin_within_the_time_and_further_and_further_apart() {
        let begin = Instant::now();
        let mut patience = Patience::of(Duration::from_secs(60));
        let mut waits = Vec::new();
        let mut before = begin;
        while patience.allows_another(Some(&unavailable())).await {
            waits.push((Instant::now() - before).as_millis());
            before = Instant::now();
        }
        let expected = [250, 500, 1000, 2000, 4000].into_iter();
        let expected: Vec<_> = expected.chain([5000; 10]).collect();
        assert_eq!(waits, expected);
        assert!(begin.elapsed() <= Duration::from_secs(60));
    }

    #[tokio::test(start_paused = true)]
    async fn without_time_there_is_one_try() {
        let begin = Instant::now();
        let mut patience = Patience::of(Duration::ZERO);
        assert!(!patience.allows_another(Some(&unavailable())).await);
        assert_eq!(begin.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn what_waiting_does_not_mend_is_not_waited_for() {
        let mut patience = Patience::of(Duration::MAX);
        for error in [None, Some(&StoreError::Full)] {
            assert!(!patience.allows_another(error).await, "{error:?}");
        }
        assert!(patience.allows_another(Some(&StoreError::Timeout)).await);
    }
}
