//! The database belongs to the application: what the store takes for its own, what it
//! refuses, and what it leaves as it is.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use admittance::store::StoreError;
use admittance::store::mongodb::{Indexes, MongoConfig, MongoStore, StartError, Validators};
use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::options::ClientOptions;
use mongodb::{Client, Database, IndexModel};

use crate::proxy::Proxy;
use support::commands::Commands;
use support::methods::{every_method, prepare};
use support::mongo;

pub(crate) fn database_of(options: &ClientOptions) -> Database {
    let client = Client::with_options(options.clone()).unwrap();
    client.default_database().unwrap()
}

/// Everything in a database: of each collection its options, indexes and documents.
pub(crate) type Contents = BTreeMap<String, (Vec<String>, Vec<Document>)>;

pub(crate) async fn contents(database: &Database) -> Contents {
    let mut all = Contents::new();
    for name in database.list_collection_names().await.unwrap() {
        let collection = database.collection::<Document>(&name);
        let mut found = collection.find(doc! {}).await.unwrap();
        let mut documents = Vec::new();
        while found.advance().await.unwrap() {
            documents.push(found.deserialize_current().unwrap());
        }
        documents.sort_by_key(|document| format!("{:?}", document.get("_id")));
        let indexes = indexes(database, &name).await;
        let indexes = indexes.iter().map(|index| format!("{index:?}")).collect();
        all.insert(name, (indexes, documents));
    }
    all
}

pub(crate) async fn indexes(database: &Database, collection: &str) -> Vec<IndexModel> {
    let collection = database.collection::<Document>(collection);
    let mut found = collection.list_indexes().await.unwrap();
    let mut all = Vec::new();
    while found.advance().await.unwrap() {
        all.push(found.deserialize_current().unwrap());
    }
    all
}

pub(crate) async fn deleting(database: &Database, collection: &str) -> Vec<String> {
    let all = indexes(database, collection).await.into_iter();
    let options = all.filter_map(|index| index.options);
    options
        .filter(|options| options.expire_after.is_some())
        .filter_map(|options| options.name)
        .collect()
}

/// Documents of an application, with all fields by which the store lets the server
/// delete, long past.
fn foreign() -> Vec<Document> {
    let past = DateTime::from_millis(0);
    (0..5)
        .map(|number| {
            doc! {
                "_id": format!("theirs-{number}"),
                "user_id": number,
                "expires_at": past,
                "full_at": past,
                "forgotten_at": past,
            }
        })
        .collect()
}

/// The names that collections had by default before they began with `admittance_`.
pub(crate) const OLD: [&str; 6] = [
    "users",
    "sessions",
    "one_time_tokens",
    "rate_limits",
    "audit_log",
    "login_attempts",
];

async fn host(collections: &[&str]) -> (ClientOptions, Database) {
    let options = mongo::options().await;
    let database = database_of(&options);
    for name in collections {
        let collection = database.collection::<Document>(name);
        collection.insert_many(foreign()).await.unwrap();
    }
    (options, database)
}

