//! Keys: which are taken, how they are named, published and rotated.

#![expect(clippy::unwrap_used, reason = "helpers outside test functions")]

use admittance::error::ConfigError;
use admittance::id::SessionId;
use admittance::secret::SecretBytes;
use admittance::token::{Jwk, Keyring, SigningKey, Verifier, VerifyingKey};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::fixtures::*;

fn weak<T: std::fmt::Debug>(made: Result<T, ConfigError>) -> bool {
    matches!(made, Err(ConfigError::WeakKey(_)))
}

fn pem_bytes(text: &str) -> SecretBytes {
    SecretBytes::new(text.as_bytes())
}

#[test]
fn asvs_11_2_3_a_short_or_uniform_secret_is_refused() {
    let nine = |length| SecretBytes::new((0..9).cycle().take(length).collect::<Vec<u8>>());
    for bad in [
        SecretBytes::new(""),
        SecretBytes::new("secret"),
        SecretBytes::new((0..31).collect::<Vec<u8>>()),
        SecretBytes::new([0; 64]),
        SecretBytes::new("changeme".repeat(8)),
        nine(32),
        nine(1000),
    ] {
        assert!(weak(SigningKey::hs256(&bad)));
        assert!(weak(Keyring::from_secret(bad.clone())));
        let signed_otherwise = Keyring::builder(bad.clone()).sign_with(eddsa());
        assert!(weak(signed_otherwise.build()));
        let old = Keyring::builder(secret(0)).retire_secret(bad);
        assert!(weak(old.build()));
    }
    let ten = SecretBytes::new((0..32).map(|at| at % 10).collect::<Vec<u8>>());
    assert!(SigningKey::hs256(&ten).is_ok());
    assert!(Keyring::from_secret(ten).is_ok());
}

#[test]
fn keys_in_pem_and_der_are_the_same_key() {
    let ed = SigningKey::eddsa_pem(&pem_bytes(&pem("PRIVATE KEY", &ed25519_der()))).unwrap();
    assert_eq!(ed.kid(), eddsa().kid());
    let ec = SigningKey::es256_pem(&pem_bytes(&pem("PRIVATE KEY", &p256_der()))).unwrap();
    assert_eq!(ec.kid(), es256().kid());
}

#[test]
fn a_private_key_of_another_kind_is_refused() {
    let ed = pem("PRIVATE KEY", &ed25519_der());
    let ec = pem("PRIVATE KEY", &p256_der());
    let ed_public = pem("PUBLIC KEY", &ed25519_public_der());
    let ec_public = pem("PUBLIC KEY", &p256_public_der());
    let ec_in_sec1 = pem("EC PRIVATE KEY", &p256_der());
    for (text, is_ed, is_ec) in [
        (ed.as_str(), true, false),
        (ec.as_str(), false, true),
        (P384_PEM, false, false),
        (RSA_PEM, false, false),
        (ed_public.as_str(), false, false),
        (ec_public.as_str(), false, false),
        (ec_in_sec1.as_str(), false, false),
        (ED25519_CERTIFICATE_PEM, false, false),
        ("", false, false),
        (
            "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----",
            false,
            false,
        ),
    ] {
        assert_eq!(
            weak(SigningKey::eddsa_pem(&pem_bytes(text))),
            !is_ed,
            "{text}"
        );
        assert_eq!(
            weak(SigningKey::es256_pem(&pem_bytes(text))),
            !is_ec,
            "{text}"
        );
        let der = SecretBytes::new(der_of(text));
        assert_eq!(weak(SigningKey::eddsa_der(&der)), !is_ed, "{text}");
        // The label is not part of the DER, so SEC 1's makes no difference.
        let is_ec = is_ec || text == ec_in_sec1;
        assert_eq!(weak(SigningKey::es256_der(&der)), !is_ec, "{text}");
    }
}

fn der_of(pem: &str) -> Vec<u8> {
    use base64ct::{Base64, Encoding};
    let body: String = pem
        .lines()
        .filter(|line| !line.starts_with("---"))
        .collect();
    Base64::decode_vec(&body).unwrap()
}

