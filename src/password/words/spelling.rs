//! The ways in which a listed word is typed.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;

use super::fold::folded;
use super::layout::keystrokes;

/// Each letter, and what is typed for it in Latin letters, by one of several habits.
type Habits<const N: usize> = [(char, [&'static str; N])];

/// Russian: BGN/PCGN, German and Czech habits, passports, and chat. Ukrainian letters
/// stand in the same table; in Ukrainian words four Russian ones have other values.
const CYRILLIC: &Habits<4> = &[
    ('а', ["a", "a", "a", "a"]),
    ('б', ["b", "b", "b", "b"]),
    ('в', ["v", "v", "v", "v"]),
    ('г', ["g", "g", "g", "g"]),
    ('ґ', ["g", "g", "g", "g"]),
    ('д', ["d", "d", "d", "d"]),
    ('е', ["e", "e", "e", "e"]),
    ('ё', ["yo", "jo", "e", "e"]),
    ('є', ["ye", "je", "ie", "e"]),
    ('ж', ["zh", "zh", "zh", "j"]),
    ('з', ["z", "z", "z", "z"]),
    ('и', ["i", "i", "i", "i"]),
    ('і', ["i", "i", "i", "i"]),
    ('ї', ["yi", "ji", "i", "i"]),
    ('й', ["y", "j", "i", "y"]),
    ('к', ["k", "k", "k", "k"]),
    ('л', ["l", "l", "l", "l"]),
    ('м', ["m", "m", "m", "m"]),
    ('н', ["n", "n", "n", "n"]),
    ('о', ["o", "o", "o", "o"]),
    ('п', ["p", "p", "p", "p"]),
    ('р', ["r", "r", "r", "r"]),
    ('с', ["s", "s", "s", "s"]),
    ('т', ["t", "t", "t", "t"]),
    ('у', ["u", "u", "u", "u"]),
    ('ф', ["f", "f", "f", "f"]),
    ('х', ["kh", "h", "kh", "h"]),
    ('ц', ["ts", "c", "ts", "c"]),
    ('ч', ["ch", "ch", "ch", "ch"]),
    ('ш', ["sh", "sh", "sh", "sh"]),
    ('щ', ["shch", "sch", "shch", "sh"]),
    ('ъ', ["", "", "", ""]),
    ('ы', ["y", "y", "y", "i"]),
    ('ь', ["", "", "", ""]),
    ('э', ["e", "e", "e", "e"]),
    ('ю', ["yu", "ju", "iu", "u"]),
    ('я', ["ya", "ja", "ia", "ya"]),
];

/// Letters with another value in Ukrainian: the official table, and chat.
const UKRAINIAN: &Habits<4> = &[('г', ["h", "h", "h", "g"]), ('и', ["y", "y", "y", "i"])];

/// Greek: ELOT 743, by sight, and by sound.
const GREEK: &Habits<3> = &[
    ('α', ["a", "a", "a"]),
    ('β', ["v", "b", "v"]),
    ('γ', ["g", "g", "g"]),
    ('δ', ["d", "d", "d"]),
    ('ε', ["e", "e", "e"]),
    ('ζ', ["z", "z", "z"]),
    ('η', ["i", "h", "i"]),
    ('θ', ["th", "8", "th"]),
    ('ι', ["i", "i", "i"]),
    ('κ', ["k", "k", "k"]),
    ('λ', ["l", "l", "l"]),
    ('μ', ["m", "m", "m"]),
    ('ν', ["n", "n", "n"]),
    ('ξ', ["x", "3", "ks"]),
    ('ο', ["o", "o", "o"]),
    ('π', ["p", "p", "p"]),
    ('ρ', ["r", "r", "r"]),
    ('σ', ["s", "s", "s"]),
    ('τ', ["t", "t", "t"]),
    ('υ', ["y", "u", "i"]),
    ('φ', ["f", "f", "ph"]),
    ('χ', ["ch", "x", "h"]),
    ('ψ', ["ps", "ps", "ps"]),
    ('ω', ["o", "w", "o"]),
];

/// Pairs of letters that are typed as one sound.
const GREEK_PAIRS: &[(&str, &str)] = &[("ου", "ou"), ("αυ", "av"), ("ευ", "ev"), ("μπ", "b")];

/// Letters that are typed as two where the accent is missing.
const SPELT_OUT: &[(char, &str)] = &[
    ('ä', "ae"),
    ('ö', "oe"),
    ('ü', "ue"),
    ('å', "aa"),
    ('ø', "oe"),
];

/// Vowels and soft signs that end a word, and change where it is inflected.
const ENDINGS: &str = "aeiouyаеёиіїоуыэюяьαεηιου";
/// Shortest stem that counts, in letters.
const SHORTEST_STEM: usize = 5;

/// All spellings of `word` and of its stem, folded: as it is listed, with letters spelt
/// out, in Latin letters, and as it comes out on a keyboard that is still set to Latin
/// letters.
pub(super) fn spellings(word: &str) -> BTreeSet<String> {
    let word = word.to_lowercase();
    let mut all = spellings_of_one(&word);
    if let Some(stem) = stem(&word) {
        all.extend(spellings_of_one(stem));
    }
    all
}

/// `word` without its last letter, if that is a vowel: what its other forms begin with.
fn stem(word: &str) -> Option<&str> {
    let (end, last) = word.char_indices().next_back()?;
    let ends = last.nfd().next().is_some_and(|last| ENDINGS.contains(last));
    let stem = word.get(..end).filter(|_| ends)?;
    (stem.chars().count() >= SHORTEST_STEM).then_some(stem)
}

fn spellings_of_one(word: &str) -> BTreeSet<String> {
    let mut spellings = BTreeSet::new();
    spellings.insert(spelt_out(word));
    if !word.is_ascii() {
        spellings.extend(keystrokes(word).map(|keys| keys.to_lowercase()));
        spellings.extend(in_latin_letters(word));
    }
    let mut spellings: BTreeSet<String> = spellings.iter().map(|one| folded(one)).collect();
    spellings.insert(folded(word));
    spellings
}

fn spelt_out(word: &str) -> String {
    let mut spelt = String::new();
    for letter in word.chars() {
        match SPELT_OUT.iter().find(|(one, _)| *one == letter) {
            Some((_, two)) => spelt.push_str(two),
            None => spelt.push(letter),
        }
    }
    spelt
}

fn in_latin_letters(word: &str) -> Vec<String> {
    let mut spellings = by_habits(word, CYRILLIC, &[]);
    spellings.extend(by_habits(word, CYRILLIC, UKRAINIAN));
    let greek = greek_without_accents(word);
    spellings.extend(by_habits(&greek, GREEK, &[]));
    let mut by_sound = greek;
    for (pair, sound) in GREEK_PAIRS {
        by_sound = by_sound.replace(pair, sound);
    }
    spellings.extend(by_habits(&by_sound, GREEK, &[]));
    spellings
}

fn greek_without_accents(word: &str) -> String {
    match word
        .chars()
        .any(|letter| ('\u{370}'..'\u{400}').contains(&letter))
    {
        true => folded(word),
        false => word.to_owned(),
    }
}

/// `word` by each habit; none if it has a letter, beyond ASCII, of another script.
fn by_habits<const N: usize>(word: &str, habits: &Habits<N>, instead: &Habits<N>) -> Vec<String> {
    let mut spellings = vec![String::new(); N];
    for letter in word.chars() {
        let habit = instead.iter().chain(habits);
        let typed = habit.clone().find(|(one, _)| *one == letter);
        for (number, spelling) in spellings.iter_mut().enumerate() {
            match typed.and_then(|(_, typed)| typed.get(number)) {
                Some(typed) => spelling.push_str(typed),
                None if letter.is_ascii() => spelling.push(letter),
                None => return Vec::new(),
            }
        }
    }
    spellings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_known_in_the_ways_in_which_it_is_typed() {
        for (word, expected) in [
            ("пароль", &["пароль", "parol", "gfhjkm"][..]),
            ("любовь", &["lyubov", "ljubov", "liubov", "lubov", "k.,jdm"]),
            ("привіт", &["privit", "pryvit", "ghbdsn"]),
            ("яблоко", &["yabloko", "jabloko", "z,kjrj"]),
            ("κωδικός", &["kodikos", "kwdikos", "kvdikow"]),
            ("ουρανός", &["ouranos", "oyranos"]),
            ("müller", &["muller", "mueller"]),
            ("비밀번호", &["qlalfqjsgh"]),
            ("حبيبي", &["pfdfd"]),
            ("प्यार", &["hd/ej"]),
        ] {
            let found = spellings(word);
            for spelling in expected {
                assert!(found.contains(*spelling), "{word}: {spelling} {found:?}");
            }
        }
        assert_eq!(spellings("amor"), BTreeSet::from(["amor".to_owned()]));
        let forms = ["sobak", "собак", "собака", "sobaka", "cj,fr", "cj,frf"];
        assert_eq!(spellings("собака"), forms.map(ToOwned::to_owned).into());
        assert!(!spellings("мама").contains("мам"));
    }
}
