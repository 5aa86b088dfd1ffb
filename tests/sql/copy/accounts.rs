//! Some hundred records of each kind, among them the greatest and strangest ones, and what a
//! store has of them.

use std::collections::BTreeSet;

use admittance::audit::{AuditClass, AuditRecord};
use admittance::authz::Role;
use admittance::email::Email;
use admittance::event::Notice;
use admittance::extra::Extra;
use admittance::id::{EventId, IdentityId, SessionId, UserId};
use admittance::identity::{Issuer, SubjectId};
use admittance::preferences::{Metadata, Preferences};
use admittance::proof::{ExternalMethod, Method, MethodName, Proof, Proofs};
use admittance::session::{Session, SessionLength};
use admittance::store::copy::RecordStore;
use admittance::store::{Insert, InsertUser, MemoryStore, Store};
use admittance::time::Timestamp;
use admittance::token::{
    OneTimeToken, PendingRegistration, PendingSignIn, TokenDigest, TokenPurpose,
};
use admittance::user::{
    DeviceDigest, DisplayName, HookKind, PasswordHash, PendingHook, User, UserStatus,
};
use serde_json::{Map, Value, json};
use support::sample::{
    self, POLICY, at, device, event, identity, key, lockout, role, session, token,
};

/// How many records there are of each kind.
pub(crate) const COUNT: u32 = 300;

/// The greatest counter that stores keep.
const GREATEST: u64 = (1 << 63) - 1;

/// An id that is not in the order of the numbers; the first and the last one are the edges.
fn scattered(number: u32) -> [u8; 12] {
    match number {
        0 => [0; 12],
        1 => [0xff; 12],
        _ => {
            let mut id = [0x5a; 12];
            id[..4].copy_from_slice(&number.wrapping_mul(0x9e37_79b1).to_be_bytes());
            id[8..].copy_from_slice(&number.to_be_bytes());
            id
        }
    }
}

