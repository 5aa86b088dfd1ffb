//! Common words of many languages, and rows of keys, in passwords.

mod fold;
mod index;
mod layout;
mod parts;
mod spelling;

use std::fmt;
use std::sync::{Arc, LazyLock};

use index::Index;
pub(super) use layout::keystrokes;
pub(super) use parts::Parts;

/// The lists of this crate. Each file names its source and licence.
const LANGUAGES: [&str; 22] = [
    include_str!("../languages/ar.txt"),
    include_str!("../languages/cs.txt"),
    include_str!("../languages/de.txt"),
    include_str!("../languages/el.txt"),
    include_str!("../languages/es.txt"),
    include_str!("../languages/fr.txt"),
    include_str!("../languages/hi.txt"),
    include_str!("../languages/hu.txt"),
    include_str!("../languages/id.txt"),
    include_str!("../languages/it.txt"),
    include_str!("../languages/ja.txt"),
    include_str!("../languages/ko.txt"),
    include_str!("../languages/nl.txt"),
    include_str!("../languages/pl.txt"),
    include_str!("../languages/pt.txt"),
    include_str!("../languages/ro.txt"),
    include_str!("../languages/ru.txt"),
    include_str!("../languages/sv.txt"),
    include_str!("../languages/tr.txt"),
    include_str!("../languages/uk.txt"),
    include_str!("../languages/vi.txt"),
    include_str!("../languages/zh.txt"),
];

static BUILT_IN: LazyLock<Index> =
    LazyLock::new(|| Index::of(LANGUAGES.into_iter().flat_map(words)));

/// The words of a list with their ranks. They are in order, several in a line; `=` stands
/// between spellings of one word.
fn words(list: &str) -> impl Iterator<Item = (u32, &str)> {
    let lines = list.lines().filter(|line| !line.starts_with("# "));
    let words = (1..).zip(lines.flat_map(str::split_whitespace));
    words.flat_map(|(rank, word)| word.split('=').map(move |spelling| (rank, spelling)))
}

/// Words that are common in the passwords of an application's users, in addition to the
/// lists of this crate: names of its products, of towns and clubs nearby, words of
/// further languages.
///
/// A password that consists of such a word and a few characters is refused, with letters
/// in any case, with the usual substitutions, with or without accents, and reversed;
/// Cyrillic and Greek words also in Latin letters, and words of other scripts as they come
/// out on a keyboard that is set to Latin letters. Words of fewer than 4 letters do not
/// count, except Chinese and Japanese ones of 2, nor those of more than 32.
///
/// ```
/// use admittance::password::{CommonWords, PasswordPolicy};
///
/// let mut policy = PasswordPolicy::default();
/// policy.common_words = CommonWords::new(["tulipworks", "harbourgate"]);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CommonWords(Arc<Index>);

impl CommonWords {
    /// The list of `words`, the most common first.
    #[must_use]
    pub fn new<W: AsRef<str>>(words: impl IntoIterator<Item = W>) -> Self {
        let words: Vec<W> = words.into_iter().collect();
        Self(Arc::new(Index::of(
            (1..).zip(words.iter().map(AsRef::as_ref)),
        )))
    }
}

impl fmt::Debug for CommonWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CommonWords({} spellings)", self.0.len())
    }
}

#[cfg(test)]
mod tests;
