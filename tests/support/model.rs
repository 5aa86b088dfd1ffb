//! The same random acts on several stores, answer by answer.

use std::collections::BTreeSet;
use std::sync::Arc;

use admittance::store::{Removal, Store};
use admittance::token::TokenPurpose;
use admittance::user::UserStatus;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Runtime;

use crate::acts::{Act, State};

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
    let purpose = prop_oneof![
        Just(TokenPurpose::ResetPassword),
        Just(TokenPurpose::CompleteRegistration)
    ];
    let others = prop_oneof![
        two.clone()
            .prop_map(|(number, email)| Act::InsertUser { number, email }),
        user.clone().prop_map(Act::User),
        number.clone().prop_map(Act::UserByEmail),
        (user.clone(), 0..3_u64, some(), now.clone()).prop_map(|(user, epoch, device, now)| {
            Act::RecordLogin {
                user,
                epoch,
                device,
                now,
            }
        }),
        (user.clone(), number.clone(), number.clone()).prop_map(|(number, email, identity)| {
            Act::InsertUserBy {
                number,
                email,
                identity,
            }
        }),
        number.clone().prop_map(Act::UserByIdentity),
        (user.clone(), 0..3_u64, number.clone(), now.clone()).prop_map(
            |(user, epoch, identity, now)| Act::RecordLoginBy {
                user,
                epoch,
                identity,
                now,
            }
        ),
        (user.clone(), 0..3_u32, 0..3_u32, any::<bool>()).prop_map(|(user, from, to, raise)| {
            Act::ReplacePassword {
                user,
                from,
                to,
                raise,
            }
        }),
        (user.clone(), 0..5_u64, some(), some()).prop_map(|(user, version, name, preferences)| {
            Act::UpdateProfile {
                user,
                version,
                name,
                preferences,
            }
        }),
        (user.clone(), prop::collection::vec(0..30_u32, 0..8))
            .prop_map(|(user, sessions)| Act::EndSessions { user, sessions }),
        (user.clone(), 0..3_u64).prop_map(|(user, epoch)| Act::EndDeadSessions { user, epoch }),
        two.clone()
            .prop_map(|(user, number)| Act::InsertToken { number, user }),
        (number.clone(), purpose.clone(), now.clone()).prop_map(|(number, purpose, now)| {
            Act::Token {
                number,
                purpose,
                now,
            }
        }),
        (user.clone(), now.clone()).prop_map(|(user, now)| Act::TokensOf { user, now }),
        (user.clone(), prop::option::of(purpose)).prop_map(|(user, purpose)| Act::RemoveTokens {
            user,
            purpose,
            until: 0
        }),
        (0..2_u32).prop_map(|key| Act::Hit { key, now: 0 }),
        (20..24_u32).prop_map(|key| Act::HitBoth { key, now: 0 }),
        (20..24_u32).prop_map(|key| Act::HitBoth { key, now: 0 }),
        (20..24_u32).prop_map(|key| Act::GiveBack { key, now: 0 }),
        (0..2_u32).prop_map(|key| Act::Attempt { key, now: 0 }),
        (0..2_u32).prop_map(|key| Act::Attempt { key, now: 0 }),
        (0..2_u32, 0..60_u32).prop_map(|(key, until)| Act::Forgive { key, until }),
    ];
    // Mostly states that a user is in: those with the user's own email, and early ones.
    let email = prop::option::weighted(0.2, 0..4_u32);
    let epoch = prop_oneof![4 => Just(0), 1 => 0..3_u64];
    let links = prop_oneof![4 => Just(0), 1 => 0..3_u64];
    let version = prop::option::weighted(0.5, 0..3_u64);
    let state = (user.clone(), email, epoch, links, version);
    let state = state.prop_map(|(user, email, epoch, links, version)| State {
        user,
        email: email.unwrap_or(user),
        epoch,
        links,
        version,
    });
    let accounts = prop_oneof![
        state.clone().prop_map(Act::VerifyEmail),
        (state.clone(), number.clone()).prop_map(|(state, to)| Act::ChangeEmail { state, to }),
        (state.clone(), 0..3_u32).prop_map(|(state, to)| Act::ResetPassword { state, to }),
        (
            state,
            prop_oneof![
                Just(Removal::Any),
                Just(Removal::AnyStatus),
                Just(Removal::Unverified)
            ]
        )
            .prop_map(|(state, which)| Act::RemoveUser { state, which }),
    ];
    let status = prop_oneof![Just(UserStatus::Active), Just(UserStatus::Disabled)];
    let operations = prop_oneof![
        (user.clone(), 0..5_u64, status).prop_map(|(user, version, status)| Act::SetStatus {
            user,
            version,
            status
        }),
        (user.clone(), 0..5_u64, some(), some()).prop_map(|(user, version, grant, revoke)| {
            Act::ChangeRoles {
                user,
                version,
                grant,
                revoke,
            }
        }),
        (user.clone(), 0..5_u64, number.clone()).prop_map(|(user, version, identity)| {
            Act::LinkIdentity {
                user,
                version,
                identity,
            }
        }),
        (user.clone(), 0..5_u64, number.clone()).prop_map(|(user, version, identity)| {
            Act::UnlinkIdentity {
                user,
                version,
                identity,
            }
        }),
        (some(), 0..4_usize).prop_map(|(after, limit)| Act::Users { after, limit }),
        two.clone()
            .prop_map(|(except, role)| Act::HasOther { role, except }),
    ];
    // Few are kept, so that both stores drop the same ones.
    let events = prop_oneof![
        3 => (0..12_u32, user.clone(), 1..4_usize)
            .prop_map(|(number, user, keep)| Act::AppendEvent { number, user, keep }),
        2 => (user.clone(), prop::option::of(0..12_u32), 0..5_usize, now.clone()).prop_map(
            |(user, before, limit, now)| Act::EventsOf {
                user,
                before,
                limit,
                now
            }
        ),
        1 => user.clone().prop_map(Act::RemoveEvents),
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
        (two.clone(), 0..2_u64, now.clone()).prop_map(|((user, keep), epoch, now)| {
            Act::EndOldestSessions {
                user,
                epoch,
                keep,
                now,
            }
        }),
    ];
    let rotations =
        (two, counter, prop_oneof![early, now]).prop_map(move |(two, counter, now)| Act::Rotate {
            number: id(two),
            counter,
            now,
        });
    prop_oneof![3 => others, 2 => accounts, 2 => operations, 2 => sessions, 2 => rotations, 2 => events]
}

