//! Copying from and to the stores.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::names::Dialect;
use super::record::Record;
use super::statement::{Driver, Failure, Insertion, Row, Statement, Transaction, Value, Work};
use super::store::{SqlStore, until_free};
use super::{audit, identity, session, token, user};
use crate::audit::AuditRecord;
use crate::authz::Role;
use crate::id::{EventId, SessionId, UserId};
use crate::identity::Identity;
use crate::limit::LimitKey;
use crate::lockout::Attempts;
use crate::session::Session;
use crate::store::StoreError;
use crate::store::client::{Act, Fault, not_ended};
use crate::store::copy::{self, CopyStore, Hold, KeptAttempts, RecordStore};
use crate::token::{OneTimeToken, TokenDigest};
use crate::user::User;

/// Records that are rows of a table.
trait Rows: copy::Record {
    /// The table, in braces.
    const TABLE: &'static str;
    /// The column of the key.
    const KEY: &'static str;
    /// The columns that a record is read from.
    const COLUMNS: &'static str;
    /// What holds for the rows that are records.
    const CONDITION: &'static str = "TRUE";

    /// The key as its column has it.
    fn value(key: Self::Key) -> Value;

    /// The key in `column`.
    fn key_in(record: &Record<'_>, column: &'static str) -> Result<Self::Key, StoreError>;

    fn read(row: &Row) -> Result<Self, StoreError>;

    fn insert(&self) -> Result<Insertion, StoreError>;

    /// What else is inserted with those of `records` that were, whose keys are in `inserted`.
    fn rest(_records: &[Self], _inserted: &[Row]) -> Vec<Statement> {
        Vec::new()
    }
}

impl Rows for User {
    const TABLE: &'static str = "{users} AS u";
    const KEY: &'static str = "u.id";
    const COLUMNS: &'static str = user::COLUMNS;

    fn value(key: UserId) -> Value {
        key.to_string().into()
    }

    fn key_in(record: &Record<'_>, column: &'static str) -> Result<UserId, StoreError> {
        record.id(column).map(UserId::from_bytes)
    }

    fn read(row: &Row) -> Result<Self, StoreError> {
        user::read(row)
    }

    fn insert(&self) -> Result<Insertion, StoreError> {
        user::insert(self)
    }

    /// Their roles and identities. A user who was there keeps those that they have.
    fn rest(records: &[Self], inserted: &[Row]) -> Vec<Statement> {
        let inserted: HashSet<&str> = inserted
            .iter()
            .filter_map(|row| match row.values.first() {
                Some(Value::Text(Some(id))) => Some(id.as_str()),
                _ => None,
            })
            .collect();
        let is_inserted = |user: &&Self| inserted.contains(user.id.to_string().as_str());
        let users: Vec<&Self> = records.iter().filter(is_inserted).collect();
        let roles = users.iter();
        let roles: Vec<(UserId, &Role)> = roles
            .flat_map(|user| user.roles.iter().map(|role| (user.id, role)))
            .collect();
        let identities = users.iter();
        let identities: Vec<(UserId, &Identity)> = identities
            .flat_map(|user| user.identities.iter().map(|one| (user.id, one)))
            .collect();
        let row = |(user, role): &(UserId, &Role)| Insertion {
            into: "{user_roles} (user_id, role)",
            list: "?, ?",
            key: "user_id",
            values: vec![user.to_string().into(), role.as_str().into()],
        };
        let roles = roles.chunks(MOST_ROLES);
        let roles = roles.map(|some| some.iter().map(row).collect());
        let identities = identities.chunks(MOST_IDENTITIES);
        let linked = |(user, one): &(UserId, &Identity)| identity::insert(*user, one);
        let identities = identities.map(|some| some.iter().map(linked).collect());
        roles
            .chain(identities)
            .filter_map(Insertion::together)
            .collect()
    }
}

/// How many roles one statement inserts.
const MOST_ROLES: usize = 5000;
/// How many identities one statement inserts: SQLite accepts at most 32,766 values.
const MOST_IDENTITIES: usize = 3000;

impl Rows for Session {
    const TABLE: &'static str = "{sessions}";
    const KEY: &'static str = "id";
    const COLUMNS: &'static str = session::COLUMNS;
    /// One that was ended by a reused refresh token has its row still.
    const CONDITION: &'static str = "ended_at IS NULL";

    fn value(key: SessionId) -> Value {
        key.to_string().into()
    }

