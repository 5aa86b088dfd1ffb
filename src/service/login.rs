//! Login, and the check of a password that other operations share.

use super::password::TOO_LONG;
use super::report::Trail;
use super::{AuthService, LoginRequest, LoginResponse, RequestContext, Tokens};
use crate::clock::Clock;
use crate::error::{AuthError, Field, ViolationCode, Violations};
use crate::event::{Notice, Operation};
use crate::mail::MailKind;
use crate::password::{HashError, NormalizedPassword, PasswordTooLong};
use crate::secret::Password;
use crate::store::{Epoch, LimitStore, SessionStore, UserStore};
use crate::time::Timestamp;
use crate::user::{DeviceDigest, User, UserStatus};

impl<S, C> AuthService<S, C>
where
    S: UserStore + SessionStore + LimitStore + 'static,
    C: Clock,
{
    /// Opens a session for whoever knows the password.
    ///
    /// Every failure to log in looks the same and costs exactly one run of
    /// Argon2: an unknown address, a wrong password, a disabled account, a hash
    /// that cannot be checked (ASVS 6.3.8, CVE-2024-39329). A session is new at
    /// each login (ASVS 7.2.4).
    ///
    /// # Errors
    ///
    /// [`AuthError::Validation`] when a field cannot be right for any account;
    /// [`AuthError::InvalidCredentials`]; [`AuthError::RateLimited`];
    /// [`AuthError::Overloaded`]; [`AuthError::Store`].
    pub async fn login(
        &self,
        request: LoginRequest,
        context: &RequestContext,
    ) -> Result<LoginResponse, AuthError> {
        let mut trail = Trail::default();
        let result = self.try_login(request, context, &mut trail).await;
        self.report(Operation::Login, &trail, context, &result);
        result
    }

    async fn try_login(
        &self,
        request: LoginRequest,
        context: &RequestContext,
        trail: &mut Trail,
    ) -> Result<LoginResponse, AuthError> {
        let mut violations = Violations::default();
        let email = super::register::parse_email(&request.email, Field::Email, &mut violations);
        let password = typed_password(&request.password, Field::Password, &mut violations);
        violations.into_result()?;
        let (Some(email), Some(password)) = (email, password) else {
            return Err(AuthError::InvalidCredentials);
        };

        let store = &self.inner.store;
        let now = self.now();
        // First, so that a flood of guesses costs one act of the store each.
        self.limit_address(context, now).await?;
        let user = store.user_by_email(email.canonical()).await?;
        if user
            .as_ref()
            .is_some_and(|user| user.email.canonical() != email.canonical())
        {
            return Err(AuthError::Internal(
                "the store answered with another user".into(),
            ));
        }
        trail.user_id = user.as_ref().map(|user| user.id);
        let attempt = self
            .begin_attempt(email.canonical(), user.as_ref(), context, now)
            .await?;
        let checked = self.check_password(user.clone(), &password, trail).await;
        let user = self.judge(&attempt, checked, user.as_ref(), context, trail)?;

        let _forgetting = self.forgetting(user.id);
        let now = self.now();
        let device = self.new_device(&user, context);
        let short = request.remember == Some(false);
        let session = self.new_session_of(short, &user, user.auth_epoch, context, now)?;
        let tokens = self.tokens(&session, now)?;
        let (opened, recorded, ()) = tokio::join!(
            self.open(&session),
            store.record_login(user.id, user.auth_epoch, device, now),
            self.end_attempt(&attempt),
        );
        // By now the device may be known, so that the next login from there is no
        // news: the owner is told of this one, whatever else fails.
        let is_new = device.is_some() && !matches!(recorded, Ok(false));
        // An account without any is one of before devices were remembered.
        if is_new && !user.devices.is_empty() {
            trail.notice.get_or_insert(Notice::NewDevice);
            let outbox = self.inner.outbox.as_ref();
            if outbox.is_some_and(|outbox| outbox.tells_of_new_devices()) {
                self.notify(MailKind::NewDevice, &user, &user.email, context);
            }
        }
        opened?;
        match recorded {
            Ok(true) => {}
            // The account was disabled or its password changed since it was read.
            Ok(false) => {
                self.discard(&session).await;
                return Err(AuthError::InvalidCredentials);
            }
            Err(error) => {
                self.discard(&session).await;
                return Err(error.into());
            }
        }
        self.make_room(&session, context).await?;
        trail.session_id = Some(session.id);
        Ok(self.login_response(&user, tokens, "You are logged in."))
    }

    /// The user, if there is one, may be used, and `password` is theirs. Costs
    /// exactly one run of Argon2 when it fails. A hash with old parameters, an
    /// old pepper or of another scheme is renewed when it succeeds.
    pub(super) async fn check_password(
        &self,
        user: Option<User>,
        password: &NormalizedPassword,
        trail: &mut Trail,
    ) -> Result<User, AuthError> {
        let Some(user) = user else {
            self.inner.hasher.verify_absent(password).await?;
            return Err(AuthError::InvalidCredentials);
        };
        let (mut user, outdated) = self.verdict_on(user, password, trail).await?;
        if outdated && let Err(error) = self.rehash(&mut user, password).await {
            // The password is right and the old hash still checks it, so the
            // login goes on; the next one tries again.
            let error: &dyn std::error::Error = &error;
            tracing::warn!(user_id = %user.id, error, "a password hash was not renewed");
            trail.notice = Some(Notice::RehashFailed);
        }
        Ok(user)
    }

    async fn rehash(
        &self,
        user: &mut User,
        password: &NormalizedPassword,
    ) -> Result<(), AuthError> {
        let new = self.inner.hasher.hash(password).await?;
        let _forgetting = self.forgetting(user.id);
        let replaced = self
            .inner
            .store
            .replace_password(user.id, &user.password_hash, &new, Epoch::Keep)
            .await?;
        if replaced {
            user.password_hash = new;
        }
        Ok(())
    }
}

