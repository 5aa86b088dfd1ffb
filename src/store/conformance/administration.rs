//! What holds for the acts of an operator: status, roles, and lists of users.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::fixture::*;
use crate::authz::Role;
use crate::id::UserId;
use crate::store::{Removal, RoleChange, Store};
use crate::user::{User, UserStatus};

fn change<const G: usize, const R: usize>(grant: [&str; G], revoke: [&str; R]) -> RoleChange {
    RoleChange {
        grant: roles(grant),
        revoke: roles(revoke),
    }
}

/// A user of whom no field is what it is at first.
fn verified_user(number: u32) -> User {
    User {
        is_verified: true,
        ..rich_user(number)
    }
}

/// Disabling an active user raises both epochs by one. No other change of status
/// does, each raises the version, none touches anything else, and each is
/// answered with the user as it is then.
pub async fn disabling_an_active_user_raises_both_epochs_and_nothing_else_does(
    store: Arc<dyn Store>,
) {
    let (mut subject, other) = (verified_user(1), verified_user(2));
    insert_user(&*store, &subject).await;
    insert_user(&*store, &other).await;
    for (status, raised) in [
        (UserStatus::Active, 0),
        (UserStatus::Disabled, 1),
        (UserStatus::Disabled, 1),
        (UserStatus::Active, 1),
        (UserStatus::Active, 1),
        (UserStatus::Disabled, 2),
    ] {
        let what = format!("{:?} becoming {status:?}", subject.status);
        subject.status = status;
        subject.auth_epoch = 7 + raised;
        subject.link_epoch = 4 + raised;
        let version = subject.version;
        subject.version += 1;
        let answer = done(store.set_status(subject.id, version, status).await);
        assert_user(answer.as_ref(), &subject, &format!("the answer to {what}"));
        assert_stored(&*store, &subject, &what).await;
        assert_stored(&*store, &other, "a change of status changed another user").await;
    }
}

/// One act adds roles and takes others away; what is granted and revoked at
/// once is revoked. Roles that are there already or are not there change
/// nothing. Each change raises the version, and nothing else changes.
pub async fn roles_are_granted_and_revoked_in_one_act(store: Arc<dyn Store>) {
    let (mut subject, other) = (verified_user(1), verified_user(2));
    insert_user(&*store, &subject).await;
    insert_user(&*store, &other).await;
    for (what, change, left) in [
        ("nothing", change([], []), vec!["examiner"]),
        (
            "a grant",
            change(["admin", "a.b_c-9"], []),
            vec!["a.b_c-9", "admin", "examiner"],
        ),
        (
            "a grant of what is there",
            change(["admin", "exam:examiner"], []),
            vec!["a.b_c-9", "admin", "exam:examiner", "examiner"],
        ),
        (
            "a grant and a revoke",
            change(["student"], ["admin", "examiner"]),
            vec!["a.b_c-9", "exam:examiner", "student"],
        ),
        (
            "a grant and a revoke of the same roles",
            change(["student", "teacher"], ["student", "teacher"]),
            vec!["a.b_c-9", "exam:examiner"],
        ),
        (
            "a revoke of what is not there",
            change([], ["exam", "student"]),
            vec!["a.b_c-9", "exam:examiner"],
        ),
        (
            "a revoke of all",
            change([], ["exam:examiner", "a.b_c-9"]),
            vec![],
        ),
        (
            "a revoke from a user without roles",
            change([], ["a"]),
            vec![],
        ),
        ("a first grant", change(["b"], ["a"]), vec!["b"]),
    ] {
        subject.roles = left.into_iter().map(role).collect();
        let version = subject.version;
        subject.version += 1;
        let answer = done(store.change_roles(subject.id, version, &change).await);
        assert_user(answer.as_ref(), &subject, &format!("the answer to {what}"));
        assert_stored(&*store, &subject, what).await;
        assert_stored(&*store, &other, "a change of roles changed another user").await;
    }
}

/// A change of status or roles of nobody says so, and makes no user.
pub async fn a_change_of_nobody_makes_no_user(store: Arc<dyn Store>) {
    let (present, absent) = (rich_user(1), user(2));
    insert_user(&*store, &present).await;
    for status in [UserStatus::Active, UserStatus::Disabled] {
        let answer = done(store.set_status(absent.id, 0, status).await);
        assert!(answer.is_none(), "the status of nobody was set");
    }
    for change in [change([], []), change(["admin"], ["examiner"])] {
        let answer = done(store.change_roles(absent.id, 0, &change).await);
        assert!(answer.is_none(), "the roles of nobody were changed");
    }
    assert_no_user(&*store, &absent, "a change of nobody").await;
    assert_page(&*store, None, 9, &[&present], "after changes of nobody").await;
    assert_stored(&*store, &present, "a change of nobody changed a user").await;
}

/// Fails with `what` unless the page after `after` is `expected`.
async fn assert_page(
    store: &dyn Store,
    after: Option<UserId>,
    limit: usize,
    expected: &[&User],
    what: &str,
) {
    let page = done(store.users(after, limit).await);
    let ids = |users: &mut dyn Iterator<Item = UserId>| users.collect::<Vec<_>>();
    assert_eq!(
        ids(&mut page.iter().map(|user| user.id)),
        ids(&mut expected.iter().map(|user| user.id)),
        "{what}: up to {limit} after {after:?}"
    );
    for (got, expected) in page.iter().zip(expected) {
        assert_user(Some(got), expected, what);
    }
}

