//! What parsers make of foreign text: never a panic, and nothing from an altered token.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::double::signed;
use super::keys;
use crate::federation::SigningAlgorithm;
use crate::federation::error::Fault;
use crate::federation::id_token::Unverified;
use crate::federation::keys::KeySet;
use crate::federation::metadata::Metadata;
use crate::json::document;

fn verify(token: &str, keys: &KeySet) -> Result<Value, Fault> {
    let token = Unverified::read(token, &SigningAlgorithm::ALL)?;
    token.verify(keys.find(token.kid.as_deref(), token.algorithm)?)
}

/// A token by `algorithm`, and the key set of its provider.
fn honest(algorithm: SigningAlgorithm) -> (String, KeySet) {
    let header = json!({"alg": algorithm.as_str(), "kid": "key-1"}).to_string();
    let token = signed(algorithm, &header, r#"{"sub":"person-1"}"#);
    let set = json!({"keys": [keys::public(algorithm)]});
    (token, KeySet::read(&set).unwrap())
}

#[test]
fn asvs_9_1_1_each_bit_flip_of_a_token_is_refused() {
    for algorithm in SigningAlgorithm::ALL {
        let (token, keys) = honest(algorithm);
        assert_eq!(verify(&token, &keys), Ok(json!({"sub": "person-1"})));
        for place in 0..token.len() {
            for bit in 0..8 {
                let mut altered = token.clone().into_bytes();
                altered[place] ^= 1 << bit;
                let Ok(altered) = String::from_utf8(altered) else {
                    continue;
                };
                let refused = verify(&altered, &keys).unwrap_err();
                assert!(
                    matches!(
                        refused,
                        Fault::Token
                            | Fault::Json
                            | Fault::Member(_)
                            | Fault::Algorithm
                            | Fault::UnknownKey
                            | Fault::AmbiguousKey
                            | Fault::Signature
                            | Fault::DuplicateMember
                    ),
                    "{algorithm:?} {place} {bit}: {refused:?}"
                );
            }
        }
        for cut in 0..token.len() {
            let (altered, _) = token.split_at(cut);
            assert!(verify(altered, &keys).is_err(), "{algorithm:?} {cut}");
        }
    }
}

#[test]
fn a_signature_is_checked_by_its_own_algorithm() {
    for one in SigningAlgorithm::ALL {
        for other in SigningAlgorithm::ALL {
            let (token, _) = honest(one);
            let (_, keys) = honest(other);
            assert_eq!(
                verify(&token, &keys).is_ok(),
                one == other,
                "{one:?} {other:?}"
            );
        }
    }
    // The same RSA key, which states neither: PS256 is not RS256.
    let (token, _) = honest(SigningAlgorithm::Rs256);
    let mut key = keys::public(SigningAlgorithm::Rs256);
    key.as_object_mut().unwrap().remove("alg");
    let keys = KeySet::read(&json!({"keys": [key]})).unwrap();
    assert!(verify(&token, &keys).is_ok());
    let (_, rest) = token.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let other = signed(
        SigningAlgorithm::Ps256,
        r#"{"alg":"PS256","kid":"key-1"}"#,
        "{}",
    );
    let (header, _) = other.split_once('.').unwrap();
    let mixed = format!("{header}.{payload}.{signature}");
    assert_eq!(verify(&mixed, &keys), Err(Fault::Signature));
}

#[test]
fn asvs_11_2_3_a_weak_rsa_key_is_left_out() {
    use base64ct::{Base64UrlUnpadded, Encoding};
    let with = |n: &[u8], e: &[u8]| {
        let mut key = keys::public(SigningAlgorithm::Rs256);
        key["n"] = json!(Base64UrlUnpadded::encode_string(n));
        key["e"] = json!(Base64UrlUnpadded::encode_string(e));
        let set = KeySet::read(&json!({"keys": [key]})).unwrap();
        set.find(Some("key-1"), SigningAlgorithm::Rs256).is_ok()
    };
    let usual: &[u8] = &[1, 0, 1];
    assert!(with(&[0x80; 256], usual));
    assert!(with(&[0x80; 1024], usual));
    assert!(with(&[&[0][..], &[0x80; 256]].concat(), &[0, 1, 0, 1]));
    for (n, e) in [
        (vec![0x7f; 256], usual),
        (vec![0x80; 255], usual),
        (vec![0x80; 128], usual),
        (vec![0x80; 1025], usual),
        (vec![0; 256], usual),
        (vec![], usual),
        (vec![0x80; 256], &[1][..]),
        (vec![0x80; 256], &[2][..]),
        (vec![0x80; 256], &[0][..]),
        (vec![0x80; 256], &[][..]),
        (vec![0x80; 256], &[1, 0, 0, 0, 1][..]),
    ] {
        assert!(!with(&n, e), "{} bytes, {e:?}", n.len());
    }
}

fn values() -> impl Strategy<Value = Value> {
    let text = "key-1|ES256|EdDSA|RSA|EC|OKP|P-256|Ed25519|sig|AQAB|https://a.example|\\PC{0,9}";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        text.prop_map(Value::String),
        "[A-Za-z0-9_-]{43}".prop_map(Value::String),
    ];
    let names = "keys|kty|crv|x|y|n|e|kid|alg|use|key_ops|issuer|token_endpoint|jwks_uri|\\PC{0,5}";
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(names, inner, 0..8)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_token_is_refused(token in "[A-Za-z0-9_=.-]{0,200}|\\PC{0,50}|(\\PC{0,9}\\.){1,4}") {
        let (_, keys) = honest(SigningAlgorithm::EdDsa);
        prop_assert!(verify(&token, &keys).is_err());
    }

    #[test]
    fn any_header_is_read_or_refused(header in values()) {
        let (token, keys) = honest(SigningAlgorithm::EdDsa);
        let (_, rest) = token.split_once('.').unwrap();
        use base64ct::{Base64UrlUnpadded, Encoding};
        let header = Base64UrlUnpadded::encode_string(header.to_string().as_bytes());
        let altered = [header.as_str(), rest].join(".");
        prop_assert!(verify(&altered, &keys).is_err());
    }

    #[test]
    fn any_key_set_is_read_or_refused(set in values(), key in values()) {
        let (token, _) = honest(SigningAlgorithm::EdDsa);
        for set in [set, json!({"keys": [key]})] {
            if let Ok(keys) = KeySet::read(&set) {
                prop_assert!(verify(&token, &keys).is_err());
            }
        }
    }

    #[test]
    fn any_discovery_document_is_read_or_refused(document in values(), name in "[a-z_]{0,20}", value in values()) {
        let issuer = "https://a.example";
        prop_assert!(Metadata::read(&document, issuer, false).is_err());
        let mut honest = json!({
            "issuer": issuer,
            "authorization_endpoint": "https://a.example/a",
            "token_endpoint": "https://a.example/t",
            "jwks_uri": "https://a.example/k",
        });
        prop_assert!(Metadata::read(&honest, issuer, false).is_ok());
        honest[name] = value;
        let _ = Metadata::read(&honest, issuer, false);
    }

    #[test]
    fn any_bytes_are_json_or_not(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = document::document(&bytes);
    }
}
