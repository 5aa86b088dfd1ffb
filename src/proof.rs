//! Proofs of identity.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::named::named;
use crate::time::{CLOCK_SKEW, Timestamp};

/// A method of authentication, with its name in RFC 8176 if it has one.
///
/// In serde it is its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Method {
    /// The password of the account: `pwd`.
    Password,
    /// A sign-in with a provider, by an identity of the account: `fed`.
    Federation,
    /// A second factor that the application checks, by the name that it gives it.
    ///
    /// See [`SecondFactor`](crate::service::SecondFactor).
    SecondFactor(MethodName),
    /// A proof that the application brings, by the name that it gives it. It opens sessions,
    /// and is never [recent](Proofs::recent).
    ///
    /// See [`AuthService::open_session`](crate::service::AuthService::open_session).
    External(ExternalMethod),
}

/// The name of a method that the application checks, such as `sms`: 1 to 24 characters of
/// `a` to `z`, `0` to `9`, `_` and `-`, not one of [`RESERVED`](Self::RESERVED), and not that
/// of an [`ExternalMethod`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MethodName([u8; MethodName::MAX_LEN]);

/// The text is not a [`MethodName`], or not an [`ExternalMethod`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a method's name has 1 to 24 characters of a-z, 0-9, _ and -, and is not a reserved one")]
pub struct InvalidMethodName;

impl MethodName {
    /// The maximum length, in bytes.
    pub const MAX_LEN: usize = 24;
    /// The names of this crate's own methods, present and planned: `pwd`, `otp`, `rc`, `hwk`,
    /// `mail`, `fed`.
    pub const RESERVED: [&str; 6] = ["pwd", "otp", "rc", "hwk", "mail", "fed"];

    /// Parses a name.
    ///
    /// # Errors
    ///
    /// [`InvalidMethodName`].
    pub fn new(name: &str) -> Result<Self, InvalidMethodName> {
        match Self::RESERVED.contains(&name) || name.starts_with(ExternalMethod::PREFIX) {
            true => Err(InvalidMethodName),
            false => Self::of(name),
        }
    }

    fn of(name: &str) -> Result<Self, InvalidMethodName> {
        let is_allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        let mut bytes = [0; Self::MAX_LEN];
        match bytes.get_mut(..name.len()) {
            Some(place) if !name.is_empty() && name.bytes().all(is_allowed) => {
                place.copy_from_slice(name.as_bytes());
                Ok(Self(bytes))
            }
            _ => Err(InvalidMethodName),
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let padded = std::str::from_utf8(&self.0).unwrap_or_default();
        padded.trim_end_matches('\0')
    }
}

/// The name of a proof that the application brings, such as `x-saml`:
/// [`PREFIX`](Self::PREFIX) and more, at most 24 characters of `a` to `z`, `0` to `9`, `_` and
/// `-` together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExternalMethod(MethodName);

impl ExternalMethod {
    /// What each name begins with, so that it is never that of another method.
    pub const PREFIX: &str = "x-";

    /// Parses a name: [`PREFIX`](Self::PREFIX), and then 1 to 22 characters of those of a
    /// [`MethodName`].
    ///
    /// # Errors
    ///
    /// [`InvalidMethodName`].
    pub fn new(name: &str) -> Result<Self, InvalidMethodName> {
        match name.strip_prefix(Self::PREFIX) {
            Some(rest) if !rest.is_empty() => MethodName::of(name).map(Self),
            _ => Err(InvalidMethodName),
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for MethodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MethodName({})", self.as_str())
    }
}

impl Method {
    /// The name. That of a method never changes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Password => "pwd",
            Self::Federation => "fed",
            Self::SecondFactor(name) => name.as_str(),
            Self::External(name) => name.as_str(),
        }
    }
}

impl FromStr for Method {
    type Err = InvalidMethodName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "pwd" => Ok(Self::Password),
            "fed" => Ok(Self::Federation),
            name if name.starts_with(ExternalMethod::PREFIX) => {
                ExternalMethod::new(name).map(Self::External)
            }
            name => MethodName::new(name).map(Self::SecondFactor),
        }
    }
}

impl Serialize for Method {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Method {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        name.parse().map_err(serde::de::Error::custom)
    }
}

named! {
    /// How sure it is that the caller is the owner of an account, by the levels of
    /// NIST SP 800-63B-4, §2.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
    #[non_exhaustive]
    pub enum Assurance {
        /// One factor.
        Aal1 => "aal1",
        /// Two different factors.
        Aal2 => "aal2",
    }
}