/// A list of users is in the order of their ids, byte by byte, whatever the
/// order in which they came; it begins after the id that is asked for, whether
/// a user has it or not, and ends at the limit.
pub async fn users_are_listed_in_the_order_of_their_ids(store: Arc<dyn Store>) {
    assert_page(&*store, None, 5, &[], "an empty store").await;
    let of_id = |number, id| User {
        id: UserId::from_bytes(id),
        ..rich_user(number)
    };
    let disabled = User {
        status: UserStatus::Disabled,
        ..user(3)
    };
    // Between them lie 0x7f and 0x80, where a signed byte turns negative.
    let sorted = [
        of_id(1, [0; 12]),
        of_id(2, [0x7f; 12]),
        of_id(7, [0x80; 12]),
        disabled,
        user(4),
        user(5),
        of_id(6, [0xff; 12]),
    ];
    for number in [4, 0, 6, 2, 5, 1, 3] {
        insert_user(&*store, &sorted[number]).await;
    }
    let all: Vec<&User> = sorted.iter().collect();
    for limit in [0, 1, 3, 6, 7, 8, 1000, usize::MAX] {
        let expected = &all[..limit.min(all.len())];
        assert_page(&*store, None, limit, expected, "from the beginning").await;
    }
    for (index, user) in sorted.iter().enumerate() {
        for limit in [0, 1, 2, 100] {
            let rest = &all[index + 1..];
            let expected = &rest[..limit.min(rest.len())];
            assert_page(&*store, Some(user.id), limit, expected, "after a user").await;
        }
    }
    let nobody = UserId::from_bytes([0x7f, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_page(&*store, Some(nobody), 2, &all[2..4], "after an unused id").await;
}

/// Going from page to page, each user who is there all the time is seen once,
/// although others are inserted and removed before and behind the place
/// reached, and the last one that was seen is removed too.
pub async fn pages_reach_each_user_once_while_others_come_and_go(store: Arc<dyn Store>) {
    for number in (1..=10).rev() {
        insert_user(&*store, &user(number * 100)).await;
    }
    let remove = async |number| {
        let removed = store.remove_user(&user(number).state(), Removal::Any).await;
        assert!(done(removed), "a user was not removed");
    };
    let (mut after, mut seen) = (None, Vec::new());
    for round in 0.. {
        let page = done(store.users(after, 3).await);
        assert!(page.len() <= 3, "a page has more users than were asked for");
        let Some(last) = page.last() else { break };
        assert!(round < 20, "the pages do not come to an end");
        after = Some(last.id);
        seen.extend(page.iter().map(|user| user.id));
        match round {
            0 => {
                // The place reached is at 300.
                remove(100).await;
                remove(300).await;
                insert_user(&*store, &user(250)).await;
                insert_user(&*store, &user(350)).await;
                remove(500).await;
            }
            1 => {
                // It is at 600.
                for number in 1..8 {
                    insert_user(&*store, &user(number)).await;
                }
                remove(600).await;
            }
            2 => insert_user(&*store, &user(1100)).await,
            _ => {}
        }
    }
    let expected = [100, 200, 300, 350, 400, 600, 700, 800, 900, 1000, 1100];
    assert_eq!(
        seen,
        expected.map(user_id),
        "the users of all pages, in the order in which they came"
    );
}

/// Whether a role has another holder: of all users, those count who are active
/// and are not the exception, for the whole name of a role that they have now.
pub async fn a_role_has_another_holder_only_if_one_is_active(store: Arc<dyn Store>) {
    let admin = role("admin");
    let has_other = async |except: u32| done(store.has_other(&admin, user_id(except)).await);
    assert!(!has_other(9).await, "a role has a holder in an empty store");
    let with = |number, names: BTreeSet<Role>, status| User {
        roles: names,
        status,
        ..user(number)
    };
    let near = roles(["admin2", "adm", "exam:admin", "a", "administrator"]);
    for user in [
        with(1, roles(["admin", "examiner"]), UserStatus::Active),
        with(2, roles(["admin"]), UserStatus::Disabled),
        with(3, near, UserStatus::Active),
        with(4, roles([]), UserStatus::Active),
    ] {
        insert_user(&*store, &user).await;
    }
    assert!(
        !has_other(1).await,
        "somebody has a role who is disabled or has another"
    );
    for except in [2, 3, 4, 9] {
        assert!(has_other(except).await, "the one active holder is not seen");
    }

    set_status(&*store, user_id(2), UserStatus::Active).await;
    assert!(has_other(1).await, "a holder who was enabled is not seen");
    set_status(&*store, user_id(2), UserStatus::Disabled).await;
    assert!(!has_other(1).await, "a holder who was disabled is seen");

    change_roles(&*store, user_id(4), &change(["admin"], [])).await;
    assert!(has_other(1).await, "a new holder is not seen");
    change_roles(&*store, user_id(4), &change(["b"], ["admin"])).await;
    assert!(!has_other(1).await, "a former holder is seen");

    let late = with(5, roles(["admin"]), UserStatus::Active);
    insert_user(&*store, &late).await;
    assert!(has_other(1).await, "a holder who was inserted is not seen");
    let removed = store.remove_user(&late.state(), Removal::Any).await;
    assert!(done(removed), "a user was not removed");
    assert!(!has_other(1).await, "a holder who was removed is seen");
}
