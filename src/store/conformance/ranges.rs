//! What holds at the ends of ranges: counters, times, identifiers, limits and the values of
//! enums.

use std::sync::Arc;
use std::time::Duration;

use super::fixture::*;
use crate::id::{SessionId, UserId};
use crate::limit::{Decision, Hit, LimitKey, Quota};
use crate::lockout::{LockoutPolicy, LockoutStep};
use crate::proof::{ExternalMethod, Method, MethodName, Proof, Proofs};
use crate::session::{Rotation, RotationPolicy, Session, SessionLength};
use crate::store::{EmailChange, EpochChange, Insert, ProfileChange, RoleChange, Store};
use crate::time::Timestamp;
use crate::token::{OneTimeToken, PendingSignIn, TokenDigest, TokenPurpose};
use crate::user::{AccountState, HookKind, PasswordHash, PendingHook, User, UserStatus};

/// Values at which counters of 31, 32, 53 and 63 bits end.
pub(super) const EDGES: [u64; 9] = [
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
    1 << 32,
    (1 << 53) - 1,
    (1 << 53) + 1,
    (1 << 62) + 1,
    GREATEST - 1,
    GREATEST,
];

/// The end of 31 bits of seconds.
const AFTER_2038: i64 = 1 << 31;
/// The end of 32 bits of seconds.
const AFTER_2106: i64 = 1 << 32;

/// Times at which ranges end, up to the present one.
pub(super) fn past() -> [Timestamp; 10] {
    [
        Timestamp::MIN,
        Timestamp::from_millis(Timestamp::MIN.as_millis() + 1),
        Timestamp::from_secs(-AFTER_2038 - 1),
        Timestamp::from_millis(-1001),
        Timestamp::from_millis(-1),
        Timestamp::from_millis(0),
        Timestamp::from_millis(1),
        Timestamp::from_millis(AFTER_2038 * 1000 - 1),
        Timestamp::from_millis(AFTER_2038 * 1000 + 1),
        NOW,
    ]
}

/// Times at which ranges end, after the present one.
pub(super) fn future() -> [Timestamp; 4] {
    [
        at(1),
        Timestamp::from_millis(AFTER_2106 * 1000 + 1),
        Timestamp::from_millis(Timestamp::MAX.as_millis() - 1),
        Timestamp::MAX,
    ]
}

async fn insert_session(store: &dyn Store, session: &Session) {
    let inserted = done(store.insert_session(session).await);
    assert_eq!(inserted, Insert::Inserted, "a new session was refused");
}

async fn insert_token(store: &dyn Store, token: &OneTimeToken) {
    let inserted = done(store.insert_token(token).await);
    assert_eq!(inserted, Insert::Inserted, "a new token was refused");
}

/// Fails with `what` unless the session comes back from each method that returns sessions.
async fn assert_session(store: &dyn Store, session: &Session, what: &str) {
    let found = done(store.session(session.id, NOW).await);
    assert_eq!(found.as_ref(), Some(session), "{what}");
    let listed = done(store.sessions_of(session.user_id, None, ALL, NOW).await);
    assert!(listed.contains(session), "{what}, listed");
}

/// Counters come back up to 2^63 - 1, from users, sessions and tokens.
pub async fn the_greatest_counters_come_back(store: Arc<dyn Store>) {
    let store = &*store;
    for (number, counter) in (1..).zip(EDGES) {
        let user = User {
            auth_epoch: counter,
            link_epoch: counter,
            version: counter,
            ..user(number)
        };
        insert_user(store, &user).await;
        assert_stored(store, &user, "a user with a great counter").await;
        let recorded = store.record_login(user.id, counter, None, None, NOW).await;
        assert!(done(recorded), "a great epoch is no condition");
        let session = Session {
            auth_epoch: counter,
            refresh_counter: counter,
            ..session(number, user.id)
        };
        insert_session(store, &session).await;
        assert_session(store, &session, "a session with a great counter").await;
        let mut token = token(number, user.id, TokenPurpose::ResetPassword);
        token.account.auth_epoch = Some(counter);
        token.account.link_epoch = counter;
        insert_token(store, &token).await;
        assert_token_stored(store, &token, "a token with a great counter").await;
    }
}

