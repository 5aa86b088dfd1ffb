//! Users.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde_json::{Map, Value as Json, json};

use super::names::Dialect;
use super::record::{Record, hex};
use super::statement::{Failure, Insertion, Row, Statement, Transaction, Value, Work};
use super::store::{SqlStore, TRIES, not_written, stored, written};
use crate::authz::Role;
use crate::email::{CanonicalEmail, Email};
use crate::id::UserId;
use crate::preferences::{Metadata, Preferences};
use crate::store::{
    EmailChange, EpochChange, InsertUser, Removal, StoreError, UserChange, UserStore,
};
use crate::user::{
    AccountState, DeviceDigest, DisplayName, MAX_DEVICES, PasswordHash, PendingHook, User,
    UserStatus,
};

/// The columns of a user, of the table as `u`. The first is the id.
pub(super) const COLUMNS: &str = "u.id, u.email, u.email_canonical, u.name, u.password_hash, u.created_at, \
    u.last_login, u.is_verified, u.preferences, u.metadata, u.pending_hook, u.status, \
    u.auth_epoch, u.link_epoch, u.version, u.devices, \
    (SELECT {list}(r.role) FROM {user_roles} AS r WHERE r.user_id = u.id) AS roles";

/// The digits of one device in the column `devices`.
const DEVICE_DIGITS: usize = 32;

fn select(rest: &str) -> Statement {
    Statement::new(format!("SELECT {COLUMNS} FROM {{users}} AS u {rest}"))
}

fn by_id(id: UserId) -> Statement {
    select("WHERE u.id = $1").with(id.to_string())
}

fn by_email(email: &CanonicalEmail) -> Statement {
    select("WHERE u.email_canonical = $1").with(email.as_str())
}

/// The user, with the row locked until the transaction ends.
async fn locked(transaction: &mut dyn Transaction, id: UserId) -> Result<Option<User>, Failure> {
    let lock = Statement::new("SELECT id FROM {users} WHERE id = $1 {locked}");
    transaction.run(&lock.with(id.to_string())).await?;
    // A separate statement, which sees the changes that the first one waited for.
    let rows = transaction.run(&by_id(id)).await?;
    Ok(rows.first().map(read).transpose()?)
}

fn json_text(object: &Map<String, Json>) -> String {
    Json::from(object.clone()).to_string()
}

fn hook_text(hook: &PendingHook) -> String {
    json!({ "kind": hook.kind.as_str(), "data": hook.data }).to_string()
}

fn devices_text(devices: &[DeviceDigest]) -> String {
    devices
        .iter()
        .map(|device| hex(&device.to_bytes()))
        .collect()
}

/// The values of the columns that [`User::change`] may change, and of the address.
fn values(user: &User) -> Result<Vec<Value>, StoreError> {
    Ok(vec![
        user.id.to_string().into(),
        user.email.as_str().into(),
        user.email.canonical().as_str().into(),
        user.name.as_str().into(),
        Value::Text(
            user.password_hash
                .as_ref()
                .map(|hash| hash.expose_secret().to_owned()),
        ),
        user.last_login.into(),
        user.is_verified.into(),
        json_text(user.preferences.as_map()).into(),
        json_text(user.metadata.as_map()).into(),
        Value::Text(user.pending_hook.as_ref().map(hook_text)),
        user.status.as_str().into(),
        stored(user.auth_epoch, "auth_epoch")?.into(),
        stored(user.link_epoch, "link_epoch")?.into(),
        stored(user.version, "version")?.into(),
        devices_text(&user.devices).into(),
    ])
}

pub(super) fn insert(user: &User) -> Result<Insertion, StoreError> {
    let mut values = values(user)?;
    values.push(user.created_at.into());
    Ok(Insertion {
        into: "{users} (id, email, email_canonical, name, password_hash, last_login, \
            is_verified, preferences, metadata, pending_hook, status, auth_epoch, link_epoch, \
            version, devices, created_at)",
        list: "?, ?, ?, ?, ?, ?, ?, CAST(? AS {json}), CAST(? AS {json}), CAST(? AS {json}), \
            ?, ?, ?, ?, ?, ?",
        key: "id",
        values,
    })
}

