//! JSON objects of a user: preferences, which the user writes, and metadata, which the user
//! cannot write.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Number, Value};

use crate::json;

/// Largest size, in bytes of compact JSON.
pub const MAX_PREFERENCES_BYTES: usize = 16 * 1024;
/// Deepest nesting of objects and arrays.
pub const MAX_PREFERENCES_DEPTH: usize = 32;

/// Most values, counted at every depth: each takes far more memory than the
/// two bytes that it may be in JSON.
pub const MAX_PREFERENCES_VALUES: usize = 1024;

/// Why a JSON object is not accepted as preferences.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PreferencesError {
    /// More than [`MAX_PREFERENCES_BYTES`].
    #[error("are larger than 16 KiB")]
    TooLarge,
    /// More than [`MAX_PREFERENCES_VALUES`].
    #[error("have more than 1024 values")]
    TooMany,
    /// Nested deeper than [`MAX_PREFERENCES_DEPTH`].
    #[error("are nested deeper than 32 levels")]
    TooDeep,
    /// A key is empty, or has a `$`, a `.` or a NUL in it, which a database
    /// could read as an operator or a path.
    #[error("have a key that is empty or contains '$', '.' or NUL")]
    InvalidKey,
    /// A text has a NUL in it, which not every store can keep.
    #[error("have a text that contains NUL")]
    Nul,
    /// An integer outside the signed 64-bit range, which not every store can keep,
    /// or a number beyond the doubles.
    #[error("have an integer outside the signed 64-bit range, or a number that is too large")]
    NumberOutOfRange,
}

/// A JSON object of at most 16 KiB that the user writes, as by `PUT /profile`: nothing that
/// grants anything belongs here, but in [`Metadata`]. No database mistakes its keys for
/// operators, and it has no NUL. The service keeps it and never looks into it.
///
/// A number is an integer of 64 bits or a double, whatever features of `serde_json`
/// the program is built with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preferences(Map<String, Value>);

impl Preferences {
    /// Accepts `object` as it is, or not at all. What
    /// `serde_json/arbitrary_precision` keeps of a number beyond a double is
    /// rounded.
    ///
    /// # Errors
    ///
    /// [`PreferencesError`] says what is wrong with it.
    pub fn new(mut object: Map<String, Value>) -> Result<Self, PreferencesError> {
        let mut left = MAX_PREFERENCES_VALUES;
        check_object(&mut object, 1, &mut left)?;
        let size = serde_json::to_vec(&object).map_or(usize::MAX, |text| text.len());
        if size > MAX_PREFERENCES_BYTES {
            return Err(PreferencesError::TooLarge);
        }
        Ok(Self(object))
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

    /// Returns the object with `patch` applied as a merge patch (RFC 7396): a member
    /// replaces one of its name, `null` removes it, and objects are merged.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    pub fn merged(&self, patch: Map<String, Value>) -> Result<Self, PreferencesError> {
        // A check of the patch bounds the depth of the recursion.
        let mut left = MAX_PREFERENCES_VALUES;
        let mut patch = patch;
        check_object(&mut patch, 1, &mut left)?;
        let mut object = self.0.clone();
        json::merge(&mut object, patch);
        Self::new(object)
    }
}

/// A JSON object that the user cannot write: the place for a plan, a tenant or a reference to
/// the application's own records. The application writes it by
/// [`AuthService::set_metadata`](crate::service::AuthService::set_metadata), and
/// administrators with `users:create` write that of accounts that they create. Its bounds are
/// those of [`Preferences`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Metadata(Preferences);

impl Metadata {
    /// Accepts `object` as it is, or not at all.
    ///
    /// # Errors
    ///
    /// [`PreferencesError`].
    pub fn new(object: Map<String, Value>) -> Result<Self, PreferencesError> {
        Preferences::new(object).map(Self)
    }

    /// An object that a store read back. It is not checked again.
    #[must_use]
    pub fn from_store(object: Map<String, Value>) -> Self {
        Self(Preferences::from_store(object))
    }

    /// The object.
    #[must_use]
    pub fn as_map(&self) -> &Map<String, Value> {
        self.0.as_map()
    }

    /// Returns the object with `patch` applied as a merge patch (RFC 7396).
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    pub fn merged(&self, patch: Map<String, Value>) -> Result<Self, PreferencesError> {
        self.0.merged(patch).map(Self)
    }

