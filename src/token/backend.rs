//! Which library computes the signatures.

use jsonwebtoken::crypto::CryptoProvider;

use crate::error::ConfigError;

#[cfg(feature = "aws-lc-rs")]
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
#[cfg(all(feature = "rust-crypto", not(feature = "aws-lc-rs")))]
use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;

/// The provider of the compiled-in feature; `aws-lc-rs` when both are on.
///
/// Whatever leads to a signature calls this first: without an installed
/// provider, and with both of its features on or none, jsonwebtoken panics.
/// One that the host application installed before stays.
#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
pub(crate) fn provider() -> Result<&'static CryptoProvider, ConfigError> {
    DEFAULT_PROVIDER.install_default().ok();
    Ok(&DEFAULT_PROVIDER)
}

/// There is none, which is an error of the build and not a panic at run time.
#[cfg(not(any(feature = "aws-lc-rs", feature = "rust-crypto")))]
pub(crate) fn provider() -> Result<&'static CryptoProvider, ConfigError> {
    Err(ConfigError::NoSignatureBackend)
}
