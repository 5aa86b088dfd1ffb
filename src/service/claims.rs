//! The application's claims in access tokens.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::AuthService;
use super::application::unavailable;
use super::operation::Trail;
use crate::clock::Clock;
use crate::contained;
use crate::error::{AuthError, Cause};
use crate::store::Store;
use crate::token::CustomClaims;
use crate::user::User;

/// The time that a [`ClaimsSource`] has for each call: 5 seconds.
pub const CLAIMS_TIMEOUT: Duration = Duration::from_secs(5);

/// Claims that the application adds to access tokens, for services that check tokens without
/// the store: see [`Claims::custom`](crate::token::Claims::custom).
///
/// The source is called whenever a session is opened or refreshed, after the calls of
/// [`AccountHooks`](super::AccountHooks) that are due. The name of a claim has a `:` or a `/`,
/// see [`CustomClaims`]. A claim is as old as its token:
/// read what must take effect at once from the store instead. Tokens are not encrypted, and
/// anyone who holds one can read it.
///
/// A call that fails, panics, takes longer than [`CLAIMS_TIMEOUT`] or returns claims that are
/// not [accepted](CustomClaims::new) refuses the operation with [`AuthError::Unavailable`]:
/// no token lacks a claim. The refresh token that was presented stays valid; an account that
/// was registered exists, and its owner logs in.
///
/// ```
/// use admittance::error::Cause;
/// use admittance::service::ClaimsSource;
/// use admittance::user::User;
/// use serde_json::{Map, Value};
///
/// struct Class;
///
/// #[admittance::async_trait]
/// impl ClaimsSource for Class {
///     async fn claims(&self, user: &User) -> Result<Map<String, Value>, Cause> {
///         let class = user.metadata.as_map().get("class").cloned();
///         Ok(class.map(|class| ("exam:class".to_owned(), class)).into_iter().collect())
///     }
/// }
/// ```
#[cfg_attr(feature = "test-util", mockall::automock)]
#[async_trait]
pub trait ClaimsSource: Send + Sync + 'static {
    /// Returns the claims for a token of `user`.
    ///
    /// # Errors
    ///
    /// The operation is refused, and the error is logged.
    async fn claims(&self, user: &User) -> Result<Map<String, Value>, Cause>;
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// The application's claims for a token of `user`; none without a source.
    ///
    /// # Errors
    ///
    /// [`AuthError::Unavailable`].
    pub(super) async fn claims_of(
        &self,
        user: &User,
        trail: &Trail,
    ) -> Result<CustomClaims, AuthError> {
        let Some(source) = self.inner.claims.clone() else {
            return Ok(CustomClaims::default());
        };
        let user = user.clone();
        let call = async move { source.claims(&user).await };
        let answer = contained::call(CLAIMS_TIMEOUT, call).await;
        let claims = answer.map_err(Cause::from).flatten();
        let claims = claims.and_then(|claims| Ok(CustomClaims::new(claims)?));
        claims.map_err(|error| unavailable("the source of claims", &error, trail))
    }
}
