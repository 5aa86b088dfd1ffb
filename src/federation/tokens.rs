//! The token endpoint: a code is exchanged for tokens (RFC 6749 §4.1.3, §5).

use serde_json::Value;
use url::form_urlencoded::Serializer;
use zeroize::Zeroizing;

use super::authentication::{Client, authorized};
use super::error::{CallbackFault, Endpoint, Fault, FederationError, Misconfiguration};
use super::fetch::{Answer, Fetcher};
use super::http_client::HttpRequest;
use super::members::Members;
use super::metadata::Metadata;
use super::provider::Provider;
use super::secret::AuthorizationCode;
use crate::random::SecureRandom;
use crate::time::Timestamp;

/// Longest access token, in bytes.
const MAX_ACCESS_TOKEN_BYTES: usize = 8 << 10;

/// What a token endpoint answers. Refresh tokens are dropped: nothing here uses them.
pub(super) struct Tokens {
    pub(super) access: Zeroizing<String>,
    pub(super) id: Option<Zeroizing<String>>,
}

/// What belongs to a code.
pub(super) struct Exchange<'a> {
    pub(super) code: &'a AuthorizationCode,
    pub(super) verifier: &'a str,
    pub(super) redirect_uri: &'a str,
}

impl Exchange<'_> {
    /// Exchanges the code.
    pub(super) async fn tokens(
        &self,
        provider: &Provider,
        metadata: &Metadata,
        fetcher: &Fetcher,
        now: Timestamp,
        random: &dyn SecureRandom,
    ) -> Result<Tokens, FederationError> {
        let request = self.request(provider, metadata, now, random)?;
        let answer = fetcher.json(Endpoint::Token, request, &[200, 400, 401]);
        read(&answer.await?)
    }

    fn request(
        &self,
        provider: &Provider,
        metadata: &Metadata,
        now: Timestamp,
        random: &dyn SecureRandom,
    ) -> Result<HttpRequest, FederationError> {
        let issuer = provider.issuer.of_metadata();
        let client = Client {
            id: &provider.client_id,
            issuer: &issuer,
        };
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", self.code.expose_secret())
            .append_pair("redirect_uri", self.redirect_uri)
            .append_pair("code_verifier", self.verifier);
        let authentication = &provider.authentication;
        let header = authentication.apply(&mut form, client, now, random)?;
        let request = HttpRequest::form(metadata.token.clone(), Zeroizing::new(form.finish()));
        Ok(authorized(request, header))
    }
}

/// Reads an answer. Some providers, GitHub among them, answer an error with status 200.
fn read(answer: &Answer) -> Result<Tokens, FederationError> {
    let refused = |fault| FederationError::refused(Endpoint::Token, fault);
    let members = Members::of(&answer.value).map_err(refused)?;
    if let Some(error) = members.value("error") {
        return Err(meaning(error));
    }
    match answer.status {
        200 => tokens(members).map_err(refused),
        status => Err(refused(Fault::Status(status))),
    }
}

/// RFC 6749 §5.1, OpenID Connect Core 1.0 §3.1.3.3.
fn tokens(members: Members<'_>) -> Result<Tokens, Fault> {
    let kind = members.text("token_type")?;
    if !kind.eq_ignore_ascii_case("bearer") {
        return Err(Fault::TokenType);
    }
    let access = members.text("access_token")?;
    // It goes into a header (RFC 6749 appendix A.12).
    let is_visible = access.bytes().all(|byte| matches!(byte, b'!'..=b'~'));
    if access.is_empty() || access.len() > MAX_ACCESS_TOKEN_BYTES || !is_visible {
        return Err(Fault::Member("access_token"));
    }
    let id = members.some_text("id_token")?;
    Ok(Tokens {
        access: Zeroizing::new(access.to_owned()),
        id: id.map(|token| Zeroizing::new(token.to_owned())),
    })
}

/// What an error code means (RFC 6749 §5.2). GitHub has codes of its own
/// (<https://docs.github.com/en/apps/oauth-apps/maintaining-oauth-apps/troubleshooting-oauth-app-access-token-request-errors>).
fn meaning(error: &Value) -> FederationError {
    match error.as_str() {
        Some("invalid_grant" | "bad_verification_code") => {
            FederationError::Callback(CallbackFault::Code)
        }
        Some("invalid_client" | "unauthorized_client" | "incorrect_client_credentials") => {
            FederationError::Configuration(Misconfiguration::Client)
        }
        Some(
            "invalid_request"
            | "invalid_scope"
            | "unsupported_grant_type"
            | "redirect_uri_mismatch",
        ) => FederationError::Configuration(Misconfiguration::Request),
        _ => FederationError::refused(Endpoint::Token, Fault::ErrorCode),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn outcome(status: u16, value: Value) -> Result<(), FederationError> {
        read(&Answer { status, value }).map(drop)
    }

    fn refused(fault: Fault) -> Result<(), FederationError> {
        Err(FederationError::refused(Endpoint::Token, fault))
    }

    #[test]
    fn an_answer_has_a_bearer_token() {
        let tokens = |kind: Value, token: Value| {
            outcome(200, json!({"token_type": kind, "access_token": token}))
        };
        for kind in ["Bearer", "bearer", "BEARER"] {
            assert_eq!(tokens(json!(kind), json!("x")), Ok(()));
        }
        for kind in ["DPoP", "mac", ""] {
            assert_eq!(tokens(json!(kind), json!("x")), refused(Fault::TokenType));
        }
        assert_eq!(
            tokens(json!(null), json!("x")),
            refused(Fault::Member("token_type"))
        );
        let long = "x".repeat(MAX_ACCESS_TOKEN_BYTES + 1);
        for token in [
            json!(""),
            json!("a\r\nb"),
            json!("a b"),
            json!("\u{e9}"),
            json!(1),
            json!(long),
        ] {
            assert_eq!(
                tokens(json!("bearer"), token),
                refused(Fault::Member("access_token"))
            );
        }
        assert_eq!(outcome(200, json!([])), refused(Fault::Json));
        assert_eq!(outcome(400, json!({})), refused(Fault::Status(400)));
    }

    #[test]
    fn an_error_is_one_whatever_its_status() {
        for status in [200, 400, 401] {
            for (code, expected) in [
                (
                    json!("invalid_grant"),
                    FederationError::Callback(CallbackFault::Code),
                ),
                (
                    json!("bad_verification_code"),
                    FederationError::Callback(CallbackFault::Code),
                ),
                (
                    json!("invalid_client"),
                    FederationError::Configuration(Misconfiguration::Client),
                ),
                (
                    json!("unsupported_grant_type"),
                    FederationError::Configuration(Misconfiguration::Request),
                ),
                (
                    json!("<script>"),
                    FederationError::refused(Endpoint::Token, Fault::ErrorCode),
                ),
                (
                    json!(null),
                    FederationError::refused(Endpoint::Token, Fault::ErrorCode),
                ),
            ] {
                let answer = json!({"error": code, "access_token": "x", "token_type": "bearer"});
                assert_eq!(outcome(status, answer), Err(expected), "{status} {code}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_answer_is_read_or_refused(
            status in prop::sample::select(&[200_u16, 400, 401][..]),
            name in "error|access_token|token_type|id_token|\\PC{0,8}",
            text in "\\PC{0,20}",
        ) {
            for value in [json!(text), json!({&name: text}), json!({&name: [text]}), json!([name])] {
                let _ = outcome(status, value);
            }
        }
    }
}
