//! The common passwords that Django ships are refused, all of them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::thread;

use admittance::password::{NormalizedPassword, PasswordPolicy};
use admittance::secret::Password;

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(letters).collect()
}

fn accepted(entries: &[String]) -> Vec<String> {
    let policy = PasswordPolicy::default();
    let mut accepted = Vec::new();
    for entry in entries {
        let spellings = [entry.clone(), capitalised(entry), entry.to_uppercase()];
        for spelling in BTreeSet::from(spellings) {
            let password = NormalizedPassword::new(&Password::new(spelling.as_str())).unwrap();
            if policy.check(&password, &[]).is_empty() {
                accepted.push(spelling);
            }
        }
    }
    accepted
}

#[test]
fn asvs_6_2_4_every_common_password_is_refused_in_every_spelling() {
    let list = support::python::script(
        "import django.contrib.auth as auth, gzip, pathlib, sys
path = pathlib.Path(auth.__file__).with_name('common-passwords.txt.gz')
sys.stdout.buffer.write(gzip.open(path).read())",
        "",
    );
    let entries: Vec<String> = list.lines().map(ToOwned::to_owned).collect();
    assert!(
        entries.len() > 19_000,
        "the list has {} entries",
        entries.len()
    );
    let parts: Vec<_> = entries
        .chunks(entries.len().div_ceil(2))
        .map(<[_]>::to_vec)
        .collect();
    let workers = parts
        .into_iter()
        .map(|part| thread::spawn(move || accepted(&part)));
    let workers: Vec<_> = workers.collect();
    for worker in workers {
        assert_eq!(worker.join().unwrap(), Vec::<String>::new());
    }
}
