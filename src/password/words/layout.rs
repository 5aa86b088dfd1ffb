//! Keyboard layouts: rows of keys, and texts typed with the wrong layout.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// The keys of letters in the layout that the others are compared with.
const QWERTY: [&str; 3] = ["qwertyuiop[]\\", "asdfghjkl;'", "zxcvbnm,./"];

/// The layouts of other scripts: what is on the keys of [`QWERTY`], without and with
/// Shift. A blank stands for a key that is not needed.
const SCRIPTS: [[[&str; 3]; 2]; 7] = [
    // Russian.
    [
        ["йцукенгшщзхъ\\", "фывапролджэ", "ячсмитьбю."],
        ["ЙЦУКЕНГШЩЗХЪ/", "ФЫВАПРОЛДЖЭ", "ЯЧСМИТЬБЮ,"],
    ],
    // Ukrainian.
    [
        ["йцукенгшщзхїґ", "фівапролджє", "ячсмитьбю."],
        ["ЙЦУКЕНГШЩЗХЇҐ", "ФІВАПРОЛДЖЄ", "ЯЧСМИТЬБЮ,"],
    ],
    // Greek.
    [
        [";ςερτυθιοπ[]\\", "ασδφγηξκλ '", "ζχψωβνμ,./"],
        [":΅ΕΡΤΥΘΙΟΠ{}|", "ΑΣΔΦΓΗΞΚΛ \"", "ΖΧΨΩΒΝΜ<>?"],
    ],
    // Arabic.
    [
        ["ضصثقفغعهخحجد\\", "شسيبلاتنمكط", "ئءؤرﻻىةوزظ"],
        ["      إ     |", "   [لأـ،/:\"", "~ْ} لآ'   "],
    ],
    // Hebrew.
    [
        ["/'קראטוןםפ][\\", "שדגכעיחלךף,", "זסבהנמצתץ."],
        ["            ", "           ", "          "],
    ],
    // Hindi (InScript).
    [
        ["ौैाीूबहगदजड़ॉ", "ोे्िुपरकतचट", " ंमनवलस,.य"],
        ["औऐआईऊभङघधझढञऑ", "ओएअइउफ खथछठ", " ँण   श  "],
    ],
    // Korean. Syllables are taken apart by `JAMO`.
    [
        [
            "ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔ[]\\",
            "ㅁㄴㅇㄹㅎㅗㅓㅏㅣ;'",
            "ㅋㅌㅊㅍㅠㅜㅡ,./",
        ],
        ["ㅃㅉㄸㄲㅆ   ㅒㅖ{}|", "         :\"", "       <>?"],
    ],
];

/// Rows that are run through: of other Latin layouts, of digits with Shift, of columns,
/// and of scripts whose texts are not compared with [`QWERTY`].
const ROWS: [&str; 53] = [
    // Azerty, and its digits and columns.
    "azertyuiop^$",
    "qsdfghjklmù*",
    "wxcvbn,;:!",
    "&é\"'(-è_çà)=",
    "1aqw",
    "2zsx",
    "3edc",
    // Qzerty.
    "qzertyuiop",
    "asdfghjklm",
    // German, Hungarian, Czech.
    "qwertzuiopü+",
    "asdfghjklöä",
    "yxcvbnm,.-",
    "qwertzuiopőú",
    "asdfghjkléáű",
    "íyxcvbnm",
    "+ěščřžýáíé=",
    "qwertzuiopú)",
    "1qay",
    "2wsx",
    // Swedish, Spanish, Portuguese, Italian, Romanian.
    "qwertyuiopå¨",
    "qwertyuiop`+",
    "asdfghjklñ´ç",
    "asdfghjklç",
    "qwertyuiopè+",
    "asdfghjklòàù",
    "qwertyuiopăî",
    "asdfghjklșț",
    // Turkish.
    "qwertyuıopğü",
    "asdfghjklşi",
    "zxcvbnmöç",
    "fgğıodrnhpqwx",
    "uieaütkmlyş",
    "jövcçzsb",
    // Vietnamese digits.
    "ăâêôộ̀̉̃́đ",
    // Dvorak, Colemak, Bépo.
    "',.pyfgcrl",
    "aoeuidhtns",
    "qwfpgjluy",
    "arstdhneio",
    "bépoèvdljzw",
    "auiectsrnmç",
    // Digits with Shift: Russian, German.
    "!\"№;%:?*()_+",
    "!\"§$%&/()=",
    // Bulgarian (BDS, phonetic).
    ",уеишщксдзц;",
    "ьяаожгтнвмч",
    "юйъэфхпрлб",
    "явертъуиопшщю",
    "асдфгхйкл",
    "зьцжбнм",
    // Japanese kana and Chinese bopomofo.
    "たていすかんなにらせ",
    "ちとしはきくまのりれけむ",
    "つさそひこみもねるめろ",
    "ㄆㄊㄍㄐㄔㄗㄧㄛㄟㄣ",
    "ㄇㄋㄎㄑㄕㄘㄨㄜㄠㄤ",
];

