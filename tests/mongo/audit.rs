//! The documents of events, and what happens when one is corrupt.

use admittance::store::AuditStore;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::spec::ElementType;
use mongodb::bson::{Bson, Document, doc};

use crate::documents::{assert_corrupt, prepared};
use crate::sample::*;
use support::acts::Act;

fn raw_event(number: u32) -> Document {
    doc! { "_id": ObjectId::from_bytes(event_id(number).to_bytes()) }
}

fn list(user: u32) -> Act {
    Act::EventsOf {
        user,
        before: None,
        limit: 10,
        now: 1,
    }
}

fn append(number: u32, user: u32) -> Act {
    Act::AppendEvent {
        number,
        user,
        keep: 10,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_programs_can_read_an_event() {
    let (database, store) = prepared().await;
    append(2, 1).on(&store).await.unwrap();
    let events = database.collection::<Document>("admittance_audit_log");
    let types = |event: &Document| -> Vec<(String, ElementType)> {
        let of = event.iter();
        of.map(|(field, value)| (field.clone(), value.element_type()))
            .collect()
    };
    let (text, null, id) = (
        ElementType::String,
        ElementType::Null,
        ElementType::ObjectId,
    );
    for (number, [refused, actor, session, ip]) in
        [(1, [text, id, null, null]), (2, [null, null, id, text])]
    {
        let event = events.find_one(raw_event(number)).await.unwrap().unwrap();
        let expected = [
            ("_id", id),
            ("last_id", id),
            ("count", ElementType::Int64),
            ("user_id", id),
            ("class", text),
            ("at", ElementType::DateTime),
            ("operation", text),
            ("refused", refused),
            ("notice", refused),
            ("notices", ElementType::Array),
            ("actor_id", actor),
            ("session_id", session),
            ("mail", refused),
            ("ip", ip),
            ("user_agent", ip),
            ("expires_at", ElementType::DateTime),
            ("schema", ElementType::Int32),
        ];
        let expected = expected.map(|(field, kind)| (field.to_owned(), kind));
        assert_eq!(types(&event), expected);
        let class = ["done", "tried"][number as usize % 2];
        assert_eq!(event.get_str("class"), Ok(class));
    }
    let event = events.find_one(raw_event(1)).await.unwrap().unwrap();
    assert_eq!(event.get_str("operation"), Ok("send_mail"));
    assert_eq!(event.get_str("refused"), Ok("internal"));
    assert_eq!(event.get_str("notice"), Ok("mail_given_up"));
    assert_eq!(event.get_str("mail"), Ok("new_device"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrupt_event_is_reported_and_concerns_nobody_else() {
    let (database, store) = prepared().await;
    append(3, 2).on(&store).await.unwrap();
    let events = database.collection::<Document>("admittance_audit_log");
    let whole = events.find_one(raw_event(1)).await.unwrap().unwrap();
    let canary = || Bson::String("canary".to_owned());
    let fields = [
        "last_id",
        "count",
        "class",
        "at",
        "operation",
        "refused",
        "notice",
        "notices",
        "actor_id",
        "session_id",
        "mail",
        "ip",
        "user_agent",
        "expires_at",
        "schema",
    ];
    for field in fields {
        let mut broken = vec![doc! { "$set": { field: [{ "canary": 1 }] } }];
        // The first version stored none of these.
        if !["notices", "last_id", "count"].contains(&field) {
            broken.push(doc! { "$unset": { field: "" } });
        }
        if field != "user_agent" {
            broken.push(doc! { "$set": { field: canary() } });
        }
        for update in broken {
            events.update_one(raw_event(1), update).await.unwrap();
            assert_corrupt(&store, &list(1), "event e7e7", field).await;
            let others = store.events_of(user_id(2), None, 10, at(1)).await;
            assert_eq!(others.unwrap(), [event(3, 2)]);
            // It is still appended to.
            append(9, 1).on(&store).await.unwrap();
            events.delete_one(raw_event(9)).await.unwrap();
            events
                .replace_one(raw_event(1), whole.clone())
                .await
                .unwrap();
        }
    }
    let all = store.events_of(user_id(1), None, 10, at(1)).await;
    assert_eq!(all.unwrap(), [event(1, 1)]);
}
