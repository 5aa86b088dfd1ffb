//! The names of the tables, and what differs between the dialects.

use std::sync::{Arc, OnceLock};

use super::config::{PREFIX, SqlConfig};

/// The tables, without their prefix.
pub(super) const TABLES: [&str; 9] = [
    "meta",
    "users",
    "user_roles",
    "user_identities",
    "sessions",
    "tokens",
    "limits",
    "attempts",
    "audit_log",
];

/// The tables that are not of the first migration, each with the number of its own.
pub(super) const LATER_TABLES: [(u32, &str); 1] = [(2, "user_identities")];

/// What is written otherwise in PostgreSQL than in SQLite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    #[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
    Postgres,
    #[cfg(feature = "sqlite")]
    Sqlite,
}

impl Dialect {
    /// What stands for the name in braces; `None` if it is the name of a table.
    fn word(self, name: &str) -> Option<&'static str> {
        match self {
            #[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
            Self::Postgres => Some(match name {
                "least" => "LEAST",
                "greatest" => "GREATEST",
                "last_characters" => "right",
                "minus" => "",
                "json" => "json",
                "row" => "ctid",
                "list" => "json_agg",
                "array" => "json_build_array",
                "locked" => "FOR NO KEY UPDATE",
                "free" => "FOR UPDATE SKIP LOCKED",
                _ => return None,
            }),
            #[cfg(feature = "sqlite")]
            Self::Sqlite => Some(match name {
                "least" => "min",
                "greatest" => "max",
                "last_characters" => "substr",
                "minus" => "-",
                "json" => "text",
                "row" => "rowid",
                "list" => "json_group_array",
                "array" => "json_array",
                // SQLite has one writer at a time, and no row locks.
                "locked" | "free" => "",
                _ => return None,
            }),
        }
    }

    /// How a statement calls its value with this number, when the values come in their order.
    #[cfg_attr(
        not(any(feature = "postgres", feature = "postgres-aws-lc-rs")),
        expect(unused_variables, reason = "SQLite counts the values itself")
    )]
    fn value(self, number: usize) -> String {
        match self {
            #[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
            Self::Postgres => format!("${number}"),
            #[cfg(feature = "sqlite")]
            Self::Sqlite => "?".to_owned(),
        }
    }
}

/// The names of the tables of one store.
#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) dialect: Dialect,
    /// The schema of the tables: in PostgreSQL, that of the settings, or the one that the first
    /// check of the server has found. None in SQLite.
    schema: Arc<OnceLock<String>>,
    pub(super) prefix: String,
}

impl Names {
    pub(super) fn new(dialect: Dialect, config: &SqlConfig) -> Self {
        Self {
            dialect,
            schema: Arc::new(
                config
                    .schema
                    .clone()
                    .map_or_else(OnceLock::new, OnceLock::from),
            ),
            prefix: config.prefix.clone(),
        }
    }

    /// The schema of the tables, if it is known.
    pub(super) fn schema(&self) -> Option<&str> {
        self.schema.get().map(String::as_str)
    }

    /// Keeps the schema that the server has named. The first one stays.
    #[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
    pub(super) fn keep_schema(&self, schema: &str) {
        self.schema.get_or_init(|| schema.to_owned());
    }

    /// The table, with its prefix and schema, as a statement names it.
    pub(super) fn table(&self, name: &str) -> String {
        match self.schema() {
            Some(schema) => format!("{}.{}", quoted(schema), quoted(&self.bare(name))),
            None => self.bare(name),
        }
    }

    /// The table, with its prefix alone.
    pub(super) fn bare(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The table, with its prefix and schema, as a message names it.
    pub(super) fn shown(&self, name: &str) -> String {
        match self.schema() {
            Some(schema) => format!("{schema}.{}", self.bare(name)),
            None => self.bare(name),
        }
    }

    /// The text of a statement for this store: each name in braces stands for a table, or for
    /// a word of the dialect. `durable` is for the condition of a write, `{value}` the next
    /// value.
    pub(super) fn expand(&self, text: &str, durable: &str) -> String {
        let mut expanded = String::with_capacity(text.len() + 256);
        let mut values = 0;
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            expanded.push_str(before);
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            match self.dialect.word(name) {
                Some(word) => expanded.push_str(word),
                None if name == "durable" => expanded.push_str(durable),
                None if name == "value" => {
                    values += 1;
                    expanded.push_str(&self.dialect.value(values));
                }
                None => expanded.push_str(&self.table(name)),
            }
            rest = after;
        }
        expanded.push_str(rest);
        expanded
    }

    /// A migration for this store: it is written with the default prefix.
    pub(super) fn migration(&self, text: &str) -> String {
        text.replace(PREFIX, &self.prefix)
    }
}

/// An identifier in quotes, which may be a keyword, or a schema of any name.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
