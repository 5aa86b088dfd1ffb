//! What must hold after links were asked for and used: to confirm an address,
//! to disown an account, to set a new password.

use admittance::error::AuthError;
use admittance::mail::MailKind;
use admittance::secret::MailToken;
use admittance::service::Tokens;
use admittance::store::{SessionStore, TokenStore};

use super::ops::CAP;
use super::{ANN, BOB, EVE, NEW, Op, Outcome, Scene};
use support::asks::{Answer, disown, forgot, is_dead, resend, reset, verify};
use support::bed::{OTHER_PASSWORD, PASSWORD, hash_of, registration};

impl Scene {
    /// The link that was mailed, or another one that is asked for (I10).
    pub(super) async fn link_or_ask(
        &self,
        kind: MailKind,
        email: &str,
        ask: impl Future<Output = Answer>,
    ) -> MailToken {
        if let Some(link) = self.mailed(kind, email).await {
            return link;
        }
        ask.await.unwrap();
        self.mailed(kind, email).await.unwrap()
    }

    pub(super) async fn check_verify(&self, outcome: &Outcome) {
        let (bed, link) = (&self.bed, &self.link);
        let is_opening = self.op != Op::VerifyBySession;
        let was_verified = self.stored(ANN).await.unwrap().is_verified;
        if let Some(Ok(tokens)) = outcome {
            assert!(was_verified, "I1");
            assert_eq!(tokens.is_some(), is_opening);
            self.assert_opened(tokens.as_ref()).await;
        } else {
            // I10: the same link confirms, or has done so.
            let again = if is_opening {
                verify(bed, link, Some(PASSWORD), None).await
            } else {
                verify(bed, link, None, Some(&self.ann)).await
            };
            match again {
                Ok(tokens) => {
                    assert!(!was_verified, "I4");
                    self.assert_opened(tokens.as_ref()).await;
                }
                Err(AuthError::InvalidLink) => assert!(was_verified, "I10"),
                Err(error) => panic!("I10: {error:?}"),
            }
        }
        self.count_verified(ANN);
        self.assert_dead_link(link).await;
        self.check_untouched(true).await;
        self.log_in(PASSWORD).await.unwrap();
    }

    /// Without room for a session the address is still confirmed.
    pub(super) async fn check_verify_capped(&self, outcome: &Outcome) {
        if let Some(Ok(tokens)) = outcome {
            assert!(self.stored(ANN).await.unwrap().is_verified, "I1");
            self.assert_opened(tokens.as_ref()).await;
            assert!(self.usable_sessions().await <= CAP as usize, "I1");
        } else {
            let again = verify(&self.bed, &self.link, Some(PASSWORD), None).await;
            let is_confirmed = self.stored(ANN).await.unwrap().is_verified;
            assert!(
                is_confirmed && (again.is_ok() || is_dead(&again)),
                "I10: {again:?}"
            );
        }
        self.count_verified(ANN);
        let again = self.log_in(PASSWORD).await.unwrap();
        self.assert_valid(&again).await;
        assert!(self.usable_sessions().await <= CAP as usize, "I10");
    }

    async fn assert_opened(&self, tokens: Option<&Tokens>) {
        if let Some(tokens) = tokens {
            self.assert_alive(tokens).await;
        }
    }

    pub(super) async fn check_verify_wrong(&self, outcome: &Outcome) {
        self.check_refused(outcome).await;
        // The link was not used up.
        let opened = verify(&self.bed, &self.link, Some(PASSWORD), None).await;
        self.assert_alive(&opened.unwrap().unwrap()).await;
        self.count_verified(ANN);
    }

    pub(super) async fn check_register_pending(&self, outcome: &Outcome) {
        assert!(self.stored(NEW).await.is_none(), "I7");
        assert!(!matches!(outcome, Some(Ok(Some(_)))), "I7");
        let first = self.mailed(MailKind::CompleteRegistration, NEW).await;
        // I10: once more, and the link of that is used.
        let (auth, here) = (&self.bed.auth, &self.bed.here);
        let again = auth.register(registration(NEW), here).await.unwrap();
        assert!(again.opened().is_none());
        let link = self.mailed(MailKind::CompleteRegistration, NEW).await;
        let link = link.unwrap();
        self.complete(&link).await;
        for link in first.iter().chain([&link]) {
            self.assert_dead_link(link).await;
        }
        self.check_untouched(true).await;
    }

