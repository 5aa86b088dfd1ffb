//! Which passwords may be used.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;
use zxcvbn::feedback::Warning;

use super::common::is_common;
use super::{MAX_PASSWORD_CHARS, NormalizedPassword};
use crate::error::{ConfigError, ViolationCode};

/// Longest part of a word of the context that counts, in characters.
const MAX_WORD_CHARS: usize = 256;

/// Which passwords may be used: long enough, hard to guess, not a common one.
/// There are no composition rules (ASVS 6.2.5).
///
/// The strength is estimated by zxcvbn (Wheeler, USENIX Security 2016), which
/// knows common passwords, names, words, keyboard patterns, dates, repeats,
/// and the context that it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PasswordPolicy {
    /// Shortest password, in characters (code points): 1 to 128. Default 8.
    pub min_chars: usize,
    /// Lowest score of zxcvbn, 0 to 4. Default 3, for about 10^8 guesses.
    /// With less, passwords pass that are among the first to be tried.
    pub min_score: u8,
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self {
            min_chars: 8,
            min_score: 3,
        }
    }
}

/// A rule that a password breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PasswordFault {
    /// Which rule: `Required`, `TooShort`, `TooCommon` or `TooWeak`.
    pub code: ViolationCode,
    /// Sentences that tell a person what to do. They never repeat the password.
    pub message: String,
}

impl PasswordPolicy {
    /// For accounts that a password alone protects: at least 15 characters
    /// (NIST SP 800-63B-4 §3.1.1.2).
    #[must_use]
    pub fn nist_single_factor() -> Self {
        Self {
            min_chars: 15,
            ..Self::default()
        }
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] names the first one that is out of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let invalid = |setting, problem: String| Err(ConfigError::Invalid { setting, problem });
        if !(1..=MAX_PASSWORD_CHARS).contains(&self.min_chars) {
            let problem = format!("is not between 1 and {MAX_PASSWORD_CHARS}");
            return invalid("password.min_chars", problem);
        }
        if self.min_score > 4 {
            return invalid("password.min_score", "is more than 4".to_owned());
        }
        Ok(())
    }

    /// All rules that `password` breaks; none when it may be used.
    ///
    /// `context` is what others know of the user and the application: email
    /// address, name, name of the service (ASVS 6.2.11). A password made of
    /// these or of their parts is as weak as what is left of it.
    ///
    /// It takes milliseconds of CPU time; see
    /// [`PasswordHasher::run`](super::PasswordHasher::run).
    #[must_use]
    pub fn check(&self, password: &NormalizedPassword, context: &[&str]) -> Vec<PasswordFault> {
        let text = password.expose_secret();
        if text.is_empty() {
            return vec![fault(ViolationCode::Required, "Choose a password.")];
        }
        let mut faults = Vec::new();
        if password.char_count() < self.min_chars {
            let message = format!("Use at least {} characters.", self.min_chars);
            faults.push(fault(ViolationCode::TooShort, message));
        }
        let words = words(context);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let estimate = zxcvbn::zxcvbn(scored_part(text), &words);
        let warning = estimate.feedback().and_then(|feedback| feedback.warning());
        if u8::from(estimate.score()) < self.min_score {
            let advice = estimate.feedback().map(ToString::to_string);
            let message = advice.unwrap_or_else(|| "Add another word or two.".to_owned());
            let message = format!("This password is easy to guess. {message}");
            faults.push(fault(ViolationCode::TooWeak, message));
        } else if is_common(text) || warning.is_some_and(is_about_common_passwords) {
            let message = "This is a very common password. Choose another.";
            faults.push(fault(ViolationCode::TooCommon, message));
        }
        faults
    }
}

fn fault(code: ViolationCode, message: impl Into<String>) -> PasswordFault {
    PasswordFault {
        code,
        message: message.into(),
    }
}

fn is_about_common_passwords(warning: Warning) -> bool {
    matches!(
        warning,
        Warning::ThisIsATop10Password
            | Warning::ThisIsATop100Password
            | Warning::ThisIsACommonPassword
    )
}

/// The texts of `context` and their parts, in NFC.
fn words(context: &[&str]) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for text in context {
        let text: String = text.chars().take(MAX_WORD_CHARS).nfc().collect();
        for part in text.split(|letter: char| !letter.is_alphanumeric()) {
            words.insert(part.to_owned());
        }
        words.insert(text);
    }
    words.remove("");
    words
}

/// Longest beginning of a password that is scored, in characters.
const MAX_SCORED_CHARS: usize = 40;
/// Most work that scoring may be, in dictionary passes times squared length.
const MAX_SCORING_WORK: usize = 16_000;

/// The beginning of `text` that zxcvbn is given.
///
/// Its time grows with the square of the length, and is multiplied by the
/// number of ways in which digits and symbols can be read as letters ("1" as
/// "i" or "l"): 100 characters with all of them take seconds, so anyone could
/// keep the hashing threads busy with registrations. The beginning of a
/// password is no harder to guess than the whole, so scoring less of it can
/// only refuse more.
fn scored_part(text: &str) -> &str {
    let mut seen = Substitutions::default();
    let mut end = 0;
    for (index, (at, letter)) in text.char_indices().enumerate() {
        let chars = index + 1;
        seen.add(letter);
        if chars > MAX_SCORED_CHARS || (seen.ways() + 2) * chars * chars > MAX_SCORING_WORK {
            break;
        }
        end = at + letter.len_utf8();
    }
    text.get(..end).unwrap_or_default()
}

/// The characters that zxcvbn reads as letters, and as how many different ones.
const READINGS: [(char, &str); 12] = [
    ('a', "4@"),
    ('b', "8"),
    ('c', "({[<"),
    ('e', "3"),
    ('g', "69"),
    ('i', "1!|"),
    ('l', "1|7"),
    ('o', "0"),
    ('s', "$5"),
    ('t', "+7"),
    ('x', "%"),
    ('z', "2"),
];

/// Which characters of [`READINGS`] a text has.
#[derive(Default)]
struct Substitutions(BTreeSet<char>);

impl Substitutions {
    fn add(&mut self, letter: char) {
        if READINGS.iter().any(|(_, read_so)| read_so.contains(letter)) {
            self.0.insert(letter);
        }
    }

    /// An upper bound of the ways in which zxcvbn reads the text, each of which is one pass
    /// over its dictionaries: for every letter one of the characters that may
    /// stand for it, and where that may stand for another one too, twice.
    fn ways(&self) -> usize {
        let mut ways = 1;
        let mut taken = BTreeSet::new();
        for (_, read_so) in READINGS {
            let present = read_so.chars().filter(|letter| self.0.contains(letter));
            let choices: usize = present
                .map(|letter| if taken.insert(letter) { 1 } else { 2 })
                .sum();
            ways *= choices.max(1);
        }
        ways
    }
}
