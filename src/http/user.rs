//! Who asks, as an application's own routes see it.

use std::ops::Deref;

use crate::service::Authenticated;

/// The user who presented a live access token; without one the request is
/// answered with 401.
#[derive(Clone, Debug)]
pub struct CurrentUser(pub Authenticated);

impl Deref for CurrentUser {
    type Target = Authenticated;

    fn deref(&self) -> &Authenticated {
        &self.0
    }
}

/// The user, or nobody when the request has no token. One that is there and not
/// live is still answered with 401: a client that thinks it is logged in
/// is told that it is not. Only a dead cookie of a request that changes nothing
/// is ignored: a browser sends it by itself, and would otherwise be refused public pages.
#[derive(Clone, Debug)]
pub struct OptionalUser(pub Option<CurrentUser>);
