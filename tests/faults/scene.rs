//! Two people with accounts, every operation that one of them may ask for, and
//! what must hold whatever became of it.
//!
//! The letters are those of the invariants: I1 no acknowledged write is lost,
//! I2 a user is wholly there or not at all, I3 one user for an email, I5 one
//! live refresh token for a session, I6 an acknowledged end ends every old
//! credential, I7 an error gives no privilege, I8 no attempt goes uncounted,
//! I10 a retry converges. (I4, single use, needs one-time tokens.)

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use admittance::clock::{Clock, ManualClock};
use admittance::config::AuthConfig;
use admittance::email::Email;
use admittance::error::AuthError;
use admittance::event::EventSink;
use admittance::password::Argon2Params;
use admittance::random::SecureRandom;
use admittance::service::{
    AuthService, Authenticated, ChangePassword, RefreshRequest, RequestContext, Tokens,
    UpdateProfile,
};
use admittance::store::{MemoryStore, SessionStore, UserStore};
use admittance::test_util::Mailbox;
use admittance::user::{User, UserStatus};
use serde_json::json;

use crate::faulty::FaultyStore;
use crate::support::bed::{
    Bed, Events, OTHER_PASSWORD, PASSWORD, config, keyring, login, registration,
};

pub(crate) const ANN: &str = "ann@example.org";
pub(crate) const BOB: &str = "bob@example.org";
pub(crate) const NEW: &str = "new@example.org";
/// Somebody whose password hash takes long to check, where there is one.
pub(crate) const SLOW: &str = "slow@example.org";
const WRONG: &str = "velvet?Harbour 18 sundial";
/// What an account may be asked for at once, by the default limits.
const BUDGET: u32 = 10;

type Faulty = FaultyStore<MemoryStore>;

/// An operation that is put to the test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Register,
    RegisterTaken,
    Login,
    LoginWrong,
    LoginRehash,
    Validate,
    Refresh,
    /// With a token that was just used, within the grace.
    RefreshRepeated,
    /// With a token whose successor was used.
    RefreshReused,
    Logout,
    UpdateProfile,
    ChangePassword,
    ChangePasswordWrong,
    ListSessions,
    EndSession,
    EndAllSessions,
}

pub(crate) const OPS: [Op; 16] = [
    Op::Register,
    Op::RegisterTaken,
    Op::Login,
    Op::LoginWrong,
    Op::LoginRehash,
    Op::Validate,
    Op::Refresh,
    Op::RefreshRepeated,
    Op::RefreshReused,
    Op::Logout,
    Op::UpdateProfile,
    Op::ChangePassword,
    Op::ChangePasswordWrong,
    Op::ListSessions,
    Op::EndSession,
    Op::EndAllSessions,
];

impl Op {
    /// Whether it checks credentials of Ann's.
    fn checks_ann(self) -> bool {
        use Op::{ChangePassword, ChangePasswordWrong, Login, LoginRehash, LoginWrong};
        matches!(
            self,
            Login | LoginWrong | LoginRehash | ChangePassword | ChangePasswordWrong
        )
    }

    /// Whether it hashes or scores passwords.
    pub(crate) fn hashes(self) -> bool {
        self.checks_ann() || matches!(self, Op::Register | Op::RegisterTaken)
    }
}

/// What an operation gave: tokens, if it gives any.
pub(crate) type Answer = Result<Option<Tokens>, AuthError>;

/// What is known of an operation: `None` when it panicked or was dropped.
pub(crate) type Outcome = Option<Answer>;

pub(crate) struct Scene {
    pub(crate) bed: Arc<Bed<Faulty>>,
    pub(crate) truth: MemoryStore,
    op: Op,
    /// Ann as she was before.
    before: User,
    ann: Authenticated,
    /// The session that asks.
    asking: Tokens,
    /// Another session of Ann's.
    other: Tokens,
    /// A third one, for refreshes: what it got one after the other.
    chain: Vec<Tokens>,
    bob: Tokens,
    /// Checks of Ann's credentials that were answered.
    verdicts: Cell<u32>,
}

impl Scene {
    pub(crate) async fn new(op: Op) -> Self {
        let truth = MemoryStore::new();
        let bed = Bed::over(FaultyStore::new(truth.clone()), config());
        Self::over(op, truth, bed).await
    }

    /// A service of other parts, on the memory store.
    pub(crate) async fn with(
        op: Op,
        config: AuthConfig,
        random: impl SecureRandom,
        sink: impl EventSink,
    ) -> Self {
        let truth = MemoryStore::new();
        let store = FaultyStore::new(truth.clone());
        let clock = ManualClock::default();
        let auth = AuthService::builder(store.clone())
            .clock(clock.clone())
            .config(config)
            .keyring(keyring())
            .random(random)
            .events(sink)
            .build()
            .unwrap();
        let bed = Bed {
            auth,
            clock,
            store,
            events: Events::default(),
            mailbox: Mailbox::new(),
            here: RequestContext::from_ip([192, 0, 2, 1].into()).with_user_agent("test"),
        };
        Self::over(op, truth, bed).await
    }

