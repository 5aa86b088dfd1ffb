//! The indexes: what they are, making them, and looking whether they are there.

use std::time::Duration;

use ::mongodb::bson::{Document, doc};
use ::mongodb::error::Error;
use ::mongodb::options::IndexOptions;
use ::mongodb::{Collection, Database, IndexModel};

use super::claimed::Claimed;
use super::config::MongoConfig;
use super::error::code;
use super::identity;
use super::kind::Kind;
use super::start_error::StartError;

/// An index that the store needs.
struct Needed {
    field: &'static str,
    name: &'static str,
    purpose: Purpose,
}

impl Needed {
    fn keys(&self) -> Document {
        match self.purpose {
            Purpose::Page => doc! { self.field: 1, "_id": -1 },
            Purpose::Newest => doc! { self.field: 1, "_id": -1, "class": 1 },
            _ => doc! { self.field: 1 },
        }
    }

    /// Why the store does not start without it.
    fn missing(&self, collection: &str) -> StartError {
        StartError::MissingIndex {
            collection: collection.to_owned(),
            index: self.name,
        }
    }
}

enum Purpose {
    Unique,
    /// Unique among the items of a list, and sparse: a document without any has none.
    UniqueItems,
    Lookup,
    /// By the field, then the greatest id first.
    Page,
    /// By the field, then the newest first, of one class or of all.
    Newest,
    /// Removes records this long after the date in the field.
    Garbage(Duration),
}

/// The index that removes what has expired: its field and its name.
fn garbage(kind: Kind) -> Option<(&'static str, &'static str)> {
    match kind {
        Kind::Meta | Kind::Users => None,
        Kind::Sessions | Kind::Tokens | Kind::Audit => Some(("expires_at", "expires_at_garbage")),
        Kind::Limits => Some(("full_at", "full_at_garbage")),
        Kind::Attempts => Some(("forgotten_at", "forgotten_at_garbage")),
    }
}

fn needed(kind: Kind, config: &MongoConfig) -> Vec<Needed> {
    let index = |field, name, purpose| Needed {
        field,
        name,
        purpose,
    };
    let mut all = match kind {
        Kind::Users => vec![
            index("email_canonical", EMAIL, Purpose::Unique),
            index(identity::KEYS, identity::INDEX, Purpose::UniqueItems),
            index("roles", "roles", Purpose::Lookup),
        ],
        Kind::Sessions => vec![index("user_id", "user_id_page", Purpose::Page)],
        Kind::Tokens => vec![index("user_id", "user_id", Purpose::Lookup)],
        Kind::Audit => vec![index("user_id", "user_id_newest", Purpose::Newest)],
        Kind::Meta | Kind::Limits | Kind::Attempts => Vec::new(),
    };
    let retention = match kind {
        Kind::Limits | Kind::Attempts => config.short_retention(),
        _ => config.retention,
    };
    if let (Some((field, name)), Some(after)) = (garbage(kind), retention) {
        all.push(index(field, name, Purpose::Garbage(after)));
    }
    all
}

const EMAIL: &str = "email_canonical_unique";
const UNAUTHORIZED: i32 = 13;

/// Whether the collection has an index of a name that only this store gives.
pub(super) async fn is_marked(
    database: &Database,
    kind: Kind,
    collection: &str,
) -> Result<bool, StartError> {
    let mark = match kind {
        Kind::Users => EMAIL,
        _ => garbage(kind).map_or("", |(_, name)| name),
    };
    match list(&database.collection(collection)).await {
        Ok(found) => Ok(found.iter().any(|index| name(index) == mark)),
        // A role that may not look there has not made it.
        Err(error) if code(&error) == Some(UNAUTHORIZED) => Ok(false),
        Err(error) => Err(StartError::store(error)),
    }
}

/// Creates what is missing, and lets the indexes that delete documents follow the
/// retention. Any other index stays as it is.
pub(super) async fn ensure(claimed: Claimed<'_>) -> Result<(), StartError> {
    let Claimed { database, config } = claimed;
    for kind in Kind::ALL {
        let collection: Collection<Document> = database.collection(config.name_of(kind));
        let found = list(&collection).await.map_err(StartError::store)?;
        let needed = needed(kind, config);
        for index in &needed {
            if found.iter().any(|found| fits(found, index)) {
                continue;
            }
            match found.iter().find(|found| deletes_by(found, index)) {
                Some(found) => change(database, &collection, found, index).await?,
                None => create(&collection, index).await?,
            }
        }
        let Some((field, own)) = garbage(kind).filter(|_| config.retention.is_none()) else {
            continue;
        };
        let unwanted = |found: &&IndexModel| {
            name(found) == own && found.keys.contains_key(field) && deletes(found)
        };
        if found.iter().any(|found| unwanted(&found)) {
            drop_index(&collection, own).await?;
        }
    }
    Ok(())
}

