//! [`Federation`]: the providers of an application.

use std::fmt;
use std::sync::Arc;

use super::error::invalid;
use super::flow::FlowKey;
use super::http_client::HttpClient;
use super::provider::Provider;
use super::relying_party::RelyingParty;
use crate::error::ConfigError;
use crate::secret::SecretBytes;

/// The providers that people sign in with, for
/// [`AuthServiceBuilder::federation`](crate::service::AuthServiceBuilder::federation).
///
/// Clones share the keys and metadata that are kept of each provider.
#[derive(Clone)]
pub struct Federation {
    client: Arc<dyn HttpClient>,
    parties: Vec<Arc<RelyingParty>>,
    keys: Vec<FlowKey>,
}

impl Federation {
    /// No providers yet; requests go through `client`.
    pub fn new(client: impl HttpClient) -> Self {
        Self {
            client: Arc::new(client),
            parties: Vec::new(),
            keys: Vec::new(),
        }
    }

    /// Adds `provider`. They are listed in the order in which they are added.
    #[must_use]
    pub fn provider(mut self, provider: Provider) -> Self {
        let party = RelyingParty::new(provider, Arc::clone(&self.client));
        self.parties.push(Arc::new(party));
        self
    }

    /// The providers.
    pub fn providers(&self) -> impl Iterator<Item = &Provider> {
        self.parties.iter().map(|party| party.provider())
    }

    pub(crate) fn party(&self, id: &str) -> Option<&Arc<RelyingParty>> {
        let mut parties = self.parties.iter();
        parties.find(|party| party.provider().id().as_str() == id)
    }

    /// The key of a sign-in that begins.
    pub(crate) fn key(&self) -> Option<&FlowKey> {
        self.keys.first()
    }

    /// The key of a sign-in that has begun.
    pub(crate) fn key_of(&self, id: &str) -> Option<&FlowKey> {
        self.keys.iter().find(|key| key.id() == id)
    }

    /// Checks that no two providers have an id, an issuer or a redirect URI in common (RFC 9700
    /// §4.4.2.2), and derives the keys from `secrets`, of which the first is active.
    pub(crate) fn ready(mut self, secrets: &[SecretBytes]) -> Result<Self, ConfigError> {
        let mut before: Vec<&Provider> = Vec::new();
        for provider in self.providers() {
            if before.iter().any(|one| one.id() == provider.id()) {
                return Err(invalid("federation", "has two providers with one id"));
            }
            let is_shared = |one: &&Provider| {
                one.is_issuer(&provider.issuer.of_metadata())
                    || provider.is_issuer(&one.issuer.of_metadata())
            };
            if before.iter().any(is_shared) {
                let problem =
                    "has two providers with one issuer, who would vouch for the same people";
                return Err(invalid("federation", problem));
            }
            let redirects = provider.redirect_uris();
            let has_one_of = |one: &&Provider| {
                let mut theirs = one.redirect_uris().iter();
                theirs.any(|uri| redirects.contains(uri))
            };
            if before.iter().any(has_one_of) {
                let problem = "has two providers with one redirect URI: the answer of one could be sent to the other";
                return Err(invalid("federation", problem));
            }
            before.push(provider);
        }
        self.keys = secrets.iter().map(FlowKey::new).collect::<Result<_, _>>()?;
        Ok(self)
    }
}

impl fmt::Debug for Federation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Federation")
            .field("parties", &self.parties)
            .finish_non_exhaustive()
    }
}
