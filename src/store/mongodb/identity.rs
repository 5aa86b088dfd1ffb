//! Identities: a list in the document of their user, with a unique index on their keys.

use ::mongodb::bson::{Bson, Document, doc};

use super::document::{Record, binary, bytes, date, object_id};
use crate::id::IdentityId;
use crate::identity::{
    Identities, Identity, IdentityKey, IdentityUse, Issuer, ProviderEmail, ProviderId, SubjectId,
};
use crate::store::StoreError;
use crate::time::Timestamp;

/// The field of the keys.
pub(super) const KEYS: &str = "identities.key";
/// The name of the index on the keys.
pub(super) const INDEX: &str = "identities_unique";
/// The field that a user has who can link no other identity.
pub(super) const LAST: &str = "identities.19";
const _: () = assert!(Identities::MAX == 20);

pub(super) fn key_binary(key: IdentityKey) -> Bson {
    binary(&key.to_bytes()).into()
}

pub(super) fn to_document(identity: &Identity) -> Document {
    doc! {
        "id": object_id(identity.id.to_bytes()),
        "key": key_binary(identity.key()),
        "provider": identity.provider.as_str(),
        "issuer": identity.issuer.as_str(),
        "subject": identity.subject.as_str(),
        "email": identity.email.as_ref().map(ProviderEmail::as_str),
        "created_at": date(identity.created_at),
        "last_used_at": date(identity.last_used_at),
    }
}

/// The stage of a pipeline that notes a use of the identity of a user who has it.
pub(super) fn record(used: &IdentityUse, now: Timestamp) -> Document {
    let is_the_one = doc! { "$eq": ["$$one.key", key_binary(used.key)] };
    let is_later = doc! { "$gte": [date(now), "$$one.last_used_at"] };
    let mut later = doc! { "last_used_at": date(now) };
    if let Some(email) = &used.email {
        // What it says is no path of a field.
        later.insert("email", doc! { "$literal": email.as_str() });
    }
    let noted = doc! { "$mergeObjects": ["$$one", later] };
    let both = doc! { "$and": [is_the_one, is_later] };
    let one = doc! { "$cond": [both, noted, "$$one"] };
    doc! { "identities": { "$map": { "input": "$identities", "as": "one", "in": one } } }
}

/// Reads the field `identities`, if it is present: users of an earlier version have none.
pub(super) fn read(record: &Record<'_>) -> Result<Identities, StoreError> {
    let list = record.optional_list("identities")?.unwrap_or_default();
    let read = |item: &Bson| {
        identity(item)
            .ok_or_else(|| record.corrupt("identities", "has something that is no identity"))
    };
    list.iter().map(read).collect()
}

fn identity(item: &Bson) -> Option<Identity> {
    let item = item.as_document()?;
    let at = |field| {
        let at = item.get_datetime(field).ok()?.timestamp_millis();
        Some(Timestamp::from_millis(at))
    };
    let identity = Identity {
        id: IdentityId::from_bytes(item.get_object_id("id").ok()?.bytes()),
        provider: ProviderId::parse(item.get_str("provider").ok()?).ok()?,
        issuer: Issuer::parse(item.get_str("issuer").ok()?).ok()?,
        subject: SubjectId::parse(item.get_str("subject").ok()?).ok()?,
        email: match item.get("email")? {
            Bson::Null => None,
            email => Some(ProviderEmail::parse(email.as_str()?).ok()?),
        },
        created_at: at("created_at")?,
        last_used_at: at("last_used_at")?,
    };
    // The one that it is found by.
    let key: [u8; 32] = bytes(item.get("key")?)?;
    (key == identity.key().to_bytes()).then_some(identity)
}
