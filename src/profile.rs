//! What users see of their own accounts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::authz::Role;
use crate::config::{AuthConfig, OnboardingPolicy};
use crate::id::UserId;
use crate::preferences::{Metadata, Preferences};
use crate::time::Timestamp;
use crate::user::{DisplayName, User};

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
    /// When its owner last logged in, by a password or another proof.
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

    /// The tag of what a user can change: it is another one when the name or the preferences
    /// are others, and the same whatever else changes, such as `last_login`.
    #[must_use]
    pub fn tag(&self) -> ProfileTag {
        ProfileTag::new(&self.name, &self.preferences)
    }
}

/// Distinguishes profiles by their name and preferences: those with equal tags have equal
/// ones. Over HTTP it is the `ETag` of the profile (RFC 9110, §8.8.3), without its quotation
/// marks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProfileTag(String);

/// The text is not the tag of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the tag of a profile")]
pub struct ParseProfileTagError;

impl ProfileTag {
    /// How many bytes of the digest there are.
    const BYTES: usize = 16;

    pub(crate) fn of(name: &DisplayName, preferences: &Preferences) -> Self {
        Self::new(name.as_str(), preferences)
    }

    fn new(name: &str, preferences: &Preferences) -> Self {
        let mut digest = Sha256::new();
        // The order of the members depends on how `serde_json` is built.
        update(&mut digest, &Value::Object(preferences.as_map().clone()));
        update(&mut digest, &Value::from(name));
        let digest = digest.finalize();
        let bytes = digest.get(..Self::BYTES).unwrap_or(&digest);
        Self(Base64UrlUnpadded::encode_string(bytes))
    }

    /// The text of the tag: 22 ASCII letters, digits, `-` and `_`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProfileTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ProfileTag {
    type Err = ParseProfileTagError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = Base64UrlUnpadded::decode_vec(text).map_err(|_| ParseProfileTagError)?;
        match bytes.len() == Self::BYTES {
            true => Ok(Self(text.to_owned())),
            false => Err(ParseProfileTagError),
        }
    }
}

/// Adds `value` to `digest`, with the members of objects in the order of their names.
fn update(digest: &mut Sha256, value: &Value) {
    match value {
        Value::Object(object) => {
            let members: BTreeMap<_, _> = object.iter().collect();
            digest.update(format!("{{{}:", members.len()));
            for (name, value) in members {
                digest.update(format!("{}:{name}", name.len()));
                update(digest, value);
            }
        }
        Value::Array(items) => {
            digest.update(format!("[{}:", items.len()));
            items.iter().for_each(|item| update(digest, item));
        }
        Value::String(text) => digest.update(format!("\"{}:{text}", text.len())),
        plain => digest.update(format!("{plain};")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tag(name: &str, preferences: Value) -> ProfileTag {
        let object = preferences.as_object().unwrap().clone();
        ProfileTag::new(name, &Preferences::new(object).unwrap())
    }

    #[test]
    fn the_tag_is_that_of_the_name_and_the_preferences() {
        let all = [
            tag("Ann", json!({})),
            tag("Ann Lee", json!({})),
            tag("Ann", json!({"a": 1})),
            tag("Ann", json!({"a": "1"})),
            tag("Ann", json!({"a": 1.0})),
            tag("Ann", json!({"a": [1, 2]})),
            tag("Ann", json!({"a": [[1], 2]})),
            tag("Ann", json!({"a": {"b": 1}, "c": 2})),
            tag("Ann", json!({"a": {"b": 1, "c": 2}})),
            tag("Ann", json!({"a": null})),
        ];
        let distinct: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert_eq!(
            tag("Ann", json!({"a": 1, "b": 2})),
            tag("Ann", json!({"b": 2, "a": 1}))
        );
        for tag in all {
            assert_eq!(tag.as_str().parse(), Ok(tag.clone()));
        }
        for text in ["", "x", "*", "\"AAAAAAAAAAAAAAAAAAAAAA\""] {
            assert_eq!(text.parse::<ProfileTag>(), Err(ParseProfileTagError));
        }
    }
}
