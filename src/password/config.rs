//! The settings of password hashing.

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use argon2::{KeyId, Params, ParamsBuilder};

use super::ForeignScheme;
use crate::error::ConfigError;
use crate::secret::SecretBytes;

/// The cost of an Argon2id hash (RFC 9106 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argon2Params {
    pub(super) m_kib: u32,
    pub(super) t: u32,
    pub(super) p: u32,
}

impl Argon2Params {
    /// `m_kib` of memory in KiB, at least `8 * p`; `t` passes over it, at
    /// least 1; `p` lanes, 1 to 2^24 - 1, which one thread computes in turn.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] when one of them is out of its range.
    pub fn new(m_kib: u32, t: u32, p: u32) -> Result<Self, ConfigError> {
        if !(1..=Params::MAX_P_COST).contains(&p) {
            return Err(invalid("hashing.params", "p is not between 1 and 2^24 - 1"));
        }
        Params::new(m_kib, t, p, None)
            .map_err(|problem| invalid("hashing.params", &problem.to_string()))?;
        Ok(Self { m_kib, t, p })
    }

    /// Memory, in KiB.
    #[must_use]
    pub const fn m_kib(&self) -> u32 {
        self.m_kib
    }

    /// Passes over the memory.
    #[must_use]
    pub const fn t(&self) -> u32 {
        self.t
    }

    /// Lanes.
    #[must_use]
    pub const fn p(&self) -> u32 {
        self.p
    }

    /// Whether memory and passes reach one of the recommended costs.
    fn is_safe(self) -> bool {
        /// Memory in KiB, and passes (OWASP Password Storage Cheat Sheet).
        const RECOMMENDED: [(u32, u32); 5] = [
            (47_104, 1),
            (19_456, 2),
            (12_288, 3),
            (9_216, 4),
            (7_168, 5),
        ];
        let reaches = |(m_kib, t): (u32, u32)| self.m_kib >= m_kib && self.t >= t;
        RECOMMENDED.into_iter().any(reaches)
    }

    pub(super) fn builder(self) -> ParamsBuilder {
        let mut builder = ParamsBuilder::new();
        builder.m_cost(self.m_kib).t_cost(self.t).p_cost(self.p);
        builder
    }
}

impl Default for Argon2Params {
    /// 19 MiB, two passes, one lane (OWASP Password Storage Cheat Sheet).
    fn default() -> Self {
        Self {
            m_kib: 19_456,
            t: 2,
            p: 1,
        }
    }
}

/// The highest cost that is accepted from a *stored* hash, at most 4 GiB, 100
/// passes and 256 lanes. An attacker who can write to the store cannot make a login take
/// all memory or all time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptedCost {
    /// Memory, in KiB. Default 131072 (128 MiB).
    pub m_kib: u32,
    /// Passes. Default 10.
    pub t: u32,
    /// Lanes. Default 16.
    pub p: u32,
}

impl Default for AcceptedCost {
    fn default() -> Self {
        Self {
            m_kib: 131_072,
            t: 10,
            p: 16,
        }
    }
}

impl AcceptedCost {
    pub(super) fn covers(&self, params: &Argon2Params) -> bool {
        params.m_kib <= self.m_kib && params.t <= self.t && params.p <= self.p
    }
}

/// A key that goes into every hash (Argon2's secret input K, RFC 9106 §3.1)
/// and is not in the store: who has only the store cannot guess passwords.
#[derive(Clone)]
pub struct Pepper {
    id: KeyId,
    secret: SecretBytes,
}

impl Pepper {
    /// The key `secret` under the name `id`, which every hash made with it
    /// carries in the clear. The secret should be random.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] unless `id` has 1 to 8 bytes;
    /// [`ConfigError::WeakKey`] unless `secret` has at least 32 bytes, and at
    /// least 8 different ones among them.
    pub fn new(id: &str, secret: SecretBytes) -> Result<Self, ConfigError> {
        let id = KeyId::new(id.as_bytes())
            .ok()
            .filter(|id| !id.is_empty())
            .ok_or_else(|| invalid("hashing.pepper", "the id has not 1 to 8 bytes"))?;
        let bytes = secret.expose_secret();
        if bytes.len() < 32 {
            return Err(ConfigError::WeakKey("a pepper has at least 32 bytes"));
        }
        if bytes.iter().collect::<BTreeSet<_>>().len() < 8 {
            return Err(ConfigError::WeakKey("the pepper has too little variety"));
        }
        Ok(Self { id, secret })
    }

