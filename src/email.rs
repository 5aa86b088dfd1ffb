//! Email addresses: one parser, and one canonical key under which an address
//! can be registered once.

use std::fmt;

use email_address::{EmailAddress, Options};
use unicode_normalization::UnicodeNormalization;

/// Longest address accepted, in bytes (RFC 5321 §4.5.3.1.3, less the brackets).
pub const MAX_EMAIL_BYTES: usize = 254;

/// Why a text is not accepted as an email address.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum EmailError {
    /// Nothing but blanks.
    #[error("is empty")]
    Empty,
    /// More than [`MAX_EMAIL_BYTES`].
    #[error("is longer than 254 bytes")]
    TooLong,
    /// Not `local@domain.tld`, or a form that hides where mail would go
    /// (quotes, comments, display names, encoded words, address literals).
    #[error("is not an address of the form name@example.org")]
    Malformed,
    /// The domain is not a valid (international) host name.
    #[error("has a domain that is not a valid host name")]
    InvalidDomain,
}

/// An email address that was accepted: as it was given, and its canonical key.
///
/// Mail goes to the address as it was given when the account was made, never
/// to one that somebody typed later.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Email {
    given: String,
    canonical: CanonicalEmail,
}

/// The key under which an address can be registered once.
///
/// The local part is NFC-normalised and its ASCII letters are lowered; the
/// domain is brought to lower-case ASCII by IDNA (UTS 46). Nothing else is
/// folded: dots and `+tags` stay, and letters outside ASCII keep their case,
/// because those are different mailboxes at many providers and because case
/// mapping outside ASCII merges addresses that differ (CVE-2019-19844).
/// Canonicalising a canonical address changes nothing.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct CanonicalEmail(String);

impl CanonicalEmail {
    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A key that a store read back. It is not checked again.
    #[must_use]
    pub fn from_store(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for CanonicalEmail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Email {
    /// Parses an address. White space around it is dropped.
    ///
    /// Accepted is a dot-atom (RFC 5321 §4.1.2), also outside ASCII (RFC 6531),
    /// at a host name of two labels or more. Refused is what could be read as
    /// another address by some mail system: quoted local parts, comments,
    /// display names, domain literals, RFC 2047 encoded words, Punycode that
    /// does not decode.
    ///
    /// # Errors
    ///
    /// [`EmailError`] says what is wrong with it.
    pub fn parse(input: &str) -> Result<Self, EmailError> {
        let given = input.trim();
        if given.is_empty() {
            return Err(EmailError::Empty);
        }
        if given.len() > MAX_EMAIL_BYTES {
            return Err(EmailError::TooLong);
        }
        let canonical = canonical(given)?;
        // What is registered is the canonical form, so that one must be an
        // address as well, and its own canonical form.
        if canonical.len() > MAX_EMAIL_BYTES {
            return Err(EmailError::TooLong);
        }
        check_syntax(&canonical)?;
        Ok(Self {
            given: given.to_owned(),
            canonical: CanonicalEmail(canonical),
        })
    }

    /// An address that a store read back. It is not checked again.
    #[must_use]
    pub fn from_store(given: String, canonical: String) -> Self {
        Self {
            given,
            canonical: CanonicalEmail(canonical),
        }
    }

    /// The address as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.given
    }

    /// The key under which it is unique.
    #[must_use]
    pub fn canonical(&self) -> &CanonicalEmail {
        &self.canonical
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.given)
    }
}

fn check_syntax(address: &str) -> Result<(), EmailError> {
    let options = Options::default()
        .with_required_tld()
        .without_display_text()
        .without_domain_literal();
    let parsed =
        EmailAddress::parse_with_options(address, options).map_err(|_| EmailError::Malformed)?;
    // The parser lets some decorated forms pass; what it understood must be
    // the whole of what it was given.
    if parsed.email() != address {
        return Err(EmailError::Malformed);
    }
    let hides = |letter: char| {
        matches!(
            letter,
            '"' | '(' | ')' | '<' | '>' | '[' | ']' | '\\' | ',' | ';' | ':'
        ) || letter.is_whitespace()
            || letter.is_control()
            || is_invisible(letter)
    };
    if address.contains(hides)
        || address.contains("=?")
        || address.contains("?=")
        || address.matches('@').count() != 1
    {
        return Err(EmailError::Malformed);
    }
    Ok(())
}

