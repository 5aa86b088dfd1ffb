//! What holds for a write that is delivered late: after it was answered with an
//! error, and after another act was acknowledged that it would undo. It does
//! nothing then.
//!
//! Each property makes the arguments of a write, then does the other act, and
//! then hands in the write.

use std::sync::Arc;
use std::time::Duration;

use super::fixture::*;
use crate::limit::LimitKey;
use crate::lockout::{Attempt, LockoutPolicy, LockoutStep};
use crate::session::{Rotation, Session};
use crate::store::{
    EmailChange, EpochChange, IdentityLink, Insert, ProfileChange, Removal, RoleChange, Store,
};
use crate::token::TokenPurpose;
use crate::user::{DisplayName, PasswordHash, User, UserStatus};

fn named(name: &str) -> ProfileChange {
    ProfileChange {
        name: Some(DisplayName::from_store(name.to_owned())),
        ..ProfileChange::default()
    }
}

fn granting(name: &str) -> RoleChange {
    RoleChange {
        grant: roles([name]),
        ..RoleChange::default()
    }
}

fn revoking(name: &str) -> RoleChange {
    RoleChange {
        revoke: roles([name]),
        ..RoleChange::default()
    }
}

/// Changes the profile of the user as it is, and returns the user.
async fn edit(store: &dyn Store, user: &User, change: &ProfileChange) -> User {
    let edit = |version| store.update_profile(user.id, version, change);
    until_done(store, user.id, edit).await
}

/// A user is enabled late: a disabling that was acknowledged since stands, also
/// one that found the user disabled already.
pub async fn a_late_enabling_does_not_undo_a_disabling(store: Arc<dyn Store>) {
    let id = user(1).id;
    insert_user(&*store, &user(1)).await;
    for between in [
        &[UserStatus::Disabled][..],
        &[UserStatus::Active, UserStatus::Disabled],
    ] {
        let version = set_status(&*store, id, UserStatus::Disabled).await.version;
        let mut expected = user(1);
        for status in between {
            expected = set_status(&*store, id, *status).await;
        }
        let late = done(store.set_status(id, version, UserStatus::Active).await);
        assert!(late.is_none(), "a late enabling was done");
        assert_stored(&*store, &expected, "a late enabling undid a disabling").await;
    }
}

/// A role is granted late: a revocation that was acknowledged since stands, also
/// one that found that the user does not have the role.
pub async fn a_late_grant_does_not_undo_a_revocation(store: Arc<dyn Store>) {
    let id = user(1).id;
    insert_user(&*store, &user(1)).await;
    let grant = granting("admin");
    for between in [
        &[revoking("admin")][..],
        &[granting("admin"), revoking("admin")],
    ] {
        let version = stored(&*store, id).await.version;
        let mut expected = user(1);
        for change in between {
            expected = change_roles(&*store, id, change).await;
        }
        let late = done(store.change_roles(id, version, &grant).await);
        assert!(late.is_none(), "a late grant was done");
        assert_stored(&*store, &expected, "a late grant undid a revocation").await;
    }
}

/// A role is revoked late: a grant that was acknowledged since stands.
pub async fn a_late_revocation_does_not_undo_a_grant(store: Arc<dyn Store>) {
    let id = user(1).id;
    insert_user(&*store, &user(1)).await;
    let version = change_roles(&*store, id, &granting("admin")).await.version;
    let expected = change_roles(&*store, id, &granting("admin")).await;
    let late = done(store.change_roles(id, version, &revoking("admin")).await);
    assert!(late.is_none(), "a late revocation was done");
    assert_stored(&*store, &expected, "a late revocation undid a grant").await;
}

/// A profile is changed late: a later change stands.
pub async fn a_late_profile_change_does_not_undo_a_later_one(store: Arc<dyn Store>) {
    let subject = user(1);
    insert_user(&*store, &subject).await;
    let expected = edit(&*store, &subject, &named("Later")).await;
    let early = named("Early");
    let late = store.update_profile(subject.id, subject.version, &early);
    assert!(
        done(late.await).is_none(),
        "a late change of profile was done"
    );
    assert_stored(&*store, &expected, "a late change of profile undid another").await;
}

