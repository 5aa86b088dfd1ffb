//! Can a stopwatch tell which accounts exist? Logins that fail for different
//! reasons, and requests for a link that sets a new password, are measured in
//! random order and compared in pairs, once as they are and once with a check
//! in front that leaks, to show that the measurement sees a leak where there is
//! one (ASVS 6.3.8, CVE-2024-39329).
//!
//! |t| of Welch's test below 4.5 is the usual bar of leakage assessment
//! (ISO/IEC 17825). AUC is the chance that the second of two answers, one of
//! each kind, takes longer: 0.5 tells nothing, 0 and 1 tell everything.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that cannot start may panic, and prints its figures"
)]

use std::time::{Duration, Instant};

use admittance::AuthConfig;
use admittance::config::LimitPolicy;
use admittance::email::Email;
use admittance::id::UserId;
use admittance::mail::{Mail, MailConfig, MailError, Mailer};
use admittance::password::Argon2Params;
use admittance::random::{OsRandom, SecureRandom, SeededRandom};
use admittance::secret::SecretBytes;
use admittance::service::{
    AuthService, EmailRequest, LoginRequest, RegisterRequest, RequestContext,
};
use admittance::store::{MemoryStore, UserStore};
use admittance::token::Keyring;
use admittance::user::{User, UserStatus};
use async_trait::async_trait;
use tokio::runtime::{Builder, Runtime};

/// Measurements of each kind.
const ROUNDS: usize = 2000;
/// Before the first that counts.
const WARM_UP: usize = 200;
const PASSWORD: &str = "plum-Orbit-47-lantern";

/// What is asked for.
#[derive(Clone, Copy)]
enum Ask {
    /// A login with this password, which fails.
    Login(&'static str),
    /// A link that sets a new password. What is done after the answer is not
    /// measured, and waited for before the next measurement.
    Forgot,
}

#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    email: &'static str,
    ask: Ask,
}

const LOGINS: [Kind; 3] = [
    Kind {
        name: "known, wrong password",
        email: "ann@example.org",
        ask: Ask::Login("quartz!Meadow 93 ferry"),
    },
    Kind {
        name: "unknown",
        email: "eve@example.org",
        ask: Ask::Login(PASSWORD),
    },
    Kind {
        name: "disabled, right password",
        email: "bob@example.org",
        ask: Ask::Login(PASSWORD),
    },
];

const LINKS: [Kind; 3] = [
    Kind {
        name: "known",
        email: "ann@example.org",
        ask: Ask::Forgot,
    },
    Kind {
        name: "unknown",
        email: "eve@example.org",
        ask: Ask::Forgot,
    },
    Kind {
        name: "disabled",
        email: "bob@example.org",
        ask: Ask::Forgot,
    },
];

/// Mails that go nowhere.
struct Nowhere;

#[async_trait]
impl Mailer for Nowhere {
    async fn send(&self, _: &Mail) -> Result<(), MailError> {
        Ok(())
    }
}

struct Subject {
    runtime: Runtime,
    auth: AuthService<MemoryStore>,
    here: RequestContext,
}

impl Subject {
    fn new() -> Self {
        let mut config = AuthConfig::new("timing").insecure_for_tests();
        config.hashing.params = Argon2Params::new(1024, 1, 1).unwrap();
        config.limits = LimitPolicy::off();
        let mut secret = vec![0; 32];
        OsRandom.fill(&mut secret).unwrap();
        let auth = AuthService::builder(MemoryStore::new())
            .config(config)
            .keyring(Keyring::from_secret(SecretBytes::new(secret)).unwrap())
            .mail(Nowhere, MailConfig::new("https://timing.example"))
            .build()
            .unwrap();
        let subject = Self {
            runtime: Builder::new_current_thread().enable_time().build().unwrap(),
            auth,
            here: RequestContext::default(),
        };
        subject.runtime.block_on(subject.fill());
        subject
    }

    async fn fill(&self) {
        let request = RegisterRequest {
            email: "ann@example.org".to_owned(),
            password: PASSWORD.into(),
            confirm_password: PASSWORD.into(),
            name: "Ann".to_owned(),
            ..RegisterRequest::default()
        };
        let ann = self
            .auth
            .register(request, &self.here)
            .await
            .unwrap()
            .opened()
            .unwrap();
        let store = self.auth.store();
        let bob = User {
            id: UserId::from_bytes([7; 12]),
            email: Email::parse("bob@example.org").unwrap(),
            status: UserStatus::Disabled,
            ..store.user(ann.user_id).await.unwrap().unwrap()
        };
        let _ = store.insert_user(&bob).await.unwrap();
    }

