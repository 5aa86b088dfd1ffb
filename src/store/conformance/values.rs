//! What holds for the longest texts and the largest values that the types allow: they come
//! back whole, from each method that writes or returns them.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::fixture::*;
use crate::authz::Role;
use crate::email::{Email, MAX_EMAIL_BYTES};
use crate::event::{MAX_USER_AGENT_CHARS, kept_agent};
use crate::preferences::{MAX_PREFERENCES_BYTES, MAX_PREFERENCES_VALUES, Preferences};
use crate::session::{Rotation, Session};
use crate::store::{EmailChange, EpochChange, Insert, ProfileChange, Removal, RoleChange, Store};
use crate::token::{OneTimeToken, PendingRegistration, TokenPurpose};
use crate::user::{
    DeviceDigest, DisplayName, HookKind, MAX_DEVICES, MAX_NAME_CHARS, MAX_PASSWORD_HASH_BYTES,
    PasswordHash, PendingHook, User,
};

/// How many roles the suite gives to one user. The library sets no limit.
const ROLES: u32 = 256;

/// `length` characters of four bytes each. They differ from their lower case, and another
/// `last` is another last character.
fn wide(length: usize, last: char) -> String {
    let letters = "\u{10400}\u{10401}\u{10402}\u{1f98a}".chars().cycle();
    letters.take(length - 1).chain([last]).collect()
}

fn name(last: char) -> DisplayName {
    let text = wide(MAX_NAME_CHARS, last);
    let name = DisplayName::parse(&text).unwrap_or_else(|error| panic!("the suite's name {error}"));
    assert_eq!(name.as_str(), text, "the suite's own name");
    name
}

fn renamed(last: char) -> ProfileChange {
    ProfileChange {
        name: Some(name(last)),
        ..ProfileChange::default()
    }
}

/// The token of an account that is to be made.
fn registration(number: u32, name: DisplayName, password_hash: PasswordHash) -> OneTimeToken {
    OneTimeToken {
        registration: Some(PendingRegistration {
            user_id: user_id(number),
            name,
            password_hash,
            extra: extra(),
        }),
        ..token(number, user_id(number), TokenPurpose::CompleteRegistration)
    }
}

/// Fails with `what` unless `token`, which is new, is inserted and returned whole by each
/// method that returns tokens.
async fn assert_token_kept(store: &dyn Store, token: &OneTimeToken, what: &str) {
    let inserted = done(store.insert_token(token).await);
    assert_eq!(inserted, Insert::Inserted, "a new token was refused");
    assert_token_stored(store, token, what).await;
    let listed = done(store.tokens_of(token.account.id, NOW).await);
    assert_token(listed.first(), token, what);
    let taken = done(store.take_token(token.digest, token.purpose, NOW).await);
    assert_token(taken.as_ref(), token, what);
}

/// Fails with `what` unless the user is on the first page.
async fn assert_listed(store: &dyn Store, user: &User, what: &str) {
    let page = done(store.users(None, ALL).await);
    let found = page.iter().find(|one| one.id == user.id);
    assert_user(found, user, what);
}

/// A name of 100 characters of four bytes each comes back whole, from a user, from a change
/// of the profile, from a reset and from a registration that waits.
pub async fn the_longest_name_comes_back(store: Arc<dyn Store>) {
    let store = &*store;
    let mut user = User {
        name: name('a'),
        ..user(1)
    };
    insert_user(store, &user).await;
    assert_stored(store, &user, "a user with the longest name").await;
    assert_listed(store, &user, "a user with the longest name, listed").await;

    let version = user.version;
    let answer = done(store.update_profile(user.id, version, &renamed('b')).await);
    (user.name, user.version) = (name('b'), version + 1);
    assert_user(answer.as_ref(), &user, "a change to the longest name");
    assert_stored(store, &user, "a change to the longest name").await;

    let (state, new, change) = (user.exact_state(), PasswordHash::new("new"), renamed('c'));
    let reset = store.reset_password(&state, &new, device(1), &change);
    assert!(done(reset.await), "a password was not reset");
    let changed = user.reset_password(&state, &new, device(1), &change);
    assert_eq!(changed, Ok(true), "the suite's own reset");
    assert_stored(store, &user, "a reset with the longest name").await;

    let token = registration(2, name('d'), new);
    assert_token_kept(store, &token, "a registration with the longest name").await;
}