    pub(super) fn id(&self) -> KeyId {
        self.id
    }

    pub(super) fn secret(&self) -> &[u8] {
        self.secret.expose_secret()
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Pepper({:?}, [redacted])",
            String::from_utf8_lossy(self.id.as_bytes())
        )
    }
}

/// How passwords are hashed, and with how much of the machine.
///
/// Memory in use is `threads * params.m_kib`, whatever the load; while stored
/// hashes of a higher cost are verified, at most
/// `threads * (params.m_kib + accepted.m_kib)`. While threads hang, their
/// replacements add at most `threads * params.m_kib`.
#[derive(Clone)]
#[non_exhaustive]
pub struct HashingConfig {
    /// The cost of new hashes, at least one of those that OWASP's Password Storage
    /// Cheat Sheet takes for equal (memory in KiB, passes): 47104, 1; 19456, 2;
    /// 12288, 3; 9216, 4; 7168, 5.
    pub params: Argon2Params,
    /// How many threads hash; at most 1,024. Default: as many as there are cores for this process.
    pub threads: Option<NonZeroUsize>,
    /// The maximum number of waiting jobs, 1 to 100,000. Default 512: a school
    /// of 300 that logs in at the same moment, and others.
    pub queue_len: usize,
    /// The time within which a thread has to start a job; 100 milliseconds to
    /// 60 seconds. Default 5 seconds.
    pub queue_deadline: Duration,
    /// The time limit of a job; 1 to 60 seconds. After that its caller gets
    /// [`HashError::Stuck`](super::HashError::Stuck), and another thread
    /// replaces the one that hangs, at most `threads` of them. Default 10
    /// seconds.
    pub run_deadline: Duration,
    /// The key of new hashes. Default none.
    pub pepper: Option<Pepper>,
    /// Keys of older hashes. Hashes without any key are always verified.
    pub previous_peppers: Vec<Pepper>,
    /// The highest cost that is accepted from a stored hash.
    pub accepted: AcceptedCost,
    /// Verifies stored hashes that are no Argon2 PHC strings. Default none.
    pub foreign: Option<Arc<dyn ForeignScheme>>,
    pub(super) insecure: bool,
}

impl Default for HashingConfig {
    fn default() -> Self {
        Self {
            params: Argon2Params::default(),
            threads: None,
            queue_len: 512,
            queue_deadline: Duration::from_secs(5),
            run_deadline: Duration::from_secs(10),
            pepper: None,
            previous_peppers: Vec::new(),
            accepted: AcceptedCost::default(),
            foreign: None,
            insecure: false,
        }
    }
}

impl HashingConfig {
    /// Allows values that are not safe: cheap hashing, and waits and time-outs
    /// of up to an hour. For tests and measurements only.
    #[must_use]
    pub fn insecure_for_tests(mut self) -> Self {
        self.insecure = true;
        self
    }

