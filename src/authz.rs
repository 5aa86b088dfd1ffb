//! Roles and permissions. What is not granted is denied (ASVS 8.2.1).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::named::named;

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

named! {
    /// What the service itself asks a permission for: the acts of an
    /// administrator. Grant them by [`RolePolicy::administrator`], or one by one.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum AdminPermission {
        /// `users:read`: to see accounts, their sessions, and what happened to them.
        ReadUsers => "users:read",
        /// `users:create`: to create an account for somebody.
        CreateUsers => "users:create",
        /// `users:status`: to disable and enable an account.
        ChangeStatus => "users:status",
        /// `users:sessions`: to end an account's sessions.
        EndSessions => "users:sessions",
        /// `users:reset`: to have a link mailed that sets a new password.
        ResetPassword => "users:reset",
        /// `users:roles`: to grant and revoke roles. Who has it is an administrator:
        /// at least one active account keeps it.
        ChangeRoles => "users:roles",
    }
}

impl From<AdminPermission> for Permission {
    fn from(permission: AdminPermission) -> Self {
        Self(permission.as_str().to_owned())
    }
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

    /// Lets `role` do all that an administrator may: each [`AdminPermission`].
    ///
    /// An administrator can manage only accounts whose permissions they hold. Grant `role` the
    /// permissions of the roles that it manages; the service warns at start of a role whose
    /// permissions no such role has.
    ///
    /// ```
    /// use admittance::authz::{ParseNameError, Permission, Role, RolePolicy};
    ///
    /// # fn policy() -> Result<RolePolicy, ParseNameError> {
    /// let teach = Permission::new("exam:grade")?;
    /// let policy = RolePolicy::new()
    ///     .grant(Role::new("teacher")?, [teach.clone()])
    ///     .grant(Role::new("head")?, [teach])
    ///     .administrator(Role::new("head")?);
    /// # Ok(policy)
    /// # }
    /// # assert!(policy().is_ok());
    /// ```
    #[must_use]
    pub fn administrator(self, role: Role) -> Self {
        self.grant(role, AdminPermission::ALL.map(Permission::from))
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

    /// Whether `role` is one of those that are named here.
    #[must_use]
    pub fn knows(&self, role: &Role) -> bool {
        self.grants.contains_key(role) || self.initial.contains(role)
    }

    /// Whether who has `roles` may do all that `others` grant.
    #[must_use]
    pub fn covers(&self, roles: &BTreeSet<Role>, others: &BTreeSet<Role>) -> bool {
        others
            .iter()
            .filter_map(|role| self.grants.get(role))
            .flatten()
            .all(|permission| self.allows(roles, permission))
    }

    /// Returns the roles that no administrator role covers by itself. Empty without
    /// administrator roles.
    pub(crate) fn out_of_reach(&self) -> Vec<&Role> {
        let change_roles = AdminPermission::ChangeRoles.into();
        let administrators: Vec<&Role> = self.granting(&change_roles).collect();
        let covers = |one: &Role, other: &Role| {
            self.covers(
                &BTreeSet::from([one.clone()]),
                &BTreeSet::from([other.clone()]),
            )
        };
        let is_out_of_reach = |role: &&Role| !administrators.iter().any(|one| covers(one, role));
        match administrators.is_empty() {
            true => Vec::new(),
            false => self.grants.keys().filter(is_out_of_reach).collect(),
        }
    }

    /// The roles that grant `permission`.
    pub(crate) fn granting<'a>(
        &'a self,
        permission: &'a Permission,
    ) -> impl Iterator<Item = &'a Role> {
        let grants = |granted: &BTreeSet<Permission>| granted.contains(permission);
        self.grants
            .iter()
            .filter(move |(_, granted)| grants(granted))
            .map(|(role, _)| role)
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
    fn each_of_several_roles_grants_what_it_grants() {
        let role = |name: &str| Role::new(name).unwrap();
        let permission = |name: &str| Permission::new(name).unwrap();
        let (take, grade) = (permission("exam:take"), permission("exam:grade"));
        let policy = RolePolicy::new()
            .grant(role("a"), [take.clone()])
            .grant(role("b"), [grade.clone()])
            .grant(role("c"), [take.clone(), grade.clone()]);
        let (a, b) = (role("a"), role("b"));
        for roles in [[&a, &b], [&b, &a]] {
            assert!(policy.allows(roles, &take) && policy.allows(roles, &grade));
        }
        // The same holds for roles that nothing is known of.
        let unknown = role("unknown");
        for roles in [[&unknown, &a], [&a, &unknown]] {
            assert!(policy.allows(roles, &take) && !policy.allows(roles, &grade));
        }
        let set = |names: &[&str]| names.iter().map(|name| role(name)).collect();
        let both: BTreeSet<_> = set(&["a", "b"]);
        assert!(policy.covers(&both, &set(&["c"])));
        assert!(policy.covers(&both, &set(&["b", "a"])));
        assert!(!policy.covers(&set(&["a"]), &both) && !policy.covers(&set(&["b"]), &both));
        assert!(!policy.covers(&set(&["a"]), &set(&["c"])));
        let granting: Vec<_> = policy.granting(&grade).cloned().collect();
        assert_eq!(granting, [role("b"), role("c")]);
    }

    #[test]
    fn a_role_that_no_administrator_covers_is_out_of_reach() {
        let grade = || [Permission::new("exam:grade").unwrap()];
        let [admin, teacher] = ["admin", "teacher"].map(|name| Role::new(name).unwrap());
        let policy = RolePolicy::new().grant(teacher.clone(), grade());
        assert!(policy.out_of_reach().is_empty(), "nobody administers");
        let policy = policy.administrator(admin.clone());
        assert_eq!(policy.out_of_reach(), [&teacher]);
        assert!(policy.grant(admin, grade()).out_of_reach().is_empty());
    }

    #[test]
    fn a_role_covers_what_it_may_do_itself() {
        let role = |name| Role::new(name).unwrap();
        let grade = Permission::new("exam:grade").unwrap();
        let policy = RolePolicy::new()
            .administrator(role("admin"))
            .grant(role("support"), [AdminPermission::ReadUsers.into()])
            .grant(role("examiner"), [grade])
            .initial_role(role("student"));
        let one = |name| BTreeSet::from([role(name)]);
        for (roles, others, covers) in [
            ("admin", "support", true),
            ("support", "admin", false),
            ("admin", "examiner", false),
            ("support", "student", true),
            ("student", "unheard-of", true),
            ("student", "support", false),
        ] {
            assert_eq!(policy.covers(&one(roles), &one(others)), covers, "{roles}");
        }
        let known = |name| policy.knows(&role(name));
        assert!(known("student") && known("admin") && !known("unheard-of"));
    }

    #[test]
    fn every_permission_of_an_administrator_has_a_valid_name() {
        for permission in AdminPermission::ALL {
            assert_eq!(Permission::new(permission.as_str()), Ok(permission.into()));
        }
    }

    #[test]
    fn names_have_one_form() {
        for text in [
            "",
            "Admin",
            "aD",
            "9lives",
            "-a",
            ".a",
            "a b",
            "a\n",
            "é",
            "a/b",
            &"a".repeat(65),
        ] {
            assert!(Role::new(text).is_err(), "{text}");
            assert!(Permission::new(text).is_err(), "{text}");
        }
        for text in ["a", "exam:grade", "a.b_c-9", &"a".repeat(64)] {
            assert_eq!(Role::new(text).as_ref().map(Role::as_str), Ok(text));
            assert!(Permission::new(text).is_ok(), "{text}");
        }
    }
}