/// A counter goes up to 2^63 - 1, in each act that raises one. An argument beyond that
/// fits no record.
pub async fn a_counter_goes_up_to_the_greatest(store: Arc<dyn Store>) {
    let store = &*store;
    for (number, counter) in (1..).zip([(1 << 31) - 1, (1 << 32) - 1, 1 << 53, GREATEST - 1]) {
        let subject = |offset: u32| User {
            auth_epoch: counter,
            link_epoch: counter,
            version: counter,
            ..user(number * 100 + offset)
        };
        assert_acts_raise(store, subject).await;
        let mut session = Session {
            refresh_counter: counter,
            ..session(number, user_id(number))
        };
        insert_session(store, &session).await;
        let beyond = store.rotate(session.id, u64::MAX, POLICY, NOW).await;
        assert_eq!(
            done(beyond),
            Rotation::Gone,
            "a counter beyond the greatest"
        );
        for (presented, millis) in [(counter, 1), (counter, 2), (counter, 20_000)] {
            let expected = session.clone().rotate(presented, POLICY, at(millis));
            let rotation = done(
                store
                    .rotate(session.id, presented, POLICY, at(millis))
                    .await,
            );
            assert_eq!(rotation, expected, "a refresh at a great counter");
            match expected {
                Rotation::Rotated(next) | Rotation::Repeated(next) => session = next,
                Rotation::Reused(_) | Rotation::Gone => {}
            }
        }
        let epoch = |number: u32, auth_epoch| Session {
            auth_epoch,
            ..super::fixture::session(number + 50, user_id(number))
        };
        let (dead, live) = (epoch(number, counter), epoch(number + 100, counter + 1));
        let live = Session {
            user_id: dead.user_id,
            ..live
        };
        insert_session(store, &dead).await;
        insert_session(store, &live).await;
        let ended = store.end_dead_sessions(dead.user_id, counter + 1).await;
        assert_eq!(done(ended), 1, "the sessions below a great epoch");
        assert_session(store, &live, "the session of a great epoch").await;
    }
}

/// Fails unless each act on a user of great counters raises them as the rules of users say.
async fn assert_acts_raise(store: &dyn Store, subject: impl Fn(u32) -> User) {
    let new = PasswordHash::new("new");
    let (profile, roles) = (ProfileChange::default(), RoleChange::default());
    for offset in 0..7 {
        let mut user = subject(offset);
        insert_user(store, &user).await;
        let (id, version, state) = (user.id, user.version, user.exact_state());
        for beyond in [
            AccountState {
                auth_epoch: Some(u64::MAX),
                ..state.clone()
            },
            AccountState {
                link_epoch: u64::MAX,
                ..state.clone()
            },
            AccountState {
                version: Some(u64::MAX),
                ..state.clone()
            },
        ] {
            let verified = done(store.verify_email(&beyond).await);
            assert!(!verified, "a state beyond the greatest counter fits a user");
        }
        let recorded = store.record_login(id, u64::MAX, None, None, NOW).await;
        assert!(!done(recorded), "an epoch beyond the greatest fits a user");
        let to = email(&format!("raised{offset}.{version}@example.org"));
        let (is_done, changed) = match offset {
            0 => {
                let old = hash_of(&user);
                let replaced = store.replace_password(id, &old, &new, EpochChange::Raise);
                let replaced = done(replaced.await);
                let changed = user.replace_password(&old, &new, EpochChange::Raise);
                (replaced, changed)
            }
            1 => {
                let answer = done(store.update_profile(id, version, &profile).await);
                (answer.is_some(), user.update_profile(version, &profile))
            }
            2 => (
                done(store.verify_email(&state).await),
                user.verify_email(&state),
            ),
            3 => {
                let answer = done(store.change_email(&state, &to).await);
                let changed = user.change_email(&state, &to, None);
                let changed = changed.map(|change| change == EmailChange::Changed);
                (answer == EmailChange::Changed, changed)
            }
            4 => {
                let reset = store.reset_password(&state, &new, device(1), &profile);
                let reset = done(reset.await);
                let changed = user.reset_password(&state, &new, device(1), &profile);
                (reset, changed)
            }
            5 => {
                let answer = done(store.set_status(id, version, UserStatus::Disabled).await);
                let changed = user.set_status(version, UserStatus::Disabled);
                (answer.is_some(), changed)
            }
            _ => {
                let answer = done(store.change_roles(id, version, &roles).await);
                (answer.is_some(), user.change_roles(version, &roles))
            }
        };
        assert_eq!(changed, Ok(true), "the suite's own act");
        assert!(is_done, "an act was refused at a great counter");
        assert_stored(store, &user, "an act at a great counter").await;
    }
}

