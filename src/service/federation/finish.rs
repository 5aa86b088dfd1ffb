//! The second half of a sign-in: the person comes back from the provider.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{denied, failed, proof_of, use_of};
use crate::clock::Clock;
use crate::error::{AuthError, Field, ViolationCode, Violations};
use crate::event::Operation;
use crate::federation::{
    AuthorizationCode, AuthorizationOptions, Callback, FlowState, Person, RelyingParty,
};
use crate::identity::ProviderId;
use crate::limit::{LimitKey, Quota};
use crate::proof::Proof;
use crate::secret::{FlowHandle, Ticket};
use crate::service::door::Entry;
use crate::service::limits::Counted;
use crate::service::operation::{By, Subject, Trail};
use crate::service::{AuthService, Authenticated, LoginResponse, RequestContext};
use crate::store::Store;
use crate::token::{
    FederationFlow, FlowIntent, OneTimeToken, PendingFederation, PendingIdentity, TokenDigest,
    TokenPurpose,
};
use crate::user::{User, UserStatus};

/// How often a first sign-in is tried again that another one of the same person overtakes.
const TRIES: usize = 3;

/// What a provider sent back through the browser. `Debug` is redacted.
#[derive(Clone, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct FinishFederation {
    /// The parameter `state`.
    #[cfg_attr(feature = "openapi", schemars(with = "Option<String>"))]
    pub state: Option<FlowState>,
    /// The parameter `code`; absent if there is an `error`.
    #[cfg_attr(feature = "openapi", schemars(with = "Option<String>"))]
    pub code: Option<AuthorizationCode>,
    /// The parameter `iss` (RFC 9207), if there is one.
    pub iss: Option<String>,
    /// The parameter `error`, if there is one.
    pub error: Option<String>,
    /// The parameter `user`, which Apple sends once, with the person's name.
    pub user: Option<String>,
    /// What the start has answered. Over HTTP it is in a cookie, if sessions are.
    pub flow: Option<FlowHandle>,
}

impl fmt::Debug for FinishFederation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FinishFederation")
            .field("has_code", &self.code.is_some())
            .field("has_error", &self.error.is_some())
            .finish_non_exhaustive()
    }
}

/// A session that a sign-in with a provider has opened.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct FederatedResponse {
    /// The session.
    #[serde(flatten)]
    pub login: LoginResponse,
    /// Whether the account is new.
    pub created: bool,
    /// The page of the application that the sign-in was begun for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_to: Option<String>,
}

/// An account that is made when its address is confirmed by a mailed link.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct PendingAccount {
    /// A message for the user.
    pub message: String,
    /// What the client keeps, and sends with the token of the link: it shows that the account
    /// is the caller's.
    pub ticket: Ticket,
    /// How long both are valid, in seconds.
    pub expires_in: u64,
}

/// The outcome of a sign-in with a provider.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
#[must_use]
pub enum FederatedOutcome {
    /// A session was opened.
    Opened(FederatedResponse),
    /// A mailed link creates the account. The answer is the same if the address already has
    /// one.
    Pending(PendingAccount),
}

impl FederatedOutcome {
    /// The session, if one was opened.
    #[must_use]
    pub fn opened(self) -> Option<FederatedResponse> {
        match self {
            Self::Opened(response) => Some(response),
            Self::Pending(_) => None,
        }
    }
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Completes what was begun by [`start_federation`](Self::start_federation),
    /// [`start_linking`](Self::start_linking) or
    /// [`start_reauthentication`](Self::start_reauthentication), from what `provider` sent back.
    ///
    /// A person whose identity is known is logged in, as by a password: a second factor is
    /// required, the owner is told of a new device. Another person gets an account, by the
    /// rules for registrations and after the hook
    /// [`registering`](super::super::AccountHooks::registering). It has no password. Its address
    /// is verified only if the provider vouches for it and is believed
    /// ([`EmailTrust`](crate::federation::EmailTrust)); otherwise a link is mailed, and with
    /// [`RegistrationMode::VerifyFirst`](crate::config::RegistrationMode::VerifyFirst) there is
    /// no account before.
    ///
    /// `auth` is the session of the caller, which only what was begun in it requires. The new
    /// session takes its place there.
    ///
    /// The provider's answer can be used once, by the browser to which the start was answered.
    /// After an error the person begins again.
    ///
    /// # Errors
    ///
    /// [`AuthError::NotFound`] if there is no such provider; [`AuthError::Validation`] if the
    /// provider gives no address that an account can have, or the hook refuses;
    /// [`AuthError::InvalidFlow`]; [`AuthError::ProviderDenied`];
    /// [`AuthError::ProviderUnavailable`]; [`AuthError::LinkRequired`], with a ticket for
    /// [`link_identity`](Self::link_identity); [`AuthError::IdentityTaken`] when linking;
    /// [`AuthError::InvalidToken`] if the session of `auth` ends meanwhile;
    /// [`AuthError::RecentLoginRequired`] if it lacks the account's second factor;
    /// [`AuthError::AccountDisabled`]; [`AuthError::SecondFactorRequired`], with a ticket for
    /// [`prove_second_factor`](Self::prove_second_factor); [`AuthError::RateLimited`];
    /// [`AuthError::Unavailable`]; [`AuthError::Store`].
    pub async fn finish_federation(
        &self,
        provider: &str,
        request: FinishFederation,
        auth: Option<&Authenticated>,
        context: &RequestContext,
    ) -> Result<FederatedOutcome, AuthError> {
        let (kind, provider) = (Operation::FederatedLogin, provider.to_owned());
        let Some(auth) = auth else {
            let finish = async move |service: Self, trail: Trail| {
                service.finish(&provider, request, None, &trail).await
            };
            let subject = Subject::default();
            return self.operation(kind, subject, context, finish).await;
        };
        let finish = async move |service: Self, auth: Authenticated, trail: Trail| {
            let auth = Some(&auth);
            service.finish(&provider, request, auth, &trail).await
        };
        self.acting(kind, By::owner(auth), context, finish).await
    }

