//! The caller's profile.

use std::sync::Arc;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::fields::parse_name;
use super::operation::{By, Trail};
use super::{AuthService, Authenticated, RequestContext};
use crate::clock::Clock;
use crate::error::{AuthError, Field, ViolationCode, Violations};
use crate::event::Operation;
use crate::preferences::{Preferences, PreferencesError};
use crate::profile::{Profile, ProfileTag};
use crate::store::{ProfileChange, Store};
use crate::user::{User, UserStatus};

/// Changes one's profile. Absent fields stay as they are.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct UpdateProfile {
    /// The new name.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = 100)))]
    pub name: Option<String>,
    /// The new preferences. They replace the old ones as a whole.
    #[cfg_attr(
        feature = "openapi",
        schemars(with = "Option<crate::preferences::Preferences>")
    )]
    pub preferences: Option<Map<String, Value>>,
}

/// Only if the profile is still the one that was read, add
/// [`expected`](PatchProfile::expected).
impl From<UpdateProfile> for PatchProfile {
    fn from(update: UpdateProfile) -> Self {
        Self {
            name: update.name,
            preferences: update
                .preferences
                .map_or(PatchPreferences::Keep, PatchPreferences::Replace),
            expected: None,
        }
    }
}

/// Changes one's profile by a merge patch (RFC 7396). Absent fields stay as they are.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct PatchProfile {
    /// The new name. It cannot be removed.
    #[cfg_attr(
        feature = "openapi",
        schemars(with = "Option<String>", length(min = 1, max = 100))
    )]
    #[serde(deserialize_with = "null_as_empty")]
    pub name: Option<String>,
    /// A merge patch of the preferences: a member replaces one of its name, `null` removes it,
    /// and objects are merged. `null` in place of the object removes all.
    #[cfg_attr(feature = "openapi", schemars(with = "Option<Preferences>"))]
    pub preferences: PatchPreferences,
    /// Changes nothing unless the [tag](Profile::tag) of the profile is one of these; `None`:
    /// whatever it is.
    #[serde(skip)]
    pub expected: Option<Vec<ProfileTag>>,
}

/// What [`PatchProfile`] makes of the preferences.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum PatchPreferences {
    /// They stay as they are.
    #[default]
    Keep,
    /// This patch is applied.
    Merge(Map<String, Value>),
    /// This object replaces them as a whole, as that of [`UpdateProfile`].
    Replace(Map<String, Value>),
}

impl<'de> Deserialize<'de> for PatchPreferences {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let patch = Option::deserialize(deserializer)?;
        Ok(patch.map_or_else(|| Self::Replace(Map::new()), Self::Merge))
    }
}

/// A name that is `null` is one that is missing.
fn null_as_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let name: Option<String> = Option::deserialize(deserializer)?;
    Ok(Some(name.unwrap_or_default()))
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
        self.patch_profile(auth, request.into(), context).await
    }

    /// Changes name and preferences in one act, the preferences by a merge patch (RFC 7396):
    /// concurrent patches of different members are all kept.
    ///
    /// # Errors
    ///
    /// As for [`update_profile`](Self::update_profile); [`AuthError::PreconditionFailed`] if
    /// the profile is none of the `expected` ones.
    pub async fn patch_profile(
        &self,
        auth: &Authenticated,
        request: PatchProfile,
        context: &RequestContext,
    ) -> Result<Profile, AuthError> {
        let patch = async move |service: Self, auth: Authenticated, trail: Trail| {
            let quota = service.config().limits.updates_by_account;
            let user = auth.user().id.to_bytes();
            service
                .limit("update:account", &user, quota, &trail)
                .await?;
            service.patch(&auth, &request, &trail).await
        };
        let (kind, by) = (Operation::UpdateProfile, By::owner(auth));
        self.acting(kind, by, context, patch).await
    }

    async fn patch(
        &self,
        auth: &Authenticated,
        wanted: &PatchProfile,
        trail: &Trail,
    ) -> Result<Profile, AuthError> {
        let mut violations = Violations::default();
        let parse = |name: &String| parse_name(name, &mut violations);
        let name = wanted.name.as_ref().and_then(parse);
        // The rest of the preferences may decide too, so this is checked again below.
        let alone = Preferences::default();
        let _ = wanted.preferences.of(&alone, &mut violations);
        violations.into_result()?;

        let (user, name) = (auth.user(), &name);
        let patch = |user: Arc<User>| async move {
            // Under the version that it is done on, so that nothing comes in between.
            if !wanted.expects(&user) {
                return Err(AuthError::PreconditionFailed);
            }
            let mut violations = Violations::default();
            let preferences = wanted.preferences.of(&user.preferences, &mut violations);
            violations.into_result()?;
            let change = ProfileChange {
                name: name.clone(),
                preferences,
                ..ProfileChange::default()
            };
            if change == ProfileChange::default() {
                return Ok(Some(User::clone(&user)));
            }
            let store = &self.inner.store;
            Ok(store.update_profile(user.id, user.version, &change).await?)
        };
        let fits =
            |now: &User| now.status == UserStatus::Active && now.auth_epoch == user.auth_epoch;
        let changed = self.on_account(auth.shared_user(), fits, patch).await?;
        let (before, user) = changed.ok_or(AuthError::InvalidToken)?;
        if (&before.name, &before.preferences) == (&user.name, &user.preferences) {
            trail.unchanged();
        }
        Ok(Profile::of(&user, self.config()))
    }
}

impl PatchProfile {
    fn expects(&self, user: &User) -> bool {
        let tag = ProfileTag::of(&user.name, &user.preferences);
        let mut expected = self.expected.iter().flatten();
        self.expected.is_none() || expected.any(|one| *one == tag)
    }
}

impl PatchPreferences {
    /// What becomes of `present`; `None` if that stays as it is, or if `violations` has why
    /// not.
    fn of(&self, present: &Preferences, violations: &mut Violations) -> Option<Preferences> {
        let wanted = match self {
            Self::Keep => return None,
            Self::Merge(patch) => present.merged(patch.clone()),
            Self::Replace(object) => Preferences::new(object.clone()),
        };
        wanted
            .map_err(|error| {
                let (field, words) = (Field::Preferences, "preferences");
                refuse_object(field, words, error, violations);
            })
            .ok()
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
