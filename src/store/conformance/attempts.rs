//! What holds for attempts that fail, and how they slow down the next ones.

use std::sync::Arc;
use std::time::Duration;

use super::fixture::*;
use super::racing::*;
use crate::limit::{Decision, Hit, LimitKey, Quota};
use crate::lockout::{Attempt, Attempts, LockoutPolicy, LockoutStep};
use crate::store::Store;

fn key(number: u32) -> LimitKey {
    LimitKey::new("conformance", &number.to_be_bytes())
}

/// A table of failures and the waits after them; all times in milliseconds.
fn policy(steps: &[(u32, u64)], forget_after: u64) -> LockoutPolicy {
    let steps: Vec<LockoutStep> = steps
        .iter()
        .map(|(failures, wait)| LockoutStep {
            failures: *failures,
            wait: Duration::from_millis(*wait),
        })
        .collect();
    LockoutPolicy::new(steps, Duration::from_millis(forget_after))
        .unwrap_or_else(|error| panic!("the suite's own table: {error}"))
}

fn allowed(count: u32, locks_for_ms: u64) -> Attempt {
    Attempt::Allowed {
        count,
        locks_for: Duration::from_millis(locks_for_ms),
    }
}

fn locked(retry_after_ms: u64) -> Attempt {
    Attempt::Locked {
        retry_after: Duration::from_millis(retry_after_ms),
    }
}

/// Fails with `what` unless the attempt, `millis` after the beginning, is
/// decided as `expected`.
async fn assert_attempt(
    store: &dyn Store,
    (number, policy, millis): (u32, &LockoutPolicy, i64),
    expected: Attempt,
    what: &str,
) {
    let attempt = store.attempt(key(number), policy, at(millis)).await;
    assert_eq!(done(attempt), expected, "{what}, at {millis} ms");
}

/// Whatever is attempted and when, and whatever succeeds, the store decides what
/// [`LockoutPolicy::attempt`] says, to the millisecond: long sequences over
/// several keys, some under changing tables.
pub async fn an_attempt_equals_the_lockout_table(store: Arc<dyn Store>) {
    let policies = [
        LockoutPolicy::default(),
        policy(&[(1, 1)], 2),
        policy(&[(2, 50), (3, 100), (5, 1000)], 5000),
        policy(&[(3, 7)], 400),
        policy(&[(1, 86_400_000)], 2 * 86_400_000),
    ];
    for seed in 0..6 {
        let draw = Draw::new(seed.into());
        let mut model: [Option<Attempts>; 6] = [None; 6];
        let mut millis = 0;
        for step in 0..250 {
            millis += match draw.below(80) {
                0 => 86_400_000,
                1 => 4_990,
                other => [0, 0, 1, 1, 7, 49, 60, 400, 990, 20_000][other as usize % 10],
            };
            let subject = draw.below(6);
            let number = seed * 10 + subject;
            if draw.below(15) == 0 {
                let until = at(millis - [0, 0, 1, 60][draw.below(4) as usize]);
                let kept = &mut model[subject as usize];
                *kept = kept.filter(|kept| !kept.are_forgiven(until));
                done(store.forgive(key(number), until).await);
            }
            let policy = match subject {
                5 => &policies[draw.below(5) as usize],
                fixed => &policies[fixed as usize],
            };
            let (kept, expected) = policy.attempt(model[subject as usize], at(millis));
            model[subject as usize] = Some(kept);
            let got = store.attempt(key(number), policy, at(millis)).await;
            assert_eq!(
                done(got),
                expected,
                "sequence {seed}, step {step}, key {subject}, kept {kept:?}"
            );
        }
    }
}

/// What is attempted under one key slows down no other.
pub async fn attempt_keys_are_independent(store: Arc<dyn Store>) {
    let policy = policy(&[(1, 1000)], 10_000);
    for number in 0..50 {
        let what = "a first attempt, after those of others";
        assert_attempt(&*store, (number, &policy, 0), allowed(1, 1000), what).await;
    }
    for number in 0..50 {
        let what = "a second attempt, after those of others";
        assert_attempt(&*store, (number, &policy, 0), locked(1000), what).await;
    }
}

/// A key that is used for attempts and for a limit counts for each by itself,
/// and a success gives back nothing of the limit.
pub async fn attempts_and_limits_are_counted_apart(store: Arc<dyn Store>) {
    let policy = policy(&[(2, 1000)], 10_000);
    let quota = Quota::new(2, Duration::from_secs(1000));
    let hit = async |expected: bool, what: &str| {
        let decision = done(store.hit_all(&[Hit { key: key(1), quota }], NOW).await);
        assert_eq!(decision == Decision::Allowed, expected, "{what}");
    };
    hit(true, "a first act").await;
    assert_attempt(&*store, (1, &policy, 0), allowed(1, 0), "beside a limit").await;
    hit(true, "a second act, beside attempts").await;
    assert_attempt(&*store, (1, &policy, 0), allowed(2, 1000), "beside a limit").await;
    hit(false, "a third act").await;
    assert_attempt(&*store, (1, &policy, 0), locked(1000), "beside a limit").await;
    done(store.forgive(key(1), NOW).await);
    hit(false, "an act after a success").await;
    assert_attempt(&*store, (1, &policy, 0), allowed(1, 0), "after a success").await;
}

