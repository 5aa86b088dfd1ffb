//! Builds the service, and refuses settings that are not safe.

use std::fmt;
use std::sync::Arc;

use super::audit_log::{AuditLog, Recorder};
use super::claims::ClaimsSource;
use super::extra::{ParseExtra, RegistrationExtra, parse_as};
use super::hooks::AccountHooks;
use super::limits::UsedUp;
use super::second_factor::SecondFactor;
use super::{AuthService, Inner};
use crate::audit::AuditPolicy;
use crate::clock::{Clock, SystemClock};
use crate::config::{AuthConfig, RegistrationMode, SessionCheck};
use crate::error::{AuthError, ConfigError};
use crate::event::{EventSink, TracingSink};
#[cfg(feature = "federation")]
use crate::federation::Federation;
use crate::id::{SessionId, UserId};
use crate::mail::{MailConfig, Mailer, Outbox};
use crate::password::PasswordHasher;
use crate::password::breach::BreachCheck;
use crate::proof::Proof;
use crate::random::{OsRandom, SecureRandom};
use crate::session::{Session, SessionLength};
use crate::store::{AuditStore, FreshStore, SessionCache, Store};
use crate::time::Timestamp;
use crate::token::{CustomClaims, Keyring};

/// Collects what an [`AuthService`] is made of. A keyring and a configuration
/// must be given; clock, randomness and events default to the system's clock,
/// its generator, and `tracing`.
pub struct AuthServiceBuilder<S, C = SystemClock> {
    store: S,
    clock: C,
    config: Option<AuthConfig>,
    keyring: Option<Keyring>,
    random: Arc<dyn SecureRandom>,
    events: Arc<dyn EventSink>,
    mail: Option<(Arc<dyn Mailer>, MailConfig)>,
    audit: Option<(Arc<dyn AuditStore>, AuditPolicy)>,
    hooks: Option<Arc<dyn AccountHooks>>,
    parse_extra: Option<ParseExtra>,
    breach_check: Option<Arc<dyn BreachCheck>>,
    second_factor: Option<Arc<dyn SecondFactor>>,
    claims: Option<Arc<dyn ClaimsSource>>,
    #[cfg(feature = "federation")]
    federation: Option<Federation>,
    hasher: Option<PasswordHasher>,
}

impl<S, C: fmt::Debug> fmt::Debug for AuthServiceBuilder<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthServiceBuilder")
            .field("clock", &self.clock)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl<S: Store> AuthServiceBuilder<S> {
    pub(super) fn new(store: S) -> Self {
        Self {
            store,
            clock: SystemClock,
            config: None,
            keyring: None,
            random: Arc::new(OsRandom),
            events: Arc::new(TracingSink),
            mail: None,
            audit: None,
            hooks: None,
            parse_extra: None,
            breach_check: None,
            second_factor: None,
            claims: None,
            #[cfg(feature = "federation")]
            federation: None,
            hasher: None,
        }
    }
}

impl<S: Store, C: Clock> AuthServiceBuilder<S, C> {
    /// The settings.
    #[must_use]
    pub fn config(mut self, config: AuthConfig) -> Self {
        self.config = Some(config);
        self
    }

    /// The keys that sign and verify tokens.
    #[must_use]
    pub fn keyring(mut self, keyring: Keyring) -> Self {
        self.keyring = Some(keyring);
        self
    }

    /// Another clock.
    #[must_use]
    pub fn clock<D: Clock>(self, clock: D) -> AuthServiceBuilder<S, D> {
        AuthServiceBuilder {
            store: self.store,
            clock,
            config: self.config,
            keyring: self.keyring,
            random: self.random,
            events: self.events,
            mail: self.mail,
            audit: self.audit,
            hooks: self.hooks,
            parse_extra: self.parse_extra,
            breach_check: self.breach_check,
            second_factor: self.second_factor,
            claims: self.claims,
            #[cfg(feature = "federation")]
            federation: self.federation,
            hasher: self.hasher,
        }
    }

    /// Another source of randomness.
    #[must_use]
    pub fn random(mut self, random: impl SecureRandom) -> Self {
        self.random = Arc::new(random);
        self
    }

    /// Where events go.
    #[must_use]
    pub fn events(mut self, events: impl EventSink) -> Self {
        self.events = Arc::new(events);
        self
    }