    fn key_in(record: &Record<'_>, column: &'static str) -> Result<SessionId, StoreError> {
        record.id(column).map(SessionId::from_bytes)
    }

    fn read(row: &Row) -> Result<Self, StoreError> {
        session::read(row)
    }

    fn insert(&self) -> Result<Insertion, StoreError> {
        session::insert(self)
    }
}

impl Rows for OneTimeToken {
    const TABLE: &'static str = "{tokens}";
    const KEY: &'static str = "digest";
    const COLUMNS: &'static str = token::COLUMNS;

    fn value(key: TokenDigest) -> Value {
        key.to_bytes().as_slice().into()
    }

    fn key_in(record: &Record<'_>, column: &'static str) -> Result<TokenDigest, StoreError> {
        record.bytes(column).map(TokenDigest::from_bytes)
    }

    fn read(row: &Row) -> Result<Self, StoreError> {
        token::read(row)
    }

    fn insert(&self) -> Result<Insertion, StoreError> {
        token::insert(self)
    }
}

impl Rows for KeptAttempts {
    const TABLE: &'static str = "{attempts}";
    const KEY: &'static str = "key";
    const COLUMNS: &'static str = "key, count, open_at, forgotten_at, last_at";

    fn value(key: LimitKey) -> Value {
        key.to_bytes().as_slice().into()
    }

    fn key_in(record: &Record<'_>, column: &'static str) -> Result<LimitKey, StoreError> {
        record.bytes(column).map(LimitKey::from_bytes)
    }

    fn read(row: &Row) -> Result<Self, StoreError> {
        let record = Record::new("login attempts", row);
        let count = u32::try_from(record.count("count")?);
        Ok(Self {
            key: LimitKey::from_bytes(record.bytes("key")?),
            attempts: Attempts {
                count: count.map_err(|_| record.corrupt("count", "is too large"))?,
                open_at: record.instant("open_at")?,
                forgotten_at: record.instant("forgotten_at")?,
                last_at: record.instant("last_at")?,
            },
        })
    }

    fn insert(&self) -> Result<Insertion, StoreError> {
        Ok(Insertion {
            into: "{attempts} (key, count, open_at, forgotten_at, last_at, is_allowed)",
            list: "?, ?, ?, ?, ?, TRUE",
            key: "key",
            values: vec![
                Self::value(self.key),
                i64::from(self.attempts.count).into(),
                self.attempts.open_at.into(),
                self.attempts.forgotten_at.into(),
                self.attempts.last_at.into(),
            ],
        })
    }
}

impl Rows for AuditRecord {
    const TABLE: &'static str = "{audit_log}";
    const KEY: &'static str = "id";
    const COLUMNS: &'static str = audit::COLUMNS;

    fn value(key: EventId) -> Value {
        key.to_string().into()
    }

    fn key_in(record: &Record<'_>, column: &'static str) -> Result<EventId, StoreError> {
        record.id(column).map(EventId::from_bytes)
    }

    fn read(row: &Row) -> Result<Self, StoreError> {
        audit::read(row)
    }

    fn insert(&self) -> Result<Insertion, StoreError> {
        audit::insert(self)
    }
}

/// Inserts records, all in one transaction.
struct Put<R>(Vec<R>);

#[async_trait]
impl<R: Rows> Work for Put<R> {
    type Answer = ();

