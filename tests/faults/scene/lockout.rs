//! I8: what must hold of wrong passwords, whatever went wrong besides.

use std::time::Duration;

use admittance::error::AuthError;
use admittance::lockout::{LockoutPolicy, LockoutStep};

use super::{ANN, Outcome, Scene, WRONG};
use support::asks::Answer;

/// The first step of the table by which scenes lock accounts.
fn first_step() -> LockoutStep {
    LockoutPolicy::default().steps()[0]
}

impl Scene {
    /// A wrong password that was answered counts: of the same request only the
    /// rest of the failures that lock the account are let through. Then the
    /// wait is over.
    pub(super) async fn check_wrong_was_counted(&self, outcome: &Outcome) {
        use AuthError::{InvalidCredentials, ProofRequired};
        if self.op.guesses().is_none() {
            return;
        }
        let is_answered = matches!(outcome, Some(Err(InvalidCredentials | ProofRequired)));
        let step = first_step();
        let (more, wait) = self.guess_again().await;
        let most = step.failures - u32::from(is_answered);
        assert!(more <= most, "I8: {more} more of {most}");
        // Nor is anybody locked out early: it counts once, or twice where the
        // store has counted twice.
        assert!(more + 2 >= step.failures, "I8: only {more} more");
        assert_eq!(wait, step.wait, "I8");
        self.bed.clock.advance(wait);
    }

    /// Nothing that happened lets anybody guess without end.
    pub(super) async fn check_guesses_end(&self) {
        let step = first_step();
        let (more, wait) = until_locked(|| async {
            let opened = self.bed.login(ANN, WRONG).await;
            opened.map(|answer| Some(answer.tokens))
        })
        .await;
        assert!(more <= step.failures, "I8: {more}");
        assert_eq!(wait, step.wait, "I8");
    }

    async fn guess_again(&self) -> (u32, Duration) {
        until_locked(|| self.operation()).await
    }
}

/// Tries wrong passwords until none is let through; gives how many were, and
/// the wait that is told then.
async fn until_locked<F: Future<Output = Answer>>(guess: impl Fn() -> F) -> (u32, Duration) {
    let mut guesses = 0;
    loop {
        match guess().await {
            Err(AuthError::InvalidCredentials | AuthError::ProofRequired) => guesses += 1,
            Err(AuthError::RateLimited { retry_after }) => return (guesses, retry_after),
            other => panic!("{other:?}"),
        }
    }
}
