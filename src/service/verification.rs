//! Confirming an address, and saying that an account is not one's own.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::account::GONE;
use super::attempt::{Guess, Guesser};
use super::door::Entry;
use super::fields::parse_email;
use super::hooks::RemovalReason;
use super::limits::Counted;
use super::mailing::{Asked, NewLink, pending_account};
use super::operation::{By, Subject, Trail};
use super::{Accepted, AuthService, Authenticated, LoginResponse, RequestContext};
use crate::clock::Clock;
use crate::email::Email;
use crate::error::{AuthError, Field, Violations};
use crate::event::{Notice, Operation};
use crate::mail::{MailKind, Outbox};
use crate::password::NormalizedPassword;
use crate::proof::Proof;
use crate::secret::{MailToken, Password, Ticket};
use crate::session::SessionLength;
use crate::store::{InsertUser, Removal, Store};
#[cfg(feature = "federation")]
use crate::token::PendingFederation;
use crate::token::{OneTimeToken, PendingRegistration, TokenPurpose};
use crate::user::{User, UserStatus};

/// Confirms an address by a mailed link.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct VerifyEmail {
    /// The token of the link: it proves that the mailbox is the caller's.
    pub token: MailToken,
    /// The password from registration: it proves that the account is the caller's. Not
    /// required with a live session of that account.
    pub password: Option<Password>,
    /// In place of the password, for an account that signs in with a provider: the ticket of the
    /// sign-in that requested it.
    pub ticket: Option<Ticket>,
}

/// The address is confirmed.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
#[must_use]
pub enum VerifyOutcome {
    /// The password was the proof, and a session was opened.
    Opened(LoginResponse),
    /// A live session was the proof and continues, or no session could be opened.
    Verified(Accepted),
}

/// Uses a mailed link.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct LinkRequest {
    /// The token of the link.
    pub token: MailToken,
}

/// Requests a mail to an address.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct EmailRequest {
    /// The address.
    #[cfg_attr(feature = "openapi", schemars(email))]
    pub email: String,
}