    /// Who sends mail, and how. Without it, what needs mail is refused with
    /// [`AuthError::NoMailer`].
    #[must_use]
    pub fn mail(mut self, mailer: impl Mailer, config: MailConfig) -> Self {
        self.mail = Some((Arc::new(mailer), config));
        self
    }

    /// Keeps events for the users whom they are about, in `store`: usually the
    /// service's own, as a clone of its handle. They are written in the
    /// background. Without it, none are kept, and who asks for them is refused
    /// with [`AuthError::NoAuditLog`].
    #[must_use]
    pub fn audit_log(mut self, store: impl AuditStore + 'static, policy: AuditPolicy) -> Self {
        self.audit = Some((Arc::new(store), policy));
        self
    }

    /// The application's part in the life of an account.
    #[must_use]
    pub fn hooks(mut self, hooks: impl AccountHooks) -> Self {
        self.hooks = Some(Arc::new(hooks));
        self
    }

    /// The application's own fields of a registration: the type of the member `extra`.
    /// They go to the [`hooks`](Self::hooks), which this requires. Without it, a
    /// registration with `extra` is refused.
    #[must_use]
    pub fn registration_extra<T: RegistrationExtra>(mut self) -> Self {
        self.parse_extra = Some(parse_as::<T>);
        self
    }

    /// What knows breached passwords: every new password is compared, at
    /// registration, change and reset (ASVS 6.2.12). What happens when it fails
    /// is in [`AuthConfig::breach`]. Without it they are not compared.
    #[must_use]
    pub fn breach_check(mut self, check: impl BreachCheck) -> Self {
        self.breach_check = Some(Arc::new(check));
        self
    }

    /// The application's second factors. Without it, no sign-in requires one.
    #[must_use]
    pub fn second_factor(mut self, factor: impl SecondFactor) -> Self {
        self.second_factor = Some(Arc::new(factor));
        self
    }

    /// The application's claims in access tokens. Without it, tokens have none.
    #[must_use]
    pub fn claims(mut self, source: impl ClaimsSource) -> Self {
        self.claims = Some(Arc::new(source));
        self
    }

    /// The providers that people sign in with. Without it, they sign in by password only.
    #[cfg(feature = "federation")]
    #[must_use]
    pub fn federation(mut self, federation: Federation) -> Self {
        self.federation = Some(federation);
        self
    }

