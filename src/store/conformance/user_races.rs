//! Many at once, on users: one wins, and nothing is lost.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;

use super::fixture::*;
use super::racing::*;
use crate::preferences::Preferences;
use crate::store::{EpochChange, InsertUser, ProfileChange, Store};
use crate::time::Timestamp;
use crate::user::{DisplayName, MAX_DEVICES, PasswordHash, User};

/// Races the insertion of `contenders(racer)` and looks at what is left.
pub(super) async fn race_insertions(
    store: &Arc<dyn Store>,
    racers: u32,
    contender: impl Fn(u32) -> User,
    refusal: InsertUser,
) {
    let outcomes = race(racers, |racer| {
        let (store, user) = (Arc::clone(store), contender(racer));
        async move { done(store.insert_user(&user).await) }
    })
    .await;
    let mut winner = None;
    for (racer, outcome) in (0..).zip(outcomes) {
        if outcome == InsertUser::Inserted {
            assert!(
                winner.replace(racer).is_none(),
                "of {racers} parallel insertions, more than one was acknowledged"
            );
        } else {
            assert_eq!(outcome, refusal, "why a parallel insertion was refused");
        }
    }
    let Some(winner) = winner else {
        panic!("of {racers} parallel insertions, none was acknowledged")
    };
    let winner = contender(winner);
    assert_stored(&**store, &winner, "what is there is not what won").await;
    for racer in 0..racers {
        let loser = contender(racer);
        if loser.id != winner.id {
            let found = done(store.user(loser.id).await);
            assert!(found.is_none(), "a user who was refused is there");
        }
        if loser.email.canonical() != winner.email.canonical() {
            let found = done(store.user_by_email(loser.email.canonical()).await);
            assert!(found.is_none(), "an email that was refused finds a user");
        }
    }
}

/// Of parallel registrations of one email, one is inserted.
pub async fn one_of_many_registrations_of_an_email_wins(store: Arc<dyn Store>) {
    for (racers, round) in rounds() {
        let contender = |racer| User {
            email: email(&format!("same{round}@example.org")),
            ..user(round * 1000 + racer)
        };
        race_insertions(&store, racers, contender, InsertUser::EmailTaken).await;
    }
}

/// Of parallel registrations of one email in different case, one is inserted.
pub async fn one_of_many_case_variants_of_an_email_wins(store: Arc<dyn Store>) {
    for (racers, round) in rounds() {
        let contender = |racer: u32| {
            let spelled: String = (0..)
                .zip("abcdefghij".chars())
                .map(|(bit, letter)| match racer >> bit & 1 {
                    1 => letter.to_ascii_uppercase(),
                    _ => letter,
                })
                .collect();
            User {
                email: email(&format!("{spelled}{round}@example.org")),
                ..user(round * 1000 + racer)
            }
        };
        race_insertions(&store, racers, contender, InsertUser::EmailTaken).await;
    }
}

/// Of parallel insertions with one id, one is inserted, and no other email is
/// taken by it.
pub async fn one_of_many_users_with_an_id_wins(store: Arc<dyn Store>) {
    for (racers, round) in rounds() {
        let contender = |racer| User {
            id: user_id(round),
            ..user(round * 1000 + racer)
        };
        race_insertions(&store, racers, contender, InsertUser::IdTaken).await;
    }
}

/// Of parallel changes from one password, one happens, and the epoch goes up
/// by one.
pub async fn one_of_many_password_changes_wins(store: Arc<dyn Store>) {
    for (racers, round) in rounds() {
        let mut user = user(round);
        assert_eq!(done(store.insert_user(&user).await), InsertUser::Inserted);
        let replaced = race(racers, |racer| {
            let (store, id, old) = (Arc::clone(&store), user.id, hash_of(&user));
            let new = PasswordHash::new(format!("new {racer}"));
            async move {
                done(
                    store
                        .replace_password(id, &old, &new, EpochChange::Raise)
                        .await,
                )
            }
        })
        .await;
        let winners: Vec<usize> = (0..)
            .zip(&replaced)
            .filter(|(_, won)| **won)
            .map(|(n, _)| n)
            .collect();
        assert_eq!(
            winners.len(),
            1,
            "of {racers} parallel changes from one password, another number than one happened"
        );
        user.password_hash = Some(PasswordHash::new(format!("new {}", winners[0])));
        user.auth_epoch = 1;
        user.version = 1;
        assert_stored(&*store, &user, "after parallel changes of password").await;
    }
}

