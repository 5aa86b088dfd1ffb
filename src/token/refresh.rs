//! Refresh tokens: a session id and a counter under a MAC. Nothing that could
//! be used is stored.

use base64ct::{Base64UrlUnpadded, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::key::derive;
use crate::error::ConfigError;
use crate::id::SessionId;
use crate::secret::{RefreshToken, SecretBytes};

/// What scanners for leaked secrets can look for.
const PREFIX: &str = "adr_";
/// The first byte of every token.
const VERSION: u8 = 1;
/// Version, key hint, session id, counter (big-endian).
const BODY_BYTES: usize = 1 + 1 + 12 + 8;
/// The body and an HMAC-SHA256. A multiple of three, so that base64 has no
/// left-over bits and a token has exactly one spelling.
const TOKEN_BYTES: usize = BODY_BYTES + 32;
const _: () = assert!(TOKEN_BYTES.is_multiple_of(3));

/// The key that makes refresh tokens, and the ones that made earlier ones.
pub(super) struct RefreshKeys {
    active: RefreshKey,
    retired: Vec<RefreshKey>,
}

impl RefreshKeys {
    /// With the key from `secret`.
    pub(super) fn new(secret: &SecretBytes) -> Result<Self, ConfigError> {
        Ok(Self {
            active: RefreshKey::derived_from(secret)?,
            retired: Vec::new(),
        })
    }

    /// Accepts tokens under the key from `secret`, too.
    pub(super) fn retire(&mut self, secret: &SecretBytes) -> Result<(), ConfigError> {
        self.retired.push(RefreshKey::derived_from(secret)?);
        Ok(())
    }

    /// The token number `counter` of `session`.
    pub(super) fn issue(&self, session: SessionId, counter: u64) -> RefreshToken {
        self.active.seal(VERSION, session, counter)
    }

    /// What `token` says, if it is the one spelling of a token under one of
    /// the keys.
    pub(super) fn verify(&self, token: &str) -> Option<(SessionId, u64)> {
        let mut bytes = [0; TOKEN_BYTES];
        let decoded = Base64UrlUnpadded::decode(token.strip_prefix(PREFIX)?, &mut bytes).ok()?;
        let (body, mac) = decoded.split_first_chunk::<BODY_BYTES>()?;
        let ([version, hint], rest) = body.split_first_chunk()?;
        let (session, counter) = rest.split_first_chunk()?;
        let counter = u64::from_be_bytes(counter.try_into().ok()?);
        if *version != VERSION {
            return None;
        }
        std::iter::once(&self.active)
            .chain(&self.retired)
            .filter(|key| key.hint == *hint)
            .any(|key| key.mac(body).verify_slice(mac).is_ok())
            .then(|| (SessionId::from_bytes(*session), counter))
    }
}

struct RefreshKey {
    /// Says which key made a token, one time in 256 more than one: a hint, on
    /// which nothing rests.
    hint: u8,
    /// One block of HMAC-SHA256.
    key: Zeroizing<[u8; 64]>,
}

impl RefreshKey {
    fn derived_from(secret: &SecretBytes) -> Result<Self, ConfigError> {
        let key = derive::<64>(secret.expose_secret(), "admittance/v1/refresh")?;
        let digest = Sha256::new()
            .chain_update(b"admittance/v1/refresh-hint")
            .chain_update(key.as_slice())
            .finalize();
        let [hint, ..] = <[u8; 32]>::from(digest);
        Ok(Self { hint, key })
    }

    fn seal(&self, version: u8, session: SessionId, counter: u64) -> RefreshToken {
        let mut token = Vec::with_capacity(TOKEN_BYTES);
        token.extend([version, self.hint]);
        token.extend(session.to_bytes());
        token.extend(counter.to_be_bytes());
        let mac = self.mac(&token).finalize().into_bytes();
        token.extend(mac);
        RefreshToken::new(format!(
            "{PREFIX}{}",
            Base64UrlUnpadded::encode_string(&token)
        ))
    }

    fn mac(&self, body: &[u8]) -> Hmac<Sha256> {
        let key: &[u8; 64] = &self.key;
        Hmac::new(key.into())
            .chain_update(b"admittance/v1/refresh-token")
            .chain_update(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_another_version_is_refused_even_under_the_right_key() {
        let keys = RefreshKeys::new(&SecretBytes::new((0..32).collect::<Vec<u8>>())).unwrap();
        let session = SessionId::from_bytes([7; 12]);
        let current = keys.active.seal(VERSION, session, 5);
        assert_eq!(keys.verify(current.expose_secret()), Some((session, 5)));
        let other = keys.active.seal(VERSION + 1, session, 5);
        assert_eq!(keys.verify(other.expose_secret()), None);
    }
}