/// An address of the greatest length, which ends in `end`: in ASCII, with capitals.
fn long_address(end: &str) -> Email {
    let local = "Ab".repeat(32);
    let label = "Cd".repeat(30);
    let begin = format!("{local}@{label}.{label}.{label}.");
    let rest = MAX_EMAIL_BYTES - begin.len() - end.len();
    let address = email(&format!("{begin}{}{end}", "e".repeat(rest)));
    assert_eq!(address.as_str().len(), MAX_EMAIL_BYTES, "the suite's own");
    address
}

/// An address of the greatest length comes back whole, as it was given and as its key, and
/// finds its user. An address that differs only in its last character is another one.
pub async fn the_longest_address_comes_back(store: Arc<dyn Store>) {
    let store = &*store;
    let foreign = |end| {
        email(&format!(
            "{}@{}.{end}",
            "\u{c9}".repeat(32),
            "\u{fc}".repeat(30)
        ))
    };
    let addresses = [
        long_address(".org"),
        long_address(".orc"),
        foreign("example"),
        foreign("examplf"),
    ];
    let of = |number, email: &Email| User {
        email: email.clone(),
        ..user(number)
    };
    let users: Vec<User> = (1..)
        .zip(&addresses)
        .map(|(n, email)| of(n, email))
        .collect();
    for user in &users {
        let found = done(store.user_by_email(user.email.canonical()).await);
        assert!(found.is_none(), "an address finds the user of another one");
        insert_user(store, user).await;
    }
    for user in &users {
        assert_stored(store, user, "a user with the longest address").await;
        assert_listed(store, user, "a user with the longest address, listed").await;
    }

    for (number, to) in (11..).zip([long_address(".ord"), foreign("examplg")]) {
        let mut user = user(number);
        insert_user(store, &user).await;
        let state = user.exact_state();
        let changed = done(store.change_email(&state, &to).await);
        assert_eq!(changed, EmailChange::Changed, "a free address was refused");
        let changed = user.change_email(&state, &to, None);
        assert_eq!(changed, Ok(EmailChange::Changed), "the suite's own change");
        assert_stored(store, &user, "a change to the longest address").await;
        let removed = store.remove_user(&user.exact_state(), Removal::Any).await;
        assert!(done(removed), "the longest address is no condition");

        let mut token = token(number, user_id(number), TokenPurpose::ChangeEmail);
        token.account.email = to.canonical().clone();
        token.email = to;
        assert_token_kept(store, &token, "a token of the longest address").await;
    }
}

/// A hash of the greatest length, which ends in `end`.
fn long_hash(end: &str) -> PasswordHash {
    let begin = "$argon2id$v=19$m=19456,t=2,p=1$".to_owned();
    let rest = "aB3/+Zz.".chars().cycle();
    let rest = rest.take(MAX_PASSWORD_HASH_BYTES - begin.len() - end.len());
    let text = begin + &rest.collect::<String>() + end;
    PasswordHash::import(text).unwrap_or_else(|error| panic!("the suite's own hash: {error}"))
}

/// A password hash of 1,024 bytes comes back whole, from a user, from a change and a reset
/// of the password and from a registration that waits. A hash that differs only in its last
/// character, in its length or in case is another one.
pub async fn the_longest_password_hash_comes_back(store: Arc<dyn Store>) {
    let store = &*store;
    let first = long_hash("Q");
    let mut user = User {
        password_hash: Some(first.clone()),
        ..user(1)
    };
    insert_user(store, &user).await;
    assert_stored(store, &user, "a user with the longest hash").await;
    assert_listed(store, &user, "a user with the longest hash, listed").await;

    let text = first.expose_secret();
    for wrong in [
        long_hash("R"),
        long_hash("q"),
        PasswordHash::new(text.to_ascii_lowercase()),
        PasswordHash::new(text.get(..60).unwrap_or_default()),
        PasswordHash::new(text.get(..MAX_PASSWORD_HASH_BYTES - 1).unwrap_or_default()),
        PasswordHash::new(format!("{text} ")),
    ] {
        let new = long_hash("S");
        let replaced = store.replace_password(user.id, &wrong, &new, EpochChange::Keep);
        assert!(!done(replaced.await), "another hash was the expected one");
    }
    assert_stored(store, &user, "a refused change of password").await;

    for (old, new, epoch) in [
        (first.clone(), long_hash("S"), EpochChange::Keep),
        (long_hash("S"), long_hash("T"), EpochChange::Raise),
    ] {
        let replaced = done(store.replace_password(user.id, &old, &new, epoch).await);
        assert!(replaced, "the longest hash was not the expected one");
        let changed = user.replace_password(&old, &new, epoch);
        assert_eq!(changed, Ok(true), "the suite's own change");
        assert_stored(store, &user, "a change to the longest hash").await;
    }

    let (state, new) = (user.exact_state(), long_hash("U"));
    let change = ProfileChange::default();
    let reset = store.reset_password(&state, &new, device(1), &change);
    assert!(done(reset.await), "a password was not reset");
    let changed = user.reset_password(&state, &new, device(1), &change);
    assert_eq!(changed, Ok(true), "the suite's own reset");
    assert_stored(store, &user, "a reset to the longest hash").await;

    let token = registration(2, name('a'), long_hash("V"));
    assert_token_kept(store, &token, "a registration with the longest hash").await;
}

