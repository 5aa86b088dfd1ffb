//! The identities of an account: its owner lists and unlinks them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::RECENT;
use crate::clock::Clock;
use crate::error::AuthError;
use crate::event::Operation;
use crate::id::IdentityId;
use crate::identity::Identity;
use crate::mail::MailKind;
use crate::proof::Method;
use crate::service::account::IdentityView;
use crate::service::operation::{By, Trail};
use crate::service::{AuthService, Authenticated, RequestContext};
use crate::store::Store;
use crate::user::User;

/// How often the sessions to end are looked for.
const ROUNDS: usize = 3;

/// The accounts at other providers that a user signs in with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct IdentityList {
    /// The oldest first.
    pub identities: Vec<IdentityView>,
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// The caller's identities, as they were when the token was checked.
    ///
    /// # Errors
    ///
    /// [`AuthError::InvalidToken`] when another service made `auth`.
    pub fn identities(&self, auth: &Authenticated) -> Result<IdentityList, AuthError> {
        if !self.has_made(auth) {
            return Err(AuthError::InvalidToken);
        }
        let identities = auth.user().identities.iter().map(IdentityView::from);
        Ok(IdentityList {
            identities: identities.collect(),
        })
    }

    /// Unlinks one of the caller's identities, unless it is the last way in; an identity of a
    /// provider that is not configured is none. Requires a login of the last ten minutes; a
    /// sign-in with a provider counts only if the provider states when the person
    /// authenticated. Other sessions that were opened by a provider end, and the owner is told
    /// by mail.
    ///
    /// # Errors
    ///
    /// [`AuthError::NotFound`]; [`AuthError::LastCredential`];
    /// [`AuthError::RecentLoginRequired`], also if the session lacks the account's second
    /// factor; [`AuthError::Unavailable`] if that fails; [`AuthError::RateLimited`];
    /// [`AuthError::Store`], after which the identity may be unlinked and the other sessions may
    /// go on.
    pub async fn unlink_identity(
        &self,
        auth: &Authenticated,
        identity: IdentityId,
        context: &RequestContext,
    ) -> Result<(), AuthError> {
        let unlink = async move |service: Self, auth: Authenticated, trail: Trail| {
            service.unlink(&auth, identity, &trail).await
        };
        let (kind, by) = (Operation::UnlinkIdentity, By::owner(auth).counted());
        self.acting(kind, by, context, unlink).await
    }

    async fn unlink(
        &self,
        auth: &Authenticated,
        identity: IdentityId,
        trail: &Trail,
    ) -> Result<(), AuthError> {
        auth.require_recent_login(RECENT)?;
        let (user, proofs) = (auth.shared_user(), &auth.session().proofs);
        self.require_proved_factor(&user, proofs, trail).await?;
        let checked = user.state();
        let act = |user: Arc<User>| async move {
            if user.identities.get(identity).is_none() {
                return Err(AuthError::NotFound);
            }
            let is_way_in =
                |other: &Identity| other.id != identity && self.party_of(other).is_some();
            let remains = user.password_hash.is_some() || user.identities.iter().any(is_way_in);
            if !remains {
                return Err(AuthError::LastCredential);
            }
            let store = &self.inner.store;
            let unlinked = store
                .unlink_identity(user.id, user.version, identity)
                .await?;
            Ok(unlinked.map(drop))
        };
        let fits = |user: &User| checked.is_of(user);
        let done = self.on_account(user, fits, act).await?;
        let (user, ()) = done.ok_or(AuthError::InvalidToken)?;
        if let Some(unlinked) = user.identities.get(identity) {
            self.tell_owner(MailKind::IdentityUnlinked, &user, &unlinked.provider, trail);
        }
        self.end_sessions_by_provider(auth).await
    }

    /// Ends the other sessions that a provider has opened: which identity it was is not kept.
    pub(super) async fn end_sessions_by_provider(
        &self,
        auth: &Authenticated,
    ) -> Result<(), AuthError> {
        let (user, present, now) = (auth.user().id, auth.session().id, self.now());
        let by_provider = |session: &crate::session::Session| {
            session.id != present && session.proofs.methods().contains(&Method::Federation)
        };
        // A session may be replaced while the list is gone through.
        for _ in 0..ROUNDS {
            let found = self.sessions_where(user, now, by_provider).await?;
            if found.is_empty() {
                break;
            }
            for session in found {
                self.inner.store.end_session(user, session.id).await?;
            }
        }
        Ok(())
    }
}
