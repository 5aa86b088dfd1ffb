//! Users.

use std::collections::BTreeSet;

use ::mongodb::bson::{Bson, Document, doc};
use ::mongodb::options::{ReturnDocument, UpdateModifications};
use async_trait::async_trait;

use super::MongoStore;
use super::change::{self, by_id, device_binary, hook_document, in_state};
use super::document::{Record, SCHEMA, batch, bytes, date, object_id, optional_date};
use super::error::{is_duplicate, out_of_range, store_error};
use super::{identity, json};
use crate::authz::Role;
use crate::email::{CanonicalEmail, Email};
use crate::id::UserId;
use crate::identity::{Identity, IdentityKey};
use crate::preferences::{Metadata, Preferences};
use crate::store::{EmailChange, IdentityLink, InsertUser, Removal, StoreError, UserStore};
use crate::user::{
    AccountState, DeviceDigest, DisplayName, PasswordHash, PendingHook, User, UserChange,
    UserStatus,
};

pub(super) fn to_document(user: &User) -> Result<Document, StoreError> {
    let epoch = i64::try_from(user.auth_epoch).map_err(|_| out_of_range("auth_epoch"))?;
    let link_epoch = i64::try_from(user.link_epoch).map_err(|_| out_of_range("link_epoch"))?;
    let version = i64::try_from(user.version).map_err(|_| out_of_range("version"))?;
    let roles: Vec<Bson> = user.roles.iter().map(|role| role.as_str().into()).collect();
    let devices: Vec<Bson> = user.devices.iter().map(device_binary).collect();
    let identities = user.identities.iter().map(identity::to_document);
    let identities: Vec<Bson> = identities.map(Bson::from).collect();
    let mut fields = doc! {
        "_id": object_id(user.id.to_bytes()),
        "email": user.email.as_str(),
        "email_canonical": user.email.canonical().as_str(),
        "name": user.name.as_str(),
        "password_hash": user.password_hash.as_ref().map(PasswordHash::expose_secret),
        "created_at": date(user.created_at),
        "last_login": optional_date(user.last_login),
        "is_verified": user.is_verified,
        "roles": roles,
        "preferences": json::to_document(user.preferences.as_map()),
        "metadata": json::to_document(user.metadata.as_map()),
        "status": user.status.as_str(),
        "auth_epoch": epoch,
        "link_epoch": link_epoch,
        "version": version,
        "devices": devices,
        "identities": identities,
        "schema": SCHEMA,
    };
    if let Some(hook) = &user.pending_hook {
        fields.insert("pending_hook", hook_document(hook));
    }
    Ok(fields)
}

pub(super) fn from_document(fields: &Document) -> Result<User, StoreError> {
    let record = Record::new("user", fields)?;
    let mut roles = BTreeSet::new();
    for item in record.list("roles")? {
        let role = item
            .as_str()
            .and_then(|text| Role::new(text).ok())
            .ok_or_else(|| record.corrupt("roles", "has something that is no role"))?;
        roles.insert(role);
    }
    let mut devices = Vec::new();
    for item in record.optional_list("devices")?.unwrap_or_default() {
        let device = bytes(item)
            .ok_or_else(|| record.corrupt("devices", "has something that is no device"))?;
        devices.push(DeviceDigest::from_bytes(device));
    }
    let object = |field, document| {
        let object = json::to_object(document);
        object.ok_or_else(|| record.corrupt(field, "has something that JSON does not have"))
    };
    let preferences = object("preferences", record.object("preferences")?)?;
    // A record of version 0.1 has none.
    let metadata = match record.optional_object("metadata")? {
        Some(document) => object("metadata", document)?,
        None => serde_json::Map::new(),
    };
    let pending_hook = match fields.get("pending_hook") {
        None | Some(Bson::Null) => None,
        Some(_) => Some(pending_hook(&record, record.object("pending_hook")?)?),
    };
    let status = record.text("status")?.parse();
    let status = status.map_err(|_| record.corrupt("status", "is neither active nor disabled"))?;
    Ok(User {
        id: UserId::from_bytes(record.id("_id")?),
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
        preferences: Preferences::from_store(preferences),
        metadata: Metadata::from_store(metadata),
        pending_hook,
        status,
        auth_epoch: record.count("auth_epoch")?,
        link_epoch: record.count("link_epoch")?,
        version: record.missing_count("version")?,
        devices,
        identities: identity::read(&record)?,
    })
}