    async fn over(op: Op, truth: MemoryStore, bed: Bed<Faulty>) -> Self {
        // Hashes of older parameters, where the operation is to renew one.
        let mut older = config();
        if op == Op::LoginRehash {
            older.hashing.params = Argon2Params::new(16, 2, 1).unwrap();
        }
        let past = Bed::over(truth.clone(), older);
        let registered = past.register(ANN).await;
        let bob = past.register(BOB).await.tokens;
        let other = past.login(ANN, PASSWORD).await.unwrap();
        let third = past.login(ANN, PASSWORD).await.unwrap().tokens;
        let mut chain = vec![third];
        let steps = match op {
            Op::RefreshRepeated => 1,
            Op::RefreshReused => 2,
            _ => 0,
        };
        for _ in 0..steps {
            let next = past.refresh(&chain[chain.len() - 1]).await.unwrap();
            chain.push(next);
        }
        // One second later, so that the times of new writes differ.
        bed.clock.advance(Duration::from_secs(1));
        let ann = bed.validate(&registered.tokens).await.unwrap();
        let before = truth.user(registered.user_id).await.unwrap().unwrap();
        Self {
            bed: Arc::new(bed),
            truth,
            op,
            before,
            ann,
            asking: registered.tokens,
            other: other.tokens,
            chain,
            bob,
            verdicts: Cell::new(2),
        }
    }

    /// The operation, ready to be run. It borrows nothing, so it may be spawned.
    pub(crate) fn operation(&self) -> impl Future<Output = Answer> + Send + use<> {
        let bed = Arc::clone(&self.bed);
        let (op, ann) = (self.op, self.ann.clone());
        let (asking, first) = (self.asking.clone(), self.chain[0].clone());
        let other = self.sid(&self.other);
        async move {
            let (auth, here) = (&bed.auth, &bed.here);
            let refresh = RefreshRequest {
                refresh_token: first.refresh_token,
            };
            match op {
                Op::Register => Ok(Some(
                    auth.register(registration(NEW), here)
                        .await?
                        .opened()
                        .unwrap()
                        .tokens,
                )),
                Op::RegisterTaken => Ok(Some(
                    auth.register(registration(ANN), here)
                        .await?
                        .opened()
                        .unwrap()
                        .tokens,
                )),
                Op::Login | Op::LoginRehash => {
                    Ok(Some(auth.login(login(ANN, PASSWORD), here).await?.tokens))
                }
                Op::LoginWrong => Ok(Some(auth.login(login(ANN, WRONG), here).await?.tokens)),
                Op::Validate => {
                    let token = asking.token.expose_secret();
                    let who = auth.validate_token(token, here).await?;
                    assert_eq!(who.user().id, ann.user().id);
                    Ok(None)
                }
                Op::Refresh | Op::RefreshRepeated | Op::RefreshReused => {
                    Ok(Some(auth.refresh(refresh, here).await?.tokens))
                }
                Op::Logout => auth.logout(&ann, here).await.map(|_| None),
                Op::UpdateProfile => {
                    let profile = auth.update_profile(&ann, new_profile(), here).await?;
                    assert_eq!(profile.name.as_str(), "Ann Lee");
                    Ok(None)
                }
                Op::ChangePassword => {
                    let request = change(PASSWORD, OTHER_PASSWORD);
                    Ok(Some(
                        auth.change_password(&ann, request, here).await?.tokens,
                    ))
                }
                Op::ChangePasswordWrong => {
                    let request = change(WRONG, OTHER_PASSWORD);
                    Ok(Some(
                        auth.change_password(&ann, request, here).await?.tokens,
                    ))
                }
                Op::ListSessions => {
                    let list = auth.list_sessions(&ann, here).await?;
                    assert_eq!(list.sessions.len(), 3);
                    Ok(None)
                }
                Op::EndSession => auth.end_session(&ann, other, here).await.map(|()| None),
                Op::EndAllSessions => auth.end_all_sessions(&ann, here).await.map(|_| None),
            }
        }
    }

