//! Makes filters out of lists.

use std::fmt;
use std::io::{self, BufRead, Read};

use xorf::BinaryFuse16;

use super::format::{self, Stored};
use super::query::{filter_key, sha1};
use super::{BreachFilter, line};
use crate::password::{MAX_PASSWORD_BYTES, NormalizedPassword};
use crate::secret::Password;

/// Most different passwords that a filter is built from. More make a file
/// longer than [`MAX_FILTER_BYTES`](super::MAX_FILTER_BYTES).
const MAX_PASSWORDS: usize = 1_900_000_000;
/// Longest line of a list that is held, in bytes.
const MAX_LINE_BYTES: usize = MAX_PASSWORD_BYTES;

/// Collects breached passwords and makes a [`BreachFilter`] of them.
///
/// It takes 8 bytes of memory for each, repeated ones included, and building
/// some 23 more for each different one.
///
/// # Examples
///
/// ```
/// use admittance::password::breach::BreachFilterBuilder;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let list = "\
/// 5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:46628605
/// F7A9E24777EC23212C54D7A350BC5BEA5477FDBB:1
/// ";
/// let mut builder = BreachFilterBuilder::new();
/// let taken = builder.add_sha1_list(list.as_bytes(), 10)?;
/// assert_eq!(taken, 1);
/// let mut file = Vec::new();
/// builder.build()?.write_to(&mut file)?;
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
pub struct BreachFilterBuilder {
    keys: Vec<u64>,
}

/// What became of a list of passwords.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PasswordListSummary {
    /// Lines that were taken.
    pub added: u64,
    /// Lines that nobody can have as a password here: empty, longer than 128
    /// characters, or not UTF-8.
    pub skipped: u64,
}

/// Why no filter was built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BreachListError {
    /// The list could not be read.
    #[error("the list could not be read")]
    Io(#[from] io::Error),
    /// A line is not 40 hex digits, a colon and a count.
    #[error("line {line} of the list is malformed")]
    Malformed {
        /// Which one, counted from 1.
        line: u64,
    },
    /// There is no password to build from.
    #[error("there are no passwords to build a filter from")]
    Empty,
    /// There are more different passwords than a filter may have.
    #[error("there are too many passwords for one filter")]
    TooMany,
    /// The construction failed, which is not known to happen.
    #[error("the filter could not be built")]
    Failed,
}

impl BreachFilterBuilder {
    /// One without passwords.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the password whose SHA-1 is `digest`.
    pub fn add_sha1(&mut self, digest: &[u8; 20]) {
        self.keys.push(filter_key(digest));
    }

    /// Adds `password`.
    pub fn add_password(&mut self, password: &NormalizedPassword) {
        self.add_sha1(&sha1(password));
    }

    /// Adds the lines of `list` that were seen `min_count` times or more, and
    /// says how many. A line is the SHA-1 in 40 hex digits, a colon and a
    /// count, as in the lists of Have I Been Pwned; in any order, empty lines
    /// excepted.
    ///
    /// # Errors
    ///
    /// [`BreachListError::Io`]; [`BreachListError::Malformed`], since half a
    /// list would refuse half of what it should.
    pub fn add_sha1_list(
        &mut self,
        mut list: impl BufRead,
        min_count: u64,
    ) -> Result<u64, BreachListError> {
        let (mut line, mut number, mut taken) = (Vec::new(), 0, 0);
        while next_line(&mut list, &mut line)? {
            number += 1;
            if line.is_empty() {
                continue;
            }
            let (nibbles, count) =
                line::parse::<40>(&line).ok_or(BreachListError::Malformed { line: number })?;
            if count >= min_count {
                let first = nibbles.iter().take(16);
                let key = first.fold(0, |key, nibble| key << 4 | u64::from(*nibble));
                self.keys.push(key);
                taken += 1;
            }
        }
        Ok(taken)
    }

    /// Adds the lines of `list`, one password each.
    ///
    /// # Errors
    ///
    /// [`BreachListError::Io`].
    pub fn add_password_list(
        &mut self,
        mut list: impl BufRead,
    ) -> Result<PasswordListSummary, BreachListError> {
        let mut line = Vec::new();
        let mut summary = PasswordListSummary::default();
        while next_line(&mut list, &mut line)? {
            let text = str::from_utf8(&line).ok();
            let password = text
                .filter(|text| !text.is_empty())
                .and_then(|text| NormalizedPassword::new(&Password::new(text)).ok());
            match password {
                Some(password) => {
                    self.add_password(&password);
                    summary.added += 1;
                }
                None => summary.skipped += 1,
            }
        }
        Ok(summary)
    }

    /// Makes the filter. The same passwords make the same filter.
    ///
    /// # Errors
    ///
    /// [`BreachListError::Empty`], [`BreachListError::TooMany`],
    /// [`BreachListError::Failed`].
    pub fn build(self) -> Result<BreachFilter, BreachListError> {
        let mut keys = self.keys;
        // The construction does not end well when a key comes twice.
        keys.sort_unstable();
        keys.dedup();
        if keys.is_empty() {
            return Err(BreachListError::Empty);
        }
        if keys.len() > MAX_PASSWORDS {
            return Err(BreachListError::TooMany);
        }
        let count = u32::try_from(keys.len()).map_err(|_| BreachListError::TooMany)?;
        let filter = BinaryFuse16::try_from_iterator(keys.iter().copied())
            .map_err(|_| BreachListError::Failed)?;
        if !format::fits(&filter) {
            return Err(BreachListError::TooMany);
        }
        Ok(BreachFilter::new(Stored { filter, count }))
    }
}

impl fmt::Debug for BreachFilterBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BreachFilterBuilder")
            .field("passwords", &self.keys.len())
            .finish_non_exhaustive()
    }
}

/// Puts the next line of `list` into `line`, without its break; `false` when
/// there is none. Of a line longer than [`MAX_LINE_BYTES`] the end is passed
/// over: its beginning is too long already for a password and for a hash.
fn next_line(list: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    // With room for CR LF.
    let most = MAX_LINE_BYTES as u64 + 2;
    if list.by_ref().take(most).read_until(b'\n', line)? == 0 {
        return Ok(false);
    }
    if line.ends_with(b"\n") {
        line.pop();
        if line.ends_with(b"\r") {
            line.pop();
        }
    } else if line.len() as u64 == most {
        list.skip_until(b'\n')?;
    }
    Ok(true)
}