    /// What one answer takes, in nanoseconds.
    fn measure(&self, kind: Kind, is_leaky: bool) -> f64 {
        let took = self.runtime.block_on(async {
            let start = Instant::now();
            self.ask(kind, is_leaky).await;
            let took = start.elapsed();
            self.auth.flush_mail().await;
            took
        });
        took.as_secs_f64() * 1e9
    }

    async fn ask(&self, kind: Kind, is_leaky: bool) {
        if is_leaky {
            let email = Email::parse(kind.email).unwrap();
            let user = self.auth.store().user_by_email(email.canonical()).await;
            if user.unwrap().is_none() {
                return;
            }
        }
        let email = kind.email.to_owned();
        match kind.ask {
            Ask::Login(password) => {
                let request = LoginRequest {
                    email,
                    password: password.into(),
                    ..LoginRequest::default()
                };
                self.auth.login(request, &self.here).await.unwrap_err();
            }
            Ask::Forgot => {
                let request = EmailRequest { email };
                let answer = self.auth.forgot_password(request, &self.here).await;
                answer.unwrap();
            }
        }
    }
}

/// Times of each of `kinds`, measured in random order.
fn times(subject: &Subject, kinds: &[Kind; 3], is_leaky: bool) -> [Vec<f64>; 3] {
    let random = SeededRandom::new(1);
    let mut times = [const { Vec::new() }; 3];
    for round in 0..ROUNDS + WARM_UP {
        for turn in shuffled(&random) {
            let kind = kinds.get(turn).copied().unwrap();
            let took = subject.measure(kind, is_leaky);
            if round >= WARM_UP {
                times.get_mut(turn).unwrap().push(took);
            }
        }
    }
    times
}

fn shuffled(random: &SeededRandom) -> [usize; 3] {
    let mut order = [0, 1, 2];
    let mut draw = [0; 2];
    random.fill(&mut draw).unwrap();
    order.swap(2, usize::from(draw[0]) % 3);
    order.swap(1, usize::from(draw[1]) % 2);
    order
}

/// Welch's t of two samples.
fn welch(a: &[f64], b: &[f64]) -> f64 {
    let moments = |sample: &[f64]| {
        let count = sample.len() as f64;
        let mean = sample.iter().sum::<f64>() / count;
        let squares = sample.iter().map(|value| (value - mean).powi(2));
        (mean, squares.sum::<f64>() / (count - 1.0) / count)
    };
    let ((mean_a, error_a), (mean_b, error_b)) = (moments(a), moments(b));
    (mean_b - mean_a) / (error_a + error_b).sqrt()
}

/// The chance that a value of `b` is above one of `a`; ties count half.
fn auc(a: &[f64], b: &[f64]) -> f64 {
    let mut a = a.to_vec();
    a.sort_unstable_by(f64::total_cmp);
    let above: usize = b
        .iter()
        .map(|value| {
            let below = a.partition_point(|other| other < value);
            let not_above = a.partition_point(|other| other <= value);
            below + not_above
        })
        .sum();
    above as f64 / (2 * a.len() * b.len()) as f64
}

/// The lowest nine tenths: what is above is the machine, not the code.
fn trimmed(sample: &[f64]) -> Vec<f64> {
    let mut sample = sample.to_vec();
    sample.sort_unstable_by(f64::total_cmp);
    sample.truncate(sample.len() * 9 / 10);
    sample
}

fn median(sample: &[f64]) -> Duration {
    let mut sample = sample.to_vec();
    sample.sort_unstable_by(f64::total_cmp);
    Duration::from_secs_f64(sample.get(sample.len() / 2).copied().unwrap() / 1e9)
}

fn main() {
    let subject = Subject::new();
    for (what, kinds) in [("logins", LOGINS), ("requests for a link", LINKS)] {
        for (title, is_leaky) in [
            ("as it is", false),
            ("leaky: returns early for unknown users", true),
        ] {
            let times = times(&subject, &kinds, is_leaky);
            println!("\n{title}; {ROUNDS} {what} of each kind, in random order");
            for (kind, sample) in kinds.iter().zip(&times) {
                println!("  {:<26} median {:?}", kind.name, median(sample));
            }
            let (known, unknown, disabled) = (&times[0], &times[1], &times[2]);
            for (pair, a, b) in [
                ("known / unknown", known, unknown),
                ("known / disabled", known, disabled),
                ("unknown / disabled", unknown, disabled),
            ] {
                println!(
                    "  {pair:<20} t = {:+9.2}   t (lowest 90 %) = {:+9.2}   AUC = {:.3}",
                    welch(a, b),
                    welch(&trimmed(a), &trimmed(b)),
                    auc(a, b),
                );
            }
        }
    }
}