    async fn finish(
        &self,
        provider: &str,
        request: FinishFederation,
        auth: Option<&Authenticated>,
        trail: &Trail,
    ) -> Result<FederatedOutcome, AuthError> {
        let party = self.party(provider)?;
        let mut violations = Violations::default();
        if request.state.is_none() {
            let message = "Send the state that the provider sent back.";
            violations.push(Field::State, ViolationCode::Required, message);
        }
        violations.into_result()?;
        let callback = Callback {
            state: request.state,
            code: request.code,
            iss: request.iss,
            error: request.error,
            user: request.user,
        };
        let handle = request.flow.unwrap_or_default();
        let id = party.provider().id();
        let state = callback.state().map_err(|_| AuthError::InvalidFlow)?;
        let digest =
            TokenDigest::of_flow(id.as_str(), state.expose_secret(), handle.expose_secret());
        let flow = self.take_flow(id, digest, trail).await?;
        let PendingFlow { flow, row } = flow;
        let federation = self.inner.federation.as_ref();
        let key = federation.and_then(|federation| federation.key_of(&flow.key));
        let key = key.ok_or(AuthError::InvalidFlow)?;
        // An act for an account, before the provider is asked: the account is as it was, and the
        // caller is who began.
        let acting = match flow.intent {
            FlowIntent::Login => None,
            FlowIntent::Link | FlowIntent::Reauthenticate => {
                let auth = auth.filter(|auth| flow.is_of(Some(auth)));
                let auth = auth.filter(|auth| row.account.is_of(auth.user()));
                Some(auth.ok_or(AuthError::InvalidFlow)?)
            }
        };
        let options = AuthorizationOptions {
            redirect_uri: flow.redirect_uri.clone(),
            max_age: flow.max_age.map(|age| Duration::from_secs(age.into())),
            ..AuthorizationOptions::default()
        };
        let mut person = party
            .identify_person(&callback, &options, self.environment(key))
            .await
            .map_err(|error| match callback.error {
                // The browser brings it, and not the provider.
                Some(_) => denied(&party, error),
                None => failed(&party, error),
            })?;
        if matches!(flow.intent, FlowIntent::Link) {
            // The account shows the address of what it links.
            let completed = party.complete(&mut person).await;
            completed.map_err(|error| failed(&party, error))?;
        }
        // The provider may have taken its time: the session may have ended, and the account may
        // have changed.
        let acting = match acting {
            Some(auth) => {
                let now = self.as_of_now(auth).await?;
                let is_same = row.account.is_of(now.user());
                Some(is_same.then_some(now).ok_or(AuthError::InvalidFlow)?)
            }
            None => None,
        };
        match (flow.intent, &acting) {
            (FlowIntent::Link, Some(auth)) => {
                let identity = self.pending(person.identity, &flow)?;
                self.finish_link(auth, &identity, trail).await
            }
            (FlowIntent::Reauthenticate, Some(auth)) => {
                let identity = self.pending(person.identity, &flow)?;
                self.finish_reauthentication(auth, &identity, trail).await
            }
            _ => self.finish_login_by(&party, person, &flow, trail).await,
        }
    }

    /// Uses up the row of a sign-in, and counts the answer.
    async fn take_flow(
        &self,
        provider: &ProviderId,
        digest: TokenDigest,
        trail: &Trail,
    ) -> Result<PendingFlow, AuthError> {
        let (purpose, now) = (TokenPurpose::Federation, self.now());
        let store = &self.inner.store;
        // An answer that is refused without the store does not use up the sign-in.
        let (scope, quota) = self.provider_budget("finish", provider);
        self.refuse_used_up_network(&scope, quota, trail)?;
        let (counted, taken) = tokio::join!(
            self.limit_provider("finish", provider, trail),
            store.take_token(digest, purpose, now)
        );
        counted?.keep();
        let row = taken?.ok_or(AuthError::InvalidFlow)?;
        let is_the_one = row.digest == digest && row.is_for(purpose, now);
        match &row.federation {
            Some(PendingFederation::Flow(flow)) if is_the_one && flow.provider == *provider => {
                Ok(PendingFlow {
                    flow: flow.clone(),
                    row,
                })
            }
            _ => Err(AuthError::InvalidFlow),
        }
    }

