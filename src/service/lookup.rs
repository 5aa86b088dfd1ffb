//! Accounts, for the application's own code.

use super::{AuthService, UserView};
use crate::clock::Clock;
use crate::email::Email;
use crate::error::AuthError;
use crate::id::UserId;
use crate::store::Store;

impl<S: Store, C: Clock> AuthService<S, C> {
    /// Returns the account with this id, or `None` if it does not exist.
    ///
    /// Intended for the application's own code: it needs no permission, is not rate limited
    /// and reports no event. An administrator's request goes to
    /// [`view_user`](Self::view_user).
    ///
    /// # Errors
    ///
    /// [`AuthError::Store`].
    pub async fn user(&self, id: UserId) -> Result<Option<UserView>, AuthError> {
        let user = self.inner.store.user(id).await?;
        Ok(user.as_ref().map(UserView::from))
    }

    /// Returns the account with this address, in any spelling, or `None` if it does not exist
    /// or the text is no address. Otherwise as [`user`](Self::user).
    ///
    /// An equal address alone is no proof of identity: `is_verified` tells whether the owner
    /// of the mailbox has confirmed the account.
    ///
    /// # Errors
    ///
    /// [`AuthError::Store`].
    pub async fn user_by_email(&self, email: &str) -> Result<Option<UserView>, AuthError> {
        let Ok(email) = Email::parse(email) else {
            return Ok(None);
        };
        let user = self.inner.store.user_by_email(email.canonical()).await?;
        Ok(user.as_ref().map(UserView::from))
    }
}
