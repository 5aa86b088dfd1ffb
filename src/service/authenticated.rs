//! The proof that an access token was checked.

use std::sync::Arc;
use std::time::Duration;

#[cfg(doc)]
use super::AuthService;
use super::HeldSession;
use crate::authz::Permission;
use crate::config::AuthConfig;
use crate::error::AuthError;
use crate::profile::Profile;
use crate::proof::{Assurance, Method};
use crate::session::Session;
use crate::store::LiveSession;
use crate::time::Timestamp;
use crate::user::User;

/// The proof that a live access token was presented: only
/// [`AuthService::validate_token`] and [`AuthService::recheck`] make one that a service accepts. It
/// holds the user and the session as they were at that moment, or by
/// [`SessionCheck::Cached`] a stated time before, and does not follow what
/// happens to them later. A minute later the service reads both again, for reads
/// too. Make one for each request; what lives longer, such as
/// a socket or a job, renews it by [`AuthService::recheck`].
///
/// It belongs to the service that made it and to that service's clones. Every
/// other service refuses it with [`AuthError::InvalidToken`].
///
/// [`SessionCheck::Cached`]: crate::config::SessionCheck::Cached
#[derive(Clone, Debug)]
pub struct Authenticated {
    pub(super) live: Arc<LiveSession>,
    pub(super) checked_at: Timestamp,
    /// The settings of the service that made it. No other service has this
    /// allocation, so it also tells which one that was.
    pub(super) config: Arc<AuthConfig>,
    /// Whether a provider can prove who the user is, when that is required.
    pub(super) has_proving_provider: bool,
}

impl Authenticated {
    /// What a handler gets after a check of `user` and `session` at `checked_at`, to test the
    /// handler without a service. Roles grant what `config` says.
    ///
    /// No service has made it, so that every service refuses it with
    /// [`AuthError::InvalidToken`], even if a program is built with this feature by accident.
    /// Neither the session's lifetime nor the account's status is checked.
    /// [`Person::authenticated`](crate::test_util::Person::authenticated) makes both records.
    #[cfg(feature = "test-util")]
    #[must_use]
    pub fn for_test(
        user: User,
        session: Session,
        config: &AuthConfig,
        checked_at: Timestamp,
    ) -> Self {
        let user = Arc::new(user);
        Self {
            live: Arc::new(LiveSession { user, session }),
            checked_at,
            config: Arc::new(config.clone()),
            has_proving_provider: true,
        }
    }

    /// The user.
    #[must_use]
    pub fn user(&self) -> &User {
        &self.live.user
    }

    /// The user, shared.
    pub(super) fn shared_user(&self) -> Arc<User> {
        Arc::clone(&self.live.user)
    }

    /// The session that the token belongs to.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.live.session
    }

    /// When the account and the session were last known to be as they are here.
    #[must_use]
    pub fn checked_at(&self) -> Timestamp {
        self.checked_at
    }

    /// The session, identified by the tokens that the caller holds.
    pub(super) fn held(&self) -> HeldSession {
        HeldSession::new(self.user().id, self.session().id)
    }

    /// What the user sees of their own account.
    #[must_use]
    pub fn profile(&self) -> Profile {
        Profile::of(self.user(), &self.config)
    }

    /// Whether one of the user's roles grants `permission`.
    #[must_use]
    pub fn has_permission(&self, permission: &Permission) -> bool {
        self.config.roles.allows(&self.user().roles, permission)
    }

    /// Requires that the owner proved who they are within the last `max_age` before the
    /// token was checked, for operations that a stolen or unattended session must not perform
    /// (ASVS 7.5.3). A refresh is not a proof; [`AuthService::reauthenticate`] takes a new one.
    ///
    /// # Errors
    ///
    /// [`AuthError::RecentLoginRequired`] with the methods of the account.
    pub fn require_recent_login(&self, max_age: Duration) -> Result<(), AuthError> {
        self.require_assurance(Assurance::Aal1, max_age)
    }

    /// Requires proofs of the last `max_age` before the token was checked that together reach
    /// `assurance`. [`AuthService::reauthenticate`] takes a new one.
    ///
    /// # Errors
    ///
    /// [`AuthError::RecentLoginRequired`] with the methods that lack a recent proof: those of
    /// the account that this crate checks, and those that the session has proved, except
    /// proofs that the [application brought](AuthService::open_session) and those of providers
    /// that do not state when people authenticated. The application adds its second factors
    /// that the session has never proved. `methods` is empty if the session lacks nothing but a
    /// second factor, and if the account has neither a password nor a provider that states
    /// when people authenticated: its owner sets a password by
    /// [`forgot_password`](AuthService::forgot_password).
    pub fn require_assurance(
        &self,
        assurance: Assurance,
        max_age: Duration,
    ) -> Result<(), AuthError> {
        let session = self.session();
        let recent = session.proofs.recent(max_age, self.checked_at);
        if recent.assurance() >= Some(assurance) {
            return Ok(());
        }
        let proven = recent.methods();
        let mut methods = self.user().methods();
        methods.extend(session.proofs.methods());
        let is_checked_here = |method: &Method| match method {
            Method::External(_) => false,
            Method::Federation => self.has_proving_provider,
            _ => true,
        };
        methods.retain(|method| !proven.contains(method) && is_checked_here(method));
        methods.sort_unstable();
        methods.dedup();
        Err(AuthError::RecentLoginRequired { methods })
    }

    /// How sure it is that the session is of the owner of the account: the level that its
    /// proofs reach, or `None` if a later version opened it by methods that are unknown here.
    #[must_use]
    pub fn assurance(&self) -> Option<Assurance> {
        self.session().proofs.assurance()
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

    /// Denies unless the address of the account is verified.
    ///
    /// # Errors
    ///
    /// [`AuthError::NotVerified`].
    pub fn require_verified(&self) -> Result<(), AuthError> {
        match self.user().is_verified {
            true => Ok(()),
            false => Err(AuthError::NotVerified),
        }
    }
}
