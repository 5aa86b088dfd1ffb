//! Users, sessions and tokens to test with. All times lie in the year 2100, so
//! that no server removes what has expired by its own clock.

use std::time::Duration;

use admittance::audit::{AuditClass, AuditRecord};
use admittance::authz::Role;
use admittance::email::Email;
use admittance::error::ErrorCode;
use admittance::event::{Notice, Operation};
use admittance::extra::Extra;
use admittance::id::{EventId, IdentityId, SessionId, UserId};
use admittance::identity::{
    Identities, Identity, IdentityUse, Issuer, ProviderEmail, ProviderId, SubjectId,
};
use admittance::limit::{LimitKey, Quota};
use admittance::lockout::{LockoutPolicy, LockoutStep};
use admittance::mail::MailKind;
use admittance::preferences::Preferences;
use admittance::proof::Proof;
use admittance::session::{RotationPolicy, Session};
use admittance::time::Timestamp;
use admittance::token::{OneTimeToken, PendingRegistration, TokenDigest, TokenPurpose};
use admittance::user::{
    DeviceDigest, DisplayName, HookKind, PasswordHash, PendingHook, User, UserStatus,
};
use serde_json::json;

pub const POLICY: RotationPolicy = RotationPolicy {
    idle_timeout: Duration::from_secs(100),
    short_idle_timeout: Duration::from_secs(30),
    grace: Duration::from_secs(10),
};

/// `seconds` after the beginning of 2100.
pub fn at(seconds: u32) -> Timestamp {
    Timestamp::from_secs(4_102_444_800 + i64::from(seconds))
}

fn id_bytes(number: u32) -> [u8; 12] {
    let mut id = [0xf4; 12];
    id[8..].copy_from_slice(&number.to_be_bytes());
    id
}

pub fn user_id(number: u32) -> UserId {
    UserId::from_bytes(id_bytes(number))
}

pub fn session_id(number: u32) -> SessionId {
    SessionId::from_bytes(id_bytes(number))
}

pub fn hash(number: u32) -> PasswordHash {
    PasswordHash::new(format!("$canary-hash${number}"))
}

/// The user `number`, with the email `address`.
pub fn user_with(number: u32, address: &str) -> User {
    let preferences = json!({"level": "B2", "seen": [1, 2.5, null], "big": 1_i64 << 40});
    User {
        id: user_id(number),
        email: Email::parse(address).unwrap(),
        name: DisplayName::parse("Zoë").unwrap(),
        password_hash: Some(hash(number)),
        created_at: at(0),
        last_login: None,
        is_verified: false,
        roles: [role(0)].into(),
        preferences: Preferences::new(preferences.as_object().unwrap().clone()).unwrap(),
        metadata: admittance::preferences::Metadata::default(),
        pending_hook: Some(pending_hook()),
        status: UserStatus::Active,
        auth_epoch: 0,
        link_epoch: 0,
        version: 0,
        devices: vec![device(0)],
        identities: Identities::default(),
    }
}

fn pending_hook() -> PendingHook {
    let data = json!({ "class": "canary", "seen": [1, 2.5, null] });
    PendingHook {
        kind: HookKind::Registered,
        data: data.as_object().unwrap().clone(),
    }
}

pub fn device(number: u32) -> DeviceDigest {
    let mut bytes = [0xde; 16];
    bytes[12..].copy_from_slice(&number.to_be_bytes());
    DeviceDigest::from_bytes(bytes)
}

/// An identity, linked `number` seconds after the users were made.
pub fn identity(number: u32) -> Identity {
    Identity {
        id: IdentityId::from_bytes(id_bytes(number)),
        provider: ProviderId::parse("example").unwrap(),
        issuer: Issuer::parse("https://id.example.org/canary").unwrap(),
        subject: SubjectId::parse(format!("canary-subject-{number}")).unwrap(),
        email: Some(ProviderEmail::parse(format!("Canary{number}@example.com")).unwrap()),
        created_at: at(number),
        last_used_at: at(number),
    }
}

/// A sign-in with the identity `number`, for an even one with another address.
pub fn used(number: u32) -> IdentityUse {
    let email = number.is_multiple_of(2).then_some("$canary@example.com");
    IdentityUse {
        key: identity(number).key(),
        email: email.map(|email| ProviderEmail::parse(email).unwrap()),
    }
}

