//! Login.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::attempt::{CorrectPassword, Guess, Guesser, claim, is_known_device};
use super::door::Entry;
use super::fields::{parse_email, typed_password};
use super::operation::{Subject, Trail};
use super::{AuthService, RequestContext, Tokens};
use crate::clock::Clock;
use crate::email::CanonicalEmail;
use crate::error::{AuthError, Field, Violations};
use crate::event::{Notice, Operation};
use crate::id::UserId;
use crate::identity::IdentityUse;
use crate::mail::MailKind;
use crate::password::{HashError, Lane, NormalizedPassword, Work};
use crate::secret::Password;
use crate::session::{Session, SessionLength};
use crate::store::{EpochChange, Store};
use crate::user::{DeviceDigest, User};

/// Requests a session.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct LoginRequest {
    /// The address.
    #[cfg_attr(feature = "openapi", schemars(email))]
    pub email: String,
    /// The password.
    pub password: Password,
    /// `false` requests a session with the shorter lifetime, for a shared device; the default
    /// is the usual lifetime. Both are set in [`SessionPolicy`](crate::config::SessionPolicy).
    pub remember: Option<bool>,
}

/// A session that was opened or refreshed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct LoginResponse {
    /// The account's id.
    pub user_id: UserId,
    /// The address as it was given.
    #[cfg_attr(feature = "openapi", schemars(email))]
    pub email: String,
    /// The name.
    pub name: String,
    /// Whether the owner of the mailbox has confirmed the account.
    pub is_verified: bool,
    /// What the user still has to do, as in [`Profile::missing`](crate::profile::Profile::missing).
    pub missing: Vec<String>,
    /// A message for the user.
    pub message: String,
    /// The session's tokens.
    #[serde(flatten)]
    pub tokens: Tokens,
}

