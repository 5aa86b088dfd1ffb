//! JSON bodies, read strictly: no duplicate member at any depth, nothing after
//! the value, a bounded depth (ASVS 1.5.3).
//!
//! The structure is read here and not by `serde_json`, so that numbers are seen as
//! they are written: what `serde_json` makes of them depends on the features that
//! other crates of the program give it.

use std::borrow::Cow;

use bytes::Bytes;
use http::{Response, StatusCode};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Map, Value};

use super::answer::respond;
use super::problem::{Problem, ProblemCode};
use crate::json;
use crate::members::{members_of, typed};

/// Deepest nesting of a body.
const MAX_DEPTH: usize = 128;

/// How names begin that `serde_json` keeps for itself. Whether it reads one as a
/// member depends on its features.
const RESERVED: &str = "$serde_json::private::";

/// What stands for a number that fits neither 64 bits nor a double. No field takes it:
/// those of a request are smaller, and preferences have signed integers.
const BEYOND: u64 = u64::MAX;

/// Reads a request's body. A problem names the field that is wrong, if the field is one of
/// `T`'s: nothing else that the client has sent is repeated.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let malformed = |detail| Problem::new(ProblemCode::MalformedRequest).detail(detail);
    let value = document(body).map_err(|fault| malformed(fault.detail(members_of::<T>())))?;
    let Value::Object(object) = value else {
        return Err(malformed(Cow::Borrowed("The body is not a JSON object.")));
    };
    typed(object).map_err(|refusal| malformed(refusal.detail()))
}

pub(super) fn write(value: &impl Serialize) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(value).map_err(|_| Problem::new(ProblemCode::Internal))
}

/// An answer with a JSON body.
pub(super) fn answer(
    status: StatusCode,
    answer: &impl Serialize,
) -> Result<Response<Bytes>, Problem> {
    Ok(respond(status, "application/json", write(answer)?))
}

/// What is wrong with a body.
#[derive(Clone, Debug, PartialEq)]
enum Fault {
    Syntax,
    /// An object has this member twice.
    Duplicate(String),
    Depth,
    Reserved,
}

impl Fault {
    /// The sentence on it, for a body with the fields `known`.
    fn detail(&self, known: &[&str]) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Syntax => "The body is not valid JSON.",
            Self::Duplicate(name) if known.contains(&name.as_str()) => {
                return format!("The body has the field `{name}` twice.").into();
            }
            Self::Duplicate(_) => "The body has an object with the same member twice.",
            Self::Depth => "The body is nested too deeply.",
            Self::Reserved => "The body has a member with a reserved name.",
        })
    }
}

/// The one value that `body` is.
fn document(body: &[u8]) -> Result<Value, Fault> {
    let rest = str::from_utf8(body).map_err(|_| Fault::Syntax)?;
    let mut reader = Reader { rest };
    let value = reader.value(MAX_DEPTH)?;
    reader.blank();
    match reader.rest.is_empty() {
        true => Ok(value),
        false => Err(Fault::Syntax),
    }
}

/// What is left to be read.
struct Reader<'t> {
    rest: &'t str,
}