    /// Counts a step of a sign-in with `provider` against the caller's networks.
    pub(super) async fn limit_provider(
        &self,
        step: &str,
        provider: &ProviderId,
        trail: &Trail,
    ) -> Result<Counted, AuthError> {
        let (scope, quota) = self.provider_budget(step, provider);
        self.limit_network(&scope, quota, trail).await
    }

    fn provider_budget(&self, step: &str, provider: &ProviderId) -> (String, Option<Quota>) {
        let quota = self.config().limits.federation_by_address;
        (format!("federation:{step}:{provider}"), quota)
    }

    async fn finish_login_by(
        &self,
        party: &RelyingParty,
        mut person: Person,
        flow: &FederationFlow,
        trail: &Trail,
    ) -> Result<FederatedOutcome, AuthError> {
        let mut identity = self.pending(person.identity.clone(), flow)?;
        let key = identity.key();
        for _ in 0..TRIES {
            let known = self.inner.store.user_by_identity(&key);
            if let Some(user) = trail.unless_gone(known).await? {
                let login = self.log_in_by(user, &identity, trail).await?;
                return Ok(FederatedOutcome::Opened(FederatedResponse {
                    login,
                    created: false,
                    return_to: identity.return_to,
                }));
            }
            let completed = party.complete(&mut person).await;
            completed.map_err(|error| failed(party, error))?;
            identity = self.pending(person.identity.clone(), flow)?;
            match self.register_by(&identity, trail).await {
                // The same person has just signed in elsewhere.
                Err(AuthError::IdentityTaken) => {}
                done => return done,
            }
        }
        Err(AuthError::InvalidFlow)
    }

    async fn log_in_by(
        &self,
        user: User,
        identity: &PendingIdentity,
        trail: &Trail,
    ) -> Result<LoginResponse, AuthError> {
        if user.identities.by_key(&identity.key()).is_none() {
            return Err(AuthError::Internal(
                "the store answered with another user".into(),
            ));
        }
        trail.about(Some(user.id));
        if user.status != UserStatus::Active {
            return Err(AuthError::AccountDisabled);
        }
        if self.has_second_factors() {
            // A login requests a code, which may cost something, and ends an earlier ticket.
            let key = LimitKey::new("success:identity", &user.id.to_bytes());
            self.count_success(key).await?.keep();
        }
        let user = self.call_due_hooks(Arc::new(user), trail).await;
        let used = use_of(identity);
        let entry = Entry::sign_in(&user, proof_of(identity), self.now())
            .of_length(identity.length)
            .by_identity(&used);
        let (session, tokens) = self.enter(entry, trail).await?;
        self.open(&session).await?;
        let finished = self.finish_login_with(&user, session, tokens, Some(used.clone()), trail);
        finished.await.map_err(gone_meanwhile)
    }

    async fn finish_reauthentication(
        &self,
        auth: &Authenticated,
        identity: &PendingIdentity,
        trail: &Trail,
    ) -> Result<FederatedOutcome, AuthError> {
        // Another person at the provider is not the owner of this account.
        if auth.user().identities.by_key(&identity.key()).is_none() {
            return Err(AuthError::InvalidFlow);
        }
        let again = self.replace_session_by(identity, auth, proof_of(identity), trail);
        Ok(FederatedOutcome::Opened(FederatedResponse {
            login: again.await?,
            created: false,
            return_to: identity.return_to.clone(),
        }))
    }

    /// Replaces the present session with one that the identity has opened, if the account still
    /// has the identity.
    pub(super) async fn replace_session_by(
        &self,
        identity: &PendingIdentity,
        auth: &Authenticated,
        proof: Proof,
        trail: &Trail,
    ) -> Result<LoginResponse, AuthError> {
        let login = self.replace_session(auth, proof, trail).await?;
        // An unlinking ends the sessions that it finds; this one may be younger.
        let owner = self.inner.store.user_by_identity(&identity.key()).await?;
        if owner.is_none_or(|owner| owner.id != auth.user().id) {
            self.end_sessions_by_provider(auth).await?;
            return Err(AuthError::InvalidToken);
        }
        Ok(login)
    }
}

/// A sign-in that was begun, and the row that it was kept in.
struct PendingFlow {
    flow: FederationFlow,
    row: OneTimeToken,
}

/// The account was disabled, its sessions were ended or the identity was unlinked since it was
/// read.
pub(super) fn gone_meanwhile(error: AuthError) -> AuthError {
    match error {
        AuthError::InvalidCredentials => AuthError::InvalidFlow,
        other => other,
    }
}
