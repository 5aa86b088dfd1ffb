//! [breached-passwords]: crate::guide::breached_passwords
//! [copy]: crate::guide::copy
//! [cookies]: https://docs.rs/admittance/latest/admittance/http/struct.HttpConfig.html#structfield.cookies
//! [custom_store]: https://docs.rs/crate/admittance/latest/source/examples/custom_store.rs
//! [faults]: crate::guide::faults
//! [floods]: crate::guide::performance#floods
//! [mongodb]: crate::guide::mongodb
//! [mutants]: crate::guide::mutants
//! [operations]: crate::guide::operations
//! [performance]: crate::guide::performance
//! [postgres]: crate::guide::postgres
//! [scoreboard]: crate::guide::security#scoreboard
//! [security]: crate::guide::security
//! [sqlite]: crate::guide::sqlite
//! [stores]: crate::guide::stores
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod audit;
pub mod authz;
#[cfg(feature = "axum")]
pub mod axum;
pub mod clock;
pub mod config;
mod contained;
pub mod email;
pub mod error;
pub mod event;
pub mod extra;
#[cfg(feature = "federation")]
pub mod federation;
#[cfg(any(doc, doctest))]
pub mod guide;
#[cfg(feature = "http")]
pub mod http;
pub mod id;
pub mod identity;
mod json;
pub mod limit;
pub mod lockout;
pub mod mail;
mod members;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(not(feature = "metrics"))]
mod metrics;
mod named;
pub mod network;
#[cfg(any(feature = "http", feature = "federation"))]
mod next;
pub mod password;
pub mod preferences;
pub mod profile;
pub mod proof;
pub mod random;
#[cfg(feature = "openapi")]
mod schema;
pub mod secret;
pub mod service;
pub mod session;
pub mod store;
#[cfg(feature = "test-util")]
pub mod test_util;
pub mod time;
pub mod token;
pub mod user;
#[cfg(feature = "warp")]
pub mod warp;

/// The attribute for implementations of this crate's asynchronous traits, such as
/// [`Mailer`](mail::Mailer), of the crate `async-trait`.
pub use async_trait::async_trait;
pub use config::AuthConfig;
pub use error::{AuthError, ConfigError};
pub use named::UnknownName;
pub use profile::Profile;
pub use secret::SecretBytes;
pub use service::{
    AuthService, Authenticated, LoginRequest, LoginResponse, RegisterRequest, RegisterResponse,
    RequestContext,
};
#[cfg(feature = "memory")]
pub use store::MemoryStore;
pub use token::Keyring;
pub use user::User;
