//! What a method of the store costs: statements, and round trips to the server.

use admittance::store::sql::PostgresStore;
use admittance::store::{AuditStore, Insert, Store, UserStore};
use admittance::user::User;
use support::acts::{Act, State};
use support::methods::{every_method, other_calls, prepare};
use support::postgres;
use support::sample::*;
use support::statements::Statements;
use support::wire::{RoundTrip, Wire};

use crate::place::Place;

/// The round trips of an act of `every_method` and those below that has an effect. The
/// users of these acts have roles.
fn round_trips(act: &Act) -> usize {
    // One begins the transaction and sets its limits, and one commits it.
    const TRANSACTION: usize = 2;
    // One locks the row, and one reads it as it is after the wait.
    const READS: usize = 2;
    match act {
        Act::UpdateProfile { .. }
        | Act::VerifyEmail(_)
        | Act::ResetPassword { .. }
        | Act::SetStatus { .. }
        | Act::RemoveUser { .. } => TRANSACTION + READS + 1,
        Act::ReplacePassword { raise, .. } => match raise {
            true => TRANSACTION + READS + 1,
            false => 1,
        },
        // Who has the new address.
        Act::ChangeEmail { .. } => TRANSACTION + READS + 1 + 1,
        // The user, and the identity.
        Act::LinkIdentity { .. } | Act::UnlinkIdentity { .. } => TRANSACTION + READS + 2,
        // What is granted, and what is revoked.
        Act::ChangeRoles { grant, revoke, .. } => {
            TRANSACTION + READS + 1 + usize::from(grant.is_some()) + usize::from(revoke.is_some())
        }
        // The one below, the new one, the oldest.
        Act::AppendEvent { .. } => TRANSACTION + 3,
        _ => 1,
    }
}

fn acts() -> Vec<Act> {
    let mut acts: Vec<Act> = every_method().into_iter().map(|(_, act)| act).collect();
    acts.extend([
        Act::ReplacePassword {
            user: 5,
            from: 9,
            to: 10,
            raise: false,
        },
        Act::TakeToken {
            number: 1,
            purpose: purpose(1),
            now: 1,
        },
        Act::Attempt { key: 1, now: 1 },
        Act::AppendEvent {
            number: 2,
            user: 1,
            keep: 1,
        },
    ]);
    acts
}

/// A store through a line of which one connection is in use, and on which every statement
/// has been prepared.
async fn warmed() -> (Wire, PostgresStore) {
    let wire = Wire::before(&postgres::fresh_url().await).await;
    let mut config = postgres::config();
    config.max_connections = 1;
    let store = PostgresStore::connect(wire.url(), config).await.unwrap();
    prepare(&store).await;
    for act in acts().into_iter().chain(other_calls()) {
        act.on(&store).await.unwrap();
    }
    for user in [without_roles(50), user(51), user(51)] {
        let _ = store.insert_user(&user).await.unwrap();
    }
    for (number, identity) in [(52, 52), (53, 52), (52, 54)] {
        let act = Act::InsertUserBy {
            number,
            email: number,
            identity,
        };
        act.on(&store).await.unwrap();
    }
    for number in [20, 22] {
        let _ = store.append_event(&login(number), 10).await.unwrap();
    }
    wipe(wire.url()).await;
    prepare(&store).await;
    wire.take();
    (wire, store)
}

async fn wipe(url: &str) {
    let mut other = Place::Postgres(url.to_owned()).other().await;
    let tables = crate::place::TABLES.map(|table| format!("admittance_{table}"));
    other.run(&format!("TRUNCATE {}", tables.join(", "))).await;
}

