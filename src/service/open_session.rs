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
}

impl OpenSession {
    /// A session of the usual lifetime.
    #[must_use]
    pub fn new(method: ExternalMethod) -> Self {
        Self {
            method,
            length: SessionLength::Usual,
        }
    }
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Opens a session of `user` for a proof that the application has checked just now.
    ///
    /// The application answers for the proof: that it is fresh, is used once, and is about
    /// this account. Equal addresses are no proof: anyone can register an address that is not
    /// theirs, so link an account only in a session of it or after its password.
    ///
    /// All else is as after a login: a disabled account is refused, a second factor is
    /// demanded, a new device is told to the owner, the oldest sessions beyond the cap end.
    /// The proof never counts as recent: what requires a
    /// [recent login](super::Authenticated::require_recent_login) requires the password or a
    /// second factor. The lockout after wrong passwords does not apply, and calls are not
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
    /// [`AuthError::InvalidCredentials`] if the account is not active or does not exist;
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
        let user = user.filter(|user| user.status == UserStatus::Active);
        let user = Arc::new(user.ok_or(AuthError::InvalidCredentials)?);
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
