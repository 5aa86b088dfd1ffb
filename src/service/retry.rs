//! Writes that rest on an account as it was read, made again when it has changed
//! in between.

use std::sync::Arc;

use super::AuthService;
use crate::clock::Clock;
use crate::error::AuthError;
use crate::store::{Store, StoreError};
use crate::user::User;

/// How often an act is tried. Each time, another act on the same account was
/// acknowledged in between.
const TRIES: usize = 256;

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Does `act` on the account of `user`, as long as the account `fits`, and
    /// returns what came of it, with the user that it was done on; `None` when
    /// the account does not fit, or is gone.
    ///
    /// `act` decides on the user that it is given, and writes under that user's
    /// version; it gives `None` when somebody else was quicker. Then the account
    /// is read again and `act` decides anew. So a parallel change makes nothing
    /// fail, and a write that is delivered late undoes nothing.
    ///
    /// # Errors
    ///
    /// What `act` fails with, and [`AuthError::Store`] when the store fails or
    /// others are quicker each time.
    pub(super) async fn on_account<T, F>(
        &self,
        mut user: Arc<User>,
        fits: impl Fn(&User) -> bool + Send + Sync,
        act: impl Fn(Arc<User>) -> F + Send + Sync,
    ) -> Result<Option<(Arc<User>, T)>, AuthError>
    where
        T: Send,
        F: Future<Output = Result<Option<T>, AuthError>> + Send,
    {
        for _ in 0..TRIES {
            if !fits(&user) {
                return Ok(None);
            }
            if let Some(done) = act(Arc::clone(&user)).await? {
                return Ok(Some((user, done)));
            }
            match self.inner.store.user(user.id).await? {
                Some(now) => user = Arc::new(now),
                None => return Ok(None),
            }
        }
        let cause = "the account was changed by others each time";
        Err(StoreError::Unavailable(cause.into()).into())
    }
}
