//! What must hold after registrations, logins, and what sessions are for.

use admittance::clock::Clock;
use admittance::error::AuthError;
use admittance::mail::MailKind;
use admittance::service::{RefreshRequest, Tokens};
use admittance::store::UserStore;

use super::ops::CAP;
use super::run::new_profile;
use super::{ANN, NEW, Op, Outcome, Scene};
use support::asks::{confirm_password, resend, verify};
use support::bed::{OTHER_PASSWORD, PASSWORD, hash_of, login, registration};

impl Scene {
    pub(super) async fn check_register(&self, outcome: &Outcome) {
        if let Some(Ok(tokens)) = outcome {
            let tokens = tokens.as_ref().unwrap();
            let who = self.bed.validate(tokens).await.unwrap();
            assert_eq!(who.user().email.as_str(), NEW, "I1");
        }
        // I10: registering again makes the account or tells that it is there;
        // then its password opens it, so it was made whole.
        let here = &self.bed.here;
        match self.bed.auth.register(registration(NEW), here).await {
            Ok(_) => assert!(!matches!(outcome, Some(Ok(_))), "I3"),
            Err(AuthError::EmailTaken) => {}
            Err(error) => panic!("I10: {error:?}"),
        }
        let made = self.bed.login(NEW, PASSWORD).await.unwrap();
        let user = self.truth.user(made.user_id).await.unwrap().unwrap();
        assert_eq!((user.name.as_str(), user.auth_epoch), ("Ann", 0), "I2");
        self.check_untouched(true).await;
        if self.op.has_mailer() {
            // The mailed link is good, or another one can be had.
            let kind = MailKind::VerifyEmail;
            let link = self.link_or_ask(kind, NEW, resend(&self.bed, NEW)).await;
            let opened = verify(&self.bed, &link, Some(PASSWORD), None).await;
            assert!(opened.unwrap().is_some(), "I10");
            self.count_verified(NEW);
            self.assert_dead_link(&link).await;
        }
    }

    /// What is refused without a fault is refused with any, and changes nothing.
    pub(super) async fn check_refused(&self, outcome: &Outcome) {
        assert!(!matches!(outcome, Some(Ok(_))), "I7: {outcome:?}");
        let user = self.stored(ANN).await.unwrap();
        assert!(hash_of(&user).is(hash_of(&self.before)));
        assert_eq!(user.auth_epoch, 0);
        assert_eq!(user.last_login, self.before.last_login);
        // Only the three sessions from before: a refusal opens none.
        assert_eq!(self.usable_sessions().await, 3, "I7");
        self.check_untouched(true).await;
        self.log_in(PASSWORD).await.unwrap();
        // Nobody is written to either.
        assert_eq!(self.mails().await, [], "I7");
    }

    pub(super) async fn check_login(&self, outcome: &Outcome) {
        if let Some(Ok(tokens)) = outcome {
            let who = self.bed.validate(tokens.as_ref().unwrap()).await.unwrap();
            assert_eq!(who.user().id, self.before.id);
            let now = self.bed.clock.now();
            assert_eq!(who.user().last_login, Some(now), "I1");
        }
        self.check_untouched(true).await;
        self.log_in(PASSWORD).await.unwrap();
        let hash = self.stored(ANN).await.unwrap().password_hash.unwrap();
        assert!(hash.expose_secret().contains("m=8,t=1,p=1"), "I10");
    }

    /// A caller that got a session has one of the allowed ones.
    pub(super) async fn check_login_capped(&self, outcome: &Outcome) {
        if let Some(Ok(tokens)) = outcome {
            self.assert_valid(tokens.as_ref().unwrap()).await;
            assert_eq!(self.usable_sessions().await, CAP as usize, "I1");
        }
        let again = self.log_in(PASSWORD).await.unwrap();
        self.assert_valid(&again).await;
        assert!(self.usable_sessions().await <= CAP as usize, "I10");
    }

    /// The session that the new one takes the place of makes the room for it: no
    /// other one ends, whatever fails.
    pub(super) async fn check_login_replacing(&self, outcome: &Outcome) {
        self.check_untouched(true).await;
        if let Some(Ok(tokens)) = outcome {
            self.assert_valid(tokens.as_ref().unwrap()).await;
            assert_eq!(self.usable_sessions().await, CAP as usize, "I1");
        }
        let auth = &self.bed.auth;
        let again = auth.login(login(ANN, PASSWORD), &self.here()).await;
        self.assert_valid(&again.unwrap().tokens).await;
        self.assert_dead(&self.asking).await;
        assert!(self.usable_sessions().await <= CAP as usize, "I10");
    }

    pub(super) async fn check_refresh(&self, outcome: &Outcome) {
        let presented = &self.chain[0];
        // I10: whatever was heard, the same token may be handed in again.
        let again = self.bed.refresh(presented).await.unwrap();
        for known in self.chain.get(1).into_iter().chain(given(outcome)) {
            assert_eq!(
                known.refresh_token.expose_secret(),
                again.refresh_token.expose_secret(),
                "I5"
            );
            assert!(self.bed.validate(known).await.is_ok(), "I1");
        }
        // I5: of all that was handed out, the last one works, and after it none.
        let next = self.bed.refresh(&again).await.unwrap();
        self.assert_dead_refresh(presented).await;
        self.assert_dead(&next).await;
        self.assert_dead(&again).await;
        self.check_untouched(false).await;
    }

