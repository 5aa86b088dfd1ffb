//! What the memory store promises besides the conformance suite: bounds,
//! removal of what has expired, and silence.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use admittance::audit::{AuditClass, AuditRecord};
use admittance::email::Email;
use admittance::event::Operation;
use admittance::id::{EventId, SessionId, UserId};
use admittance::limit::{Decision, Hit, LimitKey, Quota};
use admittance::lockout::{Attempt, LockoutPolicy};
use admittance::preferences::Preferences;
use admittance::proof::Proof;
use admittance::session::{Rotation, RotationPolicy, Session};
use admittance::store::{
    AuditStore, Insert, InsertUser, LimitStore, MemoryCapacity, MemoryCounts, MemoryStore,
    SessionStore, StoreError, TokenStore, UserStore,
};
use admittance::time::Timestamp;
use admittance::token::{OneTimeToken, TokenDigest, TokenPurpose};
use admittance::user::{DisplayName, PasswordHash, User, UserStatus};

fn at(seconds: u32) -> Timestamp {
    Timestamp::from_secs(seconds.into())
}

fn bytes(number: u32) -> [u8; 12] {
    let [a, b, c, d] = number.to_be_bytes();
    [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0]
}

fn user(number: u32) -> User {
    let address = format!("canary{number}@example.org");
    User {
        id: UserId::from_bytes(bytes(number)),
        email: Email::from_store(address.clone(), address),
        name: DisplayName::from_store("canary".to_owned()),
        password_hash: Some(PasswordHash::new("canary")),
        created_at: at(0),
        last_login: None,
        is_verified: false,
        roles: BTreeSet::new(),
        preferences: Preferences::default(),
        metadata: admittance::preferences::Metadata::default(),
        pending_hook: None,
        status: UserStatus::Active,
        auth_epoch: 0,
        link_epoch: 0,
        version: 0,
        devices: Vec::new(),
        identities: admittance::identity::Identities::default(),
    }
}

/// Lives from second `opened` for 100 s.
fn session(number: u32, opened: u32) -> Session {
    Session {
        id: SessionId::from_bytes(bytes(number)),
        user_id: UserId::from_bytes(bytes(number % 10)),
        auth_epoch: 0,
        created_at: at(opened),
        proofs: Proof::by_password(at(opened)).into(),
        last_seen_at: at(opened),
        expires_at: at(opened + 100),
        absolute_expires_at: at(opened + 1000),
        length: admittance::session::SessionLength::Usual,
        refresh_counter: 0,
        ip: None,
        user_agent: Some("canary".to_owned()),
    }
}

/// Lives from second `made` for 100 s.
fn token(number: u32, made: u32) -> OneTimeToken {
    let purpose = TokenPurpose::ResetPassword;
    let owner = user(number % 10);
    OneTimeToken {
        digest: TokenDigest::of(purpose, &format!("canary {number}")),
        purpose,
        account: owner.state(),
        email: owner.email,
        registration: None,
        sign_in: None,
        federation: None,
        created_at: at(made),
        expires_at: at(made + 100),
    }
}

/// An event about one of ten users, kept from second `at` for 100 s.
fn event(number: u32, at: u32) -> AuditRecord {
    let mut id = [0; 12];
    id[8..].copy_from_slice(&number.to_be_bytes());
    AuditRecord {
        id: EventId::from_bytes(id),
        last_id: EventId::from_bytes(id),
        count: 1,
        user_id: UserId::from_bytes(bytes(number % 10)),
        class: AuditClass::Done,
        at: self::at(at),
        operation: Operation::Login,
        refused: None,
        notices: admittance::event::Notices::default(),
        actor_id: None,
        session_id: Some(session(number, 0).id),
        mail: None,
        ip: None,
        user_agent: Some("canary".to_owned()),
        expires_at: self::at(at + 100),
    }
}

fn key(number: u32) -> LimitKey {
    LimitKey::new("flood", &number.to_be_bytes())
}

/// One act each ten seconds, five at once.
fn quota() -> Quota {
    Quota::new(5, Duration::from_secs(10))
}

fn one(key: LimitKey) -> [Hit; 1] {
    let quota = quota();
    [Hit { key, quota }]
}

fn small(limits: usize) -> MemoryStore {
    MemoryStore::with_capacity(MemoryCapacity {
        users: 3,
        sessions: 100,
        tokens: 100,
        registrations: 100,
        flows: 100,
        limits,
        events: 100,
    })
}

