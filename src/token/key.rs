//! Keys for access tokens: one that signs, and what checks its signatures.

use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use hkdf::Hkdf;
use jsonwebtoken::jwk::EllipticCurve;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, crypto};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::backend;
use super::jwk::{Jwk, PublicKey};
use crate::error::ConfigError;
use crate::secret::SecretBytes;

/// A key that signs access tokens, with its one algorithm.
///
/// It was tried when it was made: a signature was computed, and checked with
/// the public key that belongs to it.
#[derive(Clone)]
pub struct SigningKey {
    key: EncodingKey,
    verifying: VerifyingKey,
}

impl SigningKey {
    /// A key for HS256. `secret` is the HMAC key itself: 32 bytes or more
    /// (RFC 7518 §3.2), of 10 or more different values, from a random source.
    /// Anyone who can verify its signatures can make them.
    ///
    /// # Errors
    ///
    /// [`ConfigError::WeakKey`] when it is shorter or more uniform,
    /// [`ConfigError::NoSignatureBackend`] when none is compiled in.
    pub fn hs256(secret: &SecretBytes) -> Result<Self, ConfigError> {
        check_strength(secret)?;
        let secret = secret.expose_secret();
        Self::tried(
            EncodingKey::from_secret(secret),
            VerifyingKey {
                kid: symmetric_kid(secret)?,
                algorithm: Algorithm::HS256,
                key: DecodingKey::from_secret(secret),
                public: None,
            },
        )
    }

    /// A key for EdDSA with Ed25519 (RFC 8037), from a `PRIVATE KEY` in PEM
    /// (PKCS#8, RFC 8410).
    ///
    /// # Errors
    ///
    /// [`ConfigError::WeakKey`] when it is something else,
    /// [`ConfigError::NoSignatureBackend`] when none is compiled in.
    pub fn eddsa_pem(pem: &SecretBytes) -> Result<Self, ConfigError> {
        EncodingKey::from_ed_pem(pem.expose_secret())
            .map_err(|_| NOT_EDDSA)
            .and_then(Self::eddsa)
    }

    /// The same from DER (PKCS#8, with or without the public key in it).
    ///
    /// # Errors
    ///
    /// As [`SigningKey::eddsa_pem`].
    pub fn eddsa_der(der: &SecretBytes) -> Result<Self, ConfigError> {
        Self::eddsa(EncodingKey::from_ed_der(der.expose_secret()))
    }

    /// A key for ES256, ECDSA with P-256 and SHA-256 (RFC 7518 §3.4), from a
    /// `PRIVATE KEY` in PEM (PKCS#8; not SEC 1's `EC PRIVATE KEY`).
    ///
    /// # Errors
    ///
    /// [`ConfigError::WeakKey`] when it is something else, such as P-384 or RSA,
    /// [`ConfigError::NoSignatureBackend`] when none is compiled in.
    pub fn es256_pem(pem: &SecretBytes) -> Result<Self, ConfigError> {
        EncodingKey::from_ec_pem(pem.expose_secret())
            .map_err(|_| NOT_ES256)
            .and_then(Self::es256)
    }

    /// The same from DER (PKCS#8).
    ///
    /// # Errors
    ///
    /// As [`SigningKey::es256_pem`].
    pub fn es256_der(der: &SecretBytes) -> Result<Self, ConfigError> {
        Self::es256(EncodingKey::from_ec_der(der.expose_secret()))
    }

    /// The name of the key in token headers: for EdDSA and ES256 the RFC 7638
    /// thumbprint of the public key; for HS256 16 characters from a one-way
    /// function of the secret.
    #[must_use]
    pub fn kid(&self) -> &str {
        self.verifying.kid()
    }

    /// What checks its signatures.
    #[must_use]
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.verifying
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        self.verifying.algorithm
    }

    pub(crate) fn encoding_key(&self) -> &EncodingKey {
        &self.key
    }

    fn eddsa(key: EncodingKey) -> Result<Self, ConfigError> {
        let public_of = backend::provider()?
            .key_utils
            .ed_pub_components_from_private_key;
        let x = public_of(key.as_bytes(), &EllipticCurve::Ed25519).map_err(|_| NOT_EDDSA)?;
        let public = PublicKey::from_coordinates(&x, None)?;
        Self::tried(key, VerifyingKey::from(public))
    }

    fn es256(key: EncodingKey) -> Result<Self, ConfigError> {
        let public_of = backend::provider()?
            .key_utils
            .ec_pub_components_from_private_key;
        let (_, x, y) = public_of(key.as_bytes(), Algorithm::ES256).map_err(|_| NOT_ES256)?;
        let public = PublicKey::from_coordinates(&x, Some(&y))?;
        Self::tried(key, VerifyingKey::from(public))
    }

    /// Takes the pair if a signature by one is good under the other.
    fn tried(key: EncodingKey, verifying: VerifyingKey) -> Result<Self, ConfigError> {
        const MESSAGE: &[u8] = b"admittance: trial signature";
        backend::provider()?;
        let algorithm = verifying.algorithm;
        let good = crypto::sign(MESSAGE, &key, algorithm)
            .and_then(|signature| crypto::verify(&signature, MESSAGE, &verifying.key, algorithm));
        if matches!(good, Ok(true)) {
            Ok(Self { key, verifying })
        } else {
            Err(ConfigError::WeakKey("a trial signature with it failed"))
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.verifying.debug("SigningKey", f)
    }
}

