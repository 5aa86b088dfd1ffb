//! What holds for one-time tokens.

use std::sync::Arc;

use super::fixture::*;
use crate::store::{Insert, Store};
use crate::time::Timestamp;
use crate::token::{OneTimeToken, PendingRegistration, PendingSignIn, TokenDigest, TokenPurpose};
use crate::user::{AccountState, DisplayName, PasswordHash};

async fn insert(store: &dyn Store, token: &OneTimeToken) {
    assert_eq!(
        done(store.insert_token(token).await),
        Insert::Inserted,
        "a new token was refused"
    );
}

/// A token comes back as it was stored, to the last field, and stays where it
/// is: reading it again returns it again.
pub async fn a_token_is_read_as_often_as_asked_for(store: Arc<dyn Store>) {
    for (number, purpose) in (1..).zip(TokenPurpose::ALL) {
        let plain = token(number, user_id(number), purpose);
        let token = OneTimeToken {
            digest: digest(number + 100),
            account: AccountState {
                id: user_id(number),
                email: email("Zo\u{eb}@B\u{fc}cher.example").canonical().clone(),
                auth_epoch: (number % 2 == 0).then_some(GREATEST),
                link_epoch: GREATEST,
                version: None,
            },
            email: email("Zo\u{eb}.New@B\u{fc}cher.example"),
            registration: Some(PendingRegistration {
                user_id: user_id(number + 100),
                name: DisplayName::from_store("Zo\u{eb} \u{1f98a}".to_owned()),
                password_hash: PasswordHash::new("$argon2id$pending"),
                extra: extra(),
            }),
            sign_in: Some(PendingSignIn {
                proofs: proofs(),
                length: length(number % 2 == 0),
            }),
            federation: Some(federation(number)),
            created_at: Timestamp::from_millis(-1),
            ..plain.clone()
        };
        insert(&*store, &plain).await;
        insert(&*store, &token).await;
        for _ in 0..3 {
            for token in [&plain, &token] {
                assert_token_stored(&*store, token, "a token came back other than stored").await;
            }
        }
        assert_eq!(
            done(store.remove_tokens(user_id(number), None, NOW).await),
            2,
            "tokens that were read were not there to be removed"
        );
    }
}

/// A token is given out for its own purpose and no other, and asking for
/// another does not spend it.
pub async fn a_token_works_for_its_purpose_only(store: Arc<dyn Store>) {
    for (number, purpose) in (1..).zip(TokenPurpose::ALL) {
        let token = token(number, user_id(1), purpose);
        insert(&*store, &token).await;
        for other in TokenPurpose::ALL {
            let found = done(store.token(token.digest, other, NOW).await);
            assert!(
                other == purpose || found.is_none(),
                "a {purpose:?} token worked as {other:?}"
            );
        }
        assert_token_stored(&*store, &token, "a wrong purpose spent a token").await;
    }
}

/// A token is good until the millisecond before `expires_at`, and not at it.
pub async fn a_token_ends_exactly_at_its_time(store: Arc<dyn Store>) {
    for (number, purpose) in (1..).zip(TokenPurpose::ALL) {
        let token = token(number, user_id(number), purpose);
        insert(&*store, &token).await;
        for (millis, live) in [(99_999, true), (100_000, false), (100_001, false)] {
            let found = done(store.token(token.digest, purpose, at(millis)).await);
            assert_eq!(
                found.is_some(),
                live,
                "a token after {millis} ms of 100,000"
            );
            let listed = done(store.tokens_of(token.account.id, at(millis)).await);
            assert_eq!(
                listed.len(),
                usize::from(live),
                "a list of tokens after {millis} ms of 100,000"
            );
        }
    }
}

