//! Checking a password for an account. Every guess is admitted, counted, hashed
//! and judged here.
//!
//! The order is fixed. A guess first counts against the caller's networks,
//! which sheds floods: a network that was refused costs no act of the store until
//! its budget has room. (A login that would be refused without waiting for a turn
//! is refused before that.) Then it waits for
//! its turn at the hashing threads; a refusal for lack of room is no failure, and
//! the count is given back. Then it counts against the account, as failed, and is
//! hashed. A correct password takes back what was counted, and counts against
//! budgets for correct passwords.
//!
//! Strangers share one count of an account's failures, so that guesses from
//! many networks add up. Each known device of the account, each live session
//! and each mailed link has a count of its own. Nobody else can present those,
//! so strangers who lock an account do not lock its owner out of them. A reset
//! by mail clears the strangers' failures.

use super::limits::{Counted, by_network};
use super::operation::Trail;
use super::{AuthService, Authenticated, RequestContext};
use crate::clock::Clock;
use crate::email::CanonicalEmail;
use crate::error::AuthError;
use crate::event::Notice;
use crate::id::{SessionId, UserId};
use crate::limit::LimitKey;
use crate::lockout;
use crate::mail::MailKind;
use crate::password::{Claim, HashError, Lane, NormalizedPassword, Turn, Work};
use crate::proof::Proof;
use crate::store::Store;
use crate::time::Timestamp;
use crate::token::OneTimeToken;
use crate::user::{DeviceDigest, PasswordHash, User, UserStatus};

/// A guess at a password.
#[derive(Debug)]
pub(super) struct Guess<'a> {
    /// Who makes it.
    pub(super) by: Guesser<'a>,
    /// The account; `None` if it does not exist.
    pub(super) user: Option<&'a User>,
    /// What was already counted for this guess.
    pub(super) counted: Counted,
}

/// Who guesses; it decides the key under which a wrong guess counts.
#[derive(Debug)]
pub(super) enum Guesser<'a> {
    /// A client that names the address of an account.
    Visitor(&'a CanonicalEmail),
    /// A live session of the account.
    Session(SessionId),
    /// The holder of a link that was mailed to the account's address.
    Link(&'a OneTimeToken),
}

/// A correct password: what is left to settle, and the turn at the hashing
/// threads, for the hash that may replace the one that was checked.
#[derive(Debug)]
#[must_use]
pub(super) struct CorrectPassword {
    /// The turn for a new hash; `None` if none will be made, since others wait
    /// for it.
    pub(super) turn: Option<Turn>,
    /// `true` if the hash differs in kind from one made now.
    pub(super) is_outdated: bool,
    /// The proof, for the door.
    pub(super) proof: Proof,
    /// The key of the budget for correct passwords.
    success: LimitKey,
    attempt: Option<CountedAttempt>,
    counted: Counted,
    is_visitor: bool,
}

/// A correct password that has been settled.
#[derive(Debug)]
pub(super) struct Settled {
    /// The turn for a new hash, if there is one.
    pub(super) turn: Option<Turn>,
    pub(super) proof: Proof,
}

/// An attempt that was counted as failed.
#[derive(Debug)]
pub(super) struct CountedAttempt {
    key: LimitKey,
    /// When it was counted.
    at: Timestamp,
    /// `true` if a failure now locks the account for some time.
    locks: bool,
    /// `true` if the owner is notified of the lock.
    tells: bool,
}

impl Guess<'_> {
    /// The key of the budget for correct passwords of the account. Live sessions have
    /// one together, which logins cannot use up. It is not one for each session, since a
    /// confirmation replaces the session.
    fn success_key(&self) -> Option<LimitKey> {
        let scope = match &self.by {
            Guesser::Session(_) => "success:sessions",
            _ => "success:account",
        };
        Some(LimitKey::new(scope, &self.account()?.to_bytes()))
    }

    fn account(&self) -> Option<UserId> {
        match &self.by {
            Guesser::Link(link) => Some(link.account.id),
            _ => self.user.map(|user| user.id),
        }
    }

    /// The key under which the guess counts, and its lane at the hashing
    /// threads.
    fn key_and_lane(&self, context: &RequestContext) -> (LimitKey, Lane) {
        match (&self.by, self.user) {
            (Guesser::Session(session), Some(user)) => {
                let key = LimitKey::new("attempt:session", &session.to_bytes());
                (key, Lane::Known(user.id.to_bytes()))
            }
            (Guesser::Session(session), None) => {
                let key = LimitKey::new("attempt:session", &session.to_bytes());
                (key, Lane::Stranger)
            }
            (Guesser::Link(link), _) => {
                let key = LimitKey::new("attempt:link", &link.digest.to_bytes());
                (key, Lane::Known(link.account.id.to_bytes()))
            }
            (Guesser::Visitor(account), user) => match user {
                Some(user) if is_known_device(user, context) => {
                    let key = device_key(user.id, context.device(user.id));
                    (key, Lane::Known(user.id.to_bytes()))
                }
                _ => (strangers(account), Lane::Stranger),
            },
        }
    }
}

