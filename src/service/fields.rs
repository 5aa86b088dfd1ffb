//! The fields of requests, each parsed into its type or into a violation.

use serde::Deserialize;

use crate::email::{Email, EmailError};
use crate::error::{Field, ViolationCode, Violations};
use crate::password::{NormalizedPassword, PasswordTooLong};
use crate::secret::Password;
use crate::user::{DisplayName, NameError};

/// A field that may be absent, or `null`, which means the same.
pub(super) fn optional<'de, T: Deserialize<'de> + Default, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// The field error of a [`PasswordTooLong`].
pub(super) const TOO_LONG: &str = "This password is too long: at most 128 characters are allowed.";

/// A password that is to be checked against a stored hash. One that no policy
/// could have accepted is refused here, before any hashing; that says nothing
/// about any account.
pub(super) fn typed_password(
    typed: &Password,
    field: Field,
    violations: &mut Violations,
) -> Option<NormalizedPassword> {
    if typed.expose_secret().is_empty() {
        violations.push(field, ViolationCode::Required, "Enter your password.");
        return None;
    }
    NormalizedPassword::new(typed)
        .map_err(|PasswordTooLong| violations.push(field, ViolationCode::TooLong, TOO_LONG))
        .ok()
}

/// The address of an account that is looked up.
pub(super) fn parse_email(input: &str, field: Field, violations: &mut Violations) -> Option<Email> {
    accepted(Email::parse(input), field, violations)
}

/// The address that an account is to have.
pub(super) fn parse_new_email(
    input: &str,
    field: Field,
    violations: &mut Violations,
) -> Option<Email> {
    accepted(Email::parse_new(input), field, violations)
}

fn accepted(
    parsed: Result<Email, EmailError>,
    field: Field,
    violations: &mut Violations,
) -> Option<Email> {
    parsed
        .map_err(|error| {
            let (code, message) = match error {
                EmailError::Empty => (ViolationCode::Required, "Enter your email address."),
                EmailError::TooLong => (
                    ViolationCode::TooLong,
                    "This email address is too long: at most 254 bytes are allowed.",
                ),
                EmailError::Malformed => (
                    ViolationCode::InvalidFormat,
                    "This is not an email address of the form name@example.org.",
                ),
                EmailError::InvalidDomain => (
                    ViolationCode::InvalidFormat,
                    "The part after the @ is not a valid domain.",
                ),
                EmailError::Ambiguous => (
                    ViolationCode::InvalidCharacters,
                    "Mail systems can read the part before the @ in more than one way. Use another address.",
                ),
            };
            violations.push(field, code, message);
        })
        .ok()
}

pub(super) fn parse_name(input: &str, violations: &mut Violations) -> Option<DisplayName> {
    DisplayName::parse(input)
        .map_err(|error| {
            let (code, message) = match error {
                NameError::Empty => (ViolationCode::Required, "Enter your name."),
                NameError::TooLong => (
                    ViolationCode::TooLong,
                    "This name is too long: at most 100 characters are allowed.",
                ),
                NameError::Unsafe => (
                    ViolationCode::InvalidCharacters,
                    "This name has characters that cannot be shown. Leave out line breaks and control characters.",
                ),
            };
            violations.push(Field::Name, code, message);
        })
        .ok()
}