/// Characters that are not seen: zero-width and bidirectional formatting,
/// fillers, variation selectors and tags (after Unicode's
/// `Default_Ignorable_Code_Point`).
pub(crate) fn is_invisible(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

fn canonical(given: &str) -> Result<String, EmailError> {
    check_syntax(given)?;
    let (local, domain) = given.rsplit_once('@').ok_or(EmailError::Malformed)?;
    let mut canonical: String = local.nfc().collect::<String>().to_ascii_lowercase();
    let domain = idna::domain_to_ascii_strict(domain).map_err(|_| EmailError::InvalidDomain)?;
    // A mask of Punycode that decodes to nothing, or to something else than it
    // came from, is a way to show one domain and mean another.
    let (shown, decodes) = idna::domain_to_unicode(&domain);
    if decodes.is_err() || idna::domain_to_ascii_strict(&shown).ok().as_deref() != Some(&domain) {
        return Err(EmailError::InvalidDomain);
    }
    // An address of a host in dotted or short form is no domain (RFC 3696 §2).
    let last = domain.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(EmailError::InvalidDomain);
    }
    canonical.push('@');
    canonical.push_str(&domain);
    Ok(canonical)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(address: &str) -> String {
        Email::parse(address).unwrap().canonical().to_string()
    }

    #[test]
    fn case_and_surrounding_blanks_make_no_second_address() {
        assert_eq!(key(" Ann.Lee+x@Example.ORG\n"), "ann.lee+x@example.org");
        assert_eq!(Email::parse(" Ann@b.org ").unwrap().as_str(), "Ann@b.org");
    }

    #[test]
    fn dots_and_tags_are_other_mailboxes() {
        assert_ne!(key("a.b@c.org"), key("ab@c.org"));
        assert_ne!(key("a+x@c.org"), key("a@c.org"));
    }

    #[test]
    fn ghsa_9_case_mapping_outside_ascii_merges_nothing() {
        assert_ne!(key("m\u{131}ke@x.org"), key("mike@x.org"));
        assert_ne!(key("\u{17f}am@x.org"), key("sam@x.org"));
        assert_ne!(key("stra\u{df}e@x.org"), key("strasse@x.org"));
        // The Kelvin sign is canonically equivalent to K: one address, and
        // a second registration of it is a conflict.
        assert_eq!(key("\u{212a}ate@x.org"), key("kate@x.org"));
    }

    #[test]
    fn an_international_domain_has_one_key() {
        assert_eq!(key("a@B\u{fc}cher.example"), "a@xn--bcher-kva.example");
        assert_eq!(key("a@xn--bcher-kva.example"), "a@xn--bcher-kva.example");
    }

    #[test]
    fn ghsa_11_masks_and_decorated_forms_are_refused() {
        for address in [
            "",
            " ",
            "a",
            "@b.org",
            "a@",
            "a@b",
            "a@@b.org",
            "a@b@c.org",
            "a b@c.org",
            "<a@b.org>",
            "Ann <a@b.org>",
            " <a@b.org>",
            "\u{a0}<a@b.org>",
            "\"a b\"@c.org",
            "\"a\"@c.org",
            "a(x)@b.org",
            "a@[127.0.0.1]",
            "a@b.org\r\nBcc: c@d.org",
            "a@b.org,c@d.org",
            "a@b..org",
            ".a@b.org",
            "a.@b.org",
            "a@-b.org",
            "a@xn--0049.com",
            "a@xn--zzzzzz--.org",
            "=?utf-8?q?a=40b.org?=@c.org",
            "a@b.org\0",
            "a\u{200b}@b.org",
            "a\u{202e}@b.org",
            "a@b.org/path",
            "a@exam_ple.org",
            "a@\u{ff0e}org",
            "a@1.2.3.4",
            "a@b.123",
            "\u{3164}@b.org",
            "a\u{115f}@b.org",
            "a\u{fe0f}@b.org",
        ] {
            assert!(Email::parse(address).is_err(), "{address:?} was accepted");
        }
        // Short as it is given, too long in the form that is registered.
        let domain = ["\u{fc}\u{e9}\u{e5}"; 20].join(".");
        let grows = format!("{}@{domain}.org", "a".repeat(40));
        assert!(grows.len() < MAX_EMAIL_BYTES);
        assert_eq!(Email::parse(&grows), Err(EmailError::TooLong));
        assert_eq!(
            Email::parse(&format!("{}@b.org", "a".repeat(250))),
            Err(EmailError::TooLong)
        );
    }

    proptest! {
        #[test]
        fn ghsa_10_canonical_form_is_idempotent(local in "[\\PC]{1,20}", domain in "[\\PC]{1,60}", tld in "[a-zA-Z]{2,6}") {
            for candidate in [format!("{local}@example.org"), format!("a@{domain}.{tld}"), format!("{local}@{domain}.{tld}")] {
                if let Ok(email) = Email::parse(&candidate) {
                    let again = Email::parse(email.canonical().as_str());
                    prop_assert_eq!(again.map(|e| e.canonical().clone()), Ok(email.canonical().clone()));
                }
            }
        }
    }
}
