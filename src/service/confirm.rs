//! Giving the own password again, without a new login.

use super::login::typed_password;
use super::report::Trail;
use super::{AuthService, Authenticated, ConfirmPassword, LoginResponse, RequestContext};
use crate::clock::Clock;
use crate::error::{AuthError, Field, Violations};
use crate::event::Operation;
use crate::password::NormalizedPassword;
use crate::store::{LimitStore, SessionStore, UserStore};

impl<S, C> AuthService<S, C>
where
    S: UserStore + SessionStore + LimitStore + 'static,
    C: Clock,
{
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
        let mut trail = Trail::of(auth);
        let result = self.try_confirm(auth, request, context, &mut trail).await;
        self.report(Operation::ConfirmPassword, &trail, context, &result);
        result
    }

    async fn try_confirm(
        &self,
        auth: &Authenticated,
        request: ConfirmPassword,
        context: &RequestContext,
        trail: &mut Trail,
    ) -> Result<LoginResponse, AuthError> {
        let mut violations = Violations::default();
        let current = typed_password(
            &request.current_password,
            Field::CurrentPassword,
            &mut violations,
        );
        violations.into_result()?;
        let current = current.ok_or(AuthError::InvalidCredentials)?;
        let auth = &*self.as_of_now(auth).await?;
        let (user, present) = (auth.user(), auth.session());
        self.check_own_password(auth, &current, context, trail)
            .await?;

        // The new session is stored first and means nothing until its tokens
        // are handed out. The end of the present one decides: where somebody
        // has ended it since it was looked at, it must not live on.
        let _forgetting = self.forgetting(user.id);
        let now = self.now();
        let session = self.new_session_of(present.short, user, present.auth_epoch, context, now)?;
        let tokens = self.tokens(&session, now)?;
        self.open(&session).await?;
        match self.inner.store.end_session(user.id, present.id).await {
            Ok(true) => {}
            Ok(false) => {
                self.discard(&session).await;
                return Err(AuthError::InvalidToken);
            }
            Err(error) => {
                self.discard(&session).await;
                return Err(error.into());
            }
        }
        trail.session_id = Some(session.id);
        Ok(self.login_response(user, tokens, "Your password is confirmed."))
    }
}

impl<S: LimitStore + 'static, C: Clock> AuthService<S, C> {
    /// Checks the password of a user who is logged in, after counting it.
    pub(super) async fn check_own_password(
        &self,
        auth: &Authenticated,
        password: &NormalizedPassword,
        context: &RequestContext,
        trail: &mut Trail,
    ) -> Result<(), AuthError> {
        let now = self.now();
        self.limit_address(context, now).await?;
        let user = auth.user();
        let attempt = self.begin_session_attempt(auth.session().id, now).await?;
        let checked = self.check_hash(user.clone(), password, trail).await;
        self.judge(&attempt, checked, Some(user), context, trail)?;
        self.end_attempt(&attempt).await;
        Ok(())
    }
}
