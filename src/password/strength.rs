//! How many guesses a password takes.

use std::collections::BTreeSet;

use zeroize::Zeroizing;
use zxcvbn::feedback::{Suggestion, Warning};

use super::substitution::READINGS;
use super::walk::{MAX_WALK, Walk};
use super::words::{CommonWords, Parts, keystrokes};

/// How many guesses a text takes, and what would make it harder to guess.
pub(super) struct Strength {
    guesses: u64,
    /// Whether it is a common word or row of keys by itself.
    pub(super) is_common: bool,
    pub(super) warning: Option<Warning>,
    pub(super) suggestions: Vec<Suggestion>,
    /// Both in one text.
    pub(super) advice: Option<String>,
}

impl Strength {
    /// The strength of `text`. `own` are words of its user. It is the least that any of
    /// these takes: the text by zxcvbn, the text as common words and a rest, and both for
    /// the keys that were hit, if the letters of the text are not Latin ones.
    pub(super) fn of(text: &str, own: &[&str], common: &CommonWords) -> Self {
        let least = Self::as_it_is(text, scored_part(text), own, common);
        match keystrokes(text).next() {
            Some(keys) => least.or(Self::as_it_is(&keys, scored_keys(&keys), own, common)),
            None => least,
        }
    }

    /// `beginning` is what zxcvbn is given of `text`.
    fn as_it_is(text: &str, beginning: &str, own: &[&str], common: &CommonWords) -> Self {
        let by_zxcvbn = Self::by_zxcvbn(beginning, own);
        match Parts::of(text, common) {
            Some(parts) if parts.guesses(1) < by_zxcvbn.guesses => {
                Self::by_parts(&parts, own).or(by_zxcvbn)
            }
            Some(parts) => Self {
                is_common: parts.is_one(),
                ..by_zxcvbn
            },
            None => by_zxcvbn,
        }
    }

    fn by_zxcvbn(beginning: &str, own: &[&str]) -> Self {
        let estimate = zxcvbn::zxcvbn(beginning, own);
        let feedback = estimate.feedback();
        let suggestions = feedback.map(|feedback| feedback.suggestions().to_vec());
        Self {
            guesses: estimate.guesses(),
            is_common: false,
            warning: feedback.and_then(|feedback| feedback.warning()),
            suggestions: suggestions.unwrap_or_default(),
            advice: feedback.map(ToString::to_string),
        }
    }

    fn by_parts(parts: &Parts, own: &[&str]) -> Self {
        let strength = Self {
            guesses: parts.guesses(guesses_of_rest(parts.rest(), own)),
            is_common: parts.is_one(),
            warning: None,
            suggestions: Vec::new(),
            advice: None,
        };
        if strength.score() >= 3 {
            return strength;
        }
        Self {
            warning: Some(Warning::ThisIsSimilarToACommonlyUsedPassword),
            suggestions: vec![Suggestion::AddAnotherWordOrTwo],
            advice: Some(Suggestion::AddAnotherWordOrTwo.to_string()),
            ..strength
        }
    }

    /// The one of the two that takes fewer guesses.
    pub(super) fn or(self, other: Self) -> Self {
        let is_common = self.is_common || other.is_common;
        let weaker = if other.guesses < self.guesses {
            other
        } else {
            self
        };
        Self {
            is_common,
            ..weaker
        }
    }

    /// The score of zxcvbn, from 0 to 4.
    pub(super) fn score(&self) -> u8 {
        /// zxcvbn leaves so much room for guesses that it adds.
        const MARGIN: u64 = 5;
        let bounds = [1_000, 1_000_000, 100_000_000, 10_000_000_000_u64];
        let reached = bounds
            .iter()
            .zip(1..)
            .filter(|(bound, _)| self.guesses >= *bound + MARGIN);
        reached.map(|(_, score)| score).max().unwrap_or_default()
    }
}

