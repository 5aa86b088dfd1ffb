//! Fields that the application adds to a registration.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::error::Cause;
use crate::json;
use crate::preferences::{Preferences, PreferencesError};

/// The largest size, in bytes of compact JSON.
pub const MAX_EXTRA_BYTES: usize = 2048;

/// The member `extra` of a registration: a JSON object that the application's
/// [`RegistrationExtra`](crate::service::RegistrationExtra) has accepted. Empty by default.
///
/// It has at most 2 KiB, and the bounds of [`Preferences`]. Redacted in `Debug`.
#[derive(Clone, Default, PartialEq)]
pub struct Extra(Map<String, Value>);

/// Why a JSON object is not accepted as extra fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExtraError {
    /// More than [`MAX_EXTRA_BYTES`].
    #[error("are larger than 2 KiB")]
    TooLarge,
    /// A bound of [`Preferences`].
    #[error(transparent)]
    Object(#[from] PreferencesError),
}

impl Extra {
    /// Accepts `object` as it is, or not at all.
    ///
    /// # Errors
    ///
    /// [`ExtraError`].
    pub fn new(object: Map<String, Value>) -> Result<Self, ExtraError> {
        let object = Preferences::new(object)?;
        let size = serde_json::to_vec(&object).map_or(usize::MAX, |text| text.len());
        match size <= MAX_EXTRA_BYTES {
            true => Ok(Self(object.as_map().clone())),
            false => Err(ExtraError::TooLarge),
        }
    }

    /// An object that a store read back. It is not checked again.
    #[must_use]
    pub fn from_store(object: Map<String, Value>) -> Self {
        Self(object)
    }

    /// The object.
    #[must_use]
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Returns `true` if the object has no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads the object as a `T`, the application's own type.
    ///
    /// # Errors
    ///
    /// The error of serde. It occurs if the type has changed since the object was accepted: a
    /// registration may wait for its link for days.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Cause> {
        Ok(T::deserialize(Value::Object(self.0.clone()))?)
    }
}

impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Extra([redacted])")
    }
}

impl Serialize for Extra {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json::Plain(&self.0).serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn extra(value: &Value) -> Result<Extra, ExtraError> {
        Extra::new(value.as_object().cloned().unwrap_or_default())
    }

    #[test]
    fn the_size_is_bounded() {
        // {"a":"…"} has eight bytes besides the text.
        assert!(extra(&json!({"a": "x".repeat(2040)})).is_ok());
        let large = extra(&json!({"a": "x".repeat(2041)}));
        assert_eq!(large, Err(ExtraError::TooLarge));
    }

    #[test]
    fn keys_and_texts_are_bounded_as_preferences_are() {
        for value in [
            json!({"$set": 1}),
            json!({"a": "\0"}),
            json!({"a": u64::MAX}),
        ] {
            assert!(
                matches!(extra(&value), Err(ExtraError::Object(_))),
                "{value}"
            );
        }
    }

    #[test]
    fn debug_shows_nothing_of_it() {
        let shown = format!("{:?}", extra(&json!({"code": "welcome-7"})));
        assert!(!shown.contains("welcome"), "{shown}");
    }
}
