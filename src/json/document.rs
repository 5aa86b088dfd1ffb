//! JSON text, read strictly: no duplicate member at any depth, nothing after the
//! value, a bounded depth (ASVS 1.5.3).
//!
//! The structure is read here and not by `serde_json`, so that numbers are seen as
//! they are written: what `serde_json` makes of them depends on the features that
//! other crates of the program give it.

use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::number;

/// Deepest nesting of a text.
pub(crate) const MAX_DEPTH: usize = 128;

/// How names begin that `serde_json` keeps for itself. Whether it reads one as a
/// member depends on its features.
const RESERVED: &str = "$serde_json::private::";

/// What stands for a number that fits neither 64 bits nor a double. No reader takes it:
/// numbers in requests and in answers of providers are smaller, and preferences have
/// signed integers.
pub(crate) const BEYOND: u64 = u64::MAX;

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fault {
    Syntax,
    /// An object has this member twice.
    Duplicate(String),
    Depth,
    Reserved,
}

/// The one value that `text` is.
pub(crate) fn document(text: &[u8]) -> Result<Value, Fault> {
    let rest = str::from_utf8(text).map_err(|_| Fault::Syntax)?;
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
        Ok(Value::Number(number(text).unwrap_or(BEYOND.into())))
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
