//! A fixed set of hashing threads and their job queue.
//!
//! A job comes from the holder of a [`Place`], so the queue is short: callers
//! wait for a place in an [`Admission`], one for hashing and one for scoring. A
//! thread that does not return from a job in time is replaced while it hangs.
//! One more thread enforces the deadlines, so they do not depend on an async
//! runtime or on a free hashing thread.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::admission::{Admission, Claim, Place, Work};
use super::alarm::Alarm;
use super::config::HashingConfig;
use super::error::HashError;
use super::job::{Job, Pending};
use super::memory::Memory;
use crate::error::ConfigError;
use crate::metrics;

/// How long a thread is idle until it wipes its memory.
const WIPE_AFTER: Duration = Duration::from_millis(50);
/// The interval between attempts to replace a thread.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Hashing places per thread. A job takes about as long as a few round trips to
/// a database, so this many keep a thread busy while some holders call the
/// store.
const HASHING_PLACES: usize = 6;
/// Scoring places per thread: enough to use an idle machine, and few compared
/// with hashing. In sum, a thread has at most eight jobs ahead of the next one.
const SCORING_PLACES: usize = 2;

/// The threads. They end when this is dropped, after the jobs they are at.
pub(super) struct Pool(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Notified when a job is queued, and when the threads have to end.
    work: Condvar,
    alarm: Arc<Alarm>,
    hashing: Arc<Admission>,
    /// Separate from `hashing`, so that neither delays the other.
    scoring: Arc<Admission>,
    threads: usize,
    block_count: usize,
    queue_deadline: Duration,
    run_deadline: Duration,
    runs: Arc<AtomicU64>,
    /// Moving average of the duration of a job; 0 before the first.
    job_nanos: AtomicU64,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Queued>,
    /// The jobs that threads are running, by number.
    running: BTreeMap<u64, Running>,
    next: u64,
    /// Existing threads, including stuck ones.
    alive: usize,
    stuck: usize,
    /// Threads started so far.
    started: usize,
    is_closed: bool,
}

impl State {
    fn working(&self) -> usize {
        self.alive.saturating_sub(self.stuck)
    }
}

/// A job that no thread has started.
struct Queued {
    since: Instant,
    /// How long its caller waited for the place.
    waited: Duration,
    job: Arc<dyn Job>,
    shown: metrics::Present,
}

