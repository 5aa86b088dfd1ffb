//! Second factors: a sign-in that the password alone does not complete.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;

use super::application::unavailable;
use super::attempt::factor_key;
use super::door::Entry;
use super::operation::{Subject, Trail};
use super::{AuthService, Authenticated, LoginResponse, RequestContext};
use crate::clock::Clock;
use crate::contained;
use crate::error::{AuthError, Cause, Field, ViolationCode, Violations};
use crate::event::Operation;
use crate::identity::IdentityUse;
use crate::proof::{Method, MethodName, Proof, Proofs};
use crate::secret::{Code, Ticket};
use crate::store::Store;
use crate::time::Timestamp;
use crate::token::{OneTimeToken, PendingFederation, PendingSignIn, TokenDigest, TokenPurpose};
use crate::user::User;

/// The maximum length of a code, in characters.
pub const MAX_CODE_CHARS: usize = 64;

/// The time that a [`SecondFactor`] has for each call: 5 seconds.
pub const SECOND_FACTOR_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a sign-in waits for its second factor.
const TICKET_TTL: Duration = Duration::from_secs(600);

/// Second factors that the application checks, such as codes that it sends by SMS.
///
/// For a user with a second factor, a correct password does not open a session: the login
/// returns [`AuthError::SecondFactorRequired`] with a ticket, and
/// [`AuthService::prove_second_factor`] completes it. The ticket is valid for 10 minutes, for
/// one session, and as long as the account is in the state in which the password was checked.
///
/// A call that fails, panics or takes longer than [`SECOND_FACTOR_TIMEOUT`] refuses the
/// sign-in with [`AuthError::Unavailable`].
///
/// ```
/// use admittance::error::Cause;
/// use admittance::proof::MethodName;
/// use admittance::secret::Code;
/// use admittance::service::SecondFactor;
/// use admittance::user::User;
///
/// struct Sms;
///
/// # impl Sms {
/// #     async fn number_of(&self, _: &User) -> Result<Option<String>, Cause> { Ok(None) }
/// #     async fn send_code(&self, _: &str) -> Result<(), Cause> { Ok(()) }
/// #     async fn is_last_code(&self, _: &User, _: &str) -> Result<bool, Cause> { Ok(false) }
/// # }
/// #[admittance::async_trait]
/// impl SecondFactor for Sms {
///     async fn methods(&self, user: &User) -> Result<Vec<MethodName>, Cause> {
///         Ok(match self.number_of(user).await? {
///             Some(_) => vec![MethodName::new("sms")?],
///             None => Vec::new(),
///         })
///     }
///
///     async fn requested(&self, user: &User) -> Result<(), Cause> {
///         match self.number_of(user).await? {
///             Some(number) => self.send_code(&number).await,
///             None => Ok(()),
///         }
///     }
///
///     async fn check(&self, user: &User, _: MethodName, code: &Code) -> Result<bool, Cause> {
///         self.is_last_code(user, code.expose_secret()).await
///     }
/// }
/// ```
#[async_trait]
pub trait SecondFactor: Send + Sync + 'static {
    /// Returns the methods by which `user` can prove a second factor, or none if the user
    /// has no second factor.
    ///
    /// Enrol a second factor only for a user whose address [is
    /// verified](User::is_verified), with a [recent login](Authenticated::require_recent_login):
    /// a factor that a stranger enrolled, for an address that is not theirs or in a stolen
    /// session, keeps the owner out. End the other sessions then: one without the factor
    /// goes on until it is replaced.
    ///
    /// # Errors
    ///
    /// The sign-in is refused, and the error is logged.
    async fn methods(&self, user: &User) -> Result<Vec<MethodName>, Cause>;

    /// Called when a sign-in of `user` begins to wait for the second factor, and for a
    /// [`Reauthenticate`](super::Reauthenticate) by a second factor without a code: the place
    /// to send a code. Does nothing by default.
    ///
    /// # Errors
    ///
    /// The sign-in is refused, and the error is logged.
    async fn requested(&self, user: &User) -> Result<(), Cause> {
        let _ = user;
        Ok(())
    }

    /// Returns `true` if `code` proves that the caller is `user`, by `method`, which is one
    /// of [`methods`](Self::methods).
    ///
    /// A code must be accepted at most once. The service counts each call against the
    /// account before it, also one that fails, so wrong codes slow the account down and lock
    /// its second factor for a time, until a reset of the password by mail. Each call follows
    /// a correct password or comes from a session.
    ///
    /// # Errors
    ///
    /// The sign-in is refused, and the error is logged.
    async fn check(&self, user: &User, method: MethodName, code: &Code) -> Result<bool, Cause>;
}

/// Continues a sign-in by a second factor.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ProveSecondFactor {
    /// The ticket of the sign-in.
    #[serde(default)]
    pub ticket: Ticket,
    /// The method, one of those that came with the ticket.
    pub method: Method,
    /// The code.
    #[serde(default)]
    pub code: Code,
}

