//! Reading rows, with a word on what is wrong with a corrupt one.

use std::fmt;

use serde_json::{Map, Value as Json};

use super::statement::{Row, Value};
use crate::proof::{Proof, Proofs};
use crate::store::{Cause, StoreError};
use crate::time::Timestamp;

/// A row of which one column after the other is read. What is missing or of another type
/// makes it [`StoreError::Corrupt`], with its kind and id.
pub(super) struct Record<'r> {
    kind: &'static str,
    row: &'r Row,
}

impl<'r> Record<'r> {
    pub(super) fn new(kind: &'static str, row: &'r Row) -> Self {
        Self { kind, row }
    }

    fn value(&self, column: &str) -> Option<&'r Value> {
        let names = self.row.columns.iter();
        let mut found = names
            .zip(&self.row.values)
            .filter(|(name, _)| *name == column);
        found.next().map(|(_, value)| value)
    }

    /// A column that may be NULL.
    pub(super) fn optional_text(
        &self,
        column: &'static str,
    ) -> Result<Option<&'r str>, StoreError> {
        match self.value(column) {
            Some(Value::Text(text)) => Ok(text.as_deref()),
            _ => Err(self.corrupt(column, "is not a text")),
        }
    }

    pub(super) fn text(&self, column: &'static str) -> Result<&'r str, StoreError> {
        self.present(column, self.optional_text(column)?)
    }

    pub(super) fn optional_int(&self, column: &'static str) -> Result<Option<i64>, StoreError> {
        match self.value(column) {
            Some(Value::Int(number)) => Ok(*number),
            _ => Err(self.corrupt(column, "is not an integer")),
        }
    }

    fn int(&self, column: &'static str) -> Result<i64, StoreError> {
        self.present(column, self.optional_int(column)?)
    }

    /// An integer that is not negative.
    pub(super) fn count(&self, column: &'static str) -> Result<u64, StoreError> {
        u64::try_from(self.int(column)?).map_err(|_| self.corrupt(column, "is negative"))
    }

    pub(super) fn optional_count(&self, column: &'static str) -> Result<Option<u64>, StoreError> {
        match self.optional_int(column)? {
            None => Ok(None),
            Some(_) => self.count(column).map(Some),
        }
    }

    /// SQLite has integers in the place of booleans.
    pub(super) fn flag(&self, column: &'static str) -> Result<bool, StoreError> {
        match self.value(column) {
            Some(Value::Bool(Some(flag))) => Ok(*flag),
            Some(Value::Int(Some(0))) => Ok(false),
            Some(Value::Int(Some(1))) => Ok(true),
            _ => Err(self.corrupt(column, "is not a boolean")),
        }
    }

    pub(super) fn instant(&self, column: &'static str) -> Result<Timestamp, StoreError> {
        self.int(column).map(Timestamp::from_millis)
    }

    pub(super) fn optional_instant(
        &self,
        column: &'static str,
    ) -> Result<Option<Timestamp>, StoreError> {
        let millis = self.optional_int(column)?;
        Ok(millis.map(Timestamp::from_millis))
    }

    /// An id of 12 bytes, from its 24 digits.
    pub(super) fn id(&self, column: &'static str) -> Result<[u8; 12], StoreError> {
        self.hex(column, self.text(column)?)
    }

    pub(super) fn optional_id(&self, column: &'static str) -> Result<Option<[u8; 12]>, StoreError> {
        let text = self.optional_text(column)?;
        text.map(|text| self.hex(column, text)).transpose()
    }

    /// Bytes that are written as hexadecimal digits.
    pub(super) fn hex<const N: usize>(
        &self,
        column: &'static str,
        text: &str,
    ) -> Result<[u8; N], StoreError> {
        let mut bytes = [0; N];
        let decoded = decode_hex(text, &mut bytes);
        decoded
            .then_some(bytes)
            .ok_or_else(|| self.corrupt(column, "is not an id"))
    }

    pub(super) fn bytes<const N: usize>(
        &self,
        column: &'static str,
    ) -> Result<[u8; N], StoreError> {
        let bytes = match self.value(column) {
            Some(Value::Bytes(Some(bytes))) => bytes.as_slice().try_into().ok(),
            _ => None,
        };
        bytes.ok_or_else(|| self.corrupt(column, "is not bytes of the right length"))
    }

    /// A value that is written by its name.
    pub(super) fn named<T: std::str::FromStr>(
        &self,
        column: &'static str,
    ) -> Result<T, StoreError> {
        let name = self.text(column)?.parse();
        name.map_err(|_| self.corrupt(column, "is none that is known here"))
    }

    /// The same, or `None` where it is NULL.
    pub(super) fn optional_named<T: std::str::FromStr>(
        &self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        match self.optional_text(column)? {
            None => Ok(None),
            Some(_) => self.named(column).map(Some),
        }
    }

    pub(super) fn object(&self, column: &'static str) -> Result<Map<String, Json>, StoreError> {
        self.present(column, self.optional_object(column)?)
    }

    pub(super) fn optional_object(
        &self,
        column: &'static str,
    ) -> Result<Option<Map<String, Json>>, StoreError> {
        let text = self.optional_text(column)?;
        let parse = |text| serde_json::from_str(text);
        let object = text.map(parse).transpose();
        object.map_err(|_| self.corrupt(column, "is not a JSON object"))
    }

    pub(super) fn list(&self, column: &'static str) -> Result<Vec<Json>, StoreError> {
        self.present(column, self.optional_list(column)?)
    }

    pub(super) fn optional_list(
        &self,
        column: &'static str,
    ) -> Result<Option<Vec<Json>>, StoreError> {
        let text = self.optional_text(column)?;
        let list = text.map(serde_json::from_str).transpose();
        list.map_err(|_| self.corrupt(column, "is not a JSON list"))
    }

    /// Reads proofs. A proof by a method that is not known here is left out: a later version
    /// has written it.
    pub(super) fn proofs(&self, column: &'static str, list: &[Json]) -> Result<Proofs, StoreError> {
        let read = |item: &Json| {
            let at = item.get("at")?.as_i64()?;
            let method = item.get("method")?.as_str()?.parse().ok();
            Some((method, Timestamp::from_millis(at)))
        };
        let mut known = Vec::new();
        for item in list {
            let proof = read(item);
            let (method, at) =
                proof.ok_or_else(|| self.corrupt(column, "has something that is no proof"))?;
            known.extend(method.map(|method| Proof { method, at }));
        }
        Ok(known.into_iter().collect())
    }

    fn present<T>(&self, column: &'static str, value: Option<T>) -> Result<T, StoreError> {
        value.ok_or_else(|| self.corrupt(column, "is missing"))
    }

    /// The error that says that `column` cannot be read: what is wrong with it, but nothing
    /// of what is in it.
    pub(super) fn corrupt(&self, column: &'static str, problem: &'static str) -> StoreError {
        let cause: Cause = format!("`{column}` {problem}").into();
        StoreError::Corrupt {
            record: format!("{} {}", self.kind, ShownId(self.row)),
            source: cause,
        }
    }
}

/// Decodes lower-case hexadecimal digits, all of them.
fn decode_hex(text: &str, into: &mut [u8]) -> bool {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut digits = text.bytes().map(digit);
    let mut next = || digits.next().flatten();
    for byte in &mut *into {
        match (next(), next()) {
            (Some(high), Some(low)) => *byte = high << 4 | low,
            _ => return false,
        }
    }
    text.len() == into.len() * 2
}

/// The bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Proofs as a JSON list.
pub(super) fn proofs_list(proofs: &Proofs) -> Json {
    let one = |proof: Proof| serde_json::json!({ "method": proof.method.as_str(), "at": proof.at.as_millis() });
    proofs.iter().map(one).collect()
}

/// The id of a row, as far as it is no secret.
struct ShownId<'r>(&'r Row);

impl fmt::Display for ShownId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.values.first() {
            Some(Value::Text(Some(id))) if id.len() == 24 => f.write_str(id),
            // Enough of a digest to find the row, too little to be one.
            Some(Value::Bytes(Some(bytes))) => {
                let mut first = bytes.iter().take(4);
                first.try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            _ => f.write_str("of unknown id"),
        }
    }
}
