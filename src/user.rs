//! The user record, and the view of it that its owner sees.

mod acts;
mod change;
mod pending_hook;

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;
use unicode_normalization::UnicodeNormalization;

pub use acts::CounterExhausted;
pub use change::{
    EmailChange, EpochChange, HookChange, IdentityLink, ProfileChange, Removal, RoleChange,
    UserChange,
};
pub use pending_hook::{HookKind, PendingHook};

use crate::authz::Role;
use crate::email::{CanonicalEmail, Email, is_invisible};
use crate::id::UserId;
use crate::identity::Identities;
use crate::named::named;
use crate::preferences::{Metadata, Preferences};
use crate::proof::Method;
use crate::secret::constant_time_eq;
use crate::time::Timestamp;

/// A user, as it is kept in the store.
///
/// It is not `Serialize`: what leaves the service is a [`Profile`](crate::profile::Profile).
#[derive(Clone, Debug)]
pub struct User {
    /// Never changes.
    pub id: UserId,
    /// The address as given, and the canonical key that is unique.
    pub email: Email,
    /// What the user wants to be called.
    pub name: DisplayName,
    /// The password's hash; `None` for an account without a password, which a reset by
    /// mail can set.
    pub password_hash: Option<PasswordHash>,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When its owner last logged in, by a password or another proof.
    pub last_login: Option<Timestamp>,
    /// Whether the owner of the mailbox has shown that this account is theirs.
    pub is_verified: bool,
    /// What the user is; permissions follow from the configuration.
    pub roles: BTreeSet<Role>,
    /// The application's own settings for this user.
    pub preferences: Preferences,
    /// What the application keeps of the user, and the user cannot write.
    pub metadata: Metadata,
    /// The call of the application's hooks that is due, if any.
    pub pending_hook: Option<PendingHook>,
    /// Whether the account is active.
    pub status: UserStatus,
    /// Goes up by one when every session and token made before must end.
    /// Setting a new password and raising it are one write.
    pub auth_epoch: u64,
    /// Goes up by one when every link mailed before must end: with a reset of
    /// the password, a change of the address, a disabling. Not with a change of
    /// the password: someone who knows the password must not keep the owner of the
    /// mailbox from a reset.
    pub link_epoch: u64,
    /// Goes up by one with every acknowledged change of status, roles, profile,
    /// address, verification, password or which identities are linked, also when there was
    /// nothing to change. A write that carries an earlier version does nothing, so a write
    /// that is delivered late never undoes a later one. Logins and rehashes
    /// leave it as it is.
    pub version: u64,
    /// What the account was used with lately, the newest last; at most
    /// [`MAX_DEVICES`].
    pub devices: Vec<DeviceDigest>,
    /// The accounts at other providers that the user signs in with. No two users have one of
    /// the same [key](crate::identity::Identity::key).
    pub identities: Identities,
}

impl User {
    /// The ways in that the account has: what its owner can prove.
    #[must_use]
    pub fn methods(&self) -> Vec<Method> {
        let password = self.password_hash.iter().map(|_| Method::Password);
        let identities = self.identities.iter().map(|_| Method::Federation);
        password.chain(identities.take(1)).collect()
    }

    /// Whether the account is active and has `role`.
    #[must_use]
    pub fn is_active_with(&self, role: &Role) -> bool {
        self.status == UserStatus::Active && self.roles.contains(role)
    }

    /// The account as it is now.
    #[must_use]
    pub fn state(&self) -> AccountState {
        AccountState {
            id: self.id,
            email: self.email.canonical().clone(),
            auth_epoch: Some(self.auth_epoch),
            link_epoch: self.link_epoch,
            version: None,
        }
    }

    /// The account as it is now, in this very [`version`](Self::version): for a
    /// write that must do nothing once anything about the account has changed.
    #[must_use]
    pub fn exact_state(&self) -> AccountState {
        AccountState {
            version: Some(self.version),
            ..self.state()
        }
    }

    /// The account as it is now, whatever its sessions and its password become:
    /// for what rests on the mailbox alone.
    #[must_use]
    pub fn mailbox_state(&self) -> AccountState {
        AccountState {
            auth_epoch: None,
            ..self.state()
        }
    }
}