/// The `Retry-After` of a login that a hashing thread did not answer in time.
const STUCK_RETRY_AFTER: Duration = Duration::from_secs(10);

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Opens a session for the holder of the password.
    ///
    /// Every failure to log in looks the same: an unknown address, a wrong password, a
    /// disabled account, a hash that cannot be checked (ASVS 6.3.8, CVE-2024-39329).
    /// Each costs exactly one run of Argon2, unless it is refused by a limit or for lack
    /// of room. A session is new at each login (ASVS 7.2.4).
    ///
    /// # Errors
    ///
    /// [`AuthError::Validation`] when a field cannot be right for any account;
    /// [`AuthError::InvalidCredentials`]; [`AuthError::SecondFactorRequired`], with a ticket
    /// for [`prove_second_factor`](Self::prove_second_factor); [`AuthError::RateLimited`], after too
    /// many failures or after too many logins. After too many logins, a known device
    /// gets it with any password, and another one with the correct password;
    /// [`AuthError::Overloaded`], which does not count as a failure;
    /// [`AuthError::Unavailable`]; [`AuthError::Store`].
    pub async fn login(
        &self,
        request: LoginRequest,
        context: &RequestContext,
    ) -> Result<LoginResponse, AuthError> {
        let log_in = async move |service: Self, trail| service.log_in(request, &trail).await;
        self.operation(Operation::Login, Subject::default(), context, log_in)
            .await
    }

    async fn log_in(
        &self,
        request: LoginRequest,
        trail: &Trail,
    ) -> Result<LoginResponse, AuthError> {
        let mut violations = Violations::default();
        let email = parse_email(&request.email, Field::Email, &mut violations);
        let password = typed_password(&request.password, Field::Password, &mut violations);
        violations.into_result()?;
        let (Some(email), Some(password)) = (email, password) else {
            return Err(AuthError::InvalidCredentials);
        };

        // A caller that would be refused without waiting costs one read. If it were
        // counted first, the count would have to be given back, and a flood would
        // change the record of its networks twice for each guess.
        let mut found = None;
        if self.would_refuse(Lane::Stranger, trail) {
            let user = self.find_visited(email.canonical(), trail).await?;
            trail.about(user.as_ref().map(|user| user.id));
            let known = user.as_ref();
            let known = known.filter(|user| is_known_device(user, trail.context()));
            let lane = known.map(|user| Lane::Known(user.id.to_bytes()));
            if lane.is_none_or(|lane| self.would_refuse(lane, trail)) {
                return Err(self.inner.hasher.refusal().into());
            }
            found = Some(user);
        }
        let counted = self.limit_guesses(trail);
        let (counted, found) = match found {
            Some(found) => (counted.await?, found),
            // A client that is known to be over its limit is refused before either costs an act.
            None => tokio::try_join!(biased; counted, self.find_visited(email.canonical(), trail))?,
        };
        trail.about(found.as_ref().map(|user| user.id));
        let guess = Guess {
            by: Guesser::Visitor(email.canonical()),
            user: found.as_ref(),
            counted,
        };
        let mut correct = self.check_password(guess, &password, trail).await?;
        let mut user = found.ok_or(AuthError::InvalidCredentials)?;
        self.renew_hash(&mut user, &password, &mut correct, trail)
            .await?;

        let length = match request.remember {
            Some(false) => SessionLength::Short,
            _ => SessionLength::Usual,
        };
        let user = self.call_due_hooks(Arc::new(user), trail).await;
        let proof = correct.proof;
        let entry = Entry::sign_in(&user, proof, self.now()).of_length(length);
        if self.has_second_factors() {
            // A login that a budget refuses requests no code and ends no earlier ticket.
            self.settle(correct, trail).await?;
            let (session, tokens) = self.enter(entry, trail).await?;
            self.open(&session).await?;
            return self.finish_login(&user, session, tokens, trail).await;
        }
        let (session, tokens) = self.enter(entry, trail).await?;
        let (opened, settled) = tokio::join!(self.open(&session), self.settle(correct, trail));
        opened?;
        if let Err(refused) = settled {
            self.discard(&session).await;
            return Err(refused);
        }
        self.finish_login(&user, session, tokens, trail).await
    }

    /// Records the login that `session`, which is stored, belongs to. Whether the account is
    /// still as it was when the proofs were given is decided here.
    pub(super) async fn finish_login(
        &self,
        user: &User,
        session: Session,
        tokens: Tokens,
        trail: &Trail,
    ) -> Result<LoginResponse, AuthError> {
        self.finish_login_with(user, session, tokens, None, trail)
            .await
    }

    /// As [`finish_login`](Self::finish_login), by the identity `used`, if it was one.
    pub(super) async fn finish_login_with(
        &self,
        user: &User,
        session: Session,
        tokens: Tokens,
        used: Option<IdentityUse>,
        trail: &Trail,
    ) -> Result<LoginResponse, AuthError> {
        let (context, epoch) = (trail.context(), session.auth_epoch);
        let (device, now) = (self.new_device(user, context), session.created_at);
        let recorded = self
            .inner
            .store
            .record_login(user.id, epoch, device, used, now);
        let (recorded, is_over_cap) = tokio::join!(recorded, self.is_over_cap(&session));
        // By now the device may be known, so that the next login from there is no
        // news: the owner is told of this one, whatever else fails.
        let is_new = device.is_some() && !matches!(recorded, Ok(false));
        // An account without devices was created before devices were recorded.
        if is_new && !user.devices.is_empty() {
            trail.notice(Notice::NewDevice);
            let outbox = self.inner.outbox.as_ref();
            if outbox.is_some_and(|outbox| outbox.tells_of_new_devices()) {
                self.notify(MailKind::NewDevice, user, &user.email, context);
            }
        }
        let refused = match recorded {
            Ok(true) => None,
            // The account was disabled or its password changed since it was read.
            Ok(false) => Some(AuthError::InvalidCredentials),
            Err(error) => Some(error.into()),
        };
        if let Some(error) = refused {
            self.discard(&session).await;
            return Err(error);
        }
        self.make_room(&session, context, is_over_cap).await?;
        trail.session(session.id);
        Ok(self.login_response(user, tokens, "You are logged in."))
    }

    fn would_refuse(&self, lane: Lane, trail: &Trail) -> bool {
        let claim = claim(Work::Hashing, lane, trail);
        self.inner.hasher.would_refuse(claim)
    }

    /// Returns the account that a visitor names, if it exists.
    async fn find_visited(
        &self,
        email: &CanonicalEmail,
        trail: &Trail,
    ) -> Result<Option<User>, AuthError> {
        let found = trail.unless_gone(self.inner.store.user_by_email(email));
        let found = found.await?;
        let is_another = |user: &User| user.email.canonical() != email;
        if found.as_ref().is_some_and(is_another) {
            return Err(AuthError::Internal(
                "the store answered with another user".into(),
            ));
        }
        Ok(found)
    }

    /// Replaces a hash with outdated parameters, an old pepper or another
    /// scheme, after a correct password. If that fails, the old hash stays
    /// valid: the login succeeds, and the next one tries again.
    ///
    /// # Errors
    ///
    /// [`AuthError::Abandoned`], before anything is written.
    pub(super) async fn renew_hash(
        &self,
        user: &mut User,
        password: &NormalizedPassword,
        correct: &mut CorrectPassword,
        trail: &Trail,
    ) -> Result<(), AuthError> {
        if !correct.is_outdated {
            return Ok(());
        }
        let (Some(mut turn), Some(old)) = (correct.turn.take(), &user.password_hash) else {
            return Ok(());
        };
        let renewed = async {
            let new = turn.hash(password, trail.gone()).await?;
            drop(turn);
            let store = &self.inner.store;
            let replaced = store.replace_password(user.id, old, &new, EpochChange::Keep);
            Ok::<_, AuthError>(replaced.await?.then_some(new))
        };
        match renewed.await {
            Ok(Some(new)) => user.password_hash = Some(new),
            // A concurrent login has replaced it.
            Ok(None) => {}
            Err(AuthError::Abandoned) => return Err(AuthError::Abandoned),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(user_id = %user.id, error, "a password hash was not renewed");
                trail.notice(Notice::RehashFailed);
            }
        }
        Ok(())
    }

    /// The device that a login comes from, if it is not one that `user` is
    /// known to use.
    pub(super) fn new_device(&self, user: &User, context: &RequestContext) -> Option<DeviceDigest> {
        let device = context.device(user.id);
        (!user.devices.contains(&device)).then_some(device)
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

impl From<HashError> for AuthError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Overloaded { retry_after } => Self::Overloaded { retry_after },
            HashError::Abandoned => Self::Abandoned,
            HashError::Stuck => Self::Unavailable {
                retry_after: STUCK_RETRY_AFTER,
            },
            HashError::Random(error) => Self::Random(error),
            other => Self::Internal(Box::new(other)),
        }
    }
}
