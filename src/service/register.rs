//! Registration.

use super::report::Trail;
use super::{AuthService, RegisterRequest, RegisterResponse, RequestContext};
use crate::clock::Clock;
use crate::email::{Email, EmailError};
use crate::error::{AuthError, Field, ViolationCode, Violations};
use crate::event::Operation;
use crate::id::UserId;
use crate::password::NormalizedPassword;
use crate::preferences::Preferences;
use crate::store::{Insert, InsertUser, LimitStore, SessionStore, UserStore};
use crate::user::{DisplayName, NameError, User, UserStatus};

/// A registration that breaks no rule.
struct Registration {
    email: Email,
    name: DisplayName,
    password: NormalizedPassword,
}

impl<S: UserStore + SessionStore + LimitStore, C: Clock> AuthService<S, C> {
    /// Makes an account and opens a session for it. The account is not
    /// verified: nobody has shown yet that the mailbox is theirs.
    ///
    /// The session is stored first and means nothing until the user is: the
    /// insertion of the user is the one act that makes the account, whole or
    /// not at all.
    ///
    /// # Errors
    ///
    /// [`AuthError::Validation`] with every broken rule;
    /// [`AuthError::EmailTaken`]; [`AuthError::RateLimited`];
    /// [`AuthError::Overloaded`]; [`AuthError::Store`], after which the account
    /// may or may not be there (registering again tells).
    pub async fn register(
        &self,
        request: RegisterRequest,
        context: &RequestContext,
    ) -> Result<RegisterResponse, AuthError> {
        let mut trail = Trail::default();
        let result = self.try_register(request, context, &mut trail).await;
        self.report(Operation::Register, &trail, context, &result);
        result
    }

    async fn try_register(
        &self,
        request: RegisterRequest,
        context: &RequestContext,
        trail: &mut Trail,
    ) -> Result<RegisterResponse, AuthError> {
        // Before the fields are looked at: scoring a password takes a while,
        // and nobody may have it done without end (ASVS 2.4.1).
        let now = self.now();
        let quota = self.config().limits.register_by_address;
        self.limit("register:address", &context.network(), quota, now)
            .await?;
        let registration = self.check_registration(&request).await?;

        let password_hash = self.inner.hasher.hash(&registration.password).await?;
        let now = self.now();
        let user = User {
            id: UserId::generate(now, self.random())?,
            email: registration.email,
            name: registration.name,
            password_hash,
            created_at: now,
            last_login: Some(now),
            is_verified: false,
            roles: self.config().roles.initial_roles().clone(),
            preferences: Preferences::default(),
            status: UserStatus::Active,
            auth_epoch: 0,
            devices: Vec::new(),
        };
        let session = self.new_session(&user, user.auth_epoch, context, now)?;
        let tokens = self.tokens(&session, now)?;

        let store = &self.inner.store;
        self.open(&session).await?;
        match store.insert_user(&user).await? {
            InsertUser::Inserted => {}
            refused => {
                self.discard(&session).await;
                return Err(match refused {
                    InsertUser::EmailTaken => AuthError::EmailTaken,
                    _ => id_collision(),
                });
            }
        }
        trail.user_id = Some(user.id);
        trail.session_id = Some(session.id);
        Ok(RegisterResponse {
            user_id: user.id,
            email: user.email.as_str().to_owned(),
            name: user.name.as_str().to_owned(),
            message: "Your account has been created.".to_owned(),
            tokens,
        })
    }

    /// Checks every field, and returns all violations at once.
    async fn check_registration(
        &self,
        request: &RegisterRequest,
    ) -> Result<Registration, AuthError> {
        let mut violations = Violations::default();
        let email = parse_email(&request.email, &mut violations);
        let context = [request.email.as_str(), request.name.as_str()];
        let password = self
            .check_new_password(
                &request.password,
                &request.confirm_password,
                Field::Password,
                &context,
                &mut violations,
            )
            .await?;
        let name = parse_name(&request.name, &mut violations);
        violations.into_result()?;
        match (email, name, password) {
            (Some(email), Some(name), Some(password)) => Ok(Registration {
                email,
                name,
                password,
            }),
            // Each `None` has pushed a violation.
            _ => Err(AuthError::Internal(
                "a field was refused without a reason".into(),
            )),
        }
    }
}

impl<S: SessionStore, C: Clock> AuthService<S, C> {
    /// Stores a new session. A collision of 64 random bits within one second
    /// does not happen by chance, so it is an error and not tried again.
    pub(super) async fn open(&self, session: &crate::session::Session) -> Result<(), AuthError> {
        match self.inner.store.insert_session(session).await? {
            Insert::Inserted => Ok(()),
            Insert::Taken => Err(id_collision()),
        }
    }

    /// Removes a session that came to nothing. Nobody holds a token of it, so
    /// a failure leaves a row that means nothing and expires.
    pub(super) async fn discard(&self, session: &crate::session::Session) {
        let removed = self.inner.store.end_session(session.user_id, session.id);
        if let Err(error) = removed.await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, session_id = %session.id, "an unused session was left behind");
        }
    }
}

fn id_collision() -> AuthError {
    AuthError::Internal("a new id is taken: is the source of randomness broken?".into())
}

pub(super) fn parse_email(input: &str, violations: &mut Violations) -> Option<Email> {
    Email::parse(input)
        .map_err(|error| {
            let (code, message) = match error {
                EmailError::Empty => (ViolationCode::Required, "Enter your email address."),
                EmailError::TooLong => (
                    ViolationCode::TooLong,
                    "This email address is too long: at most 254 bytes are allowed.",
                ),
                EmailError::Malformed => (
                    ViolationCode::InvalidFormat,
                    "This is not an email address of the form name@example.org.",
                ),
                EmailError::InvalidDomain => (
                    ViolationCode::InvalidFormat,
                    "The part after the @ is not a valid domain.",
                ),
            };
            violations.push(Field::Email, code, message);
        })
        .ok()
}

pub(super) fn parse_name(input: &str, violations: &mut Violations) -> Option<DisplayName> {
    DisplayName::parse(input)
        .map_err(|error| {
            let (code, message) = match error {
                NameError::Empty => (ViolationCode::Required, "Enter your name."),
                NameError::TooLong => (
                    ViolationCode::TooLong,
                    "This name is too long: at most 100 characters are allowed.",
                ),
                NameError::Unsafe => (
                    ViolationCode::InvalidCharacters,
                    "This name has characters that cannot be shown. Leave out line breaks and control characters.",
                ),
            };
            violations.push(Field::Name, code, message);
        })
        .ok()
}
