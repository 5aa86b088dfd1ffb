//! Hashing and verifying.

use std::fmt;
use std::future::pending;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::NormalizedPassword;
use super::admission::{Claim, Lane, Place, Work};
use super::config::HashingConfig;
use super::error::HashError;
use super::memory::Memory;
use super::phc::{self, SALT_LEN, StoredHash, Unreadable};
use super::pool::Pool;
use crate::error::ConfigError;
use crate::network::Network;
use crate::random::{self, SecureRandom};
use crate::user::PasswordHash;

/// Hashes and verifies passwords with Argon2id on threads of its own.
///
/// No async thread is ever blocked, and no runtime is needed. Memory is
/// allocated when it starts and stays the same whatever the load (ASVS
/// 15.2.2); what cannot be done in time is refused with
/// [`HashError::Overloaded`]. A call whose future is dropped before a thread
/// has begun it costs nothing. The threads end with the last clone.
///
/// These methods are for applications that hash passwords themselves. In the
/// service, callers take turns by network, and known devices have precedence.
///
/// A process with several services, such as one for each tenant, gives all of them clones
/// of one hasher with
/// [`AuthServiceBuilder::password_hasher`](crate::service::AuthServiceBuilder::password_hasher).
/// Otherwise each service starts threads of its own, with the memory for them.
#[derive(Clone)]
pub struct PasswordHasher(Arc<Inner>);

struct Inner {
    pool: Arc<Pool>,
    config: Arc<HashingConfig>,
    random: Arc<dyn SecureRandom>,
}

/// What a stored hash says of a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Verdict {
    /// Whether it is the password.
    pub matches: bool,
    /// Whether a hash made now would be of another kind: other parameters,
    /// variant, version, pepper, or scheme. Replace it when `matches`.
    pub outdated: bool,
}

/// Figures of a [`PasswordHasher`], for monitoring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HashingStats {
    /// Argon2 runs since the start.
    pub runs: u64,
    /// Jobs that no thread has started.
    pub waiting: usize,
    /// Hashing threads, without the replacements of threads that hang.
    pub threads: usize,
    /// Threads that have exceeded [`HashingConfig::run_deadline`].
    pub stuck: usize,
    /// Memory that the threads have allocated for Argon2, in bytes.
    pub memory_bytes: usize,
}

impl PasswordHasher {
    /// Checks `config`, allocates the memory and starts the threads. Salts
    /// come from `random`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] when a setting is wrong,
    /// [`ConfigError::Threads`] when memory or threads cannot be allocated.
    pub fn new(config: HashingConfig, random: Arc<dyn SecureRandom>) -> Result<Self, ConfigError> {
        config.validate()?;
        let pool = Arc::new(Pool::start(&config)?);
        #[cfg(debug_assertions)]
        super::probe::warn_if_slow(config.params);
        Ok(Self(Arc::new(Inner {
            pool,
            config: Arc::new(config),
            random,
        })))
    }

    /// A hasher on the same threads for a service with the settings `config`, whose keys,
    /// foreign scheme and source of salts are that service's.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] if `config` is not valid or contradicts the settings that
    /// the threads were started with.
    pub(crate) fn for_service(
        &self,
        config: HashingConfig,
        random: Arc<dyn SecureRandom>,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        self.0.config.agrees_with(&config)?;
        Ok(Self(Arc::new(Inner {
            pool: Arc::clone(&self.0.pool),
            config: Arc::new(config),
            random,
        })))
    }

    /// The hash of `password` under a new random salt of 16 bytes: a PHC
    /// string of Argon2id, version 19. One Argon2 run.
    ///
    /// # Errors
    ///
    /// [`HashError::Overloaded`], [`HashError::Random`], [`HashError::Failed`],
    /// [`HashError::Stuck`].
    pub async fn hash(&self, password: &NormalizedPassword) -> Result<PasswordHash, HashError> {
        self.turn(self.host().await?)
            .hash(password, pending())
            .await
    }

