//! The acts of a store as values: one of each for every method, with an answer
//! that can be compared.

use admittance::limit::Hit;
use admittance::preferences::Preferences;
use admittance::store::{EpochChange, ProfileChange, Removal, RoleChange, Store, StoreError};
use admittance::token::{OneTimeToken, TokenPurpose};
use admittance::user::{AccountState, DisplayName, PasswordHash, User, UserStatus};
use serde_json::json;

use crate::sample::*;

/// One act. Numbers name users, sessions, tokens and keys; times are seconds.
#[derive(Clone, Debug)]
pub enum Act {
    InsertUser {
        number: u32,
        email: u32,
    },
    /// A user with an identity, who has a password if `email` is odd.
    InsertUserBy {
        number: u32,
        email: u32,
        identity: u32,
    },
    User(u32),
    UserByEmail(u32),
    UserByIdentity(u32),
    RecordLogin {
        user: u32,
        epoch: u64,
        device: Option<u32>,
        now: u32,
    },
    /// By an identity.
    RecordLoginBy {
        user: u32,
        epoch: u64,
        identity: u32,
        now: u32,
    },
    LinkIdentity {
        user: u32,
        version: u64,
        identity: u32,
    },
    UnlinkIdentity {
        user: u32,
        version: u64,
        identity: u32,
    },
    ReplacePassword {
        user: u32,
        from: u32,
        to: u32,
        raise: bool,
    },
    UpdateProfile {
        user: u32,
        version: u64,
        name: Option<u32>,
        preferences: Option<u32>,
    },
    VerifyEmail(State),
    ChangeEmail {
        state: State,
        to: u32,
    },
    ResetPassword {
        state: State,
        to: u32,
    },
    RemoveUser {
        state: State,
        which: Removal,
    },
    SetStatus {
        user: u32,
        version: u64,
        status: UserStatus,
    },
    ChangeRoles {
        user: u32,
        version: u64,
        grant: Option<u32>,
        revoke: Option<u32>,
    },
    Users {
        after: Option<u32>,
        limit: usize,
    },
    HasOther {
        role: u32,
        except: u32,
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
        sessions: Vec<u32>,
    },
    EndDeadSessions {
        user: u32,
        epoch: u64,
    },
    EndOldestSessions {
        user: u32,
        epoch: u64,
        keep: u32,
        now: u32,
    },
    InsertToken {
        number: u32,
        user: u32,
    },
    Token {
        number: u32,
        purpose: TokenPurpose,
        now: u32,
    },
    TakeToken {
        number: u32,
        purpose: TokenPurpose,
        now: u32,
    },
    TokensOf {
        user: u32,
        now: u32,
    },
    RemoveTokens {
        user: u32,
        purpose: Option<TokenPurpose>,
        until: u32,
    },
    Hit {
        key: u32,
        now: u32,
    },
    /// In two budgets: its own, and one that it shares with its neighbour.
    HitBoth {
        key: u32,
        now: u32,
    },
    /// What [`HitBoth`](Self::HitBoth) has counted.
    GiveBack {
        key: u32,
        now: u32,
    },
    Attempt {
        key: u32,
        now: u32,
    },
    Forgive {
        key: u32,
        until: u32,
    },
    AppendEvent {
        number: u32,
        user: u32,
        keep: usize,
    },
    EventsOf {
        user: u32,
        before: Option<u32>,
        limit: usize,
        now: u32,
    },
    RemoveEvents(u32),
}

/// The state of a user whose email has the number `email`.
#[derive(Clone, Copy, Debug)]
pub struct State {
    pub user: u32,
    pub email: u32,
    pub epoch: u64,
    pub links: u64,
    pub version: Option<u64>,
}

impl State {
    /// That of a user who was just inserted with their own email.
    pub fn of(user: u32) -> Self {
        Self {
            user,
            email: user,
            epoch: 0,
            links: 0,
            version: Some(0),
        }
    }

    fn account(self) -> AccountState {
        AccountState {
            id: user_id(self.user),
            email: user(self.email).email.canonical().clone(),
            auth_epoch: Some(self.epoch),
            link_epoch: self.links,
            version: self.version,
        }
    }
}

