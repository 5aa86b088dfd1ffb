//! Can strangers use up the room of others? Each attack sends requests to a
//! service whose store has little room, and then asks whether the owner of an
//! account can still log in and recover it, and whether a newcomer can register.
//!
//! ```text
//! cargo bench -p admittance-benches --bench room -- [OPTIONS]
//!
//! --store memory|mongodb   default: memory
//! --attack NAME            register, confirm, login, forgot, accounts, guess or
//!                          update; default: all
//! --requests N             default: 2,000
//! ```
//!
//! Hashing is cheap and the requests come from as many networks, so that no
//! limit protects the tables. For MongoDB it uses `MONGODB_URI`, or starts a
//! server as the tests do.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark that cannot start may panic, and prints its figures"
)]

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use admittance::AuthConfig;
use admittance::audit::AuditPolicy;
use admittance::config::{LimitPolicy, RegistrationMode};
use admittance::error::AuthError;
use admittance::mail::{Mail, MailConfig, MailError, MailKind, Mailer};
use admittance::password::Argon2Params;
use admittance::secret::SecretBytes;
use admittance::service::{
    AuthService, Authenticated, EmailRequest, LoginRequest, RegisterOutcome, RegisterRequest,
    RequestContext, UpdateProfile,
};
use admittance::store::{AuditStore, MemoryCapacity, MemoryStore, Store};
use admittance::token::Keyring;
use async_trait::async_trait;
use support::mongo;
use tokio::task::JoinSet;

const PASSWORD: &str = "plum-Orbit-47-lantern";
const OWNER: &str = "owner@example.org";
const MALLORY: &str = "mallory@example.org";
/// Requests that are under way at once.
const AT_ONCE: u32 = 64;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Attack {
    /// Registrations: users, sessions and links.
    Register,
    /// Registrations that wait for a confirmation: links.
    Confirm,
    /// Logins of one account: sessions.
    Login,
    /// Requests of one account for a reset: links.
    Forgot,
    /// As many accounts as there is room for, each with logins and requests for a
    /// reset: sessions, links and events.
    Accounts,
    /// Wrong passwords at random addresses: limits and attempts.
    Guess,
    /// Changes of one profile: events.
    Update,
}

const ATTACKS: [(&str, Attack); 7] = [
    ("register", Attack::Register),
    ("confirm", Attack::Confirm),
    ("login", Attack::Login),
    ("forgot", Attack::Forgot),
    ("accounts", Attack::Accounts),
    ("guess", Attack::Guess),
    ("update", Attack::Update),
];

/// Keeps the kinds of the mails to the owner.
#[derive(Clone, Default)]
struct Postbox(Arc<Mutex<Vec<MailKind>>>);

#[async_trait]
impl Mailer for Postbox {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        if mail.to.as_str() == OWNER {
            self.0.lock().unwrap().push(mail.kind);
        }
        Ok(())
    }
}

#[derive(Clone)]
struct Subject<S> {
    auth: AuthService<S>,
    postbox: Postbox,
    mallory: Option<Authenticated>,
    /// How many accounts the attacker has room for.
    accounts: u32,
}

