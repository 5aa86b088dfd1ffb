//! A change of a user, as one command.

use std::collections::BTreeSet;

use ::mongodb::bson::{Bson, Document, doc};
use ::mongodb::options::UpdateModifications;

use super::document::{binary, date, object_id};
use super::{identity, json};
use crate::authz::Role;
use crate::id::{IdentityId, UserId};
use crate::identity::{Identity, IdentityUse};
use crate::store::{EpochChange, HookChange, ProfileChange, RoleChange, UserChange};
use crate::time::Timestamp;
use crate::user::{AccountState, DeviceDigest, MAX_DEVICES, PendingHook, UserStatus};

/// What a `$slice` has to say to leave the last [`MAX_DEVICES`] in a list.
const LAST_DEVICES: i32 = -20;
const _: () = assert!(LAST_DEVICES.unsigned_abs() as usize == MAX_DEVICES);

pub(super) fn by_id(id: UserId) -> Document {
    doc! { "_id": object_id(id.to_bytes()) }
}

/// Matches a user of this version. A user without the field has version 0.
fn of_version(version: i64) -> Bson {
    match version {
        0 => doc! { "$in": [0_i64, Bson::Null] }.into(),
        version => version.into(),
    }
}

/// What fits one user of this version, and the version after it; `None` when
/// there can be no such user.
fn by_version(id: UserId, version: u64) -> Option<(Document, i64)> {
    let version = i64::try_from(version).ok()?;
    let next = version.checked_add(1)?;
    let mut filter = by_id(id);
    filter.insert("version", of_version(version));
    Some((filter, next))
}

/// What fits one user, as long as the account is in this state and active;
/// `None` when there can be no such user.
pub(super) fn in_state(account: &AccountState) -> Option<Document> {
    let mut filter = by_id(account.id);
    filter.insert("email_canonical", account.email.as_str());
    if let Some(epoch) = account.auth_epoch {
        filter.insert("auth_epoch", i64::try_from(epoch).ok()?);
    }
    filter.insert("link_epoch", i64::try_from(account.link_epoch).ok()?);
    if let Some(version) = account.version {
        filter.insert("version", of_version(i64::try_from(version).ok()?));
    }
    filter.insert("status", UserStatus::Active.as_str());
    Some(filter)
}

pub(super) fn device_binary(device: &DeviceDigest) -> Bson {
    binary(&device.to_bytes()).into()
}

fn in_state_of(id: UserId, account: &AccountState) -> Option<Document> {
    in_state(account).filter(|_| account.id == id)
}

/// The filter that holds the condition of `change`, and what to do to the user that fits it.
/// `None` when no user can fit it.
pub(super) fn command(id: UserId, change: &UserChange) -> Option<(Document, UpdateModifications)> {
    let (filter, update) = match change {
        UserChange::RecordLogin {
            epoch,
            new_device,
            used,
            now,
        } => {
            let mut filter = by_id(id);
            filter.insert("status", UserStatus::Active.as_str());
            filter.insert("auth_epoch", i64::try_from(*epoch).ok()?);
            if let Some(used) = used {
                filter.insert(identity::KEYS, identity::key_binary(used.key));
                return Some((filter, login_by(used, *new_device, *now)));
            }
            let mut update = doc! { "$max": { "last_login": date(*now) } };
            if let Some(device) = new_device {
                let last = vec![device_binary(device)];
                let devices = doc! { "$each": last, "$slice": LAST_DEVICES };
                update.insert("$push", doc! { "devices": devices });
            }
            (filter, update)
        }
        UserChange::ReplacePassword {
            expected,
            new,
            epoch,
        } => {
            let mut filter = by_id(id);
            filter.insert("password_hash", expected.expose_secret());
            let mut update = doc! { "$set": { "password_hash": new.expose_secret() } };
            match epoch {
                EpochChange::Keep => {}
                EpochChange::Raise => {
                    update.insert("$inc", doc! { "auth_epoch": 1_i64, "version": 1_i64 });
                }
            }
            (filter, update)
        }
        UserChange::UpdateProfile { version, change } => {
            let (filter, next) = by_version(id, *version)?;
            let mut set = doc! { "version": next };
            set.extend(profile_of(change));
            (filter, doc! { "$set": set })
        }
        UserChange::VerifyEmail(account) => {
            let mut filter = in_state_of(id, account)?;
            filter.insert("is_verified", false);
            let update = doc! { "$set": { "is_verified": true }, "$inc": { "version": 1_i64 } };
            (filter, update)
        }
        UserChange::ResetPassword {
            account,
            new,
            device,
            change,
        } => {
            let mut set = doc! {
                "password_hash": new.expose_secret(),
                "is_verified": true,
                "devices": [device_binary(device)],
            };
            set.extend(profile_of(change));
            let raised = doc! { "auth_epoch": 1_i64, "link_epoch": 1_i64, "version": 1_i64 };
            let filter = in_state_of(id, account)?;
            (filter, doc! { "$set": set, "$inc": raised })
        }
        UserChange::SetStatus { version, status } => return status_command(id, *version, *status),
        UserChange::ChangeRoles { version, change } => return roles_command(id, *version, change),
        UserChange::UnlinkIdentity { version, identity } => {
            unlink_command(id, *version, *identity)?
        }
    };
    Some((filter, update.into()))
}

