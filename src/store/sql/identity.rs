//! Identities: rows of a table of their own, which are read with their user.

use serde_json::Value as Json;

use super::record::Record;
use super::statement::{Insertion, Statement, Value};
use crate::id::UserId;
use crate::identity::{
    Identities, Identity, IdentityKey, Issuer, ProviderEmail, ProviderId, SubjectId,
};
use crate::store::StoreError;
use crate::time::Timestamp;

/// The columns of an identity besides that of its user.
#[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
pub(super) const COLUMNS: [&str; 8] = [
    "id",
    "key",
    "provider",
    "issuer",
    "subject",
    "email",
    "created_at",
    "last_used_at",
];

pub(super) fn key_value(key: IdentityKey) -> Value {
    key.to_bytes().as_slice().into()
}

pub(super) fn email_value(email: Option<&ProviderEmail>) -> Value {
    Value::Text(email.map(|email| email.as_str().to_owned()))
}

/// The values of the columns of an identity, besides that of its user.
pub(super) fn values(identity: &Identity) -> [Value; 8] {
    [
        identity.id.to_string().into(),
        key_value(identity.key()),
        identity.provider.as_str().into(),
        identity.issuer.as_str().into(),
        identity.subject.as_str().into(),
        email_value(identity.email.as_ref()),
        identity.created_at.into(),
        identity.last_used_at.into(),
    ]
}

pub(super) fn insert(user: UserId, identity: &Identity) -> Insertion {
    let user: Value = user.to_string().into();
    Insertion {
        into: "{user_identities} (user_id, id, key, provider, issuer, subject, email, \
            created_at, last_used_at)",
        list: "?, ?, ?, ?, ?, ?, ?, ?, ?",
        key: "user_id",
        values: [user].into_iter().chain(values(identity)).collect(),
    }
}

/// What makes the identities of a user those that they are `after`, of those that were linked
/// `before`: removes them, or notes that they were used.
pub(super) fn changes(user: UserId, before: &Identities, after: &Identities) -> Vec<Statement> {
    let change = |identity: &Identity| {
        let (user, id) = (user.to_string(), identity.id.to_string());
        match after.get(identity.id) {
            Some(same) if same == identity => None,
            Some(used) => Some(
                Statement::new(
                    "UPDATE {user_identities} SET email = $3, last_used_at = $4 \
                     WHERE user_id = $1 AND id = $2 RETURNING id",
                )
                .with(user)
                .with(id)
                .with(email_value(used.email.as_ref()))
                .with(used.last_used_at),
            ),
            None => Some(
                Statement::new(
                    "DELETE FROM {user_identities} WHERE user_id = $1 AND id = $2 RETURNING id",
                )
                .with(user)
                .with(id),
            ),
        }
    };
    before.iter().filter_map(change).collect()
}

/// Selects the identity with this key.
pub(super) fn with_key(key: IdentityKey) -> Statement {
    Statement::new("SELECT id FROM {user_identities} WHERE key = $1").with(key_value(key))
}

/// Selects which of an address and the keys of identities are taken: `email`, `identity`.
pub(super) fn taken(email: &str, identities: &Identities) -> Statement {
    let mut statement = Statement::new("");
    let email = statement.add(email);
    let mut text = format!(
        "SELECT CAST('email' AS text) AS taken FROM {{users}} WHERE email_canonical = ${email}"
    );
    let keys = identities.iter().map(Identity::key).map(key_value);
    let keys: Vec<String> = keys.map(|key| format!("${}", statement.add(key))).collect();
    if !keys.is_empty() {
        text += " UNION ALL SELECT CAST('identity' AS text) FROM {user_identities} WHERE key IN (";
        text += &keys.join(", ");
        text += ")";
    }
    statement.text = text.into();
    statement
}

/// Reads the column `identities`, a list of the columns of each.
pub(super) fn read(record: &Record<'_>) -> Result<Identities, StoreError> {
    let list = record.optional_list("identities")?.unwrap_or_default();
    let read = |item: &Json| {
        identity(item)
            .ok_or_else(|| record.corrupt("identities", "has something that is no identity"))
    };
    list.iter().map(read).collect()
}

fn identity(item: &Json) -> Option<Identity> {
    let [
        id,
        provider,
        issuer,
        subject,
        email,
        created_at,
        last_used_at,
    ] = item.as_array()?.as_slice()
    else {
        return None;
    };
    let email = match email {
        Json::Null => None,
        email => Some(ProviderEmail::parse(email.as_str()?).ok()?),
    };
    Some(Identity {
        id: id.as_str()?.parse().ok()?,
        provider: ProviderId::parse(provider.as_str()?).ok()?,
        issuer: Issuer::parse(issuer.as_str()?).ok()?,
        subject: SubjectId::parse(subject.as_str()?).ok()?,
        email,
        created_at: Timestamp::from_millis(created_at.as_i64()?),
        last_used_at: Timestamp::from_millis(last_used_at.as_i64()?),
    })
}
