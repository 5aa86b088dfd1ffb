//! Email addresses: one parser, and one canonical key under which an address
//! can be registered once.

use std::fmt;

use email_address::{EmailAddress, Options};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Longest address accepted, in bytes (RFC 5321 §4.5.3.1.3, less the brackets).
pub const MAX_EMAIL_BYTES: usize = 254;

/// Longest part before the `@`, in bytes (RFC 5321 §4.5.3.1.1).
const MAX_LOCAL_BYTES: usize = 64;

/// Normalisation to NFC makes no text shorter than a third of its bytes.
const MAX_TYPED_BYTES: usize = 3 * MAX_EMAIL_BYTES;

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
    /// A mail system can take the part before the `@` for another mailbox, an
    /// option or a command. Only [`Email::parse_new`] returns this.
    #[error("has a part before the @ that mail systems can read in another way")]
    Ambiguous,
}

/// An email address that was accepted: as it was given, in NFC, and its
/// canonical key.
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

    /// The key without what follows a `+` before the `@` (RFC 5233): at most providers that
    /// have such tags, the mailbox that all of them lead to. A local part that begins with `+`
    /// stays. It is for counting mail only; an account is found by the whole key.
    pub(crate) fn without_tag(&self) -> String {
        let (local, domain) = self.0.rsplit_once('@').unwrap_or((&self.0, ""));
        match local.split_once('+') {
            Some((mailbox, _)) if !mailbox.is_empty() => format!("{mailbox}@{domain}"),
            _ => self.0.clone(),
        }
    }
}

impl fmt::Display for CanonicalEmail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Email {
    /// Parses an address by which an account is looked up. White space around
    /// it is dropped, and the rest is normalised to NFC before it is checked.
    ///
    /// Accepts a dot-atom (RFC 5321 §4.1.2), also of letters, marks and digits
    /// outside ASCII (RFC 6531), at a host name of two labels or more. Rejects
    /// what some mail system could read as another address: quoted local parts,
    /// comments, display names, domain literals, RFC 2047 encoded words,
    /// Punycode that does not decode.
    ///
    /// # Errors
    ///
    /// [`EmailError`] says what is wrong with it.
    pub fn parse(input: &str) -> Result<Self, EmailError> {
        let typed = input.trim();
        if typed.is_empty() {
            return Err(EmailError::Empty);
        }
        if typed.len() > MAX_TYPED_BYTES {
            return Err(EmailError::TooLong);
        }
        let given: String = typed.nfc().collect();
        if given.len().min(typed.len()) > MAX_EMAIL_BYTES {
            return Err(EmailError::TooLong);
        }
        let canonical = canonical(&given)?;
        // What is registered is the canonical form.
        if canonical.len() > MAX_EMAIL_BYTES {
            return Err(EmailError::TooLong);
        }
        Ok(Self {
            given,
            canonical: CanonicalEmail(canonical),
        })
    }

