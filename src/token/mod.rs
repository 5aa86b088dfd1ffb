//! Tokens: signed access tokens, refresh tokens under a MAC, one-time tokens.

pub(crate) mod backend;
mod custom;
mod federation;
mod jwk;
mod jwt;
mod key;
mod keyring;
mod one_time;
mod refresh;

pub use custom::{CustomClaims, InvalidClaims, MAX_CUSTOM_CLAIMS_BYTES};
pub use federation::{
    FederatedRegistration, FederationFlow, FlowIntent, PendingFederation, PendingIdentity,
    TicketDigest,
};
pub use jwk::{Jwk, Jwks};
pub use jwt::{Claims, MAX_ACCESS_TOKEN_BYTES, TokenKind, Verifier};
pub use key::{SigningKey, VerifyingKey};
pub use keyring::{Keyring, KeyringBuilder};
pub use one_time::{OneTimeToken, PendingRegistration, PendingSignIn, TokenDigest, TokenPurpose};
pub use refresh::RefreshClaims;
