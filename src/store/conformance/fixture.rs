//! What the properties are made of: values and comparisons.

use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use serde_json::json;

use crate::audit::{AuditClass, AuditRecord};
use crate::authz::Role;
use crate::email::Email;
use crate::event::Operation;
use crate::extra::Extra;
use crate::id::{EventId, IdentityId, SessionId, UserId};
use crate::identity::{
    Identities, Identity, IdentityUse, Issuer, ProviderEmail, ProviderId, SubjectId,
};
use crate::preferences::{Metadata, Preferences};
use crate::proof::{Method, MethodName, Proof, Proofs};
use crate::session::{RotationPolicy, Session, SessionLength};
use crate::store::{InsertUser, RoleChange, Store, StoreError};
use crate::time::Timestamp;
use crate::token::{
    OneTimeToken, PendingFederation, PendingIdentity, PendingRegistration, TokenDigest,
    TokenPurpose,
};
use crate::user::{
    AccountState, DeviceDigest, DisplayName, HookKind, PasswordHash, PendingHook, User, UserStatus,
};

/// 2100-01-01T00:00:00.007Z.
pub(super) const NOW: Timestamp = Timestamp::from_millis(4_102_444_800_007);

/// The greatest counter that is asked for.
pub(super) const GREATEST: u64 = (1 << 63) - 1;

pub(super) const POLICY: RotationPolicy = RotationPolicy {
    idle_timeout: Duration::from_secs(100),
    short_idle_timeout: Duration::from_secs(30),
    grace: Duration::from_secs(10),
};

/// `millis` milliseconds after [`NOW`].
pub(super) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() + millis)
}

fn id_bytes(number: u32) -> [u8; 12] {
    let mut id = *b"\xf4\x86\x57\x00\0\0\0\0\0\0\0\0";
    let (_, tail) = id.split_at_mut(8);
    tail.copy_from_slice(&number.to_be_bytes());
    id
}

pub(super) fn user_id(number: u32) -> UserId {
    UserId::from_bytes(id_bytes(number))
}

pub(super) fn session_id(number: u32) -> SessionId {
    SessionId::from_bytes(id_bytes(number))
}

pub(super) fn email(given: &str) -> Email {
    Email::parse(given).unwrap_or_else(|error| panic!("the suite's own address {given}: {error}"))
}

/// An ordinary user; another `number` gives another id and email.
pub(super) fn user(number: u32) -> User {
    User {
        id: user_id(number),
        email: email(&format!("User{number}@Example.org")),
        name: DisplayName::from_store(format!("User {number}")),
        password_hash: Some(PasswordHash::new(format!("hash {number}"))),
        created_at: NOW,
        last_login: None,
        is_verified: false,
        roles: BTreeSet::new(),
        preferences: Preferences::default(),
        metadata: Metadata::default(),
        pending_hook: None,
        status: UserStatus::Active,
        auth_epoch: 0,
        link_epoch: 0,
        version: 0,
        devices: Vec::new(),
        identities: Identities::default(),
    }
}

/// The hash of a user who has a password.
pub(super) fn hash_of(user: &User) -> PasswordHash {
    let hash = user.password_hash.clone();
    hash.unwrap_or_else(|| panic!("the suite's own user has no password"))
}

/// A user of whom no field is what it is at first, but whom nobody has verified.
pub(super) fn rich_user(number: u32) -> User {
    let level = match json!({"level": "C1"}) {
        serde_json::Value::Object(object) => Preferences::from_store(object),
        _ => Preferences::default(),
    };
    User {
        last_login: Some(at(5)),
        roles: roles(["examiner"]),
        preferences: level,
        auth_epoch: 7,
        link_epoch: 4,
        version: 3,
        devices: vec![device(1), device(2)],
        identities: identities([number]),
        ..user(number)
    }
}

pub(super) fn provider_email(text: &str) -> ProviderEmail {
    let email = ProviderEmail::parse(text);
    email.unwrap_or_else(|error| panic!("the suite's own address {text}: {error}"))
}

/// The subject with this name, at this issuer.
pub(super) fn subject(issuer: &str, subject: &str) -> (Issuer, SubjectId) {
    match (Issuer::parse(issuer), SubjectId::parse(subject)) {
        (Ok(issuer), Ok(subject)) => (issuer, subject),
        wrong => panic!("the suite's own subject: {wrong:?}"),
    }
}

