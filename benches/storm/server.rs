//! The servers, each the whole of a process of its own.

use std::collections::HashMap;
use std::env;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use admittance::AuthService;
use admittance::config::{AuthConfig, LimitPolicy};
use admittance::http::AuthApi;
use admittance::random::{OsRandom, SecureRandom};
use admittance::secret::SecretBytes;
use admittance::store::mongodb::{MongoConfig, MongoStore};
use admittance::store::sql::{PostgresStore, SqlConfig, SqliteStore};
use admittance::store::{MemoryStore, Store};
use admittance::token::Keyring;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Block, Params, PasswordHasher, PasswordVerifier, Version};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};

use crate::load::{EMAIL_OF, PASSWORD, USERS};

/// Tells a process of this program which server to be.
const KIND: &str = "STORM_SERVER";
/// The default cost of the library.
const COST: (u32, u32, u32) = (19_456, 2, 1);
const SECRET: &[u8; 32] = b"a secret for nothing but a bench";

/// Where a store of ours is.
#[derive(Clone)]
pub(crate) enum Place {
    Memory,
    Sqlite,
    Postgres(String),
    MongoDb(String),
}

#[derive(Clone)]
pub(crate) enum Kind {
    Bare,
    Ours(Place),
    Blocking,
    Async,
}

impl Kind {
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Bare => "bare".to_owned(),
            Self::Ours(place) => {
                let store = match place {
                    Place::Memory => "memory",
                    Place::Sqlite => "SQLite",
                    Place::Postgres(_) => "PostgreSQL",
                    Place::MongoDb(_) => "MongoDB",
                };
                format!("admittance, {store}")
            }
            Self::Blocking => "spawn_blocking".to_owned(),
            Self::Async => "async threads".to_owned(),
        }
    }

    /// The variable that has a process be this server.
    pub(crate) fn variable(&self) -> (&'static str, String) {
        let value = match self {
            Self::Bare => "bare".to_owned(),
            Self::Blocking => "blocking".to_owned(),
            Self::Async => "async".to_owned(),
            Self::Ours(Place::Memory) => "memory".to_owned(),
            Self::Ours(Place::Sqlite) => "sqlite".to_owned(),
            Self::Ours(Place::Postgres(url) | Place::MongoDb(url)) => url.clone(),
        };
        (KIND, value)
    }
}

/// The server that this process is to be.
pub(crate) fn wanted() -> Option<Kind> {
    Some(match env::var(KIND).ok()?.as_str() {
        "bare" => Kind::Bare,
        "blocking" => Kind::Blocking,
        "async" => Kind::Async,
        "memory" => Kind::Ours(Place::Memory),
        "sqlite" => Kind::Ours(Place::Sqlite),
        url if url.starts_with("mongodb") => Kind::Ours(Place::MongoDb(url.to_owned())),
        url => Kind::Ours(Place::Postgres(url.to_owned())),
    })
}

