//! What holds for acts that are counted in several budgets at once.

use std::sync::Arc;
use std::time::Duration;

use super::fixture::*;
use super::racing::*;
use crate::limit::{Decision, Hit, LimitKey, MAX_HITS, Quota, Usage, decide_all};
use crate::store::Store;

fn hit(level: u32, number: u32, burst: u32, period_ms: u64) -> Hit {
    let subject = [level.to_be_bytes(), number.to_be_bytes()].concat();
    Hit {
        key: LimitKey::new("conformance", &subject),
        quota: Quota::new(burst, Duration::from_millis(period_ms)),
    }
}

fn refused(millis: u64) -> Decision {
    Decision::Refused {
        retry_after: Duration::from_millis(millis),
    }
}

async fn assert_decided(
    store: &dyn Store,
    hits: &[Hit],
    millis: i64,
    expected: Decision,
    what: &str,
) {
    let decision = done(store.hit_all(hits, at(millis)).await);
    assert_eq!(decision, expected, "{what}, at {millis} ms");
}

/// Whatever is counted and given back, in how many budgets, and when, the store
/// decides what [`decide_all`] and [`Quota::give_back`] say, to the millisecond.
pub async fn several_budgets_equal_the_rule(store: Arc<dyn Store>) {
    for seed in 0..4 {
        let draw = Draw::new(seed.into());
        let mut millis = 0;
        // Two narrow ones within each of two middle ones, within a wide one.
        let mut model: [Option<Usage>; 7] = [None; 7];
        for step in 0..100 {
            millis += [0, 0, 1, 5, 20, 60, 400][draw.below(7) as usize];
            let narrow = draw.below(4);
            let (middle, wide) = (4 + narrow / 2, 6);
            let mut hits = vec![
                hit(0, seed * 10 + narrow, 2, 100),
                hit(1, seed * 10 + middle, 3, 70),
                hit(2, seed * 10 + wide, 5, 40),
            ];
            let mut places = vec![narrow as usize, middle as usize, wide as usize];
            // Some acts leave out the inner budgets.
            for _ in 0..[0, 0, 0, 1, 2][draw.below(5) as usize] {
                hits.remove(0);
                places.remove(0);
            }
            let now = at(millis);
            if draw.below(5) == 0 {
                for (hit, place) in hits.iter().zip(&places) {
                    let kept = &mut model[*place];
                    *kept = kept.map(|usage| hit.quota.give_back(usage));
                }
                done(store.give_back(&hits).await);
                continue;
            }
            let budgets: Vec<_> = hits
                .iter()
                .zip(&places)
                .map(|(hit, place)| (hit.quota, model[*place]))
                .collect();
            let (usages, expected) = decide_all(&budgets, now);
            for (place, usage) in places.iter().zip(usages) {
                model[*place] = usage;
            }
            let what = format!("sequence {seed}, step {step}, budgets {budgets:?}");
            assert_decided(&*store, &hits, millis, expected, &what).await;
        }
    }
}

/// An act that one budget refuses uses up none of the others, and is told the
/// longest wait.
pub async fn a_refusal_uses_up_no_budget(store: Arc<dyn Store>) {
    let wide = hit(2, 1, 4, 1000);
    let narrow = |number| hit(0, number, 1, 5000);
    let both = |number| [narrow(number), wide];
    assert_decided(&*store, &both(1), 0, Decision::Allowed, "a first act").await;
    for _ in 0..20 {
        let what = "an act that the narrow budget refuses";
        assert_decided(&*store, &both(1), 0, refused(5000), what).await;
    }
    for number in 2..5 {
        let what = "refused acts used up the wide budget";
        assert_decided(&*store, &both(number), 0, Decision::Allowed, what).await;
    }
    for _ in 0..20 {
        let what = "an act that the wide budget refuses";
        assert_decided(&*store, &both(9), 0, refused(1000), what).await;
    }
    let what = "an act that both refuse";
    assert_decided(&*store, &both(1), 0, refused(5000), what).await;
    let what = "refused acts used up the narrow budget";
    assert_decided(&*store, &both(9), 1000, Decision::Allowed, what).await;
}

