//! Writes events into the audit log in the background: in their order, bounded,
//! with retries, and with an error and an event when one is lost.

use std::collections::VecDeque;
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::audit::{AuditClass, AuditPolicy, AuditRecord, OnDeletion};
use crate::clock::Clock;
use crate::contained;
use crate::error::ErrorCode;
use crate::event::{AuthEvent, EventSink, Notice, Operation, deliver, emit};
use crate::id::{EventId, UserId};
use crate::metrics;
use crate::random::SecureRandom;
use crate::store::{AuditStore, Cause, Insert, StoreError};
use crate::time::Timestamp;

/// How many users whose events were removed are remembered, so that what
/// comes late about them is not kept.
const REMOVED: usize = 1000;

/// Takes events, hands them to the application's sink, and writes those that
/// are kept.
pub(super) struct AuditLog {
    store: Arc<dyn AuditStore>,
    policy: AuditPolicy,
    sink: Arc<dyn EventSink>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn SecureRandom>,
    queue: Mutex<Queue>,
    /// Told when a worker ends.
    done: Notify,
}

#[derive(Default)]
struct Queue {
    /// The first one is being written if there is a worker.
    waiting: VecDeque<Arc<Job>>,
    has_worker: bool,
    last: Option<EventId>,
    removed: VecDeque<UserId>,
}

struct Job {
    event: AuthEvent,
    act: Act,
    _shown: metrics::Present,
}

#[derive(Clone)]
enum Act {
    Append(Box<AuditRecord>),
    Remove(UserId),
}

/// 46 random bits in one millisecond do not collide by chance.
#[derive(Debug, thiserror::Error)]
#[error("a new id is taken: is the source of randomness broken?")]
struct IdTaken;

/// The sink of a service that has an audit log.
pub(super) struct Recorder(pub(super) Arc<AuditLog>);

impl EventSink for Recorder {
    fn emit(&self, event: &AuthEvent) {
        deliver(&*self.0.sink, event);
        self.0.offer(event);
    }
}

/// A worker that is at work. When its task is dropped with a runtime, the
/// next event starts another one.
struct Worker(Option<Arc<AuditLog>>);

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(log) = &self.0 {
            log.queue().has_worker = false;
            log.done.notify_waiters();
        }
    }
}

impl AuditLog {
    pub(super) fn new(
        store: Arc<dyn AuditStore>,
        policy: AuditPolicy,
        sink: Arc<dyn EventSink>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn SecureRandom>,
    ) -> Self {
        Self {
            store,
            policy,
            sink,
            clock,
            random,
            queue: Mutex::default(),
            done: Notify::new(),
        }
    }

    /// See [`AuditStore::events_of`]. What waits to be written is not in it.
    pub(super) async fn events_of(
        &self,
        user: UserId,
        before: Option<EventId>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        self.store.events_of(user, before, limit, now).await
    }

    /// Waits until nothing waits to be written.
    pub(super) async fn idle(self: &Arc<Self>) {
        loop {
            let done = self.done.notified();
            tokio::pin!(done);
            // From here on no notification is missed.
            done.as_mut().enable();
            {
                let mut queue = self.queue();
                if queue.waiting.is_empty() && !queue.has_worker {
                    return;
                }
                self.start(&mut queue);
            }
            done.await;
        }
    }

    /// Puts `event` into the queue if it is one that is kept.
    fn offer(self: &Arc<Self>, event: &AuthEvent) {
        let lost = {
            let mut queue = self.queue();
            match self.job(event, &mut queue) {
                Ok(None) => return,
                Ok(Some(_)) if queue.waiting.len() >= self.policy.max_pending => {
                    Some("too many wait".into())
                }
                Ok(Some(job)) if self.has_its_share(&queue, &job) => {
                    Some("too many of one account wait".into())
                }
                Ok(Some(job)) => {
                    queue.waiting.push_back(Arc::new(job));
                    if self.start(&mut queue) {
                        None
                    } else {
                        queue.waiting.pop_back();
                        Some("there is no runtime".into())
                    }
                }
                Err(error) => Some(error),
            }
        };
        if let Some(cause) = lost {
            self.lose(event, &*cause);
        }
    }

    /// Whether as much of the class and the account that `job` is about waits as
    /// may: a tenth of all, so that one account does not push out what others did,
    /// nor what is done any number of times how somebody came in.
    fn has_its_share(&self, queue: &Queue, job: &Job) -> bool {
        const AT_LEAST: usize = 16;
        let share = (self.policy.max_pending / 10).max(AT_LEAST);
        let Act::Append(record) = &job.act else {
            return false;
        };
        if queue.waiting.len() < share {
            return false;
        }
        let same = |other: &&Arc<Job>| match &other.act {
            Act::Append(other) => (other.user_id, other.class) == (record.user_id, record.class),
            Act::Remove(_) => false,
        };
        queue.waiting.iter().filter(same).count() >= share
    }

