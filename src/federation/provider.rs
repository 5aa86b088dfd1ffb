//! Providers: how each is configured.

use std::sync::Arc;
use std::time::Duration;

use super::algorithm::SigningAlgorithm;
use super::authentication::ClientAuthentication;
use super::email_rule::EmailRule;
use super::identity::{UserInfoMapping, VerifiedClaim};
use super::issuer::IssuerRule;
use super::metadata::Metadata;
use super::prompt::Prompt;
use crate::identity::ProviderId;

/// A provider that people sign in with, and this application's registration there.
///
/// It is made by one of the presets ([`google`](Self::google),
/// [`microsoft`](Self::microsoft), [`apple`](Self::apple), [`github`](Self::github)), by
/// [`oidc`](Self::oidc) or by [`oauth2`](Self::oauth2), and was checked when it was built.
/// Clones share nothing that changes. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Provider {
    pub(super) id: ProviderId,
    pub(super) name: String,
    pub(super) client_id: String,
    pub(super) authentication: ClientAuthentication,
    pub(super) redirect_uris: Vec<String>,
    pub(super) scopes: Vec<String>,
    pub(super) parameters: Vec<(String, String)>,
    pub(super) link_prompt: Option<Prompt>,
    pub(super) issuer: IssuerRule,
    pub(super) source: Source,
    pub(super) protocol: Protocol,
    pub(super) email: EmailRule,
    pub(super) timeout: Duration,
    pub(super) allows_private: bool,
}

/// Where a provider's endpoints are known from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// From its discovery document.
    Discovery,
    /// From the configuration.
    Fixed(Arc<Metadata>),
}

/// How a provider says who a person is.
#[derive(Clone, Debug)]
pub(super) enum Protocol {
    /// By an ID token.
    OpenId(OpenId),
    /// By a user-info answer.
    OAuth2(OAuth2),
}

#[derive(Clone, Debug)]
pub(super) struct OpenId {
    pub(super) algorithms: Vec<SigningAlgorithm>,
    pub(super) trusted_audiences: Vec<String>,
    pub(super) user_info: UserInfoUse,
    pub(super) verified: VerifiedClaim,
    /// Whether the answer comes as a form, with the person's name at the first time (Apple).
    pub(super) posts_form: bool,
    pub(super) states_auth_time: bool,
    /// The Google Workspace domain that accounts must belong to.
    pub(super) hosted_domain: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct OAuth2 {
    pub(super) mapping: UserInfoMapping,
    /// Where GitHub lists the person's addresses.
    pub(super) emails: Option<url::Url>,
}

/// When the user-info endpoint of an OpenID provider is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UserInfoUse {
    /// Never: the ID token has all that is used.
    Never,
    /// If the ID token has no `email`, and the provider has the endpoint.
    IfNoEmail,
    /// At each sign-in.
    Always,
}

impl Provider {
    /// Its id here.
    #[must_use]
    pub fn id(&self) -> &ProviderId {
        &self.id
    }

    /// Its name, as people read it on a button.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The redirect URIs that are configured; the first one is the default.
    #[must_use]
    pub fn redirect_uris(&self) -> &[String] {
        &self.redirect_uris
    }

    /// Returns `true` if the provider sends its answer as a form that the browser posts to
    /// the redirect URI (OAuth 2.0 Form Post Response Mode), as Apple does. The person's name
    /// is then in [`Callback::user`](super::Callback::user), once.
    #[must_use]
    pub fn posts_form(&self) -> bool {
        matches!(&self.protocol, Protocol::OpenId(openid) if openid.posts_form)
    }

    /// Returns `true` if a recent authentication can be demanded by
    /// [`max_age`](super::AuthorizationOptions::max_age), because the provider states
    /// `auth_time`.
    #[must_use]
    pub fn states_auth_time(&self) -> bool {
        matches!(&self.protocol, Protocol::OpenId(openid) if openid.states_auth_time)
    }

    /// What the provider does first when a person links an identity.
    #[must_use]
    pub fn link_prompt(&self) -> Option<Prompt> {
        self.link_prompt
    }

    /// Returns `true` if identities of this provider can have `issuer`. No two providers of an
    /// application should have an issuer in common: they would vouch for the same identities.
    #[must_use]
    pub fn is_issuer(&self, issuer: &str) -> bool {
        self.issuer.is_of_response(issuer)
    }

    /// Whether `uri` is configured, byte by byte (RFC 9700 §4.1.3); the default for `None`.
    pub(super) fn redirect_uri<'a>(&'a self, uri: Option<&'a str>) -> Option<&'a str> {
        let mut configured = self.redirect_uris.iter().map(String::as_str);
        match uri {
            Some(uri) => configured.find(|it| *it == uri),
            None => configured.next(),
        }
    }
}