pub(super) fn agent(last: char) -> String {
    let text = wide(MAX_USER_AGENT_CHARS, last);
    let kept = kept_agent(&text);
    assert_eq!(kept.as_deref(), Some(&*text), "the suite's own user agent");
    text
}

/// A user agent of 256 characters of four bytes each comes back whole, from a session and from
/// each outcome of a refresh.
pub async fn the_longest_user_agent_comes_back(store: Arc<dyn Store>) {
    let store = &*store;
    let mut session = Session {
        user_agent: Some(agent('a')),
        ..session(1, user_id(1))
    };
    let inserted = done(store.insert_session(&session).await);
    assert_eq!(inserted, Insert::Inserted, "a new session was refused");
    for (presented, millis) in [(None, 0), (Some(0), 1), (Some(0), 2), (Some(0), 20_000)] {
        let now = at(millis);
        if let Some(presented) = presented {
            let rotation = done(store.rotate(session.id, presented, POLICY, now).await);
            let expected = session.clone().rotate(presented, POLICY, now);
            assert_eq!(rotation, expected, "a refresh with the longest user agent");
            match expected {
                Rotation::Rotated(next) | Rotation::Repeated(next) => session = next,
                Rotation::Reused(_) | Rotation::Gone => break,
            }
        }
        let found = done(store.session(session.id, NOW).await);
        assert_eq!(found.as_ref(), Some(&session), "the longest user agent");
        let listed = done(store.sessions_of(session.user_id, None, ALL, NOW).await);
        assert_eq!(
            listed.first(),
            Some(&session),
            "the longest user agent, listed"
        );
    }
}

/// The role `number` of those whose names have 64 characters and differ in the end.
fn long_role(number: u32) -> Role {
    role(&format!("r{:a>59}{number:04}", ""))
}

/// 256 roles of 64 characters each come back, from a user and from a change of roles, and
/// each is found by its whole name only.
pub async fn many_roles_of_the_longest_names_come_back(store: Arc<dyn Store>) {
    let store = &*store;
    let all: BTreeSet<Role> = (0..ROLES).map(long_role).collect();
    let mut user = User {
        roles: all.clone(),
        ..user(1)
    };
    insert_user(store, &user).await;
    assert_stored(store, &user, "a user with the longest roles").await;
    assert_listed(store, &user, "a user with the longest roles, listed").await;
    let others: BTreeSet<Role> = (ROLES..2 * ROLES).map(long_role).collect();
    for (grant, revoke) in [
        (BTreeSet::new(), all.iter().skip(1).cloned().collect()),
        (others.clone(), all),
    ] {
        let change = RoleChange { grant, revoke };
        let version = user.version;
        let answer = done(store.change_roles(user.id, version, &change).await);
        let changed = user.change_roles(version, &change);
        assert_eq!(changed, Ok(true), "the suite's own change");
        assert_user(answer.as_ref(), &user, "a change to the longest roles");
        assert_stored(store, &user, "a change to the longest roles").await;
    }
    for role in &others {
        let found = store.has_other(role, user_id(9)).await;
        assert!(done(found), "one of the longest roles finds nobody");
    }
    let part = role(long_role(ROLES).as_str().get(..63).unwrap_or_default());
    for absent in [long_role(0), long_role(2 * ROLES), part] {
        let found = store.has_other(&absent, user_id(9)).await;
        assert!(!done(found), "a role is found by a part of its name");
    }
}

