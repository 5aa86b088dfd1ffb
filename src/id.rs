//! Identifiers: 12 bytes, written as 24 hex digits, shaped like an ObjectId.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::random::{RandomError, SecureRandom};
use crate::time::Timestamp;

/// The text is not 24 lower-case hex digits.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("an id is 24 lower-case hex digits")]
pub struct ParseIdError(());

/// Four bytes of seconds, big-endian, then eight random ones. The id is not a
/// secret and grants nothing; a collision is an error at insertion.
fn generate(now: Timestamp, random: &dyn SecureRandom) -> Result<[u8; 12], RandomError> {
    let mut id = [0; 12];
    let (seconds, rest) = id.split_at_mut(4);
    let stamp = u32::try_from(now.as_secs().rem_euclid(1 << 32)).unwrap_or(0);
    seconds.copy_from_slice(&stamp.to_be_bytes());
    random.fill(rest)?;
    Ok(id)
}

/// One spelling only: upper-case digits are refused, so that an id has one
/// representation in logs, URLs and comparisons.
fn parse(text: &str) -> Result<[u8; 12], ParseIdError> {
    let mut id = [0; 12];
    let digits = text.as_bytes();
    if digits.len() != 24 {
        return Err(ParseIdError(()));
    }
    for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
        let mut value = 0;
        for digit in pair {
            let nibble = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                _ => return Err(ParseIdError(())),
            };
            value = value << 4 | nibble;
        }
        *byte = value;
    }
    Ok(id)
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 12]);

        impl $name {
            /// The id with these bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 12]) -> Self {
                Self(bytes)
            }

            /// The 12 bytes.
            #[must_use]
            pub const fn to_bytes(self) -> [u8; 12] {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                parse(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?
                    .parse()
                    .map_err(serde::de::Error::custom)
            }
        }
    };
}

macro_rules! generated {
    ($($name:ident)*) => {$(
        impl $name {
            /// A new id from the time and 64 random bits.
            ///
            /// # Errors
            ///
            /// [`RandomError`] when the source of randomness fails.
            pub fn generate(now: Timestamp, random: &dyn SecureRandom) -> Result<Self, RandomError> {
                generate(now, random).map(Self)
            }
        }
    )*};
}

id! {
    /// Identifies a user, for good: it never changes and is never used again.
    UserId
}
impl UserId {
    /// The first id of the second in which `at` is.
    pub(crate) fn first_at(at: Timestamp) -> Self {
        let stamp = u32::try_from(at.as_secs().max(0)).unwrap_or(u32::MAX);
        let mut id = [0; 12];
        let (seconds, _) = id.split_at_mut(4);
        seconds.copy_from_slice(&stamp.to_be_bytes());
        Self(id)
    }
}

id! {
    /// Identifies a session. Not a secret: what authenticates is the token.
    SessionId
}
id! {
    /// Identifies an event that was kept, and says where it stands among
    /// others: six bytes of milliseconds, big-endian, and six that make it
    /// unique and go up within the millisecond. So ids are in the order of
    /// time, and of two events of one process in one millisecond the later one
    /// has the greater id.
    EventId
}
id! {
    /// Identifies an [`Identity`](crate::identity::Identity) among those of its user.
    IdentityId
}
generated! { UserId SessionId IdentityId }

impl EventId {
    /// The first free id at `at` after `last`, the id that was given before:
    /// one with fresh random bits, or the next one when `last` is of the same
    /// millisecond. Times before 1970 count as 1970.
    ///
    /// # Errors
    ///
    /// [`RandomError`] when the source of randomness fails.
    pub fn generate(
        at: Timestamp,
        last: Option<Self>,
        random: &dyn SecureRandom,
    ) -> Result<Self, RandomError> {
        let begin = Self::first_at(at);
        if let Some(last) = last.filter(|last| last.millis() == begin.millis()) {
            let number = last.number().wrapping_add(1);
            // A carry into the milliseconds takes 2^46 events in one of them.
            return Ok(Self::from_number(number));
        }
        let mut id = begin;
        let (_, tail) = id.0.split_at_mut(6);
        random.fill(tail)?;
        // A quarter of the range at most, so that there is room to go up.
        if let Some(first) = tail.first_mut() {
            *first &= 0x3f;
        }
        Ok(id)
    }

    /// The id right after this one; `None` after the greatest.
    pub(crate) fn next(self) -> Option<Self> {
        (self.0 != [u8::MAX; 12]).then(|| Self::from_number(self.number().wrapping_add(1)))
    }

    /// When the event was, in milliseconds since 1970.
    #[must_use]
    pub fn millis(self) -> u64 {
        u64::try_from(self.number() >> 48).unwrap_or(0)
    }

    /// The least id of this millisecond.
    fn first_at(at: Timestamp) -> Self {
        Self::from_number(u128::from(at.as_millis().max(0).unsigned_abs()) << 48)
    }

    fn number(self) -> u128 {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = self.0;
        u128::from_be_bytes([0, 0, 0, 0, a, b, c, d, e, f, g, h, i, j, k, l])
    }

    fn from_number(number: u128) -> Self {
        let [_, _, _, _, id @ ..] = number.to_be_bytes();
        Self(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SeededRandom;

    #[test]
    fn an_id_starts_with_its_second_and_round_trips() {
        let random = SeededRandom::new(1);
        let id = UserId::generate(Timestamp::from_secs(0x6501_0203), &random).unwrap();
        assert!(id.to_string().starts_with("65010203"));
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn event_ids_are_in_the_order_in_which_they_were_given() {
        let (random, now) = (
            SeededRandom::new(1),
            Timestamp::from_millis(0x0190_0102_0304),
        );
        let mut ids = vec![EventId::generate(now, None, &random).unwrap()];
        for later in [0, 0, 0, 1, 1, 1000] {
            let at = Timestamp::from_millis(now.as_millis() + later);
            let id = EventId::generate(at, ids.last().copied(), &random).unwrap();
            assert_eq!(id.millis(), at.as_millis().unsigned_abs());
            assert!(id > *ids.last().unwrap());
            ids.push(id);
        }
        assert!(ids[0].to_string().starts_with("019001020304"));
        // Two processes do not give the same one.
        let other = EventId::generate(now, None, &random).unwrap();
        assert!(!ids.contains(&other));
    }

    #[test]
    fn an_event_of_before_1970_has_an_id_too() {
        let id = EventId::generate(Timestamp::MIN, None, &SeededRandom::new(1)).unwrap();
        assert_eq!(id.millis(), 0);
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "",
            "0",
            "65010203AABBCCDDEEFF0011",
            "65010203aabbccddeeff001",
            "zz010203aabbccddeeff0011",
            "65010203aabbccddeeff00112",
        ] {
            assert!(text.parse::<UserId>().is_err(), "{text}");
        }
    }
}