    pub(super) async fn check_reused(&self, outcome: &Outcome) {
        assert!(!matches!(outcome, Some(Ok(_))), "I7: {outcome:?}");
        if !matches!(outcome, Some(Err(AuthError::InvalidToken))) {
            // It was not answered: the retry does what it should have done.
            self.assert_dead_refresh(&self.chain[0]).await;
        }
        for tokens in &self.chain {
            self.assert_dead(tokens).await;
        }
        self.check_untouched(false).await;
    }

    pub(super) async fn check_logout(&self, outcome: &Outcome) {
        if !matches!(outcome, Some(Ok(_))) {
            let (auth, here) = (&self.bed.auth, &self.bed.here);
            if self.op == Op::LogoutByRefresh {
                let again = RefreshRequest {
                    refresh_token: self.asking.refresh_token.clone(),
                };
                let again = auth.logout_by_refresh_token(again, here).await;
                // It ended the session before, or does so now.
                assert!(matches!(again, Ok(_) | Err(AuthError::InvalidToken)));
            } else {
                auth.logout(&self.ann, here).await.unwrap();
            }
        }
        self.assert_dead(&self.asking).await;
        self.assert_alive(&self.other).await;
        self.assert_alive(&self.chain[0]).await;
    }

    pub(super) async fn check_profile(&self, outcome: &Outcome) {
        let now = self.stored(ANN).await.unwrap();
        let is_new = now.name.as_str() == "Ann Lee";
        assert_eq!(now.preferences.as_map().is_empty(), !is_new, "I2");
        assert!(is_new || !matches!(outcome, Some(Ok(_))), "I1");
        let (auth, here) = (&self.bed.auth, &self.bed.here);
        let again = auth.update_profile(&self.ann, new_profile(), here).await;
        assert_eq!(again.unwrap().name.as_str(), "Ann Lee", "I10");
        self.check_untouched(true).await;
    }

    pub(super) async fn check_change(&self, outcome: &Outcome) {
        let user = self.stored(ANN).await.unwrap();
        let is_changed = !hash_of(&user).is(hash_of(&self.before));
        assert_eq!(user.auth_epoch, u64::from(is_changed), "one write");
        if let Some(Ok(tokens)) = outcome {
            assert!(is_changed, "I1");
            self.assert_alive(tokens.as_ref().unwrap()).await;
        }
        if is_changed {
            // I6, heard of or not: what was there before is dead.
            for tokens in [&self.asking, &self.other, &self.chain[0]] {
                self.assert_dead(tokens).await;
            }
            assert!(self.log_in(PASSWORD).await.is_err());
            self.log_in(OTHER_PASSWORD).await.unwrap();
            return;
        }
        // Not changed: nothing is lost, nothing of the new is usable.
        assert_eq!(self.usable_sessions().await, 3, "I7");
        self.assert_alive(&self.other).await;
        assert!(self.log_in(OTHER_PASSWORD).await.is_err());
        let changed = self
            .bed
            .change_password(&self.ann, PASSWORD, OTHER_PASSWORD);
        let tokens = changed.await.unwrap().tokens;
        self.assert_alive(&tokens).await;
        self.assert_dead(&self.asking).await;
        assert!(self.log_in(PASSWORD).await.is_err());
        // Not even what the first attempt left behind.
        assert_eq!(self.usable_sessions().await, 1);
    }

    pub(super) async fn check_confirm_password(&self, outcome: &Outcome) {
        let (bed, ann) = (&self.bed, &self.ann);
        match outcome {
            Some(Ok(tokens)) => self.assert_alive(tokens.as_ref().unwrap()).await,
            _ if self.is_valid(&self.asking).await => {
                // I10: nothing has happened, and the same can be asked for again.
                let again = confirm_password(bed, ann, PASSWORD).await;
                self.assert_alive(&again.unwrap().unwrap()).await;
            }
            // The present session has ended, and nobody has another for it.
            _ => {
                let again = confirm_password(bed, ann, PASSWORD).await;
                assert!(matches!(again, Err(AuthError::InvalidToken)), "I6");
            }
        }
        self.assert_dead(&self.asking).await;
        self.assert_alive(&self.other).await;
        self.assert_alive(&self.chain[0]).await;
        self.log_in(PASSWORD).await.unwrap();
    }

    pub(super) async fn check_ended(&self, outcome: &Outcome) {
        match outcome {
            Some(Ok(_) | Err(AuthError::NotFound)) => {}
            _ => {
                // I10
                let (auth, other) = (&self.bed.auth, self.sid(&self.other));
                let again = auth.end_session(&self.ann, other, &self.bed.here).await;
                assert!(matches!(again, Ok(()) | Err(AuthError::NotFound)));
            }
        }
        self.assert_dead(&self.other).await;
        self.assert_alive(&self.asking).await;
    }
}

fn given(outcome: &Outcome) -> Option<&Tokens> {
    match outcome {
        Some(Ok(tokens)) => tokens.as_ref(),
        _ => None,
    }
}
