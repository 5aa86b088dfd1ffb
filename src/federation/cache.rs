//! What is fetched from a provider and used for a while: its metadata and its keys.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;

use super::error::{Endpoint, FederationError, Outage};
use crate::clock::Clock;
use crate::time::Timestamp;

/// How long a value is used without being fetched again.
const FRESH: Duration = Duration::from_secs(3600);
/// How long a value is used while fetching it again fails.
const USABLE: Duration = Duration::from_secs(24 * 3600);
/// How long after a failure the next attempt is made. Until then an older value, or the
/// failure, is the answer.
const RETRY: Duration = Duration::from_secs(10);
/// How long after a fetch for an unknown key the next such fetch is made.
const REFETCH: Duration = Duration::from_secs(60);

/// One value that is fetched when it is needed. Concurrent callers share the fetch.
pub(super) struct Cached<T> {
    endpoint: Endpoint,
    slot: Arc<Mutex<Slot<T>>>,
    /// Locked during a fetch.
    fetching: Arc<tokio::sync::Mutex<()>>,
}

struct Slot<T> {
    value: Option<(Arc<T>, Timestamp)>,
    failure: Option<(FederationError, Timestamp)>,
    refetched: Option<Timestamp>,
}

/// What a look at the slot shows.
enum Look<T> {
    /// A fresh value, or one that stays in use because of a recent failure.
    Use(Arc<T>),
    /// A value that should be fetched again, and can be used until then.
    Stale(Arc<T>),
    /// There is no value, and there will be none before the next attempt is due.
    Failed(FederationError),
    Nothing,
}

impl<T: Send + Sync + 'static> Cached<T> {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        let slot = Slot {
            value: None,
            failure: None,
            refetched: None,
        };
        Self {
            endpoint,
            slot: Arc::new(Mutex::new(slot)),
            fetching: Arc::default(),
        }
    }

    /// The value, fetched if there is none that is fresh. A caller that gives up ends no
    /// fetch that others wait for.
    pub(super) async fn value(
        &self,
        clock: &dyn Clock,
        fetch: impl Future<Output = Result<T, FederationError>> + Send + 'static,
    ) -> Result<Arc<T>, FederationError> {
        match self.look(clock.now()) {
            Look::Use(value) => return Ok(value),
            Look::Failed(error) => return Err(error),
            Look::Stale(value) if self.fetching.try_lock().is_err() => return Ok(value),
            Look::Stale(_) | Look::Nothing => {}
        }
        let turn = Arc::clone(&self.fetching).lock_owned().await;
        let now = clock.now();
        let stale = match self.look(now) {
            Look::Use(value) => return Ok(value),
            Look::Failed(error) => return Err(error),
            Look::Stale(value) => Some(value),
            Look::Nothing => None,
        };
        match (self.fetched(turn, now, fetch).await, stale) {
            (Ok(value), _) | (Err(_), Some(value)) => Ok(value),
            (Err(error), None) => Err(error),
        }
    }

    /// A value that is newer than `seen`, in which something was not found. `None` if it was
    /// fetched for that reason a short time ago.
    pub(super) async fn newer(
        &self,
        seen: &Arc<T>,
        clock: &dyn Clock,
        fetch: impl Future<Output = Result<T, FederationError>> + Send + 'static,
    ) -> Result<Option<Arc<T>>, FederationError> {
        let turn = Arc::clone(&self.fetching).lock_owned().await;
        let now = clock.now();
        {
            let mut slot = self.lock();
            match &slot.value {
                Some((value, _)) if !Arc::ptr_eq(value, seen) => return Ok(Some(value.clone())),
                _ => {}
            }
            if slot.refetched.is_some_and(|at| is_within(at, now, REFETCH)) {
                return Ok(None);
            }
            slot.refetched = Some(now);
        }
        self.fetched(turn, now, fetch).await.map(Some)
    }

    fn look(&self, now: Timestamp) -> Look<T> {
        let slot = self.lock();
        let failure = slot.failure.as_ref();
        let failure = failure.filter(|(_, at)| is_within(*at, now, RETRY));
        match (&slot.value, failure) {
            (Some((value, at)), _) if is_within(*at, now, FRESH) => Look::Use(value.clone()),
            (Some((value, at)), failure) if is_within(*at, now, USABLE) => match failure {
                Some(_) => Look::Use(value.clone()),
                None => Look::Stale(value.clone()),
            },
            (_, Some((error, _))) => Look::Failed(error.clone()),
            (_, None) => Look::Nothing,
        }
    }

    /// Fetches in a task of its own, so that the result is kept even if the caller gives up.
    async fn fetched(
        &self,
        turn: OwnedMutexGuard<()>,
        now: Timestamp,
        fetch: impl Future<Output = Result<T, FederationError>> + Send + 'static,
    ) -> Result<Arc<T>, FederationError> {
        let slot = Arc::clone(&self.slot);
        let task = tokio::spawn(async move {
            let result = fetch.await.map(Arc::new);
            {
                let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
                match &result {
                    Ok(value) => {
                        slot.value = Some((value.clone(), now));
                        slot.failure = None;
                    }
                    Err(error) => slot.failure = Some((error.clone(), now)),
                }
            }
            drop(turn);
            result
        });
        let panicked = |_| FederationError::unavailable(self.endpoint, Outage::Panicked);
        task.await.map_err(panicked)?
    }

    fn lock(&self) -> MutexGuard<'_, Slot<T>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether less than `span` has passed since `moment`. A clock that was set back ends the