fn update(user: &User) -> Result<Statement, StoreError> {
    let text = "UPDATE {users} SET email = $2, email_canonical = $3, name = $4, \
        password_hash = $5, last_login = $6, is_verified = $7, preferences = CAST($8 AS {json}), \
        metadata = CAST($9 AS {json}), pending_hook = CAST($10 AS {json}), status = $11, \
        auth_epoch = $12, link_epoch = $13, version = $14, devices = $15 WHERE id = $1 \
        RETURNING id";
    let mut statement = Statement::new(text);
    statement.values = values(user)?;
    Ok(statement)
}

/// Adds `roles`. A role that the user has stays.
fn grant<'r>(id: UserId, roles: impl Iterator<Item = &'r Role>) -> Option<Statement> {
    let mut statement = Statement::new("");
    let user = statement.add(id.to_string());
    let rows: Vec<String> = roles
        .map(|role| format!("(${user}, ${})", statement.add(role.as_str())))
        .collect();
    statement.text = format!(
        "INSERT INTO {{user_roles}} (user_id, role) VALUES {} ON CONFLICT DO NOTHING \
         RETURNING role",
        rows.join(", ")
    )
    .into();
    (!rows.is_empty()).then_some(statement)
}

fn revoke<'r>(id: UserId, roles: impl Iterator<Item = &'r Role>) -> Option<Statement> {
    let mut statement = Statement::new("");
    let user = statement.add(id.to_string());
    let names: Vec<String> = roles
        .map(|role| format!("${}", statement.add(role.as_str())))
        .collect();
    statement.text = format!(
        "DELETE FROM {{user_roles}} WHERE user_id = ${user} AND role IN ({}) RETURNING role",
        names.join(", ")
    )
    .into();
    (!names.is_empty()).then_some(statement)
}

pub(super) fn read(row: &Row) -> Result<User, StoreError> {
    let record = Record::new("user", row);
    let mut roles = BTreeSet::new();
    for name in record.optional_list("roles")?.unwrap_or_default() {
        let role = name.as_str().and_then(|name| Role::new(name).ok());
        roles.insert(role.ok_or_else(|| record.corrupt("roles", "has something that is no role"))?);
    }
    let mut devices = Vec::new();
    let digits = record.text("devices")?;
    for device in digits.as_bytes().chunks(DEVICE_DIGITS) {
        let device = std::str::from_utf8(device).unwrap_or_default();
        devices.push(DeviceDigest::from_bytes(record.hex("devices", device)?));
    }
    Ok(User {
        id: UserId::from_bytes(record.id("id")?),
        email: Email::from_store(
            record.text("email")?.to_owned(),
            record.text("email_canonical")?.to_owned(),
        ),
        name: DisplayName::from_store(record.text("name")?.to_owned()),
        password_hash: record
            .optional_text("password_hash")?
            .map(PasswordHash::new),
        created_at: record.instant("created_at")?,
        last_login: record.optional_instant("last_login")?,
        is_verified: record.flag("is_verified")?,
        roles,
        preferences: Preferences::from_store(record.object("preferences")?),
        metadata: Metadata::from_store(record.object("metadata")?),
        pending_hook: pending_hook(&record)?,
        status: record.named("status")?,
        auth_epoch: record.count("auth_epoch")?,
        link_epoch: record.count("link_epoch")?,
        version: record.count("version")?,
        devices,
    })
}

fn pending_hook(record: &Record<'_>) -> Result<Option<PendingHook>, StoreError> {
    let Some(mut object) = record.optional_object("pending_hook")? else {
        return Ok(None);
    };
    let kind = object.get("kind").and_then(Json::as_str);
    let kind = kind.and_then(|kind| kind.parse().ok());
    match (kind, object.remove("data")) {
        (Some(kind), Some(Json::Object(data))) => Ok(Some(PendingHook { kind, data })),
        _ => Err(record.corrupt("pending_hook", "is no call of a hook")),
    }
}

/// Adds a user who has roles, in one statement: for PostgreSQL, where each costs a round trip.
#[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
fn insert_with_roles(user: &User) -> Result<Statement, StoreError> {
    let mut statement = insert(user)?.alone();
    let roles = user.roles.iter();
    let roles: Vec<String> = roles
        .map(|role| format!("(${})", statement.add(role.as_str())))
        .collect();
    // A value that is no number makes the statement fail, and undoes it.
    statement.text = format!(
        "WITH added AS ({}), granted AS (INSERT INTO {{user_roles}} (user_id, role) \
         SELECT added.id, r.role FROM added, (VALUES {}) AS r (role) RETURNING role) \
         SELECT id, (SELECT CAST(CASE count(*) WHEN {} THEN '0' ELSE 'not written' END AS integer) \
             FROM granted) AS is_granted FROM added",
        statement.text,
        roles.join(", "),
        roles.len()
    )
    .into();
    Ok(statement)
}