    async fn run(&self, transaction: &mut dyn Transaction) -> Result<(), Failure> {
        let rows = self.0.iter().map(R::insert).collect::<Result<_, _>>()?;
        let Some(insert) = Insertion::together(rows) else {
            return Ok(());
        };
        let inserted = transaction.run(&insert).await?;
        for statement in R::rest(&self.0, &inserted) {
            transaction.run(&statement).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl<R: Rows> RecordStore<R> for SqlStore {
    async fn page(&self, after: Option<R::Key>, limit: usize) -> Result<Vec<R>, StoreError> {
        let (columns, table, key) = (R::COLUMNS, R::TABLE, R::KEY);
        let above = after.map_or(String::new(), |_| format!("AND {key} > $2"));
        let text = format!(
            "SELECT {columns} FROM {table} WHERE {} {above} ORDER BY {key} LIMIT $1",
            R::CONDITION
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut page = Statement::new(text).with(limit);
        page.values.extend(after.map(R::value));
        self.read_all(page, R::read).await
    }

    async fn put(&self, records: Vec<R>) -> Result<(), StoreError> {
        self.transact(Put(records)).await
    }

    async fn last_key(&self) -> Result<Option<R::Key>, StoreError> {
        let (table, key) = (R::TABLE, R::KEY);
        let text = format!("SELECT {key} AS last FROM {table} ORDER BY {key} DESC LIMIT 1");
        let read = |row: &Row| R::key_in(&Record::new(R::KIND.as_str(), row), "last");
        self.read_one(Statement::new(text), read).await
    }
}

/// The lock under which others read, and do not write.
async fn lock(driver: &dyn Driver, act: Act) -> Result<Box<dyn Transaction + '_>, Failure> {
    let mut transaction = driver.begin(act).await?;
    let statements: &[&str] = match driver.names().dialect {
        #[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
        Dialect::Postgres => &[
            "LOCK TABLE {users}, {user_roles}, {user_identities}, {sessions}, {tokens}, \
             {attempts}, {audit_log} IN EXCLUSIVE MODE",
            // The transaction waits for the copy. Servers before 17 have one of the two.
            "SELECT set_config(name, '0', true) AS value FROM pg_settings \
             WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout')",
        ],
        // The transaction has begun with the lock.
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => &[],
    };
    for text in statements {
        if let Err(failure) = transaction.run(&Statement::new(*text)).await {
            transaction.rollback().await;
            return Err(failure);
        }
    }
    Ok(transaction)
}

/// How often the transaction of the lock is used, so that nothing between ends an idle connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Keeps the lock until `released` is dropped.
///
/// # Errors
///
/// [`StoreError`] if the transaction has ended before that, and the lock with it.
async fn keep(
    transaction: &mut dyn Transaction,
    deadline: Duration,
    mut released: oneshot::Receiver<()>,
) -> Result<(), StoreError> {
    loop {
        let is_over = timeout(KEEP_ALIVE, &mut released).await.is_ok();
        transaction.allow(Act::within(deadline));
        let lives = transaction.run(&Statement::new("SELECT 1 AS one")).await;
        lives.map_err(StoreError::from)?;
        if is_over {
            return Ok(());
        }
    }
}

impl SqlStore {
    /// Refuses writes by a transaction that is kept open until the hold is released.
    async fn hold(&self) -> Result<Hold, StoreError> {
        let deadline = self.inner.deadline;
        let act = Act::within(deadline);
        let driver = Arc::clone(&self.inner.driver);
        let (tell, told) = oneshot::channel();
        let (release, released) = oneshot::channel::<()>();
        let task = self.inner.runtime.spawn(async move {
            let locked = until_free(act, || lock(&*driver, act)).await;
            let mut transaction = match locked {
                Ok(transaction) => transaction,
                Err(failure) => {
                    let _ = tell.send(Err(StoreError::from(failure)));
                    return Ok(());
                }
            };
            let held = match tell.send(Ok(())) {
                Ok(()) => keep(&mut *transaction, deadline, released).await,
                Err(_) => Ok(()),
            };
            transaction.rollback().await;
            held
        });
        match told.await {
            Ok(locked) => locked?,
            Err(_) => {
                return Err(match task.await {
                    Err(task) => not_ended(task),
                    Ok(_) => Fault::new("the lock was not taken").unavailable(),
                });
            }
        }
        Ok(Hold::new(async move {
            drop(release);
            task.await.unwrap_or_else(|task| Err(not_ended(task)))
        }))
    }
}

macro_rules! copied {
    ($store:ident: $($record:ident)*) => {
        $(#[async_trait]
        impl RecordStore<$record> for super::$store {
            async fn page(
                &self,
                after: Option<<$record as copy::Record>::Key>,
                limit: usize,
            ) -> Result<Vec<$record>, StoreError> {
                self.store.page(after, limit).await
            }

            async fn put(&self, records: Vec<$record>) -> Result<(), StoreError> {
                self.store.put(records).await
            }

            async fn last_key(
                &self,
            ) -> Result<Option<<$record as copy::Record>::Key>, StoreError> {
                RecordStore::<$record>::last_key(&self.store).await
            }
        })*

        #[async_trait]
        impl CopyStore for super::$store {
            async fn hold(&self) -> Result<Hold, StoreError> {
                self.store.hold().await
            }
        }
    };
}

#[cfg(feature = "sqlite")]
copied!(SqliteStore: User Session OneTimeToken KeptAttempts AuditRecord);
#[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
copied!(PostgresStore: User Session OneTimeToken KeptAttempts AuditRecord);
