//! Proofs of identity.

use std::time::Duration;

use crate::named::named;
use crate::time::Timestamp;

named! {
    /// A method of authentication, with its name in RFC 8176 if it has one.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
    #[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
    #[non_exhaustive]
    pub enum Method {
        /// The password of the account.
        #[cfg_attr(feature = "openapi", schemars(rename = "pwd"))]
        Password => "pwd",
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
}

/// The proofs by which a session was opened: the newest one of each method.
///
/// A refresh keeps the proofs and their times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proofs(Vec<Proof>);

impl Proofs {
    /// The proofs, in the order of their methods.
    pub fn iter(&self) -> impl Iterator<Item = Proof> {
        self.0.iter().copied()
    }

    /// The distinct methods: the claim `amr` of RFC 8176.
    #[must_use]
    pub fn methods(&self) -> Vec<Method> {
        self.iter().map(|proof| proof.method).collect()
    }

    /// The time of the newest proof, or `None` without any: the claim `auth_time` of OpenID
    /// Connect Core 1.0, §2.
    #[must_use]
    pub fn newest(&self) -> Option<Timestamp> {
        self.iter().map(|proof| proof.at).max()
    }

    /// Returns `true` if a proof is at most `max_age` older than `now`.
    ///
    /// After a clock was set back, a proof may be later than `now`. It counts as recent up to
    /// `max_age` ahead.
    #[must_use]
    pub fn is_recent(&self, max_age: Duration, now: Timestamp) -> bool {
        self.newest()
            .is_some_and(|at| now.saturating_since(at).max(at.saturating_since(now)) <= max_age)
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
            assert_eq!(proofs.is_recent(minute, at(now)), is_recent, "{now}");
        }
        assert!(!Proofs::default().is_recent(Duration::MAX, at(0)));
    }

    #[test]
    fn a_method_is_read_by_its_name() {
        for method in Method::ALL {
            assert_eq!(method.as_str().parse(), Ok(method));
            assert_eq!(serde_json::to_value(method).unwrap(), method.as_str());
        }
        assert!("PWD".parse::<Method>().is_err());
    }
}
