//! Roles and permissions. What is not granted is denied (ASVS 8.2.1).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The text is not a name: 1 to 64 of `a-z 0-9 . : _ -`, starting with a letter.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("a role or permission is 1 to 64 of a-z, 0-9, '.', ':', '_', '-', starting with a letter")]
pub struct ParseNameError(());

fn is_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b':' | b'_' | b'-'))
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// 1 to 64 of `a-z 0-9 . : _ -`, starting with a letter; case is not
        /// folded but refused.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Parses a name.
            ///
            /// # Errors
            ///
            /// [`ParseNameError`] when it has another form.
            pub fn new(text: &str) -> Result<Self, ParseNameError> {
                if is_name(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(ParseNameError(()))
                }
            }

            /// The name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = ParseNameError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::new(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

name! {
    /// What a user is, such as `examiner`. Kept in the user record.
    Role
}
name! {
    /// What may be done, such as `exam:grade`. Roles grant permissions.
    Permission
}

/// Which permissions each role grants, and which roles a new account has.
///
/// It is configuration: a user record names roles, never permissions. A role
/// that is not listed here grants nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RolePolicy {
    grants: BTreeMap<Role, BTreeSet<Permission>>,
    initial: BTreeSet<Role>,
}

impl RolePolicy {
    /// A policy that grants nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets `role` do all of `permissions`, besides what it may already do.
    #[must_use]
    pub fn grant(mut self, role: Role, permissions: impl IntoIterator<Item = Permission>) -> Self {
        self.grants.entry(role).or_default().extend(permissions);
        self
    }

    /// Gives `role` to every account that registers from now on.
    #[must_use]
    pub fn initial_role(mut self, role: Role) -> Self {
        self.initial.insert(role);
        self
    }

    /// The roles of a new account.
    #[must_use]
    pub fn initial_roles(&self) -> &BTreeSet<Role> {
        &self.initial
    }

    /// Whether one of `roles` grants `permission`.
    pub fn allows<'a>(
        &self,
        roles: impl IntoIterator<Item = &'a Role>,
        permission: &Permission,
    ) -> bool {
        roles
            .into_iter()
            .filter_map(|role| self.grants.get(role))
            .any(|granted| granted.contains(permission))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asvs_8_2_1_what_is_not_granted_is_denied() {
        let examiner = Role::new("examiner").unwrap();
        let grade = Permission::new("exam:grade").unwrap();
        let policy = RolePolicy::new().grant(examiner.clone(), [grade.clone()]);
        assert!(policy.allows([&examiner], &grade));
        assert!(!policy.allows([&examiner], &Permission::new("exam:delete").unwrap()));
        assert!(!policy.allows([&Role::new("student").unwrap()], &grade));
        assert!(!policy.allows([], &grade));
        assert!(!RolePolicy::new().allows([&examiner], &grade));
    }

    #[test]
    fn names_have_one_form() {
        for text in ["", "Admin", "9lives", "a b", "a\n", "é", &"a".repeat(65)] {
            assert!(Role::new(text).is_err(), "{text}");
        }
    }
}
