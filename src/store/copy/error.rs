//! What keeps a copy from being complete.

use super::record::Kind;
use crate::error::{ConfigError, StoreError};

/// Why the accounts are not copied. The source is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// The target has records of this kind. Nothing was written.
    #[error("the target has {0} already: it must be empty, unless a copy to it is resumed")]
    NotEmpty(Kind),
    /// The source could not be kept from being written to. Nothing was written.
    #[error("the source does not refuse writes")]
    Hold(#[source] StoreError),
    /// The source failed, or a record of it is corrupt. The target has a part of the records.
    #[error("the {kind} of the source cannot be read")]
    Source {
        /// What was read.
        kind: Kind,
        /// What went wrong; a corrupt record has its id in it.
        #[source]
        source: StoreError,
    },
    /// The target failed. It has a part of the records.
    #[error("the {kind} of the target cannot be written or read")]
    Target {
        /// What was written or read.
        kind: Kind,
        /// What went wrong.
        #[source]
        source: StoreError,
    },
    /// The source was written to meanwhile. The target may lack what was written.
    #[error("the {0} of the source have changed while they were copied")]
    SourceChanged(Kind),
    /// The target does not have what the source has. Something else was written to it, one of
    /// its records had the address of another user, or the source was written to after a copy
    /// that was interrupted and is now resumed.
    #[error("the {0} of the target are not those of the source")]
    Differs(Kind),
    /// An option is out of its range. Nothing was written.
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
