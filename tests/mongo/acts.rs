//! The acts of a store as values: one of each for every method, with an answer
//! that can be compared.

use admittance::preferences::Preferences;
use admittance::store::{Epoch, ProfileChange, Store, StoreError};
use admittance::token::TokenPurpose;
use admittance::user::{DisplayName, User};
use serde_json::json;

use crate::sample::*;

/// One act. Numbers name users, sessions, tokens and keys; times are seconds.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    InsertUser {
        number: u32,
        email: u32,
    },
    User(u32),
    UserByEmail(u32),
    RecordLogin {
        user: u32,
        epoch: u64,
        now: u32,
    },
    ReplacePassword {
        user: u32,
        from: u32,
        to: u32,
        raise: bool,
    },
    UpdateProfile {
        user: u32,
        name: Option<u32>,
        preferences: Option<u32>,
    },
    InsertSession {
        number: u32,
        user: u32,
    },
    Session {
        number: u32,
        now: u32,
    },
    SessionsOf {
        user: u32,
        now: u32,
    },
    Rotate {
        number: u32,
        counter: u64,
        now: u32,
    },
    EndSession {
        user: u32,
        number: u32,
    },
    EndSessions {
        user: u32,
        except: Option<u32>,
    },
    InsertToken {
        number: u32,
        user: u32,
    },
    ConsumeToken {
        number: u32,
        reset: bool,
        now: u32,
    },
    RemoveTokens(u32),
    Hit {
        key: u32,
        now: u32,
    },
}

fn shown(user: Option<User>) -> String {
    let hash = user.as_ref().map(|user| user.password_hash.expose_secret());
    format!("{user:?} {hash:?}")
}

impl Act {
    /// Does it, and says what the store answered, to the last field.
    pub(crate) async fn on(&self, store: &(impl Store + ?Sized)) -> Result<String, StoreError> {
        Ok(match self.clone() {
            Self::InsertUser { number, email } => {
                let user = user_with(number, &format!("Canary{email}@Example.org"));
                format!("{:?}", store.insert_user(&user).await?)
            }
            Self::User(number) => shown(store.user(user_id(number)).await?),
            Self::UserByEmail(number) => {
                let email = user(number).email;
                shown(store.user_by_email(email.canonical()).await?)
            }
            Self::RecordLogin { user, epoch, now } => {
                let now = at(now);
                format!("{:?}", store.record_login(user_id(user), epoch, now).await?)
            }
            Self::ReplacePassword {
                user,
                from,
                to,
                raise,
            } => {
                let epoch = if raise { Epoch::Raise } else { Epoch::Keep };
                let (from, to) = (hash(from), hash(to));
                let replaced = store.replace_password(user_id(user), &from, &to, epoch);
                format!("{:?}", replaced.await?)
            }
            Self::UpdateProfile {
                user,
                name,
                preferences,
            } => {
                let change = ProfileChange {
                    name: name.map(|n| DisplayName::parse(&format!("Name {n}")).unwrap()),
                    preferences: preferences.map(|n| {
                        let object = json!({"n": n, "x": {"y": [n, null, f64::from(n)]}});
                        Preferences::new(object.as_object().unwrap().clone()).unwrap()
                    }),
                };
                shown(store.update_profile(user_id(user), &change).await?)
            }
            Self::InsertSession { number, user } => {
                format!("{:?}", store.insert_session(&session(number, user)).await?)
            }
            Self::Session { number, now } => {
                format!("{:?}", store.session(session_id(number), at(now)).await?)
            }
            Self::SessionsOf { user, now } => {
                format!("{:?}", store.sessions_of(user_id(user), at(now)).await?)
            }
            Self::Rotate {
                number,
                counter,
                now,
            } => {
                let rotation = store.rotate(session_id(number), counter, POLICY, at(now));
                format!("{:?}", rotation.await?)
            }
            Self::EndSession { user, number } => {
                let ended = store.end_session(user_id(user), session_id(number));
                format!("{:?}", ended.await?)
            }
            Self::EndSessions { user, except } => {
                let ended = store.end_sessions(user_id(user), except.map(session_id));
                format!("{:?}", ended.await?)
            }
            Self::InsertToken { number, user } => {
                format!("{:?}", store.insert_token(&token(number, user)).await?)
            }
            Self::ConsumeToken { number, reset, now } => {
                let purpose = if reset {
                    TokenPurpose::ResetPassword
                } else {
                    TokenPurpose::VerifyEmail
                };
                let consumed = store.consume_token(digest(number), purpose, at(now));
                format!("{:?}", consumed.await?)
            }
            Self::RemoveTokens(user) => format!("{:?}", store.remove_tokens(user_id(user)).await?),
            Self::Hit { key: number, now } => {
                format!("{:?}", store.hit(key(number), quota(), at(now)).await?)
            }
        })
    }
}

/// What must be there for [`every_method`] to do something: the user 1 with two
/// sessions and two tokens.
pub(crate) async fn prepare(store: &(impl Store + ?Sized)) {
    for act in [
        Act::InsertUser {
            number: 1,
            email: 1,
        },
        Act::InsertSession { number: 1, user: 1 },
        Act::InsertSession { number: 2, user: 1 },
        Act::InsertToken { number: 1, user: 1 },
        Act::InsertToken { number: 2, user: 1 },
    ] {
        act.on(store).await.unwrap();
    }
}

/// One act for each method, in an order in which each does something, with the
/// name of the command that it sends.
pub(crate) fn every_method() -> Vec<(&'static str, Act)> {
    vec![
        (
            "insert",
            Act::InsertUser {
                number: 2,
                email: 2,
            },
        ),
        ("find", Act::User(1)),
        ("find", Act::UserByEmail(1)),
        (
            "update",
            Act::RecordLogin {
                user: 1,
                epoch: 0,
                now: 1,
            },
        ),
        (
            "update",
            Act::ReplacePassword {
                user: 1,
                from: 1,
                to: 9,
                raise: true,
            },
        ),
        (
            "findAndModify",
            Act::UpdateProfile {
                user: 1,
                name: Some(1),
                preferences: Some(1),
            },
        ),
        ("insert", Act::InsertSession { number: 3, user: 1 }),
        ("find", Act::Session { number: 1, now: 1 }),
        ("find", Act::SessionsOf { user: 1, now: 1 }),
        (
            "findAndModify",
            Act::Rotate {
                number: 1,
                counter: 0,
                now: 5,
            },
        ),
        ("delete", Act::EndSession { user: 1, number: 2 }),
        (
            "delete",
            Act::EndSessions {
                user: 1,
                except: Some(1),
            },
        ),
        ("insert", Act::InsertToken { number: 3, user: 1 }),
        (
            "findAndModify",
            Act::ConsumeToken {
                number: 1,
                reset: true,
                now: 1,
            },
        ),
        ("delete", Act::RemoveTokens(1)),
        ("update", Act::Hit { key: 1, now: 1 }),
    ]
}
