//! Running acts: in a task of its own, with a place among the connections, and
//! within the deadline.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::Fault;
use super::runtime::{Runtime, not_ended};
use crate::store::StoreError;

/// The shortest time that a command is sent with: the server takes a limit of
/// less than a millisecond for none.
const SHORTEST: Duration = Duration::from_millis(1);

/// The time that one act has, waiting for a connection included.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Act {
    until: Instant,
}

impl Act {
    /// An act that begins now.
    pub(in crate::store) fn within(deadline: Duration) -> Self {
        let now = Instant::now();
        Self {
            // A deadline too long to represent is a year.
            until: now
                .checked_add(deadline)
                .unwrap_or_else(|| now + Duration::from_secs(86_400 * 365)),
        }
    }

    /// The time that is left for the next command.
    ///
    /// # Errors
    ///
    /// [`StoreError::Timeout`] once there is none: then nothing more is sent.
    pub(in crate::store) fn left(self) -> Result<Duration, StoreError> {
        match self.until.saturating_duration_since(Instant::now()) {
            left if left < SHORTEST => Err(StoreError::Timeout),
            left => Ok(left),
        }
    }

    /// Checks that there is time left, for a command that takes no time limit.
    #[cfg(any(feature = "mongodb", feature = "mongodb-aws-lc-rs"))]
    pub(in crate::store) fn may_send(self) -> Result<(), StoreError> {
        self.left().map(drop)
    }
}

/// The line in front of the connections.
#[derive(Debug)]
pub(in crate::store) struct Line {
    connections: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    /// The connections of all acts, where those of this line may use a part of them.
    all: Option<Arc<Semaphore>>,
}

impl Line {
    /// A line for so many commands at once, and so many callers who wait.
    pub(in crate::store) fn new(connections: u32, waiting: usize) -> Self {
        let connections = usize::try_from(connections).unwrap_or(usize::MAX);
        Self {
            connections: Arc::new(Semaphore::new(connections.clamp(1, Semaphore::MAX_PERMITS))),
            waiting: Arc::new(Semaphore::new(waiting.min(Semaphore::MAX_PERMITS))),
            all: None,
        }
    }

    /// A line for acts that use so many of the connections of this one at most.
    #[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
    pub(in crate::store) fn part(&self, connections: u32) -> Self {
        let connections = usize::try_from(connections).unwrap_or(usize::MAX);
        Self {
            connections: Arc::new(Semaphore::new(connections.clamp(1, Semaphore::MAX_PERMITS))),
            waiting: Arc::clone(&self.waiting),
            all: Some(Arc::clone(&self.connections)),
        }
    }