#[test]
fn a_cut_private_key_is_refused() {
    let (ed, ec) = (ed25519_der(), p256_der());
    for length in 0..ed.len() {
        assert!(weak(SigningKey::eddsa_der(&SecretBytes::new(
            &ed[..length]
        ))));
        let text = pem("PRIVATE KEY", &ed[..length]);
        assert!(weak(SigningKey::eddsa_pem(&pem_bytes(&text))));
    }
    for length in 0..ec.len() {
        assert!(weak(SigningKey::es256_der(&SecretBytes::new(
            &ec[..length]
        ))));
        let text = pem("PRIVATE KEY", &ec[..length]);
        assert!(weak(SigningKey::es256_pem(&pem_bytes(&text))));
    }
    // Zero is no P-256 private key.
    let zero = p256_der()
        .iter()
        .enumerate()
        .map(|(at, byte)| if (36..68).contains(&at) { 0 } else { *byte })
        .collect::<Vec<u8>>();
    assert!(weak(SigningKey::es256_der(&SecretBytes::new(zero))));
}

#[test]
fn the_kid_of_a_public_key_is_its_rfc_7638_thumbprint() {
    // RFC 8037, appendix A.3.
    assert_eq!(eddsa().kid(), ED25519_THUMBPRINT);
    let by_jsonwebtoken: jsonwebtoken::jwk::Jwk = serde_json::from_value(jwk_of(&es256())).unwrap();
    let thumbprint = by_jsonwebtoken.thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256);
    assert_eq!(es256().kid(), thumbprint.unwrap());
}

#[test]
fn the_kid_of_a_secret_is_stable_and_tells_secrets_apart() {
    assert_eq!(
        hs256().kid(),
        SigningKey::hs256(&secret(100)).unwrap().kid()
    );
    assert_ne!(
        hs256().kid(),
        SigningKey::hs256(&secret(101)).unwrap().kid()
    );
    assert_eq!(bytes(hs256().kid()).len(), 12);
}

#[test]
fn the_jwks_has_the_public_keys_active_first_and_nothing_secret() {
    let keyring = Keyring::builder(secret(0))
        .sign_with(es256())
        .retire_secret(secret(1))
        .retire_key(hs256())
        .retire_key(eddsa())
        .build()
        .unwrap();
    assert_eq!(
        json!(keyring.jwks()),
        json!({"keys": [
            {"kty": "EC", "crv": "P-256", "x": P256_X, "y": P256_Y,
             "kid": es256().kid(), "alg": "ES256", "use": "sig"},
            {"kty": "OKP", "crv": "Ed25519", "x": ED25519_X,
             "kid": ED25519_THUMBPRINT, "alg": "EdDSA", "use": "sig"},
        ]})
    );
    let symmetric = Keyring::builder(secret(0))
        .retire_secret(secret(1))
        .build()
        .unwrap();
    assert_eq!(json!(symmetric.jwks()), json!({"keys": []}));
}

#[test]
fn a_jwk_with_a_private_part_is_read_without_it() {
    let mut jwk = jwk_of(&eddsa());
    jwk["d"] = json!(ED25519_D);
    let read: Jwk = serde_json::from_value(jwk).unwrap();
    assert!(!json!(read).to_string().contains(ED25519_D));
}

#[test]
fn a_public_key_in_pem_is_the_same_key() {
    for (key, der) in [
        (eddsa(), ed25519_public_der()),
        (es256(), p256_public_der()),
    ] {
        let from_pem = VerifyingKey::from_pem(&pem("PUBLIC KEY", &der)).unwrap();
        assert_eq!(from_pem.kid(), key.kid());
        assert_eq!(from_pem.jwk(), key.verifying_key().jwk());
        let verifier = Verifier::new(vec![from_pem]).unwrap();
        let token = signed(&keyring(key));
        let read = verifier.verify(token.expose_secret(), ISSUER, AUDIENCE, now());
        assert_eq!(read.unwrap(), claims());
        for length in 0..der.len() {
            assert!(weak(VerifyingKey::from_pem(&pem(
                "PUBLIC KEY",
                &der[..length]
            ))));
        }
        let longer = [der.as_slice(), &[0]].concat();
        assert!(weak(VerifyingKey::from_pem(&pem("PUBLIC KEY", &longer))));
        assert!(weak(VerifyingKey::from_pem(&pem("PRIVATE KEY", &der))));
    }
    for text in [
        P384_PUBLIC_PEM,
        SECP256K1_PUBLIC_PEM,
        ED25519_CERTIFICATE_PEM,
        RSA_PEM,
        "",
    ] {
        assert!(weak(VerifyingKey::from_pem(text)), "{text}");
    }
}

