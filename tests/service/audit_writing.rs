//! How the audit log is written: in the background, in order, once, and never
//! silently not at all.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use admittance::audit::{AuditPolicy, AuditRecord};
use admittance::config::LimitPolicy;
use admittance::error::ErrorCode;
use admittance::event::{AuthEvent, Notice, Operation};
use admittance::id::{EventId, UserId};
use admittance::store::{AuditStore, Insert, MemoryStore, StoreError};
use admittance::time::Timestamp;
use async_trait::async_trait;
use tokio::sync::Semaphore;

use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config};

const ANN: &str = "ann@example.org";

/// What goes wrong with an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    Fails,
    FailsAfterwards,
    IsDoneTwice,
    Panics,
    Hangs,
    IsFull,
    SaysTaken,
}

use Trouble::*;

/// Goes wrong for some calls, and works then.
#[derive(Clone)]
struct Troubled {
    inner: MemoryStore,
    trouble: Trouble,
    left: Arc<AtomicUsize>,
    calls: Arc<AtomicUsize>,
    /// One permit for each append that may go on.
    gate: Arc<Semaphore>,
    order: Arc<Mutex<Vec<EventId>>>,
}

impl Troubled {
    fn new(trouble: Trouble, times: usize) -> Self {
        Self {
            inner: MemoryStore::new(),
            trouble,
            left: Arc::new(AtomicUsize::new(times)),
            calls: Arc::default(),
            gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
            order: Arc::default(),
        }
    }
}

#[async_trait]
impl AuditStore for Troubled {
    async fn append_event(&self, record: &AuditRecord, keep: usize) -> Result<Insert, StoreError> {
        self.gate.acquire().await.unwrap().forget();
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.order.lock().unwrap().push(record.id);
        let one_less = |left: usize| left.checked_sub(1);
        let left = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less);
        if left.is_err() {
            return self.inner.append_event(record, keep).await;
        }
        match self.trouble {
            Fails => Err(StoreError::Unavailable("told to fail".into())),
            FailsAfterwards => {
                let _ = self.inner.append_event(record, keep).await?;
                Err(StoreError::Timeout)
            }
            IsDoneTwice => {
                let first = self.inner.append_event(record, keep).await?;
                let _ = self.inner.append_event(record, keep).await?;
                Ok(first)
            }
            Panics => panic!("told to panic"),
            Hangs => std::future::pending().await,
            IsFull => Err(StoreError::Full),
            SaysTaken => Ok(Insert::Taken),
        }
    }

    async fn events_of(
        &self,
        user: UserId,
        before: Option<EventId>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        self.inner.events_of(user, before, limit, now).await
    }

    async fn remove_events(&self, user: UserId) -> Result<u64, StoreError> {
        self.inner.remove_events(user).await
    }
}

fn over(log: &Troubled, policy: AuditPolicy) -> Bed {
    let (log, mut settings) = (log.clone(), config());
    settings.limits = LimitPolicy::off();
    Bed::built(MemoryStore::new(), settings, |builder, _| {
        builder.audit_log(log, policy)
    })
}

/// What is kept of the user's events, the oldest first.
async fn kept(log: &Troubled, user: UserId) -> Vec<Operation> {
    let all = log.inner.events_of(user, None, 1000, Timestamp::MIN);
    let all = all.await.unwrap();
    all.iter().rev().map(|event| event.operation).collect()
}

fn lost(bed: &Bed) -> Vec<AuthEvent> {
    let mut events = bed.events.all();
    events.retain(|event| event.notices.first() == Some(Notice::EventLost));
    events
}

