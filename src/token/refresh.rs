//! Refresh tokens: a user, a session and a counter under a MAC. Nothing that
//! could be used is stored.

use base64ct::{Base64UrlUnpadded, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::key::derive;
use crate::error::ConfigError;
use crate::id::{SessionId, UserId};
use crate::secret::{RefreshToken, SecretBytes};

/// What scanners for leaked secrets can look for.
const PREFIX: &str = "adr_";
/// The first byte of every token.
const VERSION: u8 = 1;
/// Version, key hint, user id, session id, counter (big-endian).
const BODY_BYTES: usize = 1 + 1 + 12 + 12 + 8;
/// The body and an HMAC-SHA256. A multiple of three, so that base64 has no
/// left-over bits and a token has exactly one spelling.
const TOKEN_BYTES: usize = BODY_BYTES + 32;
const _: () = assert!(TOKEN_BYTES.is_multiple_of(3));

/// What a refresh token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshClaims {
    /// Whose session it is. It stands in the token so that the user can be
    /// checked before the token is used up.
    pub user: UserId,
    /// The session.
    pub session: SessionId,
    /// The number of the token within the session.
    pub counter: u64,
}

/// The issuer and the audience of tokens. A refresh token of another issuer or for
/// another audience is refused, even under the same secret.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'a> {
    pub(super) issuer: &'a str,
    pub(super) audience: &'a str,
}

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

    /// The token that says `claims`.
    pub(super) fn issue(&self, claims: &RefreshClaims, scope: Scope<'_>) -> RefreshToken {
        self.active.seal(VERSION, claims, scope)
    }

    /// What `token` says, if it is the one spelling of a token under one of
    /// the keys.
    pub(super) fn verify(&self, token: &str, scope: Scope<'_>) -> Option<RefreshClaims> {
        let mut bytes = [0; TOKEN_BYTES];
        let decoded = Base64UrlUnpadded::decode(token.strip_prefix(PREFIX)?, &mut bytes).ok()?;
        let (body, mac) = decoded.split_first_chunk::<BODY_BYTES>()?;
        let ([version, hint], rest) = body.split_first_chunk()?;
        let (user, rest) = rest.split_first_chunk()?;
        let (session, counter) = rest.split_first_chunk()?;
        let counter = u64::from_be_bytes(counter.try_into().ok()?);
        if *version != VERSION {
            return None;
        }
        std::iter::once(&self.active)
            .chain(&self.retired)
            .filter(|key| key.hint == *hint)
            .any(|key| key.mac(body, scope).verify_slice(mac).is_ok())
            .then(|| RefreshClaims {
                user: UserId::from_bytes(*user),
                session: SessionId::from_bytes(*session),
                counter,
            })
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

    fn seal(&self, version: u8, claims: &RefreshClaims, scope: Scope<'_>) -> RefreshToken {
        let mut token = Vec::with_capacity(TOKEN_BYTES);
        token.extend([version, self.hint]);
        token.extend(claims.user.to_bytes());
        token.extend(claims.session.to_bytes());
        token.extend(claims.counter.to_be_bytes());
        let mac = self.mac(&token, scope).finalize().into_bytes();
        token.extend(mac);
        RefreshToken::new(format!(
            "{PREFIX}{}",
            Base64UrlUnpadded::encode_string(&token)
        ))
    }

    fn mac(&self, body: &[u8], scope: Scope<'_>) -> Hmac<Sha256> {
        let key: &[u8; 64] = &self.key;
        let mac = Hmac::new(key.into()).chain_update(b"admittance/v1/refresh-token");
        // Lengths go first, so that issuer and audience never run together.
        [scope.issuer, scope.audience]
            .iter()
            .fold(mac, |mac, text| {
                mac.chain_update((text.len() as u64).to_be_bytes())
                    .chain_update(text.as_bytes())
            })
            .chain_update(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_another_version_is_refused_even_under_the_right_key() {
        let keys = RefreshKeys::new(&SecretBytes::new((0..32).collect::<Vec<u8>>())).unwrap();
        let claims = RefreshClaims {
            user: UserId::from_bytes([6; 12]),
            session: SessionId::from_bytes([7; 12]),
            counter: 5,
        };
        let scope = Scope {
            issuer: "a",
            audience: "b",
        };
        let current = keys.active.seal(VERSION, &claims, scope);
        assert_eq!(keys.verify(current.expose_secret(), scope), Some(claims));
        let other = keys.active.seal(VERSION + 1, &claims, scope);
        assert_eq!(keys.verify(other.expose_secret(), scope), None);
    }
}
