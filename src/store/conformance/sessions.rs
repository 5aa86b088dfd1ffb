//! What holds for sessions.

use std::cmp::Reverse;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::fixture::*;
use crate::id::SessionId;
use crate::proof::{Proof, Proofs};
use crate::session::{Rotation, Session};
use crate::store::{Insert, Store};
use crate::time::Timestamp;

async fn insert(store: &dyn Store, session: &Session) {
    assert_eq!(
        done(store.insert_session(session).await),
        Insert::Inserted,
        "a new session was refused"
    );
}

/// Every field comes back as it was stored, alone and in the list.
pub async fn a_session_comes_back_as_stored(store: Arc<dyn Store>) {
    let agents = [None, Some(""), Some("Mozilla/5.0 (\u{1f98a}; \"x\")")];
    let addresses = [
        None,
        Some(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 255))),
        Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        Some(IpAddr::V6(Ipv6Addr::LOCALHOST)),
        Some(IpAddr::V6(Ipv6Addr::new(
            0x2001, 0xdb8, 0, 1, 0, 0, 0, 0xffff,
        ))),
        Some(IpAddr::V6(Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped())),
    ];
    let mut number = 0;
    for ip in addresses {
        for agent in agents {
            number += 1;
            let session = Session {
                auth_epoch: GREATEST,
                created_at: Timestamp::from_millis(-1),
                proofs: match number % 3 {
                    0 => Proofs::default(),
                    1 => Proof::by_password(at(number.into())).into(),
                    _ => proofs(),
                },
                last_seen_at: at(-1),
                absolute_expires_at: Timestamp::MAX,
                length: length(number % 2 == 0),
                refresh_counter: (1 << 53) + u64::from(number),
                ip,
                user_agent: agent.map(str::to_owned),
                ..session(number, user_id(number))
            };
            insert(&*store, &session).await;
            let found = done(store.session(session.id, NOW).await);
            assert_eq!(
                found.as_ref(),
                Some(&session),
                "a session came back other than stored"
            );
            let listed = done(store.sessions_of(session.user_id, None, ALL, NOW).await);
            assert_eq!(listed, [session], "a session was listed other than stored");
        }
    }
}

/// An id collision is an error, never an overwrite.
pub async fn a_taken_session_id_is_not_overwritten(store: Arc<dyn Store>) {
    let first = session(1, user_id(1));
    let second = Session {
        refresh_counter: 5,
        ..session(1, user_id(2))
    };
    insert(&*store, &first).await;
    for again in [&second, &first] {
        assert_eq!(
            done(store.insert_session(again).await),
            Insert::Taken,
            "a session with an id that is taken was not refused"
        );
    }
    let found = done(store.session(first.id, NOW).await);
    assert_eq!(
        found.as_ref(),
        Some(&first),
        "an id collision changed a session"
    );
    let listed = done(store.sessions_of(second.user_id, None, ALL, NOW).await);
    assert_eq!(listed, [], "a session that was refused is listed");
    assert_eq!(
        done(store.sessions_of(first.user_id, None, ALL, NOW).await),
        [first]
    );
}

/// A session is live until the millisecond before `expires_at`, and is gone at
/// it, for each act (ASVS 7.3.1); the same for `absolute_expires_at`.
pub async fn a_session_ends_exactly_at_its_time(store: Arc<dyn Store>) {
    let idle = session(1, user_id(1));
    // A store must not rely on the idle end never being the later one.
    let absolute = Session {
        expires_at: at(900_000),
        absolute_expires_at: at(100_000),
        ..session(2, user_id(2))
    };
    for session in [&idle, &absolute] {
        insert(&*store, session).await;
        let (last, end) = (at(99_999), at(100_000));
        let found = done(store.session(session.id, last).await);
        assert_eq!(
            found.as_ref(),
            Some(session),
            "a session ended before its time"
        );
        assert_eq!(
            done(store.sessions_of(session.user_id, None, ALL, last).await).len(),
            1,
            "a session was not listed to its end"
        );
        let rotation = done(store.rotate(session.id, 0, POLICY, end).await);
        assert_eq!(
            rotation,
            Rotation::Gone,
            "a session was refreshed at its end"
        );
        assert_ended(&*store, session, end, "a session outlived its end").await;
    }
    let kept = session(3, user_id(3));
    insert(&*store, &kept).await;
    assert!(
        matches!(
            done(store.rotate(kept.id, 0, POLICY, at(99_999)).await),
            Rotation::Rotated(_)
        ),
        "a session could not be refreshed to its end"
    );
}

