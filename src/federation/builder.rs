//! [`ProviderBuilder`]: the settings of a provider, and their checks.

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::address;
use super::algorithm::SigningAlgorithm;
use super::authentication::{ClientAuthentication, is_visible};
use super::email_rule::{EmailRule, Hosting};
use super::error::invalid;
use super::identity::EmailTrust;
use super::issuer::{IssuerRule, is_tenant_id};
use super::metadata::Metadata;
use super::prompt::Prompt;
use super::provider::{OAuth2, OpenId, Protocol, Provider, Source, UserInfoUse};
use crate::error::ConfigError;
use crate::identity::{Issuer, ProviderId};
use crate::token::backend;
use crate::user::DisplayName;

/// Longest client id, scope or parameter, in bytes.
const MAX_TEXT_BYTES: usize = 512;
/// Words in paths where the id of a provider stands.
const RESERVED_IDS: [&str; 4] = ["email", "factor", "link", "passkey"];
/// How long one request to a provider may take.
const TIMEOUTS: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(60);

/// Parameters of an authorization request that this crate sets.
const RESERVED_PARAMETERS: [&str; 17] = [
    "client_id",
    "client_secret",
    "code",
    "code_challenge",
    "code_challenge_method",
    "hd",
    "login_hint",
    "max_age",
    "nonce",
    "prompt",
    "redirect_uri",
    "request",
    "request_uri",
    "response_mode",
    "response_type",
    "scope",
    "state",
];

/// The settings of a [`Provider`].
///
/// Nothing is fetched to check them. [`redirect_uri`](Self::redirect_uri) is always
/// required.
#[derive(Clone, Debug)]
#[must_use]
pub struct ProviderBuilder {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) client_id: String,
    pub(super) authentication: Option<ClientAuthentication>,
    pub(super) redirect_uris: Vec<String>,
    pub(super) scopes: Vec<String>,
    pub(super) parameters: Vec<(String, String)>,
    pub(super) link_prompt: Option<Prompt>,
    pub(super) issuer: IssuerRule,
    pub(super) endpoints: Option<FixedEndpoints>,
    pub(super) kind: Kind,
    pub(super) hosting: Hosting,
    pub(super) email_trust: EmailTrust,
    pub(super) timeout: Duration,
    pub(super) allows_private: bool,
    /// A setting that this kind of provider does not have.
    pub(super) misplaced: Option<&'static str>,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    OpenId(OpenId),
    OAuth2 {
        mapping: super::identity::UserInfoMapping,
        emails: Option<String>,
    },
}

/// Endpoints that are configured instead of discovered.
#[derive(Clone, Debug)]
pub(super) struct FixedEndpoints {
    pub(super) authorization: String,
    pub(super) token: String,
    pub(super) keys: Option<String>,
    pub(super) user_info: Option<String>,
}

