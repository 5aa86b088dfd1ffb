//! What holds for users.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::fixture::*;
use crate::authz::Role;
use crate::identity::Identities;
use crate::preferences::{Metadata, Preferences};
use crate::session::Rotation;
use crate::store::{EpochChange, HookChange, InsertUser, ProfileChange, Store};
use crate::time::Timestamp;
use crate::token::TokenPurpose;
use crate::user::{
    DisplayName, HookKind, MAX_DEVICES, PasswordHash, PendingHook, User, UserStatus,
};

/// Every field comes back as it was stored, at the edges of its range too, by
/// id and by email.
pub async fn a_user_comes_back_as_stored(store: Arc<dyn Store>) {
    let rich = User {
        email: email("Zo\u{eb}.Müller+exam@Bücher.example"),
        name: DisplayName::from_store("Zo\u{eb} \u{1f98a} \u{5e9}\u{5dc}\u{5d5}\u{5dd}".to_owned()),
        last_login: Some(at(1)),
        is_verified: true,
        roles: roles(["admin", "exam:examiner", "a.b_c-9"]),
        preferences: rich_preferences(),
        metadata: metadata(rich_preferences()),
        pending_hook: Some(pending_hook()),
        status: UserStatus::Disabled,
        auth_epoch: GREATEST,
        version: GREATEST,
        devices: (1..=20).rev().map(device).collect(),
        identities: identities([1, 2, 3]),
        ..user(1)
    };
    let edge = User {
        created_at: Timestamp::MIN,
        last_login: Some(Timestamp::MAX),
        auth_epoch: (1 << 53) + 1,
        version: (1 << 53) + 1,
        password_hash: Some(PasswordHash::new("")),
        ..user(2)
    };
    let before_1970 = User {
        created_at: Timestamp::from_millis(-1),
        last_login: Some(Timestamp::from_millis(0)),
        preferences: large_preferences(),
        roles: (0..200)
            .filter_map(|n| Role::new(&format!("role{n}")).ok())
            .collect(),
        ..user(3)
    };
    let without_password = User {
        password_hash: None,
        ..user(5)
    };
    let users = [rich, edge, before_1970, user(4), without_password];
    for user in &users {
        let inserted = done(store.insert_user(user).await);
        assert_eq!(inserted, InsertUser::Inserted, "a new user was refused");
    }
    for user in &users {
        assert_stored(&*store, user, "a user came back other than stored").await;
    }
}

/// Looking for what is not there finds nothing and changes nothing.
pub async fn what_is_not_there_is_not_found(store: Arc<dyn Store>) {
    for round in 0..2 {
        let (absent, session) = (user(9), session_id(9));
        let found = done(store.user(absent.id).await);
        assert!(found.is_none(), "a user was found by an id nobody has");
        let found = done(store.user_by_email(absent.email.canonical()).await);
        assert!(found.is_none(), "a user was found by an email nobody has");
        assert_free(&*store, &identity(9), "an identity nobody has").await;
        assert_eq!(
            done(store.session(session, NOW).await),
            None,
            "a session was found by an id that none has"
        );
        let listed = done(store.sessions_of(absent.id, None, ALL, NOW).await);
        assert!(listed.is_empty(), "sessions of a missing user were listed");
        assert_eq!(
            done(store.rotate(session, 0, POLICY, NOW).await),
            Rotation::Gone,
            "a session that is not there was refreshed"
        );
        assert!(
            !done(store.end_session(absent.id, session).await),
            "a session that is not there was said to be ended"
        );
        assert_eq!(done(store.end_sessions(absent.id, &[session]).await), 0);
        let dead = store.end_dead_sessions(absent.id, u64::MAX).await;
        assert_eq!(done(dead), 0);
        let purpose = TokenPurpose::VerifyEmail;
        let found = done(store.token(digest(9), purpose, NOW).await);
        assert!(found.is_none(), "a token that is not there was found");
        let listed = done(store.tokens_of(absent.id, NOW).await);
        assert!(listed.is_empty(), "tokens of a missing user were listed");
        for purpose in [None, Some(purpose)] {
            let removed = store.remove_tokens(absent.id, purpose, NOW).await;
            assert_eq!(done(removed), 0);
        }
        if round == 0 {
            // Once more, now that there are others.
            assert_eq!(
                done(store.insert_user(&user(1)).await),
                InsertUser::Inserted
            );
            let _ = done(
                store
                    .insert_session(&super::fixture::session(1, user_id(1)))
                    .await,
            );
            let _ = done(store.insert_token(&token(1, user_id(1), purpose)).await);
        }
    }
}