/// A job that a thread is running.
struct Running {
    since: Instant,
    job: Arc<dyn Job>,
    /// Present once the job has exceeded `run_deadline`.
    stuck: Option<metrics::Present>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code panics between two changes under these locks.
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
        let alarm = Arc::<Alarm>::default();
        let deadline = config.queue_deadline;
        let admission = |per_thread, queue_len: usize| {
            let all = threads.saturating_add(queue_len);
            let places = threads.saturating_mul(per_thread).min(all);
            let room = all - places;
            let alarm = Arc::clone(&alarm);
            Admission::new(threads, places, (room, room / 4), deadline, alarm)
        };
        // Created before the threads: if one cannot be started, dropping the
        // pool ends the others.
        let pool = Self(Arc::new(Shared {
            state: Mutex::default(),
            work: Condvar::new(),
            hashing: Arc::new(admission(HASHING_PLACES, config.queue_len)),
            scoring: Arc::new(admission(SCORING_PLACES, config.queue_len)),
            alarm,
            threads,
            block_count: params.block_count(),
            queue_deadline: config.queue_deadline,
            run_deadline: config.run_deadline,
            runs: Arc::default(),
            job_nanos: AtomicU64::new(0),
        }));
        for _ in 0..threads {
            lock(&pool.0.state).alive += 1;
            pool.0.start_thread()?;
        }
        let shared = Arc::clone(&pool.0);
        thread::Builder::new()
            .name("password-watch".to_owned())
            .spawn(move || shared.watch())
            .map_err(|error| cannot(&error))?;
        Ok(pool)
    }

    /// Waits for a place. Cancellation safe.
    ///
    /// # Errors
    ///
    /// [`HashError::Overloaded`].
    pub(super) async fn admit(&self, claim: Claim) -> Result<Place, HashError> {
        let admission = match claim.work {
            Work::Hashing => &self.0.hashing,
            Work::Scoring => &self.0.scoring,
        };
        if self.0.is_lost() {
            // No thread would run the job, and the service counts an attempt
            // before it submits the job.
            return Err(admission.overloaded(0, self.0.usual()));
        }
        admission.admit(claim, self.0.usual()).await
    }

    /// Returns `true` if a caller that wants to hash would be refused now without
    /// waiting.
    pub(super) fn would_refuse(&self, claim: Claim) -> bool {
        self.0.hashing.would_refuse(claim)
    }

    /// The refusal of such a caller.
    pub(super) fn refusal(&self) -> HashError {
        let hashing = &self.0.hashing;
        hashing.overloaded(hashing.waiting(), self.0.usual())
    }

    /// Runs `work` on a thread for the holder of `place`, and waits for the
    /// result without blocking. Once `gone` is ready or the future is dropped,
    /// a job that no thread has started is withdrawn; a job that has started
    /// runs to its end.
    ///
    /// # Errors
    ///
    /// [`HashError::Abandoned`] if the job was withdrawn; [`HashError::Stuck`]
    /// if it exceeds the run deadline; [`HashError::Overloaded`] if no thread
    /// starts it in time because all of them hang; [`HashError::Failed`] if it
    /// panics.
    pub(super) async fn perform<T: Send + 'static>(
        &self,
        place: &mut Place,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
        gone: impl Future<Output = ()>,
    ) -> Result<T, HashError> {
        let (job, answer) = Pending::new(work);
        let job = Arc::new(job);
        let waited = std::mem::take(&mut place.waited);
        self.0.submit(Arc::clone(&job) as Arc<dyn Job>, waited)?;
        let _withdrawal = Withdrawal {
            shared: &self.0,
            job: &*job,
        };
        let mut answer = pin!(answer);
        let answered = tokio::select! {
            biased;
            answered = &mut answer => answered,
            () = gone => {
                if self.0.withdraw(&*job) {
                    return Err(HashError::Abandoned);
                }
                answer.await
            }
        };
        // Unreachable: `job` is alive here, and its sender is dropped only
        // after it has sent the answer.
        answered.unwrap_or_else(|_| Err(HashError::Failed("the hashing threads have ended".into())))
    }

    /// Argon2 runs since the start.
    pub(super) fn runs(&self) -> u64 {
        self.0.runs.load(Ordering::Relaxed)
    }

    /// Callers that wait for a place, and jobs that no thread has started.
    pub(super) fn waiting(&self) -> usize {
        let jobs = lock(&self.0.state).jobs.len();
        jobs + self.0.hashing.waiting() + self.0.scoring.waiting()
    }

    pub(super) fn threads(&self) -> usize {
        self.0.threads
    }

    /// Threads that have exceeded the run deadline of their job.
    pub(super) fn stuck(&self) -> usize {
        lock(&self.0.state).stuck
    }

    /// The memory of all threads.
    pub(super) fn memory_bytes(&self) -> usize {
        lock(&self.0.state).alive * self.0.block_count * argon2::Block::SIZE
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let jobs = {
            let mut state = lock(&self.0.state);
            state.is_closed = true;
            std::mem::take(&mut state.jobs)
        };
        self.0.work.notify_all();
        self.0.alarm.close();
        drop(jobs);
    }
}

