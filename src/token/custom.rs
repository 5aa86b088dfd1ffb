//! Claims of the application in access tokens.

use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::json;
use crate::preferences::Preferences;

/// The largest size of all of them, in bytes of compact JSON.
pub const MAX_CUSTOM_CLAIMS_BYTES: usize = 1024;

/// The longest name, in bytes.
const MAX_NAME_BYTES: usize = 128;

/// Claims that an application adds to access tokens.
///
/// Each name has a `:` or a `/`, as in `exam:class` or `https://example.org/plan`: a name
/// that no other party uses (RFC 7519, §4.2). So none is ever that of a registered claim,
/// such as `nbf`, or of one that a later version adds. A token with another claim is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomClaims(Map<String, Value>);

/// Why claims are not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidClaims {
    /// The name of a claim has neither `:` nor `/`, is longer than 128 bytes, or has a
    /// control character.
    #[error("the name of a claim has no `:` or `/`, is too long, or has a control character")]
    Name,
    /// Together, they are larger than [`MAX_CUSTOM_CLAIMS_BYTES`].
    #[error("the claims are larger than 1 KiB")]
    TooLarge,
    /// A value breaks a bound of [`Preferences`], such as the range of integers.
    #[error("the value of a claim is not allowed")]
    Value,
}

impl CustomClaims {
    /// Accepts `claims` as they are, or not at all.
    ///
    /// # Errors
    ///
    /// [`InvalidClaims`].
    pub fn new(claims: Map<String, Value>) -> Result<Self, InvalidClaims> {
        let mut accepted = Map::new();
        for (name, value) in claims {
            if !is_claim_name(&name) {
                return Err(InvalidClaims::Name);
            }
            // The names are free of its rules, the values are not.
            let one = Map::from_iter([("value".to_owned(), value)]);
            let one = Preferences::new(one).map_err(|_| InvalidClaims::Value)?;
            let value = one.as_map().get("value").cloned().unwrap_or_default();
            accepted.insert(name, value);
        }
        let claims = Self(accepted);
        let size = serde_json::to_vec(&claims).map_or(usize::MAX, |text| text.len());
        match size <= MAX_CUSTOM_CLAIMS_BYTES {
            true => Ok(claims),
            false => Err(InvalidClaims::TooLarge),
        }
    }

    /// As large as they may be.
    pub(crate) fn largest() -> Self {
        let name = "x:".to_owned();
        let room = MAX_CUSTOM_CLAIMS_BYTES.saturating_sub(r#"{"x:":""}"#.len());
        Self(Map::from_iter([(name, Value::String("x".repeat(room)))]))
    }

    /// The claims.
    #[must_use]
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }
}

fn is_claim_name(name: &str) -> bool {
    name.len() <= MAX_NAME_BYTES
        && name.contains([':', '/'])
        && !name.contains(|letter: char| letter.is_control())
}

impl Serialize for CustomClaims {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json::Plain(&self.0).serialize(serializer)
    }
}

/// Reads the claims of a token that are not this crate's own.
impl<'de> Deserialize<'de> for CustomClaims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = CustomClaims;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("claims of the application")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut members: A,
            ) -> Result<CustomClaims, A::Error> {
                let mut claims = Map::new();
                while let Some((name, value)) = members.next_entry::<String, Value>()? {
                    if !is_claim_name(&name) || claims.insert(name, value).is_some() {
                        return Err(A::Error::custom("an unknown or repeated claim"));
                    }
                }
                Ok(CustomClaims(claims))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn accept(value: &Value) -> Result<CustomClaims, InvalidClaims> {
        CustomClaims::new(value.as_object().cloned().unwrap_or_default())
    }

    #[test]
    fn a_name_is_one_that_no_registered_claim_has() {
        let longest = format!("a:{}", "b".repeat(126));
        for name in ["exam:class", "https://example.org/plan", "a/b", &longest] {
            assert!(accept(&json!({ name: 1 })).is_ok(), "{name}");
        }
        let long = format!("a:{}", "b".repeat(127));
        for name in ["nbf", "admin", "exp", "", "a:\n", "a:\0", &long] {
            assert_eq!(
                accept(&json!({ name: 1 })),
                Err(InvalidClaims::Name),
                "{name}"
            );
        }
    }

    #[test]
    fn size_and_values_are_bounded() {
        let largest = CustomClaims::largest();
        let size = serde_json::to_vec(&largest).unwrap_or_default().len();
        assert_eq!(size, MAX_CUSTOM_CLAIMS_BYTES);
        assert!(CustomClaims::new(largest.as_map().clone()).is_ok());
        let beyond = json!({ "x:": "x".repeat(MAX_CUSTOM_CLAIMS_BYTES - 8) });
        assert_eq!(accept(&beyond), Err(InvalidClaims::TooLarge));
        assert_eq!(
            accept(&json!({ "a:b": u64::MAX })),
            Err(InvalidClaims::Value)
        );
        let kept = json!({ "a:b": [1, -2.5, null, { "c": "d" }] });
        assert_eq!(accept(&kept).map(|claims| json!(claims)), Ok(kept));
    }
}
