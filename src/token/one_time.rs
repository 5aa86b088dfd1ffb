//! One-time tokens: what a link in a mail carries, and what the store keeps of it.

use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use sha2::{Digest, Sha256};

use super::federation::PendingFederation;
use crate::email::Email;
use crate::extra::Extra;
use crate::id::UserId;
use crate::named::named;
use crate::proof::Proofs;
use crate::random::{self, RandomError, SecureRandom};
use crate::secret::MailToken;
use crate::session::SessionLength;
use crate::time::Timestamp;
use crate::user::{AccountState, DisplayName, PasswordHash};

named! {
    /// What a one-time token may be used for. A token of one purpose never works
    /// for another.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
    #[cfg_attr(feature = "openapi", schemars(rename_all = "snake_case"))]
    #[non_exhaustive]
    pub enum TokenPurpose {
        /// Decides about an account with an address that nobody has confirmed:
        /// together with a proof that the account is one's own it confirms the
        /// address, alone it removes the account.
        VerifyEmail => "verify_email",
        /// The same for an account that is not made before the address is
        /// confirmed.
        CompleteRegistration => "complete_registration",
        /// Sets a new password without the old one.
        ResetPassword => "reset_password",
        /// Shows that a new mailbox belongs to the owner of an account.
        ChangeEmail => "change_email",
        /// Continues a sign-in that requires a second factor.
        SignIn => "sign_in",
        /// Completes a sign-in with a provider.
        Federation => "federation",
        /// Links the identity that a provider stated to the account that has its address.
        LinkIdentity => "link_identity",
    }
}

impl TokenPurpose {
    /// What the text of a token of this purpose begins with.
    pub(crate) const fn prefix(self) -> &'static str {
        match self {
            Self::VerifyEmail => "adv_",
            Self::CompleteRegistration => "adn_",
            Self::ResetPassword => "adp_",
            Self::ChangeEmail => "ade_",
            Self::SignIn => "ads_",
            Self::Federation => "adf_",
            Self::LinkIdentity => "adl_",
        }
    }

    /// Returns the text of a new token: the prefix of the purpose, and 256 random bits in
    /// base64url.
    pub(crate) fn new_token(self, random: &dyn SecureRandom) -> Result<String, RandomError> {
        let bits = zeroize::Zeroizing::new(random::bytes::<32>(random)?);
        Ok(self.prefix().to_owned() + &Base64UrlUnpadded::encode_string(&*bits))
    }
}

impl MailToken {
    /// The purpose that its prefix tells, or `None` if it is not a token.
    pub(crate) fn purpose(&self) -> Option<TokenPurpose> {
        TokenPurpose::ALL
            .into_iter()
            .find(|purpose| self.expose_secret().starts_with(purpose.prefix()))
    }
}

/// SHA-256 of a one-time token and its purpose. With 256 random bits in the
/// token, an unsalted digest tells a reader of the database nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// The digest of `token`, all of it as it is written, for `purpose`.
    #[must_use]
    pub fn of(purpose: TokenPurpose, token: &str) -> Self {
        let digest = Sha256::new()
            .chain_update(purpose.as_str())
            .chain_update([0])
            .chain_update(token)
            .finalize();
        Self(digest.into())
    }

    /// The digest of a sign-in with `provider`: of its `state` and of `handle`, which the browser
    /// keeps. With another provider or in another browser, the row is not found.
    #[cfg(feature = "federation")]
    pub(crate) fn of_flow(provider: &str, state: &str, handle: &str) -> Self {
        let parts = format!("{provider}\0{state}\0{handle}");
        Self::of(TokenPurpose::Federation, &parts)
    }

    /// A digest that a store read back.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The digest as the store keeps it.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest([redacted])")
    }
}

/// A one-time token, as it is kept in the store.
#[derive(Clone, Debug)]
pub struct OneTimeToken {
    /// What the token is found by.
    pub digest: TokenDigest,
    /// What it may be used for.
    pub purpose: TokenPurpose,
    /// The account that it is about, as it was when the token was made. The
    /// token is dead once the account is otherwise.
    pub account: AccountState,
    /// The address that it was mailed to, and that it is valid for; if it is not mailed, the
    /// address of the account. Empty for a login with a provider, which is about no account yet.
    pub email: Email,
    /// The account to be made, where the purpose is
    /// [`TokenPurpose::CompleteRegistration`].
    pub registration: Option<PendingRegistration>,
    /// The sign-in to be continued, where the purpose is [`TokenPurpose::SignIn`].
    pub sign_in: Option<PendingSignIn>,
    /// What is kept of a sign-in with a provider.
    pub federation: Option<PendingFederation>,
    /// When it was created.
    pub created_at: Timestamp,
    /// The first instant at which it is no longer good.
    pub expires_at: Timestamp,
}

