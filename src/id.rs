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
            /// A new id from the time and 64 random bits.
            ///
            /// # Errors
            ///
            /// [`RandomError`] when the source of randomness fails.
            pub fn generate(now: Timestamp, random: &dyn SecureRandom) -> Result<Self, RandomError> {
                generate(now, random).map(Self)
            }

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

id! {
    /// Identifies a user, for good: it never changes and is never used again.
    UserId
}
id! {
    /// Identifies a session. Not a secret: what authenticates is the token.
    SessionId
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
