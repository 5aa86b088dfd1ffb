//! What keeps a copy from being made, and what keeps it from being reported as made.

use std::error::Error;

use admittance::audit::AuditRecord;
use admittance::error::ConfigError;
use admittance::id::SessionId;
use admittance::session::Session;
use admittance::store::copy::{CopyError, CopyStore, KeptAttempts, Kind, Record, RecordStore};
use admittance::store::{MemoryCapacity, MemoryStore, StoreError};
use admittance::token::OneTimeToken;
use admittance::user::User;
use mongodb::Client;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Document, doc};
use sqlx::{Executor, SqlitePool};
use support::sample::{event, session, token, user};
use support::{mongo, postgres, sqlite};

use super::accounts::fill;
use super::opened::{Database, copied, options};
use super::through::Through;

fn attempts() -> KeptAttempts {
    KeptAttempts {
        key: support::sample::key(1),
        attempts: admittance::lockout::Attempts {
            count: 1,
            open_at: support::sample::at(1),
            forgotten_at: support::sample::at(1000),
            last_at: support::sample::at(1),
        },
    }
}

/// Fails unless a target that has `record` is refused, and left as it is.
async fn is_refused<R: Record>(database: Database, record: R)
where
    dyn super::opened::Whole: RecordStore<R>,
{
    let source = Database::Memory.fresh().await;
    fill(&*source).await;
    let target = database.fresh().await;
    let place: &dyn super::opened::Whole = &*target;
    place.put(vec![record]).await.unwrap();
    let through = Through::to(&target);
    let outcome = copied(&*source, &through, &options()).await;
    match outcome {
        Err(CopyError::NotEmpty(kind)) => assert_eq!(kind, R::KIND, "{database:?}"),
        other => panic!("{database:?} {}: {other:?}", R::KIND),
    }
    assert_eq!(through.puts(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_not_empty_is_refused() {
    for database in Database::ALL {
        is_refused::<User>(database, user(1)).await;
        is_refused::<Session>(database, session(1, 1)).await;
        is_refused::<OneTimeToken>(database, token(1, 1)).await;
        is_refused::<KeptAttempts>(database, attempts()).await;
        is_refused::<AuditRecord>(database, event(1, 1)).await;
        // One that has expired is one too.
        let mut expired = session(1, 1);
        expired.expires_at = support::sample::at(1);
        is_refused::<Session>(database, expired).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_does_not_arrive_is_found_out() {
    async fn loses<R: Record>()
    where
        dyn super::opened::Whole: RecordStore<R>,
    {
        let source = Database::Memory.fresh().await;
        fill(&*source).await;
        let target = Database::Memory.fresh().await;
        let losing = Through::to(&target).altering(|records: &mut Vec<R>| {
            records.pop();
        });
        let outcome = copied(&*source, &losing, &options()).await;
        match outcome {
            Err(CopyError::Differs(kind)) => assert_eq!(kind, R::KIND),
            other => panic!("{}: {other:?}", R::KIND),
        }
    }
    loses::<User>().await;
    loses::<Session>().await;
    loses::<OneTimeToken>().await;
    loses::<KeptAttempts>().await;
    loses::<AuditRecord>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_does_not_keep_the_order_is_refused() {
    let source = Database::Memory.fresh().await;
    fill(&*source).await;
    let target = Database::Memory.fresh().await;
    let reversed = Through::to(&source).reversed();
    let outcome = copied(&reversed, &*target, &options()).await;
    let Err(CopyError::Source { kind, source }) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(kind, Kind::Users);
    let cause = source.source().unwrap().to_string();
    assert_eq!(cause, "the users are not in the order of their keys");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_full_is_reported() {
    let source = Database::Memory.fresh().await;
    fill(&*source).await;
    let capacity = MemoryCapacity::default();
    let small = [
        (
            Kind::Users,
            MemoryCapacity {
                users: 299,
                ..capacity
            },
        ),
        (
            Kind::Sessions,
            MemoryCapacity {
                sessions: 297,
                ..capacity
            },
        ),
        (
            Kind::Tokens,
            MemoryCapacity {
                registrations: 100,
                ..capacity
            },
        ),
        (
            Kind::Attempts,
            MemoryCapacity {
                limits: 298,
                ..capacity
            },
        ),
        (
            Kind::Events,
            MemoryCapacity {
                events: 298,
                ..capacity
            },
        ),
    ];
    for (full, capacity) in small {
        let target = MemoryStore::with_capacity(capacity);
        match copied(&*source, &target, &options()).await {
            Err(CopyError::Target {
                kind,
                source: StoreError::Full,
            }) => assert_eq!(kind, full),
            other => panic!("{full}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_batch_that_is_out_of_its_range_is_refused() {
    let [source, target] = [MemoryStore::new(), MemoryStore::new()];
    for batch in [0, 2001] {
        let mut options = options();
        options.batch = batch;
        match copied(&source, &target, &options).await {
            Err(CopyError::Config(ConfigError::Invalid { setting, .. })) => {
                assert_eq!(setting, "copy.batch");
            }
            other => panic!("{batch}: {other:?}"),
        }
    }
}

/// Fails unless the copy fails by the session `id`, and names it.
async fn names_the_session(source: &dyn CopyStore, id: SessionId) {
    let target = Database::Memory.fresh().await;
    let outcome = copied(source, &*target, &options()).await;
    match outcome {
        Err(CopyError::Source {
            kind: Kind::Sessions,
            source: StoreError::Corrupt { record, .. },
        }) => assert_eq!(record, format!("session {id}")),
        other => panic!("{other:?}"),
    }
}

async fn some_session(store: &dyn super::opened::Whole) -> SessionId {
    let user = store.users(None, 100).await.unwrap().remove(99);
    let sessions = store.sessions_of(user.id, None, 1, support::sample::at(40));
    sessions.await.unwrap().remove(0).id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_read_is_named() {
    let url = sqlite::Folder::fresh().kept().url();
    let store = sqlite::store_at(&url).await;
    fill(&store).await;
    let id = some_session(&store).await;
    let spoil = format!("UPDATE admittance_sessions SET ip = 'nowhere' WHERE id = '{id}'");
    let pool = SqlitePool::connect(&url).await.unwrap();
    pool.execute(sqlx::AssertSqlSafe(spoil.clone()))
        .await
        .unwrap();
    names_the_session(&store, id).await;

    let url = postgres::fresh_url().await;
    let store = postgres::store_at(&url).await;
    fill(&store).await;
    let pool = postgres::pool(&url).await;
    pool.execute(sqlx::AssertSqlSafe(spoil)).await.unwrap();
    names_the_session(&store, id).await;

    let options = mongo::options().await;
    let database = Client::with_options(options.clone()).unwrap();
    let database = database.default_database().unwrap();
    let store = mongo::store_over(options).await;
    fill(&store).await;
    let sessions = database.collection::<Document>("admittance_sessions");
    let filter = doc! { "_id": ObjectId::from_bytes(id.to_bytes()) };
    let update = doc! { "$set": { "ip": "nowhere" } };
    let result = sessions.update_one(filter, update).await.unwrap();
    assert_eq!(result.modified_count, 1);
    names_the_session(&store, id).await;
}
