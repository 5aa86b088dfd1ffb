//! Locks of other transactions: an act waits for them until its deadline, and an act that was
//! answered with an error is not applied after the lock is released (I12).

use std::time::{Duration, Instant};

use admittance::store::StoreError;
use admittance::store::sql::PostgresStore;
use admittance::user::UserStatus;
use sqlx::postgres::PgPoolOptions;
use support::acts::{Act, State};
use support::methods::{LINKED, prepare};
use support::sample::*;

use crate::place::{Other, Place, SqlStore, impatient};

/// A limit that only a failing test reaches.
const SLACK: Duration = Duration::from_secs(60);

/// One act for each way in which the store writes, with the table that it waits for.
fn acts() -> Vec<(&'static str, Act)> {
    let (session, token) = (1, 1);
    vec![
        (
            "users",
            Act::RecordLogin {
                user: 1,
                epoch: 0,
                device: Some(1),
                now: 1,
            },
        ),
        (
            "users",
            Act::RecordLoginBy {
                user: LINKED,
                epoch: 0,
                identity: 8,
                now: 99,
            },
        ),
        (
            "users",
            Act::LinkIdentity {
                user: LINKED,
                version: 1,
                identity: 10,
            },
        ),
        (
            "user_identities",
            Act::UnlinkIdentity {
                user: LINKED,
                version: 1,
                identity: 9,
            },
        ),
        (
            "users",
            Act::SetStatus {
                user: 1,
                version: 0,
                status: UserStatus::Disabled,
            },
        ),
        (
            "users",
            Act::ChangeEmail {
                state: State::of(4),
                to: 7,
            },
        ),
        (
            "users",
            Act::RemoveUser {
                state: State::of(6),
                which: admittance::store::Removal::Any,
            },
        ),
        (
            "sessions",
            Act::Rotate {
                number: session,
                counter: 0,
                now: 1,
            },
        ),
        (
            "sessions",
            Act::EndSession {
                user: 1,
                number: session,
            },
        ),
        (
            "sessions",
            Act::EndOldestSessions {
                user: 1,
                epoch: 0,
                keep: 0,
                now: 1,
            },
        ),
        (
            "tokens",
            Act::TakeToken {
                number: token,
                purpose: purpose(token),
                now: 1,
            },
        ),
        (
            "tokens",
            Act::RemoveTokens {
                user: 1,
                purpose: None,
                until: 9,
            },
        ),
        ("limits", Act::HitBoth { key: 20, now: 1 }),
        ("limits", Act::GiveBack { key: 20, now: 1 }),
        ("attempts", Act::Attempt { key: 2, now: 1 }),
        ("attempts", Act::Forgive { key: 2, until: 9 }),
        ("audit_log", Act::RemoveEvents(1)),
    ]
}

fn is_refused(answer: &Result<String, StoreError>) -> bool {
    matches!(
        answer,
        Err(StoreError::Timeout | StoreError::Unavailable(_))
    )
}

