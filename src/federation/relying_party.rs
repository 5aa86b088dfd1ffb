//! [`RelyingParty`]: signs people in with one provider.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

use super::authorization::{self, AuthorizationOptions, AuthorizationRequest};
use super::cache::Cached;
use super::callback::Callback;
use super::email_rule::EmailRule;
use super::error::{CallbackFault, Endpoint, Fault, FederationError};
use super::fetch::Fetcher;
use super::flow::FlowKey;
use super::http_client::{HttpClient, HttpRequest};
use super::id_token::{Expected, Unverified, Verified};
use super::identity::{Claims, ExternalIdentity};
use super::keys::KeySet;
use super::members::Members;
use super::metadata::Metadata;
use super::provider::{OAuth2, OpenId, Protocol, Provider, Source, UserInfoUse};
use super::secret::FlowState;
use super::tokens::{Exchange, Tokens};
use super::user_info;
use crate::clock::Clock;
use crate::random::SecureRandom;

/// What a sign-in needs besides the provider.
#[derive(Clone, Copy)]
pub struct Environment<'a> {
    /// The time.
    pub clock: &'a dyn Clock,
    /// The randomness for states and for assertions of the client.
    pub random: &'a dyn SecureRandom,
    /// What nonce and PKCE verifier are derived under. A sign-in is completed under the key
    /// that it was begun under.
    pub key: &'a FlowKey,
}

impl fmt::Debug for Environment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").finish_non_exhaustive()
    }
}

/// Signs people in with one provider: the client of OpenID Connect and OAuth 2, by the
/// authorization code flow with PKCE.
///
/// It keeps the provider's metadata and keys: for an hour, and for a day while the provider
/// cannot be reached. So make one for each provider and share it. A sign-in then takes one
/// request to the provider, and another one where the user-info endpoint is asked. GitHub has
/// the addresses at an endpoint of their own: a third request, which
/// [`AuthService`](crate::service::AuthService) makes only for a new account and for a link.
///
/// It knows no store. The caller keeps, between the two halves of a sign-in, the digest of
/// the state together with the provider, the purpose, the browser and the
/// [`AuthorizationOptions`], and lets each state be used once.
pub struct RelyingParty {
    provider: Arc<Provider>,
    fetcher: Fetcher,
    metadata: Cached<Metadata>,
    keys: Cached<KeySet>,
}

impl RelyingParty {
    /// Signs in with `provider`, through `client`.
    #[must_use]
    pub fn new(provider: Provider, client: Arc<dyn HttpClient>) -> Self {
        Self {
            fetcher: Fetcher::new(client, provider.timeout, provider.allows_private),
            provider: Arc::new(provider),
            metadata: Cached::new(Endpoint::Discovery),
            keys: Cached::new(Endpoint::Keys),
        }
    }

    /// The provider.
    #[must_use]
    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    /// Begins a sign-in: where to send the browser, and the state that its answer must have.
    ///
    /// # Errors
    ///
    /// [`FederationError::Configuration`] if `options` demand what is not configured;
    /// [`FederationError::Unavailable`] and [`FederationError::Refused`] if the provider has
    /// to be discovered first and that fails; [`FederationError::Random`].
    pub async fn authorization_request(
        &self,
        options: &AuthorizationOptions,
        environment: Environment<'_>,
    ) -> Result<AuthorizationRequest, FederationError> {
        let redirect_uri = authorization::check(&self.provider, options)?;
        let metadata = self.metadata(environment.clock).await?;
        let state = FlowState::new_random(environment.random)?;
        let url = authorization::url(
            &self.provider,
            &metadata,
            options,
            redirect_uri,
            &state,
            environment.key,
        )?;
        Ok(AuthorizationRequest {
            url: url.into(),
            state,
            redirect_uri: redirect_uri.to_owned(),
        })
    }

    /// Completes a sign-in: who the person is, from the answer that came back through the
    /// browser.
    ///
    /// The caller has found the sign-in by `callback`'s state, consumed it, and checked that
    /// it is of this provider and this browser; `options` are those that it was begun with.
    ///
    /// # Errors
    ///
    /// [`FederationError`]. Nothing is believed of an answer that is refused in part.
    pub async fn identify(
        &self,
        callback: &Callback,
        options: &AuthorizationOptions,
        environment: Environment<'_>,
    ) -> Result<ExternalIdentity, FederationError> {
        let mut person = self.identify_person(callback, options, environment).await?;
        self.complete(&mut person).await?;
        Ok(person.identity)
    }

