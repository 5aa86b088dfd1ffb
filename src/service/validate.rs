//! Checking access tokens, and the proof that one was checked.

use std::sync::Arc;

use super::report::Trail;
use super::{AuthService, RequestContext};
use crate::authz::Permission;
use crate::clock::Clock;
use crate::config::AuthConfig;
use crate::error::AuthError;
use crate::event::Operation;
use crate::metrics;
use crate::session::Session;
use crate::store::{SessionStore, UserStore};
use crate::time::Timestamp;
use crate::user::{Profile, User, UserStatus};

/// The proof that a live access token was presented: only
/// [`AuthService::validate_token`] makes one. It holds the user and the
/// session as they were at that moment, and does not follow what happens to
/// them later: make one for each request, and do not keep it.
#[derive(Clone, Debug)]
pub struct Authenticated {
    user: User,
    session: Session,
    config: Arc<AuthConfig>,
}

impl Authenticated {
    /// The user.
    #[must_use]
    pub fn user(&self) -> &User {
        &self.user
    }

    /// The session that the token belongs to.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// What the user sees of the own account.
    #[must_use]
    pub fn profile(&self) -> Profile {
        Profile::of(&self.user, &self.config.onboarding)
    }

    /// Whether one of the user's roles grants `permission`.
    #[must_use]
    pub fn has_permission(&self, permission: &Permission) -> bool {
        self.config.roles.allows(&self.user.roles, permission)
    }

    /// Denies unless one of the user's roles grants `permission` (ASVS 8.2.1).
    /// Roles are as in the store when the token was checked, so a role that
    /// was taken away is gone at the next request (ASVS 8.3.2).
    ///
    /// # Errors
    ///
    /// [`AuthError::Forbidden`].
    pub fn require_permission(&self, permission: &Permission) -> Result<(), AuthError> {
        if self.has_permission(permission) {
            Ok(())
        } else {
            Err(AuthError::Forbidden)
        }
    }
}

/// Whether `session` and `user` belong together and may be used at `now`. A
/// store gives back live sessions only; one that does not changes nothing.
pub(super) fn is_usable(session: &Session, user: &User, now: Timestamp) -> bool {
    user.status == UserStatus::Active
        && session.is_live(now)
        && session.user_id == user.id
        && session.auth_epoch == user.auth_epoch
}

impl<S: UserStore + SessionStore, C: Clock> AuthService<S, C> {
    /// Checks an access token: its signature and claims, then that its session
    /// is live and its user may be used (ASVS 7.2.1). So a logout, a change of
    /// password, a disabled account and a removed role act at the next request.
    ///
    /// # Errors
    ///
    /// [`AuthError::InvalidToken`] whatever is wrong with the token;
    /// [`AuthError::Store`] when that cannot be found out.
    pub async fn validate_token(
        &self,
        token: &str,
        context: &RequestContext,
    ) -> Result<Authenticated, AuthError> {
        let mut trail = Trail::default();
        let result = self.try_validate(token, &mut trail).await;
        if result.is_ok() {
            metrics::unreported(Operation::ValidateToken, trail.since);
        } else {
            self.report(Operation::ValidateToken, &trail, context, &result);
        }
        result
    }

    async fn try_validate(
        &self,
        token: &str,
        trail: &mut Trail,
    ) -> Result<Authenticated, AuthError> {
        let claims = self.verify_offline(token)?;
        trail.user_id = Some(claims.sub);
        trail.session_id = Some(claims.sid);
        let store = &self.inner.store;
        let now = self.now();
        // Not `try_join`: it would drop the one that is still under way.
        let (session, user) = tokio::join!(store.session(claims.sid, now), store.user(claims.sub),);
        match (session?, user?) {
            (Some(session), Some(user))
                if session.id == claims.sid
                    && user.id == claims.sub
                    && is_usable(&session, &user, now)
                    && claims.epoch == user.auth_epoch =>
            {
                Ok(Authenticated {
                    user,
                    session,
                    config: Arc::clone(&self.inner.config),
                })
            }
            _ => Err(AuthError::InvalidToken),
        }
    }
}