/// A success takes the count back to nothing, for its own key only, also while
/// that is locked.
pub async fn a_success_forgets_the_attempts(store: Arc<dyn Store>) {
    let policy = policy(&[(2, 1000)], 10_000);
    for number in 1..=2 {
        for expected in [allowed(1, 0), allowed(2, 1000), locked(1000)] {
            assert_attempt(&*store, (number, &policy, 0), expected, "two failures").await;
        }
    }
    done(store.forgive(key(1), NOW).await);
    assert_attempt(&*store, (2, &policy, 1), locked(999), "another's success").await;
    for expected in [allowed(1, 0), allowed(2, 1000), locked(1000)] {
        assert_attempt(&*store, (1, &policy, 1), expected, "after a success").await;
    }
    // Twice, and where there is nothing to forget.
    for number in [1, 1, 9] {
        done(store.forgive(key(number), at(1)).await);
    }
    for number in [1, 9] {
        let what = "after a second success";
        assert_attempt(&*store, (number, &policy, 2), allowed(1, 0), what).await;
    }
}

/// A locked attempt costs nothing: repeated attempts neither lengthen the
/// wait nor the time until it is forgotten.
pub async fn locked_attempts_are_not_counted(store: Arc<dyn Store>) {
    let policy = policy(&[(1, 1000), (3, 5000)], 6000);
    assert_attempt(&*store, (1, &policy, 0), allowed(1, 1000), "a failure").await;
    for millis in (0..1000_i64).step_by(50) {
        let expected = locked(1000 - millis.unsigned_abs());
        let what = "the wait after locked attempts";
        assert_attempt(&*store, (1, &policy, millis), expected, what).await;
    }
    let what = "after locked attempts";
    assert_attempt(&*store, (1, &policy, 1000), allowed(2, 1000), what).await;
    assert_attempt(&*store, (1, &policy, 1999), locked(1), what).await;
    assert_attempt(&*store, (1, &policy, 7000), allowed(1, 1000), what).await;
}

/// Attempts are remembered until their time, and not at it. Each one moves it.
pub async fn attempts_are_forgotten_exactly_at_their_time(store: Arc<dyn Store>) {
    let policy = policy(&[(3, 1000)], 5000);
    for (millis, expected) in [
        (0, allowed(1, 0)),
        (4999, allowed(2, 0)),
        (9999, allowed(1, 0)),
        (10_000, allowed(2, 0)),
        (10_001, allowed(3, 1000)),
        (15_000, allowed(4, 1000)),
        (20_000, allowed(1, 0)),
    ] {
        let what = "counting what is remembered";
        assert_attempt(&*store, (1, &policy, millis), expected, what).await;
    }
}

/// A clock that is turned back makes nobody wait longer than the table says and clocks
/// may differ, and remembers nothing for longer.
pub async fn a_clock_turned_back_locks_an_account_no_longer_than_the_table_says(
    store: Arc<dyn Store>,
) {
    let policy = policy(&[(2, 1000), (3, 2000)], 5000);
    for expected in [allowed(1, 0), allowed(2, 1000)] {
        assert_attempt(&*store, (1, &policy, 0), expected, "two failures").await;
    }
    let what = "after the clock was turned back";
    let hour = 3_600_000;
    assert_attempt(&*store, (1, &policy, -hour), locked(61_000), what).await;
    assert_attempt(&*store, (1, &policy, 400 - hour), locked(60_600), what).await;
    assert_attempt(&*store, (1, &policy, 61_000 - hour), allowed(3, 2000), what).await;
    assert_attempt(&*store, (1, &policy, -2 * hour), locked(62_000), what).await;
    let forgotten = 65_000 - 2 * hour;
    assert_attempt(&*store, (1, &policy, forgotten), allowed(1, 0), what).await;
}

/// Of two instances whose clocks differ by up to a minute, the one that is behind takes nothing
/// from a lock that the other one has set, and lets the other's failures count as long.
pub async fn a_clock_that_is_behind_shortens_no_lock(store: Arc<dyn Store>) {
    let policy = policy(&[(2, 1000)], 5000);
    for (number, behind) in [(1, 20_000_i64), (2, 60_000)] {
        for expected in [allowed(1, 0), allowed(2, 1000)] {
            assert_attempt(&*store, (number, &policy, 0), expected, "two failures").await;
        }
        let what = "at the instance that is behind";
        let wait = 1000 + behind.unsigned_abs();
        assert_attempt(&*store, (number, &policy, -behind), locked(wait), what).await;
        let what = "at the instance that is ahead";
        assert_attempt(&*store, (number, &policy, 999), locked(1), what).await;
        assert_attempt(&*store, (number, &policy, 1000), allowed(3, 1000), what).await;
    }
}

/// Many at once: exactly as many are let through as the table has room for
/// (ASVS 6.3.1), each with a count of its own, and everybody else is told the
/// same wait. When that is over, one more is let through.
pub async fn parallel_attempts_get_exactly_what_the_table_lets_through(store: Arc<dyn Store>) {
    for (racers, round) in rounds() {
        let room = racers / 4;
        let policy = policy(&[(room, 1000), (room + 1, 2000)], 10_000);
        for (millis, counts, wait) in [(0, 1..=room, 1000), (1000, room + 1..=room + 1, 2000)] {
            let mut attempts = race(racers, |_| {
                let (store, policy) = (Arc::clone(&store), policy.clone());
                async move { done(store.attempt(key(round), &policy, at(millis)).await) }
            })
            .await;
            attempts.sort_by_key(|attempt| match attempt {
                Attempt::Allowed { count, .. } => *count,
                Attempt::Locked { .. } => u32::MAX,
            });
            let last = *counts.end();
            let through = counts.map(|count| allowed(count, if count == last { wait } else { 0 }));
            let mut expected: Vec<Attempt> = through.collect();
            expected.resize(attempts.len(), locked(wait));
            assert_eq!(
                attempts, expected,
                "what {racers} parallel attempts were told"
            );
        }
    }
}
