//! What others know of a user and of the application, taken out of passwords.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::substitution::READINGS;

/// Longest text of the context that counts, in characters.
const MAX_TEXT_CHARS: usize = 256;
/// Normalisation to NFC makes no text shorter than a third.
const MAX_TYPED_CHARS: usize = 3 * MAX_TEXT_CHARS;
/// Most letters of a word that count, and most passes over a password: what bounds
/// the work on texts that a stranger has chosen.
const MAX_WORD_LETTERS: usize = 256;
const MAX_PASSES: usize = 8;
/// Most letters that one character stands for.
const MAX_LETTERS_OF_ONE: usize = 4;
/// Shortest word that is taken out, in characters.
const SHORTEST_WORD: usize = 4;
/// Shortest stretch of a longer word that is taken out, in characters.
const SHORTEST_STRETCH: usize = 8;

/// What stands for a letter besides [`READINGS`].
const MORE_READINGS: [(char, &str); 8] = [
    ('b', "6"),
    ('e', "\u{20ac}"),
    ('g', "&"),
    ('h', "#"),
    ('l', "\u{a3}"),
    ('o', "*"),
    ('q', "9"),
    ('y', "\u{a5}"),
];

/// As much of a text of the context as is looked at. White space around it is
/// no part of an address or a name.
pub(crate) fn own_text(typed: &str) -> String {
    typed.trim().chars().take(MAX_TYPED_CHARS).collect()
}

/// The words of a context: its texts, the two sides of an address, their parts,
/// and the parts of each joined.
pub(super) struct OwnWords {
    /// In NFC, for zxcvbn, which takes three words in a row for strong, whatever
    /// they are: whole and joined words matter.
    words: BTreeSet<String>,
    /// Those that are taken out, in both directions.
    folded: BTreeSet<Vec<Letter>>,
}

impl OwnWords {
    pub(super) fn of(context: &[&str]) -> Self {
        let mut words = BTreeSet::new();
        for text in context {
            let text: String = own_text(text).nfc().take(MAX_TEXT_CHARS).collect();
            for side in text.split('@') {
                let parts = side.split(|letter: char| !letter.is_alphanumeric());
                words.extend(parts.clone().map(str::to_owned));
                words.insert(parts.collect());
                words.insert(side.to_owned());
            }
            words.insert(text);
        }
        words.remove("");
        let mut folded = BTreeSet::new();
        for word in &words {
            let letters = word.chars().flat_map(fold).take(MAX_WORD_LETTERS);
            let mut word: Vec<Letter> = letters.collect();
            if word.len() >= SHORTEST_WORD {
                folded.insert(word.clone());
                word.reverse();
                folded.insert(word);
            }
        }
        Self { words, folded }
    }

    /// All words.
    pub(super) fn as_vec(&self) -> Vec<&str> {
        self.words.iter().map(String::as_str).collect()
    }

    /// `password` without the words of four characters or more and without
    /// stretches of eight characters or more of longer ones: in any case, with
    /// the usual substitutions, and reversed. What comes together when a word is
    /// taken out can be one again; of words that are nested deeper than
    /// [`MAX_PASSES`] nothing is left.
    pub(super) fn cut_from(&self, password: &str) -> Zeroizing<String> {
        let mut left = Zeroizing::new(password.chars().collect::<Vec<char>>());
        for _ in 0..MAX_PASSES {
            let taken = self.taken(&left);
            if !taken.contains(&true) {
                return Zeroizing::new(left.iter().collect());
            }
            let mut taken = taken.into_iter();
            left.retain(|_| !taken.next().unwrap_or_default());
        }
        Zeroizing::default()
    }

    /// For each character, whether it belongs to a word.
    fn taken(&self, password: &[char]) -> Vec<bool> {
        let letters: Vec<(usize, Letter)> = password
            .iter()
            .enumerate()
            .flat_map(|(at, letter)| fold(*letter).map(move |folded| (at, folded)))
            .collect();
        let mut taken = vec![false; password.len()];
        // For each length of the word's beginning, how much of its end is the
        // same as what ends at this letter of the password.
        let mut ending: Vec<usize> = Vec::new();
        for word in &self.folded {
            ending.clear();
            ending.resize(word.len(), 0);
            for (last, (_, letter)) in letters.iter().enumerate() {
                let (mut before, mut longest) = (0, 0);
                for (own, length) in word.iter().zip(&mut ending) {
                    let same = if letter.reads_as(*own) { before + 1 } else { 0 };
                    before = std::mem::replace(length, same);
                    longest = longest.max(same);
                }
                if longest == word.len() || longest >= SHORTEST_STRETCH {
                    let first = (last + 1).saturating_sub(longest);
                    for (at, _) in letters.iter().take(last + 1).skip(first) {
                        if let Some(taken) = taken.get_mut(*at) {
                            *taken = true;
                        }
                    }
                }
            }
        }
        // A combining mark goes with its letter.
        for at in 1..password.len() {
            let goes = password.get(at).is_some_and(|letter| is_accent(*letter))
                && taken.get(at - 1).copied().unwrap_or_default();
            if let Some(taken) = taken.get_mut(at) {
                *taken |= goes;
            }
        }
        taken
    }
}