/// As many devices as are kept come back, whatever their bytes are, and stay the same
/// in number with each login.
pub async fn the_most_devices_come_back(store: Arc<dyn Store>) {
    let store = &*store;
    let edges = [
        [0; 16],
        [0xff; 16],
        [0x20; 16],
        *b"0123456789abcde\0",
        [0x80; 16],
    ];
    let edges = edges.map(DeviceDigest::from_bytes);
    let rest = (0..).map(device).take(MAX_DEVICES - edges.len());
    let mut user = User {
        devices: edges.into_iter().chain(rest).collect(),
        ..user(1)
    };
    insert_user(store, &user).await;
    assert_stored(store, &user, "a user with the most devices").await;
    let new = edges.into_iter().chain((100..).map(device));
    for (device, millis) in new.take(MAX_DEVICES + 1).zip(1..) {
        let login = store.record_login(user.id, user.auth_epoch, Some(device), None, at(millis));
        assert!(done(login.await), "a login was not recorded");
        let recorded = user.record_login(user.auth_epoch, Some(device), None, at(millis));
        assert!(recorded, "the suite's own login");
        assert_stored(store, &user, "a login with the most devices").await;
    }
}

/// Preferences of exactly 16 KiB, of exactly 32 levels and of exactly 1,024 values come
/// back, from a user, from a change of the profile and from a reset.
pub async fn the_largest_preferences_come_back(store: Arc<dyn Store>) {
    let store = &*store;
    let levels = (1..31).fold(json!({}), |inner, level| match level % 2 {
        0 => json!([inner]),
        _ => json!({"A": inner}),
    });
    let text = "\u{1f98a}\u{e4}Z\u{10400}z".repeat(2_000);
    let mut room = MAX_PREFERENCES_BYTES - r#"{"T":""}"#.len();
    let fits = |letter: &char| {
        let is_fitting = letter.len_utf8() <= room;
        room -= letter.len_utf8().min(room);
        is_fitting
    };
    let mut text: String = text.chars().take_while(fits).collect();
    while text.len() < MAX_PREFERENCES_BYTES - r#"{"T":""}"#.len() {
        text.push('z');
    }
    let numbers: Vec<i64> = (0..).take(MAX_PREFERENCES_VALUES - 1).collect();
    let largest = [
        json!({"L": levels}),
        json!({"T": text}),
        json!({"N": numbers}),
    ];
    let largest = largest.map(|value| {
        let Value::Object(object) = value else {
            panic!("the suite's own preferences are no object")
        };
        Preferences::new(object).unwrap_or_else(|error| panic!("the suite's preferences {error}"))
    });
    for (number, preferences) in (1..).zip(largest) {
        let change = ProfileChange {
            preferences: Some(preferences.clone()),
            ..ProfileChange::default()
        };
        let clear = ProfileChange {
            preferences: Some(Preferences::default()),
            ..ProfileChange::default()
        };
        // What a stranger wrote, with its name, waits to be told.
        let written = json!({ "name": name('z').as_str(), "preferences": preferences });
        let hook = PendingHook {
            kind: HookKind::TakenOver,
            data: written.as_object().cloned().unwrap_or_default(),
        };
        let mut user = User {
            preferences,
            pending_hook: Some(hook),
            ..user(number)
        };
        insert_user(store, &user).await;
        assert_stored(store, &user, "a user with the largest preferences").await;
        assert_listed(store, &user, "a user with the largest preferences, listed").await;
        for change in [&clear, &change, &clear] {
            let version = user.version;
            let answer = done(store.update_profile(user.id, version, change).await);
            let changed = user.update_profile(version, change);
            assert_eq!(changed, Ok(true), "the suite's own change");
            assert_user(
                answer.as_ref(),
                &user,
                "a change to the largest preferences",
            );
            assert_stored(store, &user, "a change to the largest preferences").await;
        }
        let (state, new) = (user.exact_state(), PasswordHash::new("new"));
        let reset = store.reset_password(&state, &new, device(1), &change);
        assert!(done(reset.await), "a password was not reset");
        let changed = user.reset_password(&state, &new, device(1), &change);
        assert_eq!(changed, Ok(true), "the suite's own reset");
        assert_stored(store, &user, "a reset with the largest preferences").await;
    }
}