/// The same in SQLite, whose statements change one table.
#[cfg(feature = "sqlite")]
struct InsertWithRoles(User);

#[cfg(feature = "sqlite")]
#[async_trait]
impl Work for InsertWithRoles {
    type Answer = bool;

    async fn run(&self, transaction: &mut dyn Transaction) -> Result<bool, Failure> {
        let is_inserted = !transaction.run(&insert(&self.0)?.alone()).await?.is_empty();
        if is_inserted && let Some(grant) = grant(self.0.id, self.0.roles.iter()) {
            let granted = transaction.run(&grant).await?;
            if granted.len() < self.0.roles.len() {
                return Err(not_written().into());
            }
        }
        Ok(is_inserted)
    }
}

/// Makes a change of a user, as [`User::change`] does, while the row is locked.
struct Change {
    id: UserId,
    change: UserChange,
}

#[async_trait]
impl Work for Change {
    type Answer = Option<User>;

    async fn run(&self, transaction: &mut dyn Transaction) -> Result<Option<User>, Failure> {
        let Some(before) = locked(transaction, self.id).await? else {
            return Ok(None);
        };
        let mut user = before.clone();
        if !user.change(&self.change).map_err(StoreError::from)? {
            return Ok(None);
        }
        written(&transaction.run(&update(&user)?).await?)?;
        let changes = [
            grant(self.id, user.roles.difference(&before.roles)),
            revoke(self.id, before.roles.difference(&user.roles)),
        ];
        let mut changed = 0;
        for change in changes.iter().flatten() {
            changed += transaction.run(change).await?.len();
        }
        if changed < user.roles.symmetric_difference(&before.roles).count() {
            // Another program may have made the change meanwhile.
            let rows = transaction.run(&by_id(self.id)).await?;
            let after = rows.first().map(read).transpose()?;
            if after.is_none_or(|after| after.roles != user.roles) {
                return Err(not_written().into());
            }
        }
        Ok(Some(user))
    }
}

/// Changes the address, while the row is locked. Of two users that are given one address at
/// once, the unique index refuses one.
struct ChangeEmail {
    account: AccountState,
    to: Email,
}

#[async_trait]
impl Work for ChangeEmail {
    type Answer = EmailChange;

    async fn run(&self, transaction: &mut dyn Transaction) -> Result<EmailChange, Failure> {
        let Some(mut user) = locked(transaction, self.account.id).await? else {
            return Ok(EmailChange::Gone);
        };
        let owner = transaction.run(&by_email(self.to.canonical())).await?;
        let owner = owner.first().map(read).transpose()?.map(|owner| owner.id);
        let outcome = user.change_email(&self.account, &self.to, owner);
        let outcome = outcome.map_err(StoreError::from)?;
        if outcome == EmailChange::Changed {
            written(&transaction.run(&update(&user)?).await?)?;
        }
        Ok(outcome)
    }
}

/// Removes a user, while the row is locked.
struct Remove {
    account: AccountState,
    which: Removal,
}

#[async_trait]
impl Work for Remove {
    type Answer = bool;

    async fn run(&self, transaction: &mut dyn Transaction) -> Result<bool, Failure> {
        let user = locked(transaction, self.account.id).await?;
        let is_meant = user.is_some_and(|user| user.may_be_removed(&self.account, self.which));
        if is_meant {
            let delete = Statement::new("DELETE FROM {users} WHERE id = $1 RETURNING id");
            let delete = delete.with(self.account.id.to_string());
            written(&transaction.run(&delete).await?)?;
        }
        Ok(is_meant)
    }
}