/// Times come back to the millisecond, from the year 1 to the year 9999. Those at which
/// something is inserted are not after the present one, as no clock's are.
pub async fn the_earliest_and_latest_times_come_back(store: Arc<dyn Store>) {
    let store = &*store;
    let (past, future) = (past(), future());
    for (number, time) in (1..).zip(past.into_iter().chain(future)) {
        let mut user = User {
            created_at: time,
            last_login: Some(time),
            ..user(number)
        };
        insert_user(store, &user).await;
        assert_stored(store, &user, "a user of an early or late time").await;
        for now in [time, Timestamp::MIN, Timestamp::MAX] {
            let recorded = store.record_login(user.id, 0, None, None, now).await;
            assert!(done(recorded), "a login was not recorded");
            assert!(
                user.record_login(0, None, None, now),
                "the suite's own login"
            );
            assert_stored(store, &user, "a login at an early or late time").await;
        }
    }
    let longest = RotationPolicy {
        idle_timeout: Duration::MAX,
        short_idle_timeout: Duration::MAX,
        grace: Duration::MAX,
    };
    for (number, (begin, end)) in (1..).zip(past.into_iter().zip(future.into_iter().cycle())) {
        let owner = user_id(number);
        let mut session = Session {
            created_at: begin,
            proofs: Proof::by_password(begin).into(),
            last_seen_at: begin,
            expires_at: end,
            absolute_expires_at: end,
            ..session(number, owner)
        };
        insert_session(store, &session).await;
        assert_session(store, &session, "a session of an early or late time").await;
        for _ in 0..2 {
            let rotation = done(store.rotate(session.id, 0, longest, NOW).await);
            let expected = session.clone().rotate(0, longest, NOW);
            assert_eq!(rotation, expected, "a refresh to an early or late time");
            if let Rotation::Rotated(next) = expected {
                session = next;
            }
        }
        assert_session(store, &session, "a refresh to an early or late time").await;
        let ended = done(store.session(session.id, Timestamp::MAX).await);
        assert_eq!(ended, None, "a session outlived the year 9999");
        let token = OneTimeToken {
            created_at: begin,
            expires_at: end,
            ..token(number, owner, TokenPurpose::ResetPassword)
        };
        insert_token(store, &token).await;
        assert_token_stored(store, &token, "a token of an early or late time").await;
        let listed = done(store.tokens_of(owner, NOW).await);
        assert_token(listed.first(), &token, "a token of an early or late time");
        let removed = store.remove_tokens(owner, None, begin).await;
        assert_eq!(
            done(removed),
            1,
            "the tokens made until an early or late time"
        );
    }
}

/// Identifiers and digests of any bytes come back, find their rows and are in the order of
/// their bytes.
pub async fn identifiers_of_any_bytes_come_back(store: Arc<dyn Store>) {
    let store = &*store;
    let bytes: [u8; 8] = [0x00, 0x01, 0x20, 0x41, 0x61, 0x7f, 0x80, 0xff];
    let users = bytes.map(|byte| UserId::from_bytes([byte; 12]));
    let owner = user_id(1);
    for (number, byte) in (1..).zip(bytes) {
        let user = User {
            id: UserId::from_bytes([byte; 12]),
            ..user(number)
        };
        insert_user(store, &user).await;
        assert_stored(store, &user, "a user of any id").await;
        let session = Session {
            id: SessionId::from_bytes([byte; 12]),
            user_id: user.id,
            ..session(number, owner)
        };
        insert_session(store, &session).await;
        assert_session(store, &session, "a session of any id").await;
        let mut token = token(number, user.id, TokenPurpose::ResetPassword);
        token.digest = TokenDigest::from_bytes([byte; 32]);
        insert_token(store, &token).await;
        assert_token_stored(store, &token, "a token of any digest").await;
    }
    let listed = done(store.users(None, ALL).await);
    let listed: Vec<UserId> = listed.iter().map(|user| user.id).collect();
    assert_eq!(listed, users, "the order of users of any id");
}

/// A list may be asked for with the greatest limit: it holds everything.
pub async fn a_list_of_the_greatest_limit_holds_everything(store: Arc<dyn Store>) {
    let store = &*store;
    let owner = user_id(1);
    for number in 1..=5 {
        insert_user(store, &user(number)).await;
        insert_session(store, &session(number, owner)).await;
    }
    for limit in [usize::MAX, usize::MAX - 1, 1 << 31, 1 << 32] {
        let users = done(store.users(None, limit).await);
        assert_eq!(users.len(), 5, "users by a limit of {limit}");
        let sessions = done(store.sessions_of(owner, None, limit, NOW).await);
        assert_eq!(sessions.len(), 5, "sessions by a limit of {limit}");
    }
    let ended = store.end_oldest_sessions(owner, 0, u32::MAX, NOW).await;
    assert_eq!(done(ended), 0, "sessions ended though all were to be kept");
}

