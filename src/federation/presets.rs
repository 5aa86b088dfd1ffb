//! The providers that are known by name, and the two kinds of others.
//!
//! What is said of a provider follows its public documentation; the providers themselves were
//! not reached. Of that documentation, stored excerpts were read on 2026-11-30 and 2026-12-01:
//! Google's OpenID reference and page on verifying ID tokens, Apple's pages on authenticating
//! users, on identity tokens, on the token endpoint and on other platforms, GitHub's page on
//! addresses, and the issues that are linked. Other pages are cited without having been read
//! again.

use std::time::Duration;

use super::algorithm::SigningAlgorithm;
use super::authentication::ClientAuthentication;
use super::builder::{FixedEndpoints, Kind, ProviderBuilder};
use super::email_rule::Hosting;
use super::identity::{EmailTrust, UserInfoMapping, VerifiedClaim};
use super::issuer::IssuerRule;
use super::prompt::Prompt;
use super::provider::{OpenId, Provider, UserInfoUse};
use super::secret::ClientSecret;
use crate::token::SigningKey;

/// The endpoints of an OAuth 2 provider.
#[derive(Clone, Debug)]
pub struct OAuth2Endpoints {
    /// Where the browser is sent (RFC 6749 §3.1).
    pub authorization: String,
    /// Where the code is exchanged (RFC 6749 §3.2).
    pub token: String,
    /// What answers about the person, given the access token as a bearer token (RFC 6750
    /// §2.1).
    pub user_info: String,
}

impl Provider {
    /// Sign in with Google.
    ///
    /// `hd` in the ID token names the Workspace domain of an account;
    /// [`hosted_domain`](ProviderBuilder::hosted_domain) requires one. Google documents that
    /// it is authoritative for an address that ends in `@gmail.com`, and for one with
    /// `email_verified: true` and `hd`; any other address was verified once and may have
    /// another owner since
    /// (<https://developers.google.com/identity/gsi/web/guides/verify-google-id-token>). The
    /// default is therefore [`EmailTrust::Hosted`]. Tokens may have the issuer
    /// `accounts.google.com`; the identity always has `https://accounts.google.com`.
    pub fn google(
        client_id: impl Into<String>,
        client_secret: impl Into<ClientSecret>,
    ) -> ProviderBuilder {
        let issuer = IssuerRule::One {
            issuer: "https://accounts.google.com".to_owned(),
            aliases: &["accounts.google.com"],
        };
        let preset = ProviderBuilder {
            hosting: Hosting::Google,
            email_trust: EmailTrust::Hosted,
            ..named(
                "google",
                "Google",
                client_id.into(),
                issuer,
                preset_openid(),
            )
        };
        preset
            .link_prompt(Prompt::SelectAccount)
            .authentication(ClientAuthentication::Post(client_secret.into()))
    }

    /// Sign in with Microsoft (Entra ID and personal accounts), for the tenants with these
    /// ids: UUIDs in lower case. Personal accounts are the tenant
    /// `9188040d-6c67-4c5b-b112-36a304b66dad`.
    ///
    /// The issuer of an identity has the tenant in it, and the subject is another one for
    /// each client. Addresses are never verified: an administrator of any tenant sets them
    /// freely (<https://learn.microsoft.com/en-us/entra/identity-platform/id-token-claims-reference>:
    /// `email` is not guaranteed to be correct). So [`EmailTrust::Never`] is all that can be
    /// set.
    pub fn microsoft(
        client_id: impl Into<String>,
        client_secret: impl Into<ClientSecret>,
        tenants: impl IntoIterator<Item = impl Into<String>>,
    ) -> ProviderBuilder {
        let issuer = IssuerRule::Microsoft {
            tenants: tenants.into_iter().map(Into::into).collect(),
        };
        let preset = ProviderBuilder {
            hosting: Hosting::Unverified,
            ..named(
                "microsoft",
                "Microsoft",
                client_id.into(),
                issuer,
                preset_openid(),
            )
        };
        preset
            .link_prompt(Prompt::SelectAccount)
            .authentication(ClientAuthentication::Post(client_secret.into()))
    }

    /// Sign in with Apple. `client_id` is the Services ID; `key` is the team's private key
    /// from the `.p8` file, read by [`SigningKey::es256_pem`], and `key_id` its id.
    ///
    /// Apple posts its answer as a form, and the person's name in it at the first sign-in
    /// only. `email_verified` may be a text. The default is [`EmailTrust::Hosted`]: addresses
    /// of Apple's relay and of iCloud Mail are believed; of others Apple knows what Google
    /// knows of foreign ones
    /// (<https://developer.apple.com/documentation/signinwithapple/authenticating-users-with-sign-in-with-apple>).
    ///
    /// The endpoints are fixed, not discovered: in June 2025 Apple's discovery document
    /// changed its issuer to `https://account.apple.com`, while tokens kept
    /// `https://appleid.apple.com` (<https://github.com/supabase/auth/issues/2051>).
    pub fn apple(
        client_id: impl Into<String>,
        team_id: impl Into<String>,
        key_id: impl Into<String>,
        key: SigningKey,
    ) -> ProviderBuilder {
        let openid = OpenId {
            verified: VerifiedClaim::BooleanOrText,
            posts_form: true,
            ..preset_openid()
        };
        let issuer = IssuerRule::one("https://appleid.apple.com");
        let preset = ProviderBuilder {
            hosting: Hosting::Apple,
            email_trust: EmailTrust::Hosted,
            endpoints: Some(FixedEndpoints {
                authorization: "https://appleid.apple.com/auth/authorize".to_owned(),
                token: "https://appleid.apple.com/auth/token".to_owned(),
                keys: Some("https://appleid.apple.com/auth/keys".to_owned()),
                user_info: None,
            }),
            ..named("apple", "Apple", client_id.into(), issuer, openid)
        };
        preset
            .scopes(["name", "email"])
            .authentication(ClientAuthentication::Apple {
                team_id: team_id.into(),
                key_id: key_id.into(),
                key,
            })
    }

