//! Registration.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::door::Entry;
use super::fields::parse_name;
use super::hooks::RegistrationAttempt;
use super::limits::Counted;
use super::mailing::{NewLink, pending_account};
use super::operation::{Subject, Trail};
use super::password::NewPassword;
use super::{Accepted, AuthService, RequestContext, Tokens};
use crate::clock::Clock;
use crate::config::RegistrationMode;
use crate::email::Email;
use crate::error::{AuthError, Field, Violations};
use crate::event::Operation;
use crate::extra::Extra;
use crate::id::UserId;
use crate::identity::Identities;
use crate::mail::{MailKind, Post};
use crate::password::{Lane, NormalizedPassword};
use crate::preferences::{Metadata, Preferences};
use crate::proof::Proof;
use crate::secret::Password;
use crate::session::Session;
use crate::store::{InsertUser, Store};
use crate::time::Timestamp;
use crate::token::{PendingRegistration, TokenPurpose};
use crate::user::{DisplayName, PasswordHash, User, UserStatus};

/// Requests an account.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RegisterRequest {
    /// The address, as the user writes it.
    #[cfg_attr(feature = "openapi", schemars(email))]
    pub email: String,
    /// The password.
    pub password: Password,
    /// The password, repeated.
    pub confirm_password: Password,
    /// The user's display name.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = 100)))]
    pub name: String,
    /// The application's own fields, if it has a [`RegistrationExtra`](super::RegistrationExtra).
    #[cfg_attr(feature = "openapi", schemars(with = "Option<Extra>"))]
    pub extra: Option<Map<String, Value>>,
}

impl RegisterRequest {
    /// A request with the password repeated, and without extra fields.
    ///
    /// ```
    /// use admittance::RegisterRequest;
    ///
    /// let request = RegisterRequest::new("ann@example.org", "plum-Orbit-47-lantern", "Ann");
    /// assert_eq!(request.name, "Ann");
    /// ```
    pub fn new(
        email: impl Into<String>,
        password: impl Into<Password>,
        name: impl Into<String>,
    ) -> Self {
        let password = password.into();
        Self {
            email: email.into(),
            password: password.clone(),
            confirm_password: password,
            name: name.into(),
            extra: None,
        }
    }
}

/// An account that was created, and its first session.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct RegisterResponse {
    /// The new account's id.
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

/// The outcome of a registration.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
#[must_use]
pub enum RegisterOutcome {
    /// The account was created, with a session.
    Opened(RegisterResponse),
    /// The mailed link creates the account. The answer is the same if the address already
    /// has one.
    Pending(Accepted),
}

impl RegisterOutcome {
    /// The answer, if the account was created.
    #[must_use]
    pub fn opened(self) -> Option<RegisterResponse> {
        match self {
            Self::Opened(response) => Some(response),
            Self::Pending(_) => None,
        }
    }
}

/// A registration that breaks no rule.
struct Registration {
    email: Email,
    name: DisplayName,
    password: NormalizedPassword,
    extra: Extra,
}

impl Registration {
    fn attempt(&self, trail: &Trail) -> RegistrationAttempt {
        RegistrationAttempt {
            email: self.email.as_str().to_owned(),
            email_canonical: self.email.canonical().as_str().to_owned(),
            name: self.name.as_str().to_owned(),
            extra: self.extra.clone(),
            context: trail.context().clone(),
        }
    }
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Makes an account and opens a session for it, or, by
    /// [`RegistrationMode::VerifyFirst`], mails a link that does. The account
    /// is not verified: nobody has shown yet that the mailbox is theirs.
    ///
    /// Session and link are stored first and mean nothing until the user is:
    /// the insertion of the user is the one act that makes the account, whole
    /// or not at all.
    ///
    /// # Errors
    ///
    /// [`AuthError::Validation`] with every broken rule;
    /// [`AuthError::EmailTaken`], by `OpenSession` only;
    /// [`AuthError::RateLimited`]; [`AuthError::Overloaded`];
    /// [`AuthError::Unavailable`], if the application's hook or the source of breached
    /// passwords fails; if its source of claims does, the account has been created;
    /// [`AuthError::Store`], after which the account may have been created (registering
    /// again tells).
    pub async fn register(
        &self,
        request: RegisterRequest,
        context: &RequestContext,
    ) -> Result<RegisterOutcome, AuthError> {
        let register = async move |service: Self, trail| service.try_out(request, &trail).await;
        self.operation(Operation::Register, Subject::default(), context, register)
            .await
    }

