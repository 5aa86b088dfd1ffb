//! Sessions for a proof that the application brings.

use std::sync::Arc;

use super::door::Entry;
use super::operation::{Subject, Trail};
use super::{AuthService, LoginResponse, RequestContext};
use crate::clock::Clock;
use crate::error::AuthError;
use crate::event::Operation;
use crate::id::UserId;
use crate::proof::{ExternalMethod, Method, Proof};
use crate::session::SessionLength;
use crate::store::Store;
use crate::user::UserStatus;

/// Requests a session for a proof that the application has checked, such as a SAML assertion
/// or a smart card.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct OpenSession {
    /// The name of the proof, in the session and in the claim `amr`.
    pub method: ExternalMethod,
    /// The lifetime. By default the usual one.
    pub length: SessionLength,
    /// `true` to open a session also of an account whose address is not verified. By default
    /// `false`.
    pub accepts_unverified: bool,
}

impl OpenSession {
    /// A session of the usual lifetime, of a verified account.
    #[must_use]
    pub fn new(method: ExternalMethod) -> Self {
        Self {
            method,
            length: SessionLength::Usual,
            accepts_unverified: false,
        }
    }

    /// Accepts an account whose address is not verified. Use it when the application
    /// identifies the owner by something other than the address.
    #[must_use]
    pub fn accept_unverified(mut self) -> Self {
        self.accepts_unverified = true;
        self
    }
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Opens a session of `user` for a proof that the application has checked just now.
    ///
    /// The application answers for the proof: that it is fresh, is used once, and is about
    /// this account. Equal addresses are no proof: anyone can register an address that is not
    /// theirs, so an account whose address is not verified is refused, unless the service has
    /// no mailer and no address can be verified. Where an identity provider is the authority
    /// for its addresses, as a school is for those of its pupils,
    /// [remove such an account](Self::remove_unverified_user), and
    /// [create](Self::create_user) one that is verified in its place.
    ///
    /// Otherwise it behaves like a login: a disabled account is refused, a second factor is
    /// required, the owner is notified of a new device, the oldest sessions beyond the cap end.
    /// The proof never counts as recent: what requires a
    /// [recent login](super::Authenticated::require_recent_login) requires the password or a
    /// second factor. An account without a password has neither until its owner sets one by a
    /// link of [`forgot_password`](Self::forgot_password): it cannot be deleted by its owner, for
    /// example. An administrator's session has all permissions of the account, unless
    /// [`recent_login_for_administration`](crate::config::AuthConfig::recent_login_for_administration)
    /// is set. The lockout after wrong passwords does not apply, and calls are not
    /// counted against any limit.
    ///
    /// ```
    /// # use admittance::{AuthService, MemoryStore, error::AuthError, id::UserId, service::RequestContext};
    /// use admittance::proof::ExternalMethod;
    /// use admittance::service::OpenSession;
    ///
    /// # async fn signed_in_by_saml(
    /// #     auth: &AuthService<MemoryStore>,
    /// #     user: UserId,
    /// #     context: &RequestContext,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let saml = ExternalMethod::new("x-saml")?;
    /// let opened = auth.open_session(user, OpenSession::new(saml), context).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`AuthError::NotFound`]; [`AuthError::AccountDisabled`]; [`AuthError::NotVerified`];
    /// [`AuthError::InvalidCredentials`] if the account changes meanwhile;
    /// [`AuthError::SecondFactorRequired`], with a ticket for
    /// [`prove_second_factor`](Self::prove_second_factor); [`AuthError::Unavailable`];
    /// [`AuthError::Store`].
    pub async fn open_session(
        &self,
        user: UserId,
        request: OpenSession,
        context: &RequestContext,
    ) -> Result<LoginResponse, AuthError> {
        let open =
            async move |service: Self, trail: Trail| service.open_for(user, request, &trail).await;
        let (kind, subject) = (Operation::OpenSession, Subject::account(user));
        self.operation(kind, subject, context, open).await
    }

    async fn open_for(
        &self,
        user: UserId,
        request: OpenSession,
        trail: &Trail,
    ) -> Result<LoginResponse, AuthError> {
        let user = trail.unless_gone(self.inner.store.user(user)).await?;
        let Some(user) = user.map(Arc::new) else {
            trail.about(None);
            return Err(AuthError::NotFound);
        };
        if user.status != UserStatus::Active {
            return Err(AuthError::AccountDisabled);
        }
        if !request.accepts_unverified {
            self.can_be_trusted(&user)?;
        }
        let user = self.call_due_hooks(user, trail).await;
        let now = self.now();
        let proof = Proof {
            method: Method::External(request.method),
            at: now,
        };
        let entry = Entry::sign_in(&user, proof, now).of_length(request.length);
        let (session, tokens) = self.enter(entry, trail).await?;
        self.open(&session).await?;
        self.finish_login(&user, session, tokens, trail).await
    }
}
