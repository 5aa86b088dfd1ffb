//! The only source of randomness: ids, tokens and salts come from here.

use std::fmt;

/// The source of randomness gave nothing. Whatever needed it fails closed.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("the source of randomness failed")]
pub struct RandomError;

/// A cryptographically secure source of random bytes (ASVS 11.5.1).
#[cfg_attr(feature = "test-util", mockall::automock)]
pub trait SecureRandom: Send + Sync + 'static {
    /// Fills `destination` with random bytes.
    ///
    /// # Errors
    ///
    /// [`RandomError`] when the source fails; `destination` is then unusable.
    fn fill(&self, destination: &mut [u8]) -> Result<(), RandomError>;
}

/// `N` random bytes.
pub(crate) fn bytes<const N: usize>(random: &dyn SecureRandom) -> Result<[u8; N], RandomError> {
    let mut out = [0; N];
    random.fill(&mut out)?;
    Ok(out)
}

/// The operating system's generator.
#[derive(Clone, Copy, Default)]
pub struct OsRandom;

impl fmt::Debug for OsRandom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OsRandom")
    }
}

impl SecureRandom for OsRandom {
    fn fill(&self, destination: &mut [u8]) -> Result<(), RandomError> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place where the system's randomness enters"
        )]
        getrandom::fill(destination).map_err(|_| RandomError)
    }
}

#[cfg(any(test, feature = "test-util"))]
pub use seeded::SeededRandom;

#[cfg(any(test, feature = "test-util"))]
mod seeded {
    use std::sync::atomic::{AtomicU64, Ordering};

    use sha2::{Digest, Sha256};

    use super::{RandomError, SecureRandom};

    /// Repeatable bytes for tests: SHA-256 over a seed and a counter.
    #[derive(Debug)]
    pub struct SeededRandom {
        seed: u64,
        counter: AtomicU64,
    }

    impl SeededRandom {
        /// The same `seed` gives the same bytes in the same order of calls.
        #[must_use]
        pub fn new(seed: u64) -> Self {
            Self {
                seed,
                counter: AtomicU64::new(0),
            }
        }
    }

    impl SecureRandom for SeededRandom {
        fn fill(&self, destination: &mut [u8]) -> Result<(), RandomError> {
            for chunk in destination.chunks_mut(32) {
                let turn = self.counter.fetch_add(1, Ordering::SeqCst);
                let digest = Sha256::new()
                    .chain_update(self.seed.to_le_bytes())
                    .chain_update(turn.to_le_bytes())
                    .finalize();
                for (to, from) in chunk.iter_mut().zip(digest) {
                    *to = from;
                }
            }
            Ok(())
        }
    }
}