/// A canonical email has one user, whatever the case in which it was given;
/// who comes second changes nothing.
pub async fn an_email_is_registered_once(store: Arc<dyn Store>) {
    let first = User {
        email: email("Ann.Lee@Example.org"),
        ..user(1)
    };
    assert_eq!(done(store.insert_user(&first).await), InsertUser::Inserted);
    for (number, given) in (2..).zip([
        "Ann.Lee@Example.org",
        "ann.lee@example.org",
        "ANN.LEE@EXAMPLE.ORG",
    ]) {
        let second = User {
            email: email(given),
            ..user(number)
        };
        assert_eq!(
            done(store.insert_user(&second).await),
            InsertUser::EmailTaken,
            "{given} was registered again"
        );
        let found = done(store.user(second.id).await);
        assert!(found.is_none(), "a user whose email was taken is there");
    }
    // The same user again has both taken; the answer says so of either.
    assert_ne!(
        done(store.insert_user(&first).await),
        InsertUser::Inserted,
        "one user was inserted twice"
    );
    assert_stored(&*store, &first, "the user who was there first changed").await;
}

/// Canonical emails are compared byte by byte: no collation, no folding of
/// accents or of letters outside ASCII (CVE-2019-19844), no trimming.
pub async fn emails_that_differ_are_different_users(store: Arc<dyn Store>) {
    let addresses = [
        "mike@example.org",
        "m\u{131}ke@example.org",
        "m\u{ed}ke@example.org",
        "sam@example.org",
        "\u{17f}am@example.org",
        "strasse@example.org",
        "stra\u{df}e@example.org",
        "\u{e9}ve@example.org",
        "\u{c9}ve@example.org",
        "mi.ke@example.org",
        "mike+x@example.org",
    ];
    let users: Vec<User> = (1..)
        .zip(addresses)
        .map(|(number, given)| User {
            email: email(given),
            ..user(number)
        })
        .collect();
    for user in &users {
        let address = user.email.as_str();
        let found = done(store.user_by_email(user.email.canonical()).await);
        assert!(found.is_none(), "{address} finds somebody else");
        assert_eq!(
            done(store.insert_user(user).await),
            InsertUser::Inserted,
            "{address} was taken for another address"
        );
    }
    for user in &users {
        assert_stored(&*store, user, "one address gave another's user").await;
    }
}

/// An id collision is an error, never an overwrite, and does not take the
/// email of the user who was refused.
pub async fn a_taken_user_id_is_not_overwritten(store: Arc<dyn Store>) {
    let first = user(1);
    let second = User {
        id: first.id,
        ..user(2)
    };
    assert_eq!(done(store.insert_user(&first).await), InsertUser::Inserted);
    assert_eq!(
        done(store.insert_user(&second).await),
        InsertUser::IdTaken,
        "a user with an id that is taken was not refused as such"
    );
    assert_stored(&*store, &first, "an id collision changed the first user").await;
    let found = done(store.user_by_email(second.email.canonical()).await);
    assert!(found.is_none(), "the email of a refused user finds a user");
    assert_eq!(
        done(store.insert_user(&user(2)).await),
        InsertUser::Inserted,
        "a refused user keeps the email taken"
    );
}