/// The guesses for what a password has besides common words. Digits and symbols that a
/// short rest mixes are guessed apart: zxcvbn takes three patterns for strong, and so for
/// a year with a symbol on either side.
fn guesses_of_rest(rest: &str, own: &[&str]) -> u64 {
    let guesses = |rest: &str| zxcvbn::zxcvbn(scored_part(rest), own).guesses();
    let as_it_is = guesses(rest);
    if rest.chars().count() > MAX_SHORT_REST {
        return as_it_is;
    }
    let apart = [true, false].map(|digits| {
        let kept = rest.chars().filter(|sign| sign.is_ascii_digit() == digits);
        guesses(&Zeroizing::new(kept.collect::<String>())).max(1)
    });
    let apart = apart
        .iter()
        .fold(ARRANGEMENTS, |product, part| product.saturating_mul(*part));
    as_it_is.min(apart)
}

/// Longest rest of which digits and symbols are guessed apart, in characters.
const MAX_SHORT_REST: usize = 8;
/// In how many ways digits and symbols are put before, behind and between.
const ARRANGEMENTS: u64 = 8;

/// Longest beginning of a password that is scored, in characters.
const MAX_SCORED_CHARS: usize = 48;
/// Most work that scoring may be, in dictionary passes times squared length.
const MAX_SCORING_WORK: usize = 16_000;

/// The beginning of `text` that zxcvbn is given.
///
/// Its time grows with the square of the length, and is multiplied by the
/// number of ways in which digits and symbols can be read as letters ("1" as
/// "i" or "l"): 100 characters with all of them take a second, and anyone
/// could keep the hashing threads busy with registrations. Within these limits
/// it is some milliseconds. The beginning of a password is no harder to guess
/// than the whole, so scoring less of it can only refuse more; at least nine
/// characters are always scored. It ends before a walk over the keyboard gets longer
/// than [`MAX_WALK`], too.
fn scored_part(text: &str) -> &str {
    let mut seen = Substitutions::default();
    let mut walk = Walk::default();
    let mut end = 0;
    for (index, (at, letter)) in text.char_indices().enumerate() {
        let chars = index + 1;
        seen.add(letter);
        let is_too_much = (seen.ways() + 2) * chars * chars > MAX_SCORING_WORK;
        if chars > MAX_SCORED_CHARS || is_too_much || walk.add(letter) > MAX_WALK {
            break;
        }
        end = at + letter.len_utf8();
    }
    text.get(..end).unwrap_or_default()
}

/// Longest beginning of a text typed with another layout that zxcvbn is given again.
const MAX_SCORED_KEYS: usize = 24;

/// The beginning of `keys` that zxcvbn is given, besides that of the text itself.
fn scored_keys(keys: &str) -> &str {
    let part = scored_part(keys);
    let end = part.char_indices().nth(MAX_SCORED_KEYS);
    end.and_then(|(end, _)| part.get(..end)).unwrap_or(part)
}

/// Which characters of [`READINGS`] a text has.
#[derive(Default)]
struct Substitutions(BTreeSet<char>);

impl Substitutions {
    fn add(&mut self, letter: char) {
        if READINGS.iter().any(|(_, read_so)| read_so.contains(letter)) {
            self.0.insert(letter);
        }
    }