    /// Parses the address of a new account, or the new address of an account:
    /// as [`parse`](Self::parse), and the verified mailbox must be the one that
    /// the key denotes.
    ///
    /// Also rejects a local part that begins with `-`, `|` or a combining mark,
    /// and one with a character that NFKC turns into ASCII or into another
    /// letter: the fullwidth `＠` and `＜`, the Kelvin sign, ligatures. Letters
    /// whose parts are other letters of the same script, such as the Thai
    /// sara am, are accepted.
    ///
    /// # Errors
    ///
    /// [`EmailError`] says what is wrong with it.
    pub fn parse_new(input: &str) -> Result<Self, EmailError> {
        let email = Self::parse(input)?;
        if email.given.len() > MAX_EMAIL_BYTES {
            return Err(EmailError::TooLong);
        }
        // The text as it was typed: NFC makes a K of the Kelvin sign.
        let typed = input.trim();
        let (local, _) = typed.rsplit_once('@').ok_or(EmailError::Malformed)?;
        let folded: String = local.nfkc().collect();
        let begins_badly = local
            .split('.')
            .any(|atom| atom.starts_with(is_combining_mark))
            || folded.starts_with(['-', '|']);
        if begins_badly || !is_local_part(&folded) || local.contains(folds_to_another) {
            return Err(EmailError::Ambiguous);
        }
        Ok(email)
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

/// A dot-atom (RFC 5321 §4.1.2) in NFC, with letters, digits and the marks on
/// them in any script (RFC 6531 §3.3), that no mail system decodes.
pub(crate) fn is_local_part(local: &str) -> bool {
    // `email_address` knows no combining marks, so it gets the letters they are on.
    let letters = local.chars().filter(|letter| !is_combining_mark(*letter));
    let address: String = letters.chain("@example.org".chars()).collect();
    let options = Options::default()
        .with_required_tld()
        .without_display_text()
        .without_domain_literal();
    // The parser accepts some decorated forms: what it understood must be all of
    // its input.
    let parsed = EmailAddress::parse_with_options(&address, options);
    let is_dot_atom = parsed.is_ok_and(|parsed| parsed.email() == address);
    is_dot_atom
        && local.len() <= MAX_LOCAL_BYTES
        && !local.contains(|letter| letter == '"' || is_invisible(letter))
        && !local.contains("=?")
        && !local.contains("?=")
}

/// Whether compatibility normalisation (UAX 15), which some mail systems apply,
/// makes ASCII or another letter of a character outside ASCII. A letter that is
/// canonically equivalent to its replacement is the same letter, except among
/// the letterlike symbols: the Kelvin sign equals K, which is folded to k.
fn folds_to_another(letter: char) -> bool {
    if letter.is_ascii() {
        return false;
    }
    let mut parts = letter.nfkc();
    let is_another = match (parts.next(), parts.next()) {
        (Some(other), None) if other != letter => {
            letter.nfc().eq([letter]) || ('\u{2100}'..='\u{214f}').contains(&letter)
        }
        _ => false,
    };
    // Ligatures of Arabic, Armenian, Tibetan and Japanese. Letters of Thai and Lao that
    // fold to two, as the Thai sara am does, are ordinary ones and stay.
    let is_presentation_form = matches!(
        letter,
        '\u{fb00}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}' | '\u{675}'..='\u{678}'
            | '\u{f77}' | '\u{f79}' | '\u{309f}' | '\u{30ff}'
    ) && letter.nfkc().ne(letter.nfc());
    is_another || is_presentation_form || letter.nfkc().any(|part| part.is_ascii())
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
    let (local, domain) = given.rsplit_once('@').ok_or(EmailError::Malformed)?;
    // Other characters separate labels or are dropped, by IDNA alone.
    let is_of_host = |letter: char| {
        letter.is_alphanumeric() || is_combining_mark(letter) || "-.".contains(letter)
    };
    let is_visible_host = |letter| is_of_host(letter) && !is_invisible(letter);
    if !is_local_part(local) || domain.is_empty() {
        return Err(EmailError::Malformed);
    }
    if !domain.chars().all(is_visible_host) {
        return Err(EmailError::InvalidDomain);
    }
    // Normalised again: h has a form with a line below, and H has none.
    let mut canonical: String = local.to_ascii_lowercase().nfc().collect();
    let domain = idna::domain_to_ascii_strict(domain).map_err(|_| EmailError::InvalidDomain)?;
    if !domain.contains('.') {
        return Err(EmailError::Malformed);
    }
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
    fn a_mailbox_is_the_address_without_its_tag() {
        for (address, mailbox) in [
            ("ann@example.org", "ann@example.org"),
            ("Ann+exam@Example.org", "ann@example.org"),
            ("ann+a+b@example.org", "ann@example.org"),
            ("ann-lee+@example.org", "ann-lee@example.org"),
            ("+ann@example.org", "+ann@example.org"),
            ("\u{e9}va+1@example.org", "\u{e9}va@example.org"),
        ] {
            let email = Email::parse(address).unwrap();
            assert_eq!(email.canonical().without_tag(), mailbox, "{address}");
        }
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
    fn an_address_is_kept_in_nfc_however_it_was_typed() {
        let typed = "Zoe\u{308}.H\u{331}@Bu\u{308}cher.example";
        let email = Email::parse_new(typed).unwrap();
        assert_eq!(email.as_str(), "Zo\u{eb}.H\u{331}@B\u{fc}cher.example");
        assert_eq!(key(typed), "zo\u{eb}.\u{1e96}@xn--bcher-kva.example");
        assert_eq!(key(typed), key("Zo\u{eb}.h\u{331}@B\u{fc}cher.example"));
        // Longer than the limit as it is typed, and not as it is kept.
        let domain = ["\u{e5}"; 4].map(|letter| letter.repeat(20)).join(".");
        let kept = format!("{}@{domain}.org", "\u{e5}".repeat(30));
        let typed: String = kept.nfd().collect();
        assert!(kept.len() <= MAX_EMAIL_BYTES && typed.len() > MAX_EMAIL_BYTES);
        assert_eq!(Email::parse_new(&typed).unwrap().as_str(), kept);
    }

    #[test]
    fn scripts_with_combining_marks_are_accepted() {
        for address in [
            "\u{938}\u{902}\u{92a}\u{930}\u{94d}\u{915}@\u{921}\u{93e}\u{91f}\u{93e}\u{92e}\u{947}\u{932}.\u{92d}\u{93e}\u{930}\u{924}",
            "\u{ba4}\u{bae}\u{bbf}\u{bb4}\u{bcd}@example.org",
            "a@\u{ba4}\u{bae}\u{bbf}\u{bb4}\u{bcd}.example",
            "\u{e19}\u{e49}\u{e33}@example.org",
            "\u{627}\u{644}\u{639}\u{64e}\u{631}\u{64e}\u{628}@example.org",
            "\u{567}\u{587}@example.org",
            "stra\u{df}e@example.org",
            "\u{131}\u{15f}\u{131}k@example.org",
            "\u{958}@example.org",
            "\u{1f71}@example.org",
        ] {
            let email = Email::parse_new(address);
            assert!(email.is_ok(), "{address}: {email:?}");
            let decomposed: String = address.nfd().collect();
            assert_eq!(Email::parse_new(&decomposed), email, "{address}");
        }
    }

    #[test]
    fn a_mailbox_that_could_be_another_is_for_looking_up_only() {
        for local in [
            "\u{212a}ate",
            "\u{212b}ke",
            "\u{17f}am",
            "\u{ff41}nn",
            "a\u{ff11}",
            "\u{fb01}sh",
            "\u{fb13}",
            "\u{fdf2}",
            "\u{fefb}",
            "\u{675}",
            "\u{309f}",
            "\u{30ff}",
            "a\u{b2}",
            "a\u{bd}",
            "\u{ff76}",
            "\u{b5}",
            "-oQ/tmp",
            "-",
            "|sh",
        ] {
            let address = format!("{local}@example.org");
            assert!(Email::parse(&address).is_ok(), "{address}");
            assert_eq!(
                Email::parse_new(&address),
                Err(EmailError::Ambiguous),
                "{address}"
            );
        }
        for letter in
            "\u{ff20}\u{fe6b}\u{ff1c}\u{ff0c}\u{2026}\u{2024}\u{ff5c}\u{ff0d}\u{2100}".chars()
        {
            for address in [
                format!("{letter}a@b.org"),
                format!("a{letter}b@b.org"),
                format!("a@b{letter}org"),
            ] {
                assert!(Email::parse_new(&address).is_err(), "{address}");
            }
        }
        let lone_mark = Email::parse("\u{338}@example.org");
        assert_eq!(lone_mark, Err(EmailError::Malformed));
        for local in ["\u{301}a", "a.\u{301}b"] {
            let address = format!("{local}@example.org");
            assert_eq!(
                Email::parse_new(&address),
                Err(EmailError::Ambiguous),
                "{address:?}"
            );
        }
        for local in ["a-b", "a|b", "a-", "o'hara", "a+b"] {
            assert!(
                Email::parse_new(&format!("{local}@example.org")).is_ok(),
                "{local}"
            );
        }
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
        fn ghsa_10_canonical_form_is_idempotent(local in "([\\PC]|[A-Za-z]\\p{M}){1,20}", domain in "[\\PC]{1,60}", tld in "[a-zA-Z]{2,6}") {
            for candidate in [format!("{local}@example.org"), format!("a@{domain}.{tld}"), format!("{local}@{domain}.{tld}")] {
                if let Ok(email) = Email::parse(&candidate) {
                    prop_assert!(unicode_normalization::is_nfc(email.as_str()));
                    let again = Email::parse(email.canonical().as_str());
                    prop_assert_eq!(again.map(|e| e.canonical().clone()), Ok(email.canonical().clone()));
                }
            }
        }
    }
}
