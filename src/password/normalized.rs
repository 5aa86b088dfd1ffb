//! The one form in which a password is judged, hashed and compared.

use std::fmt;
use std::sync::Arc;

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::secret::Password;

/// Longest password accepted, in characters (code points, after NFC).
pub const MAX_PASSWORD_CHARS: usize = 128;

/// Longest password looked at, in bytes of UTF-8, before NFC.
///
/// A character that NFC composes is made of at most three code points of at
/// most four bytes (Unicode, "canonical decomposition"), so every password of
/// [`MAX_PASSWORD_CHARS`] fits, decomposed or not.
pub const MAX_PASSWORD_BYTES: usize = MAX_PASSWORD_CHARS * 3 * 4;

/// Longest that NFC makes a text, as a multiple of its bytes (UAX #15).
const NFC_EXPANSION: usize = 3;

/// A password in NFC (RFC 8265 §4.2.2), of at most [`MAX_PASSWORD_CHARS`].
///
/// Nothing else is done to it: it is not trimmed, not case-folded, not cut
/// (ASVS 6.2.8), and not brought to NFKC, which would make one of passwords
/// that differ. The empty password is one of these, too; the policy refuses it.
///
/// `Debug` is redacted, the memory is wiped when the last clone is dropped,
/// and there is deliberately no `PartialEq`.
#[derive(Clone)]
pub struct NormalizedPassword(Arc<Zeroizing<String>>);

/// The password is longer than [`MAX_PASSWORD_CHARS`] or
/// [`MAX_PASSWORD_BYTES`]. It was neither scored nor hashed.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("the password is longer than 128 characters")]
pub struct PasswordTooLong;

impl NormalizedPassword {
    /// Normalises `password`. The work is bounded: the length in bytes is
    /// looked at first.
    ///
    /// # Errors
    ///
    /// [`PasswordTooLong`].
    pub fn new(password: &Password) -> Result<Self, PasswordTooLong> {
        let typed = password.expose_secret();
        if typed.len() > MAX_PASSWORD_BYTES {
            return Err(PasswordTooLong);
        }
        // With room for the longest result nothing is reallocated, so no copy
        // is left behind that is not wiped.
        let mut normal = Zeroizing::new(String::with_capacity(typed.len() * NFC_EXPANSION));
        normal.extend(typed.nfc());
        if normal.chars().nth(MAX_PASSWORD_CHARS).is_some() {
            return Err(PasswordTooLong);
        }
        Ok(Self(Arc::new(normal)))
    }

    /// The password itself. Take care where it goes.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        &self.0
    }

    /// Its length in characters (code points), 0 to [`MAX_PASSWORD_CHARS`].
    #[must_use]
    pub fn char_count(&self) -> usize {
        self.0.chars().count()
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for NormalizedPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NormalizedPassword([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(text: &str) -> Result<NormalizedPassword, PasswordTooLong> {
        NormalizedPassword::new(&Password::new(text))
    }

    #[test]
    fn composed_and_decomposed_letters_are_one_password() {
        assert_eq!(normal("Zoe\u{308}").unwrap().expose_secret(), "Zo\u{eb}");
    }

    #[test]
    fn compatibility_forms_stay_apart() {
        for text in ["\u{fb01}ne", "x\u{b2}", "\u{ff21}\u{ff22}", "\u{2460}"] {
            assert_eq!(normal(text).unwrap().expose_secret(), text);
        }
    }

    #[test]
    fn asvs_6_2_8_nothing_is_trimmed_folded_or_cut() {
        let text = format!(" \tPaSs\0word{}\n ", "x".repeat(100));
        assert_eq!(normal(&text).unwrap().expose_secret(), text);
    }

    #[test]
    fn asvs_6_2_9_64_and_128_characters_are_accepted_and_129_are_not() {
        let decomposed_syllable = "\u{1100}\u{1161}\u{11a8}";
        for letter in ["a", "\u{e9}", "\u{1f98a}", "e\u{301}", decomposed_syllable] {
            assert_eq!(normal(&letter.repeat(64)).unwrap().char_count(), 64);
            assert_eq!(normal(&letter.repeat(128)).unwrap().char_count(), 128);
            assert!(normal(&letter.repeat(129)).is_err(), "{letter:?}");
        }
    }

    #[test]
    fn ghsa_47_a_megabyte_is_refused_before_it_is_normalised() {
        // These compose to nothing shorter than 128 characters, and to exactly
        // 128; only the length in bytes tells that there is more than can fit.
        assert!(normal(&"a".repeat(1 << 20)).is_err());
        assert!(normal(&"a".repeat(MAX_PASSWORD_BYTES + 1)).is_err());
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", normal("canary").unwrap());
        assert!(!shown.contains("canary"), "{shown}");
    }
}
