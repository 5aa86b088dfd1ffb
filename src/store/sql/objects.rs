//! What the store needs in the database beside the note of its version: the tables, a function,
//! privileges on them, and the unique indexes.

use super::names::{Dialect, Names, TABLES};
#[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
use super::record::Record;
use super::start_error::StartError;
use super::statement::{Row, Statement};

/// Runs statements, within a transaction or without one.
pub(super) trait Runs {
    fn names(&self) -> Names;

    async fn rows(&mut self, statement: Statement) -> Result<Vec<Row>, StartError>;
}

/// Whether a table exists.
pub(super) async fn exists(runs: &mut impl Runs, name: &str) -> Result<bool, StartError> {
    let names = runs.names();
    let statement = match names.dialect {
        #[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
        Dialect::Postgres => Statement::new(
            "SELECT CAST(c.relname AS text) AS name FROM pg_catalog.pg_class AS c \
             JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
             WHERE c.relname = $1 AND n.nspname = $2",
        )
        .with(names.bare(name))
        .with(names.schema().map(str::to_owned)),
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => {
            Statement::new("SELECT name FROM sqlite_master WHERE name = $1 COLLATE NOCASE")
                .with(names.bare(name))
        }
    };
    Ok(!runs.rows(statement).await?.is_empty())
}

/// Checks that the note of the version can be read.
pub(super) async fn require_note(runs: &mut impl Runs) -> Result<(), StartError> {
    match runs.names().dialect {
        #[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
        Dialect::Postgres => require_tables(runs, &["meta"]).await,
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => Ok(()),
    }
}

/// Checks that all tables and functions exist, and that the role may use them.
pub(super) async fn require_all(runs: &mut impl Runs) -> Result<(), StartError> {
    match runs.names().dialect {
        #[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
        Dialect::Postgres => {
            require_tables(runs, &TABLES).await?;
            require_function(runs).await
        }
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => {
            for table in TABLES {
                if !exists(runs, table).await? {
                    return Err(StartError::Missing {
                        kind: "table",
                        name: runs.names().shown(table),
                    });
                }
            }
            Ok(())
        }
    }
}

/// The privileges that the role needs on a table.
#[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
fn privileges(table: &str) -> &'static [&'static str] {
    match table {
        "meta" => &["SELECT"],
        _ => &["SELECT", "INSERT", "UPDATE", "DELETE"],
    }
}

#[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
async fn require_tables(runs: &mut impl Runs, tables: &[&str]) -> Result<(), StartError> {
    let names = runs.names();
    let mut statement = Statement::new("").with(names.schema().map(str::to_owned));
    let mut wanted = Vec::new();
    for table in tables {
        let number = statement.add(names.bare(table));
        wanted.extend(
            privileges(table)
                .iter()
                .map(|privilege| format!("(${number}, '{table}', '{privilege}')")),
        );
    }
    statement.text = format!(
        "SELECT w.name, w.privilege, c.oid IS NOT NULL AS is_found \
         FROM (VALUES {}) AS w (full_name, name, privilege) LEFT JOIN (pg_catalog.pg_class AS c \
             JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = $1) \
         ON c.relname = w.full_name \
         WHERE c.oid IS NULL OR NOT has_table_privilege(c.oid, w.privilege) \
         ORDER BY is_found, w.name, w.privilege LIMIT 1",
        wanted.join(", ")
    )
    .into();
    let rows = runs.rows(statement).await?;
    let Some(row) = rows.first() else {
        return Ok(());
    };
    let record = Record::new("privilege", row);
    let name = names.shown(record.text("name")?);
    let privilege = record.text("privilege")?.to_owned();
    let kind = "table";
    Err(match record.flag("is_found")? {
        true => StartError::MissingPrivilege {
            privilege,
            kind,
            name,
        },
        false => StartError::Missing { kind, name },
    })
}

/// The function of the rate limits.
#[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
const FUNCTION: &str = "hit_all_1";

#[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
async fn require_function(runs: &mut impl Runs) -> Result<(), StartError> {
    let names = runs.names();
    let statement = Statement::new(
        "SELECT has_function_privilege(p.oid, 'EXECUTE') AS is_allowed \
         FROM pg_catalog.pg_proc AS p \
         JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace \
         WHERE p.proname = $1 AND n.nspname = $2 AND pg_catalog.oidvectortypes(p.proargtypes) = \
             'bytea[], bigint[], bigint[], bigint, bigint, bigint'",
    )
    .with(names.bare(FUNCTION))
    .with(names.schema().map(str::to_owned));
    let rows = runs.rows(statement).await?;
    let (kind, name) = ("function", names.shown(FUNCTION));
    let Some(row) = rows.first() else {
        return Err(StartError::Missing { kind, name });
    };
    match Record::new("function", row).flag("is_allowed")? {
        true => Ok(()),
        false => Err(StartError::MissingPrivilege {
            privilege: "EXECUTE".to_owned(),
            kind,
            name,
        }),
    }
}

/// The columns that are unique: their tables and the names of their indexes.
const UNIQUE: [(&str, &str, &str); 2] = [
    ("users", "email_canonical", "users_email"),
    ("user_identities", "key", "user_identities_key"),
];

/// Checks that a unique index covers the canonical addresses of all users, and one the keys of
/// all identities, and that they compare them by bytes. Their names do not matter.
pub(super) async fn require_indexes(runs: &mut impl Runs) -> Result<(), StartError> {
    let names = runs.names();
    let text = match names.dialect {
        #[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
        Dialect::Postgres => {
            // A column of bytes has no collation.
            "SELECT CAST(i.indexrelid AS text) AS name FROM pg_index AS i \
             JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] \
             LEFT JOIN pg_collation AS c ON c.oid = i.indcollation[0] \
             LEFT JOIN pg_collation AS o ON o.oid = a.attcollation \
             WHERE i.indrelid = to_regclass($1) AND a.attname = $2 \
             AND i.indnkeyatts = 1 AND i.indisunique AND i.indisvalid AND i.indimmediate \
             AND i.indpred IS NULL AND c.collisdeterministic IS NOT FALSE \
             AND o.collisdeterministic IS NOT FALSE"
        }
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => {
            "SELECT l.name FROM pragma_index_list($1) AS l JOIN pragma_index_xinfo(l.name) AS x \
             WHERE l.\"unique\" = 1 AND l.partial = 0 AND x.key = 1 \
             GROUP BY l.name HAVING count(*) = 1 AND max(x.name) = $2 \
             AND max(x.coll) = 'BINARY'"
        }
    };
    for (table, column, index) in UNIQUE {
        let found = Statement::new(text).with(names.table(table)).with(column);
        if runs.rows(found).await?.is_empty() {
            let index = names.shown(index);
            return Err(StartError::MissingIndex { index });
        }
    }
    Ok(())
}
