//! ID tokens (OpenID Connect Core 1.0 §2, §3.1.3.7).

use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use jsonwebtoken::crypto;
use serde_json::Value;

use super::algorithm::SigningAlgorithm;
use super::error::Fault;
use super::issuer::IssuerRule;
use super::keys::Key;
use super::members::Members;
use crate::json::document;
use crate::secret::constant_time_eq;
use crate::time::{CLOCK_SKEW, Timestamp};
use crate::token::backend;

/// Longest ID token that is looked at, in bytes.
const MAX_ID_TOKEN_BYTES: usize = 16 << 10;
/// Longest subject (OpenID Connect Core 1.0 §2).
const MAX_SUBJECT_BYTES: usize = 255;

/// A token in the compact form (RFC 7515 §3.1), of which only the header is read yet.
pub(super) struct Unverified<'t> {
    signed: &'t str,
    payload: &'t str,
    signature: &'t str,
    pub(super) kid: Option<String>,
    pub(super) algorithm: SigningAlgorithm,
}

impl<'t> Unverified<'t> {
    /// Reads the header of `token`. Keys and addresses of keys in it are never looked at.
    pub(super) fn read(token: &'t str, accepted: &[SigningAlgorithm]) -> Result<Self, Fault> {
        if token.len() > MAX_ID_TOKEN_BYTES {
            return Err(Fault::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Fault::Token)?;
        let (header, payload) = signed.split_once('.').ok_or(Fault::Token)?;
        let header = decoded(header)?;
        let header = Members::of(&header)?;
        // RFC 8725 §3.1: the algorithm is one of those that were chosen for the provider.
        let algorithm = header.text("alg")?.parse().map_err(|_| Fault::Algorithm)?;
        if !accepted.contains(&algorithm) || !algorithm.is_supported() {
            return Err(Fault::Algorithm);
        }
        if header.has("crit") {
            return Err(Fault::CriticalHeader);
        }
        // RFC 8725 §3.11: not an access or logout token.
        let kind = header.some_text("typ")?;
        if kind.is_some_and(|kind| !kind.eq_ignore_ascii_case("JWT")) {
            return Err(Fault::Token);
        }
        Ok(Self {
            signed,
            payload,
            signature,
            kid: header.some_text("kid")?.map(str::to_owned),
            algorithm,
        })
    }

    /// The claims, if `key` signed them.
    pub(super) fn verify(&self, key: &Key) -> Result<Value, Fault> {
        Base64UrlUnpadded::decode_vec(self.signature).map_err(|_| Fault::Token)?;
        backend::provider().map_err(|_| Fault::Algorithm)?;
        let verified = crypto::verify(
            self.signature,
            self.signed.as_bytes(),
            &key.decoding,
            self.algorithm.backend(),
        );
        match verified {
            Ok(true) => decoded(self.payload),
            Ok(false) | Err(_) => Err(Fault::Signature),
        }
    }
}

fn decoded(part: &str) -> Result<Value, Fault> {
    let bytes = Base64UrlUnpadded::decode_vec(part).map_err(|_| Fault::Token)?;
    Ok(document::document(&bytes)?)
}

/// What the claims of an ID token must say.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a IssuerRule,
    pub(super) key_issuer: Option<&'a str>,
    pub(super) client_id: &'a str,
    pub(super) trusted_audiences: &'a [String],
    pub(super) nonce: &'a str,
    pub(super) access_token: &'a str,
    pub(super) algorithm: SigningAlgorithm,
    pub(super) max_age: Option<Duration>,
    pub(super) now: Timestamp,
}

/// What a token that says it proves.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verified {
    pub(super) issuer: String,
    pub(super) subject: String,
    pub(super) auth_time: Option<Timestamp>,
}

impl Expected<'_> {
    /// Checks claims whose signature is right, by the steps of OpenID Connect Core 1.0
    /// §3.1.3.7.
    pub(super) fn check(&self, claims: Members<'_>) -> Result<Verified, Fault> {
        let issuer = self.issuer.of_token(claims, self.key_issuer)?;
        self.check_audience(claims)?;
        self.check_times(claims)?;
        if !constant_time_eq(claims.text("nonce")?.as_bytes(), self.nonce.as_bytes()) {
            return Err(Fault::Nonce);
        }
        self.check_access_token(claims)?;
        Ok(Verified {
            issuer,
            subject: subject(claims.text("sub")?)?,
            auth_time: self.auth_time(claims)?,
        })
    }

    /// Steps 3 to 5.
    fn check_audience(&self, claims: Members<'_>) -> Result<(), Fault> {
        let audiences = match claims.value("aud").ok_or(Fault::Member("aud"))? {
            Value::Array(all) => all.as_slice(),
            one => std::slice::from_ref(one),
        };
        let mut is_for_client = false;
        for audience in audiences {
            let audience = audience.as_str().ok_or(Fault::Member("aud"))?;
            if audience == self.client_id {
                is_for_client = true;
            } else if !self.trusted_audiences.iter().any(|it| it == audience) {
                return Err(Fault::Audience);
            }
        }
        if !is_for_client {
            return Err(Fault::Audience);
        }
        match claims.some_text("azp")? {
            Some(party) if party == self.client_id => Ok(()),
            None if audiences.len() == 1 => Ok(()),
            _ => Err(Fault::AuthorizedParty),
        }
    }

    /// Steps 9 and 10. The token came from the provider a moment ago, so `exp` has no
    /// allowance; the nonce binds it to this sign-in, so `iat` has no lower bound.
    fn check_times(&self, claims: Members<'_>) -> Result<(), Fault> {
        if claims.time("exp")? <= self.now {
            return Err(Fault::Expired);
        }
        if claims.time("iat")? > self.now.saturating_add(CLOCK_SKEW) {
            return Err(Fault::IssuedInFuture);
        }
        if claims.some_time("nbf")? > Some(self.now.saturating_add(CLOCK_SKEW)) {
            return Err(Fault::IssuedInFuture);
        }
        Ok(())
    }

    /// §3.1.3.8: optional in the code flow.
    fn check_access_token(&self, claims: Members<'_>) -> Result<(), Fault> {
        let Some(stated) = claims.some_text("at_hash")? else {
            return Ok(());
        };
        let hash = self.algorithm.half_hash(self.access_token);
        let is_equal = Base64UrlUnpadded::decode_vec(stated).is_ok_and(|stated| stated == hash);
        match is_equal {
            true => Ok(()),
            false => Err(Fault::AccessTokenHash),
        }
    }

    /// Step 13: required when `max_age` was requested.
    fn auth_time(&self, claims: Members<'_>) -> Result<Option<Timestamp>, Fault> {
        let auth_time = claims.some_time("auth_time")?;
        let latest = self.now.saturating_add(CLOCK_SKEW);
        if auth_time > Some(latest) {
            return Err(Fault::AuthTime);
        }
        if let Some(max_age) = self.max_age {
            let at = auth_time.ok_or(Fault::AuthTime)?;
            if at.saturating_add(max_age).saturating_add(CLOCK_SKEW) < self.now {
                return Err(Fault::AuthTime);
            }
        }
        Ok(auth_time)
    }
}

/// A subject: 1 to 255 printable ASCII characters, compared by case.
pub(super) fn subject(text: &str) -> Result<String, Fault> {
    let is_printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    match !text.is_empty() && text.len() <= MAX_SUBJECT_BYTES && is_printable {
        true => Ok(text.to_owned()),
        false => Err(Fault::Subject),
    }
}