impl MongoStore {
    async fn find_user(&self, filter: Document) -> Result<Option<User>, StoreError> {
        let users = self.inner.users.clone();
        self.run(|act| async move {
            let find = users.find_one(filter).max_time(act.left()?);
            let found = find.await.map_err(store_error)?;
            found.as_ref().map(from_document).transpose()
        })
        .await
    }

    /// Changes the user whom the filter fits, in one command, and returns it as
    /// it is then; `None` when it fits none.
    async fn change_and_read(
        &self,
        filter: Document,
        change: UpdateModifications,
    ) -> Result<Option<User>, StoreError> {
        let users = self.inner.users.clone();
        self.run(|act| async move {
            let changed = users
                .find_one_and_update(filter, change)
                .return_document(ReturnDocument::After)
                .max_time(act.left()?)
                .await
                .map_err(store_error)?;
            changed.as_ref().map(from_document).transpose()
        })
        .await
    }
}

#[async_trait]
impl UserStore for MongoStore {
    async fn insert_user(&self, user: &User) -> Result<InsertUser, StoreError> {
        let users = self.inner.users.clone();
        let document = to_document(user)?;
        let same_email = doc! { "email_canonical": user.email.canonical().as_str() };
        let keys = user.identities.iter().map(Identity::key);
        let keys: Vec<Bson> = keys.map(identity::key_binary).collect();
        self.run(|act| async move {
            act.may_send()?;
            match users.insert_one(document).await {
                Ok(_) => return Ok(InsertUser::Inserted),
                Err(error) if is_duplicate(&error) => {}
                Err(error) => return Err(store_error(error)),
            }
            // When several are taken, servers differ in which they say.
            let find = users.find_one(same_email).max_time(act.left()?);
            if find.await.map_err(store_error)?.is_some() {
                return Ok(InsertUser::EmailTaken);
            }
            if keys.is_empty() {
                return Ok(InsertUser::IdTaken);
            }
            let same = doc! { identity::KEYS: { "$in": keys } };
            let find = users.find_one(same).max_time(act.left()?);
            Ok(match find.await.map_err(store_error)? {
                Some(_) => InsertUser::IdentityTaken,
                None => InsertUser::IdTaken,
            })
        })
        .await
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.find_user(by_id(id)).await
    }

    async fn user_by_email(&self, email: &CanonicalEmail) -> Result<Option<User>, StoreError> {
        self.find_user(doc! { "email_canonical": email.as_str() })
            .await
    }

    async fn user_by_identity(&self, key: &IdentityKey) -> Result<Option<User>, StoreError> {
        self.find_user(doc! { identity::KEYS: identity::key_binary(*key) })
            .await
    }

    async fn change_user(
        &self,
        id: UserId,
        change: &UserChange,
    ) -> Result<Option<User>, StoreError> {
        match change::command(id, change) {
            Some((filter, update)) => self.change_and_read(filter, update).await,
            None => Ok(None),
        }
    }

    async fn update_user(&self, id: UserId, change: &UserChange) -> Result<bool, StoreError> {
        let Some((filter, update)) = change::command(id, change) else {
            return Ok(false);
        };
        let users = self.inner.users.clone();
        self.run(|act| async move {
            act.may_send()?;
            let result = users.update_one(filter, update).await;
            Ok(result.map_err(store_error)?.matched_count == 1)
        })
        .await
    }

