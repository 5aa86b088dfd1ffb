//! The first sign-in of a person: a new account, or one that has the address already.

use super::finish::{FederatedOutcome, FederatedResponse, PendingAccount};
use super::{FLOW_TTL, proof_of};
use crate::clock::Clock;
use crate::config::RegistrationMode;
use crate::email::Email;
use crate::error::AuthError;
use crate::extra::Extra;
use crate::id::UserId;
use crate::mail::MailKind;
use crate::secret::Ticket;
use crate::service::door::Entry;
use crate::service::hooks::RegistrationAttempt;
use crate::service::limits::Counted;
use crate::service::mailing::pending_account;
use crate::service::operation::Trail;
use crate::service::recovery::may_be_a_strangers;
use crate::service::{AuthService, LoginResponse};
use crate::store::{Store, StoreError};
use crate::token::{
    FederatedRegistration, OneTimeToken, PendingFederation, PendingIdentity, TicketDigest,
    TokenDigest, TokenPurpose,
};
use crate::user::{User, UserStatus};

/// How many tickets of one identity an account has at most.
const MAX_TICKETS: usize = 5;

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Makes an account for a person whose identity is not known.
    ///
    /// # Errors
    ///
    /// [`AuthError::IdentityTaken`] if it is known meanwhile; [`AuthError::LinkRequired`];
    /// [`AuthError::RateLimited`]; those of a registration.
    pub(super) async fn register_by(
        &self,
        identity: &PendingIdentity,
        trail: &Trail,
    ) -> Result<FederatedOutcome, AuthError> {
        let email = self.address_of(identity)?;
        // Before the address is looked up: the answer tells of an account that has it.
        self.count_registration(trail).await?;
        let mode = self.config().registration;
        if mode == RegistrationMode::VerifyFirst && !identity.email_is_verified {
            self.ask_about(identity, &email, trail).await?;
            let pending = self.mail_account(identity, email, trail).await?;
            return Ok(FederatedOutcome::Pending(pending));
        }
        let owner = self.inner.store.user_by_email(email.canonical());
        if let Some(owner) = trail.unless_gone(owner).await? {
            return Err(self.require_link(identity, &owner).await?);
        }
        self.ask_about(identity, &email, trail).await?;
        match self.make_account_of(identity, email.clone(), trail).await {
            Ok(login) => Ok(FederatedOutcome::Opened(FederatedResponse {
                login,
                created: true,
                return_to: identity.return_to.clone(),
            })),
            // Somebody has registered the address meanwhile.
            Err(AuthError::EmailTaken) => {
                let owner = self.inner.store.user_by_email(email.canonical()).await?;
                let owner = owner.ok_or(AuthError::InvalidFlow)?;
                Err(self.require_link(identity, &owner).await?)
            }
            Err(error) => Err(error),
        }
    }

    /// Makes the account, and opens its first session.
    ///
    /// # Errors
    ///
    /// [`AuthError::EmailTaken`]; [`AuthError::IdentityTaken`]; [`AuthError::Unavailable`];
    /// [`AuthError::Store`].
    pub(super) async fn make_account_of(
        &self,
        identity: &PendingIdentity,
        email: Email,
        trail: &Trail,
    ) -> Result<LoginResponse, AuthError> {
        let now = self.now();
        let id = UserId::generate(now, self.random())?;
        let mut user = self.user_of(id, identity, email, trail)?;
        user.is_verified = identity.email_is_verified;
        let entry = Entry::first(&user, proof_of(identity), now).of_length(identity.length);
        let (session, tokens) = self.enter_early(entry, trail).await?;
        let (user, tokens) = self.insert_opened(user, session, tokens, trail).await?;
        Ok(self.login_response(&user, tokens, "Your account has been created."))
    }

    /// Makes the account that waits for the confirmation of its address. The ticket shows that
    /// the caller is the person who signed in with the provider.
    pub(in crate::service) async fn complete_by_ticket(
        &self,
        link: &OneTimeToken,
        pending: &FederatedRegistration,
        ticket: Option<Ticket>,
        counted: Counted,
        trail: &Trail,
    ) -> Result<LoginResponse, AuthError> {
        self.begin_by(link, counted, trail).await?;
        let ticket = ticket.filter(|ticket| pending.ticket == TicketDigest::of(ticket));
        ticket.ok_or(AuthError::ProofRequired)?;
        // The check of expiry was a while ago; what counts is when it happens.
        if !link.is_live(self.now()) {
            return Err(AuthError::InvalidLink);
        }
        let (identity, email) = (&pending.identity, link.email.clone());
        let mut user = self.user_of(pending.user_id, identity, email, trail)?;
        user.is_verified = true;
        let (proof, length) = (proof_of(identity), identity.length);
        self.insert_confirmed(user, link, proof, length, trail)
            .await
    }

    /// The user whom `identity` describes, whose address is not verified.
    fn user_of(
        &self,
        id: UserId,
        identity: &PendingIdentity,
        email: Email,
        trail: &Trail,
    ) -> Result<User, AuthError> {
        let (name, now) = (identity.name.clone(), self.now());
        let mut user = self.new_user(id, email, name, None, trail.context(), now);
        user.identities = [self.new_identity(identity, now)?].into_iter().collect();
        user.pending_hook = self.first_hook(Extra::default());
        Ok(user)
    }

    /// Asks the application's hook whether the person may have an account.
    pub(super) async fn ask_about(
        &self,
        identity: &PendingIdentity,
        email: &Email,
        trail: &Trail,
    ) -> Result<(), AuthError> {
        let attempt = RegistrationAttempt {
            email: email.as_str().to_owned(),
            email_canonical: email.canonical().as_str().to_owned(),
            name: identity.name.as_str().to_owned(),
            extra: Extra::default(),
            context: trail.context().clone(),
        };
        self.ask_to_register(attempt, trail).await
    }

    /// Stores a ticket that links `identity` to the account of `owner`, and returns the error
    /// that carries it.
    async fn require_link(
        &self,
        identity: &PendingIdentity,
        owner: &User,
    ) -> Result<AuthError, AuthError> {
        if owner.identities.by_key(&identity.key()).is_some() {
            // The same person has just signed in elsewhere, and has this account.
            return Ok(AuthError::IdentityTaken);
        }
        let (purpose, now) = (TokenPurpose::LinkIdentity, self.now());
        let ticket = Ticket::new(purpose.new_token(self.random())?);
        let row = OneTimeToken {
            digest: TokenDigest::of(purpose, ticket.expose_secret()),
            purpose,
            account: owner.state(),
            email: owner.email.clone(),
            registration: None,
            sign_in: None,
            federation: Some(PendingFederation::Identity(identity.clone())),
            created_at: now,
            expires_at: now.saturating_add(FLOW_TTL),
        };
        self.insert_token(&row).await?;
        self.remove_tickets(&row, identity).await;
        Ok(AuthError::LinkRequired {
            ticket,
            expires_in: FLOW_TTL,
            can_start_anew: may_start_anew(owner, identity),
        })
    }

    /// Removes the tickets of the same identity but for the newest [`MAX_TICKETS`]. Those of
    /// other people stay: they must not end each other's.
    async fn remove_tickets(&self, new: &OneTimeToken, identity: &PendingIdentity) {
        let (store, now) = (&self.inner.store, self.now());
        let is_earlier = |one: &OneTimeToken| {
            let is_same = matches!(&one.federation,
                Some(PendingFederation::Identity(other)) if other.key() == identity.key());
            one.purpose == new.purpose && one.digest != new.digest && is_same
        };
        let removed = async {
            let newest_first = store.tokens_of(new.account.id, now).await?;
            let earlier = newest_first.iter().filter(|one| is_earlier(one));
            for one in earlier.skip(MAX_TICKETS - 1) {
                store.take_token(one.digest, one.purpose, now).await?;
            }
            Ok::<_, StoreError>(())
        };
        if let Err(error) = removed.await {
            // They expire.
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "earlier tickets were not removed");
        }
    }

    /// Mails a link that makes the account, or tells the owner of the one that there is. What
    /// the caller waits for is the same in both cases.
    async fn mail_account(
        &self,
        identity: &PendingIdentity,
        email: Email,
        trail: &Trail,
    ) -> Result<PendingAccount, AuthError> {
        let outbox = self.outbox()?;
        let counted = self.limit_registration(email.canonical(), trail.context());
        trail.unless_gone(counted).await?;
        let owner = self.inner.store.user_by_email(email.canonical()).await?;
        let now = self.now();
        let ticket = Ticket::new(TokenPurpose::LinkIdentity.new_token(self.random())?);
        let answer = PendingAccount {
            message: "If this address can be registered, a mail with a link is on its way."
                .to_owned(),
            ticket: ticket.clone(),
            expires_in: self.config().links.verify_email_ttl.as_secs(),
        };
        let kind = MailKind::CompleteRegistration;
        let Some(place) = outbox.reserve(kind, None) else {
            return Ok(answer);
        };
        // Stored for a taken address too, without mailing it: the answer must be the same if
        // the store is full or fails.
        let registration = FederatedRegistration {
            user_id: UserId::generate(now, self.random())?,
            identity: identity.clone(),
            ticket: TicketDigest::of(&ticket),
        };
        let account = pending_account(&email);
        let purpose = TokenPurpose::CompleteRegistration;
        let mut link = self.new_link(purpose, account, email, None, now)?;
        link.record.federation = Some(PendingFederation::Registration(registration));
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

/// Returns `true` if the person may remove the account of `owner`, which has their address, and
/// which a stranger may have registered.
pub(super) fn may_start_anew(owner: &User, identity: &PendingIdentity) -> bool {
    may_be_a_strangers(owner) && owner.status == UserStatus::Active && identity.email_is_verified
}
