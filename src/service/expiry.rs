//! Removing accounts that nobody has confirmed and nobody uses.

use super::account::GONE;
use super::hooks::RemovalReason;
use super::operation::{Subject, Trail};
use super::{AuthService, RequestContext};
use crate::clock::Clock;
use crate::config::UnverifiedExpiry;
use crate::error::AuthError;
use crate::event::Operation;
use crate::id::UserId;
use crate::mail::MailKind;
use crate::store::{Removal, Store};
use crate::time::Timestamp;
use crate::user::{User, UserStatus};

/// How many accounts one call looks at, at most.
const PAGE: usize = 1000;

/// What one call of [`AuthService::expire_unverified`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub struct ExpiredAccounts {
    /// Accounts that were removed.
    pub removed: usize,
    /// Accounts that stay because the application's hooks refused or failed. The next run
    /// asks again.
    pub kept: usize,
    /// Where the next call goes on; `None` when all have been looked at.
    pub next: Option<UserId>,
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Removes accounts whose address nobody has confirmed and that nobody has
    /// used for as long as
    /// [`AuthConfig::unverified_expiry`](crate::config::AuthConfig::unverified_expiry) says. Looks at
    /// up to `limit` accounts (1 to 1,000) after `after`, in the order in which they
    /// were made. An application calls it from time to time, each time until
    /// [`ExpiredAccounts::next`] is `None`; several instances may do so at once.
    ///
    /// An account stays that has a role beyond the initial ones, is disabled, has
    /// a live session, or was made before
    /// [`registered_since`](crate::config::UnverifiedExpiry::registered_since). For each account
    /// that is removed, [`AccountHooks::removing`](super::AccountHooks::removing) and `removed` are called, the
    /// address gets a mail that says so, and an event is reported.
    ///
    /// Without the setting it does nothing.
    ///
    /// # Errors
    ///
    /// [`AuthError::Store`]; accounts that were removed by then stay removed.
    ///
    /// # Examples
    ///
    /// ```
    /// # use admittance::{clock::Clock, service::AuthService, store::Store, AuthError};
    /// # async fn example<S: Store, C: Clock>(auth: AuthService<S, C>) -> Result<(), AuthError> {
    /// let mut after = None;
    /// loop {
    ///     let expired = auth.expire_unverified(after, 100).await?;
    ///     after = expired.next;
    ///     if after.is_none() {
    ///         break;
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn expire_unverified(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<ExpiredAccounts, AuthError> {
        let mut expired = ExpiredAccounts {
            removed: 0,
            kept: 0,
            next: None,
        };
        let Some(policy) = self.config().unverified_expiry else {
            return Ok(expired);
        };
        let first = UserId::first_at(policy.registered_since);
        let after = after.map_or(first, |after| after.max(first));
        let limit = limit.clamp(1, PAGE);
        let page = self.inner.store.users(Some(after), limit).await?;
        if page.len() == limit {
            expired.next = page.last().map(|user| user.id);
        }
        for user in page {
            if self.may_expire(&user, policy).await? {
                if let Some(outbox) = &self.inner.outbox {
                    outbox.half_free().await;
                }
                match self.expire(user).await {
                    Ok(removed) => expired.removed += usize::from(removed),
                    // Of the hooks: the others must not wait for this one.
                    Err(AuthError::Validation(_) | AuthError::Unavailable { .. }) => {
                        expired.kept += 1;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(expired)
    }

    async fn may_expire(&self, user: &User, policy: UnverifiedExpiry) -> Result<bool, AuthError> {
        let now = self.now();
        // One that was created for its owner, by import or invitation, stays.
        let Some(last_used) = user.last_login else {
            return Ok(false);
        };
        let is_candidate = !user.is_verified
            && user.status == UserStatus::Active
            && user.roles.is_subset(self.config().roles.initial_roles())
            && user.created_at >= policy.registered_since
            && policy.is_over(last_used.max(user.created_at), now);
        if !is_candidate {
            return Ok(false);
        }
        let live = self.inner.store.sessions_of(user.id, None, 1, now).await?;
        Ok(live.is_empty())
    }

    /// Removes `user`, unless something was done with the account since it was read.
    async fn expire(&self, user: User) -> Result<bool, AuthError> {
        let (kind, subject) = (Operation::ExpireAccount, Subject::account(user.id));
        let expire = async move |service: Self, trail: Trail| {
            let which = Removal::UnverifiedSince(user.last_login);
            let store = &service.inner.store;
            service
                .ask_to_remove(&user, RemovalReason::Expired, &trail)
                .await?;
            if !store.remove_user(&user.exact_state(), which).await? {
                trail.unchanged();
                return Ok(false);
            }
            service.sweep_up(user.id, GONE, &trail).await;
            service.remove_pending(&user.email, &trail).await;
            service.tell_removed(&user, &trail).await;
            let context = trail.context();
            service.notify(MailKind::AccountExpired, &user, &user.email, context);
            Ok(true)
        };
        let context = RequestContext::default();
        self.operation(kind, subject, &context, expire).await
    }
}

impl UnverifiedExpiry {
    fn is_over(&self, last_used: Timestamp, now: Timestamp) -> bool {
        last_used.saturating_add(self.after) <= now
    }
}
