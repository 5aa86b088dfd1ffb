//! How a client authenticates at a token endpoint.

use std::fmt;
use std::time::Duration;

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use jsonwebtoken::Header;
use serde::Serialize;
use url::form_urlencoded::{self, Serializer};
use zeroize::Zeroizing;

use super::error::{FederationError, Misconfiguration, invalid};
use super::http_client::HttpRequest;
use super::secret::ClientSecret;
use crate::error::ConfigError;
use crate::random::{self, SecureRandom};
use crate::time::Timestamp;
use crate::token::SigningKey;

/// How long an assertion is valid. It is used at once.
const ASSERTION_LIFETIME: Duration = Duration::from_secs(60);
/// What Apple's client secrets are addressed to.
const APPLE: &str = "https://appleid.apple.com";
/// The value of `client_assertion_type` (RFC 7523 §2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How a client authenticates at a provider's token endpoint. `Debug` shows the method only.
#[derive(Clone)]
#[non_exhaustive]
pub enum ClientAuthentication {
    /// `client_secret_basic`: HTTP Basic, with id and secret form-encoded (RFC 6749 §2.3.1).
    Basic(ClientSecret),
    /// `client_secret_post`: id and secret in the form (RFC 6749 §2.3.1).
    Post(ClientSecret),
    /// `private_key_jwt`: a JWT under the client's own key (RFC 7523 §2.2). The key is for
    /// ES256 or EdDSA, and the provider knows its public half.
    ///
    /// The JWT is addressed to the provider's issuer, not to the token endpoint, so that no
    /// other provider can be led to accept it (RFC 7523bis draft, §4).
    PrivateKeyJwt {
        /// The key.
        key: SigningKey,
        /// The name under which the provider knows the key; by default that of the key
        /// itself, its RFC 7638 thumbprint.
        kid: Option<String>,
    },
    /// Apple's client secret: a JWT under the key of a team.
    Apple {
        /// The id of the team: 10 letters and digits.
        team_id: String,
        /// The id of the key: 10 letters and digits.
        key_id: String,
        /// The key, for ES256.
        key: SigningKey,
    },
    /// `none`: a public client, whose code is protected by PKCE alone.
    Public,
}

impl ClientAuthentication {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let setting = "federation.authentication";
        match self {
            Self::Basic(secret) | Self::Post(secret) => match is_visible(secret.expose_secret()) {
                true => Ok(()),
                false => Err(invalid(setting, "the client secret is empty or not ASCII")),
            },
            Self::PrivateKeyJwt { key, kid } => {
                if key.verifying_key().jwk().is_none() {
                    return Err(invalid(setting, "the key is not for ES256 or EdDSA"));
                }
                match kid.as_deref().is_none_or(is_visible) {
                    true => Ok(()),
                    false => Err(invalid(setting, "the key's id is empty or not ASCII")),
                }
            }
            Self::Apple {
                team_id,
                key_id,
                key,
            } => {
                if key.algorithm() != jsonwebtoken::Algorithm::ES256 {
                    return Err(invalid(setting, "Apple's key is for ES256"));
                }
                match [team_id, key_id].into_iter().all(|id| is_apple_id(id)) {
                    true => Ok(()),
                    false => Err(invalid(
                        setting,
                        "the ids of Apple's team and key are 10 letters and digits",
                    )),
                }
            }
            Self::Public => Ok(()),
        }
    }

    /// Adds to `form` what goes there, and returns the value of the header `Authorization`,
    /// if there is one.
    pub(super) fn apply(
        &self,
        form: &mut Serializer<'_, String>,
        client: Client<'_>,
        now: Timestamp,
        random: &dyn SecureRandom,
    ) -> Result<Option<Zeroizing<String>>, FederationError> {
        if !matches!(self, Self::Basic(_)) {
            form.append_pair("client_id", client.id);
        }
        match self {
            Self::Basic(secret) => return Ok(Some(basic(client.id, secret))),
            Self::Post(secret) => {
                form.append_pair("client_secret", secret.expose_secret());
            }
            Self::PrivateKeyJwt { key, kid } => {
                let claims = Assertion {
                    iss: client.id,
                    sub: client.id,
                    aud: client.issuer,
                    jti: Some(jti(random)?),
                    ..Assertion::at(now)
                };
                let assertion = sign(key, kid.as_deref().unwrap_or(key.kid()), &claims)?;
                form.append_pair("client_assertion_type", ASSERTION_TYPE);
                form.append_pair("client_assertion", &assertion);
            }
            Self::Apple {
                team_id,
                key_id,
                key,
            } => {
                let claims = Assertion {
                    iss: team_id,
                    sub: client.id,
                    aud: APPLE,
                    ..Assertion::at(now)
                };
                form.append_pair("client_secret", &sign(key, key_id, &claims)?);
            }
            Self::Public => {}
        }
        Ok(None)
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Basic(_) => "client_secret_basic",
            Self::Post(_) => "client_secret_post",
            Self::PrivateKeyJwt { .. } => "private_key_jwt",
            Self::Apple { .. } => "client_secret_post with a JWT",
            Self::Public => "none",
        }
    }
}

