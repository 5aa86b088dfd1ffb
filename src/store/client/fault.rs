//! What a driver reported, as far as it can go into a log.

use std::fmt;

use crate::store::StoreError;

/// A failure without the server's own words, which may quote a record, and with it an email
/// or a password's hash: of those only the code is kept.
#[derive(Debug)]
pub(in crate::store) struct Fault {
    what: String,
    code: Option<String>,
}

impl Fault {
    pub(in crate::store) fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            code: None,
        }
    }

    /// The failure with the server's code for it, and the code's name if it has one.
    pub(in crate::store) fn with_code(self, code: impl Into<String>) -> Self {
        Self {
            code: Some(code.into()),
            ..self
        }
    }

    pub(in crate::store) fn unavailable(self) -> StoreError {
        StoreError::Unavailable(Box::new(self))
    }

    pub(in crate::store) fn other(self) -> StoreError {
        StoreError::Other(Box::new(self))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.code {
            Some(code) => write!(f, ": {code}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Fault {}