/// A token is taken by its purpose while it is live, whole and once. Every other attempt
/// leaves it, and other tokens, where they are.
pub async fn a_token_is_taken_once(store: Arc<dyn Store>) {
    for (number, purpose) in (1..).zip(TokenPurpose::ALL) {
        let (mine, other) = (
            token(number, user_id(number), purpose),
            token(number + 10, user_id(number), purpose),
        );
        let mine = OneTimeToken {
            sign_in: Some(PendingSignIn {
                proofs: proofs(),
                length: length(true),
            }),
            federation: Some(federation(number)),
            ..mine
        };
        insert(&*store, &mine).await;
        insert(&*store, &other).await;
        for wrong in TokenPurpose::ALL.into_iter().filter(|one| *one != purpose) {
            let taken = done(store.take_token(mine.digest, wrong, NOW).await);
            assert!(
                taken.is_none(),
                "a {purpose:?} token was taken as {wrong:?}"
            );
        }
        let taken = done(store.take_token(mine.digest, purpose, at(100_000)).await);
        assert!(taken.is_none(), "an expired token was taken");
        let taken = done(store.take_token(mine.digest, purpose, at(99_999)).await);
        assert_token(taken.as_ref(), &mine, "a token that was taken");
        let found = done(store.token(mine.digest, purpose, NOW).await);
        assert!(found.is_none(), "a token that was taken is there");
        let taken = done(store.take_token(mine.digest, purpose, NOW).await);
        assert!(taken.is_none(), "a token was taken twice");
        assert_token_stored(&*store, &other, "taking a token changed another").await;
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
    let found = done(store.token(first.digest, second.purpose, NOW).await);
    assert!(found.is_none(), "a refused token is there");
    let listed = done(store.tokens_of(second.account.id, NOW).await);
    assert!(listed.is_empty(), "a refused token is listed");
    assert_token_stored(&*store, &first, "a digest collision changed a token").await;
}

/// A user's live tokens are listed, the newest first, and nobody else's.
pub async fn tokens_are_listed_newest_first(store: Arc<dyn Store>) {
    let (mine, now) = (user_id(1), at(50_000));
    let numbers: [u32; 6] = [3, 1, 6, 2, 5, 4];
    for (number, purpose) in numbers
        .into_iter()
        .zip(TokenPurpose::ALL.into_iter().cycle())
    {
        let token = OneTimeToken {
            created_at: at(number.into()),
            // The last of them is live for one more millisecond.
            expires_at: at(50_000 + i64::from(number)),
            ..token(number, mine, purpose)
        };
        insert(&*store, &token).await;
    }
    let expired = OneTimeToken {
        expires_at: now,
        ..token(7, mine, TokenPurpose::ResetPassword)
    };
    let theirs = OneTimeToken {
        // It will be about the first user's id, and is not yet.
        registration: Some(PendingRegistration {
            user_id: mine,
            name: DisplayName::from_store("Ann".to_owned()),
            password_hash: PasswordHash::new("hash"),
            extra: extra(),
        }),
        ..token(8, user_id(2), TokenPurpose::CompleteRegistration)
    };
    insert(&*store, &expired).await;
    insert(&*store, &theirs).await;
    for _ in 0..2 {
        let listed = done(store.tokens_of(mine, now).await);
        let digests: Vec<TokenDigest> = listed.iter().map(|token| token.digest).collect();
        let expected: Vec<TokenDigest> = (1..=6).rev().map(digest).collect();
        assert!(
            digests == expected,
            "a user's tokens are not the live ones, the newest first: {listed:?}"
        );
        for token in &listed {
            assert_token_stored(&*store, token, "a listed token").await;
        }
    }
    let listed = done(store.tokens_of(user_id(2), now).await);
    assert_eq!(listed.len(), 1, "another number of tokens was listed");
    assert_token(listed.first(), &theirs, "a listed token");
}

/// Removing a user's tokens removes those of every purpose, and nobody
/// else's, and says how many there were.
pub async fn tokens_are_removed_for_one_user_only(store: Arc<dyn Store>) {
    let mut mine = Vec::new();
    for (number, purpose) in (1..).zip(TokenPurpose::ALL) {
        mine.push(token(number, user_id(1), purpose));
    }
    let theirs = token(9, user_id(2), TokenPurpose::VerifyEmail);
    for token in mine.iter().chain([&theirs]) {
        insert(&*store, token).await;
    }
    assert_eq!(
        done(store.remove_tokens(user_id(1), None, NOW).await),
        u64::try_from(mine.len()).unwrap_or(0),
        "another number of tokens was removed"
    );
    for token in &mine {
        let found = done(store.token(token.digest, token.purpose, NOW).await);
        assert!(found.is_none(), "a removed token is there");
    }
    let listed = done(store.tokens_of(user_id(1), NOW).await);
    assert!(listed.is_empty(), "a removed token is listed");
    assert_eq!(
        done(store.remove_tokens(user_id(1), None, NOW).await),
        0,
        "tokens were removed twice"
    );
    assert_token_stored(&*store, &theirs, "another user's token").await;
}

/// Removing a user's tokens of one purpose leaves those of the others, and
/// those of other users.
pub async fn tokens_are_removed_of_one_purpose_only(store: Arc<dyn Store>) {
    let mut left = Vec::new();
    for (number, purpose) in (1..).zip(TokenPurpose::ALL) {
        for (digest, owner) in [(number, 1), (number + 10, 1), (number + 20, 2)] {
            let token = token(digest, user_id(owner), purpose);
            insert(&*store, &token).await;
            left.push(token);
        }
    }
    for purpose in TokenPurpose::ALL {
        assert_eq!(
            done(store.remove_tokens(user_id(1), Some(purpose), NOW).await),
            2,
            "another number of tokens was removed"
        );
        let (removed, kept): (Vec<_>, Vec<_>) = left
            .into_iter()
            .partition(|token| token.account.id == user_id(1) && token.purpose == purpose);
        for token in removed {
            let found = done(store.token(token.digest, purpose, NOW).await);
            assert!(found.is_none(), "a removed token is there");
        }
        for token in &kept {
            assert_token_stored(&*store, token, "a token that was not to be removed").await;
        }
        left = kept;
    }
}