impl<S, C: Clock> AuthService<S, C> {
    /// The device that a login comes from, if it is not one that `user` is
    /// known to use.
    pub(super) fn new_device(&self, user: &User, context: &RequestContext) -> Option<DeviceDigest> {
        let device = context.device(user.id);
        (!user.devices.contains(&device)).then_some(device)
    }

    /// The user, if they may be used and `password` is theirs. Costs exactly
    /// one run of Argon2.
    pub(super) async fn check_hash(
        &self,
        user: User,
        password: &NormalizedPassword,
        trail: &mut Trail,
    ) -> Result<User, AuthError> {
        let (user, _) = self.verdict_on(user, password, trail).await?;
        Ok(user)
    }

    /// The same, and whether the hash should be renewed.
    async fn verdict_on(
        &self,
        user: User,
        password: &NormalizedPassword,
        trail: &mut Trail,
    ) -> Result<(User, bool), AuthError> {
        let verdict = match self
            .inner
            .hasher
            .verify(password, &user.password_hash)
            .await
        {
            Ok(verdict) => verdict,
            Err(
                error
                @ (HashError::Overloaded { .. } | HashError::Random(_) | HashError::Failed(_)),
            ) => {
                return Err(error.into());
            }
            Err(error) => {
                tracing::error!(user_id = %user.id, %error, "a stored password hash cannot be checked");
                trail.notice = Some(Notice::PasswordHashUnusable);
                return Err(AuthError::InvalidCredentials);
            }
        };
        if !verdict.matches || user.status != UserStatus::Active {
            return Err(AuthError::InvalidCredentials);
        }
        Ok((user, verdict.outdated))
    }

    pub(super) fn login_response(
        &self,
        user: &User,
        tokens: Tokens,
        message: &str,
    ) -> LoginResponse {
        LoginResponse {
            user_id: user.id,
            email: user.email.as_str().to_owned(),
            name: user.name.as_str().to_owned(),
            is_verified: user.is_verified,
            missing: self.config().onboarding.missing(user),
            message: message.to_owned(),
            tokens,
        }
    }
}

impl<S: LimitStore, C: Clock> AuthService<S, C> {
    /// Counts a check of a credential against the client's network. It comes
    /// before the account's count, so that a flood of guesses at many accounts
    /// costs one act of the store each.
    pub(super) async fn limit_address(
        &self,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<(), AuthError> {
        let quota = self.config().limits.login_by_address;
        self.limit("login:address", &context.network(), quota, now)
            .await
    }
}

/// A password that is to be checked against a stored hash. One that no policy
/// could have accepted is refused here, before any hashing; that says nothing
/// about any account.
pub(super) fn typed_password(
    typed: &Password,
    field: Field,
    violations: &mut Violations,
) -> Option<NormalizedPassword> {
    if typed.expose_secret().is_empty() {
        violations.push(field, ViolationCode::Required, "Enter your password.");
        return None;
    }
    NormalizedPassword::new(typed)
        .map_err(|PasswordTooLong| violations.push(field, ViolationCode::TooLong, TOO_LONG))
        .ok()
}

impl From<HashError> for AuthError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Overloaded { retry_after } => Self::Overloaded { retry_after },
            HashError::Random(error) => Self::Random(error),
            other => Self::Internal(Box::new(other)),
        }
    }
}
