//! One-time tokens.

use std::cmp::Reverse;

use ::mongodb::bson::{Document, doc};
use async_trait::async_trait;

use super::MongoStore;
use super::document::{Record, SCHEMA, binary, date, object_id};
use super::error::{is_duplicate, out_of_range, store_error};
use super::json;
use super::proofs;
use super::session::length;
use crate::email::{CanonicalEmail, Email};
use crate::extra::Extra;
use crate::id::UserId;
use crate::session::SessionLength;
use crate::store::{Insert, StoreError, TokenStore};
use crate::time::Timestamp;
use crate::token::{
    OneTimeToken, PendingFederation, PendingRegistration, PendingSignIn, TokenDigest, TokenPurpose,
};
use crate::user::{AccountState, DisplayName, PasswordHash};

fn by_user(user: UserId) -> Document {
    doc! { "user_id": object_id(user.to_bytes()) }
}

pub(super) fn to_document(token: &OneTimeToken) -> Result<Document, StoreError> {
    let auth_epoch = token.account.auth_epoch.map(i64::try_from).transpose();
    let auth_epoch = auth_epoch.map_err(|_| out_of_range("auth_epoch"))?;
    let link_epoch =
        i64::try_from(token.account.link_epoch).map_err(|_| out_of_range("link_epoch"))?;
    let mut fields = doc! {
        "_id": binary(&token.digest.to_bytes()),
        "purpose": token.purpose.as_str(),
        "user_id": object_id(token.account.id.to_bytes()),
        "account_email": token.account.email.as_str(),
        "auth_epoch": auth_epoch,
        "link_epoch": link_epoch,
        "email": token.email.as_str(),
        "email_canonical": token.email.canonical().as_str(),
        "created_at": date(token.created_at),
        "expires_at": date(token.expires_at),
        "schema": SCHEMA,
    };
    if let Some(pending) = &token.registration {
        let registration = doc! {
            "user_id": object_id(pending.user_id.to_bytes()),
            "name": pending.name.as_str(),
            "password_hash": pending.password_hash.expose_secret(),
            "extra": json::to_document(pending.extra.as_map()),
        };
        fields.insert("registration", registration);
    }
    if let Some(pending) = &token.sign_in {
        let sign_in = doc! { "proofs": proofs::to_list(&pending.proofs), "short": pending.length == SessionLength::Short };
        fields.insert("sign_in", sign_in);
    }
    if let Some(federation) = &token.federation {
        fields.insert("federation", json::to_document(&federation.to_object()));
    }
    Ok(fields)
}

pub(super) fn from_document(fields: &Document) -> Result<OneTimeToken, StoreError> {
    let record = Record::new("one-time token", fields)?;
    let purpose = record.text("purpose")?.parse();
    let purpose = purpose.map_err(|_| record.corrupt("purpose", "is none that is known here"))?;
    let pending = record.optional_part("registration")?;
    let begun = record.optional_part("sign_in")?;
    Ok(OneTimeToken {
        digest: TokenDigest::from_bytes(record.bytes("_id")?),
        purpose,
        account: AccountState {
            id: UserId::from_bytes(record.id("user_id")?),
            email: CanonicalEmail::from_store(record.text("account_email")?.to_owned()),
            auth_epoch: record.optional_count("auth_epoch")?,
            link_epoch: record.count("link_epoch")?,
            // No link rests on one.
            version: None,
        },
        email: Email::from_store(
            record.text("email")?.to_owned(),
            record.text("email_canonical")?.to_owned(),
        ),
        registration: pending.as_ref().map(registration).transpose()?,
        sign_in: begun.as_ref().map(sign_in).transpose()?,
        federation: federation(&record)?,
        created_at: record.instant("created_at")?,
        expires_at: record.instant("expires_at")?,
    })
}

fn registration(record: &Record<'_>) -> Result<PendingRegistration, StoreError> {
    Ok(PendingRegistration {
        user_id: UserId::from_bytes(record.id("user_id")?),
        name: DisplayName::from_store(record.text("name")?.to_owned()),
        password_hash: PasswordHash::new(record.text("password_hash")?),
        extra: extra(record)?,
    })
}

