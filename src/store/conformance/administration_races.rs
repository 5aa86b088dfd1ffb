//! Many at once, on what an operator changes: nothing is undone, and what was
//! disabled stays so.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::fixture::*;
use super::racing::*;
use crate::store::{ProfileChange, RoleChange, Store};
use crate::user::{DeviceDigest, MAX_DEVICES, PasswordHash, User, UserStatus};

/// Parallel grants and revokes of different roles all hold in the end, and
/// each is answered with its own done.
pub async fn parallel_grants_and_revokes_do_not_undo_each_other(store: Arc<dyn Store>) {
    for (racers, round) in few_rounds() {
        let own = |racer: u32| role(&format!("role{racer}"));
        let grants = move |racer: u32| (racer + round).is_multiple_of(2);
        let mut expected = rich_user(round);
        let kept = expected.roles.clone();
        expected
            .roles
            .extend((0..racers).filter(|n| !grants(*n)).map(own));
        insert_user(&*store, &expected).await;
        let answers = race(racers, |racer| {
            let (store, id, role) = (Arc::clone(&store), expected.id, own(racer));
            let mut change = RoleChange::default();
            match grants(racer) {
                true => change.grant.insert(role),
                false => change.revoke.insert(role),
            };
            async move {
                let act = |version| store.change_roles(id, version, &change);
                until_done(&*store, id, act).await
            }
        })
        .await;
        for (racer, answer) in (0..).zip(answers) {
            let has = answer.roles.contains(&own(racer));
            assert_eq!(has, grants(racer), "the answer to a change of roles");
        }
        expected.roles = kept;
        expected.version += u64::from(racers);
        expected
            .roles
            .extend((0..racers).filter(|n| grants(*n)).map(own));
        assert_stored(&*store, &expected, "parallel changes of roles").await;
    }
}

/// Of parallel disablings of one user, one raises the epoch.
pub async fn one_of_many_disablings_raises_the_epoch(store: Arc<dyn Store>) {
    for (racers, round) in few_rounds() {
        let user = user(round);
        insert_user(&*store, &user).await;
        let answers = race(racers, |_| {
            let (store, id) = (Arc::clone(&store), user.id);
            async move {
                let act = |version| store.set_status(id, version, UserStatus::Disabled);
                until_done(&*store, id, act).await
            }
        })
        .await;
        let mut versions: Vec<u64> = answers.iter().map(|answer| answer.version).collect();
        versions.sort_unstable();
        let all: Vec<u64> = (1..=u64::from(racers)).collect();
        assert_eq!(versions, all, "two disablings were done in one version");
        let expected = |version| User {
            status: UserStatus::Disabled,
            auth_epoch: 1,
            link_epoch: 1,
            version,
            ..user.clone()
        };
        for answer in answers {
            let expected = expected(answer.version);
            assert_user(Some(&answer), &expected, "the answer to a disabling");
        }
        let expected = expected(u64::from(racers));
        assert_stored(&*store, &expected, "after parallel disablings").await;
    }
}

/// Once a disabling is acknowledged, no login is recorded any more; none that
/// races with it makes the user active again, and no earlier one is lost
/// (ASVS 7.4.2).
pub async fn no_login_is_recorded_once_a_user_is_disabled(store: Arc<dyn Store>) {
    for (racers, round) in rounds() {
        let user = user(round);
        insert_user(&*store, &user).await;
        let seen = |racer: u32| at(1000 + i64::from(racer));
        let disabler = racers / 2;
        let recorded = race(racers, |racer| {
            let (store, id) = (Arc::clone(&store), user.id);
            let login = (Some(device(racer)), seen(racer));
            async move {
                if racer != disabler {
                    let recorded = store.record_login(id, 0, login.0, None, login.1).await;
                    return done(recorded).then_some(login);
                }
                let answer = done(store.set_status(id, 0, UserStatus::Disabled).await);
                assert!(answer.is_some(), "a user was not there to be disabled");
                for epoch in [0, 1] {
                    let late = store.record_login(id, epoch, login.0, None, login.1).await;
                    assert!(!done(late), "a login of a disabled user was recorded");
                }
                None
            }
        })
        .await;
        let (devices, times): (BTreeSet<_>, Vec<_>) = recorded
            .into_iter()
            .flatten()
            .map(|(device, at)| (device.map(DeviceDigest::to_bytes), at))
            .unzip();
        let Some(found) = done(store.user(user.id).await) else {
            panic!("a disabled user is not there")
        };
        assert!(
            found
                .last_login
                .map_or(times.is_empty(), |last| times.contains(&last)),
            "the last login is {:?}, but acknowledged were {times:?}",
            found.last_login
        );
        let kept: BTreeSet<_> = found
            .devices
            .iter()
            .map(|one| Some(one.to_bytes()))
            .collect();
        assert!(
            kept.is_subset(&devices) && kept.len() == devices.len().min(MAX_DEVICES),
            "of the devices of {} logins, {} are kept",
            devices.len(),
            kept.len()
        );
        let expected = User {
            status: UserStatus::Disabled,
            auth_epoch: 1,
            link_epoch: 1,
            version: 1,
            last_login: found.last_login,
            devices: found.devices,
            ..user
        };
        assert_stored(&*store, &expected, "a login undid a disabling").await;
    }
}

/// A reset that races with a disabling is there before it or not at all: once
/// the disabling is acknowledged the user stays as it was answered
/// (ASVS 7.4.2).
pub async fn no_password_is_reset_once_a_user_is_disabled(store: Arc<dyn Store>) {
    for (racers, round) in rounds() {
        let user = user(round);
        let disables = move |racer: u32| (racer + round).is_multiple_of(2);
        insert_user(&*store, &user).await;
        let hash = |racer: u32| PasswordHash::new(format!("reset {racer}"));
        let outcomes = race(racers, |racer| {
            let (store, state, new) = (Arc::clone(&store), user.state(), hash(racer));
            async move {
                if !disables(racer) {
                    return (
                        done(
                            store
                                .reset_password(&state, &new, device(9), &ProfileChange::default())
                                .await,
                        ),
                        None,
                    );
                }
                let act = |version| store.set_status(state.id, version, UserStatus::Disabled);
                (false, Some(until_done(&*store, state.id, act).await))
            }
        })
        .await;
        let disablings = (0..racers).filter(|racer| disables(*racer)).count();
        let disablings = u64::try_from(disablings).unwrap_or(0);
        let mut expected = User {
            status: UserStatus::Disabled,
            auth_epoch: 1,
            link_epoch: 1,
            version: disablings,
            ..user.clone()
        };
        let reset: Vec<bool> = outcomes.iter().map(|(reset, _)| *reset).collect();
        if reset.contains(&true) {
            let winner = only_winner(&reset, "parallel resets of one password");
            expected.password_hash = Some(hash(winner));
            expected.is_verified = true;
            expected.devices = vec![device(9)];
            expected.auth_epoch = 2;
            expected.link_epoch = 2;
            expected.version += 1;
        }
        for (racer, (_, answer)) in (0..).zip(&outcomes) {
            if let (true, Some(answer)) = (disables(racer), answer) {
                let expected = User {
                    version: answer.version,
                    ..expected.clone()
                };
                assert_user(Some(answer), &expected, "the answer to a disabling");
            }
        }
        assert_stored(&*store, &expected, "after a disabling").await;
    }
}
