//! Users.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde_json::{Map, Value as Json, json};

use super::identity;
use super::login::{DEVICE_DIGITS, in_one_statement};
use super::names::Dialect;
use super::record::{Record, hex};
use super::statement::{Failure, Insertion, Row, Statement, Transaction, Value, Work};
use super::store::{SqlStore, TRIES, not_written, stored, written};
use crate::authz::Role;
use crate::email::{CanonicalEmail, Email};
use crate::id::UserId;
use crate::identity::{Identity, IdentityKey};
use crate::preferences::{Metadata, Preferences};
use crate::store::{
    EmailChange, IdentityLink, InsertUser, Removal, StoreError, UserChange, UserStore,
};
use crate::user::{
    AccountState, DeviceDigest, DisplayName, PasswordHash, PendingHook, User, UserStatus,
};

/// The columns of a user, of the table as `u`. The first is the id.
pub(super) const COLUMNS: &str = "u.id, u.email, u.email_canonical, u.name, u.password_hash, u.created_at, \
    u.last_login, u.is_verified, u.preferences, u.metadata, u.pending_hook, u.status, \
    u.auth_epoch, u.link_epoch, u.version, u.devices, \
    (SELECT {list}(r.role) FROM {user_roles} AS r WHERE r.user_id = u.id) AS roles, \
    (SELECT {list}({array}(i.id, i.provider, i.issuer, i.subject, i.email, i.created_at, \
    i.last_used_at)) FROM {user_identities} AS i WHERE i.user_id = u.id) AS identities";

fn select(rest: &str) -> Statement {
    Statement::new(format!("SELECT {COLUMNS} FROM {{users}} AS u {rest}"))
}

fn by_id(id: UserId) -> Statement {
    select("WHERE u.id = $1").with(id.to_string())
}

fn by_email(email: &CanonicalEmail) -> Statement {
    select("WHERE u.email_canonical = $1").with(email.as_str())
}