/// The widest quotas and lockout tables are counted by their rules.
pub async fn the_widest_limits_equal_their_rules(store: Arc<dyn Store>) {
    let store = &*store;
    let month = Duration::from_secs(48 * 86_400);
    let key = |number: u32| LimitKey::new("widest", &number.to_be_bytes());
    for (number, quota) in (1..).zip([
        Quota::new(u32::MAX, Duration::MAX),
        Quota::new(1, Duration::MAX),
        Quota::new(2, month),
        Quota::new(u32::MAX, Duration::from_millis(1)),
    ]) {
        let hits = [Hit {
            key: key(number),
            quota,
        }];
        let mut usage = None;
        for step in 0..8 {
            let (next, expected) = quota.decide(usage, NOW);
            usage = next;
            let decision = done(store.hit_all(&hits, NOW).await);
            assert_eq!(decision, expected, "act {step} in the budget of {quota:?}");
            if step == 5 {
                done(store.give_back(&hits).await);
                usage = usage.map(|usage| quota.give_back(usage));
            }
        }
        let (_, expected) = quota.decide(usage, at(1_000));
        let decision = done(store.hit_all(&hits, at(1_000)).await);
        assert_eq!(decision == Decision::Allowed, expected == Decision::Allowed);
    }
    let steps = [(1, 1), (2, 30 * 86_400_000), (u32::MAX, 48 * 86_400_000)];
    let steps = steps.map(|(failures, millis)| LockoutStep {
        failures,
        wait: Duration::from_millis(millis),
    });
    let policy = LockoutPolicy::new(steps, Duration::from_secs(49 * 86_400))
        .unwrap_or_else(|error| panic!("the suite's own table: {error}"));
    let (mut kept, day) = (None, 86_400_000);
    for millis in [
        0,
        0,
        1,
        1,
        day,
        29 * day,
        30 * day,
        30 * day + 1,
        61 * day,
        111 * day,
    ] {
        let (next, expected) = policy.attempt(kept, at(millis));
        kept = Some(next);
        let attempt = done(store.attempt(key(1), &policy, at(millis)).await);
        assert_eq!(attempt, expected, "an attempt at {millis} ms");
    }
}

/// The method of a second factor that has this name.
fn factor(name: &str) -> Method {
    let name = MethodName::new(name);
    Method::SecondFactor(name.unwrap_or_else(|error| panic!("the suite's own method: {error}")))
}

/// The proof of an application that has this name.
fn external(name: &str) -> Method {
    let name = ExternalMethod::new(name);
    Method::External(name.unwrap_or_else(|error| panic!("the suite's own method: {error}")))
}

/// Every value of every enum of users, sessions and tokens comes back, and the most proofs with names of every length.
pub async fn every_value_of_every_enum_comes_back(store: Arc<dyn Store>) {
    let store = &*store;
    for (number, status) in (1..).zip(UserStatus::ALL) {
        let user = User {
            status,
            ..user(number)
        };
        insert_user(store, &user).await;
        assert_stored(store, &user, "a status").await;
        for status in UserStatus::ALL {
            let changed = set_status(store, user.id, status).await;
            assert_eq!(changed.status, status, "a status that was set");
        }
    }
    for (number, kind) in (21..).zip(HookKind::ALL) {
        let user = User {
            pending_hook: Some(PendingHook::new(kind)),
            ..user(number)
        };
        insert_user(store, &user).await;
        assert_stored(store, &user, "a call of a hook").await;
    }
    let by = |method, millis| Proof {
        method,
        at: at(millis),
    };
    let most = [
        by(Method::Password, 0),
        by(external("x-proof_of-24-characters"), -1),
        by(factor("0_-9"), 2),
        by(factor("z-second_factor-of-24-ch"), -3),
    ];
    let all_proofs = [
        Proofs::default(),
        Proofs::from(by(factor("sms"), 0)),
        most.into_iter().collect(),
    ];
    assert_eq!(most.len(), Proofs::MAX, "the suite's own proofs");
    let lengths = SessionLength::ALL.into_iter().cycle();
    let varieties = all_proofs.iter().cycle().zip(lengths).take(6);
    for (number, (proofs, length)) in (1..).zip(varieties) {
        let session = Session {
            proofs: proofs.clone(),
            length,
            ..session(number, user_id(number))
        };
        insert_session(store, &session).await;
        assert_session(store, &session, "proofs and a length").await;
        let token = OneTimeToken {
            sign_in: Some(PendingSignIn {
                proofs: proofs.clone(),
                length,
            }),
            ..token(number, user_id(number), TokenPurpose::SignIn)
        };
        insert_token(store, &token).await;
        assert_token_stored(store, &token, "proofs and a length that wait").await;
    }
    for (number, purpose) in (11..).zip(TokenPurpose::ALL) {
        let token = token(number, user_id(1), purpose);
        insert_token(store, &token).await;
        assert_token_stored(store, &token, "a purpose").await;
    }
}