impl ProveSecondFactor {
    /// By `code`, of `method`.
    pub fn new(ticket: Ticket, method: Method, code: impl Into<Code>) -> Self {
        Self {
            ticket,
            method,
            code: code.into(),
        }
    }
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Whether users can have second factors.
    #[must_use]
    pub fn has_second_factors(&self) -> bool {
        self.inner.second_factor.is_some()
    }

    /// Completes a sign-in that [`AuthError::SecondFactorRequired`] interrupted, and opens
    /// its session.
    ///
    /// A wrong code leaves the ticket valid and counts against the account, whichever
    /// ticket it comes with. Of concurrent requests with one ticket, one succeeds.
    ///
    /// # Errors
    ///
    /// [`AuthError::Validation`]; [`AuthError::InvalidFlow`] if the ticket is not valid;
    /// [`AuthError::InvalidCode`]; [`AuthError::RateLimited`]; [`AuthError::Unavailable`] if
    /// the application's second factor fails; [`AuthError::Store`].
    pub async fn prove_second_factor(
        &self,
        request: ProveSecondFactor,
        context: &RequestContext,
    ) -> Result<LoginResponse, AuthError> {
        let prove = async move |service: Self, trail: Trail| {
            service.complete_sign_in(request, &trail).await
        };
        let (kind, subject) = (Operation::SecondFactor, Subject::default());
        self.operation(kind, subject, context, prove).await
    }

    async fn complete_sign_in(
        &self,
        request: ProveSecondFactor,
        trail: &Trail,
    ) -> Result<LoginResponse, AuthError> {
        let mut violations = Violations::default();
        let ticket = request.ticket.expose_secret();
        if ticket.is_empty() {
            violations.push(
                Field::Ticket,
                ViolationCode::Required,
                "Send the ticket of the login.",
            );
        }
        let named = self.named_code(request.method, &request.code, &mut violations);
        violations.into_result()?;
        let (method, code) = named.ok_or(AuthError::InvalidCode)?;

        let counted = self.limit_guesses(trail).await?;
        let purpose = TokenPurpose::SignIn;
        let found = self.find_token(ticket, purpose, trail).await?;
        let OneTimeToken {
            digest,
            account,
            sign_in: Some(pending),
            federation,
            ..
        } = found.ok_or(AuthError::InvalidFlow)?
        else {
            return Err(AuthError::InvalidFlow);
        };
        let user = trail.unless_gone(self.inner.store.user(account.id)).await?;
        let user = user.filter(|user| account.is_of(user));
        let user = Arc::new(user.ok_or(AuthError::InvalidFlow)?);
        trail.about(Some(user.id));
        let proof = self.check_code(&user, method, code, trail).await?;
        self.give_back(counted).await;
        // The one act that uses the ticket up.
        let store = &self.inner.store;
        let taken = store.take_token(digest, purpose, self.now()).await?;
        taken.ok_or(AuthError::InvalidFlow)?;

        let user = self.call_due_hooks(user, trail).await;
        let now = self.now();
        let used = match federation {
            Some(PendingFederation::Used(used)) => Some(used),
            _ => None,
        };
        let entry = Entry::sign_in(&user, pending.proofs.and(proof), now).of_length(pending.length);
        let (session, tokens) = self.enter(entry, trail).await?;
        self.open(&session).await?;
        let finished = self
            .finish_login_with(&user, session, tokens, used, trail)
            .await;
        finished.map_err(|error| match error {
            // The account has changed since it was read.
            AuthError::InvalidCredentials => AuthError::InvalidFlow,
            other => other,
        })
    }

    /// Checks a second factor of a logged-in user. Without a code, requests one.
    pub(super) async fn second_factor_again(
        &self,
        auth: &Authenticated,
        method: Method,
        code: &Code,
        trail: &Trail,
    ) -> Result<Proof, AuthError> {
        let mut violations = Violations::default();
        let named = self.named_code(method, code, &mut violations);
        let user = auth.shared_user();
        if let Some((method, code)) = named
            && code.expose_secret().is_empty()
        {
            self.require_method(&user, method, trail).await?;
            self.request_code(&user, trail).await?;
        }
        violations.into_result()?;
        let (method, code) = named.ok_or(AuthError::InvalidCode)?;
        self.check_code(&user, method, code, trail).await
    }

    /// Counts an attempt against the account, and checks `code`. A correct code takes back
    /// what was counted.
    async fn check_code(
        &self,
        user: &Arc<User>,
        method: MethodName,
        code: &Code,
        trail: &Trail,
    ) -> Result<Proof, AuthError> {
        self.require_method(user, method, trail).await?;
        let key = factor_key(user.id);
        let attempt = self.count_attempt(key).await?;
        let (owner, code) = (Arc::clone(user), code.clone());
        let checked = self.ask_second_factor(trail, async move |factor| {
            factor.check(&owner, method, &code).await
        });
        match checked.await {
            Ok(true) => {
                if let Some(attempt) = attempt {
                    self.forgive_attempt(&attempt).await;
                }
                Ok(Proof {
                    method: Method::SecondFactor(method),
                    at: self.now(),
                })
            }
            failed => {
                self.tell_of_lock(attempt.as_ref(), Some(user), trail);
                Err(failed.err().unwrap_or(AuthError::InvalidCode))
            }
        }
    }