/// Waits until no connection but this one does anything.
async fn is_quiet(other: &mut Other) {
    let busy = "pg_stat_activity WHERE datname = current_database() \
                AND pid <> pg_backend_pid() AND state <> 'idle'";
    while other.count(busy).await > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Who made the pool of the store.
#[derive(Clone, Copy)]
enum Pool {
    Own,
    Given,
}

/// Does each act while `lock` is held, and fails unless it is answered within the deadline
/// and never done.
async fn assert_not_done_after(lock: impl Fn(&str) -> String, pool: Pool) {
    const DEADLINE: u64 = 300;
    for (table, act) in acts() {
        let place = Place::postgres().await;
        prepare(&*place.store().await).await;
        let store = match pool {
            Pool::Own => place.start(impatient(DEADLINE)).await.unwrap(),
            Pool::Given => {
                // One connection, on which the statements are prepared.
                let pool = PgPoolOptions::new().max_connections(1);
                let pool = pool.connect(&place.url()).await.unwrap();
                let store = PostgresStore::new(pool, impatient(DEADLINE)).await;
                SqlStore::Postgres(store.unwrap())
            }
        };
        // So that the statements are prepared before the lock is taken.
        warm(&place, &store, &act).await;
        let (mut holder, mut other) = (place.other().await, place.other().await);
        let before = place.rows().await;
        holder.run(&format!("BEGIN; {}", lock(table))).await;
        let begin = Instant::now();
        let answer = act.on(&*store).await;
        let took = begin.elapsed();
        assert!(is_refused(&answer), "{act:?}: {answer:?}");
        assert!(took < SLACK, "{act:?}: {took:?}");
        // Longer than the deadline and the grace after it.
        tokio::time::sleep(Duration::from_millis(2 * DEADLINE)).await;
        holder.run("COMMIT").await;
        is_quiet(&mut other).await;
        assert_eq!(place.rows().await, before, "{act:?} was done late");
    }
}

/// Does the act without a lock and puts everything back, by a store whose deadline may pass
/// on a slow machine.
async fn warm(place: &Place, store: &SqlStore, act: &Act) {
    while act.on(&**store).await.is_err() {}
    let tables = crate::place::TABLES.map(|table| format!("admittance_{table}"));
    let mut other = place.other().await;
    other.run(&format!("TRUNCATE {}", tables.join(", "))).await;
    prepare(&*place.store().await).await;
}

fn rows(table: &str) -> String {
    format!("SELECT 1 FROM admittance_{table} FOR UPDATE")
}

/// As `VACUUM FULL` and `ALTER TABLE` lock it.
fn whole(table: &str) -> String {
    format!("LOCK TABLE admittance_{table} IN ACCESS EXCLUSIVE MODE")
}

#[tokio::test(flavor = "multi_thread")]
async fn i12_an_act_that_waits_for_a_row_is_answered_in_time_and_not_done_later() {
    assert_not_done_after(rows, Pool::Own).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i12_an_act_that_waits_for_a_row_by_a_given_pool_is_not_done_later() {
    assert_not_done_after(rows, Pool::Given).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i12_an_act_that_waits_for_a_table_is_answered_in_time_and_not_done_later() {
    assert_not_done_after(whole, Pool::Own).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i12_an_act_that_waits_for_a_table_by_a_given_pool_is_not_done_later() {
    assert_not_done_after(whole, Pool::Given).await;
}

/// Otherwise a long lock on a table would use up the server's connections.
#[tokio::test(flavor = "multi_thread")]
async fn no_statement_stays_on_the_server_after_its_caller_was_answered() {
    let place = Place::postgres().await;
    let store = place.start(impatient(300)).await.unwrap();
    let (mut holder, mut other) = (place.other().await, place.other().await);
    holder.run(&format!("BEGIN; {}", whole("attempts"))).await;
    holder.run(&whole("users")).await;
    for act in [Act::User(1), Act::Attempt { key: 2, now: 1 }] {
        let answer = act.on(&*store).await;
        assert!(is_refused(&answer), "{act:?}: {answer:?}");
    }
    let waiting = "pg_stat_activity WHERE datname = current_database() \
                   AND wait_event_type = 'Lock'";
    let gone = async {
        while other.count(waiting).await > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let gone = tokio::time::timeout(Duration::from_secs(60), gone).await;
    assert!(
        gone.is_ok(),
        "a statement waits on, after its caller was answered"
    );
    holder.run("COMMIT").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_waits_for_a_table_is_answered_in_time() {
    let place = Place::postgres().await;
    let store = place.start(impatient(300)).await.unwrap();
    let mut holder = place.other().await;
    holder
        .run("BEGIN; LOCK TABLE admittance_users IN ACCESS EXCLUSIVE MODE")
        .await;
    let begin = Instant::now();
    let answer = Act::User(1).on(&*store).await;
    assert!(is_refused(&answer), "{answer:?}");
    assert!(begin.elapsed() < SLACK);
    holder.run("COMMIT").await;
    while Act::User(1).on(&*store).await.is_err() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_goes_in_time_is_waited_for() {
    for (table, act) in acts() {
        let place = Place::postgres().await;
        let (store, twin) = (place.store().await, Place::postgres().await);
        prepare(&*store).await;
        let twin = twin.store().await;
        prepare(&*twin).await;
        let (mut holder, mut other) = (place.other().await, place.other().await);
        holder
            .run(&format!(
                "BEGIN; SELECT 1 FROM admittance_{table} FOR UPDATE"
            ))
            .await;
        let waits = act.clone();
        let waits = tokio::spawn(async move { waits.on(&*store).await });
        let locks = "pg_stat_activity WHERE datname = current_database() \
                     AND wait_event_type = 'Lock'";
        while other.count(locks).await == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        holder.run("COMMIT").await;
        let answer = waits.await.unwrap().unwrap();
        assert_eq!(answer, act.on(&*twin).await.unwrap(), "{act:?}");
    }
}

/// The unlinking is committed while the login waits for the row of the user.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_waits_for_the_unlinking_of_its_identity_is_not_recorded() {
    let place = Place::postgres().await;
    let store = place.store().await;
    prepare(&*store).await;
    let (mut holder, mut other) = (place.other().await, place.other().await);
    let (user, gone) = (user_id(LINKED), identity(8).id);
    holder
        .run(&format!(
            "BEGIN; UPDATE admittance_users SET version = version + 1 WHERE id = '{user}'; \
             DELETE FROM admittance_user_identities WHERE id = '{gone}'"
        ))
        .await;
    let by = |identity| Act::RecordLoginBy {
        user: LINKED,
        epoch: 0,
        identity,
        now: 99,
    };
    let login = tokio::spawn({
        let (store, login) = (store.clone(), by(8));
        async move { login.on(&*store).await }
    });
    let locks = "pg_stat_activity WHERE datname = current_database() \
                 AND wait_event_type = 'Lock'";
    while other.count(locks).await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    holder.run("COMMIT").await;
    assert_eq!(login.await.unwrap().unwrap(), "false");
    let found = store.user(user).await.unwrap().unwrap();
    assert_eq!(found.last_login, None);
    assert_eq!((found.version, found.identities.len()), (2, 1));
    assert_eq!(by(9).on(&*store).await.unwrap(), "true");
}

#[tokio::test(flavor = "multi_thread")]
async fn i12_while_another_program_writes_sqlite_an_act_is_answered_in_time_and_not_done_later() {
    for (_, act) in acts() {
        let place = Place::sqlite();
        prepare(&*place.store().await).await;
        let store = place.start(impatient(300)).await.unwrap();
        let before = place.rows().await;
        let mut holder = place.other().await;
        holder.run("BEGIN IMMEDIATE").await;
        let begin = Instant::now();
        let answer = act.on(&*store).await;
        assert!(is_refused(&answer), "{act:?}: {answer:?}");
        assert!(begin.elapsed() < SLACK, "{act:?}");
        // Readers do not wait.
        Act::User(1).on(&*place.store().await).await.unwrap();
        // What was on its way to the file has been refused by then.
        tokio::time::sleep(Duration::from_millis(300)).await;
        holder.run("COMMIT").await;
        assert_eq!(place.rows().await, before, "{act:?} was done late");
        while act.on(&*store).await.is_err() {}
        assert_ne!(place.rows().await, before, "{act:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_program_that_writes_sqlite_and_ends_in_time_is_waited_for() {
    let place = Place::sqlite();
    let store = place.store().await;
    prepare(&*store).await;
    for (_, act) in acts() {
        let mut holder = place.other().await;
        holder.run("BEGIN IMMEDIATE").await;
        let (waits, held) = (act.clone(), store.clone());
        let waits = tokio::spawn(async move { waits.on(&*held).await });
        // Longer than SQLite itself waits.
        tokio::time::sleep(Duration::from_millis(120)).await;
        assert!(!waits.is_finished(), "{act:?}");
        holder.run("COMMIT").await;
        waits.await.unwrap().unwrap();
    }
}
