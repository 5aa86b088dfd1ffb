//! Each act of the MongoDB store over growing collections. Prints the medians
//! and how they grow from the least to the greatest size.
//!
//! `cargo bench -p admittance-benches --bench store_mongo [-- USERS...]`

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark"
)]

use std::future::Future;
use std::time::{Duration, Instant};

use admittance::authz::Role;
use admittance::email::Email;
use admittance::id::{SessionId, UserId};
use admittance::limit::{Hit, LimitKey, Quota};
use admittance::lockout::LockoutPolicy;
use admittance::preferences::Preferences;
use admittance::proof::Proof;
use admittance::session::{RotationPolicy, Session};
use admittance::store::mongodb::MongoStore;
use admittance::store::{
    EpochChange, LimitStore, ProfileChange, RoleChange, SessionStore, StoreError, TokenStore,
    UserStore,
};
use admittance::time::Timestamp;
use admittance::token::{OneTimeToken, TokenDigest, TokenPurpose};
use admittance::user::{DisplayName, PasswordHash, User, UserStatus};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Document, doc};
use mongodb::{Client, Database};
use support::mongo;

const SIZES: [u32; 3] = [1_000, 10_000, 100_000];
/// No act is timed for longer than this, but at least three times.
const BUDGET: Duration = Duration::from_secs(4);
const RUNS: usize = 60;
const POLICY: RotationPolicy = RotationPolicy {
    idle_timeout: Duration::from_secs(7 * 24 * 3600),
    short_idle_timeout: Duration::from_secs(12 * 3600),
    grace: Duration::from_secs(10),
};

fn now() -> Timestamp {
    Timestamp::from_secs(4_102_444_800)
}

fn id_bytes(number: u32) -> [u8; 12] {
    let mut id = [0xf4; 12];
    id[8..].copy_from_slice(&number.to_be_bytes());
    id
}