impl fmt::Debug for ClientAuthentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientAuthentication({})", self.name())
    }
}

/// Who authenticates, and where.
#[derive(Clone, Copy)]
pub(super) struct Client<'a> {
    pub(super) id: &'a str,
    pub(super) issuer: &'a str,
}

/// The claims of a client's assertion (RFC 7523 §3), and of Apple's client secret.
#[derive(Default, Serialize)]
struct Assertion<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
}

impl Assertion<'_> {
    fn at(now: Timestamp) -> Self {
        Self {
            iat: now.as_secs(),
            exp: now.saturating_add(ASSERTION_LIFETIME).as_secs(),
            ..Self::default()
        }
    }
}

fn sign(
    key: &SigningKey,
    kid: &str,
    claims: &Assertion<'_>,
) -> Result<Zeroizing<String>, FederationError> {
    let mut header = Header::new(key.algorithm());
    header.kid = Some(kid.to_owned());
    jsonwebtoken::encode(&header, claims, key.encoding_key())
        .map(Zeroizing::new)
        .map_err(|_| FederationError::Configuration(Misconfiguration::Signature))
}

fn jti(random: &dyn SecureRandom) -> Result<String, FederationError> {
    let bits = random::bytes::<16>(random)?;
    Ok(Base64UrlUnpadded::encode_string(&bits))
}

/// RFC 6749 §2.3.1: both parts are form-encoded before they are joined by a colon.
fn basic(id: &str, secret: &ClientSecret) -> Zeroizing<String> {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let secret = Zeroizing::new(encode(secret.expose_secret()));
    let pair = Zeroizing::new(format!("{}:{}", encode(id), *secret));
    let encoded = Zeroizing::new(Base64::encode_string(pair.as_bytes()));
    Zeroizing::new(format!("Basic {}", *encoded))
}

/// Characters of client ids and secrets: printable ASCII (RFC 6749 appendix A.1, A.2).
pub(super) fn is_visible(text: &str) -> bool {
    !text.is_empty() && text.len() <= 1024 && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

fn is_apple_id(id: &str) -> bool {
    id.len() == 10 && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Adds the header that [`ClientAuthentication::apply`] returned.
pub(super) fn authorized(request: HttpRequest, header: Option<Zeroizing<String>>) -> HttpRequest {
    match header {
        Some(value) => request.header("authorization", value.as_str().to_owned()),
        None => request,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_encodes_both_parts_as_rfc_6749_demands() {
        let header = basic("a:b c", &ClientSecret::new("p%w+d/=\u{a3}"));
        let pair = header.strip_prefix("Basic ").unwrap();
        let pair = String::from_utf8(Base64::decode_vec(pair).unwrap()).unwrap();
        assert_eq!(pair, "a%3Ab+c:p%25w%2Bd%2F%3D%C2%A3");
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!(
            "{:?}",
            ClientAuthentication::Post(ClientSecret::new("canary"))
        );
        assert_eq!(shown, "ClientAuthentication(client_secret_post)");
    }
}
