//! What keeps a store from starting.

use crate::error::ConfigError;
use crate::store::StoreError;

/// Why the store does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The URL is not valid. The error gives no details, because a URL may contain a password.
    #[error("the URL of the database is not valid")]
    InvalidUrl,
    /// The URL has a parameter that the driver does not know, and would log with its value.
    #[error("the URL of the database has the parameter {name}, which the driver does not know")]
    UnknownParameter {
        /// The parameter.
        name: &'static str,
    },
    /// The server refuses the role, its password or the database.
    #[error("the server refuses the connection: {reason}")]
    Refused {
        /// The code of PostgreSQL and its name, such as `28P01 invalid_password`.
        reason: String,
    },
    /// The SQLite database is in memory, where each connection would have its own. Use
    /// `MemoryStore` instead.
    #[error("a SQLite database in memory cannot be used: name a file")]
    InMemory,
    /// The server is a replica, which accepts no writes.
    #[error("the server is a replica: the store needs the primary")]
    Replica,
    /// Transactions are read-only by default: `default_transaction_read_only` of the server,
    /// the database or the role.
    #[error("transactions are read-only by default: see default_transaction_read_only")]
    ReadOnly,
    /// The encoding of the database is not UTF8.
    #[error("the encoding of the database is not UTF8")]
    Encoding,
    /// The database can lose what it has acknowledged: a PostgreSQL server with `fsync = off`,
    /// or a SQLite pool with `synchronous = OFF`.
    #[error("the database can lose what it has acknowledged: fsync or synchronous is off")]
    NotDurable,
    /// A table with one of this store's names exists, and is not noted as made by this store.
    #[error("the table {table} exists, and this store did not make it")]
    ForeignTable {
        /// The table.
        table: String,
    },
    /// Migrations are missing, and [`Migrations::Verify`](super::Migrations::Verify) does not
    /// apply them.
    #[error("the tables have version {found}, and this version of the store needs {needed}")]
    MissingMigrations {
        /// The version of the tables; 0 if there are none.
        found: u32,
        /// The version that is needed.
        needed: u32,
    },
    /// A newer version of this store has changed the tables.
    #[error("the tables have version {found}, and this version of the store knows {known} at most")]
    NewerSchema {
        /// The version of the tables.
        found: u32,
        /// The latest version that is known here.
        known: u32,
    },
    /// [`SqlConfig::schema`](super::SqlConfig::schema) is not set, and the server has no
    /// `current_schema()`, or a temporary one.
    #[error("no schema of the search_path can be used: set SqlConfig::schema")]
    NoSchema,
    /// A schema, a table or a function is missing.
    #[error("the {kind} {name} is missing")]
    Missing {
        /// `schema`, `table` or `function`.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// The role lacks a privilege.
    #[error("the role lacks the privilege {privilege} on the {kind} {name}")]
    MissingPrivilege {
        /// The privilege, such as `SELECT`.
        privilege: String,
        /// `schema`, `table` or `function`.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// No unique index covers the canonical addresses of all users, compared by bytes.
    #[error("the unique index {index} is missing, or does not compare all addresses by bytes")]
    MissingIndex {
        /// The index.
        index: String,
    },
    /// A setting is out of range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl StartError {
    /// The [`StoreError`], if this is one.
    pub(super) fn of_store(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) => Some(error),
            _ => None,
        }
    }
}
