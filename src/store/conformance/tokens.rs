//! What holds for one-time tokens.

use std::sync::Arc;

use super::fixture::*;
use crate::store::{Insert, Store};
use crate::time::Timestamp;
use crate::token::{OneTimeToken, TokenPurpose};

const PURPOSES: [TokenPurpose; 3] = [
    TokenPurpose::VerifyEmail,
    TokenPurpose::ResetPassword,
    TokenPurpose::ChangeEmail,
];

async fn insert(store: &dyn Store, token: &OneTimeToken) {
    assert_eq!(
        done(store.insert_token(token).await),
        Insert::Inserted,
        "a new token was refused"
    );
}

/// A token is given out once, as it was stored, and is then gone.
pub async fn a_token_is_consumed_once(store: Arc<dyn Store>) {
    for (number, purpose) in (1..).zip(PURPOSES) {
        let token = OneTimeToken {
            created_at: Timestamp::from_millis(-1),
            email: email("Zo\u{eb}@B\u{fc}cher.example").canonical().clone(),
            ..token(number, user_id(number), purpose)
        };
        insert(&*store, &token).await;
        let consumed = done(store.consume_token(token.digest, purpose, NOW).await);
        assert_eq!(
            consumed.as_ref(),
            Some(&token),
            "a token came back other than stored"
        );
        for purpose in PURPOSES {
            let again = done(store.consume_token(token.digest, purpose, NOW).await);
            assert_eq!(again, None, "a token was consumed twice");
        }
        assert_eq!(
            done(store.remove_tokens(token.user_id).await),
            0,
            "a consumed token was there to be removed"
        );
    }
}

/// A token of another purpose is not given out, and is left where it is.
pub async fn a_token_of_another_purpose_is_left(store: Arc<dyn Store>) {
    for (number, purpose) in (1..).zip(PURPOSES) {
        let token = token(number, user_id(1), purpose);
        insert(&*store, &token).await;
        for other in PURPOSES.into_iter().filter(|other| *other != purpose) {
            let consumed = done(store.consume_token(token.digest, other, NOW).await);
            assert_eq!(consumed, None, "a {purpose:?} token worked as {other:?}");
        }
        assert_eq!(
            done(store.consume_token(token.digest, purpose, NOW).await),
            Some(token),
            "a token was spent by a wrong purpose"
        );
    }
}

/// A token is good until the millisecond before `expires_at`, and not at it.
pub async fn a_token_ends_exactly_at_its_time(store: Arc<dyn Store>) {
    let purpose = TokenPurpose::ResetPassword;
    let (early, late) = (token(1, user_id(1), purpose), token(2, user_id(1), purpose));
    insert(&*store, &early).await;
    insert(&*store, &late).await;
    let last = done(store.consume_token(early.digest, purpose, at(99_999)).await);
    assert_eq!(last, Some(early), "a token ended before its time");
    for millis in [100_000, 100_001, 1_000_000_000] {
        let consumed = done(store.consume_token(late.digest, purpose, at(millis)).await);
        assert_eq!(consumed, None, "a token outlived its end");
    }
}

/// A digest that is taken is an error, never an overwrite.
pub async fn a_taken_digest_is_not_overwritten(store: Arc<dyn Store>) {
    let first = token(1, user_id(1), TokenPurpose::VerifyEmail);
    let second = token(1, user_id(2), TokenPurpose::ResetPassword);
    insert(&*store, &first).await;
    for again in [&second, &first] {
        assert_eq!(
            done(store.insert_token(again).await),
            Insert::Taken,
            "a token with a digest that is taken was not refused"
        );
    }
    assert_eq!(
        done(store.consume_token(first.digest, second.purpose, NOW).await),
        None,
        "a refused token can be consumed"
    );
    assert_eq!(
        done(store.remove_tokens(second.user_id).await),
        0,
        "a refused token was there to be removed"
    );
    assert_eq!(
        done(store.consume_token(first.digest, first.purpose, NOW).await),
        Some(first),
        "a digest collision changed a token"
    );
}

/// Removing a user's tokens removes those of every purpose, and nobody
/// else's, and says how many there were.
pub async fn tokens_are_removed_for_one_user_only(store: Arc<dyn Store>) {
    let mut mine = Vec::new();
    for (number, purpose) in (1..).zip(PURPOSES) {
        mine.push(token(number, user_id(1), purpose));
    }
    let theirs = token(9, user_id(2), TokenPurpose::VerifyEmail);
    for token in mine.iter().chain([&theirs]) {
        insert(&*store, token).await;
    }
    assert_eq!(
        done(store.remove_tokens(user_id(1)).await),
        3,
        "another number of tokens was removed"
    );
    for token in &mine {
        let consumed = done(store.consume_token(token.digest, token.purpose, NOW).await);
        assert_eq!(consumed, None, "a removed token was consumed");
    }
    assert_eq!(
        done(store.remove_tokens(user_id(1)).await),
        0,
        "tokens were removed twice"
    );
    assert_eq!(
        done(
            store
                .consume_token(theirs.digest, theirs.purpose, NOW)
                .await
        ),
        Some(theirs),
        "another user's token was removed"
    );
}