pub fn user(number: u32) -> User {
    user_with(number, &format!("Canary{number}@Example.org"))
}

/// A session of the user `owner`, live for 100 s, or 150 s with a refresh.
pub fn session(number: u32, owner: u32) -> Session {
    Session {
        id: session_id(number),
        user_id: user_id(owner),
        auth_epoch: 0,
        created_at: at(0),
        proofs: Proof::by_password(at(0)).into(),
        last_seen_at: at(0),
        expires_at: at(100),
        absolute_expires_at: at(150),
        length: admittance::session::SessionLength::Usual,
        refresh_counter: 0,
        ip: Some("2001:db8::7".parse().unwrap()),
        user_agent: Some("a browser".to_owned()),
    }
}

/// What the token `number` is for: of two, one sets a password and one makes
/// an account.
pub fn purpose(number: u32) -> TokenPurpose {
    match number % 2 {
        0 => TokenPurpose::CompleteRegistration,
        _ => TokenPurpose::ResetPassword,
    }
}

pub fn digest(number: u32) -> TokenDigest {
    TokenDigest::of(purpose(number), &format!("canary-token-{number}"))
}

/// A token about the account of `owner`, live for 100 s. No two are made at
/// the same time.
pub fn token(number: u32, owner: u32) -> OneTimeToken {
    let owner = user(owner);
    let registration = number.is_multiple_of(2).then(|| PendingRegistration {
        user_id: user_id(number + 100),
        name: DisplayName::parse("Zoë").unwrap(),
        password_hash: hash(number),
        extra: Extra::from_store(pending_hook().data),
    });
    OneTimeToken {
        digest: digest(number),
        purpose: purpose(number),
        account: owner.state(),
        email: Email::parse(&format!("Mailed{number}@Example.org")).unwrap(),
        registration,
        sign_in: None,
        federation: None,
        created_at: Timestamp::from_millis(at(0).as_millis() + i64::from(number)),
        expires_at: at(100),
    }
}

/// A greater number is a greater id.
pub fn event_id(number: u32) -> EventId {
    let mut id = [0xe7; 12];
    id[8..].copy_from_slice(&number.to_be_bytes());
    EventId::from_bytes(id)
}

/// An event about `user`, kept for 100 s: of two, one was done and one was
/// tried by an administrator.
pub fn event(number: u32, user: u32) -> AuditRecord {
    let is_done = number.is_multiple_of(2);
    AuditRecord {
        id: event_id(number),
        last_id: event_id(number),
        count: 1,
        user_id: user_id(user),
        class: match is_done {
            true => AuditClass::Done,
            false => AuditClass::Tried,
        },
        at: at(0),
        operation: match is_done {
            true => Operation::Login,
            false => Operation::SendMail,
        },
        refused: (!is_done).then_some(ErrorCode::Internal),
        notices: (!is_done).then_some(Notice::MailGivenUp).into_iter().into(),
        // So that none is the same again.
        actor_id: (!is_done).then(|| user_id(7700 + number)),
        session_id: is_done.then(|| session_id(number)),
        mail: (!is_done).then_some(MailKind::NewDevice),
        ip: is_done.then(|| "2001:db8::7".parse().unwrap()),
        user_agent: is_done.then(|| "Zoë's browser".to_owned()),
        expires_at: at(100),
    }
}

/// An event of user 5 that is the same each time.
pub fn login(number: u32) -> AuditRecord {
    AuditRecord {
        session_id: None,
        ..event(number * 2, 5)
    }
}

pub fn key(number: u32) -> LimitKey {
    LimitKey::new("test", &number.to_be_bytes())
}

/// Waits after two and four failures, all forgotten after 1000 s.
pub fn lockout() -> LockoutPolicy {
    let step = |failures, seconds| LockoutStep {
        failures,
        wait: Duration::from_secs(seconds),
    };
    LockoutPolicy::new([step(2, 10), step(4, 60)], Duration::from_secs(1000)).unwrap()
}

/// What every user is, for 0, and others.
pub fn role(number: u32) -> Role {
    match number {
        0 => Role::new("student").unwrap(),
        other => Role::new(&format!("role{other}")).unwrap(),
    }
}

/// Three at once, and one every ten seconds.
pub fn quota() -> Quota {
    Quota::new(3, Duration::from_secs(10))
}
