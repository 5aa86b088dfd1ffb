//! Administrators who act at the same time, on others and on each other.

use std::collections::BTreeSet;
use std::sync::Arc;

use admittance::authz::{Role, RolePolicy};
use admittance::config::LimitPolicy;
use admittance::error::AuthError;
use admittance::id::UserId;
use admittance::mail::MailKind;
use admittance::service::{Authenticated, ChangeRoles, ListSessions, SetStatus, UserView};
use admittance::store::{RoleChange, UserStore};
use admittance::user::UserStatus;

use crate::races::{FIELDS, Racing, assert_dead, built, race, tell};
use crate::scene::administrator;
use support::asks::{forgot, is_dead, reset};
use support::bed::{OTHER_PASSWORD, PASSWORD, config, mail_config};
use support::lanes::Lane;

/// A service that knows administrators, and `others` that may do nothing.
fn bed(others: &[Role]) -> Racing {
    let mut config = config();
    config.limits = LimitPolicy::off();
    config.roles = RolePolicy::new().administrator(administrator());
    for role in others {
        config.roles = config.roles.grant(role.clone(), []);
    }
    built(config, |builder, mailbox| {
        builder.mail(mailbox, mail_config())
    })
}

fn role(name: String) -> Role {
    Role::new(&name).unwrap()
}

async fn give(bed: &Racing, user: UserId, roles: BTreeSet<Role>) {
    let change = RoleChange {
        grant: roles,
        ..RoleChange::default()
    };
    let store = bed.store.inner();
    let version = store.user(user).await.unwrap().unwrap().version;
    let given = store.change_roles(user, version, &change).await.unwrap();
    assert!(given.is_some());
}

/// Administrators with a live session each.
async fn administrators(bed: &Racing, count: usize) -> Vec<Authenticated> {
    let mut all = Vec::new();
    for number in 0..count {
        let opened = bed.register(&format!("admin{number}@example.org")).await;
        give(bed, opened.user_id, [administrator()].into()).await;
        all.push(bed.validate(&opened.tokens).await.unwrap());
    }
    all
}

/// All of them are active administrators again, with a live session.
async fn reinstate(bed: &Racing, administrators: &mut [Authenticated]) {
    for who in administrators {
        let (id, status) = (who.user().id, UserStatus::Active);
        give(bed, id, [administrator()].into()).await;
        let store = bed.store.inner();
        let version = store.user(id).await.unwrap().unwrap().version;
        let enabled = store.set_status(id, version, status).await.unwrap();
        assert!(enabled.is_some());
        if bed.auth.recheck(who).await.is_err() {
            let email = who.user().email.as_str().to_owned();
            let opened = bed.login(&email, PASSWORD).await.unwrap();
            *who = bed.validate(&opened.tokens).await.unwrap();
        }
    }
}

async fn is_administrator(bed: &Racing, id: UserId) -> bool {
    let user = bed.store.inner().user(id).await.unwrap().unwrap();
    user.status == UserStatus::Active && user.roles.contains(&administrator())
}

/// How an administrator is taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Revokes,
    Disables,
}

/// `who` takes `whom` away.
async fn take_away(
    bed: Racing,
    act: Act,
    who: Authenticated,
    whom: UserId,
) -> Result<UserView, AuthError> {
    match act {
        Act::Revokes => {
            let request = ChangeRoles {
                grant: Vec::new(),
                revoke: vec![administrator().to_string()],
            };
            bed.auth
                .change_user_roles(&who, whom, request, &bed.here)
                .await
        }
        Act::Disables => set_status(&bed, &who, whom, UserStatus::Disabled).await,
    }
}

async fn set_status(
    bed: &Racing,
    who: &Authenticated,
    whom: UserId,
    status: UserStatus,
) -> Result<UserView, AuthError> {
    let request = SetStatus { status };
    bed.auth
        .set_user_status(who, whom, request, &bed.here)
        .await
}

