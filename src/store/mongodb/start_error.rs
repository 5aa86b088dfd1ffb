//! What keeps the store from starting.

use ::mongodb::error::Error;

use super::error::{code, is_duplicate, store_error};
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
    /// An index is not there, or not as it has to be.
    #[error("the index {index} of the collection {collection} is missing or another one")]
    MissingIndex {
        /// The collection.
        collection: String,
        /// The index's name, as [`MongoStore::ensure_indexes`](super::MongoStore::ensure_indexes) makes it.
        index: &'static str,
    },
    /// The unique index cannot be made: two users have the same canonical email.
    #[error("two users in the collection {collection} have the same email")]
    DuplicateEmails {
        /// The collection.
        collection: String,
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

    /// What it means that the index could not be created.
    pub(super) fn index(collection: &str, index: &'static str, error: Error) -> Self {
        /// `IndexOptionsConflict` and `IndexKeySpecsConflict`.
        const CONFLICTS: [i32; 2] = [85, 86];
        let collection = collection.to_owned();
        if is_duplicate(&error) {
            return Self::DuplicateEmails { collection };
        }
        match code(&error) {
            Some(code) if CONFLICTS.contains(&code) => Self::MissingIndex { collection, index },
            _ => Self::store(error),
        }
    }
}
