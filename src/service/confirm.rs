//! Giving the own password again, without a new login.

use super::fields::typed_password;
use super::operation::{By, Trail};
use super::{AuthService, Authenticated, ConfirmPassword, LoginResponse, RequestContext};
use crate::clock::Clock;
use crate::error::{AuthError, Field, Violations};
use crate::event::Operation;
use crate::store::Store;

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Takes the password again from a user who is logged in, as an operation
    /// demands by [`Authenticated::require_recent_password`] (ASVS 7.5.3).
    ///
    /// It is a new authentication, so the present session ends and the answer
    /// has the tokens of a new one in its place (ASVS 7.2.4). Of several
    /// requests from one session at once, one gets it. It counts like any check
    /// of a credential.
    ///
    /// # Errors
    ///
    /// [`AuthError::Validation`]; [`AuthError::InvalidCredentials`], after which
    /// the present session goes on; [`AuthError::InvalidToken`] when it has
    /// ended meanwhile; [`AuthError::RateLimited`]; [`AuthError::Overloaded`];
    /// [`AuthError::Store`], after which the present session may have ended.
    pub async fn confirm_password(
        &self,
        auth: &Authenticated,
        request: ConfirmPassword,
        context: &RequestContext,
    ) -> Result<LoginResponse, AuthError> {
        let confirm = async move |service: Self, auth: Authenticated, trail: Trail| {
            service.renew_session(&auth, request, &trail).await
        };
        let (kind, by) = (Operation::ConfirmPassword, By::owner(auth).counted());
        self.acting(kind, by, context, confirm).await
    }

    async fn renew_session(
        &self,
        auth: &Authenticated,
        request: ConfirmPassword,
        trail: &Trail,
    ) -> Result<LoginResponse, AuthError> {
        let mut violations = Violations::default();
        let current = typed_password(
            &request.current_password,
            Field::CurrentPassword,
            &mut violations,
        );
        violations.into_result()?;
        let current = current.ok_or(AuthError::InvalidCredentials)?;
        let (user, present) = (auth.user(), auth.session());
        drop(self.check_own_password(auth, &current, trail).await?);

        // The present session ends first. If somebody has ended it since it was looked
        // at, there is no new one; and a full store has room for the new one.
        let _forgetting = self.forgetting(user.id);
        let (now, context) = (self.now(), trail.context());
        let session = self.new_session_of(present.short, user, present.auth_epoch, context, now)?;
        let tokens = self.tokens(&session, now)?;
        if !self.inner.store.end_session(user.id, present.id).await? {
            return Err(AuthError::InvalidToken);
        }
        self.open(&session).await?;
        trail.session(session.id);
        Ok(self.login_response(user, tokens, "Your password is confirmed."))
    }
}
