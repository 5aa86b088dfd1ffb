//! Validators: the shape of the records, for the server to check.

use ::mongodb::bson::{Document, doc};

use super::claimed::Claimed;
use super::kind::Kind;
use super::start_error::StartError;

const NAMESPACE_EXISTS: i32 = 48;

/// The shape of the documents of this kind.
pub(super) fn of(kind: Kind) -> Document {
    match kind {
        Kind::Meta => notes(),
        Kind::Users => users(),
        Kind::Sessions => sessions(),
        Kind::Tokens => tokens(),
        Kind::Limits => limits(),
        Kind::Audit => audit(),
        Kind::Attempts => attempts(),
    }
}

/// Puts the validators on the collections, which are made if need be.
pub(super) async fn install(claimed: Claimed<'_>) -> Result<(), StartError> {
    let Claimed { database, config } = claimed;
    for kind in Kind::ALL {
        let (collection, schema) = (config.name_of(kind), of(kind));
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

/// A field's name and its BSON type or types.
type Field = (&'static str, &'static [&'static str]);

/// A schema that wants all of `fields`, and each of them and of `optional`, if
/// it is there, to have its type. Fields that it does not know are let
/// through: they may be a later version's.
fn schema(fields: &[Field], optional: &[Field]) -> Document {
    let required: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    let properties: Document = fields
        .iter()
        .chain(optional)
        .map(|(name, types)| ((*name).to_owned(), doc! { "bsonType": *types }.into()))
        .collect();
    doc! { "bsonType": "object", "required": required, "properties": properties }
}

const INTEGER: &[&str] = &["int", "long"];

fn notes() -> Document {
    let fields: &[Field] = &[
        ("_id", &["string"]),
        ("kind", &["string"]),
        ("state", &["string"]),
        ("from", &["string", "null"]),
        ("schema", INTEGER),
    ];
    schema(fields, &[])
}

fn users() -> Document {
    let fields: &[Field] = &[
        ("_id", &["objectId"]),
        ("email", &["string"]),
        ("email_canonical", &["string"]),
        ("name", &["string"]),
        ("password_hash", &["string", "null"]),
        ("created_at", &["date"]),
        ("last_login", &["date", "null"]),
        ("is_verified", &["bool"]),
        ("roles", &["array"]),
        ("preferences", &["object"]),
        ("status", &["string"]),
        ("auth_epoch", INTEGER),
        ("link_epoch", INTEGER),
        ("schema", INTEGER),
    ];
    let optional: &[Field] = &[
        ("devices", &["array"]),
        ("identities", &["array"]),
        ("version", INTEGER),
        ("metadata", &["object"]),
        ("pending_hook", &["object", "null"]),
    ];
    schema(fields, optional)
}

fn sessions() -> Document {
    let fields: &[Field] = &[
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
    ];
    schema(fields, &[("short", &["bool"]), ("proofs", &["array"])])
}

fn tokens() -> Document {
    let fields: &[Field] = &[
        ("_id", &["binData"]),
        ("purpose", &["string"]),
        ("user_id", &["objectId"]),
        ("account_email", &["string"]),
        ("auth_epoch", &["int", "long", "null"]),
        ("link_epoch", INTEGER),
        ("email", &["string"]),
        ("email_canonical", &["string"]),
        ("created_at", &["date"]),
        ("expires_at", &["date"]),
        ("schema", INTEGER),
    ];
    schema(
        fields,
        &[
            ("registration", &["object"]),
            ("sign_in", &["object"]),
            ("federation", &["object"]),
        ],
    )
}

fn limits() -> Document {
    let fields: &[Field] = &[("_id", &["binData"]), ("full_at", &["date"])];
    schema(
        fields,
        &[("budgets_used", &["object"]), ("tidy_at", &["date"])],
    )
}

fn attempts() -> Document {
    let fields: &[Field] = &[
        ("_id", &["binData"]),
        ("count", INTEGER),
        ("open_at", &["date"]),
        ("forgotten_at", &["date"]),
        ("decision", &["string"]),
    ];
    schema(fields, &[("last_at", &["date"])])
}

fn audit() -> Document {
    let fields: &[Field] = &[
        ("_id", &["objectId"]),
        ("user_id", &["objectId"]),
        ("class", &["string"]),
        ("at", &["date"]),
        ("operation", &["string"]),
        ("refused", &["string", "null"]),
        ("notice", &["string", "null"]),
        ("actor_id", &["objectId", "null"]),
        ("session_id", &["objectId", "null"]),
        ("mail", &["string", "null"]),
        ("ip", &["string", "null"]),
        ("user_agent", &["string", "null"]),
        ("expires_at", &["date"]),
        ("schema", INTEGER),
    ];
    let optional: &[Field] = &[
        ("notices", &["array"]),
        ("last_id", &["objectId"]),
        ("count", INTEGER),
    ];
    schema(fields, optional)
}