    /// Checks the invariants after the operation ended with `outcome`, and
    /// that a retry converges. The store works again.
    pub(crate) async fn check(&self, outcome: &Outcome) {
        if let Some(Err(error)) = outcome {
            self.check_error(error);
        }
        if self.op.checks_ann()
            && matches!(outcome, Some(Ok(_) | Err(AuthError::InvalidCredentials)))
        {
            self.count_verdict();
        }
        self.check_bystander().await;
        match self.op {
            Op::Register => self.check_register(outcome).await,
            Op::RegisterTaken => self.check_refused(outcome).await,
            Op::Login | Op::LoginRehash => self.check_login(outcome).await,
            Op::LoginWrong | Op::ChangePasswordWrong => self.check_refused(outcome).await,
            Op::Validate | Op::ListSessions => self.check_untouched(true).await,
            Op::Refresh | Op::RefreshRepeated => self.check_refresh(outcome).await,
            Op::RefreshReused => self.check_reused(outcome).await,
            Op::Logout => self.check_logout(outcome).await,
            Op::UpdateProfile => self.check_profile(outcome).await,
            Op::ChangePassword => self.check_change(outcome).await,
            Op::EndSession | Op::EndAllSessions => self.check_ended(outcome).await,
        }
        self.check_users().await;
        self.check_counted().await;
    }

    /// I2, I7: the deciding write has not happened, so nothing has: there is no
    /// new account and no new password.
    pub(crate) async fn assert_nothing_decided(&self) {
        assert!(self.stored(NEW).await.is_none());
        let ann = self.stored(ANN).await.unwrap();
        // A hash that was renewed is still of the same password.
        let is_same = ann.password_hash.is(&self.before.password_hash);
        assert!(is_same || self.op == Op::LoginRehash);
        assert_eq!(ann.auth_epoch, self.before.auth_epoch);
    }

    /// I7: no token in an error, whatever way it is shown.
    fn check_error(&self, error: &AuthError) {
        let shown = format!("{error} {error:?}");
        for tokens in self.chain.iter().chain([&self.asking, &self.other]) {
            assert!(!shown.contains(tokens.token.expose_secret()), "{shown}");
            assert!(
                !shown.contains(tokens.refresh_token.expose_secret()),
                "{shown}"
            );
        }
        assert!(!shown.contains(PASSWORD) && !shown.contains(OTHER_PASSWORD));
    }

    /// Nothing of this is about Bob.
    async fn check_bystander(&self) {
        let bob = self.bed.validate(&self.bob).await.unwrap();
        assert_eq!(bob.user().email.as_str(), BOB);
        assert_eq!(bob.user().auth_epoch, 0);
    }

    /// I2 and I3: as many users as there are addresses, and each of them whole.
    async fn check_users(&self) {
        let mut found = 0;
        for email in [ANN, BOB, NEW, SLOW] {
            let Some(user) = self.stored(email).await else {
                continue;
            };
            found += 1;
            assert_eq!(user.email.as_str(), email);
            assert_eq!(user.status, UserStatus::Active);
            let is_hash = user.password_hash.expose_secret().starts_with("$argon2id$");
            assert!(is_hash || email == SLOW, "I2");
            assert!(user.roles.is_empty() && !user.is_verified, "I7");
            let same = self.truth.user(user.id).await.unwrap().unwrap();
            assert_eq!(same.email.as_str(), email);
        }
        assert_eq!(self.truth.counts().users, found, "I3");
    }

    /// I8: every check of Ann's credentials that was answered was counted.
    async fn check_counted(&self) {
        let mut left = 0;
        loop {
            match self.bed.login(ANN, WRONG).await {
                Err(AuthError::InvalidCredentials) => left += 1,
                Err(AuthError::RateLimited { .. }) => break,
                other => panic!("{other:?}"),
            }
        }
        let verdicts = self.verdicts.get();
        assert!(left + verdicts <= BUDGET, "I8: {left} + {verdicts}");
    }

    async fn check_register(&self, outcome: &Outcome) {
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
    }

    /// What is refused without a fault is refused with any, and changes nothing.
    async fn check_refused(&self, outcome: &Outcome) {
        assert!(!matches!(outcome, Some(Ok(_))), "I7: {outcome:?}");
        let user = self.stored(ANN).await.unwrap();
        assert!(user.password_hash.is(&self.before.password_hash));
        assert_eq!(user.auth_epoch, 0);
        assert_eq!(user.last_login, self.before.last_login);
        // Only the three sessions from before: a refusal opens none.
        assert_eq!(self.usable_sessions().await, 3, "I7");
        self.check_untouched(true).await;
        self.log_in(PASSWORD).await.unwrap();
    }

    async fn check_login(&self, outcome: &Outcome) {
        if let Some(Ok(tokens)) = outcome {
            let who = self.bed.validate(tokens.as_ref().unwrap()).await.unwrap();
            assert_eq!(who.user().id, self.before.id);
            let now = self.bed.clock.now();
            assert_eq!(who.user().last_login, Some(now), "I1");
        }
        self.check_untouched(true).await;
        self.log_in(PASSWORD).await.unwrap();
        let hash = self.stored(ANN).await.unwrap().password_hash;
        assert!(hash.expose_secret().contains("m=8,t=1,p=1"), "I10");
    }