#[tokio::test]
async fn ghsa_40_a_million_keys_of_strangers_stay_bounded() {
    let store = small(10_000);
    for number in 0..1_000_000 {
        let decision = store.hit_all(&one(key(number)), at(0)).await.unwrap();
        assert_eq!(decision, Decision::Allowed);
        if number % 1000 == 0 {
            assert!(store.counts().limits <= 10_000);
        }
    }
    assert_eq!(store.counts().limits, 10_000);
    // For an instance that is a minute behind, they are whole a minute later.
    assert_eq!(store.remove_expired(at(69)), 0);
    assert_eq!(store.remove_expired(at(70)), 10_000);
    assert_eq!(store.counts().limits, 0);
}

#[tokio::test]
async fn ghsa_40_a_flood_of_fresh_keys_frees_no_loaded_one() {
    let store = small(1000);
    let locked = LimitKey::new("login", b"ann@example.org");
    for _ in 0..5 {
        let decision = store.hit_all(&one(locked), at(0)).await.unwrap();
        assert_eq!(decision, Decision::Allowed);
    }
    for number in 0..100_000 {
        let _ = store.hit_all(&one(key(number)), at(0)).await.unwrap();
    }
    assert_eq!(store.counts().limits, 1000);
    let decision = store.hit_all(&one(locked), at(0)).await.unwrap();
    assert_ne!(decision, Decision::Allowed, "a flood unlocked an account");
}

#[tokio::test]
async fn expired_keys_make_room_before_live_ones() {
    let store = small(1000);
    for number in 0..500 {
        let _ = store.hit_all(&one(key(number)), at(0)).await.unwrap();
    }
    for number in 500..1000 {
        let _ = store.hit_all(&one(key(number)), at(65)).await.unwrap();
    }
    // At 70 s the first half has its whole budget again, by every clock.
    for number in 1000..1400 {
        let _ = store.hit_all(&one(key(number)), at(70)).await.unwrap();
    }
    for number in 500..1000 {
        let mut allowed = 0;
        while store.hit_all(&one(key(number)), at(70)).await.unwrap() == Decision::Allowed {
            allowed += 1;
        }
        assert_eq!(
            allowed, 4,
            "a live key was forgotten while expired ones were there"
        );
    }
}

#[tokio::test]
async fn ghsa_40_attempts_at_strangers_accounts_stay_bounded_and_unlock_no_account() {
    let store = small(1000);
    let policy = LockoutPolicy::default();
    let account = LimitKey::new("login", b"ann@example.org");
    for count in 1..=5 {
        let attempt = store.attempt(account, &policy, at(0)).await.unwrap();
        assert!(matches!(attempt, Attempt::Allowed { count: seen, .. } if seen == count));
    }
    for number in 0..100_000 {
        let _ = store.attempt(key(number), &policy, at(0)).await.unwrap();
    }
    assert_eq!(store.counts().limits, 1000);
    let attempt = store.attempt(account, &policy, at(0)).await.unwrap();
    assert!(
        matches!(attempt, Attempt::Locked { .. }),
        "a flood unlocked an account: {attempt:?}"
    );
    // Limits and attempts are bounded each by itself, and counted together.
    let _ = store.hit_all(&one(key(0)), at(0)).await.unwrap();
    assert_eq!(store.counts().limits, 1001);
    let day = 24 * 3600;
    assert_eq!(store.remove_expired(at(day - 1)), 1);
    assert_eq!(store.remove_expired(at(day)), 1000);
    assert_eq!(store.counts().limits, 0);
}

#[tokio::test]
async fn sessions_and_tokens_beyond_the_capacity_take_the_place_of_their_owners_oldest() {
    let store = small(1);
    for number in 0..100 {
        let inserted = store.insert_session(&session(number, 0)).await.unwrap();
        assert_eq!(inserted, Insert::Inserted);
        let inserted = store.insert_token(&token(number, 0)).await.unwrap();
        assert_eq!(inserted, Insert::Inserted);
    }
    let sessions = async |user| {
        let user = UserId::from_bytes(bytes(user));
        let all = store.sessions_of(user, None, 100, at(99)).await.unwrap();
        all.iter().map(|session| session.id).collect::<Vec<_>>()
    };
    let tokens = async |user| {
        let user = UserId::from_bytes(bytes(user));
        store.tokens_of(user, at(99)).await.unwrap().len()
    };
    // Ten users have ten each.
    let inserted = store.insert_session(&session(100, 99)).await.unwrap();
    assert_eq!(inserted, Insert::Inserted);
    let inserted = store.insert_token(&token(100, 99)).await.unwrap();
    assert_eq!(inserted, Insert::Inserted);
    assert_eq!(store.counts().sessions, 100);
    let of_first = sessions(0).await;
    assert_eq!((of_first.len(), tokens(0).await), (10, 10));
    assert_eq!(of_first[0], session(100, 99).id);
    assert!(!of_first.contains(&session(0, 0).id), "the oldest stayed");
    assert_eq!((sessions(1).await.len(), tokens(1).await), (10, 10));
    // What has expired makes room before anything that lives.
    let inserted = store.insert_session(&session(101, 100)).await.unwrap();
    assert_eq!(inserted, Insert::Inserted);
    let inserted = store.insert_token(&token(101, 100)).await.unwrap();
    assert_eq!(inserted, Insert::Inserted);
    assert!(sessions(0).await.contains(&session(100, 99).id));
}