fn user(number: u32) -> User {
    User {
        id: UserId::from_bytes(id_bytes(number)),
        email: Email::parse(&format!("user{number}@example.org")).unwrap(),
        name: DisplayName::parse("A User").unwrap(),
        password_hash: Some(PasswordHash::new("h".repeat(97))),
        created_at: now(),
        last_login: None,
        is_verified: true,
        roles: [].into(),
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

fn session(number: u32) -> Session {
    Session {
        id: SessionId::from_bytes(id_bytes(number)),
        user_id: UserId::from_bytes(id_bytes(number)),
        auth_epoch: 0,
        created_at: now(),
        proofs: Proof::by_password(now()).into(),
        last_seen_at: now(),
        expires_at: now().saturating_add(POLICY.idle_timeout),
        absolute_expires_at: now().saturating_add(POLICY.idle_timeout * 4),
        length: admittance::session::SessionLength::Usual,
        refresh_counter: 0,
        ip: None,
        user_agent: None,
    }
}

fn token(number: u32) -> OneTimeToken {
    let (owner, purpose) = (user(number), TokenPurpose::ResetPassword);
    OneTimeToken {
        digest: TokenDigest::of(purpose, &number.to_string()),
        purpose,
        account: owner.state(),
        email: owner.email,
        registration: None,
        sign_in: None,
        federation: None,
        created_at: now(),
        expires_at: now().saturating_add(POLICY.idle_timeout),
    }
}

/// Fills users and sessions up to `size` with copies of the first.
async fn fill(database: &Database, store: &MongoStore, size: u32) {
    let _ = store.insert_user(&user(0)).await.unwrap();
    let _ = store.insert_session(&session(0)).await.unwrap();
    for name in ["admittance_users", "admittance_sessions"] {
        let collection = database.collection::<Document>(name);
        let first = collection.find_one(doc! {}).await.unwrap().unwrap();
        for start in (1..size).step_by(5_000) {
            let copies = (start..size.min(start + 5_000)).map(|number| {
                let mut copy = first.clone();
                let id = ObjectId::from_bytes(id_bytes(number));
                copy.insert("_id", id);
                if name == "admittance_users" {
                    copy.insert("email_canonical", format!("user{number}@example.org"));
                } else {
                    copy.insert("user_id", id);
                }
                copy
            });
            collection.insert_many(copies).await.unwrap();
        }
    }
}

/// The median time of `act`, which gets another number each time.
async fn median<T, F: Future<Output = Result<T, StoreError>>>(
    mut act: impl FnMut(u32) -> F,
) -> Duration {
    let begin = Instant::now();
    let mut times = Vec::new();
    for number in 0..u32::try_from(RUNS).unwrap() {
        if times.len() >= 3 && begin.elapsed() > BUDGET {
            break;
        }
        let start = Instant::now();
        act(number).await.unwrap();
        times.push(start.elapsed());
    }
    times.sort();
    times[times.len() / 2]
}

/// The id of a user, and the version that it has by now.
async fn stored(store: &MongoStore, number: u32) -> (UserId, u64) {
    let found = store.user(user(number).id).await.unwrap();
    let found = found.unwrap();
    (found.id, found.version)
}

/// The median of every act over `size` users and as many sessions.
async fn measure(size: u32) -> Vec<(&'static str, Duration)> {
    let options = mongo::options().await;
    let database = Client::with_options(options.clone())
        .unwrap()
        .default_database()
        .unwrap();
    let store = &mongo::store_over(options).await;
    fill(&database, store, size).await;
    // Spread over the whole collection; never the same record twice.
    let pick = |number: u32| 1 + number * (size / 64);
    let new = |number: u32| 1_000_000 + number;
    let quota = Quota::new(5, Duration::from_secs(60));
    let old = user(0).password_hash.unwrap();
    let purpose = TokenPurpose::ResetPassword;
    let change = &ProfileChange {
        name: Some(DisplayName::parse("Another").unwrap()),
        ..ProfileChange::default()
    };
    let policy = &LockoutPolicy::default();
    let role = &Role::new("examiner").unwrap();
    let mut roles = RoleChange::default();
    roles.grant.insert(role.clone());
    let roles = &roles;
    let key = |number: u32| LimitKey::new("bench", &pick(number).to_be_bytes());
    vec![
        (
            "insert_user",
            median(async |n| store.insert_user(&user(new(n))).await).await,
        ),
        (
            "user",
            median(async |n| store.user(user(pick(n)).id).await).await,
        ),
        (
            "user_by_email",
            median(async |n| store.user_by_email(user(pick(n)).email.canonical()).await).await,
        ),
        (
            "record_login",
            median(async |n| {
                store
                    .record_login(user(pick(n)).id, 0, None, None, now())
                    .await
            })
            .await,
        ),
        (
            "replace_password",
            median(async |n| {
                store
                    .replace_password(user(pick(n)).id, &old, &old, EpochChange::Raise)
                    .await
            })
            .await,
        ),
        (
            "update_profile",
            median(async |n| {
                let user = stored(store, pick(n)).await;
                store.update_profile(user.0, user.1, change).await
            })
            .await,
        ),
        (
            "set_status",
            median(async |n| {
                let user = stored(store, pick(n)).await;
                let status = UserStatus::Disabled;
                store.set_status(user.0, user.1, status).await
            })
            .await,
        ),
        (
            "change_roles",
            median(async |n| {
                let user = stored(store, pick(n)).await;
                store.change_roles(user.0, user.1, roles).await
            })
            .await,
        ),
        (
            "users",
            median(async |n| store.users(Some(user(pick(n)).id), 20).await).await,
        ),
        (
            "has_other",
            median(async |n| store.has_other(role, user(pick(n)).id).await).await,
        ),
        (
            "insert_session",
            median(async |n| store.insert_session(&session(new(n))).await).await,
        ),
        (
            "session",
            median(async |n| store.session(session(pick(n)).id, now()).await).await,
        ),
        (
            "sessions_of",
            median(async |n| store.sessions_of(user(pick(n)).id, None, 50, now()).await).await,
        ),
        (
            "rotate",
            median(async |n| store.rotate(session(pick(n)).id, 0, POLICY, now()).await).await,
        ),
        (
            "end_session",
            median(async |n| {
                store
                    .end_session(user(pick(n)).id, session(pick(n)).id)
                    .await
            })
            .await,
        ),
        (
            "end_dead_sessions",
            median(async |n| {
                let owner = user(pick(n) + 1).id;
                store.end_dead_sessions(owner, u64::MAX).await
            })
            .await,
        ),
        (
            "end_oldest_sessions",
            median(async |n| {
                let owner = user(pick(n) + 2).id;
                store.end_oldest_sessions(owner, 0, 0, now()).await
            })
            .await,
        ),
        (
            "insert_token",
            median(async |n| store.insert_token(&token(n)).await).await,
        ),
        (
            "token",
            median(async |n| store.token(token(n).digest, purpose, now()).await).await,
        ),
        (
            "tokens_of",
            median(async |n| store.tokens_of(user(n).id, now()).await).await,
        ),
        (
            "remove_tokens",
            median(async |n| store.remove_tokens(user(n).id, None, now()).await).await,
        ),
        (
            "hit_all",
            median(async |n| {
                let hits = [Hit { key: key(n), quota }];
                store.hit_all(&hits, now()).await
            })
            .await,
        ),
        (
            "attempt, the first",
            median(async |n| store.attempt(key(n), policy, now()).await).await,
        ),
        (
            "attempt, the second",
            median(async |n| store.attempt(key(n), policy, now()).await).await,
        ),
        (
            "forgive",
            median(async |n| store.forgive(key(n), now()).await).await,
        ),
    ]
}

#[tokio::main]
async fn main() {
    let given: Vec<u32> = std::env::args()
        .filter_map(|size| size.parse().ok())
        .collect();
    let sizes = if given.is_empty() {
        SIZES.to_vec()
    } else {
        given
    };
    let mut columns = Vec::new();
    for size in &sizes {
        columns.push(measure(*size).await);
    }
    let titles: Vec<String> = sizes.iter().map(|size| format!("{size} users")).collect();
    println!("| act | {} | growth |", titles.join(" | "));
    println!("|---|{}", "---|".repeat(sizes.len() + 1));
    for (row, (name, first)) in columns[0].iter().enumerate() {
        let times: Vec<Duration> = columns.iter().map(|column| column[row].1).collect();
        let shown: Vec<String> = times
            .iter()
            .map(|time| format!("{:.2} ms", time.as_secs_f64() * 1e3))
            .collect();
        let growth = times[times.len() - 1].as_secs_f64() / first.as_secs_f64();
        println!("| `{name}` | {} | {growth:.2} × |", shown.join(" | "));
    }
}
