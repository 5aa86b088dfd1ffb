//! Access tokens: what is in them, and when they are good.

#![expect(clippy::string_slice, reason = "tokens are ASCII")]

use admittance::error::AuthError;
use admittance::proof::Method;
use admittance::time::Timestamp;
use admittance::token::{Claims, CustomClaims, Keyring, MAX_ACCESS_TOKEN_BYTES, Verifier};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fixtures::*;

#[test]
fn what_was_signed_is_what_is_read_under_each_algorithm() {
    for keyring in keyrings() {
        let token = signed(&keyring);
        assert_eq!(verify(&keyring, token.expose_secret()).unwrap(), claims());
    }
}

#[test]
fn header_and_claims_are_exactly_the_documented_ones() {
    let key = eddsa();
    let token = signed(&keyring(key.clone()));
    let parts: Vec<Value> = token
        .expose_secret()
        .split('.')
        .take(2)
        .map(|part| serde_json::from_slice(&bytes(part)).unwrap())
        .collect();
    assert_eq!(parts[0], header("EdDSA", &key));
    assert_eq!(
        parts[1],
        json!({
            "iss": ISSUER,
            "sub": "010101010101010101010101",
            "aud": AUDIENCE,
            "exp": NOW + 900,
            "iat": NOW,
            "jti": "0f1e2d3c4b5a",
            "sid": "020202020202020202020202",
            "epoch": 3,
            "auth_time": NOW,
            "amr": ["pwd"],
            "typ": "access",
        })
    );
}

#[test]
fn a_token_is_dead_in_the_second_of_its_exp() {
    for keyring in keyrings() {
        let token = signed(&keyring);
        let at = |millis| {
            let now = Timestamp::from_millis(millis);
            keyring.verify(token.expose_secret(), ISSUER, AUDIENCE, now)
        };
        let end = (NOW + 900) * 1000;
        assert!(at(end - 1).is_ok());
        assert!(matches!(at(end), Err(AuthError::InvalidToken)));
        assert!(matches!(at(end + 1000), Err(AuthError::InvalidToken)));
        let ten_years = 10 * 366 * 86_400_000;
        assert!(matches!(at(end + ten_years), Err(AuthError::InvalidToken)));
    }
}

#[test]
fn clocks_of_two_instances_may_differ_by_a_minute_and_no_more() {
    let keyring = keyring(hs256());
    let token = signed(&keyring);
    let at = |seconds| {
        let now = Timestamp::from_secs(seconds);
        keyring
            .verify(token.expose_secret(), ISSUER, AUDIENCE, now)
            .is_ok()
    };
    assert!(at(NOW - 60));
    assert!(!at(NOW - 61));
    assert!(!at(0));
    assert!(!at(Timestamp::MIN.as_secs()));
}

#[test]
fn asvs_9_1_1_every_bit_flip_fails() {
    let mut tried = 0;
    for keyring in keyrings() {
        let token = signed(&keyring);
        let original = token.expose_secret().as_bytes();
        for index in 0..original.len() {
            // The eighth bit leaves ASCII, and so the type `str`.
            for bit in 0..7 {
                let mut changed = original.to_vec();
                changed[index] ^= 1 << bit;
                let changed = String::from_utf8(changed).unwrap();
                assert!(refused(&keyring, &changed), "bit {bit} of byte {index}");
                tried += 1;
            }
        }
    }
    assert!(tried > 7 * 3 * 300, "{tried}");
}

#[test]
fn asvs_9_1_1_no_part_has_a_second_spelling() {
    // The last character of a part may have bits that no byte takes: all 64
    // characters are tried there, and only the original one is accepted.
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for keyring in keyrings() {
        let token = signed(&keyring);
        let parts: Vec<&str> = token.expose_secret().split('.').collect();
        for index in 0..3 {
            let (stem, last) = parts[index].split_at(parts[index].len() - 1);
            for letter in ALPHABET.chars() {
                let part = format!("{stem}{letter}");
                let mut changed = parts.clone();
                changed[index] = &part;
                let accepted = verify(&keyring, &changed.join(".")).is_ok();
                assert_eq!(accepted, last == letter.to_string(), "{part}");
            }
            for suffix in ["=", "==", "A", ".", "\n", " ", "\0", "%3D"] {
                let part = format!("{}{suffix}", parts[index]);
                let mut changed = parts.clone();
                changed[index] = &part;
                assert!(refused(&keyring, &changed.join(".")), "{part:?}");
            }
        }
    }
}