/// The keys of [`Act::HitBoth`].
fn both(number: u32) -> [u32; 2] {
    [number, 1000 + number / 2]
}

fn hits(keys: &[u32]) -> Vec<Hit> {
    let hit = |number: &u32| Hit {
        key: key(*number),
        quota: quota(),
    };
    keys.iter().map(hit).collect()
}

fn shown_token(token: &OneTimeToken) -> String {
    let pending = token.registration.as_ref();
    let hash = pending.map(|pending| pending.password_hash.expose_secret());
    format!("{token:?} {:?} {hash:?}", token.digest.to_bytes())
}

fn shown(user: Option<User>) -> String {
    let hash = user.as_ref().and_then(|user| user.password_hash.as_ref());
    let hash = hash.map(PasswordHash::expose_secret);
    format!("{user:?} {hash:?}")
}

impl Act {
    /// Does it, and says what the store answered, to the last field.
    pub async fn on(&self, store: &(impl Store + ?Sized)) -> Result<String, StoreError> {
        Ok(match self.clone() {
            Self::InsertUser { number, email } => {
                let user = user_with(number, &format!("Canary{email}@Example.org"));
                format!("{:?}", store.insert_user(&user).await?)
            }
            Self::InsertUserBy {
                number,
                email,
                identity: by,
            } => {
                let mut user = user_with(number, &format!("Canary{email}@Example.org"));
                user.password_hash = user.password_hash.filter(|_| !email.is_multiple_of(2));
                user.identities = [identity(by)].into_iter().collect();
                format!("{:?}", store.insert_user(&user).await?)
            }
            Self::UserByIdentity(number) => {
                shown(store.user_by_identity(&identity(number).key()).await?)
            }
            Self::RecordLoginBy {
                user,
                epoch,
                identity,
                now,
            } => {
                let by = Some(used(identity));
                let login = store.record_login(user_id(user), epoch, None, by, at(now));
                format!("{:?}", login.await?)
            }
            Self::LinkIdentity {
                user,
                version,
                identity: number,
            } => {
                let new = identity(number);
                let linked = store.link_identity(user_id(user), version, &new);
                format!("{:?}", linked.await?)
            }
            Self::UnlinkIdentity {
                user,
                version,
                identity: number,
            } => {
                let id = identity(number).id;
                shown(store.unlink_identity(user_id(user), version, id).await?)
            }
            Self::User(number) => shown(store.user(user_id(number)).await?),
            Self::UserByEmail(number) => {
                let email = user(number).email;
                shown(store.user_by_email(email.canonical()).await?)
            }
            Self::RecordLogin {
                user,
                epoch,
                device: number,
                now,
            } => {
                let login =
                    store.record_login(user_id(user), epoch, number.map(device), None, at(now));
                format!("{:?}", login.await?)
            }
            Self::ReplacePassword {
                user,
                from,
                to,
                raise,
            } => {
                let epoch = if raise {
                    EpochChange::Raise
                } else {
                    EpochChange::Keep
                };
                let (from, to) = (hash(from), hash(to));
                let replaced = store.replace_password(user_id(user), &from, &to, epoch);
                format!("{:?}", replaced.await?)
            }
            Self::UpdateProfile {
                user,
                version,
                name,
                preferences,
            } => {
                let change = ProfileChange {
                    name: name.map(|n| DisplayName::parse(&format!("Name {n}")).unwrap()),
                    preferences: preferences.map(|n| {
                        let object = json!({"n": n, "x": {"y": [n, null, f64::from(n)]}});
                        Preferences::new(object.as_object().unwrap().clone()).unwrap()
                    }),
                    ..ProfileChange::default()
                };
                shown(
                    store
                        .update_profile(user_id(user), version, &change)
                        .await?,
                )
            }
            Self::VerifyEmail(state) => {
                format!("{:?}", store.verify_email(&state.account()).await?)
            }
            Self::ChangeEmail { state, to } => {
                let to = user(to).email;
                format!("{:?}", store.change_email(&state.account(), &to).await?)
            }
            Self::ResetPassword { state, to } => {
                let account = state.account();
                format!(
                    "{:?}",
                    store
                        .reset_password(&account, &hash(to), device(to), &ProfileChange::default())
                        .await?
                )
            }
            Self::RemoveUser { state, which } => {
                format!("{:?}", store.remove_user(&state.account(), which).await?)
            }
            Self::SetStatus {
                user,
                version,
                status,
            } => shown(store.set_status(user_id(user), version, status).await?),
            Self::ChangeRoles {
                user,
                version,
                grant,
                revoke,
            } => {
                let change = RoleChange {
                    grant: grant.map(role).into_iter().collect(),
                    revoke: revoke.map(role).into_iter().collect(),
                };
                shown(store.change_roles(user_id(user), version, &change).await?)
            }
            Self::Users { after, limit } => {
                let page = store.users(after.map(user_id), limit).await?;
                format!(
                    "{:?}",
                    page.into_iter()
                        .map(|user| shown(Some(user)))
                        .collect::<Vec<_>>()
                )
            }
            Self::HasOther {
                role: number,
                except,
            } => {
                let role = role(number);
                let held = store.has_other(&role, user_id(except));
                format!("{:?}", held.await?)
            }
            Self::InsertSession { number, user } => {
                format!("{:?}", store.insert_session(&session(number, user)).await?)
            }
            Self::Session { number, now } => {
                format!("{:?}", store.session(session_id(number), at(now)).await?)
            }
            Self::SessionsOf { user, now } => {
                format!(
                    "{:?}",
                    store.sessions_of(user_id(user), None, 100, at(now)).await?
                )
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
            Self::EndSessions { user, sessions } => {
                let ids: Vec<_> = sessions.into_iter().map(session_id).collect();
                format!("{:?}", store.end_sessions(user_id(user), &ids).await?)
            }
            Self::EndDeadSessions { user, epoch } => {
                let ended = store.end_dead_sessions(user_id(user), epoch);
                format!("{:?}", ended.await?)
            }
            Self::EndOldestSessions {
                user,
                epoch,
                keep,
                now,
            } => {
                let ended = store.end_oldest_sessions(user_id(user), epoch, keep, at(now));
                format!("{:?}", ended.await?)
            }
            Self::InsertToken { number, user } => {
                format!("{:?}", store.insert_token(&token(number, user)).await?)
            }
            Self::Token {
                number,
                purpose,
                now,
            } => {
                let found = store.token(digest(number), purpose, at(now)).await?;
                format!("{:?}", found.as_ref().map(shown_token))
            }
            Self::TakeToken {
                number,
                purpose,
                now,
            } => {
                let taken = store.take_token(digest(number), purpose, at(now)).await?;
                format!("{:?}", taken.as_ref().map(shown_token))
            }
            Self::TokensOf { user, now } => {
                let listed = store.tokens_of(user_id(user), at(now)).await?;
                format!("{:?}", listed.iter().map(shown_token).collect::<Vec<_>>())
            }
            Self::RemoveTokens {
                user,
                purpose,
                until,
            } => {
                let removed = store.remove_tokens(user_id(user), purpose, at(until));
                format!("{:?}", removed.await?)
            }
            Self::Hit { key: number, now } => {
                let hits = hits(&[number]);
                format!("{:?}", store.hit_all(&hits, at(now)).await?)
            }
            Self::HitBoth { key: number, now } => {
                let hits = hits(&both(number));
                format!("{:?}", store.hit_all(&hits, at(now)).await?)
            }
            Self::GiveBack { key: number, .. } => {
                let hits = hits(&both(number));
                format!("{:?}", store.give_back(&hits).await?)
            }
            Self::Attempt { key: number, now } => {
                let policy = lockout();
                let attempt = store.attempt(key(number), &policy, at(now));
                format!("{:?}", attempt.await?)
            }
            Self::Forgive { key: number, until } => {
                format!("{:?}", store.forgive(key(number), at(until)).await?)
            }
            Self::AppendEvent { number, user, keep } => {
                let event = event(number, user);
                format!("{:?}", store.append_event(&event, keep).await?)
            }
            Self::EventsOf {
                user,
                before,
                limit,
                now,
            } => {
                let before = before.map(event_id);
                let page = store.events_of(user_id(user), before, limit, at(now));
                format!("{:?}", page.await?)
            }
            Self::RemoveEvents(user) => {
                format!("{:?}", store.remove_events(user_id(user)).await?)
            }
        })
    }
}
