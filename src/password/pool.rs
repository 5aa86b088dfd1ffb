//! A fixed set of hashing threads, and the jobs that they are given.
//!
//! A job comes from a holder of a [`Place`], so there are never many: who waits
//! for a place waits in the [`Admission`]. A thread that does not come back from
//! a job in time is given up for as long as it hangs, and another one takes its
//! place; a further thread watches for that, and for waits that are too long, so
//! that neither needs an async runtime or a free hashing thread.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::admission::{Admission, Claim, Place};
use super::config::HashingConfig;
use super::hasher::HashError;
use super::memory::Memory;
use crate::error::ConfigError;
use crate::metrics;

/// How long a thread is idle until it wipes its memory.
const WIPE_AFTER: Duration = Duration::from_millis(50);
/// How often it is looked whether something takes too long, while there is
/// something.
const TICK: Duration = Duration::from_millis(20);

/// The threads. They end when this is dropped, after the jobs they are at.
pub(super) struct Pool {
    shared: Arc<Shared>,
    admission: Arc<Admission>,
}

struct Shared {
    state: Mutex<State>,
    /// Told when there is a job, and when it is time to end.
    work: Condvar,
    /// Told when there is something to watch, and when it is time to end.
    watch: Condvar,
    threads: usize,
    block_count: usize,
    queue_deadline: Duration,
    run_deadline: Duration,
    runs: Arc<AtomicU64>,
    /// Moving average of what a job takes; 0 before the first.
    job_nanos: AtomicU64,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Queued>,
    /// What the threads are at, by the number of the job.
    running: BTreeMap<u64, Running>,
    next: u64,
    /// Threads that replace one that hangs, and how many were ever started.
    replacements: usize,
    started: usize,
    is_watching: bool,
    is_closed: bool,
}

/// A job that no thread has begun.
struct Queued {
    since: Instant,
    job: Arc<dyn Job>,
    shown: metrics::Present,
}

/// A job that a thread has begun.
struct Running {
    since: Instant,
    job: Arc<dyn Job>,
    stuck: Option<Stuck>,
}

/// A thread that does not come back.
struct Stuck {
    is_replaced: bool,
    _shown: metrics::Present,
}

/// Something for a thread to do, and somebody who waits for it.
trait Job: Send + Sync {
    /// Does it, once.
    fn run(&self, memory: &mut Memory);
    /// Answers in place of the job. Only the first answer counts.
    fn refuse(&self, reason: HashError);
}

struct Pending<F, T> {
    /// `None` once it is begun.
    work: Mutex<Option<F>>,
    reply: Mutex<Option<oneshot::Sender<Result<T, HashError>>>>,
}

impl<F, T> Pending<F, T> {
    fn answer(&self, answer: Result<T, HashError>) {
        let reply = lock(&self.reply).take();
        // A caller who has gone in the meantime needs no answer.
        drop(reply.map(|reply| reply.send(answer)));
    }
}

impl<T: Send, F: FnOnce(&mut Memory) -> T + Send> Job for Pending<F, T> {
    fn run(&self, memory: &mut Memory) {
        let Some(work) = lock(&self.work).take() else {
            return;
        };
        let done = catch_unwind(AssertUnwindSafe(|| work(memory)));
        self.answer(
            done.map_err(|_| HashError::Failed("a job of the hashing threads panicked".into())),
        );
    }

