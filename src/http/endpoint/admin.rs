//! Administration of other accounts.

use http::{Method, StatusCode};

use super::{Answer, Call, Room, no_content, ok};
use crate::clock::Clock;
#[cfg(feature = "openapi")]
use crate::http::openapi::parts::*;
use crate::http::request;
#[cfg(feature = "openapi")]
use crate::service;
use crate::store::Store;

/// `GET /admin/users`
pub(super) struct ListUsers;

impl Room for ListUsers {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/admin/users";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let auth = call.user().await?;
        let page = request::users(call.query())?;
        ok(
            StatusCode::OK,
            &call
                .service()
                .list_users(&auth, page, call.context())
                .await?,
        )
    }

    #[cfg(feature = "openapi")]
    fn describe(_: &Facts<'_>) -> Description {
        operation("List accounts")
            .description("The oldest accounts first.")
            .permitted(AdminPermission::ReadUsers)
            .paged_after::<UserId>()
            .answers(200, "A page of accounts.", &examples::users())
    }
}

/// `POST /admin/users`
pub(super) struct CreateUser;

impl Room for CreateUser {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/admin/users";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let auth = call.user().await?;
        let new = call.read()?;
        let answer = call
            .service()
            .create_user_as(&auth, new, call.context())
            .await?;
        ok(StatusCode::CREATED, &answer)
    }

    #[cfg(feature = "openapi")]
    fn describe(facts: &Facts<'_>) -> Description {
        let operation = operation("Create an account")
            .description(
                "The owner is mailed a link that sets the first password. Granting roles also requires `users:roles`; \
                 a role that allows granting roles is given once the address is verified.",
            )
            .permitted(AdminPermission::CreateUsers)
            .takes::<service::CreateUser>(json!({
                "email": EMAIL,
                "name": NAME,
                "roles": ["examiner"],
                "metadata": { "plan": "pro" },
            }))
            .answers(201, "The account.", &examples::user())
            .problems(&[ValidationFailed, EmailTaken, NotVerified, RateLimited]);
        without_mailer(with_recent_login(operation, facts), facts)
    }
}

/// `POST /admin/users/find`
pub(super) struct FindUser;

impl Room for FindUser {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/admin/users/find";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let auth = call.user().await?;
        let wanted = call.read()?;
        ok(
            StatusCode::OK,
            &call
                .service()
                .find_user(&auth, wanted, call.context())
                .await?,
        )
    }

    #[cfg(feature = "openapi")]
    fn describe(_: &Facts<'_>) -> Description {
        operation("Find an account by address")
            .description("Any spelling of the address is accepted.")
            .permitted(AdminPermission::ReadUsers)
            .takes::<service::FindUser>(json!({ "email": EMAIL }))
            .answers(200, "The account.", &examples::user())
            .problems(&[ValidationFailed, NotFound])
    }
}

/// `GET /admin/users/{id}`
pub(super) struct ViewUser;

impl Room for ViewUser {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/admin/users/{id}";
    const LEAVES_TRACE: bool = true;

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let auth = call.user().await?;
        let answer = call
            .service()
            .view_user(&auth, call.id(0)?, call.context())
            .await?;
        ok(StatusCode::OK, &answer)
    }

    #[cfg(feature = "openapi")]
    fn describe(_: &Facts<'_>) -> Description {
        about_a_user("Get an account")
            .permitted(AdminPermission::ReadUsers)
            .answers(200, "The account.", &examples::user())
    }
}

/// `PUT /admin/users/{id}/status`
pub(super) struct SetUserStatus;

impl Room for SetUserStatus {
    const METHOD: Method = Method::PUT;
    const PATH: &'static str = "/admin/users/{id}/status";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let (auth, id) = (call.user().await?, call.id(0)?);
        let change = call.read()?;
        let answer = call
            .service()
            .set_user_status(&auth, id, change, call.context())
            .await?;
        ok(StatusCode::OK, &answer)
    }

    #[cfg(feature = "openapi")]
    fn describe(facts: &Facts<'_>) -> Description {
        let operation = about_a_user("Disable or enable an account")
            .description(
                "Disabling ends the account's sessions and invalidates its tokens and links for good.",
            )
            .description(NO_MORE_THAN_OWN)
            .permitted(AdminPermission::ChangeStatus)
            .takes::<service::SetStatus>(json!({ "status": "disabled" }))
            .or_takes("enable", json!({ "status": "active" }))
            .answers(200, "The account as it is now.", &examples::user())
            .problem(LastAdministrator);
        with_recent_login(operation, facts)
    }
}

/// `POST /admin/users/{id}/roles`
pub(super) struct ChangeUserRoles;

