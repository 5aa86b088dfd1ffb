//! What happens once when an account has been made, or was taken over.

use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::AuthService;
use super::operation::Trail;
use crate::clock::Clock;
use crate::contained::{self, catching};
use crate::event::{Notice, TakenOver};
use crate::preferences::Preferences;
use crate::profile::Profile;
use crate::store::{Cause, ProfileChange, Store};
use crate::user::User;

/// Called once when an account has been made, before the registration is
/// answered, when one was taken over, before the reset is answered, and when one is
/// gone.
///
/// The account is complete by then: a hook that fails, panics or takes longer
/// than [`hook_timeout`](crate::config::OnboardingPolicy::hook_timeout) changes
/// neither it nor the answer, and shows as an event with
/// [`Notice::HookFailed`]. Each call is made at most once: a server that dies at that
/// very moment has made, taken over or removed the account and not called the hook.
#[cfg_attr(feature = "test-util", mockall::automock)]
#[async_trait]
pub trait RegistrationHook: Send + Sync + 'static {
    /// Takes the new account. What it returns becomes the account's
    /// preferences, if it is `Some`.
    ///
    /// # Errors
    ///
    /// Whatever goes wrong; it is logged.
    async fn registered(&self, profile: &Profile) -> Result<Option<Map<String, Value>>, Cause>;

    /// Takes an account whose address nobody had confirmed, and which the owner of
    /// the mailbox has taken over by a reset of the password. `profile` is the
    /// account as it is now; `before` is the name and the preferences that it had,
    /// which a stranger may have written. What it returns becomes the account's
    /// preferences, if it is `Some`. By default, nothing is kept.
    ///
    /// An application that keeps something of its own for the account, such as
    /// uploads, decides here what becomes of it.
    ///
    /// # Errors
    ///
    /// Whatever goes wrong; it is logged.
    async fn taken_over(
        &self,
        profile: &Profile,
        before: &TakenOver,
    ) -> Result<Option<Map<String, Value>>, Cause> {
        let _ = (profile, before);
        Ok(None)
    }

    /// Takes an account that is gone: its owner has deleted or disowned it, or it
    /// has [expired](AuthService::expire_unverified). Here an application removes what it
    /// keeps of it. Does nothing unless it is written.
    ///
    /// # Errors
    ///
    /// Whatever goes wrong; it is logged, and the account stays removed.
    async fn removed(&self, profile: &Profile) -> Result<(), Cause> {
        let _ = profile;
        Ok(())
    }
}

/// What the hook is called for.
#[derive(Clone, Debug)]
pub(super) enum Occasion {
    /// The account has been made.
    Registered,
    /// It was taken over, and had this before.
    TakenOver(TakenOver),
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Calls the hook, if there is one, and returns the user with the preferences that it
    /// gives.
    pub(super) async fn call_hook(
        &self,
        user: User,
        occasion: Occasion,
        trail: &Trail,
    ) -> Arc<User> {
        let mut user = Arc::new(user);
        let Some(hook) = &self.inner.hook else {
            return user;
        };
        let given = self.try_hook(Arc::clone(hook), occasion, Arc::clone(&user));
        match catching(given).await.map_err(Cause::from).flatten() {
            Ok(None) => {}
            Ok(Some(preferences)) => Arc::make_mut(&mut user).preferences = preferences,
            Err(error) => {
                tracing::error!(user_id = %user.id, error = &*error as &dyn Error, "the registration hook failed");
                trail.notice(Notice::HookFailed);
            }
        }
        user
    }

    /// Tells the hook, if there is one, that the account of `user` is gone.
    pub(super) async fn call_removed(&self, user: &User, trail: &Trail) {
        let Some(hook) = self.inner.hook.clone() else {
            return;
        };
        let onboarding = &self.config().onboarding;
        let profile = Profile::of(user, self.config());
        let call = async move { hook.removed(&profile).await };
        let called = async { contained::call(onboarding.hook_timeout, call).await? };
        let called = catching(called).await;
        if let Err(error) = called.map_err(Cause::from).flatten() {
            tracing::error!(user_id = %user.id, error = &*error as &dyn Error, "the removal hook failed");
            trail.notice(Notice::HookFailed);
        }
    }

    async fn try_hook(
        &self,
        hook: Arc<dyn RegistrationHook>,
        occasion: Occasion,
        user: Arc<User>,
    ) -> Result<Option<Preferences>, Cause> {
        let onboarding = &self.config().onboarding;
        let profile = Profile::of(&user, self.config());
        let call = async move {
            match occasion {
                Occasion::Registered => hook.registered(&profile).await,
                Occasion::TakenOver(before) => hook.taken_over(&profile, &before).await,
            }
        };
        let Some(preferences) = contained::call(onboarding.hook_timeout, call).await?? else {
            return Ok(None);
        };
        let preferences = Preferences::new(preferences)?;
        let change = ProfileChange {
            preferences: Some(preferences.clone()),
            ..ProfileChange::default()
        };
        let change = &change;
        let update = |user: Arc<User>| async move {
            let store = &self.inner.store;
            Ok(store.update_profile(user.id, user.version, change).await?)
        };
        let changed = self.on_account(user, |_| true, update).await?;
        Ok(changed.map(|(_, user)| user.preferences))
    }
}
