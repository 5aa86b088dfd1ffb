//! Hashing: what is stored, what verifies, and what it costs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;

use admittance::password::{
    Argon2Params, ForeignScheme, HashError, HashingConfig, NormalizedPassword, PasswordHasher,
    Pepper, Verdict,
};
use admittance::random::OsRandom;
use admittance::secret::{Password, SecretBytes};
use admittance::user::PasswordHash;
use serde_json::{Value, json};

const RIGHT: Verdict = Verdict {
    matches: true,
    outdated: false,
};
const RIGHT_BUT_OLD: Verdict = Verdict {
    matches: true,
    outdated: true,
};
const WRONG: Verdict = Verdict {
    matches: false,
    outdated: false,
};
const WRONG_AND_OLD: Verdict = Verdict {
    matches: false,
    outdated: true,
};

fn password(text: &str) -> NormalizedPassword {
    NormalizedPassword::new(&Password::new(text)).unwrap()
}

fn hasher_with(change: impl FnOnce(&mut HashingConfig)) -> PasswordHasher {
    let mut config = HashingConfig::default().insecure_for_tests();
    config.params = Argon2Params::new(64, 1, 1).unwrap();
    config.threads = NonZeroUsize::new(1);
    change(&mut config);
    PasswordHasher::new(config, Arc::new(OsRandom)).unwrap()
}

fn hasher() -> PasswordHasher {
    hasher_with(|_| ())
}

fn pepper(id: &str) -> Pepper {
    let secret: Vec<u8> = id.bytes().cycle().zip(0..32).map(|(a, b)| a ^ b).collect();
    Pepper::new(id, SecretBytes::new(secret)).unwrap()
}

#[tokio::test]
async fn asvs_11_4_2_the_parameters_stand_in_the_stored_hash() {
    let hasher = PasswordHasher::new(HashingConfig::default(), Arc::new(OsRandom)).unwrap();
    let hash = hasher.hash(&password("correct horse")).await.unwrap();
    let fields: Vec<&str> = hash.expose_secret().split('$').collect();
    assert_eq!(fields[..4], ["", "argon2id", "v=19", "m=19456,t=2,p=1"]);
    // 16 and 32 bytes in base64 without padding.
    assert_eq!(
        (fields[4].len(), fields[5].len(), fields.len()),
        (22, 43, 6)
    );
    assert_eq!(
        hasher
            .verify(&password("correct horse"), &hash)
            .await
            .unwrap(),
        RIGHT
    );
    assert_eq!(
        hasher
            .verify(&password("Correct horse"), &hash)
            .await
            .unwrap(),
        WRONG
    );
}

#[tokio::test]
async fn every_hash_has_its_own_salt() {
    let hasher = hasher();
    let first = hasher.hash(&password("same")).await.unwrap();
    let second = hasher.hash(&password("same")).await.unwrap();
    let salt = |hash: &PasswordHash| hash.expose_secret().split('$').nth(4).unwrap().to_owned();
    assert_ne!(salt(&first), salt(&second));
}

#[tokio::test]
async fn asvs_6_2_8_no_part_of_a_password_is_cut_off() {
    let hasher = hasher();
    let long: String = ('!'..='~').cycle().take(128).collect();
    let hash = hasher.hash(&password(&long)).await.unwrap();
    assert_eq!(hasher.verify(&password(&long), &hash).await.unwrap(), RIGHT);
    for place in [0, 72, 127] {
        let mut other: Vec<char> = long.chars().collect();
        other[place] = '\u{e9}';
        let other: String = other.into_iter().collect();
        assert_eq!(
            hasher.verify(&password(&other), &hash).await.unwrap(),
            WRONG,
            "{place}"
        );
    }

    let hash = hasher.hash(&password("before\0after")).await.unwrap();
    for other in [
        "before",
        "before\0",
        "before\0other",
        " before\0after",
        "before\0after\n",
    ] {
        assert_eq!(
            hasher.verify(&password(other), &hash).await.unwrap(),
            WRONG,
            "{other:?}"
        );
    }
}

#[tokio::test]
async fn passwords_that_are_one_in_nfc_are_one_and_those_in_nfkc_are_not() {
    let hasher = hasher();
    let hash = hasher
        .hash(&password("caf\u{e9} \u{fb01}ne"))
        .await
        .unwrap();
    assert_eq!(
        hasher
            .verify(&password("cafe\u{301} \u{fb01}ne"), &hash)
            .await
            .unwrap(),
        RIGHT
    );
    assert_eq!(
        hasher
            .verify(&password("caf\u{e9} fine"), &hash)
            .await
            .unwrap(),
        WRONG
    );
}

