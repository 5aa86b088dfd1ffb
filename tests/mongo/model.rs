//! The same random acts on the memory store and on this one, answer by answer.

use std::collections::BTreeSet;

use admittance::store::MemoryStore;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Runtime;

use crate::acts::Act;
use crate::sample;

/// Acts on few users and sessions, so that they meet each other. Sessions and
/// tokens are all made at second 0 and end within 150 s; the acts upon them go
/// from before to after that, in any order.
fn acts() -> impl Strategy<Value = Act> {
    let user = 0..3_u32;
    let number = 0..4_u32;
    let now = prop_oneof![Just(99_u32), Just(100), Just(149), Just(150), 0..160_u32];
    let early = 0..60_u32;
    let counter = 0..4_u64;
    let two = (user.clone(), number.clone());
    let some = || prop::option::of(0..4_u32);
    let others = prop_oneof![
        two.clone()
            .prop_map(|(number, email)| Act::InsertUser { number, email }),
        user.clone().prop_map(Act::User),
        number.clone().prop_map(Act::UserByEmail),
        (user.clone(), 0..3_u64, now.clone()).prop_map(|(user, epoch, now)| Act::RecordLogin {
            user,
            epoch,
            now
        }),
        (user.clone(), 0..3_u32, 0..3_u32, any::<bool>()).prop_map(|(user, from, to, raise)| {
            Act::ReplacePassword {
                user,
                from,
                to,
                raise,
            }
        }),
        (user.clone(), some(), some()).prop_map(|(user, name, preferences)| Act::UpdateProfile {
            user,
            name,
            preferences
        }),
        (user.clone(), prop::option::of(0..30_u32))
            .prop_map(|(user, except)| Act::EndSessions { user, except }),
        two.clone()
            .prop_map(|(user, number)| Act::InsertToken { number, user }),
        (number.clone(), any::<bool>(), now.clone())
            .prop_map(|(number, reset, now)| Act::ConsumeToken { number, reset, now }),
        user.clone().prop_map(Act::RemoveTokens),
        (0..2_u32).prop_map(|key| Act::Hit { key, now: 0 }),
    ];
    let id = |(user, number): (u32, u32)| number + user * 10;
    let sessions = prop_oneof![
        two.clone().prop_map(move |two| Act::InsertSession {
            number: id(two),
            user: two.0
        }),
        (two.clone(), now.clone()).prop_map(move |(two, now)| Act::Session {
            number: id(two),
            now
        }),
        (user, now.clone()).prop_map(|(user, now)| Act::SessionsOf { user, now }),
        two.clone().prop_map(move |two| Act::EndSession {
            user: two.0,
            number: id(two)
        }),
    ];
    let rotations =
        (two, counter, prop_oneof![early, now]).prop_map(move |(two, counter, now)| Act::Rotate {
            number: id(two),
            counter,
            now,
        });
    prop_oneof![3 => others, 2 => sessions, 2 => rotations]
}

/// Which way time goes in a sequence of acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Time {
    /// Back and forth, but nothing ever expires.
    Jumps,
    /// Forward, past the end of everything.
    Flows,
}

/// Sets the times of the acts, and inserts each session once: ids are never
/// used again. The limiter's clock goes forward either way: what it had to
/// hold back at a later time a store may have forgotten at an earlier one.
fn settle(time: Time, acts: Vec<(Act, u32)>) -> Vec<Act> {
    let mut clock = 0;
    let mut sessions = BTreeSet::new();
    acts.into_iter()
        .filter_map(|(mut act, step)| {
            clock += step;
            match &mut act {
                Act::Hit { now, .. } => *now = clock,
                Act::Session { now, .. }
                | Act::SessionsOf { now, .. }
                | Act::Rotate { now, .. }
                | Act::ConsumeToken { now, .. } => {
                    *now = match time {
                        Time::Jumps => 99.min(*now),
                        Time::Flows => clock,
                    }
                }
                Act::InsertSession { number, .. } if !sessions.insert(*number) => return None,
                _ => {}
            }
            Some(act)
        })
        .collect()
}

/// Whether the answer may differ when something has expired: a store may have
/// forgotten it then, or may still count it.
fn depends_on_garbage(act: &Act) -> bool {
    matches!(
        act,
        Act::EndSession { .. }
            | Act::EndSessions { .. }
            | Act::RemoveTokens(_)
            | Act::InsertToken { .. }
    )
}

#[test]
fn both_stores_give_the_same_answers() {
    let time = prop_oneof![Just(Time::Jumps), Just(Time::Flows)];
    let sequences = (time, prop::collection::vec((acts(), 0..9_u32), 1..60));
    let runtime = Runtime::new().unwrap();
    let config = Config {
        cases: 48,
        failure_persistence: None,
        ..Config::default()
    };
    let result = TestRunner::new(config).run(&sequences, |(time, acts)| {
        let acts = settle(time, acts);
        runtime.block_on(async {
            let (memory, mongo) = (MemoryStore::new(), sample::fresh().await);
            for act in acts {
                let expected = act.on(&memory).await.unwrap();
                let answer = act.on(&mongo).await.unwrap();
                if time == Time::Jumps || !depends_on_garbage(&act) {
                    prop_assert_eq!(answer, expected, "{:?}", act);
                }
            }
            Ok(())
        })
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