/// Logins that race with a change of password neither undo it nor are recorded
/// after it.
pub async fn a_login_does_not_undo_a_password_change(store: Arc<dyn Store>) {
    for (racers, round) in rounds() {
        let mut user = user(round);
        assert_eq!(done(store.insert_user(&user).await), InsertUser::Inserted);
        let new = PasswordHash::new("new");
        let changer = racers / 2;
        let outcomes = race(racers, |racer| {
            let (store, id) = (Arc::clone(&store), user.id);
            let (old, new) = (hash_of(&user), new.clone());
            async move {
                let done_now = if racer == changer {
                    done(
                        store
                            .replace_password(id, &old, &new, EpochChange::Raise)
                            .await,
                    )
                } else {
                    done(store.record_login(id, 0, None, None, seen(racer)).await)
                };
                // What comes after the acknowledged change is too late.
                let late = racer == changer
                    && done(store.record_login(id, 0, None, None, seen(racers)).await);
                (done_now, late)
            }
        })
        .await;
        let mut recorded = Vec::new();
        for (racer, (happened, late)) in (0..).zip(outcomes) {
            assert!(!late, "a login was recorded after the password had changed");
            if racer == changer {
                assert!(happened, "logins kept a password from being changed");
            } else if happened {
                recorded.push(seen(racer));
            }
        }
        let found = done(store.user(user.id).await);
        let last_login = found.as_ref().and_then(|found| found.last_login);
        assert!(
            last_login.map_or(recorded.is_empty(), |last| recorded.contains(&last)),
            "the last login is {last_login:?}, but acknowledged were {recorded:?}"
        );
        user.last_login = last_login;
        user.password_hash = Some(new);
        user.auth_epoch = 1;
        user.version = 1;
        assert_stored(&*store, &user, "a login undid a change of password").await;
        let again = done(store.record_login(user.id, 0, None, None, at(1)).await);
        assert!(!again, "a login under the old epoch was recorded");
    }
}

fn seen(racer: u32) -> Timestamp {
    at(1000 + i64::from(racer))
}

/// Parallel changes of name, preferences, password, last login and whether the
/// address is verified all hold in the end.
pub async fn changes_of_different_fields_do_not_undo_each_other(store: Arc<dyn Store>) {
    for (racers, round) in rounds() {
        let mut expected = user(round);
        assert_eq!(
            done(store.insert_user(&expected).await),
            InsertUser::Inserted
        );
        let (old, state) = (hash_of(&expected), expected.state());
        expected.is_verified = true;
        expected.name = DisplayName::from_store("New".to_owned());
        expected.preferences = match json!({"level": "C2"}) {
            serde_json::Value::Object(object) => Preferences::from_store(object),
            _ => Preferences::default(),
        };
        expected.last_login = Some(at(7));
        expected.password_hash = Some(PasswordHash::new("new"));
        // One verification, and the changes of the profile.
        let edits = (0..racers).filter(|racer| racer % 5 < 2).count();
        expected.version = 1 + u64::try_from(edits).unwrap_or(0);
        race(racers, |racer| {
            let (store, user) = (Arc::clone(&store), expected.clone());
            let (old, state) = (old.clone(), state.clone());
            async move {
                let mut change = ProfileChange::default();
                match racer % 5 {
                    0 => change.name = Some(user.name),
                    1 => change.preferences = Some(user.preferences),
                    2 => {
                        assert!(
                            done(store.record_login(user.id, 0, None, None, at(7)).await),
                            "a good login was not recorded"
                        );
                        return;
                    }
                    3 => {
                        done(store.verify_email(&state).await);
                        return;
                    }
                    _ => {
                        let new = &hash_of(&user);
                        done(
                            store
                                .replace_password(user.id, &old, new, EpochChange::Keep)
                                .await,
                        );
                        return;
                    }
                }
                let act = |version| store.update_profile(user.id, version, &change);
                until_done(&*store, user.id, act).await;
            }
        })
        .await;
        assert_stored(&*store, &expected, "parallel changes undid each other").await;
    }
}

/// Each of the devices that parallel logins bring is there in the end, up to
/// as many as are kept.
pub async fn no_device_of_a_parallel_login_is_lost(store: Arc<dyn Store>) {
    for (racers, round) in rounds() {
        let mut expected = user(round);
        insert_user(&*store, &expected).await;
        let recorded = race(racers, |racer| {
            let (store, id) = (Arc::clone(&store), expected.id);
            async move {
                done(
                    store
                        .record_login(id, 0, Some(device(racer)), None, at(7))
                        .await,
                )
            }
        })
        .await;
        assert!(
            recorded.into_iter().all(|recorded| recorded),
            "a good login was not recorded"
        );
        let devices = done(store.user(expected.id).await).map(|found| found.devices);
        let devices = devices.unwrap_or_default();
        let brought: BTreeSet<[u8; 16]> = (0..racers).map(|n| device(n).to_bytes()).collect();
        let kept: BTreeSet<[u8; 16]> = devices.iter().map(|device| device.to_bytes()).collect();
        assert!(kept.is_subset(&brought), "a device that nobody brought");
        assert_eq!(
            (kept.len(), devices.len()),
            (
                brought.len().min(MAX_DEVICES),
                brought.len().min(MAX_DEVICES)
            ),
            "how many of {racers} devices are kept"
        );
        expected.last_login = Some(at(7));
        expected.devices = devices;
        assert_stored(&*store, &expected, "parallel logins").await;
    }
}
