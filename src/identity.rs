//! Identities: accounts at other providers that a user signs in with.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::email::MAX_EMAIL_BYTES;
use crate::id::IdentityId;
use crate::time::Timestamp;

/// The maximum length of an issuer or a subject, in bytes: that of a subject by OpenID Connect
/// Core 1.0, §2.
pub const MAX_SUBJECT_BYTES: usize = 255;

/// The maximum length of a [`ProviderId`], in characters.
pub const MAX_PROVIDER_CHARS: usize = 32;

/// Why a text is not accepted as a part of an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The text is not a [`ProviderId`].
    #[error("a provider's id has 1 to 32 characters of a-z, 0-9 and -")]
    Provider,
    /// The text is not an [`Issuer`].
    #[error("an issuer has 1 to 255 bytes without control characters")]
    Issuer,
    /// The text is not a [`SubjectId`].
    #[error("a subject has 1 to 255 bytes without control characters")]
    Subject,
    /// The text is not a [`ProviderEmail`].
    #[error("a provider's email has 1 to 254 bytes without control characters")]
    Email,
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $error:ident, $is_valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Parses the text. It is kept as it is: neither trimmed nor normalised.
            ///
            /// # Errors
            #[doc = concat!("[`IdentityError::", stringify!($error), "`].")]
            pub fn parse(text: impl Into<String>) -> Result<Self, IdentityError> {
                let (text, is_valid): (String, fn(&str) -> bool) = (text.into(), $is_valid);
                is_valid(&text)
                    .then_some(Self(text))
                    .ok_or(IdentityError::$error)
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

fn is_short_text(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && !text.contains(char::is_control)
}

text! {
    /// The name of a provider in the application's configuration, such as `google`: 1 to 32
    /// characters of `a` to `z`, `0` to `9` and `-`.
    ProviderId, Provider, |text| {
        (1..=MAX_PROVIDER_CHARS).contains(&text.len())
            && text
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    }
}
text! {
    /// Who vouches for a [`SubjectId`]: the claim `iss` of OpenID Connect, or a fixed text for a
    /// provider without one. 1 to 255 bytes without control characters.
    Issuer, Issuer, |text| is_short_text(text, MAX_SUBJECT_BYTES)
}
text! {
    /// The subject identifier: the claim `sub` of OpenID Connect, which the issuer never gives to
    /// anybody else. 1 to 255 bytes without control characters, compared by bytes.
    SubjectId, Subject, |text| is_short_text(text, MAX_SUBJECT_BYTES)
}
text! {
    /// An email address as a provider gave it. It is a claim of the provider, shown to the user;
    /// no account is found by it. 1 to 254 bytes without control characters.
    ProviderEmail, Email, |text| is_short_text(text, MAX_EMAIL_BYTES)
}

/// The key of an identity, which is unique among all users: a digest of issuer and subject, both
/// byte by byte.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdentityKey([u8; 32]);

impl IdentityKey {
    /// The key of `subject` at `issuer`: SHA-256 over both, each preceded by its length in eight
    /// bytes, big-endian.
    #[must_use]
    pub fn of(issuer: &Issuer, subject: &SubjectId) -> Self {
        let mut digest = Sha256::new();
        for text in [issuer.as_str(), subject.as_str()] {
            digest.update((text.len() as u64).to_be_bytes());
            digest.update(text);
        }
        Self(digest.finalize().into())
    }

    /// The key with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }
}

/// Does not show the key, by which a guess at a subject could be confirmed.
impl fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentityKey([redacted])")
    }
}

/// An account at another provider that a user signs in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Identifies it among the user's.
    pub id: IdentityId,
    /// The provider.
    pub provider: ProviderId,
    /// Who vouches for the subject.
    pub issuer: Issuer,
    /// Who the user is at the issuer.
    pub subject: SubjectId,
    /// The address that the provider gave last.
    pub email: Option<ProviderEmail>,
    /// When it was linked.
    pub created_at: Timestamp,
    /// When the user signed in with it last, or when it was linked. It never goes back.
    pub last_used_at: Timestamp,
}

impl Identity {
    /// The key, which is unique among all users.
    #[must_use]
    pub fn key(&self) -> IdentityKey {
        IdentityKey::of(&self.issuer, &self.subject)
    }
}

/// A sign-in with an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityUse {
    /// The identity.
    pub key: IdentityKey,
    /// The address that the provider gives now. `None` leaves the last one as it is.
    pub email: Option<ProviderEmail>,
}

/// The identities of a user, by `created_at` and id, each key once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identities(Vec<Identity>);

impl Identities {
    /// How many identities a user can link.
    pub const MAX: usize = 20;

    /// The identities, the oldest first.
    pub fn iter(&self) -> std::slice::Iter<'_, Identity> {
        self.0.iter()
    }

    /// The number of identities.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns `true` without any identity.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The identity with this id.
    #[must_use]
    pub fn get(&self, id: IdentityId) -> Option<&Identity> {
        self.iter().find(|one| one.id == id)
    }

    /// The identity with this key.
    #[must_use]
    pub fn by_key(&self, key: &IdentityKey) -> Option<&Identity> {
        self.iter().find(|one| one.key() == *key)
    }

    pub(crate) fn add(&mut self, identity: Identity) {
        self.0.push(identity);
        self.settle();
    }

    pub(crate) fn remove(&mut self, id: IdentityId) {
        self.0.retain(|one| one.id != id);
    }

    /// Notes the sign-in, unless none of them has the key. An earlier one than the last leaves
    /// its time and address.
    pub(crate) fn record(&mut self, used: &IdentityUse, now: Timestamp) -> bool {
        let Some(one) = self.0.iter_mut().find(|one| one.key() == used.key) else {
            return false;
        };
        if now >= one.last_used_at {
            one.last_used_at = now;
            one.email = used.email.clone().or(one.email.take());
        }
        true
    }

    fn settle(&mut self) {
        if self.0.len() > 1 {
            self.0.sort_by_key(|one| (one.created_at, one.id));
            let mut keys = std::collections::HashSet::new();
            self.0.retain(|one| keys.insert(one.key()));
        }
    }
}

