//! JSON bodies, read strictly: no duplicate member at any depth, nothing after
//! the value, a bounded depth (ASVS 1.5.3).

use std::borrow::Cow;

use bytes::Bytes;
use http::{Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::answer::respond;
use super::problem::{Problem, ProblemCode};
use crate::json::document::{Fault, document};
use crate::members::{members_of, typed};

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;
    use crate::json::document::{BEYOND, MAX_DEPTH};

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
