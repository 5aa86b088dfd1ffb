//! Access tokens: JWTs (RFC 7519) under the rules of RFC 8725.

use base64ct::{Base64UrlUnpadded, Encoding};
use jsonwebtoken::{Header, Validation};
use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize};

use super::backend;
use super::custom::CustomClaims;
use super::jwk::Jwks;
use super::key::{SigningKey, VerifyingKey};
use crate::error::{AuthError, ConfigError};
use crate::id::{SessionId, UserId};
use crate::named::named;
use crate::proof::Method;
use crate::secret::AccessToken;
use crate::time::{CLOCK_SKEW, Timestamp};

/// Longest access token that is made or looked at, in bytes.
pub const MAX_ACCESS_TOKEN_BYTES: usize = 4096;

/// What an access token says. All of it is required, except `auth_time` and `amr`, and nothing
/// else may be in it but [`CustomClaims`]: a restriction that is not understood, such as `nbf`,
/// is not ignored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who made it: the configured issuer.
    pub iss: String,
    /// Whom it authenticates.
    pub sub: UserId,
    /// For whom it was made: the configured audience.
    pub aud: String,
    /// The second, counted from the Unix epoch, at which it is dead.
    #[serde(deserialize_with = "seconds")]
    pub exp: u64,
    /// The second at which it was made.
    #[serde(deserialize_with = "seconds")]
    pub iat: u64,
    /// Its own name, for logs.
    pub jti: String,
    /// The session that it belongs to.
    pub sid: SessionId,
    /// The user's `auth_epoch` when it was made.
    pub epoch: u64,
    /// When the owner last proved who they are, in seconds since the Unix epoch (OpenID
    /// Connect Core 1.0, §2). Absent from tokens of earlier versions.
    #[serde(
        default,
        deserialize_with = "some_seconds",
        skip_serializing_if = "Option::is_none"
    )]
    pub auth_time: Option<u64>,
    /// The methods by which they proved it (RFC 8176), except those that this version does
    /// not know. Absent from tokens of earlier versions.
    #[serde(
        default,
        deserialize_with = "known_methods",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub amr: Vec<Method>,
    /// What it may be used for.
    pub typ: TokenKind,
    /// The application's own claims, by their names.
    ///
    /// See [`ClaimsSource`](crate::service::ClaimsSource).
    #[serde(flatten)]
    pub custom: CustomClaims,
}

named! {
    /// What a signed token may be used for (ASVS 9.2.2).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum TokenKind {
        /// Authenticates requests.
        Access => "access",
    }
}

/// The keys that access tokens are checked with. A service that only checks
/// them, and shares no secret, makes one from the JWKS of the one that signs.
#[derive(Clone, Debug)]
pub struct Verifier {
    keys: Vec<VerifyingKey>,
}

impl Verifier {
    /// Takes `keys`, of which each checks the tokens that name it.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] when there is none or two have the same `kid`,
    /// [`ConfigError::NoSignatureBackend`] when none is compiled in.
    pub fn new(keys: Vec<VerifyingKey>) -> Result<Self, ConfigError> {
        backend::provider()?;
        let invalid = |problem: String| {
            Err(ConfigError::Invalid {
                setting: "keyring",
                problem,
            })
        };
        if keys.is_empty() {
            return invalid("has no key".to_owned());
        }
        for (index, key) in keys.iter().enumerate() {
            if keys
                .iter()
                .take(index)
                .any(|other| other.kid() == key.kid())
            {
                return invalid(format!("has the key {} twice", key.kid()));
            }
        }
        Ok(Self { keys })
    }

    /// Takes all keys of `jwks`, as [`Keyring::jwks`](super::Keyring::jwks)
    /// publishes them. It comes from a trusted place, over TLS.
    ///
    /// # Errors
    ///
    /// As [`Verifier::new`], and [`ConfigError::WeakKey`] when one of the keys
    /// is not an Ed25519 or P-256 key for signatures.
    pub fn from_jwks(jwks: &Jwks) -> Result<Self, ConfigError> {
        let keys: Result<_, _> = jwks.keys.iter().map(VerifyingKey::from_jwk).collect();
        Self::new(keys?)
    }

