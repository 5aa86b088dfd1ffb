//! What an administrator may do with somebody else's account.
//!
//! Each act asks for a permission of its own. Besides, nobody changes an
//! account that may do more than they may, or grants what they do not have
//! themselves: so a permission to manage users is not one to become anybody.

mod access;
mod roles;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::fields::parse_email;
use super::operation::{By, Trail};
use super::{AuthService, Authenticated, RequestContext};
use crate::authz::{AdminPermission, Role};
use crate::clock::Clock;
use crate::error::{AuthError, Field, ViolationCode, Violations};
use crate::event::Operation;
use crate::id::UserId;
use crate::preferences::Metadata;
use crate::store::Store;
use crate::time::Timestamp;
use crate::user::{User, UserStatus};
pub use access::{UserEventList, UserEventView};
pub(super) use roles::refuse_role;
pub use roles::{ChangeRoles, SetStatus};

/// The maximum number of users, sessions or events on one page.
pub const MAX_PAGE: u32 = 200;
/// The default number of entries on one page.
pub const DEFAULT_PAGE: u32 = 50;

/// Requests the account of an address.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct FindUser {
    /// The address, in any spelling.
    #[cfg_attr(feature = "openapi", schemars(email))]
    pub email: String,
}

/// Requests a page of users, the oldest accounts first.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ListUsers {
    /// The last user of the previous page; `None` for the first page.
    pub after: Option<UserId>,
    /// The maximum number of entries, 1 to [`MAX_PAGE`]; [`DEFAULT_PAGE`] by default.
    pub limit: Option<u32>,
}

/// An account, as administrators see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct UserView {
    /// The id.
    pub user_id: UserId,
    /// The address as it was given.
    #[cfg_attr(feature = "openapi", schemars(email))]
    pub email: String,
    /// The name.
    pub name: String,
    /// When the account was made.
    pub created_at: Timestamp,
    /// The time of the last login.
    pub last_login: Option<Timestamp>,
    /// Whether the owner of the mailbox has confirmed the account.
    pub is_verified: bool,
    /// Whether the account is active.
    pub status: UserStatus,
    /// Its roles.
    pub roles: BTreeSet<Role>,
    /// What the application keeps of the user.
    pub metadata: Metadata,
}

impl From<&User> for UserView {
    fn from(user: &User) -> Self {
        Self {
            user_id: user.id,
            email: user.email.as_str().to_owned(),
            name: user.name.as_str().to_owned(),
            created_at: user.created_at,
            last_login: user.last_login,
            is_verified: user.is_verified,
            status: user.status,
            roles: user.roles.clone(),
            metadata: user.metadata.clone(),
        }
    }
}

/// A page of users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct UserList {
    /// The users.
    pub users: Vec<UserView>,
    /// The [`after`](ListUsers::after) of the next page; `None` on the last one.
    pub next: Option<UserId>,
}

/// How many entries a page is to have.
pub(super) fn page_limit(asked: Option<u32>) -> Result<usize, AuthError> {
    let limit = asked.unwrap_or(DEFAULT_PAGE);
    let mut violations = Violations::default();
    if limit == 0 || limit > MAX_PAGE {
        let message = format!("Ask for 1 to {MAX_PAGE} at a time.");
        violations.push(Field::Limit, ViolationCode::OutOfRange, message);
    }
    violations.into_result()?;
    Ok(usize::try_from(limit).unwrap_or(usize::MAX))
}

impl<S: Store, C: Clock> AuthService<S, C> {
    /// The account of an address. Needs `users:read`.
    ///
    /// # Errors
    ///
    /// [`AuthError::Forbidden`]; [`AuthError::Validation`];
    /// [`AuthError::NotFound`]; [`AuthError::Store`].
    pub async fn find_user(
        &self,
        auth: &Authenticated,
        request: FindUser,
        context: &RequestContext,
    ) -> Result<UserView, AuthError> {
        let find = async |auth: &Authenticated, trail: &Trail| {
            auth.require_permission(&AdminPermission::ReadUsers.into())?;
            let mut violations = Violations::default();
            let email = parse_email(&request.email, Field::Email, &mut violations);
            violations.into_result()?;
            let email = email.ok_or(AuthError::NotFound)?;
            let user = self.inner.store.user_by_email(email.canonical()).await?;
            let user = user.ok_or(AuthError::NotFound)?;
            trail.about(Some(user.id));
            Ok(UserView::from(&user))
        };
        let (kind, by) = (Operation::ViewUser, By::administrator(auth, None));
        self.reading_by(kind, by, context, find).await
    }

    /// The account `id`. Needs `users:read`.
    ///
    /// # Errors
    ///
    /// [`AuthError::Forbidden`]; [`AuthError::NotFound`]; [`AuthError::Store`].
    pub async fn view_user(
        &self,
        auth: &Authenticated,
        id: UserId,
        context: &RequestContext,
    ) -> Result<UserView, AuthError> {
        let view = async |auth: &Authenticated, _: &Trail| {
            let found = self.find_by_id(auth, AdminPermission::ReadUsers, id);
            Ok(UserView::from(&found.await?))
        };
        let (kind, by) = (Operation::ViewUser, By::administrator(auth, Some(id)));
        self.reading_by(kind, by, context, view).await
    }

    /// A page of all users, in the order of their ids, which is that of their
    /// making. Needs `users:read`.
    ///
    /// # Errors
    ///
    /// [`AuthError::Forbidden`]; [`AuthError::Validation`] when the limit is
    /// out of range; [`AuthError::Store`].
    pub async fn list_users(
        &self,
        auth: &Authenticated,
        request: ListUsers,
        context: &RequestContext,
    ) -> Result<UserList, AuthError> {
        let list = async |auth: &Authenticated, _: &Trail| {
            auth.require_permission(&AdminPermission::ReadUsers.into())?;
            let limit = page_limit(request.limit)?;
            // One more than the page, to know whether there is another page.
            let found = self
                .inner
                .store
                .users(request.after, limit.saturating_add(1));
            let found = found.await?;
            let has_more = found.len() > limit;
            let users: Vec<_> = found.iter().take(limit).map(UserView::from).collect();
            let next = users.last().filter(|_| has_more).map(|last| last.user_id);
            Ok(UserList { users, next })
        };
        let (kind, by) = (Operation::ListUsers, By::administrator(auth, None));
        self.reading_by(kind, by, context, list).await
    }

    /// The user `id`, for a caller with `permission`.
    async fn find_by_id(
        &self,
        auth: &Authenticated,
        permission: AdminPermission,
        id: UserId,
    ) -> Result<User, AuthError> {
        auth.require_permission(&permission.into())?;
        let user = self.inner.store.user(id).await?;
        user.filter(|user| user.id == id).ok_or(AuthError::NotFound)
    }

    /// Denies to touch an account, or to grant roles, that may do what the
    /// caller may not.
    fn outranks(&self, auth: &Authenticated, roles: &BTreeSet<Role>) -> Result<(), AuthError> {
        match self.config().roles.covers(&auth.user().roles, roles) {
            true => Ok(()),
            false => Err(AuthError::Forbidden),
        }
    }
}
