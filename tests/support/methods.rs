//! One act for each method of the store, and what they need to find.

use admittance::store::{Removal, Store};
use admittance::user::UserStatus;

use crate::acts::{Act, State};
use crate::sample::*;

/// The users that [`prepare`] inserts: the first, and one for each call that
/// ends the state in which it is made.
pub const PREPARED: [u32; 5] = [1, 3, 4, 5, 6];
/// The user with two identities, 8 and 9, that [`prepare`] inserts besides.
pub const LINKED: u32 = 8;

/// Inserts what [`every_method`] needs: the users, one of them with identities, two sessions and
/// two tokens of user 1, and a failed attempt.
pub async fn prepare(store: &(impl Store + ?Sized)) {
    let users = PREPARED.map(|number| Act::InsertUser {
        number,
        email: number,
    });
    let others = [
        Act::InsertUserBy {
            number: LINKED,
            email: LINKED,
            identity: 8,
        },
        Act::LinkIdentity {
            user: LINKED,
            version: 0,
            identity: 9,
        },
        Act::InsertSession { number: 1, user: 1 },
        Act::InsertSession { number: 2, user: 1 },
        Act::InsertToken { number: 1, user: 1 },
        Act::InsertToken { number: 2, user: 1 },
        Act::Attempt { key: 2, now: 0 },
        Act::HitBoth { key: 20, now: 0 },
        Act::AppendEvent {
            number: 1,
            user: 1,
            keep: 10,
        },
    ];
    for act in users.into_iter().chain(others) {
        act.on(store).await.unwrap();
    }
}

/// One call of each method, in an order in which each has an effect, with the
/// name of the command that `MongoStore` sends.
pub fn every_method() -> Vec<(&'static str, Act)> {
    vec![
        (
            "insert",
            Act::InsertUser {
                number: 2,
                email: 2,
            },
        ),
        ("find", Act::User(1)),
        ("find", Act::UserByEmail(1)),
        ("find", Act::UserByIdentity(8)),
        (
            "update",
            Act::RecordLoginBy {
                user: LINKED,
                epoch: 0,
                identity: 8,
                now: 99,
            },
        ),
        (
            "update",
            Act::LinkIdentity {
                user: LINKED,
                version: 1,
                identity: 10,
            },
        ),
        (
            "findAndModify",
            Act::UnlinkIdentity {
                user: LINKED,
                version: 2,
                identity: 9,
            },
        ),
        (
            "update",
            Act::RecordLogin {
                user: 1,
                epoch: 0,
                device: Some(1),
                now: 1,
            },
        ),
        (
            "update",
            Act::ReplacePassword {
                user: 1,
                from: 1,
                to: 9,
                raise: true,
            },
        ),
        (
            "findAndModify",
            Act::UpdateProfile {
                user: 1,
                version: 1,
                name: Some(1),
                preferences: Some(1),
            },
        ),
        ("update", Act::VerifyEmail(State::of(3))),
        (
            "update",
            Act::ChangeEmail {
                state: State::of(4),
                to: 7,
            },
        ),
        (
            "update",
            Act::ResetPassword {
                state: State::of(5),
                to: 9,
            },
        ),
        (
            "delete",
            Act::RemoveUser {
                state: State::of(6),
                which: Removal::Unverified,
            },
        ),
        (
            "findAndModify",
            Act::SetStatus {
                user: 4,
                version: 1,
                status: UserStatus::Disabled,
            },
        ),
        (
            "findAndModify",
            Act::ChangeRoles {
                user: 5,
                version: 1,
                grant: Some(1),
                revoke: Some(0),
            },
        ),
        (
            "find",
            Act::Users {
                after: Some(1),
                limit: 2,
            },
        ),
        ("find", Act::HasOther { role: 0, except: 1 }),
        ("insert", Act::InsertSession { number: 3, user: 1 }),
        ("find", Act::Session { number: 1, now: 1 }),
        ("find", Act::SessionsOf { user: 1, now: 1 }),
        (
            "findAndModify",
            Act::Rotate {
                number: 1,
                counter: 0,
                now: 5,
            },
        ),
        (
            "find",
            Act::EndOldestSessions {
                user: 1,
                epoch: 0,
                keep: 3,
                now: 1,
            },
        ),
        ("delete", Act::EndSession { user: 1, number: 2 }),
        (
            "delete",
            Act::EndSessions {
                user: 1,
                sessions: vec![3],
            },
        ),
        ("delete", Act::EndDeadSessions { user: 1, epoch: 1 }),
        ("insert", Act::InsertToken { number: 3, user: 1 }),
        (
            "find",
            Act::Token {
                number: 1,
                purpose: purpose(1),
                now: 1,
            },
        ),
        ("find", Act::TokensOf { user: 1, now: 1 }),
        (
            "delete",
            Act::RemoveTokens {
                user: 1,
                purpose: Some(purpose(2)),
                until: 0,
            },
        ),
        ("update", Act::Hit { key: 1, now: 1 }),
        ("update", Act::HitBoth { key: 21, now: 1 }),
        ("update", Act::GiveBack { key: 20, now: 1 }),
        ("insert", Act::Attempt { key: 1, now: 1 }),
        ("delete", Act::Forgive { key: 2, until: 0 }),
        (
            "find",
            Act::EventsOf {
                user: 1,
                before: Some(9),
                limit: 10,
                now: 1,
            },
        ),
        ("delete", Act::RemoveEvents(1)),
    ]
}

