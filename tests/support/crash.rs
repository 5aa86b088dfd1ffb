//! What is acknowledged while something is about to be killed, and looking for it afterwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use admittance::session::Rotation;
use admittance::store::{
    Insert, InsertUser, ProfileChange, SessionStore, StoreError, TokenStore, UserStore,
};

use crate::bed::hash_of;
use crate::sample::*;

/// How many are acknowledged before anything is killed.
pub const ACKNOWLEDGED_BEFORE: u32 = 40;

/// Registers a user, opens, refreshes and ends sessions, resets the password and removes a
/// token: all of the number `number`.
///
/// # Errors
///
/// That of the first act that was not acknowledged.
pub async fn once(
    store: &(impl UserStore + SessionStore + TokenStore),
    number: u32,
) -> Result<(), StoreError> {
    let live = session(number * 2, number);
    let ended = session(number * 2 + 1, number);
    assert_eq!(
        store.insert_user(&user(number)).await?,
        InsertUser::Inserted
    );
    assert_eq!(store.insert_session(&live).await?, Insert::Inserted);
    assert_eq!(store.insert_session(&ended).await?, Insert::Inserted);
    assert_eq!(
        store.insert_token(&token(number, number)).await?,
        Insert::Inserted
    );
    let rotation = store.rotate(live.id, 0, POLICY, at(1)).await?;
    assert!(matches!(rotation, Rotation::Rotated(_)));
    assert!(store.end_session(ended.user_id, ended.id).await?);
    let account = user(number).state();
    assert!(
        store
            .reset_password(&account, &hash(0), device(0), &ProfileChange::default())
            .await?
    );
    // Tokens of later numbers are made later, a millisecond each.
    let made_until = at(1000);
    let removed = store.remove_tokens(account.id, None, made_until).await?;
    assert_eq!(removed, 1);
    Ok(())
}

/// What the workers of a test share.
#[derive(Clone, Default)]
pub struct Work(Arc<Shared>);

#[derive(Default)]
struct Shared {
    begun: AtomicU32,
    done: AtomicU32,
    is_over: AtomicBool,
}

impl Work {
    /// Does [`once`] for one number after another, until the work is over. An act that fails
    /// ends its number only: a slow machine fails some before the server is gone. Returns the
    /// numbers of which everything was acknowledged.
    pub async fn on(self, store: impl UserStore + SessionStore + TokenStore) -> Vec<u32> {
        let mut acknowledged = Vec::new();
        while !self.0.is_over.load(Ordering::Relaxed) {
            let number = self.0.begun.fetch_add(1, Ordering::Relaxed) + 1;
            if once(&store, number).await.is_ok() {
                acknowledged.push(number);
                self.0.done.fetch_add(1, Ordering::Relaxed);
            } else {
                // Not in a loop without a pause while the server is gone.
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        acknowledged
    }

    /// Waits until enough is acknowledged.
    pub async fn is_under_way(&self) {
        while self.0.done.load(Ordering::Relaxed) < ACKNOWLEDGED_BEFORE {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Ends the work. A worker that no failure reached would go on with the next server.
    pub fn end(&self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }

    /// How many numbers were begun, from 1.
    pub fn begun(&self) -> u32 {
        self.0.begun.load(Ordering::Relaxed)
    }
}

/// Fails unless all that was acknowledged is found, and what was cut off of the numbers up to
/// `begun` is found wholly or not at all.
pub async fn assert_found(
    store: &(impl UserStore + SessionStore + TokenStore),
    acknowledged: Vec<u32>,
    begun: u32,
) {
    assert!(acknowledged.len() >= usize::try_from(ACKNOWLEDGED_BEFORE).unwrap());
    for number in acknowledged {
        let Some(user) = store.user(user_id(number)).await.unwrap() else {
            panic!("user {number} is lost")
        };
        assert!(
            hash_of(&user).is(&hash(0)) && user.auth_epoch == 1,
            "the reset of user {number} is lost"
        );
        let live = store.session(session_id(number * 2), at(2)).await.unwrap();
        assert_eq!(
            live.map(|session| session.refresh_counter),
            Some(1),
            "of user {number}"
        );
        let ended = store
            .session(session_id(number * 2 + 1), at(2))
            .await
            .unwrap();
        assert_eq!(ended, None, "an ended session of user {number} is back");
        let again = store.tokens_of(user_id(number), at(2)).await.unwrap();
        assert!(again.is_empty(), "a removed token of user {number} is back");
    }
    // An interrupted user exists completely or not at all.
    for number in 1..=begun {
        let by_id = store.user(user_id(number)).await.unwrap().is_some();
        let email = user(number).email;
        let by_email = store
            .user_by_email(email.canonical())
            .await
            .unwrap()
            .is_some();
        assert_eq!(by_id, by_email, "user {number}");
    }
}
