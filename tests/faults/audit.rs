//! The audit log under each operation, with each fault of the store that it is
//! written to: no answer changes, nothing is written twice, and nothing is lost
//! without a word.

use std::sync::Arc;
use std::time::Duration;

use admittance::audit::{AuditClass, AuditPolicy, AuditRecord};
use admittance::clock::Clock;
use admittance::config::LimitPolicy;
use admittance::event::{AuthEvent, Notice, Operation};
use admittance::id::{EventId, UserId};
use admittance::service::UpdateProfile;
use admittance::store::{AuditStore, Insert, MemoryStore, StoreError};
use admittance::time::Timestamp;
use async_trait::async_trait;
use tokio::sync::Semaphore;

use crate::scene::{OPS, Op, Scene, audit_policy, shape};
use support::bed::{Bed, Builder, PASSWORD, config};
use support::faulty::{FAULTS, Fault, FaultyStore};

/// An audit log that is never written, in one of three ways.
#[derive(Clone, Copy, Debug)]
enum Dead {
    Fails,
    Panics,
    Hangs,
}

#[async_trait]
impl AuditStore for Dead {
    async fn append_event(&self, _: &AuditRecord, _: usize) -> Result<Insert, StoreError> {
        match self {
            Self::Fails => Err(StoreError::Timeout),
            Self::Panics => panic!("the audit log was told to panic"),
            Self::Hangs => std::future::pending().await,
        }
    }

    async fn events_of(
        &self,
        _: UserId,
        _: Option<EventId>,
        _: usize,
        _: Timestamp,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        Ok(Vec::new())
    }

    async fn remove_events(&self, _: UserId) -> Result<u64, StoreError> {
        Err(StoreError::Timeout)
    }
}

/// A scene whose events are kept by `log`.
async fn scene_with(op: Op, log: impl AuditStore + 'static, policy: AuditPolicy) -> Scene {
    let add = |builder: Builder<_>| builder.audit_log(log, policy);
    Scene::with(op, config(), add).await
}

/// The events from the one with the number `first` on that are to be kept, and
/// how many of the others say that one is not.
fn expected(scene: &Scene, first: usize) -> (Vec<AuthEvent>, usize) {
    let mut events = scene.bed.events.all().split_off(first);
    let is_loss = |event: &AuthEvent| event.notices.first() == Some(Notice::EventLost);
    let lost = events.iter().filter(|event| is_loss(event)).count();
    events.retain(|event| AuditClass::of(event).is_some());
    (events, lost)
}

async fn kept(log: &MemoryStore, events: &[AuthEvent], now: Timestamp) -> Vec<Operation> {
    let mut users: Vec<UserId> = events.iter().filter_map(|event| event.user_id).collect();
    users.sort_unstable();
    users.dedup();
    let mut all = Vec::new();
    for user in users {
        all.extend(log.events_of(user, None, 1000, now).await.unwrap());
    }
    assert_eq!(all.len(), log.counts().events);
    all.sort_by_key(|record| record.id);
    all.iter().map(|record| record.operation).collect()
}

#[tokio::test]
async fn asvs_16_3_1_each_operation_under_each_fault_of_the_audit_log() {
    let (mut faults, mut written) = (0, 0);
    // Those that read the log are in the sweep of the store.
    for op in OPS.into_iter().filter(|op| !op.has_audit_log()) {
        let undisturbed = Scene::new(op).await;
        let usual = shape(&undisturbed.operation().await);
        let mails = undisturbed.mails().await;
        for fault in FAULTS {
            println!("{op:?}: {fault:?}");
            let records = MemoryStore::new();
            let log = FaultyStore::new(records.clone());
            let scene = scene_with(op, log.clone(), audit_policy()).await;
            let first = scene.bed.events.all().len();
            log.inject(1, fault);
            let answer = scene.operation().await;
            assert_eq!(shape(&answer), usual);
            assert_eq!(scene.mails().await, mails);
            scene.bed.auth.flush_events().await;
            let calls = log.calm();
            let (events, lost) = expected(&scene, first);
            assert_eq!(lost, 0);
            let operations: Vec<_> = events.iter().map(|event| event.operation).collect();
            let now = scene.bed.clock.now();
            assert_eq!(kept(&records, &events, now).await, operations);
            if calls.contains(&"append_event") {
                let fails = matches!(fault, Fault::ErrorBefore | Fault::ErrorAfter | Fault::Panic);
                let appends = calls.iter().filter(|call| **call == "append_event");
                assert_eq!(appends.count(), events.len() + usize::from(fails));
                faults += 1;
                written += events.len();
            }
            scene.check(&Some(answer)).await;
        }
    }
    println!("{faults} faults, {written} events written once, 0 lost");
    assert!(faults >= 120, "{faults}");
}

