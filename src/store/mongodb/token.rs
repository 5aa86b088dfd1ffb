//! One-time tokens.

use ::mongodb::bson::{Document, doc};
use async_trait::async_trait;

use super::MongoStore;
use super::document::{Record, SCHEMA, binary, date, object_id};
use super::error::{is_duplicate, store_error};
use crate::email::CanonicalEmail;
use crate::id::UserId;
use crate::store::{Insert, StoreError, TokenStore};
use crate::time::Timestamp;
use crate::token::{OneTimeToken, TokenDigest, TokenPurpose};

fn purpose_text(purpose: TokenPurpose) -> &'static str {
    match purpose {
        TokenPurpose::VerifyEmail => "verify_email",
        TokenPurpose::ResetPassword => "reset_password",
        TokenPurpose::ChangeEmail => "change_email",
    }
}

fn to_document(token: &OneTimeToken) -> Document {
    doc! {
        "_id": binary(&token.digest.to_bytes()),
        "purpose": purpose_text(token.purpose),
        "user_id": object_id(token.user_id.to_bytes()),
        "email": token.email.as_str(),
        "created_at": date(token.created_at),
        "expires_at": date(token.expires_at),
        "schema": SCHEMA,
    }
}

fn from_document(
    digest: TokenDigest,
    purpose: TokenPurpose,
    fields: &Document,
) -> Result<OneTimeToken, StoreError> {
    let record = Record::new("one-time token", fields)?;
    Ok(OneTimeToken {
        digest,
        purpose,
        user_id: UserId::from_bytes(record.id("user_id")?),
        email: CanonicalEmail::from_store(record.text("email")?.to_owned()),
        created_at: record.instant("created_at")?,
        expires_at: record.instant("expires_at")?,
    })
}

#[async_trait]
impl TokenStore for MongoStore {
    async fn insert_token(&self, token: &OneTimeToken) -> Result<Insert, StoreError> {
        let tokens = self.inner.tokens.clone();
        let document = to_document(token);
        self.run(async move {
            match tokens.insert_one(document).await {
                Ok(_) => Ok(Insert::Inserted),
                Err(error) if is_duplicate(&error) => Ok(Insert::Taken),
                Err(error) => Err(store_error(error)),
            }
        })
        .await
    }

    async fn consume_token(
        &self,
        digest: TokenDigest,
        purpose: TokenPurpose,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>, StoreError> {
        let filter = doc! {
            "_id": binary(&digest.to_bytes()),
            "purpose": purpose_text(purpose),
            // With `$not`, so that a token without a date is taken out too,
            // and reported instead of accepted.
            "expires_at": { "$not": { "$lte": date(now) } },
        };
        let tokens = self.inner.tokens.clone();
        let deadline = self.inner.deadline;
        self.run(async move {
            let found = tokens
                .find_one_and_delete(filter)
                .max_time(deadline)
                .await
                .map_err(store_error)?;
            found
                .map(|fields| from_document(digest, purpose, &fields))
                .transpose()
        })
        .await
    }

    async fn remove_tokens(&self, user: UserId) -> Result<u64, StoreError> {
        let filter = doc! { "user_id": object_id(user.to_bytes()) };
        let tokens = self.inner.tokens.clone();
        self.run(async move {
            let result = tokens.delete_many(filter).await.map_err(store_error)?;
            Ok(result.deleted_count)
        })
        .await
    }
}