    async fn change_email(
        &self,
        account: &AccountState,
        to: &Email,
    ) -> Result<EmailChange, StoreError> {
        let Some(filter) = in_state(account) else {
            return Ok(EmailChange::Gone);
        };
        let change = doc! {
            "$set": {
                "email": to.as_str(),
                "email_canonical": to.canonical().as_str(),
                "is_verified": true,
            },
            "$inc": { "link_epoch": 1_i64, "version": 1_i64 },
        };
        let users = self.inner.users.clone();
        self.run(|act| async move {
            act.may_send()?;
            match users.update_one(filter, change).await {
                Ok(result) if result.matched_count == 1 => Ok(EmailChange::Changed),
                Ok(_) => Ok(EmailChange::Gone),
                Err(error) if is_duplicate(&error) => Ok(EmailChange::EmailTaken),
                Err(error) => Err(store_error(error)),
            }
        })
        .await
    }

    async fn remove_user(
        &self,
        account: &AccountState,
        which: Removal,
    ) -> Result<bool, StoreError> {
        let Some(mut filter) = in_state(account) else {
            return Ok(false);
        };
        match which {
            Removal::Any => {}
            Removal::AnyStatus => {
                filter.remove("status");
            }
            Removal::Unverified => {
                filter.insert("is_verified", false);
            }
            Removal::UnverifiedSince(login) => {
                filter.insert("is_verified", false);
                filter.insert("last_login", login.map_or(Bson::Null, |at| date(at).into()));
            }
        }
        let users = self.inner.users.clone();
        self.run(|act| async move {
            act.may_send()?;
            let result = users.delete_one(filter).await.map_err(store_error)?;
            Ok(result.deleted_count == 1)
        })
        .await
    }

    async fn link_identity(
        &self,
        id: UserId,
        version: u64,
        identity: &Identity,
    ) -> Result<IdentityLink, StoreError> {
        let Some((filter, update)) = change::link_command(id, version, identity) else {
            return Ok(IdentityLink::Refused);
        };
        let users = self.inner.users.clone();
        self.run(|act| async move {
            act.may_send()?;
            match users.update_one(filter, update).await {
                Ok(result) if result.matched_count == 1 => Ok(IdentityLink::Linked),
                Ok(_) => Ok(IdentityLink::Refused),
                Err(error) if is_duplicate(&error) => Ok(IdentityLink::Taken),
                Err(error) => Err(store_error(error)),
            }
        })
        .await
    }

    async fn users(&self, after: Option<UserId>, limit: usize) -> Result<Vec<User>, StoreError> {
        if limit == 0 {
            // To the server it would be no limit.
            return Ok(Vec::new());
        }
        let filter = match after {
            None => Document::new(),
            Some(after) => doc! { "_id": { "$gt": object_id(after.to_bytes()) } },
        };
        let users = self.inner.users.clone();
        self.run(|act| async move {
            let mut cursor = users
                .find(filter)
                .sort(doc! { "_id": 1 })
                .limit(i64::try_from(limit).unwrap_or(i64::MAX))
                // All in one answer, and room for the end of them.
                .batch_size(batch(limit))
                .max_time(act.left()?)
                .await
                .map_err(store_error)?;
            let mut page = Vec::new();
            while cursor.advance().await.map_err(store_error)? {
                let fields = cursor.deserialize_current().map_err(store_error)?;
                page.push(from_document(&fields)?);
            }
            Ok(page)
        })
        .await
    }

    async fn has_other(&self, role: &Role, except: UserId) -> Result<bool, StoreError> {
        let filter = doc! {
            "roles": role.as_str(),
            "status": UserStatus::Active.as_str(),
            "_id": { "$ne": object_id(except.to_bytes()) },
        };
        let users = self.inner.users.clone();
        self.run(|act| async move {
            let find = users.find_one(filter).projection(doc! { "_id": 1 });
            let found = find.max_time(act.left()?).await.map_err(store_error)?;
            Ok(found.is_some())
        })
        .await
    }
}

fn pending_hook(record: &Record<'_>, document: &Document) -> Result<PendingHook, StoreError> {
    let kind = document.get_str("kind").ok();
    let kind = kind.and_then(|kind| kind.parse().ok());
    let data = document.get_document("data").ok();
    let data = data.and_then(json::to_object);
    match (kind, data) {
        (Some(kind), Some(data)) => Ok(PendingHook { kind, data }),
        _ => Err(record.corrupt("pending_hook", "is no call of a hook")),
    }
}
