//! Refresh tokens.

#![expect(
    clippy::unwrap_used,
    clippy::string_slice,
    reason = "helpers; tokens are ASCII"
)]

use std::collections::{HashMap, HashSet};

use admittance::error::AuthError;
use admittance::id::{SessionId, UserId};
use admittance::token::{Keyring, RefreshClaims};
use proptest::prelude::*;

use crate::fixtures::*;

fn keys() -> Keyring {
    Keyring::from_secret(secret(0)).unwrap()
}

fn dead(keyring: &Keyring, token: &str) -> bool {
    matches!(keyring.read(token), Err(AuthError::InvalidToken))
}

#[test]
fn a_token_says_its_session_and_counter() {
    for counter in [0, 1, 255, 256, u64::MAX] {
        let session = SessionId::from_bytes([9; 12]);
        let token = keys().issue(session, counter);
        let read = keys().read(token.expose_secret()).unwrap();
        assert_eq!(read, (session, counter));
    }
}

#[test]
fn ghsa_28_the_same_number_of_the_same_session_is_the_same_token() {
    let session = SessionId::from_bytes([9; 12]);
    let once = keys().issue(session, 4);
    let again = keys().issue(session, 4);
    assert_eq!(once.expose_secret(), again.expose_secret());
}

#[test]
fn the_form_is_a_prefix_and_88_characters() {
    let token = keys().issue(SessionId::from_bytes([9; 12]), 4);
    let (prefix, body) = token.expose_secret().split_at(4);
    assert_eq!((prefix, body.len(), bytes(body).len()), ("adr_", 88, 66));
    assert_eq!(
        bytes(body)[2..34],
        [[5; 12].as_slice(), &[9; 12], &4u64.to_be_bytes()].concat()
    );
}

#[test]
fn asvs_9_2_3_a_refresh_token_is_good_for_its_issuer_and_audience_only() {
    let claims = RefreshClaims {
        user: UserId::from_bytes([5; 12]),
        session: SessionId::from_bytes([9; 12]),
        counter: 4,
    };
    let token = keys().issue_refresh(&claims, "ab", "c");
    let read = |issuer, audience| keys().verify_refresh(token.expose_secret(), issuer, audience);
    assert_eq!(read("ab", "c").unwrap(), claims);
    for (issuer, audience) in [
        ("a", "bc"),
        ("ab", "d"),
        ("", "abc"),
        ("c", "ab"),
        ("ab", ""),
    ] {
        assert!(matches!(
            read(issuer, audience),
            Err(AuthError::InvalidToken)
        ));
    }
}

#[test]
fn asvs_9_1_1_every_bit_flip_of_a_refresh_token_fails() {
    let token = keys().issue(SessionId::from_bytes([9; 12]), 4);
    let text = token.expose_secret().as_bytes();
    for index in 0..text.len() {
        for bit in 0..7 {
            let mut changed = text.to_vec();
            changed[index] ^= 1 << bit;
            let changed = String::from_utf8(changed).unwrap();
            assert!(dead(&keys(), &changed), "bit {bit} of character {index}");
        }
    }
}

#[test]
fn ghsa_20_truncated_extended_and_recased_refresh_tokens_are_refused() {
    let token = keys().issue(SessionId::from_bytes([9; 12]), 4);
    let token = token.expose_secret();
    for length in 0..token.len() {
        assert!(dead(&keys(), &token[..length]), "{length}");
        assert!(dead(&keys(), &token[token.len() - length..]), "{length}");
    }
    for (at, letter) in token
        .char_indices()
        .filter(|(_, letter)| letter.is_alphabetic())
    {
        let other = if letter.is_lowercase() {
            letter.to_ascii_uppercase()
        } else {
            letter.to_ascii_lowercase()
        };
        let recased = format!("{}{other}{}", &token[..at], &token[at + 1..]);
        assert!(dead(&keys(), &recased), "{recased}");
    }
    let body = token.strip_prefix("adr_").unwrap();
    for changed in [
        token.to_lowercase(),
        token.to_uppercase(),
        format!("{token}A"),
        format!("{token}AAAA"),
        format!("{token}="),
        format!("{token}===="),
        format!("{token}\n"),
        format!(" {token}"),
        format!("{token}{body}"),
        format!("adr_{token}"),
        format!("ADR_{body}"),
        format!("adr-{body}"),
        body.to_owned(),
        token.replace(['-', '_'], "+"),
    ] {
        assert!(dead(&keys(), &changed), "{changed:?}");
    }
}

