//! What the application keeps of a user.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::operation::{Subject, Trail};
use super::profile::refuse_object;
use super::{AuthService, RequestContext, UserView};
use crate::clock::Clock;
use crate::error::{AuthError, Field, Violations};
use crate::event::Operation;
use crate::id::UserId;
use crate::store::{ProfileChange, Store};
use crate::user::User;

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Applies `patch` to the metadata of `user` as a merge patch (RFC 7396), in one act: a
    /// member replaces one of its name, `null` removes it, and objects are merged. Concurrent
    /// patches of different members are all kept.
    ///
    /// No user can write metadata; administrators with `users:create` write that of accounts
    /// that they create. It is in the export of the account
    /// and in the administrators' view; `GET /profile` has the members of
    /// [`AuthConfig::published_metadata`](crate::config::AuthConfig::published_metadata).
    /// Calls are not counted against any limit, and need no permission.
    ///
    /// ```
    /// # use admittance::{AuthService, MemoryStore, error::AuthError, id::UserId, service::RequestContext};
    /// # async fn upgrade(auth: &AuthService<MemoryStore>, user: UserId) -> Result<(), AuthError> {
    /// let plan = serde_json::json!({ "plan": "pro", "trial_ends": null });
    /// let patch = plan.as_object().cloned().unwrap_or_default();
    /// auth.set_metadata(user, patch, &RequestContext::default()).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`AuthError::Validation`] if the metadata would break the bounds of
    /// [`Metadata`](crate::preferences::Metadata); [`AuthError::NotFound`];
    /// [`AuthError::Store`].
    pub async fn set_metadata(
        &self,
        user: UserId,
        patch: Map<String, Value>,
        context: &RequestContext,
    ) -> Result<UserView, AuthError> {
        let set = async move |service: Self, trail: Trail| {
            service.patch_metadata(user, &patch, &trail).await
        };
        let (kind, subject) = (Operation::SetMetadata, Subject::account(user));
        self.operation(kind, subject, context, set).await
    }

    async fn patch_metadata(
        &self,
        user: UserId,
        patch: &Map<String, Value>,
        trail: &Trail,
    ) -> Result<UserView, AuthError> {
        let store = &self.inner.store;
        let user = trail.unless_gone(store.user(user)).await?;
        let user = Arc::new(user.ok_or(AuthError::NotFound)?);
        let set = |user: Arc<User>| async move {
            let mut violations = Violations::default();
            let merged = user.metadata.merged(patch.clone());
            let merged = merged.map_err(|error| {
                refuse_object(Field::Metadata, "metadata", error, &mut violations);
            });
            violations.into_result()?;
            let change = ProfileChange {
                metadata: merged.ok(),
                ..ProfileChange::default()
            };
            Ok(store.update_profile(user.id, user.version, &change).await?)
        };
        let set = self.on_account(user, |_| true, set).await?;
        let (before, user) = set.ok_or(AuthError::NotFound)?;
        if before.metadata == user.metadata {
            trail.unchanged();
        }
        Ok(UserView::from(&user))
    }
}
