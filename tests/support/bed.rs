//! A service over the memory store with a clock that stands still, cheap
//! hashing, and every event kept.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use admittance::clock::ManualClock;
use admittance::config::AuthConfig;
use admittance::error::AuthError;
use admittance::event::{AuthEvent, EventSink};
use admittance::mail::{Mail, MailConfig, MailKind};
use admittance::password::Argon2Params;
use admittance::random::SeededRandom;
use admittance::secret::{MailToken, SecretBytes};
use admittance::service::{
    AccountData, AuthService, AuthServiceBuilder, Authenticated, ChangePassword, EmailRequest,
    LoginRequest, LoginResponse, RefreshRequest, RegisterRequest, RegisterResponse, RequestContext,
    ResetPassword, Tokens,
};
use admittance::store::{MemoryStore, Store};
use admittance::test_util::Mailbox;
use admittance::token::Keyring;
use admittance::user::{PasswordHash, User};

static SEED: AtomicU64 = AtomicU64::new(1);

/// A password that the default policy accepts.
pub const PASSWORD: &str = "plum-Orbit-47-lantern";
/// Another one.
pub const OTHER_PASSWORD: &str = "quartz!Meadow 93 ferry";

#[derive(Clone, Default)]
pub struct Events(Arc<Mutex<Vec<AuthEvent>>>);

impl EventSink for Events {
    fn emit(&self, event: &AuthEvent) {
        self.0.lock().unwrap().push(event.clone());
    }
}

impl Events {
    pub fn last(&self) -> AuthEvent {
        self.0.lock().unwrap().last().unwrap().clone()
    }

    pub fn all(&self) -> Vec<AuthEvent> {
        self.0.lock().unwrap().clone()
    }
}

pub struct Bed<S = MemoryStore> {
    pub auth: AuthService<S, ManualClock>,
    pub clock: ManualClock,
    pub store: S,
    pub events: Events,
    pub mailbox: Mailbox,
    pub here: RequestContext,
}

/// Settings with the cheapest hashing there is, and without bounds.
pub fn config() -> AuthConfig {
    let mut config = AuthConfig::new("Exam simulator").insecure_for_tests();
    config.hashing.params = Argon2Params::new(8, 1, 1).unwrap();
    config
}

pub fn keyring() -> Keyring {
    Keyring::from_secret(SecretBytes::new(*b"0123456789abcdefghijklmnopqrstuv")).unwrap()
}

impl Bed {
    pub fn new() -> Self {
        Self::with(config())
    }

    pub fn with(config: AuthConfig) -> Self {
        Self::over(MemoryStore::new(), config)
    }

    /// One that sends mail.
    pub fn mailing() -> Self {
        Self::mailing_with(config())
    }

    pub fn mailing_with(config: AuthConfig) -> Self {
        Self::mailing_over(MemoryStore::new(), config)
    }
}

impl<S: Store + Clone> Bed<S> {
    pub fn over(store: S, config: AuthConfig) -> Self {
        Self::built(store, config, |builder, _| builder)
    }

    pub fn mailing_over(store: S, config: AuthConfig) -> Self {
        Self::built(store, config, |builder, mailbox| {
            builder.mail(mailbox, mail_config())
        })
    }

    /// With what else `add` gives the builder.
    pub fn built(
        store: S,
        config: AuthConfig,
        add: impl FnOnce(Builder<S>, Mailbox) -> Builder<S>,
    ) -> Self {
        let clock = ManualClock::default();
        let events = Events::default();
        let mailbox = Mailbox::new();
        let builder = AuthService::builder(store.clone())
            .clock(clock.clone())
            .config(config)
            .keyring(keyring())
            // Each bed its own seed, since two of them may share a store.
            .random(SeededRandom::new(SEED.fetch_add(1, Ordering::SeqCst)))
            .events(events.clone());
        let auth = add(builder, mailbox.clone()).build().unwrap();
        let here = RequestContext::from_ip([192, 0, 2, 1].into()).with_user_agent("test");
        Self {
            auth,
            clock,
            store,
            events,
            mailbox,
            here,
        }
    }
}

pub type Builder<S> = AuthServiceBuilder<S, ManualClock>;

/// The hash of a user who has a password.
pub fn hash_of(user: &User) -> &PasswordHash {
    user.password_hash.as_ref().unwrap()
}

pub fn mail_config() -> MailConfig {
    MailConfig::new("https://exam.example")
}

/// What a hook gives: preferences.
pub fn given(preferences: &serde_json::Value) -> AccountData {
    let preferences = preferences.as_object().cloned().unwrap();
    AccountData::default().preferences(preferences)
}

pub fn registration(email: &str) -> RegisterRequest {
    RegisterRequest {
        email: email.into(),
        password: PASSWORD.into(),
        confirm_password: PASSWORD.into(),
        name: "Ann".into(),
        ..RegisterRequest::default()
    }
}

pub fn login(email: &str, password: &str) -> LoginRequest {
    LoginRequest {
        email: email.into(),
        password: password.into(),
        remember: None,
    }
}

impl<S: Store + Clone> Bed<S> {
    pub async fn register(&self, email: &str) -> RegisterResponse {
        self.auth
            .register(registration(email), &self.here)
            .await
            .unwrap()
            .opened()
            .unwrap()
    }

    /// The newest mail of `kind` that was sent.
    pub async fn mail(&self, kind: MailKind) -> Mail {
        self.auth.flush_mail().await;
        let mail = self.mailbox.take_last(kind);
        mail.unwrap_or_else(|| panic!("no mail of the kind {kind:?}"))
    }

    /// The token of the link in it.
    pub async fn mailed(&self, kind: MailKind) -> MailToken {
        Mailbox::token(&self.mail(kind).await).unwrap()
    }

    /// What kinds of mail were sent to whom since this was last called, sorted.
    pub async fn mails(&self) -> Vec<(MailKind, String)> {
        self.auth.flush_mail().await;
        let mut mails: Vec<_> = self
            .mailbox
            .take()
            .into_iter()
            .map(|mail| (mail.kind, mail.to.as_str().to_owned()))
            .collect();
        mails.sort();
        mails
    }

    pub async fn login(&self, email: &str, password: &str) -> Result<LoginResponse, AuthError> {
        self.auth.login(login(email, password), &self.here).await
    }

    pub async fn refresh(&self, tokens: &Tokens) -> Result<Tokens, AuthError> {
        let request = RefreshRequest {
            refresh_token: tokens.refresh_token.clone(),
        };
        Ok(self.auth.refresh(request, &self.here).await?.tokens)
    }

    pub async fn validate(&self, tokens: &Tokens) -> Result<Authenticated, AuthError> {
        self.auth
            .validate_token(tokens.token.expose_secret(), &self.here)
            .await
    }

    /// Sets the password of the account by a mailed link.
    pub async fn reset_password(&self, email: &str, new: &str) {
        let request = EmailRequest {
            email: email.into(),
        };
        self.auth
            .forgot_password(request, &self.here)
            .await
            .unwrap();
        let request = ResetPassword {
            token: self.mailed(MailKind::ResetPassword).await,
            new_password: new.into(),
            confirm_password: new.into(),
        };
        self.auth.reset_password(request, &self.here).await.unwrap();
    }

    pub async fn change_password(
        &self,
        who: &Authenticated,
        current: &str,
        new: &str,
    ) -> Result<LoginResponse, AuthError> {
        let request = ChangePassword {
            current_password: current.into(),
            new_password: new.into(),
            confirm_password: new.into(),
        };
        self.auth.change_password(who, request, &self.here).await
    }
}
