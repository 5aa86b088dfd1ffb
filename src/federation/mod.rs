//! Sign-in with other providers: a client of OpenID Connect and OAuth 2.
//!
//! An application configures its providers in a [`Federation`] and passes it to
//! [`AuthServiceBuilder::federation`](crate::service::AuthServiceBuilder::federation); the service
//! does the rest. The other items of this module are the mechanism, for other uses: a
//! [`RelyingParty`] sends the browser to a [`Provider`] and makes an [`ExternalIdentity`] of its
//! answer, over an [`HttpClient`] (the application's, or `Client` of the feature `http-client`). It
//! keeps neither accounts nor sign-ins: it derives what it needs in between from the
//! [`FlowState`] under a [`FlowKey`].
//!
//! Every provider is used by the authorization code flow (RFC 6749 §4.1) with PKCE by `S256`
//! (RFC 7636) and with `iss` in the answer (RFC 9207); OpenID providers also with a nonce and
//! every check of OpenID Connect Core 1.0 §3.1.3.7 on the ID token. The module follows the
//! security considerations of RFC 9700 and RFC 8725.
//!
//! # Examples
//!
//! ```
//! # #[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
//! # fn main() -> Result<(), admittance::ConfigError> {
//! use admittance::federation::{ClientAuthentication, EmailTrust, Provider};
//!
//! let school = Provider::oidc("school", "https://login.school.example", "exam-simulator")
//!     .name("School")
//!     .authentication(ClientAuthentication::Basic("the client secret".into()))
//!     .redirect_uri("https://exam.example/login/callback")
//!     .email_trust(EmailTrust::Domains(vec!["school.example".to_owned()]))
//!     .build()?;
//! assert_eq!(school.id().as_str(), "school");
//! # Ok(())
//! # }
//! # #[cfg(not(any(feature = "aws-lc-rs", feature = "rust-crypto")))]
//! # fn main() {}
//! ```

mod address;
mod algorithm;
mod authentication;
mod authorization;
mod builder;
mod cache;
mod callback;
#[cfg(any(feature = "http-client", feature = "http-client-aws-lc-rs"))]
mod client;
mod email_rule;
mod error;
mod fetch;
mod flow;
mod http_client;
mod id_token;
mod identity;
mod issuer;
mod keys;
mod members;
mod metadata;
mod presets;
mod prompt;
mod provider;
mod providers;
mod relying_party;
mod secret;
mod tokens;
mod user_info;

pub use address::{AddressFault, is_public_address};
pub use algorithm::SigningAlgorithm;
pub use authentication::ClientAuthentication;
pub use authorization::{AuthorizationOptions, AuthorizationRequest};
pub use builder::ProviderBuilder;
pub use callback::Callback;
#[cfg(any(feature = "http-client", feature = "http-client-aws-lc-rs"))]
pub use client::Client;
pub use error::{
    CallbackFault, Denial, Endpoint, Fault, FederationError, Misconfiguration, Outage,
};
pub use flow::FlowKey;
#[cfg(feature = "test-util")]
pub use http_client::MockHttpClient;
pub use http_client::{HttpClient, HttpMethod, HttpRequest, HttpResponse, MAX_ANSWER_BYTES};
pub use identity::{EmailTrust, ExternalIdentity, UserInfoMapping};
pub use presets::OAuth2Endpoints;
pub use prompt::Prompt;
pub use provider::{Provider, UserInfoUse};
pub use providers::Federation;
pub(crate) use relying_party::Person;
pub use relying_party::{Environment, RelyingParty};
pub use secret::{AuthorizationCode, ClientSecret, FlowState};

#[cfg(feature = "aws-lc-rs")]
#[cfg(test)]
mod tests;
