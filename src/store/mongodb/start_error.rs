//! What keeps the store from starting.

use ::mongodb::error::Error;

use super::error::{code, is_duplicate, store_error};
use super::identity;
use crate::error::ConfigError;
use crate::store::StoreError;

/// Why the store does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The connection string cannot be used. What is wrong with it is not
    /// said, since it may hold a password.
    #[error("the connection string is not valid")]
    InvalidUri,
    /// Neither the connection string nor the configuration names a database.
    #[error("no database is named")]
    NoDatabase,
    /// Writes of this database would be acknowledged before a majority of the
    /// servers has them in its journal, and could be lost after that.
    #[error("the write concern is weaker than majority")]
    WeakWriteConcern,
    /// An index does not exist, or is not as it has to be.
    #[error("the index {index} of the collection {collection} is missing or differs")]
    MissingIndex {
        /// The collection.
        collection: String,
        /// The index's name, as [`MongoStore::ensure_indexes`](super::MongoStore::ensure_indexes)
        /// makes it.
        index: &'static str,
    },
    /// The unique index cannot be made: two users have the same canonical email.
    #[error("two users in the collection {collection} have the same email")]
    DuplicateEmails {
        /// The collection.
        collection: String,
    },
    /// The unique index cannot be made: two users have the same identity.
    #[error("two users in the collection {collection} have the same identity")]
    DuplicateIdentities {
        /// The collection.
        collection: String,
    },
    /// Two kinds of records have the same collection.
    #[error("two kinds of records have the collection {collection}")]
    NameTwice {
        /// The collection.
        collection: String,
    },
    /// The collection has documents, and no note says that this store made it: it is
    /// the application's own, or somebody else's. Where its documents are this
    /// store's, [`MongoStore::adopt`](super::MongoStore::adopt) notes it.
    #[error("the collection {collection} has documents that this store did not make")]
    ForeignCollection {
        /// The collection.
        collection: String,
    },
    /// No note says that this store made the collection, and
    /// [`Indexes::Verify`](super::Indexes::Verify) writes none.
    /// [`MongoStore::ensure_indexes`](super::MongoStore::ensure_indexes) does.
    #[error("the collection {collection} is not noted as made by this store")]
    MissingNote {
        /// The collection.
        collection: String,
    },
    /// The database has accounts of a version that named its collections otherwise.
    /// [`MongoStore::adopt`](super::MongoStore::adopt) moves them, or decides that
    /// they stay where they are.
    #[error("the collection {collection} has accounts of an earlier version, to be adopted first")]
    NotAdopted {
        /// The collection.
        collection: String,
    },
    /// [`MongoStore::adopt`](super::MongoStore::adopt) has begun to move the
    /// collection and was not completed, or moves another collection here.
    #[error("the collection {collection} is being adopted")]
    Adopting {
        /// The collection, by its new name.
        collection: String,
    },
    /// The collection cannot be moved, since there is one of the new name; or an
    /// instance of the earlier version has made it again after it was moved.
    #[error("the collection {old} cannot be moved, since {new} exists")]
    BothExist {
        /// The collection, by its old name.
        old: String,
        /// Its new name.
        new: String,
    },
    /// An index deletes documents of this store by another rule than
    /// [`MongoConfig::retention`](super::MongoConfig::retention).
    #[error("the index {index} deletes documents of the collection {collection}")]
    DeletionIndex {
        /// The collection.
        collection: String,
        /// The index's name.
        index: String,
    },
    /// A setting is out of its range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl StartError {
    pub(super) fn store(error: Error) -> Self {
        Self::Store(store_error(error))
    }

    /// The error of the store, if that is what it is.
    pub(super) fn of_store(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) => Some(error),
            _ => None,
        }
    }

    /// What it means that the index could not be created.
    pub(super) fn index(collection: &str, index: &'static str, error: Error) -> Self {
        /// `IndexOptionsConflict` and `IndexKeySpecsConflict`.
        const CONFLICTS: [i32; 2] = [85, 86];
        let collection = collection.to_owned();
        if is_duplicate(&error) {
            return match index {
                identity::INDEX => Self::DuplicateIdentities { collection },
                _ => Self::DuplicateEmails { collection },
            };
        }
        match code(&error) {
            Some(code) if CONFLICTS.contains(&code) => Self::MissingIndex { collection, index },
            _ => Self::store(error),
        }
    }
}
