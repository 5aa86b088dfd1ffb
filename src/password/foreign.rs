//! Hashes of other schemes, such as those of imported users.

use super::NormalizedPassword;
use crate::user::PasswordHash;

/// Verifies stored hashes that are no Argon2 PHC strings: those that another
/// system made, with bcrypt for example, and that came in with its users. A
/// user who logs in with such a hash gets an Argon2 hash in its place. An import checks
/// hashes by [`PasswordHash::import`].
///
/// It is called on the hashing threads, so it may take its time, but must not
/// wait for anything. If it panics the login fails, and nothing else.
pub trait ForeignScheme: Send + Sync + 'static {
    /// Whether `stored` is a hash of `password`; `None` when `stored` is not
    /// of this scheme or cannot be read. The comparison must take constant
    /// time. `password` is in NFC, which some systems do not apply.
    fn verify(&self, password: &NormalizedPassword, stored: &PasswordHash) -> Option<bool>;
}