    /// As [`identify`](Self::identify), but an address that takes a request of its own is left
    /// to [`complete`](Self::complete).
    pub(crate) async fn identify_person(
        &self,
        callback: &Callback,
        options: &AuthorizationOptions,
        environment: Environment<'_>,
    ) -> Result<Person, FederationError> {
        let provider = &*self.provider;
        let redirect_uri = authorization::check(provider, options)?;
        let state = callback.state().map_err(FederationError::Callback)?;
        let metadata = self.metadata(environment.clock).await?;
        self.check_issuer(callback, &metadata)?;
        let exchange = Exchange {
            code: callback.code()?,
            verifier: &environment.key.verifier(&provider.id, state),
            redirect_uri,
        };
        let (now, random) = (environment.clock.now(), environment.random);
        let tokens = exchange
            .tokens(provider, &metadata, &self.fetcher, now, random)
            .await?;
        match &provider.protocol {
            Protocol::OpenId(openid) => {
                let nonce = environment.key.nonce(&provider.id, state);
                let sign_in = SignIn {
                    metadata: &metadata,
                    tokens: &tokens,
                    options,
                    nonce: &nonce,
                    clock: environment.clock,
                };
                let mut identity = self.by_id_token(openid, &sign_in).await?;
                if openid.posts_form && identity.name.is_none() {
                    identity.name = callback.apple_name();
                }
                Ok(Person {
                    identity,
                    addresses: None,
                })
            }
            Protocol::OAuth2(oauth2) => self.by_user_info(oauth2, &metadata, tokens).await,
        }
    }

    /// Asks for the address, if the provider has it elsewhere and was not asked yet.
    ///
    /// # Errors
    ///
    /// [`FederationError`].
    pub(crate) async fn complete(&self, person: &mut Person) -> Result<(), FederationError> {
        if let Some(Addresses { url, access_token }) = person.addresses.take() {
            let endpoint = Endpoint::Emails;
            let answer = user_info::ask(&self.fetcher, endpoint, url, &access_token).await?;
            let claims = user_info::primary_email(&answer);
            let claims = claims.map_err(|fault| FederationError::refused(endpoint, fault))?;
            let identity = &mut person.identity;
            (identity.email, identity.email_is_verified) =
                self.provider.email.judge(&claims, false);
        }
        Ok(())
    }

    /// RFC 9207 §2.4. It holds for errors, too.
    fn check_issuer(
        &self,
        callback: &Callback,
        metadata: &Metadata,
    ) -> Result<(), FederationError> {
        let fault = match &callback.iss {
            Some(iss) if self.provider.issuer.is_of_response(iss) => return Ok(()),
            Some(_) => CallbackFault::Issuer,
            None if metadata.always_sends_issuer => CallbackFault::NoIssuer,
            None => return Ok(()),
        };
        Err(FederationError::Callback(fault))
    }

    async fn by_id_token(
        &self,
        openid: &OpenId,
        sign_in: &SignIn<'_>,
    ) -> Result<ExternalIdentity, FederationError> {
        let refused = |fault| FederationError::refused(Endpoint::Token, fault);
        let token = sign_in.tokens.id.as_ref();
        let token = token.ok_or_else(|| refused(Fault::NoIdToken))?;
        let token = Unverified::read(token, &openid.algorithms).map_err(refused)?;
        let (claims, key_issuer) = self.verified(&token, sign_in).await?;
        let claims = Members::of(&claims).map_err(refused)?;
        let expected = Expected {
            issuer: &self.provider.issuer,
            key_issuer: key_issuer.as_deref(),
            client_id: &self.provider.client_id,
            trusted_audiences: &openid.trusted_audiences,
            nonce: sign_in.nonce,
            access_token: &sign_in.tokens.access,
            algorithm: token.algorithm,
            max_age: sign_in.options.max_age,
            now: sign_in.clock.now(),
        };
        let verified = expected.check(claims).map_err(refused)?;
        let is_hosted = self.hosted_domain(openid, claims).map_err(refused)?;
        let stated = Claims::standard(claims, openid.verified);
        let stated = self.completed(stated, &verified, openid, sign_in).await?;
        Ok(self.identity(verified, stated, is_hosted))
    }

    /// Whether the account belongs to a Google Workspace domain; to the right one, if one is
    /// configured.
    fn hosted_domain(&self, openid: &OpenId, claims: Members<'_>) -> Result<bool, Fault> {
        if self.provider.email != EmailRule::Google && openid.hosted_domain.is_none() {
            return Ok(false);
        }
        let domain = claims.some_text("hd")?.filter(|domain| !domain.is_empty());
        match &openid.hosted_domain {
            Some(required) if domain != Some(required) => Err(Fault::HostedDomain),
            _ => Ok(domain.is_some()),
        }
    }

