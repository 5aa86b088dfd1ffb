//! Forged headers, keys and algorithms (RFC 8725 §2).

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers outside test functions"
)]

use admittance::token::Keyring;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::fixtures::*;

#[test]
fn asvs_9_1_2_an_unsigned_token_is_refused() {
    let keyring = mixed_keyring();
    let payload = json!(claims()).to_string();
    for alg in ["none", "None", "NONE", "nOnE", "", "null"] {
        for key in [hs256(), eddsa(), es256()] {
            let message = format!("{}.{}", text(header(alg, &key).to_string()), text(&payload));
            for signature in ["", "AA", &text([0; 64]), &text(hmac_sha256(b"", &message))] {
                let token = format!("{message}.{signature}");
                assert!(refused(&keyring, &token), "{alg} {signature}");
            }
            assert!(refused(&keyring, &message), "{alg}");
        }
    }
}

#[test]
fn asvs_9_1_2_the_key_decides_about_the_algorithm() {
    let algorithms = [
        "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA",
        "Ed25519", "hs256", "none",
    ];
    let keyring = mixed_keyring();
    for key in [hs256(), eddsa(), es256()] {
        let own = signed_header_alg(&key);
        for alg in algorithms.iter().filter(|alg| **alg != own) {
            let (_, rest) = split(&keyring_token(&key));
            let token = format!("{}.{rest}", text(header(alg, &key).to_string()));
            assert!(refused(&keyring, &token), "{own} as {alg}");
        }
    }
}

#[test]
fn asvs_9_1_2_a_good_signature_under_the_kid_of_another_key_is_refused() {
    let keyring = mixed_keyring();
    let signers = [
        (
            Algorithm::HS256,
            EncodingKey::from_secret(secret(100).expose_secret()),
        ),
        (
            Algorithm::HS384,
            EncodingKey::from_secret(secret(100).expose_secret()),
        ),
        (
            Algorithm::HS512,
            EncodingKey::from_secret(secret(100).expose_secret()),
        ),
        (Algorithm::EdDSA, EncodingKey::from_ed_der(&ed25519_der())),
        (Algorithm::ES256, EncodingKey::from_ec_der(&p256_der())),
    ];
    let mut accepted = Vec::new();
    for (alg, signer) in &signers {
        for key in [hs256(), eddsa(), es256()] {
            let mut header = Header::new(*alg);
            header.kid = Some(key.kid().to_owned());
            let token = encode(&header, &claims(), signer).unwrap();
            if !refused(&keyring, &token) {
                accepted.push((*alg, key.kid().to_owned()));
            }
        }
    }
    let own = [
        (Algorithm::HS256, hs256().kid().to_owned()),
        (Algorithm::EdDSA, eddsa().kid().to_owned()),
        (Algorithm::ES256, es256().kid().to_owned()),
    ];
    assert_eq!(accepted, own);
}

#[test]
fn ghsa_33_hs256_under_the_public_key_is_refused() {
    for (key, der, raw) in [
        (eddsa(), ed25519_public_der(), bytes(ED25519_X)),
        (
            es256(),
            p256_public_der(),
            [bytes(P256_X), bytes(P256_Y)].concat(),
        ),
    ] {
        let public = pem("PUBLIC KEY", &der);
        let jwk = jwk_of(&key);
        let secrets: [Vec<u8>; 9] = [
            public.clone().into_bytes(),
            public.trim().as_bytes().to_vec(),
            public.replace('\n', "").into_bytes(),
            der,
            [&[4], raw.as_slice()].concat(),
            raw,
            jwk.to_string().into_bytes(),
            jwk["x"].as_str().unwrap().as_bytes().to_vec(),
            key.kid().as_bytes().to_vec(),
        ];
        for keyring in [keyring(key.clone()), mixed_keyring()] {
            for kid in [key.kid(), hs256().kid()] {
                for secret in &secrets {
                    let header = json!({"typ": "JWT", "alg": "HS256", "kid": kid}).to_string();
                    let token = forged(&header, &json!(claims()).to_string(), secret);
                    assert!(refused(&keyring, &token), "{secret:?}");
                }
            }
        }
    }
}

#[test]
fn ghsa_34_and_asvs_9_1_3_only_a_known_kid_finds_a_key() {
    let keyring = keyring(hs256());
    let good = hs256().kid().to_owned();
    let kids = [
        json!(null),
        json!(""),
        json!(" "),
        json!("0"),
        json!(0),
        json!(true),
        json!([]),
        json!([good]),
        json!({"$ne": null}),
        json!({"$ne": ""}),
        json!("$ne"),
        json!("../../../../dev/null"),
        json!("/dev/null"),
        json!("file:///dev/null"),
        json!("' UNION SELECT 'AA"),
        json!("key\0"),
        json!(format!("{good}\0")),
        json!(format!("{good} ")),
        json!(good.to_lowercase()),
        json!(good.get(1..)),
        json!(eddsa().kid()),
        json!("k".repeat(2000)),
    ];
    for key in [secret(100).expose_secret(), b"", b"AA", b"\0"] {
        for kid in &kids {
            let header = json!({"typ": "JWT", "alg": "HS256", "kid": kid}).to_string();
            let token = forged(&header, &json!(claims()).to_string(), key);
            assert!(refused(&keyring, &token), "{kid}");
        }
        let without = json!({"typ": "JWT", "alg": "HS256"}).to_string();
        let token = forged(&without, &json!(claims()).to_string(), key);
        assert!(refused(&keyring, &token));
    }
}