/// The list is in the order of the ids, the greatest first, whatever their times
/// are; it holds one user's live sessions, and no more than its limit.
pub async fn sessions_are_listed_greatest_id_first(store: Arc<dyn Store>) {
    let owner = user_id(1);
    let mut highest = [0; 12];
    highest[0] = 0xff;
    let mut lowest = [0xff; 12];
    lowest[0] = 0x01;
    let seen = |id: SessionId, millis| Session {
        id,
        created_at: at(millis - 5),
        last_seen_at: at(millis),
        ..session(0, owner)
    };
    let mut expected = [
        seen(session_id(3), 2),
        seen(SessionId::from_bytes(highest), 0),
        seen(session_id(9), 0),
        seen(session_id(5), 0),
        seen(SessionId::from_bytes(lowest), 0),
        seen(session_id(7), -1),
    ];
    for index in [3, 0, 5, 1, 4, 2] {
        insert(&*store, &expected[index]).await;
    }
    // Above, between and below the others.
    for (number, id) in (20..).zip([20, 6, 1]) {
        let expired = Session {
            expires_at: at(1),
            absolute_expires_at: at(900_000 + number),
            ..session(id, owner)
        };
        insert(&*store, &expired).await;
    }
    insert(&*store, &session(21, user_id(2))).await;
    expected.sort_by_key(|session| Reverse(session.id));
    for limit in 0..8 {
        assert_eq!(
            done(store.sessions_of(owner, None, limit, at(1)).await),
            expected[..limit.min(expected.len())],
            "the sessions are not {limit} of the user's, the greatest id first"
        );
    }
}

/// Pages, each asked for with the last id of the one before, hold each session
/// once that is there all the time, whatever is opened, refreshed or ended
/// meanwhile, the last one of a page included.
pub async fn pages_of_sessions_reach_each_once(store: Arc<dyn Store>) {
    for (number, limit) in (1..).zip(1..=4) {
        let (owner, first) = (user_id(number), number * 1000);
        let of = |number: u32| session(first + number, owner);
        for number in (10..=100).step_by(10) {
            insert(&*store, &of(number)).await;
        }
        let (mut seen, mut after) = (Vec::new(), None);
        for round in 0.. {
            let page = done(store.sessions_of(owner, after, limit, NOW).await);
            assert!(page.len() <= limit, "a page has more than its limit");
            let Some(last) = page.last() else { break };
            assert!(round < 20, "the pages do not come to an end");
            after = Some(last.id);
            seen.extend(page.iter().map(|session| session.id));
            if round == 0 {
                // The place reached is between 70 and 100.
                assert!(done(store.end_session(owner, last.id).await));
                assert!(done(store.end_session(owner, of(40).id).await));
                for number in [35, 101, 110] {
                    insert(&*store, &of(number)).await;
                }
                // Neither does what is seen last come first.
                for number in [10, 60] {
                    let rotated = store.rotate(of(number).id, 0, POLICY, at(50_000));
                    assert!(matches!(done(rotated.await), Rotation::Rotated(_)));
                }
            }
        }
        let expected = [100, 90, 80, 70, 60, 50, 35, 30, 20, 10];
        assert_eq!(
            seen,
            expected.map(|number| of(number).id),
            "the sessions of all pages of {limit}, in the order in which they came"
        );
    }
}

/// Ending a session needs the user whose it is; what has ended stays so.
pub async fn a_session_is_ended_by_its_owner_only(store: Arc<dyn Store>) {
    let (mine, theirs) = (session(1, user_id(1)), session(2, user_id(2)));
    for session in [&mine, &theirs] {
        insert(&*store, session).await;
    }
    assert!(
        !done(store.end_session(mine.user_id, theirs.id).await),
        "a user was told to have ended another's session"
    );
    let found = done(store.session(theirs.id, NOW).await);
    assert_eq!(
        found.as_ref(),
        Some(&theirs),
        "a user ended another's session"
    );
    assert!(
        done(store.end_session(mine.user_id, mine.id).await),
        "a user could not end their session"
    );
    assert!(
        !done(store.end_session(mine.user_id, mine.id).await),
        "a session was ended twice"
    );
    assert_ended(&*store, &mine, NOW, "an ended session is there").await;
    let rotation = done(store.rotate(mine.id, 0, POLICY, NOW).await);
    assert_eq!(rotation, Rotation::Gone, "an ended session was refreshed");
    assert_eq!(
        done(store.sessions_of(theirs.user_id, None, ALL, NOW).await),
        [theirs]
    );
}

