//! Reading records, with a word on what is wrong with a corrupt one.

use std::fmt;

use ::mongodb::bson::oid::ObjectId;
use ::mongodb::bson::spec::BinarySubtype;
use ::mongodb::bson::{Binary, Bson, DateTime, Document};

use crate::store::{Cause, StoreError};
use crate::time::Timestamp;

/// The version of the documents that are written. A reader takes this one and,
/// once there are any, the ones before it; fields that it does not know it
/// leaves alone. It goes up only when readers of the version before must not
/// read what is written now (docs/mongodb.md, "Rolling upgrades").
pub(super) const SCHEMA: i32 = 1;

/// The instant as a BSON date, which is in milliseconds too.
pub(super) fn date(at: Timestamp) -> DateTime {
    DateTime::from_millis(at.as_millis())
}

/// An optional instant: a date or null.
pub(super) fn optional_date(at: Option<Timestamp>) -> Bson {
    at.map_or(Bson::Null, |at| Bson::DateTime(date(at)))
}

/// The bytes as a BSON binary of the generic kind.
pub(super) fn binary(bytes: &[u8]) -> Binary {
    Binary {
        subtype: BinarySubtype::Generic,
        bytes: bytes.to_vec(),
    }
}

/// The bytes of a BSON binary of the generic kind; `None` when it is something
/// else or of another length.
pub(super) fn bytes<const N: usize>(value: &Bson) -> Option<[u8; N]> {
    match value {
        Bson::Binary(Binary {
            subtype: BinarySubtype::Generic,
            bytes,
        }) => bytes.as_slice().try_into().ok(),
        _ => None,
    }
}

/// The batch size that lets up to `limit` records come in one answer, with room
/// for the end of them. The driver refuses one of more than 31 bits.
pub(super) fn batch(limit: usize) -> u32 {
    match u32::try_from(limit) {
        Ok(limit) if limit < i32::MAX.unsigned_abs() => limit + 1,
        _ => 1000,
    }
}

/// A record of which one field after the other is read. What is missing or of
/// another type makes it [`StoreError::Corrupt`], with its kind and id.
pub(super) struct Record<'a> {
    kind: &'static str,
    id: Option<&'a Bson>,
    /// The field of the whole record that these fields are in, if they are in one.
    within: Option<&'static str>,
    fields: &'a Document,
}

impl<'a> Record<'a> {
    /// Begins to read `fields`, which are of a version that is known.
    pub(super) fn new(kind: &'static str, fields: &'a Document) -> Result<Self, StoreError> {
        let record = Self::unversioned(kind, fields);
        match record.count("schema") {
            Ok(version) if version == u64::from(SCHEMA.unsigned_abs()) => Ok(record),
            Ok(_) => Err(record.corrupt("schema", "is a version that is not known here")),
            Err(error) => Err(error),
        }
    }

    /// The same for a kind of record that has no versions.
    pub(super) fn unversioned(kind: &'static str, fields: &'a Document) -> Self {
        Self {
            kind,
            id: fields.get("_id"),
            within: None,
            fields,
        }
    }

    /// The object in `field`, to be read in the same way; `None` when there is
    /// no such field.
    pub(super) fn optional_part(&self, field: &'static str) -> Result<Option<Self>, StoreError> {
        if !self.fields.contains_key(field) {
            return Ok(None);
        }
        Ok(Some(Self {
            within: Some(field),
            fields: self.object(field)?,
            ..*self
        }))
    }

    pub(super) fn id(&self, field: &'static str) -> Result<[u8; 12], StoreError> {
        match self.fields.get(field) {
            Some(Bson::ObjectId(id)) => Ok(id.bytes()),
            other => Err(self.unexpected(field, other, "an ObjectId")),
        }
    }

    /// The same, or `None` where it is null.
    pub(super) fn optional_id(&self, field: &'static str) -> Result<Option<[u8; 12]>, StoreError> {
        match self.fields.get(field) {
            Some(Bson::Null) => Ok(None),
            _ => self.id(field).map(Some),
        }
    }

    pub(super) fn bytes<const N: usize>(&self, field: &'static str) -> Result<[u8; N], StoreError> {
        let found = self.fields.get(field);
        found
            .and_then(bytes)
            .ok_or_else(|| self.unexpected(field, found, "a binary of the right length"))
    }