#[tokio::test(start_paused = true)]
async fn an_event_is_written_once_whatever_goes_wrong_in_between() {
    for trouble in [Fails, FailsAfterwards, IsDoneTwice, Panics, Hangs] {
        for times in 1..=4 {
            let log = Troubled::new(trouble, times);
            let bed = over(&log, AuditPolicy::default());
            let ann = bed.register(ANN).await;
            bed.login(ANN, PASSWORD).await.unwrap();
            let _ = bed.login(ANN, OTHER_PASSWORD).await;
            bed.auth.flush_events().await;
            let expected = [Operation::Register, Operation::Login, Operation::Login];
            let seen = kept(&log, ann.user_id).await;
            assert_eq!(seen, expected, "{trouble:?} {times} times");
            assert_eq!(lost(&bed), [], "{trouble:?} {times} times");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn asvs_16_3_1_an_event_that_is_given_up_is_reported_and_the_next_ones_are_kept() {
    // As often as an event is tried, or at once where trying again is no use.
    for (trouble, times, calls) in [(Fails, 5, 5), (Panics, 5, 5), (Hangs, 5, 5), (IsFull, 1, 1)] {
        let log = Troubled::new(trouble, times);
        let bed = over(&log, AuditPolicy::default());
        let ann = bed.register(ANN).await;
        bed.auth.flush_events().await;
        assert_eq!(log.calls.load(Ordering::SeqCst), calls, "{trouble:?}");
        let reported = lost(&bed);
        assert_eq!(reported.len(), 1, "{trouble:?}");
        assert_eq!(reported[0].operation, Operation::KeepEvent);
        assert_eq!(reported[0].refused, Some(ErrorCode::Internal));
        assert_eq!(reported[0].user_id, Some(ann.user_id));
        assert_eq!(reported[0].ip, bed.here.ip());
        bed.login(ANN, PASSWORD).await.unwrap();
        bed.auth.flush_events().await;
        assert_eq!(kept(&log, ann.user_id).await, [Operation::Login]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_id_that_is_taken_is_no_success() {
    let log = Troubled::new(SaysTaken, 1);
    let bed = over(&log, AuditPolicy::default());
    let ann = bed.register(ANN).await;
    bed.auth.flush_events().await;
    assert_eq!(kept(&log, ann.user_id).await, []);
    assert_eq!(lost(&bed).len(), 1);
    // Tried again, it would seem to have been written the first time.
    assert_eq!(log.calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn asvs_15_4_4_no_answer_waits_for_the_log_and_the_queue_is_bounded() {
    let log = Troubled::new(Fails, 0);
    // Nothing is written until it is let through.
    log.gate.forget_permits(Semaphore::MAX_PERMITS);
    let mut policy = AuditPolicy::default();
    policy.max_pending = 3;
    policy.attempt_timeout = Duration::from_secs(3600);
    let bed = over(&log, policy);
    let ann = bed.register(ANN).await;
    for _ in 0..5 {
        bed.login(ANN, PASSWORD).await.unwrap();
    }
    assert_eq!(lost(&bed).len(), 3);
    assert_eq!(log.calls.load(Ordering::SeqCst), 0);
    log.gate.add_permits(100);
    bed.auth.flush_events().await;
    let expected = [Operation::Register, Operation::Login, Operation::Login];
    assert_eq!(kept(&log, ann.user_id).await, expected);
    bed.login(ANN, PASSWORD).await.unwrap();
    bed.auth.flush_events().await;
    assert_eq!(kept(&log, ann.user_id).await.len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn events_are_written_in_their_order() {
    let log = Troubled::new(Fails, 3);
    let mut policy = AuditPolicy::default();
    policy.first_retry = Duration::from_millis(1);
    let bed = Arc::new(over(&log, policy));
    bed.register(ANN).await;
    let logins = (0..8).map(|_| {
        let bed = Arc::clone(&bed);
        tokio::spawn(async move {
            bed.login(ANN, PASSWORD).await.unwrap();
        })
    });
    for login in logins.collect::<Vec<_>>() {
        login.await.unwrap();
    }
    bed.auth.flush_events().await;
    let order = log.order.lock().unwrap().clone();
    assert_eq!(order.len(), 3 + 9);
    assert!(order.is_sorted(), "{order:?}");
}

#[test]
fn what_a_runtime_left_unwritten_the_next_one_writes() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let log = Troubled::new(Fails, 0);
    log.gate.forget_permits(Semaphore::MAX_PERMITS);
    let bed = over(&log, AuditPolicy::default());
    let first = runtime();
    let ann = first.block_on(bed.register(ANN));
    // The worker is dropped while it waits.
    first.shutdown_background();
    log.gate.add_permits(100);
    runtime().block_on(bed.auth.flush_events());
    let all = log.inner.events_of(ann.user_id, None, 10, Timestamp::MIN);
    let all = runtime().block_on(all).unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!(lost(&bed), []);
}

#[tokio::test]
async fn asvs_16_3_1_what_is_lost_stands_in_the_operators_log_with_all_that_is_known() {
    let log = Troubled::new(IsFull, 1);
    let bed = over(&log, AuditPolicy::default());
    let text = support::log::logged(async {
        bed.register(ANN).await;
        bed.auth.flush_events().await;
    })
    .await;
    let line = text
        .lines()
        .find(|line| line.contains("is not in the audit log"));
    let line = line.unwrap_or_else(|| panic!("{text}"));
    assert!(line.contains("ERROR"), "{line}");
    let reported = bed.events.all();
    for part in [
        r#"\"operation\":\"register\""#.to_owned(),
        reported[0].user_id.unwrap().to_string(),
        "192.0.2.1".to_owned(),
        "the store is full".to_owned(),
    ] {
        assert!(line.contains(&part), "{part} is not in {line}");
    }
}