    /// The claims of a token whose signature is right, and whose key it was.
    async fn verified(
        &self,
        token: &Unverified<'_>,
        sign_in: &SignIn<'_>,
    ) -> Result<(Value, Option<String>), FederationError> {
        let refused = |fault| FederationError::refused(Endpoint::Token, fault);
        let url = sign_in.metadata.keys()?;
        let fetch = || {
            let (fetcher, url) = (self.fetcher.clone(), url.clone());
            async move {
                let answer = fetcher.ok(Endpoint::Keys, HttpRequest::get(url)).await?;
                let refused = |fault| FederationError::refused(Endpoint::Keys, fault);
                KeySet::read(&answer).map_err(refused)
            }
        };
        let mut keys = self.keys.value(sign_in.clock, fetch()).await?;
        let mut found = keys.find(token.kid.as_deref(), token.algorithm);
        if matches!(found, Err(Fault::UnknownKey)) {
            // The provider may have changed its keys.
            let newer = self.keys.newer(&keys, sign_in.clock, fetch()).await?;
            keys = newer.ok_or_else(|| refused(Fault::UnknownKey))?;
            found = keys.find(token.kid.as_deref(), token.algorithm);
        }
        let key = found.map_err(refused)?;
        let claims = token.verify(key).map_err(refused)?;
        Ok((claims, key.issuer.clone()))
    }

    /// Adds what the user-info endpoint says, if it is asked.
    async fn completed(
        &self,
        stated: Claims,
        verified: &Verified,
        openid: &OpenId,
        sign_in: &SignIn<'_>,
    ) -> Result<Claims, FederationError> {
        let metadata = sign_in.metadata;
        let is_asked = match openid.user_info {
            UserInfoUse::Never => false,
            UserInfoUse::IfNoEmail => stated.email.is_none() && metadata.user_info.is_some(),
            UserInfoUse::Always => true,
        };
        if !is_asked {
            return Ok(stated);
        }
        let (url, token) = (metadata.user_info()?.clone(), &sign_in.tokens.access);
        let answer = user_info::ask(&self.fetcher, Endpoint::UserInfo, url, token).await?;
        let more = user_info::standard(&answer, &verified.subject, openid.verified);
        let refused = |fault| FederationError::refused(Endpoint::UserInfo, fault);
        Ok(stated.or(more.map_err(refused)?))
    }

    async fn by_user_info(
        &self,
        oauth2: &OAuth2,
        metadata: &Metadata,
        tokens: Tokens,
    ) -> Result<Person, FederationError> {
        let (endpoint, url) = (Endpoint::UserInfo, metadata.user_info()?.clone());
        let answer = user_info::ask(&self.fetcher, endpoint, url, &tokens.access).await?;
        let mapped = user_info::mapped(&answer, &oauth2.mapping);
        let (subject, claims) =
            mapped.map_err(|fault| FederationError::refused(endpoint, fault))?;
        let verified = Verified {
            issuer: self.provider.issuer.of_metadata(),
            subject,
            auth_time: None,
        };
        let access_token = tokens.access;
        Ok(Person {
            identity: self.identity(verified, claims, false),
            addresses: oauth2
                .emails
                .clone()
                .map(|url| Addresses { url, access_token }),
        })
    }

    fn identity(&self, verified: Verified, claims: Claims, is_hosted: bool) -> ExternalIdentity {
        let (email, email_is_verified) = self.provider.email.judge(&claims, is_hosted);
        ExternalIdentity {
            provider: self.provider.id.clone(),
            issuer: verified.issuer,
            subject: verified.subject,
            email,
            email_is_verified,
            name: claims.name,
            auth_time: verified.auth_time,
        }
    }

    async fn metadata(&self, clock: &dyn Clock) -> Result<Arc<Metadata>, FederationError> {
        if let Source::Fixed(metadata) = &self.provider.source {
            return Ok(Arc::clone(metadata));
        }
        let (fetcher, provider) = (self.fetcher.clone(), Arc::clone(&self.provider));
        let fetch = async move {
            let refused = |fault| FederationError::refused(Endpoint::Discovery, fault);
            let url =
                super::address::endpoint(&provider.issuer.discovery(), provider.allows_private);
            let url = url.map_err(|fault| refused(fault.into()))?;
            let answer = fetcher
                .ok(Endpoint::Discovery, HttpRequest::get(url))
                .await?;
            let issuer = provider.issuer.of_metadata();
            Metadata::read(&answer, &issuer, provider.allows_private).map_err(refused)
        };
        self.metadata.value(clock, fetch).await
    }
}

/// Whom a provider has identified.
pub(crate) struct Person {
    /// The identity. Without an address if that is to be asked for.
    pub(crate) identity: ExternalIdentity,
    addresses: Option<Addresses>,
}

/// Where the addresses of a person are.
struct Addresses {
    url: Url,
    access_token: Zeroizing<String>,
}

/// One sign-in with an OpenID provider.
struct SignIn<'a> {
    metadata: &'a Metadata,
    tokens: &'a Tokens,
    options: &'a AuthorizationOptions,
    nonce: &'a str,
    clock: &'a dyn Clock,
}

impl fmt::Debug for RelyingParty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelyingParty")
            .field("provider", &self.provider.id)
            .finish_non_exhaustive()
    }
}