    /// Sign in with GitHub, by an OAuth app or a GitHub App.
    ///
    /// GitHub is not an OpenID provider: the subject is the account's number, and the address
    /// is the primary one of a second answer, if it is verified. GitHub hosts no mailboxes,
    /// so the default is [`EmailTrust::Never`]. Since April 2026 its authorization responses
    /// have `iss`, `https://github.com/login/oauth`
    /// (<https://github.com/langfuse/langfuse/issues/13091>), which is also the issuer of
    /// identities.
    pub fn github(
        client_id: impl Into<String>,
        client_secret: impl Into<ClientSecret>,
    ) -> ProviderBuilder {
        let endpoints = OAuth2Endpoints {
            authorization: "https://github.com/login/oauth/authorize".to_owned(),
            token: "https://github.com/login/oauth/access_token".to_owned(),
            user_info: "https://api.github.com/user".to_owned(),
        };
        let mapping = UserInfoMapping {
            email: None,
            email_verified: None,
            ..UserInfoMapping::new("id")
        };
        let issuer = "https://github.com/login/oauth";
        let preset = Self::oauth2("github", issuer, client_id, endpoints, mapping.clone());
        let preset = ProviderBuilder {
            kind: Kind::OAuth2 {
                mapping,
                emails: Some("https://api.github.com/user/emails".to_owned()),
            },
            ..preset
        };
        preset
            .name("GitHub")
            .scopes(["read:user", "user:email"])
            .link_prompt(Prompt::SelectAccount)
            .authentication(ClientAuthentication::Post(client_secret.into()))
    }

    /// An OpenID provider whose endpoints are discovered at `issuer` (OpenID Connect
    /// Discovery 1.0). [`authentication`](ProviderBuilder::authentication) is required.
    pub fn oidc(
        id: impl Into<String>,
        issuer: impl Into<String>,
        client_id: impl Into<String>,
    ) -> ProviderBuilder {
        let id = id.into();
        let openid = OpenId {
            algorithms: SigningAlgorithm::ALL.to_vec(),
            user_info: UserInfoUse::IfNoEmail,
            states_auth_time: true,
            ..preset_openid()
        };
        let issuer = IssuerRule::one(issuer);
        named(&id, &id, client_id.into(), issuer, openid).link_prompt(Prompt::Login)
    }

    /// An OAuth 2 provider without ID tokens. `issuer` is the issuer of its identities, and
    /// the value of `iss` in its authorization responses, if it sends one: a text that no
    /// other provider here has, such as its URL, and that never changes.
    /// [`authentication`](ProviderBuilder::authentication) is required.
    pub fn oauth2(
        id: impl Into<String>,
        issuer: impl Into<String>,
        client_id: impl Into<String>,
        endpoints: OAuth2Endpoints,
        mapping: UserInfoMapping,
    ) -> ProviderBuilder {
        let id = id.into();
        let issuer = IssuerRule::one(issuer);
        ProviderBuilder {
            kind: Kind::OAuth2 {
                mapping,
                emails: None,
            },
            endpoints: Some(FixedEndpoints {
                authorization: endpoints.authorization,
                token: endpoints.token,
                keys: None,
                user_info: Some(endpoints.user_info),
            }),
            scopes: Vec::new(),
            ..named(&id, &id, client_id.into(), issuer, preset_openid())
        }
    }
}

/// What the OpenID presets have in common.
fn preset_openid() -> OpenId {
    OpenId {
        algorithms: vec![SigningAlgorithm::Rs256],
        trusted_audiences: Vec::new(),
        user_info: UserInfoUse::Never,
        verified: VerifiedClaim::Boolean,
        posts_form: false,
        states_auth_time: false,
        hosted_domain: None,
    }
}

fn named(
    id: &str,
    name: &str,
    client_id: String,
    issuer: IssuerRule,
    openid: OpenId,
) -> ProviderBuilder {
    ProviderBuilder {
        id: id.to_owned(),
        name: name.to_owned(),
        client_id,
        authentication: None,
        redirect_uris: Vec::new(),
        scopes: ["openid", "email", "profile"].map(str::to_owned).to_vec(),
        parameters: Vec::new(),
        link_prompt: None,
        issuer,
        endpoints: None,
        kind: Kind::OpenId(openid),
        hosting: Hosting::Unknown,
        email_trust: EmailTrust::Never,
        timeout: Duration::from_secs(10),
        allows_private: false,
        misplaced: None,
    }
}
