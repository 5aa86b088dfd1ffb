//! What holds for events that are kept.

use std::net::IpAddr;
use std::sync::Arc;

use super::fixture::*;
use crate::audit::{AuditClass, AuditRecord};
use crate::error::ErrorCode;
use crate::event::{Notice, Operation};
use crate::id::EventId;
use crate::mail::MailKind;
use crate::store::{Insert, Store};
use crate::time::Timestamp;

async fn append(store: &dyn Store, event: &AuditRecord, keep: usize) {
    assert_eq!(
        done(store.append_event(event, keep).await),
        Insert::Inserted,
        "a new event was refused"
    );
}

/// The ids of all of the user's events that are given out, in their order.
async fn ids(store: &dyn Store, user: u32) -> Vec<EventId> {
    let all = done(store.events_of(user_id(user), None, 10_000, NOW).await);
    all.iter().map(|event| event.id).collect()
}

fn event_ids(numbers: impl IntoIterator<Item = u32>) -> Vec<EventId> {
    numbers.into_iter().map(event_id).collect()
}

/// An event comes back as it was stored, to the last field.
pub async fn an_event_comes_back_as_stored(store: Arc<dyn Store>) {
    let addresses = ["192.0.2.7", "2001:db8::7"];
    for (number, class) in (1..).zip(AuditClass::ALL) {
        let plain = event(number, number, class);
        let address = addresses.get(number as usize % 2).copied();
        let rich = AuditRecord {
            id: event_id(number + 10),
            last_id: event_id(number + 10),
            count: 1 << 53,
            at: Timestamp::from_millis(-1),
            operation: Operation::ConfirmEmailChange,
            refused: Some(ErrorCode::InvalidCredentials),
            notices: [Notice::PasswordHashUnusable, Notice::AccountLocked].into(),
            actor_id: Some(user_id(99)),
            session_id: Some(session_id(7)),
            mail: Some(MailKind::ConfirmEmailChange),
            ip: address.and_then(|address| address.parse::<IpAddr>().ok()),
            user_agent: Some("Zo\u{eb}'s \u{1f98a} {\"$gt\": \"\"} $where".to_owned()),
            ..plain.clone()
        };
        append(&*store, &plain, 10).await;
        append(&*store, &rich, 10).await;
        let found = done(store.events_of(user_id(number), None, 10, NOW).await);
        assert_eq!(
            found,
            [rich, plain],
            "an event came back other than it was stored"
        );
    }
}

/// A record that is appended again is stored once, as it was at first: a caller
/// that got an error for a write that was applied may retry.
pub async fn an_event_appended_again_is_there_once(store: Arc<dyn Store>) {
    let first = event(1, 1, AuditClass::Done);
    append(&*store, &first, 10).await;
    let other = AuditRecord {
        operation: Operation::DeleteAccount,
        ..event(1, 1, AuditClass::Done)
    };
    let others = event(1, 2, AuditClass::Tried);
    for again in [&first, &other, &others] {
        assert_eq!(
            done(store.append_event(again, 10).await),
            Insert::Taken,
            "an event with an id that is taken was not refused"
        );
    }
    let found = done(store.events_of(user_id(1), None, 10, NOW).await);
    assert_eq!(found, [first], "an event appended again is not there once");
    assert_eq!(
        ids(&*store, 2).await,
        [],
        "an event with an id that is taken is there"
    );
}

/// A user's events are listed by id, the greatest first, of all classes, and
/// nobody else's.
pub async fn events_are_listed_newest_first(store: Arc<dyn Store>) {
    for number in [3, 1, 6, 2, 5, 4] {
        let class = AuditClass::ALL[number as usize % 3];
        append(&*store, &event(number, 1, class), 10).await;
        append(&*store, &event(number + 10, 2, class), 10).await;
    }
    assert_eq!(
        ids(&*store, 1).await,
        event_ids((1..=6).rev()),
        "a user's events are not listed the newest first"
    );
    assert_eq!(
        ids(&*store, 2).await,
        event_ids((11..=16).rev()),
        "another user's events"
    );
    assert_eq!(ids(&*store, 3).await, [], "events of nobody");
}

/// Pages, each asked for with the last id of the one before, hold each event
/// once, whatever is appended meanwhile; and none has more than its limit.
pub async fn pages_of_events_reach_each_once(store: Arc<dyn Store>) {
    for user in 1..=8 {
        let (first, limit) = (user * 1000, user as usize);
        for number in first..first + 7 {
            let class = AuditClass::ALL[number as usize % 3];
            append(&*store, &event(number, user, class), 10).await;
        }
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let page = done(store.events_of(user_id(user), before, limit, NOW).await);
            assert!(page.len() <= limit, "a page has more than its limit");
            let Some(last) = page.last() else { break };
            before = Some(last.id);
            seen.extend(page.iter().map(|event| event.id));
            assert!(seen.len() <= 7, "pages do not come to an end");
            let later = first + 100 + u32::try_from(seen.len()).unwrap_or(0);
            append(&*store, &event(later, user, AuditClass::Done), 100).await;
        }
        let expected = event_ids((first..first + 7).rev());
        assert_eq!(seen, expected, "a page repeats, skips or adds events");
        let none = done(store.events_of(user_id(user), None, 0, NOW).await);
        assert_eq!(none, [], "a page of no events has some");
    }
}