/// A change of profile changes what it names and raises the version, and
/// changes nothing but name, preferences, metadata and the call that is due.
pub async fn a_profile_change_touches_nothing_else(store: Arc<dyn Store>) {
    let mut expected = User {
        last_login: Some(at(5)),
        is_verified: true,
        roles: roles(["admin", "examiner"]),
        preferences: rich_preferences(),
        auth_epoch: 7,
        ..user(1)
    };
    let other = user(2);
    for user in [&expected, &other] {
        assert_eq!(done(store.insert_user(user).await), InsertUser::Inserted);
    }
    let name = DisplayName::from_store("New \u{1f98a}".to_owned());
    let small = preferences(json!({"level": "C1"}));
    let kept = metadata(preferences(json!({"plan": "pro"})));
    let hook = |pending_hook| ProfileChange {
        pending_hook,
        ..ProfileChange::default()
    };
    let changes = [
        ProfileChange::default(),
        ProfileChange {
            removes_identities: true,
            ..ProfileChange::default()
        },
        ProfileChange {
            name: Some(name.clone()),
            ..ProfileChange::default()
        },
        ProfileChange {
            preferences: Some(small),
            ..ProfileChange::default()
        },
        hook(HookChange::Set(pending_hook())),
        ProfileChange {
            metadata: Some(kept),
            ..ProfileChange::default()
        },
        hook(HookChange::Set(PendingHook::new(HookKind::Verified))),
        ProfileChange {
            preferences: Some(Preferences::default()),
            ..ProfileChange::default()
        },
        hook(HookChange::Remove),
        ProfileChange {
            metadata: Some(Metadata::default()),
            ..ProfileChange::default()
        },
        hook(HookChange::Remove),
        ProfileChange {
            name: Some(DisplayName::from_store("Again".to_owned())),
            preferences: Some(rich_preferences()),
            metadata: Some(metadata(large_preferences())),
            removes_identities: false,
            pending_hook: HookChange::Set(pending_hook()),
        },
    ];
    for change in changes {
        if change.removes_identities {
            expected.identities = Identities::default();
        }
        if let Some(name) = &change.name {
            expected.name = name.clone();
        }
        if let Some(preferences) = &change.preferences {
            expected.preferences = preferences.clone();
        }
        if let Some(metadata) = &change.metadata {
            expected.metadata = metadata.clone();
        }
        match &change.pending_hook {
            HookChange::Keep => {}
            HookChange::Remove => expected.pending_hook = None,
            HookChange::Set(hook) => expected.pending_hook = Some(hook.clone()),
        }
        let version = expected.version;
        expected.version += 1;
        let answer = done(store.update_profile(expected.id, version, &change).await);
        assert_user(answer.as_ref(), &expected, "a change of profile answered");
        assert_stored(&*store, &expected, "a change of profile stored").await;
    }
    assert_stored(&*store, &other, "a change of profile changed another user").await;
}

/// Changing the profile of nobody makes no user.
pub async fn a_profile_of_nobody_is_not_made(store: Arc<dyn Store>) {
    let change = ProfileChange {
        name: Some(DisplayName::from_store("Nobody".to_owned())),
        ..ProfileChange::default()
    };
    let answer = done(store.update_profile(user_id(1), 0, &change).await);
    assert!(answer.is_none(), "the profile of nobody was changed");
    let found = done(store.user(user_id(1)).await);
    assert!(found.is_none(), "changing a profile made a user");
}

/// A login is recorded if the user is active and the epoch is the one that it
/// was checked under; otherwise nothing changes.
pub async fn a_login_is_recorded_only_when_still_good(store: Arc<dyn Store>) {
    let mut active = User {
        auth_epoch: GREATEST - 1,
        ..user(1)
    };
    let disabled = User {
        status: UserStatus::Disabled,
        ..user(2)
    };
    for user in [&active, &disabled] {
        assert_eq!(done(store.insert_user(user).await), InsertUser::Inserted);
    }
    let new = Some(device(1));
    for epoch in [0, GREATEST - 2, GREATEST] {
        assert!(
            !done(store.record_login(active.id, epoch, new, None, at(1)).await),
            "a login under epoch {epoch} was recorded for a user of another"
        );
    }
    assert_stored(&*store, &active, "a refused login changed the user").await;
    assert!(
        !done(store.record_login(disabled.id, 0, new, None, at(1)).await),
        "a login was recorded for a disabled user"
    );
    assert_stored(&*store, &disabled, "a refused login changed the user").await;
    assert!(
        !done(store.record_login(user_id(3), 0, new, None, at(1)).await),
        "a login was recorded for nobody"
    );
    assert!(
        done(store.user(user_id(3)).await).is_none(),
        "a login made a user"
    );
    for millis in [10, 20] {
        active.last_login = Some(at(millis));
        assert!(
            done(
                store
                    .record_login(active.id, active.auth_epoch, None, None, at(millis))
                    .await
            ),
            "a good login was not recorded"
        );
        assert_stored(&*store, &active, "a login changed more than last_login").await;
    }
}