#[tokio::test]
async fn asvs_16_5_3_an_audit_log_that_is_down_changes_no_answer_and_is_reported() {
    let mut reported = 0;
    for op in OPS {
        let undisturbed = Scene::new(op).await;
        let usual = shape(&undisturbed.operation().await);
        let mails = undisturbed.mails().await;
        for dead in [Dead::Fails, Dead::Panics, Dead::Hangs] {
            println!("{op:?}: {dead:?}");
            let mut policy = audit_policy();
            policy.attempts = 2;
            policy.attempt_timeout = Duration::from_millis(2);
            let scene = scene_with(op, dead, policy).await;
            let first = scene.bed.events.all().len();
            let answer = scene.operation().await;
            assert_eq!(shape(&answer), usual);
            assert_eq!(scene.mails().await, mails);
            scene.bed.auth.flush_events().await;
            let (events, lost) = expected(&scene, first);
            assert_eq!(lost, events.len());
            reported += lost;
            scene.check(&Some(answer)).await;
        }
    }
    println!("{reported} events reported as lost");
    assert!(reported >= 100, "{reported}");
}

#[tokio::test]
async fn asvs_16_5_2_a_log_that_cannot_be_read_is_not_taken_for_an_empty_one() {
    for op in [Op::ListEvents, Op::Export] {
        let scene = Scene::new(op).await;
        let calls = {
            scene.bed.store.watch(0);
            scene.operation().await.unwrap();
            scene.bed.auth.flush_events().await;
            scene.bed.store.calm()
        };
        let call = calls.iter().position(|call| *call == "events_of").unwrap() + 1;
        scene.bed.store.inject(call, Fault::ErrorBefore);
        let refused = scene.operation().await;
        assert!(refused.is_err(), "{op:?}");
    }
}

#[test]
fn the_store_of_a_log_may_be_shared() {
    fn takes(_: impl AuditStore + 'static) {}
    let store: Arc<dyn admittance::store::Store> = Arc::new(MemoryStore::new());
    takes(store);
}

#[tokio::test]
async fn one_account_does_not_push_the_events_of_others_out_of_the_queue() {
    let store = MemoryStore::new();
    let log = FaultyStore::new(store.clone());
    let mut settings = config();
    settings.limits = LimitPolicy::off();
    let bed = Bed::built(store, settings, |builder, _| {
        builder.audit_log(log.clone(), AuditPolicy::default())
    });
    let mallory = bed.register("mallory@example.org").await.tokens;
    let ann = bed.register("ann@example.org").await;
    bed.auth.flush_events().await;
    let mallory = bed.validate(&mallory).await.unwrap();
    // Faster than the log is written, so the writer is held back.
    let held = Arc::new(Semaphore::new(0));
    let gate = Arc::clone(&held);
    log.hook(1, move || {
        let gate = Arc::clone(&gate);
        async move { gate.acquire().await.unwrap().forget() }
    });
    for number in 0..10_000 {
        let update = UpdateProfile {
            name: Some(format!("Mallory {number}")),
            preferences: None,
        };
        let changed = bed.auth.update_profile(&mallory, update, &bed.here);
        changed.await.unwrap();
    }
    bed.login("mallory@example.org", PASSWORD).await.unwrap();
    bed.login("ann@example.org", PASSWORD).await.unwrap();
    held.add_permits(1);
    bed.auth.flush_events().await;
    let kept = async |user| {
        let kept = bed.store.events_of(user, None, 9, bed.clock.now());
        let kept = kept.await.unwrap();
        let kept: Vec<_> = kept.iter().map(|event| event.operation).collect();
        kept
    };
    let (login, register) = (Operation::Login, Operation::Register);
    assert_eq!(kept(ann.user_id).await, [login, register]);
    // Nor how it was come in to its own: the updates are one record.
    let update = Operation::UpdateProfile;
    assert_eq!(kept(mallory.user().id).await, [login, update, register]);
    let lost = bed.events.all();
    let lost = lost
        .iter()
        .filter(|event| event.operation == Operation::KeepEvent);
    assert_eq!(
        lost.count(),
        9_000,
        "a tenth of the room is for one account"
    );
}
