//! What ties an answer to the request: state, nonce and PKCE verifier.

use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::secret::FlowState;
use crate::error::ConfigError;
use crate::identity::ProviderId;
use crate::random::{self, RandomError, SecureRandom};
use crate::secret::SecretBytes;

/// Bytes of a state, and of what is derived from it.
const STATE_BYTES: usize = 32;
/// The same in base64url.
const STATE_CHARS: usize = 43;

/// Bytes of a key's name.
const ID_BYTES: usize = 12;

/// A key of HMAC-SHA256, as long as its block.
type MacKey = [u8; 64];

impl FlowState {
    /// A new state of 256 random bits.
    pub(super) fn new_random(random: &dyn SecureRandom) -> Result<Self, RandomError> {
        let bits = Zeroizing::new(random::bytes::<STATE_BYTES>(random)?);
        Ok(Self::new(Base64UrlUnpadded::encode_string(&*bits)))
    }

    /// Returns `true` for a text of the form that a state has: 43 characters of base64url.
    pub(super) fn is_well_formed(&self) -> bool {
        let mut bits = Zeroizing::new([0; STATE_BYTES]);
        let text = self.expose_secret();
        text.len() == STATE_CHARS && Base64UrlUnpadded::decode(text, &mut *bits).is_ok()
    }
}

/// The key under which the nonce and the PKCE verifier of a sign-in are derived from its
/// [`FlowState`].
///
/// Neither has to be stored. A reader of the store has a digest of the state; an observer of
/// the browser has the state, but not the key.
#[derive(Clone)]
pub struct FlowKey {
    id: String,
    nonce: Zeroizing<MacKey>,
    verifier: Zeroizing<MacKey>,
}

impl FlowKey {
    /// Derives the key from `secret`, 32 uniformly random bytes or more, by HKDF-SHA256 (RFC
    /// 5869). The secret can serve other purposes under other labels.
    ///
    /// # Errors
    ///
    /// [`ConfigError::WeakKey`] if the secret has fewer than 32 bytes.
    pub fn new(secret: &SecretBytes) -> Result<Self, ConfigError> {
        let secret = secret.expose_secret();
        if secret.len() < 32 {
            return Err(ConfigError::WeakKey("a secret has 32 bytes or more"));
        }
        let derive = |label: &str| {
            let mut key = Zeroizing::new([0; 64]);
            let expanded = Hkdf::<Sha256>::new(None, secret).expand(label.as_bytes(), &mut *key);
            let failed = ConfigError::WeakKey("no key of this length can be derived");
            expanded.map(|()| key).map_err(|_| failed)
        };
        let id = derive("admittance/v1/federation-key-id")?;
        let (id, _) = id.split_at(ID_BYTES);
        Ok(Self {
            id: Base64UrlUnpadded::encode_string(id),
            nonce: derive("admittance/v1/federation-nonce")?,
            verifier: derive("admittance/v1/federation-verifier")?,
        })
    }

    /// Its name: 16 characters of base64url, which tell nothing about the secret. Keep it with
    /// a sign-in, so that the sign-in is completed under the same key while keys are rotated.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The `nonce` of a sign-in (OpenID Connect Core 1.0 §15.5.2).
    pub(super) fn nonce(&self, provider: &ProviderId, state: &FlowState) -> String {
        mac(&self.nonce, provider, state)
    }

    /// The PKCE verifier of a sign-in: 43 characters (RFC 7636 §4.1).
    pub(super) fn verifier(&self, provider: &ProviderId, state: &FlowState) -> Zeroizing<String> {
        Zeroizing::new(mac(&self.verifier, provider, state))
    }
}

/// The provider is part of it, so that no answer of one is completed at another (RFC 9700
/// §4.4).
fn mac(key: &MacKey, provider: &ProviderId, state: &FlowState) -> String {
    let mac = Hmac::<Sha256>::new(key.into())
        .chain_update(provider.as_str())
        .chain_update([0])
        .chain_update(state.expose_secret());
    Base64UrlUnpadded::encode_string(&mac.finalize().into_bytes())
}

/// The challenge for `verifier` by the method `S256` (RFC 7636 §4.2).
pub(super) fn challenge(verifier: &str) -> String {
    Base64UrlUnpadded::encode_string(&Sha256::digest(verifier))
}

impl fmt::Debug for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FlowKey({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SeededRandom;

    fn key(first: u8) -> FlowKey {
        FlowKey::new(&SecretBytes::new((first..first + 32).collect::<Vec<u8>>())).unwrap()
    }

    #[test]
    fn asvs_7_2_3_a_state_has_256_random_bits() {
        let random = SeededRandom::new(1);
        let states: std::collections::HashSet<_> = (0..1000)
            .map(|_| FlowState::new_random(&random).unwrap())
            .map(|state| {
                assert!(state.is_well_formed());
                state.expose_secret().to_owned()
            })
            .collect();
        assert_eq!(states.len(), 1000);
        for text in ["", "x", &"A".repeat(42), &"A".repeat(44), &"?".repeat(43)] {
            assert!(!FlowState::new(text).is_well_formed(), "{text}");
        }
    }

    #[test]
    fn nonce_and_verifier_depend_on_key_provider_and_state() {
        let providers: [ProviderId; 2] = ["a", "b"].map(|id| ProviderId::parse(id).unwrap());
        let random = SeededRandom::new(2);
        let states = [(); 2].map(|()| FlowState::new_random(&random).unwrap());
        let mut seen = std::collections::HashSet::new();
        for key in [key(0), key(1)] {
            for provider in &providers {
                for state in &states {
                    assert!(seen.insert(key.nonce(provider, state)));
                    assert!(seen.insert(key.verifier(provider, state).to_string()));
                    assert_eq!(key.nonce(provider, state), key.nonce(provider, state));
                }
            }
        }
        assert!(seen.iter().all(|text| text.len() == STATE_CHARS));
        assert!(FlowKey::new(&SecretBytes::new([7; 31])).is_err());
        assert_eq!((key(0).id().len(), key(0).id()), (16, key(0).clone().id()));
        assert_ne!(key(0).id(), key(1).id());
    }

    #[test]
    fn the_challenge_is_that_of_rfc_7636() {
        // RFC 7636, appendix B.
        assert_eq!(
            challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }
}