    /// The claims of `token`, if a key of this set signed it by that key's own
    /// algorithm, for exactly this `issuer` and `audience`, and it is live at
    /// `now`: dead in the second of its `exp`, and refused when its `iat` is
    /// more than a minute ahead. Keys and addresses of keys in its header are
    /// never looked at.
    ///
    /// Whether its session still exists is for the caller to ask the store.
    ///
    /// # Errors
    ///
    /// [`AuthError::InvalidToken`], whatever is wrong.
    pub fn verify(
        &self,
        token: &str,
        issuer: &str,
        audience: &str,
        now: Timestamp,
    ) -> Result<Claims, AuthError> {
        self.check(token, issuer, audience, now)
            .ok_or(AuthError::InvalidToken)
    }

    /// The public ones of the keys, in their order.
    pub(super) fn jwks(&self) -> Jwks {
        Jwks {
            keys: self.keys.iter().filter_map(VerifyingKey::jwk).collect(),
        }
    }

    pub(super) fn kids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(VerifyingKey::kid)
    }

    fn check(&self, token: &str, issuer: &str, audience: &str, now: Timestamp) -> Option<Claims> {
        if token.len() > MAX_ACCESS_TOKEN_BYTES {
            return None;
        }
        let header = NamedKey::in_header_of(token)?;
        let key = self.keys.iter().find(|key| key.kid() == header.kid)?;

        // An allow-list of one: the key decides about the algorithm, not the
        // token (RFC 8725 §3.1). Which claims are required, and of which type,
        // is said by `Claims`; time is checked below, against `now`.
        let mut rules = Validation::new(key.algorithm());
        rules.validate_exp = false;
        rules.set_issuer(&[issuer]);
        rules.set_audience(&[audience]);
        let claims: Claims = jsonwebtoken::decode(token, key.decoding_key(), &rules)
            .ok()?
            .claims;

        let expired = i64::try_from(claims.exp).ok()? <= now.as_secs();
        // The clock of the instance that made it may be ahead. That lengthens no token's life.
        let latest = now.saturating_add(CLOCK_SKEW).as_secs();
        let from_the_future = i64::try_from(claims.iat).ok()? > latest;
        if expired || from_the_future {
            return None;
        }
        match claims.typ {
            TokenKind::Access => Some(claims),
        }
    }
}

/// Signs `claims` with `key`.
pub(super) fn sign(key: &SigningKey, claims: &Claims) -> Result<AccessToken, AuthError> {
    let mut header = Header::new(key.algorithm());
    header.kid = Some(key.kid().to_owned());
    let token = jsonwebtoken::encode(&header, claims, key.encoding_key())
        .map_err(|error| AuthError::Internal(error.into()))?;
    if token.len() > MAX_ACCESS_TOKEN_BYTES {
        let problem = "the access token is too long to be accepted: shorten issuer and audience";
        return Err(AuthError::Internal(problem.into()));
    }
    Ok(AccessToken::new(token))
}

/// The part of a header that chooses the key. jsonwebtoken reads the header
/// again, for the algorithm; it leaves `typ` and `crit` unchecked.
#[derive(Deserialize)]
struct NamedKey {
    kid: String,
    typ: String,
    #[serde(default, deserialize_with = "present")]
    crit: bool,
}

impl NamedKey {
    fn in_header_of(token: &str) -> Option<Self> {
        let (header, _) = token.split_once('.')?;
        let header = Base64UrlUnpadded::decode_vec(header).ok()?;
        let header: Self = serde_json::from_slice(&header).ok()?;
        // No extension is understood, so none may be critical (RFC 7515 §4.1.11).
        (header.typ == "JWT" && !header.crit).then_some(header)
    }
}

/// `true` for any value, `null` too.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// A whole number of seconds that a [`Timestamp`] can hold.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let value = u64::deserialize(deserializer)?;
    match i64::try_from(value) {
        Ok(seconds) if seconds <= Timestamp::MAX.as_secs() => Ok(value),
        _ => Err(D::Error::custom("not a time before the year 10000")),
    }
}

/// The same, of a claim that may be absent, but not `null`.
fn some_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    seconds(deserializer).map(Some)
}

/// The methods that this version knows: a later one may have made the token.
fn known_methods<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Method>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
}
