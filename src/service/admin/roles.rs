//! Who may do what: roles, status, and that an administrator is left.

use std::sync::Arc;

use std::collections::BTreeSet;

use serde::Deserialize;

use super::UserView;
use crate::authz::{AdminPermission, Permission, Role};
use crate::clock::Clock;
use crate::error::{AuthError, Field, ViolationCode, Violations};
use crate::event::Operation;
use crate::id::UserId;
use crate::service::fields::{optional, parse_email};
use crate::service::operation::{By, Subject, Trail};
use crate::service::{AuthService, Authenticated, RequestContext};
use crate::store::{RoleChange, Store, StoreError};
use crate::user::{User, UserStatus};

/// Sets the status of an account.
#[derive(Clone, Copy, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SetStatus {
    /// The new status.
    pub status: UserStatus,
}

/// Grants and revokes roles. A role in both lists is revoked.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ChangeRoles {
    /// Names of roles to add. Each must be one that the application's
    /// [`RolePolicy`](crate::authz::RolePolicy) names.
    #[cfg_attr(feature = "openapi", schemars(with = "Option<Vec<Role>>"))]
    #[serde(deserialize_with = "optional")]
    pub grant: Vec<String>,
    /// Names of roles to remove.
    #[cfg_attr(feature = "openapi", schemars(with = "Option<Vec<Role>>"))]
    #[serde(deserialize_with = "optional")]
    pub revoke: Vec<String>,
}