    async fn check_refresh(&self, outcome: &Outcome) {
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

    async fn check_reused(&self, outcome: &Outcome) {
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

    async fn check_logout(&self, outcome: &Outcome) {
        if !matches!(outcome, Some(Ok(_))) {
            let (auth, here) = (&self.bed.auth, &self.bed.here);
            auth.logout(&self.ann, here).await.unwrap();
        }
        self.assert_dead(&self.asking).await;
        self.assert_alive(&self.other).await;
        self.assert_alive(&self.chain[0]).await;
    }

    async fn check_profile(&self, outcome: &Outcome) {
        let now = self.stored(ANN).await.unwrap();
        let is_new = now.name.as_str() == "Ann Lee";
        assert_eq!(now.preferences.as_map().is_empty(), !is_new, "I2");
        assert!(is_new || !matches!(outcome, Some(Ok(_))), "I1");
        let (auth, here) = (&self.bed.auth, &self.bed.here);
        let again = auth.update_profile(&self.ann, new_profile(), here).await;
        assert_eq!(again.unwrap().name.as_str(), "Ann Lee", "I10");
        self.check_untouched(true).await;
    }

    async fn check_change(&self, outcome: &Outcome) {
        let user = self.stored(ANN).await.unwrap();
        let is_changed = !user.password_hash.is(&self.before.password_hash);
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
        self.count_verdict();
        self.assert_alive(&tokens).await;
        self.assert_dead(&self.asking).await;
        assert!(self.log_in(PASSWORD).await.is_err());
        // Not even what the first attempt left behind.
        assert_eq!(self.usable_sessions().await, 1);
    }

    async fn check_ended(&self, outcome: &Outcome) {
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

    /// Every session of Ann's from before goes on, except that the third is
    /// left out when the operation was about it.
    async fn check_untouched(&self, is_third_too: bool) {
        self.assert_valid(&self.asking).await;
        self.assert_alive(&self.other).await;
        if is_third_too {
            self.assert_alive(&self.chain[0]).await;
        }
    }

    async fn assert_valid(&self, tokens: &Tokens) {
        let who = self.bed.validate(tokens).await.unwrap();
        assert_eq!(who.user().id, self.before.id);
    }

    async fn assert_alive(&self, tokens: &Tokens) {
        self.assert_valid(tokens).await;
        self.bed.refresh(tokens).await.unwrap();
    }

    /// I6: neither the access token nor the refresh token is good for anything.
    async fn assert_dead(&self, tokens: &Tokens) {
        let refused = self.bed.validate(tokens).await;
        assert!(matches!(refused, Err(AuthError::InvalidToken)), "I6");
        self.assert_dead_refresh(tokens).await;
    }

    async fn assert_dead_refresh(&self, tokens: &Tokens) {
        let refused = self.bed.refresh(tokens).await;
        assert!(
            matches!(refused, Err(AuthError::InvalidToken)),
            "I5, I6: {refused:?}"
        );
    }

    async fn log_in(&self, password: &str) -> Result<Tokens, AuthError> {
        self.count_verdict();
        Ok(self.bed.login(ANN, password).await?.tokens)
    }

    fn count_verdict(&self) {
        self.verdicts.set(self.verdicts.get() + 1);
    }

    async fn stored(&self, email: &str) -> Option<User> {
        let email = Email::parse(email).unwrap();
        self.truth.user_by_email(email.canonical()).await.unwrap()
    }

    /// Ann's sessions that a token could be good for.
    async fn usable_sessions(&self) -> usize {
        let epoch = self.stored(ANN).await.unwrap().auth_epoch;
        let now = self.bed.clock.now();
        let sessions = self.truth.sessions_of(self.before.id, now).await.unwrap();
        sessions
            .iter()
            .filter(|session| session.auth_epoch == epoch)
            .count()
    }

    fn sid(&self, tokens: &Tokens) -> admittance::id::SessionId {
        let token = tokens.token.expose_secret();
        self.bed.auth.verify_offline(token).unwrap().sid
    }
}

fn given(outcome: &Outcome) -> Option<&Tokens> {
    match outcome {
        Some(Ok(tokens)) => tokens.as_ref(),
        _ => None,
    }
}

fn new_profile() -> UpdateProfile {
    UpdateProfile {
        name: Some("Ann Lee".to_owned()),
        preferences: json!({"level": "B2"}).as_object().cloned(),
    }
}

fn change(current: &str, new: &str) -> ChangePassword {
    ChangePassword {
        current_password: current.into(),
        new_password: new.into(),
        confirm_password: new.into(),
    }
}
