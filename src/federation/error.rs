//! Why a sign-in with a provider fails.

use std::fmt;

use super::address::AddressFault;
use crate::error::ConfigError;
use crate::json::document;
use crate::random::RandomError;

/// Why a sign-in with a provider fails.
///
/// The texts are for operators. They hold no secret and no personal data, and repeat
/// nothing that a provider or a browser sent, except for status codes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FederationError {
    /// The provider answers that the person may not, or does not want to, sign in.
    #[error("the provider denied the sign-in: {0}")]
    Denied(Denial),
    /// The parameters that came back through the browser are refused. The person can start
    /// again.
    #[error("the answer that came through the browser is refused: {0}")]
    Callback(CallbackFault),
    /// The provider cannot be reached, or says that it cannot answer now.
    #[error("{endpoint} is unavailable: {outage}")]
    Unavailable {
        /// Where the request was sent.
        endpoint: Endpoint,
        /// What happened.
        outage: Outage,
    },
    /// The provider gave an answer that is not accepted.
    #[error("the answer of {endpoint} is refused: {fault}")]
    Refused {
        /// Where the answer came from.
        endpoint: Endpoint,
        /// What is wrong with it.
        fault: Fault,
    },
    /// The provider does not accept what this application is configured with, or cannot do
    /// what is requested.
    #[error("the provider's configuration does not allow this: {0}")]
    Configuration(Misconfiguration),
    /// The source of randomness failed.
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl FederationError {
    pub(super) fn refused(endpoint: Endpoint, fault: Fault) -> Self {
        Self::Refused { endpoint, fault }
    }

    pub(super) fn unavailable(endpoint: Endpoint, outage: Outage) -> Self {
        Self::Unavailable { endpoint, outage }
    }
}

/// An endpoint of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// Where the browser is sent (RFC 6749 §3.1).
    Authorization,
    /// The provider's metadata (OpenID Connect Discovery 1.0 §4).
    Discovery,
    /// The provider's keys (RFC 7517 §5).
    Keys,
    /// Where the code is exchanged (RFC 6749 §3.2). ID tokens come from here.
    Token,
    /// Claims about the person (OpenID Connect Core 1.0 §5.3).
    UserInfo,
    /// The person's addresses, which GitHub answers separately.
    Emails,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Authorization => "the authorization endpoint",
            Self::Discovery => "the discovery document",
            Self::Keys => "the key set",
            Self::Token => "the token endpoint",
            Self::UserInfo => "the user-info endpoint",
            Self::Emails => "the list of email addresses",
        })
    }
}

/// What a provider answers instead of a code (RFC 6749 §4.1.2.1, OpenID Connect Core 1.0
/// §3.1.2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Denial {
    /// The person or the provider declined: `access_denied`.
    #[error("access was denied")]
    AccessDenied,
    /// The person must do something at the provider first: `login_required`,
    /// `interaction_required`, `consent_required`, `account_selection_required`.
    #[error("the person must act at the provider first")]
    InteractionRequired,
    /// An error code that is none of the above.
    #[error("for a reason of the provider's own")]
    Other,
}

/// What is wrong with the parameters that came back through the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallbackFault {
    /// They are not a form, or too long.
    #[error("it is malformed or too long")]
    Malformed,
    /// A parameter is sent twice (RFC 6749 §3.1).
    #[error("a parameter is repeated")]
    Repeated,
    /// There is no `state`, or it is not one of [`FlowState`](super::FlowState)'s form.
    #[error("the state is missing or malformed")]
    State,
    /// There is neither a `code` nor an `error`, or there are both.
    #[error("the code is missing")]
    NoCode,
    /// `iss` names another provider (RFC 9207 §2.4).
    #[error("the issuer is another one")]
    Issuer,
    /// The provider always sends `iss`, and it is missing (RFC 9207 §2.4).
    #[error("the issuer is missing")]
    NoIssuer,
    /// The token endpoint does not accept the code (RFC 6749 §5.2, `invalid_grant`): it is
    /// expired, was used before, or belongs to another flow.
    #[error("the code is not valid, or no longer")]
    Code,
}

/// Why a provider gives no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Outage {
    /// The [`HttpClient`](super::HttpClient) failed. The text is the client's own, on one
    /// line and at most 200 characters long.
    #[error("the request failed: {0}")]
    Failed(String),
    /// There is no answer in time.
    #[error("it did not answer in time")]
    TimedOut,
    /// The HTTP client panicked.
    #[error("the HTTP client panicked")]
    Panicked,
    /// The status says that it cannot answer now: 429, or 500 and above.
    #[error("it answered with status {0}")]
    Status(u16),
    /// The answer through the browser is `temporarily_unavailable` or `server_error`.
    #[error("it reported an error of its own")]
    Reported,
}