    /// Runs `work` to its end in a task of `runtime`, and waits for it as long as the act
    /// has time. After that the task goes on, and whether the act happens is not
    /// known; but it sends nothing more.
    ///
    /// Until the act has a connection it is not begun: a caller that goes away
    /// leaves the line, and nothing is sent.
    pub(in crate::store) async fn run<T: Send + 'static>(
        &self,
        runtime: &Runtime,
        act: Act,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permits = self.enter(act).await?;
        let task = runtime.spawn(async move {
            let outcome = work.await;
            // Not before: the connection is in use until the driver is done.
            drop(permits);
            outcome
        });
        match tokio::time::timeout_at(act.until, task).await {
            Err(_) => Err(StoreError::Timeout),
            Ok(Ok(outcome)) => outcome,
            Ok(Err(task)) => Err(not_ended(task)),
        }
    }

    async fn enter(&self, act: Act) -> Result<Vec<OwnedSemaphorePermit>, StoreError> {
        let mut place = None;
        let mut permits = Vec::with_capacity(2);
        for connections in std::iter::once(&self.connections).chain(&self.all) {
            // Those who wait are served first: then none is free.
            if let Ok(permit) = Arc::clone(connections).try_acquire_owned() {
                permits.push(permit);
                continue;
            }
            if place.is_none() {
                let too_many = || Fault::new("too many acts wait for a connection").unavailable();
                place = Some(self.waiting.try_acquire().map_err(|_| too_many())?);
            }
            let permit = Arc::clone(connections).acquire_owned();
            match tokio::time::timeout_at(act.until, permit).await {
                Ok(Ok(permit)) => permits.push(permit),
                Ok(Err(_)) | Err(_) => {
                    return Err(Fault::new("no connection was free in time").unavailable());
                }
            }
        }
        Ok(permits)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::super::runtime::DriverRuntime;
    use super::*;

    fn here() -> Runtime {
        Runtime::with_client(&DriverRuntime::Current).unwrap()
    }

    const LONG: Duration = Duration::from_secs(60);

    fn is_unavailable<T>(answer: &Result<T, StoreError>) -> bool {
        matches!(answer, Err(StoreError::Unavailable(_)))
    }

    /// A line whose one connection is in use until the sender is dropped.
    async fn busy(waiting: usize) -> (Arc<Line>, tokio::sync::oneshot::Sender<()>) {
        let line = Arc::new(Line::new(1, waiting));
        let (free, freed) = tokio::sync::oneshot::channel::<()>();
        let holder = Arc::clone(&line);
        tokio::spawn(async move {
            let work = async move {
                let _ = freed.await;
                Ok(())
            };
            holder.run(&here(), Act::within(LONG), work).await
        });
        while line.connections.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        (line, free)
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_goes_away_in_the_line_begins_nothing() {
        let (line, free) = busy(4096).await;
        let begun = Arc::new(AtomicU32::new(0));
        let act = || {
            let (line, begun) = (Arc::clone(&line), Arc::clone(&begun));
            tokio::spawn(async move {
                let work = async move {
                    begun.fetch_add(1, Ordering::SeqCst);
                    Ok(())
                };
                line.run(&here(), Act::within(LONG), work).await
            })
        };
        let gone: Vec<_> = (0..200).map(|_| act()).collect();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let live = act();
        for caller in gone {
            caller.abort();
        }
        drop(free);
        live.await.unwrap().unwrap();
        assert_eq!(begun.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_is_part_of_the_deadline_and_begins_nothing_after_it() {
        let (line, _free) = busy(4096).await;
        let act = Act::within(Duration::from_secs(2));
        let begin = Instant::now();
        let answer: Result<(), _> = line
            .run(&here(), act, async { panic!("it was begun") })
            .await;
        assert!(is_unavailable(&answer), "{answer:?}");
        assert_eq!(begin.elapsed().as_secs(), 2);
        assert!(matches!(act.left(), Err(StoreError::Timeout)));
    }

    #[tokio::test(start_paused = true)]
    async fn more_than_may_wait_are_refused_at_once() {
        let (line, free) = busy(1).await;
        let waits = Arc::clone(&line);
        let waits =
            tokio::spawn(
                async move { waits.run(&here(), Act::within(LONG), async { Ok(1) }).await },
            );
        tokio::task::yield_now().await;
        let refused = line.run(&here(), Act::within(LONG), async { Ok(2) }).await;
        assert!(is_unavailable(&refused), "{refused:?}");
        drop(free);
        assert_eq!(waits.await.unwrap().unwrap(), 1);
        assert_eq!(line.waiting.available_permits(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_in_use_until_the_work_is_over() {
        let line = Line::new(1, 4096);
        let (short, long) = (Duration::from_secs(1), Duration::from_secs(3));
        let work = async move {
            tokio::time::sleep(long).await;
            Ok(())
        };
        let answer = line.run(&here(), Act::within(short), work).await;
        assert!(matches!(answer, Err(StoreError::Timeout)), "{answer:?}");
        let answer = line
            .run(&here(), Act::within(short), async { Ok(()) })
            .await;
        assert!(is_unavailable(&answer), "{answer:?}");
        tokio::time::sleep(short).await;
        line.run(&here(), Act::within(short), async { Ok(()) })
            .await
            .unwrap();
    }

    #[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
    #[tokio::test(start_paused = true)]
    async fn a_part_of_the_connections_leaves_the_others_free() {
        let all = Line::new(3, 4096);
        let part = Arc::new(all.part(2));
        let act = || Act::within(Duration::from_secs(1));
        let busy: Vec<_> = (0..3)
            .map(|_| {
                let part = Arc::clone(&part);
                let work = async {
                    tokio::time::sleep(LONG).await;
                    Ok(())
                };
                tokio::spawn(async move { part.run(&here(), act(), work).await })
            })
            .collect();
        let mut refused = 0;
        for busy in busy {
            refused += u32::from(is_unavailable(&busy.await.unwrap()));
        }
        assert_eq!(refused, 1);
        all.run(&here(), act(), async { Ok(()) }).await.unwrap();
        assert_eq!(all.connections.available_permits(), 1);
        tokio::time::sleep(LONG).await;
        assert_eq!(all.connections.available_permits(), 3);
        assert_eq!(all.waiting.available_permits(), 4096);
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_that_the_server_would_take_for_no_limit_is_none() {
        let act = Act::within(Duration::from_millis(2));
        tokio::time::advance(Duration::from_micros(1001)).await;
        assert!(matches!(act.left(), Err(StoreError::Timeout)));
        assert!(Act::within(Duration::MAX).left().unwrap() > LONG);
    }
}