#[test]
fn ghsa_20_truncated_extended_and_recased_access_tokens_are_refused() {
    for keyring in keyrings() {
        let token = signed(&keyring);
        let token = token.expose_secret();
        for length in 0..token.len() {
            assert!(refused(&keyring, &token[..length]), "{length}");
            assert!(
                refused(&keyring, &token[token.len() - length..]),
                "{length}"
            );
        }
        for changed in [
            token.to_lowercase(),
            token.to_uppercase(),
            format!(" {token}"),
            format!("{token} "),
            format!("Bearer {token}"),
            format!("{token}.{token}"),
            format!(".{token}"),
            token.replace('.', ".."),
            token.replace('.', ""),
            token.replace('.', "+"),
        ] {
            assert!(refused(&keyring, &changed), "{changed}");
        }
    }
}

#[test]
fn asvs_9_2_3_and_9_2_4_issuer_and_audience_are_compared_as_whole_strings() {
    for keyring in keyrings() {
        let token = signed(&keyring);
        let accepted = |issuer: &str, audience: &str| {
            keyring
                .verify(token.expose_secret(), issuer, audience, now())
                .is_ok()
        };
        assert!(accepted(ISSUER, AUDIENCE));
        for wrong in variants(ISSUER) {
            assert!(!accepted(&wrong, AUDIENCE), "iss {wrong}");
        }
        for wrong in variants(AUDIENCE) {
            assert!(!accepted(ISSUER, &wrong), "aud {wrong}");
        }
        assert!(!accepted(AUDIENCE, ISSUER));
    }
}

/// Neighbours of `text`: prefixes, extensions, another case.
fn variants(text: &str) -> Vec<String> {
    vec![
        String::new(),
        text.chars().skip(1).collect(),
        text.chars().take(text.len() - 1).collect(),
        text.to_uppercase(),
        format!("{text}/"),
        format!("{text} "),
        format!("{text},other"),
        format!("{text}\0"),
        "*".to_owned(),
    ]
}

#[test]
fn ghsa_36_an_audience_that_is_missing_an_array_or_a_part_is_refused() {
    let keyring = keyring(hs256());
    let header = header("HS256", &hs256());
    assert!(!refused(&keyring, &resigned(&header, &json!(claims()))));
    for value in [
        json!([AUDIENCE]),
        json!([AUDIENCE, "other"]),
        json!([]),
        json!(""),
        json!("https://api.example.or"),
        json!("https://api.example.org.evil.example"),
        json!({"aud": AUDIENCE}),
        json!(null),
        json!(true),
        json!(7),
    ] {
        let token = resigned(&header, &payload_with("aud", value.clone()));
        assert!(refused(&keyring, &token), "{value}");
    }
}

#[test]
fn every_claim_but_those_of_proofs_is_required_and_no_other_is_accepted() {
    let keyring = keyring(hs256());
    let header = header("HS256", &hs256());
    let whole = json!(claims());
    for claim in whole.as_object().unwrap().keys() {
        let mut less = whole.clone();
        less.as_object_mut().unwrap().remove(claim);
        // Tokens of version 0.1 do not say when and how their owner got in.
        let is_required = !["auth_time", "amr"].contains(&claim.as_str());
        let is_refused = refused(&keyring, &resigned(&header, &less));
        assert_eq!(is_refused, is_required, "{claim}");
        let null = payload_with(claim, Value::Null);
        assert!(refused(&keyring, &resigned(&header, &null)), "{claim}");
    }
    // A later version may know more methods.
    let later = payload_with("amr", json!(["pwd", "otp"]));
    let token = resigned(&header, &later);
    let read = keyring.verify(&token, ISSUER, AUDIENCE, now());
    assert_eq!(read.unwrap().amr, [Method::Password]);
    // `nbf` would be a restriction, and is not silently ignored.
    for (claim, value) in [("nbf", json!(NOW)), ("admin", json!(true)), ("", json!(1))] {
        let more = payload_with(claim, value);
        assert!(refused(&keyring, &resigned(&header, &more)), "{claim}");
    }
}

