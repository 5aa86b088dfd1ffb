//! Calls of the hooks that are repeated until they succeed.

use std::sync::Arc;

use super::{AccountData, AccountHooks};
use crate::clock::Clock;
use crate::contained::catching;
use crate::error::{AuthError, Cause};
use crate::event::TakenOver;
use crate::extra::Extra;
use crate::preferences::Preferences;
use crate::profile::Profile;
use crate::service::AuthService;
use crate::service::application::report_failure;
use crate::service::operation::Trail;
use crate::store::{HookChange, ProfileChange, Store};
use crate::user::{HookKind, PendingHook, User};

impl<S: Store, C: Clock> AuthService<S, C> {
    /// The first call for an account that is about to be created.
    pub(in crate::service) fn first_hook(&self, extra: Extra) -> Option<PendingHook> {
        let data = extra.as_map().clone();
        let kind = HookKind::Registered;
        let hooks = self.inner.hooks.as_ref();
        hooks.map(|_| PendingHook { kind, data })
    }

    /// What becomes of the call that is due when `user` is taken over.
    pub(in crate::service) fn hook_of_taken_over(&self, user: &User) -> HookChange {
        if self.inner.hooks.is_none() {
            return HookChange::Keep;
        }
        let is_unknown = |hook: &PendingHook| hook.kind == HookKind::Registered;
        HookChange::Set(match user.pending_hook.as_ref().is_some_and(is_unknown) {
            // The application has not taken the account yet, and takes it without what a
            // stranger sent along.
            true => PendingHook::new(HookKind::Registered),
            false => PendingHook {
                kind: HookKind::TakenOver,
                data: TakenOver::of(user).to_map(),
            },
        })
    }

    /// What becomes of the call that is due when `user` is about to be verified: an account
    /// that is older than the hooks has none.
    pub(in crate::service) fn hook_of_verified(&self, user: &User) -> HookChange {
        let has_hooks = self.inner.hooks.is_some();
        match has_hooks && !user.is_verified && user.pending_hook.is_none() {
            true => HookChange::Set(PendingHook::new(HookKind::Verified)),
            false => HookChange::Keep,
        }
    }

    /// Stores [`hook_of_verified`](Self::hook_of_verified), and returns the user as it is
    /// then.
    ///
    /// # Errors
    ///
    /// [`AuthError::Store`].
    pub(in crate::service) async fn expect_verification(
        &self,
        user: Arc<User>,
    ) -> Result<Arc<User>, AuthError> {
        let change = &ProfileChange {
            pending_hook: self.hook_of_verified(&user),
            ..ProfileChange::default()
        };
        if change.pending_hook == HookChange::Keep {
            return Ok(user);
        }
        let expect = |user: Arc<User>| async move {
            let store = &self.inner.store;
            Ok(store.update_profile(user.id, user.version, change).await?)
        };
        let fits = |user: &User| user.pending_hook.is_none();
        let changed = self.on_account(Arc::clone(&user), fits, expect).await?;
        Ok(changed.map_or(user, |(_, changed)| Arc::new(changed)))
    }

    /// Makes the calls that are due for `user`, and returns the user as they leave it. What
    /// fails stays due.
    pub(in crate::service) async fn call_due_hooks(
        &self,
        mut user: Arc<User>,
        trail: &Trail,
    ) -> Arc<User> {
        // Each call makes the next one due.
        for _ in HookKind::ALL {
            let Some(due) = user.pending_hook.clone().filter(|due| is_due(due, &user)) else {
                return user;
            };
            if self.inner.hooks.is_none() {
                return user;
            }
            // The store may panic too.
            let called = catching(self.call_due(&due, Arc::clone(&user))).await;
            match called.map_err(Cause::from).flatten() {
                Ok(changed) => user = changed,
                Err(error) => {
                    report_failure(called_as(due.kind), &error, trail);
                    return user;
                }
            }
        }
        user
    }

    /// Makes the call `due`, and stores that it has succeeded.
    async fn call_due(&self, due: &PendingHook, user: Arc<User>) -> Result<Arc<User>, Cause> {
        let profile = Profile::of(&user, self.config());
        let (kind, data) = (due.kind, due.data.clone());
        let call = async move |hooks: Arc<dyn AccountHooks>| -> Result<_, Cause> {
            Ok(match kind {
                HookKind::Registered => {
                    let extra = Extra::from_store(data);
                    hooks.registered(&profile, &extra).await?
                }
                HookKind::TakenOver => {
                    let before = TakenOver::from_map(&data);
                    hooks.taken_over(&profile, &before).await?
                }
                HookKind::Verified => {
                    hooks.verified(&profile).await?;
                    AccountData::default()
                }
            })
        };
        let given: Option<AccountData> = self.call_hook(call).await?;
        let AccountData {
            preferences,
            metadata,
        } = given.unwrap_or_default();
        let preferences = preferences.map(Preferences::new).transpose()?;
        let next = match kind {
            HookKind::Registered | HookKind::TakenOver => {
                HookChange::Set(PendingHook::new(HookKind::Verified))
            }
            HookKind::Verified => HookChange::Remove,
        };
        let (preferences, metadata, next) = (&preferences, &metadata, &next);
        let update = |user: Arc<User>| async move {
            let is_free = user.preferences.as_map().is_empty();
            let mut patch = metadata.clone();
            if let (HookKind::Registered, Some(patch)) = (kind, &mut patch) {
                patch.retain(|member, _| !user.metadata.as_map().contains_key(member));
            }
            let merged = patch.map(|patch| user.metadata.merged(patch)).transpose();
            let change = ProfileChange {
                preferences: preferences.clone().filter(|_| is_free),
                metadata: merged.map_err(|error| AuthError::Internal(error.into()))?,
                pending_hook: next.clone(),
                ..ProfileChange::default()
            };
            let store = &self.inner.store;
            Ok(store.update_profile(user.id, user.version, &change).await?)
        };
        let fits = |user: &User| user.pending_hook.as_ref() == Some(due);
        let changed = self.on_account(Arc::clone(&user), fits, update).await?;
        Ok(match changed {
            Some((_, changed)) => Arc::new(changed),
            // Another request has made the same call, or the account is gone.
            None => Arc::new(User {
                pending_hook: None,
                ..Arc::unwrap_or_clone(user)
            }),
        })
    }
}

/// What the log calls the hook.
fn called_as(kind: HookKind) -> &'static str {
    match kind {
        HookKind::Registered => "the hook `registered`",
        HookKind::TakenOver => "the hook `taken_over`",
        HookKind::Verified => "the hook `verified`",
    }
}

fn is_due(hook: &PendingHook, user: &User) -> bool {
    hook.kind != HookKind::Verified || user.is_verified
}