    /// At most so many ways there are in which zxcvbn reads the text, each of
    /// them one pass over its dictionaries: for every letter one of the
    /// characters that may stand for it, and twice where that may stand for
    /// another letter as well.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asvs_15_2_2_no_password_is_expensive_to_score() {
        let readings: String = READINGS.iter().map(|(_, read_so)| *read_so).collect();
        let all = readings.repeat(10);
        for text in [
            "1".repeat(128),
            "p4$$w0rd".repeat(16),
            all.clone(),
            "a".repeat(120) + &all,
        ] {
            let part = scored_part(&text);
            assert!(text.starts_with(part));
            let mut seen = Substitutions::default();
            part.chars().for_each(|letter| seen.add(letter));
            let chars = part.chars().count();
            assert!((9..=MAX_SCORED_CHARS).contains(&chars), "{chars}: {part}");
            assert!(
                (seen.ways() + 2) * chars * chars <= MAX_SCORING_WORK,
                "{part}"
            );
        }
        // However the characters are ordered.
        assert!(scored_part("1|7!({[<4@69$5+").chars().count() >= 9);
    }

    fn cycled(text: &str, chars: usize) -> String {
        text.chars().cycle().take(chars).collect()
    }

    #[test]
    fn zxcvbn_is_given_48_characters_and_less_of_a_walk_and_of_what_is_read_in_many_ways() {
        let count = |text: &str| scored_part(text).chars().count();
        assert_eq!(count(&cycled("qp", 47)), 47);
        assert_eq!(count(&cycled("qp", 60)), 48);
        assert_eq!(count(&cycled("12", 60)), MAX_WALK);
        // 8 ways, in 10 passes: 16,000 for 40 characters.
        assert_eq!(count(&format!("4@$5({{{}", cycled("qp", 54))), 40);
        let keys = |chars| scored_keys(&cycled("qp", chars)).chars().count();
        assert_eq!((keys(23), keys(24), keys(60)), (23, 24, 24));
    }

    #[test]
    fn a_text_is_read_in_as_many_ways_as_its_signs_are_letters() {
        for (text, expected) in [
            ("", 1),
            ("abc", 1),
            ("4", 1),
            ("4@", 2),
            ("4@$5", 4),
            // It stands for i and for l.
            ("1", 2),
            ("1!|", 12),
        ] {
            let mut seen = Substitutions::default();
            text.chars().for_each(|letter| seen.add(letter));
            assert_eq!(seen.ways(), expected, "{text}");
        }
    }

    #[test]
    fn digits_and_signs_of_a_rest_of_eight_characters_are_guessed_apart() {
        let by_zxcvbn = |rest: &str| zxcvbn::zxcvbn(rest, &[]).guesses();
        let (short, long) = ("!!2024!!", "!!2024!!!");
        assert!(guesses_of_rest(short, &[]) < by_zxcvbn(short) / 1000);
        assert_eq!(guesses_of_rest(long, &[]), by_zxcvbn(long));
    }

    fn with_guesses(guesses: u64, is_common: bool) -> Strength {
        Strength {
            guesses,
            is_common,
            warning: None,
            suggestions: Vec::new(),
            advice: None,
        }
    }

    #[test]
    fn of_two_strengths_the_weaker_counts_and_a_common_text_stays_common() {
        for (one, other, expected) in [
            ((10, false), (20, false), (10, false)),
            ((20, false), (10, false), (10, false)),
            ((10, false), (20, true), (10, true)),
            ((20, true), (10, false), (10, true)),
        ] {
            let strength = |(guesses, is_common)| with_guesses(guesses, is_common);
            let both = strength(one).or(strength(other));
            assert_eq!((both.guesses, both.is_common), expected);
        }
    }

    #[test]
    fn a_score_is_reached_with_the_guesses_of_zxcvbn() {
        for (guesses, score) in [
            (0, 0),
            (1_004, 0),
            (1_005, 1),
            (1_000_004, 1),
            (1_000_005, 2),
            (100_000_004, 2),
            (100_000_005, 3),
            (10_000_000_004, 3),
            (10_000_000_005, 4),
            (u64::MAX, 4),
        ] {
            assert_eq!(with_guesses(guesses, false).score(), score, "{guesses}");
        }
    }

    /// With overflow checks, as in a debug build, zxcvbn panics at these.
    #[test]
    fn no_walk_over_a_keyboard_makes_zxcvbn_overflow() {
        for text in [
            "12", "0o", "vf", "аб", "мама", "14", "8/", "aoao", "QaQz", "ㅂㅁ", "7410",
        ] {
            let text: String = text.chars().cycle().take(128).collect();
            let strength = Strength::of(&text, &[], &CommonWords::default());
            assert!(strength.score() <= 4, "{text}");
        }
    }
}
