//! What must hold after an administrator has changed roles, or was refused it.

use admittance::authz::AdminPermission;
use admittance::error::{AuthError, ErrorCode};
use admittance::service::UserView;

use super::ops::clerk;
use super::{ANN, BOB, Op, Outcome, Scene, administrator, shape};
use support::bed::PASSWORD;

impl Scene {
    pub(super) async fn check_roles(&self, outcome: &Outcome) {
        let after = match self.op {
            Op::GrantRole => [clerk()].into(),
            Op::Appoint => [administrator()].into(),
            _ => Default::default(),
        };
        let now = self.stored(ANN).await.unwrap().roles;
        // I7: the roles from before or those that were asked for, and no others.
        assert!(now == after || now == self.before.roles, "I7: {now:?}");
        assert!(now == after || !matches!(outcome, Some(Ok(_))), "I1");
        if now != after {
            self.check_permission(self.op == Op::RevokeAdministrator)
                .await;
        }
        if !matches!(outcome, Some(Ok(_))) {
            assert!(self.operation().await.is_ok(), "I10");
        }
        self.roles.replace(after);
        self.check_permission(self.op != Op::RevokeAdministrator)
            .await;
        // Roles are nothing that a session has to end for.
        self.check_untouched(true).await;
        self.log_in(PASSWORD).await.unwrap();
    }

    /// With the token from before, Ann may do what her roles let her do now.
    async fn check_permission(&self, may: bool) {
        let ann = self.bed.validate(&self.asking).await.unwrap();
        let (auth, bob) = (&self.bed.auth, self.admin.user().id);
        match auth.view_user(&ann, bob, &self.bed.here).await {
            Ok(seen) => assert!(may && seen.email == BOB, "I7"),
            Err(AuthError::Forbidden) => assert!(!may, "I1"),
            Err(error) => panic!("{error:?}"),
        }
    }

    /// What is refused without a fault is refused with any.
    pub(super) async fn check_roles_refused(&self, outcome: &Outcome) {
        assert!(!matches!(outcome, Some(Ok(_))), "I7: {outcome:?}");
        let ann = self.stored(ANN).await.unwrap();
        assert_eq!(UserView::from(&ann), UserView::from(&self.before), "I7");
        assert_eq!(ann.auth_epoch, 0, "I7");
        let ann = self.bed.validate(&self.asking).await.unwrap();
        assert!(!ann.has_permission(&AdminPermission::ChangeStatus.into()));
        let code = match self.op {
            Op::AppointUnverified => ErrorCode::NotVerified,
            _ => ErrorCode::Forbidden,
        };
        assert_eq!(shape(&self.operation().await), Err(code), "I10");
        self.check_untouched(true).await;
    }
}
