//! The changes of a user that a login makes, each in one statement.

use super::identity;
use super::names::Dialect;
use super::record::hex;
use super::statement::Statement;
use crate::id::UserId;
use crate::identity::IdentityUse;
use crate::store::{EpochChange, UserChange};
use crate::time::Timestamp;
use crate::user::{DeviceDigest, MAX_DEVICES};

/// The digits of one device in the column `devices`.
pub(super) const DEVICE_DIGITS: usize = 32;

/// Records a login in one statement; `None` if no row can have the epoch.
fn login(
    id: UserId,
    epoch: u64,
    device: Option<DeviceDigest>,
    used: Option<&IdentityUse>,
    now: Timestamp,
) -> Option<Statement> {
    let epoch = i64::try_from(epoch).ok()?;
    let device = device.map(|device| hex(&device.to_bytes()));
    let digits = MAX_DEVICES * DEVICE_DIGITS;
    let set = format!(
        "SET last_login = {{greatest}}(COALESCE(u.last_login, $3), $3), \
         devices = {{last_characters}}(u.devices || $4, {{minus}}{digits})"
    );
    let is_due = "id = $1 AND auth_epoch = $2 AND status = 'active' AND {durable}";
    let text = match used {
        None => format!("UPDATE {{users}} AS u {set} WHERE {is_due} RETURNING id"),
        // The row of the user is locked first. If the identity is unlinked meanwhile, the
        // statement waits for that, finds no identity and changes nothing.
        Some(_) => format!(
            "WITH due AS (SELECT id FROM {{users}} WHERE {is_due} {{locked}}), \
             used AS (UPDATE {{user_identities}} AS i SET last_used_at = \
             {{greatest}}(i.last_used_at, $3), email = CASE WHEN i.last_used_at <= $3 \
             THEN COALESCE($6, i.email) ELSE i.email END FROM due \
             WHERE i.user_id = due.id AND i.key = $5 RETURNING i.user_id) \
             UPDATE {{users}} AS u {set} FROM used WHERE u.id = used.user_id RETURNING u.id"
        ),
    };
    let mut statement = Statement::new(text)
        .with(id.to_string())
        .with(epoch)
        .with(now)
        .with(device.unwrap_or_default());
    if let Some(used) = used {
        statement = statement
            .with(identity::key_value(used.key))
            .with(identity::email_value(used.email.as_ref()));
    }
    Some(statement)
}

/// The changes of a login, each of which is one statement: `None` for any other change, and for
/// a login by an identity in SQLite, whose statements change one table.
pub(super) fn in_one_statement(
    id: UserId,
    change: &UserChange,
    dialect: Dialect,
) -> Option<Statement> {
    match change {
        UserChange::RecordLogin {
            epoch,
            new_device,
            used,
            now,
        } => match (used, dialect) {
            #[cfg(feature = "sqlite")]
            (Some(_), Dialect::Sqlite) => None,
            (used, _) => login(id, *epoch, *new_device, used.as_ref(), *now),
        },
        UserChange::ReplacePassword {
            expected,
            new,
            epoch: EpochChange::Keep,
        } => Some(
            Statement::new(
                "UPDATE {users} SET password_hash = $3 \
                 WHERE id = $1 AND password_hash = $2 AND {durable} RETURNING id",
            )
            .with(id.to_string())
            .with(expected.expose_secret())
            .with(new.expose_secret()),
        ),
        _ => None,
    }
}