/// Other calls of some of the methods, for which a store may send something else.
pub fn other_calls() -> Vec<Act> {
    vec![
        Act::EndOldestSessions {
            user: 1,
            epoch: 0,
            keep: 0,
            now: 1,
        },
        Act::EndSessions {
            user: 1,
            sessions: vec![1, 2, 3],
        },
        Act::EndDeadSessions {
            user: 1,
            epoch: u64::MAX,
        },
        Act::RemoveTokens {
            user: 1,
            purpose: None,
            until: 9,
        },
        Act::RemoveUser {
            state: State::of(3),
            which: Removal::Any,
        },
        Act::RemoveUser {
            state: State::of(3),
            which: Removal::AnyStatus,
        },
        Act::Users {
            after: None,
            limit: 2,
        },
        Act::Attempt { key: 1, now: 2 },
        Act::EventsOf {
            user: 1,
            before: None,
            limit: 2,
            now: 1,
        },
        Act::AppendEvent {
            number: 2,
            user: 1,
            keep: 1,
        },
        Act::AppendEvent {
            number: 4,
            user: 1,
            keep: 1,
        },
    ]
}

/// All that can be seen of a store, limits and attempts by using them up.
pub async fn seen(store: &(impl Store + ?Sized)) -> Vec<String> {
    let mut acts = vec![
        Act::SessionsOf { user: 1, now: 6 },
        Act::TokensOf { user: 1, now: 6 },
        Act::EventsOf {
            user: 1,
            before: None,
            limit: 10,
            now: 6,
        },
    ];
    acts.extend((1..9).flat_map(|number| [Act::User(number), Act::UserByEmail(number)]));
    acts.extend((7..12).map(Act::UserByIdentity));
    acts.extend((1..4).map(|number| Act::Session { number, now: 6 }));
    acts.extend((1..4).map(|number| Act::Token {
        number,
        purpose: purpose(number),
        now: 6,
    }));
    acts.push(Act::Users {
        after: None,
        limit: 9,
    });
    acts.extend([const { Act::Hit { key: 1, now: 1 } }; 4]);
    acts.extend([const { Act::HitBoth { key: 20, now: 1 } }; 4]);
    acts.extend([const { Act::HitBoth { key: 21, now: 1 } }; 4]);
    acts.extend([const { Act::Attempt { key: 1, now: 1 } }; 3]);
    acts.extend([const { Act::Attempt { key: 2, now: 1 } }; 3]);
    let mut seen = Vec::new();
    for act in acts {
        seen.push(act.on(store).await.unwrap());
    }
    seen
}