/// What is there before a sequence: two users, each with an email and an identity of their own, and tokens
/// of both kinds, so that most acts find something to act on.
fn beginning() -> Vec<Act> {
    let users = (0..2).map(|number| Act::InsertUserBy {
        number,
        email: number,
        identity: number,
    });
    let tokens = (0..3).map(|number| Act::InsertToken { number, user: 0 });
    users.chain(tokens).collect()
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
                Act::Hit { now, .. }
                | Act::HitBoth { now, .. }
                | Act::GiveBack { now, .. }
                | Act::Attempt { now, .. } => *now = clock,
                Act::Session { now, .. }
                | Act::SessionsOf { now, .. }
                | Act::Rotate { now, .. }
                | Act::EndOldestSessions { now, .. }
                | Act::Token { now, .. }
                | Act::TokensOf { now, .. }
                | Act::EventsOf { now, .. } => {
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
            | Act::EndDeadSessions { .. }
            | Act::RemoveTokens { .. }
            | Act::InsertToken { .. }
    )
}

/// Does random sequences of acts on several stores at once, and compares each answer with
/// that of the first one. `fresh` gives the stores of a sequence.
///
/// # Panics
///
/// Where an answer differs: with the shortest sequence that was found.
pub fn give_the_same_answers(cases: u32, fresh: impl AsyncFn() -> Vec<Arc<dyn Store>>) {
    let time = prop_oneof![Just(Time::Jumps), Just(Time::Flows)];
    let sequences = (time, prop::collection::vec((acts(), 0..9_u32), 1..60));
    let runtime = Runtime::new().unwrap();
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let result = TestRunner::new(config).run(&sequences, |(time, acts)| {
        let acts = settle(time, acts);
        runtime.block_on(async {
            let stores = fresh().await;
            let (first, others) = stores.split_first().unwrap();
            for act in beginning().into_iter().chain(acts) {
                let expected = act.on(first).await.unwrap();
                for (number, other) in others.iter().enumerate() {
                    let answer = act.on(other).await.unwrap();
                    if time == Time::Jumps || !depends_on_garbage(&act) {
                        prop_assert_eq!(&answer, &expected, "{:?} on store {}", act, number + 1);
                    }
                }
            }
            Ok(())
        })
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
