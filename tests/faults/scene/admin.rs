//! An administrator's operations on Ann's account as requests, and what must
//! hold after those that change no roles.

use std::sync::Arc;

use admittance::error::AuthError;
use admittance::service::{
    ChangeRoles, FindUser, ListEvents, ListSessions, ListUsers, SetStatus, UserView,
};
use admittance::user::UserStatus;

use super::ops::clerk;
use super::{ANN, BOB, Op, Outcome, Scene, administrator};
use support::asks::Answer;
use support::bed::PASSWORD;

impl Scene {
    /// The operation, if it is one that needs an administrator. It borrows
    /// nothing, so it may be spawned.
    pub(super) fn administration(&self) -> impl Future<Output = Answer> + Send + use<> {
        let bed = Arc::clone(&self.bed);
        let (op, ann, admin) = (self.op, self.ann.clone(), self.admin.clone());
        let (id, other) = (ann.user().id, self.sid(&self.other));
        async move {
            let (auth, here) = (&bed.auth, &bed.here);
            let grant = |role| ChangeRoles {
                grant: vec![role],
                revoke: Vec::new(),
            };
            match op {
                Op::ViewUser | Op::FindUser => {
                    let email = "ANN@Example.ORG".to_owned();
                    let seen = match op {
                        Op::ViewUser => auth.view_user(&admin, id, here).await?,
                        _ => auth.find_user(&admin, FindUser { email }, here).await?,
                    };
                    assert_eq!((seen.user_id, seen.email.as_str()), (id, ANN));
                }
                Op::ListUsers => {
                    let page = auth.list_users(&admin, ListUsers::default(), here).await?;
                    let has = |email: &str| page.users.iter().any(|user| user.email == email);
                    assert!(has(ANN) && has(BOB) && page.next.is_none());
                }
                Op::ListUserSessions => {
                    let list = auth
                        .list_user_sessions(&admin, id, ListSessions::default(), here)
                        .await?;
                    assert_eq!(list.sessions.len(), 3);
                }
                Op::ListUserEvents => {
                    let page = ListEvents::default();
                    drop(auth.list_user_events(&admin, id, page, here).await?);
                }
                Op::EndUserSession => auth.end_user_session(&admin, id, other, here).await?,
                Op::EndUserSessions => drop(auth.end_user_sessions(&admin, id, here).await?),
                Op::SendReset => drop(auth.send_password_reset(&admin, id, here).await?),
                Op::Disable | Op::DisableAdministrator => {
                    let status = UserStatus::Disabled;
                    let request = SetStatus { status };
                    let seen = auth.set_user_status(&admin, id, request, here).await?;
                    assert_eq!(seen.status, status);
                }
                Op::DisableLast => {
                    let status = UserStatus::Disabled;
                    let request = SetStatus { status };
                    let id = admin.user().id;
                    drop(auth.set_user_status(&admin, id, request, here).await?);
                }
                Op::Enable => {
                    let status = UserStatus::Active;
                    let request = SetStatus { status };
                    let seen = auth.set_user_status(&admin, id, request, here).await?;
                    assert_eq!(seen.status, status);
                }
                Op::GrantRole => {
                    let request = grant(clerk().to_string());
                    let seen = auth.change_user_roles(&admin, id, request, here).await?;
                    assert_eq!(seen.roles, [clerk()].into());
                }
                Op::RevokeAdministrator => {
                    let request = ChangeRoles {
                        grant: Vec::new(),
                        revoke: vec![administrator().to_string()],
                    };
                    let seen = auth.change_user_roles(&admin, id, request, here).await?;
                    assert!(seen.roles.is_empty());
                }
                Op::GrantRoleDenied | Op::GrantRoleAbove => {
                    let request = grant(administrator().to_string());
                    drop(auth.change_user_roles(&ann, id, request, here).await?);
                }
                Op::Appoint | Op::AppointUnverified => {
                    let role = administrator();
                    let seen = auth.appoint_administrator(ANN, &role, here).await?;
                    assert_eq!(seen.roles, [role].into());
                }
                _ => panic!("{op:?} is no administrator's"),
            }
            Ok(None)
        }
    }

    async fn set_status(&self, status: UserStatus) {
        let (auth, id) = (&self.bed.auth, self.before.id);
        let request = SetStatus { status };
        let set = auth.set_user_status(&self.admin, id, request, &self.bed.here);
        assert_eq!(set.await.unwrap().status, status);
    }

