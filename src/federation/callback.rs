//! What a provider sends back through the browser.

use std::fmt;

use serde_json::Value;
use url::form_urlencoded;

use super::error::Endpoint;
use super::error::{CallbackFault, Denial, FederationError, Misconfiguration, Outage};
use super::members::{Members, description};
use super::secret::{AuthorizationCode, FlowState};
use crate::json::document;

/// Longest form or query that is read, in bytes. Apple's has an ID token in it if one is
/// requested, which is not done here.
const MAX_CALLBACK_BYTES: usize = 16 << 10;
/// Longest code, in bytes. Microsoft's have about 1,500.
const MAX_CODE_BYTES: usize = 4096;

/// The parameters of an authorization response (RFC 6749 §4.1.2, RFC 9207 §2).
///
/// They come through the browser, so nothing in them is believed; `user` in particular is
/// whatever the person wants it to be. `Debug` is redacted.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Callback {
    /// The state of the sign-in.
    pub state: Option<FlowState>,
    /// What is exchanged for tokens.
    pub code: Option<AuthorizationCode>,
    /// Who answers (RFC 9207).
    pub iss: Option<String>,
    /// Why there is no code.
    pub error: Option<String>,
    /// What Apple sends at the first sign-in of a person, and never again: a JSON object with
    /// the name.
    pub user: Option<String>,
}

impl Callback {
    /// Reads a query, or the body of a form that was posted (`response_mode=form_post`),
    /// without its `?`. Parameters that are not known are ignored (RFC 6749 §4.1.2).
    ///
    /// # Errors
    ///
    /// [`CallbackFault::Malformed`] if it is longer than 16 KiB or not UTF-8,
    /// [`CallbackFault::Repeated`] if a known parameter occurs twice.
    pub fn from_form(form: &[u8]) -> Result<Self, CallbackFault> {
        if form.len() > MAX_CALLBACK_BYTES || !form.is_ascii() {
            return Err(CallbackFault::Malformed);
        }
        let mut callback = Self::default();
        for (name, value) in form_urlencoded::parse(form) {
            // What is not UTF-8 is decoded to this character.
            if value.contains(char::REPLACEMENT_CHARACTER) {
                return Err(CallbackFault::Malformed);
            }
            let value = value.into_owned();
            let is_first = match &*name {
                "state" => callback.state.replace(value.into()).is_none(),
                "code" => callback.code.replace(value.into()).is_none(),
                "iss" => callback.iss.replace(value).is_none(),
                "error" => callback.error.replace(value).is_none(),
                "user" => callback.user.replace(value).is_none(),
                _ => true,
            };
            if !is_first {
                return Err(CallbackFault::Repeated);
            }
        }
        Ok(callback)
    }

    /// The state, if it is of the right form. Whether it belongs to a sign-in that was begun
    /// in this browser is for the caller to check, before
    /// [`identify`](super::RelyingParty::identify).
    ///
    /// # Errors
    ///
    /// [`CallbackFault::State`].
    pub fn state(&self) -> Result<&FlowState, CallbackFault> {
        let state = self.state.as_ref();
        let state = state.filter(|state| state.is_well_formed());
        state.ok_or(CallbackFault::State)
    }

    /// The code, or what the error means.
    pub(super) fn code(&self) -> Result<&AuthorizationCode, FederationError> {
        match (&self.code, &self.error) {
            (Some(code), None) => {
                let length = code.expose_secret().len();
                match (1..=MAX_CODE_BYTES).contains(&length) {
                    true => Ok(code),
                    false => Err(FederationError::Callback(CallbackFault::NoCode)),
                }
            }
            (None, Some(error)) => Err(meaning(error)),
            _ => Err(FederationError::Callback(CallbackFault::NoCode)),
        }
    }

    /// The name in [`user`](Self::user), as Apple sends it: `{"name": {"firstName": …,
    /// "lastName": …}, "email": …}`. The address there is never used: it is not signed, as
    /// that in the ID token is.
    pub(super) fn apple_name(&self) -> Option<String> {
        let user = document::document(self.user.as_ref()?.as_bytes()).ok()?;
        let name = Members::of(&user).ok()?.value("name")?;
        let parts = ["firstName", "lastName"].map(|part| name.get(part).and_then(Value::as_str));
        let name = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
        description(&Value::String(name)).map(str::to_owned)
    }
}