    fn refuse(&self, reason: HashError) {
        self.answer(Err(reason));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is ever left half done under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    /// Starts the threads, each with its memory.
    pub(super) fn start(config: &HashingConfig) -> Result<Self, ConfigError> {
        let cannot = |error: &dyn std::error::Error| ConfigError::Threads(error.to_string());
        let threads = config
            .threads
            .or_else(|| thread::available_parallelism().ok())
            .map_or(1, std::num::NonZeroUsize::get);
        let params = config
            .params
            .builder()
            .build()
            .map_err(|error| cannot(&error))?;
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            work: Condvar::new(),
            watch: Condvar::new(),
            threads,
            block_count: params.block_count(),
            queue_deadline: config.queue_deadline,
            run_deadline: config.run_deadline,
            runs: Arc::default(),
            job_nanos: AtomicU64::new(0),
        });
        let admission = Admission::new(threads, config.queue_len, config.queue_deadline);
        // Made first, so that the threads end when one of them cannot be started.
        let pool = Self {
            shared: Arc::clone(&shared),
            admission: Arc::new(admission),
        };
        for _ in 0..threads {
            shared.start_thread()?;
        }
        let admission = Arc::clone(&pool.admission);
        thread::Builder::new()
            .name("password-watch".to_owned())
            .spawn(move || shared.watch(&admission))
            .map_err(|error| cannot(&error))?;
        Ok(pool)
    }

    /// Waits for a place. The future can be dropped at any time.
    pub(super) async fn admit(&self, claim: Claim) -> Result<Place, HashError> {
        self.shared.look_out();
        self.admission.admit(claim, self.shared.usual()).await
    }

    /// Has a thread do `work` for the holder of `place`, and waits for it without
    /// blocking. Once `gone` is ready, or the future dropped, a job that no
    /// thread has begun is withdrawn; one that has begun comes to its end.
    ///
    /// # Errors
    ///
    /// [`HashError::Abandoned`] when it was withdrawn; [`HashError::Stuck`] when
    /// it takes too long; [`HashError::Overloaded`] when no thread has come to
    /// it in time; [`HashError::Failed`] when it panics.
    pub(super) async fn perform<T: Send + 'static>(
        &self,
        place: &mut Place,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
        gone: impl Future<Output = ()>,
    ) -> Result<T, HashError> {
        let (reply, answer) = oneshot::channel();
        let job = Arc::new(Pending {
            work: Mutex::new(Some(work)),
            reply: Mutex::new(Some(reply)),
        });
        let waited = std::mem::take(&mut place.waited);
        self.shared
            .submit(Arc::clone(&job) as Arc<dyn Job>, waited)?;
        let _withdrawal = Withdrawal {
            shared: &self.shared,
            job: &*job,
        };
        let mut answer = pin!(answer);
        let answered = tokio::select! {
            biased;
            answered = &mut answer => answered,
            () = gone => {
                if self.shared.withdraw(&*job) {
                    return Err(HashError::Abandoned);
                }
                answer.await
            }
        };
        // The sender is dropped only with its answer sent, or with the threads.
        answered.unwrap_or_else(|_| Err(HashError::Failed("the hashing threads have ended".into())))
    }

    /// Argon2 runs since the start.
    pub(super) fn runs(&self) -> u64 {
        self.shared.runs.load(Ordering::Relaxed)
    }

    /// Jobs that no thread has begun yet, and those who wait to be admitted.
    pub(super) fn waiting(&self) -> usize {
        lock(&self.shared.state).jobs.len() + self.admission.waiting()
    }

    pub(super) fn threads(&self) -> usize {
        self.shared.threads
    }

    /// Threads that have not come back from a job in time.
    pub(super) fn stuck(&self) -> usize {
        let state = lock(&self.shared.state);
        let stuck = state.running.values();
        stuck.filter(|running| running.stuck.is_some()).count()
    }

    /// The memory of all threads.
    pub(super) fn memory_bytes(&self) -> usize {
        let threads = self.shared.threads + lock(&self.shared.state).replacements;
        threads * self.shared.block_count * argon2::Block::SIZE
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let jobs = {
            let mut state = lock(&self.shared.state);
            state.is_closed = true;
            std::mem::take(&mut state.jobs)
        };
        self.shared.work.notify_all();
        self.shared.watch.notify_all();
        drop(jobs);
    }
}

/// A job whose caller waits. When this is dropped, one that no thread has begun
/// is taken out of the queue.
struct Withdrawal<'a> {
    shared: &'a Shared,
    job: &'a dyn Job,
}

impl Drop for Withdrawal<'_> {
    fn drop(&mut self) {
        self.shared.withdraw(self.job);
    }
}

impl Shared {
    fn start_thread(self: &Arc<Self>) -> Result<(), ConfigError> {
        let cannot = |error: &dyn std::error::Error| ConfigError::Threads(error.to_string());
        let memory = Memory::new(self.block_count, Arc::clone(&self.runs))
            .map_err(|error| cannot(&error))?;
        let number = {
            let mut state = lock(&self.state);
            state.started += 1;
            state.started - 1
        };
        let shared = Arc::clone(self);
        thread::Builder::new()
            .name(format!("password-{number}"))
            .spawn(move || shared.work(memory))
            .map_err(|error| cannot(&error))?;
        Ok(())
    }

    /// What a job usually takes.
    fn usual(&self) -> Duration {
        Duration::from_nanos(self.job_nanos.load(Ordering::Relaxed))
    }

    fn submit(&self, job: Arc<dyn Job>, waited: Duration) -> Result<(), HashError> {
        let now = Instant::now();
        let queued = Queued {
            since: now.checked_sub(waited).unwrap_or(now),
            job,
            shown: metrics::hashing_waits(),
        };
        let mut state = lock(&self.state);
        if state.is_closed {
            drop(state);
            return Err(HashError::Failed("the hashing threads have ended".into()));
        }
        state.jobs.push_back(queued);
        drop(state);
        self.work.notify_one();
        Ok(())
    }

    /// Takes a job out that no thread has begun. Returns whether it was there.
    fn withdraw(&self, job: &dyn Job) -> bool {
        let mut state = lock(&self.state);
        let is_it = |queued: &Queued| std::ptr::addr_eq(Arc::as_ptr(&queued.job), job);
        let place = state.jobs.iter().position(is_it);
        let withdrawn = place.and_then(|place| state.jobs.remove(place));
        drop(state);
        withdrawn.is_some()
    }