/// How often the undoing of an act is tried.
const UNDO_TRIES: usize = 16;

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Gives `role`, one that lets grant roles, to the account of `email`.
    ///
    /// This is how the first administrator is made: by a call of the
    /// application's own code, which nobody reaches over the network, and never
    /// by registering first. It asks for no permission, so it is also the way
    /// back when all administrators are gone.
    ///
    /// # Errors
    ///
    /// [`AuthError::Validation`] when the text is no address, or the role does
    /// not let grant roles; [`AuthError::NotFound`];
    /// [`AuthError::NotVerified`] when there is a mailer and nobody has
    /// confirmed the address: a stranger may have registered it;
    /// [`AuthError::AccountDisabled`]; [`AuthError::Store`].
    pub async fn appoint_administrator(
        &self,
        email: &str,
        role: &Role,
        context: &RequestContext,
    ) -> Result<UserView, AuthError> {
        let (email, role) = (email.to_owned(), role.clone());
        let appoint =
            async move |service: Self, trail| service.appoint(&email, &role, &trail).await;
        let (kind, subject) = (Operation::AppointAdministrator, Subject::default());
        self.operation(kind, subject, context, appoint).await
    }

    async fn appoint(
        &self,
        email: &str,
        role: &Role,
        trail: &Trail,
    ) -> Result<UserView, AuthError> {
        let mut violations = Violations::default();
        let email = parse_email(email, Field::Email, &mut violations);
        let change_roles = AdminPermission::ChangeRoles.into();
        if !self.config().roles.allows([role], &change_roles) {
            let message = "This role does not allow granting roles.";
            violations.push(Field::Grant, ViolationCode::Unknown, message);
        }
        violations.into_result()?;
        let email = email.ok_or(AuthError::NotFound)?;
        let user = self.inner.store.user_by_email(email.canonical()).await?;
        let user = user.ok_or(AuthError::NotFound)?;
        trail.about(Some(user.id));
        let change = &RoleChange {
            grant: BTreeSet::from([role.clone()]),
            ..RoleChange::default()
        };
        let appoint = |user: Arc<User>| async move {
            self.can_be_trusted(&user)?;
            if user.status != UserStatus::Active {
                return Err(AuthError::AccountDisabled);
            }
            let store = &self.inner.store;
            Ok(store.change_roles(user.id, user.version, change).await?)
        };
        let fits = |user: &User| user.email.canonical() == email.canonical();
        let changed = self.on_account(Arc::new(user), fits, appoint).await?;
        let (before, user) = changed.ok_or(AuthError::NotFound)?;
        if before.roles == user.roles {
            trail.unchanged();
        }
        Ok(UserView::from(&user))
    }

    /// Grants and revokes roles, in effect at the next request (ASVS 8.3.2).
    /// Needs `users:roles`, and all that the roles and the account's present
    /// ones permit.
    ///
    /// # Errors
    ///
    /// [`AuthError::Forbidden`]; [`AuthError::RecentLoginRequired`] when the settings
    /// require a recent login; [`AuthError::Validation`] when there is no
    /// such role; [`AuthError::NotFound`]; [`AuthError::NotVerified`] when
    /// something is granted, there is a mailer, and nobody has confirmed the
    /// address; [`AuthError::LastAdministrator`]; [`AuthError::Store`].
    pub async fn change_user_roles(
        &self,
        auth: &Authenticated,
        id: UserId,
        request: ChangeRoles,
        context: &RequestContext,
    ) -> Result<UserView, AuthError> {
        let change = async move |service: Self, auth: Authenticated, trail: Trail| {
            service.alter_roles(&auth, id, request, &trail).await
        };
        let (kind, by) = (Operation::ChangeRoles, By::administrator(auth, Some(id)));
        self.acting(kind, by, context, change).await
    }

    async fn alter_roles(
        &self,
        auth: &Authenticated,
        id: UserId,
        request: ChangeRoles,
        trail: &Trail,
    ) -> Result<UserView, AuthError> {
        let needed = AdminPermission::ChangeRoles;
        auth.require_permission(&needed.into())?;
        self.require_recent_proof(auth)?;
        let change = self.parse_roles(&request)?;
        let user = self.find_by_id(auth, needed, id).await?;
        let change = &change;
        let act = |user: Arc<User>| self.change_roles_of(auth, user, change);
        let changed = self.on_account(Arc::new(user), |_| true, act).await?;
        let (before, user) = changed.ok_or(AuthError::NotFound)?;
        if before.roles == user.roles {
            trail.unchanged();
        }
        Ok(UserView::from(&user))
    }

    /// Decides on the change for `user`, and makes it if `user` is still as it
    /// was read; else `None`. A change that finds nothing to change is made too:
    /// then no earlier one is applied late.
    async fn change_roles_of(
        &self,
        auth: &Authenticated,
        user: Arc<User>,
        change: &RoleChange,
    ) -> Result<Option<User>, AuthError> {
        self.outranks(auth, &user.roles)?;
        self.outranks(auth, &change.grant)?;
        if !change.grant.is_empty() {
            self.can_be_trusted(&user)?;
        }
        let mut after = user.roles.clone();
        after.extend(change.grant.iter().cloned());
        after.retain(|role| !change.revoke.contains(role));
        // Also when the account is none any more: who has taken it away may be
        // about to give it back, because nobody else is left.
        if self.may_change_roles(&change.revoke) && !self.may_change_roles(&after) {
            self.another_administrator(user.id).await?;
        }
        let store = &self.inner.store;
        let changed = store.change_roles(user.id, user.version, change).await?;
        let Some(changed) = changed else {
            return Ok(None);
        };
        let is_last = self.may_change_roles(&user.roles) && !self.may_change_roles(&changed.roles);
        if is_last && let Err(refused) = self.another_administrator(user.id).await {
            let back = &RoleChange {
                grant: user.roles.difference(&changed.roles).cloned().collect(),
                revoke: changed.roles.difference(&user.roles).cloned().collect(),
            };
            let undo =
                |user: User| async move { store.change_roles(user.id, user.version, back).await };
            self.undo(changed, undo).await?;
            return Err(refused);
        }
        Ok(Some(changed))
    }

    /// Undoes what has just made `changed` of an account, because no
    /// administrator is left. If somebody else has acted on the account since,
    /// that stands, unless there is still no administrator.
    async fn undo<F>(&self, changed: User, undo: impl Fn(User) -> F) -> Result<(), AuthError>
    where
        F: Future<Output = Result<Option<User>, StoreError>>,
    {
        let (id, ours) = (changed.id, changed.version);
        let mut user = changed;
        for _ in 0..UNDO_TRIES {
            let is_ours = user.version == ours;
            if undo(user).await?.is_some() {
                if !is_ours {
                    tracing::warn!(user_id = %id, "no administrator was left: a later act was undone");
                }
                return Ok(());
            }
            let Some(now) = self.inner.store.user(id).await? else {
                break;
            };
            let is_one = now.status == UserStatus::Active && self.may_change_roles(&now.roles);
            if is_one {
                break;
            }
            match self.another_administrator(id).await {
                Ok(()) => break,
                Err(AuthError::LastAdministrator) => user = now,
                Err(error) => return Err(error),
            }
        }
        tracing::warn!(user_id = %id, "an act was not undone: there was a later one");
        Ok(())
    }

    fn parse_roles(&self, request: &ChangeRoles) -> Result<RoleChange, AuthError> {
        let mut violations = Violations::default();
        let grant = self.known_roles(&request.grant, Field::Grant, &mut violations);
        // A role that is not named any more can still be taken away.
        let revoke = parse_roles(&request.revoke, Field::Grant, &mut violations, |_| true);
        violations.into_result()?;
        Ok(RoleChange { grant, revoke })
    }

    /// The roles with the names in `field`, each of which the policy must name.
    pub(in crate::service) fn known_roles(
        &self,
        names: &[String],
        field: Field,
        violations: &mut Violations,
    ) -> BTreeSet<Role> {
        parse_roles(names, field, violations, |role| {
            self.config().roles.knows(role)
        })
    }

    /// Refuses an administrator who may not grant `roles` to a new account.
    pub(in crate::service) fn may_grant(
        &self,
        auth: &Authenticated,
        roles: &BTreeSet<Role>,
    ) -> Result<(), AuthError> {
        auth.require_permission(&AdminPermission::ChangeRoles.into())?;
        self.require_recent_proof(auth)?;
        self.outranks(auth, roles)?;
        // Nobody may ever get in there, and it would count as another administrator.
        match self.may_change_roles(roles) {
            true => Err(AuthError::NotVerified),
            false => Ok(()),
        }
    }

    /// Refuses an administrator whose last proof is older than the settings allow.
    fn require_recent_proof(&self, auth: &Authenticated) -> Result<(), AuthError> {
        match self.config().recent_login_for_administration {
            Some(max_age) => auth.require_recent_login(max_age),
            None => Ok(()),
        }
    }

    /// Refuses an account that a stranger may have made with somebody else's
    /// address, where that can be told: without a mailer nobody can confirm one.
    pub(in crate::service) fn can_be_trusted(&self, user: &User) -> Result<(), AuthError> {
        match user.is_verified || self.inner.outbox.is_none() {
            true => Ok(()),
            false => Err(AuthError::NotVerified),
        }
    }

    /// Whether `user` is an administrator, and would not be one with `roles`
    /// and `status`.
    fn takes_one_away(&self, user: &User, roles: &BTreeSet<Role>, status: UserStatus) -> bool {
        let is_one = |roles: &BTreeSet<Role>, status| {
            status == UserStatus::Active && self.may_change_roles(roles)
        };
        is_one(&user.roles, user.status) && !is_one(roles, status)
    }

    /// Whether `roles` are those of an administrator.
    fn may_change_roles(&self, roles: &BTreeSet<Role>) -> bool {
        let needed = Permission::from(AdminPermission::ChangeRoles);
        self.config().roles.allows(roles, &needed)
    }

    /// Refuses when no other active user may grant roles.
    ///
    /// It is asked before an act and after it. Before, so that nothing is
    /// changed; after, because two administrators may take each other away at
    /// the same time: who acts last sees that nobody is left, and undoes it.
    async fn another_administrator(&self, except: UserId) -> Result<(), AuthError> {
        let needed = Permission::from(AdminPermission::ChangeRoles);
        for role in self.config().roles.granting(&needed) {
            if self.inner.store.has_other(role, except).await? {
                return Ok(());
            }
        }
        Err(AuthError::LastAdministrator)
    }

    /// Refuses that the last administrator leaves.
    pub(in crate::service) async fn is_not_the_last(&self, user: &User) -> Result<(), AuthError> {
        match self.takes_one_away(user, &BTreeSet::new(), user.status) {
            true => self.another_administrator(user.id).await,
            false => Ok(()),
        }
    }
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Disables or enables an account. Disabling ends every session, token and
    /// link of it at that moment (ASVS 7.4.2); none of them works again when
    /// it is enabled. Needs `users:status`, and all that the account may do.
    ///
    /// # Errors
    ///
    /// [`AuthError::Forbidden`]; [`AuthError::RecentLoginRequired`] when the settings
    /// require a recent login; [`AuthError::NotFound`];
    /// [`AuthError::LastAdministrator`]; [`AuthError::Store`].
    pub async fn set_user_status(
        &self,
        auth: &Authenticated,
        id: UserId,
        request: SetStatus,
        context: &RequestContext,
    ) -> Result<UserView, AuthError> {
        let operation = match request.status {
            UserStatus::Active => Operation::EnableUser,
            UserStatus::Disabled => Operation::DisableUser,
        };
        let status = request.status;
        let set = async move |service: Self, auth: Authenticated, trail: Trail| {
            service.alter_status(&auth, id, status, &trail).await
        };
        let by = By::administrator(auth, Some(id));
        self.acting(operation, by, context, set).await
    }

    async fn alter_status(
        &self,
        auth: &Authenticated,
        id: UserId,
        status: UserStatus,
        trail: &Trail,
    ) -> Result<UserView, AuthError> {
        let needed = AdminPermission::ChangeStatus;
        auth.require_permission(&needed.into())?;
        self.require_recent_proof(auth)?;
        let user = self.find_by_id(auth, needed, id).await?;
        let act = |user: Arc<User>| self.set_status_of(auth, user, status);
        let changed = self.on_account(Arc::new(user), |_| true, act).await?;
        let (before, user) = changed.ok_or(AuthError::NotFound)?;
        if before.status == user.status {
            trail.unchanged();
        }
        if status == UserStatus::Disabled {
            self.sweep_up(id, user.auth_epoch, trail).await;
        }
        Ok(UserView::from(&user))
    }

    /// Decides on the status of `user`, and sets it if `user` is still as it was
    /// read; else `None`. A status that the account has already is set too: then
    /// no earlier act is applied late.
    async fn set_status_of(
        &self,
        auth: &Authenticated,
        user: Arc<User>,
        status: UserStatus,
    ) -> Result<Option<User>, AuthError> {
        self.outranks(auth, &user.roles)?;
        let is_disabling = status == UserStatus::Disabled;
        // Also when it is disabled already: as with roles.
        if is_disabling && self.may_change_roles(&user.roles) {
            self.another_administrator(user.id).await?;
        }
        let store = &self.inner.store;
        let changed = store.set_status(user.id, user.version, status).await?;
        let Some(changed) = changed else {
            return Ok(None);
        };
        // By what the act has found. When an administrator acts, whatever it has
        // found: a request that has taken the role from this account may be about
        // to give it back, because nobody else is left.
        let is_last = is_disabling
            && user.status == UserStatus::Active
            && (self.may_change_roles(&changed.roles) || self.may_change_roles(&auth.user().roles));
        if is_last && let Err(refused) = self.another_administrator(user.id).await {
            let before = user.status;
            let undo =
                |user: User| async move { store.set_status(user.id, user.version, before).await };
            self.undo(changed, undo).await?;
            return Err(refused);
        }
        Ok(Some(changed))
    }
}

fn parse_roles(
    names: &[String],
    field: Field,
    violations: &mut Violations,
    is_allowed: impl Fn(&Role) -> bool,
) -> BTreeSet<Role> {
    let mut roles = BTreeSet::new();
    for name in names {
        match Role::new(name).ok().filter(&is_allowed) {
            Some(role) => drop(roles.insert(role)),
            None => refuse_role(field, violations),
        }
    }
    roles
}

/// Adds the violation of a role that the policy does not name.
pub(in crate::service) fn refuse_role(field: Field, violations: &mut Violations) {
    let message = "There is no role of this name.";
    violations.push(field, ViolationCode::Unknown, message);
}