#[test]
fn a_remote_jwk_of_the_wrong_length_kind_or_use_is_refused() {
    let read = |jwk: &Value| VerifyingKey::from_jwk(&serde_json::from_value(jwk.clone()).unwrap());
    for key in [eddsa(), es256()] {
        let good = jwk_of(&key);
        assert_eq!(read(&good).unwrap().kid(), key.kid());
        let bare: Value = good
            .as_object()
            .unwrap()
            .iter()
            .filter(|(member, _)| ["kty", "crv", "x", "y"].contains(&member.as_str()))
            .map(|(member, value)| (member.clone(), value.clone()))
            .collect();
        assert_eq!(read(&bare).unwrap().kid(), key.kid());

        let coordinates = if good["y"].is_null() {
            vec!["x"]
        } else {
            vec!["x", "y"]
        };
        for coordinate in coordinates {
            for length in (0..32).chain([33, 48, 64, 1000]) {
                let mut bad = bare.clone();
                bad[coordinate] = json!(text(vec![7; length]));
                assert!(weak(read(&bad)), "{coordinate} of {length} bytes");
            }
            for value in [
                json!(null),
                json!("!"),
                json!(format!("{}=", text([7; 32]))),
            ] {
                let mut bad = bare.clone();
                bad[coordinate] = value.clone();
                assert!(weak(read(&bad)), "{coordinate} {value}");
            }
        }
        for (member, value) in [
            ("use", json!("enc")),
            ("alg", json!("HS256")),
            ("alg", json!("none")),
            ("kid", json!("mine")),
            ("crv", json!("P-384")),
            ("crv", json!("secp256k1")),
            ("crv", json!("X25519")),
            ("crv", json!(null)),
            ("kty", json!("oct")),
            ("kty", json!("RSA")),
        ] {
            let mut bad = good.clone();
            bad[member] = value.clone();
            assert!(weak(read(&bad)), "{member} {value}");
        }
    }
    let symmetric = json!({"kty": "oct", "k": text(secret(0).expose_secret())});
    assert!(weak(read(&symmetric)));
}

#[test]
fn asvs_11_2_2_and_13_3_4_two_keys_are_live_while_keys_are_rotated() {
    let (old_secret, new_secret) = (secret(0), secret(1));
    let before = Keyring::from_secret(old_secret.clone()).unwrap();
    let during = Keyring::builder(new_secret.clone())
        .retire_secret(old_secret)
        .build()
        .unwrap();
    let after = Keyring::from_secret(new_secret).unwrap();

    let session = SessionId::from_bytes([5; 12]);
    let (old_access, old_refresh) = (signed(&before), before.issue(session, 1));
    let (new_access, new_refresh) = (signed(&during), during.issue(session, 2));
    let accepts = |keyring: &Keyring| {
        [
            verify(keyring, old_access.expose_secret()).is_ok(),
            keyring.read(old_refresh.expose_secret()).is_ok(),
            verify(keyring, new_access.expose_secret()).is_ok(),
            keyring.read(new_refresh.expose_secret()).is_ok(),
        ]
    };
    assert_eq!(accepts(&before), [true, true, false, false]);
    assert_eq!(accepts(&during), [true, true, true, true]);
    assert_eq!(accepts(&after), [false, false, true, true]);
}

#[test]
fn asvs_13_3_4_the_algorithm_can_be_changed_without_a_logout() {
    let before = Keyring::from_secret(secret(0)).unwrap();
    let during = Keyring::builder(secret(0))
        .sign_with(eddsa())
        .retire_secret(secret(0))
        .build()
        .unwrap();
    let after = Keyring::builder(secret(0))
        .sign_with(es256())
        .retire_key(VerifyingKey::from_jwk(&during.jwks().keys[0]).unwrap())
        .build()
        .unwrap();
    let (hs, ed) = (signed(&before), signed(&during));
    let accepts =
        |keyring: &Keyring| [&hs, &ed].map(|token| verify(keyring, token.expose_secret()).is_ok());
    assert_eq!(accepts(&before), [true, false]);
    assert_eq!(accepts(&during), [true, true]);
    assert_eq!(accepts(&after), [false, true]);
    let refresh = before.issue(claims().sid, 1);
    for keyring in [during, after] {
        assert!(keyring.read(refresh.expose_secret()).is_ok());
    }
}

/// HKDF-SHA256 without a salt, up to two blocks, written out (RFC 5869 §2).
fn hkdf(secret: &[u8], info: &str) -> [Vec<u8>; 2] {
    let pseudorandom = hmac_sha256(&[0; 32], secret);
    let first = hmac_sha256(&pseudorandom, [info.as_bytes(), &[1]].concat());
    let second = hmac_sha256(&pseudorandom, [&first, info.as_bytes(), &[2]].concat());
    [first, second]
}