    /// Refuses a method that `user` does not have.
    async fn require_method(
        &self,
        user: &Arc<User>,
        method: MethodName,
        trail: &Trail,
    ) -> Result<(), AuthError> {
        let mut violations = Violations::default();
        if !self.second_factors_of(user, trail).await?.contains(&method) {
            violations.push(Field::Method, ViolationCode::Unknown, UNKNOWN_METHOD);
        }
        violations.into_result()
    }

    /// The gate of a session in place of another one, which may be older than the second
    /// factor of the account.
    ///
    /// # Errors
    ///
    /// [`AuthError::RecentLoginRequired`] with the methods; [`AuthError::Unavailable`].
    pub(super) async fn require_proved_factor(
        &self,
        user: &Arc<User>,
        proofs: &Proofs,
        trail: &Trail,
    ) -> Result<(), AuthError> {
        if !self.has_second_factors() || has_second_factor(proofs) {
            return Ok(());
        }
        let methods = self.second_factors_of(user, trail).await?;
        match methods.is_empty() {
            true => Ok(()),
            false => Err(AuthError::RecentLoginRequired {
                methods: methods.into_iter().map(Method::SecondFactor).collect(),
            }),
        }
    }

    /// The gate of the second factor: passes if the user has none, or `pending` has one.
    ///
    /// # Errors
    ///
    /// [`AuthError::SecondFactorRequired`], after the ticket was stored;
    /// [`AuthError::Unavailable`]; [`AuthError::Store`].
    pub(super) async fn require_second_factor(
        &self,
        user: &Arc<User>,
        pending: PendingSignIn,
        used: Option<&IdentityUse>,
        now: Timestamp,
        trail: &Trail,
    ) -> Result<(), AuthError> {
        if !self.has_second_factors() || has_second_factor(&pending.proofs) {
            return Ok(());
        }
        let methods = self.second_factors_of(user, trail).await?;
        if methods.is_empty() {
            return Ok(());
        }
        let purpose = TokenPurpose::SignIn;
        let ticket = Ticket::new(purpose.new_token(self.random())?);
        let token = OneTimeToken {
            digest: TokenDigest::of(purpose, ticket.expose_secret()),
            purpose,
            account: user.state(),
            email: user.email.clone(),
            registration: None,
            sign_in: Some(pending),
            federation: used.cloned().map(PendingFederation::Used),
            created_at: now,
            expires_at: now.saturating_add(TICKET_TTL),
        };
        self.store_token(&token).await?;
        self.request_code(user, trail).await?;
        Err(AuthError::SecondFactorRequired {
            ticket,
            expires_in: TICKET_TTL,
            methods: methods.into_iter().map(Method::SecondFactor).collect(),
        })
    }

    /// The method of the application that `method` names, and its code.
    fn named_code<'a>(
        &self,
        method: Method,
        code: &'a Code,
        violations: &mut Violations,
    ) -> Option<(MethodName, &'a Code)> {
        let name = match method {
            Method::SecondFactor(name) if self.has_second_factors() => name,
            _ => {
                violations.push(Field::Method, ViolationCode::Unknown, UNKNOWN_METHOD);
                return None;
            }
        };
        match code.expose_secret().chars().count() {
            0 => violations.push(Field::Code, ViolationCode::Required, "Enter the code."),
            1..=MAX_CODE_CHARS => {}
            _ => {
                let message = "The code is longer than 64 characters.";
                violations.push(Field::Code, ViolationCode::TooLong, message);
            }
        }
        Some((name, code))
    }

    async fn request_code(&self, user: &Arc<User>, trail: &Trail) -> Result<(), AuthError> {
        let user = Arc::clone(user);
        self.ask_second_factor(trail, async move |factor| factor.requested(&user).await)
            .await
    }

    async fn second_factors_of(
        &self,
        user: &Arc<User>,
        trail: &Trail,
    ) -> Result<Vec<MethodName>, AuthError> {
        let user = Arc::clone(user);
        self.ask_second_factor(trail, async move |factor| factor.methods(&user).await)
            .await
    }

    /// Calls the application's second factor, which may fail, panic or hang.
    async fn ask_second_factor<T, W>(
        &self,
        trail: &Trail,
        ask: impl FnOnce(Arc<dyn SecondFactor>) -> W,
    ) -> Result<T, AuthError>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, Cause>> + Send + 'static,
    {
        let factor = self.inner.second_factor.clone();
        let call = ask(factor.ok_or(AuthError::NotFound)?);
        let answer = contained::call(SECOND_FACTOR_TIMEOUT, call).await;
        let answer = answer.map_err(Cause::from).flatten();
        answer.map_err(|error| unavailable("the second factor", &error, trail))
    }
}

fn has_second_factor(proofs: &Proofs) -> bool {
    let is_second = |method: &Method| matches!(method, Method::SecondFactor(_));
    proofs.methods().iter().any(is_second)
}

const UNKNOWN_METHOD: &str = "Use one of the methods that the account has.";
