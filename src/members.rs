//! The members of a request's body, read into its type, naming the one that is invalid.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::StringDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value, map};

/// Reads `object` as a `T`.
pub(crate) fn typed<T: DeserializeOwned>(object: Map<String, Value>) -> Result<T, Refusal> {
    let mut known: &[&str] = &[];
    let object = Object {
        members: object,
        known: &mut known,
    };
    T::deserialize(object)
}

/// The names of the members that a `T` has; none if it takes any.
#[cfg(feature = "http")]
pub(crate) fn members_of<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut known: &[&str] = &[];
    let nothing = Object {
        members: Map::new(),
        known: &mut known,
    };
    // What it makes of an object without members does not matter.
    let _ = T::deserialize(nothing);
    known
}

/// Why an object is not what it is read as.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It has a member with another name than these.
    Unknown(&'static [&'static str]),
    /// The value of this member is not of its type.
    Value(&'static str),
    /// This member is required.
    Missing(&'static str),
    Other,
}

impl Refusal {
    /// The sentence on it. It repeats nothing but the names of known members.
    pub(crate) fn detail(&self) -> Cow<'static, str> {
        match self {
            Self::Unknown(known) => {
                let names: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
                format!(
                    "The body has an unknown field. It may have: {}.",
                    names.join(", ")
                )
                .into()
            }
            Self::Value(name) => {
                format!("The field `{name}` has a value of the wrong type or form.").into()
            }
            Self::Missing(name) => format!("The field `{name}` is required.").into(),
            Self::Other => "The body does not have the required form.".into(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail())
    }
}

impl std::error::Error for Refusal {}

impl Error for Refusal {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Other
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }
}

/// An object that is read. Notes which members its type knows.
struct Object<'k> {
    members: Map<String, Value>,
    known: &'k mut &'static [&'static str],
}

impl<'de> Deserializer<'de> for Object<'_> {
    type Error = Refusal;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_map(Members {
            known: self.known,
            left: self.members.into_iter(),
            value: None,
        })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        *self.known = fields;
        let mut names = self.members.keys();
        match names.all(|name| fields.contains(&name.as_str())) {
            true => self.deserialize_any(visitor),
            false => Err(Refusal::Unknown(fields)),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct Members<'k> {
    known: &'k [&'static str],
    left: map::IntoIter,
    /// The name of the member that was read last, and its value until that is read.
    value: Option<(String, Value)>,
}

impl<'de> MapAccess<'de> for Members<'_> {
    type Error = Refusal;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Refusal> {
        let Some((name, value)) = self.left.next() else {
            return Ok(None);
        };
        let key: StringDeserializer<Refusal> = name.clone().into_deserializer();
        self.value = Some((name, value));
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Refusal> {
        let (name, value) = self.value.take().ok_or(Refusal::Other)?;
        let known = self.known.iter().find(|known| **known == name);
        seed.deserialize(value)
            .map_err(|_| known.map_or(Refusal::Other, |name| Refusal::Value(name)))
    }
}
