//! Writes to a source while it is copied.

use std::sync::Arc;

use admittance::store::copy::{CopyError, Kind};
use admittance::store::{EpochChange, InsertUser, StoreError};
use support::sample::{hash, session, user_with};

use super::accounts::{COUNT, fill};
use super::opened::{Database, Whole, copied, options, with_hasty};
use super::through::Through;

/// Changes the password of the first user, who has one.
async fn change(store: &dyn Whole) -> Result<bool, StoreError> {
    let first = store.users(None, 1).await?.remove(0);
    let expected = first.password_hash.unwrap();
    store
        .replace_password(first.id, &expected, &hash(99), EpochChange::Raise)
        .await
}

fn assert_refused<T: std::fmt::Debug>(answer: &Result<T, StoreError>) {
    let is_refused = matches!(
        answer,
        Err(StoreError::Timeout | StoreError::Unavailable(_))
    );
    assert!(is_refused, "{answer:?}");
}

async fn refuses_writes(database: Database) {
    let [source, other] = with_hasty(database).await;
    let target = Database::Memory.fresh().await;
    fill(&*source).await;
    let writer = Arc::clone(&other);
    let through = Through::to(&source).before(Kind::Sessions, async move {
        assert_refused(&change(&*writer).await);
        assert_refused(
            &writer
                .insert_user(&user_with(9000, "late@example.org"))
                .await,
        );
        assert_refused(&writer.insert_session(&session(9000, 1)).await);
        // Reading goes on.
        let users = writer.users(None, usize::MAX).await.unwrap();
        assert_eq!(users.len(), COUNT as usize);
    });
    let copied = copied(&through, &*target, &options()).await.unwrap();
    assert_eq!(copied.users, u64::from(COUNT));
    assert!(change(&*source).await.unwrap());
    let inserted = source
        .insert_user(&user_with(9000, "late@example.org"))
        .await;
    assert_eq!(inserted.unwrap(), InsertUser::Inserted);
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_refuses_writes_while_it_is_copied() {
    refuses_writes(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_refuses_writes_while_it_is_copied() {
    refuses_writes(Database::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_given_up_lets_others_write() {
    for database in [Database::Sqlite, Database::Postgres] {
        let [source, _] = with_hasty(database).await;
        fill(&*source).await;
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let through = Through::to(&source).before(Kind::Sessions, async move {
            begun.send(()).unwrap();
            std::future::pending().await
        });
        let copying = tokio::spawn(async move {
            let target = Database::Memory.fresh().await;
            copied(&through, &*target, &options()).await
        });
        has_begun.await.unwrap();
        copying.abort();
        assert!(copying.await.unwrap_err().is_cancelled());
        // It waits until the lock is gone.
        assert!(change(&*source).await.unwrap(), "{database:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_written_to_keeps_the_copy_from_beginning() {
    let url = support::postgres::fresh_url().await;
    let source = support::postgres::store_at(&url).await;
    fill(&source).await;
    let mut config = support::postgres::config();
    config.deadline = std::time::Duration::from_millis(300);
    let hasty = admittance::store::sql::PostgresStore::connect(&url, config);
    let hasty = hasty.await.unwrap();
    let pool = support::postgres::pool(&url).await;
    let mut writer = pool.begin().await.unwrap();
    sqlx::query("UPDATE admittance_users SET is_verified = TRUE")
        .execute(&mut *writer)
        .await
        .unwrap();
    let target = Database::Memory.fresh().await;
    let outcome = copied(&hasty, &*target, &options()).await;
    assert!(matches!(outcome, Err(CopyError::Hold(_))), "{outcome:?}");
    assert!(target.users(None, 1).await.unwrap().is_empty());
    writer.rollback().await.unwrap();
    copied(&source, &*target, &options()).await.unwrap();
}

/// What a server does to a transaction that it finds idle for too long: the lock goes with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_is_lost_meanwhile_is_reported() {
    let url = support::postgres::fresh_url().await;
    let source: Arc<dyn Whole> = Arc::new(support::postgres::store_at(&url).await);
    fill(&*source).await;
    let pool = support::postgres::pool(&url).await;
    let through = Through::to(&source).before(Kind::Sessions, async move {
        let ended: Vec<bool> = sqlx::query_scalar(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND state = 'idle in transaction'",
        )
        .fetch_all(&pool)
        .await
        .unwrap();
        assert_eq!(ended, [true]);
    });
    let target = Database::Memory.fresh().await;
    let outcome = copied(&through, &*target, &options()).await;
    assert!(
        matches!(
            outcome,
            Err(CopyError::HoldLost(StoreError::Unavailable(_)))
        ),
        "{outcome:?}"
    );
    // The source is as it was, and the copy goes on.
    let mut resumed = options();
    resumed.resume = true;
    copied(&*source, &*target, &resumed).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_changes_meanwhile_is_found_out() {
    for database in Database::ALL {
        let source = database.fresh().await;
        let target = Database::Memory.fresh().await;
        fill(&*source).await;
        let writer = Arc::clone(&source);
        let through = Through::to(&source).before(Kind::Sessions, async move {
            assert!(change(&*writer).await.unwrap());
        });
        let mut options = options();
        options.hold = false;
        let outcome = copied(&through, &*target, &options).await;
        assert!(
            matches!(outcome, Err(CopyError::SourceChanged(Kind::Users))),
            "{database:?}: {outcome:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_comes_or_goes_meanwhile_is_found_out() {
    let filled = async || {
        let source = Database::Memory.fresh().await;
        fill(&*source).await;
        source
    };
    // Users are copied before anything else is read.
    let source = filled().await;
    let writer = Arc::clone(&source);
    let comes = Through::to(&source).before(Kind::Sessions, async move {
        let new = writer
            .insert_user(&user_with(9000, "late@example.org"))
            .await;
        assert_eq!(new.unwrap(), InsertUser::Inserted);
    });
    let target = Database::Memory.fresh().await;
    let outcome = copied(&comes, &*target, &options()).await;
    let is_found = matches!(outcome, Err(CopyError::SourceChanged(Kind::Users)));
    assert!(is_found, "{outcome:?}");

    let source = filled().await;
    let writer = Arc::clone(&source);
    let goes = Through::to(&source).before(Kind::Events, async move {
        let owner = writer.users(None, 1).await.unwrap().remove(0).id;
        assert!(writer.end_dead_sessions(owner, u64::MAX).await.unwrap() > 0);
    });
    let target = Database::Memory.fresh().await;
    let outcome = copied(&goes, &*target, &options()).await;
    let is_found = matches!(outcome, Err(CopyError::SourceChanged(Kind::Sessions)));
    assert!(is_found, "{outcome:?}");
}
