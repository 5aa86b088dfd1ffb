//! Lies in the header, the signature and the keys.

use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};

use super::super::double::{Double, Lie, signed};
use super::super::keys;
use super::super::school::{SUBJECT, builder, open, site};
use super::{assert_refused, options, outcome, refused, remove};
use crate::federation::{AuthorizationOptions, Endpoint, Fault, FederationError, SigningAlgorithm};

#[tokio::test]
async fn asvs_9_1_2_a_signature_is_by_an_accepted_algorithm_and_a_known_key() {
    let header = |lie| Lie::Header(lie);
    let forged = |lie| Lie::IdToken(lie);
    assert_refused(
        Endpoint::Token,
        [
            (
                "none",
                header(|it| it["alg"] = json!("none")),
                Fault::Algorithm,
            ),
            (
                "none without a signature",
                forged(|token| {
                    let (_, rest) = token.split_once('.').unwrap();
                    let (payload, _) = rest.split_once('.').unwrap();
                    let header = Base64UrlUnpadded::encode_string(br#"{"alg":"none"}"#);
                    format!("{header}.{payload}.")
                }),
                Fault::Algorithm,
            ),
            (
                "nOnE",
                header(|it| it["alg"] = json!("nOnE")),
                Fault::Algorithm,
            ),
            (
                "no algorithm",
                header(|it| remove(it, "alg")),
                Fault::Member("alg"),
            ),
            (
                "algorithms",
                header(|it| it["alg"] = json!(["ES256"])),
                Fault::Member("alg"),
            ),
            (
                "HMAC with the public key",
                forged(|token| {
                    hmac(
                        &token,
                        keys::public(SigningAlgorithm::Es256)["x"]
                            .as_str()
                            .unwrap()
                            .as_bytes(),
                    )
                }),
                Fault::Algorithm,
            ),
            (
                "HMAC with the public key set",
                forged(|token| {
                    hmac(
                        &token,
                        keys::public(SigningAlgorithm::Es256).to_string().as_bytes(),
                    )
                }),
                Fault::Algorithm,
            ),
            (
                "HMAC with nothing",
                forged(|token| hmac(&token, b"")),
                Fault::Algorithm,
            ),
            (
                "an unknown algorithm",
                header(|it| it["alg"] = json!("ES384")),
                Fault::Algorithm,
            ),
            (
                "the key of another algorithm",
                header(|it| it["alg"] = json!("RS256")),
                Fault::UnknownKey,
            ),
            (
                "an unknown key",
                header(|it| it["kid"] = json!("key-2")),
                Fault::UnknownKey,
            ),
            (
                "a path as a key",
                header(|it| it["kid"] = json!("../key-1")),
                Fault::UnknownKey,
            ),
            (
                "a key that is null",
                header(|it| it["kid"] = json!(null)),
                Fault::Member("kid"),
            ),
            (
                "an extension",
                header(|it| it["crit"] = json!(["exp"])),
                Fault::CriticalHeader,
            ),
            (
                "an extension that is null",
                header(|it| it["crit"] = json!(null)),
                Fault::CriticalHeader,
            ),
            (
                "an access token",
                header(|it| it["typ"] = json!("at+jwt")),
                Fault::Token,
            ),
            (
                "a logout token",
                header(|it| it["typ"] = json!("logout+jwt")),
                Fault::Token,
            ),
            (
                "an embedded key",
                forged(|token| {
                    let (_, rest) = token.split_once('.').unwrap();
                    let (payload, _) = rest.split_once('.').unwrap();
                    let header = json!({
                        "alg": "EdDSA",
                        "jwk": keys::public(SigningAlgorithm::EdDsa),
                        "jku": "https://evil.example/keys",
                        "x5u": "https://evil.example/cert",
                    });
                    let payload = Base64UrlUnpadded::decode_vec(payload).unwrap();
                    let payload = String::from_utf8(payload).unwrap();
                    signed(SigningAlgorithm::EdDsa, &header.to_string(), &payload)
                }),
                Fault::UnknownKey,
            ),
            (
                "other claims under the same signature",
                forged(|token| {
                    let (signed, signature) = token.rsplit_once('.').unwrap();
                    let (header, payload) = signed.split_once('.').unwrap();
                    let claims = Base64UrlUnpadded::decode_vec(payload).unwrap();
                    let claims = String::from_utf8(claims)
                        .unwrap()
                        .replace(SUBJECT, "person-2");
                    let payload = Base64UrlUnpadded::encode_string(claims.as_bytes());
                    format!("{header}.{payload}.{signature}")
                }),
                Fault::Signature,
            ),
            (
                "no signature",
                forged(|token| token.rsplit_once('.').unwrap().0.to_owned() + "."),
                Fault::Signature,
            ),
            (
                "a signature with padding",
                forged(|token| token + "=="),
                Fault::Token,
            ),
            ("four parts", forged(|token| token + ".x"), Fault::Token),
            ("one part", forged(|_| "x".to_owned()), Fault::Token),
            ("nothing", forged(|_| String::new()), Fault::Token),
            (
                "17 KiB",
                forged(|token| token + &"A".repeat(17 << 10)),
                Fault::TooLong,
            ),
            (
                "a header with a member twice",
                forged(|token| {
                    let (_, rest) = token.split_once('.').unwrap();
                    let header = br#"{"alg":"none","alg":"ES256","kid":"key-1"}"#;
                    format!("{}.{rest}", Base64UrlUnpadded::encode_string(header))
                }),
                Fault::DuplicateMember,
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn asvs_9_1_2_an_algorithm_that_the_provider_was_not_given_is_refused() {
    for algorithm in SigningAlgorithm::ALL {
        let double = Double::new(site(algorithm));
        let others = SigningAlgorithm::ALL
            .into_iter()
            .filter(|other| *other != algorithm);
        let party = double.party(builder().algorithms(others).build().unwrap());
        let outcome = double.sign_in(&party, &options()).await.map(drop);
        assert_eq!(outcome, refused(Endpoint::Token, Fault::Algorithm));
        assert_eq!(double.count(Endpoint::Keys), 0, "no key is asked for");
    }
}

#[tokio::test]
async fn a_header_without_a_type_or_key_is_accepted_if_it_is_clear() {
    for lie in [
        |it: &mut Value| remove(it, "typ"),
        |it: &mut Value| it["typ"] = json!("jwt"),
        |it: &mut Value| remove(it, "kid"),
        |it: &mut Value| it["jku"] = json!("https://evil.example/keys"),
    ] {
        assert_eq!(outcome(Lie::Header(lie)).await, Ok(()));
    }
}

#[tokio::test]
async fn a_key_that_does_not_fit_is_left_out() {
    let unknown = FederationError::Refused {
        endpoint: Endpoint::Token,
        fault: Fault::UnknownKey,
    };
    for lie in [
        |it: &mut Value| it["keys"][0]["use"] = json!("enc"),
        |it: &mut Value| it["keys"][0]["use"] = json!(null),
        |it: &mut Value| it["keys"][0]["key_ops"] = json!(["sign"]),
        |it: &mut Value| it["keys"][0]["alg"] = json!("HS256"),
        |it: &mut Value| it["keys"][0]["alg"] = json!("EdDSA"),
        |it: &mut Value| it["keys"][0]["kty"] = json!("oct"),
        |it: &mut Value| it["keys"][0]["crv"] = json!("P-384"),
        |it: &mut Value| it["keys"][0]["x"] = json!("AAAA"),
        |it: &mut Value| it["keys"][0]["y"] = json!("?"),
        |it: &mut Value| it["keys"] = json!([]),
        |it: &mut Value| it["keys"] = json!([null, 1, "x", {}]),
    ] {
        assert_eq!(outcome(Lie::Keys(lie)).await, Err(unknown.clone()));
    }
    for algorithm in [SigningAlgorithm::EdDsa, SigningAlgorithm::Rs256] {
        let double = Double::new(site(algorithm));
        let party = double.party(builder().build().unwrap());
        double.tell(Lie::Keys(|it| {
            let key = &mut it["keys"][0];
            for part in ["x", "n"] {
                if key.get(part).is_some() {
                    key[part] = json!("AQAB");
                }
            }
        }));
        assert_eq!(
            double.sign_in(&party, &options()).await,
            Err(unknown.clone())
        );
    }
    for lie in [
        |it: &mut Value| remove(&mut it["keys"][0], "alg"),
        |it: &mut Value| remove(&mut it["keys"][0], "use"),
        |it: &mut Value| it["keys"][0]["key_ops"] = json!(["verify"]),
        |it: &mut Value| {
            it["keys"]
                .as_array_mut()
                .unwrap()
                .push(json!({"kty": "RSA"}))
        },
    ] {
        assert_eq!(outcome(Lie::Keys(lie)).await, Ok(()));
    }
    // A point that is not on the curve.
    let wrong = FederationError::Refused {
        endpoint: Endpoint::Token,
        fault: Fault::Signature,
    };
    let off_the_curve = Lie::Keys(|it| it["keys"][0]["x"] = json!("A".repeat(43)));
    assert_eq!(outcome(off_the_curve).await, Err(wrong));
}

#[tokio::test]
async fn key_sets_are_bounded_and_clear() {
    let twice = Lie::Keys(|it| {
        let key = it["keys"][0].clone();
        it["keys"].as_array_mut().unwrap().push(key);
    });
    assert_refused(
        Endpoint::Token,
        [("a key twice", twice, Fault::AmbiguousKey)],
    )
    .await;
    let many = Lie::Keys(|it| it["keys"] = json!(vec![json!({}); 101]));
    let none = Lie::Keys(|it| *it = json!({}));
    let bare = Lie::Keys(|it| *it = it["keys"].clone());
    assert_refused(
        Endpoint::Keys,
        [
            ("101 keys", many, Fault::TooManyKeys),
            ("no list", none, Fault::Member("keys")),
            ("a list alone", bare, Fault::Json),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_flood_of_unknown_keys_costs_one_request_a_minute() {
    let (double, party) = open();
    double.sign_in(&party, &options()).await.unwrap();
    assert_eq!(double.count(Endpoint::Keys), 1);
    double.tell(Lie::Header(|it| it["kid"] = json!("key-2")));
    for _ in 0..100 {
        assert!(double.sign_in(&party, &options()).await.is_err());
    }
    assert_eq!(double.count(Endpoint::Keys), 2);
    double.clock.advance(Duration::from_secs(60));
    for _ in 0..100 {
        assert!(double.sign_in(&party, &options()).await.is_err());
    }
    assert_eq!(double.count(Endpoint::Keys), 3);
    assert_eq!(double.count(Endpoint::Discovery), 1);
}

#[tokio::test]
async fn a_provider_that_changes_its_keys_is_followed() {
    let (double, party) = open();
    double.tell(Lie::Keys(|it| it["keys"][0]["kid"] = json!("key-0")));
    assert!(double.sign_in(&party, &options()).await.is_err());
    double.clock.advance(Duration::from_secs(60));
    double.tell(Lie::None);
    assert!(double.sign_in(&party, &options()).await.is_ok());
}

#[tokio::test]
async fn old_keys_and_metadata_serve_for_a_day_while_the_provider_is_half_down() {
    let (double, party) = open();
    let one_try = AuthorizationOptions::default();
    double.sign_in(&party, &one_try).await.unwrap();
    double.tell(Lie::Fail(Endpoint::Keys));
    double.clock.advance(Duration::from_secs(23 * 3600));
    double.sign_in(&party, &one_try).await.unwrap();
    double.clock.advance(Duration::from_secs(3600));
    let down = double.sign_in(&party, &one_try).await.unwrap_err();
    assert!(matches!(
        down,
        FederationError::Unavailable {
            endpoint: Endpoint::Keys,
            ..
        }
    ));
}

/// The claims of `token` under HMAC with `secret`.
fn hmac(token: &str, secret: &[u8]) -> String {
    let (_, rest) = token.split_once('.').unwrap();
    let (payload, _) = rest.split_once('.').unwrap();
    let header = Base64UrlUnpadded::encode_string(br#"{"alg":"HS256","kid":"key-1"}"#);
    let message = format!("{header}.{payload}");
    let key = EncodingKey::from_secret(secret);
    let signature = crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}
