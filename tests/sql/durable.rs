//! What is acknowledged survives: the settings of each commit, and `kill -9`.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use admittance::store::StoreError;
use admittance::store::sql::{PostgresStore, SqliteStore, StartError};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use support::acts::Act;
use support::crash::{ACKNOWLEDGED_BEFORE, Work, assert_found, once};
use support::methods::{every_method, other_calls, prepare};
use support::postgres::{self, Server};
use support::sample::*;
use support::sqlite::{self, Folder};
use support::statements::Statements;

use crate::itself;
use crate::place::{Other, Place, TABLES};

/// Records with which setting each statement writes.
async fn watch_commits(other: &mut Other) {
    other
        .run(
            "CREATE TABLE commits (what text, setting text); \
             CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                 INSERT INTO commits VALUES (TG_TABLE_NAME || ' ' || TG_OP, \
                     current_setting('synchronous_commit') || ' ' \
                     || current_setting('transaction_isolation')); \
                 RETURN NULL; END $$",
        )
        .await;
    for table in TABLES {
        other
            .run(&format!(
                "CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON admittance_{table} \
                 FOR EACH ROW EXECUTE FUNCTION note()"
            ))
            .await;
    }
}

async fn set(place: &Place, setting: &str) {
    let mut other = place.other().await;
    let name = other.texts("SELECT current_database()::text").await;
    let name = name.first().unwrap();
    other
        .run(&format!("ALTER DATABASE {name} SET {setting}"))
        .await;
}

