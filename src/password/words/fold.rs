//! Letters that count as one: in any case, with and without accents.

use unicode_normalization::UnicodeNormalization;

/// Most letters that one character stands for.
const MAX_LETTERS_OF_ONE: usize = 4;

/// `letter` in lower case, without accents, vowel signs and compatibility forms,
/// and hiragana for katakana.
pub(super) fn fold(letter: char) -> impl Iterator<Item = char> {
    letter
        .nfkd()
        .flat_map(char::to_lowercase)
        .filter(|letter| !is_mark(*letter))
        .flat_map(plain)
        .take(MAX_LETTERS_OF_ONE)
}

/// `word` with each letter folded.
pub(super) fn folded(word: &str) -> String {
    word.chars().flat_map(fold).collect()
}

/// Marks that people leave out: accents, Arabic vowel signs and the nukta.
fn is_mark(letter: char) -> bool {
    matches!(
        letter,
        '\u{300}'..='\u{36f}' | '\u{640}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{93c}'
    )
}

/// What is typed for letters that have no decomposition.
fn plain(letter: char) -> impl Iterator<Item = char> {
    let (first, second) = match letter {
        'ß' => ('s', Some('s')),
        'æ' => ('a', Some('e')),
        'œ' => ('o', Some('e')),
        'ø' => ('o', None),
        'đ' | 'ð' => ('d', None),
        'ł' => ('l', None),
        'ı' => ('i', None),
        'ς' => ('σ', None),
        'ى' | 'ی' => ('ي', None),
        'ة' => ('ه', None),
        'ک' => ('ك', None),
        'ँ' => ('ं', None),
        'ァ'..='ヶ' => (hiragana(letter), None),
        _ => (letter, None),
    };
    [Some(first), second].into_iter().flatten()
}

fn hiragana(katakana: char) -> char {
    const DISTANCE: u32 = 0x60;
    char::from_u32(u32::from(katakana) - DISTANCE).unwrap_or(katakana)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_accents_and_compatibility_forms_do_not_count() {
        for (word, expected) in [
            ("Contraseña", "contrasena"),
            ("MẬTKHẨU", "matkhau"),
            ("Đẹp", "dep"),
            ("ŞİFRE ısı", "sifre isi"),
            ("Łódź", "lodz"),
            ("Fußball", "fussball"),
            ("Ёлка", "елка"),
            ("Κωδικός", "κωδικοσ"),
            ("أَحْمَد", "احمد"),
            ("ｐａｓｓ", "pass"),
            ("サクラ", "さくら"),
        ] {
            assert_eq!(folded(word), expected, "{word}");
        }
    }
}