/// An account at one moment. An act that rests on something of that moment,
/// such as a link that was mailed or a password that was checked, has it as
/// its condition: it does nothing once the address is another, an epoch was
/// raised, or the account is disabled or gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountState {
    /// Which account.
    pub id: UserId,
    /// Its address then.
    pub email: CanonicalEmail,
    /// Its `auth_epoch` then; `None` when that does not matter.
    pub auth_epoch: Option<u64>,
    /// Its `link_epoch` then.
    pub link_epoch: u64,
    /// Its `version` then; `None` when that does not matter, as for a link,
    /// which an edit of the profile must not end.
    pub version: Option<u64>,
}

impl AccountState {
    /// Whether `user` is still in this state, and may be used.
    #[must_use]
    pub fn is_of(&self, user: &User) -> bool {
        user.status == UserStatus::Active && self.is_of_any_status(user)
    }

    /// Whether `user` is still in this state, active or disabled.
    fn is_of_any_status(&self, user: &User) -> bool {
        user.id == self.id
            && user.email.canonical() == &self.email
            && self.auth_epoch.is_none_or(|epoch| epoch == user.auth_epoch)
            && user.link_epoch == self.link_epoch
            && self.version.is_none_or(|version| version == user.version)
    }
}

/// How many devices are remembered for each user.
pub const MAX_DEVICES: usize = 20;

/// What a user's device is recognised by: a digest, different for each user,
/// of what the client says it is and of the wider network it comes from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct DeviceDigest([u8; 16]);

impl DeviceDigest {
    /// A digest that a store read back, or that was just made.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The digest as the store keeps it.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

named! {
    /// Whether an account may be used.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    #[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
    #[cfg_attr(feature = "openapi", schemars(rename_all = "snake_case"))]
    pub enum UserStatus {
        /// It may.
        Active => "active",
        /// It may not: no login, no session, no token is accepted.
        Disabled => "disabled",
    }
}

/// The hash of a password, in PHC string format
/// (`$argon2id$v=19$m=…,t=…,p=…$salt$hash`) or that of another scheme.
///
/// Redacted in `Debug`; compared by [`PasswordHash::is`] in constant time.
#[derive(Clone)]
pub struct PasswordHash(String);

/// The longest hash that every store keeps, in bytes.
///
/// This crate's own are below 200.
pub const MAX_PASSWORD_HASH_BYTES: usize = 1024;

/// The text is empty, longer than [`MAX_PASSWORD_HASH_BYTES`], or has a control character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a password hash is 1 to 1024 bytes without control characters")]
pub struct InvalidPasswordHash;

impl PasswordHash {
    /// Wraps a hash that a store read back or that was just made. It is not checked.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Checks a hash that another system has made, for a user who is imported.
    ///
    /// Checks only that every store can keep it: a NUL, for example, is refused. Whether it
    /// can be verified is up to the [`ForeignScheme`](crate::password::ForeignScheme).
    ///
    /// # Errors
    ///
    /// [`InvalidPasswordHash`].
    pub fn import(text: impl Into<String>) -> Result<Self, InvalidPasswordHash> {
        let text = text.into();
        let is_storable =
            (1..=MAX_PASSWORD_HASH_BYTES).contains(&text.len()) && !text.contains(char::is_control);
        is_storable.then_some(Self(text)).ok_or(InvalidPasswordHash)
    }

    /// The text as the store keeps it.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        &self.0
    }

    /// Whether `other` is the same text.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        constant_time_eq(self.0.as_bytes(), other.0.as_bytes())
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash([redacted])")
    }
}

/// A name that was accepted: trimmed, NFC, 1 to 100 characters, and free of
/// control, line-separator and bidi-override characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DisplayName(String);

/// Longest name, in characters (code points).
pub const MAX_NAME_CHARS: usize = 100;

/// Why a text is not accepted as a name.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing that can be seen.
    #[error("is empty")]
    Empty,
    /// More than [`MAX_NAME_CHARS`].
    #[error("is longer than 100 characters")]
    TooLong,
    /// Control characters, line separators or bidi overrides.
    #[error("has characters that cannot be shown safely")]
    Unsafe,
}

