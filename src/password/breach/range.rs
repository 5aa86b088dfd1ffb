//! The k-anonymity range protocol, as Have I Been Pwned offers it.

use async_trait::async_trait;
use subtle::{Choice, ConstantTimeEq};

use super::query::SUFFIX_DIGITS;
use super::{BreachCheck, BreachQuery, line};
use crate::error::Cause;

/// Longest answer that is read, in bytes: 1 MiB, some twenty times what Have I
/// Been Pwned answers. A [`RangeClient`] should stop receiving there.
pub const MAX_RANGE_BYTES: usize = 1 << 20;

/// The application's HTTP client, asking a range server.
///
/// For Have I Been Pwned that is
/// `GET https://api.pwnedpasswords.com/range/{prefix}` with the header
/// `Add-Padding: true`, so that the length of the answer does not tell the
/// prefix to who watches the connection.
///
/// # Examples
///
/// A client without a network, for ranges that were downloaded as one file
/// each:
///
/// ```
/// use admittance::password::breach::{RangeCheck, RangeClient};
/// use admittance::store::Cause;
///
/// struct Files(std::path::PathBuf);
///
/// #[admittance::async_trait]
/// impl RangeClient for Files {
///     async fn range(&self, prefix: &str) -> Result<String, Cause> {
///         Ok(tokio::fs::read_to_string(self.0.join(prefix)).await?)
///     }
/// }
///
/// let check = RangeCheck::new(Files("/var/lib/ranges".into()));
/// ```
#[cfg_attr(feature = "test-util", mockall::automock)]
#[async_trait]
pub trait RangeClient: Send + Sync + 'static {
    /// The body of the answer for `prefix`: 5 hex digits in upper case, all
    /// that a server gets to know.
    ///
    /// # Errors
    ///
    /// Whatever goes wrong, any status but 200 included. The text is logged.
    async fn range(&self, prefix: &str) -> Result<String, Cause>;
}

/// Asks a range server, and compares its answer here.
///
/// The answer has one line for each hash that begins with the prefix: the
/// other 35 hex digits, a colon, how often it was seen. Lines that were seen 0
/// times are padding. Every line is compared, in constant time, so that the
/// time does not tell which one it was.
#[derive(Clone, Debug)]
pub struct RangeCheck<C> {
    client: C,
}

/// Why an answer of a range server is not believed. An answer that is read
/// wrongly would say "not breached" of everything.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RangeError {
    /// It has no line. Have I Been Pwned has hundreds for each prefix; a server
    /// of one's own sends a line of padding.
    #[error("the answer of the range server is empty")]
    Empty,
    /// It is longer than [`MAX_RANGE_BYTES`].
    #[error("the answer of the range server is longer than {MAX_RANGE_BYTES} bytes")]
    TooLong,
    /// A line is not 35 hex digits, a colon and a count.
    #[error("line {line} of the range server's answer is malformed")]
    Malformed {
        /// Which one, counted from 1.
        line: usize,
    },
}

impl<C: RangeClient> RangeCheck<C> {
    /// Asks through `client`.
    #[must_use]
    pub fn new(client: C) -> Self {
        Self { client }
    }
}

#[async_trait]
impl<C: RangeClient> BreachCheck for RangeCheck<C> {
    async fn is_breached(&self, query: &BreachQuery) -> Result<bool, Cause> {
        let answer = self.client.range(query.prefix()).await?;
        Ok(contains(&answer, &query.suffix_nibbles())?)
    }
}

/// Whether `answer` has `suffix` with a count above 0.
fn contains(answer: &str, suffix: &[u8; SUFFIX_DIGITS]) -> Result<bool, RangeError> {
    if answer.len() > MAX_RANGE_BYTES {
        return Err(RangeError::TooLong);
    }
    if answer.is_empty() {
        return Err(RangeError::Empty);
    }
    let mut found = Choice::from(0);
    // `lines` takes LF and CR LF, and the last line with or without one.
    for (index, text) in answer.lines().enumerate() {
        let (digits, count) = line::parse::<SUFFIX_DIGITS>(text.as_bytes())
            .ok_or(RangeError::Malformed { line: index + 1 })?;
        found |= digits.ct_eq(suffix) & !count.ct_eq(&0);
    }
    Ok(found.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "0123456789ABCDEF0123456789ABCDEF012";
    const OTHER: &str = "0123456789ABCDEF0123456789ABCDEF013";

    fn ask(answer: &str) -> Result<bool, RangeError> {
        let mut suffix = [0; SUFFIX_DIGITS];
        for (index, nibble) in suffix.iter_mut().enumerate() {
            *nibble = u8::try_from(index % 16).unwrap();
        }
        contains(answer, &suffix)
    }

    #[test]
    fn a_suffix_is_found_wherever_it_stands() {
        for answer in [
            format!("{OURS}:3"),
            format!("{OURS}:3\r\n{OTHER}:1\r\n"),
            format!("{OTHER}:1\n{OURS}:12345678901\n"),
            format!("{OTHER}:0\r\n{OURS}:1\r\n{OTHER}:0"),
            format!("{}:1", OURS.to_lowercase()),
        ] {
            assert_eq!(ask(&answer), Ok(true), "{answer:?}");
        }
        assert_eq!(ask(&format!("{OTHER}:1\r\n")), Ok(false));
    }

    #[test]
    fn padding_does_not_count() {
        assert_eq!(ask(&format!("{OURS}:0\r\n{OTHER}:9")), Ok(false));
    }

    #[test]
    fn an_answer_of_another_form_is_not_taken_for_not_breached() {
        let malformed = |line| Err(RangeError::Malformed { line });
        assert_eq!(ask(""), Err(RangeError::Empty));
        assert_eq!(ask("\r\n"), malformed(1));
        assert_eq!(ask("<html>Not now</html>"), malformed(1));
        assert_eq!(ask(&format!("21BD1{OURS}:1")), malformed(1));
        assert_eq!(ask(&format!("{OTHER}:1\n\n{OURS}:1")), malformed(2));
        // Also after the one that is looked for, and when it is cut off.
        assert_eq!(ask(&format!("{OURS}:1\n{OTHER}")), malformed(2));
        assert_eq!(ask(&format!("{OURS}:1\n{OTHER}:")), malformed(2));
    }

    #[test]
    fn an_answer_is_read_up_to_its_limit_and_not_beyond() {
        let padding = format!("{OTHER}:00\r\n");
        let lines = MAX_RANGE_BYTES / padding.len();
        assert_eq!(ask(&padding.repeat(lines)), Ok(false));
        assert_eq!(ask(&padding.repeat(lines + 1)), Err(RangeError::TooLong));
    }
}
