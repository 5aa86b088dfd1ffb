//! What an operation that fails leaves behind in the store: no session and no link that it has
//! stored for an outcome that did not come about.

use std::collections::BTreeSet;

use crate::scene::{OPS, Op, Scene};
use crate::sweep::usual;
use support::faulty::Fault;

/// Calls after whose failure nobody knows whether the decisive act was done, so that what it
/// would have opened has to stay, or the clean-up of which is itself what failed.
fn may_stay(op: Op, call: &str) -> bool {
    // The account is made or confirmed, and the session goes with it.
    let _ = op;
    matches!(call, "end_session" | "remove_tokens")
}

#[tokio::test]
async fn asvs_2_3_3_an_operation_that_fails_leaves_no_session_and_no_link_behind() {
    let (mut tried, mut left) = (0, BTreeSet::new());
    for op in OPS {
        let usual = usual(op).await;
        for call in 1..=usual.foreground {
            let name = usual.calls[call - 1];
            if may_stay(op, name) {
                continue;
            }
            let scene = Scene::new(op).await;
            let before = scene.truth.counts().await;
            scene.bed.store.inject(call, Fault::ErrorBefore);
            let outcome = scene.operation().await;
            scene.mails().await;
            scene.bed.store.calm();
            if outcome.is_ok() {
                continue;
            }
            tried += 1;
            let after = scene.truth.counts().await;
            if after.sessions > before.sessions {
                left.insert((format!("{op:?}"), name, "session"));
            }
            if after.tokens > before.tokens {
                left.insert((format!("{op:?}"), name, "link"));
            }
        }
    }
    println!("{tried} failures");
    assert!(left.is_empty(), "{left:#?}");
}