impl DisplayName {
    /// Parses a name: trims and normalises it.
    ///
    /// # Errors
    ///
    /// [`NameError`] says what is wrong with it.
    pub fn parse(input: &str) -> Result<Self, NameError> {
        let trimmed = input.trim();
        // NFC never makes a text shorter than a third of its characters, so
        // this bounds the work before normalising.
        if trimmed.chars().nth(MAX_NAME_CHARS * 3).is_some() {
            return Err(NameError::TooLong);
        }
        let name: String = trimmed.nfc().collect();
        if name
            .chars()
            .all(|letter| letter.is_whitespace() || is_invisible(letter))
        {
            return Err(NameError::Empty);
        }
        if name.chars().any(is_unsafe) {
            return Err(NameError::Unsafe);
        }
        if name.chars().nth(MAX_NAME_CHARS).is_some() {
            return Err(NameError::TooLong);
        }
        Ok(Self(name))
    }

    /// The name that is left of `input` without characters that cannot be shown safely, cut to
    /// [`MAX_NAME_CHARS`]; `None` if that is none.
    #[cfg(feature = "federation")]
    pub(crate) fn cleaned(input: &str) -> Option<Self> {
        let safe = input.trim().chars().filter(|letter| !is_unsafe(*letter));
        let name: String = safe
            .take(MAX_NAME_CHARS * 3)
            .nfc()
            .take(MAX_NAME_CHARS)
            .collect();
        Self::parse(&name).ok()
    }

    /// What an account is called whose name is not known: by its mailbox.
    pub(crate) fn of_mailbox(email: &CanonicalEmail) -> Self {
        let local = email.as_str().rsplit_once('@').map(|(local, _)| local);
        let name = local.and_then(|local| Self::parse(local).ok());
        name.unwrap_or_else(|| Self("-".to_owned()))
    }

    /// A name that a store read back. It is not checked again.
    #[must_use]
    pub fn from_store(text: String) -> Self {
        Self(text)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a log or a mail header could be broken or turned around by it.
pub(crate) fn is_unsafe(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_trimmed_and_normalised() {
        assert_eq!(
            DisplayName::parse("  Zoe\u{308}  ").unwrap().as_str(),
            "Zo\u{eb}"
        );
        assert!(DisplayName::parse(&"\u{1f98a}".repeat(100)).is_ok());
        // Decomposed letters count as the one character they make.
        assert!(DisplayName::parse(&"e\u{301}".repeat(100)).is_ok());
    }

    #[test]
    fn asvs_1_3_11_each_character_that_breaks_or_turns_a_line_is_refused() {
        let all = ('\0'..='\u{1f}').chain('\u{7f}'..='\u{9f}');
        let all = all.chain(['\u{2028}', '\u{2029}']);
        let all = all.chain('\u{202a}'..='\u{202e}');
        for letter in all.chain('\u{2066}'..='\u{2069}') {
            let name = format!("a{letter}b");
            assert_eq!(
                DisplayName::parse(&name),
                Err(NameError::Unsafe),
                "{letter:?}"
            );
        }
    }

    #[test]
    fn an_imported_hash_is_one_that_every_store_keeps() {
        let longest = "x".repeat(MAX_PASSWORD_HASH_BYTES);
        for text in ["$2b$12$abc", "{SSHA}\u{e9}", &longest] {
            let hash = PasswordHash::import(text).unwrap();
            assert_eq!(hash.expose_secret(), text);
        }
        for text in ["", "$2b$\0", "a\nb", &(longest + "x")] {
            assert!(PasswordHash::import(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn asvs_1_3_11_line_breaks_and_overrides_are_refused() {
        for name in [
            "a\r\nBcc: b@c.org",
            "a\0",
            "a\u{1b}[31m",
            "a\u{202e}b",
            "a\u{2066}b",
            "a\u{2028}b",
            "a\u{85}b",
        ] {
            assert_eq!(DisplayName::parse(name), Err(NameError::Unsafe), "{name:?}");
        }
        for name in [
            " \u{a0} ",
            "\u{200b}",
            "\u{3164}",
            "\u{ad}",
            "\u{2060}\u{feff}",
            "\u{200f}",
            "\u{e0041}",
        ] {
            assert_eq!(DisplayName::parse(name), Err(NameError::Empty), "{name:?}");
        }
        assert!(DisplayName::parse("\u{645}\u{6cc}\u{200c}\u{62e}").is_ok());
        assert_eq!(
            DisplayName::parse(&"a".repeat(101)),
            Err(NameError::TooLong)
        );
        assert_eq!(
            DisplayName::parse(&"a".repeat(100_000)),
            Err(NameError::TooLong)
        );
    }
}