    /// Whether `stored` is a hash of `password`. Every call costs exactly one
    /// Argon2 run, whatever is wrong with `stored`, so that the time tells
    /// nothing (CVE-2024-39329); but none when it is refused as
    /// [`HashError::Overloaded`], or when a foreign scheme says yes.
    ///
    /// # Errors
    ///
    /// Any [`HashError`] except [`HashError::Random`] and
    /// [`HashError::Abandoned`]. None of them may be taken as a match.
    pub async fn verify(
        &self,
        password: &NormalizedPassword,
        stored: &PasswordHash,
    ) -> Result<Verdict, HashError> {
        let mut turn = self.turn(self.host().await?);
        turn.verify(password, stored, pending()).await
    }

    /// What [`PasswordHasher::verify`] costs, for an account that is not
    /// there: one Argon2 run with the configured parameters.
    ///
    /// # Errors
    ///
    /// [`HashError::Overloaded`], [`HashError::Failed`], [`HashError::Stuck`].
    pub async fn verify_absent(&self, password: &NormalizedPassword) -> Result<(), HashError> {
        let mut turn = self.turn(self.host().await?);
        turn.verify_absent(password, pending()).await
    }

    /// Does other work that is heavy on the CPU on the same threads and in
    /// the same queue. It must not wait for anything.
    ///
    /// # Errors
    ///
    /// [`HashError::Overloaded`]; [`HashError::Failed`] if `work` panics;
    /// [`HashError::Stuck`] if it exceeds [`HashingConfig::run_deadline`].
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashError> {
        self.turn(self.host().await?).run(work, pending()).await
    }

    /// Waits for a turn. Cancellation safe.
    ///
    /// # Errors
    ///
    /// [`HashError::Overloaded`].
    pub(crate) async fn admit(&self, claim: Claim) -> Result<Turn, HashError> {
        Ok(self.turn(self.0.pool.admit(claim).await?))
    }

    /// Returns `true` if a caller that wants to hash would be refused now without
    /// waiting for a turn.
    pub(crate) fn would_refuse(&self, claim: Claim) -> bool {
        self.0.pool.would_refuse(claim)
    }

    /// The refusal of such a caller.
    pub(crate) fn refusal(&self) -> HashError {
        self.0.pool.refusal()
    }

    async fn host(&self) -> Result<Place, HashError> {
        let network = Network::of(None);
        let lane = Lane::Host;
        let claim = Claim {
            work: Work::Hashing,
            lane,
            network,
        };
        self.0.pool.admit(claim).await
    }

    fn turn(&self, place: Place) -> Turn {
        Turn {
            hasher: self.clone(),
            place,
        }
    }

    /// Figures of this moment.
    #[must_use]
    pub fn stats(&self) -> HashingStats {
        let pool = &self.0.pool;
        HashingStats {
            runs: pool.runs(),
            waiting: pool.waiting(),
            threads: pool.threads(),
            stuck: pool.stuck(),
            memory_bytes: pool.memory_bytes(),
        }
    }
}

/// A turn at the hashing threads, held until it is dropped, for one hash after
/// the other. A hash that no thread has started when `gone` is ready is
/// withdrawn ([`HashError::Abandoned`]); one that has started runs to its end.
#[derive(Debug)]
pub(crate) struct Turn {
    hasher: PasswordHasher,
    place: Place,
}

impl Turn {
    /// See [`PasswordHasher::hash`].
    pub(crate) async fn hash(
        &mut self,
        password: &NormalizedPassword,
        gone: impl Future<Output = ()>,
    ) -> Result<PasswordHash, HashError> {
        let inner = &self.hasher.0;
        let salt: [u8; SALT_LEN] = random::bytes(&*inner.random)?;
        let (config, password) = (Arc::clone(&inner.config), password.clone());
        let hash = move |memory: &mut Memory| phc::hash(memory, &config, &password, salt);
        inner.pool.perform(&mut self.place, hash, gone).await?
    }