/// An event is there until the millisecond before `expires_at`, and not at it.
pub async fn an_event_ends_exactly_at_its_time(store: Arc<dyn Store>) {
    for (number, class) in (1..).zip(AuditClass::ALL) {
        append(&*store, &event(number, number, class), 10).await;
        for (millis, live) in [(99_999, true), (100_000, false), (100_001, false)] {
            let found = store.events_of(user_id(number), None, 10, at(millis));
            assert_eq!(
                done(found.await).len(),
                usize::from(live),
                "an event after {millis} ms of 100,000"
            );
        }
    }
    // One that has ended takes no place on a page.
    let longer = AuditRecord {
        expires_at: at(200_000),
        ..event(13, 1, AuditClass::Done)
    };
    let ended = event(14, 1, AuditClass::Tried);
    append(&*store, &longer, 10).await;
    append(&*store, &ended, 10).await;
    let page = store.events_of(user_id(1), None, 1, at(150_000));
    assert_eq!(
        done(page.await),
        [longer],
        "a page is filled up with events that have ended"
    );
}

/// Of a user's events of one class the newest are kept, and some of the eighth
/// that may come together before they are dropped; those of other classes
/// and of others stay.
pub async fn the_oldest_events_make_room(store: Arc<dyn Store>) {
    for (keep, spare, count) in [(1, 0, 5), (4, 0, 20), (16, 2, 60)] {
        for (class, other) in [
            (AuditClass::Credentials, AuditClass::Done),
            (AuditClass::Done, AuditClass::Tried),
            (AuditClass::Tried, AuditClass::Credentials),
            (AuditClass::Done, AuditClass::Credentials),
        ] {
            // Both are older than all that come.
            append(&*store, &event(1, 1, other), 10).await;
            append(&*store, &event(2, 2, class), 10).await;
            for number in 1..=count {
                append(&*store, &event(10 + number, 1, class), keep).await;
                let mut there = ids(&*store, 1).await;
                assert_eq!(
                    there.pop(),
                    Some(event_id(1)),
                    "an event of another class made room"
                );
                let newest: Vec<EventId> = event_ids((11..=10 + number).rev());
                assert!(
                    newest.starts_with(&there),
                    "other events than the oldest were dropped"
                );
                let least = keep.min(number as usize);
                assert!(
                    (least..=keep + spare).contains(&there.len()),
                    "{} events are there where {keep} are kept",
                    there.len()
                );
            }
            assert_eq!(
                ids(&*store, 2).await,
                [event_id(2)],
                "an event of another user made room"
            );
            for user in [1, 2] {
                done(store.remove_events(user_id(user)).await);
            }
        }
    }
}

/// Events that a clock left far ahead neither make room for one of now nor
/// take its place.
pub async fn events_of_a_clock_ahead_take_no_place(store: Arc<dyn Store>) {
    for number in 1..=3 {
        append(&*store, &event(number, 1, AuditClass::Done), 3).await;
    }
    for number in 101..=103 {
        let ahead = AuditRecord {
            at: at(50_000),
            ..event(number, 1, AuditClass::Done)
        };
        append(&*store, &ahead, 3).await;
    }
    for number in 4..=9 {
        append(&*store, &event(number, 1, AuditClass::Done), 3).await;
        let there = ids(&*store, 1).await;
        assert!(
            there.starts_with(&event_ids([103, 102, 101, number])),
            "events of a clock that was ahead pushed out one of now, or were pushed out"
        );
    }
    assert_eq!(
        ids(&*store, 1).await,
        event_ids([103, 102, 101, 9, 8, 7]),
        "the events of now have no room of their own"
    );
}

