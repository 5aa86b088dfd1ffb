//! Lists of sessions come in pages, however many sessions there are.

use admittance::clock::Clock;
use admittance::error::AuthError;
use admittance::id::SessionId;
use admittance::service::{Authenticated, ListSessions, SessionList};
use admittance::session::Session;
use admittance::store::{Insert, MemoryStore, SessionStore};

use crate::office::{ANN, Office};
use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config};
use support::faulty::FaultyStore;
use support::mocks::store_of;

/// A session like the caller's, with an id that stands in the order of `number`.
fn another(ann: &Authenticated, number: u32) -> Session {
    let mut id = [1; 12];
    id[4..8].copy_from_slice(&number.to_be_bytes());
    Session {
        id: SessionId::from_bytes(id),
        ..ann.session().clone()
    }
}

async fn insert(bed: &Bed, session: &Session) {
    let inserted = bed.store.insert_session(session).await.unwrap();
    assert_eq!(inserted, Insert::Inserted);
}

/// Ann, and `count` sessions of hers besides the one that she asks from.
async fn with_sessions(bed: &Bed, count: u32) -> Authenticated {
    let tokens = bed.register(ANN).await.tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    for number in 0..count {
        insert(bed, &another(&ann, number)).await;
    }
    ann
}

async fn page(
    bed: &Bed,
    ann: &Authenticated,
    after: Option<SessionId>,
    limit: Option<u32>,
) -> SessionList {
    let page = ListSessions { after, limit };
    bed.auth.list_sessions(ann, page, &bed.here).await.unwrap()
}

/// A store that begins a page with the last session of the page before.
#[tokio::test]
async fn a_session_that_a_store_repeats_is_on_one_page() {
    let donor = Bed::new();
    let ann = with_sessions(&donor, 2).await;
    let repeated = another(&ann, 1);
    let last = repeated.id;
    let session = ann.session().clone();
    let tokens = donor.login(ANN, PASSWORD).await.unwrap().tokens;
    let held = donor.validate(&tokens).await.unwrap();
    let mut store = store_of(held.session(), held.user());
    store.expect_sessions_of().returning(move |_, _, _, _| {
        Ok(vec![
            repeated.clone(),
            Session {
                id: SessionId::from_bytes([0; 12]),
                ..session.clone()
            },
        ])
    });
    let bed = Bed::over(std::sync::Arc::new(store), support::bed::config());
    let ann = bed.validate(&tokens).await.unwrap();
    let request = ListSessions {
        after: Some(last),
        limit: Some(1),
    };
    let page = bed
        .auth
        .list_sessions(&ann, request, &bed.here)
        .await
        .unwrap();
    assert_eq!(page.sessions.len(), 1);
    assert_ne!(page.sessions[0].session_id, last);
}

#[tokio::test]
async fn thirty_thousand_sessions_are_no_longer_an_answer_than_fifty() {
    let office = Office::new().await;
    let (bed, here) = (&office.bed, &office.bed.here);
    let ann = bed.validate(&office.ann).await.unwrap();
    for number in 0..30_000 {
        insert(bed, &another(&ann, number)).await;
    }
    let list = page(bed, &ann, None, None).await;
    assert_eq!(list.sessions.len(), 50);
    assert!(serde_json::to_vec(&list).unwrap().len() < 20_000);
    assert_eq!(page(bed, &ann, None, Some(200)).await.sessions.len(), 200);
    for limit in [0, 201, u32::MAX] {
        let asked = ListSessions {
            after: None,
            limit: Some(limit),
        };
        let refused = bed.auth.list_sessions(&ann, asked, here).await;
        assert!(matches!(refused, Err(AuthError::Validation(_))));
        let refused = office
            .auth()
            .list_user_sessions(&office.ada, office.ann_id, asked, here)
            .await;
        assert!(matches!(refused, Err(AuthError::Validation(_))));
    }
    let list = office
        .auth()
        .list_user_sessions(&office.ada, office.ann_id, ListSessions::default(), here)
        .await
        .unwrap();
    assert_eq!(list.sessions.len(), 50);

    // What goes through all of them goes through all of them.
    let export = bed.auth.export_account(&ann, here).await.unwrap();
    assert_eq!(export.sessions.len(), 30_001);
    let ended = bed.auth.end_all_sessions(&ann, here).await.unwrap();
    assert_eq!(ended, 30_000);
    assert_eq!(page(bed, &ann, None, None).await.sessions.len(), 1);
}

