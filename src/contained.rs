//! Calls into code that is not this crate's, and may panic or hang.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::task::AbortHandle;
use tracing::Instrument;

/// A call panicked. The text of the panic is omitted, since it may contain the
/// arguments of the call.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("it panicked")]
pub(crate) struct Panicked;

/// Why a call returned no answer.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// It panicked.
    #[error(transparent)]
    Panicked(#[from] Panicked),
    /// It exceeded its time limit.
    #[error("it took too long")]
    TimedOut,
}

/// Polls `work` in this task and catches a panic.
pub(crate) async fn catching<T>(work: impl Future<Output = T>) -> Result<T, Panicked> {
    let mut work = pin!(work);
    poll_fn(
        |context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(_) => Poll::Ready(Err(Panicked)),
        },
    )
    .await
}

/// Calls the application's code in a task of its own for at most `limit`. The
/// limit also applies to a call that blocks its thread. The task ends with this
/// future.
pub(crate) async fn call<T: Send + 'static>(
    limit: Duration,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, NoAnswer> {
    let task = tokio::spawn(work.in_current_span());
    let _end = AbortOnDrop(task.abort_handle());
    match tokio::time::timeout(limit, task).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) => Err(Panicked.into()),
        Err(_) => Err(NoAnswer::TimedOut),
    }
}

/// Ends a task when it is dropped.
pub(crate) struct AbortOnDrop(pub(crate) AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn asvs_16_5_4_a_panic_is_an_answer() {
        assert_eq!(catching(async { 7 }).await, Ok(7));
        assert_eq!(
            catching(async { panic!("here") }).await,
            Err::<(), _>(Panicked)
        );
        assert_eq!(call(LIMIT, async { 7 }).await, Ok(7));
        let panicked = call(LIMIT, async { panic!("here") }).await;
        assert_eq!(panicked, Err::<(), _>(NoAnswer::Panicked(Panicked)));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_call_that_blocks_its_thread_is_given_up() {
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let blocking = async move { wait.recv().is_ok() };
        let given_up = call(Duration::from_millis(1), blocking).await;
        assert_eq!(given_up, Err(NoAnswer::TimedOut));
        drop(release);
    }
}