/// A login by an identity. One later than `now` has left its time and address.
fn login_by(
    used: &IdentityUse,
    new_device: Option<DeviceDigest>,
    now: Timestamp,
) -> UpdateModifications {
    let mut set = doc! { "last_login": { "$max": ["$last_login", date(now)] } };
    if let Some(device) = new_device {
        let devices = doc! { "$ifNull": ["$devices", Bson::Array(Vec::new())] };
        let last = Bson::Array(vec![device_binary(&device)]);
        let devices = doc! { "$concatArrays": [devices, last] };
        set.insert("devices", doc! { "$slice": [devices, LAST_DEVICES] });
    }
    set.extend(identity::record(used, now));
    vec![doc! { "$set": set }].into()
}

/// What fits a user of this version who can link the identity, and what links it. Whether
/// another user has it, the unique index decides.
pub(super) fn link_command(
    id: UserId,
    version: u64,
    identity: &Identity,
) -> Option<(Document, Document)> {
    let (mut filter, next) = by_version(id, version)?;
    let key = identity::key_binary(identity.key());
    filter.insert(identity::KEYS, doc! { "$ne": key });
    let own = object_id(identity.id.to_bytes());
    filter.insert("identities.id", doc! { "$ne": own });
    filter.insert(identity::LAST, doc! { "$exists": false });
    let update = doc! {
        "$push": { "identities": identity::to_document(identity) },
        "$set": { "version": next },
    };
    Some((filter, update))
}

/// Fits only a user with another way in: a password or another identity.
fn unlink_command(id: UserId, version: u64, identity: IdentityId) -> Option<(Document, Document)> {
    let (mut filter, next) = by_version(id, version)?;
    let identity = object_id(identity.to_bytes());
    filter.insert("identities.id", identity);
    let password = doc! { "password_hash": { "$type": "string" } };
    let another = doc! { "identities.1": { "$exists": true } };
    filter.insert("$or", vec![password, another]);
    let update = doc! {
        "$pull": { "identities": { "id": identity } },
        "$set": { "version": next },
    };
    Some((filter, update))
}

fn status_command(
    id: UserId,
    version: u64,
    status: UserStatus,
) -> Option<(Document, UpdateModifications)> {
    let (mut filter, next) = by_version(id, version)?;
    // One that cannot be read is not written over.
    let known = UserStatus::ALL.map(UserStatus::as_str);
    filter.insert("status", doc! { "$in": known.to_vec() });
    let mut set = doc! { "status": status.as_str(), "version": next };
    if status == UserStatus::Disabled {
        // Only from active, so that the epochs go up once.
        let was_active = doc! { "$eq": ["$status", UserStatus::Active.as_str()] };
        for field in ["auth_epoch", "link_epoch"] {
            let name = format!("${field}");
            let raised = doc! { "$add": [&name, 1_i64] };
            set.insert(field, doc! { "$cond": [was_active.clone(), raised, name] });
        }
    }
    Some((filter, vec![doc! { "$set": set }].into()))
}

fn roles_command(
    id: UserId,
    version: u64,
    change: &RoleChange,
) -> Option<(Document, UpdateModifications)> {
    let (mut filter, next) = by_version(id, version)?;
    // A role begins with a letter, so none of them is taken for a field.
    let names = |roles: &BTreeSet<Role>| -> Vec<Bson> {
        roles.iter().map(|role| role.as_str().into()).collect()
    };
    let granted = doc! { "$setUnion": ["$roles", names(&change.grant)] };
    let left = doc! { "$setDifference": [granted, names(&change.revoke)] };
    filter.insert("roles", doc! { "$type": "array" });
    let set = doc! { "$set": { "roles": left, "version": next } };
    Some((filter, vec![set].into()))
}

/// The fields of a user that `change` sets.
fn profile_of(change: &ProfileChange) -> Document {
    let mut set = Document::new();
    if let Some(name) = &change.name {
        set.insert("name", name.as_str());
    }
    if let Some(preferences) = &change.preferences {
        set.insert("preferences", json::to_document(preferences.as_map()));
    }
    if let Some(metadata) = &change.metadata {
        set.insert("metadata", json::to_document(metadata.as_map()));
    }
    if change.removes_identities {
        set.insert("identities", Vec::<Bson>::new());
    }
    match &change.pending_hook {
        HookChange::Keep => {}
        HookChange::Remove => {
            set.insert("pending_hook", Bson::Null);
        }
        HookChange::Set(hook) => {
            set.insert("pending_hook", hook_document(hook));
        }
    }
    set
}

pub(super) fn hook_document(hook: &PendingHook) -> Document {
    doc! { "kind": hook.kind.as_str(), "data": json::to_document(&hook.data) }
}
