use super::*;
use proptest::prelude::*;

fn ms(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn used(used: u64, full_at: i64) -> Usage {
    Usage {
        used: Duration::from_millis(used),
        full_at: ms(full_at),
    }
}

fn refused(millis: u64) -> Decision {
    Decision::Refused {
        retry_after: Duration::from_millis(millis),
    }
}

#[test]
fn a_burst_then_one_a_period() {
    let quota = Quota::new(3, Duration::from_millis(100));
    let mut state = None;
    for _ in 0..3 {
        let (next, decision) = quota.decide(state, ms(1000));
        assert_eq!(decision, Decision::Allowed);
        state = next;
    }
    assert_eq!(quota.decide(state, ms(1000)).1, refused(100));
    assert_eq!(quota.decide(state, ms(1099)).1, refused(1));
    assert_eq!(quota.decide(state, ms(1100)).1, Decision::Allowed);
}

#[test]
fn a_quota_has_at_least_one_act_and_a_period_of_whole_milliseconds() {
    let millis = Duration::from_millis;
    for (burst, period, expected) in [
        (0, Duration::ZERO, (1, millis(1))),
        (3, Duration::from_micros(2_999), (3, millis(2))),
        (3, Duration::MAX, (3, millis(u32::MAX.into()))),
    ] {
        let quota = Quota::new(burst, period);
        assert_eq!((quota.burst(), quota.period()), expected);
    }
}

#[test]
fn a_multiple_of_a_quota_has_that_much_more_burst_and_rate() {
    let quota = Quota::new(3, Duration::from_millis(100));
    assert_eq!(quota.window(), Duration::from_millis(300));
    for (factor, burst, period) in [
        (0, 3, 100),
        (1, 3, 100),
        (2, 6, 50),
        (3, 9, 34),
        (u32::MAX, u32::MAX, 1),
    ] {
        let expected = Quota::new(burst, Duration::from_millis(period));
        assert_eq!(quota.times(factor), expected, "{factor}");
    }
}

#[test]
fn a_usage_is_kept_until_its_budget_is_whole_by_the_slowest_clock() {
    for (now, is_over) in [(60_999, false), (61_000, true)] {
        assert_eq!(used(500, 1_000).is_over(ms(now)), is_over, "{now}");
    }
}

#[test]
fn a_clock_turned_back_locks_nobody_out_for_longer_than_the_window_and_the_skew() {
    let quota = Quota::new(2, Duration::from_millis(100));
    let (kept, decision) = quota.decide(Some(used(200, 3_600_200)), ms(0));
    assert_eq!(decision, refused(60_100));
    assert_eq!(kept, Some(used(200, 60_200)));
    assert_eq!(quota.decide(kept, ms(60_099)).1, refused(1));
    assert_eq!(quota.decide(kept, ms(60_100)).1, Decision::Allowed);
}

#[test]
fn a_narrower_quota_makes_nobody_wait_for_what_a_wider_one_allowed() {
    let quota = Quota::new(2, Duration::from_millis(100));
    let (kept, decision) = quota.decide(Some(used(5000, 5000)), ms(0));
    assert_eq!((kept, decision), (Some(used(200, 200)), refused(100)));
}

#[test]
fn an_instance_that_is_behind_shares_the_budget_of_one_that_is_ahead() {
    // Ten at once, one a second: shorter than the clocks differ.
    let quota = Quota::new(10, Duration::from_secs(1));
    let (ahead, behind) = (20_000, 0);
    let mut state = None;
    // While the one ahead is in use, the one behind is not refused.
    for second in 0..100 {
        for clock in [ahead, behind] {
            let (next, decision) = quota.decide(state, ms(clock + second * 2000));
            assert_eq!(decision, Decision::Allowed, "{second}");
            state = next;
        }
    }
    // When it stops, nothing is regained until the one behind has caught up.
    let stopped = behind + 99 * 2000;
    let mut allowed = 0;
    for millis in (0..20_000).step_by(100) {
        let (next, decision) = quota.decide(state, ms(stopped + millis));
        allowed += u32::from(decision == Decision::Allowed);
        state = next;
    }
    assert!((8..=10).contains(&allowed), "{allowed}");
    assert_eq!(
        quota.decide(state, ms(stopped + 21_000)).1,
        Decision::Allowed
    );
}

#[test]
fn scope_and_subject_do_not_run_together() {
    assert_ne!(LimitKey::new("ab", b"c"), LimitKey::new("a", b"bc"));
}

#[test]
fn a_key_is_shown_in_hexadecimal() {
    let key = LimitKey::new("login:account", b"ann@example.org");
    let digits: String = key.to_bytes().map(|byte| format!("{byte:02x}")).concat();
    assert_eq!(key.to_string(), digits);
    assert_eq!(format!("{key:?}"), format!("LimitKey({digits})"));
}

#[test]
fn an_act_needs_room_in_every_budget_and_a_refusal_uses_up_none() {
    let (narrow, wide) = (
        Quota::new(1, Duration::from_millis(100)),
        Quota::new(2, Duration::from_millis(400)),
    );
    let both = |a, b| [(narrow, a), (wide, b)];
    let one = [Some(used(100, 100)), Some(used(400, 400))];
    let (first, decision) = decide_all(&both(None, None), ms(0));
    assert_eq!((decision, &first[..]), (Decision::Allowed, &one[..]));
    let (kept, decision) = decide_all(&both(one[0], one[1]), ms(40));
    assert_eq!((decision, &kept[..]), (refused(60), &one[..]));
    // Another narrow one, with a wide one that is used up.
    let full = Some(used(800, 800));
    let (kept, decision) = decide_all(&both(None, full), ms(0));
    assert_eq!((decision, kept), (refused(400), vec![None, full]));
    // Both refuse: the longest wait.
    let (_, decision) = decide_all(&both(one[0], full), ms(0));
    assert_eq!(decision, refused(400));
    assert_eq!(decide_all(&[], ms(0)), (vec![], Decision::Allowed));
}

#[test]
fn what_is_given_back_is_one_act_and_never_more_than_was_counted() {
    let quota = Quota::new(3, Duration::from_millis(100));
    let once = quota.decide(None, ms(0)).0.unwrap();
    let twice = quota.decide(Some(once), ms(0)).0.unwrap();
    assert_eq!(quota.give_back(twice), once);
    assert_eq!(quota.give_back(once), used(0, 0));
    assert_eq!(quota.give_back(used(0, 0)), used(0, 0));
    assert_eq!(quota.give_back(used(30, 90)), used(0, 60));
}

const SKEW: i64 = 60_000;

fn is_exact(quota: Quota, state: Option<Usage>, now: i64, retry_after: Duration) {
    let wait = i64::try_from(retry_after.as_millis()).unwrap();
    assert!(wait > 0);
    assert_ne!(quota.decide(state, ms(now + wait - 1)).1, Decision::Allowed);
    assert_eq!(quota.decide(state, ms(now + wait)).1, Decision::Allowed);
}

proptest! {
    #[test]
    fn all_budgets_allow_what_each_allows(
        budgets in prop::collection::vec((1u32..4, 1u32..500, 0u64..2000, -100i64..2000), 0..6)
    ) {
        let budgets: Vec<_> = budgets
            .into_iter()
            .map(|(burst, period, missing, full_at)| {
                let quota = Quota::new(burst, Duration::from_millis(period.into()));
                (quota, Some(used(missing, full_at)))
            })
            .collect();
        let (kept, decision) = decide_all(&budgets, ms(0));
        let each: Vec<_> = budgets.iter().map(|(quota, at)| quota.decide(*at, ms(0))).collect();
        let all = each.iter().all(|(_, own)| *own == Decision::Allowed);
        prop_assert_eq!(decision == Decision::Allowed, all);
        for ((kept, (next, own)), (_, before)) in kept.iter().zip(&each).zip(&budgets) {
            match own {
                Decision::Allowed if !all => prop_assert_eq!(kept, before),
                _ => prop_assert_eq!(kept, next),
            }
        }
    }

    #[test]
    fn never_more_than_the_quota_and_the_wait_is_exact(
        burst in 1u32..6, period in 1u32..500, steps in prop::collection::vec(0i64..400, 1..60)
    ) {
        let quota = Quota::new(burst, Duration::from_millis(period.into()));
        let (mut now, mut state, mut allowed) = (0, None, Vec::new());
        for step in steps {
            now += step;
            let (next, decision) = quota.decide(state, ms(now));
            state = next;
            match decision {
                Decision::Allowed => allowed.push(now),
                Decision::Refused { retry_after } => is_exact(quota, state, now, retry_after),
            }
            for (index, start) in allowed.iter().enumerate() {
                let budget = i64::from(burst) + (now - start) / i64::from(period);
                prop_assert!(i64::try_from(allowed.len() - index).unwrap() <= budget);
            }
        }
    }

    #[test]
    fn two_clocks_allow_one_more_burst_and_no_wait_is_longer_than_they_differ(
        burst in 1u32..6,
        period in prop_oneof![1u32..500, 500u32..40_000],
        ahead in 0..=SKEW,
        steps in prop::collection::vec((0i64..9, any::<bool>(), any::<bool>()), 1..80)
    ) {
        let quota = Quota::new(burst, Duration::from_millis(period.into()));
        let (mut real, mut state, mut allowed) = (0, None, Vec::new());
        for (step, is_ahead, gives_back) in steps {
            real += step * i64::from(period) / 4;
            let now = real + if is_ahead { ahead } else { 0 };
            let (next, decision) = quota.decide(state, ms(now));
            state = next;
            match decision {
                // An act that is given back was none.
                Decision::Allowed if gives_back => state = state.map(|all| quota.give_back(all)),
                Decision::Allowed => allowed.push(real),
                Decision::Refused { retry_after } => {
                    is_exact(quota, state, now, retry_after);
                    let differ = if is_ahead { 0 } else { ahead };
                    let most = i64::from(period) + differ;
                    prop_assert!(i64::try_from(retry_after.as_millis()).unwrap() <= most);
                }
            }
            for (index, start) in allowed.iter().enumerate() {
                let budget = 2 * i64::from(burst) + (real - start) / i64::from(period);
                prop_assert!(i64::try_from(allowed.len() - index).unwrap() <= budget);
            }
        }
    }
}