/// A successful authentication by one method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The method.
    pub method: Method,
    /// The time of the authentication.
    pub at: Timestamp,
}

impl Proof {
    /// The password of the account was given or set at `at`.
    #[must_use]
    pub const fn by_password(at: Timestamp) -> Self {
        Self {
            method: Method::Password,
            at,
        }
    }

    /// A provider identified the user, who authenticated there at `auth_time`. If the provider
    /// does not say when, that was at an unknown time, and the proof is never recent.
    #[must_use]
    pub const fn by_provider(auth_time: Option<Timestamp>) -> Self {
        Self {
            method: Method::Federation,
            at: match auth_time {
                Some(at) => at,
                None => UNKNOWN,
            },
        }
    }
}

/// The time of a proof whose time is unknown.
const UNKNOWN: Timestamp = Timestamp::MIN;

/// The proofs by which a session was opened: the newest one of each method, and the newest
/// [`MAX`](Self::MAX) of them.
///
/// A refresh keeps the proofs and their times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proofs(Vec<Proof>);

impl Proofs {
    /// The maximum number of proofs.
    pub const MAX: usize = 4;

    /// The proofs, in the order of their methods.
    pub fn iter(&self) -> impl Iterator<Item = Proof> {
        self.0.iter().copied()
    }

    /// These proofs with `proof` in place of an earlier one by its method, even if that is
    /// later by a clock that was set back meanwhile.
    #[must_use]
    pub fn and(&self, proof: Proof) -> Self {
        let others = self.iter().filter(|one| one.method != proof.method);
        others.chain([proof]).collect()
    }

    /// The distinct methods: the claim `amr` of RFC 8176.
    #[must_use]
    pub fn methods(&self) -> Vec<Method> {
        self.iter().map(|proof| proof.method).collect()
    }

    /// The time of the newest proof, or `None` if no time is known: the claim `auth_time` of OpenID
    /// Connect Core 1.0, §2.
    #[must_use]
    pub fn newest(&self) -> Option<Timestamp> {
        let known = self.iter().filter(|proof| proof.at != UNKNOWN);
        known.map(|proof| proof.at).max()
    }

    /// The level that the proofs reach together, or `None` without any.
    #[must_use]
    pub fn assurance(&self) -> Option<Assurance> {
        let is_second = |proof: Proof| matches!(proof.method, Method::SecondFactor(_));
        let (has_second, has_first) = (
            self.iter().any(is_second),
            self.iter().any(|proof| !is_second(proof)),
        );
        match (has_first, has_second) {
            (false, false) => None,
            (true, true) => Some(Assurance::Aal2),
            _ => Some(Assurance::Aal1),
        }
    }

    /// The proofs that are at most `max_age` older than `now`, except those that the
    /// application brings: this crate has not seen who was there.
    ///
    /// A proof may be later than `now`, after a clock was set back or by the clock of another
    /// instance. It counts as recent up to `max_age` ahead, and at least up to [`CLOCK_SKEW`].
    #[must_use]
    pub fn recent(&self, max_age: Duration, now: Timestamp) -> Self {
        let is_recent = |proof: &Proof| {
            now.saturating_since(proof.at) <= max_age
                && proof.at.saturating_since(now) <= max_age.max(CLOCK_SKEW)
                && !matches!(proof.method, Method::External(_))
        };
        self.iter().filter(is_recent).collect()
    }
}

impl From<Proof> for Proofs {
    fn from(proof: Proof) -> Self {
        Self(vec![proof])
    }
}

