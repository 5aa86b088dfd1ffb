//! Text from outside is data, whatever it looks like.

use std::sync::Arc;

use super::fixture::*;
use crate::email::{CanonicalEmail, Email};
use crate::store::{EmailChange, EpochChange, Insert, InsertUser, ProfileChange, Removal, Store};
use crate::token::{PendingRegistration, TokenPurpose};
use crate::user::{AccountState, DisplayName, PasswordHash, User};

/// What some database or language takes for more than text. None has a NUL: the types of
/// the domain refuse it, so a store need not keep one. Emails come
/// parsed to the store; that most of these do not parse is not its defence.
pub(super) const HOSTILE: &[&str] = &[
    r#"{"$ne":null}"#,
    r#"{"$gt":""}"#,
    r#"{"$regex":"^a"}"#,
    "$where",
    "$ne",
    "$password_hash",
    "$$ROOT",
    "a.b",
    ".",
    ".*",
    "^.*$",
    ".*@example.org",
    "user1@example",
    "ser1@example.org",
    "%",
    "_ser1@example.org",
    "*",
    "?",
    "'",
    "\"",
    "\\",
    "' or 1=1 --",
    "'; drop table users; --",
    "null",
    "true",
    "0",
    "[]",
    "{}",
    "{{7*7}}",
    "../../users",
    "users:1",
    "a\r\nDEL *",
    "\u{202e}gro",
    "\u{fffd}",
    " user1@example.org",
    "user1@example.org ",
];

/// No text is an operator, a path or a pattern: as email, name, hash, user
/// agent or address of a token it matches itself and nothing else, and comes
/// back as it was (ASVS 1.2.4, 1.2.9).
pub async fn asvs_1_2_4_hostile_text_matches_only_itself(store: Arc<dyn Store>) {
    let bystander = user(1);
    assert_eq!(
        done(store.insert_user(&bystander).await),
        InsertUser::Inserted
    );
    for text in HOSTILE {
        let key = CanonicalEmail::from_store((*text).to_owned());
        let found = done(store.user_by_email(&key).await);
        assert!(found.is_none(), "the email {text:?} found somebody else");
        let (guess, new) = (PasswordHash::new(*text), PasswordHash::new("new"));
        let replaced = store
            .replace_password(bystander.id, &guess, &new, EpochChange::Raise)
            .await;
        assert!(
            !done(replaced),
            "{text:?} was taken for the password's hash"
        );
        let state = AccountState {
            email: key,
            ..bystander.state()
        };
        let acted = [
            done(store.verify_email(&state).await),
            done(store.change_email(&state, &email("x@y.org")).await) != EmailChange::Gone,
            done(
                store
                    .reset_password(&state, &new, device(9), &ProfileChange::default())
                    .await,
            ),
            done(store.remove_user(&state, Removal::Any).await),
        ];
        assert!(
            !acted.contains(&true),
            "{text:?} was taken for the account's email"
        );
    }
    let mut users = vec![bystander];
    for (number, text) in (2..).zip(HOSTILE) {
        users.push(insert_everywhere(&*store, number, text).await);
    }
    for user in &users {
        assert_stored(&*store, user, "hostile text came back changed").await;
    }
}

/// A user, a session and a token made of `text`.
async fn insert_everywhere(store: &dyn Store, number: u32, text: &str) -> User {
    let mut hostile = user(number);
    if number.is_multiple_of(2) {
        // Half of them get it by the acts that links in mails allow.
        insert_user(store, &hostile).await;
        let given = Email::from_store(text.to_owned(), text.to_owned());
        let changed = store.change_email(&hostile.state(), &given).await;
        assert_eq!(
            done(changed),
            EmailChange::Changed,
            "the email {text:?} was taken for another"
        );
        hostile.email = given;
        hostile.link_epoch = 1;
        hostile.version = 1;
        let (state, new) = (hostile.state(), PasswordHash::new(text));
        let reset = store
            .reset_password(&state, &new, device(9), &ProfileChange::default())
            .await;
        assert!(done(reset), "{text:?} as the hash of a new password");
        hostile.password_hash = Some(new);
        hostile.is_verified = true;
        hostile.auth_epoch = 1;
        hostile.devices = vec![device(9)];
        hostile.link_epoch = 2;
        hostile.version = 2;
    } else {
        hostile.email = Email::from_store(text.to_owned(), text.to_owned());
        hostile.password_hash = Some(PasswordHash::new(text));
        assert_eq!(
            done(store.insert_user(&hostile).await),
            InsertUser::Inserted,
            "the email {text:?} was taken for another"
        );
    }
    hostile.name = DisplayName::from_store(text.to_owned());
    let change = ProfileChange {
        name: Some(hostile.name.clone()),
        ..ProfileChange::default()
    };
    let version = hostile.version;
    hostile.version += 1;
    let answer = done(store.update_profile(hostile.id, version, &change).await);
    assert_user(answer.as_ref(), &hostile, "a name of hostile text");

    let mut session = session(number, hostile.id);
    session.user_agent = Some((*text).to_owned());
    assert_eq!(done(store.insert_session(&session).await), Insert::Inserted);
    let listed = done(store.sessions_of(hostile.id, None, ALL, NOW).await);
    assert_eq!(listed, [session], "a user agent of hostile text");

    let purpose = TokenPurpose::ChangeEmail;
    let mut token = token(number, hostile.id, purpose);
    token.account = hostile.state();
    token.email = hostile.email.clone();
    token.registration = Some(PendingRegistration {
        user_id: hostile.id,
        name: hostile.name.clone(),
        password_hash: PasswordHash::new(text),
        extra: extra(),
    });
    assert_eq!(done(store.insert_token(&token).await), Insert::Inserted);
    assert_token_stored(store, &token, "a token of hostile text").await;
    hostile
}