/// An act without a budget is allowed; one with more than [`MAX_HITS`] is an
/// error, and nothing is counted.
pub async fn no_act_has_more_budgets_than_allowed(store: Arc<dyn Store>) {
    assert_decided(&*store, &[], 0, Decision::Allowed, "an act without budgets").await;
    done(store.give_back(&[]).await);
    let most = u32::try_from(MAX_HITS).unwrap_or(0);
    let hits: Vec<Hit> = (0..=most).map(|level| hit(level, 1, 1, 1000)).collect();
    let answer = store.hit_all(&hits, NOW).await;
    assert!(answer.is_err(), "an act was counted in too many budgets");
    let answer = store.give_back(&hits).await;
    assert!(answer.is_err(), "an act was given back to too many budgets");
    let (_, allowed) = hits.split_at(1);
    let what = "an act in as many budgets as allowed";
    assert_decided(&*store, allowed, 0, Decision::Allowed, what).await;
    assert_decided(&*store, allowed, 0, refused(1000), what).await;
}

/// What is given back is one act in each of its budgets, and never more than
/// was counted.
pub async fn one_act_is_given_back_and_no_more(store: Arc<dyn Store>) {
    let both = [hit(0, 1, 2, 10_000), hit(2, 1, 3, 10_000)];
    let [_, wide] = both;
    let other = [hit(0, 2, 2, 10_000), wide];
    // Nothing is there to be given back.
    done(store.give_back(&both).await);
    for _ in 0..2 {
        assert_decided(&*store, &both, 0, Decision::Allowed, "a burst of two").await;
    }
    assert_decided(&*store, &both, 0, refused(10_000), "a third act").await;
    done(store.give_back(&both).await);
    let what = "after one act was given back";
    assert_decided(&*store, &both, 0, Decision::Allowed, what).await;
    assert_decided(&*store, &both, 0, refused(10_000), what).await;
    assert_decided(&*store, &other, 0, Decision::Allowed, what).await;
    assert_decided(&*store, &other, 0, refused(10_000), what).await;
    // As often as anybody likes: a budget is never more than whole.
    for _ in 0..9 {
        done(store.give_back(&other).await);
    }
    let what = "after more was given back than was counted";
    for expected in [Decision::Allowed, Decision::Allowed, refused(10_000)] {
        assert_decided(&*store, &other, 0, expected, what).await;
    }
    let what = "an act that was given back under other keys";
    assert_decided(&*store, &both, 0, refused(10_000), what).await;
}

/// Four times the budget at once, spread over narrow budgets: no budget is
/// exceeded at any level, and the widest one is used up exactly.
pub async fn parallel_acts_exceed_no_budget(store: Arc<dyn Store>) {
    for (racers, round) in rounds() {
        let room = racers / 4;
        let narrows = racers / 8;
        let decisions = race(racers, |racer| {
            let store = Arc::clone(&store);
            let narrow = racer % narrows;
            let hits = [
                hit(0, round * 1000 + narrow, 3, 100_000),
                hit(2, round, room, 100_000),
            ];
            async move { (narrow, done(store.hit_all(&hits, NOW).await)) }
        })
        .await;
        let mut by_narrow = vec![0; usize::try_from(narrows).unwrap_or(0)];
        for (narrow, decision) in &decisions {
            match decision {
                Decision::Allowed => by_narrow[*narrow as usize] += 1,
                Decision::Refused { retry_after } => assert_eq!(
                    *retry_after,
                    Duration::from_secs(100),
                    "the wait of a parallel act"
                ),
            }
        }
        assert!(
            by_narrow.iter().all(|count| *count <= 3),
            "a narrow budget was exceeded: {by_narrow:?}"
        );
        assert_eq!(
            by_narrow.iter().sum::<u32>(),
            room,
            "{racers} parallel acts did not get exactly the wide budget"
        );
    }
}
