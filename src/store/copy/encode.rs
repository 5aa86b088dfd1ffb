//! The canonical encoding of records, over which digests are computed.
//!
//! It does not depend on the store. Each value has one encoding, and no encoding is a prefix of
//! another one: numbers have a fixed size, and other values begin with their length.

use std::fmt;
use std::net::IpAddr;

use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};

use crate::audit::AuditRecord;
use crate::email::Email;
use crate::identity::{Identity, ProviderEmail};
use crate::lockout::Attempts;
use crate::proof::{Proof, Proofs};
use crate::session::Session;
use crate::time::Timestamp;
use crate::token::{OneTimeToken, PendingFederation, PendingRegistration, PendingSignIn};
use crate::user::{AccountState, DeviceDigest, PasswordHash, PendingHook, User};

/// A value with a canonical encoding.
pub trait Encode {
    /// Adds the encoding of this value.
    fn encode(&self, to: &mut Encoder);
}

/// Computes the digest of the values that are added to it.
#[derive(Clone, Default)]
pub struct Encoder(Sha256);

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encoder")
    }
}

impl Encoder {
    /// Adds a value.
    pub(super) fn add(&mut self, value: &(impl Encode + ?Sized)) -> &mut Self {
        value.encode(self);
        self
    }

    /// Adds the number of values, and the values.
    fn all<'v, V: Encode + ?Sized + 'v>(
        &mut self,
        values: impl ExactSizeIterator<Item = &'v V>,
    ) -> &mut Self {
        self.add(&(values.len() as u64));
        for value in values {
            self.add(value);
        }
        self
    }

