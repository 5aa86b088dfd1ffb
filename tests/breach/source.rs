//! Sources of breached passwords that do as they are told, and the flows that
//! ask them.

use std::sync::{Arc, Mutex};

use admittance::config::{AuthConfig, OnBreachFailure};
use admittance::error::AuthError;
use admittance::mail::MailKind;
use admittance::password::NormalizedPassword;
use admittance::password::breach::{
    BreachCheck, BreachFilter, BreachFilterBuilder, BreachQuery, RangeCheck, RangeClient,
};
use admittance::secret::{MailToken, Password};
use admittance::service::{Authenticated, EmailRequest, ResetPassword};
use admittance::store::{Cause, MemoryStore};
use async_trait::async_trait;
use std::time::Duration;

use support::bed::{Bed, PASSWORD, config, mail_config, registration};

pub(crate) const ANN: &str = "ann@example.org";
pub(crate) const BOB: &str = "bob@example.org";
/// One that the policy accepts.
pub(crate) const BREACHED: &str = "velvet?Harbour 18 sundial";
/// Another one.
pub(crate) const CLEAN: &str = "quartz!Meadow 93 ferry";

pub(crate) fn normal(text: &str) -> NormalizedPassword {
    NormalizedPassword::new(&Password::new(text)).unwrap()
}

pub(crate) fn query(text: &str) -> BreachQuery {
    BreachQuery::new(&normal(text))
}

/// A filter with these passwords.
pub(crate) fn filter(passwords: &[&str]) -> BreachFilter {
    let mut builder = BreachFilterBuilder::new();
    for password in passwords {
        builder.add_password(&normal(password));
    }
    builder.build().unwrap()
}

/// A range server that knows [`BREACHED`], and keeps all that it is asked.
#[derive(Clone, Default)]
pub(crate) struct Spy {
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl RangeClient for Spy {
    async fn range(&self, prefix: &str) -> Result<String, Cause> {
        self.asked.lock().unwrap().push(prefix.to_owned());
        let known = query(BREACHED);
        let mut answer = format!("{}:0\r\n{}:7\r\n", "F".repeat(35), "0".repeat(35));
        if prefix == known.prefix() {
            answer += &format!("{}:3\r\n", known.expose_suffix());
        }
        Ok(answer)
    }
}

/// What a [`Switch`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    SaysNo,
    Fails,
    Hangs,
    Panics,
}

pub(crate) const WAYS_TO_FAIL: [Mode; 3] = [Mode::Fails, Mode::Hangs, Mode::Panics];

/// A source that is told what to do, also later.
#[derive(Clone)]
pub(crate) struct Switch {
    mode: Arc<Mutex<Mode>>,
    asked: Arc<Mutex<usize>>,
}

impl Switch {
    pub(crate) fn new(mode: Mode) -> Self {
        Self {
            mode: Arc::new(Mutex::new(mode)),
            asked: Arc::default(),
        }
    }

    pub(crate) fn turn(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        *self.asked.lock().unwrap()
    }
}

#[async_trait]
impl BreachCheck for Switch {
    async fn is_breached(&self, query: &BreachQuery) -> Result<bool, Cause> {
        *self.asked.lock().unwrap() += 1;
        let mode = *self.mode.lock().unwrap();
        match mode {
            Mode::SaysNo => Ok(false),
            Mode::Fails => Err("the source was told to fail".into()),
            Mode::Hangs => std::future::pending().await,
            Mode::Panics => panic!("told to panic about {}", query.expose_password()),
        }
    }
}

/// Settings for a source that may be down.
pub(crate) fn settings(on_failure: OnBreachFailure) -> AuthConfig {
    let mut config = config();
    config.breach.on_failure = on_failure;
    config.breach.timeout = Duration::from_secs(60);
    config
}

/// The same for one that may hang: it is given up soon, but not so soon that a
/// slow machine gives up one that answers.
pub(crate) fn hasty(on_failure: OnBreachFailure) -> AuthConfig {
    let mut config = settings(on_failure);
    config.breach.timeout = Duration::from_secs(2);
    config
}

/// A service that asks `check`, and sends mail.
pub(crate) fn bed(config: AuthConfig, check: impl BreachCheck) -> Bed {
    Bed::built(MemoryStore::new(), config, |builder, mailbox| {
        builder.mail(mailbox, mail_config()).breach_check(check)
    })
}

/// Both sources, each in a service of its own.
pub(crate) fn beds() -> [(&'static str, Bed); 2] {
    let config = || settings(OnBreachFailure::Refuse);
    [
        ("filter", bed(config(), filter(&[BREACHED, "another"]))),
        ("range", bed(config(), RangeCheck::new(Spy::default()))),
    ]
}

pub(crate) async fn register(bed: &Bed, email: &str, password: &str) -> Result<(), AuthError> {
    let mut request = registration(email);
    request.password = password.into();
    request.confirm_password = password.into();
    bed.auth.register(request, &bed.here).await.map(drop)
}

pub(crate) async fn forgotten(bed: &Bed, email: &str) -> MailToken {
    let request = EmailRequest {
        email: email.into(),
    };
    let _ = bed.auth.forgot_password(request, &bed.here).await.unwrap();
    bed.mailed(MailKind::ResetPassword).await
}

pub(crate) async fn reset(bed: &Bed, link: &MailToken, password: &str) -> Result<(), AuthError> {
    let request = ResetPassword {
        token: link.clone(),
        new_password: password.into(),
        confirm_password: password.into(),
    };
    bed.auth.reset_password(request, &bed.here).await.map(drop)
}

/// The three ways to set a password.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Flow {
    Register,
    Change,
    Reset,
}

pub(crate) const FLOWS: [Flow; 3] = [Flow::Register, Flow::Change, Flow::Reset];

/// A [`Flow`] that is about to be tried, as often as one likes.
pub(crate) struct Attempt<'b> {
    bed: &'b Bed,
    way: Way,
}

enum Way {
    Register,
    Change(Box<Authenticated>),
    Reset(MailToken),
}

impl<'b> Attempt<'b> {
    /// Ann has an account with [`PASSWORD`], unless she is about to make it.
    pub(crate) async fn prepare(bed: &'b Bed, flow: Flow) -> Self {
        let way = match flow {
            Flow::Register => Way::Register,
            Flow::Change => {
                let tokens = bed.register(ANN).await.tokens;
                Way::Change(Box::new(bed.validate(&tokens).await.unwrap()))
            }
            Flow::Reset => {
                bed.register(ANN).await;
                Way::Reset(forgotten(bed, ANN).await)
            }
        };
        Self { bed, way }
    }

    pub(crate) async fn set(&self, password: &str) -> Result<(), AuthError> {
        match &self.way {
            Way::Register => register(self.bed, ANN, password).await,
            Way::Change(who) => self
                .bed
                .change_password(who, PASSWORD, password)
                .await
                .map(drop),
            Way::Reset(link) => reset(self.bed, link, password).await,
        }
    }

    /// Whether Ann can log in with `password`.
    pub(crate) async fn is_set(&self, password: &str) -> bool {
        self.bed.login(ANN, password).await.is_ok()
    }
}