#[tokio::test]
async fn a_session_of_a_user_beyond_the_shares_of_the_table_is_refused() {
    let store = MemoryStore::with_capacity(MemoryCapacity {
        sessions: 10,
        ..MemoryCapacity::default()
    });
    for number in 0..10 {
        let inserted = store.insert_session(&session(number, 0)).await.unwrap();
        assert_eq!(inserted, Insert::Inserted);
    }
    let eleventh = Session {
        user_id: UserId::from_bytes(bytes(10)),
        ..session(10, 0)
    };
    let refused = store.insert_session(&eleventh).await;
    assert!(matches!(refused, Err(StoreError::Full)), "{refused:?}");
    let found = store.session(eleventh.id, at(0)).await.unwrap();
    assert_eq!(found, None, "a refused session is there");
    assert_eq!(store.counts().sessions, 10);
}

#[tokio::test]
async fn events_beyond_the_capacity_replace_those_of_the_user_with_the_most() {
    let store = small(1);
    for number in 0..100 {
        let appended = store.append_event(&event(number, 0), 100).await.unwrap();
        assert_eq!(appended, Insert::Inserted);
    }
    let count = async |user| {
        let user = UserId::from_bytes(bytes(user));
        store
            .events_of(user, None, 100, at(99))
            .await
            .unwrap()
            .len()
    };
    let newcomer = |number| AuditRecord {
        user_id: UserId::from_bytes(bytes(10)),
        ..event(number, 99)
    };
    for number in 100..110 {
        let appended = store.append_event(&newcomer(number), 100).await.unwrap();
        assert_eq!(appended, Insert::Inserted);
    }
    assert_eq!(store.counts().events, 100);
    assert_eq!(count(10).await, 10);
    for user in 0..10 {
        assert!(
            matches!(count(user).await, 9 | 8),
            "{user}: {}",
            count(user).await
        );
    }
}

#[tokio::test]
async fn users_beyond_the_capacity_are_refused_and_leave_nothing_behind() {
    let store = small(1);
    for number in 0..3 {
        let inserted = store.insert_user(&user(number)).await.unwrap();
        assert_eq!(inserted, InsertUser::Inserted);
    }
    let refused = store.insert_user(&user(3)).await;
    assert!(matches!(refused, Err(StoreError::Full)), "{refused:?}");
    let found = store
        .user_by_email(user(3).email.canonical())
        .await
        .unwrap();
    assert!(found.is_none(), "a refused user's email is taken");
    // That an email is taken is said even so.
    let taken = store.insert_user(&user(2)).await.unwrap();
    assert_eq!(taken, InsertUser::EmailTaken);
}

#[tokio::test]
async fn a_store_in_use_removes_by_itself_what_has_expired() {
    let store = MemoryStore::new();
    for second in 0..20_000 {
        let session = session(second, second);
        let _ = store.insert_session(&session).await.unwrap();
        let _ = store.insert_token(&token(second, second)).await.unwrap();
        let _ = store.hit_all(&one(key(second)), at(second)).await.unwrap();
        let event = event(second, second);
        let _ = store.append_event(&event, 1000).await.unwrap();
    }
    // Sessions, tokens and events live for 100 s, a key for 70 s: 10 s, and a minute for
    // instances that are behind.
    let counts = store.counts();
    assert!(
        counts.sessions < 200 && counts.tokens < 200 && counts.events < 200 && counts.limits < 140,
        "{counts:?}"
    );
}

