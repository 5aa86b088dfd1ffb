//! The caller's profile.

use std::sync::Arc;

use serde::Deserialize;

use super::fields::{parse_name, present};
use super::operation::{By, Trail};
use super::{AuthService, Authenticated, RequestContext};
use crate::clock::Clock;
use crate::error::{AuthError, Field, ViolationCode, Violations};
use crate::event::Operation;
use crate::preferences::{Preferences, PreferencesError};
use crate::profile::Profile;
use crate::store::{ProfileChange, Store};
use crate::user::{User, UserStatus};

/// Changes one's profile. Absent fields stay as they are.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct UpdateProfile {
    /// The new name.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = 100)))]
    #[serde(deserialize_with = "present")]
    pub name: Option<String>,
    /// The new preferences. They replace the old ones as a whole.
    #[cfg_attr(
        feature = "openapi",
        schemars(with = "Option<crate::preferences::Preferences>")
    )]
    #[serde(deserialize_with = "present")]
    pub preferences: Option<serde_json::Map<String, serde_json::Value>>,
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// The caller's profile, as it was when the token was
    /// checked.
    ///
    /// # Errors
    ///
    /// [`AuthError::InvalidToken`] when another service made `auth`.
    pub fn profile(&self, auth: &Authenticated) -> Result<Profile, AuthError> {
        match self.has_made(auth) {
            true => Ok(auth.profile()),
            false => Err(AuthError::InvalidToken),
        }
    }

    /// Changes name and preferences; nothing else can be changed this way.
    ///
    /// # Errors
    ///
    /// [`AuthError::Validation`]; [`AuthError::RateLimited`]; [`AuthError::InvalidToken`] when
    /// the account is gone meanwhile; [`AuthError::Store`].
    pub async fn update_profile(
        &self,
        auth: &Authenticated,
        request: UpdateProfile,
        context: &RequestContext,
    ) -> Result<Profile, AuthError> {
        let update = async move |service: Self, auth: Authenticated, trail: Trail| {
            let quota = service.config().limits.updates_by_account;
            let user = auth.user().id.to_bytes();
            service
                .limit("update:account", &user, quota, &trail)
                .await?;
            service.update(&auth, request, &trail).await
        };
        let (kind, by) = (Operation::UpdateProfile, By::owner(auth));
        self.acting(kind, by, context, update).await
    }

    async fn update(
        &self,
        auth: &Authenticated,
        request: UpdateProfile,
        trail: &Trail,
    ) -> Result<Profile, AuthError> {
        let mut violations = Violations::default();
        let change = ProfileChange {
            name: request
                .name
                .and_then(|name| parse_name(&name, &mut violations)),
            preferences: request.preferences.and_then(|object| {
                Preferences::new(object)
                    .map_err(|error| {
                        let (field, words) = (Field::Preferences, "preferences");
                        refuse_object(field, words, error, &mut violations);
                    })
                    .ok()
            }),
            ..ProfileChange::default()
        };
        violations.into_result()?;
        if change == ProfileChange::default() {
            trail.unchanged();
            return Ok(auth.profile());
        }
        let user = auth.user();
        let change = &change;
        let update = |user: Arc<User>| async move {
            let store = &self.inner.store;
            Ok(store.update_profile(user.id, user.version, change).await?)
        };
        let fits =
            |now: &User| now.status == UserStatus::Active && now.auth_epoch == user.auth_epoch;
        let changed = self.on_account(auth.shared_user(), fits, update).await?;
        let (before, user) = changed.ok_or(AuthError::InvalidToken)?;
        if (&before.name, &before.preferences) == (&user.name, &user.preferences) {
            trail.unchanged();
        }
        Ok(Profile::of(&user, self.config()))
    }
}

/// Refuses the JSON object in `field`.
pub(super) fn refuse_object(
    field: Field,
    words: &str,
    error: PreferencesError,
    violations: &mut Violations,
) {
    let code = match error {
        PreferencesError::TooLarge | PreferencesError::TooMany | PreferencesError::TooDeep => {
            ViolationCode::TooLong
        }
        PreferencesError::InvalidKey | PreferencesError::Nul => ViolationCode::InvalidCharacters,
        PreferencesError::NumberOutOfRange => ViolationCode::InvalidFormat,
    };
    violations.push(field, code, format!("The {words} {error}."));
}
