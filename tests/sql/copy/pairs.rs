//! Each store as the source and as the target of each other one.

use std::sync::Mutex;

use admittance::session::Session;
use admittance::store::copy::{Copied, Kind, Step, copy};
use support::sample::at;

use super::accounts::{COUNT, contents, fill};
use super::opened::{Database, copied, options};

/// Copies from one database to a fresh one of each kind, and compares what services read.
async fn copy_to_each(from: Database) {
    let source = from.fresh().await;
    fill(&*source).await;
    let mut targets = Vec::new();
    for to in Database::ALL {
        let target = to.fresh().await;
        let copied = copied(&*source, &*target, &options()).await.unwrap();
        let Copied {
            users,
            sessions,
            tokens,
            attempts,
            events,
            ..
        } = copied;
        let count = u64::from(COUNT);
        let expected = [count, count - 2, count - 1, count - 1, count - 1];
        assert_eq!(
            [users, sessions, tokens, attempts, events],
            expected,
            "{to:?}"
        );
        targets.push((to, target));
    }
    let expected = contents(&*source).await;
    // Users, sessions, tokens and events, and what each attempt is told.
    assert!(expected.len() > 5 * (COUNT as usize - 2));
    for (to, target) in targets {
        let found = contents(&*target).await;
        let differences = expected.iter().zip(&found).filter(|(a, b)| a != b);
        let differences: Vec<_> = differences.take(3).collect();
        assert!(
            differences.is_empty(),
            "{from:?} to {to:?}: {differences:#?}"
        );
        assert_eq!(expected.len(), found.len(), "{from:?} to {to:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_accounts_in_memory_arrive_in_each_store() {
    copy_to_each(Database::Memory).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_accounts_in_sqlite_arrive_in_each_store() {
    copy_to_each(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_accounts_in_postgres_arrive_in_each_store() {
    copy_to_each(Database::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_accounts_in_mongodb_arrive_in_each_store() {
    copy_to_each(Database::Mongo).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_store_is_copied() {
    for database in Database::ALL {
        let (source, target) = (database.fresh().await, database.fresh().await);
        let copied = copied(&*source, &*target, &options()).await.unwrap();
        assert_eq!(copied, Copied::default(), "{database:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_batch_makes_no_difference() {
    let source = Database::Memory.fresh().await;
    fill(&*source).await;
    for (to, batch) in [
        (Database::Sqlite, 1),
        (Database::Sqlite, 2000),
        (Database::Postgres, 2000),
        (Database::Mongo, 299),
        (Database::Memory, 300),
    ] {
        let target = to.fresh().await;
        let mut options = options();
        options.batch = batch;
        let copied = copied(&*source, &*target, &options).await.unwrap();
        assert_eq!(copied.users, u64::from(COUNT), "{to:?} {batch}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_ended_is_not_copied() {
    for database in [Database::Sqlite, Database::Postgres, Database::Mongo] {
        let source = database.fresh().await;
        fill(&*source).await;
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page: Vec<Session> = source.page(after, 100).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            found.extend(page);
        }
        // The one that has expired is still among them.
        assert_eq!(found.len(), COUNT as usize - 1, "{database:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_step_of_each_kind_is_told() {
    let (source, target) = (
        Database::Memory.fresh().await,
        Database::Memory.fresh().await,
    );
    fill(&*source).await;
    let told = Mutex::new(Vec::new());
    let tell = |progress| told.lock().unwrap().push(progress);
    copy(&*source, &*target, at(50), &options(), tell)
        .await
        .unwrap();
    let mut last: Vec<(Step, Kind, u64)> = Vec::new();
    for progress in told.into_inner().unwrap() {
        match last.last_mut() {
            Some((step, kind, records)) if (*step, *kind) == (progress.step, progress.kind) => {
                assert!(*records < progress.records);
                *records = progress.records;
            }
            _ => last.push((progress.step, progress.kind, progress.records)),
        }
    }
    let counts = Kind::ALL.map(|kind| match kind {
        Kind::Users => (kind, 300),
        Kind::Sessions => (kind, 298),
        _ => (kind, 299),
    });
    let copies = counts.map(|(kind, count)| (Step::Copy, kind, count));
    let checks = counts.into_iter().flat_map(|(kind, count)| {
        [Step::CheckSource, Step::CheckTarget].map(|step| (step, kind, count))
    });
    let expected: Vec<_> = copies.into_iter().chain(checks).collect();
    assert_eq!(last, expected);
}