    pub(super) async fn check_register_pending_taken(&self, outcome: &Outcome) {
        assert!(!matches!(outcome, Some(Ok(Some(_)))), "I7");
        let told = (MailKind::AlreadyRegistered, ANN.to_owned());
        assert!(self.mails().await.iter().all(|mail| *mail == told), "I7");
        assert_eq!(self.truth.counts().await.tokens, 2, "those of Ann and Bob");
        self.check_untouched(true).await;
        self.log_in(PASSWORD).await.unwrap();
    }

    /// Uses the link of a pending registration: the account is whole then.
    async fn complete(&self, link: &MailToken) {
        let opened = verify(&self.bed, link, Some(PASSWORD), None).await;
        let who = self.bed.validate(&opened.unwrap().unwrap()).await.unwrap();
        assert_eq!(who.user().email.as_str(), NEW, "I10");
        self.count_verified(NEW);
    }

    pub(super) async fn check_complete(&self, outcome: &Outcome) {
        let was_made = self.stored(NEW).await.is_some();
        if let Some(Ok(tokens)) = outcome {
            assert!(was_made, "I1");
            let who = self.bed.validate(tokens.as_ref().unwrap()).await.unwrap();
            assert_eq!(who.user().email.as_str(), NEW, "I1");
            self.count_verified(NEW);
        } else if was_made {
            let again = verify(&self.bed, &self.link, Some(PASSWORD), None).await;
            assert!(is_dead(&again), "I4: {again:?}");
            self.count_verified(NEW);
        } else {
            self.complete(&self.link).await;
        }
        self.assert_dead_link(&self.link).await;
        let made = self.stored(NEW).await.unwrap();
        assert_eq!((made.name.as_str(), made.auth_epoch), ("Ann", 0), "I2");
        let opened = self.bed.login(NEW, PASSWORD).await.unwrap();
        assert_eq!(opened.user_id, made.id, "I10");
        self.check_untouched(true).await;
    }

    pub(super) async fn check_complete_wrong(&self, outcome: &Outcome) {
        assert!(!matches!(outcome, Some(Ok(_))), "I7: {outcome:?}");
        assert!(self.stored(NEW).await.is_none(), "I7");
        self.check_untouched(true).await;
        // The link was not used up.
        self.complete(&self.link).await;
    }

    pub(super) async fn check_resend(&self) {
        assert!(!self.stored(ANN).await.unwrap().is_verified, "I7");
        let kind = MailKind::VerifyEmail;
        let link = self.link_or_ask(kind, ANN, resend(&self.bed, ANN)).await;
        assert_ne!(link.expose_secret(), self.verify_link.expose_secret());
        let confirmed = verify(&self.bed, &link, None, Some(&self.ann)).await;
        assert!(confirmed.unwrap().is_none(), "I10");
        self.count_verified(ANN);
        for link in [&link, &self.verify_link] {
            self.assert_dead_link(link).await;
        }
        self.check_untouched(true).await;
    }

    /// Who is not there gets no mail, and leaves nothing in the store.
    pub(super) async fn check_unknown(&self, outcome: &Outcome) {
        assert!(!matches!(outcome, Some(Ok(Some(_)))), "I7");
        assert_eq!(self.mails().await, [], "I7");
        assert_eq!(self.truth.counts().await.tokens, 2, "those of Ann and Bob");
        let again = match self.op {
            Op::ForgotUnknown => forgot(&self.bed, EVE).await,
            _ => resend(&self.bed, EVE).await,
        };
        assert!(again.unwrap().is_none(), "I10");
        self.check_untouched(true).await;
    }

    pub(super) async fn check_resend_pending(&self) {
        assert!(self.stored(NEW).await.is_none(), "I7");
        let kind = MailKind::CompleteRegistration;
        let link = self.link_or_ask(kind, NEW, resend(&self.bed, NEW)).await;
        assert_ne!(link.expose_secret(), self.link.expose_secret());
        self.complete(&link).await;
        for link in [&link, &self.link] {
            self.assert_dead_link(link).await;
        }
        self.check_untouched(true).await;
    }

