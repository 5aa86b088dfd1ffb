//! Jobs for the hashing threads, and the callers that wait for their answers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::error::HashError;
use super::memory::Memory;

/// A job, whatever the type of its answer.
pub(super) trait Job: Send + Sync {
    /// Runs the work once and sends the answer. Catches panics.
    fn run(&self, memory: &mut Memory);
    /// Answers with `reason`, unless the job was already answered.
    fn refuse(&self, reason: HashError);
}

/// A job whose answer is a `T`.
pub(super) struct Pending<F, T> {
    /// `None` once a thread has started it.
    work: Mutex<Option<F>>,
    reply: Mutex<Option<oneshot::Sender<Result<T, HashError>>>>,
}

impl<F, T> Pending<F, T> {
    /// Returns the job and the receiver of its answer.
    pub(super) fn new(work: F) -> (Self, oneshot::Receiver<Result<T, HashError>>) {
        let (reply, answer) = oneshot::channel();
        let pending = Self {
            work: Mutex::new(Some(work)),
            reply: Mutex::new(Some(reply)),
        };
        (pending, answer)
    }

    fn answer(&self, answer: Result<T, HashError>) {
        let reply = lock(&self.reply).take();
        // If nobody waits, the answer is dropped here. It may be of an
        // application's type, whose drop may panic.
        let sent = AssertUnwindSafe(|| drop(reply.map(|reply| reply.send(answer))));
        contain(catch_unwind(sent));
    }
}

impl<T: Send, F: FnOnce(&mut Memory) -> T + Send> Job for Pending<F, T> {
    fn run(&self, memory: &mut Memory) {
        let Some(work) = lock(&self.work).take() else {
            return;
        };
        let done = contain(catch_unwind(AssertUnwindSafe(|| work(memory))));
        self.answer(
            done.ok_or_else(|| HashError::Failed("a job of the hashing threads panicked".into())),
        );
    }

    fn refuse(&self, reason: HashError) {
        self.answer(Err(reason));
        // Dropping the application's closure may panic.
        let work = lock(&self.work).take();
        contain(catch_unwind(AssertUnwindSafe(|| drop(work))));
    }
}

/// Returns `None` if `work` panics. The drop of the panic's payload may panic
/// too; that is caught as well, and a second such payload is leaked.
fn contain<T>(outcome: std::thread::Result<T>) -> Option<T> {
    match outcome {
        Ok(done) => Some(done),
        Err(payload) => {
            if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                std::mem::forget(again);
            }
            None
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code panics between two changes under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Panics when it is dropped.
    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a value that panics when it is dropped");
        }
    }

    fn memory() -> Memory {
        Memory::new(8, Arc::default()).unwrap()
    }

    #[test]
    fn asvs_16_5_4_what_a_job_leaves_behind_may_panic_too() {
        let (job, answer) = Pending::new(|_: &mut Memory| Bomb);
        drop(answer);
        job.run(&mut memory());
        let (job, mut answer) = Pending::<_, ()>::new(|_: &mut Memory| {
            std::panic::panic_any(Bomb);
        });
        job.run(&mut memory());
        assert!(matches!(answer.try_recv(), Ok(Err(HashError::Failed(_)))));
    }

    #[test]
    fn the_first_answer_counts() {
        let (job, mut answer) = Pending::new(|_: &mut Memory| 7);
        job.refuse(HashError::Stuck);
        job.run(&mut memory());
        assert!(matches!(answer.try_recv(), Ok(Err(HashError::Stuck))));
    }
}
