//! How each operation of the memory store grows from a thousand users to a
//! million, with as many sessions, tokens and limits.
//!
//! Two access patterns: the same 16 users at every size, which shows what the
//! data structures do, and users drawn from all of them, which adds what the
//! processor's caches do. A key that is new lies somewhere new in both; what
//! an operation ends, removes or refreshes was touched just before in both.
//! The bar is a median that grows at most 1.5-fold.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use std::cell::RefCell;
use std::hint::black_box;
use std::time::{Duration, Instant};

use admittance::authz::Role;
use admittance::email::Email;
use admittance::id::{SessionId, UserId};
use admittance::limit::{Hit, LimitKey, Quota};
use admittance::lockout::{LockoutPolicy, LockoutStep};
use admittance::preferences::Preferences;
use admittance::proof::Proof;
use admittance::session::{RotationPolicy, Session};
use admittance::store::{
    EpochChange, LimitStore, MemoryCapacity, MemoryStore, ProfileChange, Removal, RoleChange,
    SessionStore, TokenStore, UserStore,
};
use admittance::time::Timestamp;
use admittance::token::{OneTimeToken, TokenDigest, TokenPurpose};
use admittance::user::{AccountState, DisplayName, PasswordHash, User, UserStatus};
use criterion::{Criterion, SamplingMode};
use tokio::runtime::{Builder, Runtime};

const SIZES: [u32; 3] = [1_000, 100_000, 1_000_000];
const BAR: f64 = 1.5;
/// How many operations are timed together; what they did is then undone.
const BATCH: u64 = 64;
/// How many operations that cannot be undone are timed together.
const FEW: u64 = 16;
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$c29tZWhhc2hzb21laGFzaHNvbWVoYXNoc29tZWhhc2g";
const PURPOSE: TokenPurpose = TokenPurpose::ResetPassword;
const POLICY: RotationPolicy = RotationPolicy {
    idle_timeout: Duration::from_secs(1 << 30),
    short_idle_timeout: Duration::from_secs(1 << 30),
    grace: Duration::from_secs(10),
};

fn now() -> Timestamp {
    Timestamp::from_secs(1_800_000_000)
}

fn later() -> Timestamp {
    now().saturating_add(POLICY.idle_timeout)
}

fn quota() -> Quota {
    Quota::new(1_000_000, Duration::from_secs(1))
}

/// A table that no benchmark gets to the first step of.
fn lockout() -> LockoutPolicy {
    let step = LockoutStep {
        failures: u32::MAX,
        wait: Duration::from_secs(1),
    };
    LockoutPolicy::new([step], Duration::from_secs(86_400)).unwrap()
}

fn admin() -> Role {
    Role::new("admin").unwrap()
}

fn bytes(number: u32) -> [u8; 12] {
    // Spread as random ids are.
    let spread = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut bytes = [0; 12];
    let (head, tail) = bytes.split_at_mut(4);
    head.copy_from_slice(&number.to_be_bytes());
    tail.copy_from_slice(&spread.to_be_bytes());
    bytes
}

fn user_id(number: u32) -> UserId {
    UserId::from_bytes(bytes(number))
}

fn email(number: u32) -> Email {
    let address = format!("user{number}@example.org");
    Email::from_store(address.clone(), address)
}

fn hit(key: LimitKey, quota: Quota) -> Hit {
    Hit { key, quota }
}

