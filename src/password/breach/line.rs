//! One line of a list of hashes: hex digits, a colon, how often it was seen.

/// Most digits that a count may have; any of them fits a `u64`.
const MAX_COUNT_DIGITS: usize = 19;

/// The values of the first `DIGITS` hex digits and the count of `line`, which
/// has no line break. `None` when it is anything else.
pub(super) fn parse<const DIGITS: usize>(line: &[u8]) -> Option<([u8; DIGITS], u64)> {
    let (hex, rest) = line.split_first_chunk::<DIGITS>()?;
    let mut nibbles = [0; DIGITS];
    for (nibble, digit) in nibbles.iter_mut().zip(hex) {
        *nibble = u8::try_from(char::from(*digit).to_digit(16)?).ok()?;
    }
    let count = rest.strip_prefix(b":")?;
    if count.is_empty() || count.len() > MAX_COUNT_DIGITS {
        return None;
    }
    let mut value: u64 = 0;
    for digit in count {
        let digit = char::from(*digit).to_digit(10)?;
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    Some((nibbles, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_digits_colon_count_and_nothing_else() {
        assert_eq!(parse::<3>(b"0aF:17"), Some(([0, 10, 15], 17)));
        assert_eq!(
            parse::<1>(b"0:9999999999999999999"),
            Some(([0], 9_999_999_999_999_999_999))
        );
        for line in [
            "",
            "0aF",
            "0aF:",
            "0a:17",
            "0aFF:17",
            "0aG:17",
            "0aF: 17",
            "0aF:17 ",
            "0aF:+17",
            "0aF:-1",
            "0aF:17:1",
            " 0aF:17",
            "0aF;17",
            "0aF:17\r",
            "0aF:10000000000000000000",
        ] {
            assert_eq!(parse::<3>(line.as_bytes()), None, "{line:?}");
        }
    }
}
