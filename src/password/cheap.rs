//! A hash for tests.

use std::sync::Arc;

use super::NormalizedPassword;
use super::config::{Argon2Params, HashingConfig};
use super::error::HashError;
use super::memory::Memory;
use super::phc::{self, SALT_LEN};
use crate::user::PasswordHash;

impl Argon2Params {
    /// The lowest cost that Argon2 has, 8 KiB and one pass, for tests: it protects no
    /// password, and a service refuses it unless its settings are
    /// [insecure](crate::AuthConfig::insecure_for_tests).
    pub const CHEAPEST_FOR_TESTS: Self = Self {
        m_kib: 8,
        t: 1,
        p: 1,
    };
}

/// The hash of `password` under `salt` at the lowest cost, made by the calling thread.
///
/// # Errors
///
/// [`HashError::Failed`] without memory.
pub(crate) fn cheap_hash(
    password: &NormalizedPassword,
    salt: [u8; SALT_LEN],
) -> Result<PasswordHash, HashError> {
    let config = HashingConfig {
        params: Argon2Params::CHEAPEST_FOR_TESTS,
        ..HashingConfig::default()
    };
    let blocks = usize::try_from(config.params.m_kib()).unwrap_or(usize::MAX);
    let mut memory = Memory::new(blocks, Arc::default())?;
    phc::hash(&mut memory, &config, password, salt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Password;

    #[test]
    fn a_cheap_hash_says_its_cost() {
        let password = NormalizedPassword::new(&Password::new("correct horse")).unwrap();
        let hash = cheap_hash(&password, [7; SALT_LEN]).unwrap();
        let hash = hash.expose_secret();
        assert!(hash.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{hash}");
    }
}
