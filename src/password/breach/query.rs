//! A password as it is looked up.

use std::fmt;

use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

use crate::password::NormalizedPassword;

/// Hex digits of the hash that a range server learns.
pub(super) const PREFIX_DIGITS: usize = 5;
/// Hex digits of the hash that stay here.
pub(super) const SUFFIX_DIGITS: usize = 40 - PREFIX_DIGITS;

/// A password that is to be looked up among breached ones.
///
/// Such lists have SHA-1 hashes, so it is computed here; it is a name to look
/// up by and protects nothing. Apart from [`prefix`](Self::prefix), whatever
/// comes out of this lets its holder guess the password at full speed, and is
/// named `expose_` for that. `Debug` is redacted, and the memory is wiped on
/// drop.
pub struct BreachQuery {
    password: NormalizedPassword,
    digest: Zeroizing<[u8; 20]>,
    /// The digest in upper-case hex.
    hex: Zeroizing<String>,
}

impl BreachQuery {
    /// A query for `password`: for its bytes of UTF-8 in NFC.
    #[must_use]
    pub fn new(password: &NormalizedPassword) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        let digest = sha1(password);
        let mut hex = Zeroizing::new(String::with_capacity(40));
        for nibble in nibbles(&digest) {
            let digit = DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0');
            hex.push(char::from(digit));
        }
        Self {
            password: password.clone(),
            digest,
            hex,
        }
    }

    /// The first 5 hex digits of the SHA-1 of the password, in upper case: what
    /// a range server may learn. One password in a million has the same.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.hex.get(..PREFIX_DIGITS).unwrap_or_default()
    }

    /// The other 35 hex digits, in upper case. They must not leave the
    /// process.
    #[must_use]
    pub fn expose_suffix(&self) -> &str {
        self.hex.get(PREFIX_DIGITS..).unwrap_or_default()
    }

    /// The whole SHA-1. It must not leave the process.
    #[must_use]
    pub fn expose_sha1(&self) -> &[u8; 20] {
        &self.digest
    }

    /// What a filter file is asked for: the first 8 bytes of the SHA-1, as a
    /// big-endian number. It must not leave the process.
    #[must_use]
    pub fn expose_filter_key(&self) -> u64 {
        filter_key(&self.digest)
    }

    /// The password itself, for a source that needs it. Take care where it
    /// goes.
    #[must_use]
    pub fn expose_password(&self) -> &str {
        self.password.expose_secret()
    }

    /// The suffix as values of its digits.
    pub(super) fn suffix_nibbles(&self) -> Zeroizing<[u8; SUFFIX_DIGITS]> {
        let mut suffix = Zeroizing::new([0; SUFFIX_DIGITS]);
        for (to, from) in suffix
            .iter_mut()
            .zip(nibbles(&self.digest).skip(PREFIX_DIGITS))
        {
            *to = from;
        }
        suffix
    }
}

impl fmt::Debug for BreachQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BreachQuery([redacted])")
    }
}

/// The SHA-1 of `password`.
pub(super) fn sha1(password: &NormalizedPassword) -> Zeroizing<[u8; 20]> {
    Zeroizing::new(Sha1::digest(password.as_bytes()).into())
}

/// The first 8 bytes of `digest` as a big-endian number.
pub(super) fn filter_key(digest: &[u8; 20]) -> u64 {
    digest
        .first_chunk()
        .map_or(0, |first| u64::from_be_bytes(*first))
}

fn nibbles(digest: &[u8; 20]) -> impl Iterator<Item = u8> {
    digest.iter().flat_map(|byte| [byte >> 4, byte & 15])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Password;

    fn query(text: &str) -> BreachQuery {
        BreachQuery::new(&NormalizedPassword::new(&Password::new(text)).unwrap())
    }

    #[test]
    fn the_hash_is_the_one_of_the_standard() {
        // FIPS 180-4, the example of one block.
        let query = query("abc");
        assert_eq!(query.prefix(), "A9993");
        assert_eq!(query.expose_suffix(), "E364706816ABA3E25717850C26C9CD0D89D");
        assert_eq!(query.expose_filter_key(), 0xa999_3e36_4706_816a);
        assert_eq!(query.expose_password(), "abc");
        assert_eq!(query.suffix_nibbles()[..4], [0xe, 3, 6, 4]);
    }

    #[test]
    fn letters_typed_in_two_ways_are_one_query() {
        assert_eq!(
            query("Zoe\u{308}").expose_sha1(),
            query("Zo\u{eb}").expose_sha1()
        );
    }

    #[test]
    fn debug_shows_neither_password_nor_hash() {
        assert_eq!(format!("{:?}", query("abc")), "BreachQuery([redacted])");
    }
}
