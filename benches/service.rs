//! How the service's operations grow from a thousand users to a million, each
//! with a session, in the memory store: `cargo bench -p admittance-benches --bench service`.
//!
//! Every operation is timed by itself, each time for another user, drawn from
//! all of them, so nothing of theirs is in the processor's caches. The bar is a
//! median that grows at most 1.5-fold.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark"
)]

use std::collections::BTreeSet;
use std::hint::black_box;
use std::time::{Duration, Instant};

use admittance::clock::{Clock, ManualClock};
use admittance::config::{AuthConfig, LimitPolicy, SessionCheck};
use admittance::email::Email;
use admittance::id::{SessionId, UserId};
use admittance::preferences::Preferences;
use admittance::proof::{Method, Proof};
use admittance::secret::SecretBytes;
use admittance::service::{
    AuthService, ListSessions, LoginRequest, RefreshRequest, RegisterRequest, RequestContext,
    UpdateProfile,
};
use admittance::session::Session;
use admittance::store::{Insert, InsertUser, MemoryCapacity, MemoryStore, SessionStore, UserStore};
use admittance::token::{Claims, Keyring, RefreshClaims, TokenKind};
use admittance::user::{DisplayName, PasswordHash, User, UserStatus};

const SIZES: [u32; 3] = [1_000, 100_000, 1_000_000];
/// Times that an operation is timed; fewer where it hashes.
const SAMPLES: usize = 120;
const HASHING_SAMPLES: usize = 25;
const PASSWORD: &str = "plum-Orbit-47-lantern";
const NAME: &str = "Exam simulator";
/// Each has users of its own.
const CLASSES: u32 = 9;
const OPERATIONS: [&str; CLASSES as usize] = [
    "validate_token",
    KEPT,
    "refresh",
    "update_profile",
    "list_sessions",
    "end_all_sessions",
    "logout",
    "login",
    "register",
];

/// A check that asks no store, by [`SessionCheck::Cached`].
const KEPT: &str = "validate_token, kept";

type Service = AuthService<MemoryStore, ManualClock>;

fn id(number: u32) -> [u8; 12] {
    let spread = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut bytes = [0; 12];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    bytes[4..].copy_from_slice(&spread.to_be_bytes());
    bytes
}

/// A number below `size`: all over the range, and the same at each run.
fn turn(sample: u32, size: u32) -> u32 {
    let drawn = u64::from(sample + 1).wrapping_mul(0x2545_f491_4f6c_dd1d) >> 20;
    u32::try_from(drawn % u64::from(size)).unwrap()
}

fn keyring() -> Keyring {
    Keyring::from_secret(SecretBytes::new(*b"0123456789abcdefghijklmnopqrstuv")).unwrap()
}

fn service(store: MemoryStore, clock: ManualClock, check: SessionCheck) -> Service {
    let mut config = AuthConfig::new(NAME);
    config.session.check = check;
    config.limits = LimitPolicy::off();
    AuthService::builder(store)
        .clock(clock)
        .config(config)
        .keyring(keyring())
        .build()
        .unwrap()
}

/// A store with `size` users and as many sessions, all with one password.
async fn populated(size: u32, clock: &ManualClock, hash: &PasswordHash) -> MemoryStore {
    let store = MemoryStore::with_capacity(MemoryCapacity {
        users: 2_000_000,
        sessions: 2_000_000,
        ..MemoryCapacity::default()
    });
    let now = clock.now();
    let end = now.saturating_add(Duration::from_secs(7 * 86_400));
    for number in 0..size {
        let address = format!("user{number}@example.org");
        let user = User {
            id: UserId::from_bytes(id(number)),
            email: Email::from_store(address.clone(), address),
            name: DisplayName::from_store("Ann Lee".to_owned()),
            password_hash: Some(hash.clone()),
            created_at: now,
            last_login: None,
            is_verified: true,
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
        };
        assert_eq!(
            store.insert_user(&user).await.unwrap(),
            InsertUser::Inserted
        );
        let session = Session {
            id: SessionId::from_bytes(id(number)),
            user_id: user.id,
            auth_epoch: 0,
            created_at: now,
            proofs: Proof::by_password(now).into(),
            last_seen_at: now,
            expires_at: end,
            absolute_expires_at: end,
            length: admittance::session::SessionLength::Usual,
            refresh_counter: 0,
            ip: None,
            user_agent: Some("Mozilla/5.0".to_owned()),
        };
        assert_eq!(
            store.insert_session(&session).await.unwrap(),
            Insert::Inserted
        );
    }
    store
}

fn access_token(number: u32, clock: &ManualClock) -> String {
    let now = u64::try_from(clock.now().as_secs()).unwrap();
    let claims = Claims {
        iss: NAME.to_owned(),
        sub: UserId::from_bytes(id(number)),
        aud: NAME.to_owned(),
        exp: now + 900,
        iat: now,
        jti: "0".repeat(32),
        sid: SessionId::from_bytes(id(number)),
        epoch: 0,
        auth_time: Some(now),
        amr: vec![Method::Password],
        typ: TokenKind::Access,
        custom: Default::default(),
    };
    keyring().sign(&claims).unwrap().expose_secret().to_owned()
}

