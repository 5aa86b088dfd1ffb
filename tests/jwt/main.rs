//! Access tokens, refresh tokens and their keys. The same tests run under
//! both signature backends.

#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
mod access;
#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
mod fixtures;
#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
mod forgery;
#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
mod keys;
#[cfg(not(any(feature = "aws-lc-rs", feature = "rust-crypto")))]
mod no_backend;
#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
mod refresh;