fn owner(number: u32) -> UserId {
    UserId::from_bytes(scattered(number % COUNT))
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// What JSON has, in no order of names.
fn values() -> Map<String, Value> {
    object(json!({
        "z": [1, 1.0, -0.0, 0.1, 1e300, 5e-324, i64::MIN, i64::MAX, 4_294_967_296_i64],
        "a": { "e": [], "Zoë \u{1f98a}": null, "b": [true, false, {}] },
        "m": "\u{10400}\u{1}\\\"",
    }))
}

fn preferences(value: Map<String, Value>) -> Preferences {
    Preferences::from_store(value)
}

pub(crate) fn user(number: u32) -> User {
    let address = match number {
        2 => format!("{}@{}.example", "\u{c9}".repeat(32), "\u{fc}".repeat(30)),
        _ => format!("Canary{number}@Example.org"),
    };
    let mut user = User {
        id: owner(number),
        email: Email::parse(&address).unwrap(),
        ..sample::user(number)
    };
    match number {
        0 => {
            user.name = DisplayName::parse(&"\u{10400}".repeat(100)).unwrap();
            user.created_at = Timestamp::MIN;
            user.last_login = Some(Timestamp::MAX);
        }
        1 => user.password_hash = None,
        2 => user.password_hash = Some(PasswordHash::new("$aB3/+".repeat(170))),
        3 => {
            let long = |number: u32| Role::new(&format!("r{:a>59}{number:04}", "")).unwrap();
            user.roles = (0..256).map(long).collect();
        }
        4 => {
            let edges = [[0; 16], [0xff; 16], *b"0123456789abcde\0"].map(DeviceDigest::from_bytes);
            user.devices = edges.into_iter().chain((0..17).map(device)).collect();
        }
        9 => {
            user.password_hash = None;
            user.identities = (1000..1020).map(identity).collect();
        }
        10 => {
            let long = |text: &str| text.repeat(255 / text.len());
            let mut longest = identity(10);
            longest.id = IdentityId::from_bytes([0xff; 12]);
            longest.issuer = Issuer::parse(long("\u{10400}")).unwrap();
            longest.subject = SubjectId::parse(long("\u{e9}")).unwrap();
            longest.email = None;
            (longest.created_at, longest.last_used_at) = (Timestamp::MIN, Timestamp::MAX);
            user.identities = [longest, identity(2011)].into_iter().collect();
        }
        5 => user.preferences = preferences(values()),
        6 => (user.auth_epoch, user.link_epoch, user.version) = (GREATEST, GREATEST, GREATEST),
        7 => {
            let text = "\u{1f98a}\u{e4}Z".repeat(2300);
            user.preferences = preferences(object(json!({ "T": text })));
            user.metadata = Metadata::from_store(values());
        }
        8 => {
            let data = object(json!({ "name": "Zoë", "preferences": values() }));
            let kind = HookKind::TakenOver;
            user.pending_hook = Some(PendingHook { kind, data });
        }
        _ => {
            user.is_verified = number.is_multiple_of(2);
            user.roles = (0..number % 4).map(role).collect();
            user.pending_hook = user.pending_hook.filter(|_| number.is_multiple_of(3));
            user.last_login = number.is_multiple_of(3).then(|| at(number));
            if number.is_multiple_of(11) {
                user.identities = [identity(number)].into_iter().collect();
            }
            user.auth_epoch = u64::from(number % 5);
            user.version = u64::from(number);
            if number.is_multiple_of(7) {
                user.status = UserStatus::Disabled;
            }
        }
    }
    user
}

fn proofs() -> Proofs {
    let name = MethodName::new("a_method-with_24_letters").unwrap();
    let external = ExternalMethod::new("x-of-the_application-0-z").unwrap();
    let of = |method, at| Proof { method, at };
    [
        of(Method::Password, Timestamp::MIN),
        of(Method::SecondFactor(name), at(1)),
        of(Method::External(external), Timestamp::MAX),
    ]
    .into_iter()
    .collect()
}

fn session_at(number: u32) -> Session {
    let mut session = Session {
        id: SessionId::from_bytes(scattered(number)),
        user_id: owner(number),
        ..session(number, number)
    };
    match number {
        0 => {
            session.created_at = Timestamp::MIN;
            session.last_seen_at = Timestamp::MIN;
            session.expires_at = Timestamp::MAX;
            session.absolute_expires_at = Timestamp::MAX;
        }
        1 => (session.auth_epoch, session.refresh_counter) = (GREATEST, GREATEST),
        2 => session.proofs = proofs(),
        3 => session.user_agent = Some("\u{10400}".repeat(256)),
        4 => session.user_agent = Some(String::new()),
        5 => (session.user_agent, session.ip) = (None, None),
        // A session of each second expires at second 50.
        6 => session.expires_at = at(50),
        _ => {
            session.refresh_counter = u64::from(number % 9);
            session.ip = Some(match number % 3 {
                0 => "203.0.113.9".parse().unwrap(),
                1 => "::ffff:203.0.113.9".parse().unwrap(),
                _ => "2001:db8::7".parse().unwrap(),
            });
            if number.is_multiple_of(2) {
                session.length = SessionLength::Short;
            }
        }
    }
    session
}

/// The session that is ended by a reused refresh token.
pub(crate) const REUSED: u32 = 7;

fn token_at(number: u32) -> OneTimeToken {
    let digest = match number {
        0 => TokenDigest::from_bytes([0; 32]),
        1 => TokenDigest::from_bytes([0xff; 32]),
        _ => sample::digest(number),
    };
    let mut token = OneTimeToken {
        digest,
        account: user(number).state(),
        ..token(number, number)
    };
    match number {
        0 => {
            token.registration = Some(PendingRegistration {
                user_id: UserId::from_bytes([0xff; 12]),
                name: DisplayName::parse(&"\u{10400}".repeat(100)).unwrap(),
                password_hash: PasswordHash::new("$aB3/+".repeat(170)),
                extra: Extra::from_store(values()),
            });
        }
        1 => (token.created_at, token.expires_at) = (Timestamp::MIN, Timestamp::MAX),
        2 => token.account.auth_epoch = None,
        3 => token.expires_at = at(50),
        number if number % 5 == 4 => {
            token.purpose = TokenPurpose::SignIn;
            token.registration = None;
            token.sign_in = Some(PendingSignIn {
                proofs: proofs(),
                length: SessionLength::Short,
            });
        }
        _ => {}
    }
    token
}

fn event_at(number: u32) -> AuditRecord {
    let id = EventId::from_bytes(scattered(number));
    let mut event = AuditRecord {
        id,
        last_id: id,
        user_id: owner(number / 3),
        ..event(number, number)
    };
    match number {
        0 => event.count = GREATEST,
        1 => (event.at, event.expires_at) = (Timestamp::MIN, Timestamp::MAX),
        2 => event.notices = Notice::ALL.into_iter().into(),
        3 => event.user_agent = Some("\u{10400}".repeat(256)),
        4 => event.expires_at = at(50),
        5 => event.last_id = EventId::from_bytes([0xff; 12]),
        6 => event.class = AuditClass::Credentials,
        _ => {}
    }
    event
}

fn keys() -> impl Iterator<Item = (u32, admittance::limit::LimitKey)> {
    (0..COUNT).map(|number| (number, key(number)))
}

/// Puts the records into a store by the methods that a service calls.
pub(crate) async fn fill(store: &dyn Store) {
    for number in 0..COUNT {
        let inserted = store.insert_user(&user(number)).await.unwrap();
        assert_eq!(inserted, InsertUser::Inserted, "{number}");
        let inserted = store.insert_session(&session_at(number)).await.unwrap();
        assert_eq!(inserted, Insert::Inserted, "{number}");
        let inserted = store.insert_token(&token_at(number)).await.unwrap();
        assert_eq!(inserted, Insert::Inserted, "{number}");
        let inserted = store.append_event(&event_at(number), 10_000).await.unwrap();
        assert_eq!(inserted, Insert::Inserted, "{number}");
    }
    for (number, key) in keys() {
        // One key is forgotten before second 50, the others are not.
        for attempt in 0..=number % 5 {
            let now = match number {
                0 => Timestamp::from_secs(0),
                _ => at(attempt),
            };
            let _ = store.attempt(key, &lockout(), now).await.unwrap();
        }
    }
    let reused = session_at(REUSED);
    let counter = reused.refresh_counter;
    for presented in [counter, counter + 1, counter] {
        let rotation = store.rotate(reused.id, presented, POLICY, at(20)).await;
        let _ = rotation.unwrap();
    }
    assert_eq!(store.session(reused.id, at(50)).await.unwrap(), None);
}

/// All that a store has at second 50 of what it was filled with, read by each method that a
/// service reads it by. Afterwards each key has one attempt more.
pub(crate) async fn contents(store: &dyn Store) -> Vec<String> {
    let now = at(50);
    let found = MemoryStore::new();
    let users = store.users(None, usize::MAX).await.unwrap();
    for user in &users {
        for same in [
            store.user(user.id).await.unwrap(),
            store.user_by_email(user.email.canonical()).await.unwrap(),
        ] {
            assert_eq!(
                texts(&[same.unwrap()]).await,
                texts(std::slice::from_ref(user)).await
            );
        }
        for identity in &user.identities {
            let same = store.user_by_identity(&identity.key()).await.unwrap();
            assert_eq!(
                texts(&[same.unwrap()]).await,
                texts(std::slice::from_ref(user)).await
            );
        }
        let sessions = store.sessions_of(user.id, None, usize::MAX, now).await;
        found.put(sessions.unwrap()).await.unwrap();
        let tokens = store.tokens_of(user.id, now).await.unwrap();
        found.put(tokens).await.unwrap();
        let events = store.events_of(user.id, None, usize::MAX, now).await;
        found.put(events.unwrap()).await.unwrap();
    }
    found.put(users).await.unwrap();
    // The same once more, by their keys.
    for number in 0..COUNT {
        let session = session_at(number);
        let session = store.session(session.id, now).await.unwrap();
        let session: Vec<Session> = session.into_iter().collect();
        found.put(session).await.unwrap();
        let token = token_at(number);
        let token = store.token(token.digest, token.purpose, now).await.unwrap();
        let token: Vec<OneTimeToken> = token.into_iter().collect();
        found.put(token).await.unwrap();
    }
    let mut all = found.dump();
    all.sort_unstable();
    let roles: BTreeSet<Role> = (0..COUNT).flat_map(|number| user(number).roles).collect();
    for role in &roles {
        let is_held = store.has_other(role, owner(0)).await.unwrap();
        all.push(format!("{role:?} {is_held}"));
    }
    for (number, key) in keys() {
        let attempt = store.attempt(key, &lockout(), now).await.unwrap();
        all.push(format!("attempts {number} {attempt:?}"));
    }
    all
}

async fn texts(users: &[User]) -> Vec<String> {
    let store = MemoryStore::new();
    store.put(users.to_vec()).await.unwrap();
    store.dump()
}