/// What an administrator was told of another one holds: a removed one is gone, and
/// the last one remains. Returns whether the administrator who asked had been
/// removed before, and was refused for that.
async fn assert_told(bed: &Racing, whom: UserId, told: &Result<UserView, AuthError>) -> bool {
    let is_left = is_administrator(bed, whom).await;
    match told {
        Ok(_) => assert!(!is_left, "I1"),
        Err(AuthError::LastAdministrator) => assert!(is_left),
        Err(AuthError::InvalidToken | AuthError::Forbidden) => return true,
        Err(error) => panic!("{error:?}"),
    }
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn asvs_15_4_2_of_administrators_who_take_each_other_away_one_is_left() {
    for (racers, rounds) in FIELDS {
        let bed = bed(&[]);
        let mut all = administrators(&bed, racers).await;
        for round in 0..rounds {
            reinstate(&bed, &mut all).await;
            // Between two acts of the store there is more or less time.
            bed.store.watch(1 + round % 4);
            // Two who mean each other, then more of them around a table.
            let around = match round % 3 {
                0 => 2,
                1 => 3,
                _ => racers,
            };
            for spare in &all[around..] {
                let revoked = RoleChange {
                    revoke: [administrator()].into(),
                    ..RoleChange::default()
                };
                let (store, id) = (bed.store.inner(), spare.user().id);
                let version = store.user(id).await.unwrap().unwrap().version;
                let revoked = store.change_roles(id, version, &revoked).await;
                assert!(revoked.unwrap().is_some());
            }
            let answers = race(racers, |racer| {
                let (who, whom) = (racer % around, (racer + 1) % around);
                let (who, whom) = (all[who].clone(), all[whom].user().id);
                let act = match (round + racer) % 2 {
                    0 => Act::Revokes,
                    _ => Act::Disables,
                };
                let bed = Arc::clone(&bed);
                async move { (whom, take_away(bed, act, who, whom).await) }
            })
            .await;
            let mut left = 0;
            for who in &all {
                left += usize::from(is_administrator(&bed, who.user().id).await);
            }
            assert!(left > 0, "nobody is left");
            for (whom, told) in &answers {
                // Of several who mean the same one, one may undo what the
                // others were told.
                if around == racers {
                    assert_told(&bed, *whom, told).await;
                }
            }
        }
    }
    tell("administrators who take each other away");
}

#[tokio::test]
async fn asvs_15_4_2_of_two_administrators_one_is_left_however_their_acts_interleave() {
    // The caller's account and session, the user, whether there is another
    // administrator, the act, whether there still is, and the undo; or the removal of
    // what a disabled account leaves.
    const ACTS: usize = 8;
    let bed = bed(&[]);
    let mut all = administrators(&bed, 2).await;
    let [ann, bob] = [0, 1].map(|number: usize| all[number].user().id);
    let (mut runs, mut refusals) = (0, [0; 3]);
    for (first, second) in [
        (Act::Revokes, Act::Revokes),
        (Act::Revokes, Act::Disables),
        (Act::Disables, Act::Disables),
    ] {
        for turns in 0..ACTS.pow(4) {
            let turn = |number| turns / ACTS.pow(number) % ACTS;
            reinstate(&bed, &mut all).await;
            let start = |act, who: &Authenticated, whom| {
                Lane::start(
                    &bed.store,
                    take_away(Arc::clone(&bed), act, who.clone(), whom),
                )
            };
            let one = start(first, &all[0], bob).await;
            let two = start(second, &all[1], ann).await;
            one.go(turn(0)).await;
            two.go(turn(1)).await;
            one.go(turn(2)).await;
            two.go(turn(3)).await;
            let told = [(bob, one.finish().await), (ann, two.finish().await)];
            for ((whom, told), by) in told.iter().zip([ann, bob]) {
                if assert_told(&bed, *whom, told).await {
                    assert!(!is_administrator(&bed, by).await);
                }
            }
            let refused = told.iter().filter(|(_, told)| told.is_err()).count();
            assert!(refused > 0, "nobody is left");
            refusals[refused] += 1;
            runs += 1;
        }
    }
    // Some of them saw that nobody was left only when they had acted.
    assert!(refusals[1] > 0 && refusals[2] > 0, "{refusals:?}");
    println!("{runs} interleavings of two administrators, one is left in each");
}

/// Numbers below `below`, the same ones each time (xorshift).
fn dice(below: u64) -> impl FnMut() -> u64 {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    }
}