/// A key that checks access tokens, with its one algorithm.
///
/// For EdDSA and ES256 it is the public half. That of an HS256
/// [`SigningKey`], made by `From`, is the secret itself.
#[derive(Clone)]
pub struct VerifyingKey {
    kid: String,
    algorithm: Algorithm,
    key: DecodingKey,
    public: Option<PublicKey>,
}

impl VerifyingKey {
    /// From a `PUBLIC KEY` in PEM, of Ed25519 or P-256 (RFC 8410, RFC 5480).
    ///
    /// # Errors
    ///
    /// [`ConfigError::WeakKey`] when it is something else.
    pub fn from_pem(pem: &str) -> Result<Self, ConfigError> {
        PublicKey::from_pem(pem).map(Self::from)
    }

    /// From a public JWK, of Ed25519 or P-256. Where it has a `kid`, that must
    /// be its RFC 7638 thumbprint, as it is in every token of this library.
    ///
    /// # Errors
    ///
    /// [`ConfigError::WeakKey`] when it is something else, or its parts are not
    /// of the right length.
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, ConfigError> {
        PublicKey::from_jwk(jwk).map(Self::from)
    }

    /// The name of the key in token headers; see [`SigningKey::kid`].
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The key as it is published; `None` for HS256, which never is.
    #[must_use]
    pub fn jwk(&self) -> Option<Jwk> {
        self.public.map(PublicKey::jwk)
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn decoding_key(&self) -> &DecodingKey {
        &self.key
    }

    fn debug(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(name)
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

impl From<PublicKey> for VerifyingKey {
    fn from(public: PublicKey) -> Self {
        Self {
            kid: public.thumbprint(),
            algorithm: public.algorithm(),
            key: public.decoding_key(),
            public: Some(public),
        }
    }
}

impl From<SigningKey> for VerifyingKey {
    fn from(key: SigningKey) -> Self {
        key.verifying
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.debug("VerifyingKey", f)
    }
}

const NOT_EDDSA: ConfigError = ConfigError::WeakKey("it is not an Ed25519 private key in PKCS#8");
const NOT_ES256: ConfigError = ConfigError::WeakKey("it is not a P-256 private key in PKCS#8");

/// Fewest bytes of a secret: the output of SHA-256 (RFC 7518 §3.2).
const MIN_SECRET_BYTES: usize = 32;
/// Fewest different byte values. 32 random bytes have fewer than 10 less than
/// once in 2^100 draws; a repeated character or short word always has.
const MIN_DISTINCT_BYTES: usize = 10;

/// Whether `secret` can be one (ASVS 11.2.3). It is no estimate of entropy: it
/// stops empty, short and placeholder values.
pub(super) fn check_strength(secret: &SecretBytes) -> Result<(), ConfigError> {
    let secret = secret.expose_secret();
    if secret.len() < MIN_SECRET_BYTES {
        return Err(ConfigError::WeakKey("a secret has 32 bytes or more"));
    }
    let mut seen = [false; 256];
    for byte in secret {
        if let Some(slot) = seen.get_mut(usize::from(*byte)) {
            *slot = true;
        }
    }
    if seen.iter().filter(|seen| **seen).count() < MIN_DISTINCT_BYTES {
        return Err(ConfigError::WeakKey(
            "a secret has 10 or more different byte values",
        ));
    }
    Ok(())
}

/// The key for one use, by HKDF-SHA256 (RFC 5869) without a salt: the secret
/// is uniformly random, and `label` keeps the uses apart.
pub(super) fn derive<const N: usize>(
    secret: &[u8],
    label: &str,
) -> Result<Zeroizing<[u8; N]>, ConfigError> {
    let mut key = Zeroizing::new([0; N]);
    Hkdf::<Sha256>::new(None, secret)
        .expand(label.as_bytes(), key.as_mut_slice())
        .map_err(|_| ConfigError::WeakKey("no key of this length can be derived"))?;
    Ok(key)
}

/// The name is public, so it comes from a key that is used for nothing else.
fn symmetric_kid(secret: &[u8]) -> Result<String, ConfigError> {
    let own = derive::<32>(secret, "admittance/v1/kid")?;
    let digest = Sha256::new()
        .chain_update(b"admittance/v1/kid-hs256")
        .chain_update(own.as_slice())
        .finalize();
    let (name, _) = digest.split_at(12);
    Ok(Base64UrlUnpadded::encode_string(name))
}

#[cfg(all(test, any(feature = "aws-lc-rs", feature = "rust-crypto")))]
mod tests {
    use super::*;

    #[test]
    fn a_pair_that_does_not_belong_together_is_refused() {
        let [one, other] = [0, 1].map(|first| {
            let secret = SecretBytes::new((first..first + 32).collect::<Vec<u8>>());
            SigningKey::hs256(&secret).unwrap()
        });
        assert!(SigningKey::tried(one.key.clone(), one.verifying).is_ok());
        assert!(matches!(
            SigningKey::tried(one.key, other.verifying),
            Err(ConfigError::WeakKey(_))
        ));
    }
}