/// An ordinary identity; another `number` gives another id and subject, and a greater one is
/// younger.
pub(super) fn identity(number: u32) -> Identity {
    let (issuer, subject) = subject("https://id.example.org", &format!("subject {number}"));
    let provider = ProviderId::parse("example-1");
    Identity {
        id: IdentityId::from_bytes(id_bytes(number)),
        provider: provider.unwrap_or_else(|error| panic!("the suite's own provider: {error}")),
        issuer,
        subject,
        email: Some(provider_email(&format!("User{number}@Example.com"))),
        created_at: at(number.into()),
        last_used_at: at(number.into()),
    }
}

pub(super) fn identities<const N: usize>(numbers: [u32; N]) -> Identities {
    numbers.into_iter().map(identity).collect()
}

/// A sign-in with the identity `number`, for which the provider gives no address.
pub(super) fn used(number: u32) -> IdentityUse {
    let key = identity(number).key();
    IdentityUse { key, email: None }
}

/// The role of this name.
pub(super) fn role(name: &str) -> Role {
    Role::new(name).unwrap_or_else(|error| panic!("the suite's own role {name}: {error}"))
}

/// The roles of these names.
pub(super) fn roles<const N: usize>(names: [&str; N]) -> BTreeSet<Role> {
    names.into_iter().map(role).collect()
}

/// A password and a second factor, with the longest name that a method has.
pub(super) fn proofs() -> Proofs {
    let name = MethodName::new("a-second_factor-of-24-ch");
    let name = name.unwrap_or_else(|error| panic!("the suite's own method: {error}"));
    let method = Method::SecondFactor(name);
    Proofs::from(Proof::by_password(Timestamp::from_millis(-1))).and(Proof { method, at: NOW })
}

/// The short length, or the usual one.
pub(super) fn length(is_short: bool) -> SessionLength {
    match is_short {
        true => SessionLength::Short,
        false => SessionLength::Usual,
    }
}

/// A person whom a provider has identified, who waits in a token.
pub(super) fn federation(number: u32) -> PendingFederation {
    let identity = identity(number);
    PendingFederation::Identity(PendingIdentity {
        provider: identity.provider,
        issuer: identity.issuer,
        subject: identity.subject,
        email: identity.email,
        email_is_verified: true,
        name: DisplayName::from_store("Zo\u{eb} \u{1f98a}".to_owned()),
        auth_time: Some(Timestamp::from_millis(-1)),
        length: length(number.is_multiple_of(2)),
        return_to: Some("/exams?level=\u{fc}".to_owned()),
    })
}

/// An ordinary session, live for 100 s, or 150 s with a refresh.
pub(super) fn session(number: u32, user_id: UserId) -> Session {
    Session {
        id: session_id(number),
        user_id,
        auth_epoch: 0,
        created_at: NOW,
        proofs: Proof::by_password(NOW).into(),
        last_seen_at: NOW,
        expires_at: at(100_000),
        absolute_expires_at: at(150_000),
        length: SessionLength::Usual,
        refresh_counter: 0,
        ip: None,
        user_agent: None,
    }
}

/// An ordinary token, live for 100 s. Its account's address is another one than
/// that which it was mailed to.
pub(super) fn token(number: u32, user_id: UserId, purpose: TokenPurpose) -> OneTimeToken {
    let account = email(&format!("account{number}@example.org"));
    OneTimeToken {
        digest: digest(number),
        purpose,
        account: AccountState {
            id: user_id,
            email: account.canonical().clone(),
            auth_epoch: Some(0),
            link_epoch: 0,
            version: None,
        },
        email: email(&format!("Mailed{number}@Example.org")),
        registration: None,
        sign_in: None,
        federation: None,
        created_at: NOW,
        expires_at: at(100_000),
    }
}

/// The digest of the token `number`, whatever it is for.
pub(super) fn digest(number: u32) -> TokenDigest {
    let mut bytes = [0xd1; 32];
    let (_, tail) = bytes.split_at_mut(28);
    tail.copy_from_slice(&number.to_be_bytes());
    TokenDigest::from_bytes(bytes)
}

pub(super) fn device(number: u32) -> DeviceDigest {
    let mut bytes = [0xde; 16];
    let (_, tail) = bytes.split_at_mut(12);
    tail.copy_from_slice(&number.to_be_bytes());
    DeviceDigest::from_bytes(bytes)
}