/// Of a hundred, one is an administrator.
fn user(number: u32) -> User {
    let is_admin = number.is_multiple_of(100);
    User {
        id: user_id(number),
        email: email(number),
        name: DisplayName::from_store("Ann Lee".to_owned()),
        password_hash: Some(PasswordHash::new(HASH)),
        created_at: now(),
        last_login: None,
        is_verified: true,
        roles: is_admin.then(admin).into_iter().collect(),
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

fn session(number: u32, owner: u32) -> Session {
    Session {
        id: SessionId::from_bytes(bytes(number)),
        user_id: user_id(owner),
        auth_epoch: 0,
        created_at: now(),
        proofs: Proof::by_password(now()).into(),
        last_seen_at: now(),
        expires_at: later(),
        absolute_expires_at: later(),
        length: admittance::session::SessionLength::Usual,
        refresh_counter: 0,
        ip: None,
        user_agent: Some("Mozilla/5.0".to_owned()),
    }
}

fn digest(number: u32) -> TokenDigest {
    let mut bytes = [0; 32];
    let (head, _) = bytes.split_at_mut(12);
    head.copy_from_slice(&self::bytes(number));
    TokenDigest::from_bytes(bytes)
}

fn token(number: u32, owner: u32) -> OneTimeToken {
    OneTimeToken {
        digest: digest(number),
        purpose: PURPOSE,
        account: AccountState {
            id: user_id(owner),
            email: email(owner).canonical().clone(),
            auth_epoch: Some(0),
            link_epoch: 0,
            version: None,
        },
        email: email(owner),
        registration: None,
        sign_in: None,
        federation: None,
        created_at: now(),
        expires_at: later(),
    }
}

fn key(number: u32) -> LimitKey {
    LimitKey::new("bench", &number.to_be_bytes())
}

/// A store with `size` users, each with a session, a token, a limit and an
/// attempt that failed.
fn populated(runtime: &Runtime, size: u32) -> MemoryStore {
    let capacity = 4_000_000;
    let store = MemoryStore::with_capacity(MemoryCapacity {
        users: capacity,
        sessions: capacity,
        tokens: capacity,
        registrations: capacity,
        flows: capacity,
        limits: capacity,
        events: capacity,
    });
    let policy = lockout();
    runtime.block_on(async {
        for number in 0..size {
            let _ = store.insert_user(&user(number)).await.unwrap();
            let _ = store
                .insert_session(&session(number, number))
                .await
                .unwrap();
            let _ = store.insert_token(&token(number, number)).await.unwrap();
            let hits = [hit(key(number), quota())];
            let _ = store.hit_all(&hits, now()).await.unwrap();
            let attempt = store.attempt(key(number), &policy, now()).await;
            let _ = attempt.unwrap();
        }
    });
    store
}

/// Whom the operations are about.
#[derive(Clone, Copy)]
struct Numbers {
    /// How many are there.
    size: u32,
    /// How many of them are used.
    used: u32,
    state: u64,
}

impl Numbers {
    /// One who is there.
    fn present(&mut self) -> u32 {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let drawn = u32::try_from(self.state >> 33).unwrap() % self.used;
        // A small circle is spread over all.
        drawn * (self.size / self.used)
    }

    /// One who is not there yet.
    fn fresh(&mut self) -> u32 {
        self.state = self.state.wrapping_add(1);
        10_000_000 + u32::try_from(self.state % 1_000_000_000).unwrap()
    }
}

/// Times `act` on each input of a batch, and not what is around it.
macro_rules! timed {
    ($inputs:expr, |$input:ident| $act:expr) => {{
        let inputs: Vec<_> = $inputs.collect();
        let start = Instant::now();
        for $input in &inputs {
            let _ = black_box($act.await.unwrap());
        }
        (start.elapsed(), inputs)
    }};
}

const OPERATIONS: [&str; 26] = [
    "insert_user",
    "user",
    "user_by_email",
    "record_login",
    "replace_password",
    "update_profile",
    "set_status",
    "change_roles",
    "users (page of 20)",
    "has_other",
    "insert_session",
    "session",
    "sessions_of",
    "rotate",
    "end_session",
    "end_dead_sessions",
    "end_oldest_sessions",
    "insert_token",
    "token",
    "tokens_of",
    "remove_tokens",
    "hit_all (known key)",
    "hit_all (fresh key)",
    "attempt (known key)",
    "attempt (fresh key)",
    "forgive",
];

/// Does `count` operations and returns how long they took.
async fn batch(
    store: &MemoryStore,
    operation: &str,
    numbers: &mut Numbers,
    count: u64,
) -> Duration {
    let hash = PasswordHash::new(HASH);
    let change = ProfileChange {
        name: Some(DisplayName::from_store("Eva Lee".to_owned())),
        ..ProfileChange::default()
    };
    let present: Vec<u32> = (0..count).map(|_| numbers.present()).collect();
    let fresh: Vec<u32> = (0..count).map(|_| numbers.fresh()).collect();
    let ids = || present.iter().map(|number| user_id(*number));
    let new_sessions = || {
        present
            .iter()
            .zip(&fresh)
            .map(|(owner, number)| session(*number, *owner))
    };
    let new_tokens = || {
        present
            .iter()
            .zip(&fresh)
            .map(|(owner, number)| OneTimeToken {
                // Told from those that stay.
                purpose: TokenPurpose::VerifyEmail,
                ..token(*number, *owner)
            })
    };
    match operation {
        "insert_user" => {
            timed!(fresh.iter().map(|number| user(*number)), |new| store
                .insert_user(new))
            .0
        }
        "user" => timed!(ids(), |id| store.user(*id)).0,
        "user_by_email" => {
            let emails = present.iter().map(|number| email(*number));
            timed!(emails, |email| store.user_by_email(email.canonical())).0
        }
        "record_login" => timed!(ids(), |id| store.record_login(*id, 0, None, None, now())).0,
        "replace_password" => {
            timed!(ids(), |id| store.replace_password(
                *id,
                &hash,
                &hash,
                EpochChange::Keep
            ))
            .0
        }
        "update_profile" => {
            // The version that each has by now.
            let mut users = Vec::new();
            for id in ids() {
                users.extend(store.user(id).await.unwrap());
            }
            timed!(users.into_iter(), |user| store.update_profile(
                user.id,
                user.version,
                &change
            ))
            .0
        }
        "set_status" => {
            let users: Vec<User> = fresh.iter().map(|number| user(*number)).collect();
            for user in &users {
                let _ = store.insert_user(user).await.unwrap();
            }
            let (time, users) = timed!(users.into_iter(), |user| store.set_status(
                user.id,
                user.version,
                UserStatus::Disabled
            ));
            for user in users {
                let active = store.set_status(user.id, 1, UserStatus::Active).await;
                let state = active.unwrap().unwrap().state();
                store.remove_user(&state, Removal::Any).await.unwrap();
            }
            time
        }
        "change_roles" => {
            let role = Role::new("examiner").unwrap();
            let (mut grant, mut revoke) = (RoleChange::default(), RoleChange::default());
            grant.grant.insert(role.clone());
            revoke.revoke.insert(role);
            let mut users = Vec::new();
            for id in ids() {
                users.extend(store.user(id).await.unwrap());
            }
            let (time, users) = timed!(users.into_iter(), |user| store.change_roles(
                user.id,
                user.version,
                &grant
            ));
            for user in users {
                let (id, version) = (user.id, user.version + 1);
                store.change_roles(id, version, &revoke).await.unwrap();
            }
            time
        }
        "users (page of 20)" => timed!(ids(), |id| store.users(Some(*id), 20)).0,
        "has_other" => {
            let role = admin();
            timed!(ids(), |id| store.has_other(&role, *id)).0
        }
        "insert_session" => {
            let (time, new) = timed!(new_sessions(), |new| store.insert_session(new));
            for session in new {
                store
                    .end_session(session.user_id, session.id)
                    .await
                    .unwrap();
            }
            time
        }
        "session" => {
            let sessions = present
                .iter()
                .map(|number| SessionId::from_bytes(bytes(*number)));
            timed!(sessions, |id| store.session(*id, now())).0
        }
        "sessions_of" => timed!(ids(), |id| store.sessions_of(*id, None, 50, now())).0,
        "rotate" => {
            let mut sessions = Vec::new();
            for number in &present {
                let id = SessionId::from_bytes(bytes(*number));
                let counter = store
                    .session(id, now())
                    .await
                    .unwrap()
                    .unwrap()
                    .refresh_counter;
                sessions.push((id, counter));
            }
            timed!(sessions.into_iter(), |one| store.rotate(
                one.0,
                one.1,
                POLICY,
                now()
            ))
            .0
        }
        "end_session" | "end_dead_sessions" | "end_oldest_sessions" => {
            let sessions: Vec<Session> = new_sessions()
                .map(|session| Session {
                    user_id: UserId::from_bytes(session.id.to_bytes()),
                    ..session
                })
                .collect();
            for session in &sessions {
                let _ = store.insert_session(session).await.unwrap();
            }
            match operation {
                "end_session" => {
                    timed!(sessions.into_iter(), |old| store
                        .end_session(old.user_id, old.id))
                    .0
                }
                "end_oldest_sessions" => {
                    timed!(sessions.into_iter(), |old| store.end_oldest_sessions(
                        old.user_id,
                        old.auth_epoch,
                        0,
                        now()
                    ))
                    .0
                }
                _ => {
                    timed!(sessions.into_iter(), |old| store
                        .end_dead_sessions(old.user_id, u64::MAX))
                    .0
                }
            }
        }
        "insert_token" => {
            let (time, new) = timed!(new_tokens(), |new| store.insert_token(new));
            for token in new {
                store
                    .remove_tokens(token.account.id, Some(token.purpose), now())
                    .await
                    .unwrap();
            }
            time
        }
        "token" => {
            let digests = present.iter().map(|number| digest(*number));
            timed!(digests, |digest| store.token(*digest, PURPOSE, now())).0
        }
        "tokens_of" => timed!(ids(), |id| store.tokens_of(*id, now())).0,
        "remove_tokens" => {
            let tokens: Vec<OneTimeToken> =
                fresh.iter().map(|number| token(*number, *number)).collect();
            for token in &tokens {
                let _ = store.insert_token(token).await.unwrap();
            }
            timed!(tokens.into_iter(), |old| store.remove_tokens(
                old.account.id,
                None,
                now()
            ))
            .0
        }
        "hit_all (known key)" => {
            let keys = present.iter().map(|number| [hit(key(*number), quota())]);
            timed!(keys, |known| store.hit_all(known, now())).0
        }
        "hit_all (fresh key)" => {
            let quota = Quota::new(1, Duration::from_secs(1));
            let keys = fresh.iter().map(|number| [hit(key(*number), quota)]);
            timed!(keys, |new| store.hit_all(new, now())).0
        }
        "attempt (known key)" | "attempt (fresh key)" => {
            let numbers = match operation {
                "attempt (known key)" => &present,
                _ => &fresh,
            };
            let (policy, keys) = (lockout(), numbers.iter().map(|number| key(*number)));
            timed!(keys, |tried| store.attempt(*tried, &policy, now())).0
        }
        _ => {
            let keys: Vec<LimitKey> = fresh.iter().map(|number| key(*number)).collect();
            let policy = lockout();
            for tried in &keys {
                let _ = store.attempt(*tried, &policy, now()).await.unwrap();
            }
            timed!(keys.into_iter(), |tried| store.forgive(*tried, now())).0
        }
    }
}

/// Whether what an operation adds is left in the store: then it is not done
/// more often than a few at a time, so that the store keeps its size.
fn adds(operation: &str) -> bool {
    matches!(
        operation,
        "insert_user" | "hit_all (fresh key)" | "attempt (fresh key)"
    )
}

fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or(f64::NAN)
}

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(30))
        .measurement_time(Duration::from_millis(150))
        .sample_size(15)
        .without_plots()
        .configure_from_args();
    let runtime = Builder::new_current_thread().build().unwrap();
    // For each operation: nanoseconds by size, of the small circle and of all.
    let mut medians = vec![[[f64::NAN; SIZES.len()]; 2]; OPERATIONS.len()];
    for (column, size) in SIZES.into_iter().enumerate() {
        let store = populated(&runtime, size);
        for (pattern, used) in [16, size].into_iter().enumerate() {
            let mut group = criterion.benchmark_group(match pattern {
                0 => "store, 16 users in use",
                _ => "store, all users in use",
            });
            group.sampling_mode(SamplingMode::Flat);
            for (operation, row) in OPERATIONS.iter().zip(&mut medians) {
                let samples = RefCell::new(Vec::new());
                let mut numbers = Numbers {
                    size,
                    used,
                    state: u64::from(size),
                };
                group.bench_function(format!("{operation}/{size}"), |bencher| {
                    bencher.iter_custom(|iterations| {
                        let most = if adds(operation) { FEW } else { u64::MAX };
                        let (mut left, mut time) = (iterations.min(most), Duration::ZERO);
                        while left > 0 {
                            let count = left.min(BATCH);
                            time += runtime.block_on(batch(&store, operation, &mut numbers, count));
                            left -= count;
                        }
                        if adds(operation) {
                            // The warm-up goes by the wall clock; without this
                            // it would add many more than can be measured.
                            std::thread::sleep(Duration::from_millis(5));
                        }
                        let each = time.as_secs_f64() / iterations.min(most) as f64;
                        samples.borrow_mut().push(each * 1e9);
                        Duration::from_secs_f64(each * iterations as f64)
                    });
                });
                // The last samples are the measurement; before come warm-ups.
                let mut samples = samples.into_inner();
                let measured = samples.len().saturating_sub(15);
                let median = median(samples.split_at_mut(measured).1);
                let row = row.get_mut(pattern);
                if let Some(cell) = row.and_then(|row| row.get_mut(column)) {
                    *cell = median;
                }
            }
            group.finish();
        }
    }
    criterion.final_summary();
    report(&medians);
}

fn report(medians: &[[[f64; SIZES.len()]; 2]]) {
    println!("\nmedian in ns at 1,000, 100,000 and 1,000,000 users; growth from first to last");
    println!(
        "{:20}{:>36}{:>36}",
        "", "16 users in use", "all users in use"
    );
    for (operation, patterns) in OPERATIONS.iter().zip(medians) {
        print!("{operation:20}");
        for [small, middle, large] in patterns {
            let growth = large / small;
            let mark = if growth > BAR { '!' } else { ' ' };
            print!("{small:>9.0}{middle:>9.0}{large:>9.0}{growth:>7.2}x{mark}");
        }
        println!();
    }
}
