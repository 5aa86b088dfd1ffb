//! What happens once when an account has been made.

use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value};
use tracing::Instrument;

use super::AuthService;
use super::report::Trail;
use crate::clock::Clock;
use crate::event::Notice;
use crate::preferences::Preferences;
use crate::store::{Cause, ProfileChange, UserStore};
use crate::user::{Profile, User};

/// Called once when an account has been made, before the registration is
/// answered.
///
/// The account is whole by then: a hook that fails, panics or takes longer
/// than [`hook_timeout`](crate::config::OnboardingPolicy::hook_timeout) changes
/// neither it nor the answer, and shows as an event with
/// [`Notice::HookFailed`]. A server that dies at that very moment has made the
/// account and not called the hook.
#[cfg_attr(any(test, feature = "test-util"), mockall::automock)]
#[async_trait]
pub trait RegistrationHook: Send + Sync + 'static {
    /// Takes the new account. What it returns becomes the account's
    /// preferences, if it is `Some`.
    ///
    /// # Errors
    ///
    /// Whatever goes wrong; it is logged.
    async fn registered(&self, profile: &Profile) -> Result<Option<Map<String, Value>>, Cause>;
}

impl<S: UserStore + 'static, C: Clock> AuthService<S, C> {
    /// Calls the hook, if there is one, and sets the preferences that it
    /// gives; `then` is called with the user as it is then.
    pub(super) async fn call_hook(
        &self,
        user: &mut User,
        then: impl FnOnce(&User) + Send + 'static,
        trail: &mut Trail,
    ) {
        let Some(hook) = &self.inner.hook else {
            then(user);
            return;
        };
        // In a task of its own, which comes to its end when the request is
        // dropped: the hook is not called again.
        let (service, hook, mut account) = (self.clone(), Arc::clone(hook), user.clone());
        let work = async move {
            let given = service.try_hook(hook, &account).await;
            if let Ok(Some(preferences)) = &given {
                account.preferences.clone_from(preferences);
            }
            then(&account);
            given
        };
        let done = tokio::spawn(work.in_current_span()).await;
        match done.map_err(Cause::from).and_then(|given| given) {
            Ok(None) => {}
            Ok(Some(preferences)) => user.preferences = preferences,
            Err(error) => {
                tracing::error!(user_id = %user.id, error = &*error as &dyn Error, "the registration hook failed");
                trail.notice.get_or_insert(Notice::HookFailed);
            }
        }
    }

    async fn try_hook(
        &self,
        hook: Arc<dyn RegistrationHook>,
        user: &User,
    ) -> Result<Option<Preferences>, Cause> {
        let onboarding = &self.config().onboarding;
        let profile = Profile::of(user, onboarding);
        // In a task of its own, so that a panic in it ends there.
        let call = async move { hook.registered(&profile).await }.in_current_span();
        let call = tokio::spawn(call);
        let abort = call.abort_handle();
        let answer = tokio::time::timeout(onboarding.hook_timeout, call).await;
        if answer.is_err() {
            abort.abort();
        }
        let Some(preferences) = answer??? else {
            return Ok(None);
        };
        let preferences = Preferences::new(preferences)?;
        let change = ProfileChange {
            name: None,
            preferences: Some(preferences.clone()),
        };
        let _forgetting = self.forgetting(user.id);
        let change = &change;
        let update = |user: User| async move {
            let store = &self.inner.store;
            Ok(store.update_profile(user.id, user.version, change).await?)
        };
        let changed = self.on_account(user.clone(), |_| true, update).await?;
        Ok(changed.map(|(_, user)| user.preferences))
    }
}