/// Returns `true` if the account has been used from the device of the request.
pub(super) fn is_known_device(user: &User, context: &RequestContext) -> bool {
    user.devices.contains(&context.device(user.id))
}

/// The claim of the caller to a hashing thread.
pub(super) fn claim(work: Work, lane: Lane, trail: &Trail) -> Claim {
    Claim {
        work,
        lane,
        network: trail.context().network(),
    }
}

fn strangers(account: &CanonicalEmail) -> LimitKey {
    LimitKey::new("attempt:stranger", account.as_str().as_bytes())
}

/// The key under which wrong codes of an account's second factors count.
pub(super) fn factor_key(user: UserId) -> LimitKey {
    LimitKey::new("attempt:factor", &user.to_bytes())
}

fn device_key(user: UserId, device: DeviceDigest) -> LimitKey {
    let subject = [&user.to_bytes()[..], &device.to_bytes()].concat();
    LimitKey::new("attempt:device", &subject)
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Counts a check of a credential by a client that is not logged in.
    ///
    /// # Errors
    ///
    /// [`AuthError::RateLimited`]; [`AuthError::Store`].
    pub(super) async fn limit_guesses(&self, trail: &Trail) -> Result<Counted, AuthError> {
        let quota = self.config().limits.login_by_address;
        self.limit_network("login:address", quota, trail).await
    }

    /// Takes back the count of a check that found `link`, and counts its use
    /// under the link: a link is as hard to guess as a session.
    ///
    /// # Errors
    ///
    /// [`AuthError::RateLimited`]; [`AuthError::Store`].
    pub(super) async fn begin_by(
        &self,
        link: &OneTimeToken,
        counted: Counted,
        trail: &Trail,
    ) -> Result<(), AuthError> {
        self.give_back(counted).await;
        let quota = self.config().limits.checks_by_session;
        self.limit("link", &link.digest.to_bytes(), quota, trail)
            .await
    }

    /// Waits for a turn at the hashing threads.
    ///
    /// # Errors
    ///
    /// [`AuthError::Overloaded`]; [`AuthError::Abandoned`].
    pub(super) async fn admit(
        &self,
        work: Work,
        lane: Lane,
        trail: &Trail,
    ) -> Result<Turn, AuthError> {
        let claim = claim(work, lane, trail);
        trail.unless_gone(self.inner.hasher.admit(claim)).await
    }

    /// Checks `password` against the account of `guess`, which must be active.
    /// A wrong one costs exactly one run of Argon2, whatever is wrong
    /// (CVE-2024-39329), and the owner is notified once per series of failures.
    /// A correct one has to be [settled](Self::settle).
    ///
    /// # Errors
    ///
    /// [`AuthError::InvalidCredentials`]; [`AuthError::RateLimited`];
    /// [`AuthError::Overloaded`], after which nothing stays counted unless
    /// every thread hangs; [`AuthError::Unavailable`];
    /// [`AuthError::Abandoned`]; [`AuthError::Store`].
    pub(super) async fn check_password(
        &self,
        guess: Guess<'_>,
        password: &NormalizedPassword,
        trail: &Trail,
    ) -> Result<CorrectPassword, AuthError> {
        let hash = guess.user.and_then(|user| user.password_hash.as_ref());
        self.check_hash(guess, hash, password, trail).await
    }

    /// As [`check_password`](Self::check_password), against a hash that no
    /// account has yet.
    pub(super) async fn check_hash(
        &self,
        guess: Guess<'_>,
        hash: Option<&PasswordHash>,
        password: &NormalizedPassword,
        trail: &Trail,
    ) -> Result<CorrectPassword, AuthError> {
        let (key, lane) = guess.key_and_lane(trail.context());
        // For a stranger, the missing hash would reveal that the account exists.
        if let (Lane::Known(_), Some(success)) = (lane, guess.success_key()) {
            self.may_succeed(success)?;
        }
        let mut turn = match self.admit(Work::Hashing, lane, trail).await {
            Ok(turn) => turn,
            Err(error) => {
                if matches!(error, AuthError::Overloaded { .. }) {
                    self.give_back(guess.counted).await;
                }
                return Err(error);
            }
        };
        let attempt = self.count_attempt(key).await?;
        let checked = self.compare(&mut turn, hash, password, trail).await;
        let may_be_used = |user: &User| user.status == UserStatus::Active;
        match (checked, guess.success_key()) {
            (Ok((true, is_outdated)), Some(success)) if guess.user.is_none_or(may_be_used) => {
                let is_session = matches!(guess.by, Guesser::Session(_));
                Ok(CorrectPassword {
                    turn: (is_outdated || is_session).then_some(turn),
                    is_outdated,
                    proof: Proof::by_password(self.now()),
                    success,
                    attempt,
                    counted: guess.counted,
                    is_visitor: !is_session,
                })
            }
            (checked, _) => {
                self.tell_of_lock(attempt.as_ref(), guess.user, trail);
                Err(checked.err().unwrap_or(AuthError::InvalidCredentials))
            }
        }
    }

    pub(super) async fn count_attempt(
        &self,
        key: LimitKey,
    ) -> Result<Option<CountedAttempt>, AuthError> {
        let Some(policy) = &self.config().limits.login_by_account else {
            return Ok(None);
        };
        let now = self.now();
        match self.inner.store.attempt(key, policy, now).await? {
            lockout::Attempt::Allowed { count, locks_for } => Ok(Some(CountedAttempt {
                key,
                at: now,
                locks: !locks_for.is_zero(),
                tells: policy
                    .steps()
                    .last()
                    .is_some_and(|step| step.failures == count),
            })),
            lockout::Attempt::Locked { retry_after } => Err(AuthError::RateLimited { retry_after }),
        }
    }

    /// Returns whether `password` matches `hash`, and whether the hash is
    /// outdated.
    async fn compare(
        &self,
        turn: &mut Turn,
        hash: Option<&PasswordHash>,
        password: &NormalizedPassword,
        trail: &Trail,
    ) -> Result<(bool, bool), AuthError> {
        let Some(hash) = hash else {
            let spent = turn.verify_absent(password, trail.gone()).await;
            return spent
                .map(|()| (false, false))
                .map_err(|error| hashing_failed(error, trail));
        };
        match turn.verify(password, hash, trail.gone()).await {
            Ok(verdict) => Ok((verdict.matches, verdict.outdated)),
            Err(
                error @ (HashError::Malformed
                | HashError::TooCostly
                | HashError::UnknownPepper
                | HashError::UnknownScheme),
            ) => {
                tracing::error!(%error, "a stored password hash cannot be checked");
                trail.notice(Notice::PasswordHashUnusable);
                Ok((false, false))
            }
            Err(error) => Err(hashing_failed(error, trail)),
        }
    }

    /// Notifies of a failed attempt, even if its caller has disconnected. If it
    /// locks the account, the event says so, and the owner gets a mail once per
    /// series of failures: at the last step of the table.
    pub(super) fn tell_of_lock(
        &self,
        attempt: Option<&CountedAttempt>,
        user: Option<&User>,
        trail: &Trail,
    ) {
        let Some(attempt) = attempt.filter(|attempt| attempt.locks) else {
            return;
        };
        trail.notice(Notice::AccountLocked);
        if let Some(user) = user.filter(|_| attempt.tells) {
            self.notify(MailKind::AccountLocked, user, &user.email, trail.context());
        }
    }

    /// Settles a correct password: takes back what was counted as failed, and
    /// counts it against the budgets for correct passwords: that of the account's live
    /// sessions, or those of the account and of the caller's networks.
    ///
    /// # Errors
    ///
    /// [`AuthError::RateLimited`] if one of those budgets is used up; then the
    /// guess stays counted against the networks. [`AuthError::Store`].
    pub(super) async fn settle(
        &self,
        correct: CorrectPassword,
        trail: &Trail,
    ) -> Result<Settled, AuthError> {
        let limits = &self.config().limits;
        let networks = limits.success_by_address.filter(|_| correct.is_visitor);
        let networks = networks
            .map(|quota| by_network("success:address", trail.context().network(), quota))
            .unwrap_or_default();
        let failures = correct.counted.clone();
        // Two acts, since a key is always counted in the same group.
        let (by_account, by_networks, (), ()) = tokio::join!(
            self.count_success(correct.success),
            self.count(networks),
            self.give_back(correct.counted),
            async {
                if let Some(attempt) = &correct.attempt {
                    self.forgive_attempt(attempt).await;
                }
            }
        );
        let refused = match (by_account, by_networks) {
            (Ok(account), Ok(networks)) => {
                account.keep();
                networks.keep();
                return Ok(Settled {
                    turn: correct.turn,
                    proof: correct.proof,
                });
            }
            (Ok(counted), Err(refused)) | (Err(refused), Ok(counted)) => {
                self.give_back(counted).await;
                refused
            }
            (Err(refused), Err(_)) => refused,
        };
        let _ = self.count(failures.into_hits()).await;
        Err(refused)
    }

    /// Checks the password of the caller, who is logged in.
    ///
    /// # Errors
    ///
    /// As for [`check_password`](Self::check_password) and
    /// [`settle`](Self::settle).
    pub(super) async fn check_own_password(
        &self,
        auth: &Authenticated,
        password: &NormalizedPassword,
        trail: &Trail,
    ) -> Result<Settled, AuthError> {
        let guess = Guess {
            by: Guesser::Session(auth.session().id),
            user: Some(auth.user()),
            counted: Counted::default(),
        };
        let correct = self.check_password(guess, password, trail).await?;
        self.settle(correct, trail).await
    }

    /// The owner has shown the mailbox: what others did no longer counts,
    /// neither as strangers, nor as the owner's device, which is `device`, nor as guesses
    /// at the second factor.
    pub(super) async fn forgive_others(&self, user: &User, device: DeviceDigest) {
        if self.config().limits.login_by_account.is_some() {
            let now = self.now();
            tokio::join!(
                self.forget(strangers(user.email.canonical()), now),
                self.forget(device_key(user.id, device), now),
                async {
                    if self.has_second_factors() {
                        self.forget(factor_key(user.id), now).await;
                    }
                }
            );
        }
    }

    /// Forgets `attempt`, which has succeeded, and the failed ones before it.
    pub(super) async fn forgive_attempt(&self, attempt: &CountedAttempt) {
        self.forget(attempt.key, attempt.at).await;
    }

    /// Forgets the attempts under `key`, unless one was let through after
    /// `until`: that one may have failed.
    async fn forget(&self, key: LimitKey, until: Timestamp) {
        if let Err(error) = self.inner.store.forgive(key, until).await {
            // They are forgotten by themselves after a time.
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "failed attempts were not forgotten");
        }
    }
}

/// Converts the error of a hash that was not made or checked.
pub(super) fn hashing_failed(error: HashError, trail: &Trail) -> AuthError {
    if matches!(error, HashError::Stuck) {
        trail.notice(Notice::HashingStuck);
    }
    error.into()
}
