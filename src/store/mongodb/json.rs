//! Preferences: from JSON to BSON and back to the same JSON.

use ::mongodb::bson::{Bson, Document};
use serde_json::{Map, Number, Value};

/// The object as a document, with the types that a reader in another language
/// expects: integers as 32 bits where they fit and 64 where not.
pub(super) fn to_document(object: &Map<String, Value>) -> Document {
    object
        .iter()
        .map(|(key, value)| (key.clone(), to_bson(value)))
        .collect()
}

fn to_bson(value: &Value) -> Bson {
    match value {
        Value::Null => Bson::Null,
        Value::Bool(flag) => Bson::Boolean(*flag),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => i32::try_from(whole).map_or(Bson::Int64(whole), Bson::Int32),
            None => number.as_f64().map_or(Bson::Null, Bson::Double),
        },
        Value::String(text) => Bson::String(text.clone()),
        Value::Array(items) => Bson::Array(items.iter().map(to_bson).collect()),
        Value::Object(object) => Bson::Document(to_document(object)),
    }
}

/// The document as an object; `None` when another program has put something
/// there that JSON does not have.
pub(super) fn to_object(document: &Document) -> Option<Map<String, Value>> {
    document
        .iter()
        .map(|(key, value)| Some((key.clone(), to_json(value)?)))
        .collect()
}

fn to_json(value: &Bson) -> Option<Value> {
    Some(match value {
        Bson::Null => Value::Null,
        Bson::Boolean(flag) => Value::Bool(*flag),
        Bson::Int32(whole) => Value::Number((*whole).into()),
        Bson::Int64(whole) => Value::Number((*whole).into()),
        Bson::Double(number) => Value::Number(Number::from_f64(*number)?),
        Bson::String(text) => Value::String(text.clone()),
        Bson::Array(items) => Value::Array(items.iter().map(to_json).collect::<Option<_>>()?),
        Bson::Document(document) => Value::Object(to_object(document)?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(|n| Value::Number(n.into())),
            any::<i32>().prop_map(|n| Value::Number(n.into())),
            prop::num::f64::NORMAL.prop_map(Value::from),
            Just(Value::from(1.0)),
            Just(Value::from(-0.0)),
            "\\PC*".prop_map(Value::String),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::vec(("\\PC{1,5}", inner), 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(value in values()) {
            let object: Map<String, Value> = [("a".to_owned(), value)].into_iter().collect();
            let back = to_object(&to_document(&object)).unwrap();
            prop_assert_eq!(serde_json::to_string(&back).unwrap(), serde_json::to_string(&object).unwrap());
        }
    }

    #[test]
    fn what_json_does_not_have_is_refused() {
        for value in [Bson::Double(f64::NAN), Bson::Undefined, Bson::MaxKey] {
            let document = [("a".to_owned(), value)].into_iter().collect();
            assert_eq!(to_object(&document), None);
        }
    }
}