/// What the provider does not accept, or cannot do, as it is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misconfiguration {
    /// The provider refuses the client id or its authentication: `invalid_client`,
    /// `unauthorized_client`.
    #[error("the provider does not accept the client id or its authentication")]
    Client,
    /// The provider refuses the request: `invalid_request`, `invalid_scope`,
    /// `unsupported_response_type`, `unsupported_grant_type`.
    #[error("the provider does not accept the request's parameters")]
    Request,
    /// The discovery document names no such endpoint.
    #[error("the provider has no such endpoint: {0}")]
    NoEndpoint(Endpoint),
    /// The redirect URI is not one of those configured.
    #[error("the redirect URI is not configured")]
    RedirectUri,
    /// The provider does not state when a person authenticated, so `max_age` cannot be
    /// checked.
    #[error("the provider does not state when a person authenticated")]
    MaxAge,
    /// A signature with the client's own key failed.
    #[error("the client's key does not sign")]
    Signature,
}

/// What is wrong with an answer of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The endpoint's URL is not one that requests may go to.
    #[error("its address {0}")]
    Address(#[from] AddressFault),
    /// A redirect, which is never followed.
    #[error("it is a redirect")]
    Redirect,
    /// A status that the protocol does not have here.
    #[error("it has the status {0}")]
    Status(u16),
    /// It is longer than the limit.
    #[error("it is too long")]
    TooLong,
    /// It is not JSON by its content type.
    #[error("its content type is not JSON")]
    ContentType,
    /// It is not JSON, or not a JSON object.
    #[error("it is not a JSON object")]
    Json,
    /// A JSON object has the same member twice.
    #[error("it has a member twice")]
    DuplicateMember,
    /// A member is missing, or of the wrong type.
    #[error("its member `{0}` is missing or of the wrong type")]
    Member(&'static str),
    /// An error code that the protocol does not have here.
    #[error("it is an error that the protocol does not have")]
    ErrorCode,
    /// The issuer is not the configured one.
    #[error("the issuer is another one")]
    Issuer,
    /// The key set has more keys than are read.
    #[error("it has too many keys")]
    TooManyKeys,
    /// The access token is not a bearer token.
    #[error("the access token is not a bearer token")]
    TokenType,
    /// There is no ID token.
    #[error("there is no ID token")]
    NoIdToken,
    /// The ID token is not a signed JWT in the compact form.
    #[error("the ID token is not a signed JWT")]
    Token,
    /// The header has an algorithm that is not accepted for this provider: never `none`,
    /// never one under a shared secret.
    #[error("the signature algorithm of the ID token is not accepted")]
    Algorithm,
    /// The header has a `crit` member, and no extension is known (RFC 7515 §4.1.11).
    #[error("the ID token requires an extension")]
    CriticalHeader,
    /// No key of the provider has the `kid` of the header, or is for its algorithm.
    #[error("the key of the ID token is unknown")]
    UnknownKey,
    /// More than one key of the provider fits the header.
    #[error("the key of the ID token is ambiguous")]
    AmbiguousKey,
    /// The key belongs to another issuer.
    #[error("the key of the ID token belongs to another issuer")]
    KeyIssuer,
    /// The signature is wrong.
    #[error("the signature of the ID token is wrong")]
    Signature,
    /// The tenant is not one of those allowed.
    #[error("the tenant is not allowed")]
    Tenant,
    /// The client is not the audience, or there is another audience that is not trusted.
    #[error("the audience is another one")]
    Audience,
    /// The token was issued to another client.
    #[error("the authorized party is another client")]
    AuthorizedParty,
    /// The token has expired.
    #[error("the ID token has expired")]
    Expired,
    /// The token was issued in the future.
    #[error("the ID token was issued in the future")]
    IssuedInFuture,
    /// The token belongs to another flow.
    #[error("the nonce is another one")]
    Nonce,
    /// The person authenticated too long ago, or the provider does not state when.
    #[error("the person did not authenticate recently enough")]
    AuthTime,
    /// `at_hash` is not that of the access token.
    #[error("the access token does not belong to the ID token")]
    AccessTokenHash,
    /// The subject is not 1 to 255 printable ASCII characters.
    #[error("the subject is not 1 to 255 ASCII characters")]
    Subject,
    /// The answer is about another person than the ID token.
    #[error("it is about another person than the ID token")]
    OtherSubject,
    /// The account does not belong to the configured Google Workspace domain.
    #[error("the account belongs to another domain")]
    HostedDomain,
}

impl From<document::Fault> for Fault {
    fn from(fault: document::Fault) -> Self {
        match fault {
            document::Fault::Duplicate(_) => Self::DuplicateMember,
            _ => Self::Json,
        }
    }
}

/// A setting of a provider that is refused when it is built.
pub(super) fn invalid(setting: &'static str, problem: impl Into<String>) -> ConfigError {
    ConfigError::Invalid {
        setting,
        problem: problem.into(),
    }
}