#[tokio::test]
async fn ghsa_47_a_password_over_the_limit_costs_no_hash() {
    let hasher = hasher();
    for length in [129, 1 << 20] {
        let typed = Password::new("x".repeat(length));
        // Only what passed this can be given to the hasher.
        assert!(NormalizedPassword::new(&typed).is_err());
    }
    assert_eq!(hasher.stats().runs, 0);
}

#[tokio::test]
async fn our_hashes_verify_with_argon2_cffi() {
    let mut cases = Vec::new();
    for (m, t, p) in [(19_456, 2, 1), (47_104, 1, 1), (64, 3, 1), (256, 2, 4)] {
        let hasher = hasher_with(|config| config.params = Argon2Params::new(m, t, p).unwrap());
        for text in ["correct horse", "", "caf\u{e9} \u{1f98a}", "nul\0inside"] {
            let hash = hasher.hash(&password(text)).await.unwrap();
            cases.push(json!({ "password": text, "hash": hash.expose_secret() }));
        }
    }
    let verdicts = support::python::script(
        "import json, sys
from argon2 import PasswordHasher, exceptions
for case in json.load(sys.stdin):
    hasher = PasswordHasher()
    assert hasher.verify(case['hash'], case['password'])
    try:
        hasher.verify(case['hash'], case['password'] + 'x')
    except exceptions.VerifyMismatchError:
        print('verified')",
        &Value::from(cases.clone()).to_string(),
    );
    assert_eq!(verdicts.lines().count(), cases.len());
}

#[tokio::test]
async fn hashes_of_argon2_cffi_verify_here() {
    let made = support::python::script(
        "import json
from argon2.low_level import Type, hash_secret
def case(password, m, t, p, salt=b'sixteen bytes...', length=32, kind=Type.ID, version=19):
    made = hash_secret(password.encode(), salt, t, m, p, length, kind, version).decode()
    new = kind == Type.ID and version == 19 and length == 32 and len(salt) >= 16
    print(json.dumps(dict(password=password, hash=made, current=new and (m, t, p) == (256, 2, 4))))
    if version == 16:
        print(json.dumps(dict(password=password, hash=made.replace('$v=16', ''), current=False)))
case('correct horse', 19456, 2, 1)
case('correct horse', 65536, 3, 4)
case('caf\\u00e9 \\U0001f98a', 256, 2, 4)
case('nul\\0inside', 256, 2, 4)
case('', 256, 2, 4)
case('correct horse', 8, 1, 1)
case('correct horse', 259, 2, 4)
case('correct horse', 256, 2, 4, salt=b'8 bytes.')
case('correct horse', 256, 2, 4, length=16)
case('correct horse', 256, 2, 4, length=64)
for kind in Type.I, Type.D, Type.ID:
    for version in 16, 19:
        case('correct horse', 256, 3, 4, kind=kind, version=version)
case('correct horse', 256, 2, 4, kind=Type.I)
case('correct horse', 256, 2, 4, version=16)",
        "",
    );
    let hasher = hasher_with(|config| config.params = Argon2Params::new(256, 2, 4).unwrap());
    assert_eq!(made.lines().count(), 22);
    for line in made.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let text = case["password"].as_str().unwrap();
        let stored = PasswordHash::new(case["hash"].as_str().unwrap());
        let is_old = !case["current"].as_bool().unwrap();
        let verdict = hasher.verify(&password(text), &stored).await.unwrap();
        assert_eq!(
            verdict,
            Verdict {
                matches: true,
                outdated: is_old
            },
            "{line}"
        );
        let verdict = hasher
            .verify(&password(&format!("{text}x")), &stored)
            .await
            .unwrap();
        assert_eq!(
            verdict,
            Verdict {
                matches: false,
                outdated: is_old
            },
            "{line}"
        );
    }
}

#[tokio::test]
async fn a_hash_of_another_cost_verifies_and_is_outdated() {
    let secret = password("correct horse");
    let hash = hasher().hash(&secret).await.unwrap();
    for (m, t, p) in [(65, 1, 1), (63, 1, 1), (64, 2, 1), (64, 1, 2)] {
        let hasher = hasher_with(|config| config.params = Argon2Params::new(m, t, p).unwrap());
        assert_eq!(
            hasher.verify(&secret, &hash).await.unwrap(),
            RIGHT_BUT_OLD,
            "m={m},t={t},p={p}"
        );
    }
}