impl<S: Store + AuditStore + Clone + 'static> Subject<S> {
    async fn new(store: S, attack: Attack, accounts: u32) -> Self {
        let postbox = Postbox::default();
        let service = |registration| {
            let mut config = AuthConfig::new("room").insecure_for_tests();
            config.hashing.params = Argon2Params::new(8, 1, 1).unwrap();
            config.registration = registration;
            if attack != Attack::Guess {
                config.limits = LimitPolicy::off();
            }
            AuthService::builder(store.clone())
                .config(config)
                .keyring(
                    Keyring::from_secret(SecretBytes::new((0..32).collect::<Vec<u8>>())).unwrap(),
                )
                .mail(postbox.clone(), MailConfig::new("https://room.example"))
                .audit_log(store.clone(), AuditPolicy::default())
                .build()
                .unwrap()
        };
        let mut subject = Self {
            auth: service(RegistrationMode::OpenSession),
            postbox: postbox.clone(),
            mallory: None,
            accounts,
        };
        let _ = subject.register(OWNER.to_owned(), 1).await.unwrap();
        let made = subject.register(MALLORY.to_owned(), 2).await.unwrap();
        let token = made.opened().unwrap().tokens.token;
        subject.mallory = subject
            .auth
            .validate_token(token.expose_secret(), &from(2))
            .await
            .ok();
        if attack == Attack::Confirm {
            subject.auth = service(RegistrationMode::VerifyFirst);
        }
        subject
    }

    async fn register(&self, email: String, network: u32) -> Result<RegisterOutcome, AuthError> {
        let request = RegisterRequest {
            email,
            password: PASSWORD.into(),
            confirm_password: PASSWORD.into(),
            name: "Ann".to_owned(),
            ..RegisterRequest::default()
        };
        self.auth.register(request, &from(network)).await
    }

    async fn login(&self, email: String, password: &str, network: u32) -> Result<(), AuthError> {
        let request = LoginRequest {
            email,
            password: password.into(),
            ..LoginRequest::default()
        };
        self.auth.login(request, &from(network)).await.map(drop)
    }

    async fn forgot(&self, email: &str, network: u32) -> Result<(), AuthError> {
        let email = email.to_owned();
        let request = EmailRequest { email };
        self.auth
            .forgot_password(request, &from(network))
            .await
            .map(drop)
    }

    async fn request(&self, attack: Attack, number: u32) -> Result<(), AuthError> {
        let network = 1000 + number;
        match attack {
            Attack::Register | Attack::Confirm => {
                let email = format!("stranger{number}@example.org");
                self.register(email, network).await.map(drop)
            }
            Attack::Login => self.login(MALLORY.to_owned(), PASSWORD, network).await,
            Attack::Forgot => self.forgot(MALLORY, network).await,
            Attack::Accounts => {
                let account = number % self.accounts;
                let email = format!("stranger{account}@example.org");
                match number / self.accounts {
                    0 => self.register(email, network).await.map(drop),
                    round if round % 2 == 0 => self.forgot(&email, network).await,
                    _ => self.login(email, PASSWORD, network).await,
                }
            }
            Attack::Guess => {
                let email = format!("nobody{number}@example.org");
                self.login(email, "wrong", network).await
            }
            Attack::Update => {
                let request = UpdateProfile {
                    name: Some(format!("Mallory {number}")),
                    preferences: None,
                };
                let auth = self.mallory.as_ref().unwrap();
                let there = from(network);
                let updated = self.auth.update_profile(auth, request, &there);
                updated.await.map(drop)
            }
        }
    }

    /// Sends the requests, and returns how many had which outcome.
    async fn attack(&self, attack: Attack, requests: u32) -> BTreeMap<String, u32> {
        let mut outcomes = BTreeMap::new();
        let mut under_way = JoinSet::new();
        let mut numbers = 0..requests;
        loop {
            while under_way.len() < AT_ONCE as usize
                && let Some(number) = numbers.next()
            {
                let subject = self.clone();
                under_way.spawn(async move { subject.request(attack, number).await });
            }
            let Some(outcome) = under_way.join_next().await else {
                return outcomes;
            };
            let outcome = named(&outcome.unwrap());
            *outcomes.entry(outcome).or_default() += 1;
        }
    }

    /// Whether the owner logs in and gets a link, and a newcomer registers.
    async fn aftermath(&self) -> [String; 3] {
        let logged_in = self.login(OWNER.to_owned(), PASSWORD, 1).await;
        self.auth.flush_mail().await;
        self.postbox.0.lock().unwrap().clear();
        let asked = self.forgot(OWNER, 1).await;
        self.auth.flush_mail().await;
        let is_mailed = self
            .postbox
            .0
            .lock()
            .unwrap()
            .contains(&MailKind::ResetPassword);
        let recovers = match (asked, is_mailed) {
            (Ok(()), true) => "ok".to_owned(),
            (Ok(()), false) => "no mail".to_owned(),
            (refused, _) => named(&refused),
        };
        let registered = self.register("new@example.org".to_owned(), 3).await;
        [named(&logged_in), recovers, named(&registered)]
    }
}