impl FromIterator<Identity> for Identities {
    /// Sorts them, and leaves the oldest of those with one key.
    fn from_iter<I: IntoIterator<Item = Identity>>(identities: I) -> Self {
        let mut all = Self(identities.into_iter().collect());
        all.settle();
        all
    }
}

impl<'i> IntoIterator for &'i Identities {
    type Item = &'i Identity;
    type IntoIter = std::slice::Iter<'i, Identity>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuer(text: &str) -> Issuer {
        Issuer::parse(text).unwrap()
    }

    fn subject(text: &str) -> SubjectId {
        SubjectId::parse(text).unwrap()
    }

    fn identity(number: u8, at: i64) -> Identity {
        Identity {
            id: IdentityId::from_bytes([number; 12]),
            provider: ProviderId::parse("google").unwrap(),
            issuer: issuer("https://accounts.google.com"),
            subject: subject(&number.to_string()),
            email: None,
            created_at: Timestamp::from_secs(at),
            last_used_at: Timestamp::from_secs(at),
        }
    }

    #[test]
    fn each_text_has_its_length_and_no_control_characters() {
        let long = |length| "x".repeat(length);
        for length in [1, 255] {
            assert!(Issuer::parse(long(length)).is_ok());
            assert!(SubjectId::parse(long(length)).is_ok());
        }
        // Bytes, not characters.
        let wide = "\u{e9}".repeat(128);
        for text in ["", "a\0", "a\nb", "\u{7f}", "\u{85}", &long(256), &wide] {
            assert_eq!(Issuer::parse(text), Err(IdentityError::Issuer));
            assert_eq!(SubjectId::parse(text), Err(IdentityError::Subject));
            assert_eq!(ProviderEmail::parse(text), Err(IdentityError::Email));
        }
        assert!(ProviderEmail::parse(long(254)).is_ok());
        assert!(ProviderEmail::parse(long(255)).is_err());
        for text in ["google", "a", "my-school-2", &long(32)] {
            assert_eq!(ProviderId::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "Google", "a b", "a_b", "a.b", "\u{e9}", &long(33)] {
            assert_eq!(ProviderId::parse(text), Err(IdentityError::Provider));
        }
    }

    #[test]
    fn a_key_is_of_the_bytes_of_issuer_and_subject() {
        let key = |one: &str, two: &str| IdentityKey::of(&issuer(one), &subject(two));
        assert_eq!(key("a", "b"), key("a", "b"));
        for (one, two) in [
            ("a", "c"),
            ("c", "b"),
            ("b", "a"),
            ("ab", "b"),
            ("A", "b"),
            ("a", "B"),
            ("a", "b "),
            ("a", "\u{62}\u{301}"),
        ] {
            assert_ne!(key(one, two), key("a", "b"), "{one:?} {two:?}");
        }
        // Where one ends and the other begins is part of the key.
        assert_ne!(key("ab", "c"), key("a", "bc"));
        // sha256(00…01 61 00…01 62), by sha256sum.
        let digits: String = key("a", "b").to_bytes()[..4]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(digits, "3c9d5910");
        assert_eq!(format!("{:?}", key("a", "b")), "IdentityKey([redacted])");
    }

    #[test]
    fn identities_are_sorted_and_have_each_key_once() {
        let again = Identity {
            subject: subject("1"),
            ..identity(4, 40)
        };
        let all = [identity(3, 30), again, identity(2, 10), identity(1, 10)];
        let all: Identities = all.into_iter().collect();
        let ids: Vec<_> = all.iter().map(|one| one.id.to_bytes()[0]).collect();
        assert_eq!(ids, [1, 2, 3]);
        assert_eq!(all.by_key(&identity(1, 0).key()), all.iter().next());
        assert!(all.get(IdentityId::from_bytes([4; 12])).is_none());
    }

    #[test]
    fn a_sign_in_sets_neither_time_nor_address_back() {
        let email = |text: &str| Some(ProviderEmail::parse(text).unwrap());
        let mut all: Identities = [identity(1, 10), identity(2, 10)].into_iter().collect();
        let key = identity(1, 0).key();
        for (at, given, expected) in [
            (9, email("early@x.org"), (10, None)),
            (10, email("first@x.org"), (10, email("first@x.org"))),
            (30, email("new@x.org"), (30, email("new@x.org"))),
            (20, email("late@x.org"), (30, email("new@x.org"))),
            (40, None, (40, email("new@x.org"))),
        ] {
            let used = IdentityUse { key, email: given };
            assert!(all.record(&used, Timestamp::from_secs(at)));
            let one = all.by_key(&key).unwrap();
            let found = (one.last_used_at, one.email.clone());
            assert_eq!(found, (Timestamp::from_secs(expected.0), expected.1));
        }
        assert_eq!(all.iter().nth(1), Some(&identity(2, 10)));
        let key = identity(3, 0).key();
        let used = IdentityUse { key, email: None };
        assert!(!all.record(&used, Timestamp::MAX));
    }
}