    /// Counts an attempt to make an account against the caller's networks.
    pub(super) async fn count_registration(&self, trail: &Trail) -> Result<(), AuthError> {
        let quota = self.config().limits.register_by_address;
        let counted = self.limit_network("register:address", quota, trail);
        counted.await.map(Counted::keep)
    }

    async fn try_out(
        &self,
        request: RegisterRequest,
        trail: &Trail,
    ) -> Result<RegisterOutcome, AuthError> {
        // Before the fields are looked at: scoring a password takes a while,
        // and nobody may have it done without end (ASVS 2.4.1).
        self.count_registration(trail).await?;
        let registration = self.check_registration(request, trail).await?;
        self.ask_to_register(registration.attempt(trail), trail)
            .await?;
        match self.config().registration {
            RegistrationMode::OpenSession => self
                .make_account(registration, trail)
                .await
                .map(RegisterOutcome::Opened),
            RegistrationMode::VerifyFirst => self
                .mail_registration(registration, trail)
                .await
                .map(RegisterOutcome::Pending),
        }
    }

    async fn make_account(
        &self,
        registration: Registration,
        trail: &Trail,
    ) -> Result<RegisterResponse, AuthError> {
        let context = trail.context();
        let password_hash = self
            .hash_in(Lane::Stranger, &registration.password, trail)
            .await?;
        let now = self.now();
        let id = UserId::generate(now, self.random())?;
        let mut user = self.new_user(
            id,
            registration.email,
            registration.name,
            Some(password_hash),
            context,
            now,
        );
        user.pending_hook = self.first_hook(registration.extra);
        let entry = Entry::first(&user, Proof::by_password(now), now);
        let (session, tokens) = self.enter_early(entry, trail).await?;
        let (user, tokens) = self.insert_opened(user, session, tokens, trail).await?;
        Ok(RegisterResponse {
            user_id: user.id,
            email: user.email.as_str().to_owned(),
            name: user.name.as_str().to_owned(),
            is_verified: user.is_verified,
            missing: self.config().onboarding.missing(&user),
            message: "Your account has been created.".to_owned(),
            tokens,
        })
    }

    /// Makes the account of `user` with its first session, which was opened early, and mails a
    /// link that confirms the address, unless it is verified. Session and link are stored first
    /// and mean nothing until the user is.
    ///
    /// # Errors
    ///
    /// [`AuthError::EmailTaken`]; [`AuthError::IdentityTaken`]; [`AuthError::Unavailable`] if the
    /// source of claims fails, after the account has been made; [`AuthError::Store`].
    pub(super) async fn insert_opened(
        &self,
        user: User,
        session: Session,
        tokens: Tokens,
        trail: &Trail,
    ) -> Result<(Arc<User>, Tokens), AuthError> {
        let (context, now) = (trail.context(), session.created_at);
        let link = match &self.inner.outbox {
            Some(_) if !user.is_verified => {
                let purpose = TokenPurpose::VerifyEmail;
                Some(self.new_link(purpose, user.mailbox_state(), user.email.clone(), None, now)?)
            }
            _ => None,
        };

        // Not `try_join`: it would drop the one that is still under way.
        let (opened, linked) = tokio::join!(self.open(&session), async {
            match &link {
                None => Ok(()),
                Some(link) => self.store_first_link(link).await,
            }
        });
        let inserted = match opened.and(linked) {
            Ok(()) => self.inner.store.insert_user(&user).await,
            Err(error) => {
                self.take_back(&session, link.as_ref()).await;
                return Err(error);
            }
        };
        match inserted {
            Ok(InsertUser::Inserted) => {}
            Ok(InsertUser::EmailTaken) => {
                self.take_back(&session, link.as_ref()).await;
                return Err(AuthError::EmailTaken);
            }
            Ok(InsertUser::IdentityTaken) => {
                self.take_back(&session, link.as_ref()).await;
                return Err(AuthError::IdentityTaken);
            }
            Ok(InsertUser::IdTaken) => {
                // The links of this id may be the other user's.
                self.take_back(&session, None).await;
                return Err(AuthError::id_taken());
            }
            Err(error) => {
                self.take_back(&session, link.as_ref()).await;
                return Err(error.into());
            }
        }
        trail.about(Some(user.id));
        trail.session(session.id);
        // The account is made, whether this succeeds or is reported as failed.
        let _ = self.end_replaced(context).await;
        let user = self.call_due_hooks(Arc::new(user), trail).await;
        // With the claims that follow from the hooks.
        let tokens = self.with_claims(tokens, &session, &user, trail).await?;
        // After the hook, which may set the language of the mail.
        if let (Some(link), Some(outbox)) = (&link, &self.inner.outbox) {
            let post = self.link_mail(outbox, link, Some(&user));
            let (service, context) = (self.clone(), context.clone());
            outbox.post(post.kind, Some(user.id), async move {
                let counted = service.limit_registration(post.to.canonical(), &context);
                match counted.await {
                    Ok(()) => Ok(vec![post]),
                    // The mailbox got as many for other accounts. Its owner can ask for another.
                    Err(AuthError::RateLimited { .. }) => Ok(Vec::new()),
                    Err(error) => Err(error),
                }
            });
        }
        Ok((user, tokens))
    }