#[test]
fn claims_of_the_application_are_read_as_they_were_signed() {
    for keyring in keyrings() {
        let custom = json!({
            "exam:class": "7b",
            "https://example.org/plan": { "name": "pro", "seats": [1, -2, 2.5, null, true] },
        });
        let mut claims = claims();
        claims.custom = CustomClaims::new(custom.as_object().unwrap().clone()).unwrap();
        let token = keyring.sign(&claims).unwrap();
        let payload = token.expose_secret().split('.').nth(1).unwrap();
        let payload: Value = serde_json::from_slice(&bytes(payload)).unwrap();
        assert_eq!(payload["exam:class"], "7b");
        let read = verify(&keyring, token.expose_secret()).unwrap();
        assert_eq!(read, claims);
        assert_eq!(json!(read.custom), custom);
    }
    // Twice, or with a name that is not the application's, a claim is refused.
    let keyring = keyring(hs256());
    let (key, header) = (secret(100), header("HS256", &hs256()).to_string());
    let payload = json!(claims()).to_string();
    let with = |more: &str| {
        let payload = payload.replacen('{', &format!("{{{more},"), 1);
        forged(&header, &payload, key.expose_secret())
    };
    assert!(!refused(&keyring, &with(r#""exam:class":"7b""#)));
    for more in [
        r#""exam:class":"7b","exam:class":"8a""#,
        r#""exam":"7b""#,
        r#""ex:\u0000":1"#,
    ] {
        assert!(refused(&keyring, &with(more)), "{more}");
    }
}

#[test]
fn asvs_9_2_1_and_ghsa_32_claims_of_another_type_or_range_are_refused() {
    let keyring = keyring(hs256());
    let header = header("HS256", &hs256()).to_string();
    let good = json!(claims()).to_string();
    let exp = format!("\"exp\":{}", NOW + 900);
    let iat = format!("\"iat\":{NOW}");
    assert!(good.contains(&exp) && good.contains(&iat));
    let key = secret(100);
    assert!(!refused(
        &keyring,
        &forged(&header, &good, key.expose_secret())
    ));

    let numbers = [
        "\"1767226500\"",
        "1767226500.0",
        "1767226500.5",
        "1.7672265e9",
        "-1",
        "-0.0",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "253402300800",
        "1e400",
        "null",
        "true",
        "[1767226500]",
        "{\"$numberLong\":\"1767226500\"}",
        "\"\"",
    ];
    for number in numbers {
        for (claim, from) in [("exp", &exp), ("iat", &iat)] {
            let payload = good.replace(from, &format!("\"{claim}\":{number}"));
            assert_ne!(payload, good);
            let token = forged(&header, &payload, key.expose_secret());
            assert!(refused(&keyring, &token), "{claim} {number}");
        }
    }
    // The last second that a `Timestamp` can hold is in range.
    let last = good.replace(&exp, "\"exp\":253402300799");
    assert!(!refused(
        &keyring,
        &forged(&header, &last, key.expose_secret())
    ));

    for (claim, value) in [
        ("epoch", json!("3")),
        ("epoch", json!(3.0)),
        ("epoch", json!(-3)),
        ("sub", json!(["010101010101010101010101"])),
        ("sub", json!({"$ne": null})),
        ("sub", json!("010101010101010101010101 ")),
        ("sub", json!("01010101010101010101010A")),
        ("sid", json!(2)),
        ("jti", json!(5)),
        ("iss", json!([ISSUER])),
        ("typ", json!("refresh")),
        ("typ", json!("Access")),
        ("typ", json!({"access": null})),
        ("typ", json!(["access"])),
        ("typ", json!(0)),
    ] {
        let payload = payload_with(claim, value.clone()).to_string();
        let token = forged(&header, &payload, key.expose_secret());
        assert!(refused(&keyring, &token), "{claim} {value}");
    }
}

#[test]
fn a_claim_or_header_that_is_there_twice_is_refused() {
    let keyring = keyring(hs256());
    let key = secret(100);
    let header = header("HS256", &hs256()).to_string();
    let payload = json!(claims()).to_string();
    for (claim, value) in json!(claims()).as_object().unwrap() {
        for twice in [
            payload.replacen('{', &format!("{{\"{claim}\":{value},"), 1),
            payload.replacen('{', &format!("{{\"{claim}\":null,"), 1),
        ] {
            let token = forged(&header, &twice, key.expose_secret());
            assert!(refused(&keyring, &token), "{twice}");
        }
    }
    for member in ["alg", "kid", "typ"] {
        let twice = header.replacen('{', &format!("{{\"{member}\":\"HS256\","), 1);
        let token = forged(&twice, &payload, key.expose_secret());
        assert!(refused(&keyring, &token), "{twice}");
    }
}

#[test]
fn a_payload_that_is_no_object_is_refused() {
    let keyring = keyring(hs256());
    let key = secret(100);
    let header = header("HS256", &hs256()).to_string();
    let in_order = json!([
        ISSUER,
        "010101010101010101010101",
        AUDIENCE,
        NOW + 900,
        NOW,
        "j",
        "020202020202020202020202",
        3,
        "access"
    ]);
    let good = json!(claims()).to_string();
    for payload in [
        in_order.to_string(),
        String::new(),
        "null".to_owned(),
        "{}".to_owned(),
        format!("{good}{good}"),
        format!("{good} x"),
        format!("\u{feff}{good}"),
        "[".repeat(1000),
        "{\"a\":".repeat(400),
    ] {
        let token = forged(&header, &payload, key.expose_secret());
        assert!(refused(&keyring, &token), "{payload}");
    }
}

#[test]
fn ghsa_37_a_token_over_4_kib_is_refused_before_it_is_parsed() {
    let key = secret(100);
    let keyring = keyring(hs256());
    let header = header("HS256", &hs256()).to_string();
    let with_jti = |length| {
        let payload = payload_with("jti", json!("j".repeat(length))).to_string();
        forged(&header, &payload, key.expose_secret())
    };
    // Only the length differs between what is accepted and what is refused.
    let longest = (0..4096)
        .rev()
        .map(with_jti)
        .find(|token| token.len() <= MAX_ACCESS_TOKEN_BYTES)
        .unwrap();
    assert!(
        longest.len() > MAX_ACCESS_TOKEN_BYTES - 4,
        "{}",
        longest.len()
    );
    assert!(!refused(&keyring, &longest));
    for length in [3000, 100_000] {
        let token = with_jti(length);
        assert!(token.len() > MAX_ACCESS_TOKEN_BYTES);
        assert!(refused(&keyring, &token));
    }
    assert!(refused(&keyring, &"a".repeat(10_000_000)));
}

#[test]
fn the_longest_token_that_is_made_is_accepted() {
    // With this key the length of a token can be the limit: base64 has no text of each length.
    let keyring = keyring(eddsa());
    let with_jti = |length| Claims {
        jti: "j".repeat(length),
        ..claims()
    };
    let mut made = (2000..3000)
        .rev()
        .map(|length| keyring.sign(&with_jti(length)));
    let longest = made.find_map(Result::ok).unwrap();
    assert_eq!(longest.expose_secret().len(), MAX_ACCESS_TOKEN_BYTES);
    assert!(verify(&keyring, longest.expose_secret()).is_ok());
}

#[test]
fn no_token_is_made_that_would_be_refused_for_its_length() {
    let keyring = keyring(hs256());
    let mut long = claims();
    long.iss = "i".repeat(MAX_ACCESS_TOKEN_BYTES);
    assert!(matches!(keyring.sign(&long), Err(AuthError::Internal(_))));
}

#[test]
fn a_service_without_the_secret_verifies_by_the_jwks() {
    let signer = Keyring::builder(secret(0))
        .sign_with(eddsa())
        .retire_key(es256())
        .build()
        .unwrap();
    let published = serde_json::to_string(&signer.jwks()).unwrap();
    let verifier = Verifier::from_jwks(&serde_json::from_str(&published).unwrap()).unwrap();
    for keyring in [signer, keyring(es256())] {
        let token = signed(&keyring);
        let read = verifier.verify(token.expose_secret(), ISSUER, AUDIENCE, now());
        assert_eq!(read.unwrap(), claims());
    }
    let symmetric = signed(&keyring(hs256()));
    let read = verifier.verify(symmetric.expose_secret(), ISSUER, AUDIENCE, now());
    assert!(matches!(read, Err(AuthError::InvalidToken)));
}

proptest! {
    #[test]
    fn any_text_is_refused_without_a_panic(token in "\\PC*|[A-Za-z0-9_.-]{0,300}") {
        prop_assert!(refused(&mixed_keyring(), &token));
    }

    #[test]
    fn any_bytes_in_the_three_parts_are_refused_without_a_panic(
        header in any::<Vec<u8>>(), payload in any::<Vec<u8>>(), signature in any::<Vec<u8>>(),
    ) {
        let token = [header, payload, signature].map(text).join(".");
        prop_assert!(refused(&mixed_keyring(), &token));
    }

    #[test]
    fn any_payload_under_a_good_signature_is_refused_without_a_panic(payload in "\\PC*") {
        let header = header("HS256", &hs256()).to_string();
        let token = forged(&header, &payload, secret(100).expose_secret());
        prop_assert!(refused(&keyring(hs256()), &token));
    }

    #[test]
    fn any_signature_under_a_good_header_is_refused_without_a_panic(
        signature in any::<Vec<u8>>(),
    ) {
        for keyring in keyrings() {
            let token = signed(&keyring);
            let (message, _) = token.expose_secret().rsplit_once('.').unwrap();
            let changed = [message, text(&signature).as_str()].join(".");
            prop_assert!(refused(&keyring, &changed));
        }
    }
}
