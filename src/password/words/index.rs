//! A sorted list of spellings, and its words in a password.

use std::collections::HashMap;
use std::ops::Range;

use super::fold::fold;
use super::spelling::spellings;
use crate::password::substitution::READINGS;

/// Shortest and longest spelling that counts, in letters.
const SHORTEST: usize = 4;
const LONGEST: usize = 32;
/// Shortest spelling in scripts that write a syllable or a word as one letter.
const SHORTEST_OF_SYLLABLES: usize = 2;

/// What stands for a letter besides [`READINGS`]: digits and Latin letters for Cyrillic
/// and Greek ones, and keys with Shift for the same without.
const MORE_READINGS: [(char, &str); 30] = [
    ('а', "4@a"),
    ('б', "6b"),
    ('в', "8b"),
    ('е', "3e"),
    ('з', "3"),
    ('и', "u"),
    ('і', "1!i"),
    ('к', "k"),
    ('м', "m"),
    ('н', "h"),
    ('о', "0o"),
    ('п', "n"),
    ('р', "p"),
    ('с', "$c"),
    ('т', "7t"),
    ('у', "y"),
    ('х', "x"),
    ('ч', "4"),
    ('я', "9"),
    ('α', "4@a"),
    ('ε', "3e"),
    ('ι', "1!i"),
    ('ο', "0o"),
    ('ρ', "p"),
    (',', "<"),
    ('.', ">"),
    (';', ":"),
    ('\'', "\""),
    ('[', "{"),
    (']', "}"),
];

/// What people put between the parts of a word.
const BLANKS: &str = " .-_'";

/// Spellings of words, each with the rank of its word.
#[derive(Default, PartialEq, Eq)]
pub(super) struct Index {
    /// Sorted by their spellings.
    entries: Vec<Entry>,
    /// The entries that begin with each letter.
    by_first: HashMap<char, Range<usize>>,
}

#[derive(PartialEq, Eq)]
struct Entry {
    spelling: Box<str>,
    rank: u32,
}

/// A word in a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found<'index> {
    /// How the index spells it.
    pub(super) spelling: &'index str,
    /// Its characters, counted from the beginning of the password.
    pub(super) place: Range<usize>,
    /// The rank of the word, from 1: how many words are more common in its language.
    pub(super) rank: u32,
    /// Whether characters stand for others in it.
    pub(super) is_substituted: bool,
}

impl Index {
    /// The index of all spellings of `words`, each with its rank.
    pub(super) fn of<'a>(words: impl IntoIterator<Item = (u32, &'a str)>) -> Self {
        let mut entries: Vec<Entry> = Vec::new();
        for (rank, word) in words {
            let spellings = spellings(word).into_iter();
            let counted = spellings.filter(|spelling| {
                let letters = spelling.chars().count();
                let shortest = match spelling.chars().any(is_syllable) {
                    true => SHORTEST_OF_SYLLABLES,
                    false => SHORTEST,
                };
                (shortest..=LONGEST).contains(&letters)
            });
            entries.extend(counted.map(|spelling| Entry {
                spelling: spelling.into_boxed_str(),
                rank,
            }));
        }
        entries.sort_by(|one, other| (&one.spelling, one.rank).cmp(&(&other.spelling, other.rank)));
        entries.dedup_by(|later, first| later.spelling == first.spelling);
        let mut by_first: HashMap<char, Range<usize>> = HashMap::new();
        for (number, entry) in entries.iter().enumerate() {
            if let Some(first) = entry.spelling.chars().next() {
                by_first.entry(first).or_insert(number..number).end = number + 1;
            }
        }
        Self { entries, by_first }
    }

    /// How many spellings there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// All words in `password`, in either direction. `lookups` counts the work.
    pub(super) fn words_in(&self, password: &[char], lookups: &mut usize) -> Vec<Found<'_>> {
        let signs = password.iter().enumerate();
        let mut signs: Vec<Sign> = signs
            .flat_map(|(at, letter)| Sign::of(at, *letter))
            .collect();
        let mut found = self.forwards(&signs, lookups);
        signs.reverse();
        let backwards = self.forwards(&signs, lookups).into_iter();
        found.extend(backwards.map(|word| Found {
            is_substituted: true,
            ..word
        }));
        found
    }

    fn forwards(&self, signs: &[Sign], lookups: &mut usize) -> Vec<Found<'_>> {
        let mut found = Vec::new();
        for start in 0..signs.len() {
            let signs = signs.get(start..).unwrap_or_default();
            self.beginning_with(signs, &mut found, lookups);
        }
        found
    }

    /// The words that begin with the first of `signs`.
    fn beginning_with<'index>(
        &'index self,
        signs: &[Sign],
        found: &mut Vec<Found<'index>>,
        lookups: &mut usize,
    ) {
        let Some(first) = signs.first() else {
            return;
        };
        let mut branches = vec![Branch::all(self.len())];
        for sign in signs {
            let mut longer = Vec::new();
            for branch in &branches {
                if sign.is_blank && branch.bytes > 0 {
                    longer.push(Branch {
                        is_taken_apart: true,
                        ..branch.clone()
                    });
                }
                for (number, letter) in sign.letters.iter().enumerate() {
                    if number > 0 && !branch.takes_a_substitution() {
                        break;
                    }
                    *lookups += 1;
                    let Some(next) = self.narrowed(branch, *letter, number > 0) else {
                        continue;
                    };
                    if let Some(entry) = self.ending_with(&next) {
                        found.push(Found {
                            spelling: &entry.spelling,
                            place: first.at.min(sign.at)..first.at.max(sign.at) + 1,
                            rank: entry.rank,
                            is_substituted: next.substituted > 0 || next.is_taken_apart,
                        });
                    }
                    longer.push(next);
                }
            }
            branches = longer;
            if branches.is_empty() {
                break;
            }
        }
    }

    /// The entries of `branch` that go on with `letter`.
    fn narrowed(&self, branch: &Branch, letter: char, is_substituted: bool) -> Option<Branch> {
        let entries = match branch.bytes {
            0 => self.by_first.get(&letter)?.clone(),
            _ => self.going_on_with(branch, letter),
        };
        (!entries.is_empty()).then(|| Branch {
            entries,
            bytes: branch.bytes + letter.len_utf8(),
            letters: branch.letters + 1,
            substituted: branch.substituted + usize::from(is_substituted),
            is_taken_apart: branch.is_taken_apart,
        })
    }

    fn going_on_with(&self, branch: &Branch, letter: char) -> Range<usize> {
        let mut buffer = [0; 4];
        let letter = letter.encode_utf8(&mut buffer).as_bytes();
        let compared = |entry: &Entry| {
            let rest = entry.spelling.as_bytes().get(branch.bytes..);
            let rest = rest.unwrap_or_default();
            rest.get(..letter.len()).unwrap_or(rest).cmp(letter)
        };
        let entries = self.entries.get(branch.entries.clone()).unwrap_or_default();
        let from = entries.partition_point(|entry| compared(entry).is_lt());
        let entries = entries.get(from..).unwrap_or_default();
        let count = entries.partition_point(|entry| compared(entry).is_le());
        let from = branch.entries.start + from;
        from..from + count
    }

    /// The entry that ends where `branch` does; it is sorted first.
    fn ending_with(&self, branch: &Branch) -> Option<&Entry> {
        let first = self.entries.get(branch.entries.start)?;
        (first.spelling.len() == branch.bytes).then_some(first)
    }
}