/// Keys of the consonants, vowels and finals of Korean syllables, in the order of Unicode.
const JAMO: (&str, &str, &str) = (
    "r R s e E f a q Q t T d w W c z x v g",
    "k o i O j p u P h hk ho hl y n nj np nl b m ml l",
    "- r R rt s sw sg e f fr fa fq ft fx fv fg a q qt t T d w c z x v g",
);
const FIRST_SYLLABLE: u32 = 0xac00;
const LAST_SYLLABLE: u32 = 0xd7a3;

/// Shortest run of keys that counts, in keys.
const SHORTEST_RUN: usize = 4;

/// For each layout of [`SCRIPTS`], the key of each letter.
static KEYS: LazyLock<Vec<HashMap<char, char>>> = LazyLock::new(|| {
    let of_rows = |rows: &[&str; 3], to_upper: bool| {
        let typed = rows.iter().flat_map(|row| row.chars());
        let keys = QWERTY.iter().zip(rows).flat_map(|(keys, row)| {
            let keys = keys.chars().zip(row.chars());
            keys.map(|(key, _)| key).collect::<Vec<char>>()
        });
        let keys = keys.map(move |key| if to_upper { shifted(key) } else { key });
        typed.zip(keys).collect::<Vec<(char, char)>>()
    };
    let layouts = SCRIPTS.iter().map(|[plain, shift]| {
        let mut keys = of_rows(shift, true);
        keys.extend(of_rows(plain, false));
        keys.into_iter()
            .filter(|(typed, _)| *typed != ' ')
            .collect()
    });
    layouts.collect()
});

fn shifted(key: char) -> char {
    match key {
        '[' => '{',
        ']' => '}',
        '\\' => '|',
        ';' => ':',
        '\'' => '"',
        ',' => '<',
        '.' => '>',
        '/' => '?',
        _ => key.to_ascii_uppercase(),
    }
}

/// `text` as it comes out when the same keys are hit with Latin letters set, for each
/// layout that has all of its letters beyond ASCII, and at least one.
pub(in crate::password) fn keystrokes(text: &str) -> impl Iterator<Item = Zeroizing<String>> {
    KEYS.iter().filter_map(|keys| typed_with(keys, text))
}

fn typed_with(keys: &HashMap<char, char>, text: &str) -> Option<Zeroizing<String>> {
    // Five keys at most for a character of up to four bytes, and never reallocated.
    let mut typed = Zeroizing::new(String::with_capacity(5 * text.len()));
    let mut is_of_the_script = false;
    for letter in text.chars() {
        if letter.is_ascii() {
            typed.push(letter);
        } else if let Some(key) = key_of(keys, letter) {
            typed.push(key);
            is_of_the_script = true;
        } else if keys.contains_key(&'ㅂ') {
            syllable(letter, &mut typed)?;
            is_of_the_script = true;
        } else if letter.is_alphabetic() {
            return None;
        } else {
            typed.push(letter);
        }
    }
    is_of_the_script.then_some(typed)
}

/// The key of `letter`, or of what it is without accents.
fn key_of(keys: &HashMap<char, char>, letter: char) -> Option<char> {
    let found = keys.get(&letter).copied();
    found.or_else(|| {
        letter
            .nfd()
            .next()
            .and_then(|base| keys.get(&base).copied())
    })
}

/// Appends the keys of a Korean syllable.
fn syllable(letter: char, typed: &mut String) -> Option<()> {
    let code = u32::from(letter);
    if !(FIRST_SYLLABLE..=LAST_SYLLABLE).contains(&code) {
        return None;
    }
    let number = usize::try_from(code - FIRST_SYLLABLE).ok()?;
    let (firsts, vowels, finals) = JAMO;
    typed.push_str(firsts.split(' ').nth(number / (21 * 28))?);
    typed.push_str(vowels.split(' ').nth(number / 28 % 21)?);
    let last = finals.split(' ').nth(number % 28)?;
    typed.push_str(last.trim_start_matches('-'));
    Some(())
}

