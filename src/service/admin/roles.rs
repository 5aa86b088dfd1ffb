//! Who may do what: roles, status, and that an administrator is left.

use std::collections::BTreeSet;

use super::{ChangeRoles, SetStatus, UserView, trail_of};
use crate::authz::{AdminPermission, Permission, Role};
use crate::clock::Clock;
use crate::error::{AuthError, Field, ViolationCode, Violations};
use crate::event::Operation;
use crate::id::UserId;
use crate::service::register::parse_email;
use crate::service::report::Trail;
use crate::service::{AuthService, Authenticated, RequestContext};
use crate::store::{RoleChange, SessionStore, TokenStore, UserStore};
use crate::user::{User, UserStatus};

impl<S: UserStore + SessionStore, C: Clock> AuthService<S, C> {
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
        let mut trail = Trail::default();
        let result = self.try_appoint(email, role, &mut trail).await;
        self.report(Operation::AppointAdministrator, &trail, context, &result);
        result
    }

    async fn try_appoint(
        &self,
        email: &str,
        role: &Role,
        trail: &mut Trail,
    ) -> Result<UserView, AuthError> {
        let mut violations = Violations::default();
        let email = parse_email(email, Field::Email, &mut violations);
        let change_roles = AdminPermission::ChangeRoles.into();
        if !self.config().roles.allows([role], &change_roles) {
            let message = "This role does not let grant roles.";
            violations.push(Field::Grant, ViolationCode::Unknown, message);
        }
        violations.into_result()?;
        let email = email.ok_or(AuthError::NotFound)?;
        let user = self.inner.store.user_by_email(email.canonical()).await?;
        let user = user.ok_or(AuthError::NotFound)?;
        trail.user_id = Some(user.id);
        self.can_be_trusted(&user)?;
        if user.status != UserStatus::Active {
            return Err(AuthError::AccountDisabled);
        }
        let _forgetting = self.forgetting(user.id);
        let change = RoleChange {
            grant: BTreeSet::from([role.clone()]),
            ..RoleChange::default()
        };
        let user = self.inner.store.change_roles(user.id, &change).await?;
        Ok(UserView::from(&user.ok_or(AuthError::NotFound)?))
    }

    /// Grants and revokes roles, in effect at the next request (ASVS 8.3.2).
    /// Needs `users:roles`, and all that the roles and the account's present
    /// ones permit.
    ///
    /// # Errors
    ///
    /// [`AuthError::Forbidden`]; [`AuthError::Validation`] when there is no
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
        let trail = trail_of(auth, Some(id));
        let result = self.try_change_roles(auth, id, request).await;
        self.report(Operation::ChangeRoles, &trail, context, &result);
        result
    }

    async fn try_change_roles(
        &self,
        auth: &Authenticated,
        id: UserId,
        request: ChangeRoles,
    ) -> Result<UserView, AuthError> {
        let auth = &*self.as_of_now(auth).await?;
        let needed = AdminPermission::ChangeRoles;
        auth.require_permission(&needed.into())?;
        let change = self.parse_roles(&request)?;
        let user = self.find_by_id(auth, needed, id).await?;
        self.outranks(auth, &user.roles)?;
        self.outranks(auth, &change.grant)?;
        if !change.grant.is_empty() {
            self.can_be_trusted(&user)?;
        }
        let mut after = user.roles.clone();
        after.extend(change.grant.iter().cloned());
        after.retain(|role| !change.revoke.contains(role));
        if self.takes_one_away(&user, &after, user.status) {
            self.another_administrator(id).await?;
        }
        // No more than that: what is not there now, because somebody else has
        // just taken it away, may be put back, and would be taken away again
        // without that being asked.
        let change = RoleChange {
            grant: after.difference(&user.roles).cloned().collect(),
            revoke: user.roles.difference(&after).cloned().collect(),
        };
        if change == RoleChange::default() {
            return Ok(UserView::from(&user));
        }
        let _forgetting = self.forgetting(id);
        let store = &self.inner.store;
        let changed = store.change_roles(id, &change).await?;
        let changed = changed.ok_or(AuthError::NotFound)?;
        // What others have done since the user was read is in the answer.
        let is_last = self.may_change_roles(&user.roles) && !self.may_change_roles(&changed.roles);
        if is_last && let Err(refused) = self.another_administrator(id).await {
            let back = RoleChange {
                grant: user.roles.difference(&changed.roles).cloned().collect(),
                revoke: changed.roles.difference(&user.roles).cloned().collect(),
            };
            store.change_roles(id, &back).await?;
            return Err(refused);
        }
        Ok(UserView::from(&changed))
    }

    fn parse_roles(&self, request: &ChangeRoles) -> Result<RoleChange, AuthError> {
        let mut violations = Violations::default();
        let mut parse = |names: &[String], is_good: &dyn Fn(&Role) -> bool| {
            let mut roles = BTreeSet::new();
            for name in names {
                match Role::new(name).ok().filter(is_good) {
                    Some(role) => drop(roles.insert(role)),
                    None => violations.push(
                        Field::Grant,
                        ViolationCode::Unknown,
                        "There is no role of this name.",
                    ),
                }
            }
            roles
        };
        let grant = parse(&request.grant, &|role| self.config().roles.knows(role));
        // A role that is not named any more can still be taken away.
        let revoke = parse(&request.revoke, &|_| true);
        violations.into_result()?;
        Ok(RoleChange { grant, revoke })
    }

    /// Refuses an account that a stranger may have made with somebody else's
    /// address, where that can be told: without a mailer nobody can confirm one.
    fn can_be_trusted(&self, user: &User) -> Result<(), AuthError> {
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

impl<S: UserStore + SessionStore + TokenStore, C: Clock> AuthService<S, C> {
    /// Disables or enables an account. Disabling ends every session, token and
    /// link of it at that moment (ASVS 7.4.2); none of them works again when
    /// it is enabled. Needs `users:status`, and all that the account may do.
    ///
    /// # Errors
    ///
    /// [`AuthError::Forbidden`]; [`AuthError::NotFound`];
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
        let mut trail = trail_of(auth, Some(id));
        let result = self.try_set_status(auth, id, request, &mut trail).await;
        self.report(operation, &trail, context, &result);
        result
    }

    async fn try_set_status(
        &self,
        auth: &Authenticated,
        id: UserId,
        SetStatus { status }: SetStatus,
        trail: &mut Trail,
    ) -> Result<UserView, AuthError> {
        let auth = &*self.as_of_now(auth).await?;
        let needed = AdminPermission::ChangeStatus;
        let user = self.find_by_id(auth, needed, id).await?;
        self.outranks(auth, &user.roles)?;
        if self.takes_one_away(&user, &user.roles, status) {
            self.another_administrator(id).await?;
        }
        let is_disabling = status == UserStatus::Disabled;
        // As with roles: what is so already is not done again, but for rows that
        // were left behind.
        if user.status == status {
            if is_disabling {
                self.sweep_up(id, trail).await;
            }
            return Ok(UserView::from(&user));
        }
        let _forgetting = self.forgetting(id);
        let store = &self.inner.store;
        let changed = store.set_status(id, status).await?;
        let changed = changed.ok_or(AuthError::NotFound)?;
        let is_last = is_disabling && self.may_change_roles(&changed.roles);
        if is_last && let Err(refused) = self.another_administrator(id).await {
            store.set_status(id, user.status).await?;
            return Err(refused);
        }
        if is_disabling {
            self.sweep_up(id, trail).await;
        }
        Ok(UserView::from(&changed))
    }
}