/// An administrator who is put back because no other is left must not be removed by a
/// request that arrived in between.
#[tokio::test]
async fn asvs_15_4_2_one_is_left_although_an_administrator_asks_twice() {
    const RUNS: usize = 2000;
    const ACTS: [Act; 2] = [Act::Revokes, Act::Disables];
    let bed = bed(&[]);
    let mut all = administrators(&bed, 2).await;
    let [ann, bob] = [0, 1].map(|number: usize| all[number].user().id);
    let mut next = dice(3);
    for kind in 0..8 {
        let [first, second, third] = [0, 1, 2].map(|place: usize| ACTS[kind >> place & 1]);
        for _ in 0..RUNS {
            reinstate(&bed, &mut all).await;
            let start = |act, who: &Authenticated, whom| {
                Lane::start(
                    &bed.store,
                    take_away(Arc::clone(&bed), act, who.clone(), whom),
                )
            };
            let one = start(first, &all[0], bob).await;
            let two = start(second, &all[0], bob).await;
            let three = start(third, &all[1], ann).await;
            while !(one.is_done() && two.is_done() && three.is_done()) {
                match next() {
                    0 => one.go(1).await,
                    1 => two.go(1).await,
                    _ => three.go(1).await,
                }
            }
            let told = (one.finish().await, two.finish().await, three.finish().await);
            let is_left = is_administrator(&bed, ann).await || is_administrator(&bed, bob).await;
            assert!(is_left, "nobody is left: {told:?}");
        }
    }
    println!(
        "{} interleavings of three requests, one is left in each",
        8 * RUNS
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn asvs_7_4_2_nothing_of_an_account_outlives_its_disabling_by_an_administrator() {
    for (racers, rounds) in FIELDS {
        let bed = bed(&[]);
        let admin = administrators(&bed, 1).await.remove(0);
        for round in 0..rounds {
            bed.store.watch(1 + round % 4);
            let email = format!("user{round}@example.org");
            let user = bed.register(&email).await;
            forgot(&bed, &email).await.unwrap();
            let link = bed.mailed(MailKind::ResetPassword).await;
            let answers = race(racers, |racer| {
                let (bed, email, admin) = (Arc::clone(&bed), email.clone(), admin.clone());
                let (id, tokens, link) = (user.user_id, user.tokens.clone(), link.clone());
                async move {
                    if racer == round % racers {
                        let status = UserStatus::Disabled;
                        set_status(&bed, &admin, id, status).await.unwrap();
                        // From here on nothing of the account is good.
                        assert_dead(&bed, &tokens).await;
                        for password in [PASSWORD, OTHER_PASSWORD] {
                            assert!(bed.login(&email, password).await.is_err());
                        }
                        assert!(is_dead(&reset(&bed, &link, OTHER_PASSWORD).await));
                        assert_no_sessions(&bed, &admin, id).await;
                        return None;
                    }
                    match racer % 4 {
                        0 => bed.refresh(&tokens).await.ok(),
                        1 => reset(&bed, &link, OTHER_PASSWORD).await.ok().flatten(),
                        2 => Some(bed.login(&email, OTHER_PASSWORD).await.ok()?.tokens),
                        _ => Some(bed.login(&email, PASSWORD).await.ok()?.tokens),
                    }
                }
            })
            .await;
            // Nor does it come back with the account.
            for status in [UserStatus::Disabled, UserStatus::Active] {
                let set = set_status(&bed, &admin, user.user_id, status).await;
                assert_eq!(set.unwrap().status, status);
                for gained in answers.iter().flatten().chain([&user.tokens]) {
                    assert_dead(&bed, gained).await;
                }
                assert!(is_dead(&reset(&bed, &link, OTHER_PASSWORD).await));
                assert_no_sessions(&bed, &admin, user.user_id).await;
            }
            let mut opened = 0;
            for password in [PASSWORD, OTHER_PASSWORD] {
                opened += usize::from(bed.login(&email, password).await.is_ok());
            }
            assert_eq!(opened, 1, "one of the two is the password");
        }
    }
    tell("disabling by an administrator against login, refresh and reset");
}

async fn assert_no_sessions(bed: &Racing, admin: &Authenticated, id: UserId) {
    let list = bed
        .auth
        .list_user_sessions(admin, id, ListSessions::default(), &bed.here)
        .await;
    assert!(list.unwrap().sessions.is_empty());
}

/// An administrator takes the role from another one, and loses it at that moment. The
/// change is undone since nobody is left, and what a third party granted stays.
#[tokio::test]
async fn asvs_15_4_2_the_undo_of_a_change_keeps_what_another_administrator_granted() {
    let examiner = role("examiner".to_owned());
    let revoke = async |bed: &Racing, actor: &Authenticated, id: UserId| {
        let request = ChangeRoles {
            grant: Vec::new(),
            revoke: vec![administrator().to_string()],
        };
        let (auth, here) = (&bed.auth, &bed.here);
        auth.change_user_roles(actor, id, request, here).await
    };
    let two = async || {
        let bed = bed(std::slice::from_ref(&examiner));
        let mut admins = administrators(&bed, 2).await;
        let target = admins.remove(1).user().id;
        (bed, admins.remove(0), target)
    };
    let (bed, actor, target) = two().await;
    bed.store.watch(0);
    assert!(revoke(&bed, &actor, target).await.is_ok());
    let calls = bed.store.calm();
    let changed = calls.iter().position(|call| *call == "change_roles");

    let (bed, actor, target) = two().await;
    let (store, actors_id, granted) =
        (bed.store.inner().clone(), actor.user().id, examiner.clone());
    // Before the call that follows the change.
    bed.store.hook(changed.unwrap() + 2, move || {
        let (store, granted) = (store.clone(), granted.clone());
        async move {
            let take = RoleChange {
                revoke: [administrator()].into(),
                ..RoleChange::default()
            };
            let give = RoleChange {
                grant: [granted].into(),
                ..RoleChange::default()
            };
            for (id, change) in [(actors_id, take), (target, give)] {
                let version = store.user(id).await.unwrap().unwrap().version;
                let made = store.change_roles(id, version, &change).await.unwrap();
                assert!(made.is_some());
            }
        }
    });
    let refused = revoke(&bed, &actor, target).await;
    assert!(
        matches!(refused, Err(AuthError::LastAdministrator)),
        "{refused:?}"
    );
    bed.store.calm();
    let target = bed.store.inner().user(target).await.unwrap().unwrap();
    assert_eq!(target.roles, [administrator(), examiner].into());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn asvs_15_4_2_no_change_of_roles_is_lost_among_others() {
    for (racers, rounds) in FIELDS {
        let new: Vec<Role> = (0..racers)
            .map(|racer| role(format!("new{racer}")))
            .collect();
        let old: Vec<Role> = (0..racers)
            .map(|racer| role(format!("old{racer}")))
            .collect();
        let (disputed, kept) = (role("disputed".to_owned()), role("kept".to_owned()));
        let named = [&new[..], &old, &[disputed.clone(), kept.clone()]].concat();
        let bed = bed(&named);
        let admin = administrators(&bed, 1).await.remove(0);
        for round in 0..rounds {
            bed.store.watch(1 + round % 4);
            let email = format!("user{round}@example.org");
            let id = bed.register(&email).await.user_id;
            confirm(&bed, id).await;
            give(
                &bed,
                id,
                old.iter().cloned().chain([kept.clone()]).collect(),
            )
            .await;
            let answers = race(racers, |racer| {
                let (is_grant, role) = match racer % 4 {
                    0 => (true, disputed.clone()),
                    1 => (false, disputed.clone()),
                    2 => (true, new[racer].clone()),
                    _ => (false, old[racer].clone()),
                };
                let (bed, admin) = (Arc::clone(&bed), admin.clone());
                async move {
                    let one = || vec![role.to_string()];
                    let request = match is_grant {
                        true => ChangeRoles {
                            grant: one(),
                            revoke: Vec::new(),
                        },
                        false => ChangeRoles {
                            grant: Vec::new(),
                            revoke: one(),
                        },
                    };
                    let (auth, here) = (&bed.auth, &bed.here);
                    let told = auth.change_user_roles(&admin, id, request, here).await;
                    (told.unwrap().roles.contains(&role), is_grant)
                }
            })
            .await;
            // Each is told what it asked for.
            assert!(answers.iter().all(|(has, is_grant)| has == is_grant));
            let mut roles = bed.store.inner().user(id).await.unwrap().unwrap().roles;
            // Of those who disagree, some have won, and none by half.
            roles.remove(&disputed);
            let granted = new.iter().skip(2).step_by(4);
            let left = (0..racers).filter(|racer| racer % 4 != 3);
            let left = left.map(|racer| &old[racer]);
            let expected = granted.chain(left).chain([&kept]).cloned();
            assert_eq!(roles, expected.collect());
        }
    }
    tell("grants and revocations");
}

/// Somebody whose address is confirmed may have roles.
async fn confirm(bed: &Racing, id: UserId) {
    let store = bed.store.inner();
    let user = store.user(id).await.unwrap().unwrap();
    assert!(store.verify_email(&user.mailbox_state()).await.unwrap());
}