#[tokio::test]
async fn a_session_opened_or_ended_between_pages_hides_and_repeats_no_other() {
    let bed = Bed::new();
    let ann = with_sessions(&bed, 100).await;
    let (mut seen, mut after) = (Vec::new(), None);
    for round in 0..20 {
        let list = page(&bed, &ann, after, Some(10)).await;
        seen.extend(list.sessions.iter().map(|session| session.session_id));
        // The last one of the page ends, and one is opened before the place.
        let last = list.sessions.last().unwrap().session_id;
        if last != ann.session().id {
            bed.auth.end_session(&ann, last, &bed.here).await.unwrap();
        }
        let next = list.next;
        insert(&bed, &another(&ann, 1000 + round)).await;
        after = next;
        if next.is_none() {
            break;
        }
    }
    let mut expected: Vec<SessionId> = (0..100).map(|number| another(&ann, number).id).collect();
    expected.push(ann.session().id);
    expected.sort_unstable();
    expected.reverse();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn sessions_of_another_epoch_take_no_place_on_a_page() {
    let bed = Bed::new();
    let ann = with_sessions(&bed, 20).await;
    for number in 100..400 {
        let dead = Session {
            auth_epoch: 1,
            ..another(&ann, number)
        };
        insert(&bed, &dead).await;
    }
    let list = page(&bed, &ann, None, Some(15)).await;
    assert_eq!(list.sessions.len(), 15);
    let rest = page(&bed, &ann, list.next, Some(15)).await;
    assert_eq!((rest.sessions.len(), rest.next), (6, None));
}

#[tokio::test]
async fn a_change_of_password_ends_more_sessions_than_one_page_has() {
    let bed = Bed::new();
    let ann = with_sessions(&bed, 2500).await;
    // What changes that came to nothing may have left behind: the epoch to come.
    for number in 5000..7500 {
        let unused = Session {
            auth_epoch: 1,
            ..another(&ann, number)
        };
        insert(&bed, &unused).await;
    }
    bed.change_password(&ann, PASSWORD, OTHER_PASSWORD)
        .await
        .unwrap();
    let now = bed.clock.now();
    let user = ann.user().id;
    let left = bed.store.sessions_of(user, None, 10_000, now).await;
    assert_eq!(left.unwrap().len(), 1);
}

#[tokio::test]
async fn an_account_is_exported_five_times_an_hour() {
    let bed = Bed::new();
    let ann = with_sessions(&bed, 0).await;
    let tokens = bed.register("bob@example.org").await.tokens;
    let bob = bed.validate(&tokens).await.unwrap();
    for _ in 0..5 {
        bed.auth.export_account(&ann, &bed.here).await.unwrap();
    }
    // From another session of hers too, and nobody else waits.
    let tokens = bed.login(ANN, PASSWORD).await.unwrap().tokens;
    let again = bed.validate(&tokens).await.unwrap();
    for session in [&ann, &again] {
        match bed.auth.export_account(session, &bed.here).await {
            Err(AuthError::RateLimited { retry_after }) => {
                assert_eq!(retry_after.as_secs(), 12 * 60);
            }
            other => panic!("{other:?}"),
        }
    }
    bed.auth.export_account(&bob, &bed.here).await.unwrap();
    bed.clock.advance(std::time::Duration::from_secs(12 * 60));
    bed.auth.export_account(&ann, &bed.here).await.unwrap();
}

/// A store is asked again only after a page that it has filled.
#[tokio::test]
async fn a_page_of_few_sessions_costs_one_read() {
    let bed = Bed::over(FaultyStore::new(MemoryStore::new()), config());
    let tokens = bed.register(ANN).await.tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    bed.store.watch(0);
    let page = bed
        .auth
        .list_sessions(&ann, ListSessions::default(), &bed.here);
    assert_eq!(page.await.unwrap().sessions.len(), 1);
    let calls = bed.store.calm();
    let reads = calls.iter().filter(|call| **call == "sessions_of");
    assert_eq!(reads.count(), 1);
}
