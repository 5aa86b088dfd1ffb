//! What must hold whatever was asked for, and what the checks are made of.

use std::collections::BTreeSet;

use admittance::authz::Role;
use admittance::clock::Clock;
use admittance::email::Email;
use admittance::error::AuthError;
use admittance::event::Operation;
use admittance::mail::MailKind;
use admittance::secret::MailToken;
use admittance::service::Tokens;
use admittance::store::{AuditStore, SessionStore, UserStore};
use admittance::test_util::Mailbox;
use admittance::user::{User, UserStatus};

use super::{ANN, BOB, EVE, NEW, Op, Outcome, SLOW, Scene, WRONG, administrator};
use support::asks::{confirm_email, disown, is_dead, is_dead_for_session, reset, verify};
use support::bed::{OTHER_PASSWORD, PASSWORD, hash_of};

impl Scene {
    /// I2, I7: the deciding write has not happened, so nothing has: no account
    /// is new or gone, and no password, address or confirmation is.
    pub(crate) async fn assert_nothing_decided(&self) {
        let new = self.stored(NEW).await.map(|user| user.id);
        assert_eq!(new, self.new_before.as_ref().map(|user| user.id));
        let ann = self.stored(ANN).await.unwrap();
        assert_eq!(ann.id, self.before.id);
        assert!(!ann.is_verified);
        // A hash that was renewed is still of the same password.
        let is_same = hash_of(&ann).is(hash_of(&self.before));
        assert!(is_same || self.op == Op::LoginRehash);
        // Nor is a role; one that was taken away is back.
        assert_eq!(ann.roles, self.before.roles);
        assert_eq!(ann.status, self.before.status);
        // Who was disabled for a moment has to log in again.
        let is_same = ann.auth_epoch == self.before.auth_epoch;
        assert!(is_same || matches!(self.op, Op::Disable | Op::DisableAdministrator));
    }

    /// I9: no secret in an error, whatever way it is shown.
    pub(crate) fn check_error(&self, error: &AuthError) {
        let shown = format!("{error} {error:?}");
        self.assert_no_secret(&shown);
    }

    /// I9: no usable secret is in the events.
    pub(super) async fn check_events(&self) {
        self.gather().await;
        self.assert_no_secret(&format!("{:?}", self.bed.events.all()));
    }

    fn assert_no_secret(&self, shown: &str) {
        for tokens in self.chain.iter().chain([&self.asking, &self.other]) {
            for secret in [
                tokens.token.expose_secret(),
                tokens.refresh_token.expose_secret(),
            ] {
                assert!(!shown.contains(secret), "I9: {shown}");
            }
        }
        let mails = self.mails.borrow();
        let mailed = mails.iter().filter_map(Mailbox::token);
        for link in mailed.chain([self.link.clone(), self.verify_link.clone()]) {
            assert!(!shown.contains(link.expose_secret()), "I9: {shown}");
        }
        for password in [PASSWORD, OTHER_PASSWORD, WRONG] {
            assert!(!shown.contains(password), "I9: {shown}");
        }
    }

    /// Nothing of this is about Bob.
    pub(super) async fn check_bystander(&self) {
        let bob = self.bed.validate(&self.bob).await.unwrap();
        assert_eq!(bob.user().email.as_str(), BOB);
        assert_eq!(bob.user().auth_epoch, 0);
        // An administrator stays one.
        assert_eq!(bob.user().roles, self.roles_of(BOB));
    }

    /// The roles that somebody who may has given.
    pub(super) fn roles_of(&self, email: &str) -> BTreeSet<Role> {
        match email {
            ANN => self.roles.borrow().clone(),
            BOB if self.op.has_administrator() => BTreeSet::from([administrator()]),
            _ => BTreeSet::new(),
        }
    }

    /// I2 and I3: as many users as there are addresses, and each of them whole.
    pub(super) async fn check_users(&self) {
        let mut found = 0;
        assert!(self.stored(EVE).await.is_none());
        for email in [ANN, BOB, NEW, SLOW] {
            let Some(user) = self.stored(email).await else {
                continue;
            };
            found += 1;
            assert_eq!(user.email.as_str(), email);
            assert_eq!(user.status, UserStatus::Active);
            let is_hash = hash_of(&user).expose_secret().starts_with("$argon2id$");
            assert!(is_hash || email == SLOW, "I2");
            assert_eq!(user.roles, self.roles_of(email), "I1, I7: {email}");
            // No more and no less than what was asked for and shown.
            let is_verified = self.verified.borrow().contains(&email);
            assert_eq!(user.is_verified, is_verified, "I1, I7: {email}");
            let same = self.truth.user(user.id).await.unwrap().unwrap();
            assert_eq!(same.email.as_str(), email);
        }
        assert_eq!(self.truth.counts().await.users, found, "I3");
    }