/// A record of version 0.1 has none.
fn extra(record: &Record<'_>) -> Result<Extra, StoreError> {
    let Some(document) = record.optional_object("extra")? else {
        return Ok(Extra::default());
    };
    let object = json::to_object(document);
    let object =
        object.ok_or_else(|| record.corrupt("extra", "has something that JSON does not have"))?;
    Ok(Extra::from_store(object))
}

fn federation(record: &Record<'_>) -> Result<Option<PendingFederation>, StoreError> {
    let Some(document) = record.optional_object("federation")? else {
        return Ok(None);
    };
    let read = json::to_object(document).and_then(|object| PendingFederation::from_object(&object));
    let corrupt = || record.corrupt("federation", "is no sign-in with a provider");
    read.ok_or_else(corrupt).map(Some)
}

fn sign_in(record: &Record<'_>) -> Result<PendingSignIn, StoreError> {
    Ok(PendingSignIn {
        proofs: proofs::read(record)?.unwrap_or_default(),
        length: length(record.optional_flag("short")?),
    })
}

#[async_trait]
impl TokenStore for MongoStore {
    async fn insert_token(&self, token: &OneTimeToken) -> Result<Insert, StoreError> {
        let tokens = self.inner.tokens.clone();
        let document = to_document(token)?;
        self.run(|act| async move {
            act.may_send()?;
            match tokens.insert_one(document).await {
                Ok(_) => Ok(Insert::Inserted),
                Err(error) if is_duplicate(&error) => Ok(Insert::Taken),
                Err(error) => Err(store_error(error)),
            }
        })
        .await
    }

    async fn token(
        &self,
        digest: TokenDigest,
        purpose: TokenPurpose,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>, StoreError> {
        let filter = doc! { "_id": binary(&digest.to_bytes()) };
        let tokens = self.inner.tokens.clone();
        self.run(|act| async move {
            let find = tokens.find_one(filter).max_time(act.left()?);
            let found = find.await.map_err(store_error)?;
            // Purpose and expiry are checked here and not in the filter, so that a
            // document that lacks one of them is reported.
            let token = found.as_ref().map(from_document).transpose()?;
            Ok(token.filter(|token| token.purpose == purpose && token.is_live(now)))
        })
        .await
    }

    async fn take_token(
        &self,
        digest: TokenDigest,
        purpose: TokenPurpose,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>, StoreError> {
        // The same condition as in `token`; a record that is corrupt stays where it is.
        let filter = doc! {
            "_id": binary(&digest.to_bytes()),
            "purpose": purpose.as_str(),
            "expires_at": { "$gt": date(now) },
        };
        let tokens = self.inner.tokens.clone();
        self.run(|act| async move {
            act.may_send()?;
            let taken = tokens.find_one_and_delete(filter).max_time(act.left()?);
            let taken = taken.await.map_err(store_error)?;
            taken.as_ref().map(from_document).transpose()
        })
        .await
    }

    async fn tokens_of(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<OneTimeToken>, StoreError> {
        let tokens = self.inner.tokens.clone();
        self.run(|act| async move {
            let mut cursor = tokens
                .find(by_user(user))
                .batch_size(1000)
                .max_time(act.left()?)
                .await
                .map_err(store_error)?;
            let mut live = Vec::new();
            while cursor.advance().await.map_err(store_error)? {
                let fields = cursor.deserialize_current().map_err(store_error)?;
                live.extend(Some(from_document(&fields)?).filter(|token| token.is_live(now)));
            }
            live.sort_by_key(|token| Reverse(token.created_at));
            Ok(live)
        })
        .await
    }

    async fn remove_tokens(
        &self,
        user: UserId,
        purpose: Option<TokenPurpose>,
        made_until: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut filter = by_user(user);
        filter.insert("created_at", doc! { "$lte": date(made_until) });
        if let Some(purpose) = purpose {
            filter.insert("purpose", purpose.as_str());
        }
        let tokens = self.inner.tokens.clone();
        self.run(|act| async move {
            act.may_send()?;
            let result = tokens.delete_many(filter).await.map_err(store_error)?;
            Ok(result.deleted_count)
        })
        .await
    }
}