/// For two keys, the rows in which the second is next to the first, each as a bit.
static NEIGHBOURS: LazyLock<HashMap<(char, char), u128>> = LazyLock::new(|| {
    let scripts = SCRIPTS.iter().flatten().flatten();
    let rows = QWERTY.iter().chain(&ROWS).chain(scripts);
    let mut neighbours = HashMap::new();
    for (number, row) in rows.enumerate() {
        let bit = u32::try_from(number)
            .ok()
            .and_then(|number| 1_u128.checked_shl(number));
        let keys = || row.chars().flat_map(char::to_lowercase);
        for pair in keys().zip(keys().skip(1)) {
            if pair.0 != ' ' && pair.1 != ' ' {
                *neighbours.entry(pair).or_default() |= bit.unwrap_or_default();
            }
        }
    }
    neighbours
});

/// Where `password` runs along a row of keys, forwards or backwards: the longest run
/// from each place, in characters.
pub(super) fn runs(password: &[char]) -> Vec<Range<usize>> {
    let lower = |letter: &char| letter.to_lowercase().next().unwrap_or(*letter);
    let pairs = || {
        password
            .iter()
            .map(lower)
            .zip(password.iter().skip(1).map(lower))
    };
    let mut runs = runs_of(pairs());
    runs.extend(runs_of(pairs().map(|(key, next)| (next, key))));
    runs
}

fn runs_of(pairs: impl Iterator<Item = (char, char)>) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let (mut start, mut rows) = (0, 0);
    let rows_of = |pair| NEIGHBOURS.get(&pair).copied().unwrap_or_default();
    let mut end = 0;
    for (at, pair) in pairs.enumerate() {
        let all = rows_of(pair);
        end = at + 1;
        if rows & all == 0 {
            runs.push(start..end);
            (start, rows) = (at, all);
        } else {
            rows &= all;
        }
    }
    runs.push(start..end + 1);
    runs.retain(|run| run.len() >= SHORTEST_RUN);
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_a_script_stands_on_the_keys_of_qwerty() {
        for row in SCRIPTS.iter().flatten() {
            for (keys, row) in QWERTY.iter().zip(row) {
                let found = row.chars().count();
                assert!(found <= keys.chars().count(), "{row} {found}");
            }
        }
        let rows = QWERTY.len() + ROWS.len() + SCRIPTS.iter().flatten().flatten().count();
        assert!(rows <= 128, "{rows} rows");
    }

    #[test]
    fn a_text_typed_with_the_wrong_layout_is_read_by_its_keys() {
        for (text, expected) in [
            ("пароль", "gfhjkm"),
            ("Зфыыцщкв123", "Password123"),
            ("йцукен", "qwerty"),
            ("привіт", "ghbdsn"),
            ("κωδικός", "kvdikow"),
            ("ضصثقف", "qwert"),
            ("비밀번호", "qlalfqjsgh"),
            ("ㅂㅈㄷㄱ", "qwer"),
            ("ㅔㅁㄴㄴ", "pass"),
        ] {
            let found: Vec<_> = keystrokes(text).collect();
            assert!(
                found.iter().any(|typed| **typed == expected),
                "{text}: {found:?}"
            );
        }
        for text in ["gfhjkm", "niño", "密码", "пароль密码"] {
            assert_eq!(keystrokes(text).count(), 0, "{text}");
        }
    }

    #[test]
    fn rows_of_keys_are_found_forwards_and_backwards() {
        for (text, expected) in [
            ("йцукен123", &[(0, 6)][..]),
            ("1йцукен", &[(1, 7)]),
            ("ЙЦУКЕН", &[(0, 6)]),
            ("некуцй", &[(0, 6)]),
            ("azertyuiop", &[(0, 10)]),
            ("QwErTz", &[(0, 6)]),
            ("фывапролджэ", &[(0, 11)]),
            (";ςερτ", &[(0, 5)]),
            ("ضصثق", &[(0, 4)]),
            ("йцу", &[]),
            ("qwerasdf", &[(0, 4), (4, 8)]),
            ("wqkzjxvbnty", &[]),
        ] {
            let password: Vec<char> = text.chars().collect();
            let mut found = runs(&password);
            found.sort_by_key(|run| run.start);
            let found: Vec<_> = found.into_iter().map(|run| (run.start, run.end)).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
