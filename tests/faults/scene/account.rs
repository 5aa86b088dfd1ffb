//! What must hold after a change of address and after a deletion.

use admittance::error::AuthError;
use admittance::mail::MailKind;
use admittance::secret::MailToken;

use super::{ANN, BOB, NEW, Outcome, Scene};
use support::asks::{change_email, confirm_email, delete, is_dead};
use support::bed::{PASSWORD, hash_of};

impl Scene {
    pub(super) async fn check_change_email(&self) {
        assert!(self.stored(NEW).await.is_none(), "I7");
        let ask = change_email(&self.bed, &self.ann, NEW, PASSWORD);
        let kind = MailKind::ConfirmEmailChange;
        let link = self.link_or_ask(kind, NEW, ask).await;
        confirm_email(&self.bed, &self.ann, &link).await.unwrap();
        self.check_has_moved(&link).await;
    }

    /// Ann's account has the new address, and lost nothing else.
    async fn check_has_moved(&self, link: &MailToken) {
        assert!(self.stored(ANN).await.is_none());
        let user = self.stored(NEW).await.unwrap();
        assert_eq!(user.id, self.before.id, "I2");
        assert!(hash_of(&user).is(hash_of(&self.before)), "I2");
        self.count_verified(NEW);
        for link in [link, &self.verify_link] {
            self.assert_dead_link(link).await;
        }
        self.check_untouched(true).await;
        assert!(self.log_in(PASSWORD).await.is_err());
        let opened = self.bed.login(NEW, PASSWORD).await.unwrap();
        assert_eq!(opened.user_id, self.before.id);
    }

    pub(super) async fn check_change_email_taken(&self, outcome: &Outcome) {
        assert!(!matches!(outcome, Some(Ok(Some(_)))));
        // The owner of the address is told, and gets no link.
        let told = [
            (MailKind::AlreadyRegistered, BOB.to_owned()),
            (MailKind::EmailChangeRequested, ANN.to_owned()),
        ];
        assert!(
            self.mails().await.iter().all(|mail| told.contains(mail)),
            "I7"
        );
        // Those of Ann and Bob, and one that nobody has.
        let tokens = self.truth.counts().await.tokens;
        assert!((2..=3).contains(&tokens), "{tokens}");
        self.check_untouched(true).await;
        self.log_in(PASSWORD).await.unwrap();
    }

    pub(super) async fn check_confirm_email(&self, outcome: &Outcome) {
        let has_moved = self.stored(NEW).await.is_some();
        assert_eq!(self.stored(ANN).await.is_none(), has_moved, "I2, I3");
        if let Some(Ok(_)) = outcome {
            assert!(has_moved, "I1");
        } else {
            // By who she was then and by who she is now.
            let now = self.bed.validate(&self.asking).await.unwrap();
            for who in [&self.ann, &now] {
                let again = confirm_email(&self.bed, who, &self.link).await;
                match &again {
                    Ok(_) => assert!(!has_moved, "I4"),
                    Err(AuthError::InvalidLink) => {}
                    Err(error) => panic!("I10: {error:?}"),
                }
            }
        }
        self.check_has_moved(&self.link).await;
    }

    pub(super) async fn check_confirm_email_taken(&self, outcome: &Outcome) {
        let owner = self.stored(NEW).await.unwrap();
        let owner_before = self.new_before.as_ref().unwrap();
        assert_eq!(owner.id, owner_before.id, "I3");
        self.check_refused(outcome).await;
        let again = confirm_email(&self.bed, &self.ann, &self.link).await;
        assert!(matches!(again, Err(AuthError::EmailTaken)), "I10");
    }

    pub(super) async fn check_delete(&self, outcome: &Outcome) {
        let was_there = self.stored(ANN).await.is_some();
        if let Some(Ok(_)) = outcome {
            assert!(!was_there, "I1");
        }
        if was_there {
            // I7, I10: the account is as it was, and so is the way to delete it.
            self.log_in(PASSWORD).await.unwrap();
            let ann = self.bed.validate(&self.asking).await.unwrap();
            delete(&self.bed, &ann, PASSWORD).await.unwrap();
        } else {
            let again = delete(&self.bed, &self.ann, PASSWORD).await;
            let is_refused = matches!(again, Err(AuthError::InvalidToken));
            assert!(is_refused || is_dead(&again), "I4: {again:?}");
        }
        self.check_gone().await;
    }
}
