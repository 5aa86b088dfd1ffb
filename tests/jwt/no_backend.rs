//! Built without a signature backend.

use admittance::error::ConfigError;
use admittance::secret::SecretBytes;
use admittance::token::{Jwks, Keyring, SigningKey, Verifier, VerifyingKey};

#[test]
fn without_a_signature_backend_no_keyring_is_built_and_nothing_panics() {
    let secret = SecretBytes::new((0..32).collect::<Vec<u8>>());
    let missing = ConfigError::NoSignatureBackend;
    assert_eq!(
        Keyring::from_secret(secret.clone()).unwrap_err(),
        missing.clone()
    );
    for made in [
        SigningKey::hs256(&secret),
        SigningKey::eddsa_der(&secret),
        SigningKey::es256_der(&secret),
    ] {
        assert_eq!(made.unwrap_err(), missing);
    }
    // RFC 8037, appendix A.2.
    let jwks: Jwks = serde_json::from_str(
        r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
    )
    .unwrap();
    assert!(VerifyingKey::from_jwk(&jwks.keys[0]).is_ok());
    assert_eq!(Verifier::from_jwks(&jwks).unwrap_err(), missing);
}