fn shown(trips: &[RoundTrip]) -> Vec<&str> {
    let firsts = trips.iter().map(|trip| trip.texts.first());
    firsts.map(|text| text.map_or("", String::as_str)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_method_takes_its_round_trips_and_no_more() {
    let (wire, store) = warmed().await;
    for act in acts() {
        let answer = act.on(&store).await.unwrap();
        assert!(!["false", "None None"].contains(&&*answer), "{act:?}");
        let trips = wire.take();
        assert_eq!(
            trips.len(),
            round_trips(&act),
            "{act:?}: {:#?}",
            shown(&trips)
        );
    }
}

fn without_roles(number: u32) -> User {
    let mut user = user(number);
    user.roles.clear();
    user
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_inserted_in_one_round_trip_and_a_refusal_costs_one_more() {
    let (wire, store) = warmed().await;
    let users = [without_roles(50), without_roles(50), user(51), user(51)];
    for (user, expected) in users.into_iter().zip([1, 2, 1, 2]) {
        let _ = store.insert_user(&user).await.unwrap();
        assert_eq!(wire.take().len(), expected);
    }
    // An index of the application's may refuse an identity too, so what is taken is looked up.
    let by = |number, of| Act::InsertUserBy {
        number,
        email: number,
        identity: of,
    };
    for (act, answer, expected) in [
        (by(52, 52), "Inserted", 1),
        (by(53, 52), "IdentityTaken", 2),
        (by(52, 54), "EmailTaken", 2),
    ] {
        assert_eq!(act.on(&store).await.unwrap(), answer, "{act:?}");
        assert_eq!(wire.take().len(), expected, "{act:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_refused_writes_nothing() {
    let (wire, store) = warmed().await;
    let late = State {
        epoch: 1,
        ..State::of(3)
    };
    for act in [
        Act::VerifyEmail(late),
        Act::ResetPassword { state: late, to: 9 },
    ] {
        assert_eq!(act.on(&store).await.unwrap(), "false");
        let trips = wire.take();
        assert_eq!(trips.len(), 4, "{act:?}: {:#?}", shown(&trips));
        assert!(!shown(&trips).iter().any(|text| text.starts_with("UPDATE")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_event_is_counted_in_four_round_trips() {
    let (wire, store) = warmed().await;
    let (first, again) = (login(20), login(22));
    for (record, expected) in [(&first, 5), (&again, 4), (&again, 3)] {
        let _: Insert = store.append_event(record, 10).await.unwrap();
        let trips = wire.take();
        // The first statement finds an existing event.
        assert_eq!(trips.len(), expected, "{:#?}", shown(&trips));
    }
}

/// A pooler sees one transaction: begin, prepare, execute, commit.
#[tokio::test(flavor = "multi_thread")]
async fn without_prepared_statements_each_is_in_a_transaction_of_its_own() {
    let wire = Wire::before(&postgres::fresh_url().await).await;
    let mut config = postgres::config();
    config.prepared_statements = false;
    let store = PostgresStore::connect(wire.url(), config).await.unwrap();
    prepare(&store).await;
    for _ in 0..3 {
        wire.take();
        Act::User(1).on(&store).await.unwrap();
        let trips = wire.take();
        let texts = shown(&trips);
        assert_eq!(texts.len(), 4, "{texts:#?}");
        assert!(
            texts[0].starts_with("BEGIN") && texts[3] == "COMMIT",
            "{texts:#?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_method_runs_its_statements_on_sqlite_and_no_more() {
    let place = Place::sqlite();
    let mut statements = Statements::of("cost_");
    let mut config = postgres::config();
    config.prefix = "cost_".to_owned();
    let store = place.start(config).await.unwrap();
    prepare(&*store).await;
    statements.take();
    for act in acts() {
        act.on(&*store).await.unwrap();
        let ran = statements.take();
        let expected = match act {
            // The budgets are read, and each is written.
            Act::Hit { .. } => 2 + 2,
            Act::HitBoth { .. } => 2 + 3,
            // The user and the roles.
            Act::InsertUser { .. } => 2 + 2,
            // The user and the identity.
            Act::RecordLoginBy { .. } => 2 + 2 + 2,
            _ => round_trips(&act),
        };
        assert_eq!(ran.len(), expected, "{act:?}: {ran:#?}");
    }
}

/// The counter of the tests above sees every statement.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_counted_is_all_that_the_server_gets() {
    let (wire, store) = warmed().await;
    let dyn_store: &dyn Store = &store;
    Act::User(1).on(dyn_store).await.unwrap();
    let trips = wire.take();
    assert_eq!(shown(&trips).len(), 1);
    assert!(
        shown(&trips)
            .iter()
            .all(|text| text.starts_with("SELECT u.id"))
    );
}
