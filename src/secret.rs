//! Secrets: redacted in `Debug`, wiped on drop, compared in constant time.

use std::fmt;

use base64ct::{Base64, Encoding};
use serde::{Serialize, Serializer};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

macro_rules! secret_text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// `Debug` is redacted, the memory is wiped on drop, and there is
        /// deliberately no `PartialEq`.
        #[derive(Clone)]
        pub struct $name(secrecy::SecretString);

        impl $name {
            /// Wraps `text`.
            #[must_use]
            pub fn new(text: impl Into<String>) -> Self {
                Self(secrecy::SecretString::from(text.into()))
            }

            /// The secret itself. Take care where it goes.
            #[must_use]
            pub fn expose_secret(&self) -> &str {
                secrecy::ExposeSecret::expose_secret(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self::new(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Self, D::Error> {
                <String as serde::Deserialize>::deserialize(deserializer).map(Self::new)
            }
        }
    };
}

#[cfg(feature = "federation")]
pub(crate) use secret_text;

secret_text! {
    /// A password as it was typed: not yet checked against any policy.
    Password
}
secret_text! {
    /// A signed JWT that authenticates requests until it expires.
    AccessToken
}
secret_text! {
    /// What a client exchanges for a new [`AccessToken`], once.
    RefreshToken
}

secret_text! {
    /// What a mailed link carries. It works once.
    MailToken
}

secret_text! {
    /// Continues a sign-in that requires a second factor; valid for one use.
    Ticket
}

secret_text! {
    /// What a browser keeps while a person is at a provider.
    FlowHandle
}

secret_text! {
    /// A code that proves a second factor.
    Code
}

impl Default for Ticket {
    /// The empty ticket, which is never valid.
    fn default() -> Self {
        Self::new("")
    }
}

impl Default for FlowHandle {
    /// The empty handle, which is never valid.
    fn default() -> Self {
        Self::new("")
    }
}

impl Default for Code {
    /// The empty code, which is never valid.
    fn default() -> Self {
        Self::new("")
    }
}

impl Default for Password {
    /// The empty password, which every policy refuses.
    fn default() -> Self {
        Self::new("")
    }
}

impl Default for RefreshToken {
    /// The empty token, which is never valid.
    fn default() -> Self {
        Self::new("")
    }
}

impl Default for MailToken {
    /// The empty token, which is never valid.
    fn default() -> Self {
        Self::new("")
    }
}

/// Tokens leave the service in answers, so they serialise; passwords do not.
macro_rules! goes_out {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.expose_secret())
            }
        }
    )*};
}
goes_out!(AccessToken, RefreshToken, Ticket, FlowHandle);

/// The text is not base64. It is not repeated here.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("not base64; `openssl rand -base64 32` makes a secret")]
pub struct ParseSecretError(());

/// Secret bytes, such as a key or a pepper.
#[derive(Clone)]
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Wraps `bytes`.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// Decodes base64 (RFC 4648 §4, with padding), as `openssl rand -base64 32`
    /// prints it.
    ///
    /// # Errors
    ///
    /// [`ParseSecretError`] when it is something else.
    pub fn from_base64(text: &str) -> Result<Self, ParseSecretError> {
        Base64::decode_vec(text.trim())
            .map(Self::new)
            .map_err(|_| ParseSecretError(()))
    }

    /// The secret itself. Take care where it goes.
    #[must_use]
    pub fn expose_secret(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBytes([redacted])")
    }
}

/// Whether `a` and `b` are equal, in a time that depends on their lengths only
/// (ASVS 11.2.4).
#[must_use]
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    bool::from(a.ct_eq(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_from_base64() {
        let secret = SecretBytes::from_base64("c2VjcmV0IQ==\n").unwrap();
        assert_eq!(secret.expose_secret(), b"secret!");
        for text in ["c2VjcmV0IQ", "c2Vj cmV0", "?", "c2VjcmV0IR=="] {
            assert!(SecretBytes::from_base64(text).is_err(), "{text}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!(
            "{:?} {:?} {:?}",
            Password::new("canary"),
            AccessToken::new("canary"),
            SecretBytes::new(b"canary".to_vec())
        );
        assert!(!shown.contains("canary"), "{shown}");
    }
}
