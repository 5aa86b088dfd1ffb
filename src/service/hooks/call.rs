//! Calls of the hooks that an operation waits for.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{AccountHooks, HookError, NewAddress, RegistrationAttempt, RemovalReason};
use crate::clock::Clock;
use crate::contained;
use crate::email::Email;
use crate::error::AuthError;
use crate::profile::Profile;
use crate::service::AuthService;
use crate::service::application::{report_failure, unavailable};
use crate::service::operation::Trail;
use crate::store::Store;
use crate::user::User;

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Asks the application whether an account may be registered.
    ///
    /// # Errors
    ///
    /// [`AuthError::Validation`] if it refuses; [`AuthError::Unavailable`] if it fails.
    pub(in crate::service) async fn ask_to_register(
        &self,
        attempt: RegistrationAttempt,
        trail: &Trail,
    ) -> Result<(), AuthError> {
        let ask = async move |hooks: Arc<dyn AccountHooks>| hooks.registering(&attempt).await;
        self.ask("the hook `registering`", trail, ask)
            .await
            .map(Option::unwrap_or_default)
    }

    /// Asks the application whether the account of `user` may have the address `to`.
    ///
    /// # Errors
    ///
    /// [`AuthError::Validation`] if it refuses; [`AuthError::Unavailable`] if it fails.
    pub(in crate::service) async fn ask_to_change_email(
        &self,
        user: &User,
        to: &Email,
        trail: &Trail,
    ) -> Result<(), AuthError> {
        let profile = Profile::of(user, self.config());
        let to = NewAddress {
            email: to.as_str().to_owned(),
            email_canonical: to.canonical().as_str().to_owned(),
        };
        let ask =
            async move |hooks: Arc<dyn AccountHooks>| hooks.changing_email(&profile, &to).await;
        self.ask("the hook `changing_email`", trail, ask)
            .await
            .map(Option::unwrap_or_default)
    }

    /// Lets the application remove what it keeps of `user`, whose account is about to be
    /// removed.
    ///
    /// # Errors
    ///
    /// [`AuthError::Validation`] if it refuses; [`AuthError::Unavailable`] if it fails.
    pub(in crate::service) async fn ask_to_remove(
        &self,
        user: &User,
        reason: RemovalReason,
        trail: &Trail,
    ) -> Result<(), AuthError> {
        let profile = Profile::of(user, self.config());
        let removing =
            async move |hooks: Arc<dyn AccountHooks>| hooks.removing(&profile, reason).await;
        self.ask("the hook `removing`", trail, removing)
            .await
            .map(Option::unwrap_or_default)
    }

    /// What the application keeps of `user`.
    ///
    /// # Errors
    ///
    /// [`AuthError::Unavailable`] if it fails.
    pub(in crate::service) async fn export_of_application(
        &self,
        user: &User,
        trail: &Trail,
    ) -> Result<Option<Map<String, Value>>, AuthError> {
        let profile = Profile::of(user, self.config());
        let export = async move |hooks: Arc<dyn AccountHooks>| {
            let exported = hooks.exporting(&profile).await;
            exported.map_err(HookError::Failed)
        };
        self.ask("the hook `exporting`", trail, export)
            .await
            .map(Option::flatten)
    }

    /// Tells the application that the account of `user` is gone.
    pub(in crate::service) async fn tell_removed(&self, user: &User, trail: &Trail) {
        let profile = Profile::of(user, self.config());
        let removed = self.call_hook(async move |hooks| hooks.removed(&profile).await);
        if let Err(error) = removed.await {
            report_failure("the hook `removed`", &error, trail);
        }
    }

    /// Makes the call that the log calls `name`. `None` without hooks.
    async fn ask<T, W>(
        &self,
        name: &'static str,
        trail: &Trail,
        call: impl FnOnce(Arc<dyn AccountHooks>) -> W,
    ) -> Result<Option<T>, AuthError>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, HookError>> + Send + 'static,
    {
        let asked = self.call_hook(call).await;
        let failed = match asked {
            Ok(answer) => return Ok(answer),
            Err(HookError::Refused(violations)) if !violations.as_slice().is_empty() => {
                return Err(AuthError::Validation(violations));
            }
            Err(HookError::Refused(_)) => "it refused without a reason".into(),
            Err(HookError::Failed(cause)) => cause,
        };
        Err(unavailable(name, &failed, trail))
    }

    /// Makes a call of the hooks, which may fail, panic or hang. `None` without hooks.
    pub(super) async fn call_hook<T, E, W>(
        &self,
        call: impl FnOnce(Arc<dyn AccountHooks>) -> W,
    ) -> Result<Option<T>, E>
    where
        T: Send + 'static,
        E: From<contained::NoAnswer> + Send + 'static,
        W: Future<Output = Result<T, E>> + Send + 'static,
    {
        let Some(hooks) = self.inner.hooks.clone() else {
            return Ok(None);
        };
        let limit = self.config().onboarding.hook_timeout;
        contained::call(limit, call(hooks)).await?.map(Some)
    }
}
