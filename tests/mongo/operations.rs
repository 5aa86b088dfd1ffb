//! The documents that attempts, roles and statuses are in, and what happens
//! when one is corrupt.

use admittance::user::UserStatus;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Document, doc};

use crate::documents::{assert_corrupt, prepared, raw_user};
use crate::sample::*;
use support::acts::Act;

#[tokio::test(flavor = "multi_thread")]
async fn other_programs_can_read_attempts() {
    let (database, store) = prepared().await;
    let attempt = Act::Attempt { key: 1, now: 0 };
    for _ in 0..2 {
        attempt.on(&store).await.unwrap();
    }
    let attempts = database.collection::<Document>("admittance_login_attempts");
    let bytes = key(1).to_bytes().to_vec();
    let id = Binary {
        subtype: BinarySubtype::Generic,
        bytes,
    };
    let kept = attempts.find_one(doc! { "_id": id }).await.unwrap();
    let mut kept = kept.unwrap();
    kept.remove("_id");
    let date = |seconds| Bson::DateTime(DateTime::from_millis(at(seconds).as_millis()));
    let expected = [
        ("count", Bson::Int64(2)),
        ("decision", Bson::String("allowed".to_owned())),
        ("forgotten_at", date(1000)),
        ("last_at", date(0)),
        ("open_at", date(10)),
    ];
    let mut fields: Vec<(&str, Bson)> = kept
        .iter()
        .map(|(field, value)| (field.as_str(), value.clone()))
        .collect();
    fields.sort_by_key(|(field, _)| *field);
    assert_eq!(fields, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn corrupt_attempts_refuse_until_they_are_forgiven() {
    let (database, store) = prepared().await;
    let attempt = Act::Attempt { key: 1, now: 0 };
    let attempts = database.collection::<Document>("admittance_login_attempts");
    let soon = || Bson::String("canary".to_owned());
    for (field, value) in [
        ("count", soon()),
        ("count", Bson::Int64(-1)),
        ("count", Bson::Double(1.0)),
        ("count", Bson::Int64(1 << 32)),
        ("open_at", soon()),
        ("open_at", Bson::Null),
        ("forgotten_at", soon()),
        ("forgotten_at", Bson::Int64(0)),
    ] {
        attempt.on(&store).await.unwrap();
        attempts
            .update_many(doc! {}, doc! { "$set": { field: value } })
            .await
            .unwrap();
        for _ in 0..2 {
            assert_corrupt(&store, &attempt, "login attempts", field).await;
        }
        Act::Forgive { key: 1, until: 0 }.on(&store).await.unwrap();
        let first = attempt.on(&store).await.unwrap();
        assert!(first.contains("count: 1"), "{first}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_of_small_integers_are_counted_on() {
    let (database, store) = prepared().await;
    let attempt = Act::Attempt { key: 1, now: 0 };
    attempt.on(&store).await.unwrap();
    let attempts = database.collection::<Document>("admittance_login_attempts");
    for (count, next) in [(2_i64, 3), (i64::from(u32::MAX), u32::MAX)] {
        let small = i32::try_from(count).map_or(Bson::Int64(count), Bson::Int32);
        let open = DateTime::from_millis(at(0).as_millis());
        attempts
            .update_many(
                doc! {},
                doc! { "$set": { "count": small, "open_at": open } },
            )
            .await
            .unwrap();
        let counted = attempt.on(&store).await.unwrap();
        assert!(counted.contains(&format!("count: {next}")), "{counted}");
        // What is kept can be read again.
        let locked = attempt.on(&store).await.unwrap();
        assert!(locked.contains("Locked"), "{locked}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrupt_user_keeps_a_page_from_being_taken_for_whole() {
    let (database, store) = prepared().await;
    let users = database.collection::<Document>("admittance_users");
    users
        .update_one(raw_user(3), doc! { "$set": { "status": "canary" } })
        .await
        .unwrap();
    let page = |after, limit| Act::Users { after, limit };
    assert_corrupt(&store, &page(None, 2), "user", "status").await;
    page(None, 1).on(&store).await.unwrap();
    page(Some(3), 9).on(&store).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_not_changed() {
    let (database, store) = prepared().await;
    let users = database.collection::<Document>("admittance_users");
    let status = |status| Act::SetStatus {
        user: 1,
        version: 0,
        status,
    };
    let roles = Act::ChangeRoles {
        user: 1,
        version: 0,
        grant: Some(1),
        revoke: None,
    };
    for (field, value, acts) in [
        (
            "status",
            Bson::String("canary".to_owned()),
            vec![status(UserStatus::Active), status(UserStatus::Disabled)],
        ),
        (
            "roles",
            Bson::String("student".to_owned()),
            vec![roles.clone()],
        ),
        ("roles", Bson::Null, vec![roles]),
    ] {
        let whole = users.find_one(raw_user(1)).await.unwrap().unwrap();
        users
            .update_one(raw_user(1), doc! { "$set": { field: value } })
            .await
            .unwrap();
        let broken = users.find_one(raw_user(1)).await.unwrap().unwrap();
        for act in acts {
            // No user that can be read has this version.
            assert_eq!(act.on(&store).await.unwrap(), "None None");
            let after = users.find_one(raw_user(1)).await.unwrap().unwrap();
            assert_eq!(after, broken, "{act:?}");
        }
        users.replace_one(raw_user(1), whole).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_of_before_are_counted_on_and_forgiven() {
    let (database, store) = prepared().await;
    let attempts = database.collection::<Document>("admittance_login_attempts");
    let attempt = Act::Attempt { key: 1, now: 5 };
    attempt.on(&store).await.unwrap();
    let unset = doc! { "$unset": { "last_at": "" } };
    attempts.update_many(doc! {}, unset.clone()).await.unwrap();
    let counted = attempt.on(&store).await.unwrap();
    assert!(counted.contains("count: 2"), "{counted}");
    // From now on it is known when the last one was.
    Act::Forgive { key: 1, until: 4 }.on(&store).await.unwrap();
    let locked = attempt.on(&store).await.unwrap();
    assert!(locked.contains("Locked"), "{locked}");
    attempts.update_many(doc! {}, unset).await.unwrap();
    Act::Forgive { key: 1, until: 4 }.on(&store).await.unwrap();
    let first = attempt.on(&store).await.unwrap();
    assert!(first.contains("count: 1"), "{first}");
}