/// Entries that begin in the same way.
#[derive(Clone)]
struct Branch {
    entries: Range<usize>,
    /// How much of each of them is read.
    bytes: usize,
    letters: usize,
    /// How many of the letters were typed as something else.
    substituted: usize,
    is_taken_apart: bool,
}

impl Branch {
    fn all(entries: usize) -> Self {
        Self {
            entries: 0..entries,
            bytes: 0,
            letters: 0,
            substituted: 0,
            is_taken_apart: false,
        }
    }

    /// Whether the next letter may be typed as something else: one, and as many again as
    /// half of the letters. Of texts of nothing but digits and symbols this leaves little
    /// to search.
    fn takes_a_substitution(&self) -> bool {
        self.substituted <= self.letters.div_ceil(2)
    }
}

/// A folded letter of a password.
struct Sign {
    /// The character that it comes from.
    at: usize,
    /// The letter itself, and what it can stand for.
    letters: Vec<char>,
    is_blank: bool,
}

impl Sign {
    fn of(at: usize, letter: char) -> impl Iterator<Item = Self> {
        fold(letter).map(move |letter| {
            let readings = READINGS.iter().chain(&MORE_READINGS);
            let read = readings.filter(|(_, signs)| signs.contains(letter));
            let mut letters = vec![letter];
            letters.extend(read.map(|(read, _)| *read));
            Self {
                at,
                letters,
                is_blank: BLANKS.contains(letter),
            }
        })
    }
}

/// Whether a letter is Chinese or Japanese.
fn is_syllable(letter: char) -> bool {
    matches!(letter, '\u{3041}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(words: &[&str], password: &str) -> Vec<(Range<usize>, bool)> {
        let index = Index::of((1..).zip(words.iter().copied()));
        let password: Vec<char> = password.chars().collect();
        let found = index.words_in(&password, &mut 0).into_iter();
        found
            .map(|word| (word.place, word.is_substituted))
            .collect()
    }

    #[test]
    fn words_are_found_wherever_they_stand_and_however_they_are_written() {
        let words = ["contraseña", "пароль", "密码", "любовь", "mậtkhẩu"];
        for (password, expected) in [
            ("contraseña1", (0..10, false)),
            ("12CONTRASENA", (2..12, false)),
            ("c0ntr4s3ña", (0..10, true)),
            ("añesartnoc", (0..10, true)),
            ("1Пароль!", (1..7, false)),
            ("п@р0ль", (0..6, true)),
            ("пapoль", (0..6, true)),
            ("gfhjkm", (0..6, false)),
            ("K.,jdm", (0..6, false)),
            ("K><jdm", (0..6, true)),
            ("密码123", (0..2, false)),
            ("mat khau", (0..8, true)),
        ] {
            assert!(found(&words, password).contains(&expected), "{password}");
        }
        for password in ["contrase", "паро", "密", "码密x", ""] {
            let forwards = found(&words, password);
            assert!(
                forwards.iter().all(|(_, is_substituted)| *is_substituted),
                "{password}"
            );
        }
    }

    #[test]
    fn short_words_do_not_count() {
        assert_eq!(found(&["dom"], "dom"), []);
        assert_eq!(found(&["дом"], "дом"), []);
    }
}