/// A reset is delivered late: a later change of the password stands, and so do
/// later edits of the account.
pub async fn a_late_reset_does_not_undo_a_later_change(store: Arc<dyn Store>) {
    let (old, new) = (hash_of(&rich_user(1)), PasswordHash::new("new"));
    let reset = PasswordHash::new("reset");
    for (number, epoch) in [(1, EpochChange::Raise), (2, EpochChange::Keep)] {
        let subject = User {
            password_hash: Some(old.clone()),
            ..rich_user(number)
        };
        insert_user(&*store, &subject).await;
        // That of a link by mail, which any session's epoch fits.
        let mut state = subject.mailbox_state();
        state.version = Some(subject.version);
        if epoch == EpochChange::Raise {
            let changed = store.replace_password(subject.id, &old, &new, epoch).await;
            assert!(done(changed), "a password was not changed");
        } else {
            edit(&*store, &subject, &named("Edited")).await;
        }
        let expected = stored(&*store, subject.id).await;
        let late = store
            .reset_password(&state, &reset, device(9), &ProfileChange::default())
            .await;
        assert!(!done(late), "a late reset was done");
        assert_stored(&*store, &expected, "a late reset undid a later change").await;
    }
}

/// A removal is delivered late: an account that was edited since stays.
pub async fn a_late_removal_does_not_remove_an_account_edited_since(store: Arc<dyn Store>) {
    for (number, which) in [(1, Removal::Any), (2, Removal::Unverified)] {
        let subject = rich_user(number);
        insert_user(&*store, &subject).await;
        let expected = edit(&*store, &subject, &named("Edited")).await;
        let late = store.remove_user(&subject.exact_state(), which).await;
        assert!(!done(late), "a late removal was done");
        assert_stored(&*store, &expected, "a late removal removed an account").await;
        let now = store.remove_user(&expected.exact_state(), which).await;
        assert!(done(now), "an account was not removed in its version");
    }
}

/// A change of the address is delivered late: a later one stands, and so do
/// later edits of the account.
pub async fn a_late_change_of_email_does_not_undo_a_later_change(store: Arc<dyn Store>) {
    let (early, later) = (email("early@example.org"), email("later@example.org"));
    let subject = rich_user(1);
    insert_user(&*store, &subject).await;
    let state = subject.exact_state();
    let mut expected = edit(&*store, &subject, &named("Edited")).await;
    for what in ["an edit", "another change of the address"] {
        let late = done(store.change_email(&state, &early).await);
        assert_eq!(
            late,
            EmailChange::Gone,
            "a change of the address after {what}"
        );
        assert_stored(&*store, &expected, "a late change of the address was done").await;
        let changed = store.change_email(&expected.exact_state(), &later).await;
        assert_eq!(
            done(changed),
            EmailChange::Changed,
            "an address was not changed in its version"
        );
        expected = stored(&*store, subject.id).await;
    }
}

/// A verification is delivered late: an account that was edited since, or has
/// another address, stays as it is.
pub async fn a_late_verification_does_nothing_after_a_later_change(store: Arc<dyn Store>) {
    let subject = rich_user(1);
    insert_user(&*store, &subject).await;
    let state = subject.exact_state();
    let mut expected = edit(&*store, &subject, &named("Edited")).await;
    for what in ["an edit", "a change of the address"] {
        let late = done(store.verify_email(&state).await);
        assert!(!late, "a late verification was done after {what}");
        assert_stored(&*store, &expected, "a late verification").await;
        let to = email("other@example.org");
        let changed = store.change_email(&expected.exact_state(), &to).await;
        assert_eq!(
            done(changed),
            EmailChange::Changed,
            "an address was not changed in its version"
        );
        expected = stored(&*store, subject.id).await;
    }
}