    /// The SHA-256 of all that was added.
    pub(super) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

impl Encode for u64 {
    fn encode(&self, to: &mut Encoder) {
        to.0.update(self.to_be_bytes());
    }
}

impl Encode for i64 {
    fn encode(&self, to: &mut Encoder) {
        to.0.update(self.to_be_bytes());
    }
}

impl Encode for bool {
    fn encode(&self, to: &mut Encoder) {
        to.0.update([u8::from(*self)]);
    }
}

impl<const N: usize> Encode for [u8; N] {
    fn encode(&self, to: &mut Encoder) {
        to.0.update(self);
    }
}

impl Encode for str {
    fn encode(&self, to: &mut Encoder) {
        to.add(&(self.len() as u64));
        to.0.update(self);
    }
}

impl Encode for String {
    fn encode(&self, to: &mut Encoder) {
        to.add(self.as_str());
    }
}

impl<V: Encode + ?Sized> Encode for &V {
    fn encode(&self, to: &mut Encoder) {
        to.add(*self);
    }
}

impl<V: Encode> Encode for Option<V> {
    fn encode(&self, to: &mut Encoder) {
        to.add(&self.is_some());
        if let Some(value) = self {
            to.add(value);
        }
    }
}

impl Encode for Timestamp {
    fn encode(&self, to: &mut Encoder) {
        to.add(&self.as_millis());
    }
}

impl Encode for IpAddr {
    fn encode(&self, to: &mut Encoder) {
        match self {
            Self::V4(ip) => to.add(&[4]).add(&ip.octets()),
            Self::V6(ip) => to.add(&[6]).add(&ip.octets()),
        };
    }
}

/// Members in the order of their names, whatever order the map keeps.
impl Encode for Map<String, Json> {
    fn encode(&self, to: &mut Encoder) {
        let mut members: Vec<(&String, &Json)> = self.iter().collect();
        members.sort_unstable_by_key(|(name, _)| *name);
        to.add(&(members.len() as u64));
        for (name, value) in members {
            to.add(name).add(value);
        }
    }
}

/// An integer and a double of the same value differ.
impl Encode for Json {
    fn encode(&self, to: &mut Encoder) {
        match self {
            Self::Null => to.add(&[0]),
            Self::Bool(flag) => to.add(&[1]).add(flag),
            Self::Number(number) => match number.as_i64() {
                Some(whole) => to.add(&[2]).add(&whole),
                None => to
                    .add(&[3])
                    .add(&number.as_u64())
                    .add(&number.as_f64().map(f64::to_bits)),
            },
            Self::String(text) => to.add(&[4]).add(text),
            Self::Array(items) => to.add(&[5]).all(items.iter()),
            Self::Object(object) => to.add(&[6]).add(object),
        };
    }
}

impl Encode for Email {
    fn encode(&self, to: &mut Encoder) {
        to.add(self.as_str()).add(self.canonical().as_str());
    }
}

impl Encode for PasswordHash {
    fn encode(&self, to: &mut Encoder) {
        to.add(self.expose_secret());
    }
}

impl Encode for DeviceDigest {
    fn encode(&self, to: &mut Encoder) {
        to.add(&self.to_bytes());
    }
}

impl Encode for Proofs {
    fn encode(&self, to: &mut Encoder) {
        let proofs: Vec<Proof> = self.iter().collect();
        to.add(&(proofs.len() as u64));
        for Proof { method, at } in &proofs {
            to.add(method.as_str()).add(at);
        }
    }
}

impl Encode for PendingHook {
    fn encode(&self, to: &mut Encoder) {
        let Self { kind, data } = self;
        to.add(kind.as_str()).add(data);
    }
}

// Each record is taken apart, so that a new field cannot be forgotten here.

impl Encode for User {
    fn encode(&self, to: &mut Encoder) {
        let Self {
            id,
            email,
            name,
            password_hash,
            created_at,
            last_login,
            is_verified,
            roles,
            preferences,
            metadata,
            pending_hook,
            status,
            auth_epoch,
            link_epoch,
            version,
            devices,
            identities,
        } = self;
        let roles: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
        to.add(&id.to_bytes()).add(email).add(name.as_str());
        to.add(password_hash).add(created_at).add(last_login);
        to.add(is_verified).all(roles.iter());
        to.add(preferences.as_map()).add(metadata.as_map());
        to.add(pending_hook).add(status.as_str());
        to.add(auth_epoch).add(link_epoch).add(version);
        to.all(devices.iter()).all(identities.iter());
    }
}

impl Encode for Identity {
    fn encode(&self, to: &mut Encoder) {
        let Self {
            id,
            provider,
            issuer,
            subject,
            email,
            created_at,
            last_used_at,
        } = self;
        to.add(&id.to_bytes()).add(provider.as_str());
        to.add(issuer.as_str()).add(subject.as_str());
        to.add(&email.as_ref().map(ProviderEmail::as_str));
        to.add(created_at).add(last_used_at);
    }
}

impl Encode for Session {
    fn encode(&self, to: &mut Encoder) {
        let Self {
            id,
            user_id,
            auth_epoch,
            created_at,
            proofs,
            last_seen_at,
            expires_at,
            absolute_expires_at,
            length,
            refresh_counter,
            ip,
            user_agent,
        } = self;
        to.add(&id.to_bytes()).add(&user_id.to_bytes());
        to.add(auth_epoch).add(created_at).add(proofs);
        to.add(last_seen_at)
            .add(expires_at)
            .add(absolute_expires_at);
        to.add(length.as_str()).add(refresh_counter);
        to.add(ip).add(user_agent);
    }
}

impl Encode for OneTimeToken {
    fn encode(&self, to: &mut Encoder) {
        let Self {
            digest,
            purpose,
            account,
            email,
            registration,
            sign_in,
            federation,
            created_at,
            expires_at,
        } = self;
        to.add(&digest.to_bytes()).add(purpose.as_str());
        to.add(account).add(email);
        to.add(registration).add(sign_in);
        to.add(&federation.as_ref().map(PendingFederation::to_object));
        to.add(created_at).add(expires_at);
    }
}

impl Encode for AccountState {
    fn encode(&self, to: &mut Encoder) {
        let Self {
            id,
            email,
            auth_epoch,
            link_epoch,
            // Stores need not keep it: no token rests on one.
            version: _,
        } = self;
        to.add(&id.to_bytes()).add(email.as_str());
        to.add(auth_epoch).add(link_epoch);
    }
}

impl Encode for PendingRegistration {
    fn encode(&self, to: &mut Encoder) {
        let Self {
            user_id,
            name,
            password_hash,
            extra,
        } = self;
        to.add(&user_id.to_bytes()).add(name.as_str());
        to.add(password_hash).add(extra.as_map());
    }
}

impl Encode for PendingSignIn {
    fn encode(&self, to: &mut Encoder) {
        let Self { proofs, length } = self;
        to.add(proofs).add(length.as_str());
    }
}

impl Encode for Attempts {
    fn encode(&self, to: &mut Encoder) {
        let Self {
            count,
            open_at,
            forgotten_at,
            last_at,
        } = self;
        to.add(&u64::from(*count));
        to.add(open_at).add(forgotten_at).add(last_at);
    }
}

impl Encode for AuditRecord {
    fn encode(&self, to: &mut Encoder) {
        let Self {
            id,
            last_id,
            count,
            user_id,
            class,
            at,
            operation,
            refused,
            notices,
            actor_id,
            session_id,
            mail,
            ip,
            user_agent,
            expires_at,
        } = self;
        let notices: Vec<&str> = notices.iter().map(|notice| notice.as_str()).collect();
        to.add(&id.to_bytes()).add(&last_id.to_bytes()).add(count);
        to.add(&user_id.to_bytes()).add(class.as_str()).add(at);
        to.add(operation.as_str());
        to.add(&refused.map(|code| code.as_str()));
        to.all(notices.iter());
        to.add(&actor_id.map(|id| id.to_bytes()));
        to.add(&session_id.map(|id| id.to_bytes()));
        to.add(&mail.map(|mail| mail.as_str()));
        to.add(ip).add(user_agent).add(expires_at);
    }
}
