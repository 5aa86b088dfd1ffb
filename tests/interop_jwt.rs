//! Access tokens against PyJWT, in both directions.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use admittance::error::AuthError;
use admittance::id::{SessionId, UserId};
use admittance::proof::Method;
use admittance::secret::SecretBytes;
use admittance::time::Timestamp;
use admittance::token::{Claims, Jwks, Keyring, SigningKey, TokenKind, Verifier};
use serde_json::{Value, json};
use support::python;

const ISSUER: &str = "https://accounts.example.org";
const AUDIENCE: &str = "https://api.example.org";
/// 2026-01-01T00:00:00Z.
const NOW: u64 = 1_767_225_600;
/// 2100-01-01T00:00:00Z: PyJWT goes by the clock on the wall.
const EXPIRY: u64 = 4_102_444_800;
/// A test key.
const SECRET: &str = "test secret 0123456789 abcdefghij";

/// Makes a fresh pair for each algorithm: PKCS#8 in PEM.
const GENERATE: &str = r#"
import json
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

def pem(key):
    return key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()).decode()

print(json.dumps({
    "EdDSA": pem(ed25519.Ed25519PrivateKey.generate()),
    "ES256": pem(ec.generate_private_key(ec.SECP256R1())),
}))
"#;

/// Reads the token by the JWKS, or by the secret when there is one; then a
/// tampered one, and one for another audience. Prints what it made of them.
const VERIFY: &str = r#"
import json, sys, jwt

given = json.load(sys.stdin)
token = given["token"]
alg = given["alg"]
header = jwt.get_unverified_header(token)
if given["secret"] is None:
    key = jwt.PyJWKSet.from_dict(given["jwks"])[header["kid"]]
else:
    key = given["secret"]

def read(token, audience):
    try:
        return jwt.decode(
            token, key, algorithms=[alg], audience=audience, issuer=given["issuer"],
            options={"require": ["exp", "iat", "iss", "aud", "sub", "jti"], "strict_aud": True},
        )
    except jwt.InvalidTokenError as error:
        return type(error).__name__

message, signature = token.rsplit(".", 1)
tampered = message + "." + ("B" if signature[0] == "A" else "A") + signature[1:]
print(json.dumps({
    "header": header,
    "claims": read(token, given["audience"]),
    "tampered": read(tampered, given["audience"]),
    "elsewhere": read(token, given["audience"] + "/other"),
}))
"#;

/// Signs the claims, with a key in PEM or with a secret.
const SIGN: &str = r#"
import json, sys, jwt

given = json.load(sys.stdin)
print(jwt.encode(given["claims"], given["key"], algorithm=given["alg"],
                 headers={"kid": given["kid"]}), end="")
"#;

/// The key's PEM or secret, and what the library makes of it.
fn key(alg: &str) -> (String, SigningKey) {
    if alg == "HS256" {
        let key = SigningKey::hs256(&SecretBytes::new(SECRET)).unwrap();
        return (SECRET.to_owned(), key);
    }
    let pairs: Value = serde_json::from_str(&python::script(GENERATE, "")).unwrap();
    let pem = pairs[alg].as_str().unwrap().to_owned();
    let secret = SecretBytes::new(pem.as_str());
    let key = match alg {
        "EdDSA" => SigningKey::eddsa_pem(&secret),
        _ => SigningKey::es256_pem(&secret),
    };
    (pem, key.unwrap())
}

fn keyring(key: &SigningKey) -> Keyring {
    Keyring::builder(SecretBytes::new((0..32).collect::<Vec<u8>>()))
        .sign_with(key.clone())
        .build()
        .unwrap()
}

fn claims() -> Claims {
    Claims {
        iss: ISSUER.to_owned(),
        sub: UserId::from_bytes([1; 12]),
        aud: AUDIENCE.to_owned(),
        exp: EXPIRY,
        iat: NOW,
        jti: "0f1e2d3c4b5a".to_owned(),
        sid: SessionId::from_bytes([2; 12]),
        epoch: 3,
        auth_time: Some(NOW),
        amr: vec![Method::Password],
        typ: TokenKind::Access,
        custom: Default::default(),
    }
}

/// PyJWT reads what the library signs, refuses it once it is changed, and
/// signs what the library reads.
fn goes_both_ways(alg: &str) {
    let (material, key) = key(alg);
    let keyring = keyring(&key);
    let symmetric = alg == "HS256";

    let token = keyring.sign(&claims()).unwrap();
    let input = json!({
        "token": token.expose_secret(),
        "alg": alg,
        "secret": symmetric.then_some(SECRET),
        "jwks": keyring.jwks(),
        "issuer": ISSUER,
        "audience": AUDIENCE,
    });
    let read: Value = serde_json::from_str(&python::script(VERIFY, &input.to_string())).unwrap();
    assert_eq!(
        read,
        json!({
            "header": {"typ": "JWT", "alg": alg, "kid": key.kid()},
            "claims": claims(),
            "tampered": "InvalidSignatureError",
            "elsewhere": "InvalidAudienceError",
        })
    );

    let sign = |claims: &Value| {
        let input = json!({"claims": claims, "key": material, "alg": alg, "kid": key.kid()});
        python::script(SIGN, &input.to_string())
    };
    let verify = |token: &str| {
        let now = Timestamp::from_secs(NOW.cast_signed());
        keyring.verify(token, ISSUER, AUDIENCE, now)
    };
    let theirs = sign(&json!(claims()));
    assert_eq!(verify(&theirs).unwrap(), claims());
    let (message, signature) = theirs.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    let rest: String = signature.chars().skip(1).collect();
    let tampered = format!("{message}.{first}{rest}");
    assert!(matches!(verify(&tampered), Err(AuthError::InvalidToken)));

    let mut list = json!(claims());
    list["aud"] = json!([AUDIENCE]);
    assert!(matches!(verify(&sign(&list)), Err(AuthError::InvalidToken)));
}

#[test]
fn pyjwt_and_the_library_read_each_others_hs256_tokens() {
    goes_both_ways("HS256");
}

#[test]
fn pyjwt_and_the_library_read_each_others_eddsa_tokens() {
    goes_both_ways("EdDSA");
}

#[test]
fn pyjwt_and_the_library_read_each_others_es256_tokens() {
    goes_both_ways("ES256");
}

/// Prints the public keys as PyJWT writes them.
const WRITE_JWKS: &str = r#"
import json, sys
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import ECAlgorithm, OKPAlgorithm

keys = []
for pem in json.load(sys.stdin):
    public = load_pem_private_key(pem.encode(), None).public_key()
    algorithm = OKPAlgorithm if "Ed25519" in type(public).__name__ else ECAlgorithm
    keys.append(algorithm.to_jwk(public, as_dict=True))
print(json.dumps({"keys": keys}))
"#;

#[test]
fn a_jwks_that_pyjwt_wrote_checks_the_librarys_tokens() {
    let (ed_pem, ed) = key("EdDSA");
    let (ec_pem, ec) = key("ES256");
    let written = python::script(WRITE_JWKS, &json!([ed_pem, ec_pem]).to_string());
    let jwks: Jwks = serde_json::from_str(&written).unwrap();
    let verifier = Verifier::from_jwks(&jwks).unwrap();
    for key in [ed, ec] {
        let token = keyring(&key).sign(&claims()).unwrap();
        let now = Timestamp::from_secs(NOW.cast_signed());
        let read = verifier.verify(token.expose_secret(), ISSUER, AUDIENCE, now);
        assert_eq!(read.unwrap(), claims());
    }
}
