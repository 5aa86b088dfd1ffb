//! What a password is made of: common words, rows of keys, and the rest.

use std::collections::BTreeMap;
use std::ops::Range;

use zeroize::Zeroizing;

use super::layout::runs;
use super::{BUILT_IN, CommonWords};

/// Least guesses for a part, as in zxcvbn.
const LEAST_GUESSES: u64 = 50;
/// Guesses for a row of keys, for each of its keys.
const GUESSES_PER_KEY: u64 = 12;
/// Guesses for a character of no word, as in zxcvbn, as a power of ten.
const GUESSES_PER_CHARACTER: f64 = 1.0;
/// Guesses that each further word adds, as in zxcvbn.
const GUESSES_BEFORE_A_FURTHER_WORD: u64 = 10_000;

/// The common words and rows of keys in a password.
pub(in crate::password) struct Parts {
    /// For each different part, its guesses.
    guesses: Vec<u64>,
    /// How many of these are words, and not rows of keys.
    words: usize,
    /// Whether one of them stands more than once.
    is_repeated: bool,
    /// The characters of no part.
    rest: Zeroizing<String>,
}

struct Part<'index> {
    place: Range<usize>,
    guesses: u64,
    /// The spelling of a word; none of a row of keys.
    spelling: Option<&'index str>,
}

impl Parts {
    /// The parts of `password` that make it easiest to guess; `None` if it has none.
    pub(in crate::password) fn of(password: &str, more: &CommonWords) -> Option<Self> {
        let letters = Zeroizing::new(password.chars().collect::<Vec<char>>());
        let parts = Self::chosen(&letters, all(&letters, more));
        let mut guesses: BTreeMap<(bool, String), u64> = BTreeMap::new();
        let mut covered = vec![false; letters.len()];
        for part in &parts {
            let letters = letters.get(part.place.clone()).unwrap_or_default();
            let row = || letters.iter().flat_map(|key| key.to_lowercase()).collect();
            let name = part.spelling.map_or_else(row, ToOwned::to_owned);
            let is_word = part.spelling.is_some();
            let least = guesses.entry((is_word, name)).or_insert(part.guesses);
            *least = part.guesses.min(*least);
            for covered in covered.get_mut(part.place.clone()).unwrap_or_default() {
                *covered = true;
            }
        }
        let rest = letters.iter().zip(covered);
        let rest = rest.filter_map(|(letter, covered)| (!covered).then_some(*letter));
        (!parts.is_empty()).then(|| Self {
            is_repeated: guesses.len() < parts.len(),
            words: guesses.keys().filter(|(is_word, _)| *is_word).count(),
            guesses: guesses.into_values().collect(),
            rest: Zeroizing::new(rest.collect()),
        })
    }

    /// The characters of no part.
    pub(in crate::password) fn rest(&self) -> &str {
        &self.rest
    }

    /// Whether the password is one word or row of keys, and nothing else.
    pub(in crate::password) fn is_one(&self) -> bool {
        self.rest.is_empty() && self.guesses.len() == 1 && !self.is_repeated
    }

    /// The guesses for the password, if its rest takes `guesses_of_rest`: all orders of
    /// the words, the rows and the rest, and what zxcvbn adds for each further word. Unlike
    /// zxcvbn, this adds nothing for further rows, nor for a rest in several pieces.
    pub(in crate::password) fn guesses(&self, guesses_of_rest: u64) -> u64 {
        let rows = usize::from(self.guesses.len() > self.words);
        let ordered = self.words + rows + usize::from(!self.rest.is_empty());
        let orders = (1..=ordered).fold(1_u64, |product, factor| {
            product.saturating_mul(factor.try_into().unwrap_or(u64::MAX))
        });
        let of_words = self
            .guesses
            .iter()
            .fold(orders, |product, guesses| product.saturating_mul(*guesses));
        let of_words = of_words.saturating_mul(1 + u64::from(self.is_repeated));
        let further = (1..self.words).fold(1_u64, |product, _| {
            product.saturating_mul(GUESSES_BEFORE_A_FURTHER_WORD)
        });
        of_words
            .saturating_mul(guesses_of_rest.max(1))
            .saturating_add(further)
    }

    /// Those of `parts` that together take the fewest guesses, side by side.
    fn chosen<'index>(letters: &[char], mut parts: Vec<Part<'index>>) -> Vec<Part<'index>> {
        // For each end, the guesses as a power of ten, and the part that ends there.
        let mut fewest: Vec<(f64, Option<usize>)> = vec![(0.0, None)];
        for end in 1..=letters.len() {
            let before = |start: usize| fewest.get(start).map_or(f64::MAX, |(guesses, _)| *guesses);
            let mut best = (before(end - 1) + GUESSES_PER_CHARACTER, None);
            for (number, part) in parts.iter().enumerate() {
                if part.place.end == end {
                    let guesses = before(part.place.start) + log10(part.guesses);
                    if guesses < best.0 {
                        best = (guesses, Some(number));
                    }
                }
            }
            fewest.push(best);
        }
        let mut chosen = Vec::new();
        let mut end = letters.len();
        while end > 0 {
            let part = fewest.get(end).and_then(|(_, part)| *part);
            end = match part.and_then(|number| parts.get(number)) {
                Some(part) => part.place.start,
                None => end - 1,
            };
            chosen.extend(part);
        }
        let mut number = 0;
        parts.retain(|_| {
            number += 1;
            chosen.contains(&(number - 1))
        });
        parts
    }
}

/// All words and rows of keys in a password.
fn all<'index>(letters: &[char], more: &'index CommonWords) -> Vec<Part<'index>> {
    let mut lookups = 0;
    let mut words = BUILT_IN.words_in(letters, &mut lookups);
    words.extend(more.0.words_in(letters, &mut lookups));
    let words = words.into_iter().map(|word| {
        let typed = letters.get(word.place.clone()).unwrap_or_default();
        let guesses = LEAST_GUESSES.max(word.rank.into()) * ways_of_capitals(typed);
        Part {
            guesses: guesses * (1 + u64::from(word.is_substituted)),
            place: word.place,
            spelling: Some(word.spelling),
        }
    });
    let rows = runs(letters).into_iter().map(|place| {
        let typed = letters.get(place.clone()).unwrap_or_default();
        let keys = u64::try_from(place.len()).unwrap_or(u64::MAX);
        Part {
            guesses: LEAST_GUESSES.max(keys.saturating_mul(GUESSES_PER_KEY))
                * ways_of_capitals(typed),
            place,
            spelling: None,
        }
    });
    words.chain(rows).collect()
}

/// How many ways of writing capitals are tried before the one of `typed`.
fn ways_of_capitals(typed: &[char]) -> u64 {
    let capitals = typed.iter().filter(|letter| letter.is_uppercase()).count();
    let at_an_end = [typed.first(), typed.last()];
    let at_an_end = at_an_end
        .into_iter()
        .flatten()
        .any(|letter| letter.is_uppercase());
    match capitals {
        0 => 1,
        1 if at_an_end => 2,
        _ if !typed.iter().any(|letter| letter.is_lowercase()) => 2,
        _ => 16,
    }
}

fn log10(guesses: u64) -> f64 {
    u32::try_from(guesses).map_or(f64::MAX, f64::from).log10()
}
