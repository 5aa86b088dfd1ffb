//! Sign in with others: from the answer of a provider to a session.
//!
//! A sign-in has two halves. [`start_federation`](AuthService::start_federation) sends the
//! browser to the provider; what is needed afterwards is kept in a one-time row, which is found
//! only by the state, with the same provider and in the same browser.
//! [`finish_federation`](AuthService::finish_federation) takes the row and asks the provider who
//! the person is. The identity leads to an account, and equal addresses never do.

mod finish;
mod link;
mod manage;
mod new_account;
mod start;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use finish::{FederatedOutcome, FederatedResponse, FinishFederation, PendingAccount};
pub use link::{LinkIdentity, LinkOutcome};
pub use manage::IdentityList;
pub use start::{StartFederation, StartedFederation};

use super::AuthService;
use super::operation::Trail;
use crate::clock::Clock;
use crate::email::Email;
use crate::error::{AuthError, Field, ViolationCode, Violations};
use crate::federation::{Environment, ExternalIdentity, FederationError, FlowKey, RelyingParty};
use crate::id::IdentityId;
use crate::identity::{Identity, IdentityUse, Issuer, ProviderEmail, ProviderId, SubjectId};
use crate::mail::MailKind;
use crate::proof::Proof;
use crate::store::Store;
use crate::time::Timestamp;
use crate::token::{FederationFlow, PendingIdentity};
use crate::user::{DisplayName, User};

/// How long a person may be at a provider, and how long a ticket is valid.
const FLOW_TTL: Duration = Duration::from_secs(600);
/// How old the login may be with which a way in is added or removed.
const RECENT: Duration = Duration::from_secs(600);
/// The wait that is told when a provider does not answer as it should.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// A provider that people can sign in with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ProviderView {
    /// Its id, in paths.
    pub id: String,
    /// Its name, as people read it on a button.
    pub name: String,
}

/// The providers that people can sign in with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ProviderList {
    /// In the order in which they are to be shown.
    pub providers: Vec<ProviderView>,
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// The providers that people can sign in with; empty without any.
    #[must_use]
    pub fn providers(&self) -> ProviderList {
        let federation = self.inner.federation.iter();
        let providers = federation.flat_map(|federation| federation.providers());
        let view = |provider: &crate::federation::Provider| ProviderView {
            id: provider.id().as_str().to_owned(),
            name: provider.name().to_owned(),
        };
        ProviderList {
            providers: providers.map(view).collect(),
        }
    }

    /// Whether people can sign in with others.
    #[must_use]
    pub fn has_providers(&self) -> bool {
        let federation = self.inner.federation.as_ref();
        federation.is_some_and(|federation| federation.providers().next().is_some())
    }

    /// Whether there is a provider with this id that answers by a form.
    #[cfg(feature = "http")]
    pub(crate) fn posts_form(&self, provider: &str) -> bool {
        let party = self.party(provider);
        party.is_ok_and(|party| party.provider().posts_form())
    }

    /// Whether one of the user's providers can prove again who the user is.
    pub(super) fn has_proving_provider(&self, user: &User) -> bool {
        self.proving_parties(user).next().is_some()
    }

    /// The providers of the user that state when people authenticated.
    fn proving_parties(&self, user: &User) -> impl Iterator<Item = Arc<RelyingParty>> {
        let parties = user.identities.iter().filter_map(|it| self.party_of(it));
        parties.filter(|party| party.provider().states_auth_time())
    }

    /// The provider of an identity; `None` if it is not configured any more, or has another
    /// issuer now: nobody can sign in by the identity then.
    fn party_of(&self, identity: &Identity) -> Option<Arc<RelyingParty>> {
        let party = self.party(identity.provider.as_str()).ok()?;
        let is_same = party.provider().is_issuer(identity.issuer.as_str());
        is_same.then_some(party)
    }

    fn party(&self, provider: &str) -> Result<Arc<RelyingParty>, AuthError> {
        let federation = self.inner.federation.as_ref();
        let party = federation.and_then(|federation| federation.party(provider));
        party.cloned().ok_or(AuthError::NotFound)
    }

    /// Tells the owner by mail that an identity of `provider` was linked or unlinked.
    fn tell_owner(&self, kind: MailKind, user: &User, provider: &ProviderId, trail: &Trail) {
        let party = self.party(provider.as_str()).ok();
        let name = party.map(|party| party.provider().name().to_owned());
        self.notify_about(kind, user, &user.email, name, trail.context());
    }

    fn environment<'a>(&'a self, key: &'a FlowKey) -> Environment<'a> {
        Environment {
            clock: &*self.inner.clock,
            random: self.random(),
            key,
        }
    }

    /// The person whom the provider has identified, with what a new account would have.
    fn pending(
        &self,
        external: ExternalIdentity,
        flow: &FederationFlow,
    ) -> Result<PendingIdentity, AuthError> {
        let unfit = |_| AuthError::Internal("an identity has a form that is not kept".into());
        let email = external.email.as_ref();
        let kept = email.map(|email| ProviderEmail::parse(email.as_str()));
        Ok(PendingIdentity {
            issuer: Issuer::parse(external.issuer).map_err(unfit)?,
            subject: SubjectId::parse(external.subject).map_err(unfit)?,
            name: name_of(external.name.as_deref(), email),
            email: kept.transpose().map_err(unfit)?,
            email_is_verified: external.email_is_verified,
            provider: external.provider,
            // A clock that is ahead proves nothing more.
            auth_time: external.auth_time.map(|at| at.min(self.now())),
            length: flow.length,
            return_to: flow.return_to.clone(),
        })
    }

    /// The address that a new account is to have.
    fn address_of(&self, identity: &PendingIdentity) -> Result<Email, AuthError> {
        let mut violations = Violations::default();
        let given = identity.email.as_ref();
        let email = match given {
            Some(given) => self.parse_new_email(given.as_str(), Field::Email, &mut violations),
            None => {
                let message = "The provider has given no email address. Allow it there, or register with an address and a password.";
                violations.push(Field::Email, ViolationCode::Required, message);
                None
            }
        };
        violations.into_result()?;
        email.ok_or_else(|| AuthError::Internal("an address was refused without a reason".into()))
    }

    /// The identity of an account from now on.
    fn new_identity(
        &self,
        pending: &PendingIdentity,
        now: Timestamp,
    ) -> Result<Identity, AuthError> {
        Ok(Identity {
            id: IdentityId::generate(now, self.random())?,
            provider: pending.provider.clone(),
            issuer: pending.issuer.clone(),
            subject: pending.subject.clone(),
            email: pending.email.clone(),
            created_at: now,
            last_used_at: now,
        })
    }
}

