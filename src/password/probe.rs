//! A warning for debug builds in which Argon2 is not optimised.
//!
//! The profiles of a library do not apply to the programs that depend on it, so an
//! application's own debug build compiles `argon2` without optimisation unless the
//! application says otherwise. A login then takes seconds.

use std::thread;
use std::time::{Duration, Instant};

use argon2::Argon2;

use super::config::Argon2Params;

/// A hash that takes longer is slow for the default parameters on any machine.
const SLOW: Duration = Duration::from_millis(500);

/// Hashes once in the background and warns if that is slow.
pub(super) fn warn_if_slow(params: Argon2Params) {
    let probe = move || {
        if let Some(took) = takes_longer_than(SLOW, params) {
            tracing::warn!(
                took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
                "hashing is slow; if this is a debug build that does not optimise Argon2, set \
                 `[profile.dev.package.argon2] opt-level = 3` and the same for `blake2` in \
                 the Cargo.toml of the application"
            );
        }
    };
    // Without a thread for it there is no warning.
    let _ = thread::Builder::new()
        .name("password-probe".to_owned())
        .spawn(probe);
}

/// How long one hash takes, if that is longer than `limit`.
fn takes_longer_than(limit: Duration, params: Argon2Params) -> Option<Duration> {
    let argon2 = Argon2::from(params.builder().build().ok()?);
    let start = Instant::now();
    argon2
        .hash_password_into(b"how long does it take", &[0; 16], &mut [0; 32])
        .ok()?;
    Some(start.elapsed()).filter(|took| *took > limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_slow_hash_is_reported() {
        let params = Argon2Params::new(64, 1, 1).unwrap();
        assert!(takes_longer_than(Duration::ZERO, params).is_some());
        assert!(takes_longer_than(Duration::MAX, params).is_none());
    }
}
