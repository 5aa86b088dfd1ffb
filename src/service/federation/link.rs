//! Linking: an identity becomes a way in to an account that exists.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::finish::{FederatedOutcome, FederatedResponse, gone_meanwhile};
use super::new_account::may_start_anew;
use super::{RECENT, proof_of, use_of};
use crate::clock::Clock;
use crate::error::{AuthError, Field, ViolationCode, Violations};
use crate::event::Operation;
use crate::mail::MailKind;
use crate::proof::{Method, Proofs};
use crate::secret::{Password, Ticket};
use crate::service::account::GONE;
use crate::service::attempt::{Guess, Guesser};
use crate::service::door::Entry;
use crate::service::hooks::RemovalReason;
use crate::service::limits::Counted;
use crate::service::operation::{By, Subject, Trail};
use crate::service::verification::proof;
use crate::service::{Accepted, AuthService, Authenticated, RequestContext};
use crate::store::{Removal, Store};
use crate::token::{OneTimeToken, PendingFederation, PendingIdentity, PendingSignIn, TokenPurpose};
use crate::user::{IdentityLink, User};

/// Continues a sign-in whose address belongs to an account.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct LinkIdentity {
    /// The ticket of the sign-in.
    pub ticket: Ticket,
    /// The password of the account. Not required with a live session of that account.
    pub current_password: Option<Password>,
    /// `true` removes the account, which nobody has confirmed, and makes a new one.
    pub start_anew: Option<bool>,
}

/// The identity is linked.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
#[must_use]
pub enum LinkOutcome {
    /// A session was opened: by the password, or of the new account.
    Opened(FederatedResponse),
    /// A live session was the proof, and continues.
    Linked(Accepted),
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Continues a sign-in that [`AuthError::LinkRequired`] interrupted. Links the identity to
    /// the account that has its address, if `auth`, a session of that account of which a login
    /// is at most ten minutes old, or its password proves that the account is the caller's.
    ///
    /// With `start_anew`, the account is removed in place of that, and a new one is made for
    /// the identity: only if nobody has confirmed the account's address, and the provider
    /// vouches that it is the person's. The hooks are called as for
    /// [`disown_email`](Self::disown_email).
    ///
    /// A wrong password does not use up the ticket, and counts against the account as in a
    /// login. For an account with a second factor, the password links nothing: use the ticket
    /// with the session of a completed login.
    ///
    /// # Errors
    ///
    /// [`AuthError::Validation`]; [`AuthError::InvalidFlow`] if the ticket is not valid or does
    /// not allow that; [`AuthError::ProofRequired`] without a password;
    /// [`AuthError::InvalidCredentials`]; [`AuthError::RecentLoginRequired`];
    /// [`AuthError::IdentityTaken`]; [`AuthError::LastAdministrator`];
    /// [`AuthError::SecondFactorRequired`];
    /// [`AuthError::RateLimited`]; [`AuthError::Overloaded`]; [`AuthError::Unavailable`];
    /// [`AuthError::Store`].
    pub async fn link_identity(
        &self,
        request: LinkIdentity,
        auth: Option<&Authenticated>,
        context: &RequestContext,
    ) -> Result<LinkOutcome, AuthError> {
        let kind = Operation::LinkIdentity;
        let Some(auth) = auth else {
            let link = async move |service: Self, trail: Trail| {
                service.link_by_ticket(request, None, &trail).await
            };
            let subject = Subject::default();
            return self.operation(kind, subject, context, link).await;
        };
        let link = async move |service: Self, auth: Authenticated, trail: Trail| {
            service.link_by_ticket(request, Some(&auth), &trail).await
        };
        let by = By::owner(auth).counted();
        self.acting(kind, by, context, link).await
    }

    async fn link_by_ticket(
        &self,
        request: LinkIdentity,
        auth: Option<&Authenticated>,
        trail: &Trail,
    ) -> Result<LinkOutcome, AuthError> {
        let ticket = request.ticket.expose_secret();
        if ticket.is_empty() {
            let mut violations = Violations::default();
            let message = "Send the ticket of the sign-in.";
            violations.push(Field::Ticket, ViolationCode::Required, message);
            violations.into_result()?;
        }
        let counted = match auth {
            None => self.limit_guesses(trail).await?,
            Some(_) => Counted::default(),
        };
        let found = self.find_token(ticket, TokenPurpose::LinkIdentity, trail);
        let row = found.await?.ok_or(AuthError::InvalidFlow)?;
        let Some(PendingFederation::Identity(identity)) = row.federation.clone() else {
            return Err(AuthError::InvalidFlow);
        };
        trail.about(Some(row.account.id));
        if request.start_anew == Some(true) {
            self.begin_by(&row, counted, trail).await?;
            return self.start_anew(&row, &identity, trail).await;
        }
        match auth.filter(|auth| auth.user().id == row.account.id) {
            Some(auth) => self.link_by_session(auth, &row, &identity, trail).await,
            None => {
                // A session of another account is a stranger here.
                let counted = match auth {
                    None => counted,
                    Some(_) => self.limit_guesses(trail).await?,
                };
                let password = request.current_password;
                self.link_by_password(password, &row, &identity, counted, trail)
                    .await
            }
        }
    }

