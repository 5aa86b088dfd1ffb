//! Secrets of a sign-in with a provider.

use crate::secret::secret_text;

secret_text! {
    /// What a client authenticates with at a provider's token endpoint (RFC 6749 §2.3.1).
    ClientSecret
}
secret_text! {
    /// The `state` of one sign-in (RFC 6749 §10.12): 256 random bits in base64url. Keep a
    /// digest of it, not the text: nonce and PKCE verifier follow from the text and the
    /// [`FlowKey`](super::FlowKey).
    FlowState
}
secret_text! {
    /// What a provider sends through the browser and exchanges once for tokens (RFC 6749
    /// §4.1.2).
    AuthorizationCode
}