/// What a failed request to a provider means for the caller. The log has the cause.
fn failed(party: &RelyingParty, error: FederationError) -> AuthError {
    let provider = party.provider().id().as_str();
    match error {
        FederationError::Denied(_) => AuthError::ProviderDenied,
        FederationError::Callback(_) => {
            tracing::debug!(provider, %error, "a sign-in was refused");
            AuthError::InvalidFlow
        }
        FederationError::Random(error) => AuthError::Random(error),
        error => {
            tracing::error!(provider, %error, "a provider does not answer as it should");
            AuthError::ProviderUnavailable {
                retry_after: RETRY_AFTER,
            }
        }
    }
}

/// What an error means that the browser brings. It says nothing about the provider.
fn denied(party: &RelyingParty, error: FederationError) -> AuthError {
    let provider = party.provider().id().as_str();
    match error {
        FederationError::Denied(_) => AuthError::ProviderDenied,
        FederationError::Callback(_) => AuthError::InvalidFlow,
        error => {
            tracing::warn!(provider, %error, "a browser came back with an error");
            AuthError::ProviderUnavailable {
                retry_after: RETRY_AFTER,
            }
        }
    }
}

fn proof_of(identity: &PendingIdentity) -> Proof {
    Proof::by_provider(identity.auth_time)
}

fn use_of(identity: &PendingIdentity) -> IdentityUse {
    IdentityUse {
        key: identity.key(),
        email: identity.email.clone(),
    }
}

/// The name of a new account: as the provider has it, without what cannot be shown and cut to
/// the longest that is allowed; that of the mailbox if nothing is left.
fn name_of(name: Option<&str>, email: Option<&Email>) -> DisplayName {
    let cleaned = name.and_then(DisplayName::cleaned);
    cleaned.unwrap_or_else(|| match email {
        Some(email) => DisplayName::of_mailbox(email.canonical()),
        None => DisplayName::from_store("-".to_owned()),
    })
}