#[test]
fn each_use_has_its_own_key_and_neither_labels_nor_formats_change() {
    let keyring = Keyring::from_secret(secret(0)).unwrap();
    let secret = secret(0);
    let [jwt_key, _] = hkdf(secret.expose_secret(), "admittance/v1/jwt-hs256");
    let key = SigningKey::hs256(&SecretBytes::new(jwt_key.clone())).unwrap();
    let named = &Sha256::digest(
        [
            b"admittance/v1/kid-hs256".as_slice(),
            &hkdf(&jwt_key, "admittance/v1/kid")[0],
        ]
        .concat(),
    )[..12];
    assert_eq!(key.kid(), text(named));
    assert_eq!(
        signed(&keyring).expose_secret(),
        signed(&self::keyring(key)).expose_secret()
    );

    let refresh_key = hkdf(secret.expose_secret(), "admittance/v1/refresh").concat();
    let hint = Sha256::digest([b"admittance/v1/refresh-hint", refresh_key.as_slice()].concat())[0];
    let body = [
        [1, hint].as_slice(),
        &[5; 12],
        &[9; 12],
        &4u64.to_be_bytes(),
    ]
    .concat();
    let sized = |text: &str| [&(text.len() as u64).to_be_bytes(), text.as_bytes()].concat();
    let labelled = [
        b"admittance/v1/refresh-token".as_slice(),
        &sized(ISSUER),
        &sized(AUDIENCE),
        &body,
    ]
    .concat();
    let mac = hmac_sha256(&refresh_key, &labelled);
    assert_eq!(
        keyring
            .issue(SessionId::from_bytes([9; 12]), 4)
            .expose_secret(),
        format!("adr_{}", text([body, mac].concat()))
    );
}

#[test]
fn the_same_key_twice_is_refused() {
    let twice = |built: Result<Keyring, ConfigError>| {
        matches!(
            built,
            Err(ConfigError::Invalid {
                setting: "keyring",
                ..
            })
        )
    };
    let builder = || Keyring::builder(secret(0));
    assert!(twice(builder().retire_secret(secret(0)).build()));
    assert!(twice(
        builder()
            .retire_secret(secret(1))
            .retire_secret(secret(1))
            .build()
    ));
    assert!(twice(
        builder().sign_with(eddsa()).retire_key(eddsa()).build()
    ));
    assert!(twice(
        builder().retire_key(hs256()).retire_key(hs256()).build()
    ));
    assert!(matches!(
        Verifier::new(Vec::new()),
        Err(ConfigError::Invalid { .. })
    ));
}

#[test]
fn asvs_16_2_5_debug_shows_names_of_keys_and_no_key() {
    let symmetric = hs256();
    let verifier = Verifier::new(vec![es256().into(), eddsa().into()]).unwrap();
    for (shown, name) in [
        (format!("{:?}", keyring(eddsa())), ED25519_THUMBPRINT),
        (
            format!("{:?}", Keyring::builder(secret(0)).sign_with(eddsa())),
            ED25519_THUMBPRINT,
        ),
        (format!("{symmetric:?}"), symmetric.kid()),
        (
            format!("{:?}", VerifyingKey::from(hs256())),
            symmetric.kid(),
        ),
        (format!("{verifier:?}"), ED25519_THUMBPRINT),
    ] {
        assert!(shown.contains(name), "{name} in {shown}");
        for leak in [
            "100, 101, 102",
            "dRnZXpbXA",
            ED25519_D,
            "0, 1, 2, 3",
            P256_X,
        ] {
            assert!(!shown.contains(leak), "{leak} in {shown}");
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_as_a_key_are_refused_without_a_panic(der in any::<Vec<u8>>()) {
        let key = SecretBytes::new(der.clone());
        prop_assert!(weak(SigningKey::eddsa_der(&key)));
        prop_assert!(weak(SigningKey::es256_der(&key)));
        let private = pem_bytes(&pem("PRIVATE KEY", &der));
        prop_assert!(weak(SigningKey::eddsa_pem(&private)));
        prop_assert!(weak(SigningKey::es256_pem(&private)));
        prop_assert!(weak(VerifyingKey::from_pem(&pem("PUBLIC KEY", &der))));
    }
}