/// A change of the password is delivered late: a later one stands.
pub async fn a_late_password_change_does_not_undo_a_later_one(store: Arc<dyn Store>) {
    let subject = user(1);
    insert_user(&*store, &subject).await;
    let old = &hash_of(&subject);
    let (early, later) = (PasswordHash::new("early"), PasswordHash::new("later"));
    let changed = store.replace_password(subject.id, old, &later, EpochChange::Raise);
    assert!(done(changed.await), "a password was not changed");
    let expected = stored(&*store, subject.id).await;
    for epoch in [EpochChange::Raise, EpochChange::Keep] {
        let late = store.replace_password(subject.id, old, &early, epoch).await;
        assert!(!done(late), "a late change of the password was done");
        assert_stored(&*store, &expected, "a late change of the password").await;
    }
}

/// A login is recorded late: a later one stays the last.
pub async fn a_late_login_does_not_take_the_last_one_back(store: Arc<dyn Store>) {
    let mut expected = user(1);
    insert_user(&*store, &expected).await;
    for millis in [2000, 1000] {
        let recorded = store
            .record_login(expected.id, 0, None, None, at(millis))
            .await;
        assert!(done(recorded), "a good login was not recorded");
    }
    expected.last_login = Some(at(2000));
    assert_stored(&*store, &expected, "a late login").await;
}

/// An identity is linked late: an unlinking that was acknowledged since stands.
pub async fn a_late_link_does_not_undo_an_unlinking(store: Arc<dyn Store>) {
    let (id, it) = (user(1).id, identity(1));
    insert_user(&*store, &user(1)).await;
    for version in [0, 2] {
        let linked = store.link_identity(id, version, &it).await;
        assert_eq!(done(linked), IdentityLink::Linked, "a free identity");
        let unlinked = store.unlink_identity(id, version + 1, it.id).await;
        let expected = done(unlinked).unwrap_or_else(|| panic!("an identity was not unlinked"));
        let late = done(store.link_identity(id, version, &it).await);
        assert_eq!(late, IdentityLink::Refused, "a late link");
        assert_stored(&*store, &expected, "a late link undid an unlinking").await;
        assert_free(&*store, &it, "a late link").await;
    }
}

/// An identity is unlinked late: a link that was acknowledged since stands.
pub async fn a_late_unlinking_does_not_undo_a_later_link(store: Arc<dyn Store>) {
    let (id, it) = (user(1).id, identity(1));
    insert_user(&*store, &user(1)).await;
    let linked = store.link_identity(id, 0, &it).await;
    assert_eq!(done(linked), IdentityLink::Linked, "a free identity");
    let unlinked = done(store.unlink_identity(id, 1, it.id).await);
    assert!(unlinked.is_some(), "an identity was not unlinked");
    let linked = store.link_identity(id, 2, &it).await;
    assert_eq!(done(linked), IdentityLink::Linked, "a free identity");
    let expected = stored(&*store, id).await;
    let late = done(store.unlink_identity(id, 1, it.id).await);
    assert!(late.is_none(), "a late unlinking was done");
    assert_stored(&*store, &expected, "a late unlinking undid a link").await;
}

/// A refresh is delivered late, after later ones: the session goes on, whether
/// the token is one step behind or more.
pub async fn a_late_refresh_ends_no_session(store: Arc<dyn Store>) {
    for (number, refreshes) in [(1, 1_i64), (2, 2), (3, 3)] {
        let session = session(number, user_id(number));
        assert_eq!(done(store.insert_session(&session).await), Insert::Inserted);
        let sent = at(1000);
        for step in 0..refreshes {
            let now = at(1000 + 20_000 * (step + 1));
            let rotation = store.rotate(session.id, step.unsigned_abs(), POLICY, now);
            assert!(
                matches!(done(rotation.await), Rotation::Rotated(_)),
                "a live refresh token"
            );
        }
        let expected = done(store.session(session.id, at(80_000)).await);
        let late = done(store.rotate(session.id, 0, POLICY, sent).await);
        let answer = match &expected {
            // As if an instance had sent it that is behind: the same successor again.
            Some(session) if refreshes == 1 => Rotation::Repeated(session.clone()),
            Some(_) => Rotation::Gone,
            None => panic!("a session has ended too early"),
        };
        assert_eq!(late, answer, "a late refresh");
        let found = done(store.session(session.id, at(80_000)).await);
        assert_eq!(
            found, expected,
            "a late refresh ended or changed the session"
        );
    }
}

