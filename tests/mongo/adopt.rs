//! Adopting a database whose collections have the names of an earlier version.

use std::collections::BTreeMap;
use std::process::Command;

use admittance::store::mongodb::{Indexes, MongoConfig, MongoStore, OldNames, StartError};
use admittance::store::{StoreError, UserStore};
use mongodb::Database;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::options::ClientOptions;

use crate::fail_point::FailPoint;
use crate::names::{Contents, OLD, contents, database_of, deleting, indexes};
use crate::proxy::Proxy;
use crate::sample::user_id;
use support::acts::Act;
use support::commands::Commands;
use support::methods::{PREPARED, prepare};
use support::{example, mongo};

/// A database as an earlier version leaves it: without a prefix, and without notes.
async fn earlier() -> (ClientOptions, Database) {
    let options = mongo::options().await;
    let database = database_of(&options);
    earlier_in(&database).await;
    (options, database)
}

async fn earlier_in(database: &Database) {
    let mut config = MongoConfig::with_prefix("").insecure_for_tests();
    config.deadline = mongo::config().deadline;
    let store = MongoStore::new(database.clone(), config).await.unwrap();
    prepare(&store).await;
    let notes = database.collection::<Document>("meta");
    notes.drop().await.unwrap();
}

async fn adopt(database: &Database) -> Result<(), StartError> {
    MongoStore::adopt(database, &OldNames::default(), &mongo::config()).await
}

/// The documents of each collection, by its name without the prefix.
fn documents(contents: &Contents) -> BTreeMap<&str, &Vec<Document>> {
    let all = contents.iter().map(|(name, (_, documents))| {
        let name = name.strip_prefix("admittance_").unwrap_or(name);
        (name, documents)
    });
    all.filter(|(name, _)| *name != "meta").collect()
}