/// The id of the event `number`; a greater number is a greater id.
pub(super) fn event_id(number: u32) -> EventId {
    let mut id = [0; 12];
    let (millis, tail) = id.split_at_mut(6);
    millis.copy_from_slice(b"\x03\xbb\x2c\xc3\xd8\x07");
    let (_, tail) = tail.split_at_mut(2);
    tail.copy_from_slice(&number.to_be_bytes());
    EventId::from_bytes(id)
}

/// An ordinary event about the user `user`, kept for 100 s. No other number's is
/// the same again.
pub(super) fn event(number: u32, user: u32, class: AuditClass) -> AuditRecord {
    AuditRecord {
        id: event_id(number),
        last_id: event_id(number),
        count: 1,
        user_id: user_id(user),
        class,
        at: NOW,
        operation: Operation::Login,
        refused: None,
        notices: crate::event::Notices::default(),
        actor_id: None,
        session_id: Some(session_id(number)),
        mail: None,
        ip: None,
        user_agent: None,
        expires_at: at(100_000),
    }
}

/// What the store answered; an error is a failure of the property.
#[track_caller]
pub(super) fn done<T>(result: Result<T, StoreError>) -> T {
    result.unwrap_or_else(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        panic!(
            "the store failed where it must not: {error}: {}",
            cause.unwrap_or_default()
        )
    })
}

/// What a registration sent along: values of each kind.
pub(super) fn extra() -> Extra {
    let values = json!({ "class": "7b", "Zo\u{eb} \u{1f98a}": [1, -2.5, true, null, { "a": {} }] });
    Extra::from_store(values.as_object().cloned().unwrap_or_default())
}

/// A call of the hooks, with arguments.
pub(super) fn pending_hook() -> PendingHook {
    PendingHook {
        kind: HookKind::Registered,
        data: extra().as_map().clone(),
    }
}

/// The first field in which two users differ.
fn difference(a: &User, b: &User) -> Option<&'static str> {
    // Taken apart so that a new field cannot be forgotten here.
    let User {
        id,
        email,
        name,
        password_hash,
        created_at,
        last_login,
        is_verified,
        roles,
        preferences,
        metadata,
        pending_hook,
        status,
        auth_epoch,
        link_epoch,
        version,
        devices,
        identities,
    } = a;
    let same_password = match (password_hash, &b.password_hash) {
        (Some(a), Some(b)) => a.is(b),
        (a, b) => a.is_none() && b.is_none(),
    };
    [
        ("id", *id == b.id),
        ("email", *email == b.email),
        ("name", *name == b.name),
        ("password_hash", same_password),
        ("created_at", *created_at == b.created_at),
        ("last_login", *last_login == b.last_login),
        ("is_verified", *is_verified == b.is_verified),
        ("roles", *roles == b.roles),
        ("preferences", *preferences == b.preferences),
        ("metadata", *metadata == b.metadata),
        ("pending_hook", *pending_hook == b.pending_hook),
        ("status", *status == b.status),
        ("auth_epoch", *auth_epoch == b.auth_epoch),
        ("link_epoch", *link_epoch == b.link_epoch),
        ("version", *version == b.version),
        ("devices", *devices == b.devices),
        ("identities", *identities == b.identities),
    ]
    .into_iter()
    .find_map(|(field, same)| (!same).then_some(field))
}

/// The first field in which two tokens differ.
fn token_difference(a: &OneTimeToken, b: &OneTimeToken) -> Option<&'static str> {
    let OneTimeToken {
        digest,
        purpose,
        account,
        email,
        registration,
        sign_in,
        federation,
        created_at,
        expires_at,
    } = a;
    let same_registration = match (registration, &b.registration) {
        (None, None) => true,
        (Some(a), Some(b)) => {
            let PendingRegistration {
                user_id,
                name,
                password_hash,
                extra,
            } = a;
            let same_hash = password_hash.is(&b.password_hash);
            *user_id == b.user_id && *name == b.name && same_hash && *extra == b.extra
        }
        _ => false,
    };
    [
        ("digest", *digest == b.digest),
        ("purpose", *purpose == b.purpose),
        ("account", *account == b.account),
        ("email", *email == b.email),
        ("registration", same_registration),
        ("sign_in", *sign_in == b.sign_in),
        ("federation", *federation == b.federation),
        ("created_at", *created_at == b.created_at),
        ("expires_at", *expires_at == b.expires_at),
    ]
    .into_iter()
    .find_map(|(field, same)| (!same).then_some(field))
}

