//! A flood of logins, and everybody else.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use admittance::config::LimitPolicy;
use admittance::password::Argon2Params;
use tokio::task::{JoinSet, yield_now};

use support::bed::{Bed, PASSWORD, config};

const FLOOD: usize = 300;
const CHECKS: usize = 500;

/// One thread runs everything but the hashing, so a hash on it would be in the
/// way of all that comes after.
#[tokio::test(flavor = "current_thread")]
async fn asvs_15_4_4_token_checks_go_on_under_a_flood_of_logins() {
    let mut config = config();
    config.limits = LimitPolicy::off();
    config.hashing.params = Argon2Params::new(8192, 2, 1).unwrap();
    config.hashing.threads = NonZeroUsize::new(1);
    config.hashing.queue_len = FLOOD;
    config.hashing.queue_deadline = Duration::from_secs(3600);
    let bed = Arc::new(Bed::with(config));
    let tokens = bed.register("ann@example.org").await.tokens;

    let answered = Arc::new(AtomicUsize::new(0));
    let mut flood = JoinSet::new();
    for number in 0..FLOOD {
        let (bed, answered) = (Arc::clone(&bed), Arc::clone(&answered));
        flood.spawn(async move {
            let email = format!("user{}@example.org", number % 2);
            bed.login(&email, PASSWORD).await.unwrap_err();
            answered.fetch_add(1, Ordering::SeqCst);
        });
    }
    // Everyone gets as far as the queue.
    yield_now().await;
    let pending = || FLOOD - answered.load(Ordering::SeqCst);
    assert!(pending() > 0, "the flood was over before it was looked at");

    for _ in 0..CHECKS {
        bed.validate(&tokens).await.unwrap();
        yield_now().await;
    }
    let left = pending();
    assert!(left > 0, "the checks waited for the logins");
    println!("{CHECKS} token checks while {left} of {FLOOD} logins waited");
    // A caller that goes away costs nothing more.
    flood.shutdown().await;
}
