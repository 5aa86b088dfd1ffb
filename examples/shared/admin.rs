//! The first administrator: whom the operator names, once the mailbox is theirs.

use std::sync::Arc;
use std::time::Duration;

use admittance::authz::Role;
use admittance::email::Email;
use admittance::service::{AuthService, RequestContext};
use admittance::store::{Store, UserStore};

/// Appoints the account of `email` as soon as it is there and its address is
/// confirmed: until then a stranger may have registered it.
pub(crate) async fn appoint(service: AuthService<Arc<dyn Store>>, email: Email, role: Role) {
    loop {
        let user = service.store().user_by_email(email.canonical()).await;
        if let Ok(Some(user)) = &user
            && user.is_verified
        {
            let here = RequestContext::default();
            let appointed = service.appoint_administrator(email.as_str(), &role, &here);
            match appointed.await {
                Ok(_) => {
                    tracing::info!("{} is an administrator", email.as_str());
                    return;
                }
                Err(error) => tracing::warn!(%error, "no administrator was appointed"),
            }
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}
