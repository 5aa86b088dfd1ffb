//! Tokens: signed access tokens, refresh tokens under a MAC, one-time tokens.

mod one_time;

pub use one_time::{OneTimeToken, TokenDigest, TokenPurpose};
