//! Dropped requests: frameworks drop a handler's future when the client
//! disconnects, at whatever point it waits. Once an operation has begun to
//! change something, it finishes, notifies the owner and reports, as if its
//! caller still waited.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use admittance::error::ErrorCode;
use admittance::event::Operation;
use admittance::extra::Extra;
use admittance::profile::Profile;
use admittance::service::{AccountData, AccountHooks};
use admittance::store::Cause;
use async_trait::async_trait;
use tokio::sync::Notify;

use crate::scene::{OPS, Op, Scene};
use crate::sweep::{Usual, reported, usual};
use support::bed::{config, mail_config};

/// Polls `future` at most `polls` times.
pub(crate) async fn poll_at_most<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let (mut future, mut left) = (pin!(future), polls);
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            // The next poll may be the one that drops it.
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Counts its calls.
#[derive(Clone, Default)]
struct CountingHook(Arc<AtomicUsize>);

#[async_trait]
impl AccountHooks for CountingHook {
    async fn registered(&self, _: &Profile, _: &Extra) -> Result<AccountData, Cause> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(AccountData::default())
    }
}

/// Drops the caller's future of `op` at the `point`-th point of its calls of
/// the store. Returns `None` if it has fewer points, else whether it was
/// abandoned.
async fn drop_at(op: Op, usual: &Usual, point: usize) -> Option<bool> {
    let hook = CountingHook::default();
    let scene = Scene::built(op, config(), |builder, mailbox| {
        let builder = builder.hooks(hook.clone());
        match op.has_mailer() {
            true => builder.mail(mailbox, mail_config()),
            false => builder,
        }
    })
    .await;
    let before = scene.bed.events.all().len();
    let reached = Arc::new(Notify::new());
    let signal = Arc::clone(&reached);
    scene.bed.store.at_point(point, move || signal.notify_one());
    let answer = tokio::select! {
        biased;
        () = reached.notified() => None,
        answer = scene.operation() => Some(answer),
    };
    if let Some(answer) = answer {
        scene.bed.store.calm();
        scene.check(&Some(answer)).await;
        return None;
    }
    // It goes on by itself.
    let ended = async {
        while !op.is_silent() && reported(&scene, op, before).is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(60), ended).await;
    assert!(ended.is_ok(), "{op:?} was not reported");
    let mails = scene.mails().await;
    scene.bed.store.calm();
    let events = reported(&scene, op, before);
    let (event, usual_event) = match &usual.event {
        Some(usual_event) if !op.is_silent() => (&events[0], usual_event),
        // A success of an operation that is reported only when refused.
        _ => {
            assert!(events.is_empty());
            scene.check(&None).await;
            return Some(true);
        }
    };
    // asvs_16_2_1: exactly one event.
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(event.operation, usual_event.operation);
    let gave_up = event.refused == Some(ErrorCode::Abandoned);
    if gave_up {
        // Then nothing was changed, and nobody is notified.
        assert_eq!(mails, []);
        scene.assert_nothing_decided().await;
    } else {
        assert_eq!(event.refused, usual_event.refused);
        // The owner and the operator were notified.
        assert_eq!(mails, usual.mails, "{op:?}");
        assert_eq!(event.notices, usual_event.notices);
        assert_eq!(event.user_id, usual_event.user_id.and(event.user_id));
    }
    let makes_account = usual_event.refused.is_none()
        && (matches!(op, Op::Complete | Op::CompleteReplacing)
            || usual_event.operation == Operation::Register && usual_event.user_id.is_some());
    let calls = usize::from(makes_account && !gave_up);
    assert_eq!(hook.0.load(Ordering::SeqCst), calls, "{op:?}");
    scene.check(&None).await;
    Some(gave_up)
}

#[tokio::test]
async fn asvs_2_3_3_each_operation_dropped_at_each_point_where_it_waits() {
    let (mut drops, mut given_up) = (0, 0);
    for op in OPS {
        let usual = usual(op).await;
        let mut point = 1;
        while let Some(gave_up) = drop_at(op, &usual, point).await {
            println!("{op:?}: dropped at point {point}");
            point += 1;
            given_up += usize::from(gave_up);
        }
        assert!(point > 2, "{op:?} has no point to be dropped at");
        drops += point - 1;
    }
    println!(
        "{drops} drops of {} operations, {given_up} given up, the others finished; 0 violations",
        OPS.len()
    );
    assert!(drops >= 400, "{drops}");
    // Dropping the caller's future while an operation only reads stops it.
    assert!(given_up >= 50, "{given_up}");
}