/// Fails with `what` unless `got` is `expected`.
#[track_caller]
pub(super) fn assert_token(got: Option<&OneTimeToken>, expected: &OneTimeToken, what: &str) {
    let Some(got) = got else {
        panic!("{what}: the token is not there")
    };
    if let Some(field) = token_difference(got, expected) {
        panic!("{what}: {field} differs: {got:?} instead of {expected:?}");
    }
}

/// Fails with `what` unless the store gives out `expected`.
pub(super) async fn assert_token_stored(store: &dyn Store, expected: &OneTimeToken, what: &str) {
    let found = done(store.token(expected.digest, expected.purpose, NOW).await);
    assert_token(found.as_ref(), expected, what);
}

/// Fails with `what` unless `got` is `expected`.
#[track_caller]
pub(super) fn assert_user(got: Option<&User>, expected: &User, what: &str) {
    let Some(got) = got else {
        panic!("{what}: the user is not there")
    };
    if let Some(field) = difference(got, expected) {
        panic!("{what}: {field} differs: {got:?} instead of {expected:?}");
    }
}

/// Fails with `what` unless each look-up gives `expected`.
pub(super) async fn assert_stored(store: &dyn Store, expected: &User, what: &str) {
    let by_id = done(store.user(expected.id).await);
    assert_user(by_id.as_ref(), expected, what);
    let by_email = done(store.user_by_email(expected.email.canonical()).await);
    assert_user(by_email.as_ref(), expected, what);
    for identity in &expected.identities {
        let by_identity = done(store.user_by_identity(&identity.key()).await);
        assert_user(by_identity.as_ref(), expected, what);
    }
}

/// Fails with `what` if a look-up finds `user`.
pub(super) async fn assert_no_user(store: &dyn Store, user: &User, what: &str) {
    let by_id = done(store.user(user.id).await);
    assert!(by_id.is_none(), "{what}: the id finds a user");
    let by_email = done(store.user_by_email(user.email.canonical()).await);
    assert!(by_email.is_none(), "{what}: the email finds a user");
    for identity in &user.identities {
        assert_free(store, identity, what).await;
    }
}

/// Fails with `what` unless no user has the identity.
pub(super) async fn assert_free(store: &dyn Store, identity: &Identity, what: &str) {
    let found = done(store.user_by_identity(&identity.key()).await);
    assert!(found.is_none(), "{what}: the identity finds a user");
}

/// Inserts a user whom nothing speaks against.
pub(super) async fn insert_user(store: &dyn Store, user: &User) {
    assert_eq!(
        done(store.insert_user(user).await),
        InsertUser::Inserted,
        "a new user was refused"
    );
}

/// The user as the store has it.
pub(super) async fn stored(store: &dyn Store, id: UserId) -> User {
    let found = done(store.user(id).await);
    found.unwrap_or_else(|| panic!("the user is not there"))
}

/// Sets the status of the user as it is; fails unless that is done.
pub(super) async fn set_status(store: &dyn Store, id: UserId, status: UserStatus) -> User {
    let version = stored(store, id).await.version;
    let answer = done(store.set_status(id, version, status).await);
    answer.unwrap_or_else(|| panic!("the status of a user was not set in its version"))
}

/// Changes the roles of the user as it is; fails unless that is done.
pub(super) async fn change_roles(store: &dyn Store, id: UserId, change: &RoleChange) -> User {
    let version = stored(store, id).await.version;
    let answer = done(store.change_roles(id, version, change).await);
    answer.unwrap_or_else(|| panic!("the roles of a user were not changed in its version"))
}

/// Does `act` under the version that the user `id` has, until it is done.
pub(super) async fn until_done<T, F>(store: &dyn Store, id: UserId, act: impl Fn(u64) -> F) -> T
where
    F: Future<Output = Result<Option<T>, StoreError>>,
{
    loop {
        let version = stored(store, id).await.version;
        if let Some(answer) = done(act(version).await) {
            return answer;
        }
    }
}

/// Fails with `what` unless `session` is in no way there at `now`.
pub(super) async fn assert_ended(store: &dyn Store, session: &Session, now: Timestamp, what: &str) {
    assert_eq!(done(store.session(session.id, now).await), None, "{what}");
    let listed = done(store.sessions_of(session.user_id, None, ALL, now).await);
    assert!(
        listed.iter().all(|other| other.id != session.id),
        "{what}, and it is still listed"
    );
}

/// More sessions or events than any property makes for one user.
pub(super) const ALL: usize = 10_000;