    pub(super) async fn check_disown(&self, outcome: &Outcome) {
        let was_there = self.stored(ANN).await.is_some();
        if let Some(Ok(_)) = outcome {
            assert!(!was_there, "I1");
        } else {
            let again = disown(&self.bed, &self.link).await;
            assert!(again.is_ok() || is_dead(&again), "I10: {again:?}");
            assert_eq!(again.is_ok(), was_there, "I4");
        }
        self.check_gone().await;
    }

    /// I6: Ann's account is gone, and nothing of it works for the next owner of
    /// the address.
    pub(super) async fn check_gone(&self) {
        for is_next in [false, true] {
            if is_next {
                self.bed.register(ANN).await;
            }
            for tokens in [&self.asking, &self.other, &self.chain[0]] {
                self.assert_dead(tokens).await;
            }
            for link in [&self.link, &self.verify_link] {
                self.assert_dead_link(link).await;
            }
            assert_eq!(self.log_in(PASSWORD).await.is_ok(), is_next, "I6");
        }
        let next = self.stored(ANN).await.unwrap();
        assert_ne!(next.id, self.before.id);
    }

    /// No row of Ann's is left, not even one that means nothing.
    pub(crate) async fn assert_no_rows(&self) {
        let (id, now) = (self.before.id, self.before.created_at);
        assert!(
            self.truth
                .sessions_of(id, None, 1000, now)
                .await
                .unwrap()
                .is_empty()
        );
        assert!(self.truth.tokens_of(id, now).await.unwrap().is_empty());
    }

    pub(super) async fn check_disown_pending(&self, outcome: &Outcome) {
        if !matches!(outcome, Some(Ok(_))) {
            let again = disown(&self.bed, &self.link).await;
            assert!(again.is_ok() || is_dead(&again), "I10: {again:?}");
        }
        self.assert_dead_link(&self.link).await;
        assert!(self.stored(NEW).await.is_none(), "I6");
        // Nor is there anything left that could be asked for again.
        resend(&self.bed, NEW).await.unwrap();
        assert_eq!(self.mails().await, [], "I6");
        self.check_untouched(true).await;
    }

    pub(super) async fn check_forgot(&self) {
        let ann = self.stored(ANN).await.unwrap();
        assert!(hash_of(&ann).is(hash_of(&self.before)), "I7");
        self.check_untouched(true).await;
        let kind = MailKind::ResetPassword;
        let ask = async {
            match self.op {
                Op::SendReset => self.operation().await,
                _ => forgot(&self.bed, ANN).await,
            }
        };
        let link = self.link_or_ask(kind, ANN, ask).await;
        reset(&self.bed, &link, OTHER_PASSWORD).await.unwrap();
        self.check_is_reset(&link).await;
    }

    pub(super) async fn check_reset(&self, outcome: &Outcome) {
        let user = self.stored(ANN).await.unwrap();
        let is_reset = !hash_of(&user).is(hash_of(&self.before));
        assert_eq!(user.auth_epoch, u64::from(is_reset), "one write");
        assert_eq!(user.is_verified, is_reset, "one write");
        assert!(is_reset || !matches!(outcome, Some(Ok(_))), "I1");
        if !is_reset {
            // Nothing is lost, nothing of the new is usable.
            assert_eq!(self.usable_sessions().await, 3, "I7");
            self.check_untouched(true).await;
            assert!(self.log_in(OTHER_PASSWORD).await.is_err(), "I7");
            let again = reset(&self.bed, &self.link, OTHER_PASSWORD).await;
            again.unwrap();
        }
        self.check_is_reset(&self.link).await;
    }

    /// I6: heard of or not, what was there before is dead.
    async fn check_is_reset(&self, link: &MailToken) {
        for tokens in [&self.asking, &self.other, &self.chain[0]] {
            self.assert_dead(tokens).await;
        }
        for link in [link, &self.verify_link] {
            self.assert_dead_link(link).await;
        }
        assert!(self.log_in(PASSWORD).await.is_err(), "I6");
        let tokens = self.log_in(OTHER_PASSWORD).await.unwrap();
        self.assert_alive(&tokens).await;
        assert_eq!(self.usable_sessions().await, 1, "I6");
        self.count_verified(ANN);
        assert!(self.stored(BOB).await.is_some());
    }
}
