//! [`Prompt`]: what a provider is asked to show.

use crate::named::named;

named! {
    /// What a provider does before it answers (OpenID Connect Core 1.0 §3.1.2.1).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum Prompt {
        /// Nothing: it answers `login_required` or the like if it would have to.
        None => "none",
        /// It authenticates the person again.
        Login => "login",
        /// It asks for consent again.
        Consent => "consent",
        /// It lets the person choose an account.
        SelectAccount => "select_account",
    }
}