    fn job(&self, event: &AuthEvent, queue: &mut Queue) -> Result<Option<Job>, Cause> {
        let Some(user) = event.user_id.filter(|user| !queue.removed.contains(user)) else {
            return Ok(None);
        };
        let is_deletion = event.refused.is_none()
            && matches!(
                event.operation,
                Operation::DeleteAccount
                    | Operation::RemoveUser
                    | Operation::DisownEmail
                    | Operation::ExpireAccount
            );
        let act = if is_deletion && self.policy.on_deletion == OnDeletion::Remove {
            queue.removed.push_back(user);
            if queue.removed.len() > REMOVED {
                queue.removed.pop_front();
            }
            Act::Remove(user)
        } else {
            if AuditClass::of(event).is_none() {
                return Ok(None);
            }
            let id = EventId::generate(event.at, queue.last, &*self.random)?;
            queue.last = Some(id);
            match AuditRecord::of(event, id, &self.policy) {
                Some(record) => Act::Append(Box::new(record)),
                None => return Ok(None),
            }
        };
        Ok(Some(Job {
            event: event.clone(),
            act,
            _shown: metrics::event_pends(),
        }))
    }

    /// Starts a worker if there is work and none runs. Returns `false` outside of a
    /// runtime, where none can be started.
    fn start(self: &Arc<Self>, queue: &mut Queue) -> bool {
        if queue.has_worker || queue.waiting.is_empty() {
            return true;
        }
        let Ok(runtime) = Handle::try_current() else {
            return false;
        };
        queue.has_worker = true;
        let worker = Worker(Some(Arc::clone(self)));
        runtime.spawn(work(worker));
        true
    }

    /// The job at the front; `None` ends the worker that asks.
    fn front(&self) -> Option<Arc<Job>> {
        let mut queue = self.queue();
        let job = queue.waiting.front().cloned();
        if job.is_none() {
            queue.has_worker = false;
        }
        job
    }

    async fn write(&self, job: &Arc<Job>) {
        let mut wait = self.policy.first_retry;
        for attempt in 1..=self.policy.attempts {
            let Err(cause) = self.attempt(job).await else {
                return;
            };
            if self.gives_up(job, attempt, &*cause) {
                return;
            }
            tokio::time::sleep(wait).await;
            wait = wait.saturating_mul(2);
        }
    }

    /// Says of an attempt that it failed, and whether it was the last one.
    fn gives_up(&self, job: &Job, attempt: u32, error: &(dyn Error + 'static)) -> bool {
        tracing::warn!(
            operation = job.event.operation.as_str(),
            attempt,
            error,
            "an event was not kept"
        );
        let is_final =
            matches!(error.downcast_ref(), Some(StoreError::Full)) || error.is::<IdTaken>();
        let is_last = is_final || attempt == self.policy.attempts;
        if is_last {
            self.lose(&job.event, error);
        }
        is_last
    }

    /// Makes one attempt, which has a time limit and may panic.
    async fn attempt(&self, job: &Job) -> Result<(), Cause> {
        let (store, act) = (Arc::clone(&self.store), job.act.clone());
        let keep = match &act {
            Act::Append(record) => self.policy.keep(record.class),
            Act::Remove(_) => 0,
        };
        let attempt = async move {
            match act {
                Act::Append(record) => append(&*store, &record, keep).await,
                Act::Remove(user) => Ok(store.remove_events(user).await.map(drop)?),
            }
        };
        contained::call(self.policy.attempt_timeout, attempt).await?
    }

    /// Says that `event` is not in the log: with all of it to the operator's
    /// log, and as an event of its own.
    fn lose(&self, event: &AuthEvent, cause: &(dyn Error + 'static)) {
        let kept = AuthEvent {
            taken_over: None,
            ..event.clone()
        };
        let text = serde_json::to_string(&kept).unwrap_or_default();
        tracing::error!(
            event = text,
            error = cause,
            "an event is not in the audit log"
        );
        let lost = AuthEvent {
            at: self.clock.now(),
            operation: Operation::KeepEvent,
            refused: Some(ErrorCode::Internal),
            notices: [Notice::EventLost].into(),
            // No mail was lost.
            mail: None,
            ..kept
        };
        emit(&*self.sink, &lost);
    }

    // Each change is whole before anything in it could panic.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Appends `record`. An id that is taken is mostly this record's own, of an
/// attempt that was heard of as failed and had not: that is looked up. By then it
/// may be counted in another record, or others in it.
async fn append(store: &dyn AuditStore, record: &AuditRecord, keep: usize) -> Result<(), Cause> {
    if store.append_event(record, keep).await? == Insert::Inserted {
        return Ok(());
    }
    let found = store.events_of(record.user_id, record.id.next(), 1, record.at);
    match found.await?.first() {
        Some(found) if found.holds(record) => Ok(()),
        _ => Err(IdTaken.into()),
    }
}

/// Writes what waits, one after the other, so that the log has the order of
/// the events.
async fn work(mut worker: Worker) {
    let Some(log) = worker.0.clone() else { return };
    while let Some(job) = log.front() {
        log.write(&job).await;
        log.queue().waiting.pop_front();
    }
    // `front` has said that this worker is gone; another may be there by now.
    worker.0 = None;
    log.done.notify_waiters();
}
