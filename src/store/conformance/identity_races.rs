//! Many at once, on identities: each has one user, and no user loses the last way in.

use std::sync::Arc;

use super::fixture::*;
use super::racing::*;
use super::user_races::race_insertions;
use crate::identity::Identity;
use crate::store::{IdentityLink, InsertUser, Removal, Store};
use crate::user::{User, UserStatus};

/// The identity that the racers of a round want.
fn wanted(round: u32) -> Identity {
    identity(round)
}

/// Of the accounts that link one identity in parallel, one gets it; the others stay as they are.
pub async fn one_of_many_accounts_gets_an_identity(store: Arc<dyn Store>) {
    for (racers, round) in rounds() {
        let account = |racer| user(round * 1000 + racer);
        for racer in 0..racers {
            insert_user(&*store, &account(racer)).await;
        }
        let linked = race(racers, |racer| {
            let (store, id, identity) = (Arc::clone(&store), account(racer).id, wanted(round));
            async move {
                match done(store.link_identity(id, 0, &identity).await) {
                    IdentityLink::Linked => true,
                    IdentityLink::Taken => false,
                    IdentityLink::Refused => panic!("an account that nobody changed has changed"),
                }
            }
        })
        .await;
        let winner = only_winner(&linked, "parallel links of one identity");
        for racer in 0..racers {
            let mut expected = account(racer);
            if racer == winner {
                expected.identities = identities([round]);
                expected.version = 1;
            }
            assert_stored(&*store, &expected, "after parallel links of one identity").await;
        }
    }
}

/// Of parallel first sign-ins with one identity, one makes an account.
pub async fn one_of_many_first_sign_ins_with_an_identity_wins(store: Arc<dyn Store>) {
    for (racers, round) in rounds() {
        let contender = |racer: u32| User {
            // Some have roles, which stores insert in other ways.
            roles: match racer % 2 {
                0 => roles([]),
                _ => roles(["student"]),
            },
            identities: identities([round]),
            ..user(round * 1000 + racer)
        };
        race_insertions(&store, racers, contender, InsertUser::IdentityTaken).await;
    }
}

/// When an identity is linked while accounts are made with it, one user has it.
pub async fn an_identity_is_linked_or_registered_never_both(store: Arc<dyn Store>) {
    for (racers, round) in rounds() {
        let account = user(round * 1000 + 999);
        let links = move |racer| (racer + round) % 2 == 0;
        insert_user(&*store, &account).await;
        let newcomer = |racer| User {
            identities: identities([round]),
            ..user(round * 1000 + racer)
        };
        let got = race(racers, |racer| {
            let (store, id) = (Arc::clone(&store), account.id);
            let newcomer = newcomer(racer);
            async move {
                if links(racer) {
                    let linked = store.link_identity(id, 0, &wanted(round)).await;
                    return done(linked) == IdentityLink::Linked;
                }
                done(store.insert_user(&newcomer).await) == InsertUser::Inserted
            }
        })
        .await;
        let winner = only_winner(&got, "links of an identity and accounts made with it");
        let linked = User {
            identities: identities([round]),
            version: 1,
            ..account.clone()
        };
        if links(winner) {
            assert_stored(&*store, &linked, "the account that got the identity").await;
        } else {
            assert_stored(&*store, &account, "the account that did not get it").await;
            assert_stored(&*store, &newcomer(winner), "who was made with it").await;
        }
        for lost in (0..racers).filter(|racer| !links(*racer) && *racer != winner) {
            let found = done(store.user(newcomer(lost).id).await);
            assert!(found.is_none(), "a user who was refused is there");
        }
    }
}

/// When an account is removed while an identity of it is unlinked, one of the two happened.
/// Either way the identity is free.
pub async fn an_account_is_removed_or_unlinked_never_both(store: Arc<dyn Store>) {
    for (racers, round) in rounds() {
        let user = User {
            identities: identities([round]),
            ..user(round)
        };
        let unlinks = move |racer| (racer + round) % 2 == 0;
        insert_user(&*store, &user).await;
        let happened = race(racers, |racer| {
            let (store, state) = (Arc::clone(&store), user.exact_state());
            async move {
                if unlinks(racer) {
                    let unlinked = store.unlink_identity(state.id, 0, wanted(round).id).await;
                    return done(unlinked).is_some();
                }
                done(store.remove_user(&state, Removal::Any).await)
            }
        })
        .await;
        let winner = only_winner(&happened, "unlinkings and removals of one account");
        if unlinks(winner) {
            let expected = User {
                identities: identities([]),
                version: 1,
                ..user
            };
            assert_stored(&*store, &expected, "an account without its identity").await;
        } else {
            assert_no_user(&*store, &user, "a removed account").await;
        }
        assert_free(&*store, &wanted(round), "an identity that was given up").await;
    }
}

/// Of the last two ways in, which are unlinked in parallel, one stays.
pub async fn one_of_the_last_two_ways_in_stays(store: Arc<dyn Store>) {
    for (racers, round) in rounds() {
        let numbers = [round * 2, round * 2 + 1];
        let user = User {
            password_hash: None,
            identities: identities(numbers),
            ..user(round)
        };
        insert_user(&*store, &user).await;
        let number_of = |racer: u32| match racer % 2 {
            0 => numbers[0],
            _ => numbers[1],
        };
        let unlinked = race(racers, |racer| {
            let (store, id) = (Arc::clone(&store), user.id);
            let identity = identity(number_of(racer)).id;
            async move {
                // In the version that there is, as long as it is not the last one.
                loop {
                    let user = stored(&*store, id).await;
                    let unlinked = store.unlink_identity(id, user.version, identity).await;
                    if done(unlinked).is_some() {
                        return true;
                    }
                    if !user.may_unlink(identity) {
                        return false;
                    }
                }
            }
        })
        .await;
        let winner = only_winner(&unlinked, "unlinkings of the last two ways in");
        let left = number_of(winner + 1);
        let expected = User {
            identities: identities([left]),
            version: 1,
            ..user
        };
        assert_stored(&*store, &expected, "the last way in").await;
        let gone = identity(number_of(winner));
        assert_free(&*store, &gone, "an identity that was unlinked").await;
    }
}

