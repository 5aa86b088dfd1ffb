//! Text that others wrote, made fit for a mail.

/// Longest subject, in characters.
pub(super) const MAX_SUBJECT: usize = 200;

/// `text` as one line of at most `most` characters: line breaks become blanks,
/// blanks in a row become one, and control and bidirectional formatting
/// characters are left out (ASVS 1.3.11, 16.4.1).
pub(super) fn one_line(text: &str, most: usize) -> String {
    let shown: String = text
        .chars()
        .filter_map(|letter| match letter {
            letter if letter.is_whitespace() => Some(' '),
            letter if letter.is_control() || is_directional(letter) => None,
            letter => Some(letter),
        })
        .collect();
    cut(&shown, most)
}

/// `text` as one line in which no mail program finds a link, an address or
/// markup: of the punctuation only what a `User-Agent` needs is left, and a dot
/// only within a version number.
pub(super) fn without_links(text: &str, most: usize) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    let mut before = ' ';
    while let Some(letter) = letters.next() {
        let in_number = before.is_ascii_digit() && letters.peek().is_some_and(char::is_ascii_digit);
        let stays =
            letter.is_alphanumeric() || "/;,()-_".contains(letter) || (letter == '.' && in_number);
        shown.push(if stays { letter } else { ' ' });
        before = letter;
    }
    cut(&shown, most)
}

fn cut(text: &str, most: usize) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let short: String = words.chars().take(most).collect();
    short.trim_end().to_owned()
}

fn is_directional(letter: char) -> bool {
    matches!(letter,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asvs_1_3_11_whatever_ends_a_line_does_not_end_this_one() {
        let all = "a\rb\nc\r\nd\u{85}e\u{2028}f\u{2029}g\u{b}h\u{c}i\0j\u{1b}[2Jk";
        assert_eq!(one_line(all, 200), "a b c d e f g h ij[2Jk");
        assert_eq!(one_line("  a \t b  ", 200), "a b");
        assert_eq!(
            one_line("a\u{202e}gpj.exe\u{2066}\u{200f}", 200),
            "agpj.exe"
        );
        assert_eq!(one_line(&"\u{e9}".repeat(300), 200).chars().count(), 200);
        assert_eq!(one_line("ab cd", 3), "ab");
        assert_eq!(
            one_line("\u{1f469}\u{200d}\u{1f4bb}", 9),
            "\u{1f469}\u{200d}\u{1f4bb}"
        );
    }

    #[test]
    fn asvs_16_4_1_nothing_that_turns_a_line_around_stays_in_it() {
        // All that have the property Bidi_Control (Unicode, PropList).
        let all = ['\u{61c}', '\u{200e}', '\u{200f}'].into_iter();
        let all = all.chain('\u{202a}'..='\u{202e}');
        for letter in all.chain('\u{2066}'..='\u{2069}') {
            let text = format!("a{letter}b");
            assert_eq!(one_line(&text, 200), "ab", "{letter:?}");
        }
        for letter in ('\0'..='\u{1f}').chain('\u{7f}'..='\u{9f}') {
            let shown = one_line(&format!("a{letter}b"), 200);
            assert!(["ab", "a b"].contains(&shown.as_str()), "{letter:?}");
        }
    }

    #[test]
    fn a_user_agent_stays_legible() {
        assert_eq!(
            without_links(
                "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0",
                200
            ),
            "Mozilla/5.0 (X11; Linux x86_64; rv 141.0) Gecko/20100101 Firefox/141.0"
        );
    }

    #[test]
    fn nothing_that_looks_like_a_link_stays_one() {
        for (hostile, shown) in [
            (
                "https://evil.example/a?b=c#d",
                "https //evil example/a b c d",
            ),
            ("www.evil.example", "www evil example"),
            ("evil.com.", "evil com"),
            ("evil\u{3002}com evil\u{ff0e}com", "evil com evil com"),
            ("ann@evil.example", "ann evil example"),
            ("<a href=//evil.example>x</a>", "a href //evil example x /a"),
            ("[x](javascript:alert(1))", "x (javascript alert(1))"),
            ("1.2.3.example", "1.2.3 example"),
        ] {
            assert_eq!(without_links(hostile, 200), shown);
        }
    }
}