/// The time that `operation` takes for the user `number`.
async fn timed(operation: &str, number: u32, auth: &Service, clock: &ManualClock) -> Duration {
    let here = RequestContext::default();
    let email = format!("user{number}@example.org");
    let token = access_token(number, clock);
    match operation {
        "validate_token" => {
            let start = Instant::now();
            black_box(auth.validate_token(&token, &here).await.unwrap());
            start.elapsed()
        }
        KEPT => {
            auth.validate_token(&token, &here).await.unwrap();
            let start = Instant::now();
            black_box(auth.validate_token(&token, &here).await.unwrap());
            start.elapsed()
        }
        "refresh" => {
            let claims = RefreshClaims {
                user: UserId::from_bytes(id(number)),
                session: SessionId::from_bytes(id(number)),
                counter: 0,
            };
            let refresh_token = keyring().issue_refresh(&claims, NAME, NAME);
            let start = Instant::now();
            black_box(
                auth.refresh(RefreshRequest { refresh_token }, &here)
                    .await
                    .unwrap(),
            );
            start.elapsed()
        }
        "login" => {
            let request = LoginRequest {
                email,
                password: PASSWORD.into(),
                ..LoginRequest::default()
            };
            let start = Instant::now();
            black_box(auth.login(request, &here).await.unwrap());
            start.elapsed()
        }
        "register" => {
            let request = RegisterRequest {
                email: format!("new-{email}"),
                password: PASSWORD.into(),
                confirm_password: PASSWORD.into(),
                name: "Ann".to_owned(),
                ..RegisterRequest::default()
            };
            let start = Instant::now();
            let _ = black_box(auth.register(request, &here).await.unwrap());
            start.elapsed()
        }
        // What a request of these costs: the check of its token, then the act.
        _ => {
            let start = Instant::now();
            let who = auth.validate_token(&token, &here).await.unwrap();
            match operation {
                "update_profile" => {
                    let name = Some("Ann".to_owned());
                    let change = UpdateProfile {
                        name,
                        preferences: None,
                    };
                    black_box(auth.update_profile(&who, change, &here).await.unwrap());
                }
                "list_sessions" => drop(black_box(
                    auth.list_sessions(&who, ListSessions::default(), &here)
                        .await
                        .unwrap(),
                )),
                "end_all_sessions" => {
                    black_box(auth.end_all_sessions(&who, &here).await.unwrap());
                }
                _ => drop(black_box(auth.logout(&who, &here).await.unwrap())),
            }
            start.elapsed()
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let clock = ManualClock::default();
    let every = SessionCheck::EveryRequest;
    let cached = SessionCheck::Cached {
        max_staleness: Duration::from_secs(300),
        capacity: SAMPLES,
    };
    let first = service(MemoryStore::new(), clock.clone(), every);
    let request = RegisterRequest {
        email: "ann@example.org".to_owned(),
        password: PASSWORD.into(),
        confirm_password: PASSWORD.into(),
        name: "Ann".to_owned(),
        ..RegisterRequest::default()
    };
    let here = RequestContext::default();
    let ann = first
        .register(request, &here)
        .await
        .unwrap()
        .opened()
        .unwrap()
        .user_id;
    let hash = first
        .store()
        .user(ann)
        .await
        .unwrap()
        .unwrap()
        .password_hash
        .unwrap();

    let mut services = Vec::new();
    for size in SIZES {
        let store = populated(size, &clock, &hash).await;
        let keeping = service(store.clone(), clock.clone(), cached);
        services.push((size, service(store, clock.clone(), every), keeping));
    }
    let mut medians = vec![Vec::new(); OPERATIONS.len()];
    for (class, medians) in medians.iter_mut().enumerate() {
        let operation = OPERATIONS[class];
        let hashes = matches!(operation, "login" | "register");
        let samples = if hashes { HASHING_SAMPLES } else { SAMPLES };
        let mut times = vec![Vec::new(); services.len()];
        let mut seen = vec![BTreeSet::new(); services.len()];
        // The sizes take turns, so that what else the machine does hits all alike.
        for sample in 0.. {
            for (at, (size, asking, keeping)) in services.iter().enumerate() {
                // Each operation has users of its own, and each user one turn.
                let class = u32::try_from(class).unwrap();
                let number = turn(sample, size / CLASSES) * CLASSES + class;
                let auth = if operation == KEPT { keeping } else { asking };
                if times[at].len() < samples && seen[at].insert(number) {
                    times[at].push(timed(operation, number, auth, &clock).await);
                }
            }
            if times.iter().all(|times| times.len() == samples) {
                break;
            }
        }
        for mut times in times {
            times.sort_unstable();
            medians.push(times[times.len() / 2]);
        }
    }

    println!("median in µs at 1,000, 100,000 and 1,000,000 users; growth from first to last");
    for (operation, medians) in OPERATIONS.iter().zip(&medians) {
        let micros = |at: usize| medians[at].as_secs_f64() * 1e6;
        println!(
            "{operation:<20} {:>9.1} {:>9.1} {:>9.1}  {:.2}x",
            micros(0),
            micros(1),
            micros(2),
            micros(2) / micros(0)
        );
    }
}
