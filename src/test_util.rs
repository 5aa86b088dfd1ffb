//! Helpers for tests of an application: people with accounts, a ready service, a mailbox,
//! and stores that fail.
//!
//! Enable it for tests only, in the `Cargo.toml` of the application:
//!
//! ```toml
//! [dev-dependencies]
//! admittance = { version = "0.1", features = ["test-util"] }
//! ```
//!
//! A handler is a function, so a test can call it with a [`Person`]. A route is tested with
//! the service behind it:
//!
//! ```
//! # #[cfg(all(feature = "axum", feature = "memory"))]
//! # mod application {
//! use admittance::AuthConfig;
//! use admittance::axum::{Authenticator, CurrentUser};
//! use admittance::http::AuthApi;
//! use admittance::test_util::{Person, TestService};
//! use axum::body::Body;
//! use axum::http::{Request, StatusCode, header};
//! use axum::{Router, routing::get};
//! use tower::ServiceExt;
//!
//! async fn hello(user: CurrentUser) -> String {
//!     format!("Hello, {}!", user.user().name.as_str())
//! }
//!
//! fn app(auth: Authenticator) -> Router {
//!     Router::new().route("/hello", get(hello)).with_state(auth)
//! }
//!
//! # async fn tests() -> Result<(), Box<dyn std::error::Error>> {
//! # a_user_is_greeted_by_name().await?;
//! # only_a_user_who_is_logged_in_is_greeted().await
//! # }
//! #[tokio::test]
//! # async fn only_for_the_words() {}
//! async fn a_user_is_greeted_by_name() -> Result<(), Box<dyn std::error::Error>> {
//!     let ann = Person::new("ann@example.org").name("Ann").verified();
//!     let user = CurrentUser(ann.authenticated(&AuthConfig::for_tests("Exam simulator"))?);
//!     assert_eq!(hello(user).await, "Hello, Ann!");
//!     Ok(())
//! }
//!
//! #[tokio::test]
//! # async fn only_for_the_words_too() {}
//! async fn only_a_user_who_is_logged_in_is_greeted() -> Result<(), Box<dyn std::error::Error>> {
//!     let test = TestService::new()?;
//!     let ann = Person::new("ann@example.org").name("Ann");
//!     ann.create(&test.service).await?;
//!     let tokens = ann.log_in(&test.service).await?;
//!
//!     let app = app(Authenticator::from(&AuthApi::new(test.service)));
//!     let bearer = format!("Bearer {}", tokens.token.expose_secret());
//!     for (authorization, expected) in [
//!         (&*bearer, StatusCode::OK),
//!         ("Bearer of nothing", StatusCode::UNAUTHORIZED),
//!     ] {
//!         let request = Request::get("/hello").header(header::AUTHORIZATION, authorization);
//!         let answer = app.clone().oneshot(request.body(Body::empty())?).await?;
//!         assert_eq!(answer.status(), expected);
//!     }
//!     Ok(())
//! }
//! # pub fn main() -> Result<(), Box<dyn std::error::Error>> {
//! #     tokio::runtime::Runtime::new()?.block_on(tests())
//! # }
//! # }
//! # #[cfg(all(feature = "axum", feature = "memory"))]
//! # application::main().unwrap();
//! ```

mod mailbox;
mod mock;
mod person;
#[cfg(feature = "memory")]
mod service;

pub use mailbox::Mailbox;
pub use mock::MockStore;
pub use person::Person;
#[cfg(feature = "memory")]
pub use service::TestService;

use async_trait::async_trait;

use crate::audit::AuditRecord;
use crate::authz::Role;
use crate::email::{CanonicalEmail, Email};
use crate::id::{EventId, IdentityId, SessionId, UserId};
use crate::identity::{Identity, IdentityKey, IdentityUse};
use crate::limit::{Decision, Hit, LimitKey};
use crate::lockout::{Attempt, LockoutPolicy};
use crate::session::{Rotation, RotationPolicy, Session};
use crate::store::{
    AuditStore, EmailChange, EpochChange, IdentityLink, Insert, InsertUser, LimitStore,
    ProfileChange, Removal, RoleChange, SessionStore, StoreError, TokenStore, UserStore,
};
use crate::time::Timestamp;
use crate::token::{OneTimeToken, TokenDigest, TokenPurpose};
use crate::user::{AccountState, DeviceDigest, PasswordHash, User, UserChange, UserStatus};

/// A store that is down: every call is answered [`StoreError::Unavailable`].
#[derive(Clone, Copy, Debug, Default)]
pub struct UnavailableStore;

macro_rules! unavailable {
    ($($trait:ident { $($method:ident($($name:ident: [$($type:tt)*] $kind:ident),*) -> [$($answer:tt)*], $touches:ident($($what:expr)?);)* })*) => {$(
        #[async_trait]
        impl $trait for UnavailableStore {$(
            async fn $method(&self, $(_: $($type)*),*) -> Result<$($answer)*, StoreError> {
                Err(down())
            }
        )*}
    )*};
}

crate::__store_methods!(unavailable);

fn down() -> StoreError {
    StoreError::Unavailable("the store is down, as it was told to be".into())
}