async fn write_everything(store: &crate::place::SqlStore) {
    prepare(&**store).await;
    let acts = every_method().into_iter().map(|(_, act)| act);
    let take = Act::TakeToken {
        number: 1,
        purpose: purpose(1),
        now: 1,
    };
    for act in acts.chain(other_calls()).chain([take]) {
        act.on(&**store).await.unwrap();
    }
    // The same event again is counted in the first.
    for number in [20, 22] {
        let _ = store.append_event(&login(number), 5).await.unwrap();
    }
    store.sweep(at(100_000), 100).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_commit_is_durable_whatever_the_default_of_the_role_is() {
    for (default, expected) in [
        ("off", "on"),
        ("local", "on"),
        ("remote_write", "on"),
        ("on", "on"),
        // Standbys have applied it as well: that is more, and stays so.
        ("remote_apply", "remote_apply"),
    ] {
        let place = Place::postgres().await;
        set(&place, &format!("synchronous_commit = {default}")).await;
        let store = place.store().await;
        let mut other = place.other().await;
        watch_commits(&mut other).await;
        write_everything(&store).await;
        let kinds = other
            .texts("SELECT DISTINCT what FROM commits ORDER BY 1")
            .await;
        // Of each table, what is done to it.
        assert_eq!(kinds.len(), 22, "{kinds:?}");
        let weak = format!(
            "SELECT DISTINCT what || ' ' || setting FROM commits WHERE setting NOT LIKE '{expected} %'"
        );
        assert_eq!(other.texts(&weak).await, Vec::<String>::new(), "{default}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_syncs_each_commit_whatever_the_pool_of_the_application_does() {
    let folder = Folder::fresh();
    let options = SqliteConnectOptions::new()
        .filename(folder.file())
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Delete)
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(false);
    let pool = SqlitePoolOptions::new()
        .connect_with(options)
        .await
        .unwrap();
    let mut statements = Statements::of("durable_");
    let mut config = sqlite::config();
    config.prefix = "durable_".to_owned();
    let store = SqliteStore::new(&pool, config).await.unwrap();
    prepare(&store).await;
    // What the connections of the store were told when they were opened.
    let ran = statements.take().join("\n").to_lowercase().replace(' ', "");
    for setting in ["journal_mode=wal", "synchronous=full", "foreign_keys=on"] {
        assert!(ran.contains(setting), "{setting}: {ran}");
    }
    assert!(!ran.contains("synchronous=normal"), "{ran}");
    let place = Place::Sqlite(folder);
    assert_eq!(
        place.other().await.texts("PRAGMA journal_mode").await,
        ["wal"]
    );
}

/// A checkpoint by such a connection moves everybody's writes without a sync.
#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_does_not_sync_is_refused() {
    let folder = Folder::fresh();
    let options = SqliteConnectOptions::new()
        .filename(folder.file())
        .create_if_missing(true)
        .synchronous(SqliteSynchronous::Off);
    let pool = SqlitePoolOptions::new().connect_lazy_with(options);
    let started = SqliteStore::new(&pool, sqlite::config()).await;
    assert!(
        matches!(started, Err(StartError::NotDurable)),
        "{started:?}"
    );
    let place = Place::Sqlite(folder);
    assert_eq!(
        place
            .other()
            .await
            .texts("SELECT name FROM sqlite_schema")
            .await,
        [""; 0]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_kill_9_of_postgresql() {
    let server = tokio::task::spawn_blocking(Server::fresh).await.unwrap();
    let url = server.url("postgres");
    let work = Work::default();
    let mut workers = Vec::new();
    for _ in 0..8 {
        let store = PostgresStore::connect(&url, postgres::config())
            .await
            .unwrap();
        workers.push(tokio::spawn(work.clone().on(store)));
    }
    work.is_under_way().await;
    // By `kill -9`, with acts under way.
    let server = tokio::task::spawn_blocking(|| server.restart())
        .await
        .unwrap();
    work.end();
    let mut acknowledged = Vec::new();
    for worker in workers {
        acknowledged.extend(worker.await.unwrap());
    }
    let store = PostgresStore::connect(&url, postgres::config()).await;
    let store = store.unwrap();
    println!(
        "acknowledged before kill -9 and found: {}",
        acknowledged.len()
    );
    assert_found(&store, acknowledged, work.begun()).await;
    drop(server);
}

/// Works on the file until this process is killed, and prints what is acknowledged.
#[expect(
    clippy::print_stdout,
    reason = "the process that started this one reads it"
)]
async fn work_until_killed(url: &str) {
    let next = Arc::new(AtomicU32::new(1));
    let mut workers = Vec::new();
    for _ in 0..8 {
        let (store, next) = (sqlite::store_at(url).await, Arc::clone(&next));
        workers.push(tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                once(&store, number).await?;
                println!("acknowledged: {number}");
                if number == u32::MAX {
                    return Ok::<_, StoreError>(());
                }
            }
        }));
    }
    for worker in workers {
        worker.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_kill_9_of_a_process_that_writes_sqlite() {
    if let Some(url) = itself::told() {
        work_until_killed(&url).await;
        return;
    }
    let folder = Folder::fresh();
    let name = "durable::what_was_acknowledged_survives_kill_9_of_a_process_that_writes_sqlite";
    let mut child = itself::again(name, &folder.url())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let number = |line: &str| line.strip_prefix("acknowledged: ")?.parse::<u32>().ok();
    let mut acknowledged = Vec::new();
    while acknowledged.len() < usize::try_from(ACKNOWLEDGED_BEFORE).unwrap() {
        acknowledged.extend(number(&lines.next().unwrap().unwrap()));
    }
    // By `kill -9`, with acts under way.
    child.kill().unwrap();
    child.wait().unwrap();
    acknowledged.extend(lines.map_while(Result::ok).filter_map(|line| number(&line)));
    let store = sqlite::store_at(&folder.url()).await;
    println!(
        "acknowledged before kill -9 and found: {}",
        acknowledged.len()
    );
    let last = acknowledged.iter().max().unwrap() + 20;
    assert_found(&store, acknowledged, last).await;
    let place = Place::Sqlite(folder);
    let mut other = place.other().await;
    assert_eq!(other.texts("PRAGMA integrity_check").await, ["ok"]);
}