#[test]
fn ghsa_35_a_key_in_the_header_is_never_used() {
    // The attacker's own key, and tokens properly signed by it.
    let attacker = EncodingKey::from_ec_der(&p256_der());
    let keyring = keyring(eddsa());
    let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_value(jwk_of(&es256())).unwrap();
    for kid in [None, Some(es256().kid()), Some(eddsa().kid())] {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = kid.map(str::to_owned);
        header.jwk = Some(jwk.clone());
        header.jku = Some("https://evil.example/jwks.json".to_owned());
        header.x5u = Some("https://evil.example/cert.pem".to_owned());
        header.x5c = Some(vec!["MIIB".to_owned()]);
        let token = encode(&header, &claims(), &attacker).unwrap();
        assert!(refused(&keyring, &token), "{kid:?}");
    }
}

#[test]
fn asvs_9_1_3_addresses_and_keys_in_the_header_change_nothing() {
    let keyring = keyring(hs256());
    for (member, value) in [
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("file:///etc/passwd")),
        ("x5c", json!(["MIIB"])),
        ("jwk", jwk_of(&eddsa())),
    ] {
        let mut head = header("HS256", &hs256());
        head[member] = value;
        // Signed by the key that is in the keyring: good, the member is ignored.
        assert!(
            !refused(&keyring, &resigned(&head, &json!(claims()))),
            "{member}"
        );
        // Signed by another one: the member does not help.
        let token = forged(&head.to_string(), &json!(claims()).to_string(), b"other");
        assert!(refused(&keyring, &token), "{member}");
    }
}

#[test]
fn a_critical_extension_is_refused_whatever_its_value() {
    let keyring = keyring(hs256());
    for crit in [
        json!(["exp"]),
        json!(["b64"]),
        json!([]),
        json!(null),
        json!("exp"),
        json!(1),
    ] {
        let mut head = header("HS256", &hs256());
        head["crit"] = crit.clone();
        assert!(
            refused(&keyring, &resigned(&head, &json!(claims()))),
            "{crit}"
        );
    }
}

#[test]
fn asvs_9_2_2_the_header_says_jwt_and_nothing_else() {
    let keyring = keyring(hs256());
    for typ in [
        "at+jwt",
        "jwt",
        "JWS",
        "JWT ",
        "dpop+jwt",
        "application/jwt",
        "",
    ] {
        let mut head = header("HS256", &hs256());
        head["typ"] = json!(typ);
        assert!(
            refused(&keyring, &resigned(&head, &json!(claims()))),
            "{typ}"
        );
    }
    for typ in [Value::Null, json!(["JWT"]), json!({"JWT": 1})] {
        let mut head = header("HS256", &hs256());
        head["typ"] = typ.clone();
        assert!(
            refused(&keyring, &resigned(&head, &json!(claims()))),
            "{typ}"
        );
    }
    let mut head = header("HS256", &hs256());
    head.as_object_mut().unwrap().remove("typ");
    assert!(refused(&keyring, &resigned(&head, &json!(claims()))));
}

#[test]
fn asvs_9_2_2_and_ghsa_15_no_kind_of_token_works_as_another() {
    let keyring = mixed_keyring();
    let access: Vec<String> = [hs256(), eddsa(), es256()]
        .iter()
        .map(keyring_token)
        .collect();
    let refresh = keyring.issue(claims().sid, 0).expose_secret().to_owned();
    // What one-time tokens look like: 256 bits in base64url.
    let one_time = [
        text([0; 32]),
        text([255; 32]),
        text(secret(9).expose_secret()),
    ];
    let mut matrix = 0;
    for token in access.iter().chain([&refresh]).chain(&one_time) {
        let is_access = access.contains(token);
        assert_eq!(verify(&keyring, token).is_ok(), is_access, "{token}");
        assert_eq!(keyring.read(token).is_ok(), *token == refresh, "{token}");
        matrix += 2;
    }
    assert_eq!(matrix, 14);
    // Nor does a part of one, or one dressed as the other.
    let (_, body) = refresh.split_once('_').unwrap();
    assert!(refused(&keyring, body));
    assert!(refused(&keyring, &format!("{body}.{body}.{body}")));
    for token in &access {
        for part in token.split('.') {
            assert!(keyring.read(&format!("adr_{part}")).is_err());
        }
        assert!(keyring.read(&format!("adr_{token}")).is_err());
    }
}

fn keyring_token(key: &admittance::token::SigningKey) -> String {
    signed(&keyring(key.clone())).expose_secret().to_owned()
}

fn signed_header_alg(key: &admittance::token::SigningKey) -> String {
    let (head, _) = split(&keyring_token(key));
    let head: Value = serde_json::from_slice(&bytes(&head)).unwrap();
    head["alg"].as_str().unwrap().to_owned()
}

/// The header, and the rest.
fn split(token: &str) -> (String, String) {
    let (head, rest) = token.split_once('.').unwrap();
    (head.to_owned(), rest.to_owned())
}

#[test]
fn two_keyrings_do_not_accept_each_others_tokens() {
    let [one, other] = [secret(0), secret(1)].map(|secret| Keyring::from_secret(secret).unwrap());
    assert!(refused(&other, signed(&one).expose_secret()));
    let refresh = one.issue(claims().sid, 1);
    assert!(one.read(refresh.expose_secret()).is_ok());
    assert!(other.read(refresh.expose_secret()).is_err());
}