    /// The hashing threads, shared with other services of the process. Without it, the
    /// service starts threads of its own, each with the memory for one Argon2 run.
    ///
    /// The settings in [`AuthConfig::hashing`](field@AuthConfig::hashing) must be those of the
    /// hasher, so that none is
    /// ignored. Only `pepper`, `previous_peppers`, `foreign` and the source of salts are
    /// each service's own, and must not be missing where the hasher has them.
    ///
    /// The services share one queue: its length and deadline are for all of them together.
    /// Callers take turns by network and by known device, whichever service they call, so a
    /// flood of one service slows the strangers of the others, and their known devices keep
    /// their precedence. [`AuthService::hashing_stats`] counts the work of all of them.
    ///
    /// ```
    /// # #[cfg(feature = "memory")]
    /// # fn services() -> Result<(), admittance::ConfigError> {
    /// use std::sync::Arc;
    ///
    /// use admittance::password::PasswordHasher;
    /// use admittance::random::OsRandom;
    /// use admittance::{AuthConfig, AuthService, Keyring, MemoryStore, SecretBytes};
    ///
    /// # let secret = |tenant: &str| SecretBytes::new(tenant.repeat(8).into_bytes());
    /// let config = AuthConfig::new("Exam simulator");
    /// let hasher = PasswordHasher::new(config.hashing.clone(), Arc::new(OsRandom))?;
    /// for tenant in ["north-1", "south-2"] {
    ///     let service = AuthService::builder(MemoryStore::new())
    ///         .config(config.clone())
    ///         .keyring(Keyring::from_secret(secret(tenant))?)
    ///         .password_hasher(hasher.clone())
    ///         .build()?;
    ///     # let _ = service;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn password_hasher(mut self, hasher: PasswordHasher) -> Self {
        self.hasher = Some(hasher);
        self
    }

    /// Checks everything and starts the hashing threads, unless the service was given a
    /// [`password_hasher`](Self::password_hasher). The first time in a process, it also reads the
    /// lists of common words, so that the first registration need not.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names what is missing, not safe, or contradicts the password hasher.
    pub fn build(self) -> Result<AuthService<S, C>, ConfigError> {
        let missing = |setting| ConfigError::Invalid {
            setting,
            problem: "is missing".to_owned(),
        };
        let needed = |by| ConfigError::Invalid {
            setting: "mail",
            problem: format!("is missing: {by} needs it"),
        };
        let config = self.config.ok_or_else(|| missing("config"))?;
        let keyring = self.keyring.ok_or_else(|| missing("keyring"))?;
        config.validate()?;
        config.password.read_lists();
        for role in config.roles.out_of_reach() {
            tracing::warn!(
                %role,
                "no administrator role has all permissions of this role: its accounts can be managed only by someone with several roles"
            );
        }
        if config.unverified_expiry.is_some() && self.mail.is_none() {
            return Err(needed("unverified_expiry"));
        }
        if config.registration == RegistrationMode::VerifyFirst && self.mail.is_none() {
            return Err(needed("RegistrationMode::VerifyFirst"));
        }
        if self.parse_extra.is_some() && self.hooks.is_none() {
            return Err(ConfigError::Invalid {
                setting: "hooks",
                problem: "none are set, and registration_extra needs them".to_owned(),
            });
        }
        #[cfg(feature = "federation")]
        let federation = match self.federation {
            Some(federation) => Some(federation.ready(keyring.federation_secrets())?),
            None => None,
        };
        let clock = Arc::new(self.clock);
        let (mut events, mut audit) = (self.events, None);
        if let Some((store, policy)) = self.audit {
            policy.validate()?;
            if !config.is_insecure() {
                policy.is_safe()?;
            }
            let time: Arc<dyn Clock> = Arc::clone(&clock) as Arc<dyn Clock>;
            let random = Arc::clone(&self.random);
            let log = Arc::new(AuditLog::new(store, policy, events, time, random));
            events = Arc::new(Recorder(Arc::clone(&log)));
            audit = Some(log);
        }
        let mut outbox = None;
        if let Some((mailer, mail)) = self.mail {
            if !config.is_insecure() {
                mail.is_safe()?;
            }
            let time: Arc<dyn Clock> = Arc::clone(&clock) as Arc<dyn Clock>;
            let events = Arc::clone(&events);
            outbox = Some(Arc::new(Outbox::new(mail, mailer, time, events)?));
        }
        let (hashing, salts) = (config.hashing(), Arc::clone(&self.random));
        let hasher = match self.hasher {
            Some(shared) => shared.for_service(hashing, salts)?,
            None => PasswordHasher::new(hashing, salts)?,
        };
        let cache = match config.session.check {
            SessionCheck::EveryRequest => None,
            SessionCheck::Cached {
                max_staleness,
                capacity,
            } => Some(SessionCache::new(max_staleness, capacity)),
        };
        let service = AuthService {
            inner: Arc::new(Inner {
                store: FreshStore::new(self.store, cache),
                clock,
                config: Arc::new(config),
                keyring,
                hasher,
                random: self.random,
                events,
                outbox,
                audit,
                hooks: self.hooks,
                parse_extra: self.parse_extra,
                breach_check: self.breach_check,
                second_factor: self.second_factor,
                claims: self.claims,
                #[cfg(feature = "federation")]
                federation,
                used_up: UsedUp::default(),
            }),
        };
        service.try_to_sign()?;
        Ok(service)
    }
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Signs and reads back one token, so that keys that do not sign show now
    /// and not at the first login.
    fn try_to_sign(&self) -> Result<(), ConfigError> {
        let refused = |_: AuthError| ConfigError::Invalid {
            setting: "keyring",
            problem: "signs no token that it accepts".to_owned(),
        };
        let now = self.now();
        let bytes = [0; 12];
        let session = Session {
            id: SessionId::from_bytes(bytes),
            user_id: UserId::from_bytes(bytes),
            auth_epoch: u64::MAX,
            created_at: now,
            proofs: Proof::by_password(now).into(),
            last_seen_at: now,
            expires_at: Timestamp::MAX,
            absolute_expires_at: Timestamp::MAX,
            length: SessionLength::Usual,
            refresh_counter: 0,
            ip: None,
            user_agent: None,
        };
        let claims = CustomClaims::default();
        let tokens = self.tokens(&session, claims, now).map_err(refused)?;
        self.verify_offline(tokens.token.expose_secret())
            .map(drop)
            .map_err(refused)
    }
}