/// What an error code means (RFC 6749 §4.1.2.1, OpenID Connect Core 1.0 §3.1.2.6). Apple's
/// code for a person who cancels is `user_cancelled_authorize`.
fn meaning(error: &str) -> FederationError {
    match error {
        "access_denied" | "user_cancelled_authorize" => {
            FederationError::Denied(Denial::AccessDenied)
        }
        "login_required"
        | "interaction_required"
        | "consent_required"
        | "account_selection_required" => FederationError::Denied(Denial::InteractionRequired),
        "server_error" | "temporarily_unavailable" => {
            FederationError::unavailable(Endpoint::Authorization, Outage::Reported)
        }
        "unauthorized_client" => FederationError::Configuration(Misconfiguration::Client),
        "invalid_request" | "invalid_scope" | "unsupported_response_type" => {
            FederationError::Configuration(Misconfiguration::Request)
        }
        _ => FederationError::Denied(Denial::Other),
    }
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback")
            .field("has_code", &self.code.is_some())
            .field("has_error", &self.error.is_some())
            .field("has_iss", &self.iss.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn asvs_15_3_7_a_repeated_parameter_is_refused() {
        let read = |form: &str| Callback::from_form(form.as_bytes());
        let callback = read("code=a%20b&state=s&iss=https%3A%2F%2Fx&other=1&other=2").unwrap();
        assert_eq!(callback.code.unwrap().expose_secret(), "a b");
        assert_eq!(callback.iss.as_deref(), Some("https://x"));
        for name in ["code", "state", "iss", "error", "user"] {
            let form = format!("{name}=a&{name}=a");
            assert_eq!(read(&form).unwrap_err(), CallbackFault::Repeated, "{form}");
        }
        for form in [
            "code=%ff",
            "code=\u{e9}",
            &"a".repeat(MAX_CALLBACK_BYTES + 1),
        ] {
            assert_eq!(read(form).unwrap_err(), CallbackFault::Malformed);
        }
    }

    #[test]
    fn a_code_and_an_error_exclude_each_other() {
        let code = |form: &str| {
            let callback = Callback::from_form(form.as_bytes()).unwrap();
            callback.code().map(|code| code.expose_secret().to_owned())
        };
        let none = Err(FederationError::Callback(CallbackFault::NoCode));
        assert_eq!(code("code=x"), Ok("x".to_owned()));
        assert_eq!(code("code="), none);
        assert_eq!(code(""), none);
        assert_eq!(code("code=x&error=access_denied"), none);
        assert_eq!(
            code(&format!("code={}", "x".repeat(MAX_CODE_BYTES + 1))),
            none
        );
        for (error, expected) in [
            (
                "access_denied",
                FederationError::Denied(Denial::AccessDenied),
            ),
            (
                "user_cancelled_authorize",
                FederationError::Denied(Denial::AccessDenied),
            ),
            (
                "login_required",
                FederationError::Denied(Denial::InteractionRequired),
            ),
            ("<script>", FederationError::Denied(Denial::Other)),
            (
                "temporarily_unavailable",
                FederationError::unavailable(Endpoint::Authorization, Outage::Reported),
            ),
            (
                "invalid_scope",
                FederationError::Configuration(Misconfiguration::Request),
            ),
            (
                "unauthorized_client",
                FederationError::Configuration(Misconfiguration::Client),
            ),
        ] {
            assert_eq!(code(&format!("error={error}")), Err(expected), "{error}");
        }
    }

    #[test]
    fn the_name_that_apple_sends_once_is_read() {
        for (user, name) in [
            (
                r#"{"name":{"firstName":"Ann","lastName":"Lee"},"email":"a@b.org"}"#,
                Some("Ann Lee"),
            ),
            (r#"{"name":{"firstName":"Ann"}}"#, Some("Ann")),
            (r#"{"name":{"firstName":"","lastName":""}}"#, None),
            (r#"{"name":{"firstName":1}}"#, None),
            (r#"{"name":"Ann"}"#, None),
            (r#"{"name":{"firstName":"A","firstName":"B"}}"#, None),
            ("[]", None),
            ("", None),
        ] {
            let callback = Callback {
                user: Some(user.to_owned()),
                ..Callback::default()
            };
            assert_eq!(callback.apple_name().as_deref(), name, "{user}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let callback = Callback::from_form(b"code=canary&state=canary&user=canary").unwrap();
        assert!(!format!("{callback:?}").contains("canary"));
    }

    proptest! {
        #[test]
        fn any_form_is_read_or_refused(form in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(callback) = Callback::from_form(&form) {
                let _ = (callback.state(), callback.code(), callback.apple_name());
            }
        }

        #[test]
        fn any_user_is_read_or_ignored(user in "\\PC{0,100}|\\{\"name\":\\{\"firstName\":\\PC{0,9}\\}\\}") {
            let callback = Callback { user: Some(user), ..Callback::default() };
            let _ = callback.apple_name();
        }
    }
}