/// The end of sessions is delivered late: a session that was opened since goes
/// on.
pub async fn a_late_end_of_sessions_spares_later_ones(store: Arc<dyn Store>) {
    let owner = user_id(1);
    let (old, new) = (session(1, owner), session(2, owner));
    for session in [&old, &new] {
        assert_eq!(done(store.insert_session(session).await), Insert::Inserted);
    }
    assert_eq!(done(store.end_sessions(owner, &[old.id]).await), 1);
    let found = done(store.session(new.id, NOW).await);
    assert_eq!(
        found,
        Some(new),
        "a session that was opened since has ended"
    );
}

/// The end of the sessions that a higher epoch has made dead is delivered late: a
/// session that was opened since goes on.
pub async fn a_late_end_of_dead_sessions_spares_later_ones(store: Arc<dyn Store>) {
    let of = |number, auth_epoch| Session {
        auth_epoch,
        ..session(number, user_id(1))
    };
    // Of the epoch that was raised, and of one that was raised since.
    let live = [of(2, 5), of(3, 6)];
    for session in [&of(1, 4)].into_iter().chain(&live) {
        assert_eq!(done(store.insert_session(session).await), Insert::Inserted);
    }
    let ended = store.end_dead_sessions(user_id(1), 5).await;
    assert_eq!(done(ended), 1, "the dead sessions");
    for session in live {
        let found = done(store.session(session.id, NOW).await);
        assert_eq!(found, Some(session), "a live session has ended");
    }
}

/// The removal of tokens is delivered late: a link that was made since works.
pub async fn a_late_removal_of_tokens_leaves_later_ones(store: Arc<dyn Store>) {
    let purpose = TokenPurpose::ResetPassword;
    let mut number = 0;
    for which in [None, Some(purpose)] {
        let mut made = |millis| {
            number += 1;
            let mut token = token(number, user_id(1), purpose);
            token.created_at = at(millis);
            token
        };
        let (old, new) = ([made(-1), made(0)], [made(1), made(1000)]);
        for token in old.iter().chain(&new) {
            assert_eq!(done(store.insert_token(token).await), Insert::Inserted);
        }
        let removed = store.remove_tokens(user_id(1), which, NOW).await;
        assert_eq!(done(removed), 2, "the tokens that were made until then");
        for token in &old {
            let found = done(store.token(token.digest, purpose, NOW).await);
            assert!(found.is_none(), "a removed token is there");
        }
        for token in &new {
            assert_token_stored(&*store, token, "a token that was made later").await;
        }
        let rest = store.remove_tokens(user_id(1), which, at(1000)).await;
        assert_eq!(done(rest), 2, "the tokens that were made later");
    }
}

/// The success of an attempt is delivered late: failures that were counted since
/// still count (I8).
pub async fn a_late_success_forgives_no_later_failure(store: Arc<dyn Store>) {
    let step = LockoutStep {
        failures: 3,
        wait: Duration::from_secs(10),
    };
    let policy = LockoutPolicy::new([step], Duration::from_secs(1000))
        .unwrap_or_else(|error| panic!("the suite's own table: {error}"));
    let key = LimitKey::new("conformance", b"late");
    for (millis, count) in [(0, 1), (1000, 2)] {
        let attempt = done(store.attempt(key, &policy, at(millis)).await);
        assert!(
            matches!(attempt, Attempt::Allowed { count: seen, .. } if seen == count),
            "the attempt {count}: {attempt:?}"
        );
    }
    for until in [at(-1), at(0), at(999)] {
        done(store.forgive(key, until).await);
    }
    let third = done(store.attempt(key, &policy, at(1000)).await);
    assert!(
        matches!(third, Attempt::Allowed { count: 3, .. }),
        "a late success forgave a later failure: {third:?}"
    );
    done(store.forgive(key, at(999)).await);
    let locked = done(store.attempt(key, &policy, at(1000)).await);
    assert!(
        matches!(locked, Attempt::Locked { .. }),
        "a late success opened a locked account: {locked:?}"
    );
    // A locked attempt was not let through, so it keeps nothing.
    done(store.forgive(key, at(1000)).await);
    let first = done(store.attempt(key, &policy, at(1001)).await);
    assert!(
        matches!(first, Attempt::Allowed { count: 1, .. }),
        "a success forgave nothing: {first:?}"
    );
}