impl FromIterator<Proof> for Proofs {
    fn from_iter<I: IntoIterator<Item = Proof>>(proofs: I) -> Self {
        let mut all: Vec<Proof> = proofs.into_iter().collect();
        all.sort_unstable_by_key(|proof| (proof.method, std::cmp::Reverse(proof.at)));
        all.dedup_by_key(|proof| proof.method);
        if all.len() > Self::MAX {
            all.sort_unstable_by_key(|proof| std::cmp::Reverse((proof.at, proof.method)));
            all.truncate(Self::MAX);
            all.sort_unstable_by_key(|proof| proof.method);
        }
        Self(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    #[test]
    fn of_each_method_the_newest_proof_counts() {
        let proofs = [10, 30, 20].map(at).map(Proof::by_password);
        let proofs: Proofs = proofs.into_iter().collect();
        assert_eq!(proofs, Proof::by_password(at(30)).into());
        assert_eq!(proofs.methods(), [Method::Password]);
        assert_eq!(Proofs::default().newest(), None);
    }

    #[test]
    fn a_proof_is_recent_up_to_its_age_and_not_far_ahead_of_the_clock() {
        let (proofs, minute) = (
            Proofs::from(Proof::by_password(at(100))),
            Duration::from_secs(60),
        );
        for (now, is_recent) in [
            (39, false),
            (40, true),
            (100, true),
            (160, true),
            (161, false),
        ] {
            let recent = proofs.recent(minute, at(now));
            assert_eq!(recent.newest().is_some(), is_recent, "{now}");
        }
        // An instance that is a minute behind takes a proof that another one has just taken.
        for (now, is_recent) in [(39, false), (40, true), (110, true), (111, false)] {
            let recent = proofs.recent(Duration::from_secs(10), at(now));
            assert_eq!(recent.newest().is_some(), is_recent, "{now}");
        }
    }

    #[test]
    fn a_proof_of_the_application_is_one_factor_and_never_recent() {
        let proofs = Proofs::from(by("x-saml", 100));
        assert_eq!(proofs.assurance(), Some(Assurance::Aal1));
        assert_eq!(proofs.newest(), Some(at(100)));
        let recent = proofs.recent(Duration::from_secs(60), at(100));
        assert_eq!(recent.assurance(), None);
        let both = proofs.and(by("sms", 100));
        assert_eq!(both.assurance(), Some(Assurance::Aal2));
        let recent = both.recent(Duration::from_secs(60), at(100));
        assert_eq!(recent.methods(), [by("sms", 0).method]);
        let name = MethodName::new("x-saml");
        assert_eq!(name, Err(InvalidMethodName));
        for name in ["saml", "x-", "x-A", "pwd", "x-0123456789-0123456789-9"] {
            assert!(ExternalMethod::new(name).is_err(), "{name}");
        }
    }

    fn by(name: &str, seconds: i64) -> Proof {
        let method = name.parse().unwrap();
        Proof {
            method,
            at: at(seconds),
        }
    }

    #[test]
    fn two_factors_are_more_than_one_of_them_twice() {
        let of = |proofs: &[Proof]| proofs.iter().copied().collect::<Proofs>().assurance();
        let (pwd, sms, app) = (by("pwd", 1), by("sms", 2), by("app", 3));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[pwd, pwd]), Some(Assurance::Aal1));
        assert_eq!(of(&[sms, app]), Some(Assurance::Aal1));
        assert_eq!(of(&[pwd, sms]), Some(Assurance::Aal2));
        assert_eq!(
            Proofs::from(pwd).and(app).assurance(),
            Some(Assurance::Aal2)
        );
        assert!(Assurance::Aal1 < Assurance::Aal2);
    }

    #[test]
    fn a_new_proof_replaces_one_of_its_method_whatever_the_clock_says() {
        let proofs = Proofs::from(by("pwd", 100)).and(by("sms", 100));
        let proofs: Vec<_> = proofs.and(by("pwd", 40)).iter().collect();
        assert_eq!(proofs, [by("pwd", 40), by("sms", 100)]);
    }

    #[test]
    fn the_number_of_proofs_is_bounded_and_the_newest_stay() {
        let names = ["a", "b", "c", "d", "e"];
        let proofs: Proofs = names
            .iter()
            .zip(1..)
            .map(|(name, at)| by(name, at))
            .collect();
        let left: Vec<_> = proofs.iter().collect();
        let expected = [by("b", 2), by("c", 3), by("d", 4), by("e", 5)];
        assert_eq!(left, expected);
    }

    #[test]
    fn a_method_is_read_by_its_name() {
        for name in [
            "pwd",
            "sms",
            "x",
            "school-card_2",
            &"a".repeat(24),
            "x-saml",
        ] {
            let method: Method = name.parse().unwrap();
            assert_eq!(method.as_str(), name);
            assert_eq!(serde_json::to_value(method).unwrap(), name);
        }
        for name in [
            "",
            "PWD",
            "otp",
            "hwk",
            "a b",
            "a\0",
            "sms\0",
            "\u{e9}",
            &"a".repeat(25),
        ] {
            assert!(name.parse::<Method>().is_err(), "{name:?}");
        }
    }
}