fn by_identity(key: IdentityKey) -> Statement {
    select("JOIN {user_identities} AS k ON k.user_id = u.id WHERE k.key = $1")
        .with(identity::key_value(key))
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
        identities: identity::read(&record)?,
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

/// Adds a user who has roles or identities, in one statement: for PostgreSQL, where each costs a
/// round trip. The unique index refuses all of it if an identity is taken.
#[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
fn insert_whole(user: &User) -> Result<Statement, StoreError> {
    let mut statement = insert(user)?.alone();
    let mut text = format!("WITH added AS ({})", statement.text);
    let mut number = |value: Value| format!("${}", statement.add(value));
    let roles = user.roles.iter();
    let roles: Vec<String> = roles
        .map(|role| format!("({})", number(role.as_str().into())))
        .collect();
    let (role_count, identity_count) = (roles.len(), user.identities.len());
    if role_count > 0 {
        text += &format!(
            ", granted AS (INSERT INTO {{user_roles}} (user_id, role) \
             SELECT added.id, r.role FROM added, (VALUES {}) AS r (role) RETURNING user_id)",
            roles.join(", ")
        );
    }
    let identities = user.identities.iter();
    let identities: Vec<String> = identities
        .map(|one| {
            let values: Vec<String> = identity::values(one).into_iter().map(&mut number).collect();
            format!("({})", values.join(", "))
        })
        .collect();
    if identity_count > 0 {
        let columns = identity::COLUMNS.join(", ");
        text += &format!(
            ", linked AS (INSERT INTO {{user_identities}} (user_id, {columns}) \
             SELECT added.id, i.* FROM added, (VALUES {}) AS i ({columns}) RETURNING user_id)",
            identities.join(", ")
        );
    }
    // A value that is no number makes the statement fail, and undoes it.
    text += " SELECT id";
    for (part, count) in [("granted", role_count), ("linked", identity_count)] {
        if count > 0 {
            text += &format!(
                ", (SELECT CAST(CASE count(*) WHEN {count} THEN '0' ELSE 'not written' END \
                 AS integer) FROM {part}) AS is_{part}"
            );
        }
    }
    text += " FROM added";
    statement.text = text.into();
    Ok(statement)
}

/// The same in SQLite, whose statements change one table.
#[cfg(feature = "sqlite")]
struct InsertWhole(User);

#[cfg(feature = "sqlite")]
#[async_trait]
impl Work for InsertWhole {
    type Answer = Vec<Row>;

    async fn run(&self, transaction: &mut dyn Transaction) -> Result<Vec<Row>, Failure> {
        let Self(user) = self;
        let inserted = transaction.run(&insert(user)?.alone()).await?;
        if inserted.is_empty() {
            return Ok(inserted);
        }
        if let Some(grant) = grant(user.id, user.roles.iter()) {
            let granted = transaction.run(&grant).await?;
            if granted.len() < user.roles.len() {
                return Err(not_written().into());
            }
        }
        let identities = user.identities.iter();
        let identities = identities
            .map(|one| identity::insert(user.id, one))
            .collect();
        if let Some(link) = Insertion::together(identities)
            && transaction.run(&link).await?.len() < user.identities.len()
        {
            return Err(Failure::Duplicate);
        }
        Ok(inserted)
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
        for change in identity::changes(self.id, &before.identities, &user.identities) {
            written(&transaction.run(&change).await?)?;
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

/// Links an identity, while the row of the user is locked. Of two users who link one identity at
/// once, the unique index lets one insert it; the other one's statement waits, and adds nothing.
struct LinkIdentity {
    user: UserId,
    version: u64,
    identity: Identity,
}

#[async_trait]
impl Work for LinkIdentity {
    type Answer = IdentityLink;

    async fn run(&self, transaction: &mut dyn Transaction) -> Result<IdentityLink, Failure> {
        let Some(mut user) = locked(transaction, self.user).await? else {
            return Ok(IdentityLink::Refused);
        };
        let outcome = user.link_identity(self.version, &self.identity, None);
        let outcome = outcome.map_err(StoreError::from)?;
        if outcome == IdentityLink::Linked {
            return self.insert(transaction, &user).await;
        }
        Ok(outcome)
    }
}

impl LinkIdentity {
    /// Adds the identity, and writes `user`, who has it already.
    async fn insert(
        &self,
        transaction: &mut dyn Transaction,
        user: &User,
    ) -> Result<IdentityLink, Failure> {
        let insert = identity::insert(self.user, &self.identity).alone();
        let same_key = identity::with_key(self.identity.key());
        for _ in 0..TRIES {
            if !transaction.run(&insert).await?.is_empty() {
                written(&transaction.run(&update(user)?).await?)?;
                return Ok(IdentityLink::Linked);
            }
            if !transaction.run(&same_key).await?.is_empty() {
                return Ok(IdentityLink::Taken);
            }
        }
        Err(not_written().into())
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

impl SqlStore {
    /// One try to add a user: no rows if its id or its address is taken,
    /// [`Failure::Duplicate`] if a unique index refuses one of its identities.
    async fn try_to_insert(&self, user: &User) -> Result<Vec<Row>, Failure> {
        let is_alone = user.roles.is_empty() && user.identities.is_empty();
        match (is_alone, self.dialect()) {
            (true, _) => self.try_to_write(insert(user)?.alone()).await,
            #[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
            (false, Dialect::Postgres) => self.try_to_write(insert_whole(user)?).await,
            #[cfg(feature = "sqlite")]
            (false, Dialect::Sqlite) => self.try_to_transact(InsertWhole(user.clone())).await,
        }
    }

    /// Which of the address and the identities of `user` is taken; of both, the address.
    async fn what_is_taken(&self, user: &User) -> Result<Option<InsertUser>, StoreError> {
        let taken = identity::taken(user.email.canonical().as_str(), &user.identities);
        let taken = self.read(taken).await?;
        let is_taken = |what: &str| {
            taken.iter().any(|row| {
                let found = Record::new("user", row).text("taken");
                found.is_ok_and(|found| found == what)
            })
        };
        Ok(match (is_taken("email"), is_taken("identity")) {
            (true, _) => Some(InsertUser::EmailTaken),
            (false, true) => Some(InsertUser::IdentityTaken),
            (false, false) => None,
        })
    }
}

#[async_trait]
impl UserStore for SqlStore {
    async fn insert_user(&self, user: &User) -> Result<InsertUser, StoreError> {
        for _ in 0..TRIES {
            match self.try_to_insert(user).await {
                // The address or the id is taken, or, by `Duplicate`, an identity.
                Err(Failure::Duplicate) => {}
                Ok(rows) if rows.is_empty() => {}
                Ok(_) => return Ok(InsertUser::Inserted),
                Err(failure) => return Err(failure.into()),
            }
            if let Some(taken) = self.what_is_taken(user).await? {
                return Ok(taken);
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

    async fn user_by_identity(&self, key: &IdentityKey) -> Result<Option<User>, StoreError> {
        let read = |row: &Row| {
            let user = read(row)?;
            match user.identities.by_key(key) {
                Some(_) => Ok(user),
                // This user is not the one who signs in.
                None => Err(Record::new("user", row).corrupt("identities", "has another key")),
            }
        };
        self.read_one(by_identity(*key), read).await
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
        match in_one_statement(id, change, self.dialect()) {
            Some(statement) => Ok(!self.write(statement).await?.is_empty()),
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

    async fn link_identity(
        &self,
        id: UserId,
        version: u64,
        identity: &Identity,
    ) -> Result<IdentityLink, StoreError> {
        let (user, identity) = (id, identity.clone());
        let link = LinkIdentity {
            user,
            version,
            identity,
        };
        self.transact(link).await
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
