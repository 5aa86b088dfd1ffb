//! A fixed set of hashing threads and the bounded queue before them.

use std::collections::VecDeque;
use std::mem;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::config::HashingConfig;
use super::hasher::HashError;
use super::worker::Memory;
use crate::error::ConfigError;
use crate::metrics;

/// How long a thread is idle until it wipes its memory.
const WIPE_AFTER: Duration = Duration::from_millis(50);
/// The shortest wait that a refused caller is told.
const MIN_RETRY_AFTER: Duration = Duration::from_secs(1);

/// The threads. They end when this is dropped, after the jobs they are at.
pub(super) struct Pool {
    shared: Arc<Shared>,
}

impl Pool {
    /// Starts the threads, each with its memory.
    pub(super) fn start(config: &HashingConfig) -> Result<Self, ConfigError> {
        let cannot = |error: &dyn std::error::Error| ConfigError::Threads(error.to_string());
        let threads = config
            .threads
            .or_else(|| thread::available_parallelism().ok())
            .map_or(1, NonZeroUsize::get);
        let params = config
            .params
            .builder()
            .build()
            .map_err(|error| cannot(&error))?;
        let pool = Self {
            shared: Arc::new(Shared {
                queue: Mutex::new(Queue {
                    jobs: VecDeque::new(),
                    idle: threads,
                    is_closed: false,
                }),
                wake: Condvar::new(),
                threads,
                block_count: params.block_count(),
                queue_len: config.queue_len,
                queue_deadline: config.queue_deadline,
                runs: Arc::default(),
                job_nanos: AtomicU64::new(0),
            }),
        };
        for number in 0..threads {
            let shared = Arc::clone(&pool.shared);
            let memory = Memory::new(shared.block_count, Arc::clone(&shared.runs))
                .map_err(|error| cannot(&error))?;
            thread::Builder::new()
                .name(format!("password-{number}"))
                .spawn(move || shared.work(memory))
                .map_err(|error| cannot(&error))?;
        }
        Ok(pool)
    }

    /// Has a thread do `work`, and waits for it without blocking.
    pub(super) async fn perform<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let (reply, answer) = oneshot::channel();
        self.shared.submit(Box::new(Pending { work, reply }))?;
        answer.await.unwrap_or_else(|_| {
            Err(HashError::Failed(
                "a job of the hashing threads panicked".into(),
            ))
        })
    }

    /// Argon2 runs since the start.
    pub(super) fn runs(&self) -> u64 {
        self.shared.runs.load(Ordering::Relaxed)
    }

    /// Jobs that no thread has taken yet.
    pub(super) fn waiting(&self) -> usize {
        self.shared.lock().jobs.len()
    }

    pub(super) fn threads(&self) -> usize {
        self.shared.threads
    }

    /// The memory of all threads.
    pub(super) fn memory_bytes(&self) -> usize {
        self.shared.threads * self.shared.block_count * argon2::Block::SIZE
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.wake.notify_all();
    }
}

/// Something for a thread to do, and somebody who waits for it.
trait Job: Send {
    /// Whether nobody waits any more.
    fn is_abandoned(&self) -> bool;
    fn refuse(self: Box<Self>, reason: HashError);
    fn run(self: Box<Self>, memory: &mut Memory);
}

struct Pending<F, T> {
    work: F,
    reply: oneshot::Sender<Result<T, HashError>>,
}

impl<T: Send, F: FnOnce(&mut Memory) -> T + Send> Job for Pending<F, T> {
    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn refuse(self: Box<Self>, reason: HashError) {
        // A caller who has gone in the meantime needs no answer.
        drop(self.reply.send(Err(reason)));
    }

    fn run(self: Box<Self>, memory: &mut Memory) {
        let Self { work, reply } = *self;
        drop(reply.send(Ok(work(memory))));
    }
}

struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    threads: usize,
    block_count: usize,
    queue_len: usize,
    queue_deadline: Duration,
    runs: Arc<AtomicU64>,
    /// Moving average of what a job takes; 0 before the first.
    job_nanos: AtomicU64,
}

/// A job that no thread has taken yet.
struct Queued {
    since: Instant,
    job: Box<dyn Job>,
    shown: metrics::Present,
}

struct Queue {
    jobs: VecDeque<Queued>,
    /// Threads that are at no job. As many of the jobs are as good as taken.
    idle: usize,
    is_closed: bool,
}