/// Of the sessions that are named, those of the user end, and no other; the
/// answer says how many there were.
pub async fn only_the_sessions_that_are_named_end(store: Arc<dyn Store>) {
    let owner = user_id(1);
    let other = session(100, user_id(2));
    insert(&*store, &other).await;
    let cases: [(&[u32], u64); 5] = [
        (&[], 0),
        (&[2], 1),
        (&[1, 3], 2),
        (&[100, 999, 2], 1),
        (&[3, 2, 1], 3),
    ];
    for (named, count) in cases {
        let mine: Vec<Session> = (1..=3).map(|number| session(number, owner)).collect();
        for session in &mine {
            insert(&*store, session).await;
        }
        let ids: Vec<SessionId> = named.iter().copied().map(session_id).collect();
        assert_eq!(
            done(store.end_sessions(owner, &ids).await),
            count,
            "another number of sessions was ended ({named:?})"
        );
        for session in &mine {
            let found = done(store.session(session.id, NOW).await);
            assert_eq!(
                found.is_none(),
                ids.contains(&session.id),
                "not the sessions that were named have ended ({named:?})"
            );
        }
        let left = done(store.sessions_of(owner, None, ALL, NOW).await);
        assert_eq!(
            left.len() + usize::try_from(count).unwrap_or(0),
            3,
            "what is listed"
        );
        let found = done(store.session(other.id, NOW).await);
        assert_eq!(
            found.as_ref(),
            Some(&other),
            "another user's session was ended"
        );
        assert_eq!(
            done(store.end_sessions(owner, &ids).await),
            0,
            "ended twice"
        );
        let all: Vec<SessionId> = (1..=3).map(session_id).collect();
        let ended = done(store.end_sessions(owner, &all).await);
        assert_eq!(ended, 3 - count, "the other sessions could not be ended");
    }
}

/// Of a user's sessions, those end that are of an earlier epoch, and all when
/// the user is gone.
pub async fn the_sessions_of_earlier_epochs_end(store: Arc<dyn Store>) {
    let of = |number, owner, auth_epoch| Session {
        auth_epoch,
        ..session(number, user_id(owner))
    };
    let mine = [of(1, 1, 0), of(2, 1, 6), of(3, 1, 7), of(4, 1, GREATEST)];
    let theirs = of(5, 2, 0);
    for session in mine.iter().chain([&theirs]) {
        insert(&*store, session).await;
    }
    for (epoch, ended, gone) in [(0, 0, 0), (7, 2, 2), (7, 0, 2), (8, 1, 3), (u64::MAX, 1, 4)] {
        assert_eq!(
            done(store.end_dead_sessions(user_id(1), epoch).await),
            ended,
            "another number of sessions was ended below the epoch {epoch}"
        );
        for (index, session) in mine.iter().enumerate() {
            let found = done(store.session(session.id, NOW).await);
            assert_eq!(
                found.is_some(),
                index >= gone,
                "not the sessions below the epoch {epoch} have ended: {index}"
            );
        }
        let found = done(store.session(theirs.id, NOW).await);
        assert_eq!(
            found.as_ref(),
            Some(&theirs),
            "another user's session ended"
        );
    }
}

/// Of a user's sessions that are live and of the epoch, the newest stay, as
/// many as are to be kept: in the order of `created_at`, then of the id. No
/// other session counts or ends, and the answer says how many ended.
pub async fn the_oldest_sessions_end_beyond_those_to_be_kept(store: Arc<dyn Store>) {
    let owner = user_id(1);
    let opened = |number, created_at| Session {
        created_at,
        // Not the order that counts.
        last_seen_at: at(1000 - i64::from(number)),
        ..session(number, owner)
    };
    let oldest_first = [
        opened(7, at(-5)),
        opened(2, at(0)),
        opened(9, at(0)),
        opened(1, at(1)),
        opened(3, at(2)),
    ];
    let others = [
        // As many as would fill any cap, if they counted.
        Session {
            auth_epoch: 1,
            ..opened(21, at(9))
        },
        Session {
            auth_epoch: 1,
            ..opened(22, at(-9))
        },
        session(31, user_id(2)),
        session(32, user_id(2)),
    ];
    let over = [
        Session {
            expires_at: at(10),
            ..opened(41, at(9))
        },
        Session {
            absolute_expires_at: at(10),
            ..opened(42, at(9))
        },
    ];
    for index in [3, 0, 4, 1, 2] {
        insert(&*store, &oldest_first[index]).await;
    }
    for session in others.iter().chain(&over) {
        insert(&*store, session).await;
    }
    let now = at(10);
    for (keep, ended, gone) in [
        (9, 0, 0),
        (5, 0, 0),
        (4, 1, 1),
        (2, 2, 3),
        (2, 0, 3),
        (1, 1, 4),
    ] {
        assert_eq!(
            done(store.end_oldest_sessions(owner, 0, keep, now).await),
            ended,
            "another number of sessions was ended to keep {keep}"
        );
        for (index, session) in oldest_first.iter().enumerate() {
            let found = done(store.session(session.id, now).await);
            assert_eq!(
                found.is_some(),
                index >= gone,
                "not the oldest were ended to keep {keep}: {index}"
            );
        }
        for session in &others {
            let found = done(store.session(session.id, now).await);
            assert!(
                found.is_some(),
                "a session of another user or epoch was ended"
            );
        }
    }
}