    async fn link_by_session(
        &self,
        auth: &Authenticated,
        row: &OneTimeToken,
        identity: &PendingIdentity,
        trail: &Trail,
    ) -> Result<LinkOutcome, AuthError> {
        auth.require_recent_login(RECENT)?;
        let (user, proofs) = (auth.shared_user(), &auth.session().proofs);
        self.require_proved_factor(&user, proofs, trail).await?;
        let fits = |user: &User| row.account.is_of(user);
        if !fits(auth.user()) {
            return Err(AuthError::InvalidFlow);
        }
        self.use_up(row).await?;
        let (user, by) = (auth.shared_user(), Some(auth));
        self.link(user, by, fits, identity, trail).await?;
        Ok(LinkOutcome::Linked(Accepted::new(
            "You can sign in this way from now on.",
        )))
    }

    async fn link_by_password(
        &self,
        password: Option<Password>,
        row: &OneTimeToken,
        identity: &PendingIdentity,
        counted: Counted,
        trail: &Trail,
    ) -> Result<LinkOutcome, AuthError> {
        let password = proof(password)?;
        let user = trail.unless_gone(self.inner.store.user(row.account.id));
        let user = user.await?.filter(|user| row.account.is_of(user));
        let mut user = user.ok_or(AuthError::InvalidFlow)?;
        // By the account, and not by the ticket: anybody gets any number of tickets who has an
        // identity with this address.
        let email = user.email.canonical().clone();
        let guess = Guess {
            by: Guesser::Visitor(&email),
            user: Some(&user),
            counted,
        };
        let mut correct = self.check_password(guess, &password, trail).await?;
        self.renew_hash(&mut user, &password, &mut correct, trail)
            .await?;
        let settled = self.settle(correct, trail).await?;

        // The session is stored first, and means nothing until its tokens are handed out.
        let (now, user) = (self.now(), Arc::new(user));
        // A ticket of the second factor has the password's proof only: nothing is linked yet.
        let pending = PendingSignIn {
            proofs: settled.proof.into(),
            length: identity.length,
        };
        self.require_second_factor(&user, pending, None, now, trail)
            .await?;
        let proofs = Proofs::from(settled.proof).and(proof_of(identity));
        let entry = Entry::sign_in(&user, proofs, now).of_length(identity.length);
        drop(settled.turn);
        let (session, tokens) = self.enter(entry, trail).await?;
        self.open(&session).await?;
        let linked = async {
            self.use_up(row).await?;
            let fits = |user: &User| row.account.is_of(user);
            self.link(Arc::clone(&user), None, fits, identity, trail)
                .await
        };
        let user = match linked.await {
            Ok(user) => user,
            Err(error) => {
                self.discard(&session).await;
                return Err(error);
            }
        };
        let used = Some(use_of(identity));
        let finished = self.finish_login_with(&user, session, tokens, used, trail);
        Ok(LinkOutcome::Opened(FederatedResponse {
            login: finished.await.map_err(gone_meanwhile)?,
            created: false,
            return_to: identity.return_to.clone(),
        }))
    }

