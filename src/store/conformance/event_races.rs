//! Races for the events that are kept.

use std::sync::Arc;

use super::fixture::*;
use super::racing::*;
use crate::audit::{AuditClass, AuditRecord};
use crate::store::{Insert, Store};

/// Of many records with one id, one is kept.
pub async fn one_of_many_events_with_an_id_is_kept(store: Arc<dyn Store>) {
    for (racers, round) in rounds() {
        let shared = Arc::clone(&store);
        let outcomes = race(racers, move |_| {
            let store = Arc::clone(&shared);
            async move {
                let event = event(round, round, AuditClass::Done);
                done(store.append_event(&event, 10).await) == Insert::Inserted
            }
        });
        only_winner(&outcomes.await, "events with one id");
        let there = done(store.events_of(user_id(round), None, 10, NOW).await);
        assert_eq!(there.len(), 1, "events with one id");
    }
}

/// None of many events at once is lost while there is room.
pub async fn no_event_of_many_at_once_is_lost(store: Arc<dyn Store>) {
    for (racers, round) in rounds() {
        let shared = Arc::clone(&store);
        race(racers, move |racer| {
            let store = Arc::clone(&shared);
            async move {
                let event = event(round * 100 + racer, round, AuditClass::Tried);
                done(store.append_event(&event, 100).await)
            }
        })
        .await;
        let there = done(store.events_of(user_id(round), None, 1000, NOW).await);
        assert_eq!(
            there.len(),
            racers as usize,
            "an event was lost among others"
        );
    }
}

/// Of many equal events at once each is counted once, in one record or in several.
pub async fn no_equal_event_of_many_at_once_is_lost(store: Arc<dyn Store>) {
    for (racers, round) in rounds() {
        let shared = Arc::clone(&store);
        let same = move |number: u32| AuditRecord {
            id: event_id(number),
            last_id: event_id(number),
            ..event(round, round, AuditClass::Tried)
        };
        let _ = done(store.append_event(&same(round * 1000), 1000).await);
        race(racers, move |racer| {
            let store = Arc::clone(&shared);
            async move {
                let event = same(round * 1000 + 1 + racer);
                done(store.append_event(&event, 1000).await)
            }
        })
        .await;
        let there = done(store.events_of(user_id(round), None, ALL, NOW).await);
        let counted: u64 = there.iter().map(|event| event.count).sum();
        assert_eq!(
            counted,
            u64::from(racers) + 1,
            "equal events were lost, or counted twice"
        );
    }
}

/// Many events at once leave as many as are kept, once one more has come.
pub async fn many_events_at_once_leave_as_many_as_are_kept(store: Arc<dyn Store>) {
    const KEEP: usize = 5;
    for (racers, round) in rounds() {
        let shared = Arc::clone(&store);
        race(racers, move |racer| {
            let store = Arc::clone(&shared);
            async move {
                let event = event(round * 100 + racer, round, AuditClass::Tried);
                done(store.append_event(&event, KEEP).await)
            }
        })
        .await;
        let last = event(round * 100 + 99, round, AuditClass::Tried);
        let _ = done(store.append_event(&last, KEEP).await);
        let there = done(store.events_of(user_id(round), None, 1000, NOW).await);
        let ids: Vec<_> = there.iter().map(|event| event.id).collect();
        let newest = (round * 100..round * 100 + racers).rev();
        let expected: Vec<_> = std::iter::once(last.id)
            .chain(newest.map(event_id))
            .take(KEEP)
            .collect();
        assert_eq!(
            ids, expected,
            "not the newest {KEEP} of many events are left"
        );
    }
}
