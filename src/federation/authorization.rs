//! What the browser is sent to a provider with.

use std::fmt;
use std::time::Duration;

use url::Url;

use super::error::{Endpoint, Fault, FederationError, Misconfiguration};
use super::flow::{FlowKey, challenge};
use super::metadata::Metadata;
use super::prompt::Prompt;
use super::provider::{Protocol, Provider};
use super::secret::FlowState;

/// Longest login hint that is sent, in bytes.
const MAX_HINT_BYTES: usize = 254;

/// What one sign-in demands. The same values are given to
/// [`authorization_request`](super::RelyingParty::authorization_request) and to
/// [`identify`](super::RelyingParty::identify), so
/// [`redirect_uri`](Self::redirect_uri) and [`max_age`](Self::max_age) are kept in between,
/// where the browser cannot change them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthorizationOptions {
    /// Where the provider sends the browser back to: one of the provider's
    /// [redirect URIs](super::ProviderBuilder::redirect_uri), by default the first.
    pub redirect_uri: Option<String>,
    /// How long ago the person may have authenticated at the provider, in whole seconds. The
    /// provider must [state it](Provider::states_auth_time); one minute is allowed for
    /// clocks that differ.
    pub max_age: Option<Duration>,
    /// What the provider does before it answers. It is a wish, unlike `max_age`: nothing in
    /// the answer proves it.
    pub prompt: Option<Prompt>,
    /// The address or name that the person probably signs in with. One that is longer than
    /// 254 bytes is not sent.
    pub login_hint: Option<String>,
}

/// Where to send the browser, and what belongs to its answer.
///
/// `Debug` is redacted: the URL contains the state.
#[derive(Clone)]
#[non_exhaustive]
pub struct AuthorizationRequest {
    /// The URL at the provider.
    pub url: String,
    /// The state that the answer must have. Keep a digest of it.
    pub state: FlowState,
    /// The redirect URI that was sent.
    pub redirect_uri: String,
}

impl fmt::Debug for AuthorizationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationRequest")
            .field("redirect_uri", &self.redirect_uri)
            .finish_non_exhaustive()
    }
}

/// Checks `options` before anything is fetched, and returns the redirect URI.
pub(super) fn check<'a>(
    provider: &'a Provider,
    options: &'a AuthorizationOptions,
) -> Result<&'a str, FederationError> {
    let refuse = |reason| Err(FederationError::Configuration(reason));
    if options.max_age.is_some() && !provider.states_auth_time() {
        return refuse(Misconfiguration::MaxAge);
    }
    match provider.redirect_uri(options.redirect_uri.as_deref()) {
        Some(uri) => Ok(uri),
        None => refuse(Misconfiguration::RedirectUri),
    }
}

/// The URL of an authorization request (RFC 6749 §4.1.1, RFC 7636 §4.3, OpenID Connect Core
/// 1.0 §3.1.2.1).
pub(super) fn url(
    provider: &Provider,
    metadata: &Metadata,
    options: &AuthorizationOptions,
    redirect_uri: &str,
    state: &FlowState,
    key: &FlowKey,
) -> Result<Url, FederationError> {
    let mut url = metadata.authorization.clone();
    let verifier = key.verifier(&provider.id, state);
    let mut parameters: Vec<(&str, String)> = vec![
        ("response_type", "code".to_owned()),
        ("client_id", provider.client_id.clone()),
        ("redirect_uri", redirect_uri.to_owned()),
        ("state", state.expose_secret().to_owned()),
        ("code_challenge", challenge(&verifier)),
        ("code_challenge_method", "S256".to_owned()),
    ];
    if !provider.scopes.is_empty() {
        parameters.push(("scope", provider.scopes.join(" ")));
    }
    if let Protocol::OpenId(openid) = &provider.protocol {
        parameters.push(("nonce", key.nonce(&provider.id, state)));
        if openid.posts_form {
            parameters.push(("response_mode", "form_post".to_owned()));
        }
        if let Some(domain) = &openid.hosted_domain {
            parameters.push(("hd", domain.clone()));
        }
    }
    if let Some(max_age) = options.max_age {
        parameters.push(("max_age", max_age.as_secs().to_string()));
    }
    if let Some(prompt) = options.prompt {
        parameters.push(("prompt", prompt.as_str().to_owned()));
    }
    let hint = options.login_hint.as_ref();
    if let Some(hint) = hint.filter(|hint| hint.len() <= MAX_HINT_BYTES) {
        parameters.push(("login_hint", hint.clone()));
    }
    for (name, value) in &provider.parameters {
        parameters.push((name, value.clone()));
    }
    // RFC 6749 §3.1: the endpoint may have a query, and no parameter occurs twice.
    let is_repeated = url
        .query_pairs()
        .any(|(name, _)| parameters.iter().any(|(own, _)| *own == name));
    if is_repeated {
        let fault = Fault::Member("authorization_endpoint");
        return Err(FederationError::refused(Endpoint::Discovery, fault));
    }
    url.query_pairs_mut().extend_pairs(parameters);
    Ok(url)
}