/// Waits until the server has deleted what it may delete.
async fn let_the_server_delete(database: &Database) {
    let canary = doc! { "_id": "canary", "expires_at": DateTime::from_millis(0) };
    let sessions = database.collection::<Document>("admittance_sessions");
    sessions
        .insert_one(canary)
        .bypass_document_validation(true)
        .await
        .unwrap();
    let admin = database.client().database("admin");
    let begin = Instant::now();
    while sessions
        .find_one(doc! { "_id": "canary" })
        .await
        .unwrap()
        .is_some()
    {
        assert!(begin.elapsed() < Duration::from_secs(300));
        // The stand-in does it when asked, any other server every minute.
        let _ = admin
            .run_command(doc! { "secantusAdmin.pruneTtl": 1 })
            .await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_leaves_collections_of_the_application_as_they_are() {
    for theirs in [["sessions", "audit_log"].as_slice(), &OLD] {
        let (options, database) = host(theirs).await;
        let before = contents(&database).await;
        let mut config = mongo::config();
        config.validators = Validators::Install;
        let store = MongoStore::new(database.clone(), config).await.unwrap();
        drop(store);
        // Again, when all is noted.
        let store = mongo::store_over(options).await;
        prepare(&store).await;
        for (_, act) in every_method() {
            act.on(&store).await.unwrap();
        }
        for name in theirs {
            assert_eq!(deleting(&database, name).await, Vec::<String>::new());
        }
        let_the_server_delete(&database).await;
        let mut after = contents(&database).await;
        let ours: Vec<String> = after.keys().cloned().collect();
        after.retain(|name, _| !name.starts_with("admittance_"));
        assert_eq!(after, before);
        for name in OLD {
            assert!(ours.contains(&format!("admittance_{name}")), "{ours:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_of_the_stores_name_that_it_did_not_make_is_refused_by_name() {
    for name in OLD.into_iter().chain(["meta"]) {
        let name = format!("admittance_{name}");
        let (mut options, database) = host(&[&name, "sessions"]).await;
        let before = contents(&database).await;
        let commands = Commands::watch(&mut options);
        for indexes in [Indexes::Create, Indexes::Verify] {
            let mut config = mongo::config();
            config.indexes = indexes;
            config.validators = Validators::Install;
            let started = MongoStore::new(database_of(&options), config).await;
            assert!(
                matches!(&started, Err(StartError::ForeignCollection { collection })
                    if *collection == name),
                "{name}: {started:?}"
            );
        }
        let made = MongoStore::ensure_indexes(&database_of(&options), &mongo::config()).await;
        assert!(
            matches!(&made, Err(StartError::ForeignCollection { collection }) if *collection == name),
            "{name}: {made:?}"
        );
        for sent in commands.take() {
            let is_read = ["find", "endSessions"].contains(&sent.name.as_str());
            assert!(is_read, "{}", sent.command);
        }
        assert_eq!(contents(&database).await, before, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_name_that_is_configured_is_refused_like_any_other() {
    let (_, database) = host(&["sessions", "audit_log"]).await;
    let before = contents(&database).await;
    let started = MongoStore::new(
        database.clone(),
        MongoConfig::with_prefix("").insecure_for_tests(),
    )
    .await;
    assert!(
        matches!(&started, Err(StartError::ForeignCollection { collection }) if collection == "sessions"),
        "{started:?}"
    );
    assert_eq!(contents(&database).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_collection_is_taken() {
    let options = mongo::options().await;
    let database = database_of(&options);
    for name in ["admittance_sessions", "admittance_meta"] {
        database.create_collection(name).await.unwrap();
    }
    let store = mongo::store_over(options.clone()).await;
    prepare(&store).await;
    mongo::store_over(options).await;
    let notes = contents(&database)
        .await
        .remove("admittance_meta")
        .unwrap()
        .1;
    let noted: Vec<&str> = notes
        .iter()
        .map(|note| {
            assert_eq!(note.get("schema"), Some(&Bson::Int32(1)), "{note}");
            note.get_str("_id").unwrap()
        })
        .collect();
    assert_eq!(
        noted,
        [
            "admittance_audit_log",
            "admittance_login_attempts",
            "admittance_meta",
            "admittance_one_time_tokens",
            "admittance_rate_limits",
            "admittance_sessions",
            "admittance_users",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_only_verifies_writes_no_note() {
    let options = mongo::options().await;
    let database = database_of(&options);
    let mut config = mongo::config();
    config.indexes = Indexes::Verify;
    let started = MongoStore::new(database.clone(), config).await;
    assert!(
        matches!(&started, Err(StartError::MissingNote { collection }) if collection == "admittance_meta"),
        "{started:?}"
    );
    assert_eq!(contents(&database).await, Contents::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_collection_for_two_kinds_is_refused() {
    let (_, database) = host(&[]).await;
    let mut config = mongo::config();
    config.audit = config.sessions.clone();
    let started = MongoStore::new(database.clone(), config).await;
    assert!(
        matches!(&started, Err(StartError::NameTwice { collection }) if collection == "admittance_sessions"),
        "{started:?}"
    );
    assert_eq!(contents(&database).await, Contents::new());

    MongoStore::new(database.clone(), mongo::config())
        .await
        .unwrap();
    let mut config = mongo::config();
    config.audit = config.sessions.clone();
    config.sessions = "admittance_other".to_owned();
    let before = contents(&database).await;
    let started = MongoStore::new(database.clone(), config).await;
    assert!(
        matches!(&started, Err(StartError::ForeignCollection { collection }) if collection == "admittance_sessions"),
        "{started:?}"
    );
    assert_eq!(contents(&database).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_of_a_version_that_is_not_known_is_refused() {
    let options = mongo::options().await;
    let database = database_of(&options);
    drop(mongo::store_over(options).await);
    let notes = database.collection::<Document>("admittance_meta");
    let later = doc! { "$set": { "schema": 2 } };
    notes
        .update_one(doc! { "_id": "admittance_users" }, later)
        .await
        .unwrap();
    let started = MongoStore::new(database, mongo::config()).await;
    let Err(StartError::Store(StoreError::Corrupt { record, source })) = started else {
        panic!("{started:?}");
    };
    assert_eq!(record, "note on users");
    assert!(source.to_string().contains("schema"), "{source}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_instances_that_start_and_write_at_once_refuse_nobody() {
    for _ in 0..4 {
        let options = mongo::options().await;
        let starts: Vec<_> = (0..8)
            .map(|number| {
                let options = options.clone();
                tokio::spawn(async move {
                    let store = mongo::store_over(options).await;
                    let act = support::acts::Act::InsertUser {
                        number,
                        email: number,
                    };
                    act.on(&store).await.unwrap()
                })
            })
            .collect();
        for start in starts {
            assert_eq!(start.await.unwrap(), "Inserted");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_is_late_at_any_command_finds_what_another_one_noted() {
    let mut options = mongo::options().await;
    let commands = Commands::watch(&mut options);
    let store = mongo::store_over(options).await;
    // Taken while the store is there: it ends its sessions when it is dropped.
    let commands = commands.take();
    drop(store);
    let mut counts = BTreeMap::new();
    for sent in commands {
        let count = counts.entry(sent.name.clone()).or_insert(0);
        let (name, after) = (sent.name, *count);
        *count += 1;

        let options = mongo::options().await;
        let (proxy, through) = Proxy::before(&options).await;
        proxy.hold_after(after, &name);
        let mut late = tokio::spawn(MongoStore::new(database_of(&through), mongo::config()));
        tokio::select! {
            () = proxy.is_held() => {}
            early = &mut late => panic!("{name} {after}: {early:?}"),
        }
        prepare(&mongo::store_over(options).await).await;
        proxy.release().await;
        let late = late.await.unwrap();
        assert!(late.is_ok(), "{name} {after}: {late:?}");
    }
    assert!(counts.values().sum::<usize>() > 40, "{counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn services_with_different_prefixes_share_a_database() {
    let database = database_of(&mongo::options().await);
    let mut stores = Vec::new();
    for prefix in ["exam_", "shop_"] {
        let config = MongoConfig::with_prefix(prefix);
        let store = MongoStore::new(database.clone(), config).await.unwrap();
        prepare(&store).await;
        stores.push(store);
    }
    let names = database.list_collection_names().await.unwrap();
    assert_eq!(names.len(), 14, "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_index_that_is_missing_or_differs_keeps_a_store_from_starting() {
    let garbage = [
        ("admittance_sessions", "expires_at"),
        ("admittance_one_time_tokens", "expires_at"),
        ("admittance_rate_limits", "full_at"),
        ("admittance_audit_log", "expires_at"),
        ("admittance_login_attempts", "forgotten_at"),
    ];
    let database = database_of(&mongo::options().await);
    MongoStore::ensure_indexes(&database, &mongo::config())
        .await
        .unwrap();
    let mut only_verify = mongo::config();
    only_verify.indexes = Indexes::Verify;
    for (collection, field) in garbage {
        let name = format!("{field}_garbage");
        let records = database.collection::<Document>(collection);
        for (what, options) in [
            ("none", None),
            ("no deletion", Some(doc! {})),
            ("another time", Some(doc! { "expireAfterSeconds": 1 })),
            (
                "a part of the records",
                Some(doc! {
                    "expireAfterSeconds": 300,
                    "partialFilterExpression": { "schema": 1 },
                }),
            ),
        ] {
            records.drop_index(&name).await.unwrap();
            if let Some(options) = options {
                let mut index = doc! { "key": { field: 1 }, "name": &name };
                index.extend(options);
                let command = doc! { "createIndexes": collection, "indexes": [index] };
                database.run_command(command).await.unwrap();
            }
            let started = MongoStore::new(database.clone(), only_verify.clone()).await;
            assert!(
                matches!(&started, Err(StartError::MissingIndex { collection: where_, index })
                    if where_ == collection && *index == name),
                "{collection}, {what}: {started:?}"
            );
            if what == "no deletion" || what == "a part of the records" {
                records.drop_index(&name).await.unwrap();
            }
            MongoStore::new(database.clone(), mongo::config())
                .await
                .unwrap();
            MongoStore::new(database.clone(), only_verify.clone())
                .await
                .unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_index_but_the_stores_own_may_delete() {
    for (collection, field) in [
        ("admittance_users", "created_at"),
        ("admittance_sessions", "last_seen_at"),
        ("admittance_meta", "at"),
    ] {
        let database = database_of(&mongo::options().await);
        MongoStore::ensure_indexes(&database, &mongo::config())
            .await
            .unwrap();
        let index = doc! { "key": { field: 1 }, "name": "mine", "expireAfterSeconds": 60 };
        let command = doc! { "createIndexes": collection, "indexes": [index] };
        database.run_command(command).await.unwrap();
        for indexes in [Indexes::Create, Indexes::Verify] {
            let mut config = mongo::config();
            config.indexes = indexes;
            let started = MongoStore::new(database.clone(), config).await;
            assert!(
                matches!(&started, Err(StartError::DeletionIndex { collection: where_, index })
                    if where_ == collection && index == "mine"),
                "{collection}: {started:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deletion_indexes_follow_the_retention() {
    let database = database_of(&mongo::options().await);
    for hours in [Some(24), Some(48), None, Some(1)] {
        let mut config = mongo::config();
        config.retention = hours.map(|hours| Duration::from_secs(hours * 3600));
        MongoStore::new(database.clone(), config.clone())
            .await
            .unwrap();
        config.indexes = Indexes::Verify;
        MongoStore::new(database.clone(), config).await.unwrap();
        let sessions = indexes(&database, "admittance_sessions").await;
        let after = sessions
            .into_iter()
            .filter_map(|index| index.options?.expire_after)
            .next();
        assert_eq!(after.map(|after| after.as_secs() / 3600), hours);
    }
}