/// The changes of a login, each of which is one statement: `None` for any other change.
fn in_one_statement(id: UserId, change: &UserChange) -> Option<Result<Statement, StoreError>> {
    let statement = match change {
        UserChange::RecordLogin {
            epoch,
            new_device,
            now,
        } => {
            let device = new_device.map(|device| hex(&device.to_bytes()));
            let digits = MAX_DEVICES * DEVICE_DIGITS;
            let text = format!(
                "UPDATE {{users}} SET last_login = {{greatest}}(COALESCE(last_login, $3), $3), \
                 devices = {{last_characters}}(devices || $4, {{minus}}{digits}) \
                 WHERE id = $1 AND auth_epoch = $2 AND status = 'active' AND {{durable}} \
                 RETURNING id"
            );
            let epoch = match i64::try_from(*epoch) {
                Ok(epoch) => epoch,
                // No row has it.
                Err(_) => return None,
            };
            Statement::new(text)
                .with(id.to_string())
                .with(epoch)
                .with(*now)
                .with(device.unwrap_or_default())
        }
        UserChange::ReplacePassword {
            expected,
            new,
            epoch: EpochChange::Keep,
        } => Statement::new(
            "UPDATE {users} SET password_hash = $3 \
             WHERE id = $1 AND password_hash = $2 AND {durable} RETURNING id",
        )
        .with(id.to_string())
        .with(expected.expose_secret())
        .with(new.expose_secret()),
        _ => return None,
    };
    Some(Ok(statement))
}

impl SqlStore {
    /// One try to add a user: `false` if a unique index refuses it.
    async fn is_inserted(&self, user: &User) -> Result<bool, StoreError> {
        Ok(match (user.roles.is_empty(), self.dialect()) {
            (true, _) => !self.write(insert(user)?.alone()).await?.is_empty(),
            #[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
            (false, Dialect::Postgres) => !self.write(insert_with_roles(user)?).await?.is_empty(),
            #[cfg(feature = "sqlite")]
            (false, Dialect::Sqlite) => self.transact(InsertWithRoles(user.clone())).await?,
        })
    }
}

#[async_trait]
impl UserStore for SqlStore {
    async fn insert_user(&self, user: &User) -> Result<InsertUser, StoreError> {
        for _ in 0..TRIES {
            if self.is_inserted(user).await? {
                return Ok(InsertUser::Inserted);
            }
            // When both are taken, it is the address.
            if self.user_by_email(user.email.canonical()).await?.is_some() {
                return Ok(InsertUser::EmailTaken);
            }
            if !self.read(insert(user)?.same_key()).await?.is_empty() {
                return Ok(InsertUser::IdTaken);
            }
        }
        Err(not_written())
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.read_one(by_id(id), read).await
    }

    async fn user_by_email(&self, email: &CanonicalEmail) -> Result<Option<User>, StoreError> {
        self.read_one(by_email(email), read).await
    }

    async fn change_user(
        &self,
        id: UserId,
        change: &UserChange,
    ) -> Result<Option<User>, StoreError> {
        let change = change.clone();
        self.transact(Change { id, change }).await
    }

    async fn update_user(&self, id: UserId, change: &UserChange) -> Result<bool, StoreError> {
        match in_one_statement(id, change) {
            Some(statement) => Ok(!self.write(statement?).await?.is_empty()),
            None => Ok(self.change_user(id, change).await?.is_some()),
        }
    }

    async fn change_email(
        &self,
        account: &AccountState,
        to: &Email,
    ) -> Result<EmailChange, StoreError> {
        for _ in 0..TRIES {
            let change = ChangeEmail {
                account: account.clone(),
                to: to.clone(),
            };
            match self.try_to_transact(change).await {
                Err(Failure::Duplicate) => {}
                outcome => return Ok(outcome?),
            }
            let owner = self.user_by_email(to.canonical()).await?;
            if owner.is_some_and(|owner| owner.id != account.id) {
                return Ok(EmailChange::EmailTaken);
            }
        }
        // The index is not the one on addresses.
        Err(Failure::Duplicate.into())
    }

    async fn remove_user(
        &self,
        account: &AccountState,
        which: Removal,
    ) -> Result<bool, StoreError> {
        let account = account.clone();
        self.transact(Remove { account, which }).await
    }

    async fn users(&self, after: Option<UserId>, limit: usize) -> Result<Vec<User>, StoreError> {
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let page = select("WHERE u.id > $1 ORDER BY u.id LIMIT $2");
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read_all(page.with(after).with(limit), read).await
    }

    async fn has_other(&self, role: &Role, except: UserId) -> Result<bool, StoreError> {
        let other = Statement::new(
            "SELECT u.id FROM {user_roles} AS r JOIN {users} AS u ON u.id = r.user_id \
             WHERE r.role = $1 AND r.user_id <> $2 AND u.status = $3 LIMIT 1",
        );
        let other = other.with(role.as_str()).with(except.to_string());
        let rows = self.read(other.with(UserStatus::Active.as_str())).await?;
        Ok(!rows.is_empty())
    }
}