    /// Checks every setting. [`PasswordHasher::new`](super::PasswordHasher::new) does it.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] names the first setting that is wrong.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.queue_len == 0 {
            return Err(invalid("hashing.queue_len", "is zero"));
        }
        if self.queue_deadline.is_zero() {
            return Err(invalid("hashing.queue_deadline", "is zero"));
        }
        if self.queue_deadline > Duration::from_secs(3600) {
            return Err(invalid("hashing.queue_deadline", "is longer than an hour"));
        }
        if self.run_deadline < Duration::from_millis(100) {
            return Err(invalid(
                "hashing.run_deadline",
                "is shorter than 100 milliseconds",
            ));
        }
        if self.run_deadline > Duration::from_secs(3600) {
            return Err(invalid("hashing.run_deadline", "is longer than an hour"));
        }
        if !self.accepted.covers(&self.params) {
            return Err(invalid("hashing.accepted", "is lower than hashing.params"));
        }
        let mut ids = BTreeSet::new();
        let mut peppers = self.pepper.iter().chain(&self.previous_peppers);
        if !peppers.all(|pepper| ids.insert(pepper.id())) {
            return Err(invalid("hashing.previous_peppers", "has an id twice"));
        }
        if self.insecure {
            return Ok(());
        }
        let seconds = Duration::from_secs;
        let (queue_deadline, accepted) = (self.queue_deadline, self.accepted);
        ConfigError::require([
            (
                "hashing.params",
                self.params.is_safe(),
                "cost less than what OWASP recommends",
            ),
            (
                "hashing.threads",
                self.threads.is_none_or(|threads| threads.get() <= 1024),
                "is more than 1,024",
            ),
            (
                "hashing.queue_len",
                self.queue_len <= 100_000,
                "is more than 100,000",
            ),
            (
                "hashing.queue_deadline",
                (Duration::from_millis(100)..=seconds(60)).contains(&queue_deadline),
                "is not between 100 milliseconds and 60 seconds",
            ),
            (
                "hashing.run_deadline",
                (seconds(1)..=seconds(60)).contains(&self.run_deadline),
                "is not between 1 and 60 seconds",
            ),
            (
                "hashing.accepted",
                accepted.m_kib <= 4 << 20 && accepted.t <= 100 && accepted.p <= 256,
                "is more than 4 GiB, 100 passes or 256 lanes",
            ),
        ])
    }

    /// Checks that a service with the settings `service` can use threads that were started
    /// with these. What uses the machine must be equal. Keys and foreign scheme are the
    /// service's, but must not be missing where these have them: hashes without the pepper
    /// would go unnoticed.
    pub(super) fn agrees_with(&self, service: &Self) -> Result<(), ConfigError> {
        const DIFFERS: &str = "differs from that of the shared password hasher";
        const MISSING: &str = "is missing: the shared password hasher has it";
        ConfigError::require([
            ("hashing.params", self.params == service.params, DIFFERS),
            ("hashing.threads", self.threads == service.threads, DIFFERS),
            (
                "hashing.queue_len",
                self.queue_len == service.queue_len,
                DIFFERS,
            ),
            (
                "hashing.queue_deadline",
                self.queue_deadline == service.queue_deadline,
                DIFFERS,
            ),
            (
                "hashing.run_deadline",
                self.run_deadline == service.run_deadline,
                DIFFERS,
            ),
            (
                "hashing.accepted",
                self.accepted == service.accepted,
                DIFFERS,
            ),
            (
                "hashing.pepper",
                self.pepper.is_none() || service.pepper.is_some(),
                MISSING,
            ),
            (
                "hashing.previous_peppers",
                self.previous_peppers.is_empty() || !service.previous_peppers.is_empty(),
                MISSING,
            ),
            (
                "hashing.foreign",
                self.foreign.is_none() || service.foreign.is_some(),
                MISSING,
            ),
        ])
    }
}

impl fmt::Debug for HashingConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashingConfig")
            .field("params", &self.params)
            .field("threads", &self.threads)
            .field("queue_len", &self.queue_len)
            .field("queue_deadline", &self.queue_deadline)
            .field("run_deadline", &self.run_deadline)
            .field("pepper", &self.pepper)
            .field("previous_peppers", &self.previous_peppers)
            .field("accepted", &self.accepted)
            .field("foreign", &self.foreign.is_some())
            .field("insecure", &self.insecure)
            .finish()
    }
}