fn named<T>(outcome: &Result<T, AuthError>) -> String {
    match outcome {
        Ok(_) => "ok".to_owned(),
        Err(error) => error.code().as_str().to_owned(),
    }
}

/// A client in a /24 of its own.
fn from(network: u32) -> RequestContext {
    let address = Ipv4Addr::from(0x0b00_0001 + (network << 8));
    RequestContext::from_ip(address.into()).with_user_agent("room")
}

/// The memory of this process that is resident, in MiB.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}

async fn run<S: Store + AuditStore + Clone + 'static>(
    store: S,
    (name, attack): (&str, Attack),
    requests: u32,
    accounts: u32,
    rows: impl AsyncFn() -> String,
) {
    let subject = Subject::new(store, attack, accounts).await;
    let (memory, before) = (resident(), rows().await);
    let start = Instant::now();
    let outcomes = subject.attack(attack, requests).await;
    subject.auth.flush_mail().await;
    subject.auth.flush_events().await;
    let took = start.elapsed().as_secs();
    let (after, grown) = (rows().await, resident());
    let [login, recovery, newcomer] = subject.aftermath().await;
    let outcomes: Vec<String> = outcomes
        .iter()
        .map(|(outcome, count)| format!("{outcome} {count}"))
        .collect();
    println!(
        "| {name} | {requests} in {took} s | {} | {before} | {after} | {memory} → {grown} MiB | {login} | {recovery} | {newcomer} |",
        outcomes.join(", ")
    );
}

async fn in_memory(attack: (&str, Attack), requests: u32) {
    let users = (requests / 40).max(10);
    let room = users as usize;
    let capacity = MemoryCapacity {
        users: room,
        sessions: 2 * room,
        tokens: 2 * room,
        registrations: room,
        flows: room,
        limits: 4 * room,
        events: 4 * room,
    };
    let store = MemoryStore::with_capacity(capacity);
    let counted = store.clone();
    let rows = async || {
        let counts = counted.counts();
        let all = [
            counts.users,
            counts.sessions,
            counts.tokens + counts.registrations,
            counts.limits,
            counts.events,
        ];
        all.map(|count| count.to_string()).join(" / ")
    };
    // All but the two of the set-up and the newcomer.
    run(store, attack, requests, users - 3, rows).await;
}

async fn in_mongodb(attack: (&str, Attack), requests: u32) {
    let options = mongo::options().await;
    let client = mongodb::Client::with_options(options.clone()).unwrap();
    let database = client.default_database().unwrap();
    let store = mongo::store_over(options).await;
    let config = mongo::config();
    let collections = [
        config.users,
        config.sessions,
        config.tokens,
        config.limits,
        config.audit,
    ];
    let rows = async || {
        let mut all = Vec::new();
        for name in &collections {
            let collection = database.collection::<mongodb::bson::Document>(name);
            let count = collection.estimated_document_count().await.unwrap();
            all.push(count.to_string());
        }
        all.join(" / ")
    };
    let accounts = (requests / 40).max(10);
    run(store, attack, requests, accounts, rows).await;
}

#[tokio::main]
async fn main() {
    let (mut is_mongodb, mut requests, mut only) = (false, 2_000, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--store" => is_mongodb = arguments.next().as_deref() == Some("mongodb"),
            "--requests" => requests = arguments.next().unwrap().parse().unwrap(),
            "--attack" => only = arguments.next(),
            // Cargo's own.
            "--bench" => {}
            other => panic!("{other} is no option"),
        }
    }
    println!(
        "| attack | requests | outcomes | users / sessions / links / limits / events before | after | memory | owner logs in | owner recovers | newcomer registers |\n\
         |---|---|---|---|---|---|---|---|---|"
    );
    for attack in ATTACKS {
        if only.as_deref().is_some_and(|only| only != attack.0) {
            continue;
        }
        match is_mongodb {
            true => in_mongodb(attack, requests).await,
            false => in_memory(attack, requests).await,
        }
    }
}
