//! The indexes: what they are, making them, and looking whether they are there.

use std::time::Duration;

use ::mongodb::bson::{Document, doc};
use ::mongodb::options::IndexOptions;
use ::mongodb::{Collection, Database, IndexModel};

use super::config::MongoConfig;
use super::start_error::StartError;

/// An index that the store needs.
struct Needed<'a> {
    collection: &'a str,
    field: &'static str,
    name: &'static str,
    kind: Kind,
}

impl Needed<'_> {
    fn keys(&self) -> Document {
        match self.kind {
            Kind::Newest => doc! { self.field: 1, "_id": -1, "class": 1 },
            _ => doc! { self.field: 1 },
        }
    }
}

enum Kind {
    Unique,
    Lookup,
    /// By the field, then the newest first, of one class or of both.
    Newest,
    /// Removes records this long after the date in the field.
    Garbage(Duration),
}

fn needed(config: &MongoConfig) -> Vec<Needed<'_>> {
    let index = |collection, field, name, kind| Needed {
        collection,
        field,
        name,
        kind,
    };
    let mut all = vec![
        index(
            config.users.as_str(),
            "email_canonical",
            "email_canonical_unique",
            Kind::Unique,
        ),
        index(&config.users, "roles", "roles", Kind::Lookup),
        index(&config.sessions, "user_id", "user_id", Kind::Lookup),
        index(&config.tokens, "user_id", "user_id", Kind::Lookup),
        index(&config.audit, "user_id", "user_id_newest", Kind::Newest),
    ];
    let (long, short) = (config.retention, config.short_retention());
    for (collection, field, name, after) in [
        (&config.sessions, "expires_at", "expires_at_garbage", long),
        (&config.tokens, "expires_at", "expires_at_garbage", long),
        (&config.limits, "full_at", "full_at_garbage", short),
        (&config.audit, "expires_at", "expires_at_garbage", long),
        (
            &config.attempts,
            "forgotten_at",
            "forgotten_at_garbage",
            short,
        ),
    ] {
        let garbage = after.map(|after| index(collection, field, name, Kind::Garbage(after)));
        all.extend(garbage);
    }
    all
}

/// Creates what is missing. What is there stays as it is, also an index for
/// garbage that waits for another time: it decides nothing.
pub(super) async fn ensure(database: &Database, config: &MongoConfig) -> Result<(), StartError> {
    for index in needed(config) {
        let options = IndexOptions::builder().name(index.name.to_owned());
        let options = match index.kind {
            Kind::Unique => options.unique(true).build(),
            Kind::Lookup | Kind::Newest => options.build(),
            Kind::Garbage(after) => options.expire_after(after).build(),
        };
        let model = IndexModel::builder()
            .keys(index.keys())
            .options(options)
            .build();
        let collection: Collection<Document> = database.collection(index.collection);
        let Err(error) = collection.create_index(model).await else {
            continue;
        };
        match StartError::index(index.collection, index.name, error) {
            StartError::MissingIndex { .. } if matches!(index.kind, Kind::Garbage(_)) => {}
            error => return Err(error),
        }
    }
    Ok(())
}

/// Looks whether the indexes are there that the store cannot do without: the
/// unique one, which keeps two users from having one email, the ones by user,
/// without which a logout reads every session there is, and the one by role,
/// without which taking a role away may read every user.
pub(super) async fn verify(database: &Database, config: &MongoConfig) -> Result<(), StartError> {
    for index in needed(config) {
        if matches!(index.kind, Kind::Garbage(_)) {
            continue;
        }
        let collection: Collection<Document> = database.collection(index.collection);
        if !has(&collection, &index).await? {
            return Err(StartError::MissingIndex {
                collection: index.collection.to_owned(),
                index: index.name,
            });
        }
    }
    Ok(())
}

async fn has(collection: &Collection<Document>, index: &Needed<'_>) -> Result<bool, StartError> {
    const NAMESPACE_NOT_FOUND: i32 = 26;
    let mut cursor = match collection.list_indexes().await {
        Ok(cursor) => cursor,
        Err(error) if super::error::code(&error) == Some(NAMESPACE_NOT_FOUND) => return Ok(false),
        Err(error) => return Err(StartError::store(error)),
    };
    while cursor.advance().await.map_err(StartError::store)? {
        let found = cursor.deserialize_current().map_err(StartError::store)?;
        if fits(&found, index) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether `found` covers every record of the collection under the index's
/// fields first, under whatever name, and is unique if it has to be.
fn fits(found: &IndexModel, index: &Needed<'_>) -> bool {
    let options = found.options.clone().unwrap_or_default();
    let keys = index.keys();
    let first = keys.keys().eq(found.keys.keys().take(keys.len()));
    let whole = options.partial_filter_expression.is_none()
        && options.sparse != Some(true)
        && options.collation.is_none();
    let unique = found.keys.len() == 1 && options.unique == Some(true);
    first && whole && (unique || !matches!(index.kind, Kind::Unique))
}
