//! Test keys, and ways to make tokens that the library itself never makes.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers outside test functions"
)]

use std::sync::LazyLock;

use admittance::error::AuthError;
use admittance::id::{SessionId, UserId};
use admittance::proof::Method;
use admittance::secret::{AccessToken, RefreshToken, SecretBytes};
use admittance::time::Timestamp;
use admittance::token::{Claims, Keyring, RefreshClaims, SigningKey, TokenKind, VerifyingKey};
use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

pub(crate) const ISSUER: &str = "https://accounts.example.org";
pub(crate) const AUDIENCE: &str = "https://api.example.org";
/// 2026-01-01T00:00:00Z.
pub(crate) const NOW: i64 = 1_767_225_600;

/// The Ed25519 key of RFC 8037, appendix A.1, and its thumbprint from A.3.
pub(crate) const ED25519_D: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
pub(crate) const ED25519_X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
pub(crate) const ED25519_THUMBPRINT: &str = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";

/// The P-256 key of RFC 7515, appendix A.3.1.
pub(crate) const P256_D: &str = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";
pub(crate) const P256_X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
pub(crate) const P256_Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

/// Made for these tests and used nowhere else, as all that follow.
pub(crate) const P384_PEM: &str = "\
-----BEGIN PRIVATE KEY-----
MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDALBRDWWFmR9+wRwX6y
nhdmcZJU++MLNWkJbNdmwV3+Ag4JMt03nhL+PAf8FK16F6GhZANiAAR4V/O7kTyd
R5jbM0FXpyXCnoBeYF8PFzGudU+sv+seZHoRARCQCFAs37Xe6kKTiW/rg8wVbuxv
hcJOrEFFIm6Q3CNcXEDBkpGpSx/U7tIw8vO44cYpiVoRDmNOOWMWaP8=
-----END PRIVATE KEY-----";
pub(crate) const RSA_PEM: &str = "\
-----BEGIN PRIVATE KEY-----
MIIBVAIBADANBgkqhkiG9w0BAQEFAASCAT4wggE6AgEAAkEAskLqPRX6qZGEkTEK
8fyXgGHPtGq7jGKwaIYuT4/RnDOxeWeFosGLeYUXjI0CoG5LHXnPdrJG+ckG2971
IJFqiQIDAQABAkEAqPTLVwKSBk4qPAMjwKAMaF5Mo0/WWwTe9vLWygoiPc0bXoRi
fY5ek7/HgV3zq8RJJClBscso9CdyWQtmTm+lQQIhAOMmbeoYuFL8cgj65KweRSyt
67w1ih4VRp9JJ1Tq2melAiEAyObqPTgI37kaqOIM4J113uIVuZhPoXPMP5Pp2/Hn
IhUCIAJKf+9NgoZrv2axyR6nS4FQ28DRNWxqQIUYwsnLeJp1AiB+weNtONuwfNQr
VmUVm4PxWuimL0me7rciLitRkPFqeQIgNvpkF+WHKinN0pSQTOGBu/E0CD+ag7+1
DbnLf9trWuk=
-----END PRIVATE KEY-----";
pub(crate) const P384_PUBLIC_PEM: &str = "\
-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEeFfzu5E8nUeY2zNBV6clwp6AXmBfDxcx
rnVPrL/rHmR6EQEQkAhQLN+13upCk4lv64PMFW7sb4XCTqxBRSJukNwjXFxAwZKR
qUsf1O7SMPLzuOHGKYlaEQ5jTjljFmj/
-----END PUBLIC KEY-----";
/// As long as a P-256 key, of another curve.
pub(crate) const SECP256K1_PUBLIC_PEM: &str = "\
-----BEGIN PUBLIC KEY-----
MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEraxHdsnJwH/0ZP63PIMfkGNQBD8QZbKP
Fhb7f0qXBamusAaXAtrstkh01Q4OOWPn9uia5NvssLXFAkBl1mKJ8g==
-----END PUBLIC KEY-----";
pub(crate) const ED25519_CERTIFICATE_PEM: &str = "\
-----BEGIN CERTIFICATE-----
MIIBLDCB36ADAgECAhROZUEpzSQk1zUyJHeOtzDYJXTrSzAFBgMrZXAwDDEKMAgG
A1UEAwwBdDAeFw0yNjExMjIyMjMwMzVaFw0yNjExMjMyMjMwMzVaMAwxCjAIBgNV
BAMMAXQwKjAFBgMrZXADIQBLBwXvGGrKzOH/uY2oVvxuvDr5G1vJ3Q6XSKBKzLYJ
pqNTMFEwHQYDVR0OBBYEFPwHzcBHyOVxZjheIQWJWAF21JRyMB8GA1UdIwQYMBaA
FPwHzcBHyOVxZjheIQWJWAF21JRyMA8GA1UdEwEB/wQFMAMBAf8wBQYDK2VwA0EA
A9VnBKTr8yboFhux5NGWX9S0QwRUjWGfSNexRj/J7iZTcq8VHtC8IClpOL76S+T5
k2EVYPfA8BK6UeVXpt4eDA==
-----END CERTIFICATE-----";

/// Bytes that count up from `first`: strong enough for a test.
pub(crate) fn secret(first: u8) -> SecretBytes {
    SecretBytes::new((first..first + 48).collect::<Vec<u8>>())
}

pub(crate) fn bytes(base64url: &str) -> Vec<u8> {
    Base64UrlUnpadded::decode_vec(base64url).unwrap()
}

pub(crate) fn text(bytes: impl AsRef<[u8]>) -> String {
    Base64UrlUnpadded::encode_string(bytes.as_ref())
}

pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let body = Base64::encode_string(der);
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

/// PKCS#8 of the Ed25519 key (RFC 8410 §7).
pub(crate) fn ed25519_der() -> Vec<u8> {
    [hex("302e020100300506032b657004220420"), bytes(ED25519_D)].concat()
}

/// PKCS#8 of the P-256 key (RFC 5958 and RFC 5915).
pub(crate) fn p256_der() -> Vec<u8> {
    [
        hex("308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420"),
        bytes(P256_D),
        hex("a14403420004"),
        bytes(P256_X),
        bytes(P256_Y),
    ]
    .concat()
}

pub(crate) fn ed25519_public_der() -> Vec<u8> {
    [hex("302a300506032b6570032100"), bytes(ED25519_X)].concat()
}

pub(crate) fn p256_public_der() -> Vec<u8> {
    [
        hex("3059301306072a8648ce3d020106082a8648ce3d03010703420004"),
        bytes(P256_X),
        bytes(P256_Y),
    ]
    .concat()
}

fn hex(digits: &str) -> Vec<u8> {
    digits
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

// Each key is tried once, for all tests: that costs milliseconds when the
// backend is compiled without optimisation.
static EDDSA: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::eddsa_der(&SecretBytes::new(ed25519_der())).unwrap());
static ES256: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::es256_der(&SecretBytes::new(p256_der())).unwrap());
static HS256: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::hs256(&secret(100)).unwrap());

pub(crate) fn eddsa() -> SigningKey {
    EDDSA.clone()
}

pub(crate) fn es256() -> SigningKey {
    ES256.clone()
}

pub(crate) fn hs256() -> SigningKey {
    HS256.clone()
}

pub(crate) fn keyring(active: SigningKey) -> Keyring {
    Keyring::builder(secret(0))
        .sign_with(active)
        .build()
        .unwrap()
}

/// One keyring for each algorithm.
pub(crate) fn keyrings() -> [Keyring; 3] {
    [keyring(hs256()), keyring(eddsa()), keyring(es256())]
}

/// A keyring under which all three algorithms are live at once.
pub(crate) fn mixed_keyring() -> Keyring {
    Keyring::builder(secret(0))
        .sign_with(hs256())
        .retire_key(eddsa())
        .retire_key(es256())
        .build()
        .unwrap()
}

pub(crate) fn claims() -> Claims {
    Claims {
        iss: ISSUER.to_owned(),
        sub: UserId::from_bytes([1; 12]),
        aud: AUDIENCE.to_owned(),
        exp: 1_767_226_500,
        iat: 1_767_225_600,
        jti: "0f1e2d3c4b5a".to_owned(),
        sid: SessionId::from_bytes([2; 12]),
        epoch: 3,
        auth_time: Some(1_767_225_600),
        amr: vec![Method::Password],
        typ: TokenKind::Access,
        custom: Default::default(),
    }
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_secs(NOW)
}

pub(crate) fn verify(keyring: &Keyring, token: &str) -> Result<Claims, AuthError> {
    keyring.verify(token, ISSUER, AUDIENCE, now())
}

/// Whether `token` is refused, with the one error that there is for it.
pub(crate) fn refused(keyring: &Keyring, token: &str) -> bool {
    matches!(verify(keyring, token), Err(AuthError::InvalidToken))
}

pub(crate) fn signed(keyring: &Keyring) -> AccessToken {
    keyring.sign(&claims()).unwrap()
}

pub(crate) fn hmac_sha256(key: &[u8], message: impl AsRef<[u8]>) -> Vec<u8> {
    Hmac::<Sha256>::new_from_slice(key)
        .unwrap()
        .chain_update(message)
        .finalize()
        .into_bytes()
        .to_vec()
}

/// A token of any header and payload, under an HMAC with any key.
pub(crate) fn forged(header: &str, payload: &str, key: &[u8]) -> String {
    let message = format!("{}.{}", text(header), text(payload));
    let signature = text(hmac_sha256(key, &message));
    format!("{message}.{signature}")
}

/// The header that the library itself writes for `key`.
pub(crate) fn header(alg: &str, key: &SigningKey) -> Value {
    json!({"typ": "JWT", "alg": alg, "kid": key.kid()})
}

/// A token by the real HS256 key of [`keyrings`], with this header and payload.
pub(crate) fn resigned(header: &Value, payload: &Value) -> String {
    forged(
        &header.to_string(),
        &payload.to_string(),
        secret(100).expose_secret(),
    )
}

/// The payload of [`claims`], with one claim replaced.
pub(crate) fn payload_with(claim: &str, value: Value) -> Value {
    let mut payload = json!(claims());
    payload[claim] = value;
    payload
}

pub(crate) fn jwk_of(key: &SigningKey) -> Value {
    json!(VerifyingKey::from(key.clone()).jwk())
}

/// Refresh tokens of one user, between one issuer and one audience.
pub(crate) trait Refresh {
    fn issue(&self, session: SessionId, counter: u64) -> RefreshToken;
    fn read(&self, token: &str) -> Result<(SessionId, u64), AuthError>;
}

impl Refresh for Keyring {
    fn issue(&self, session: SessionId, counter: u64) -> RefreshToken {
        let user = UserId::from_bytes([5; 12]);
        let claims = RefreshClaims {
            user,
            session,
            counter,
        };
        self.issue_refresh(&claims, ISSUER, AUDIENCE)
    }

    fn read(&self, token: &str) -> Result<(SessionId, u64), AuthError> {
        let claims = self.verify_refresh(token, ISSUER, AUDIENCE)?;
        Ok((claims.session, claims.counter))
    }
}