/// Checks that the database has been moved wholly, and that a store works over it.
async fn assert_adopted(database: &Database, before: &Contents) {
    let after = contents(database).await;
    assert_eq!(documents(&after), documents(before));
    assert_eq!(after.len(), before.len() + 1, "{:?}", after.keys());
    assert!(after.keys().all(|name| name.starts_with("admittance_")));
    let mut config = mongo::config();
    config.indexes = Indexes::Verify;
    let store = MongoStore::new(database.clone(), config).await.unwrap();
    for number in PREPARED {
        let user = store.user(user_id(number)).await.unwrap();
        assert!(user.is_some(), "user {number}");
    }
    for name in ["sessions", "one_time_tokens", "audit_log"] {
        let deleting = deleting(database, &format!("admittance_{name}")).await;
        assert_eq!(deleting, ["expires_at_garbage"], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_store_starts_beside_accounts_of_an_earlier_version() {
    let (_, database) = earlier().await;
    let before = contents(&database).await;
    let started = MongoStore::new(database.clone(), mongo::config()).await;
    assert!(
        matches!(&started, Err(StartError::NotAdopted { collection }) if collection == "users"),
        "{started:?}"
    );
    assert_eq!(contents(&database).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_database_is_adopted_with_all_that_it_holds() {
    let (_, database) = earlier().await;
    let before = contents(&database).await;
    adopt(&database).await.unwrap();
    assert_adopted(&database, &before).await;
    let after = contents(&database).await;
    adopt(&database).await.unwrap();
    assert_eq!(contents(&database).await, after);
}

/// Every command that adopting may send.
const COMMANDS: [&str; 11] = [
    "collMod",
    "create",
    "createIndexes",
    "dropIndexes",
    "find",
    "getMore",
    "insert",
    "listCollections",
    "listIndexes",
    "renameCollection",
    "update",
];

#[tokio::test(flavor = "multi_thread")]
async fn adopting_goes_on_after_a_crash_between_any_two_commands() {
    let (mut was_refused, mut was_adopting) = (0, 0);
    for sent in 0.. {
        let (options, database) = earlier().await;
        let before = contents(&database).await;
        let point = FailPoint::new(&options).await;
        let down = doc! { "errorCode": 8 };
        point.arm_all(&COMMANDS, doc! { "skip": sent }, &down).await;
        let cut_off = adopt(&database).await;
        point.disarm().await;
        if cut_off.is_ok() {
            assert!(
                was_adopting > 10 && was_refused > 10,
                "{was_refused} {was_adopting}"
            );
            return;
        }
        assert!(
            matches!(cut_off, Err(StartError::Store(StoreError::Other(_)))),
            "{sent}: {cut_off:?}"
        );
        match MongoStore::new(database.clone(), mongo::config()).await {
            Err(StartError::NotAdopted { .. }) => was_refused += 1,
            Err(StartError::Adopting { .. }) => was_adopting += 1,
            Err(other) => panic!("{sent}: {other:?}"),
            Ok(_) => assert_adopted(&database, &before).await,
        }
        adopt(&database).await.unwrap();
        assert_adopted(&database, &before).await;
    }
}

/// The stand-in may list a collection again, empty and without an index, that was
/// renamed while another client listed it.
async fn forget_shadows(database: &Database) {
    for name in database.list_collection_names().await.unwrap() {
        if OLD.contains(&name.as_str()) {
            let shadow = database.collection::<Document>(&name);
            assert_eq!(shadow.find_one(doc! {}).await.unwrap(), None, "{name}");
            assert_eq!(indexes(database, &name).await.len(), 1, "{name}");
            shadow.drop().await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_adopt_at_once_and_each_succeeds() {
    for _ in 0..6 {
        let (options, database) = earlier().await;
        let before = contents(&database).await;
        let calls: Vec<_> = (0..6)
            .map(|_| {
                let options = options.clone();
                tokio::spawn(async move { adopt(&database_of(&options)).await })
            })
            .collect();
        for call in calls {
            call.await.unwrap().unwrap();
        }
        forget_shadows(&database).await;
        assert_adopted(&database, &before).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adoption_that_is_late_at_any_command_changes_nothing_of_another_one() {
    let (mut options, _) = earlier().await;
    let commands = Commands::watch(&mut options);
    let database = database_of(&options);
    adopt(&database).await.unwrap();
    // Taken while the client is there: it ends its sessions when it is dropped.
    let commands = commands.take();
    drop(database);
    let mut counts = BTreeMap::new();
    for sent in commands {
        let count = counts.entry(sent.name.clone()).or_insert(0);
        let (name, after) = (sent.name, *count);
        *count += 1;

        let (options, database) = earlier().await;
        let before = contents(&database).await;
        let (proxy, through) = Proxy::before(&options).await;
        proxy.hold_after(after, &name);
        let mut late = tokio::spawn(async move { adopt(&database_of(&through)).await });
        tokio::select! {
            () = proxy.is_held() => {}
            early = &mut late => panic!("{name} {after}: {early:?}"),
        }
        adopt(&database).await.unwrap();
        // The application has collections of the old names by now.
        let theirs = doc! { "_id": "theirs", "expires_at": DateTime::from_millis(0) };
        for name in ["sessions", "audit_log"] {
            let collection = database.collection::<Document>(name);
            collection.insert_one(&theirs).await.unwrap();
        }
        proxy.release().await;
        let late = late.await.unwrap();
        assert!(late.is_ok(), "{name} {after}: {late:?}");
        for name in ["sessions", "audit_log"] {
            assert_eq!(deleting(&database, name).await, Vec::<String>::new());
            let collection = database.collection::<Document>(name);
            assert_eq!(collection.count_documents(doc! {}).await.unwrap(), 1);
            collection.drop().await.unwrap();
        }
        assert_adopted(&database, &before).await;
    }
    assert!(counts.values().sum::<usize>() > 40, "{counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_with_any_document_of_the_application_is_not_adopted() {
    let (_, database) = earlier().await;
    for name in ["sessions", "audit_log", "rate_limits"] {
        let collection = database.collection::<Document>(name);
        let theirs = doc! { "_id": "theirs", "expires_at": DateTime::from_millis(0) };
        collection.insert_one(theirs).await.unwrap();
        let before = contents(&database).await;
        let refused = adopt(&database).await;
        assert!(
            matches!(&refused, Err(StartError::ForeignCollection { collection }) if collection == name),
            "{name}: {refused:?}"
        );
        assert_eq!(contents(&database).await, before);
        collection
            .delete_one(doc! { "_id": "theirs" })
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_out_stays_where_it_is() {
    let (_, database) = earlier().await;
    let log = database.collection::<Document>("audit_log");
    log.drop().await.unwrap();
    log.insert_one(doc! { "_id": "theirs" }).await.unwrap();
    let before = contents(&database).await;
    let mut old = OldNames::default();
    old.audit = None;
    MongoStore::adopt(&database, &old, &mongo::config())
        .await
        .unwrap();
    let mut after = contents(&database).await;
    assert_eq!(after.remove("audit_log"), before.get("audit_log").cloned());
    assert_eq!(after.remove("admittance_audit_log").unwrap().1, []);
    assert!(after.keys().all(|name| name.starts_with("admittance_")));
    assert_eq!(after["admittance_users"].1, before["users"].1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_collection_moves_only_if_this_store_made_it() {
    let (_, database) = earlier().await;
    for (name, is_ours) in [("sessions", true), ("rate_limits", false)] {
        let collection = database.collection::<Document>(name);
        match is_ours {
            true => {
                let all = collection.delete_many(doc! {}).await;
                all.unwrap();
            }
            false => {
                collection.drop().await.unwrap();
                database.create_collection(name).await.unwrap();
            }
        }
    }
    adopt(&database).await.unwrap();
    let names = database.list_collection_names().await.unwrap();
    assert!(!names.contains(&"sessions".to_owned()), "{names:?}");
    assert!(names.contains(&"rate_limits".to_owned()), "{names:?}");
    assert_eq!(
        deleting(&database, "rate_limits").await,
        Vec::<String>::new()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_is_not_moved_over_another_one() {
    let (_, database) = earlier().await;
    database
        .create_collection("admittance_sessions")
        .await
        .unwrap();
    let before = contents(&database).await;
    let refused = adopt(&database).await;
    assert!(
        matches!(&refused, Err(StartError::BothExist { old, new })
            if old == "sessions" && new == "admittance_sessions"),
        "{refused:?}"
    );
    assert_eq!(contents(&database).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_version_writes_after_the_adoption_is_reported() {
    let (_, database) = earlier().await;
    adopt(&database).await.unwrap();
    earlier_in(&database).await;
    let before = contents(&database).await;
    let refused = adopt(&database).await;
    assert!(
        matches!(&refused, Err(StartError::BothExist { old, .. }) if old == "users"),
        "{refused:?}"
    );
    assert_eq!(contents(&database).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn collections_that_keep_their_names_are_only_noted() {
    let (_, database) = earlier().await;
    let mut config = MongoConfig::with_prefix("").insecure_for_tests();
    config.deadline = mongo::config().deadline;
    let before = contents(&database).await;
    let started = MongoStore::new(database.clone(), config.clone()).await;
    assert!(
        matches!(started, Err(StartError::ForeignCollection { .. })),
        "{started:?}"
    );
    MongoStore::adopt(&database, &OldNames::default(), &config)
        .await
        .unwrap();
    MongoStore::new(database.clone(), config).await.unwrap();
    let mut after = contents(&database).await;
    assert_eq!(after.remove("meta").unwrap().1.len(), 7);
    assert_eq!(after, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn adopting_nothing_leaves_earlier_accounts_and_lets_a_store_start() {
    let (_, database) = earlier().await;
    let before = contents(&database).await;
    MongoStore::adopt(&database, &OldNames::none(), &mongo::config())
        .await
        .unwrap();
    let store = MongoStore::new(database.clone(), mongo::config())
        .await
        .unwrap();
    assert!(store.user(user_id(1)).await.unwrap().is_none());
    let mut after = contents(&database).await;
    after.retain(|name, _| !name.starts_with("admittance_"));
    assert_eq!(after, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_contradict_each_other_are_refused() {
    let (_, database) = earlier().await;
    let before = contents(&database).await;
    for name in ["users", "admittance_users"] {
        let mut old = OldNames::default();
        old.sessions = Some(name.to_owned());
        let refused = MongoStore::adopt(&database, &old, &mongo::config()).await;
        assert!(
            matches!(&refused, Err(StartError::NameTwice { collection }) if collection == name),
            "{refused:?}"
        );
    }
    assert_eq!(contents(&database).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adoption_that_was_begun_is_not_completed_with_other_names() {
    let (options, database) = earlier().await;
    let before = contents(&database).await;
    let point = FailPoint::new(&options).await;
    let down = doc! { "errorCode": 8 };
    point
        .arm_all(&["renameCollection"], "alwaysOn", &down)
        .await;
    adopt(&database).await.unwrap_err();
    point.disarm().await;
    let mut old = OldNames::default();
    old.users = Some("people".to_owned());
    let refused = MongoStore::adopt(&database, &old, &mongo::config()).await;
    assert!(
        matches!(&refused, Err(StartError::Adopting { collection }) if collection == "admittance_users"),
        "{refused:?}"
    );
    let act = Act::InsertUser {
        number: 9,
        email: 9,
    };
    let started = MongoStore::new(database.clone(), mongo::config()).await;
    assert!(
        matches!(started, Err(StartError::Adopting { .. })),
        "{started:?}"
    );
    adopt(&database).await.unwrap();
    assert_adopted(&database, &before).await;
    let store = mongo::store_over(options).await;
    assert_eq!(act.on(&store).await.unwrap(), "Inserted");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adoption_that_left_a_collection_out_is_not_completed_with_it() {
    let (options, database) = earlier().await;
    let before = contents(&database).await;
    let nothing = async || {
        let old = OldNames::none();
        MongoStore::adopt(&database, &old, &mongo::config()).await
    };
    let point = FailPoint::new(&options).await;
    let down = doc! { "errorCode": 8 };
    point.arm_all(&["update"], "alwaysOn", &down).await;
    nothing().await.unwrap_err();
    point.disarm().await;
    let refused = adopt(&database).await;
    assert!(
        matches!(refused, Err(StartError::Adopting { .. })),
        "{refused:?}"
    );
    nothing().await.unwrap();
    let mut after = contents(&database).await;
    after.retain(|name, _| !name.starts_with("admittance_"));
    assert_eq!(after, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_adopts_a_database() {
    let (options, database) = earlier().await;
    let log = database.collection::<Document>("audit_log");
    log.drop().await.unwrap();
    log.insert_one(doc! { "_id": "theirs" }).await.unwrap();
    let mut before = contents(&database).await;
    let run = |arguments: &[&str]| {
        let uri = format!("mongodb://{}/{}", options.hosts[0], database.name());
        let output = Command::new(example::binary("adopt_mongodb"))
            .args(arguments)
            .env_clear()
            .env("MONGODB_URI", uri)
            .output()
            .unwrap();
        (
            output.status.success(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (succeeded, errors) = run(&[]);
    assert!(!succeeded && errors.contains("audit_log"), "{errors}");
    assert_eq!(contents(&database).await, before);
    let (succeeded, errors) = run(&["without", "audit_log"]);
    assert!(succeeded, "{errors}");
    log.drop().await.unwrap();
    before.insert("audit_log".to_owned(), Default::default());
    assert_adopted(&database, &before).await;
}
