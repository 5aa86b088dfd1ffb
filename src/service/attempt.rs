//! Failed attempts at one account: counted before they are made, forgotten
//! when one succeeds.
//!
//! Strangers share one count, so that guesses from many networks are seen
//! together. A device that the account is known to be used with has a count of
//! its own, and so has each live session and each mailed link, which nobody can
//! pretend to have: strangers who lock an account do not lock its owner out of
//! those. A reset by mail forgets what strangers have done.

use super::report::Trail;
use super::{AuthService, RequestContext};
use crate::clock::Clock;
use crate::email::CanonicalEmail;
use crate::error::AuthError;
use crate::event::Notice;
use crate::id::{SessionId, UserId};
use crate::limit::LimitKey;
use crate::lockout;
use crate::mail::MailKind;
use crate::store::LimitStore;
use crate::time::Timestamp;
use crate::token::OneTimeToken;
use crate::user::{DeviceDigest, User};

/// An attempt that may be made, and counts as failed so far.
#[derive(Debug)]
pub(super) struct Attempt {
    key: LimitKey,
    /// When it was counted.
    at: Timestamp,
    /// Whether a failure now locks the account for some time.
    locks: bool,
    /// Whether it is the one that its owner is told of.
    tells: bool,
}

fn strangers(account: &CanonicalEmail) -> LimitKey {
    LimitKey::new("attempt:stranger", account.as_str().as_bytes())
}

fn device_key(user: UserId, device: DeviceDigest) -> LimitKey {
    let subject = [&user.to_bytes()[..], &device.to_bytes()].concat();
    LimitKey::new("attempt:device", &subject)
}

/// The key of the device that `context` describes, if `user` is known to use it.
fn known_device(user: &User, context: &RequestContext) -> Option<LimitKey> {
    let device = context.device(user.id);
    let is_known = user.devices.contains(&device);
    is_known.then(|| device_key(user.id, device))
}

impl<S: LimitStore + 'static, C: Clock> AuthService<S, C> {
    /// Counts an attempt at `account` by somebody who is not logged in.
    pub(super) async fn begin_attempt(
        &self,
        account: &CanonicalEmail,
        user: Option<&User>,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<Option<Attempt>, AuthError> {
        let known = user.and_then(|user| known_device(user, context));
        let key = known.unwrap_or_else(|| strangers(account));
        self.count_attempt(key, now).await
    }

    /// Counts an attempt from a live session.
    pub(super) async fn begin_session_attempt(
        &self,
        session: SessionId,
        now: Timestamp,
    ) -> Result<Option<Attempt>, AuthError> {
        let key = LimitKey::new("attempt:session", &session.to_bytes());
        self.count_attempt(key, now).await
    }

    /// Counts an attempt by whoever has a mailed link.
    pub(super) async fn begin_link_attempt(
        &self,
        link: &OneTimeToken,
        now: Timestamp,
    ) -> Result<Option<Attempt>, AuthError> {
        let key = LimitKey::new("attempt:link", &link.digest.to_bytes());
        self.count_attempt(key, now).await
    }

    async fn count_attempt(
        &self,
        key: LimitKey,
        now: Timestamp,
    ) -> Result<Option<Attempt>, AuthError> {
        let Some(policy) = &self.config().limits.login_by_account else {
            return Ok(None);
        };
        match self.inner.store.attempt(key, policy, now).await? {
            lockout::Attempt::Allowed { count, locks_for } => Ok(Some(Attempt {
                key,
                at: now,
                locks: !locks_for.is_zero(),
                tells: policy
                    .steps()
                    .last()
                    .is_some_and(|step| step.failures == count),
            })),
            lockout::Attempt::Locked { retry_after } => Err(AuthError::RateLimited { retry_after }),
        }
    }

    /// What came of an attempt. The owner is told once in a series of failures,
    /// when the last step of the table is reached.
    pub(super) fn judge<T>(
        &self,
        attempt: &Option<Attempt>,
        outcome: Result<T, AuthError>,
        user: Option<&User>,
        context: &RequestContext,
        trail: &mut Trail,
    ) -> Result<T, AuthError> {
        // Also one that was not looked at, by a server too busy to: it counts.
        if let (Some(attempt), Err(_)) = (attempt, &outcome)
            && attempt.locks
        {
            trail.notice.get_or_insert(Notice::AccountLocked);
            if attempt.tells
                && let Some(user) = user
            {
                self.notify(MailKind::AccountLocked, user, &user.email, context);
            }
        }
        outcome
    }

    /// An attempt succeeded: it and those before it are forgotten.
    pub(super) async fn end_attempt(&self, attempt: &Option<Attempt>) {
        if let Some(attempt) = attempt {
            self.forget(attempt.key, attempt.at).await;
        }
    }

    /// The owner has shown the mailbox: what others did no longer counts,
    /// neither as strangers nor as the owner's device, which is `device`.
    pub(super) async fn forgive_others(&self, user: &User, device: DeviceDigest) {
        if self.config().limits.login_by_account.is_some() {
            let now = self.now();
            tokio::join!(
                self.forget(strangers(user.email.canonical()), now),
                self.forget(device_key(user.id, device), now)
            );
        }
    }

    /// Forgets the attempts under `key`, unless one was let through after
    /// `until`: that one may have failed.
    async fn forget(&self, key: LimitKey, until: Timestamp) {
        if let Err(error) = self.inner.store.forgive(key, until).await {
            // They are forgotten by themselves after a time.
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "failed attempts were not forgotten");
        }
    }
}
