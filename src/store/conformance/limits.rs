//! What holds for rate limits.

use std::sync::Arc;
use std::time::Duration;

use super::fixture::*;
use super::racing::*;
use crate::limit::{Decision, Hit, LimitKey, Quota, Usage};
use crate::store::Store;

fn key(number: u32) -> LimitKey {
    LimitKey::new("conformance", &number.to_be_bytes())
}

fn quota(burst: u32, period_ms: u64) -> Quota {
    Quota::new(burst, Duration::from_millis(period_ms))
}

fn one(key: LimitKey, quota: Quota) -> [Hit; 1] {
    [Hit { key, quota }]
}

/// Whatever is counted and when, the store decides what [`Quota::decide`]
/// says, to the millisecond: long sequences over several keys, some under
/// changing quotas.
pub async fn a_limit_equals_the_quota_rule(store: Arc<dyn Store>) {
    let quotas = [
        quota(1, 1),
        quota(3, 100),
        quota(10, 7),
        quota(1, 1000),
        quota(2, 86_400_000),
    ];
    for seed in 0..6 {
        let draw = Draw::new(seed.into());
        let mut model: [Option<Usage>; 6] = [None; 6];
        let mut millis = 0;
        for step in 0..250 {
            millis += [0, 0, 1, 1, 5, 20, 60, 400][draw.below(8) as usize];
            let subject = draw.below(6);
            let quota = match subject {
                5 => quotas[draw.below(5) as usize],
                fixed => quotas[fixed as usize],
            };
            let (usage, expected) = quota.decide(model[subject as usize], at(millis));
            model[subject as usize] = usage;
            let hits = one(key(seed * 10 + subject), quota);
            let got = store.hit_all(&hits, at(millis)).await;
            assert_eq!(
                done(got),
                expected,
                "sequence {seed}, step {step}, key {subject}"
            );
        }
    }
}

/// What is counted under one key costs no other anything.
pub async fn limit_keys_are_independent(store: Arc<dyn Store>) {
    let quota = quota(1, 1000);
    for number in 0..50 {
        let decision = done(store.hit_all(&one(key(number), quota), NOW).await);
        assert_eq!(decision, Decision::Allowed, "a key was charged for another");
    }
    for number in 0..50 {
        let decision = done(store.hit_all(&one(key(number), quota), NOW).await);
        assert_ne!(decision, Decision::Allowed, "a key was forgotten");
    }
}

/// A refused act costs nothing: repeated attempts do not lengthen the wait.
pub async fn refused_acts_are_not_counted(store: Arc<dyn Store>) {
    let quota = quota(2, 1000);
    for expected in [true, true, false] {
        let decision = done(store.hit_all(&one(key(1), quota), NOW).await);
        assert_eq!(decision == Decision::Allowed, expected, "a burst of two");
    }
    for millis in (0..1000).step_by(50) {
        let decision = done(store.hit_all(&one(key(1), quota), at(millis)).await);
        let retry_after = Duration::from_millis(1000 - millis.unsigned_abs());
        assert_eq!(
            decision,
            Decision::Refused { retry_after },
            "the wait after refused acts"
        );
    }
    let decision = done(store.hit_all(&one(key(1), quota), at(1000)).await);
    assert_eq!(decision, Decision::Allowed, "refused acts were counted");
}

/// A clock that is turned back makes nobody wait longer than the quota says and
/// clocks may differ.
pub async fn a_clock_turned_back_locks_nobody_out(store: Arc<dyn Store>) {
    let quota = quota(2, 1000);
    for _ in 0..2 {
        let decision = done(store.hit_all(&one(key(1), quota), NOW).await);
        assert_eq!(decision, Decision::Allowed, "a burst of two");
    }
    let hour = 3_600_000;
    let decision = done(store.hit_all(&one(key(1), quota), at(-hour)).await);
    let retry_after = Duration::from_secs(61);
    assert_eq!(
        decision,
        Decision::Refused { retry_after },
        "the wait after the clock was turned back"
    );
    let decision = done(store.hit_all(&one(key(1), quota), at(61_000 - hour)).await);
    assert_eq!(
        decision,
        Decision::Allowed,
        "a clock that was turned back locks out for longer than the quota says"
    );
}

/// Whatever is counted and given back by two instances whose clocks differ, each store
/// decides what [`Quota::decide`] says: it remembers the latest time at which an act was
/// counted, also when the act was given back.
pub async fn acts_by_two_clocks_equal_the_rule(store: Arc<dyn Store>) {
    for (seed, ahead) in [(0, 500), (1, 20_000), (2, 55_000), (3, 60_000), (4, 61_500)] {
        let draw = Draw::new(seed.into());
        let quotas = [quota(1, 300), quota(3, 1000), quota(2, 40_000)];
        let mut model: [Option<Usage>; 3] = [None; 3];
        let mut millis = 0;
        for step in 0..120 {
            millis += [0, 0, 1, 100, 300, 1000, 20_000][draw.below(7) as usize];
            let now = millis + [0, ahead][draw.below(2) as usize];
            let subject = draw.below(3);
            let (place, quota) = (subject as usize, quotas[subject as usize]);
            let hits = one(key(seed * 10 + subject), quota);
            let (usage, expected) = quota.decide(model[place], at(now));
            model[place] = usage;
            let decision = done(store.hit_all(&hits, at(now)).await);
            assert_eq!(
                decision, expected,
                "clocks {ahead} ms apart, step {step}, key {subject}"
            );
            if decision == Decision::Allowed && draw.below(3) == 0 {
                model[place] = model[place].map(|usage| quota.give_back(usage));
                done(store.give_back(&hits).await);
            }
        }
    }
}

/// Four times the budget at once: exactly the budget is allowed (ASVS 2.4.1,
/// CVE-2019-5421), and everybody else is told the same wait.
pub async fn parallel_acts_get_exactly_the_budget(store: Arc<dyn Store>) {
    for (racers, round) in rounds() {
        let quota = quota(racers / 4, 1000);
        let decisions = race(racers, |_| {
            let store = Arc::clone(&store);
            async move { done(store.hit_all(&one(key(round), quota), NOW).await) }
        })
        .await;
        let retry_after = Duration::from_secs(1);
        let allowed = decisions.iter().filter(|one| **one == Decision::Allowed);
        assert_eq!(
            allowed.count(),
            usize::try_from(racers / 4).unwrap_or(0),
            "{racers} parallel acts did not get exactly the budget"
        );
        assert!(
            decisions
                .iter()
                .all(|decision| *decision == Decision::Allowed
                    || *decision == Decision::Refused { retry_after }),
            "parallel acts were told different waits: {decisions:?}"
        );
    }
}