/// The version goes up by one with each change that a late write could undo, also
/// with one that finds nothing to change. Logins and rehashes leave it, and so
/// does what is refused.
pub async fn the_version_goes_up_with_each_change_and_with_nothing_else(store: Arc<dyn Store>) {
    let subject = user(1);
    let id = subject.id;
    insert_user(&*store, &subject).await;
    let now = async || stored(&*store, id).await;
    let assert_version = async |expected: u64, what: &str| {
        assert_eq!(now().await.version, expected, "the version after {what}");
    };
    let rehash = PasswordHash::new("rehash");
    let (old, new) = (&hash_of(&subject), PasswordHash::new("new"));
    let recorded = store
        .record_login(id, 0, Some(device(1)), None, at(1))
        .await;
    assert!(done(recorded), "a good login was not recorded");
    assert_version(0, "a login").await;
    let kept = store
        .replace_password(id, old, &rehash, EpochChange::Keep)
        .await;
    assert!(done(kept), "a password was not hashed anew");
    assert_version(0, "a rehash").await;
    let refused = store
        .replace_password(id, old, &new, EpochChange::Raise)
        .await;
    assert!(!done(refused), "a password was changed from another one");
    assert_version(0, "a refused change of the password").await;

    let raised = store
        .replace_password(id, &rehash, &new, EpochChange::Raise)
        .await;
    assert!(done(raised), "a password was not changed");
    assert_version(1, "a change of the password").await;
    assert!(done(store.verify_email(&now().await.state()).await));
    assert_version(2, "a verification").await;
    assert!(!done(store.verify_email(&now().await.state()).await));
    assert_version(2, "a refused verification").await;
    let to = email("new@example.org");
    let changed = store.change_email(&now().await.state(), &to).await;
    assert_eq!(done(changed), EmailChange::Changed, "a change of address");
    assert_version(3, "a change of the address").await;
    let reset = store
        .reset_password(
            &now().await.state(),
            &rehash,
            device(9),
            &ProfileChange::default(),
        )
        .await;
    assert!(done(reset), "a password was not reset");
    assert_version(4, "a reset").await;

    let mut version = 4;
    for change in [named("New"), named("New"), ProfileChange::default()] {
        done(store.update_profile(id, version, &change).await);
        version += 1;
        assert_version(version, "a change of the profile").await;
    }
    for change in [
        granting("admin"),
        granting("admin"),
        revoking("absent"),
        RoleChange::default(),
    ] {
        done(store.change_roles(id, version, &change).await);
        version += 1;
        assert_version(version, "a change of roles").await;
    }
    for status in [UserStatus::Active, UserStatus::Disabled] {
        for _ in 0..2 {
            done(store.set_status(id, version, status).await);
            version += 1;
            assert_version(version, "a change of status").await;
        }
    }
    let linked = store.link_identity(id, version, &identity(1)).await;
    assert_eq!(done(linked), IdentityLink::Linked, "a free identity");
    version += 1;
    assert_version(version, "a link").await;
    let linked = store.link_identity(id, version, &identity(1)).await;
    assert_eq!(done(linked), IdentityLink::Refused, "an identity twice");
    assert_version(version, "a refused link").await;
    done(store.unlink_identity(id, version, identity(1).id).await);
    version += 1;
    assert_version(version, "an unlinking").await;
    for wrong in [0, version - 1, version + 1, GREATEST, u64::MAX] {
        let refused = [
            done(store.unlink_identity(id, wrong, identity(1).id).await),
            done(store.set_status(id, wrong, UserStatus::Active).await),
            done(store.change_roles(id, wrong, &granting("b")).await),
            done(store.update_profile(id, wrong, &named("Wrong")).await),
        ];
        for refused in refused {
            assert!(refused.is_none(), "a change was made in another version");
        }
        assert_version(version, "a refused change").await;
    }
}