impl<'t> Reader<'t> {
    /// A value that has up to `depth` levels of objects and arrays.
    fn value(&mut self, depth: usize) -> Result<Value, Fault> {
        self.blank();
        match self.rest.bytes().next() {
            Some(b'{' | b'[') if depth == 0 => Err(Fault::Depth),
            Some(b'{') => self.object(depth - 1).map(Value::Object),
            Some(b'[') => self.array(depth - 1).map(Value::Array),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Map<String, Value>, Fault> {
        let mut object = Map::new();
        self.expect("{")?;
        if self.takes("}") {
            return Ok(object);
        }
        loop {
            self.blank();
            let name = self.string()?;
            if name.starts_with(RESERVED) {
                return Err(Fault::Reserved);
            }
            self.expect(":")?;
            let value = self.value(depth)?;
            if object.contains_key(&name) {
                return Err(Fault::Duplicate(name));
            }
            object.insert(name, value);
            if !self.takes(",") {
                self.expect("}")?;
                return Ok(object);
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Vec<Value>, Fault> {
        let mut items = Vec::new();
        self.expect("[")?;
        if self.takes("]") {
            return Ok(items);
        }
        loop {
            items.push(self.value(depth)?);
            if !self.takes(",") {
                self.expect("]")?;
                return Ok(items);
            }
        }
    }

    fn string(&mut self) -> Result<String, Fault> {
        let mut is_escaped = false;
        let ends = |byte| {
            let ends = byte == b'"' && !is_escaped;
            is_escaped = byte == b'\\' && !is_escaped;
            ends
        };
        let inner = self.rest.strip_prefix('"').ok_or(Fault::Syntax)?;
        let length = inner.bytes().position(ends).ok_or(Fault::Syntax)?;
        // With both quotes.
        let text = self.cut(length + 2)?;
        serde_json::from_str(text).map_err(|_| Fault::Syntax)
    }

    fn number(&mut self) -> Result<Value, Fault> {
        let goes_on = |byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let length = self.rest.bytes().take_while(|byte| goes_on(*byte)).count();
        let text = self.cut(length)?;
        serde_json::from_str::<IgnoredAny>(text).map_err(|_| Fault::Syntax)?;
        Ok(Value::Number(json::number(text).unwrap_or(BEYOND.into())))
    }

    fn word(&mut self) -> Result<Value, Fault> {
        let words = [
            ("null", Value::Null),
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
        ];
        let found = words.into_iter().find(|(word, _)| self.takes(word));
        found.map(|(_, value)| value).ok_or(Fault::Syntax)
    }

    fn cut(&mut self, length: usize) -> Result<&'t str, Fault> {
        let (text, rest) = self.rest.split_at_checked(length).ok_or(Fault::Syntax)?;
        self.rest = rest;
        Ok(text)
    }

    fn expect(&mut self, token: &str) -> Result<(), Fault> {
        match self.takes(token) {
            true => Ok(()),
            false => Err(Fault::Syntax),
        }
    }

    /// Goes past `token`, if it comes next.
    fn takes(&mut self, token: &str) -> bool {
        self.blank();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn blank(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn asvs_1_5_3_duplicate_members_are_refused_at_any_depth() {
        assert!(read::<Value>(br#"{"a":{"b":[1,-2,1.5,null,true,"x"]}}"#).is_ok());
        for body in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            r#"{"a":[{"b":1,"b":2}]}"#,
            r#"{"a":1,"\u0061":2}"#,
        ] {
            assert!(read::<Value>(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn what_is_not_one_json_object_is_refused() {
        let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
        for body in [
            "",
            "{",
            "[]",
            "1",
            "null",
            "{} {}",
            "{}x",
            "\u{feff}{}",
            &deep,
        ] {
            assert!(read::<Value>(body.as_bytes()).is_err(), "{body}");
        }
        assert!(read::<Value>(b"{\"a\":\"\xff\"}").is_err());
        assert!(read::<Value>(br#"{"a":"\ud800"}"#).is_err());
    }

    #[test]
    fn what_is_wrong_is_said() {
        let nested = |levels| format!("{{\"a\":{}1{}}}", "[".repeat(levels), "]".repeat(levels));
        for (body, fault) in [
            ("{", Fault::Syntax),
            (r#"{"a":1,"a":1}"#, Fault::Duplicate("a".to_owned())),
            (&nested(MAX_DEPTH), Fault::Depth),
            (
                r#"{"a":{"$serde_json::private::Number":"2.5"}}"#,
                Fault::Reserved,
            ),
            (
                r#"{"a":{"$serde_json::private::RawValue":"[1]"}}"#,
                Fault::Reserved,
            ),
        ] {
            assert_eq!(document(body.as_bytes()), Err(fault), "{body}");
        }
        assert!(document(nested(MAX_DEPTH - 1).as_bytes()).is_ok());
        for number in ["1e400", "18446744073709551616", "-9223372036854775809"] {
            let body = format!(r#"{{"a":{number}}}"#);
            assert_eq!(
                document(body.as_bytes()),
                Ok(serde_json::json!({ "a": BEYOND }))
            );
            assert!(read::<crate::preferences::Preferences>(body.as_bytes()).is_err());
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            prop::num::f64::NORMAL.prop_map(Value::from),
            "\\PC*|[\\x00-\\x7f]*".prop_map(Value::String),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::btree_map("\\PC{0,5}", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(value in values(), is_pretty in any::<bool>()) {
            let text = match is_pretty {
                true => serde_json::to_string_pretty(&value).unwrap(),
                false => value.to_string(),
            };
            prop_assert_eq!(document(text.as_bytes()), Ok(value));
        }

        #[test]
        fn what_is_taken_is_json_and_what_is_called_broken_is_not(
            value in values(),
            place in any::<prop::sample::Index>(),
            other in prop::sample::select(&br#"{}[]",:\-+.e0192 ntu/"#[..]),
            is_cut in any::<bool>(),
        ) {
            let mut text = value.to_string().into_bytes();
            let place = place.index(text.len());
            text[place] = other;
            if is_cut {
                text.truncate(place + 1);
            }
            let shown = String::from_utf8_lossy(&text).into_owned();
            match document(&text) {
                Ok(_) => prop_assert!(serde_json::from_slice::<IgnoredAny>(&text).is_ok(), "{shown}"),
                Err(Fault::Syntax) => {
                    prop_assert!(serde_json::from_slice::<Value>(&text).is_err(), "{shown}");
                }
                Err(_) => {}
            }
        }
    }
}
