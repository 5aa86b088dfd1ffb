//! An office with an administrator, for tests of what one may do.

use std::collections::BTreeSet;

use admittance::authz::{AdminPermission, Permission, Role, RolePolicy};
use admittance::clock::ManualClock;
use admittance::config::AuthConfig;
use admittance::error::AuthError;
use admittance::id::UserId;
use admittance::service::{AuthService, Authenticated, ChangeRoles, SetStatus, Tokens, UserView};
use admittance::store::{MemoryStore, RoleChange, UserStore};
use admittance::user::UserStatus;

use support::bed::{Bed, config};

pub(crate) const ADMIN: &str = "ada@example.org";
pub(crate) const ANN: &str = "ann@example.org";
pub(crate) const NOBODY: UserId = UserId::from_bytes([9; 12]);

pub(crate) fn role(name: &str) -> Role {
    Role::new(name).unwrap()
}

pub(crate) fn settings() -> AuthConfig {
    let mut settings = config();
    let may = |permission: AdminPermission| [Permission::from(permission)];
    settings.roles = RolePolicy::new()
        .administrator(role("admin"))
        .grant(role("support"), may(AdminPermission::ReadUsers))
        .grant(role("support"), may(AdminPermission::ChangeStatus))
        .grant(role("support"), may(AdminPermission::EndSessions))
        .grant(role("clerk"), may(AdminPermission::ChangeRoles))
        .grant(role("examiner"), [Permission::new("exam:grade").unwrap()])
        .grant(role("student"), []);
    settings
}

/// A service with an administrator, Ada, and a user, Ann.
pub(crate) struct Office {
    pub(crate) bed: Bed,
    pub(crate) ada: Authenticated,
    pub(crate) ann: Tokens,
    pub(crate) ann_id: UserId,
}

impl Office {
    pub(crate) async fn new() -> Self {
        Self::over(Bed::with(settings())).await
    }

    pub(crate) async fn mailing() -> Self {
        Self::over(Bed::mailing_with(settings())).await
    }

    pub(crate) async fn over(bed: Bed) -> Self {
        let ada = bed.register(ADMIN).await.tokens;
        let ann = bed.register(ANN).await;
        let id = bed.validate(&ada).await.unwrap().user().id;
        let office = Self {
            ada: bed.validate(&ada).await.unwrap(),
            ann: ann.tokens,
            ann_id: ann.user_id,
            bed,
        };
        office.make(id, &["admin"]).await;
        Self {
            ada: office.bed.validate(&ada).await.unwrap(),
            ..office
        }
    }

    /// Gives exactly these roles, past the service.
    pub(crate) async fn make(&self, id: UserId, roles: &[&str]) {
        let user = self.bed.store.user(id).await.unwrap().unwrap();
        let change = RoleChange {
            grant: roles.iter().map(|name| role(name)).collect(),
            revoke: user.roles,
        };
        let grant = RoleChange {
            grant: change.grant.clone(),
            revoke: BTreeSet::new(),
        };
        let store = &self.bed.store;
        for change in [&change, &grant] {
            let version = store.user(id).await.unwrap().unwrap().version;
            let changed = store.change_roles(id, version, change).await;
            assert!(changed.unwrap().is_some());
        }
    }

    /// Somebody else with these roles.
    pub(crate) async fn staff(&self, email: &str, roles: &[&str]) -> Authenticated {
        let registered = self.bed.register(email).await;
        self.make(registered.user_id, roles).await;
        self.bed.validate(&registered.tokens).await.unwrap()
    }

    pub(crate) fn auth(&self) -> &AuthService<MemoryStore, ManualClock> {
        &self.bed.auth
    }

    pub(crate) async fn roles(
        &self,
        who: &Authenticated,
        id: UserId,
        grant: &[&str],
        revoke: &[&str],
    ) -> Result<UserView, AuthError> {
        let names = |names: &[&str]| names.iter().map(|&name| name.into()).collect();
        let request = ChangeRoles {
            grant: names(grant),
            revoke: names(revoke),
        };
        let here = &self.bed.here;
        self.auth().change_user_roles(who, id, request, here).await
    }

    pub(crate) async fn status(
        &self,
        who: &Authenticated,
        id: UserId,
        status: UserStatus,
    ) -> Result<UserView, AuthError> {
        let here = &self.bed.here;
        let request = SetStatus { status };
        self.auth().set_user_status(who, id, request, here).await
    }

    pub(crate) async fn stored_roles(&self, id: UserId) -> Vec<String> {
        let user = self.bed.store.user(id).await.unwrap().unwrap();
        user.roles.iter().map(|role| role.to_string()).collect()
    }
}
