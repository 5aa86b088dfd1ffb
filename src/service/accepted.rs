//! The answer of operations that may send a mail.
use serde::{Deserialize, Serialize};

/// It was taken in hand, and this is all there is to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Accepted {
    /// A sentence for a person.
    pub message: String,
}

impl Accepted {
    pub(super) fn new(message: &str) -> Self {
        Self {
            message: message.to_owned(),
        }
    }
}
