//! The answer of operations that only confirm with a sentence.
use serde::{Deserialize, Serialize};

/// The request was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Accepted {
    /// A message for the user.
    pub message: String,
}

impl Accepted {
    pub(super) fn new(message: &str) -> Self {
        Self {
            message: message.to_owned(),
        }
    }
}