impl Shared {
    /// No recorder of metrics is called under it: it is the application's, and
    /// may ask how many jobs wait.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing is ever left half done under this lock.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn submit(&self, job: Box<dyn Job>) -> Result<(), HashError> {
        let queued = Queued {
            since: Instant::now(),
            job,
            shown: metrics::hashing_waits(),
        };
        let mut queue = self.lock();
        let room = self.queue_len.saturating_add(queue.idle);
        let mut abandoned = Vec::new();
        if queue.jobs.len() >= room {
            for queued in mem::take(&mut queue.jobs) {
                match queued.job.is_abandoned() {
                    true => abandoned.push(queued),
                    false => queue.jobs.push_back(queued),
                }
            }
        }
        let waiting = queue.jobs.len();
        let has_room = waiting < room;
        if has_room {
            queue.jobs.push_back(queued);
        }
        drop(queue);
        drop(abandoned);
        if !has_room {
            return Err(self.overloaded(waiting));
        }
        self.wake.notify_one();
        Ok(())
    }

    /// What a thread does, to its end.
    fn work(&self, mut memory: Memory) {
        while let Some(Queued { since, job, shown }) = self.next(&mut memory) {
            shown.end();
            let start = Instant::now();
            let waited = start.saturating_duration_since(since);
            let done = catch_unwind(AssertUnwindSafe(|| {
                if job.is_abandoned() {
                    return false;
                }
                metrics::hashing_waited(waited);
                if waited >= self.queue_deadline {
                    let waiting = self.lock().jobs.len();
                    job.refuse(self.overloaded(waiting));
                    return false;
                }
                job.run(&mut memory);
                true
            }));
            // A job that panics has dropped its reply, which tells the caller.
            if done.unwrap_or(true) {
                let took = start.elapsed();
                self.learn(took);
                metrics::hashing_took(took);
            }
            self.lock().idle += 1;
        }
    }

    /// The next job, when there is one; `None` when it is time to end.
    fn next(&self, memory: &mut Memory) -> Option<Queued> {
        let mut queue = self.lock();
        loop {
            if queue.is_closed {
                return None;
            }
            if let Some(job) = queue.jobs.pop_front() {
                queue.idle -= 1;
                return Some(job);
            }
            if !memory.is_dirty() {
                queue = self
                    .wake
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let (woken, timeout) = self
                .wake
                .wait_timeout(queue, WIPE_AFTER)
                .unwrap_or_else(PoisonError::into_inner);
            queue = woken;
            if timeout.timed_out() {
                drop(queue);
                memory.wipe(|| !self.lock().jobs.is_empty());
                queue = self.lock();
            }
        }
    }

    fn learn(&self, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let average = match self.job_nanos.load(Ordering::Relaxed) {
            0 => took,
            before => before / 8 * 7 + took / 8,
        };
        self.job_nanos.store(average, Ordering::Relaxed);
    }

    /// The refusal when `waiting` jobs wait: it tells how long they will take.
    fn overloaded(&self, waiting: usize) -> HashError {
        metrics::hashing_overloaded();
        let rounds = waiting / self.threads + 1;
        let job = Duration::from_nanos(self.job_nanos.load(Ordering::Relaxed));
        let wait = job.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX));
        HashError::Overloaded {
            retry_after: wait.max(MIN_RETRY_AFTER),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::{Argon2Params, NormalizedPassword, phc};
    use crate::secret::Password;

    #[tokio::test]
    async fn an_idle_thread_wipes_what_passwords_left_in_its_memory() {
        let config = HashingConfig {
            params: Argon2Params::new(64, 1, 1).unwrap(),
            threads: NonZeroUsize::new(1),
            ..HashingConfig::default()
        };
        let pool = Pool::start(&config).unwrap();
        let password = NormalizedPassword::new(&Password::new("correct horse")).unwrap();
        let hash = move |memory: &mut Memory| {
            phc::hash(memory, &config, &password, [0; 16]).unwrap();
            memory.is_dirty()
        };
        assert!(pool.perform(hash).await.unwrap());
        for _ in 0..500 {
            thread::sleep(WIPE_AFTER * 2);
            if !pool.perform(|memory| memory.is_dirty()).await.unwrap() {
                return;
            }
        }
        panic!("the memory was never wiped");
    }
}
