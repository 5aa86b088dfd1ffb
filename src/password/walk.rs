//! Walks over a keyboard, which zxcvbn 3.1 computes with numbers that overflow.

/// Longest walk that zxcvbn may be given, in characters. It raises 5, the neighbours that
/// a key of its number pad has on average, to the power of the turns, in 64 bits: 27 at most.
pub(super) const MAX_WALK: usize = 28;

/// The keyboards of zxcvbn, without and with Shift. Keys whose rows and columns differ by
/// one at most are neighbours, and some that zxcvbn does not take for neighbours as well.
const KEYBOARDS: [[&str; 4]; 6] = [
    [
        "`1234567890-=",
        " qwertyuiop[]\\",
        " asdfghjkl;'",
        " zxcvbnm,./",
    ],
    [
        "~!@#$%^&*()_+",
        " QWERTYUIOP{}|",
        " ASDFGHJKL:\"",
        " ZXCVBNM<>?",
    ],
    [
        "`1234567890[]",
        " ',.pyfgcrl/=\\",
        " aoeuidhtns-",
        " ;qjkxbmwvz",
    ],
    [
        "~!@#$%^&*(){}",
        " \"<>PYFGCRL?+|",
        " AOEUIDHTNS_",
        " :QJKXBMWVZ",
    ],
    [" =/*-", " 789-+", " 456+", " 1230."],
    [" /*-", "789+", "456", "1230"],
];

/// How many characters of a walk a text has ended with so far.
#[derive(Default)]
pub(super) struct Walk {
    last: Option<char>,
    length: usize,
}

impl Walk {
    /// Goes on with `letter`, and returns the length of the walk that it ends.
    pub(super) fn add(&mut self, letter: char) -> usize {
        let goes_on = self.last.is_some_and(|last| are_neighbours(last, letter));
        self.length = if goes_on { self.length + 1 } else { 1 };
        self.last = Some(letter);
        self.length
    }
}

/// Whether the two are neighbours on one of the keyboards, whatever the state of Shift.
fn are_neighbours(one: char, other: char) -> bool {
    KEYBOARDS.chunks(2).any(|pair| {
        let places = |key: char| pair.iter().filter_map(move |rows| place(rows, key));
        places(one).any(|(row, column)| {
            places(other).any(|(other_row, other_column)| {
                row.abs_diff(other_row) <= 1 && column.abs_diff(other_column) <= 1
            })
        })
    })
}

/// The row and column of a key.
fn place(rows: &[&str; 4], key: char) -> Option<(usize, usize)> {
    let column = |row: &&str| row.chars().position(|found| found == key && key != ' ');
    let mut rows = rows.iter().enumerate();
    rows.find_map(|(number, row)| Some((number, column(row)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_goes_on_from_key_to_key() {
        for (text, expected) in [
            ("qwerty", 6),
            ("qAzSxD", 6),
            ("1212", 4),
            ("0o0O", 4),
            ("vfvf", 4),
            ("aoeu", 4),
            ("7418", 1),
            ("qp", 1),
            ("q qw", 2),
            ("пароль", 1),
        ] {
            let mut walk = Walk::default();
            assert_eq!(
                text.chars().map(|key| walk.add(key)).last(),
                Some(expected),
                "{text}"
            );
        }
    }
}
