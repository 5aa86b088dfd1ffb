//! What an application's own handlers do with sessions in cookies.

use std::net::IpAddr;

use http::{HeaderMap, HeaderValue, Method, header};

use super::cookie::CookieError;
use super::problem::Problem;
use super::{AuthApi, CookieConfig, origin, request, transport};
use crate::clock::Clock;
use crate::error::AuthError;
use crate::service::{HeldSession, LogoutResponse, RefreshRequest, RequestContext, Tokens};
use crate::store::Store;

impl<S: Store, C: Clock> AuthApi<S, C> {
    /// Where a request came from, as the endpoints see it, for the calls of a handler of the
    /// application's: the client's address by
    /// [`trusted_proxies`](super::HttpConfig::trusted_proxies), its `User-Agent`, and the session
    /// in its cookies, which ends once the call has opened another one.
    ///
    /// Limits count by the address: a handler that passes
    /// [`RequestContext::default`](crate::RequestContext) counts all its clients as one. In
    /// axum the extractor `axum::ClientContext` gives it.
    #[must_use]
    pub fn request_context(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> RequestContext {
        let context = request::context(headers, peer, &self.config);
        match self.held_in_cookies(headers) {
            Some(session) => context.replacing(session),
            None => context,
        }
    }

    /// The session that the cookies of a request belong to, live or not.
    pub(super) fn held_in_cookies(&self, headers: &HeaderMap) -> Option<HeldSession> {
        let by_refresh_token = || {
            let token = transport::held_refresh_token(headers, &self.config).ok()??;
            self.service.session_of(&token).ok()
        };
        let by_access_token = || {
            let token = transport::cookie_token(headers, &self.config).ok()??;
            self.service.session_of_access_token(&token).ok()
        };
        by_refresh_token().or_else(by_access_token)
    }

    /// Adds the cookies of the session `tokens` to the headers of an answer, and
    /// `Cache-Control: no-store`, as the endpoints do: for a handler of the application's that
    /// opens a session, such as one that takes a form. Do not put the tokens into the body as
    /// well.
    ///
    /// The handler first checks by [`require_own_page`](Self::require_own_page) that a page of
    /// another site does not log its visitor in to somebody else's account.
    ///
    /// ```
    /// use admittance::axum::{ClientContext, Problem};
    /// use admittance::http::{AuthApi, safe_next};
    /// use admittance::{LoginRequest, store::Store};
    /// use axum::Form;
    /// use axum::extract::State;
    /// use axum::extract::rejection::FormRejection;
    /// use axum::http::{HeaderMap, Method};
    /// use axum::response::{Html, IntoResponse, Redirect, Response};
    /// use serde::Deserialize;
    ///
    /// // What a browser sends of a form: a box that is not ticked is absent.
    /// #[derive(Deserialize)]
    /// struct SignIn {
    ///     email: String,
    ///     password: String,
    ///     remember: Option<String>,
    ///     next: Option<String>,
    /// }
    ///
    /// async fn sign_in<S: Store>(
    ///     State(api): State<AuthApi<S>>,
    ///     method: Method,
    ///     headers: HeaderMap,
    ///     ClientContext(here): ClientContext,
    ///     form: Result<Form<SignIn>, FormRejection>,
    /// ) -> Result<Response, Problem> {
    ///     api.require_own_page(&method, &headers)?;
    ///     let Form(form) = form?;
    ///     let request = LoginRequest {
    ///         email: form.email,
    ///         password: form.password.into(),
    ///         remember: Some(form.remember.is_some()),
    ///     };
    ///     let opened = match api.service().login(request, &here).await {
    ///         Ok(opened) => opened,
    ///         Err(error) => {
    ///             // Its message has nothing that the client has sent, and no HTML.
    ///             let problem = Problem::from(error);
    ///             let page = Html(format!("<p>{}</p> <form>…</form>", problem.message()));
    ///             return Ok((problem.status(), page).into_response());
    ///         }
    ///     };
    ///     let mut answer = HeaderMap::new();
    ///     api.keep(&opened.tokens, &mut answer)?;
    ///     let next = form.next.as_deref().and_then(safe_next).unwrap_or("/");
    ///     Ok((answer, Redirect::to(next)).into_response())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`CookieError`]; then nothing is added.
    pub fn keep(&self, tokens: &Tokens, headers: &mut HeaderMap) -> Result<(), CookieError> {
        self.cookies()?.keep(tokens, headers)?;
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(())
    }

    /// Ends the session that the cookies of a request belong to, as `POST /logout` does, also
    /// if its access token has expired. Returns whether there was one that was live.
    ///
    /// ```
    /// use admittance::axum::{ClientContext, Problem};
    /// use admittance::http::AuthApi;
    /// use admittance::store::Store;
    /// use axum::extract::State;
    /// use axum::http::{HeaderMap, Method};
    /// use axum::response::{IntoResponse, Redirect, Response};
    ///
    /// async fn sign_out<S: Store>(
    ///     State(api): State<AuthApi<S>>,
    ///     method: Method,
    ///     headers: HeaderMap,
    ///     ClientContext(here): ClientContext,
    /// ) -> Result<Response, Problem> {
    ///     api.require_own_page(&method, &headers)?;
    ///     api.log_out(&headers, &here).await?;
    ///     let mut answer = HeaderMap::new();
    ///     api.forget(&mut answer)?;
    ///     Ok((answer, Redirect::to("/")).into_response())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`AuthError::Store`]: the session may not have ended.
    pub async fn log_out(
        &self,
        headers: &HeaderMap,
        context: &RequestContext,
    ) -> Result<bool, AuthError> {
        let token = transport::held_refresh_token(headers, &self.config);
        if let Ok(Some(refresh_token)) = token {
            let request = RefreshRequest { refresh_token };
            let ended = self.service.logout_by_refresh_token(request, context).await;
            if is_ended(ended)? {
                return Ok(true);
            }
        }
        let Ok(Some(token)) = transport::cookie_token(headers, &self.config) else {
            return Ok(false);
        };
        let ended = match self
            .service
            .validate_token(token.expose_secret(), context)
            .await
        {
            Ok(auth) => self.service.logout(&auth, context).await,
            Err(error) => Err(error),
        };
        is_ended(ended)
    }

    /// Adds what has a browser forget its session to the headers of an answer, as
    /// `POST /logout` does: expired cookies, and `Clear-Site-Data` (ASVS 14.3.1). It does not
    /// end the session: [`log_out`](Self::log_out) does.
    ///
    /// # Errors
    ///
    /// [`CookieError::Off`]; then nothing is added.
    pub fn forget(&self, headers: &mut HeaderMap) -> Result<(), CookieError> {
        self.cookies()?.forget(headers)?;
        transport::clear_site_data(headers);
        Ok(())
    }

    /// Refuses a request that may change something unless a page of this server or of
    /// [`allowed_origins`](super::HttpConfig::allowed_origins) made it, as the endpoints do for
    /// requests with cookies (ASVS 3.5.1). A request that does not tell where it comes from is
    /// refused too.
    ///
    /// # Errors
    ///
    /// The [`Problem`] to answer with: 403 `forbidden`.
    pub fn require_own_page(&self, method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
        origin::require_own_page(method, headers, &self.config)
    }

    fn cookies(&self) -> Result<&CookieConfig, CookieError> {
        self.config.cookies.as_ref().ok_or(CookieError::Off)
    }
}

/// Whether a session ended. A token that is dead is no error.
fn is_ended(ended: Result<LogoutResponse, AuthError>) -> Result<bool, AuthError> {
    match ended {
        Ok(_) => Ok(true),
        Err(AuthError::InvalidToken) => Ok(false),
        Err(error) => Err(error),
    }
}