#[tokio::test]
async fn an_idle_store_is_emptied_of_what_has_expired_and_of_nothing_else() {
    let store = MemoryStore::new();
    let _ = store.insert_user(&user(1)).await.unwrap();
    for number in 0..5000 {
        let opened = number % 2 * 50;
        let _ = store
            .insert_session(&session(number, opened))
            .await
            .unwrap();
        let _ = store.insert_token(&token(number, opened)).await.unwrap();
        // Every other key is loaded: its budget is whole at 50 s, not at 10 s; for an
        // instance that is behind, a minute later.
        for _ in 0..=number % 2 * 4 {
            let _ = store.hit_all(&one(key(number)), at(0)).await.unwrap();
        }
    }
    assert_eq!(store.remove_expired(at(69)), 0);
    assert_eq!(store.remove_expired(at(70)), 2500);
    // Sessions and tokens.
    assert_eq!(store.remove_expired(at(100)), 2500 + 2500);
    assert_eq!(store.remove_expired(at(110)), 2500);
    let owner = session(1, 0).user_id;
    assert_eq!(
        store
            .sessions_of(owner, None, 1000, at(100))
            .await
            .unwrap()
            .len(),
        500
    );
    assert_eq!(store.remove_expired(at(150)), 2500 + 2500);
    for number in 0..5000 {
        let event = event(number, 200);
        let _ = store.append_event(&event, 1000).await.unwrap();
    }
    assert_eq!(store.remove_expired(at(299)), 0);
    assert_eq!(store.remove_expired(at(300)), 5000);
    let left = MemoryCounts {
        users: 1,
        sessions: 0,
        tokens: 0,
        registrations: 0,
        flows: 0,
        limits: 0,
        events: 0,
    };
    assert_eq!(store.counts(), left);
}

#[tokio::test]
async fn a_session_that_is_refreshed_is_not_removed() {
    let store = MemoryStore::new();
    let policy = RotationPolicy {
        idle_timeout: Duration::from_secs(100),
        short_idle_timeout: Duration::from_secs(100),
        grace: Duration::ZERO,
    };
    let kept = session(0, 0);
    let _ = store.insert_session(&kept).await.unwrap();
    let rotation = store.rotate(kept.id, 0, policy, at(90)).await.unwrap();
    assert!(matches!(rotation, Rotation::Rotated(_)));
    assert_eq!(store.remove_expired(at(189)), 0);
    assert!(store.session(kept.id, at(189)).await.unwrap().is_some());
    assert_eq!(store.remove_expired(at(190)), 1);
}

#[tokio::test]
async fn asvs_16_2_5_debug_shows_counts_only() {
    let store = MemoryStore::new();
    let shared = Arc::new(store.clone());
    let _ = shared.insert_user(&user(1)).await.unwrap();
    let _ = shared.insert_session(&session(1, 0)).await.unwrap();
    let _ = shared.insert_token(&token(1, 0)).await.unwrap();
    let _ = shared.append_event(&event(1, 0), 1).await.unwrap();
    let _ = shared.hit_all(&one(key(1)), at(0)).await.unwrap();
    assert_eq!(
        format!("{store:?}"),
        "MemoryStore { users: 1, sessions: 1, tokens: 1, registrations: 0, flows: 0, limits: 1, events: 1 }"
    );
}

#[tokio::test]
async fn asvs_16_4_1_in_a_full_log_what_strangers_try_pushes_out_no_credential_record() {
    let store = MemoryStore::with_capacity(MemoryCapacity {
        events: 20,
        ..MemoryCapacity::default()
    });
    let record = |number: u32, class, session| AuditRecord {
        user_id: UserId::from_bytes(bytes(1)),
        class,
        session_id: Some(SessionId::from_bytes(bytes(session))),
        ..event(number, 0)
    };
    for number in 0..20 {
        let login = record(number, AuditClass::Credentials, number);
        let _ = store.append_event(&login, 100).await.unwrap();
    }
    for number in 20..40 {
        let tried = record(number, AuditClass::Tried, number);
        let refused = store.append_event(&tried, 100).await;
        assert!(matches!(refused, Err(StoreError::Full)), "{refused:?}");
    }
    // One of the same class makes room for itself, and one that matters more takes it.
    let login = record(40, AuditClass::Credentials, 40);
    let _ = store.append_event(&login, 100).await.unwrap();
    let owner = UserId::from_bytes(bytes(1));
    let kept = store.events_of(owner, None, 100, at(0)).await.unwrap();
    assert_eq!(kept.len(), 20);
    assert!(
        kept.iter()
            .all(|record| record.class == AuditClass::Credentials)
    );
    assert!(kept.iter().any(|record| record.id == login.id));
}
