//! Starting the store: what it makes, and when it refuses.

use admittance::store::mongodb::{Indexes, MongoConfig, MongoStore, StartError, Validators};
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::{Acknowledgment, WriteConcern};
use mongodb::{Client, Database};

use support::methods::{every_method, prepare};
use support::mongo;

async fn fresh() -> Database {
    let client = Client::with_options(mongo::options().await).unwrap();
    client.default_database().unwrap()
}

fn only_verify() -> MongoConfig {
    let mut config = mongo::config();
    config.indexes = Indexes::Verify;
    config
}

async fn create_index(database: &Database, options: Document) {
    let mut index = doc! { "key": { "email_canonical": 1 }, "name": "mine" };
    index.extend(options);
    let command = doc! { "createIndexes": "admittance_users", "indexes": [index] };
    database.run_command(command).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_unique_index_it_does_not_start() {
    for options in [
        None,
        Some(doc! {}),
        Some(doc! { "unique": true, "sparse": true }),
        Some(doc! { "unique": true, "partialFilterExpression": { "status": "active" } }),
        Some(doc! { "unique": true, "key": { "email_canonical": 1, "name": 1 } }),
    ] {
        let database = fresh().await;
        MongoStore::ensure_indexes(&database, &mongo::config())
            .await
            .unwrap();
        let users = database.collection::<Document>("admittance_users");
        users.drop_index("email_canonical_unique").await.unwrap();
        if let Some(options) = options.clone() {
            create_index(&database, options).await;
        }
        let started = MongoStore::new(database, only_verify()).await;
        assert!(
            matches!(&started, Err(StartError::MissingIndex { collection, index })
                if collection == "admittance_users" && *index == "email_canonical_unique"),
            "{options:?}: {started:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_unique_index_of_identities_it_does_not_start() {
    for options in [
        None,
        Some(doc! { "sparse": true }),
        // One user without identities would keep all others from being inserted.
        Some(doc! { "unique": true }),
        Some(doc! { "unique": true, "partialFilterExpression": { "status": "active" } }),
        Some(doc! { "unique": true, "sparse": true, "key": { "identities.key": 1, "name": 1 } }),
        Some(doc! { "unique": true, "sparse": true, "key": { "identities.subject": 1 } }),
    ] {
        let database = fresh().await;
        MongoStore::ensure_indexes(&database, &mongo::config())
            .await
            .unwrap();
        let users = database.collection::<Document>("admittance_users");
        users.drop_index("identities_unique").await.unwrap();
        if let Some(options) = options.clone() {
            let mut index = doc! { "key": { "identities.key": 1 }, "name": "mine" };
            index.extend(options);
            let command = doc! { "createIndexes": "admittance_users", "indexes": [index] };
            database.run_command(command).await.unwrap();
        }
        let started = MongoStore::new(database, only_verify()).await;
        assert!(
            matches!(&started, Err(StartError::MissingIndex { collection, index })
                if collection == "admittance_users" && *index == "identities_unique"),
            "{options:?}: {started:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_users_who_share_an_identity_it_does_not_start() {
    let database = fresh().await;
    MongoStore::ensure_indexes(&database, &mongo::config())
        .await
        .unwrap();
    let users = database.collection("admittance_users");
    users.drop_index("identities_unique").await.unwrap();
    let of = |email: &str| doc! { "email_canonical": email, "identities": [{ "key": 1 }] };
    users
        .insert_many([of("a@b.org"), of("c@d.org")])
        .await
        .unwrap();
    let started = MongoStore::new(database, mongo::config()).await;
    assert!(
        matches!(&started, Err(StartError::DuplicateIdentities { collection }) if collection == "admittance_users"),
        "{started:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_unique_index_of_another_name_it_starts() {
    let database = fresh().await;
    create_index(&database, doc! { "unique": true }).await;
    let index =
        doc! { "key": { "identities.key": 1 }, "name": "own", "unique": true, "sparse": true };
    let command = doc! { "createIndexes": "admittance_users", "indexes": [index] };
    database.run_command(command).await.unwrap();
    MongoStore::ensure_indexes(&database, &mongo::config())
        .await
        .unwrap();
    MongoStore::new(database, only_verify()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_index_it_would_search_by_it_does_not_start() {
    let config = mongo::config();
    for (collection, name) in [
        (&config.users, "roles"),
        (&config.sessions, "user_id_page"),
        (&config.tokens, "user_id"),
        (&config.audit, "user_id_newest"),
    ] {
        let database = fresh().await;
        MongoStore::ensure_indexes(&database, &config)
            .await
            .unwrap();
        let records = database.collection::<Document>(collection);
        records.drop_index(name).await.unwrap();
        let started = MongoStore::new(database.clone(), only_verify()).await;
        assert!(
            matches!(&started, Err(StartError::MissingIndex { collection: where_, index })
                if where_ == collection && *index == name),
            "{collection}: {started:?}"
        );
        MongoStore::new(database, config.clone()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_weak_write_concern_it_does_not_start() {
    let weak = [
        WriteConcern::nodes(1),
        WriteConcern::nodes(2),
        WriteConcern::from(Acknowledgment::Custom("east".to_owned())),
        WriteConcern::builder()
            .w(Acknowledgment::Majority)
            .journal(false)
            .build(),
    ];
    for concern in weak {
        let mut options = mongo::options().await;
        options.write_concern = Some(concern.clone());
        let database = Client::with_options(options)
            .unwrap()
            .default_database()
            .unwrap();
        let started = MongoStore::new(database, mongo::config()).await;
        assert!(
            matches!(started, Err(StartError::WeakWriteConcern)),
            "{concern:?}: {started:?}"
        );
    }
    let mut options = mongo::options().await;
    options.write_concern = Some(WriteConcern::majority());
    mongo::store_over(options).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_users_who_share_an_email_it_does_not_start() {
    let database = fresh().await;
    MongoStore::ensure_indexes(&database, &mongo::config())
        .await
        .unwrap();
    let users = database.collection("admittance_users");
    users.drop_index("email_canonical_unique").await.unwrap();
    let twice = [
        doc! { "email_canonical": "a@b.org" },
        doc! { "email_canonical": "a@b.org" },
    ];
    users.insert_many(twice).await.unwrap();
    let started = MongoStore::new(database, mongo::config()).await;
    assert!(
        matches!(&started, Err(StartError::DuplicateEmails { collection }) if collection == "admittance_users"),
        "{started:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn many_instances_start_at_once() {
    let options = mongo::options().await;
    let starts: Vec<_> = (0..8)
        .map(|_| tokio::spawn(mongo::store_over(options.clone())))
        .collect();
    for start in starts {
        start.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_string_and_a_database_are_enough() {
    let options = mongo::options().await;
    let uri = format!("mongodb://{}/", options.hosts[0]);
    let mut config = mongo::config();
    let nameless = MongoStore::connect(&uri, config.clone()).await;
    assert!(
        matches!(nameless, Err(StartError::NoDatabase)),
        "{nameless:?}"
    );
    config.database = options.default_database;
    let store = MongoStore::connect(&uri, config).await.unwrap();
    prepare(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_connection_string_is_not_repeated() {
    for uri in [
        "",
        "mongo",
        "mongodb://me:canary@",
        "mongodb://me:can:ary@h/?w=canary&x",
        "http://canary",
    ] {
        let error = MongoStore::connect(uri, MongoConfig::default())
            .await
            .unwrap_err();
        assert!(matches!(error, StartError::InvalidUri), "{uri}: {error:?}");
        assert!(!format!("{error:?} {error}").contains("can"), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn indexes_remove_garbage_only_when_that_is_wanted() {
    for retention in [None, mongo::config().retention] {
        let database = fresh().await;
        let mut config = mongo::config();
        config.retention = retention;
        MongoStore::ensure_indexes(&database, &config)
            .await
            .unwrap();
        for (collection, field) in [
            (&config.sessions, "expires_at"),
            (&config.tokens, "expires_at"),
            (&config.limits, "full_at"),
            (&config.attempts, "forgotten_at"),
            (&config.audit, "expires_at"),
        ] {
            let listed = database
                .run_command(doc! { "listIndexes": collection })
                .await;
            let found = listed.ok().and_then(|reply| {
                let batch = reply
                    .get_document("cursor")
                    .unwrap()
                    .get_array("firstBatch")
                    .unwrap();
                batch
                    .iter()
                    .filter_map(Bson::as_document)
                    .find(|index| index.get_document("key").unwrap().contains_key(field))
                    .cloned()
            });
            let after = found.map(|index| match index.get("expireAfterSeconds") {
                Some(Bson::Int32(seconds)) => i64::from(*seconds),
                Some(Bson::Int64(seconds)) => *seconds,
                other => panic!("{other:?}"),
            });
            // Limits and attempts go as soon as clocks may differ.
            let is_short = ["full_at", "forgotten_at"].contains(&field);
            let wanted = retention.map(|time| match is_short {
                true => 5 * 60,
                false => i64::try_from(time.as_secs()).unwrap(),
            });
            assert_eq!(after, wanted, "{collection}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn validators_let_the_store_work_and_refuse_what_is_no_user() {
    let database = fresh().await;
    let mut config = mongo::config();
    config.validators = Validators::Install;
    for _ in 0..2 {
        let store = MongoStore::new(database.clone(), config.clone())
            .await
            .unwrap();
        drop(store);
    }
    let store = MongoStore::new(database.clone(), config).await.unwrap();
    prepare(&store).await;
    for (_, act) in every_method() {
        act.on(&store).await.unwrap();
    }
    let users = database.collection::<Document>("admittance_users");
    users
        .insert_one(doc! { "email_canonical": "x@y.org" })
        .await
        .unwrap_err();
    let broken = doc! { "$set": { "auth_epoch": "1" } };
    users
        .update_one(doc! { "email_canonical": "canary1@example.org" }, broken)
        .await
        .unwrap_err();
}