impl Room for ChangeUserRoles {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/admin/users/{id}/roles";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let (auth, id) = (call.user().await?, call.id(0)?);
        let change = call.read()?;
        let answer = call
            .service()
            .change_user_roles(&auth, id, change, call.context())
            .await?;
        ok(StatusCode::OK, &answer)
    }

    #[cfg(feature = "openapi")]
    fn describe(facts: &Facts<'_>) -> Description {
        let operation = about_a_user("Grant and revoke roles")
            .description("Takes effect at the account's next request.")
            .description(NO_MORE_THAN_OWN)
            .permitted(AdminPermission::ChangeRoles)
            .takes::<service::ChangeRoles>(json!({ "grant": ["examiner"], "revoke": ["student"] }))
            .answers(200, "The account as it is now.", &examples::user())
            .problems(&[ValidationFailed, NotVerified, LastAdministrator]);
        with_recent_login(operation, facts)
    }
}

/// `GET /admin/users/{id}/sessions`
pub(super) struct ListUserSessions;

impl Room for ListUserSessions {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/admin/users/{id}/sessions";
    const LEAVES_TRACE: bool = true;

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let (auth, id) = (call.user().await?, call.id(0)?);
        let page = request::sessions(call.query())?;
        let answer = call
            .service()
            .list_user_sessions(&auth, id, page, call.context())
            .await?;
        ok(StatusCode::OK, &answer)
    }

    #[cfg(feature = "openapi")]
    fn describe(_: &Facts<'_>) -> Description {
        about_a_user("List an account's sessions")
            .permitted(AdminPermission::ReadUsers)
            .paged_after::<SessionId>()
            .answers(200, "The most recent first.", &examples::their_sessions())
    }
}

/// `DELETE /admin/users/{id}/sessions`
pub(super) struct EndUserSessions;

impl Room for EndUserSessions {
    const METHOD: Method = Method::DELETE;
    const PATH: &'static str = "/admin/users/{id}/sessions";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let auth = call.user().await?;
        call.service()
            .end_user_sessions(&auth, call.id(0)?, call.context())
            .await?;
        no_content()
    }

    #[cfg(feature = "openapi")]
    fn describe(_: &Facts<'_>) -> Description {
        about_a_user("End an account's sessions")
            .description(NO_MORE_THAN_OWN)
            .permitted(AdminPermission::EndSessions)
            .answers_nothing("The sessions have ended.")
    }
}

/// `DELETE /admin/users/{id}/sessions/{session_id}`
pub(super) struct EndUserSession;

impl Room for EndUserSession {
    const METHOD: Method = Method::DELETE;
    const PATH: &'static str = "/admin/users/{id}/sessions/{session_id}";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let (auth, session) = (call.user().await?, call.id(1)?);
        call.service()
            .end_user_session(&auth, call.id(0)?, session, call.context())
            .await?;
        no_content()
    }

    #[cfg(feature = "openapi")]
    fn describe(_: &Facts<'_>) -> Description {
        about_a_user("End one of an account's sessions")
            .id::<SessionId>(
                "session_id",
                "The `session_id` in the list of its sessions.",
            )
            .description(NO_MORE_THAN_OWN)
            .permitted(AdminPermission::EndSessions)
            .answers_nothing("The session has ended.")
    }
}

/// `GET /admin/users/{id}/events`
pub(super) struct ListUserEvents;

impl Room for ListUserEvents {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/admin/users/{id}/events";
    const LEAVES_TRACE: bool = true;

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let (auth, id) = (call.user().await?, call.id(0)?);
        let page = request::events(call.query())?;
        let answer = call
            .service()
            .list_user_events(&auth, id, page, call.context())
            .await?;
        ok(StatusCode::OK, &answer)
    }

    #[cfg(feature = "openapi")]
    fn describe(facts: &Facts<'_>) -> Description {
        let operation = about_a_user("List an account's events")
            .description("Includes deleted accounts.")
            .permitted(AdminPermission::ReadUsers)
            .paged_by_event()
            .answers(200, "The newest first.", &examples::their_events());
        without_audit_log(operation, facts)
    }
}

/// `POST /admin/users/{id}/password-reset`
pub(super) struct SendPasswordReset;

impl Room for SendPasswordReset {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/admin/users/{id}/password-reset";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let auth = call.user().await?;
        let answer = call
            .service()
            .send_password_reset(&auth, call.id(0)?, call.context())
            .await?;
        ok(StatusCode::ACCEPTED, &answer)
    }

    #[cfg(feature = "openapi")]
    fn describe(facts: &Facts<'_>) -> Description {
        let operation = about_a_user("Send a password reset link")
            .description("The link goes to the owner, who alone chooses the password.")
            .permitted(AdminPermission::ResetPassword)
            .answers(
                202,
                "A mail is on its way.",
                &examples::accepted("A mail with a link is on its way."),
            )
            .problems(&[AccountDisabled, RateLimited]);
        without_mailer(operation, facts)
    }
}
