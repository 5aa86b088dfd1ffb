//! Reauthentication: a new proof of identity without a new login.

use serde::Deserialize;

use super::door::Entry;
use super::fields::typed_password;
use super::operation::{By, Trail};
use super::{AuthService, Authenticated, LoginResponse, RequestContext};
use crate::clock::Clock;
use crate::error::{AuthError, Field, Violations};
use crate::event::Operation;
use crate::proof::{Method, MethodName, Proof};
use crate::secret::{Code, Password};
use crate::store::Store;

/// Proves the user's identity again.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Reauthenticate {
    /// The method of the proof.
    pub method: Method,
    /// The password, with the method `pwd`.
    #[serde(default)]
    pub current_password: Option<Password>,
    /// The code, with the method of a second factor.
    #[serde(default)]
    pub code: Option<Code>,
    /// The provider, with the method `fed`. Over HTTP, it is answered as the start of a login;
    /// the service has `start_reauthentication` for that, with the feature `federation`, and
    /// refuses the method here.
    #[serde(default)]
    pub provider: Option<String>,
    /// As in the start of a login, with the method `fed`.
    #[serde(default)]
    pub return_to: Option<String>,
    /// As in the start of a login, with the method `fed`.
    #[serde(default)]
    pub redirect_uri: Option<String>,
}

impl Reauthenticate {
    /// By the password of the account.
    pub fn by_password(current_password: impl Into<Password>) -> Self {
        Self {
            method: Method::Password,
            current_password: Some(current_password.into()),
            code: None,
            provider: None,
            return_to: None,
            redirect_uri: None,
        }
    }

    /// By a code of a second factor of the account.
    pub fn by_code(method: MethodName, code: impl Into<Code>) -> Self {
        Self {
            method: Method::SecondFactor(method),
            current_password: None,
            code: Some(code.into()),
            provider: None,
            return_to: None,
            redirect_uri: None,
        }
    }
}

/// The short form of [`Reauthenticate`] by the password, for one release.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ConfirmPassword {
    /// The password.
    pub current_password: Password,
}

impl From<ConfirmPassword> for Reauthenticate {
    fn from(short: ConfirmPassword) -> Self {
        Self::by_password(short.current_password)
    }
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Takes a new proof from a logged-in user, for operations that use
    /// [`Authenticated::require_recent_login`] (ASVS 7.5.3).
    ///
    /// Because it is a new authentication, the present session ends, and the answer has the
    /// tokens of a new session (ASVS 7.2.4), which keeps the proofs of the present one. Of
    /// concurrent requests from one session, one
    /// succeeds. Failed attempts count like those of any other credential check.
    ///
    /// # Errors
    ///
    /// [`AuthError::Validation`]; [`AuthError::InvalidCredentials`] and
    /// [`AuthError::InvalidCode`], after which the present session goes on;
    /// [`AuthError::RecentLoginRequired`] for the password if the account has a second factor
    /// that the session has not proved; [`AuthError::Unavailable`] if the second factor fails; [`AuthError::InvalidToken`] when it has
    /// ended meanwhile; [`AuthError::RateLimited`]; [`AuthError::Overloaded`];
    /// [`AuthError::Store`], after which the present session may have ended.
    pub async fn reauthenticate(
        &self,
        auth: &Authenticated,
        request: Reauthenticate,
        context: &RequestContext,
    ) -> Result<LoginResponse, AuthError> {
        let prove = async move |service: Self, auth: Authenticated, trail: Trail| {
            let proof = match request.method {
                Method::Password => {
                    let password = request.current_password.unwrap_or_default();
                    service.password_again(&auth, &password, &trail).await?
                }
                method => {
                    let code = request.code.unwrap_or_default();
                    let again = service.second_factor_again(&auth, method, &code, &trail);
                    again.await?
                }
            };
            service.replace_session(&auth, proof, &trail).await
        };
        let (kind, by) = (Operation::Reauthenticate, By::owner(auth).counted());
        self.acting(kind, by, context, prove).await
    }

    async fn password_again(
        &self,
        auth: &Authenticated,
        password: &Password,
        trail: &Trail,
    ) -> Result<Proof, AuthError> {
        let mut violations = Violations::default();
        let current = typed_password(password, Field::CurrentPassword, &mut violations);
        violations.into_result()?;
        let current = current.ok_or(AuthError::InvalidCredentials)?;
        Ok(self.check_own_password(auth, &current, trail).await?.proof)
    }

    /// Replaces the present session with one that `proof` opens.
    pub(super) async fn replace_session(
        &self,
        auth: &Authenticated,
        proof: Proof,
        trail: &Trail,
    ) -> Result<LoginResponse, AuthError> {
        let (user, present) = (auth.user(), auth.session());
        // The present session ends first. If somebody has ended it since it was looked
        // at, there is no new one; and a full store has room for the new one.
        let shared = auth.shared_user();
        let entry = Entry::in_place_of(present, &shared, proof, self.now());
        let (session, tokens) = self.enter(entry, trail).await?;
        if !self.inner.store.end_session(user.id, present.id).await? {
            return Err(AuthError::InvalidToken);
        }
        self.open(&session).await?;
        trail.session(session.id);
        Ok(self.login_response(user, tokens, "Your identity is confirmed."))
    }
}