    pub(super) fn text(&self, field: &'static str) -> Result<&'a str, StoreError> {
        match self.fields.get(field) {
            Some(Bson::String(text)) => Ok(text),
            other => Err(self.unexpected(field, other, "a string")),
        }
    }

    pub(super) fn optional_text(&self, field: &'static str) -> Result<Option<&'a str>, StoreError> {
        match self.fields.get(field) {
            Some(Bson::Null) => Ok(None),
            _ => self.text(field).map(Some),
        }
    }

    pub(super) fn instant(&self, field: &'static str) -> Result<Timestamp, StoreError> {
        match self.fields.get(field) {
            Some(Bson::DateTime(at)) => Ok(Timestamp::from_millis(at.timestamp_millis())),
            other => Err(self.unexpected(field, other, "a date")),
        }
    }

    pub(super) fn optional_instant(
        &self,
        field: &'static str,
    ) -> Result<Option<Timestamp>, StoreError> {
        match self.fields.get(field) {
            Some(Bson::Null) => Ok(None),
            _ => self.instant(field).map(Some),
        }
    }

    /// A whole number that is not negative, of either integer type: other
    /// programs write small ones as 32 bits.
    pub(super) fn count(&self, field: &'static str) -> Result<u64, StoreError> {
        let number = match self.fields.get(field) {
            Some(Bson::Int64(number)) => *number,
            Some(Bson::Int32(number)) => i64::from(*number),
            other => return Err(self.unexpected(field, other, "an integer")),
        };
        u64::try_from(number).map_err(|_| self.corrupt(field, "is negative"))
    }

    /// A count, or `default` if the record lacks the field.
    pub(super) fn count_or(&self, field: &'static str, default: u64) -> Result<u64, StoreError> {
        match self.fields.contains_key(field) {
            true => self.count(field),
            false => Ok(default),
        }
    }

    /// An id, or `default` if the record lacks the field.
    pub(super) fn id_or(
        &self,
        field: &'static str,
        default: [u8; 12],
    ) -> Result<[u8; 12], StoreError> {
        match self.fields.contains_key(field) {
            true => self.id(field),
            false => Ok(default),
        }
    }

    /// An instant, or the earliest one if the record lacks the field.
    pub(super) fn missing_instant(&self, field: &'static str) -> Result<Timestamp, StoreError> {
        match self.fields.get(field) {
            None | Some(Bson::Null) => Ok(Timestamp::MIN),
            Some(_) => self.instant(field),
        }
    }

    /// A count, or zero if the record lacks the field.
    pub(super) fn missing_count(&self, field: &'static str) -> Result<u64, StoreError> {
        match self.fields.get(field) {
            None | Some(Bson::Null) => Ok(0),
            Some(_) => self.count(field),
        }
    }

    /// The same, or `None` where it is null.
    pub(super) fn optional_count(&self, field: &'static str) -> Result<Option<u64>, StoreError> {
        match self.fields.get(field) {
            Some(Bson::Null) => Ok(None),
            _ => self.count(field).map(Some),
        }
    }

    pub(super) fn flag(&self, field: &'static str) -> Result<bool, StoreError> {
        match self.fields.get(field) {
            Some(Bson::Boolean(flag)) => Ok(*flag),
            other => Err(self.unexpected(field, other, "a boolean")),
        }
    }

    /// A flag, or `false` if the record lacks the field.
    pub(super) fn optional_flag(&self, field: &'static str) -> Result<bool, StoreError> {
        match self.fields.contains_key(field) {
            true => self.flag(field),
            false => Ok(false),
        }
    }

    pub(super) fn list(&self, field: &'static str) -> Result<&'a [Bson], StoreError> {
        match self.fields.get(field) {
            Some(Bson::Array(items)) => Ok(items),
            other => Err(self.unexpected(field, other, "an array")),
        }
    }

    /// The items of a list; `None` if the record lacks the field.
    pub(super) fn optional_list(
        &self,
        field: &'static str,
    ) -> Result<Option<&'a [Bson]>, StoreError> {
        match self.fields.contains_key(field) {
            true => self.list(field).map(Some),
            false => Ok(None),
        }
    }

    pub(super) fn optional_object(
        &self,
        field: &'static str,
    ) -> Result<Option<&'a Document>, StoreError> {
        match self.fields.contains_key(field) {
            true => self.object(field).map(Some),
            false => Ok(None),
        }
    }

    pub(super) fn object(&self, field: &'static str) -> Result<&'a Document, StoreError> {
        match self.fields.get(field) {
            Some(Bson::Document(object)) => Ok(object),
            other => Err(self.unexpected(field, other, "an object")),
        }
    }

    fn unexpected(
        &self,
        field: &'static str,
        found: Option<&Bson>,
        expected: &'static str,
    ) -> StoreError {
        match found {
            None => self.corrupt(field, "is missing"),
            Some(_) => self.corrupt(field, format!("is not {expected}")),
        }
    }

    /// The error that says that `field` cannot be read: what is wrong with it,
    /// but nothing of what is in it.
    pub(super) fn corrupt(&self, field: &'static str, problem: impl Into<Cause>) -> StoreError {
        StoreError::Corrupt {
            record: format!("{} {}", self.kind, ShownId(self.id)),
            source: Box::new(FieldError {
                field: match self.within {
                    Some(whole) => format!("{whole}.{field}"),
                    None => field.to_owned(),
                },
                problem: problem.into(),
            }),
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("`{field}` {problem}")]
struct FieldError {
    field: String,
    problem: Cause,
}

/// An id that is no secret as it is, and any other without its contents.
struct ShownId<'a>(Option<&'a Bson>);

impl fmt::Display for ShownId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(Bson::ObjectId(id)) => write!(f, "{id}"),
            // Enough of a digest to find the record, too little to be one.
            Some(Bson::Binary(id)) => id
                .bytes
                .iter()
                .take(4)
                .try_for_each(|byte| write!(f, "{byte:02x}")),
            _ => f.write_str("of unknown id"),
        }
    }
}

/// The ObjectId with these bytes.
pub(super) fn object_id(bytes: [u8; 12]) -> ObjectId {
    ObjectId::from_bytes(bytes)
}
