//! Accounts for a Rust server: registration, login, sessions, email verification, recovery, profiles, roles and
//! administration, over the application's own database.
//!
//! [`AuthService`] is the one object of an application: a builder takes a [store](crate::store), the keys and the
//! settings, and each method is an operation, such as [`login`](AuthService::login). It works without HTTP. The module
//! [`http`][http] serves the same operations as a JSON contract, which [`axum`][axum] and [`warp`][warp] adapt to the
//! frameworks, with extractors and filters for the routes of the application.
//!
//! ```
//! # #[cfg(all(feature = "memory", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use admittance::random::{OsRandom, SecureRandom};
//! use admittance::service::{LoginRequest, RegisterRequest, RequestContext};
//! use admittance::{AuthConfig, AuthService, Keyring, MemoryStore, SecretBytes};
//!
//! // An application keeps its secret: `SecretBytes::from_base64` reads one from a variable.
//! let mut secret = [0; 32];
//! OsRandom.fill(&mut secret)?;
//! let service = AuthService::builder(MemoryStore::new())
//!     .config(AuthConfig::new("Exam simulator"))
//!     .keyring(Keyring::from_secret(SecretBytes::new(secret))?)
//!     .build()?;
//!
//! // Limits count the address of the client.
//! let client = RequestContext::from_ip("192.0.2.1".parse()?);
//! let ann = RegisterRequest::new("ann@example.org", "plum-Orbit-47-lantern", "Ann");
//! service.register(ann, &client).await?;
//! let login = LoginRequest {
//!     email: "ann@example.org".into(),
//!     password: "plum-Orbit-47-lantern".into(),
//!     ..LoginRequest::default()
//! };
//! let login = service.login(login, &client).await?;
//! let caller = service.validate_token(login.tokens.token.expose_secret(), &client).await?;
//! assert_eq!(caller.user().name.as_str(), "Ann");
//! # Ok(())
//! # }
//! # #[cfg(not(all(feature = "memory", any(feature = "aws-lc-rs", feature = "rust-crypto"))))]
//! # fn main() {}
//! ```
//!
//! # Where to find what
//!
//! | task | see |
//! |---|---|
//! | serve the contract with axum, protect routes | [`axum`][axum] |
//! | serve it with warp | [`warp`][warp] |
//! | serve it with another framework | [`http::AuthApi`][http_api] |
//! | read the contract | [`guide::contract`], and [`openapi`][openapi] for the OpenAPI document |
//! | call operations without HTTP | [`AuthService`], [`service`] |
//! | change a setting | [`AuthConfig`], and [`HttpConfig`][http_config] for HTTP |
//! | define roles and permissions | [`authz::RolePolicy`] |
//! | appoint the first administrator | [`AuthService::appoint_administrator`] |
//! | keep sessions of browsers in cookies | [`CookieConfig`][cookies] |
//! | require a recent login or two factors | [`Authenticated::require_recent_login`], [`Authenticated::require_assurance`] |
//! | check a second factor of the application | [`service::SecondFactor`] |
//! | sign people in with other providers | [`federation`][federation] |
//! | open a session for a proof of the application | [`AuthService::open_session`] |
//! | send mail, change its templates or language | [`mail`] |
//! | keep the application's own data of an account | [`service::AccountHooks`], [`AuthService::set_metadata`] |
//! | add fields to the registration | [`service::RegistrationExtra`] |
//! | add claims to access tokens | [`service::ClaimsSource`] |
//! | create accounts, import password hashes | [`AuthService::create_user`], [`PasswordHash::import`](user::PasswordHash::import) |
//! | refuse weak or breached passwords | [`password::PasswordPolicy`], [`password::breach`] |
//! | choose the cost of Argon2, use a pepper | [`password::HashingConfig`], [`guide::performance`] |
//! | sign tokens with ES256 or EdDSA, rotate keys | [`token`], [`guide::operations`] |
//! | choose a store | [`guide::stores`] |
//! | write a store | [`store`], [`store::conformance`][conformance] |
//! | move accounts to another store | [`store::copy`], [`guide::copy`] |
//! | observe what happens | [`event::EventSink`], [`AuthServiceBuilder::audit_log`](service::AuthServiceBuilder::audit_log), [`metrics`][metrics] |
//! | test an application | [`test_util`][test_util] |
//! | know what is shown, and what is missing | [`guide::security`], [`guide::status`] |
//! | upgrade | [`guide::upgrading`] |
//!
//! # Layers
//!
//! Modules depend on each other in one direction: `domain ← store ← service ← http ← axum, warp`. The domain (such as
//! [`session`], [`limit`], [`lockout`]) is made of pure functions of a state and the time. A method of a store is one atomic
//! act. Time and randomness are parameters: [`clock`], [`random`]. Errors are values with a stable code: [`AuthError`].
//!
//! # Features
//!
//! `memory` and `aws-lc-rs` are enabled by default. [`guide::features`] describes each feature. Where the documentation is
//! built with `--cfg docsrs`, an item that requires a feature has a badge with its name.
//!
#![cfg_attr(feature = "axum", doc = "[axum]: crate::axum")]
#![cfg_attr(not(feature = "axum"), doc = "[axum]: #features")]
#![cfg_attr(feature = "warp", doc = "[warp]: crate::warp")]
#![cfg_attr(not(feature = "warp"), doc = "[warp]: #features")]
#![cfg_attr(feature = "http", doc = "[http]: crate::http")]
#![cfg_attr(not(feature = "http"), doc = "[http]: #features")]
#![cfg_attr(feature = "http", doc = "[http_api]: crate::http::AuthApi")]
#![cfg_attr(not(feature = "http"), doc = "[http_api]: #features")]
#![cfg_attr(feature = "http", doc = "[http_config]: crate::http::HttpConfig")]
#![cfg_attr(not(feature = "http"), doc = "[http_config]: #features")]
#![cfg_attr(feature = "http", doc = "[cookies]: crate::http::CookieConfig")]
#![cfg_attr(not(feature = "http"), doc = "[cookies]: #features")]
#![cfg_attr(feature = "openapi", doc = "[openapi]: crate::http::AuthApi::openapi")]
#![cfg_attr(not(feature = "openapi"), doc = "[openapi]: #features")]
#![cfg_attr(feature = "federation", doc = "[federation]: crate::federation")]
#![cfg_attr(not(feature = "federation"), doc = "[federation]: #features")]
#![cfg_attr(
    feature = "conformance",
    doc = "[conformance]: crate::store::conformance"
)]
#![cfg_attr(not(feature = "conformance"), doc = "[conformance]: #features")]
#![cfg_attr(feature = "metrics", doc = "[metrics]: crate::metrics")]
#![cfg_attr(not(feature = "metrics"), doc = "[metrics]: #features")]
#![cfg_attr(feature = "test-util", doc = "[test_util]: crate::test_util")]
#![cfg_attr(not(feature = "test-util"), doc = "[test_util]: #features")]
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

/// The examples of the README, which are compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub mod readme {}

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