#[test]
fn ghsa_17_empty_null_and_blank_tokens_are_refused() {
    for token in [
        "",
        " ",
        "null",
        "undefined",
        "0",
        "{}",
        "[]",
        "adr_",
        "adr_ ",
        "{\"$ne\":null}",
    ] {
        assert!(dead(&keys(), token), "{token:?}");
    }
    assert!(dead(&keys(), &"a".repeat(10_000_000)));
    assert!(dead(&keys(), &format!("adr_{}", "A".repeat(10_000_000))));
}

#[test]
fn the_hint_alone_opens_nothing() {
    // A retired key whose hint is that of the active one: each token still
    // proves itself under its own key, and no other.
    let hint = |keyring: &Keyring| {
        let token = keyring.issue(SessionId::from_bytes([0; 12]), 0);
        bytes(token.expose_secret().strip_prefix("adr_").unwrap())[1]
    };
    let rings: Vec<_> = (0..=200)
        .map(|first| (first, Keyring::from_secret(secret(first)).unwrap()))
        .collect();
    let mut by_hint: HashMap<u8, u8> = HashMap::new();
    let (one, other) = rings
        .iter()
        .find_map(|(first, ring)| {
            by_hint
                .insert(hint(ring), *first)
                .map(|seen| (seen, *first))
        })
        .unwrap();
    let session = SessionId::from_bytes([3; 12]);
    let old = Keyring::from_secret(secret(one)).unwrap();
    let new = Keyring::from_secret(secret(other)).unwrap();
    let both = Keyring::builder(secret(other))
        .retire_secret(secret(one))
        .build()
        .unwrap();
    let token = old.issue(session, 1);
    assert!(dead(&new, token.expose_secret()));
    assert_eq!(both.read(token.expose_secret()).unwrap(), (session, 1));
    let token = new.issue(session, 1);
    assert_eq!(both.read(token.expose_secret()).unwrap(), (session, 1));
}

#[test]
fn asvs_7_2_3_and_ghsa_60_a_hundred_thousand_tokens_differ_and_use_the_whole_alphabet_evenly() {
    const TOKENS: u64 = 100_000;
    let keyring = keys();
    let mut macs = HashSet::new();
    let mut census: HashMap<char, u64> = HashMap::new();
    for number in 0..TOKENS {
        // Neighbouring tokens: one session, counters in a row.
        let token = keyring.issue(SessionId::from_bytes([1; 12]), number);
        let text = token.expose_secret();
        let mac: [u8; 32] = bytes(&text[4..])[34..].try_into().unwrap();
        assert!(
            macs.insert(mac),
            "token {number} has the MAC of an earlier one"
        );
        // The 42 characters that are wholly of the MAC.
        for letter in text.chars().skip(4 + 46) {
            *census.entry(letter).or_default() += 1;
        }
    }
    // 256 bits of MAC: what has to be guessed is more than the 128 asked for.
    assert_eq!(census.len(), 64);
    let even = TOKENS * 42 / 64;
    for (letter, count) in census {
        let off = count.abs_diff(even);
        // Six standard deviations of a fair draw; the keys are fixed, so this
        // comes out the same each time.
        assert!(off * off < 36 * even, "{letter}: {count} of about {even}");
    }
}

proptest! {
    #[test]
    fn any_text_is_refused_without_a_panic(token in "\\PC*|adr_[A-Za-z0-9_-]{88}|adr_\\PC*") {
        prop_assert!(dead(&keys(), &token));
    }

    #[test]
    fn any_bytes_of_the_right_length_are_refused(
        body in proptest::collection::vec(any::<u8>(), 66),
    ) {
        let token = ["adr_", &text(&body)].concat();
        prop_assert!(dead(&keys(), &token));
    }

    #[test]
    fn every_session_and_counter_round_trips(session in any::<[u8; 12]>(), counter: u64) {
        let session = SessionId::from_bytes(session);
        let token = keys().issue(session, counter);
        let read = keys().read(token.expose_secret());
        prop_assert_eq!(read.ok(), Some((session, counter)));
    }
}
