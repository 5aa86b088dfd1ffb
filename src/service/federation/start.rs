//! The first half of a sign-in: the browser goes to the provider.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{FLOW_TTL, RECENT, failed};
use crate::clock::Clock;
use crate::email::Email;
use crate::error::{AuthError, Field, ViolationCode, Violations};
use crate::event::Operation;
use crate::federation::{AuthorizationOptions, Prompt, RelyingParty};
use crate::id::{SessionId, UserId};
use crate::next::safe_next;
use crate::secret::FlowHandle;
use crate::service::operation::{By, Subject, Trail};
use crate::service::{AuthService, Authenticated, RequestContext};
use crate::session::SessionLength;
use crate::store::Store;
use crate::token::{
    FederationFlow, FlowIntent, OneTimeToken, PendingFederation, TokenDigest, TokenPurpose,
};
use crate::user::AccountState;

/// How long ago a person may have authenticated at the provider who proves again who they are.
const MAX_AGE: Duration = Duration::from_secs(300);

/// Begins a sign-in with a provider.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct StartFederation {
    /// The page of the application to go on to, which the answer repeats: path, query and
    /// fragment.
    pub return_to: Option<String>,
    /// `false` requests a session with the shorter lifetime, as for
    /// [`LoginRequest::remember`](crate::service::LoginRequest::remember).
    pub remember: Option<bool>,
    /// Where the provider sends the browser back to, one of the redirect URIs of its
    /// configuration; by default the first.
    pub redirect_uri: Option<String>,
    /// What the browser keeps from an earlier start. Over HTTP it is in a cookie, if sessions
    /// are.
    #[serde(skip)]
    pub flow: Option<FlowHandle>,
}

/// Where to send the browser. `Debug` is redacted: the URL contains the state.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct StartedFederation {
    /// The URL at the provider.
    pub authorization_url: String,
    /// How long the person has, in seconds.
    pub expires_in: u64,
    /// What the client keeps, and sends with the answer of the provider. Over HTTP it is in a
    /// cookie, if sessions are.
    #[serde(default, skip_serializing_if = "FlowHandle::is_absent")]
    #[cfg_attr(feature = "openapi", schemars(with = "Option<FlowHandle>"))]
    pub flow: FlowHandle,
}

impl fmt::Debug for StartedFederation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartedFederation")
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}

impl FlowHandle {
    fn is_absent(&self) -> bool {
        self.expose_secret().is_empty()
    }

    /// Returns `true` if the service has made it, as far as its form tells.
    fn is_well_formed(&self) -> bool {
        let text = self.expose_secret();
        let bits = text.strip_prefix(TokenPurpose::Federation.prefix());
        bits.is_some_and(|bits| bits.len() == 43 && bits.bytes().all(is_base64url))
    }
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_".contains(&byte)
}

