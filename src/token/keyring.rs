//! The keyring: every key that tokens are made and checked with.

use std::fmt;
use std::sync::Arc;

use super::jwk::Jwks;
use super::jwt::{self, Claims, Verifier};
use super::key::{SigningKey, VerifyingKey, check_strength, derive};
use super::refresh::{RefreshClaims, RefreshKeys, Scope};
use crate::error::{AuthError, ConfigError};
use crate::secret::{AccessToken, RefreshToken, SecretBytes};
use crate::time::Timestamp;

/// Every key that tokens are made and checked with: one that is active, and
/// any number of retired ones whose tokens are still good (ASVS 11.2.2, 13.3.4).
///
/// Clones share the keys. To rotate, start every instance with the old secret
/// as the active one and the new one retired, which accepts it; then with the
/// new one active and the old one retired; and take the old one out when the
/// sessions it served have ended (`docs/operations.md`).
#[derive(Clone)]
pub struct Keyring(Arc<Keys>);

struct Keys {
    signing: SigningKey,
    verifier: Verifier,
    refresh: RefreshKeys,
    /// The secrets of sign-ins with providers: the active one first.
    #[cfg_attr(
        not(feature = "federation"),
        expect(dead_code, reason = "nothing is derived")
    )]
    federation: Vec<SecretBytes>,
}

impl Keyring {
    /// All keys from one secret of 32 bytes or more; access tokens are signed
    /// by HS256. Each use has its own key, derived by HKDF-SHA256.
    ///
    /// # Errors
    ///
    /// [`ConfigError::WeakKey`] when the secret is short or has fewer than 10
    /// different byte values, [`ConfigError::NoSignatureBackend`] when none is
    /// compiled in.
    pub fn from_secret(secret: SecretBytes) -> Result<Self, ConfigError> {
        Self::builder(secret).build()
    }

    /// A keyring with more than one secret. Refresh tokens are made under a
    /// key from `secret`, and so are access tokens unless another key signs them.
    pub fn builder(secret: SecretBytes) -> KeyringBuilder {
        KeyringBuilder {
            secret,
            signing: None,
            retired_secrets: Vec::new(),
            retired_keys: Vec::new(),
        }
    }

    /// The public keys, for services that check access tokens; the active one
    /// first. Empty as long as only HS256 is used.
    #[must_use]
    pub fn jwks(&self) -> Jwks {
        self.0.verifier.jwks()
    }

    /// The secrets that sign-ins with providers are derived under: the active one first.
    #[cfg(feature = "federation")]
    pub(crate) fn federation_secrets(&self) -> &[SecretBytes] {
        &self.0.federation
    }

    /// Makes an access token that says `claims`.
    ///
    /// # Errors
    ///
    /// [`AuthError::Internal`] when the signature fails, or the token is longer
    /// than [`MAX_ACCESS_TOKEN_BYTES`](super::MAX_ACCESS_TOKEN_BYTES).
    pub fn sign(&self, claims: &Claims) -> Result<AccessToken, AuthError> {
        jwt::sign(&self.0.signing, claims)
    }

    /// The claims of an access token; see [`Verifier::verify`].
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
        self.0.verifier.verify(token, issuer, audience, now)
    }

    /// Makes the refresh token that says `claims`, from `issuer` and for
    /// `audience`: always the same one, so an answer that was lost can be given
    /// again.
    #[must_use]
    pub fn issue_refresh(
        &self,
        claims: &RefreshClaims,
        issuer: &str,
        audience: &str,
    ) -> RefreshToken {
        self.0.refresh.issue(claims, Scope { issuer, audience })
    }

    /// What a refresh token says that was made under one of the keys, from
    /// `issuer` and for `audience`. Whether it is the live one only the store
    /// knows.
    ///
    /// # Errors
    ///
    /// [`AuthError::InvalidToken`] for anything else.
    pub fn verify_refresh(
        &self,
        token: &str,
        issuer: &str,
        audience: &str,
    ) -> Result<RefreshClaims, AuthError> {
        self.0
            .refresh
            .verify(token, Scope { issuer, audience })
            .ok_or(AuthError::InvalidToken)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring")?;
        f.debug_list().entries(self.0.verifier.kids()).finish()
    }
}

/// Builds a [`Keyring`].
#[derive(Clone, Debug)]
#[must_use]
pub struct KeyringBuilder {
    secret: SecretBytes,
    signing: Option<SigningKey>,
    retired_secrets: Vec<SecretBytes>,
    retired_keys: Vec<VerifyingKey>,
}

impl KeyringBuilder {
    /// Signs access tokens with `key` instead of the derived HS256 key, which
    /// then checks none. To keep the tokens that it signed until they expire,
    /// name the same secret in [`KeyringBuilder::retire_secret`].
    pub fn sign_with(mut self, key: SigningKey) -> Self {
        self.signing = Some(key);
        self
    }

    /// Accepts tokens under the keys from an old `secret`, or from one that
    /// other instances already use.
    pub fn retire_secret(mut self, secret: SecretBytes) -> Self {
        self.retired_secrets.push(secret);
        self
    }

    /// Accepts access tokens that were signed by an old `key`, or by one that
    /// other instances already use, and publishes it.
    pub fn retire_key(mut self, key: impl Into<VerifyingKey>) -> Self {
        self.retired_keys.push(key.into());
        self
    }

    /// The keyring.
    ///
    /// # Errors
    ///
    /// [`ConfigError::WeakKey`] when a secret is short or has fewer than 10
    /// different byte values, [`ConfigError::Invalid`] when a key is there
    /// twice, [`ConfigError::NoSignatureBackend`] when none is compiled in.
    pub fn build(self) -> Result<Keyring, ConfigError> {
        check_strength(&self.secret)?;
        let signing = match self.signing {
            Some(key) => key,
            None => derived_signing_key(&self.secret)?,
        };
        let mut keys = vec![signing.verifying_key().clone()];
        let mut refresh = RefreshKeys::new(&self.secret)?;
        let mut federation = vec![federation_secret(&self.secret)?];
        for secret in &self.retired_secrets {
            check_strength(secret)?;
            keys.push(derived_signing_key(secret)?.into());
            refresh.retire(secret)?;
            federation.push(federation_secret(secret)?);
        }
        keys.extend(self.retired_keys);
        Ok(Keyring(Arc::new(Keys {
            signing,
            verifier: Verifier::new(keys)?,
            refresh,
            federation,
        })))
    }
}

fn federation_secret(secret: &SecretBytes) -> Result<SecretBytes, ConfigError> {
    let key = derive::<32>(secret.expose_secret(), "admittance/v1/federation")?;
    Ok(SecretBytes::new(key.as_slice()))
}

fn derived_signing_key(secret: &SecretBytes) -> Result<SigningKey, ConfigError> {
    let key = derive::<32>(secret.expose_secret(), "admittance/v1/jwt-hs256")?;
    SigningKey::hs256(&SecretBytes::new(key.as_slice()))
}