fn invalid(setting: &'static str, problem: &str) -> ConfigError {
    ConfigError::Invalid {
        setting,
        problem: problem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random_looking() -> SecretBytes {
        SecretBytes::new((0..32).collect::<Vec<u8>>())
    }

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn cost(m_kib: u32, t: u32, p: u32) -> AcceptedCost {
        AcceptedCost { m_kib, t, p }
    }

    #[test]
    fn the_default_cost_is_owasps() {
        assert_eq!(
            Argon2Params::default(),
            Argon2Params::new(19_456, 2, 1).unwrap()
        );
    }

    #[test]
    fn costs_out_of_range_are_refused() {
        for (m, t, p) in [
            (7, 1, 1),
            (15, 1, 2),
            (8, 0, 1),
            (8, 1, 0),
            (u32::MAX, 1, u32::MAX),
        ] {
            assert!(Argon2Params::new(m, t, p).is_err(), "m={m},t={t},p={p}");
        }
    }

    #[test]
    fn asvs_11_2_3_a_weak_pepper_is_refused() {
        let short = SecretBytes::new((0..31).collect::<Vec<u8>>());
        let monotonous = SecretBytes::new(b"abcdefg".repeat(9));
        assert!(matches!(
            Pepper::new("1", short),
            Err(ConfigError::WeakKey(_))
        ));
        assert!(matches!(
            Pepper::new("1", monotonous),
            Err(ConfigError::WeakKey(_))
        ));
        assert!(Pepper::new("", random_looking()).is_err());
        assert!(Pepper::new("123456789", random_looking()).is_err());
        assert!(Pepper::new("12345678", random_looking()).is_ok());
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        let broken: [fn(&mut HashingConfig); 8] = [
            |config| config.queue_len = 0,
            |config| config.queue_deadline = Duration::ZERO,
            |config| config.queue_deadline = Duration::MAX,
            |config| config.run_deadline = Duration::from_millis(99),
            |config| config.run_deadline = Duration::from_secs(3601),
            |config| config.accepted.m_kib = 19_455,
            |config| config.accepted.t = 1,
            |config| {
                config.pepper = Pepper::new("1", random_looking()).ok();
                config.previous_peppers = config.pepper.clone().into_iter().collect();
            },
        ];
        assert_eq!(HashingConfig::default().validate(), Ok(()));
        for damage in broken {
            let mut config = HashingConfig::default();
            damage(&mut config);
            assert!(config.validate().is_err(), "{config:?}");
        }
    }

    #[test]
    fn the_bounds_of_insecure_settings_are_accepted() {
        for (queue_deadline, run_deadline, is_accepted) in [
            (1, 100, true),
            (3_600_000, 3_600_000, true),
            (0, 3_600_000, false),
            (3_600_001, 3_600_000, false),
            (3_600_000, 99, false),
            (3_600_000, 3_600_001, false),
        ] {
            let config = HashingConfig {
                queue_deadline: millis(queue_deadline),
                run_deadline: millis(run_deadline),
                ..HashingConfig::default().insecure_for_tests()
            };
            assert_eq!(config.validate().is_ok(), is_accepted, "{config:?}");
        }
    }

    #[test]
    fn as_many_as_1024_threads_are_accepted() {
        for (threads, is_accepted) in [(1, true), (1024, true), (1025, false)] {
            let config = HashingConfig {
                threads: NonZeroUsize::new(threads),
                ..HashingConfig::default()
            };
            assert_eq!(config.validate().is_ok(), is_accepted, "{threads}");
        }
    }

    #[test]
    fn an_accepted_cost_bounds_memory_passes_and_lanes() {
        for (m_kib, t, p, is_covered) in [
            (64, 3, 2, true),
            (63, 1, 1, true),
            (65, 3, 2, false),
            (64, 4, 2, false),
            (64, 3, 3, false),
        ] {
            let params = Argon2Params::new(m_kib, t, p).unwrap();
            assert_eq!(cost(64, 3, 2).covers(&params), is_covered, "{params:?}");
        }
    }

    #[test]
    fn debug_shows_no_pepper() {
        let mut config = HashingConfig::default();
        let secret = SecretBytes::new(b"canary canary CANARY 0123456789 canary".to_vec());
        config.pepper = Some(Pepper::new("id", secret).unwrap());
        let shown = format!("{config:?}");
        assert!(
            shown.contains("id") && !shown.to_lowercase().contains("canary"),
            "{shown}"
        );
    }
}