    /// Only the members with the names in `keys`.
    #[must_use]
    pub(crate) fn only<'a>(&self, keys: impl IntoIterator<Item = &'a String>) -> Self {
        let member = |key: &String| self.as_map().get_key_value(key);
        let members = keys.into_iter().filter_map(member);
        Self::from_store(
            members
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        )
    }
}

impl Serialize for Preferences {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json::Plain(&self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Preferences {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Map::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

fn check_object(
    object: &mut Map<String, Value>,
    depth: usize,
    left: &mut usize,
) -> Result<(), PreferencesError> {
    if depth > MAX_PREFERENCES_DEPTH {
        return Err(PreferencesError::TooDeep);
    }
    for (key, value) in object {
        if key.is_empty() || key.contains(['$', '.', '\0']) {
            return Err(PreferencesError::InvalidKey);
        }
        check_value(value, depth, left)?;
    }
    Ok(())
}

/// Checks `value`, and counts it against the number that is `left`.
fn check_value(value: &mut Value, depth: usize, left: &mut usize) -> Result<(), PreferencesError> {
    *left = left.checked_sub(1).ok_or(PreferencesError::TooMany)?;
    match value {
        Value::Object(object) => check_object(object, depth + 1, left),
        Value::Array(_) if depth >= MAX_PREFERENCES_DEPTH => Err(PreferencesError::TooDeep),
        Value::Array(items) => items
            .iter_mut()
            .try_for_each(|item| check_value(item, depth + 1, left)),
        Value::Number(number) => {
            *number = plain(number).ok_or(PreferencesError::NumberOutOfRange)?;
            Ok(())
        }
        Value::String(text) if text.contains('\0') => Err(PreferencesError::Nul),
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
    }
}

/// The number as an integer that every store can keep, or as a double.
fn plain(number: &Number) -> Option<Number> {
    json::number(&number.to_string()).filter(|plain| plain.is_i64() || plain.is_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn accept(value: Value) -> Result<Preferences, PreferencesError> {
        Preferences::new(value.as_object().unwrap().clone())
    }

    #[test]
    fn an_ordinary_object_is_kept_as_it_is() {
        let value = json!({"level": "B2", "dark": true, "seen": [1, {"a": null}], "n": -1.5});
        assert_eq!(json!(accept(value.clone()).unwrap()), value);
    }

    #[test]
    fn asvs_1_2_4_operators_are_no_keys() {
        for value in [
            json!({"$set": 1}),
            json!({"a.b": 1}),
            json!({"a": [{"$gt": ""}]}),
            json!({"": 1}),
            json!({"a\0": 1}),
        ] {
            assert_eq!(accept(value), Err(PreferencesError::InvalidKey));
        }
    }

    #[test]
    fn a_nul_is_refused_wherever_it_is() {
        for value in [
            json!({"a": "\0"}),
            json!({"a": "before\0after"}),
            json!({"a": [1, {"b": ["\0"]}]}),
        ] {
            assert_eq!(accept(value), Err(PreferencesError::Nul));
        }
        assert!(accept(json!({"a": "\\0 \\u0000 \u{1}\r\n"})).is_ok());
    }

    #[test]
    fn size_depth_and_range_are_bounded() {
        // {"a":"…"} has eight bytes besides the text.
        assert!(accept(json!({"a": "x".repeat(16 * 1024 - 8)})).is_ok());
        assert_eq!(
            accept(json!({"a": "x".repeat(16 * 1024 - 7)})),
            Err(PreferencesError::TooLarge)
        );
        let nested = |levels: usize| (1..levels).fold(json!({}), |inner, _| json!({"a": inner}));
        assert!(accept(nested(32)).is_ok());
        assert_eq!(accept(nested(33)), Err(PreferencesError::TooDeep));
        let lists =
            |levels: usize| json!({"a": (2..levels).fold(json!([]), |inner, _| json!([inner]))});
        assert!(accept(lists(32)).is_ok());
        assert_eq!(accept(lists(33)), Err(PreferencesError::TooDeep));
        let many = |values: usize| json!({"a": vec![0; values - 1]});
        assert!(accept(many(1024)).is_ok());
        assert_eq!(accept(many(1025)), Err(PreferencesError::TooMany));
        assert_eq!(
            accept(json!({"a": u64::MAX})),
            Err(PreferencesError::NumberOutOfRange)
        );
        assert!(accept(json!({"a": i64::MIN})).is_ok());
    }
}
