//! Many callers at once, by three stores over one database: what comes out is exact.

use std::sync::Arc;

use admittance::limit::{Decision, Hit};
use admittance::lockout::Attempt;
use admittance::session::Rotation;
use admittance::store::{EmailChange, Insert, InsertUser, UserChange};
use admittance::user::UserStatus;
use support::methods::prepare;
use support::sample::*;
use tokio::sync::Barrier;

use crate::place::{Place, SqlStore};

const RACERS: u32 = 64;

/// What each of the racers gets, which begin at once.
async fn race<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    place: &Place,
    act: impl Fn(SqlStore, u32) -> F,
) -> Vec<T> {
    let stores = [
        place.store().await,
        place.store().await,
        place.store().await,
    ];
    let barrier = Arc::new(Barrier::new(64));
    let racers: Vec<_> = stores
        .iter()
        .cycle()
        .zip(0..RACERS)
        .map(|(store, racer)| {
            let (act, barrier) = (act(store.clone(), racer), Arc::clone(&barrier));
            tokio::spawn(async move {
                barrier.wait().await;
                act.await
            })
        })
        .collect();
    let mut answers = Vec::new();
    for racer in racers {
        answers.push(racer.await.unwrap());
    }
    answers
}

fn count<T>(answers: &[T], is_it: impl Fn(&T) -> bool) -> usize {
    answers.iter().filter(|answer| is_it(answer)).count()
}