    /// Removes an account that nobody has confirmed, for the person whose address it has, and
    /// makes another one.
    async fn start_anew(
        &self,
        row: &OneTimeToken,
        identity: &PendingIdentity,
        trail: &Trail,
    ) -> Result<LinkOutcome, AuthError> {
        let store = &self.inner.store;
        let fits = |user: &User| row.account.is_of(user) && may_start_anew(user, identity);
        let user = trail.unless_gone(store.user(row.account.id)).await?;
        let user = user.filter(fits).ok_or(AuthError::InvalidFlow)?;
        let email = self.address_of(identity)?;
        self.ask_about(identity, &email, trail).await?;
        let key = identity.key();
        let elsewhere = trail.unless_gone(store.user_by_identity(&key)).await?;
        if elsewhere.is_some() {
            // The person has linked it to another account since.
            return Err(AuthError::InvalidFlow);
        }
        self.is_not_the_last(&user).await?;
        self.ask_to_remove(&user, RemovalReason::Disowned, trail)
            .await?;
        self.use_up(row).await?;
        let remove = |user: Arc<User>| async move {
            self.is_not_the_last(&user).await?;
            let (state, which) = (user.exact_state(), Removal::Unverified);
            Ok(store.remove_user(&state, which).await?.then_some(()))
        };
        let removed = self.on_account(Arc::new(user), fits, remove).await?;
        let (user, ()) = removed.ok_or(AuthError::InvalidFlow)?;
        self.sweep_up(user.id, GONE, trail).await;
        self.remove_pending(&user.email, trail).await;
        self.tell_removed(&user, trail).await;
        let subject = Subject::account(user.id);
        let done: Result<(), AuthError> = Ok(());
        self.report_part(Operation::DisownEmail, subject, trail.context(), &done);
        let made = self.make_account_of(identity, email, trail).await;
        Ok(LinkOutcome::Opened(FederatedResponse {
            login: made.map_err(|error| match error {
                // Somebody was quicker: the person signs in again.
                AuthError::EmailTaken | AuthError::IdentityTaken => AuthError::InvalidFlow,
                other => other,
            })?,
            created: true,
            return_to: identity.return_to.clone(),
        }))
    }

    /// Completes what [`start_linking`](Self::start_linking) has begun.
    pub(super) async fn finish_link(
        &self,
        auth: &Authenticated,
        identity: &PendingIdentity,
        trail: &Trail,
    ) -> Result<FederatedOutcome, AuthError> {
        let (user, present) = (auth.shared_user(), &auth.session().proofs);
        // A proof whose time is known stays: the new one may have none.
        let stays = present
            .iter()
            .find(|proof| proof.method == Method::Federation && identity.auth_time.is_none());
        let proof = stays.unwrap_or_else(|| proof_of(identity));
        // Before anything is linked: a session without the account's second factor links nothing.
        self.require_proved_factor(&user, present, trail).await?;
        let checked = user.state();
        let fits = |user: &User| checked.is_of(user);
        let by = Some(auth);
        let linked = self.link(user, by, fits, identity, trail).await;
        let subject = Subject::account(auth.user().id);
        self.report_part(Operation::LinkIdentity, subject, trail.context(), &linked);
        linked?;
        let again = self.replace_session_by(identity, auth, proof, trail);
        let mut login = again.await?;
        "You can sign in this way from now on.".clone_into(&mut login.message);
        Ok(FederatedOutcome::Opened(FederatedResponse {
            login,
            created: false,
            return_to: identity.return_to.clone(),
        }))
    }

    /// Uses up a ticket, once.
    async fn use_up(&self, row: &OneTimeToken) -> Result<(), AuthError> {
        let taken = self
            .inner
            .store
            .take_token(row.digest, row.purpose, self.now());
        taken.await?.map(drop).ok_or(AuthError::InvalidFlow)
    }

    /// Links `identity` to the account of `user`, while `fits` holds for it and the session of
    /// `by` is live. An account that has it already stays as it is. Returns the user as it is
    /// then.
    async fn link(
        &self,
        user: Arc<User>,
        by: Option<&Authenticated>,
        fits: impl Fn(&User) -> bool + Send + Sync,
        identity: &PendingIdentity,
        trail: &Trail,
    ) -> Result<Arc<User>, AuthError> {
        let now = self.now();
        let (new, key) = (self.new_identity(identity, now)?, identity.key());
        let new = &new;
        let act = |user: Arc<User>| async move {
            if user.identities.by_key(&key).is_some() {
                return Ok(Some(false));
            }
            if !user.may_link(new) {
                return Err(AuthError::IdentityTaken);
            }
            // The application's second factor may have taken seconds, and who unlinks this
            // identity may have ended the session: neither changes what `fits` looks at.
            if let Some(by) = by {
                self.as_of_now(by).await?;
            }
            match self
                .inner
                .store
                .link_identity(user.id, user.version, new)
                .await?
            {
                IdentityLink::Linked => Ok(Some(true)),
                IdentityLink::Taken => Err(AuthError::IdentityTaken),
                // The account has changed since it was read.
                IdentityLink::Refused => Ok(None),
            }
        };
        let linked = self.on_account(user, fits, act).await?;
        let (user, is_new) = linked.ok_or(AuthError::InvalidFlow)?;
        if !is_new {
            return Ok(user);
        }
        self.tell_owner(MailKind::IdentityLinked, &user, &new.provider, trail);
        let mut after = Arc::unwrap_or_clone(user);
        after.identities.add(new.clone());
        after.version = after.version.saturating_add(1);
        Ok(Arc::new(after))
    }
}
