//! Who makes a request: its credential is checked, and the identity is kept for the request.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::{Extensions, HeaderMap, Method};
use subtle::ConstantTimeEq;

use super::problem::{Problem, ProblemCode};
use super::transport::{self, Credential, Transport};
use super::{AuthApi, request};
use crate::clock::Clock;
use crate::secret::AccessToken;
use crate::service::{Authenticated, RequestContext};
use crate::store::Store;

impl<S: Store, C: Clock> AuthApi<S, C> {
    /// The user behind the request with this method and these headers.
    ///
    /// # Errors
    ///
    /// The [`Problem`] to answer with: 401 unless a live access token is there;
    /// 403 when it is in a cookie and the request, made by a page of another
    /// site, could change something.
    pub async fn authenticate(
        &self,
        method: &Method,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Result<Authenticated, Problem> {
        let nothing = &mut Extensions::new();
        Authenticate::authenticate(self, method, headers, peer, nothing).await
    }

    /// The same, or `None` when the request has no access token at all, or only a
    /// dead one in a cookie and changes nothing: a browser cannot help sending it.
    ///
    /// # Errors
    ///
    /// As for [`authenticate`](Self::authenticate): any other token that is there
    /// and not live is refused, so that a client that thinks it is logged in is
    /// told that it is not.
    pub async fn authenticate_optional(
        &self,
        method: &Method,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Result<Option<Authenticated>, Problem> {
        let nothing = &mut Extensions::new();
        Authenticate::authenticate_optional(self, method, headers, peer, nothing).await
    }

    /// The user behind the request, and how the token came.
    pub(super) async fn caller(
        &self,
        method: &Method,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Result<Option<(Authenticated, Transport)>, Problem> {
        let nothing = &mut Extensions::new();
        self.identify(method, headers, peer, nothing).await
    }

    /// The same, by what `extensions` keep of the request if they do. What the method and the
    /// headers have to be is checked each time; only the store is not read again.
    async fn identify(
        &self,
        method: &Method,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
        extensions: &mut Extensions,
    ) -> Result<Option<(Authenticated, Transport)>, Problem> {
        let Some(credential) = transport::credential(method, headers, &self.config)? else {
            return Ok(None);
        };
        let Credential { token, transport } = credential;
        let kept = extensions.get::<Kept>();
        if let Some(kept) =
            kept.filter(|kept| kept.is_of(&token) && self.service.has_made(&kept.user))
        {
            return Ok(Some((kept.user.clone(), transport)));
        }
        let context = request::context(headers, peer, &self.config);
        let checked = self.service.validate_token(token.expose_secret(), &context);
        let user = checked.await?;
        extensions.insert(Kept {
            token,
            user: user.clone(),
        });
        Ok(Some((user, transport)))
    }
}

/// An identity that was resolved for a request, and the token that it belongs to: another
/// token, which a middleware has put in its place, is checked anew.
#[derive(Clone)]
struct Kept {
    token: AccessToken,
    user: Authenticated,
}

impl Kept {
    fn is_of(&self, token: &AccessToken) -> bool {
        let (kept, token) = (self.token.expose_secret(), token.expose_secret());
        kept.as_bytes().ct_eq(token.as_bytes()).into()
    }
}

/// Checks tokens for an application's own routes, whatever the service's type
/// parameters are. Cheap to clone.
#[derive(Clone)]
pub struct Authenticator(Arc<dyn Authenticate>);

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authenticator")
    }
}

impl Authenticator {
    /// As [`AuthApi::authenticate`].
    ///
    /// # Errors
    ///
    /// The [`Problem`] to answer with.
    pub async fn authenticate(
        &self,
        method: &Method,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Result<Authenticated, Problem> {
        let nothing = &mut Extensions::new();
        self.authenticate_once(method, headers, peer, nothing).await
    }

    /// As [`AuthApi::authenticate_optional`].
    ///
    /// # Errors
    ///
    /// The [`Problem`] to answer with.
    pub async fn authenticate_optional(
        &self,
        method: &Method,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Result<Option<Authenticated>, Problem> {
        let nothing = &mut Extensions::new();
        self.authenticate_optional_once(method, headers, peer, nothing)
            .await
    }

    /// As [`authenticate`](Self::authenticate), and keeps the identity in the extensions of
    /// the request, so that the next call with these extensions and the same token does not
    /// read the store again. Everything else is checked each time.
    ///
    /// # Errors
    ///
    /// As for [`authenticate`](Self::authenticate). A refusal is not kept.
    pub async fn authenticate_once(
        &self,
        method: &Method,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
        extensions: &mut Extensions,
    ) -> Result<Authenticated, Problem> {
        let Self(api) = self;
        api.authenticate(method, headers, peer, extensions).await
    }

    /// As [`authenticate_optional`](Self::authenticate_optional), and keeps the identity as
    /// [`authenticate_once`](Self::authenticate_once) does.
    ///
    /// # Errors
    ///
    /// As for [`authenticate`](Self::authenticate). A refusal is not kept.
    pub async fn authenticate_optional_once(
        &self,
        method: &Method,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
        extensions: &mut Extensions,
    ) -> Result<Option<Authenticated>, Problem> {
        let Self(api) = self;
        api.authenticate_optional(method, headers, peer, extensions)
            .await
    }

    /// The peer of a request with these extensions, as [`AuthApi::peer`] returns it.
    #[must_use]
    pub fn peer(&self, extensions: &Extensions) -> Option<IpAddr> {
        self.0.peer(extensions)
    }

    /// Where a request came from, as [`AuthApi::request_context`] returns it.
    #[must_use]
    pub fn request_context(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> RequestContext {
        self.0.request_context(headers, peer)
    }
}

impl<S: Store, C: Clock> From<&AuthApi<S, C>> for Authenticator {
    fn from(api: &AuthApi<S, C>) -> Self {
        Self(Arc::new(api.clone()))
    }
}

#[async_trait::async_trait]
trait Authenticate: Send + Sync {
    async fn authenticate(
        &self,
        method: &Method,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
        extensions: &mut Extensions,
    ) -> Result<Authenticated, Problem>;

    async fn authenticate_optional(
        &self,
        method: &Method,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
        extensions: &mut Extensions,
    ) -> Result<Option<Authenticated>, Problem>;

    fn peer(&self, extensions: &Extensions) -> Option<IpAddr>;

    fn request_context(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> RequestContext;
}

#[async_trait::async_trait]
impl<S: Store, C: Clock> Authenticate for AuthApi<S, C> {
    async fn authenticate(
        &self,
        method: &Method,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
        extensions: &mut Extensions,
    ) -> Result<Authenticated, Problem> {
        let caller = self.identify(method, headers, peer, extensions).await?;
        let (user, _) = caller.ok_or_else(Problem::no_token)?;
        Ok(user)
    }

    async fn authenticate_optional(
        &self,
        method: &Method,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
        extensions: &mut Extensions,
    ) -> Result<Option<Authenticated>, Problem> {
        match self.identify(method, headers, peer, extensions).await {
            Ok(caller) => Ok(caller.map(|(user, _)| user)),
            Err(problem)
                if problem.kind() == Some(ProblemCode::InvalidToken)
                    && transport::may_be_anonymous(method, headers) =>
            {
                Ok(None)
            }
            Err(problem) => Err(problem),
        }
    }

    fn peer(&self, extensions: &Extensions) -> Option<IpAddr> {
        AuthApi::peer(self, extensions)
    }

    fn request_context(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> RequestContext {
        AuthApi::request_context(self, headers, peer)
    }
}