/// Serves until the process is killed.
pub(crate) fn run(kind: &Kind) {
    let runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    runtime.block_on(async {
        let router = match kind.clone() {
            Kind::Bare => bare(),
            Kind::Blocking => plain(true),
            Kind::Async => plain(false),
            Kind::Ours(Place::Memory) => ours(MemoryStore::new()),
            Kind::Ours(Place::Sqlite) => {
                let file = support::folder().join(format!("storm-{}.db", std::process::id()));
                let url = format!("sqlite:{}", file.display());
                ours(SqliteStore::open(&url, SqlConfig::default()).await.unwrap())
            }
            Kind::Ours(Place::Postgres(url)) => ours(
                PostgresStore::connect(&url, SqlConfig::default())
                    .await
                    .unwrap(),
            ),
            Kind::Ours(Place::MongoDb(uri)) => ours(
                MongoStore::connect(&uri, MongoConfig::default())
                    .await
                    .unwrap(),
            ),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("http://{}", listener.local_addr().unwrap());
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        axum::serve(listener, service).await.unwrap();
    });
}

fn ours<S: Store>(store: S) -> Router {
    let mut config = AuthConfig::new("Storm");
    config.limits = LimitPolicy::off();
    let mut secret = [0; 32];
    OsRandom.fill(&mut secret).unwrap();
    let service = AuthService::builder(store)
        .config(config)
        .keyring(Keyring::from_secret(SecretBytes::new(secret)).unwrap())
        .build()
        .unwrap();
    admittance::axum::router(&AuthApi::new(service)).route("/count", get(async || "0"))
}

/// What the servers without the library share.
struct Plain {
    users: HashMap<String, String>,
    encoding: EncodingKey,
    decoding: DecodingKey,
    count: AtomicU64,
    leaves_async_threads: bool,
}

impl Plain {
    fn new(leaves_async_threads: bool) -> Self {
        Self {
            users: HashMap::new(),
            encoding: EncodingKey::from_secret(SECRET),
            decoding: DecodingKey::from_secret(SECRET),
            count: AtomicU64::new(0),
            leaves_async_threads,
        }
    }

    fn token(&self, email: &str) -> String {
        // Far in the future.
        let claims = json!({ "sub": email, "exp": 4_102_444_800_u64 });
        jsonwebtoken::encode(&Header::default(), &claims, &self.encoding).unwrap()
    }
}

fn argon2() -> Argon2<'static> {
    let (m, t, p) = COST;
    let params = Params::new(m, t, p, None).unwrap();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// As many threads as there are cores hash all the time.
fn bare() -> Router {
    let plain = Arc::new(Plain::new(false));
    for _ in 0..thread::available_parallelism().unwrap().get() {
        let plain = Arc::clone(&plain);
        thread::spawn(move || {
            let argon2 = argon2();
            let mut blocks = vec![Block::new(); argon2.params().block_count()];
            let mut out = [0; 32];
            loop {
                let hashed = argon2.hash_password_into_with_memory(
                    PASSWORD.as_bytes(),
                    &[7; 16],
                    &mut out,
                    &mut blocks,
                );
                hashed.unwrap();
                plain.count.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    router(plain)
}

/// A server that hashes by the crate `argon2`.
fn plain(leaves_async_threads: bool) -> Router {
    let mut plain = Plain::new(leaves_async_threads);
    let hash = argon2()
        .hash_password_with_salt(PASSWORD.as_bytes(), &[7; 16])
        .unwrap()
        .to_string();
    // All have the same hash: checking it costs the same.
    plain.users = (0..USERS)
        .map(|user| (EMAIL_OF(user), hash.clone()))
        .collect();
    router(Arc::new(plain))
}

fn router(plain: Arc<Plain>) -> Router {
    Router::new()
        .route("/login", post(log_in))
        .route("/register", post(register))
        .route("/profile", get(profile))
        .route("/count", get(count))
        .with_state(plain)
}

async fn register(State(plain): State<Arc<Plain>>) -> (StatusCode, Json<Value>) {
    let token = plain.token("somebody");
    (StatusCode::CREATED, Json(json!({ "token": token })))
}

async fn log_in(
    State(plain): State<Arc<Plain>>,
    Json(body): Json<Value>,
) -> Result<Json<Value>, StatusCode> {
    let text = |name| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let email = text("email").ok_or(StatusCode::BAD_REQUEST)?;
    let password = text("password").ok_or(StatusCode::BAD_REQUEST)?;
    let hash = plain.users.get(&email).cloned();
    let hash = hash.ok_or(StatusCode::UNAUTHORIZED)?;
    let check = move || {
        let hash = PasswordHash::new(&hash).unwrap();
        argon2().verify_password(password.as_bytes(), &hash).is_ok()
    };
    let is_right = match plain.leaves_async_threads {
        true => tokio::task::spawn_blocking(check).await.unwrap(),
        false => check(),
    };
    match is_right {
        true => Ok(Json(json!({ "token": plain.token(&email) }))),
        false => Err(StatusCode::UNAUTHORIZED),
    }
}

async fn profile(
    State(plain): State<Arc<Plain>>,
    headers: HeaderMap,
) -> Result<Json<Value>, StatusCode> {
    let header = headers.get("authorization").and_then(|it| it.to_str().ok());
    let token = header.and_then(|it| it.strip_prefix("Bearer "));
    let token = token.ok_or(StatusCode::UNAUTHORIZED)?;
    let validation = Validation::default();
    let claims = jsonwebtoken::decode::<Value>(token, &plain.decoding, &validation);
    claims
        .map(|token| Json(token.claims))
        .map_err(|_| StatusCode::UNAUTHORIZED)
}

/// The hashes of the bare threads.
async fn count(State(plain): State<Arc<Plain>>) -> String {
    plain.count.load(Ordering::Relaxed).to_string()
}
