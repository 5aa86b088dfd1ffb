//! What holds for the values of events at the ends of their ranges.

use std::sync::Arc;

use super::fixture::*;
use super::ranges::{EDGES, future, past};
use super::values::agent;
use crate::audit::{AuditClass, AuditRecord};
use crate::error::ErrorCode;
use crate::event::{Notice, Notices, Operation};
use crate::id::{EventId, SessionId, UserId};
use crate::mail::MailKind;
use crate::store::{Insert, Store};

async fn append(store: &dyn Store, event: &AuditRecord) {
    let appended = done(store.append_event(event, ALL).await);
    assert_eq!(appended, Insert::Inserted, "a new event was refused");
}

/// A user agent of 256 characters of four bytes each comes back whole, from an event and from
/// one that counts others.
pub async fn the_longest_user_agent_of_an_event_comes_back(store: Arc<dyn Store>) {
    let store = &*store;
    let mut event = AuditRecord {
        user_agent: Some(agent('b')),
        ..event(1, 1, AuditClass::Done)
    };
    let other = AuditRecord {
        user_agent: Some(agent('c')),
        id: event_id(9),
        last_id: event_id(9),
        ..event.clone()
    };
    for number in 1..=2 {
        let again = AuditRecord {
            id: event_id(number),
            last_id: event_id(number),
            ..event.clone()
        };
        let appended = done(store.append_event(&again, 10).await);
        assert_eq!(appended, Insert::Inserted, "a new event was refused");
        event.last_id = event_id(number);
        event.count = number.into();
        let found = done(store.events_of(user_id(1), None, ALL, NOW).await);
        assert_eq!(found, [event.clone()], "an event of the longest user agent");
    }
    let appended = done(store.append_event(&other, 10).await);
    assert_eq!(appended, Insert::Inserted, "a new event was refused");
    let found = done(store.events_of(user_id(1), None, ALL, NOW).await);
    assert_eq!(
        found,
        [other, event],
        "events of user agents that differ in the end"
    );
}

/// The count of an event comes back up to 2^63 - 1, and goes up to that.
pub async fn the_greatest_counts_of_events_come_back(store: Arc<dyn Store>) {
    let store = &*store;
    for (number, counter) in (1..).zip(EDGES) {
        let event = AuditRecord {
            count: counter,
            ..event(number, number, AuditClass::Done)
        };
        append(store, &event).await;
        let found = done(store.events_of(user_id(number), None, ALL, NOW).await);
        assert_eq!(found, [event], "an event with a great counter");
    }
    for (number, counter) in (101..).zip(EDGES.into_iter().filter(|edge| *edge < GREATEST)) {
        let mut counted = AuditRecord {
            count: counter,
            ..event(number * 10, number, AuditClass::Done)
        };
        let next = AuditRecord {
            id: event_id(number * 10 + 1),
            last_id: event_id(number * 10 + 1),
            count: 1,
            ..counted.clone()
        };
        append(store, &counted).await;
        append(store, &next).await;
        counted.count_in(&next);
        let found = done(store.events_of(user_id(number), None, ALL, NOW).await);
        assert_eq!(
            found,
            [counted],
            "an event that is counted to a great number"
        );
    }
}

/// Times of events come back to the millisecond, from the year 1 to the year 9999.
pub async fn the_earliest_and_latest_events_come_back(store: Arc<dyn Store>) {
    let store = &*store;
    let future = future().into_iter().cycle();
    for (number, (begin, end)) in (1..).zip(past().into_iter().zip(future)) {
        let owner = user_id(number);
        let event = AuditRecord {
            at: begin,
            expires_at: end,
            ..event(number, number, AuditClass::Done)
        };
        append(store, &event).await;
        let found = done(store.events_of(owner, None, ALL, NOW).await);
        assert_eq!(found, [event], "an event of an early or late time");
    }
}

/// Events of any id come back, in the order of the bytes.
pub async fn events_of_any_id_come_back(store: Arc<dyn Store>) {
    let store = &*store;
    let owner = user_id(1);
    for (number, byte) in (1..).zip([0x00, 0x01, 0x20, 0x41, 0x61, 0x7f, 0x80, 0xff]) {
        let event = AuditRecord {
            id: EventId::from_bytes([byte; 12]),
            last_id: EventId::from_bytes([byte; 12]),
            actor_id: Some(UserId::from_bytes([byte; 12])),
            session_id: Some(SessionId::from_bytes([byte; 12])),
            ..event(number, 1, AuditClass::Done)
        };
        append(store, &event).await;
        let found = done(store.events_of(owner, None, 1, NOW).await);
        assert_eq!(found, [event], "an event of any id");
    }
}

/// Events may be listed with the greatest limit: the list holds all.
pub async fn a_list_of_events_of_the_greatest_limit_holds_all(store: Arc<dyn Store>) {
    let store = &*store;
    for number in 1..=5 {
        append(store, &event(number, 1, AuditClass::Done)).await;
    }
    for limit in [usize::MAX, usize::MAX - 1, 1 << 31, 1 << 32] {
        let events = done(store.events_of(user_id(1), None, limit, NOW).await);
        assert_eq!(events.len(), 5, "events by a limit of {limit}");
    }
}

/// Every value of every enum of events comes back.
pub async fn every_value_of_every_enum_of_events_comes_back(store: Arc<dyn Store>) {
    let store = &*store;
    let plain = event(0, 1, AuditClass::Done);
    let mut events = Vec::new();
    events.extend(AuditClass::ALL.map(|class| AuditRecord {
        class,
        ..plain.clone()
    }));
    events.extend(Operation::ALL.map(|operation| AuditRecord {
        operation,
        ..plain.clone()
    }));
    events.extend(ErrorCode::ALL.map(|code| AuditRecord {
        refused: Some(code),
        ..plain.clone()
    }));
    events.extend(MailKind::ALL.map(|mail| AuditRecord {
        mail: Some(mail),
        ..plain.clone()
    }));
    let of_notices = |notices: Notices| AuditRecord {
        notices,
        ..plain.clone()
    };
    events.extend(Notice::ALL.map(|notice| of_notices([notice].into())));
    events.push(of_notices(Notice::ALL.into()));
    for (number, event) in (1..).zip(&mut events) {
        event.id = event_id(number);
        event.last_id = event_id(number);
        // So that none is the same again.
        event.session_id = Some(session_id(number));
        append(store, event).await;
        let found = done(store.events_of(user_id(1), None, 1, NOW).await);
        assert_eq!(found.first(), Some(&*event), "a value in an event");
    }
    events.reverse();
    let found = done(store.events_of(user_id(1), None, ALL, NOW).await);
    assert_eq!(found, events, "all values in events");
}
