//! Errors of a copy.

use super::record::Kind;
use crate::error::{ConfigError, StoreError};

/// Why a copy is not complete. The source is unchanged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// The target has records of this kind. Nothing was written.
    #[error("the target has {0} already: it must be empty, unless a copy to it is resumed")]
    NotEmpty(Kind),
    /// The source could not refuse writes. Nothing was written.
    #[error("the source does not refuse writes")]
    Hold(#[source] StoreError),
    /// The source stopped refusing writes before the copy was complete: its connection was
    /// closed, for example. The target may lack a change.
    #[error("the source did not refuse writes until the end")]
    HoldLost(#[source] StoreError),
    /// The source failed, or one of its records is corrupt. The target has some of the records.
    #[error("the {kind} of the source cannot be read")]
    Source {
        /// What was read.
        kind: Kind,
        /// What went wrong; a corrupt record has its id in it.
        #[source]
        source: StoreError,
    },
    /// The target failed. It has some of the records.
    #[error("the {kind} of the target cannot be written or read")]
    Target {
        /// What was written or read.
        kind: Kind,
        /// What went wrong.
        #[source]
        source: StoreError,
    },
    /// The source changed during the copy. The target may lack the change.
    #[error("the {0} of the source have changed while they were copied")]
    SourceChanged(Kind),
    /// The target has other records than the source. Another program wrote to it, one of its users
    /// has the address or an identity of a user of the source, or the source changed before the
    /// copy was resumed.
    #[error("the {0} of the target are not those of the source")]
    Differs(Kind),
    /// An option is out of range. Nothing was written.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

impl CopyError {
    pub(super) fn source(kind: Kind) -> impl Fn(StoreError) -> Self {
        move |source| Self::Source { kind, source }
    }

    pub(super) fn target(kind: Kind) -> impl Fn(StoreError) -> Self {
        move |source| Self::Target { kind, source }
    }
}
