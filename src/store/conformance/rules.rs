//! What each act does to a user, held against the functions of [`User`].

use std::sync::Arc;

use super::fixture::*;
use crate::preferences::{Metadata, Preferences};
use crate::store::{EpochChange, HookChange, ProfileChange, Removal, RoleChange, Store};
use crate::user::{CounterExhausted, DisplayName, PasswordHash, User, UserStatus};

fn by_rule(changed: Result<bool, CounterExhausted>) -> bool {
    changed.unwrap_or_default()
}

/// The user as it is now is the answer of an act that changed something.
fn assert_answer(answer: Option<User>, is_changed: bool, user: &User, what: &str) {
    match is_changed {
        true => assert_user(answer.as_ref(), user, what),
        false => assert!(answer.is_none(), "{what} that changed nothing"),
    }
}

/// A store makes of a user what the functions of [`User`] make of it, and returns
/// what they return, act by act.
pub async fn each_act_applies_the_rules_of_users(store: Arc<dyn Store>) {
    let store = &*store;
    let mut user = User {
        is_verified: false,
        ..rich_user(1)
    };
    insert_user(store, &user).await;
    let id = user.id;

    for (epoch, new_device) in [(0, 7), (1, 8), (0, 9)] {
        let epoch = user.auth_epoch + epoch;
        let (new_device, now) = (Some(device(new_device)), at(90_000));
        let recorded = store.record_login(id, epoch, new_device, None, now).await;
        let expected = user.record_login(epoch, new_device, None, now);
        assert_eq!(done(recorded), expected, "a login");
        assert_stored(store, &user, "a login").await;
    }

    for (version, epoch, number) in [(1, 0, 4), (0, 0, 4), (0, 1, 4), (0, 0, 1), (0, 0, 9)] {
        let (version, new) = (user.version - version, identity(number + 4));
        let linked = done(store.link_identity(id, version, &new).await);
        let expected = user.link_identity(version, &new, None);
        assert_eq!(Ok(linked), expected, "a link");
        assert_stored(store, &user, "a link").await;

        let (epoch, by, now) = (user.auth_epoch + epoch, used(number * 2), at(95_000));
        let recorded = store
            .record_login(id, epoch, None, Some(by.clone()), now)
            .await;
        let expected = user.record_login(epoch, None, Some(&by), now);
        assert_eq!(done(recorded), expected, "a login by an identity");
        assert_stored(store, &user, "a login by an identity").await;

        let (version, it) = (user.version, identity(number).id);
        let unlinked = done(store.unlink_identity(id, version, it).await);
        let expected = by_rule(user.unlink_identity(version, it));
        assert_answer(unlinked, expected, &user, "an unlinking");
        assert_stored(store, &user, "an unlinking").await;
    }

    let new = PasswordHash::new("new");
    let old = hash_of(&user);
    for (old, epoch) in [
        (old.clone(), EpochChange::Keep),
        (old, EpochChange::Raise),
        (new.clone(), EpochChange::Raise),
    ] {
        let replaced = store.replace_password(id, &old, &new, epoch).await;
        let expected = by_rule(user.replace_password(&old, &new, epoch));
        assert_eq!(done(replaced), expected, "a new password");
        assert_stored(store, &user, "a new password").await;
    }

    let mut without_password = User {
        password_hash: None,
        ..rich_user(2)
    };
    insert_user(store, &without_password).await;
    let (other, empty) = (without_password.id, PasswordHash::new(""));
    for epoch in [EpochChange::Keep, EpochChange::Raise] {
        let replaced = store.replace_password(other, &empty, &new, epoch).await;
        assert!(!done(replaced), "an empty hash was taken for no password");
        assert_stored(store, &without_password, "a refused new password").await;
    }
    let (state, change) = (without_password.exact_state(), ProfileChange::default());
    let reset = store.reset_password(&state, &new, device(4), &change).await;
    let expected = by_rule(without_password.reset_password(&state, &new, device(4), &change));
    assert_eq!(done(reset), expected, "a first password");
    assert_stored(store, &without_password, "a first password").await;

    let profile = ProfileChange {
        name: Some(DisplayName::from_store("Another".to_owned())),
        preferences: Some(Preferences::default()),
        metadata: Some(Metadata::default()),
        removes_identities: true,
        pending_hook: HookChange::Set(pending_hook()),
    };
    let roles = RoleChange {
        grant: roles(["a", "b"]),
        revoke: roles(["b", "c"]),
    };
    for behind in [1, 0] {
        let version = user.version - behind;
        let changed = done(store.update_profile(id, version, &profile).await);
        let expected = by_rule(user.update_profile(version, &profile));
        assert_answer(changed, expected, &user, "a change of profile");
        assert_stored(store, &user, "a change of profile").await;

        let version = user.version - behind;
        let changed = done(store.change_roles(id, version, &roles).await);
        let expected = by_rule(user.change_roles(version, &roles));
        assert_answer(changed, expected, &user, "a change of roles");
        assert_stored(store, &user, "a change of roles").await;
    }

    let before = user.exact_state();
    for _ in 0..2 {
        let state = user.exact_state();
        let verified = store.verify_email(&state).await;
        let expected = by_rule(user.verify_email(&state));
        assert_eq!(done(verified), expected, "a verification");
        assert_stored(store, &user, "a verification").await;
    }

    let to = email("New.Address@example.org");
    for state in [before.clone(), user.exact_state()] {
        let changed = done(store.change_email(&state, &to).await);
        let expected = user.change_email(&state, &to, None);
        assert_eq!(Ok(changed), expected, "a new address");
        assert_stored(store, &user, "a new address").await;
    }

    let hash = PasswordHash::new("reset");
    for state in [before, user.exact_state()] {
        let reset = store.reset_password(&state, &hash, device(5), &profile);
        let reset = done(reset.await);
        let expected = by_rule(user.reset_password(&state, &hash, device(5), &profile));
        assert_eq!(reset, expected, "a reset");
        assert_stored(store, &user, "a reset").await;
    }

    for (behind, status) in [
        (1, UserStatus::Disabled),
        (0, UserStatus::Disabled),
        (0, UserStatus::Disabled),
        (0, UserStatus::Active),
    ] {
        let version = user.version - behind;
        let changed = done(store.set_status(id, version, status).await);
        let expected = by_rule(user.set_status(version, status));
        assert_answer(changed, expected, &user, "a change of status");
        assert_stored(store, &user, "a change of status").await;
    }

    let disabled = User {
        status: UserStatus::Disabled,
        ..rich_user(3)
    };
    insert_user(store, &disabled).await;
    let epoch = disabled.auth_epoch;
    let recorded = store.record_login(disabled.id, epoch, None, None, at(90_000));
    assert!(!done(recorded.await), "a login of a disabled user");
    assert_stored(store, &disabled, "a login of a disabled user").await;

    // Of a verified user, and of one whom nobody has verified.
    let unverified = rich_user(4);
    insert_user(store, &unverified).await;
    for user in [user, unverified, disabled] {
        let earlier = user.last_login.map(|_| at(1));
        for which in [
            Removal::UnverifiedSince(earlier),
            Removal::Unverified,
            Removal::UnverifiedSince(user.last_login),
            Removal::Any,
            Removal::AnyStatus,
        ] {
            let state = user.exact_state();
            let is_there = done(store.user(user.id).await).is_some();
            let removed = done(store.remove_user(&state, which).await);
            let expected = is_there && user.may_be_removed(&state, which);
            assert_eq!(removed, expected, "a removal of {which:?}");
            match removed {
                true => assert_no_user(store, &user, "a removed user").await,
                false if is_there => assert_stored(store, &user, "a refused removal").await,
                false => {}
            }
        }
    }
}