/// Who begins, and what for.
struct Beginner<'a> {
    intent: FlowIntent,
    auth: Option<&'a Authenticated>,
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Begins a sign-in with `provider`: where to send the browser, and what it has to keep
    /// until it comes back, within ten minutes.
    ///
    /// # Errors
    ///
    /// [`AuthError::NotFound`] if there is no such provider; [`AuthError::Validation`];
    /// [`AuthError::RateLimited`]; [`AuthError::ProviderUnavailable`] if the provider has to be
    /// discovered first and that fails; [`AuthError::Store`].
    pub async fn start_federation(
        &self,
        provider: &str,
        request: StartFederation,
        context: &RequestContext,
    ) -> Result<StartedFederation, AuthError> {
        let provider = provider.to_owned();
        let start = async move |service: Self, trail: Trail| {
            let party = service.party(&provider)?;
            let by = Beginner {
                intent: FlowIntent::Login,
                auth: None,
            };
            service.begin_flow(&party, request, by, &trail).await
        };
        let (kind, subject) = (Operation::StartFederation, Subject::default());
        self.operation(kind, subject, context, start).await
    }

    /// Begins to link an identity of `provider` to the caller's account, as
    /// [`start_federation`](Self::start_federation) begins a sign-in. Requires a login of the
    /// last ten minutes. The same session has to complete it.
    ///
    /// # Errors
    ///
    /// Those of [`start_federation`](Self::start_federation);
    /// [`AuthError::RecentLoginRequired`].
    pub async fn start_linking(
        &self,
        auth: &Authenticated,
        provider: &str,
        request: StartFederation,
        context: &RequestContext,
    ) -> Result<StartedFederation, AuthError> {
        let provider = provider.to_owned();
        let start = async move |service: Self, auth: Authenticated, trail: Trail| {
            let party = service.party(&provider)?;
            auth.require_recent_login(RECENT)?;
            let (user, proofs) = (auth.shared_user(), &auth.session().proofs);
            service.require_proved_factor(&user, proofs, &trail).await?;
            let by = Beginner {
                intent: FlowIntent::Link,
                auth: Some(&auth),
            };
            service.begin_flow(&party, request, by, &trail).await
        };
        let (kind, by) = (Operation::StartFederation, By::owner(auth).counted());
        self.acting(kind, by, context, start).await
    }

    /// Begins a new proof of who the caller is, by an identity of `provider` that the account
    /// has. The person has to authenticate at the provider within five minutes, which it has to
    /// state. The same session has to complete it.
    ///
    /// # Errors
    ///
    /// Those of [`start_federation`](Self::start_federation); [`AuthError::Validation`] also if
    /// the account has no identity of the provider, or the provider does not state when people
    /// authenticated.
    pub async fn start_reauthentication(
        &self,
        auth: &Authenticated,
        provider: &str,
        request: StartFederation,
        context: &RequestContext,
    ) -> Result<StartedFederation, AuthError> {
        let provider = provider.to_owned();
        let start = async move |service: Self, auth: Authenticated, trail: Trail| {
            let mut parties = service.proving_parties(auth.user());
            let Some(party) = parties.find(|party| party.provider().id().as_str() == provider)
            else {
                let mut violations = Violations::default();
                let message = "You cannot prove your identity with this provider.";
                violations.push(Field::Provider, ViolationCode::Unknown, message);
                return Err(AuthError::Validation(violations));
            };
            let by = Beginner {
                intent: FlowIntent::Reauthenticate,
                auth: Some(&auth),
            };
            service.begin_flow(&party, request, by, &trail).await
        };
        let (kind, by) = (Operation::StartFederation, By::owner(auth).counted());
        self.acting(kind, by, context, start).await
    }

    async fn begin_flow(
        &self,
        party: &RelyingParty,
        request: StartFederation,
        by: Beginner<'_>,
        trail: &Trail,
    ) -> Result<StartedFederation, AuthError> {
        let provider = party.provider();
        self.limit_provider("start", provider.id(), trail)
            .await?
            .keep();
        let mut violations = Violations::default();
        let return_to = request.return_to.as_deref();
        if return_to.is_some_and(|page| safe_next(page).is_none()) {
            let message = "This is not a page of this application.";
            violations.push(Field::ReturnTo, ViolationCode::InvalidFormat, message);
        }
        let redirect_uri = request.redirect_uri.as_ref();
        if redirect_uri.is_some_and(|uri| !provider.redirect_uris().contains(uri)) {
            let message = "This address is not configured.";
            violations.push(Field::RedirectUri, ViolationCode::Unknown, message);
        }
        violations.into_result()?;

        let federation = self.inner.federation.as_ref();
        let key = federation.and_then(|federation| federation.key());
        let key = key.ok_or(AuthError::NotFound)?;
        let max_age = (by.intent == FlowIntent::Reauthenticate).then_some(MAX_AGE);
        let options = AuthorizationOptions {
            redirect_uri: request.redirect_uri.clone(),
            max_age,
            prompt: match by.intent {
                FlowIntent::Login => None,
                FlowIntent::Link => provider.link_prompt(),
                // Otherwise some providers answer by a session of theirs that is older.
                FlowIntent::Reauthenticate => Some(Prompt::Login),
            },
            login_hint: None,
        };
        let asked = party.authorization_request(&options, self.environment(key));
        let asked = trail.unless_gone(async { Ok::<_, AuthError>(asked.await) });
        let asked = asked.await?.map_err(|error| failed(party, error))?;
        // One that is kept stays, so that sign-ins in several tabs do not end each other.
        let kept = request.flow.filter(FlowHandle::is_well_formed);
        let flow = match kept {
            Some(kept) => kept,
            None => FlowHandle::new(TokenPurpose::Federation.new_token(self.random())?),
        };
        let pending = FederationFlow {
            provider: provider.id().clone(),
            intent: by.intent,
            session: by.auth.map(|auth| auth.session().id),
            length: match request.remember {
                Some(false) => SessionLength::Short,
                _ => SessionLength::Usual,
            },
            return_to: request.return_to,
            redirect_uri: request.redirect_uri,
            max_age: max_age.map(|age| u32::try_from(age.as_secs()).unwrap_or(u32::MAX)),
            key: key.id().to_owned(),
        };
        let (now, id) = (self.now(), provider.id().as_str());
        let (account, email) = match by.auth {
            Some(auth) => (auth.user().state(), auth.user().email.clone()),
            None => nobody(UserId::generate(now, self.random())?),
        };
        let row = OneTimeToken {
            digest: TokenDigest::of_flow(id, asked.state.expose_secret(), flow.expose_secret()),
            purpose: TokenPurpose::Federation,
            account,
            email,
            registration: None,
            sign_in: None,
            federation: Some(PendingFederation::Flow(pending)),
            created_at: now,
            expires_at: now.saturating_add(FLOW_TTL),
        };
        match by.auth {
            Some(_) => self.store_token(&row).await?,
            None => self.insert_token(&row).await?,
        }
        Ok(StartedFederation {
            authorization_url: asked.url.clone(),
            expires_in: FLOW_TTL.as_secs(),
            flow,
        })
    }
}

impl FederationFlow {
    /// Returns `true` if the session of `auth` has begun it.
    pub(super) fn is_of(&self, auth: Option<&Authenticated>) -> bool {
        let session: Option<SessionId> = auth.map(|auth| auth.session().id);
        session.is_some() && self.session == session
    }
}

/// The account of a sign-in that is about no account yet.
fn nobody(id: UserId) -> (AccountState, Email) {
    let email = Email::from_store(String::new(), String::new());
    let account = AccountState {
        id,
        email: email.canonical().clone(),
        auth_epoch: None,
        link_epoch: 0,
        version: None,
    };
    (account, email)
}