/// A job whose caller waits. Dropping it withdraws the job if no thread has
/// started it.
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
    /// Starts a thread, which `alive` already includes.
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

    /// The usual duration of a job.
    fn usual(&self) -> Duration {
        Duration::from_nanos(self.job_nanos.load(Ordering::Relaxed))
    }

    /// Returns `true` if every thread hangs and none can be started.
    fn is_lost(&self) -> bool {
        let state = lock(&self.state);
        state.working() == 0 && state.alive >= self.threads.saturating_mul(2)
    }

    fn submit(&self, job: Arc<dyn Job>, waited: Duration) -> Result<(), HashError> {
        let since = Instant::now();
        let queued = Queued {
            since,
            waited,
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
        self.alarm.set(since + self.queue_deadline);
        Ok(())
    }

    /// Removes a job from the queue. Returns `false` if a thread has already
    /// started it.
    fn withdraw(&self, job: &dyn Job) -> bool {
        let mut state = lock(&self.state);
        let is_it = |queued: &Queued| std::ptr::addr_eq(Arc::as_ptr(&queued.job), job);
        let place = state.jobs.iter().position(is_it);
        let withdrawn = place.and_then(|place| state.jobs.remove(place));
        drop(state);
        withdrawn.is_some()
    }

    /// Runs jobs until the pool is dropped.
    fn work(&self, mut memory: Memory) {
        while let Some((number, queued)) = self.next(&mut memory) {
            let start = Instant::now();
            let is_late = start.saturating_duration_since(queued.since) >= self.queue_deadline;
            if is_late {
                self.refuse_late(queued, 0);
            } else {
                self.alarm.set(start + self.run_deadline);
                queued.shown.end();
                metrics::hashing_waited(queued.waited + (start - queued.since));
                queued.job.run(&mut memory);
                metrics::hashing_took(start.elapsed());
            }
            let end = self.has_ended(number);
            if !is_late && !end.was_stuck {
                self.learn(start.elapsed());
            }
            if end.is_one_too_many {
                return;
            }
        }
    }

    /// Waits for the next job. Returns `None` when the pool is dropped.
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

    /// Records that a thread has returned from a job. When a stuck thread
    /// returns, there is one thread more than configured, and this one ends.
    fn has_ended(&self, number: u64) -> End {
        let mut state = lock(&self.state);
        let ended = state.running.remove(&number);
        let was_stuck = ended.as_ref().is_some_and(|ended| ended.stuck.is_some());
        if was_stuck {
            state.stuck = state.stuck.saturating_sub(1);
        }
        let is_one_too_many = state.working() > self.threads;
        if is_one_too_many {
            state.alive -= 1;
        }
        drop(state);
        drop(ended);
        End {
            was_stuck,
            is_one_too_many,
        }
    }

    fn learn(&self, took: Duration) {
        let before = self.job_nanos.load(Ordering::Relaxed);
        let average = average(before, took);
        self.job_nanos.store(average, Ordering::Relaxed);
    }

    /// Enforces the deadlines until the pool is dropped.
    fn watch(self: &Arc<Self>) {
        while self.alarm.wait() {
            // This calls the application's tracing subscriber, which may panic.
            let looked = catch_unwind(AssertUnwindSafe(|| self.look()));
            let next = looked.unwrap_or_else(|_| Instant::now().checked_add(TRY_AGAIN_AFTER));
            if let Some(next) = next {
                self.alarm.set(next);
            }
        }
    }

    /// Answers every caller whose deadline has passed. Returns the next
    /// deadline.
    fn look(self: &Arc<Self>) -> Option<Instant> {
        let (next_stuck, stuck) = self.find_stuck();
        // Before the callers are answered: they may return at once.
        let retry = self.replace();
        for job in stuck {
            job.refuse(HashError::Stuck);
        }
        let deadlines = [
            self.hashing.expire(self.usual()),
            self.scoring.expire(self.usual()),
            self.give_up_what_waits(),
            next_stuck,
            retry,
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Refuses the jobs that no thread has started in time.
    fn give_up_what_waits(&self) -> Option<Instant> {
        let mut late = Vec::new();
        let mut state = lock(&self.state);
        while let Some(queued) = state.jobs.front()
            && queued.since.elapsed() >= self.queue_deadline
        {
            late.extend(state.jobs.pop_front());
        }
        let waiting = state.jobs.len();
        let next = state
            .jobs
            .front()
            .map(|next| next.since + self.queue_deadline);
        drop(state);
        for queued in late {
            self.refuse_late(queued, waiting);
        }
        next
    }

    fn refuse_late(&self, queued: Queued, waiting: usize) {
        queued.shown.end();
        metrics::hashing_waited(queued.waited + queued.since.elapsed());
        let reason = self.hashing.overloaded(waiting, self.usual());
        queued.job.refuse(reason);
    }

    /// Marks the threads that have exceeded the run deadline. Returns their
    /// jobs, and the next deadline.
    fn find_stuck(&self) -> (Option<Instant>, Vec<Arc<dyn Job>>) {
        let (mut hung, mut jobs) = (Vec::new(), Vec::new());
        let mut next = None::<Instant>;
        for (number, running) in &lock(&self.state).running {
            if running.stuck.is_some() {
                continue;
            }
            if running.since.elapsed() >= self.run_deadline {
                hung.push(*number);
            } else {
                let due = running.since + self.run_deadline;
                next = Some(next.map_or(due, |next| next.min(due)));
            }
        }
        for number in hung {
            let shown = metrics::hashing_stuck();
            let mut state = lock(&self.state);
            let Some(running) = state.running.get_mut(&number) else {
                // It has returned meanwhile.
                continue;
            };
            running.stuck = Some(shown);
            jobs.push(Arc::clone(&running.job));
            state.stuck += 1;
            drop(state);
            tracing::error!(
                deadline = ?self.run_deadline,
                "a hashing thread did not come back from a job in time"
            );
        }
        (next, jobs)
    }

    /// Starts a thread for each stuck one, at most `threads` of them. Returns
    /// when to try again after a failure.
    fn replace(self: &Arc<Self>) -> Option<Instant> {
        loop {
            let mut state = lock(&self.state);
            let is_complete = state.working() >= self.threads;
            if is_complete || state.alive >= self.threads.saturating_mul(2) || state.is_closed {
                return None;
            }
            state.alive += 1;
            drop(state);
            if let Err(error) = self.start_thread() {
                lock(&self.state).alive -= 1;
                tracing::error!(%error, "a stuck hashing thread was not replaced");
                return Instant::now().checked_add(TRY_AGAIN_AFTER);
            }
        }
    }
}

/// The state of a thread that has returned from a job.
struct End {
    was_stuck: bool,
    is_one_too_many: bool,
}

/// The average duration of a job, in nanoseconds, of which the last one counts for an
/// eighth. `before` is the average of those before it, or 0.
fn average(before: u64, last: Duration) -> u64 {
    let last = u64::try_from(last.as_nanos()).unwrap_or(u64::MAX);
    match before {
        0 => last,
        before => before / 8 * 7 + last / 8,
    }
}

#[cfg(test)]
mod tests;