/// The same again, with nothing else of that user in between, is one record: with
/// the id of the first, and the number, time and address of the last. It takes one
/// place.
pub async fn equal_events_in_a_row_are_one_with_a_count(store: Arc<dyn Store>) {
    let plain = AuditRecord {
        ip: parsed("2001:db8::7"),
        user_agent: Some("browser".to_owned()),
        ..event(1, 1, AuditClass::Tried)
    };
    // As the clock of its number has it.
    let numbered = |record: &AuditRecord, number: u32| AuditRecord {
        id: event_id(number),
        last_id: event_id(number),
        at: at(i64::from(number)),
        expires_at: at(100_000 + i64::from(number)),
        ..record.clone()
    };
    let other = |number| event(number, 1, AuditClass::Credentials);
    append(&*store, &other(1), 2).await;
    for number in 2..=20 {
        append(&*store, &numbered(&plain, number), 2).await;
        // Somebody else's do not come in between.
        append(&*store, &event(1000 + number, 2, AuditClass::Tried), 10).await;
    }
    // In another address of the network.
    let last = AuditRecord {
        ip: parsed("2001:db8::8"),
        ..numbered(&plain, 21)
    };
    append(&*store, &last, 2).await;
    let counted = AuditRecord {
        id: event_id(2),
        count: 20,
        ..last
    };
    let found = done(store.events_of(user_id(1), None, ALL, NOW).await);
    assert_eq!(
        found,
        [counted.clone(), other(1)],
        "equal events in a row are not one record that counts them"
    );

    // What is not quite the same has a record of its own, and so has what is
    // the same and does not come right after.
    let apart = [
        AuditRecord {
            class: AuditClass::Done,
            ..plain.clone()
        },
        AuditRecord {
            operation: Operation::ConfirmEmailChange,
            ..plain.clone()
        },
        AuditRecord {
            refused: Some(ErrorCode::InvalidCredentials),
            ..plain.clone()
        },
        AuditRecord {
            notices: [Notice::AccountLocked].into(),
            ..plain.clone()
        },
        AuditRecord {
            actor_id: Some(user_id(9)),
            ..plain.clone()
        },
        AuditRecord {
            session_id: None,
            ..plain.clone()
        },
        AuditRecord {
            mail: Some(MailKind::NewDevice),
            ..plain.clone()
        },
        AuditRecord {
            ip: parsed("2001:db8:0:1::7"),
            ..plain.clone()
        },
        AuditRecord {
            ip: None,
            ..plain.clone()
        },
        AuditRecord {
            user_agent: Some("Browser".to_owned()),
            ..plain.clone()
        },
    ];
    let mut expected = vec![other(1), counted];
    let in_turn = apart.iter().flat_map(|record| [record, &plain]);
    for (number, record) in (100..).zip(in_turn) {
        let record = numbered(record, number);
        append(&*store, &record, 100).await;
        expected.push(record);
    }
    expected.reverse();
    let found = done(store.events_of(user_id(1), None, ALL, NOW).await);
    assert_eq!(found, expected, "events that differ were counted together");

    // One that has expired counts nothing any more.
    let late = AuditRecord {
        at: at(100_119),
        expires_at: at(200_000),
        ..numbered(&plain, 200)
    };
    append(&*store, &late, 100).await;
    let found = done(store.events_of(user_id(1), None, ALL, at(100_119)).await);
    assert_eq!(
        found,
        [late],
        "an event was counted in one that had expired"
    );
}

fn parsed(address: &str) -> Option<IpAddr> {
    address.parse().ok()
}

/// An event that is appended again is counted once, be it the first or the last of
/// those that are one record.
pub async fn an_event_appended_again_is_counted_once(store: Arc<dyn Store>) {
    let same = |number: u32| AuditRecord {
        id: event_id(number),
        last_id: event_id(number),
        ..event(1, 1, AuditClass::Done)
    };
    let count = async || {
        let found = done(store.events_of(user_id(1), None, ALL, NOW).await);
        found.iter().map(|event| event.count).collect::<Vec<_>>()
    };
    for number in 1..=5 {
        for again in 0..3 {
            let expected = match again {
                0 => Insert::Inserted,
                _ => Insert::Taken,
            };
            let appended = done(store.append_event(&same(number), 10).await);
            assert_eq!(appended, expected, "an event that is appended again");
            assert_eq!(count().await, [u64::from(number)], "what is counted");
        }
        let first = done(store.append_event(&same(1), 10).await);
        assert_eq!(first, Insert::Taken, "the first event, appended again");
    }
    assert_eq!(count().await, [5], "what is counted in the end");
}

/// Removing a user's events removes those of all classes, and nobody else's,
/// and says how many there were.
pub async fn events_are_removed_for_one_user_only(store: Arc<dyn Store>) {
    for number in 1..=5 {
        let class = AuditClass::ALL[number as usize % 3];
        append(&*store, &event(number, 1, class), 10).await;
    }
    append(&*store, &event(6, 2, AuditClass::Done), 10).await;
    let count = done(store.remove_events(user_id(1)).await);
    assert_eq!(count, 5, "another number of events was removed");
    assert_eq!(ids(&*store, 1).await, [], "a removed event is there");
    let count = done(store.remove_events(user_id(1)).await);
    assert_eq!(count, 0, "events were removed twice");
    assert_eq!(ids(&*store, 2).await, [event_id(6)], "another user's event");
    // Their ids may come again, since they are gone.
    append(&*store, &event(1, 1, AuditClass::Done), 10).await;
}
