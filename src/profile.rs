//! What users see of their own accounts.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::authz::Role;
use crate::config::{AuthConfig, OnboardingPolicy};
use crate::id::UserId;
use crate::preferences::{Metadata, Preferences};
use crate::time::Timestamp;
use crate::user::User;

/// What a user sees of their own account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Profile {
    /// The account's id.
    pub user_id: UserId,
    /// The address as it was given.
    #[cfg_attr(feature = "openapi", schemars(email))]
    pub email: String,
    /// The name.
    pub name: String,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When a password was last accepted for it.
    pub last_login: Option<Timestamp>,
    /// Whether the owner of the mailbox has confirmed the account.
    pub is_verified: bool,
    /// The roles.
    pub roles: BTreeSet<Role>,
    /// The user's own settings.
    pub preferences: Preferences,
    /// The members of the metadata that the application publishes by
    /// [`AuthConfig::published_metadata`]; absent if it publishes none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// What the user still has to do: `email_verification`, and
    /// `preferences.<key>` for each preference that the application requires.
    pub missing: Vec<String>,
}

impl OnboardingPolicy {
    /// What `user` still has to do: `email_verification`, and the required
    /// preferences that are absent.
    #[must_use]
    pub fn missing(&self, user: &User) -> Vec<String> {
        let verification = (!user.is_verified).then(|| "email_verification".to_owned());
        let preferences = self
            .required_preferences
            .iter()
            .filter(|key| !user.preferences.as_map().contains_key(*key))
            .map(|key| format!("preferences.{key}"));
        verification.into_iter().chain(preferences).collect()
    }
}

impl Profile {
    /// What `user` sees of their own account.
    #[must_use]
    pub fn of(user: &User, config: &AuthConfig) -> Self {
        let published = &config.published_metadata;
        Self {
            user_id: user.id,
            email: user.email.as_str().to_owned(),
            name: user.name.as_str().to_owned(),
            created_at: user.created_at,
            last_login: user.last_login,
            is_verified: user.is_verified,
            roles: user.roles.clone(),
            preferences: user.preferences.clone(),
            metadata: (!published.is_empty()).then(|| user.metadata.only(published)),
            missing: config.onboarding.missing(user),
        }
    }
}
