//! Validators: the shape of the records, for the server to check.

use ::mongodb::Database;
use ::mongodb::bson::{Document, doc};

use super::config::MongoConfig;
use super::start::StartError;

const NAMESPACE_EXISTS: i32 = 48;

/// Puts the validators on the collections, which are made if need be.
pub(super) async fn install(database: &Database, config: &MongoConfig) -> Result<(), StartError> {
    for (collection, schema) in [
        (&config.users, users()),
        (&config.sessions, sessions()),
        (&config.tokens, tokens()),
        (&config.limits, limits()),
    ] {
        let validator = doc! {
            "validator": { "$jsonSchema": schema },
            "validationLevel": "moderate",
            "validationAction": "error",
        };
        let mut create = doc! { "create": collection };
        create.extend(validator.clone());
        match database.run_command(create).await {
            Ok(_) => continue,
            Err(error) if super::error::code(&error) == Some(NAMESPACE_EXISTS) => {}
            Err(error) => return Err(StartError::store(error)),
        }
        let mut change = doc! { "collMod": collection };
        change.extend(validator);
        database
            .run_command(change)
            .await
            .map_err(StartError::store)?;
    }
    Ok(())
}

/// A schema that wants all of `fields`, each of the given BSON type or types.
/// Fields that it does not know are let through: they may be a later version's.
fn schema(fields: &[(&str, &[&str])]) -> Document {
    let required: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    let properties: Document = fields
        .iter()
        .map(|(name, types)| ((*name).to_owned(), doc! { "bsonType": *types }.into()))
        .collect();
    doc! { "bsonType": "object", "required": required, "properties": properties }
}

const INTEGER: &[&str] = &["int", "long"];

fn users() -> Document {
    schema(&[
        ("_id", &["objectId"]),
        ("email", &["string"]),
        ("email_canonical", &["string"]),
        ("name", &["string"]),
        ("password_hash", &["string"]),
        ("created_at", &["date"]),
        ("last_login", &["date", "null"]),
        ("is_verified", &["bool"]),
        ("roles", &["array"]),
        ("preferences", &["object"]),
        ("status", &["string"]),
        ("auth_epoch", INTEGER),
        ("schema", INTEGER),
    ])
}

fn sessions() -> Document {
    schema(&[
        ("_id", &["objectId"]),
        ("user_id", &["objectId"]),
        ("auth_epoch", INTEGER),
        ("created_at", &["date"]),
        ("last_seen_at", &["date"]),
        ("expires_at", &["date"]),
        ("absolute_expires_at", &["date"]),
        ("refresh_counter", INTEGER),
        ("ip", &["string", "null"]),
        ("user_agent", &["string", "null"]),
        ("rotation", &["string", "null"]),
        ("ended_at", &["date", "null"]),
        ("schema", INTEGER),
    ])
}

fn tokens() -> Document {
    schema(&[
        ("_id", &["binData"]),
        ("purpose", &["string"]),
        ("user_id", &["objectId"]),
        ("email", &["string"]),
        ("created_at", &["date"]),
        ("expires_at", &["date"]),
        ("schema", INTEGER),
    ])
}

fn limits() -> Document {
    schema(&[("_id", &["binData"]), ("full_at", &["date"])])
}
