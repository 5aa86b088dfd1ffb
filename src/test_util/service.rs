//! A service for tests.

use std::num::NonZeroUsize;

use super::Mailbox;
use crate::clock::ManualClock;
use crate::config::AuthConfig;
use crate::error::ConfigError;
use crate::mail::MailConfig;
use crate::password::Argon2Params;
use crate::random::SeededRandom;
use crate::secret::SecretBytes;
use crate::service::{AuthService, AuthServiceBuilder};
use crate::store::MemoryStore;
use crate::token::Keyring;

impl AuthConfig {
    /// The defaults for an application called `service_name`, with the cheapest hashing there
    /// is, by one thread: a login takes less than a millisecond of Argon2.
    ///
    /// As by [`insecure_for_tests`](Self::insecure_for_tests), values that are not safe are
    /// allowed. Limits are as in production, and with a clock that stands still no budget
    /// comes back: a test of many logins moves the clock or sets `limits` to
    /// [`LimitPolicy::off`](crate::config::LimitPolicy::off).
    #[must_use]
    pub fn for_tests(service_name: impl Into<String>) -> Self {
        let mut config = Self::new(service_name).insecure_for_tests();
        config.hashing.params = Argon2Params::CHEAPEST_FOR_TESTS;
        config.hashing.threads = Some(NonZeroUsize::MIN);
        config
    }
}

/// A service over a new [`MemoryStore`] with cheap hashing, a clock that stands still, seeded
/// randomness and a [`Mailbox`], and what a test needs to move and read them.
#[derive(Debug)]
#[non_exhaustive]
pub struct TestService {
    /// The service.
    pub service: AuthService<MemoryStore, ManualClock>,
    /// Its clock, which stands at 2026-01-01T00:00:00Z until it is moved.
    pub clock: ManualClock,
    /// The mails that it sent. Wait for them with [`AuthService::flush_mail`].
    pub mailbox: Mailbox,
}

impl TestService {
    /// A service with the settings of [`AuthConfig::for_tests`].
    ///
    /// # Errors
    ///
    /// [`ConfigError::NoSignatureBackend`] without a feature that signs tokens;
    /// [`ConfigError::Threads`].
    pub fn new() -> Result<Self, ConfigError> {
        Self::with(AuthConfig::for_tests("Test service"))
    }

    /// A service with the settings `config`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the setting that contradicts another one.
    pub fn with(config: AuthConfig) -> Result<Self, ConfigError> {
        Self::built(config, |builder| builder)
    }

    /// A service with the settings `config` and with what else `add` gives the builder, such
    /// as a registration hook.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the setting that contradicts another one.
    pub fn built(
        config: AuthConfig,
        add: impl FnOnce(
            AuthServiceBuilder<MemoryStore, ManualClock>,
        ) -> AuthServiceBuilder<MemoryStore, ManualClock>,
    ) -> Result<Self, ConfigError> {
        let (clock, mailbox) = (ManualClock::default(), Mailbox::new());
        let secret = SecretBytes::new(*b"no secret: everybody can read it");
        let builder = AuthService::builder(MemoryStore::new())
            .clock(clock.clone())
            .config(config)
            .keyring(Keyring::from_secret(secret)?)
            .random(SeededRandom::new(0))
            .mail(mailbox.clone(), MailConfig::new("https://app.example.org"));
        Ok(Self {
            service: add(builder).build()?,
            clock,
            mailbox,
        })
    }
}