    /// Every session of Ann's from before goes on, except that the third is
    /// left out when the operation was about it, and the one that asks when it may
    /// have been replaced.
    pub(super) async fn check_untouched(&self, is_third_too: bool) {
        if !self.op.replaces() {
            self.assert_valid(&self.asking).await;
        }
        self.assert_alive(&self.other).await;
        if is_third_too {
            self.assert_alive(&self.chain[0]).await;
        }
    }

    /// I6: the session whose place was taken is dead, unless it was reported that
    /// it could not be ended, which stops no registration.
    pub(super) async fn check_replaced(&self, outcome: &Outcome) {
        if !self.op.replaces() || !matches!(outcome, Some(Ok(_))) {
            return;
        }
        let events = self.bed.events.all();
        let mut failed = events
            .iter()
            .filter(|event| event.operation == Operation::Logout && event.refused.is_some());
        match failed.next() {
            None => self.assert_dead(&self.asking).await,
            Some(failed) => {
                assert_ne!(self.op, Op::LoginReplacing);
                assert_eq!(failed.session_id, Some(self.sid(&self.asking)));
            }
        }
    }

    pub(super) async fn assert_valid(&self, tokens: &Tokens) {
        let who = self.bed.validate(tokens).await.unwrap();
        assert_eq!(who.user().id, self.before.id);
    }

    pub(super) async fn is_valid(&self, tokens: &Tokens) -> bool {
        self.bed.validate(tokens).await.is_ok()
    }

    pub(super) async fn assert_alive(&self, tokens: &Tokens) {
        self.assert_valid(tokens).await;
        self.bed.refresh(tokens).await.unwrap();
    }

    /// I6: neither the access token nor the refresh token is accepted.
    pub(super) async fn assert_dead(&self, tokens: &Tokens) {
        let refused = self.bed.validate(tokens).await;
        assert!(matches!(refused, Err(AuthError::InvalidToken)), "I6");
        self.assert_dead_refresh(tokens).await;
    }

    pub(super) async fn assert_dead_refresh(&self, tokens: &Tokens) {
        let refused = self.bed.refresh(tokens).await;
        assert!(
            matches!(refused, Err(AuthError::InvalidToken)),
            "I5, I6: {refused:?}"
        );
    }

    pub(super) async fn log_in(&self, password: &str) -> Result<Tokens, AuthError> {
        Ok(self.bed.login(ANN, password).await?.tokens)
    }

    pub(crate) async fn stored(&self, email: &str) -> Option<User> {
        let email = Email::parse(email).unwrap();
        self.truth.user_by_email(email.canonical()).await.unwrap()
    }

    /// How many events of Ann's about `operation` are kept.
    pub(crate) async fn kept_events(&self, operation: Operation) -> usize {
        let now = self.bed.clock.now();
        let all = self.truth.events_of(self.before.id, None, 1000, now).await;
        let all = all.unwrap();
        let meant = all.iter().filter(|event| event.operation == operation);
        meant.count()
    }

    /// Ann's sessions that a token could be good for.
    pub(crate) async fn usable_sessions(&self) -> usize {
        let epoch = self.stored(ANN).await.unwrap().auth_epoch;
        let now = self.bed.clock.now();
        let sessions = self
            .truth
            .sessions_of(self.before.id, None, 1000, now)
            .await
            .unwrap();
        sessions
            .iter()
            .filter(|session| session.auth_epoch == epoch)
            .count()
    }

    pub(super) fn sid(&self, tokens: &Tokens) -> admittance::id::SessionId {
        let token = tokens.token.expose_secret();
        self.bed.auth.verify_offline(token).unwrap().sid
    }

    pub(super) fn count_verified(&self, email: &'static str) {
        self.verified.borrow_mut().push(email);
    }

    /// Takes in all that was mailed until now.
    pub(super) async fn gather(&self) {
        self.bed.auth.flush_mail().await;
        self.bed.auth.flush_events().await;
        self.mails.borrow_mut().extend(self.bed.mailbox.take());
    }

    /// The newest link of `kind` that was mailed to `email` from the operation
    /// on.
    pub(super) async fn mailed(&self, kind: MailKind, email: &str) -> Option<MailToken> {
        self.gather().await;
        let mails = self.mails.borrow();
        let is_meant =
            |mail: &&admittance::mail::Mail| mail.kind == kind && mail.to.as_str() == email;
        mails.iter().rev().find(is_meant).and_then(Mailbox::token)
    }

    /// I4: the link is refused, with and without a session.
    pub(super) async fn assert_dead_link(&self, link: &MailToken) {
        let (bed, ann) = (&self.bed, &self.ann);
        for answer in [
            verify(bed, link, Some(PASSWORD), None).await,
            reset(bed, link, OTHER_PASSWORD).await,
            disown(bed, link).await,
        ] {
            assert!(is_dead(&answer), "I4: {answer:?}");
        }
        for answer in [
            verify(bed, link, None, Some(ann)).await,
            confirm_email(bed, ann, link).await,
        ] {
            assert!(is_dead_for_session(&answer), "I4: {answer:?}");
        }
    }
}
