//! The identities in the documents of users: their shape, and what happens when one is corrupt.

use admittance::store::{IdentityLink, UserStore};
use mongodb::bson::spec::{BinarySubtype, ElementType};
use mongodb::bson::{Binary, Bson, Document, doc};
use support::acts::Act;
use support::methods::LINKED;

use crate::documents::{assert_corrupt, prepared, raw_user};
use crate::sample::*;

#[tokio::test(flavor = "multi_thread")]
async fn other_programs_can_read_an_identity() {
    let (database, _store) = prepared().await;
    let users = database.collection::<Document>("admittance_users");
    let user = users.find_one(raw_user(LINKED)).await.unwrap().unwrap();
    let identities = user.get_array("identities").unwrap();
    assert_eq!(identities.len(), 2);
    let first = identities[0].as_document().unwrap();
    let types: Vec<(&str, ElementType)> = first
        .iter()
        .map(|(field, value)| (field.as_str(), value.element_type()))
        .collect();
    assert_eq!(
        types,
        [
            ("id", ElementType::ObjectId),
            ("key", ElementType::Binary),
            ("provider", ElementType::String),
            ("issuer", ElementType::String),
            ("subject", ElementType::String),
            ("email", ElementType::String),
            ("created_at", ElementType::DateTime),
            ("last_used_at", ElementType::DateTime),
        ]
    );
    assert_eq!(first.get_str("subject"), Ok("canary-subject-8"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_of_an_earlier_version_has_no_identities_and_gets_the_first_by_a_link() {
    let (database, store) = prepared().await;
    let users = database.collection::<Document>("admittance_users");
    for number in [1, 3] {
        let unset = doc! { "$unset": { "identities": "" } };
        users.update_one(raw_user(number), unset).await.unwrap();
    }
    let identities = async || store.user(user_id(1)).await.unwrap().unwrap().identities;
    assert!(identities().await.is_empty());
    let unlinked = store.unlink_identity(user_id(1), 0, identity(1).id).await;
    assert!(unlinked.unwrap().is_none());
    let linked = store.link_identity(user_id(1), 0, &identity(1)).await;
    assert_eq!(linked.unwrap(), IdentityLink::Linked);
    assert_eq!(identities().await.iter().next(), Some(&identity(1)));
    let linked = store.link_identity(user_id(3), 0, &identity(1)).await;
    assert_eq!(linked.unwrap(), IdentityLink::Taken);
}

#[tokio::test(flavor = "multi_thread")]
async fn corrupt_identities_are_reported() {
    let (database, store) = prepared().await;
    let users = database.collection::<Document>("admittance_users");
    let whole = users.find_one(raw_user(LINKED)).await.unwrap().unwrap();
    let mut broken = vec![
        ("identities", Bson::Null),
        ("identities", Bson::String("canary".to_owned())),
        ("identities", Bson::Array(vec![Bson::Null])),
        ("identities.1", Bson::String("canary".to_owned())),
        ("identities.1.provider", Bson::String("Canary".to_owned())),
        ("identities.1.subject", Bson::String("canary\n".to_owned())),
    ];
    for field in [
        "id",
        "key",
        "provider",
        "issuer",
        "subject",
        "email",
        "created_at",
        "last_used_at",
    ] {
        let field: &str = format!("identities.1.{field}").leak();
        broken.push((field, Bson::MaxKey));
    }
    // The key of another identity: who has it is not found by it.
    let bytes = identity(99).key().to_bytes().to_vec();
    let subtype = BinarySubtype::Generic;
    let key = Bson::Binary(Binary { subtype, bytes });
    broken.push(("identities.1.key", key));
    for (field, value) in broken {
        let is_another = matches!(&value, Bson::Binary(_));
        let update = doc! { "$set": { field: value } };
        users.update_one(raw_user(LINKED), update).await.unwrap();
        for number in [LINKED, 99] {
            let act = match number {
                LINKED => Act::User(LINKED),
                _ => Act::UserByIdentity(99),
            };
            if number == LINKED || is_another {
                assert_corrupt(&store, &act, "user", "identities").await;
            }
        }
        let replaced = users.replace_one(raw_user(LINKED), whole.clone()).await;
        replaced.unwrap();
    }
}