/// Both kinds of database, and one on which every transaction is serializable.
async fn places() -> Vec<Place> {
    let serializable = Place::postgres().await;
    let mut other = serializable.other().await;
    let name = other.texts("SELECT current_database()::text").await;
    let name = name.first().unwrap();
    other
        .run(&format!(
            "ALTER DATABASE {name} SET default_transaction_isolation = serializable"
        ))
        .await;
    let mut places: Vec<Place> = Place::each().await.into();
    places.push(serializable);
    places
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_attempts_under_one_key_those_that_the_table_allows_are_let_through() {
    for place in places().await {
        let attempt = |store: SqlStore, _| async move {
            store.attempt(key(1), &lockout(), at(0)).await.unwrap()
        };
        let answers = race(&place, attempt).await;
        // The second failure locks.
        let mut counts: Vec<u32> = answers
            .iter()
            .filter_map(|answer| match answer {
                Attempt::Allowed { count, .. } => Some(*count),
                Attempt::Locked { .. } => None,
            })
            .collect();
        counts.sort_unstable();
        assert_eq!(counts, [1, 2]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_acts_on_one_budget_as_many_are_allowed_as_it_has() {
    for place in places().await {
        let hit = |store: SqlStore, _| async move {
            let (key, quota) = (key(1), quota());
            store.hit_all(&[Hit { key, quota }], at(0)).await.unwrap()
        };
        let answers = race(&place, hit).await;
        assert_eq!(count(&answers, |it| *it == Decision::Allowed), 3);
    }
}

/// Each racer counts in a budget of its own and in one that all share, in either order.
#[tokio::test(flavor = "multi_thread")]
async fn of_64_acts_on_two_budgets_each_counts_in_both_or_in_none() {
    for place in places().await {
        let hit = |store: SqlStore, racer| async move {
            let quota = quota();
            let keys = match racer % 2 {
                0 => [10 + racer % 4, 1],
                _ => [1, 10 + racer % 4],
            };
            let hits = keys.map(|number| Hit {
                key: key(number),
                quota,
            });
            store.hit_all(&hits, at(0)).await.unwrap()
        };
        let answers = race(&place, hit).await;
        assert_eq!(count(&answers, |it| *it == Decision::Allowed), 3);
        // Those that were refused have used up nothing of the others.
        let store = place.store().await;
        let mut rest = 0;
        for number in 10..14 {
            let (key, quota) = (key(number), quota());
            let hits = [Hit { key, quota }];
            while store.hit_all(&hits, at(0)).await.unwrap() == Decision::Allowed {
                rest += 1;
            }
        }
        assert_eq!(rest, 4 * 3 - 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_refreshes_with_one_token_one_rotates_and_the_others_get_the_same_successor() {
    for place in places().await {
        prepare(&*place.store().await).await;
        let rotate = |store: SqlStore, _| async move {
            store.rotate(session_id(1), 0, POLICY, at(1)).await.unwrap()
        };
        let answers = race(&place, rotate).await;
        let rotated = count(&answers, |it| matches!(it, Rotation::Rotated(_)));
        assert_eq!(rotated, 1);
        let same = |rotation: &Rotation| match rotation {
            Rotation::Rotated(session) | Rotation::Repeated(session) => {
                session.refresh_counter == 1
            }
            _ => false,
        };
        assert_eq!(count(&answers, same), 64);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_registrations_of_one_address_one_wins() {
    for place in places().await {
        let register = |store: SqlStore, racer: u32| async move {
            let mut user = user_with(racer, "one@example.org");
            if racer.is_multiple_of(2) {
                user.roles.clear();
            }
            store.insert_user(&user).await.unwrap()
        };
        let answers = race(&place, register).await;
        assert_eq!(count(&answers, |it| *it == InsertUser::Inserted), 1);
        assert_eq!(count(&answers, |it| *it == InsertUser::EmailTaken), 63);
        let mut other = place.other().await;
        assert_eq!(other.count("admittance_users").await, 1);
        let strays = "admittance_user_roles WHERE user_id NOT IN (SELECT id FROM admittance_users)";
        assert_eq!(other.count(strays).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_users_who_change_to_one_address_one_gets_it() {
    for place in places().await {
        let store = place.store().await;
        for number in 0..RACERS {
            let _ = store.insert_user(&user(number)).await.unwrap();
        }
        let change = |store: SqlStore, racer: u32| async move {
            let to = user(1000).email;
            store.change_email(&user(racer).state(), &to).await.unwrap()
        };
        let answers = race(&place, change).await;
        assert_eq!(count(&answers, |it| *it == EmailChange::Changed), 1);
        assert_eq!(count(&answers, |it| *it == EmailChange::EmailTaken), 63);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_takers_of_one_token_one_gets_it() {
    for place in places().await {
        prepare(&*place.store().await).await;
        let take = |store: SqlStore, _| async move {
            let taken = store.take_token(digest(1), purpose(1), at(1)).await;
            taken.unwrap().is_some()
        };
        let answers = race(&place, take).await;
        assert_eq!(count(&answers, |it| *it), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_changes_of_one_version_one_is_made() {
    for place in places().await {
        prepare(&*place.store().await).await;
        let change = |store: SqlStore, racer: u32| async move {
            let status = match racer % 2 {
                0 => UserStatus::Active,
                _ => UserStatus::Disabled,
            };
            let change = UserChange::SetStatus { version: 0, status };
            store.change_user(user_id(1), &change).await.unwrap()
        };
        let answers = race(&place, change).await;
        assert_eq!(count(&answers, Option::is_some), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_insertions_of_one_session_one_is_made() {
    for place in places().await {
        let insert =
            |store: SqlStore, _| async move { store.insert_session(&session(1, 1)).await.unwrap() };
        let answers = race(&place, insert).await;
        assert_eq!(count(&answers, |it| *it == Insert::Inserted), 1);
    }
}

/// However many log in at once, the cap holds once all of them are through.
#[tokio::test(flavor = "multi_thread")]
async fn of_64_logins_at_once_as_many_sessions_stay_as_the_cap_says() {
    for place in places().await {
        let log_in = |store: SqlStore, racer: u32| async move {
            let mut live = session(racer, 1);
            live.created_at = at(racer);
            let _ = store.insert_session(&live).await.unwrap();
            store
                .end_oldest_sessions(user_id(1), 0, 5, at(1))
                .await
                .unwrap()
        };
        race(&place, log_in).await;
        let store = place.store().await;
        let left = store
            .sessions_of(user_id(1), None, 100, at(1))
            .await
            .unwrap();
        assert_eq!(left.len(), 5);
    }
}

/// Events of one user, of which each is kept or counted.
#[tokio::test(flavor = "multi_thread")]
async fn of_64_events_at_once_none_is_lost() {
    for place in places().await {
        let append = |store: SqlStore, racer: u32| async move {
            let mut event = event(racer * 2, 1);
            event.session_id = None;
            store.append_event(&event, 1000).await.unwrap()
        };
        race(&place, append).await;
        let store = place.store().await;
        let events = store
            .events_of(user_id(1), None, 1000, at(1))
            .await
            .unwrap();
        let total: u64 = events.iter().map(|event| event.count).sum();
        assert!(total >= 64, "{total}");
    }
}