    /// See [`PasswordHasher::verify`].
    pub(crate) async fn verify(
        &mut self,
        password: &NormalizedPassword,
        stored: &PasswordHash,
        gone: impl Future<Output = ()>,
    ) -> Result<Verdict, HashError> {
        let inner = &self.hasher.0;
        let (config, password) = (Arc::clone(&inner.config), password.clone());
        let stored = stored.clone();
        let verify = move |memory: &mut Memory| verify(memory, &config, &password, &stored);
        inner.pool.perform(&mut self.place, verify, gone).await?
    }

    /// See [`PasswordHasher::verify_absent`].
    pub(crate) async fn verify_absent(
        &mut self,
        password: &NormalizedPassword,
        gone: impl Future<Output = ()>,
    ) -> Result<(), HashError> {
        let inner = &self.hasher.0;
        let (config, password) = (Arc::clone(&inner.config), password.clone());
        let spend = move |memory: &mut Memory| spend_a_run(memory, &config, &password);
        inner.pool.perform(&mut self.place, spend, gone).await?
    }

    /// See [`PasswordHasher::run`].
    pub(crate) async fn run<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
        gone: impl Future<Output = ()>,
    ) -> Result<T, HashError> {
        let pool = &self.hasher.0.pool;
        pool.perform(&mut self.place, |_| work(), gone).await
    }
}

impl fmt::Debug for PasswordHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHasher")
            .field("config", &self.0.config)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

fn verify(
    memory: &mut Memory,
    config: &HashingConfig,
    password: &NormalizedPassword,
    stored: &PasswordHash,
) -> Result<Verdict, HashError> {
    let (verdict, is_paid) = match StoredHash::read(stored.expose_secret(), &config.accepted) {
        Ok(hash) => {
            let verdict = verify_argon2(memory, config, password, &hash);
            // Whatever fails here fails before the run.
            let is_paid = verdict.is_ok();
            (verdict, is_paid)
        }
        Err(Unreadable::OtherScheme) => {
            let verdict = verify_foreign(config, password, stored);
            // A match is followed by a run, for the hash that replaces this one.
            let is_paid = verdict.as_ref().is_ok_and(|verdict| verdict.matches);
            (verdict, is_paid)
        }
        Err(Unreadable::Malformed) => (Err(HashError::Malformed), false),
        Err(Unreadable::TooCostly) => (Err(HashError::TooCostly), false),
    };
    if !is_paid {
        spend_a_run(memory, config, password)?;
    }
    verdict
}

fn verify_argon2(
    memory: &mut Memory,
    config: &HashingConfig,
    password: &NormalizedPassword,
    hash: &StoredHash,
) -> Result<Verdict, HashError> {
    let key_id = hash.key_id();
    let pepper = if key_id.is_empty() {
        None
    } else {
        let mut known = config.pepper.iter().chain(&config.previous_peppers);
        let pepper = known.find(|pepper| pepper.id() == key_id);
        Some(pepper.ok_or(HashError::UnknownPepper)?)
    };
    Ok(Verdict {
        matches: hash.verify(memory, password, pepper)?,
        outdated: hash.is_outdated(config),
    })
}

fn verify_foreign(
    config: &HashingConfig,
    password: &NormalizedPassword,
    stored: &PasswordHash,
) -> Result<Verdict, HashError> {
    let foreign = config.foreign.as_ref().ok_or(HashError::UnknownScheme)?;
    // A panic must not spare the run that a failure costs.
    let matches = catch_unwind(AssertUnwindSafe(|| foreign.verify(password, stored)))
        .map_err(|_| HashError::Failed("the foreign scheme panicked".into()))?
        .ok_or(HashError::UnknownScheme)?;
    Ok(Verdict {
        matches,
        outdated: true,
    })
}

/// One Argon2 run with the configured parameters, for nothing but its time.
fn spend_a_run(
    memory: &mut Memory,
    config: &HashingConfig,
    password: &NormalizedPassword,
) -> Result<(), HashError> {
    black_box(phc::hash(memory, config, password, [0; SALT_LEN])?);
    Ok(())
}
