//! One-time tokens.

use async_trait::async_trait;
use serde_json::{Map, Value as Json, json};

use super::record::{Record, proofs_list};
use super::session::length;
use super::statement::{Insertion, Row, Statement, Value};
use super::store::{SqlStore, number_of, stored};
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

pub(super) const COLUMNS: &str = "digest, purpose, user_id, account_email, auth_epoch, link_epoch, email, \
    email_canonical, registration, sign_in, federation, created_at, expires_at";

fn registration_text(pending: &PendingRegistration) -> String {
    json!({
        "user_id": pending.user_id.to_string(),
        "name": pending.name.as_str(),
        "password_hash": pending.password_hash.expose_secret(),
        "extra": pending.extra.as_map(),
    })
    .to_string()
}

fn sign_in_text(pending: &PendingSignIn) -> String {
    let is_short = pending.length == SessionLength::Short;
    json!({ "proofs": proofs_list(&pending.proofs), "is_short": is_short }).to_string()
}

fn federation_text(federation: &PendingFederation) -> String {
    Json::Object(federation.to_object()).to_string()
}

pub(super) fn insert(token: &OneTimeToken) -> Result<Insertion, StoreError> {
    let auth_epoch = token
        .account
        .auth_epoch
        .map(|epoch| stored(epoch, "auth_epoch"));
    Ok(Insertion {
        into: "{tokens} (digest, purpose, user_id, account_email, auth_epoch, link_epoch, email, \
            email_canonical, registration, sign_in, federation, created_at, expires_at)",
        list: "?, ?, ?, ?, ?, ?, ?, ?, CAST(? AS {json}), CAST(? AS {json}), CAST(? AS {json}), ?, ?",
        key: "digest",
        values: vec![
            token.digest.to_bytes().as_slice().into(),
            token.purpose.as_str().into(),
            token.account.id.to_string().into(),
            token.account.email.as_str().into(),
            Value::Int(auth_epoch.transpose()?),
            stored(token.account.link_epoch, "link_epoch")?.into(),
            token.email.as_str().into(),
            token.email.canonical().as_str().into(),
            token.registration.as_ref().map(registration_text).into(),
            token.sign_in.as_ref().map(sign_in_text).into(),
            token.federation.as_ref().map(federation_text).into(),
            token.created_at.into(),
            token.expires_at.into(),
        ],
    })
}

pub(super) fn read(row: &Row) -> Result<OneTimeToken, StoreError> {
    let record = Record::new("one-time token", row);
    let pending = record.optional_object("registration")?;
    let begun = record.optional_object("sign_in")?;
    let federation = record.optional_object("federation")?;
    Ok(OneTimeToken {
        digest: TokenDigest::from_bytes(record.bytes("digest")?),
        purpose: record.named("purpose")?,
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
        registration: pending
            .map(|pending| registration(&record, &pending))
            .transpose()?,
        sign_in: begun.map(|begun| sign_in(&record, &begun)).transpose()?,
        federation: federation
            .map(|object| {
                let read = PendingFederation::from_object(&object);
                read.ok_or_else(|| record.corrupt("federation", "is no sign-in with a provider"))
            })
            .transpose()?,
        created_at: record.instant("created_at")?,
        expires_at: record.instant("expires_at")?,
    })
}

fn registration(
    record: &Record<'_>,
    object: &Map<String, Json>,
) -> Result<PendingRegistration, StoreError> {
    let corrupt = || record.corrupt("registration", "is no pending registration");
    let text = |member| {
        object
            .get(member)
            .and_then(Json::as_str)
            .ok_or_else(corrupt)
    };
    let extra = object
        .get("extra")
        .and_then(Json::as_object)
        .ok_or_else(corrupt)?;
    Ok(PendingRegistration {
        user_id: UserId::from_bytes(record.hex("registration", text("user_id")?)?),
        name: DisplayName::from_store(text("name")?.to_owned()),
        password_hash: PasswordHash::new(text("password_hash")?),
        extra: Extra::from_store(extra.clone()),
    })
}

fn sign_in(record: &Record<'_>, object: &Map<String, Json>) -> Result<PendingSignIn, StoreError> {
    let corrupt = || record.corrupt("sign_in", "is no pending sign-in");
    let proofs = object
        .get("proofs")
        .and_then(Json::as_array)
        .ok_or_else(corrupt)?;
    let is_short = object
        .get("is_short")
        .and_then(Json::as_bool)
        .ok_or_else(corrupt)?;
    Ok(PendingSignIn {
        proofs: record.proofs("sign_in", proofs)?,
        length: length(is_short),
    })
}

#[async_trait]
impl TokenStore for SqlStore {
    async fn insert_token(&self, token: &OneTimeToken) -> Result<Insert, StoreError> {
        self.insert(insert(token)?).await
    }

    async fn token(
        &self,
        digest: TokenDigest,
        purpose: TokenPurpose,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>, StoreError> {
        let text = format!("SELECT {COLUMNS} FROM {{tokens}} WHERE digest = $1");
        let statement = Statement::new(text).with(digest.to_bytes().as_slice());
        let token = self.read_one(statement, read).await?;
        Ok(token.filter(|token| token.is_for(purpose, now)))
    }

    async fn take_token(
        &self,
        digest: TokenDigest,
        purpose: TokenPurpose,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>, StoreError> {
        let text = format!(
            "DELETE FROM {{tokens}} WHERE digest = $1 AND purpose = $2 AND expires_at > $3 \
             AND {{durable}} RETURNING {COLUMNS}"
        );
        let statement = Statement::new(text)
            .with(digest.to_bytes().as_slice())
            .with(purpose.as_str())
            .with(now);
        self.write(statement).await?.first().map(read).transpose()
    }

    async fn tokens_of(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<OneTimeToken>, StoreError> {
        let text = format!(
            "SELECT {COLUMNS} FROM {{tokens}} WHERE user_id = $1 AND expires_at > $2 \
             ORDER BY created_at DESC"
        );
        let statement = Statement::new(text).with(user.to_string()).with(now);
        self.read_all(statement, read).await
    }

    async fn remove_tokens(
        &self,
        user: UserId,
        purpose: Option<TokenPurpose>,
        made_until: Timestamp,
    ) -> Result<u64, StoreError> {
        let of_purpose = purpose.map_or("", |_| "AND purpose = $3");
        let text = format!(
            "DELETE FROM {{tokens}} WHERE user_id = $1 AND created_at <= $2 {of_purpose} \
             AND {{durable}} RETURNING digest"
        );
        let mut statement = Statement::new(text).with(user.to_string()).with(made_until);
        statement
            .values
            .extend(purpose.map(|purpose| purpose.as_str().into()));
        Ok(number_of(&self.write(statement).await?))
    }
}