    /// Mails a link that makes the account, or tells the owner of the one that
    /// there is. What the caller waits for is the same in both cases.
    async fn mail_registration(
        &self,
        registration: Registration,
        trail: &Trail,
    ) -> Result<Accepted, AuthError> {
        let outbox = self.outbox()?;
        let Registration {
            email,
            name,
            password,
            extra,
        } = registration;
        let counted = self.limit_registration(email.canonical(), trail.context());
        trail.unless_gone(counted).await?;
        let password_hash = self.hash_in(Lane::Stranger, &password, trail).await?;
        let owner = self.inner.store.user_by_email(email.canonical()).await?;

        let answer =
            Accepted::new("If this address can be registered, a mail with a link is on its way.");
        let kind = MailKind::CompleteRegistration;
        let Some(place) = outbox.reserve(kind, None) else {
            return Ok(answer);
        };
        // Stored for a taken address too, without mailing it: the answer must be the same
        // if the store is full or fails.
        let now = self.now();
        let pending = PendingRegistration {
            user_id: UserId::generate(now, self.random())?,
            name,
            password_hash,
            extra,
        };
        let account = pending_account(&email);
        let purpose = TokenPurpose::CompleteRegistration;
        let link = self.new_link(purpose, account, email, Some(pending), now)?;
        self.store_link(&link).await?;

        let service = self.clone();
        place.post(async move {
            Ok(match owner {
                Some(owner) => service.already_registered(&owner, now),
                None => vec![service.link_mail(service.outbox()?, &link, None)],
            })
        });
        Ok(answer)
    }
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Tells the owner of an account that somebody tried to register its
    /// address: at the address of the account, never the one that was typed
    /// (CVE-2019-19844).
    pub(super) fn already_registered(&self, owner: &User, now: Timestamp) -> Vec<Post> {
        if owner.status != UserStatus::Active {
            return Vec::new();
        }
        let kind = MailKind::AlreadyRegistered;
        vec![self.mail(kind, owner.email.clone(), Some(owner), now)]
    }

    /// A user who has just registered.
    pub(super) fn new_user(
        &self,
        id: UserId,
        email: Email,
        name: DisplayName,
        password_hash: Option<PasswordHash>,
        context: &RequestContext,
        now: Timestamp,
    ) -> User {
        User {
            id,
            email,
            name,
            password_hash,
            created_at: now,
            last_login: Some(now),
            is_verified: false,
            roles: self.config().roles.initial_roles().clone(),
            preferences: Preferences::default(),
            metadata: Metadata::default(),
            pending_hook: None,
            status: UserStatus::Active,
            auth_epoch: 0,
            link_epoch: 0,
            version: 0,
            devices: vec![context.device(id)],
            identities: Identities::default(),
        }
    }

    /// Checks every field, and returns all violations at once.
    async fn check_registration(
        &self,
        request: RegisterRequest,
        trail: &Trail,
    ) -> Result<Registration, AuthError> {
        let mut violations = Violations::default();
        let email = self.parse_new_email(&request.email, Field::Email, &mut violations);
        let context = [request.email.as_str(), request.name.as_str()];
        let password = self
            .check_new_password(
                NewPassword {
                    typed: &request.password,
                    confirmation: Some(&request.confirm_password),
                    field: Field::Password,
                    own_words: &context,
                    lane: Lane::Stranger,
                },
                &mut violations,
                trail,
            )
            .await?;
        let name = parse_name(&request.name, &mut violations);
        let extra = self.parse_extra(request.extra, &mut violations);
        violations.into_result()?;
        match (email, name, password, extra) {
            (Some(email), Some(name), Some(password), Some(extra)) => Ok(Registration {
                email,
                name,
                password,
                extra,
            }),
            // Each `None` has pushed a violation.
            _ => Err(AuthError::Internal(
                "a field was refused without a reason".into(),
            )),
        }
    }
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Removes what was stored for an account that was not made.
    async fn take_back(&self, session: &Session, link: Option<&NewLink>) {
        tokio::join!(self.discard(session), async {
            if link.is_some() {
                self.remove_links(session.user_id, None).await;
            }
        });
    }
}
