//! The documents: their shape, and what happens when one is corrupt.

use std::error::Error;

use admittance::session::Rotation;
use admittance::store::mongodb::MongoStore;
use admittance::store::{SessionStore, StoreError, TokenStore, UserStore};
use admittance::token::TokenDigest;
use admittance::user::UserStatus;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::spec::{BinarySubtype, ElementType};
use mongodb::bson::{Binary, Bson, Document, doc};
use mongodb::{Client, Database};

use crate::sample::*;
use support::acts::{Act, State};
use support::methods::prepare;
use support::mongo;

pub(crate) async fn prepared() -> (Database, MongoStore) {
    let options = mongo::options().await;
    let database = Client::with_options(options.clone())
        .unwrap()
        .default_database()
        .unwrap();
    let store = mongo::store_over(options).await;
    prepare(&store).await;
    (database, store)
}

pub(crate) fn raw_user(number: u32) -> Document {
    doc! { "_id": ObjectId::from_bytes(user_id(number).to_bytes()) }
}

fn raw_session(number: u32) -> Document {
    doc! { "_id": ObjectId::from_bytes(session_id(number).to_bytes()) }
}

fn raw_token(number: u32) -> Document {
    let bytes = digest(number).to_bytes().to_vec();
    doc! { "_id": Binary { subtype: BinarySubtype::Generic, bytes } }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_programs_can_read_a_user() {
    let (database, store) = prepared().await;
    store
        .record_login(user_id(1), 0, None, None, at(1))
        .await
        .unwrap();
    let users = database.collection::<Document>("admittance_users");
    let user = users.find_one(raw_user(1)).await.unwrap().unwrap();
    let types: Vec<(&str, ElementType)> = user
        .iter()
        .map(|(field, value)| (field.as_str(), value.element_type()))
        .collect();
    assert_eq!(
        types,
        [
            ("_id", ElementType::ObjectId),
            ("email", ElementType::String),
            ("email_canonical", ElementType::String),
            ("name", ElementType::String),
            ("password_hash", ElementType::String),
            ("created_at", ElementType::DateTime),
            ("last_login", ElementType::DateTime),
            ("is_verified", ElementType::Boolean),
            ("roles", ElementType::Array),
            ("preferences", ElementType::EmbeddedDocument),
            ("metadata", ElementType::EmbeddedDocument),
            ("status", ElementType::String),
            ("auth_epoch", ElementType::Int64),
            ("link_epoch", ElementType::Int64),
            ("version", ElementType::Int64),
            ("devices", ElementType::Array),
            ("identities", ElementType::Array),
            ("schema", ElementType::Int32),
            ("pending_hook", ElementType::EmbeddedDocument),
        ]
    );
    assert_eq!(user.get_str("email"), Ok("Canary1@Example.org"));
    assert_eq!(user.get_str("email_canonical"), Ok("canary1@example.org"));
    assert_eq!(
        user.get_datetime("last_login").unwrap().timestamp_millis(),
        at(1).as_millis()
    );
    let preferences = doc! { "level": "B2", "seen": [1, 2.5, Bson::Null], "big": 1_i64 << 40 };
    let stored = user.get_document("preferences").unwrap();
    assert!(
        preferences
            .iter()
            .all(|(field, value)| stored.get(field) == Some(value)),
        "{stored}"
    );
}

/// Fails unless the act says that a record is corrupt, and says it without
/// what is in it.
pub(crate) async fn assert_corrupt(store: &MongoStore, act: &Act, kind: &str, field: &str) {
    let error = act.on(store).await.unwrap_err();
    let StoreError::Corrupt { record, source } = &error else {
        panic!("{act:?} of a record whose {field} is broken: {error:?}")
    };
    assert!(record.starts_with(kind), "{record}");
    assert!(source.to_string().contains(field), "{source}");
    let mut all = format!("{error:?} {error}");
    let mut cause = error.source();
    while let Some(next) = cause {
        all += &format!(" {next} {next:?}");
        cause = next.source();
    }
    assert!(!all.to_lowercase().contains("canary"), "{all}");
}

/// Breaks one field after the other, in both ways, and puts it right again.
async fn assert_each_field_is_checked(
    collection: &str,
    one: Document,
    kind: &str,
    fields: &[&str],
    acts: &[Act],
) {
    let (database, store) = prepared().await;
    let collection = database.collection::<Document>(collection);
    let whole = collection.find_one(one.clone()).await.unwrap().unwrap();
    for field in fields {
        let mut broken = vec![doc! { "$set": { *field: [{ "canary": 1 }] } }];
        broken.push(doc! { "$unset": { *field: "" } });
        broken.push(doc! { "$set": { *field: Bson::MaxKey } });
        for update in broken {
            for act in acts {
                collection
                    .update_one(one.clone(), update.clone())
                    .await
                    .unwrap();
                assert_corrupt(&store, act, kind, field).await;
                collection
                    .replace_one(one.clone(), whole.clone())
                    .upsert(true)
                    .await
                    .unwrap();
            }
        }
    }
    for act in acts {
        assert!(
            !act.on(&store).await.unwrap().contains("None None"),
            "{act:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrupt_user_is_reported() {
    let fields = [
        "email",
        "name",
        "password_hash",
        "created_at",
        "last_login",
        "is_verified",
        "roles",
        "preferences",
        "status",
        "auth_epoch",
        "link_epoch",
        "schema",
    ];
    let acts = [
        Act::User(1),
        Act::UserByEmail(1),
        Act::UpdateProfile {
            user: 1,
            version: 0,
            name: None,
            preferences: None,
        },
    ];
    assert_each_field_is_checked("admittance_users", raw_user(1), "user f4f4", &fields, &acts)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrupt_session_is_reported() {
    let fields = [
        "user_id",
        "auth_epoch",
        "created_at",
        "last_seen_at",
        "expires_at",
        "absolute_expires_at",
        "refresh_counter",
        "ip",
        "user_agent",
        "schema",
    ];
    let acts = [
        Act::Session { number: 1, now: 1 },
        Act::Rotate {
            number: 1,
            counter: 0,
            now: 1,
        },
    ];
    assert_each_field_is_checked(
        "admittance_sessions",
        raw_session(1),
        "session f4f4",
        &fields,
        &acts,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_before_is_not_short_and_a_corrupt_one_is_reported() {
    let (database, store) = prepared().await;
    let sessions = database.collection::<Document>("admittance_sessions");
    let whole = sessions.find_one(raw_session(1)).await.unwrap().unwrap();
    assert_eq!(whole.get_bool("short"), Ok(false));
    sessions
        .update_one(raw_session(1), doc! { "$unset": { "short": "" } })
        .await
        .unwrap();
    let found = store.session(session_id(1), at(1)).await.unwrap();
    assert_eq!(found, Some(session(1, 1)));
    let rotation = store.rotate(session_id(1), 0, POLICY, at(20)).await;
    let Rotation::Rotated(rotated) = rotation.unwrap() else {
        panic!("a session of the earlier version was not refreshed")
    };
    assert_eq!(
        (rotated.length, rotated.expires_at),
        (admittance::session::SessionLength::Usual, at(120))
    );

    sessions
        .update_one(raw_session(1), doc! { "$set": { "short": "canary" } })
        .await
        .unwrap();
    for act in [
        Act::Session { number: 1, now: 1 },
        Act::SessionsOf { user: 1, now: 1 },
        Act::Rotate {
            number: 1,
            counter: 1,
            now: 30,
        },
        Act::EndOldestSessions {
            user: 1,
            epoch: 0,
            keep: 1,
            now: 1,
        },
    ] {
        assert_corrupt(&store, &act, "session f4f4", "short").await;
    }
    // What cannot be read is not ended either, nor is anything next to it.
    assert_eq!(sessions.count_documents(doc! {}).await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrupt_token_is_reported_and_not_accepted() {
    let fields = [
        "purpose",
        "user_id",
        "account_email",
        "auth_epoch",
        "link_epoch",
        "email",
        "email_canonical",
        "created_at",
        "expires_at",
        "schema",
    ];
    for number in [1, 2] {
        let acts = [Act::Token {
            number,
            purpose: purpose(number),
            now: 1,
        }];
        let (one, kind) = (raw_token(number), "one-time token");
        assert_each_field_is_checked("admittance_one_time_tokens", one, kind, &fields, &acts).await;
    }
    let pending = [
        "registration.user_id",
        "registration.name",
        "registration.password_hash",
    ];
    let acts = [Act::Token {
        number: 2,
        purpose: purpose(2),
        now: 1,
    }];
    let (one, kind) = (raw_token(2), "one-time token");
    assert_each_field_is_checked("admittance_one_time_tokens", one, kind, &pending, &acts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_corrupt_token_keeps_a_list_from_being_taken_for_whole() {
    let (database, store) = prepared().await;
    let tokens = database.collection::<Document>("admittance_one_time_tokens");
    let list = Act::TokensOf { user: 1, now: 1 };
    for (field, value) in [
        ("account_email", Bson::Int32(1)),
        ("registration", Bson::Null),
        ("purpose", Bson::String("canary".to_owned())),
    ] {
        let whole = tokens.find_one(raw_token(2)).await.unwrap().unwrap();
        tokens
            .update_one(raw_token(2), doc! { "$set": { field: value } })
            .await
            .unwrap();
        assert_corrupt(&store, &list, "one-time token", field).await;
        tokens.replace_one(raw_token(2), whole).await.unwrap();
    }
    let digests: Vec<TokenDigest> = store
        .tokens_of(user_id(1), at(1))
        .await
        .unwrap()
        .iter()
        .map(|token| token.digest)
        .collect();
    assert!(digests == [digest(2), digest(1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_programs_can_read_a_token() {
    let (database, _store) = prepared().await;
    let tokens = database.collection::<Document>("admittance_one_time_tokens");
    for number in [1, 2] {
        let mut expected = vec![
            ("_id", ElementType::Binary),
            ("purpose", ElementType::String),
            ("user_id", ElementType::ObjectId),
            ("account_email", ElementType::String),
            ("auth_epoch", ElementType::Int64),
            ("link_epoch", ElementType::Int64),
            ("email", ElementType::String),
            ("email_canonical", ElementType::String),
            ("created_at", ElementType::DateTime),
            ("expires_at", ElementType::DateTime),
            ("schema", ElementType::Int32),
        ];
        if number == 2 {
            expected.push(("registration", ElementType::EmbeddedDocument));
        }
        let token = tokens.find_one(raw_token(number)).await.unwrap().unwrap();
        let types: Vec<(&str, ElementType)> = token
            .iter()
            .map(|(field, value)| (field.as_str(), value.element_type()))
            .collect();
        assert_eq!(types, expected);
        assert_eq!(token.get_str("account_email"), Ok("canary1@example.org"));
        let given = format!("Mailed{number}@Example.org");
        assert_eq!(token.get_str("email"), Ok(given.as_str()));
        let canonical = given.to_lowercase();
        assert_eq!(token.get_str("email_canonical"), Ok(canonical.as_str()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_of_before_has_no_devices_and_gets_the_first_by_a_login() {
    let (database, store) = prepared().await;
    let users = database.collection::<Document>("admittance_users");
    users
        .update_one(raw_user(1), doc! { "$unset": { "devices": "" } })
        .await
        .unwrap();
    let devices = async || store.user(user_id(1)).await.unwrap().unwrap().devices;
    assert_eq!(devices().await, []);
    assert!(
        store
            .record_login(user_id(1), 0, Some(device(7)), None, at(1))
            .await
            .unwrap()
    );
    assert_eq!(devices().await, [device(7)]);
    let stored = users.find_one(raw_user(1)).await.unwrap().unwrap();
    let bytes = device(7).to_bytes().to_vec();
    let subtype = BinarySubtype::Generic;
    assert_eq!(
        stored.get_array("devices").unwrap(),
        &vec![Bson::Binary(Binary { subtype, bytes })]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn corrupt_devices_are_reported() {
    let (database, store) = prepared().await;
    let users = database.collection::<Document>("admittance_users");
    let binary = |subtype, length| {
        let bytes = vec![b'c'; length];
        Bson::Binary(Binary { subtype, bytes })
    };
    for devices in [
        Bson::Null,
        Bson::String("canary".to_owned()),
        Bson::Array(vec![Bson::String("canary".to_owned())]),
        Bson::Array(vec![Bson::Null]),
        Bson::Array(vec![binary(BinarySubtype::Generic, 15)]),
        Bson::Array(vec![binary(BinarySubtype::Generic, 17)]),
        Bson::Array(vec![binary(BinarySubtype::Uuid, 16)]),
    ] {
        users
            .update_one(raw_user(1), doc! { "$set": { "devices": devices } })
            .await
            .unwrap();
        assert_corrupt(&store, &Act::User(1), "user", "devices").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_of_before_has_the_version_0_and_gets_the_first_by_a_change() {
    let (database, store) = prepared().await;
    let users = database.collection::<Document>("admittance_users");
    for (number, act) in [
        (
            1,
            Act::SetStatus {
                user: 1,
                version: 0,
                status: UserStatus::Disabled,
            },
        ),
        (3, Act::VerifyEmail(State::of(3))),
        (
            4,
            Act::ChangeRoles {
                user: 4,
                version: 0,
                grant: Some(3),
                revoke: None,
            },
        ),
        (
            5,
            Act::UpdateProfile {
                user: 5,
                version: 0,
                name: Some(3),
                preferences: None,
            },
        ),
        (
            6,
            Act::ResetPassword {
                state: State::of(6),
                to: 9,
            },
        ),
    ] {
        let unset = doc! { "$unset": { "version": "" } };
        users.update_one(raw_user(number), unset).await.unwrap();
        let version = async || store.user(user_id(number)).await.unwrap().unwrap().version;
        assert_eq!(version().await, 0);
        let answer = act.on(&store).await.unwrap();
        assert!(
            !matches!(&*answer, "false" | "None None"),
            "{act:?}: {answer}"
        );
        assert_eq!(version().await, 1, "{act:?}");
        let answer = act.on(&store).await.unwrap();
        assert!(
            matches!(&*answer, "false" | "None None"),
            "{act:?}: {answer}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_corrupt_record_keeps_nobody_else_out() {
    let (database, store) = prepared().await;
    Act::InsertUser {
        number: 2,
        email: 2,
    }
    .on(&store)
    .await
    .unwrap();
    let users = database.collection::<Document>("admittance_users");
    users
        .update_one(raw_user(1), doc! { "$set": { "roles": ["Not A Role"] } })
        .await
        .unwrap();
    assert_corrupt(&store, &Act::User(1), "user", "roles").await;
    assert!(store.user(user_id(2)).await.unwrap().is_some());
    users
        .update_one(
            raw_user(1),
            doc! { "$set": { "status": "banned", "roles": [] } },
        )
        .await
        .unwrap();
    assert_corrupt(&store, &Act::User(1), "user", "status").await;
    users
        .update_one(
            raw_user(1),
            doc! { "$set": { "status": "active", "auth_epoch": -1 } },
        )
        .await
        .unwrap();
    assert_corrupt(&store, &Act::User(1), "user", "auth_epoch").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_version_may_add_fields_and_must_raise_the_schema_for_more() {
    let (database, store) = prepared().await;
    let users = database.collection::<Document>("admittance_users");
    users
        .update_one(raw_user(1), doc! { "$set": { "from_version_2": true } })
        .await
        .unwrap();
    let change = Act::UpdateProfile {
        user: 1,
        version: 0,
        name: Some(1),
        preferences: None,
    };
    change.on(&store).await.unwrap();
    let user = users.find_one(raw_user(1)).await.unwrap().unwrap();
    assert_eq!(user.get_bool("from_version_2"), Ok(true));
    users
        .update_one(raw_user(1), doc! { "$set": { "schema": 2 } })
        .await
        .unwrap();
    assert_corrupt(&store, &Act::User(1), "user", "schema").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn small_integers_of_other_programs_are_read() {
    let (database, store) = prepared().await;
    let numbers = doc! { "$set": { "auth_epoch": 3_i32, "refresh_counter": 2_i32 } };
    database
        .collection::<Document>("admittance_users")
        .update_one(raw_user(1), numbers.clone())
        .await
        .unwrap();
    database
        .collection::<Document>("admittance_sessions")
        .update_one(raw_session(1), numbers)
        .await
        .unwrap();
    assert!(
        store
            .record_login(user_id(1), 3, None, None, at(1))
            .await
            .unwrap()
    );
    assert_eq!(store.user(user_id(1)).await.unwrap().unwrap().auth_epoch, 3);
    let rotation = store.rotate(session_id(1), 2, POLICY, at(1)).await.unwrap();
    assert!(matches!(rotation, Rotation::Rotated(session) if session.refresh_counter == 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_holds_no_token() {
    let (database, _store) = prepared().await;
    for name in database.list_collection_names().await.unwrap() {
        let mut all = database
            .collection::<Document>(&name)
            .find(doc! {})
            .await
            .unwrap();
        while all.advance().await.unwrap() {
            let record = all.deserialize_current().unwrap();
            // The text of the token that `sample::digest` takes its digest of.
            let shown = format!("{record:?}");
            assert!(!shown.contains("canary-token"), "{shown}");
        }
    }
}