    /// Who looks changes nothing, and may look again.
    pub(super) async fn check_seen(&self) {
        self.check_untouched(true).await;
        assert!(self.operation().await.is_ok(), "I10");
        self.log_in(PASSWORD).await.unwrap();
    }

    pub(super) async fn check_session_ended(&self, outcome: &Outcome) {
        if !matches!(outcome, Some(Ok(_) | Err(AuthError::NotFound))) {
            let again = self.operation().await;
            assert!(matches!(again, Ok(_) | Err(AuthError::NotFound)), "I10");
        }
        self.assert_dead(&self.other).await;
        self.assert_alive(&self.asking).await;
        self.assert_alive(&self.chain[0]).await;
    }

    pub(super) async fn check_sessions_ended(&self, outcome: &Outcome) {
        if !matches!(outcome, Some(Ok(_))) {
            assert!(self.operation().await.is_ok(), "I10");
        }
        self.assert_sessions_dead().await;
        assert_eq!(self.usable_sessions().await, 0, "I6");
        let tokens = self.log_in(PASSWORD).await.unwrap();
        self.assert_alive(&tokens).await;
    }

    async fn assert_sessions_dead(&self) {
        for tokens in [&self.asking, &self.other, &self.chain[0]] {
            self.assert_dead(tokens).await;
        }
    }

    /// I6: none of Ann's earlier tokens and links is accepted.
    async fn assert_all_dead(&self) {
        self.assert_sessions_dead().await;
        for link in [&self.link, &self.verify_link] {
            self.assert_dead_link(link).await;
        }
        assert_eq!(self.usable_sessions().await, 0, "I6");
    }

    pub(super) async fn check_disabled(&self, outcome: &Outcome) {
        let ann = self.stored(ANN).await.unwrap();
        let is_disabled = ann.status == UserStatus::Disabled;
        assert!(is_disabled || !matches!(outcome, Some(Ok(_))), "I1");
        // One write; and one that is undone leaves the epoch as it is then.
        assert!(ann.auth_epoch == 1 || !is_disabled && ann.auth_epoch == 0);
        if !is_disabled && ann.auth_epoch == 0 {
            // Nothing is lost either.
            assert_eq!(self.usable_sessions().await, 3, "I7");
            self.check_untouched(true).await;
        }
        if !matches!(outcome, Some(Ok(_))) {
            assert!(self.operation().await.is_ok(), "I10");
        }
        self.assert_all_dead().await;
        let refused = self.log_in(PASSWORD).await;
        assert!(matches!(refused, Err(AuthError::InvalidCredentials)), "I6");
        // Nor does anything come back with the account.
        self.set_status(UserStatus::Active).await;
        self.assert_all_dead().await;
        self.assert_usable().await;
    }

    pub(super) async fn check_enabled(&self, outcome: &Outcome) {
        let ann = self.stored(ANN).await.unwrap();
        let is_active = ann.status == UserStatus::Active;
        assert_eq!(ann.auth_epoch, 1, "that of the disabling");
        self.assert_all_dead().await;
        if !is_active {
            assert!(!matches!(outcome, Some(Ok(_))), "I1");
            assert!(self.log_in(PASSWORD).await.is_err(), "I7");
            assert!(self.operation().await.is_ok(), "I10");
            self.assert_all_dead().await;
        }
        self.assert_usable().await;
    }

    /// Ann gets in by her password, and only by that.
    async fn assert_usable(&self) {
        let tokens = self.log_in(PASSWORD).await.unwrap();
        self.assert_alive(&tokens).await;
        assert_eq!(self.usable_sessions().await, 1, "I6");
    }

    pub(super) async fn check_last_stays(&self, outcome: &Outcome) {
        assert!(!matches!(outcome, Some(Ok(_))), "I7: {outcome:?}");
        let bob = self.stored(BOB).await.unwrap();
        assert_eq!(UserView::from(&bob), UserView::from(self.admin.user()));
        assert_eq!(bob.auth_epoch, 0, "not even for a moment");
        let again = self.operation().await;
        assert!(matches!(again, Err(AuthError::LastAdministrator)), "I10");
        self.check_untouched(true).await;
    }
}