    /// What a thread does, to its end.
    fn work(self: &Arc<Self>, mut memory: Memory) {
        while let Some((number, queued)) = self.next(&mut memory) {
            let Queued { since, job, shown } = queued;
            drop(shown);
            let start = Instant::now();
            metrics::hashing_waited(start.saturating_duration_since(since));
            job.run(&mut memory);
            let took = start.elapsed();
            self.learn(took);
            metrics::hashing_took(took);
            if self.has_ended(number) {
                // Another thread has taken the place of this one.
                return;
            }
        }
    }

    /// The next job, when there is one; `None` when it is time to end.
    fn next(&self, memory: &mut Memory) -> Option<(u64, Queued)> {
        let mut state = lock(&self.state);
        loop {
            if state.is_closed {
                return None;
            }
            if let Some(queued) = state.jobs.pop_front() {
                let number = state.next;
                state.next += 1;
                let running = Running {
                    since: Instant::now(),
                    job: Arc::clone(&queued.job),
                    stuck: None,
                };
                state.running.insert(number, running);
                return Some((number, queued));
            }
            if !memory.is_dirty() {
                state = self
                    .work
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let (woken, timeout) = self
                .work
                .wait_timeout(state, WIPE_AFTER)
                .unwrap_or_else(PoisonError::into_inner);
            state = woken;
            if timeout.timed_out() {
                drop(state);
                memory.wipe(|| !lock(&self.state).jobs.is_empty());
                state = lock(&self.state);
            }
        }
    }

    /// A thread has come back from a job. Returns whether it was replaced.
    fn has_ended(&self, number: u64) -> bool {
        let mut state = lock(&self.state);
        let ended = state.running.remove(&number);
        let stuck = ended.as_ref().and_then(|ended| ended.stuck.as_ref());
        let is_replaced = stuck.is_some_and(|stuck| stuck.is_replaced);
        if is_replaced {
            state.replacements -= 1;
        }
        drop(state);
        drop(ended);
        is_replaced
    }

    fn learn(&self, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let average = match self.job_nanos.load(Ordering::Relaxed) {
            0 => took,
            before => before / 8 * 7 + took / 8,
        };
        self.job_nanos.store(average, Ordering::Relaxed);
    }

    /// Wakes the watch, if it sleeps.
    fn look_out(&self) {
        let mut state = lock(&self.state);
        if !state.is_watching {
            state.is_watching = true;
            drop(state);
            self.watch.notify_one();
        }
    }

    /// Looks at what waits and at what runs, as long as there is something.
    fn watch(self: &Arc<Self>, admission: &Admission) {
        loop {
            let mut state = lock(&self.state);
            while !state.is_watching && !state.is_closed {
                state = self
                    .watch
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            if state.is_closed {
                return;
            }
            let (state, _) = self
                .watch
                .wait_timeout(state, TICK)
                .unwrap_or_else(PoisonError::into_inner);
            drop(state);
            let waits = admission.expire(self.usual());
            self.give_up_what_waits(admission);
            self.give_up_what_hangs();
            let mut state = lock(&self.state);
            // One who comes from here on says so.
            state.is_watching = waits || !state.jobs.is_empty() || !state.running.is_empty();
        }
    }

    /// Refuses the jobs that no thread has come to in time, since all hang.
    fn give_up_what_waits(&self, admission: &Admission) {
        let mut late = Vec::new();
        let mut state = lock(&self.state);
        while let Some(queued) = state.jobs.front()
            && queued.since.elapsed() >= self.queue_deadline
        {
            late.extend(state.jobs.pop_front());
        }
        let waiting = state.jobs.len();
        drop(state);
        for queued in late {
            metrics::hashing_waited(queued.since.elapsed());
            queued
                .job
                .refuse(admission.overloaded(waiting, self.usual()));
        }
    }

    /// Answers the callers of jobs that take too long, and replaces the threads.
    fn give_up_what_hangs(self: &Arc<Self>) {
        let mut hung = Vec::new();
        {
            let state = lock(&self.state);
            for (number, running) in &state.running {
                if running.stuck.is_none() && running.since.elapsed() >= self.run_deadline {
                    hung.push((*number, Arc::clone(&running.job)));
                }
            }
        }
        for (number, job) in hung {
            let shown = metrics::hashing_stuck();
            let mut state = lock(&self.state);
            let may_replace = state.replacements < self.threads && !state.is_closed;
            let Some(running) = state.running.get_mut(&number) else {
                // It has just come back.
                continue;
            };
            running.stuck = Some(Stuck {
                is_replaced: may_replace,
                _shown: shown,
            });
            state.replacements += usize::from(may_replace);
            drop(state);
            tracing::error!(
                deadline = ?self.run_deadline,
                is_replaced = may_replace,
                "a hashing thread did not come back from a job in time"
            );
            job.refuse(HashError::Stuck);
            if may_replace && let Err(error) = self.start_thread() {
                tracing::error!(%error, "a hashing thread that hangs was not replaced");
                let mut state = lock(&self.state);
                state.replacements -= 1;
                if let Some(stuck) = state
                    .running
                    .get_mut(&number)
                    .and_then(|running| running.stuck.as_mut())
                {
                    stuck.is_replaced = false;
                }
            }
        }
    }
}
