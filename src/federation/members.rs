//! The members of a JSON object that a provider sent.

use std::time::Duration;

use serde_json::{Map, Value};

use super::error::Fault;
use crate::time::Timestamp;

/// Longest value that is kept of what describes a person, in bytes.
const MAX_TEXT_BYTES: usize = 1024;

/// A JSON object, read member by member. A member that is `null` is of the wrong type where
/// a rule rests on it, and absent where it only describes a person.
#[derive(Clone, Copy)]
pub(super) struct Members<'a>(&'a Map<String, Value>);

impl<'a> Members<'a> {
    pub(super) fn of(value: &'a Value) -> Result<Self, Fault> {
        value.as_object().map(Self).ok_or(Fault::Json)
    }

    pub(super) fn value(self, name: &str) -> Option<&'a Value> {
        self.0.get(name)
    }

    pub(super) fn has(self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A required text.
    pub(super) fn text(self, name: &'static str) -> Result<&'a str, Fault> {
        self.some_text(name)?.ok_or(Fault::Member(name))
    }

    /// A text that may be absent.
    pub(super) fn some_text(self, name: &'static str) -> Result<Option<&'a str>, Fault> {
        let read = |value: &'a Value| value.as_str().ok_or(Fault::Member(name));
        self.value(name).map(read).transpose()
    }

    /// A boolean that is `false` when it is absent.
    pub(super) fn flag(self, name: &'static str) -> Result<bool, Fault> {
        let read = |value: &Value| value.as_bool().ok_or(Fault::Member(name));
        self.value(name).map_or(Ok(false), read)
    }

    /// A required list.
    pub(super) fn list(self, name: &'static str) -> Result<&'a [Value], Fault> {
        let value = self.value(name).and_then(Value::as_array);
        value.map(Vec::as_slice).ok_or(Fault::Member(name))
    }

    /// A required `NumericDate` (RFC 7519 §2).
    pub(super) fn time(self, name: &'static str) -> Result<Timestamp, Fault> {
        self.some_time(name)?.ok_or(Fault::Member(name))
    }

    /// A `NumericDate` that may be absent.
    pub(super) fn some_time(self, name: &'static str) -> Result<Option<Timestamp>, Fault> {
        let read = |value| numeric_date(value).ok_or(Fault::Member(name));
        self.value(name).map(read).transpose()
    }

    /// What describes a person: a text that is not blank and not too long, if there is one.
    pub(super) fn description(self, name: &str) -> Option<&'a str> {
        description(self.value(name)?)
    }
}

/// See [`Members::description`].
pub(super) fn description(value: &Value) -> Option<&str> {
    let text = value.as_str()?.trim();
    (!text.is_empty() && text.len() <= MAX_TEXT_BYTES).then_some(text)
}

/// Seconds since the Unix epoch, possibly with a fraction, up to the year 9999.
fn numeric_date(value: &Value) -> Option<Timestamp> {
    let moment = match value.as_i64() {
        Some(seconds) => Duration::from_secs(u64::try_from(seconds).ok()?),
        None if value.is_f64() => Duration::try_from_secs_f64(value.as_f64()?).ok()?,
        None => return None,
    };
    let millis = i64::try_from(moment.as_millis()).ok()?;
    (millis <= Timestamp::MAX.as_millis()).then_some(Timestamp::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn asvs_9_2_1_a_time_is_a_number_of_seconds_before_the_year_10000() {
        for (value, millis) in [
            (json!(0), 0),
            (json!(1_767_225_600), 1_767_225_600_000),
            (json!(1.5), 1500),
            (json!(253_402_300_799_u64), 253_402_300_799_000),
        ] {
            assert_eq!(
                numeric_date(&value),
                Some(Timestamp::from_millis(millis)),
                "{value}"
            );
        }
        for value in [
            json!(-1),
            json!(-0.5),
            json!(253_402_300_800_u64),
            json!(i64::MAX),
            json!(u64::MAX),
            json!(1e300),
            json!("1767225600"),
            json!(null),
            json!(true),
            json!([1]),
        ] {
            assert_eq!(numeric_date(&value), None, "{value}");
        }
    }

    #[test]
    fn a_member_of_the_wrong_type_is_not_absent() {
        let value = json!({"a": null, "b": 1, "c": "x", "d": "true"});
        let members = Members::of(&value).unwrap();
        assert_eq!(members.some_text("z"), Ok(None));
        assert_eq!(members.some_text("c"), Ok(Some("x")));
        for name in ["a", "b"] {
            assert_eq!(members.some_text(name), Err(Fault::Member(name)));
            assert_eq!(members.description(name), None);
        }
        assert_eq!(members.flag("z"), Ok(false));
        for name in ["a", "b", "d"] {
            assert_eq!(members.flag(name), Err(Fault::Member(name)));
        }
    }
}