/// A letter, digit or symbol, and the letters of a to z that it can stand for,
/// each as a bit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Letter(char, u32);

impl Letter {
    fn new(letter: char) -> Self {
        let bit = |letter: char| match letter {
            'a'..='z' => 1 << (u32::from(letter) - u32::from('a')),
            _ => 0,
        };
        let read = READINGS.iter().chain(&MORE_READINGS);
        let stands_for = read.filter(|(_, signs)| signs.contains(letter));
        let readings = stands_for.fold(bit(letter), |all, (letter, _)| all | bit(*letter));
        Self(letter, readings)
    }

    /// Whether the two are the same or stand for the same letter.
    fn reads_as(self, other: Self) -> bool {
        self.0 == other.0 || self.1 & other.1 != 0
    }
}

/// `letter` in lower case, without accents and without compatibility forms.
fn fold(letter: char) -> impl Iterator<Item = Letter> {
    letter
        .nfkd()
        .flat_map(char::to_lowercase)
        .filter(|letter| !is_accent(*letter))
        .take(MAX_LETTERS_OF_ONE)
        .map(Letter::new)
}

fn is_accent(letter: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(password: &str, context: &[&str]) -> String {
        OwnWords::of(context).cut_from(password).to_string()
    }

    #[test]
    fn words_are_taken_out_wherever_they_stand_and_however_they_are_written() {
        let context = [
            "Annabella.Whitcombe@Tulipworks.example",
            "Zo\u{eb} Li",
            "Exam simulator",
        ];
        for (password, expected) in [
            ("xannabellay", "xy"),
            ("ANNABELLA", ""),
            ("\u{c5}nn\u{e0}bella", ""),
            ("allebanna7", "7"),
            ("4nn483ll@", ""),
            ("@ll3b4nn4", ""),
            ("Wh!7c0m83Tul1pw0rk$", ""),
            ("annabella.whitcombe@tulipworks.example", ""),
            ("annabella-whitcombe", "-"),
            ("annaexamplebella", ""),
            ("annannaexamplebellaabella", ""),
            ("bella.whit", ""),
            ("abellabella", "abellabella"),
            ("simulatorexam", ""),
            ("examsimulator", ""),
            ("zoe", "zoe"),
            ("lizoe", "lizoe"),
            ("\u{ff41}nnabella", ""),
            // A combining mark goes with its letter.
            ("anna\u{301}bella", ""),
            ("annabella\u{301}", ""),
            ("x\u{301}annabella", "x\u{301}"),
            ("\u{301}annabella", "\u{301}"),
        ] {
            assert_eq!(left(password, &context), expected, "{password}");
        }
        let far = "k".repeat(90) + "annabella" + &"q".repeat(20);
        assert_eq!(left(&far, &context).len(), 110);
    }

    #[test]
    fn blanks_and_length_of_the_context_hide_no_word() {
        let typed = format!("{}annabella@example.org", " ".repeat(2000));
        assert_eq!(left("annabella", &[&typed]), "");
        let decomposed = format!("{} annabella", "a\u{301}".repeat(200));
        assert_eq!(left("annabella", &[&decomposed]), "");
        assert_eq!(left("annabella", &[]), "annabella");
    }

    /// U+FDFA stands for 18 letters, and each pass takes only the innermost word out.
    #[test]
    fn the_work_on_a_hostile_context_is_bounded() {
        let words = OwnWords::of(&["\u{fdfa}".repeat(256).as_str()]);
        assert!(
            words
                .folded
                .iter()
                .all(|word| word.len() <= MAX_WORD_LETTERS)
        );
        let nested = |depth| format!("{}{}", "anna".repeat(depth), "bella".repeat(depth));
        let pairs = &["annabella"];
        assert_eq!(left(&format!("{}x", nested(MAX_PASSES - 1)), pairs), "x");
        assert_eq!(left(&format!("{}x", nested(MAX_PASSES + 1)), pairs), "");
    }
}