/// The device that a login brings becomes the last of the user's, even one that the
/// user has, and the first ones beyond [`MAX_DEVICES`] are dropped; a login without one
/// changes none.
pub async fn devices_are_kept_newest_last(store: Arc<dyn Store>) {
    let mut expected = user(1);
    let other = User {
        devices: vec![device(1)],
        ..user(2)
    };
    insert_user(&*store, &expected).await;
    insert_user(&*store, &other).await;
    for number in 1..=45_u32 {
        // Every fourth one that is added is there already.
        let new = (number % 3 != 0).then(|| device(number - number % 4 / 3));
        expected.last_login = Some(at(number.into()));
        expected.devices.extend(new);
        if expected.devices.len() > MAX_DEVICES {
            expected.devices.remove(0);
        }
        let recorded = store.record_login(expected.id, 0, new, None, at(number.into()));
        assert!(done(recorded.await), "a good login was not recorded");
        assert_stored(&*store, &expected, "devices after a login").await;
    }
    assert_stored(&*store, &other, "a login changed another user").await;
}

/// A password is replaced only if the hash is still the expected one; epoch and
/// version go up by exactly one in the same act, or both stay.
pub async fn a_password_is_replaced_only_if_it_is_the_expected_one(store: Arc<dyn Store>) {
    let mut expected = User {
        auth_epoch: 1 << 53,
        is_verified: true,
        ..user(1)
    };
    let other = user(2);
    for user in [&expected, &other] {
        assert_eq!(done(store.insert_user(user).await), InsertUser::Inserted);
    }
    let new = PasswordHash::new("new");
    for wrong in ["", "hash", "HASH 1", "hash 1 ", "hash 2", "new"] {
        let wrong = PasswordHash::new(wrong);
        for epoch in [EpochChange::Keep, EpochChange::Raise] {
            assert!(
                !done(
                    store
                        .replace_password(expected.id, &wrong, &new, epoch)
                        .await
                ),
                "a password was replaced though it was not the expected one"
            );
        }
    }
    assert_stored(&*store, &expected, "a refused change of password stored").await;
    let steps = [
        ("second", EpochChange::Raise),
        ("third", EpochChange::Keep),
        ("fourth", EpochChange::Raise),
    ];
    for (text, epoch) in steps {
        let (old, new) = (hash_of(&expected), PasswordHash::new(text));
        expected.password_hash = Some(new.clone());
        if epoch == EpochChange::Raise {
            expected.auth_epoch += 1;
            expected.version += 1;
        }
        assert!(
            done(store.replace_password(expected.id, &old, &new, epoch).await),
            "a password was not replaced though it was the expected one"
        );
        assert_stored(&*store, &expected, "a change of password stored").await;
    }
    assert_stored(&*store, &other, "a change of password changed another user").await;
    assert!(
        !done(
            store
                .replace_password(user_id(3), &new, &new, EpochChange::Raise)
                .await
        ),
        "the password of nobody was replaced"
    );
}

fn preferences(value: Value) -> Preferences {
    let Value::Object(object) = value else {
        panic!("the suite's own preferences are no object")
    };
    Preferences::new(object).unwrap_or_else(|error| panic!("the suite's own preferences {error}"))
}

/// The same object as metadata.
fn metadata(object: Preferences) -> Metadata {
    Metadata::from_store(object.as_map().clone())
}

fn rich_preferences() -> Preferences {
    preferences(json!({
        "least": i64::MIN, "most": i64::MAX, "beyond a double": (1_i64 << 53) + 1,
        "beyond 32 bits": 1_i64 << 31, "zero": 0, "minus": -1,
        "whole double": 2.0, "double": -0.1, "huge": 1e300, "tiny": 5e-324,
        "null": null, "yes": true, "no": false,
        "empty": {"text": "", "list": [], "object": {}},
        "nested": {"list": [1, "two", 3.5, null, [false, {"a": [null]}]]},
        "Schl\u{fc}ssel \u{1f511}": "\u{1f98a}\u{1}\r\n\"'\\", "_id": 1, "0": "zero", "__proto__": {"x": 1},
        " ": "blank", "time": "2026-11-22T08:30:00.000Z",
    }))
}

/// As deep as is allowed, and nearly as large.
fn large_preferences() -> Preferences {
    let deep = (1..31).fold(json!({"end": 1}), |inner, _| json!({"a": inner}));
    let Value::Object(mut object) = json!({"deep": deep}) else {
        return Preferences::from_store(Map::new());
    };
    object.insert("text".to_owned(), Value::String("\u{e4}".repeat(8_000)));
    preferences(Value::Object(object))
}