#[tokio::test]
async fn asvs_13_3_4_a_pepper_can_be_added_replaced_and_forgotten() {
    let secret = password("correct horse");
    let without = hasher();
    let first = hasher_with(|config| config.pepper = Some(pepper("first")));
    let second = hasher_with(|config| {
        config.pepper = Some(pepper("second"));
        config.previous_peppers = vec![pepper("first")];
    });
    let only_second = hasher_with(|config| config.pepper = Some(pepper("second")));

    let plain = without.hash(&secret).await.unwrap();
    assert_eq!(first.verify(&secret, &plain).await.unwrap(), RIGHT_BUT_OLD);

    let old = first.hash(&secret).await.unwrap();
    assert!(
        old.expose_secret().contains(",keyid=Zmlyc3Q$"),
        "{}",
        old.expose_secret()
    );
    assert_eq!(first.verify(&secret, &old).await.unwrap(), RIGHT);
    assert_eq!(second.verify(&secret, &old).await.unwrap(), RIGHT_BUT_OLD);
    assert_eq!(
        second.verify(&password("wrong"), &old).await.unwrap(),
        WRONG_AND_OLD
    );

    let new = second.hash(&secret).await.unwrap();
    assert_eq!(second.verify(&secret, &new).await.unwrap(), RIGHT);
    assert_eq!(only_second.verify(&secret, &new).await.unwrap(), RIGHT);

    for hasher in [&without, &only_second] {
        let verdict = hasher.verify(&secret, &old).await;
        assert!(
            matches!(verdict, Err(HashError::UnknownPepper)),
            "{verdict:?}"
        );
    }
}

#[tokio::test]
async fn a_pepper_is_needed_to_verify_and_its_name_is_not_enough() {
    let secret = password("correct horse");
    let hasher = hasher_with(|config| config.pepper = Some(pepper("name")));
    let hash = hasher.hash(&secret).await.unwrap();
    let other_key = Pepper::new("name", SecretBytes::new((0..32).collect::<Vec<u8>>())).unwrap();
    let other = hasher_with(|config| config.pepper = Some(other_key));
    assert_eq!(other.verify(&secret, &hash).await.unwrap(), WRONG);
    let unnamed = PasswordHash::new(hash.expose_secret().replace(",keyid=bmFtZQ", ""));
    assert_eq!(
        hasher.verify(&secret, &unnamed).await.unwrap(),
        WRONG_AND_OLD
    );
}

/// A scheme whose hashes are `rot13:` and the password.
struct Rot13;

impl ForeignScheme for Rot13 {
    fn verify(&self, password: &NormalizedPassword, stored: &PasswordHash) -> Option<bool> {
        assert_eq!(thread::current().name(), Some("password-0"));
        let stored = stored.expose_secret().strip_prefix("rot13:")?;
        assert_ne!(stored, "panic", "a hash that makes it panic");
        let turn = |letter: char| match letter {
            'a'..='m' => char::from(u8::try_from(letter).unwrap() + 13),
            'n'..='z' => char::from(u8::try_from(letter).unwrap() - 13),
            other => other,
        };
        Some(
            password
                .expose_secret()
                .chars()
                .map(turn)
                .eq(stored.chars()),
        )
    }
}

#[tokio::test]
async fn ghsa_38_every_failing_verification_costs_exactly_one_run() {
    let hasher = hasher_with(|config| {
        config.pepper = Some(pepper("mine"));
        config.foreign = Some(Arc::new(Rot13));
    });
    let plain = hasher_with(|_| ());
    let theirs = hasher_with(|config| config.pepper = Some(pepper("theirs")));
    let cheap = hasher_with(|config| config.params = Argon2Params::new(8, 1, 1).unwrap());
    let dear = hasher_with(|config| config.params = Argon2Params::new(1024, 3, 4).unwrap());
    let secret = password("correct horse");
    let current = hasher
        .hash(&secret)
        .await
        .unwrap()
        .expose_secret()
        .to_owned();

    let mut stored = vec![
        current.clone(),
        cheap
            .hash(&secret)
            .await
            .unwrap()
            .expose_secret()
            .to_owned(),
        dear.hash(&secret).await.unwrap().expose_secret().to_owned(),
        plain
            .hash(&secret)
            .await
            .unwrap()
            .expose_secret()
            .to_owned(),
        theirs
            .hash(&secret)
            .await
            .unwrap()
            .expose_secret()
            .to_owned(),
        current.replace("m=64", "m=4294967295"),
        current.replace("t=1", "t=4294967295"),
        current.replace("p=1", "p=17"),
        current.replace("m=64", "m=7"),
        current.replace("v=19", "v=20"),
        current.replace("argon2id", "argon2x"),
        String::new(),
        "nonsense".to_owned(),
        "$2b$12$abcdefghijklmnopqrstuv".to_owned(),
        "rot13:pbeerpg ubefr".to_owned(),
        "rot13:panic".to_owned(),
    ];
    stored.extend(
        (1..current.len())
            .step_by(7)
            .map(|end| current.get(..end).unwrap().to_owned()),
    );

    for text in stored {
        let before = hasher.stats().runs;
        let verdict = hasher
            .verify(&password("wrong"), &PasswordHash::new(text.as_str()))
            .await;
        assert!(!verdict.is_ok_and(|verdict| verdict.matches), "{text}");
        assert_eq!(hasher.stats().runs - before, 1, "{text}");
    }

    let before = hasher.stats().runs;
    hasher.verify_absent(&secret).await.unwrap();
    assert_eq!(hasher.stats().runs - before, 1);
    let verdict = hasher
        .verify(&secret, &PasswordHash::new(current))
        .await
        .unwrap();
    assert_eq!((verdict, hasher.stats().runs - before), (RIGHT, 2));
}