/// span, so that nothing waits for it to catch up.
fn is_within(moment: Timestamp, now: Timestamp, span: Duration) -> bool {
    moment <= now && now.saturating_since(moment) < span
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::clock::ManualClock;

    const DOWN: FederationError = FederationError::Unavailable {
        endpoint: Endpoint::Keys,
        outage: Outage::TimedOut,
    };

    /// Counts fetches; each gives its number, or fails while the provider is down.
    #[derive(Clone, Default)]
    struct Source {
        fetches: Arc<AtomicU32>,
        is_down: Arc<std::sync::atomic::AtomicBool>,
    }

    impl Source {
        async fn fetch(self) -> Result<u32, FederationError> {
            let number = self.fetches.fetch_add(1, Ordering::SeqCst) + 1;
            tokio::time::sleep(Duration::from_secs(5)).await;
            match self.is_down.load(Ordering::SeqCst) {
                false => Ok(number),
                true => Err(DOWN),
            }
        }

        fn count(&self) -> u32 {
            self.fetches.load(Ordering::SeqCst)
        }
    }

    fn cached() -> (Cached<u32>, Source, ManualClock) {
        let clock = ManualClock::default();
        (Cached::new(Endpoint::Keys), Source::default(), clock)
    }

    #[tokio::test(start_paused = true)]
    async fn callers_share_one_fetch_and_one_failure() {
        let (cached, source, clock) = cached();
        let ask = || cached.value(&clock, source.clone().fetch());
        source.is_down.store(true, Ordering::SeqCst);
        let (a, b, c) = tokio::join!(ask(), ask(), ask());
        assert_eq!([a, b, c], [Err(DOWN), Err(DOWN), Err(DOWN)]);
        assert_eq!(source.count(), 1);
        source.is_down.store(false, Ordering::SeqCst);
        assert_eq!(ask().await, Err(DOWN), "the failure is remembered");
        clock.advance(RETRY);
        let (a, b, c) = tokio::join!(ask(), ask(), ask());
        assert_eq!([a, b, c], [2, 2, 2].map(|number| Ok(Arc::new(number))));
        assert_eq!(source.count(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_value_is_fresh_then_stale_then_gone() {
        let (cached, source, clock) = cached();
        let ask = || cached.value(&clock, source.clone().fetch());
        let value = |number| Ok(Arc::new(number));
        assert_eq!(ask().await, value(1));
        clock.advance(FRESH - Duration::from_millis(1));
        assert_eq!((ask().await, source.count()), (value(1), 1));
        clock.advance(Duration::from_millis(1));
        assert_eq!((ask().await, source.count()), (value(2), 2));
        source.is_down.store(true, Ordering::SeqCst);
        clock.advance(USABLE - Duration::from_millis(1));
        assert_eq!((ask().await, source.count()), (value(2), 3));
        assert_eq!((ask().await, source.count()), (value(2), 3), "RETRY holds");
        clock.advance(RETRY);
        assert_eq!((ask().await, source.count()), (Err(DOWN), 4));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stale_value_does_not_wait_for_the_fetch_of_another_caller() {
        let (cached, source, clock) = cached();
        let ask = || cached.value(&clock, source.clone().fetch());
        ask().await.unwrap();
        clock.advance(FRESH);
        let start = tokio::time::Instant::now();
        let (first, second) = tokio::join!(ask(), async {
            tokio::task::yield_now().await;
            let value = ask().await;
            (value, start.elapsed())
        });
        assert_eq!(first, Ok(Arc::new(2)));
        assert_eq!(second, (Ok(Arc::new(1)), Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_gives_up_ends_no_fetch() {
        let (cached, source, clock) = cached();
        let ask = || cached.value(&clock, source.clone().fetch());
        let given_up = tokio::time::timeout(Duration::from_secs(1), ask()).await;
        assert!(given_up.is_err());
        assert_eq!((ask().await, source.count()), (Ok(Arc::new(1)), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_newer_value_is_fetched_once_a_minute() {
        let (cached, source, clock) = cached();
        let first = cached.value(&clock, source.clone().fetch()).await.unwrap();
        let newer = |seen: Arc<u32>| {
            let (cached, source, clock) = (&cached, &source, &clock);
            async move { cached.newer(&seen, clock, source.clone().fetch()).await }
        };
        let (a, b) = tokio::join!(newer(first.clone()), newer(first.clone()));
        let second = Arc::new(2);
        assert_eq!([a, b], [Ok(Some(second.clone())), Ok(Some(second))]);
        let latest = cached.value(&clock, source.clone().fetch()).await.unwrap();
        for _ in 0..100 {
            assert_eq!(newer(latest.clone()).await, Ok(None));
        }
        assert_eq!(source.count(), 2);
        clock.advance(REFETCH);
        assert_eq!(newer(latest).await, Ok(Some(Arc::new(3))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_set_back_keeps_nothing_from_being_fetched() {
        let (cached, source, clock) = cached();
        let ask = || cached.value(&clock, source.clone().fetch());
        source.is_down.store(true, Ordering::SeqCst);
        assert_eq!(ask().await, Err(DOWN));
        clock.turn_back(Duration::from_secs(3600));
        source.is_down.store(false, Ordering::SeqCst);
        assert_eq!(ask().await, Ok(Arc::new(2)));
    }
}
