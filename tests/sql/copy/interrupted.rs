//! Copies that stop in the middle, and go on.

use std::sync::Arc;

use admittance::id::UserId;
use admittance::store::copy::{Copied, CopyError, Kind, Record, RecordStore};
use admittance::store::{EpochChange, InsertUser};
use admittance::user::User;
use support::sample::{hash, user_with};

use super::accounts::{COUNT, contents, fill};
use super::opened::{Database, Whole, copied, options, resuming};
use super::through::{Fault, Through};

async fn filled() -> Arc<dyn Whole> {
    let source = Database::Memory.fresh().await;
    fill(&*source).await;
    source
}

/// How many calls of `put` a copy takes: five of each kind.
const PUTS: usize = 25;

async fn count<R: Record>(store: &dyn RecordStore<R>) -> usize {
    store.page(None, usize::MAX).await.unwrap().len()
}

/// How many records of all kinds the store has.
async fn counted(store: &dyn Whole) -> usize {
    let users = count::<User>(store).await;
    let sessions = count::<admittance::session::Session>(store).await;
    let tokens = count::<admittance::token::OneTimeToken>(store).await;
    let attempts = count::<admittance::store::copy::KeptAttempts>(store).await;
    users + sessions + tokens + attempts + count::<admittance::audit::AuditRecord>(store).await
}

/// Interrupts a copy at `put` number `number` and resumes it. Returns what the target has then.
async fn interrupt(
    source: &Arc<dyn Whole>,
    target: &Arc<dyn Whole>,
    number: usize,
    fault: Fault,
) -> Copied {
    let failing = Through::to(target).failing(number, fault);
    let failed = copied(&**source, &failing, &options()).await;
    assert!(
        matches!(failed, Err(CopyError::Target { .. })),
        "{number} {fault:?}: {failed:?}"
    );
    let left = counted(&**source).await - counted(&**target).await;
    let is_empty = count::<User>(&**target).await == 0;
    let again = copied(&**source, &**target, &options()).await;
    if is_empty {
        return again.unwrap();
    }
    assert!(
        matches!(again, Err(CopyError::NotEmpty(Kind::Users))),
        "{number} {fault:?}: {again:?}"
    );
    let resumed = Through::to(target);
    let outcome = copied(&**source, &resumed, &resuming()).await.unwrap();
    // What was there is not written again; four records have expired.
    assert!(resumed.written() <= left, "{number} {fault:?}");
    assert!(resumed.written() + 4 >= left, "{number} {fault:?}");
    outcome
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_in_memory_that_stops_anywhere_goes_on() {
    let source = filled().await;
    let whole = Database::Memory.fresh().await;
    let complete = copied(&*source, &*whole, &options()).await.unwrap();
    for number in 0..PUTS {
        for fault in Fault::ALL {
            let target = Database::Memory.fresh().await;
            let outcome = interrupt(&source, &target, number, fault).await;
            assert_eq!(outcome, complete, "{number} {fault:?}");
        }
    }
    let through = Through::to(&Database::Memory.fresh().await).failing(PUTS, Fault::Before);
    copied(&*source, &through, &options()).await.unwrap();
    assert_eq!(through.puts(), PUTS);
}

async fn stops_and_goes_on(database: Database) {
    let source = filled().await;
    for (number, fault) in [2, 8, 13, 17, 24]
        .into_iter()
        .zip(Fault::ALL.into_iter().cycle())
    {
        let target = database.fresh().await;
        let outcome = interrupt(&source, &target, number, fault).await;
        assert_eq!(outcome.users, u64::from(COUNT));
        if number == 2 {
            let whole = Database::Memory.fresh().await;
            copied(&*source, &*whole, &options()).await.unwrap();
            assert_eq!(contents(&*target).await, contents(&*whole).await);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_to_sqlite_that_stops_goes_on() {
    stops_and_goes_on(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_to_postgres_that_stops_goes_on() {
    stops_and_goes_on(Database::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_to_mongodb_that_stops_goes_on() {
    stops_and_goes_on(Database::Mongo).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_again_is_left_as_it_is() {
    for database in Database::ALL {
        let store = database.fresh().await;
        let first = user_with(1, "one@example.org");
        let mut other = first.clone();
        other.roles = (0..9).map(support::sample::role).collect();
        other.is_verified = true;
        let second = user_with(2, "two@example.org");
        let third = user_with(3, "three@example.org");
        store.put(vec![first.clone()]).await.unwrap();
        // Of four records, those that are free are added.
        let records = vec![other.clone(), second.clone(), other, third.clone()];
        store.put(records).await.unwrap();
        let found = store.users(None, 9).await.unwrap();
        let roles: Vec<_> = found.iter().map(|user| (user.id, &user.roles)).collect();
        let expected = [&first, &second, &third].map(|user| (user.id, &user.roles));
        assert_eq!(roles, expected, "{database:?}");
        assert!(found.iter().all(|user| !user.is_verified), "{database:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_changed_before_a_copy_goes_on_is_found_out() {
    for database in Database::ALL {
        let source = filled().await;
        let target = database.fresh().await;
        // All users are there, and no session.
        let failing = Through::to(&target).failing(5, Fault::Before);
        copied(&*source, &failing, &options()).await.unwrap_err();
        let first = source.users(None, 1).await.unwrap().remove(0);
        let expected = first.password_hash.clone().unwrap();
        let new = hash(9);
        let changed = source.replace_password(first.id, &expected, &new, EpochChange::Raise);
        assert!(changed.await.unwrap());
        let outcome = copied(&*source, &*target, &resuming()).await;
        assert!(
            matches!(outcome, Err(CopyError::Differs(Kind::Users))),
            "{database:?}: {outcome:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_another_user_of_the_target_has_is_found_out() {
    for database in Database::ALL {
        let source = Database::Memory.fresh().await;
        let target = database.fresh().await;
        let mut user = user_with(1, "taken@example.org");
        user.id = UserId::from_bytes([0xee; 12]);
        assert_eq!(
            source.insert_user(&user).await.unwrap(),
            InsertUser::Inserted
        );
        user.id = UserId::from_bytes([0x11; 12]);
        assert_eq!(
            target.insert_user(&user).await.unwrap(),
            InsertUser::Inserted
        );
        let outcome = copied(&*source, &*target, &resuming()).await;
        assert!(
            matches!(outcome, Err(CopyError::Differs(Kind::Users))),
            "{database:?}: {outcome:?}"
        );
        let kept = target.user_by_email(user.email.canonical()).await.unwrap();
        assert_eq!(kept.unwrap().id, user.id, "{database:?}");
    }
}
