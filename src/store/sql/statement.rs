//! Statements, their values, and the two things that a driver does with them.

use std::borrow::Cow;
use std::sync::Arc;

use async_trait::async_trait;

use super::names::Names;
use super::start_error::StartError;
use crate::store::client::Act;
use crate::store::{Cause, StoreError};
use crate::time::Timestamp;

/// A value that a statement carries, or that a row has. Each type has its own NULL, since
/// PostgreSQL wants to know the type of one.
#[derive(Clone, PartialEq)]
pub(super) enum Value {
    Int(Option<i64>),
    Bool(Option<bool>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(Some(number))
    }
}

impl From<Timestamp> for Value {
    fn from(at: Timestamp) -> Self {
        Self::Int(Some(at.as_millis()))
    }
}

impl From<Option<Timestamp>> for Value {
    fn from(at: Option<Timestamp>) -> Self {
        Self::Int(at.map(Timestamp::as_millis))
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Bool(Some(flag))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(Some(bytes.to_vec()))
    }
}

/// One statement with its values: `$1` is the first.
///
/// The text is written once for both dialects. What differs between them, and the names of
/// tables, stand in braces, and are filled in by [`Names::expand`]. `{value}` is the next value,
/// for texts with very many: SQLite looks up a value with a number by going through all of them.
#[derive(Clone)]
pub(super) struct Statement {
    pub(super) text: Cow<'static, str>,
    pub(super) values: Vec<Value>,
}

impl Statement {
    pub(super) fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            text: text.into(),
            values: Vec::new(),
        }
    }

    /// The statement with one value more.
    pub(super) fn with(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Adds a value, and returns the number that the text calls it by.
    pub(super) fn add(&mut self, value: impl Into<Value>) -> usize {
        self.values.push(value.into());
        self.values.len()
    }
}

/// One row that is to be inserted, unless its key is taken.
pub(super) struct Insertion {
    /// The table and its columns: `{table} (key, …)`.
    pub(super) into: &'static str,
    /// What the columns become, with a question mark for each value: `?, CAST(? AS {json})`.
    pub(super) list: &'static str,
    /// The column of the key, which the statement returns if the row is inserted.
    pub(super) key: &'static str,
    /// The values of the columns, that of the key first.
    pub(super) values: Vec<Value>,
}

impl Insertion {
    /// The statement that inserts the row.
    pub(super) fn alone(self) -> Statement {
        let list = numbered(self.list);
        let text = format!(
            "INSERT INTO {} SELECT {list} WHERE {{durable}} ON CONFLICT DO NOTHING RETURNING {}",
            self.into, self.key
        );
        Statement {
            text: text.into(),
            values: self.values,
        }
    }

    /// The statement that finds the row that has the key of this one.
    pub(super) fn same_key(&self) -> Statement {
        let (table, key) = (self.into.split(' ').next().unwrap_or_default(), self.key);
        Statement {
            text: format!("SELECT {key} FROM {table} WHERE {key} = $1").into(),
            values: self.values.iter().take(1).cloned().collect(),
        }
    }

    /// The statement that inserts all of `rows`, which are of one table; for a transaction.
    /// `None` if there are none.
    pub(super) fn together(rows: Vec<Self>) -> Option<Statement> {
        let first = rows.first()?;
        let list = format!("({})", first.list.replace('?', "{value}"));
        let lists = vec![list; rows.len()];
        let text = format!(
            "INSERT INTO {} VALUES {} ON CONFLICT DO NOTHING RETURNING {}",
            first.into,
            lists.join(", "),
            first.key
        );
        Some(Statement {
            text: text.into(),
            values: rows.into_iter().flat_map(|row| row.values).collect(),
        })
    }
}

/// The list with `$1`, `$2`, … in place of its question marks.
fn numbered(list: &str) -> String {
    let mut text = String::with_capacity(list.len() * 2);
    let mut last = 0;
    for letter in list.chars() {
        text.push(if letter == '?' { '$' } else { letter });
        if letter == '?' {
            last += 1;
            text.push_str(&last.to_string());
        }
    }
    text
}

/// One row of an answer.
#[derive(Clone)]
pub(super) struct Row {
    pub(super) columns: Arc<[String]>,
    pub(super) values: Vec<Value>,
}

/// Why a statement failed.
pub(super) enum Failure {
    /// Another transaction prevented it: a deadlock, a serialization failure, a locked database.
    /// Nothing was changed, and the act may be made again.
    Contended(Cause),
    /// The connection was in a state in which it could not run the statement. Nothing was
    /// changed, and another connection may run it.
    Stale(Cause),
    /// A unique index refused the write.
    Duplicate,
    /// Anything else.
    Store(StoreError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Contended(cause) | Failure::Stale(cause) => Self::Unavailable(cause),
            Failure::Duplicate => Self::Other("a unique index refused the write".into()),
            Failure::Store(error) => error,
        }
    }
}

impl From<Failure> for StartError {
    fn from(failure: Failure) -> Self {
        StoreError::from(failure).into()
    }
}

/// A database of one dialect.
#[async_trait]
pub(super) trait Driver: std::fmt::Debug + Send + Sync {
    /// Reads what is committed, in one statement.
    async fn read(&self, statement: &Statement, act: Act) -> Result<Vec<Row>, Failure>;

    /// Writes in one statement, whose answer means that it is durable. It carries the
    /// condition `{durable}`.
    async fn write(&self, statement: &Statement, act: Act) -> Result<Vec<Row>, Failure>;

    /// Begins a transaction that writes. It is rolled back when it is dropped.
    async fn begin<'d>(&'d self, act: Act) -> Result<Box<dyn Transaction + 'd>, Failure>;

    /// Checks that the database keeps what it acknowledges.
    async fn check(&self, act: Act) -> Result<(), StartError>;

    /// Closes all connections, once they are not in use.
    #[cfg(feature = "sqlite")]
    async fn close(&self);

    /// The names of the tables, in the dialect of the database.
    fn names(&self) -> &Names;
}

/// A transaction whose commit is durable.
#[async_trait]
pub(super) trait Transaction: Send {
    /// Sets the time limit of what follows, in place of that of the beginning.
    fn allow(&mut self, act: Act);

    async fn run(&mut self, statement: &Statement) -> Result<Vec<Row>, Failure>;

    /// Runs any number of statements that have no values and no words in braces.
    async fn script(&mut self, text: &str) -> Result<(), Failure>;

    async fn commit(self: Box<Self>) -> Result<(), Failure>;

    async fn rollback(self: Box<Self>);
}

/// Commits the transaction if the work in it succeeded, and rolls it back if not.
pub(super) async fn end<T, E: From<Failure>>(
    transaction: Box<dyn Transaction + '_>,
    outcome: Result<T, E>,
) -> Result<T, E> {
    match outcome {
        Ok(answer) => {
            transaction.commit().await?;
            Ok(answer)
        }
        Err(error) => {
            transaction.rollback().await;
            Err(error)
        }
    }
}

/// An act of several statements in one transaction. It is made again when it is contended.
#[async_trait]
pub(super) trait Work: Send + Sync + 'static {
    type Answer: Send + 'static;

    async fn run(&self, transaction: &mut dyn Transaction) -> Result<Self::Answer, Failure>;
}
