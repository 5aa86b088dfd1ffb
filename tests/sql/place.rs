//! A fresh database of either kind, for tests that are the same for both.

use std::ops::Deref;

use admittance::store::sql::{PostgresStore, SqlConfig, SqliteStore, StartError};
use admittance::store::{Store, StoreError};
use admittance::time::Timestamp;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, SqliteConnection};
use support::sqlite::Folder;
use support::{postgres, sqlite};

/// The tables that the store makes, without their prefix, but for that of notes.
pub(crate) const TABLES: [&str; 8] = [
    "users",
    "user_roles",
    "user_identities",
    "sessions",
    "tokens",
    "limits",
    "attempts",
    "audit_log",
];

/// A fresh database, to which other programs have access too.
pub(crate) enum Place {
    Sqlite(Folder),
    Postgres(String),
}

/// A store of either kind.
#[derive(Clone, Debug)]
pub(crate) enum SqlStore {
    Sqlite(SqliteStore),
    Postgres(PostgresStore),
}

impl Deref for SqlStore {
    type Target = dyn Store;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Sqlite(store) => store,
            Self::Postgres(store) => store,
        }
    }
}

impl SqlStore {
    pub(crate) async fn sweep(&self, now: Timestamp, batch: u32) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(store) => store.sweep(now, batch).await,
            Self::Postgres(store) => store.sweep(now, batch).await,
        }
    }
}

impl Place {
    pub(crate) async fn postgres() -> Self {
        Self::Postgres(postgres::fresh_url().await)
    }

    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(Folder::fresh())
    }

    /// One of each kind.
    pub(crate) async fn each() -> [Self; 2] {
        [Self::sqlite(), Self::postgres().await]
    }

    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite(folder) => folder.url(),
            Self::Postgres(url) => url.clone(),
        }
    }

    /// A store over it, with deadlines that no machine is too slow for.
    pub(crate) async fn store(&self) -> SqlStore {
        self.start(postgres::config()).await.unwrap()
    }

    pub(crate) async fn start(&self, config: SqlConfig) -> Result<SqlStore, StartError> {
        Ok(match self {
            Self::Sqlite(folder) => {
                SqlStore::Sqlite(SqliteStore::open(&folder.url(), config).await?)
            }
            Self::Postgres(url) => SqlStore::Postgres(PostgresStore::connect(url, config).await?),
        })
    }

    /// The table as errors name it.
    pub(crate) fn shown(&self, table: &str) -> String {
        match self {
            Self::Sqlite(_) => format!("admittance_{table}"),
            Self::Postgres(_) => format!("public.admittance_{table}"),
        }
    }

    /// A connection of another program.
    pub(crate) async fn other(&self) -> Other {
        match self {
            Self::Sqlite(folder) => {
                let options = SqliteConnectOptions::new().filename(folder.file());
                let options = options.create_if_missing(true).foreign_keys(true);
                let connection = SqliteConnection::connect_with(&options).await;
                Other::Sqlite(connection.unwrap())
            }
            Self::Postgres(url) => Other::Postgres(PgConnection::connect(url).await.unwrap()),
        }
    }

    /// Everything that the store has written, row by row.
    pub(crate) async fn rows(&self) -> Vec<String> {
        let mut other = self.other().await;
        let mut rows = Vec::new();
        for table in TABLES {
            rows.extend(other.rows(&format!("admittance_{table}")).await);
        }
        rows
    }
}

/// A connection of another program.
pub(crate) enum Other {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Other {
    /// Runs any number of statements.
    pub(crate) async fn try_to_run(&mut self, text: &str) -> Result<(), sqlx::Error> {
        let script = sqlx::raw_sql(AssertSqlSafe(text));
        match self {
            Self::Sqlite(connection) => script.execute(connection).await.map(drop),
            Self::Postgres(connection) => script.execute(connection).await.map(drop),
        }
    }

    pub(crate) async fn run(&mut self, text: &str) {
        let done = self.try_to_run(text).await;
        done.unwrap_or_else(|error| panic!("{text}: {error}"));
    }

    /// The first column of what a statement selects, as texts.
    pub(crate) async fn texts(&mut self, text: &str) -> Vec<String> {
        let query = AssertSqlSafe(text);
        match self {
            Self::Sqlite(connection) => {
                let rows = sqlx::query(query).fetch_all(connection).await.unwrap();
                let text = |row: &_| Row::get_unchecked::<Option<String>, _>(row, 0);
                rows.iter()
                    .map(text)
                    .map(Option::unwrap_or_default)
                    .collect()
            }
            Self::Postgres(connection) => {
                let rows = sqlx::query(query).fetch_all(connection).await.unwrap();
                let text = |row: &_| Row::get_unchecked::<Option<String>, _>(row, 0);
                rows.iter()
                    .map(text)
                    .map(Option::unwrap_or_default)
                    .collect()
            }
        }
    }

    pub(crate) async fn count(&mut self, from: &str) -> u32 {
        let select = format!("SELECT CAST(count(*) AS text) FROM {from}");
        let texts = self.texts(&select).await;
        texts.first().unwrap().parse().unwrap()
    }

    /// The rows of a table, sorted.
    pub(crate) async fn rows(&mut self, table: &str) -> Vec<String> {
        let row = match self {
            Self::Postgres(_) => "t::text".to_owned(),
            Self::Sqlite(_) => {
                let columns = self.columns(table).await;
                let quoted = columns.iter().map(|(column, _)| format!("quote({column})"));
                quoted.collect::<Vec<_>>().join(" || ',' || ")
            }
        };
        let select = format!("SELECT '{table} ' || {row} FROM {table} AS t ORDER BY 1");
        self.texts(&select).await
    }

    /// The names of the columns and their types.
    pub(crate) async fn columns(&mut self, table: &str) -> Vec<(String, String)> {
        let select = match self {
            Self::Sqlite(_) => {
                format!("SELECT name || ' ' || lower(type) FROM pragma_table_info('{table}')")
            }
            Self::Postgres(_) => format!(
                "SELECT column_name || ' ' || data_type FROM information_schema.columns \
                 WHERE table_name = '{table}' AND is_generated = 'NEVER' ORDER BY ordinal_position"
            ),
        };
        let columns = self.texts(&select).await;
        let parted = columns.iter().map(|column| column.split_once(' ').unwrap());
        parted
            .map(|(name, kind)| (name.to_owned(), kind.to_owned()))
            .collect()
    }
}

/// The settings for SQLite and PostgreSQL alike, with a deadline that passes soon.
pub(crate) fn impatient(milliseconds: u64) -> SqlConfig {
    let mut config = sqlite::config();
    config.deadline = std::time::Duration::from_millis(milliseconds);
    config
}
