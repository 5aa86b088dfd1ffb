//! JSON values that are the same however `serde_json` is built.
//!
//! Cargo builds one `serde_json` for a whole program, with the features that any
//! crate in it asks for. With `arbitrary_precision` a number is its text, which
//! only `serde_json` itself reads and writes as a number; without
//! `float_roundtrip` it reads some decimals as their neighbours.

#[cfg(any(feature = "federation", feature = "http"))]
pub(crate) mod document;

use serde::ser::{SerializeMap, Serializer};
use serde::{Serialize, ser};
use serde_json::{Map, Number, Value};

/// The number that `text` is in JSON: a whole one that fits 64 bits, or a double
/// for everything with a point or an exponent. `None` for whole numbers that do not
/// fit, for what is beyond the doubles, and for what is no number.
pub(crate) fn number(text: &str) -> Option<Number> {
    if text == "-0" {
        return Number::from_f64(-0.0);
    }
    if text.contains(['.', 'e', 'E']) {
        return Number::from_f64(text.parse().ok()?);
    }
    let whole = text.parse::<i64>().map(Number::from);
    whole
        .or_else(|_| text.parse::<u64>().map(Number::from))
        .ok()
}

/// Applies `patch` to `object` as a merge patch (RFC 7396, §2).
pub(crate) fn merge(object: &mut Map<String, Value>, patch: Map<String, Value>) {
    for (name, value) in patch {
        match value {
            Value::Null => drop(object.remove(&name)),
            Value::Object(patch) => {
                let member = object.entry(name).or_insert(Value::Null);
                if !member.is_object() {
                    *member = Value::Object(Map::new());
                }
                if let Value::Object(member) = member {
                    merge(member, patch);
                }
            }
            value => drop(object.insert(name, value)),
        }
    }
}

/// Writes an object with its numbers as those of the data model, for every format.
pub(crate) struct Plain<'a>(pub(crate) &'a Map<String, Value>);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            members.serialize_entry(name, &PlainValue(value))?;
        }
        members.end()
    }
}

struct PlainValue<'a>(&'a Value);

impl Serialize for PlainValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(object) => Plain(object).serialize(serializer),
            Value::Array(items) => serializer.collect_seq(items.iter().map(PlainValue)),
            Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(whole), ..) => serializer.serialize_i64(whole),
                (_, Some(whole), _) => serializer.serialize_u64(whole),
                (.., Some(double)) => serializer.serialize_f64(double),
                _ => Err(ser::Error::custom("a number beyond the doubles")),
            },
            plain => plain.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 7396, appendix A, whose target and patch are objects.
    #[test]
    fn a_merge_patch_is_that_of_rfc_7396() {
        for (target, patch, result) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (
                r#"{"a":{"b":"c"}}"#,
                r#"{"a":{"b":"d","c":null}}"#,
                r#"{"a":{"b":"d"}}"#,
            ),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ] {
            let read = |text: &str| serde_json::from_str::<Map<_, _>>(text).unwrap();
            let mut object = read(target);
            merge(&mut object, read(patch));
            assert_eq!(object, read(result), "{target} {patch}");
        }
    }

    #[test]
    fn numbers_are_whole_ones_of_64_bits_or_doubles() {
        for (text, read) in [
            ("0", Number::from(0)),
            ("-9223372036854775808", Number::from(i64::MIN)),
            ("18446744073709551615", Number::from(u64::MAX)),
        ] {
            assert_eq!(number(text), Some(read), "{text}");
        }
        for (text, read) in [
            ("-0", -0.0_f64),
            ("0.1", 0.1),
            ("1.0", 1.0),
            ("1E2", 100.0),
            ("5e-324", 5e-324),
            ("1.7976931348623157e308", f64::MAX),
            ("18446744073709551616.0", 18_446_744_073_709_551_616.0),
            // Not read exactly by `serde_json` without `float_roundtrip`.
            ("5.1e-306", 5.1e-306),
            ("1.2345678901234567e-200", 1.234_567_890_123_456_7e-200),
        ] {
            let double = number(text).and_then(|number| number.as_f64());
            assert_eq!(double.map(f64::to_bits), Some(read.to_bits()), "{text}");
        }
        for text in [
            "18446744073709551616",
            "-9223372036854775809",
            "123456789012345678901234567890",
            "1e400",
            "-1e400",
            "NaN",
            "Infinity",
            "inf",
            "",
        ] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