async fn create(collection: &Collection<Document>, index: &Needed) -> Result<(), StartError> {
    let options = IndexOptions::builder().name(index.name.to_owned());
    let options = match index.purpose {
        Purpose::Unique => options.unique(true).build(),
        Purpose::UniqueItems => options.unique(true).sparse(true).build(),
        Purpose::Lookup | Purpose::Page | Purpose::Newest => options.build(),
        Purpose::Garbage(after) => options.expire_after(after).build(),
    };
    let model = IndexModel::builder()
        .keys(index.keys())
        .options(options)
        .build();
    let made = collection.create_index(model).await;
    made.map(drop)
        .map_err(|error| StartError::index(collection.name(), index.name, error))
}

/// Gives an index that deletes documents the time that it is to wait.
async fn change(
    database: &Database,
    collection: &Collection<Document>,
    found: &IndexModel,
    index: &Needed,
) -> Result<(), StartError> {
    let Purpose::Garbage(after) = index.purpose else {
        return Err(index.missing(collection.name()));
    };
    let seconds = i64::try_from(after.as_secs()).unwrap_or(i64::MAX);
    let command = doc! {
        "collMod": collection.name(),
        "index": { "name": name(found), "expireAfterSeconds": seconds },
    };
    let changed = database.run_command(command).await;
    changed.map(drop).map_err(StartError::store)
}

async fn drop_index(collection: &Collection<Document>, name: &str) -> Result<(), StartError> {
    const INDEX_NOT_FOUND: i32 = 27;
    match collection.drop_index(name).await {
        Err(error) if code(&error) != Some(INDEX_NOT_FOUND) => Err(StartError::store(error)),
        _ => Ok(()),
    }
}

/// Checks that each index is as it has to be: the unique one, which keeps two users
/// from having one email, the ones that the store searches by, and those that
/// remove what has expired. No other index may delete documents.
pub(super) async fn verify(database: &Database, config: &MongoConfig) -> Result<(), StartError> {
    for kind in Kind::ALL {
        let collection: Collection<Document> = database.collection(config.name_of(kind));
        let found = list(&collection).await.map_err(StartError::store)?;
        let needed = needed(kind, config);
        for index in &needed {
            if !found.iter().any(|found| fits(found, index)) {
                return Err(index.missing(collection.name()));
            }
        }
        let is_known = |found: &IndexModel| needed.iter().any(|index| fits(found, index));
        let unknown = found
            .iter()
            .find(|found| deletes(found) && !is_known(found));
        if let Some(found) = unknown {
            return Err(StartError::DeletionIndex {
                collection: collection.name().to_owned(),
                index: name(found).to_owned(),
            });
        }
    }
    Ok(())
}

async fn list(collection: &Collection<Document>) -> Result<Vec<IndexModel>, Error> {
    const NAMESPACE_NOT_FOUND: i32 = 26;
    let mut cursor = match collection.list_indexes().await {
        Ok(cursor) => cursor,
        Err(error) if code(&error) == Some(NAMESPACE_NOT_FOUND) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut all = Vec::new();
    while cursor.advance().await? {
        all.push(cursor.deserialize_current()?);
    }
    Ok(all)
}

fn name(index: &IndexModel) -> &str {
    let options = index.options.as_ref();
    options
        .and_then(|options| options.name.as_deref())
        .unwrap_or_default()
}

/// Whether the index deletes documents, by whatever rule.
fn deletes(index: &IndexModel) -> bool {
    let options = index.options.as_ref();
    options.is_some_and(|options| options.expire_after.is_some())
}

/// Whether `found` deletes every record some time after the date in the field by
/// which `index` is to delete.
fn deletes_by(found: &IndexModel, index: &Needed) -> bool {
    deletes(found) && is_whole(found) && found.keys.keys().eq(index.keys().keys())
}

/// Whether the index covers every record of its collection.
fn is_whole(index: &IndexModel) -> bool {
    is_plain(index) && !is_sparse(index)
}

/// Whether the index covers every record that has the field, and compares by bytes.
fn is_plain(index: &IndexModel) -> bool {
    index.options.as_ref().is_none_or(|options| {
        options.partial_filter_expression.is_none() && options.collation.is_none()
    })
}

fn is_sparse(index: &IndexModel) -> bool {
    let options = index.options.as_ref();
    options.is_some_and(|options| options.sparse == Some(true))
}

/// Whether `found` covers every record of the collection, or every one that has an item, under
/// the index's fields first, under whatever name, is unique if it has to be, and deletes what
/// it has to delete and nothing else.
fn fits(found: &IndexModel, index: &Needed) -> bool {
    let keys = index.keys();
    let first = keys.keys().eq(found.keys.keys().take(keys.len()));
    let options = found.options.as_ref();
    let is_unique = options.is_some_and(|options| options.unique == Some(true));
    let after = options.and_then(|options| options.expire_after);
    let is_unique = first && found.keys.len() == 1 && is_unique && after.is_none();
    match index.purpose {
        Purpose::Unique => is_whole(found) && is_unique,
        Purpose::UniqueItems => is_plain(found) && is_sparse(found) && is_unique,
        Purpose::Lookup | Purpose::Page | Purpose::Newest => {
            is_whole(found) && first && after.is_none()
        }
        Purpose::Garbage(wanted) => {
            is_whole(found)
                && deletes_by(found, index)
                && after.map(|after| after.as_secs()) == Some(wanted.as_secs())
        }
    }
}