impl ProviderBuilder {
    /// The id in paths, such as `/login/school`; see [`ProviderId`]. The
    /// presets have `google`, `microsoft`, `apple` and `github`.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = id.into();
        self
    }

    /// The name, as people read it on a button. By default the preset's, or the id.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Adds a redirect URI, as it is registered at the provider: `https`, `http` to the
    /// loopback, or a private-use scheme of a native app with a dot in it, such as
    /// `org.example.app:/callback` (RFC 8252 §7.1). The first one is the default.
    ///
    /// A provider that sends no `iss` requires a redirect URI that no other provider has, so
    /// that its answers cannot be mistaken for another's (RFC 9700 §4.4.2.2).
    pub fn redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uris.push(uri.into());
        self
    }

    /// How the client authenticates.
    pub fn authentication(mut self, authentication: ClientAuthentication) -> Self {
        self.authentication = Some(authentication);
        self
    }

    /// Replaces the scopes (RFC 6749 §3.3). OpenID providers require `openid` among them.
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Adds a parameter to every authorization request, such as `acr_values`. Parameters that
    /// this crate sets cannot be added.
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// What the provider does first when a person links an identity to their account. On a
    /// shared machine somebody else may be signed in at the provider, whose identity would
    /// become a way in. The default is [`Prompt::SelectAccount`] for Google, Microsoft and
    /// GitHub, [`Prompt::Login`] for other OpenID providers, and `None` for Apple and other
    /// OAuth 2 providers, since neither documents such a parameter.
    pub fn link_prompt(mut self, prompt: impl Into<Option<Prompt>>) -> Self {
        self.link_prompt = prompt.into();
        self
    }

    /// Whether the provider is believed when it says that an address is verified.
    pub fn email_trust(mut self, trust: EmailTrust) -> Self {
        self.email_trust = trust;
        self
    }

    /// How long one request to the provider may take: 1 to 60 seconds, by default 10.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Allows endpoints at loopback, private and link-local addresses, and `http` to the
    /// loopback: for a provider inside your network, and for tests. The discovery document
    /// can then name any of them.
    pub fn allow_private_addresses(mut self) -> Self {
        self.allows_private = true;
        self
    }

    /// Requires accounts of the Google Workspace domain `domain`: it is sent as `hd`, and
    /// compared with `hd` in the ID token. Only for Google.
    pub fn hosted_domain(mut self, domain: impl Into<String>) -> Self {
        let is_google = self.hosting == Hosting::Google;
        match &mut self.kind {
            Kind::OpenId(openid) if is_google => openid.hosted_domain = Some(domain.into()),
            _ => self.misplaced = Some("federation.hosted_domain"),
        }
        self
    }

    /// Replaces the accepted signature algorithms. Only for OpenID providers; by default all
    /// that this build verifies, and RS256 for the presets.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = SigningAlgorithm>) -> Self {
        match &mut self.kind {
            Kind::OpenId(openid) => openid.algorithms = algorithms.into_iter().collect(),
            Kind::OAuth2 { .. } => self.misplaced = Some("federation.algorithms"),
        }
        self
    }

    /// Adds an audience that ID tokens may have besides the client id. Only for OpenID
    /// providers.
    pub fn trusted_audience(mut self, audience: impl Into<String>) -> Self {
        match &mut self.kind {
            Kind::OpenId(openid) => openid.trusted_audiences.push(audience.into()),
            Kind::OAuth2 { .. } => self.misplaced = Some("federation.trusted_audience"),
        }
        self
    }

    /// When the user-info endpoint is asked. Only for OpenID providers; by default
    /// [`UserInfoUse::IfNoEmail`], and [`UserInfoUse::Never`] for the presets.
    pub fn user_info(mut self, when: UserInfoUse) -> Self {
        match &mut self.kind {
            Kind::OpenId(openid) => openid.user_info = when,
            Kind::OAuth2 { .. } => self.misplaced = Some("federation.user_info"),
        }
        self
    }

    /// Whether the provider honours `max_age` and states `auth_time`. Only for OpenID
    /// providers; by default yes, and no for the presets, whose documentation does not offer
    /// it.
    pub fn states_auth_time(mut self, states_auth_time: bool) -> Self {
        match &mut self.kind {
            Kind::OpenId(openid) => openid.states_auth_time = states_auth_time,
            Kind::OAuth2 { .. } => self.misplaced = Some("federation.states_auth_time"),
        }
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] names the setting that is wrong,
    /// [`ConfigError::NoSignatureBackend`] if no feature that verifies ID tokens is enabled.
    pub fn build(self) -> Result<Provider, ConfigError> {
        if let Some(setting) = self.misplaced {
            return Err(invalid(setting, "is not for this kind of provider"));
        }
        let id = ProviderId::parse(self.id.as_str());
        let id = id.map_err(|error| invalid("federation.id", error.to_string()))?;
        let begins_well = id
            .as_str()
            .starts_with(|first: char| first.is_ascii_lowercase());
        if !begins_well || RESERVED_IDS.contains(&id.as_str()) {
            let problem =
                "begins with no letter, or is one of `email`, `factor`, `link` and `passkey`";
            return Err(invalid("federation.id", problem));
        }
        let name = DisplayName::parse(&self.name);
        let name = name.map_err(|error| invalid("federation.name", error.to_string()))?;
        if !is_visible(&self.client_id) || self.client_id.len() > MAX_TEXT_BYTES {
            return Err(invalid(
                "federation.client_id",
                "is empty, too long or not ASCII",
            ));
        }
        let authentication = self.authentication.clone();
        let missing = || invalid("federation.authentication", "is missing");
        let authentication = authentication.ok_or_else(missing)?;
        authentication.validate()?;
        self.check_redirect_uris()?;
        self.check_request()?;
        self.check_issuer()?;
        if !TIMEOUTS.contains(&self.timeout) {
            return Err(invalid(
                "federation.timeout",
                "is not between 1 and 60 seconds",
            ));
        }
        Ok(Provider {
            source: self.source()?,
            protocol: self.protocol()?,
            email: EmailRule::new(&self.email_trust, self.hosting)?,
            id,
            name: name.as_str().to_owned(),
            client_id: self.client_id,
            authentication,
            redirect_uris: self.redirect_uris,
            scopes: self.scopes,
            parameters: self.parameters,
            link_prompt: self.link_prompt,
            issuer: self.issuer,
            timeout: self.timeout,
            allows_private: self.allows_private,
        })
    }

    fn check_redirect_uris(&self) -> Result<(), ConfigError> {
        let setting = "federation.redirect_uri";
        if self.redirect_uris.is_empty() {
            return Err(invalid(setting, "is missing"));
        }
        match self.redirect_uris.iter().all(|uri| is_redirect_uri(uri)) {
            true => Ok(()),
            false => Err(invalid(
                setting,
                "is not https, http to the loopback, or of an app's scheme; or has a fragment",
            )),
        }
    }

    fn check_request(&self) -> Result<(), ConfigError> {
        let setting = "federation.scopes";
        if !self.scopes.iter().all(|scope| is_scope(scope)) {
            return Err(invalid(setting, "has one that is not a scope"));
        }
        // Apple has no such scope, and issues ID tokens without it.
        let is_openid = matches!(&self.kind, Kind::OpenId(openid) if !openid.posts_form);
        if is_openid && !self.scopes.iter().any(|scope| scope == "openid") {
            return Err(invalid(setting, "lacks `openid`"));
        }
        let setting = "federation.parameter";
        for (place, (name, value)) in self.parameters.iter().enumerate() {
            let mut earlier = self.parameters.iter().take(place);
            if RESERVED_PARAMETERS.contains(&name.as_str()) {
                return Err(invalid(setting, format!("`{name}` is set by this crate")));
            }
            let is_short = name.len().max(value.len()) <= MAX_TEXT_BYTES;
            if !is_visible(name) || !is_short || earlier.any(|(other, _)| other == name) {
                return Err(invalid(
                    setting,
                    "is empty, too long, not ASCII, or there twice",
                ));
            }
        }
        Ok(())
    }

    fn check_issuer(&self) -> Result<(), ConfigError> {
        let setting = "federation.issuer";
        let is_good = match (&self.issuer, &self.kind) {
            (IssuerRule::Microsoft { tenants }, _) => {
                let are_ids = tenants.iter().all(|tenant| is_tenant_id(tenant));
                if tenants.is_empty() || !are_ids {
                    return Err(invalid(
                        "federation.tenants",
                        "is empty, or has one that is not a tenant's id in lower case",
                    ));
                }
                true
            }
            (IssuerRule::One { issuer, .. }, Kind::OpenId(_)) => {
                let url = self.address(setting, issuer)?;
                url.query().is_none() && Issuer::parse(issuer.as_str()).is_ok()
            }
            (IssuerRule::One { issuer, .. }, Kind::OAuth2 { .. }) => {
                is_visible(issuer) && Issuer::parse(issuer.as_str()).is_ok()
            }
        };
        match is_good {
            true => Ok(()),
            false => Err(invalid(setting, "is empty, not ASCII, or has a query")),
        }
    }

    fn source(&self) -> Result<Source, ConfigError> {
        let Some(endpoints) = &self.endpoints else {
            return Ok(Source::Discovery);
        };
        let optional = |setting, url: &Option<String>| {
            let url = url.as_ref();
            url.map(|url| self.address(setting, url)).transpose()
        };
        Ok(Source::Fixed(Arc::new(Metadata {
            authorization: self.address(
                "federation.endpoints.authorization",
                &endpoints.authorization,
            )?,
            token: self.address("federation.endpoints.token", &endpoints.token)?,
            keys: optional("federation.endpoints.keys", &endpoints.keys)?,
            user_info: optional("federation.endpoints.user_info", &endpoints.user_info)?,
            always_sends_issuer: false,
        })))
    }

    fn protocol(&self) -> Result<Protocol, ConfigError> {
        match &self.kind {
            Kind::OpenId(openid) => {
                backend::provider()?;
                let mut openid = openid.clone();
                openid
                    .algorithms
                    .retain(|algorithm| algorithm.is_supported());
                if openid.algorithms.is_empty() {
                    return Err(invalid(
                        "federation.algorithms",
                        "has none that this build verifies; `aws-lc-rs` verifies RS256",
                    ));
                }
                let domain = openid.hosted_domain.as_deref();
                if !domain.is_none_or(|domain| is_visible(domain) && domain.contains('.')) {
                    return Err(invalid("federation.hosted_domain", "is not a domain"));
                }
                Ok(Protocol::OpenId(openid))
            }
            Kind::OAuth2 { mapping, emails } => {
                if mapping.subject.is_empty() {
                    return Err(invalid("federation.mapping.subject", "is empty"));
                }
                let emails = emails.as_ref();
                let address = |url: &str| self.address("federation.endpoints.emails", url);
                Ok(Protocol::OAuth2(OAuth2 {
                    mapping: mapping.clone(),
                    emails: emails.map(|url| address(url)).transpose()?,
                }))
            }
        }
    }

    fn address(&self, setting: &'static str, url: &str) -> Result<Url, ConfigError> {
        let url = address::endpoint(url, self.allows_private);
        url.map_err(|fault| invalid(setting, fault.to_string()))
    }
}

/// RFC 6749 §3.1.2, RFC 8252 §7.
fn is_redirect_uri(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else {
        return false;
    };
    let is_allowed = match url.scheme() {
        "https" => url.host().is_some(),
        "http" => url.host().is_some_and(|host| address::is_loopback(&host)),
        // RFC 8252 §7.1: a name that the app's author controls, in reverse order. So never
        // `javascript` or `data`.
        scheme => scheme.contains('.'),
    };
    let has_credentials = !url.username().is_empty() || url.password().is_some();
    is_allowed && !has_credentials && !text.contains('#') && is_visible(text) && !text.contains(' ')
}

/// RFC 6749 appendix A.4.
fn is_scope(text: &str) -> bool {
    let is_allowed = |byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    !text.is_empty() && text.len() <= MAX_TEXT_BYTES && text.bytes().all(is_allowed)
}

#[cfg(feature = "aws-lc-rs")]
#[cfg(test)]
mod tests;
