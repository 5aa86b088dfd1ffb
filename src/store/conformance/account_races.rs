//! Many at once, on accounts: what a link in a mail allows happens once.

use std::sync::Arc;

use super::fixture::*;
use super::racing::*;
use crate::store::{EmailChange, InsertUser, ProfileChange, Removal, Store};
use crate::user::{PasswordHash, User};

/// Of parallel verifications of one address, one happens.
pub async fn one_of_many_verifications_wins(store: Arc<dyn Store>) {
    for (racers, round) in rounds() {
        let mut user = user(round);
        insert_user(&*store, &user).await;
        let verified = race(racers, |_| {
            let (store, state) = (Arc::clone(&store), user.state());
            async move { done(store.verify_email(&state).await) }
        })
        .await;
        only_winner(&verified, "parallel verifications of one address");
        user.is_verified = true;
        user.version = 1;
        assert_stored(&*store, &user, "after parallel verifications").await;
    }
}

/// Of parallel resets of one password, one happens: its hash is there, and the
/// epoch goes up by one (ASVS 6.5.1).
pub async fn one_of_many_resets_wins(store: Arc<dyn Store>) {
    for (racers, round) in rounds() {
        let user = user(round);
        insert_user(&*store, &user).await;
        let hash = |racer: u32| PasswordHash::new(format!("reset {racer}"));
        let reset = race(racers, |racer| {
            let (store, state, new) = (Arc::clone(&store), user.state(), hash(racer));
            async move {
                done(
                    store
                        .reset_password(&state, &new, device(9), &ProfileChange::default())
                        .await,
                )
            }
        })
        .await;
        let winner = only_winner(&reset, "parallel resets of one password");
        let expected = User {
            password_hash: Some(hash(winner)),
            auth_epoch: 1,
            is_verified: true,
            link_epoch: 1,
            version: 1,
            devices: vec![device(9)],
            ..user
        };
        assert_stored(&*store, &expected, "after parallel resets").await;
    }
}

/// Of parallel changes of one account's address, one happens, and only its
/// address finds the account.
pub async fn one_of_many_email_changes_of_an_account_wins(store: Arc<dyn Store>) {
    for (racers, round) in rounds() {
        let user = user(round);
        insert_user(&*store, &user).await;
        let to = |racer: u32| email(&format!("New{round}.{racer}@Example.org"));
        let changed = race(racers, |racer| {
            let (store, state, to) = (Arc::clone(&store), user.state(), to(racer));
            async move {
                match done(store.change_email(&state, &to).await) {
                    EmailChange::Changed => true,
                    EmailChange::Gone => false,
                    EmailChange::EmailTaken => panic!("an address that nobody has is taken"),
                }
            }
        })
        .await;
        let winner = only_winner(&changed, "parallel changes of one account's address");
        for lost in (0..racers).filter(|racer| *racer != winner).map(to) {
            let found = done(store.user_by_email(lost.canonical()).await);
            assert!(found.is_none(), "an address that lost finds a user");
        }
        let found = done(store.user_by_email(user.email.canonical()).await);
        assert!(found.is_none(), "an address that was changed finds a user");
        let expected = User {
            email: to(winner),
            is_verified: true,
            link_epoch: 1,
            version: 1,
            ..user
        };
        assert_stored(&*store, &expected, "after parallel changes of an address").await;
    }
}

/// Of the accounts that change to one address in parallel, one gets it; the
/// others stay as they are.
pub async fn one_of_many_accounts_gets_an_address(store: Arc<dyn Store>) {
    for (racers, round) in rounds() {
        let account = |racer| user(round * 1000 + racer);
        for racer in 0..racers {
            insert_user(&*store, &account(racer)).await;
        }
        let to = email(&format!("Same{round}@Example.org"));
        let changed = race(racers, |racer| {
            let (store, state, to) = (Arc::clone(&store), account(racer).state(), to.clone());
            async move {
                match done(store.change_email(&state, &to).await) {
                    EmailChange::Changed => true,
                    EmailChange::EmailTaken => false,
                    EmailChange::Gone => panic!("an account that nobody changed is gone"),
                }
            }
        })
        .await;
        let winner = only_winner(&changed, "parallel changes to one address");
        for racer in 0..racers {
            let mut expected = account(racer);
            if racer == winner {
                expected.email = to.clone();
                expected.is_verified = true;
                expected.link_epoch = 1;
                expected.version = 1;
            }
            assert_stored(&*store, &expected, "after parallel changes to one address").await;
        }
    }
}

/// When an address is registered while an account changes to it, one of the
/// two has it.
pub async fn an_address_is_changed_to_or_registered_never_both(store: Arc<dyn Store>) {
    for (racers, round) in rounds() {
        let account = user(round * 1000 + 999);
        let changes = move |racer| (racer + round) % 2 == 0;
        insert_user(&*store, &account).await;
        let address = email(&format!("Same{round}@Example.org"));
        let newcomer = |racer| User {
            email: address.clone(),
            ..user(round * 1000 + racer)
        };
        let got = race(racers, |racer| {
            let (store, state) = (Arc::clone(&store), account.state());
            let (newcomer, to) = (newcomer(racer), address.clone());
            async move {
                if changes(racer) {
                    return done(store.change_email(&state, &to).await) == EmailChange::Changed;
                }
                done(store.insert_user(&newcomer).await) == InsertUser::Inserted
            }
        })
        .await;
        let winner = only_winner(&got, "registrations of an address and changes to it");
        let changed = User {
            email: address.clone(),
            is_verified: true,
            link_epoch: 1,
            version: 1,
            ..account.clone()
        };
        if changes(winner) {
            assert_stored(&*store, &changed, "the account that got the address").await;
        } else {
            assert_stored(&*store, &account, "the account that did not get it").await;
            assert_stored(&*store, &newcomer(winner), "who registered the address").await;
        }
        for lost in (0..racers).filter(|racer| !changes(*racer) && *racer != winner) {
            let found = done(store.user(newcomer(lost).id).await);
            assert!(found.is_none(), "a user who was refused is there");
        }
    }
}

/// When an unverified account is removed while it is verified, one of the two
/// happened, and who was told so of a verification has an account.
pub async fn an_account_is_verified_or_removed_never_both(store: Arc<dyn Store>) {
    for (racers, round) in rounds() {
        let mut user = user(round);
        let verifies = move |racer| (racer + round) % 2 == 0;
        insert_user(&*store, &user).await;
        let happened = race(racers, |racer| {
            let (store, state) = (Arc::clone(&store), user.state());
            async move {
                // The kinds start in alternating order.
                if verifies(racer) {
                    return done(store.verify_email(&state).await);
                }
                done(store.remove_user(&state, Removal::Unverified).await)
            }
        })
        .await;
        let winner = only_winner(&happened, "verifications and removals of one account");
        if verifies(winner) {
            user.is_verified = true;
            user.version = 1;
            assert_stored(&*store, &user, "a verified account").await;
        } else {
            assert_no_user(&*store, &user, "a removed account").await;
        }
    }
}
