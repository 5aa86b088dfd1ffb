//! Requests that are dropped: frameworks drop a handler's future when the
//! client goes away, at whatever point it waits.

use std::pin::pin;
use std::task::Poll;

use crate::scene::{OPS, Op, Scene};

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
            // The next poll may be the one at which it is given up.
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Drops `op` after `polls` polls. Says whether it was still at it.
async fn drop_after(op: Op, polls: usize) -> bool {
    let scene = Scene::new(op).await;
    // Two points to be dropped at before each act of the store, two after.
    scene.bed.store.watch(2);
    let outcome = poll_at_most(scene.operation(), polls).await;
    // What is in the background by then is not dropped with it.
    scene.bed.auth.flush_mail().await;
    scene.bed.auth.flush_events().await;
    scene.bed.store.calm();
    scene.check(&outcome).await;
    outcome.is_none()
}

#[tokio::test]
async fn asvs_2_3_3_each_operation_dropped_at_each_point_where_it_waits() {
    let mut drops = 0;
    for op in OPS {
        let mut polls = 1;
        while drop_after(op, polls).await {
            println!("{op:?}: dropped after poll {polls}");
            polls += 1;
        }
        assert!(
            polls > 4 || op.needs_no_store(),
            "{op:?} has no point to be dropped at"
        );
        drops += polls - 1;
    }
    println!("{drops} drops of {} operations, 0 violations", OPS.len());
    assert!(drops >= 400, "{drops}");
}
