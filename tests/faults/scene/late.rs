//! Acts that are acknowledged after an operation, and the check that they
//! persist.
//!
//! I12: an act that was answered with an error is not applied after a later
//! acknowledged act on the same record that it would undo.

use std::time::Duration;

use admittance::error::AuthError;
use admittance::mail::MailKind;
use admittance::secret::MailToken;
use admittance::service::{ChangeRoles, SetStatus, Tokens, UpdateProfile};
use admittance::user::UserStatus;

use super::ops::clerk;
use super::{ANN, Op, Scene, administrator};
use support::asks::{forgot, reset};
use support::bed::{OTHER_PASSWORD, PASSWORD, hash_of, registration};

const THIRD_PASSWORD: &str = "tundra^Copper 61 violin";

/// The state that was acknowledged after the operation.
pub(crate) struct Later {
    acts: usize,
    /// Every user at that time.
    users: Vec<String>,
    opened: Vec<Tokens>,
    link: Option<MailToken>,
}

impl Scene {
    /// Does acts on the records of the operation, the contrary one among them,
    /// and has them acknowledged.
    pub(crate) async fn go_on(&self) -> Later {
        // A minute, which is longer than a refresh token may be repeated.
        self.bed.clock.advance(Duration::from_secs(60));
        let mut later = Later {
            acts: 0,
            users: Vec::new(),
            opened: Vec::new(),
            link: None,
        };
        later.acts += usize::from(self.undo().await);
        if self.op.makes_account() {
            later.acts += usize::from(self.operation().await.is_ok());
        }
        if let Ok(once) = self.bed.refresh(&self.chain[0]).await {
            let twice = self.bed.refresh(&once).await.unwrap();
            later.acts += 2;
            // The sessions of a capped user may be the oldest by now, and a
            // session that outlived its end may end at any time.
            let ends_all = matches!(self.op, Op::EndAllSessions | Op::EndUserSessions);
            if !self.op.is_capped() && !ends_all {
                later.opened.push(twice);
            }
        }
        if let Some(tokens) = self.log_in_somehow().await {
            later.acts += 1;
            let ann = self.bed.validate(&tokens).await.unwrap();
            let rename = UpdateProfile {
                name: Some("Ann Later".to_owned()),
                preferences: None,
            };
            let (auth, here) = (&self.bed.auth, &self.bed.here);
            let renamed = auth.update_profile(&ann, rename, here).await;
            assert_eq!(renamed.unwrap().name, "Ann Later");
            later.acts += 1;
            later.opened.push(tokens);
            self.gather().await;
            self.mails.borrow_mut().clear();
            if self.op.has_mailer() && forgot(&self.bed, ann.user().email.as_str()).await.is_ok() {
                let email = ann.user().email.as_str();
                later.link = self.mailed(MailKind::ResetPassword, email).await;
                later.acts += 1;
            }
        }
        later.users = self.all_users().await;
        later
    }

    /// Does the contrary of the operation. Returns whether it was acknowledged.
    async fn undo(&self) -> bool {
        let (auth, here, id) = (&self.bed.auth, &self.bed.here, self.before.id);
        let status = |status| auth.set_user_status(&self.admin, id, SetStatus { status }, here);
        let roles = |grant: Vec<String>, revoke: Vec<String>| {
            let request = ChangeRoles { grant, revoke };
            auth.change_user_roles(&self.admin, id, request, here)
        };
        match self.op {
            Op::Disable | Op::DisableAdministrator => status(UserStatus::Active).await.is_ok(),
            // Twice: the second finds nothing to change.
            Op::Enable => {
                status(UserStatus::Disabled).await.unwrap();
                status(UserStatus::Disabled).await.is_ok()
            }
            Op::GrantRole | Op::Appoint => {
                let named = [clerk().to_string(), administrator().to_string()];
                roles(Vec::new(), named.to_vec()).await.is_ok()
            }
            Op::RevokeAdministrator => roles(vec![administrator().to_string()], Vec::new())
                .await
                .is_ok(),
            Op::ChangePassword
            | Op::Reset
            | Op::VerifyBySession
            | Op::VerifyByPassword
            | Op::ConfirmEmail
            | Op::Delete => {
                let Ok(ann) = self.bed.validate(&self.other).await else {
                    return false;
                };
                let changed = self.bed.change_password(&ann, PASSWORD, THIRD_PASSWORD);
                changed.await.is_ok()
            }
            _ => false,
        }
    }

    /// Opens a session for Ann, with her present password and address, or for
    /// an account that she registers if she has none.
    async fn log_in_somehow(&self) -> Option<Tokens> {
        for email in [ANN, super::NEW] {
            for password in [THIRD_PASSWORD, PASSWORD, OTHER_PASSWORD] {
                match self.bed.login(email, password).await {
                    Ok(opened) => return Some(opened.tokens),
                    Err(AuthError::InvalidCredentials) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
        }
        let made = self.bed.auth.register(registration(ANN), &self.bed.here);
        Some(made.await.ok()?.opened()?.tokens)
    }

    /// I12: every later acknowledged act persists.
    pub(crate) async fn assert_stands(&self, later: &Later) {
        assert_eq!(self.all_users().await, later.users, "I12");
        for tokens in &later.opened {
            let live = self.bed.validate(tokens).await;
            assert!(live.is_ok(), "I12: a session was ended: {live:?}");
            let live = self.bed.refresh(tokens).await;
            assert!(live.is_ok(), "I12: a session was ended: {live:?}");
        }
        if let Some(link) = &later.link {
            let used = reset(&self.bed, link, OTHER_PASSWORD).await;
            assert!(used.is_ok(), "I12: a link was removed: {used:?}");
        }
        assert!(
            later.acts > 0 || self.op == Op::DisableLast,
            "nothing was acknowledged"
        );
    }

    async fn all_users(&self) -> Vec<String> {
        let users = self.truth.users(None, 100).await.unwrap();
        let user =
            |user: &admittance::user::User| format!("{user:?} {}", hash_of(user).expose_secret());
        users.iter().map(user).collect()
    }
}
