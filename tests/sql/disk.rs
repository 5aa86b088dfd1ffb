//! SQLite on a disk that is full, or that takes no writes.

use std::collections::BTreeMap;

use admittance::store::StoreError;
use admittance::store::sql::{SqlConfig, SqliteStore, StartError};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use support::acts::Act;
use support::methods::{prepare, seen};
use support::sample::*;
use support::sqlite::{self, Folder};

use crate::itself;
use crate::place::Place;

/// A pool that is never used, with the settings of the connections of a store over it.
fn pool(folder: &Folder, pragmas: &[(&'static str, String)]) -> SqlitePool {
    let mut options = SqliteConnectOptions::new().filename(folder.file());
    for (name, value) in pragmas {
        options = options.pragma(*name, value.clone());
    }
    SqlitePoolOptions::new().connect_lazy_with(options)
}

/// A file that may grow by a few pages: SQLite reports a full disk by the same error.
async fn almost_full(folder: &Folder) -> SqliteStore {
    let place = sqlite::store_at(&folder.url()).await;
    prepare(&place).await;
    drop(place);
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count")
        .fetch_one(&pool(folder, &[]))
        .await
        .unwrap();
    let most = (pages + 12).to_string();
    let pool = pool(folder, &[("max_page_count", most)]);
    SqliteStore::new(&pool, sqlite::config()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_reported_loses_nothing_and_the_store_goes_on_after_room_is_made() {
    let folder = Folder::fresh();
    let store = almost_full(&folder).await;
    let mut inserted = 0;
    let refused = loop {
        let number = 100 + inserted;
        let insert = Act::InsertUser {
            number,
            email: number,
        };
        match insert.on(&store).await {
            Ok(answer) => assert_eq!(answer, "Inserted"),
            Err(error) => break error,
        }
        inserted += 1;
    };
    assert!(matches!(refused, StoreError::Full), "{refused:?}");
    assert!(inserted > 0);
    // Each act that needs room is refused, in one statement and in a transaction.
    let mut full = 0;
    for number in 1000..1200 {
        let user = number;
        for act in [
            Act::InsertSession { number, user },
            Act::InsertToken { number, user },
            Act::Hit {
                key: number,
                now: 1,
            },
            Act::Attempt {
                key: number,
                now: 1,
            },
            Act::AppendEvent {
                number,
                user,
                keep: 10,
            },
        ] {
            match act.on(&store).await {
                Ok(_) => {}
                Err(StoreError::Full) => full += 1,
                Err(other) => panic!("{act:?}: {other:?}"),
            }
        }
    }
    assert!(full > 100, "{full}");
    // What was acknowledged is found, and what was refused is not.
    for number in 0..inserted {
        let user = Act::User(100 + number).on(&store).await.unwrap();
        assert_ne!(user, "None None", "user {number}");
    }
    let refused = Act::User(100 + inserted).on(&store).await.unwrap();
    assert_eq!(refused, "None None");
    let place = Place::Sqlite(folder);
    let mut other = place.other().await;
    assert_eq!(other.texts("PRAGMA integrity_check").await, ["ok"]);
    // Room is made by the store itself, with acts that are refused no more afterwards.
    while store.sweep(at(1_000_000), 10).await.unwrap() >= 10 {}
    for number in 2000..2010 {
        let insert = Act::InsertSession { number, user: 1 };
        assert_eq!(insert.on(&store).await.unwrap(), "Inserted");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_made_or_written_keeps_the_store_from_starting() {
    let folder = Folder::fresh();
    let absent = folder.file().with_file_name("absent").join("accounts.db");
    let url = format!("sqlite:{}", absent.display());
    let started = SqliteStore::open(&url, SqlConfig::default()).await;
    assert!(
        matches!(&started, Err(StartError::Store(StoreError::Unavailable(_)))),
        "{started:?}"
    );
    // Something else than a database.
    std::fs::write(folder.file(), "canary ".repeat(1000)).unwrap();
    let started = SqliteStore::open(&folder.url(), SqlConfig::default()).await;
    let error = started.unwrap_err();
    assert!(
        matches!(&error, StartError::Store(StoreError::Other(_))),
        "{error:?}"
    );
    assert!(format!("{error:?}").contains("SQLite 26"), "{error:?}");
    assert_eq!(
        std::fs::read(folder.file()).unwrap(),
        "canary ".repeat(1000).as_bytes()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_file_has_everything_by_itself() {
    let folder = Folder::fresh();
    let store = sqlite::store_at(&folder.url()).await;
    prepare(&store).await;
    let before = Act::User(1).on(&store).await.unwrap();
    store.close().await;
    let refused = Act::User(1).on(&store).await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable(_))),
        "{refused:?}"
    );
    let moved = Folder::fresh();
    std::fs::rename(folder.file(), moved.file()).unwrap();
    let store = sqlite::store_at(&moved.url()).await;
    assert_eq!(Act::User(1).on(&store).await.unwrap(), before);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_reads_a_new_file_and_an_existing_one_keeps_its_mode() {
    use std::fs::{Permissions, metadata, read_dir, set_permissions, write};
    use std::os::unix::fs::PermissionsExt as _;

    let modes = |folder: &Folder| {
        let files = read_dir(folder.file().parent().unwrap()).unwrap();
        let modes = files.map(|file| {
            let file = file.unwrap();
            let mode = file.metadata().unwrap().permissions().mode() & 0o777;
            (file.file_name().into_string().unwrap(), mode)
        });
        modes.collect::<BTreeMap<_, _>>()
    };
    let folder = Folder::fresh();
    let store = sqlite::store_at(&folder.url()).await;
    prepare(&store).await;
    let all = ["accounts.db", "accounts.db-shm", "accounts.db-wal"];
    let private = all.map(|name| (name.to_owned(), 0o600));
    assert_eq!(modes(&folder), BTreeMap::from(private));

    let folder = Folder::fresh();
    write(folder.file(), "").unwrap();
    set_permissions(folder.file(), Permissions::from_mode(0o640)).unwrap();
    let _store = sqlite::store_at(&folder.url()).await;
    assert_eq!(
        metadata(folder.file()).unwrap().permissions().mode() & 0o777,
        0o640
    );
}

/// Fails unless a store over the file does not start with `query` in its URL, and says why.
async fn assert_refused(folder: &Folder, query: &str, why: &str) {
    let url = format!("{}?{query}", folder.url());
    let started = SqliteStore::open(&url, SqlConfig::default()).await;
    let error = started.unwrap_err();
    assert!(format!("{error:?}").contains(why), "{query}: {error:?}");
}

/// As a file that another user has restored: it can be read, and not written.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_takes_no_writes_keeps_the_store_from_starting() {
    let folder = Folder::fresh();
    let store = sqlite::store_at(&folder.url()).await;
    prepare(&store).await;
    let twin = sqlite::store_at(&Folder::fresh().url()).await;
    prepare(&twin).await;
    for query in ["mode=ro", "immutable=1"] {
        assert_refused(&folder, query, "READONLY").await;
    }
    let reading = pool(&folder, &[("query_only", "ON".to_owned())]);
    let error = SqliteStore::new(&reading, SqlConfig::default())
        .await
        .unwrap_err();
    assert!(format!("{error:?}").contains("READONLY"), "{error:?}");
    assert_eq!(seen(&store).await, seen(&twin).await);
}

/// Such as the folder of a volume that is not mounted.
#[tokio::test(flavor = "multi_thread")]
async fn a_url_that_names_an_existing_file_creates_none() {
    let folder = Folder::fresh();
    for query in ["mode=rw", "mode=ro"] {
        assert_refused(&folder, query, "CANTOPEN").await;
        assert!(!folder.file().exists(), "{query}");
    }
    let url = format!("{}?mode=rwc", folder.url());
    SqliteStore::open(&url, SqlConfig::default()).await.unwrap();
}

/// In a process of its own, since a process has one folder.
#[tokio::test(flavor = "multi_thread")]
async fn a_relative_path_names_the_same_file_in_another_folder() {
    if let Some(url) = itself::told() {
        work_in_another_folder(&url).await;
        return;
    }
    let folder = Folder::fresh();
    let name = "disk::a_relative_path_names_the_same_file_in_another_folder";
    let output = itself::again(name, "sqlite:accounts.db")
        .current_dir(folder.file().parent().unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    // The test ran, and it worked on the file of the first folder.
    let store = sqlite::store_at(&folder.url()).await;
    let inserted = Act::Session { number: 9, now: 1 }.on(&store).await.unwrap();
    assert!(inserted.starts_with("Some"), "{inserted}: {said}");
}

async fn work_in_another_folder(url: &str) {
    let store = SqliteStore::open(url, sqlite::config()).await.unwrap();
    prepare(&store).await;
    std::fs::create_dir("elsewhere").unwrap();
    std::env::set_current_dir("elsewhere").unwrap();
    // More readers than there are connections yet.
    let reads: Vec<_> = (0..64)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { Act::User(1).on(&store).await })
        })
        .collect();
    for read in reads {
        read.await.unwrap().unwrap();
    }
    let write = Act::InsertSession { number: 9, user: 1 };
    assert_eq!(write.on(&store).await.unwrap(), "Inserted");
    assert_eq!(std::fs::read_dir(".").unwrap().count(), 0);
}