/// An account that is made when its address is confirmed.
#[derive(Clone, Debug)]
pub struct PendingRegistration {
    /// The id that the account will have.
    pub user_id: UserId,
    /// The name.
    pub name: DisplayName,
    /// The hash of the password that was typed at registration.
    pub password_hash: PasswordHash,
    /// The application's own fields of the registration.
    pub extra: Extra,
}

/// A sign-in whose proofs are not sufficient yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingSignIn {
    /// The proofs so far.
    pub proofs: Proofs,
    /// The lifetime that the session is to have.
    pub length: SessionLength,
}

impl OneTimeToken {
    /// Whether it is still good at `now`: it ends exactly at `expires_at`.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }

    /// Whether it is of `purpose` and live at `now`.
    #[must_use]
    pub fn is_for(&self, purpose: TokenPurpose, now: Timestamp) -> bool {
        self.purpose == purpose && self.is_live(now)
    }

    /// Returns `true` if the token belongs to `user`, was created no later than `made_until`,
    /// and is for `purpose`, if one is given.
    #[must_use]
    pub fn is_of(
        &self,
        user: UserId,
        purpose: Option<TokenPurpose>,
        made_until: Timestamp,
    ) -> bool {
        self.account.id == user
            && self.created_at <= made_until
            && purpose.is_none_or(|purpose| self.purpose == purpose)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SeededRandom;

    const ANN: UserId = UserId::from_bytes([1; 12]);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    /// A token to reset Ann's password, from second 100 to 200.
    fn reset() -> OneTimeToken {
        let email = Email::parse("ann@example.org").unwrap();
        OneTimeToken {
            digest: TokenDigest::from_bytes([7; 32]),
            purpose: TokenPurpose::ResetPassword,
            account: AccountState {
                id: ANN,
                email: email.canonical().clone(),
                auth_epoch: None,
                link_epoch: 0,
                version: None,
            },
            email,
            registration: None,
            sign_in: None,
            federation: None,
            created_at: at(100),
            expires_at: at(200),
        }
    }

    #[test]
    fn a_token_is_for_its_purpose_until_the_millisecond_before_its_end() {
        for (millis, is_live) in [(199_999, true), (200_000, false), (200_001, false)] {
            let now = Timestamp::from_millis(millis);
            assert_eq!(reset().is_live(now), is_live, "{millis}");
            for purpose in TokenPurpose::ALL {
                let expected = is_live && purpose == TokenPurpose::ResetPassword;
                assert_eq!(
                    reset().is_for(purpose, now),
                    expected,
                    "{purpose:?} {millis}"
                );
            }
        }
    }

    #[test]
    fn a_token_is_of_one_user_one_purpose_and_its_time() {
        let (reset_password, verify) = (TokenPurpose::ResetPassword, TokenPurpose::VerifyEmail);
        let bob = UserId::from_bytes([2; 12]);
        for (user, purpose, until, expected) in [
            (ANN, None, 100, true),
            (ANN, Some(reset_password), 100, true),
            (ANN, Some(reset_password), 300, true),
            (ANN, Some(verify), 100, false),
            (ANN, None, 99, false),
            (bob, None, 100, false),
            (bob, Some(reset_password), 99, false),
        ] {
            let found = reset().is_of(user, purpose, at(until));
            assert_eq!(found, expected, "{user:?} {purpose:?} {until}");
        }
    }

    #[test]
    fn ghsa_15_a_digest_is_of_one_purpose() {
        let token = TokenPurpose::VerifyEmail
            .new_token(&SeededRandom::new(1))
            .unwrap();
        for (index, one) in TokenPurpose::ALL.into_iter().enumerate() {
            for other in &TokenPurpose::ALL[index + 1..] {
                assert_ne!(
                    TokenDigest::of(one, &token),
                    TokenDigest::of(*other, &token)
                );
                assert_ne!(one.prefix(), other.prefix());
            }
        }
    }

    #[test]
    fn asvs_7_2_3_a_token_has_256_random_bits() {
        let random = SeededRandom::new(2);
        for purpose in TokenPurpose::ALL {
            let token = purpose.new_token(&random).unwrap();
            assert_eq!(MailToken::new(token.as_str()).purpose(), Some(purpose));
            let bits = token.strip_prefix(purpose.prefix()).unwrap();
            assert_eq!(Base64UrlUnpadded::decode_vec(bits).unwrap().len(), 32);
        }
        for text in ["", "ad", "adv", "ADV_", "xadv_"] {
            assert_eq!(MailToken::new(text).purpose(), None, "{text}");
        }
    }
}