/// An identity that is linked while the user is disabled is there before that or not at all:
/// once the disabling is acknowledged the user stays as it was answered.
pub async fn no_identity_is_linked_once_a_user_is_disabled(store: Arc<dyn Store>) {
    for (racers, round) in rounds() {
        let user = user(round);
        let disabler = racers / 2;
        insert_user(&*store, &user).await;
        let outcomes = race(racers, |racer| {
            let (store, id) = (Arc::clone(&store), user.id);
            async move {
                if racer != disabler {
                    let linked = store.link_identity(id, 0, &wanted(round)).await;
                    return (done(linked) == IdentityLink::Linked, None);
                }
                let act = |version| store.set_status(id, version, UserStatus::Disabled);
                let disabled = until_done(&*store, id, act).await;
                let late = done(store.link_identity(id, 0, &wanted(round)).await);
                assert_eq!(
                    late,
                    IdentityLink::Refused,
                    "an identity was linked to a disabled user"
                );
                (false, Some(disabled))
            }
        })
        .await;
        let is_linked = outcomes.iter().any(|(linked, _)| *linked);
        let mut expected = User {
            status: UserStatus::Disabled,
            auth_epoch: 1,
            link_epoch: 1,
            version: 1,
            ..user
        };
        if is_linked {
            expected.version = 2;
            expected.identities = identities([round]);
        }
        for (_, answer) in &outcomes {
            if let Some(answer) = answer {
                assert_user(Some(answer), &expected, "the answer to a disabling");
            }
        }
        assert_stored(&*store, &expected, "a link undid a disabling").await;
    }
}

/// Logins by an identity that race with its unlinking neither undo it nor are recorded after it.
pub async fn no_login_is_recorded_by_an_identity_that_was_unlinked(store: Arc<dyn Store>) {
    for (racers, round) in rounds() {
        let user = User {
            identities: identities([round]),
            ..user(round)
        };
        insert_user(&*store, &user).await;
        let unlinker = racers / 2;
        let login = move |racer: u32| at(10_000_000 + i64::from(racer));
        let outcomes = race(racers, |racer| {
            let (store, id, by) = (Arc::clone(&store), user.id, Some(used(round)));
            async move {
                if racer != unlinker {
                    let recorded = store.record_login(id, 0, None, by, login(racer)).await;
                    return done(recorded);
                }
                let unlinked = store.unlink_identity(id, 0, wanted(round).id).await;
                assert!(done(unlinked).is_some(), "logins kept an identity linked");
                let late = store.record_login(id, 0, None, by, login(racers)).await;
                assert!(!done(late), "a login by an unlinked identity was recorded");
                false
            }
        })
        .await;
        let recorded = (0..).zip(outcomes).filter(|(_, recorded)| *recorded);
        let recorded: Vec<_> = recorded.map(|(racer, _)| login(racer)).collect();
        let found = stored(&*store, user.id).await;
        let last = found.last_login;
        assert_eq!(
            last,
            recorded.iter().copied().max(),
            "the last of the acknowledged logins"
        );
        let expected = User {
            identities: identities([]),
            last_login: last,
            version: 1,
            ..user
        };
        assert_stored(&*store, &expected, "a login undid an unlinking").await;
        assert_free(&*store, &wanted(round), "an identity that was unlinked").await;
    }
}

/// Parallel links of several identities and logins by one that the user has all hold in the end.
pub async fn links_and_logins_do_not_undo_each_other(store: Arc<dyn Store>) {
    for (racers, round) in few_rounds() {
        let first = round * 1000;
        let user = User {
            identities: identities([first]),
            ..user(round)
        };
        insert_user(&*store, &user).await;
        let links = |racer: u32| racer.is_multiple_of(2);
        race(racers, |racer| {
            let (store, id) = (Arc::clone(&store), user.id);
            async move {
                if !links(racer) {
                    let by = Some(used(first));
                    let recorded = store.record_login(id, 0, None, by, at(10_000_000)).await;
                    assert!(done(recorded), "a good login was not recorded");
                    return;
                }
                let new = identity(first + 1 + racer);
                let link = |version| {
                    let linked = store.link_identity(id, version, &new);
                    async { Ok((linked.await? == IdentityLink::Linked).then_some(())) }
                };
                until_done(&*store, id, link).await;
            }
        })
        .await;
        let linked = (0..racers).filter(|racer| links(*racer));
        let linked: Vec<u32> = linked.map(|racer| first + 1 + racer).collect();
        let mut used = identity(first);
        used.last_used_at = at(10_000_000);
        let expected = User {
            version: linked.len() as u64,
            identities: [used]
                .into_iter()
                .chain(linked.into_iter().map(identity))
                .collect(),
            last_login: Some(at(10_000_000)),
            ..user
        };
        assert_stored(&*store, &expected, "links and logins undid each other").await;
    }
}
