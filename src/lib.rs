//! Accounts for any Rust server.

pub mod authz;
pub mod clock;
pub mod config;
pub mod email;
pub mod error;
pub mod id;
pub mod limit;
pub mod preferences;
pub mod random;
pub mod secret;
pub mod service;
pub mod session;
pub mod store;
#[cfg(feature = "test-util")]
pub mod test_util;
pub mod time;
pub mod token;
pub mod user;
