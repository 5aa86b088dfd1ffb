//! What is known of a provider: its endpoints and what it supports (OpenID Connect Discovery
//! 1.0 §3, RFC 8414 §2).

use serde_json::Value;
use url::Url;

use super::address;
use super::error::{Endpoint, Fault, FederationError, Misconfiguration};
use super::members::Members;

/// Endpoints of a provider, each checked.
#[derive(Clone, Debug)]
pub(super) struct Metadata {
    pub(super) authorization: Url,
    pub(super) token: Url,
    pub(super) keys: Option<Url>,
    pub(super) user_info: Option<Url>,
    /// Whether every authorization response has `iss` (RFC 9207 §3).
    pub(super) always_sends_issuer: bool,
}

impl Metadata {
    /// Reads a discovery document, whose issuer must be exactly `issuer` (OpenID Connect
    /// Discovery 1.0 §4.3).
    pub(super) fn read(answer: &Value, issuer: &str, allows_private: bool) -> Result<Self, Fault> {
        let document = Members::of(answer)?;
        if document.text("issuer")? != issuer {
            return Err(Fault::Issuer);
        }
        let required =
            |name| Ok::<_, Fault>(address::endpoint(document.text(name)?, allows_private)?);
        let optional = |name| match document.some_text(name)? {
            Some(url) => Ok::<_, Fault>(Some(address::endpoint(url, allows_private)?)),
            None => Ok(None),
        };
        Ok(Self {
            authorization: required("authorization_endpoint")?,
            token: required("token_endpoint")?,
            keys: Some(required("jwks_uri")?),
            user_info: optional("userinfo_endpoint")?,
            always_sends_issuer: document.flag("authorization_response_iss_parameter_supported")?,
        })
    }

    pub(super) fn keys(&self) -> Result<&Url, FederationError> {
        required(self.keys.as_ref(), Endpoint::Keys)
    }

    pub(super) fn user_info(&self) -> Result<&Url, FederationError> {
        required(self.user_info.as_ref(), Endpoint::UserInfo)
    }
}

fn required(url: Option<&Url>, endpoint: Endpoint) -> Result<&Url, FederationError> {
    let missing = Misconfiguration::NoEndpoint(endpoint);
    url.ok_or(FederationError::Configuration(missing))
}