#[tokio::test]
async fn a_hash_of_a_foreign_scheme_verifies_and_is_outdated() {
    let stored = PasswordHash::new("rot13:pbeerpg ubefr");
    let secret = password("correct horse");
    let hasher_with_scheme = hasher_with(|config| config.foreign = Some(Arc::new(Rot13)));
    let verdict = hasher_with_scheme.verify(&secret, &stored).await.unwrap();
    assert_eq!(verdict, RIGHT_BUT_OLD);
    // The one run of this login is the one that makes the new hash.
    assert_eq!(hasher_with_scheme.stats().runs, 0);

    let verdict = hasher_with_scheme
        .verify(&password("wrong"), &stored)
        .await
        .unwrap();
    assert_eq!(verdict, WRONG_AND_OLD);
    let verdict = hasher().verify(&secret, &stored).await;
    assert!(
        matches!(verdict, Err(HashError::UnknownScheme)),
        "{verdict:?}"
    );
}

#[tokio::test]
async fn ghsa_59_a_corrupt_or_huge_hash_is_an_error_and_leaves_the_threads_alive() {
    let hasher = hasher();
    let secret = password("correct horse");
    let good = hasher
        .hash(&secret)
        .await
        .unwrap()
        .expose_secret()
        .to_owned();
    type Expected = fn(&HashError) -> bool;
    let too_costly: Expected = |error| matches!(error, HashError::TooCostly);
    let malformed: Expected = |error| matches!(error, HashError::Malformed);
    let unknown: Expected = |error| matches!(error, HashError::UnknownScheme);
    for (text, expected) in [
        (good.replace("m=64", "m=4294967295"), too_costly),
        (good.replace("m=64", "m=131073"), too_costly),
        (good.replace("t=1", "t=11"), too_costly),
        (good.replace("p=1", "p=16777215"), too_costly),
        (good.replace("m=64", "m=0"), malformed),
        (good.replace("p=1", "p=9"), malformed),
        (good.replace("m=64,", ""), malformed),
        (good.replace("m=64", "m=64,m=64"), malformed),
        (good.replace('$', "$$"), unknown),
        (format!("{good}$"), malformed),
        (format!("{good}\0"), malformed),
        (format!("{good}{}", "A".repeat(1 << 20)), malformed),
        ("$argon2id".to_owned(), malformed),
        ("\u{1f98a}".to_owned(), unknown),
        (String::new(), unknown),
    ] {
        let error = hasher
            .verify(&secret, &PasswordHash::new(text.as_str()))
            .await
            .unwrap_err();
        let shown: String = text.chars().take(200).collect();
        assert!(expected(&error), "{shown}: {error:?}");
    }
    assert_eq!(
        hasher
            .verify(&secret, &PasswordHash::new(good))
            .await
            .unwrap(),
        RIGHT
    );
}

#[tokio::test]
async fn asvs_16_2_5_nothing_secret_is_shown() {
    let hasher = hasher_with(|config| config.pepper = Some(pepper("name")));
    let secret = password("canary");
    let stored = PasswordHash::new("$argon2id$canary");
    let error = hasher.verify(&secret, &stored).await.unwrap_err();
    let shown = format!("{hasher:?} {secret:?} {stored:?} {error:?} {error}");
    assert!(!shown.contains("canary"), "{shown}");
}
