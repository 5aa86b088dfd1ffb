//! Hashing and verifying.

use std::fmt;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::NormalizedPassword;
use super::config::HashingConfig;
use super::phc::{self, SALT_LEN, StoredHash, Unreadable};
use super::pool::Pool;
use super::worker::Memory;
use crate::error::ConfigError;
use crate::random::{self, RandomError, SecureRandom};
use crate::store::Cause;
use crate::user::PasswordHash;

/// Hashes and verifies passwords with Argon2id on threads of its own.
///
/// No async thread is ever blocked, and no runtime is needed. Memory is
/// allocated when it starts and stays the same whatever the load (ASVS
/// 15.2.2); what cannot be done in time is refused with
/// [`HashError::Overloaded`]. A call whose future is dropped before a thread
/// has taken it costs nothing. The threads end with the last clone.
#[derive(Clone)]
pub struct PasswordHasher(Arc<Inner>);

struct Inner {
    pool: Pool,
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

/// Why a password was not hashed or verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HashError {
    /// More work is waiting than can be done in time.
    #[error("the hashing threads are overloaded")]
    Overloaded {
        /// The wait after which another attempt makes sense; at least a second.
        retry_after: Duration,
    },
    /// The stored hash names an Argon2 variant and is no such hash.
    #[error("the stored password hash is malformed")]
    Malformed,
    /// The stored hash asks for more than [`HashingConfig::accepted`].
    #[error("the stored password hash asks for too much memory or time")]
    TooCostly,
    /// The stored hash was made with a pepper that is not configured.
    #[error("the stored password hash was made with an unknown pepper")]
    UnknownPepper,
    /// The stored hash is not of Argon2, and no
    /// [`ForeignScheme`](super::ForeignScheme) took it.
    #[error("the stored password hash is of an unknown scheme")]
    UnknownScheme,
    /// The source of randomness failed.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// Something else failed: there is no memory, or the job panicked.
    #[error("hashing failed")]
    Failed(#[source] Cause),
}

/// Figures of a [`PasswordHasher`], for monitoring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HashingStats {
    /// Argon2 runs since the start.
    pub runs: u64,
    /// Jobs that no thread has taken yet.
    pub waiting: usize,
    /// Hashing threads.
    pub threads: usize,
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
    /// [`ConfigError::Threads`] when memory or threads are not to be had.
    pub fn new(config: HashingConfig, random: Arc<dyn SecureRandom>) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self(Arc::new(Inner {
            pool: Pool::start(&config)?,
            config: Arc::new(config),
            random,
        })))
    }

    /// The hash of `password` under a new random salt of 16 bytes: a PHC
    /// string of Argon2id, version 19. One Argon2 run.
    ///
    /// # Errors
    ///
    /// [`HashError::Overloaded`], [`HashError::Random`], [`HashError::Failed`].
    pub async fn hash(&self, password: &NormalizedPassword) -> Result<PasswordHash, HashError> {
        let salt: [u8; SALT_LEN] = random::bytes(&*self.0.random)?;
        let config = Arc::clone(&self.0.config);
        let password = password.clone();
        let hash = move |memory: &mut Memory| phc::hash(memory, &config, &password, salt);
        self.0.pool.perform(hash).await?
    }

    /// Whether `stored` is a hash of `password`. Every call costs exactly one
    /// Argon2 run, whatever is wrong with `stored`, so that the time tells
    /// nothing (CVE-2024-39329); but none when it is refused as
    /// [`HashError::Overloaded`], or when a foreign scheme says yes.
    ///
    /// # Errors
    ///
    /// Any of [`HashError`] but [`HashError::Random`]. None of them may be
    /// taken as a match.
    pub async fn verify(
        &self,
        password: &NormalizedPassword,
        stored: &PasswordHash,
    ) -> Result<Verdict, HashError> {
        let config = Arc::clone(&self.0.config);
        let password = password.clone();
        let stored = stored.clone();
        let verify = move |memory: &mut Memory| verify(memory, &config, &password, &stored);
        self.0.pool.perform(verify).await?
    }

    /// What [`PasswordHasher::verify`] costs, for an account that is not
    /// there: one Argon2 run with the configured parameters.
    ///
    /// # Errors
    ///
    /// [`HashError::Overloaded`], [`HashError::Failed`].
    pub async fn verify_absent(&self, password: &NormalizedPassword) -> Result<(), HashError> {
        let config = Arc::clone(&self.0.config);
        let password = password.clone();
        let verify = move |memory: &mut Memory| run_in_vain(memory, &config, &password);
        self.0.pool.perform(verify).await?
    }

    /// Does other work that is heavy on the CPU on the same threads and in
    /// the same queue. It must not wait for anything.
    ///
    /// # Errors
    ///
    /// [`HashError::Overloaded`]; [`HashError::Failed`] when `work` panics.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashError> {
        self.0.pool.perform(|_| work()).await
    }

    /// Figures of this moment.
    #[must_use]
    pub fn stats(&self) -> HashingStats {
        let pool = &self.0.pool;
        HashingStats {
            runs: pool.runs(),
            waiting: pool.waiting(),
            threads: pool.threads(),
            memory_bytes: pool.memory_bytes(),
        }
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
        run_in_vain(memory, config, password)?;
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
fn run_in_vain(
    memory: &mut Memory,
    config: &HashingConfig,
    password: &NormalizedPassword,
) -> Result<(), HashError> {
    black_box(phc::hash(memory, config, password, [0; SALT_LEN])?);
    Ok(())
}