const OPENED: &str = "Your address is confirmed. You are logged in.";

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Confirms the address of an account. The link shows that the mailbox is
    /// the caller's; that the account is theirs too is shown by `auth`, a live
    /// session of it, or by its password. So nobody is verified into an
    /// account that somebody else has set up (arXiv 2205.10174).
    ///
    /// A proof that is missing or wrong does not use up the link. With the
    /// password as proof a session is opened, unless the store fails after the
    /// confirmation, which is done even then. The five newest links stay valid
    /// until one of them is used. For an account with a second factor, the password opens no
    /// session and confirms nothing: use the link with the session of the completed sign-in.
    ///
    /// # Errors
    ///
    /// [`AuthError::InvalidLink`]; [`AuthError::ProofRequired`];
    /// [`AuthError::SecondFactorRequired`]; [`AuthError::RateLimited`]; [`AuthError::Overloaded`];
    /// [`AuthError::Store`], after which the same link can be used again
    /// unless the address has been confirmed.
    pub async fn verify_email(
        &self,
        request: VerifyEmail,
        auth: Option<&Authenticated>,
        context: &RequestContext,
    ) -> Result<VerifyOutcome, AuthError> {
        let kind = Operation::VerifyEmail;
        let Some(auth) = auth else {
            let verify =
                async move |service: Self, trail| service.verify(request, None, &trail).await;
            let subject = Subject::default();
            return self.operation(kind, subject, context, verify).await;
        };
        let verify = async move |service: Self, auth: Authenticated, trail: Trail| {
            service.verify(request, Some(&auth), &trail).await
        };
        let by = By::owner(auth).counted();
        self.acting(kind, by, context, verify).await
    }

    async fn verify(
        &self,
        request: VerifyEmail,
        auth: Option<&Authenticated>,
        trail: &Trail,
    ) -> Result<VerifyOutcome, AuthError> {
        let counted = match auth {
            None => self.limit_guesses(trail).await?,
            Some(_) => Counted::default(),
        };
        if request.token.purpose() == Some(TokenPurpose::CompleteRegistration) {
            let link = self.pending_link(&request.token, trail).await?;
            #[cfg(feature = "federation")]
            if let Some(PendingFederation::Registration(pending)) = link.federation.clone() {
                let ticket = request.ticket;
                let completed = self.complete_by_ticket(&link, &pending, ticket, counted, trail);
                return completed.await.map(VerifyOutcome::Opened);
            }
            let completed = self.complete(link, request.password, counted, trail).await;
            return completed.map(VerifyOutcome::Opened);
        }
        let link = self
            .link_of(&request.token, TokenPurpose::VerifyEmail, trail)
            .await?;
        if let Some(auth) = auth
            && auth.user().id == link.account.id
        {
            if !link.account.is_of(auth.user()) {
                return Err(AuthError::InvalidLink);
            }
            let user = self.confirm(&link, auth.shared_user(), trail).await?;
            self.call_due_hooks(user, trail).await;
            return Ok(VerifyOutcome::Verified(Accepted::new(
                "Your address is confirmed.",
            )));
        }
        self.verify_with_password(link, request.password, counted, trail)
            .await
    }

    async fn verify_with_password(
        &self,
        link: OneTimeToken,
        password: Option<Password>,
        counted: Counted,
        trail: &Trail,
    ) -> Result<VerifyOutcome, AuthError> {
        let (password, context) = (proof(password)?, trail.context());
        let store = &self.inner.store;
        let user = trail.unless_gone(store.user(link.account.id)).await?;
        let mut user = user
            .filter(|user| link.account.is_of(user) && !user.is_verified)
            .ok_or(AuthError::InvalidLink)?;
        trail.about(Some(user.id));
        let guess = Guess {
            by: Guesser::Link(&link),
            user: Some(&user),
            counted,
        };
        let checked = self.check_password(guess, &password, trail).await;
        let mut correct = checked.map_err(wrong_proof)?;
        self.renew_hash(&mut user, &password, &mut correct, trail)
            .await?;
        let settled = self.settle(correct, trail).await?;

        // The session is stored first and means nothing until its tokens are
        // handed out, which the confirmation decides.
        let (now, user) = (self.now(), Arc::new(user));
        let entry = Entry::sign_in(&user, settled.proof, now);
        drop(settled.turn);
        let (session, tokens) = self.enter_early(entry, trail).await?;
        self.open(&session).await?;
        let user = match self.confirm(&link, Arc::clone(&user), trail).await {
            Ok(user) => self.call_due_hooks(user, trail).await,
            Err(error) => {
                self.discard(&session).await;
                return Err(error);
            }
        };
        // The address is confirmed, whatever becomes of the rest.
        let _ = self.end_replaced(context).await;
        if let Err(error) = self.end_oldest_sessions(&session).await {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, user_id = %user.id, "no session was opened");
            return Ok(VerifyOutcome::Verified(Accepted::new(CONFIRMED)));
        }
        trail.session(session.id);
        let device = self.new_device(&user, context);
        let recorded = store
            .record_login(user.id, user.auth_epoch, device, None, now)
            .await;
        if let Err(error) = recorded {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, user_id = %user.id, "a login was not recorded");
        }
        let Ok(tokens) = self.with_claims(tokens, &session, &user, trail).await else {
            return Ok(VerifyOutcome::Verified(Accepted::new(CONFIRMED)));
        };
        let opened = self.login_response(&user, tokens, OPENED);
        Ok(VerifyOutcome::Opened(opened))
    }

    /// The one act that confirms an address, once. Returns the user as it is then.
    async fn confirm(
        &self,
        link: &OneTimeToken,
        user: Arc<User>,
        trail: &Trail,
    ) -> Result<Arc<User>, AuthError> {
        // The check of expiry was a while ago; what counts is when it happens.
        let fits =
            |user: &User| link.account.is_of(user) && !user.is_verified && link.is_live(self.now());
        if !fits(&user) {
            return Err(AuthError::InvalidLink);
        }
        let user = self.expect_verification(user).await?;
        let confirm = |user: Arc<User>| async move {
            let state = user.exact_state();
            Ok(self.inner.store.verify_email(&state).await?.then_some(()))
        };
        let confirmed = self.on_account(user, fits, confirm).await?;
        let (user, ()) = confirmed.ok_or(AuthError::InvalidLink)?;
        // They are dead already: the account is verified.
        let purpose = Some(TokenPurpose::VerifyEmail);
        if !self.remove_links(link.account.id, purpose).await {
            trail.notice(Notice::RowsLeftBehind);
        }
        Ok(Arc::new(User {
            is_verified: true,
            version: user.version.saturating_add(1),
            ..Arc::unwrap_or_clone(user)
        }))
    }

    /// The record of a link for a registration that still waits. Once the
    /// address has an account it does not, even if the row of the link was left
    /// behind.
    async fn pending_link(
        &self,
        token: &MailToken,
        trail: &Trail,
    ) -> Result<OneTimeToken, AuthError> {
        let link = self
            .link_of(token, TokenPurpose::CompleteRegistration, trail)
            .await?;
        let store = &self.inner.store;
        match trail
            .unless_gone(store.user_by_email(link.email.canonical()))
            .await?
        {
            None => Ok(link),
            Some(_) => Err(AuthError::InvalidLink),
        }
    }

    /// Makes the account of a pending registration, verified, and opens a
    /// session for it.
    async fn complete(
        &self,
        link: OneTimeToken,
        password: Option<Password>,
        counted: Counted,
        trail: &Trail,
    ) -> Result<LoginResponse, AuthError> {
        let (password, context) = (proof(password)?, trail.context());
        let Some(PendingRegistration {
            user_id,
            name,
            password_hash,
            extra,
        }) = link.registration.clone()
        else {
            return Err(AuthError::InvalidLink);
        };
        let guess = Guess {
            by: Guesser::Link(&link),
            user: None,
            counted,
        };
        let checked = self
            .check_hash(guess, Some(&password_hash), &password, trail)
            .await;
        let settled = self.settle(checked.map_err(wrong_proof)?, trail).await?;

        let now = self.now();
        // The check of expiry was a while ago; what counts is when it happens.
        if !link.is_live(now) {
            return Err(AuthError::InvalidLink);
        }
        let email = link.email.clone();
        let mut user = self.new_user(user_id, email, name, Some(password_hash), context, now);
        user.is_verified = true;
        user.pending_hook = self.first_hook(extra);
        let proof = settled.proof;
        drop(settled.turn);
        self.insert_confirmed(user, &link, proof, SessionLength::Usual, trail)
            .await
    }

    /// Makes the account of `user`, whose address `link` has confirmed, with its first session.
    pub(super) async fn insert_confirmed(
        &self,
        user: User,
        link: &OneTimeToken,
        proof: Proof,
        length: SessionLength,
        trail: &Trail,
    ) -> Result<LoginResponse, AuthError> {
        let entry = Entry::first(&user, proof, self.now()).of_length(length);
        let (session, tokens) = self.enter_early(entry, trail).await?;
        self.open(&session).await?;
        let inserted = self.inner.store.insert_user(&user).await;
        if !matches!(inserted, Ok(InsertUser::Inserted)) {
            self.discard(&session).await;
            return Err(inserted.map_or_else(AuthError::from, |_| AuthError::InvalidLink));
        }
        trail.about(Some(user.id));
        trail.session(session.id);
        // The account is made, whether this succeeds or is reported as failed.
        let _ = self.end_replaced(trail.context()).await;
        if !self.remove_links(link.account.id, None).await {
            trail.notice(Notice::RowsLeftBehind);
        }
        let user = self.call_due_hooks(Arc::new(user), trail).await;
        let tokens = self.with_claims(tokens, &session, &user, trail).await?;
        Ok(self.login_response(&user, tokens, OPENED))
    }

    /// Mails another link that confirms an address. The answer, and what the
    /// caller waits for, is the same whether there is such an account or not.
    ///
    /// # Errors
    ///
    /// [`AuthError::Validation`]; [`AuthError::RateLimited`];
    /// [`AuthError::NoMailer`]; [`AuthError::Store`].
    pub async fn resend_verification(
        &self,
        request: EmailRequest,
        context: &RequestContext,
    ) -> Result<Accepted, AuthError> {
        let resend = async move |service: Self, trail| {
            let outbox = service.outbox()?;
            let asked = Asked::Verification;
            let (email, user) = service.mailbox_of(&request, asked, &trail).await?;
            service.post_verification_link(outbox, email, user);
            Ok(Accepted::new(
                "If this address waits to be confirmed, a mail with a link is on its way.",
            ))
        };
        let (kind, subject) = (Operation::ResendVerification, Subject::default());
        self.operation(kind, subject, context, resend).await
    }

    /// Mails a link in the background if the address is waiting for
    /// confirmation.
    fn post_verification_link(&self, outbox: &Arc<Outbox>, email: Email, user: Option<User>) {
        let (service, kind) = (self.clone(), MailKind::VerifyEmail);
        outbox.post(kind, user.as_ref().map(|user| user.id), async move {
            let outbox = service.outbox()?;
            let link = match &user {
                None => service.pending_again(email).await?,
                Some(user) if user.is_verified || user.status != UserStatus::Active => None,
                Some(user) => {
                    let (now, purpose) = (service.now(), TokenPurpose::VerifyEmail);
                    let (state, to) = (user.mailbox_state(), user.email.clone());
                    Some(service.new_link(purpose, state, to, None, now)?)
                }
            };
            let Some(link) = link else {
                return Ok(Vec::new());
            };
            service.store_link(&link).await?;
            Ok(vec![service.link_mail(outbox, &link, user.as_ref())])
        });
    }

    /// Another link for the newest pending registration of an address, good
    /// for as long as that one is.
    async fn pending_again(&self, email: Email) -> Result<Option<NewLink>, AuthError> {
        let (account, now) = (pending_account(&email), self.now());
        let pending = self.inner.store.tokens_of(account.id, now).await?;
        let Some(newest) = pending.into_iter().next() else {
            return Ok(None);
        };
        let purpose = TokenPurpose::CompleteRegistration;
        let mut link = self.new_link(purpose, account, newest.email, newest.registration, now)?;
        link.record.federation = newest.federation;
        // Else a stranger could keep a registration alive without end.
        link.record.expires_at = newest.expires_at;
        Ok(Some(link))
    }

    /// The account that a stranger asks a mail for, after counting it.
    pub(super) async fn mailbox_of(
        &self,
        request: &EmailRequest,
        asked: Asked,
        trail: &Trail,
    ) -> Result<(Email, Option<User>), AuthError> {
        let mut violations = Violations::default();
        let email = parse_email(&request.email, Field::Email, &mut violations);
        violations.into_result()?;
        let email = email.ok_or(AuthError::InvalidCredentials)?;
        self.limit_mail(asked, email.canonical(), trail).await?;
        let store = &self.inner.store;
        let user = trail.unless_gone(store.user_by_email(email.canonical()));
        let user = user.await?;
        let user = user.filter(|user| user.email.canonical() == email.canonical());
        trail.about(user.as_ref().map(|user| user.id));
        Ok((email, user))
    }

    /// "This was not me": removes an account whose address nobody has
    /// confirmed, for the owner of the mailbox.
    ///
    /// # Errors
    ///
    /// [`AuthError::InvalidLink`], also when the address has been confirmed;
    /// [`AuthError::RateLimited`]; [`AuthError::Store`].
    pub async fn disown_email(
        &self,
        request: LinkRequest,
        context: &RequestContext,
    ) -> Result<Accepted, AuthError> {
        let disown = async move |service: Self, trail| service.disown(request, &trail).await;
        let (kind, subject) = (Operation::DisownEmail, Subject::default());
        self.operation(kind, subject, context, disown).await
    }

    async fn disown(&self, request: LinkRequest, trail: &Trail) -> Result<Accepted, AuthError> {
        let counted = self.limit_guesses(trail).await?;
        let gone = Accepted::new("The account has been removed. You need not do anything else.");
        let store = &self.inner.store;
        if request.token.purpose() == Some(TokenPurpose::CompleteRegistration) {
            let link = self.pending_link(&request.token, trail).await?;
            self.begin_by(&link, counted, trail).await?;
            // The link itself too, by whichever clock it was made.
            let until = self.now().max(link.created_at);
            store.remove_tokens(link.account.id, None, until).await?;
            return Ok(gone);
        }
        let link = self
            .link_of(&request.token, TokenPurpose::VerifyEmail, trail)
            .await?;
        self.begin_by(&link, counted, trail).await?;
        trail.about(Some(link.account.id));
        let remove = |user: Arc<User>| async move {
            let (state, which) = (user.exact_state(), Removal::Unverified);
            Ok(store.remove_user(&state, which).await?.then_some(()))
        };
        let fits =
            |user: &User| link.account.is_of(user) && !user.is_verified && link.is_live(self.now());
        let user = store.user(link.account.id).await?;
        let user = user.ok_or(AuthError::InvalidLink)?;
        if !fits(&user) {
            return Err(AuthError::InvalidLink);
        }
        self.ask_to_remove(&user, RemovalReason::Disowned, trail)
            .await?;
        let removed = self.on_account(Arc::new(user), fits, remove).await?;
        let (user, ()) = removed.ok_or(AuthError::InvalidLink)?;
        self.sweep_up(user.id, GONE, trail).await;
        self.remove_pending(&user.email, trail).await;
        self.tell_removed(&user, trail).await;
        Ok(gone)
    }
}

const CONFIRMED: &str = "Your address is confirmed. Log in to go on.";

/// The password that is to prove whose account it is. One that could never be
/// right is a wrong proof like any other.
pub(super) fn proof(password: Option<Password>) -> Result<NormalizedPassword, AuthError> {
    password
        .filter(|password| !password.expose_secret().is_empty())
        .and_then(|password| NormalizedPassword::new(&password).ok())
        .ok_or(AuthError::ProofRequired)
}

fn wrong_proof(error: AuthError) -> AuthError {
    match error {
        AuthError::InvalidCredentials => AuthError::ProofRequired,
        other => other,
    }
}
